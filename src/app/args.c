/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/compiler.h"

#include "app.h"

/* Options that are no settings. */
struct args_option {
    const char *name;
    bool takes_value;
};

static const struct args_option args_options[] = {
    {"--config", true},
    {"--detect", false},
    {"--help", false},
    {"--help-settings", false},
    {"--member", true},
    {"--print-config", false},
    {"--ttl", true},
    {"--version", false},
    {"--yes", false},
    {"-c", true},
    {"-d", true},
    {"-h", false},
};

static const struct args_option *
args_find(const char *name, size_t length)
{
    size_t i;

    for (i = 0; i < sizeof(args_options) / sizeof(args_options[0]); i++) {
        const struct args_option *option = &args_options[i];

        if (strlen(option->name) == length && memcmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

static bool
args_add_flag(struct app_args *args, const char *name, const char *value, struct pgc_err *err)
{
    if (args->flag_count == APP_MAX_FLAGS) {
        return pgc_err_set(
            err, PGC_ERR_USAGE, "more than %d settings on the command line", APP_MAX_FLAGS);
    }
    args->flags[args->flag_count++] = (struct pgc_conf_flag){.name = name, .value = value};
    return true;
}

static bool
args_set(struct app_args *args, const char *name, const char *value, struct pgc_err *err)
{
    if (strcmp(name, "-c") == 0 || strcmp(name, "--config") == 0) {
        args->conf_file = value;
    } else if (strcmp(name, "-d") == 0) {
        return args_add_flag(args, "database", value, err);
    } else if (strcmp(name, "--member") == 0) {
        args->member = value;
    } else if (strcmp(name, "--ttl") == 0) {
        args->ttl = value;
    } else if (strcmp(name, "--detect") == 0) {
        args->detect = true;
    } else if (strcmp(name, "--yes") == 0) {
        args->yes = true;
    } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        args->help = true;
    } else if (strcmp(name, "--help-settings") == 0) {
        args->help_settings = true;
    } else if (strcmp(name, "--print-config") == 0) {
        args->print_config = true;
    } else {
        args->version = true;
    }
    return true;
}

/* One option at argv[*at], which moves on over a value of its own. */
static bool
args_option_at(int argc, char *const *argv, int *at, struct app_args *args, struct pgc_err *err)
{
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    const struct args_option *option = args_find(word, length);
    const char *value = equals == NULL ? NULL : equals + 1;
    bool is_setting = option == NULL && strncmp(word, "--", 2) == 0;

    if (option == NULL && !is_setting) {
        pgc_err_set(err, PGC_ERR_USAGE, "there is no option \"%s\"", word);
        return pgc_err_hint(err, "see pgcable --help");
    }
    if (option != NULL && !option->takes_value) {
        if (value != NULL) {
            return pgc_err_set(err, PGC_ERR_USAGE, "option \"%s\" takes no value", option->name);
        }
        return args_set(args, option->name, NULL, err);
    }
    if (value == NULL) {
        if (*at + 1 >= argc) {
            return pgc_err_set(err, PGC_ERR_USAGE, "option \"%s\" needs a value", word);
        }
        value = argv[++*at];
    }
    if (option != NULL) {
        return args_set(args, option->name, value, err);
    }
    /* The name of a setting ends at '=', so pgc_conf_load() is told where it starts only. */
    return args_add_flag(args, word + 2, value, err);
}

bool
app_args_parse(
    int argc, char *const *argv, const char **verb, struct app_args *args, struct pgc_err *err)
{
    int i;

    *verb = NULL;
    *args = (struct app_args){0};
    for (i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!args_option_at(argc, argv, &i, args, err)) {
                return false;
            }
        } else if (*verb == NULL) {
            *verb = argv[i];
        } else if (args->word_count == APP_MAX_WORDS) {
            return pgc_err_set(err, PGC_ERR_USAGE, "too many words, beginning at \"%s\"", argv[i]);
        } else {
            args->words[args->word_count++] = argv[i];
        }
    }
    return true;
}
