/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/migrate.h"

#include <stdarg.h>
#include <stdlib.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"

#include "migrations.h"
#include "pg_internal.h"

typedef void say_fn(const char *line);

const struct pgc_migration *
pgc_migrations(size_t *count)
{
    *count = pgc_pg_migration_count;
    return pgc_pg_migrations;
}

static void PGC_PRINTF(2, 3) migrate_say(say_fn *say, const char *fmt, ...)
{
    char line[1024];
    va_list args;

    if (say == NULL) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    say(line);
}

/* What the server says beside results goes where results go. */
static void
migrate_notice(void *arg, const PGresult *result)
{
    say_fn **say = arg;
    char line[640];

    (void)pgc_pg_text_notice(result, line, sizeof(line));
    migrate_say(*say, "%s", line);
}

/* `say` is a pointer that outlives the connection.  `quiet` hides notices that are no warnings. */
static PGconn *
migrate_connect(const char *dsn, say_fn **say, bool quiet, struct pgc_err *err)
{
    struct pg_params params = {0};
    PGconn *conn;

    pgc_pg_text_params(&params, dsn, "pgcable");
    conn = PQconnectdbParams(params.keywords, params.values, 1);
    if (conn == NULL) {
        pgc_mem_none("libpq");
    }
    if (PQstatus(conn) != CONNECTION_OK) {
        pgc_pg_text_connect_error(err, conn);
        PQfinish(conn);
        return NULL;
    }
    PQsetNoticeReceiver(conn, migrate_notice, say);
    PQclear(PQexec(
        conn, quiet ? "set client_min_messages = warning" : "set client_min_messages = notice"));
    return conn;
}

static void
migrate_hint(struct pgc_err *err)
{
    if (err->code == PGC_ERR_AUTH && err->hint[0] == '\0') {
        pgc_err_hint(err, "connect as a superuser, or as the owner of the database who may also "
                          "create roles (CREATEROLE)");
    }
}

static bool
migrate_succeeded(PGconn *conn, const PGresult *result, struct pgc_err *err)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        return true;
    }
    pgc_pg_text_result_error(err, result);
    if (PQstatus(conn) != CONNECTION_OK) {
        pgc_err_hint(err, "the connection was lost; run the command again, that is safe");
    }
    migrate_hint(err);
    return false;
}

/* The whole file as one query: it opens and commits its own transaction. */
static bool
migrate_file(PGconn *conn, const char *name, const char *sql, struct pgc_err *err)
{
    PGresult *result = PQexec(conn, sql);
    bool ok = migrate_succeeded(conn, result, err);

    PQclear(result);
    return ok || pgc_err_wrap(err, "run %s.sql", name);
}

/* The migrations this database has, ascending; an empty result if there is no pgcable at all. */
static PGresult *
migrate_applied(PGconn *conn, struct pgc_err *err)
{
    PGresult *result = PQexec(conn, "select pg_catalog.to_regclass('pgcable.migration')");

    if (migrate_succeeded(conn, result, err)) {
        bool exists = PQgetisnull(result, 0, 0) == 0;

        PQclear(result);
        result = PQexec(conn, exists ? "select id, name, breaking, date_trunc('second', applied_at)"
                                       " from pgcable.migration order by id"
                                     : "select 0, '', false, '' where false");
        if (migrate_succeeded(conn, result, err)) {
            return result;
        }
    }
    PQclear(result);
    (void)pgc_err_wrap(err, "look for pgcable in this database");
    return NULL;
}

/* When it was applied, or NULL. */
static const char *
migrate_has(const PGresult *applied, int id)
{
    for (int i = 0; i < PQntuples(applied); i++) {
        if (strtol(PQgetvalue(applied, i, 0), NULL, 10) == id) {
            return PQgetvalue(applied, i, 3);
        }
    }
    return NULL;
}

static bool
migrate_knows(long id)
{
    for (size_t i = 0; i < pgc_pg_migration_count; i++) {
        if (pgc_pg_migrations[i].id == id) {
            return true;
        }
    }
    return false;
}

