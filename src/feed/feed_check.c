/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/migrate.h"

#include "feed_internal.h"

/* A daemon whose machine vanished must not hold its locks for hours: the server notices, too.  No
 * tcp_user_timeout there: it would cut off a stream that is paused. */
#define CHECK_PEER_SETTINGS                                                                        \
    " set_config('idle_in_transaction_session_timeout', '10s', false),"                            \
    " set_config('tcp_keepalives_idle', '5', false),"                                              \
    " set_config('tcp_keepalives_interval', '2', false),"                                          \
    " set_config('tcp_keepalives_count', '3', false)"

/*
 * The reader looks for a few rows behind an index, whatever the planner's statistics say about a
 * table that is mostly empty.  It has no statement timeout: a paused stream is no slow statement.
 */
#define CHECK_READER_SETTINGS                                                                      \
    "select set_config('enable_seqscan', 'off', false),"                                           \
    " set_config('enable_bitmapscan', 'off', false), set_config('jit', 'off', false),"             \
    " set_config('plan_cache_mode', 'force_generic_plan', false),"                                 \
    " set_config('statement_timeout', '0', false), set_config('lock_timeout', '2s', false),"       \
    " set_config('default_transaction_isolation', 'read committed', false)," CHECK_PEER_SETTINGS

/* Below PGC_FEED_QUERY_MS, so that facts that take too long are an error and not a lost connection.
 */
#define CHECK_ASKER_SETTINGS                                                                       \
    "select set_config('statement_timeout', '5s', false), set_config('jit', 'off', false),"        \
    " set_config('lock_timeout', '2s', false)," CHECK_PEER_SETTINGS

#define CHECK_HELLO                                                                                \
    "select schema_version, breaking_version, system_ok, in_recovery, encoding, prepared,"         \
    " last_tick from pgcable.hello()"

static bool
check_is_true(const struct pgc_pg_row *row, int column)
{
    const char *text = pgc_pg_text(row, column);

    return text != NULL && text[0] == 't';
}

static void
check_hello_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *encoding = pgc_pg_text(row, 4);

    feed->hello = (struct pgc_feed_hello){
        .seen = pgc_pg_text(row, 6) != NULL,
        .schema_version = (int)pgc_pg_int(row, 0),
        .breaking_version = (int)pgc_pg_int(row, 1),
        .system_ok = check_is_true(row, 2),
        .in_recovery = check_is_true(row, 3),
        .is_utf8 = encoding != NULL && strcmp(encoding, "UTF8") == 0,
        .has_prepared = pgc_pg_int(row, 5) > 0,
    };
}

static bool
check_versions(const struct pgc_feed_hello *hello, struct pgc_err *err)
{
    size_t count;
    const struct pgc_migration *known = pgc_migrations(&count);
    int newest = count > 0 ? known[count - 1].id : 0;

    if (hello->breaking_version > newest) {
        pgc_err_set(err, PGC_ERR_SCHEMA,
            "the database has pgcable's schema version %d, this program knows only %d",
            hello->breaking_version, newest);
        return pgc_err_hint(err, "install the newer pgcable here too");
    }
    if (hello->schema_version < newest) {
        pgc_err_set(err, PGC_ERR_SCHEMA,
            "the database has pgcable's schema version %d, this program needs %d",
            hello->schema_version, newest);
        return pgc_err_hint(err, "run: pgcable migrate");
    }
    return true;
}

/* Is this a database that can be read? */
static bool
check_hello(const struct pgc_feed_hello *hello, struct pgc_err *err)
{
    if (!hello->seen) {
        pgc_err_set(err, PGC_ERR_SCHEMA, "pgcable's schema has no tick in this database");
        return pgc_err_hint(err, "run: pgcable migrate");
    }
    if (hello->in_recovery) {
        pgc_err_set(err, PGC_ERR_PG, "this server is a standby, which cannot be read in order");
        return pgc_err_hint(err, "let the setting \"database\" name the primary, or all hosts");
    }
    if (!hello->is_utf8) {
        pgc_err_set(err, PGC_ERR_PG, "the database's encoding is not UTF8");
        return pgc_err_hint(err, "move the data to a database made with encoding UTF8");
    }
    if (!hello->system_ok) {
        pgc_err_set(err, PGC_ERR_SCHEMA,
            "pgcable's schema was copied here from another cluster (dump, upgrade)");
        return pgc_err_hint(err, "run: pgcable uninstall; pgcable migrate; then attach again");
    }
    return check_versions(hello, err);
}

