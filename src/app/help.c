/* SPDX-License-Identifier: PostgreSQL */
#include "app.h"

/* Of a line of options; the completion of shells reads it, too. */
#define HELP_OPTION "  %-18s %s\n"

static void
help_common(FILE *out)
{
    fprintf(out, HELP_OPTION, "-c, --config FILE", "read settings from FILE");
    fprintf(out, HELP_OPTION, "-d DSN", "the database, short for --database");
    fprintf(out, HELP_OPTION, "--SETTING VALUE",
        "any setting; PGCABLE_SETTING in the environment works too");
}

/* To fit a screen of 24 lines. */
void
app_help(FILE *out)
{
    const struct app_verb *verb;

    fputs("pgcable " PGC_VERSION " - PostgreSQL changes to ActionCable clients\n"
          "usage: pgcable VERB [words] [-c FILE] [-d DSN] [--SETTING VALUE ...]\n\n",
        out);
    for (size_t i = 0; (verb = app_verb_at(i)) != NULL; i++) {
        fprintf(out, "  %-10s %s\n", verb->name, verb->help);
    }
    fputc('\n', out);
    help_common(out);
    fprintf(out, HELP_OPTION, "--print-config", "show all settings as they are in force, and stop");
    fprintf(out, HELP_OPTION, "--help-settings", "list all settings with default and meaning");
    fprintf(out, HELP_OPTION, "--version", "print the version");
    fprintf(out, HELP_OPTION, "--help", "this; pgcable VERB --help: more of a verb");
}

void
app_help_verb(const struct app_verb *verb)
{
    const struct app_option *option = verb->options;

    printf("usage: pgcable %s %s\n\n%s.\n%s\n\n", verb->name, verb->usage, verb->help, verb->about);
    for (; option != NULL && option->name != NULL; option++) {
        char name[32];

        snprintf(name, sizeof(name), "%s%s%s", option->name, option->value != NULL ? " " : "",
            option->value != NULL ? option->value : "");
        printf(HELP_OPTION, name, option->help);
    }
    help_common(stdout);
    printf("\nexample: %s\n", verb->example);
}
