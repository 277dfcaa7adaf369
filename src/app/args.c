/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/near.h"

#include "app.h"

/* Options of no verb in particular. */
static const struct app_option args_options[] = {
    {"--config", "FILE", offsetof(struct app_args, conf_file), NULL},
    {"--help", NULL, offsetof(struct app_args, help), NULL},
    {"--help-settings", NULL, offsetof(struct app_args, help_settings), NULL},
    {"--print-config", NULL, offsetof(struct app_args, print_config), NULL},
    {"--version", NULL, offsetof(struct app_args, version), NULL},
    {"-c", "FILE", offsetof(struct app_args, conf_file), NULL},
    {"-h", NULL, offsetof(struct app_args, help), NULL},
    {0},
};

/* argv[at] taken apart. */
struct args_word {
    const char *text;
    size_t length;     /* of the name */
    const char *value; /* behind "="; NULL = there is none */
};

static const struct app_option *
args_find_in(const struct app_option *option, const struct args_word *word)
{
    for (; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == word->length &&
            memcmp(option->name, word->text, word->length) == 0) {
            return option;
        }
    }
    return NULL;
}

/* Of any verb, for its own may come later; the same name is the same field in each. */
static const struct app_option *
args_find(const struct args_word *word)
{
    const struct app_option *found = args_find_in(args_options, word);
    const struct app_verb *verb;

    for (size_t i = 0; found == NULL && (verb = app_verb_at(i)) != NULL; i++) {
        found = args_find_in(verb->options, word);
    }
    return found;
}

static bool
args_is_setting(const struct args_word *word)
{
    char name[64] = "";

    if (word->length < sizeof(name)) {
        memcpy(name, word->text, word->length);
    }
    return strncmp(name, "--", 2) == 0 && pgc_conf_is_name(name + 2);
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

static void
args_try_all(struct pgc_near *near, const struct app_option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        pgc_near_try(near, option->name);
    }
}

static bool
args_unknown(const struct app_verb *own, const struct args_word *word, struct pgc_err *err)
{
    struct pgc_near near = pgc_near_begin(word->text, word->length);
    const char *setting = NULL;

    args_try_all(&near, args_options);
    args_try_all(&near, own != NULL ? own->options : NULL);
    if (near.nearest == NULL && strncmp(word->text, "--", 2) == 0) {
        setting = pgc_conf_nearest(word->text + 2, word->length - 2);
    }
    pgc_err_set(err, PGC_ERR_USAGE, "there is no option \"%.*s\"", (int)word->length, word->text);
    if (near.nearest != NULL || setting != NULL) {
        return pgc_err_hint(err, "did you mean \"%s%s\"?", setting != NULL ? "--" : "",
            setting != NULL ? setting : near.nearest);
    }
    return pgc_err_hint(
        err, "see pgcable %s%s--help", own != NULL ? own->name : "", own != NULL ? " " : "");
}

static void
args_set(struct app_args *args, const struct app_option *option, const char *value)
{
    char *field = (char *)args + option->field;

    if (option->value != NULL) {
        *(const char **)(void *)field = value;
    } else {
        *(bool *)field = true;
    }
}

/* Behind "=", or the next word. */
static bool
args_need_value(char *const *argv, int *at, struct args_word *word, struct pgc_err *err)
{
    if (word->value == NULL && argv[*at + 1] == NULL) {
        pgc_err_set(err, PGC_ERR_USAGE, "option \"%s\" needs a value", word->text);
        return pgc_err_hint(err, "write %s VALUE, or %s=VALUE", word->text, word->text);
    }
    if (word->value == NULL) {
        word->value = argv[++*at];
    }
    return true;
}

static bool
args_take_option(char *const *argv, int *at, const struct app_option *option,
    struct args_word *word, struct app_args *args, struct pgc_err *err)
{
    if (option->help != NULL && args->used_count < APP_MAX_FLAGS) {
        args->used[args->used_count++] = option;
    }
    if (option->value == NULL && word->value != NULL) {
        return pgc_err_set(err, PGC_ERR_USAGE, "option \"%s\" takes no value", option->name);
    }
    if (option->value != NULL && !args_need_value(argv, at, word, err)) {
        return false;
    }
    args_set(args, option, word->value);
    return true;
}