/* A newer pgcable was here: its harmless migrations are fine, its breaking ones are not. */
static bool
migrate_check_newer(const PGresult *applied, say_fn *say, struct pgc_err *err)
{
    for (int i = 0; i < PQntuples(applied); i++) {
        const char *name = PQgetvalue(applied, i, 1);

        if (migrate_knows(strtol(PQgetvalue(applied, i, 0), NULL, 10))) {
            continue;
        }
        if (PQgetvalue(applied, i, 2)[0] == 't') {
            pgc_err_set(err, PGC_ERR_SCHEMA,
                "migrate: this database has the migration \"%s\" of a newer pgcable, which this "
                "program does not understand",
                name);
            return pgc_err_hint(err, "install the newer pgcable");
        }
        migrate_say(say, "%s: of a newer pgcable, harmless to this one", name);
    }
    return true;
}

static bool
migrate_missing(PGconn *conn, const PGresult *applied, int last, say_fn *say, struct pgc_err *err)
{
    size_t made = 0;

    for (size_t i = 0; i < pgc_pg_migration_count; i++) {
        const struct pgc_migration *migration = &pgc_pg_migrations[i];

        if (migration->id > last || migrate_has(applied, migration->id) != NULL) {
            continue;
        }
        if (!migrate_file(conn, migration->name, migration->sql, err)) {
            return false;
        }
        migrate_say(say, "%s: done", migration->name);
        made++;
    }
    if (made == 0) {
        migrate_say(say, "nothing to do, all %d migrations are there", last);
    }
    return true;
}

/* In any other, text that clients get could be anything. */
static bool
migrate_check_encoding(PGconn *conn, struct pgc_err *err)
{
    const char *encoding = PQparameterStatus(conn, "server_encoding");

    if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        pgc_err_set(err, PGC_ERR_PG, "migrate: the database's encoding is %s, not UTF8",
            encoding != NULL ? encoding : "unknown");
        return pgc_err_hint(err, "move the data to a database made with encoding UTF8");
    }
    return true;
}

bool
pgc_migrate_up(const char *dsn, say_fn *say, struct pgc_err *err)
{
    return pgc_migrate_up_to(dsn, pgc_pg_migrations[pgc_pg_migration_count - 1].id, say, err);
}

bool
pgc_migrate_up_to(const char *dsn, int id, say_fn *say, struct pgc_err *err)
{
    PGresult *applied = NULL;
    PGconn *conn = migrate_connect(dsn, &say, true, err);
    bool ok = false;

    if (conn == NULL) {
        return false;
    }
    if (!migrate_check_encoding(conn, err)) {
        goto out;
    }
    applied = migrate_applied(conn, err);
    if (applied == NULL) {
        goto out;
    }
    ok = migrate_check_newer(applied, say, err) && migrate_missing(conn, applied, id, say, err);

out:
    PQclear(applied);
    PQfinish(conn);
    return ok;
}

static void
migrate_list_known(const PGresult *applied,
    void (*each)(const struct pgc_migrate_state *state, void *arg), void *arg)
{
    for (size_t i = 0; i < pgc_pg_migration_count; i++) {
        const struct pgc_migration *known = &pgc_pg_migrations[i];

        each(&(struct pgc_migrate_state){.known = known,
                 .id = known->id,
                 .name = known->name,
                 .applied_at = migrate_has(applied, known->id),
                 .breaking = known->breaking},
            arg);
    }
}

static void
migrate_list_newer(const PGresult *applied,
    void (*each)(const struct pgc_migrate_state *state, void *arg), void *arg)
{
    for (int i = 0; i < PQntuples(applied); i++) {
        long id = strtol(PQgetvalue(applied, i, 0), NULL, 10);

        if (!migrate_knows(id)) {
            each(&(struct pgc_migrate_state){.id = (int)id,
                     .name = PQgetvalue(applied, i, 1),
                     .applied_at = PQgetvalue(applied, i, 3),
                     .breaking = PQgetvalue(applied, i, 2)[0] == 't'},
                arg);
        }
    }
}

