/* SPDX-License-Identifier: PostgreSQL */
/*
 * migrate.h - the SQL side put in place, looked at and taken away; blocking, for the command line.
 *
 * The migrations are the files of sql/migrations, compiled in, the same that psql -f runs.
 */
#ifndef PGCABLE_MIGRATE_H
#define PGCABLE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "pgcable/err.h"

struct pgc_migration {
    int id;
    const char *name;
    bool breaking;
    const char *sql;
};

/* All that this program knows, ascending by id. */
const struct pgc_migration *pgc_migrations(size_t *count);

/* Run what is missing, each in a transaction of its own; safe twice and by two at once.  `say` (may
 * be NULL) gets one line per migration. */
bool pgc_migrate_up(
    const char *dsn, void (*say)(const char *line), struct pgc_err *err) PGC_MUSTCHECK;
/* The same up to the one with that id. */
bool pgc_migrate_up_to(
    const char *dsn, int id, void (*say)(const char *line), struct pgc_err *err) PGC_MUSTCHECK;

/* One migration: of this program, of the database, or of both. */
struct pgc_migrate_state {
    const struct pgc_migration *known; /* NULL = a newer program's */
    int id;
    const char *name;       /* "0001_schema", of a newer program's "schema" */
    const char *applied_at; /* NULL = missing */
    bool breaking;
};

/* Look at all of them, ascending, and change nothing. */
bool pgc_migrate_list(const char *dsn,
    void (*each)(const struct pgc_migrate_state *state, void *arg), void *arg,
    struct pgc_err *err) PGC_MUSTCHECK;

/* Run sql/uninstall.sql: refuses where something of the user's depends on us. */
bool pgc_migrate_uninstall(
    const char *dsn, void (*say)(const char *line), struct pgc_err *err) PGC_MUSTCHECK;

/* One statement, its notices and rows printed by `say`: for attach and detach.  A row is one line,
 * cut where it is long. */
bool pgc_migrate_run(const char *dsn, const char *sql, int param_count, const char *const *params,
    void (*say)(const char *line), struct pgc_err *err) PGC_MUSTCHECK;

/* What pgc_migrate_script() hands out: notices as lines, rows column by column (NULL = null), both
 * valid during the call.  Either may be NULL. */
struct pgc_migrate_sink {
    void (*say)(const char *line);
    void (*row)(const char *const *values, void *arg);
    void *arg;
};

/* One statement, its rows handed out. */
bool pgc_migrate_ask(const char *dsn, const char *sql, int param_count, const char *const *params,
    const struct pgc_migrate_sink *sink, struct pgc_err *err) PGC_MUSTCHECK;

/* One or several statements without parameters, all in one transaction; rows are the last one's. */
bool pgc_migrate_script(const char *dsn, const char *sql, const struct pgc_migrate_sink *sink,
    struct pgc_err *err) PGC_MUSTCHECK;

#endif
