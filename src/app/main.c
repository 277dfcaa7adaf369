/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/buf.h"
#include "pgcable/loop.h"

#include "app.h"

static const struct app_verb verbs[] = {
    {
        .name = "serve",
        .usage = "",
        .help = "run the daemon",
        .run = app_serve,
    },
    {
        .name = "migrate",
        .usage = "",
        .help = "install or update the SQL side; safe to repeat",
        .run = app_migrate,
    },
    {
        .name = "attach",
        .usage = "KIND TABLE [MAPPING]",
        .help = "put the triggers on a table; MAPPING is JSON, canonical name to column",
        .max_words = 3,
        .run = app_attach,
    },
    {
        /* the same verb; this line is for the help */
        .name = "attach",
        .usage = "--detect [--yes]",
        .help = "propose what to attach as what; --yes does what is sure",
        .run = app_attach,
    },
    {
        .name = "doctor",
        .usage = "",
        .help = "say what is wrong in the database, and how to mend it",
        .run = app_doctor,
    },
    {
        .name = "detach",
        .usage = "KIND",
        .help = "take the triggers of a kind away",
        .min_words = 1,
        .max_words = 1,
        .run = app_detach,
    },
    {
        .name = "pause",
        .usage = "",
        .help = "stop capturing: what changes until resume is not sent",
        .run = app_pause,
    },
    {
        .name = "resume",
        .usage = "",
        .help = "capture again, and have all clients reload",
        .run = app_resume,
    },
    {
        .name = "uninstall",
        .usage = "",
        .help = "take everything of pgcable out of the database; your data stays",
        .run = app_uninstall,
    },
    {
        .name = "token",
        .usage = "--member ID [--ttl SECONDS]",
        .help = "make a token for development (needs hs256_secret)",
        .run = app_token,
    },
};

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

static void
main_help(FILE *out)
{
    size_t i;

    fputs("pgcable " PGC_VERSION " - PostgreSQL changes to ActionCable clients\n\n"
          "usage: pgcable VERB [words] [-c FILE] [-d DSN] [--setting value ...]\n\n",
        out);
    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        fprintf(out, "  %-10s %-28s %s\n", verbs[i].name, verbs[i].usage, verbs[i].help);
    }
    fputs("\n  -c, --config FILE   read settings from FILE\n"
          "  -d DSN              the database, short for --database\n"
          "  --SETTING VALUE     any setting; PGCABLE_SETTING in the environment works too\n"
          "  --print-config      show all settings as they are in force, and stop\n"
          "  --help-settings     list all settings with default, range and meaning\n"
          "  --version, --help\n",
        out);
}

static const struct app_verb *
main_verb(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
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
main_run(const char *name, const struct app_args *args)
{
    const struct app_verb *verb = name == NULL ? NULL : main_verb(name);
    struct pgc_err err = {0};
    struct pgc_conf *conf = NULL;

    if (verb == NULL && !args->print_config) {
        pgc_err_set(&err, PGC_ERR_USAGE, "there is no verb \"%s\"", name);
        pgc_err_hint(&err, "see pgcable --help");
        return app_fail(&err, APP_USAGE);
    }
    if (verb != NULL &&
        (args->word_count < verb->min_words || args->word_count > verb->max_words)) {
        pgc_err_set(&err, PGC_ERR_USAGE, "%s takes %zu to %zu words, not %zu", verb->name,
            verb->min_words, verb->max_words, args->word_count);
        pgc_err_hint(&err, "usage: pgcable %s %s", verb->name, verb->usage);
        return app_fail(&err, APP_USAGE);
    }
    conf = pgc_conf_load(args->conf_file, args->flags, args->flag_count, &err);
    if (conf == NULL) {
        return app_fail(&err, APP_USAGE);
    }
    return args->print_config ? main_print_config(conf) : verb->run(args, conf);
}

int
main(int argc, char **argv)
{
    struct app_args args;
    struct pgc_err err = {0};
    const char *verb;

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
        main_help(args.help ? stdout : stderr);
        return args.help ? APP_OK : APP_USAGE;
    }
    return main_run(verb, &args);
}
