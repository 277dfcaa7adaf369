/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/migrate.h"

#include "app.h"

void
app_say(const char *line)
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

    return sql_end(pgc_migrate_up(conf->database, app_say, &err), &err, conf);
}

int
app_uninstall(const struct app_args *args PGC_UNUSED, struct pgc_conf *conf)
{
    struct pgc_err err = {0};

    return sql_end(pgc_migrate_uninstall(conf->database, app_say, &err), &err, conf);
}

int
app_detach(const struct app_args *args, struct pgc_conf *conf)
{
    struct pgc_err err = {0};
    bool ok =
        pgc_migrate_run(conf->database, "select pgcable.detach($1)", 1, args->words, app_say, &err);

    return sql_end(ok, &err, conf);
}
