/* SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdlib.h>

#include "pgcable/migrate.h"

#include "app.h"

struct migrate {
    const struct app_args *args;
    int to;
    size_t count; /* of what was printed */
};

/* --to: nothing at all where it was not given. */
static bool
migrate_to(const char *text, int *to, struct pgc_err *err)
{
    size_t count;
    const struct pgc_migration *known = pgc_migrations(&count);
    int newest = known[count - 1].id;
    char *end = NULL;
    long number;

    *to = newest;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1 || number > newest) {
        pgc_err_set(err, PGC_ERR_USAGE, "--to \"%s\": this program brings migrations 1 to %d", text,
            newest);
        return pgc_err_hint(err, "there is no way down; \"pgcable uninstall\" takes all away");
    }
    *to = (int)number;
    return true;
}

static void
migrate_print_status(const struct pgc_migrate_state *state, void *arg)
{
    struct migrate *migrate = arg;

    migrate->count++;
    if (state->applied_at == NULL) {
        printf("%s: missing\n", state->name);
    } else if (state->known != NULL) {
        printf("%s: installed %s\n", state->name, state->applied_at);
    } else {
        printf("%04d_%s: installed %s, of a newer pgcable, which this one %s\n", state->id,
            state->name, state->applied_at, state->breaking ? "cannot work with" : "need not know");
    }
}

static void
migrate_print_sql(const struct pgc_migrate_state *state, void *arg)
{
    struct migrate *migrate = arg;

    if (state->applied_at == NULL && state->id <= migrate->to) {
        migrate->count++;
        puts(state->known->sql);
    }
}

static bool
migrate_run(struct migrate *migrate, const struct pgc_conf *conf, struct pgc_err *err)
{
    const char *dsn = conf->database;

    if (migrate->args->status) {
        return pgc_migrate_list(dsn, migrate_print_status, migrate, err);
    }
    if (!migrate->args->dry_run) {
        return pgc_migrate_up_to(dsn, migrate->to, app_say, err);
    }
    if (!pgc_migrate_list(dsn, migrate_print_sql, migrate, err)) {
        return false;
    }
    printf("-- %zu migrations would be run; nothing was changed\n", migrate->count);
    return true;
}

int
app_migrate(const struct app_args *args, struct pgc_conf *conf)
{
    struct migrate migrate = {.args = args};
    struct pgc_err err = {0};
    int status = APP_OK;

    if (args->status && (args->dry_run || args->to != NULL)) {
        pgc_err_set(&err, PGC_ERR_USAGE, "migrate: --status goes alone");
        pgc_err_hint(&err, "usage: pgcable migrate [--dry-run] [--to N] | --status");
        status = app_fail(&err, APP_USAGE);
    } else if (!migrate_to(args->to, &migrate.to, &err)) {
        status = app_fail(&err, APP_USAGE);
    } else if (!migrate_run(&migrate, conf, &err)) {
        status = app_fail(&err, APP_FAILED);
    }
    pgc_conf_free(conf);
    return status;
}
