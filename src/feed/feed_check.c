/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/clock.h"
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

/* What a row takes in a worker's memory at least: more rows need not be read once more. */
#define CHECK_ROW_BYTES 256
/* Clients give up on a subscription after ten seconds, and nobody is answered before all is read.
 */
#define CHECK_MOST_ROWS 32768

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

/*
 * What workers keep begins behind the place.  If history broke, clients are told only now that the
 * place is known: who reloads sees at least what we pass over.
 */
static void
check_tell_beginning(struct pgc_feed *feed)
{
    struct pgc_batch *batch = pgc_feed_new_batch(&feed->place);

    batch->ends_tick = true;
    pgc_batch_add(batch, feed->broke ? PGC_OP_RELOAD : PGC_OP_BEGIN, NULL, NULL, NULL);
    pgc_feed_hand_down(feed, batch);
    pgc_batch_unref(batch);
}

static void
check_rights_told(struct pgc_feed *feed)
{
    pgc_bell_reset(&feed->bell, feed->hello.has_prepared, pgc_monotonic_ms());
    pgc_feed_outbox_wake(feed->outbox);
    pgc_feed_cycle(feed);
}

/* Before anybody is answered: what was revoked up to the place stands in no row that will come. */
static void
check_ready(struct pgc_feed *feed)
{
    pgc_feed_load_rights(feed, check_rights_told);
}

static void
check_beginning_row(const struct pgc_pg_row *row, void *arg)
{
    struct pgc_feed *feed = arg;
    const char *nonce = pgc_pg_text(row, 1);

    feed->found = (struct pgc_feed_place){
        .tick = pgc_pg_int(row, 0),
        .at_us = pgc_pg_int(row, 2),
    };
    snprintf(feed->found.nonce, sizeof(feed->found.nonce), "%s", nonce != NULL ? nonce : "");
}

static void
check_beginning_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "look where to begin");
        return;
    }
    if (feed->found.nonce[0] == '\0') {
        struct pgc_err why = {0};

        pgc_err_set(&why, PGC_ERR_DATA, "tick %lld is not kept", (long long)feed->found.tick);
        pgc_feed_trouble(feed, &why, "look where to begin");
        return;
    }
    pgc_builder_free(feed->builder);
    feed->builder = pgc_feed_new_builder(feed);
    pgc_feed_use_new_mapping(feed);
    pgc_feed_forget_viewers(feed);
    feed->reading = (struct pgc_feed_reading){0};
    feed->place = feed->found;
    feed->is_placed = true;
    feed->is_refilling = !feed->broke;
    check_tell_beginning(feed);
    feed->broke = false;
    check_ready(feed);
}

static void
check_begin_after(struct pgc_feed *feed, int64_t tick)
{
    char number[32];

    snprintf(number, sizeof(number), "%lld", (long long)tick);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){.sql = "select $1::bigint, pgcable.tick_info($1::bigint), 0",
            .params = {number},
            .row = check_beginning_row,
            .done = check_beginning_done});
}

/* So far back that what workers keep in memory is there again; after a break, at the newest tick:
 * who reloads now needs nothing of what came before. */
static void
check_begin(struct pgc_feed *feed)
{
    size_t most = feed->conf.history_bytes / CHECK_ROW_BYTES;
    char keep[32];
    char rows[32];
    char bytes[32];

    feed->found = (struct pgc_feed_place){0};
    if (feed->conf.looks_after > 0 && !feed->broke) {
        check_begin_after(feed, feed->conf.looks_after);
        return;
    }
    if (most > CHECK_MOST_ROWS && !feed->conf.looks_on) {
        most = CHECK_MOST_ROWS;
    }
    snprintf(
        keep, sizeof(keep), "%lld seconds", feed->broke ? 0LL : (long long)feed->conf.history_s);
    snprintf(rows, sizeof(rows), "%zu", most);
    snprintf(bytes, sizeof(bytes), "%zu", feed->conf.history_bytes);
    pgc_feed_query(feed, feed->reader,
        &(struct pgc_feed_query){
            .sql = "select tick, nonce, at_us"
                   " from pgcable.beginning($1::interval, $2::bigint, $3::bigint)",
            .params = {keep, rows, bytes},
            .row = check_beginning_row,
            .done = check_beginning_done});
}

static void
check_lineage_done(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "check where we were");
    } else if (strcmp(feed->found_nonce, feed->place.nonce) == 0) {
        check_ready(feed);
    } else {
        pgc_log(PGC_LOG_WARN, 0,
            "tick %lld is not there any more (failover, restore, or away for longer than "
            "retention_s): telling all clients to reload",
            (long long)feed->place.tick);
        feed->broke = true;
        check_begin(feed);
    }
}

static void
check_place(struct pgc_feed *feed)
{
    if (feed->is_placed) {
        pgc_feed_ask_nonce(feed, feed->place.tick, check_lineage_done);
    } else {
        check_begin(feed);
    }
}

static void
check_listening(const struct pgc_err *err, void *arg)
{
    struct pgc_feed *feed = arg;

    if (err != NULL) {
        pgc_feed_trouble(feed, err, "LISTEN");
    } else {
        pgc_feed_load_mapping(feed, check_place);
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