bool
pgc_migrate_list(const char *dsn, void (*each)(const struct pgc_migrate_state *state, void *arg),
    void *arg, struct pgc_err *err)
{
    say_fn *say = NULL;
    PGconn *conn = migrate_connect(dsn, &say, true, err);
    PGresult *applied = conn != NULL ? migrate_applied(conn, err) : NULL;

    if (applied != NULL) {
        migrate_list_known(applied, each, arg);
        migrate_list_newer(applied, each, arg);
    }
    PQclear(applied);
    PQfinish(conn);
    return applied != NULL;
}

bool
pgc_migrate_uninstall(const char *dsn, say_fn *say, struct pgc_err *err)
{
    PGconn *conn = migrate_connect(dsn, &say, true, err);
    bool ok;

    if (conn == NULL) {
        return false;
    }
    ok = migrate_file(conn, "uninstall", pgc_pg_uninstall_sql, err);
    if (ok) {
        migrate_say(say, "pgcable is gone from this database");
    }
    PQfinish(conn);
    return ok;
}

/* A row as one line, columns parted by " | "; nothing for a row without any text (void). */
static void
migrate_say_row(say_fn *say, const PGresult *result, int row)
{
    struct pgc_buf line = {0};

    for (int column = 0; column < PQnfields(result); column++) {
        if (column > 0) {
            pgc_buf_adds(&line, " | ");
        }
        pgc_buf_adds(&line, PQgetvalue(result, row, column));
    }
    if (line.length > 0) {
        migrate_say(say, "%s", pgc_buf_str(&line));
    }
    pgc_buf_fini(&line);
}

static bool
migrate_lacks_us(const struct pgc_err *err)
{
    return err != NULL && err->code == PGC_ERR_SCHEMA &&
           (strstr(err->message, "schema \"pgcable\"") != NULL ||
               strstr(err->message, "function pgcable.") != NULL);
}

/* `params` NULL: one or several statements without any, as one simple query, which is one
 * transaction. */
static PGresult *
migrate_query(
    PGconn *conn, const char *sql, int param_count, const char *const *params, struct pgc_err *err)
{
    PGresult *result = params == NULL
                           ? PQexec(conn, sql)
                           : PQexecParams(conn, sql, param_count, NULL, params, NULL, NULL, 0);

    if (migrate_succeeded(conn, result, err)) {
        return result;
    }
    if (migrate_lacks_us(err)) {
        pgc_err_hint(err, "run \"pgcable migrate\" first");
    }
    PQclear(result);
    return NULL;
}

bool
pgc_migrate_run(const char *dsn, const char *sql, int param_count, const char *const *params,
    say_fn *say, struct pgc_err *err)
{
    PGconn *conn = migrate_connect(dsn, &say, false, err);
    PGresult *result = conn != NULL ? migrate_query(conn, sql, param_count, params, err) : NULL;
    const bool ok = result != NULL;

    for (int row = 0; row < PQntuples(result); row++) {
        migrate_say_row(say, result, row);
    }
    PQclear(result);
    PQfinish(conn);
    return ok;
}

static void
migrate_hand_out(const PGresult *result, const struct pgc_migrate_sink *sink)
{
    int columns = PQnfields(result);
    const char **values = pgc_xcalloc((size_t)columns + 1, sizeof(*values));

    for (int row = 0; row < PQntuples(result); row++) {
        for (int column = 0; column < columns; column++) {
            values[column] =
                PQgetisnull(result, row, column) != 0 ? NULL : PQgetvalue(result, row, column);
        }
        sink->row(values, sink->arg);
    }
    free(values);
}

bool
pgc_migrate_ask(const char *dsn, const char *sql, int param_count, const char *const *params,
    const struct pgc_migrate_sink *sink, struct pgc_err *err)
{
    say_fn *say = sink->say;
    PGconn *conn = migrate_connect(dsn, &say, false, err);
    PGresult *result = conn != NULL ? migrate_query(conn, sql, param_count, params, err) : NULL;
    const bool ok = result != NULL;

    if (ok && sink->row != NULL) {
        migrate_hand_out(result, sink);
    }
    PQclear(result);
    PQfinish(conn);
    return ok;
}

bool
pgc_migrate_script(
    const char *dsn, const char *sql, const struct pgc_migrate_sink *sink, struct pgc_err *err)
{
    return pgc_migrate_ask(dsn, sql, 0, NULL, sink, err);
}