/* One option at argv[*at], which moves on over a value of its own. */
static bool
args_option_at(char *const *argv, int *at, const struct app_verb *verb, struct app_args *args,
    struct pgc_err *err)
{
    const char *equals = strchr(argv[*at], '=');
    struct args_word word = {
        .text = argv[*at],
        .length = equals == NULL ? strlen(argv[*at]) : (size_t)(equals - argv[*at]),
        .value = equals == NULL ? NULL : equals + 1,
    };
    bool is_database = word.length == 2 && memcmp(word.text, "-d", 2) == 0;
    const struct app_option *option = args_find(&word);

    if (option != NULL) {
        return args_take_option(argv, at, option, &word, args, err);
    }
    if (!is_database && !args_is_setting(&word)) {
        return args_unknown(verb, &word, err);
    }
    /* The name of a setting ends at '=', so pgc_conf_load() is told where it starts only. */
    return args_need_value(argv, at, &word, err) &&
           args_add_flag(args, is_database ? "database" : word.text + 2, word.value, err);
}

static bool
args_verb(const char *name, const struct app_verb **found, struct pgc_err *err)
{
    struct pgc_near near = pgc_near_begin(name, strlen(name));
    const struct app_verb *verb;

    for (size_t i = 0; (verb = app_verb_at(i)) != NULL; i++) {
        if (strcmp(verb->name, name) == 0) {
            *found = verb;
            return true;
        }
        pgc_near_try(&near, verb->name);
    }
    pgc_err_set(err, PGC_ERR_USAGE, "there is no verb \"%s\"", name);
    if (near.nearest != NULL) {
        return pgc_err_hint(err, "did you mean \"%s\"? see pgcable --help", near.nearest);
    }
    return pgc_err_hint(err, "see pgcable --help");
}

static bool
args_has_option(const struct app_verb *verb, const struct app_option *wanted)
{
    return args_find_in(verb->options,
               &(struct args_word){.text = wanted->name, .length = strlen(wanted->name)}) != NULL;
}

static bool
args_wrong_count(const struct app_verb *verb, size_t count, struct pgc_err *err)
{
    if (verb->max_words == 0) {
        return pgc_err_set(err, PGC_ERR_USAGE, "%s takes no words, not %zu", verb->name, count);
    }
    if (verb->min_words < verb->max_words) {
        return pgc_err_set(err, PGC_ERR_USAGE, "%s takes %zu to %zu words, not %zu", verb->name,
            verb->min_words, verb->max_words, count);
    }
    return pgc_err_set(err, PGC_ERR_USAGE, "%s takes %zu word%s, not %zu", verb->name,
        verb->max_words, verb->max_words == 1 ? "" : "s", count);
}

static bool
args_fit(const struct app_verb *verb, const struct app_args *args, struct pgc_err *err)
{
    size_t i = 0;

    while (i < args->used_count && args_has_option(verb, args->used[i])) {
        i++;
    }
    if (i < args->used_count) {
        pgc_err_set(err, PGC_ERR_USAGE, "%s has no option \"%s\"", verb->name, args->used[i]->name);
    } else if (args->word_count > verb->max_words || args->word_count < verb->min_words) {
        args_wrong_count(verb, args->word_count, err);
    } else {
        return true;
    }
    return pgc_err_hint(
        err, "usage: pgcable %s%s%s", verb->name, verb->usage[0] != '\0' ? " " : "", verb->usage);
}

bool
app_args_parse(int argc, char *const *argv, const struct app_verb **verb, struct app_args *args,
    struct pgc_err *err)
{
    *verb = NULL;
    *args = (struct app_args){0};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            if (!args_option_at(argv, &i, *verb, args, err)) {
                return false;
            }
        } else if (*verb == NULL) {
            if (!args_verb(argv[i], verb, err)) {
                return false;
            }
        } else if (args->word_count == APP_MAX_WORDS) {
            return pgc_err_set(err, PGC_ERR_USAGE, "too many words, beginning at \"%s\"", argv[i]);
        } else {
            args->words[args->word_count++] = argv[i];
        }
    }
    return *verb == NULL || args->help || args_fit(*verb, args, err);
}
