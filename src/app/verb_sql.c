/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/migrate.h"

#include "app.h"

static void
sql_say(const char *line)
{
    puts(line);
}

static int
sql_end(bool ok, const struct pgc_err *err, struct pgc_conf *conf)
{
    pgc_conf_free(conf);
    return ok ? APP_OK : app_fail(err, APP_FAILED);
}

int
app_migrate(const struct app_args *args PGC_UNUSED, struct pgc_conf *conf)
{
    struct pgc_err err = {0};

    return sql_end(pgc_migrate_up(conf->database, sql_say, &err), &err, conf);
}

int
app_uninstall(const struct app_args *args PGC_UNUSED, struct pgc_conf *conf)
{
    struct pgc_err err = {0};

    return sql_end(pgc_migrate_uninstall(conf->database, sql_say, &err), &err, conf);
}

int
app_attach(const struct app_args *args, struct pgc_conf *conf)
{
    const char *params[] = {
        args->words[0],
        args->words[1],
        args->word_count > 2 ? args->words[2] : "{}",
    };
    struct pgc_err err = {0};
    bool ok = pgc_migrate_run(conf->database, "select pgcable.attach($1, $2::regclass, $3::jsonb)",
        3, params, sql_say, &err);

    return sql_end(ok, &err, conf);
}

int
app_detach(const struct app_args *args, struct pgc_conf *conf)
{
    struct pgc_err err = {0};
    bool ok =
        pgc_migrate_run(conf->database, "select pgcable.detach($1)", 1, args->words, sql_say, &err);

    return sql_end(ok, &err, conf);
}
