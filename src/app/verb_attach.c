/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/buf.h"
#include "pgcable/migrate.h"

#include "app.h"

/* The columns of pgcable.detect(). */
enum { ATTACH_KIND, ATTACH_STATEMENT, ATTACH_SURE, ATTACH_REASON };

#define ATTACH_DETECT "select kind, statement, sure, reason from pgcable.detect()"

static int
attach_refuse(const char *what, struct pgc_conf *conf)
{
    struct pgc_err err = {0};

    pgc_conf_free(conf);
    pgc_err_set(&err, PGC_ERR_USAGE, "attach: %s", what);
    pgc_err_hint(
        &err, "usage: pgcable attach KIND TABLE [MAPPING], or pgcable attach --detect [--yes]");
    return app_fail(&err, APP_USAGE);
}

/* What is printed can be given to psql as it is; what is not sure is a comment. */
static void
attach_propose(const char *const *values, void *arg)
{
    struct pgc_buf *sure = arg;
    const char *statement = values[ATTACH_STATEMENT];

    printf("-- %s: ", values[ATTACH_KIND]);
    app_print_text(values[ATTACH_REASON]);
    putchar('\n');
    if (statement == NULL) {
        return;
    }
    if (values[ATTACH_SURE][0] == 't') {
        pgc_buf_adds(sure, statement);
        pgc_buf_addc(sure, '\n');
        puts(statement);
    } else {
        printf("-- ");
        app_print_text(statement);
        putchar('\n');
    }
}

static bool
attach_apply(const struct pgc_conf *conf, const char *statements, struct pgc_err *err)
{
    const struct pgc_migrate_sink sink = {.say = app_say};

    if (statements[0] == '\0') {
        app_say("-- nothing to do: there is nothing that is sure and not attached yet");
        return true;
    }
    if (!pgc_migrate_script(conf->database, statements, &sink, err)) {
        return pgc_err_wrap(err, "attach what was detected");
    }
    app_say("-- done, in one transaction");
    return true;
}

static int
attach_detected(bool yes, struct pgc_conf *conf)
{
    struct pgc_buf sure = {0};
    struct pgc_err err = {0};
    const struct pgc_migrate_sink sink = {.say = app_say, .row = attach_propose, .arg = &sure};
    bool ok = pgc_migrate_script(conf->database, ATTACH_DETECT, &sink, &err);

    if (ok && yes) {
        ok = attach_apply(conf, pgc_buf_str(&sure), &err);
    }
    pgc_buf_fini(&sure);
    pgc_conf_free(conf);
    return ok ? APP_OK : app_fail(&err, APP_FAILED);
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
    bool ok;

    if (args->detect) {
        return args->word_count > 0 ? attach_refuse("--detect takes no words", conf)
                                    : attach_detected(args->yes, conf);
    }
    if (args->yes) {
        return attach_refuse("--yes goes with --detect", conf);
    }
    if (args->word_count < 2) {
        return attach_refuse("a kind and a table are needed", conf);
    }
    ok = pgc_migrate_run(conf->database, "select pgcable.attach($1, $2::regclass, $3::jsonb)", 3,
        params, app_say, &err);
    pgc_conf_free(conf);
    return ok ? APP_OK : app_fail(&err, APP_FAILED);
}
