/* SPDX-License-Identifier: PostgreSQL */
/*
 * value.c - between a setting's text and its field.
 *
 * Where a value comes from makes no difference: what a file could not hold is refused everywhere,
 * so that what --print-config writes can always be read back.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "conf_internal.h"

enum { SECRET_MAX_BYTES = 65536 };

static const struct {
    const char *word;
    bool value;
} bool_words[] = {
    {"on", true},
    {"true", true},
    {"yes", true},
    {"1", true},
    {"off", false},
    {"false", false},
    {"no", false},
    {"0", false},
};

static void *
option_field(const struct option *option, struct pgc_conf *conf)
{
    return (char *)conf + option->offset;
}

static const void *
option_const_field(const struct option *option, const struct pgc_conf *conf)
{
    return (const char *)conf + option->offset;
}

char **
pgc_option_text(const struct option *option, struct pgc_conf *conf)
{
    assert(option->type == OPTION_TEXT);
    return option_field(option, conf);
}

static bool
value_read_bool(const char *text, bool *value)
{
    for (size_t i = 0; i < sizeof(bool_words) / sizeof(bool_words[0]); i++) {
        if (strcmp(bool_words[i].word, text) == 0) {
            *value = bool_words[i].value;
            return true;
        }
    }
    return false;
}

static bool
value_read_choice(const struct option *option, const char *text, int64_t *value)
{
    for (int64_t i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], text) == 0) {
            *value = i;
            return true;
        }
    }
    return false;
}

/* Decimal digits, perhaps a sign: strtoll() alone would take blanks before and letters behind. */
static bool
value_read_int(const struct option *option, const char *text, int64_t *value)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    long long number;

    if (digits[0] == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno != 0 || number < option->min || number > option->max) {
        return false;
    }
    *value = number;
    return true;
}

/* A text that a line of a file can hold. */
static bool
value_is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool
value_check_text(
    const struct option *option, const char *text, const char *where, struct pgc_err *err)
{
    if (!value_is_plain(text)) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: the value holds a control character", where);
        return option->secret ? pgc_err_hint(err,
                                    "give %s on one line, or put it into a file and name that "
                                    "with %s_file",
                                    option->name, option->name)
                              : pgc_err_hint(err, "give %s on one line", option->name);
    }
    /* Somebody meant a comment, and a path or an origin would silently be wrong. */
    if (!option->secret && (strstr(text, " #") != NULL || strstr(text, "\t#") != NULL)) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: \"%s\" has a comment in it", where, text);
        return pgc_err_hint(err, "give the comment a line of its own");
    }
    if (option->may_be_empty && text[0] == '\0') {
        return true;
    }
    if (option->start != NULL && strncmp(text, option->start, strlen(option->start)) != 0) {
        pgc_err_set(
            err, PGC_ERR_CONF, "%s: \"%s\" does not begin with \"%s\"", where, text, option->start);
        return pgc_err_hint(err, "write \"%s%s\"", option->start, text);
    }
    return true;
}

static void
value_replace_text(const struct option *option, struct pgc_conf *conf, char *text)
{
    char **field = pgc_option_text(option, conf);

    if (*field != NULL && option->secret) {
        pgc_wipe(*field, strlen(*field));
    }
    free(*field);
    *field = text;
}

bool
pgc_option_set(const struct option *option, struct pgc_conf *conf, const char *text,
    const char *where, struct pgc_err *err)
{
    struct pgc_buf rule = {0};
    bool ok = false;

    switch (option->type) {
    case OPTION_BOOL:
        ok = value_read_bool(text, option_field(option, conf));
        break;
    case OPTION_ENUM:
        ok = value_read_choice(option, text, option_field(option, conf));
        break;
    case OPTION_INT:
        ok = value_read_int(option, text, option_field(option, conf));
        break;
    case OPTION_TEXT:
        if (!value_check_text(option, text, where, err)) {
            return false;
        }
        value_replace_text(option, conf, pgc_xstrdup(text));
        return true;
    }
    if (!ok) {
        pgc_option_write_rule(option, &rule);
        pgc_err_set(err, PGC_ERR_CONF, "%s: \"%s\" is not %s", where, text, pgc_buf_str(&rule));
        pgc_err_hint(err, "the default is %s", option->fallback);
        pgc_buf_fini(&rule);
    }
    return ok;
}

/* The whole file without the line's end that editors put behind the last line. */
static char *
value_read_secret(const char *path, const char *where, struct pgc_err *err)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    char *secret = NULL;
    size_t length;

    if (file == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: open \"%s\": %s", where, path, strerror(errno));
        pgc_err_hint(
            err, "name a file that the daemon may read and that holds nothing but the secret");
        return NULL;
    }
    text = pgc_xcalloc(1, SECRET_MAX_BYTES + 1);
    length = fread(text, 1, SECRET_MAX_BYTES, file);
    if (ferror(file)) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: read \"%s\": %s", where, path, strerror(errno));
        goto out;
    }
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
        text[--length] = '\0';
    }
    if (length == 0 || strlen(text) != length) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: \"%s\" %s", where, path,
            length == 0 ? "is empty" : "holds a zero byte");
        pgc_err_hint(err, "put a secret of printable characters into it, for example from "
                          "\"openssl rand -hex 32\"");
        goto out;
    }
    secret = pgc_xstrdup(text);

out:
    pgc_wipe(text, SECRET_MAX_BYTES + 1);
    free(text);
    (void)fclose(file);
    return secret;
}

bool
pgc_option_set_from_file(const struct option *option, struct pgc_conf *conf, const char *path,
    const char *where, struct pgc_err *err)
{
    char *secret = value_read_secret(path, where, err);

    if (secret == NULL) {
        return false;
    }
    value_replace_text(option, conf, secret);
    return true;
}

void
pgc_option_write(const struct option *option, const struct pgc_conf *conf, struct pgc_buf *out)
{
    const void *field = option_const_field(option, conf);

    switch (option->type) {
    case OPTION_BOOL:
        pgc_buf_adds(out, *(const bool *)field ? "on" : "off");
        break;
    case OPTION_ENUM:
        pgc_buf_adds(out, option->choices[*(const int64_t *)field]);
        break;
    case OPTION_INT:
        pgc_buf_addf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case OPTION_TEXT:
        pgc_buf_adds(out, *(char *const *)field);
        break;
    }
}

void
pgc_option_write_rule(const struct option *option, struct pgc_buf *out)
{
    switch (option->type) {
    case OPTION_BOOL:
        pgc_buf_adds(out, "on or off");
        break;
    case OPTION_ENUM:
        pgc_buf_adds(out, "one of ");
        for (size_t i = 0; option->choices[i] != NULL; i++) {
            pgc_buf_addf(out, "%s%s", i > 0 ? ", " : "", option->choices[i]);
        }
        break;
    case OPTION_INT:
        pgc_buf_addf(out, "a whole number from %" PRId64 " to %" PRId64, option->min, option->max);
        break;
    case OPTION_TEXT:
        pgc_buf_adds(out, "a text");
        if (option->start != NULL) {
            pgc_buf_addf(out, " that begins with %s%s", option->start,
                option->may_be_empty ? ", or nothing" : "");
        }
        break;
    }
}