static void
check_listening(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "LISTEN");
    } else {
        pgc_feed_load_mapping(feed, pgc_feed_begin);
    }
}

/* LISTEN is committed before the first read, so that no notification falls between the two. */
static void
check_hello_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;
    struct pgc_err why = {0};

    if (err != NULL) {
        why = *err;
        if (err->code == PGC_ERR_SCHEMA) {
            pgc_err_hint(&why, "run: pgcable migrate");
        } else if (err->code == PGC_ERR_AUTH) {
            pgc_err_hint(&why, "connect as pgcable_daemon, or grant that role to this user; if "
                               "pgcable is not installed yet, run: pgcable migrate");
        }
        pgc_feed_trouble(feed, &why, "look for pgcable's schema in the database");
    } else if (!check_hello(&feed->hello, &why)) {
        pgc_feed_trouble(feed, &why, "use this database");
    } else {
        pgc_feed_query(feed, feed->reader,
            &(struct pgc_feed_query){.sql = "listen pgcable", .done = check_listening});
    }
}

static void
check_settings_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "make the session's settings");
        return;
    }
    feed->hello = (struct pgc_feed_hello){0};
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = CHECK_HELLO, .row = check_hello_row, .done = check_hello_done});
}

void
pgc_feed_check(struct pgc_feed *feed)
{
    feed->state = FEED_CHECKING;
    pgc_builder_forget(feed->builder);
    pgc_feed_query(feed, feed->asker, &(struct pgc_feed_query){.sql = CHECK_ASKER_SETTINGS});
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){.sql = CHECK_READER_SETTINGS, .done = check_settings_done});
}

static void
mapping_problem(const char *text, void *arg PGC_UNUSED)
{
    pgc_log(PGC_LOG_WARN, 0, "mapping: %s", text);
}

static void
mapping_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *json = pgc_pg_text(row, 0);

    pgc_err_clear(&feed->mapping_err);
    pgc_mapping_free(feed->new_mapping);
    feed->new_mapping = pgc_mapping_parse(
        json != NULL ? json : "", pgc_pg_length(row, 0), mapping_problem, feed, &feed->mapping_err);
}

void
pgc_feed_use_new_mapping(struct pgc_feed *feed)
{
    if (feed->new_mapping == NULL || pgc_builder_rows(feed->builder) > 0) {
        return;
    }
    pgc_builder_set_mapping(feed->builder, feed->new_mapping);
    pgc_mapping_free(feed->mapping);
    feed->mapping = feed->new_mapping;
    feed->new_mapping = NULL;
}

static void
mapping_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err == NULL && feed->new_mapping == NULL) {
        err = &feed->mapping_err;
    }
    if (err != NULL) {
        pgc_feed_trouble(feed, err, "read pgcable.mapping_info()");
        return;
    }
    pgc_feed_use_new_mapping(feed);
    feed->mapping_then(feed);
}

void
pgc_feed_load_mapping(struct pgc_feed *feed, void (*then)(struct pgc_feed *feed))
{
    feed->mapping_then = then;
    pgc_err_set(&feed->mapping_err, PGC_ERR_SCHEMA, "it returned no row");
    pgc_feed_query(feed, feed->asker,
        &(struct pgc_feed_query){.sql = "select * from pgcable.mapping_info()",
            .row = mapping_row,
            .done = mapping_done});
}

static void
nonce_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *nonce = pgc_pg_text(row, 0);

    snprintf(feed->found_nonce, sizeof(feed->found_nonce), "%s", nonce != NULL ? nonce : "");
}

void
pgc_feed_ask_nonce(
    struct pgc_feed *feed, int64_t tick, void (*done)(const struct pgc_err *err, void *feed))
{
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)tick);
    feed->found_nonce[0] = '\0';
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){.sql = "select pgcable.tick_info($1)",
            .params = {number},
            .row = nonce_row,
            .done = done});
}
