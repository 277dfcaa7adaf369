/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/migrate.h"

#include "app.h"

void
app_say(const char *line)
{
    puts(line);
}

void
app_print_text(const char *text)
{
    const unsigned char *at;

    for (at = (const unsigned char *)text; *at != '\0'; at++) {
        if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) { /* the other control characters */
            printf("\\xc2\\x%02x", (unsigned)*++at);
        } else if (*at < ' ' || *at == 0x7f) {
            printf("\\x%02x", (unsigned)*at);
        } else {
            putchar(*at);
        }
    }
}

static int
sql_end(bool ok, const struct pgc_err *err, struct pgc_conf *conf)
{
    pgc_conf_free(conf);
    return ok ? APP_OK : app_fail(err, APP_FAILED);
}

int
app_uninstall(const struct app_args *args PGC_UNUSED, struct pgc_conf *conf)
{
    struct pgc_err err = {0};

    return sql_end(pgc_migrate_uninstall(conf->database, app_say, &err), &err, conf);
}

static int
sql_call(const char *sql, int param_count, const struct app_args *args, struct pgc_conf *conf)
{
    struct pgc_err err = {0};
    bool ok = pgc_migrate_run(conf->database, sql, param_count, args->words, app_say, &err);

    return sql_end(ok, &err, conf);
}

int
app_detach(const struct app_args *args, struct pgc_conf *conf)
{
    return sql_call("select pgcable.detach($1)", 1, args, conf);
}

int
app_pause(const struct app_args *args, struct pgc_conf *conf)
{
    return sql_call("select pgcable.pause()", 0, args, conf);
}

int
app_resume(const struct app_args *args, struct pgc_conf *conf)
{
    return sql_call("select pgcable.resume()", 0, args, conf);
}
