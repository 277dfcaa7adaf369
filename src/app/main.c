/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/buf.h"
#include "pgcable/loop.h"

#include "app.h"

int
app_fail(const struct pgc_err *err, int status)
{
    fprintf(stderr, "pgcable: %s", err->message);
    if (err->hint[0] != '\0') {
        fprintf(stderr, " (hint: %s)", err->hint);
    }
    fputc('\n', stderr);
    return status;
}

/* Takes `conf` over, as a verb does. */
static int
main_print_config(struct pgc_conf *conf)
{
    struct pgc_buf out = {0};

    pgc_conf_print(conf, &out);
    fputs(pgc_buf_str(&out), stdout);
    pgc_buf_fini(&out);
    pgc_conf_free(conf);
    return APP_OK;
}

static int
main_run(const struct app_verb *verb, const struct app_args *args)
{
    struct pgc_err err = {0};
    struct pgc_conf *conf = pgc_conf_load(args->conf_file, args->flags, args->flag_count, &err);
    struct app_progress *progress;
    int status;

    if (conf == NULL) {
        return app_fail(&err, APP_USAGE);
    }
    if (args->print_config) {
        return main_print_config(conf);
    }
    progress = verb->is_endless ? NULL : app_progress_begin();
    status = verb->run(args, conf);
    app_progress_end(progress);
    return status;
}

static int
main_help(const struct app_verb *verb, const struct app_args *args)
{
    if (args->help && verb != NULL) {
        app_help_verb(verb);
    } else {
        app_help(args->help ? stdout : stderr);
    }
    return args->help ? APP_OK : APP_USAGE;
}

int
main(int argc, char **argv)
{
    struct app_args args;
    struct pgc_err err = {0};
    const struct app_verb *verb;

    pgc_auth_take_memory();
    pgc_loop_take_memory();
    if (!app_args_parse(argc, argv, &verb, &args, &err)) {
        return app_fail(&err, APP_USAGE);
    }
    if (args.version) {
        puts("pgcable " PGC_VERSION);
        return APP_OK;
    }
    if (args.help_settings) {
        struct pgc_buf out = {0};

        pgc_conf_describe(&out);
        fputs(pgc_buf_str(&out), stdout);
        pgc_buf_fini(&out);
        return APP_OK;
    }
    if (args.help || (verb == NULL && !args.print_config)) {
        return main_help(verb, &args);
    }
    return main_run(verb, &args);
}
