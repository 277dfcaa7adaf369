/* SPDX-License-Identifier: PostgreSQL */
/*
 * conf.c - from defaults, file, environment and command line to one struct.
 *
 * The file is read here and by no INI library: a line may be as long as it likes (a list of origins
 * is), a complaint needs the line's number, and a value must not end at a ";".
 */
#include "pgcable/conf.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "conf_internal.h"

/* One of the places that settings come from. */
struct source {
    struct pgc_conf *conf;
    const struct option **seen; /* what it has set; ends with NULL */
};

static size_t
conf_option_count(void)
{
    size_t count = 0;

    while (pgc_option_at(count) != NULL) {
        count++;
    }
    return count;
}

static struct source
source_begin(struct pgc_conf *conf)
{
    return (struct source){
        .conf = conf,
        .seen = pgc_xcalloc(conf_option_count() + 1, sizeof(const struct option *)),
    };
}

static bool
source_see(
    struct source *source, const struct option *option, const char *where, struct pgc_err *err)
{
    size_t i = 0;

    for (; source->seen[i] != NULL; i++) {
        if (source->seen[i] == option) {
            pgc_err_set(err, PGC_ERR_CONF, "%s: set a second time", where);
            return pgc_err_hint(err, "keep one of the two");
        }
    }
    source->seen[i] = option;
    return true;
}

/* Without blanks at either end, to be freed. */
static char *
conf_trim(const char *text, size_t length)
{
    while (length > 0 && isspace((unsigned char)text[0])) {
        text++;
        length--;
    }
    while (length > 0 && isspace((unsigned char)text[length - 1])) {
        length--;
    }
    return pgc_xstrndup(text, length);
}

static bool
source_set(struct source *source, const struct option *option, bool is_file, const char *text,
    const char *where, struct pgc_err *err)
{
    char *value;
    bool ok;

    if (!source_see(source, option, where, err)) {
        return false;
    }
    value = conf_trim(text, strlen(text));
    if (is_file) {
        ok = pgc_option_set_from_file(option, source->conf, value, where, err);
    } else {
        ok = pgc_option_set(option, source->conf, value, where, err);
    }
    if (option->secret) {
        pgc_wipe(value, strlen(value));
    }
    free(value);
    return ok;
}

static bool
conf_unknown(const char *where, const char *name, size_t length, struct pgc_err *err)
{
    const char *nearest = pgc_option_nearest(name, length);

    pgc_err_set(err, PGC_ERR_CONF, "%s: there is no setting \"%.*s\"", where, (int)length, name);
    if (nearest != NULL) {
        return pgc_err_hint(err, "did you mean \"%s\"?", nearest);
    }
    return pgc_err_hint(err, "\"pgcable --help-settings\" lists all settings");
}

static void
conf_read_defaults(struct pgc_conf *conf)
{
    const struct option *option;

    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        struct pgc_err err = {0};

        if (!pgc_option_set(option, conf, option->fallback, option->name, &err)) {
            (void)fprintf(stderr, "pgcable: default of %s\n", err.message);
            abort();
        }
    }
}

/* "name = value".  `place` is "pgcable.conf:3". */
static bool
conf_read_line(struct source *source, const char *line, const char *place, struct pgc_err *err)
{
    const char *equals = strchr(line, '=');
    const struct option *option;
    bool is_file;
    char *name;
    char *where = NULL;
    bool ok = false;

    if (equals == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: \"%s\" is not \"name = value\"", place, line);
        return pgc_err_hint(err, line[0] == '['
                                     ? "there are no sections: remove the line"
                                     : "comments begin with # and stand on lines of their own");
    }
    name = conf_trim(line, (size_t)(equals - line));
    option = pgc_option_find(name, strlen(name), &is_file);
    if (option == NULL) {
        conf_unknown(place, name, strlen(name), err);
        goto out;
    }
    where = pgc_xasprintf("%s: %s", place, name);
    ok = source_set(source, option, is_file, equals + 1, where, err);

out:
    free(where);
    free(name);
    return ok;
}

/* Any line, with its end. */
static bool
conf_read_raw_line(
    struct source *source, const char *line, size_t length, const char *place, struct pgc_err *err)
{
    char *content;
    bool ok = true;

    if (memchr(line, '\0', length) != NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "%s: the line holds a zero byte", place);
        return pgc_err_hint(err, "the file has to be plain text (UTF-8)");
    }
    content = conf_trim(line, length);
    if (content[0] != '\0' && content[0] != '#' && content[0] != ';') {
        ok = conf_read_line(source, content, place, err);
    }
    pgc_wipe(content, strlen(content));
    free(content);
    return ok;
}

static bool
conf_read_lines(struct source *source, FILE *file, const char *path, struct pgc_err *err)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool ok = true;

    for (unsigned number = 1; ok && (length = getline(&line, &size, file)) >= 0; number++) {
        char *place = pgc_xasprintf("%s:%u", path, number);

        ok = conf_read_raw_line(source, line, (size_t)length, place, err);
        free(place);
    }
    if (ok && ferror(file)) {
        ok = pgc_err_set(err, PGC_ERR_CONF, "read settings from \"%s\": %s", path, strerror(errno));
    }
    if (line != NULL) {
        pgc_wipe(line, size);
    }
    free(line);
    return ok;
}

static bool
conf_read_file(struct pgc_conf *conf, const char *path, struct pgc_err *err)
{
    struct source source;
    FILE *file = fopen(path, "re");
    bool ok;

    if (file == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "read settings from \"%s\": %s", path, strerror(errno));
        return pgc_err_hint(err, "name a file that exists and that the daemon may read with -c");
    }
    source = source_begin(conf);
    ok = conf_read_lines(&source, file, path, err);
    free(source.seen);
    (void)fclose(file);
    return ok;
}

/* PGCABLE_LISTEN_PORT for "listen_port", to be freed. */
static char *
conf_variable_name(const char *name, const char *suffix)
{
    char *variable = pgc_xasprintf("PGCABLE_%s%s", name, suffix);

    for (char *c = variable; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - 'a' + 'A');
        }
    }
    return variable;
}

static bool
conf_read_variable(
    struct source *source, const struct option *option, bool is_file, struct pgc_err *err)
{
    char *variable = conf_variable_name(option->name, is_file ? "_file" : "");
    char *where = pgc_xasprintf("environment variable %s", variable);
    const char *value = getenv(variable);
    bool ok = value == NULL || source_set(source, option, is_file, value, where, err);

    free(where);
    free(variable);
    return ok;
}

/* Variables that name no setting are left alone: Kubernetes sets PGCABLE_PORT and others for a
 * service of that name. */
static bool
conf_read_environment(struct pgc_conf *conf, struct pgc_err *err)
{
    struct source source = source_begin(conf);
    const struct option *option;
    bool ok = true;

    for (size_t i = 0; ok && (option = pgc_option_at(i)) != NULL; i++) {
        ok = conf_read_variable(&source, option, false, err) &&
             (!option->secret || conf_read_variable(&source, option, true, err));
    }
    free(source.seen);
    return ok;
}

/* The name may have "=value" behind it. */
static bool
conf_read_flag(struct source *source, const struct pgc_conf_flag *flag, struct pgc_err *err)
{
    size_t length = strcspn(flag->name, "=");
    bool is_file;
    const struct option *option = pgc_option_find(flag->name, length, &is_file);
    char *where;
    bool ok;

    if (option == NULL) {
        return conf_unknown("command line", flag->name, length, err);
    }
    where = pgc_xasprintf("option --%.*s", (int)length, flag->name);
    ok = source_set(source, option, is_file, flag->value, where, err);
    free(where);
    return ok;
}

static bool
conf_read_flags(struct pgc_conf *conf, const struct pgc_conf_flag *flags, size_t flag_count,
    struct pgc_err *err)
{
    struct source source = source_begin(conf);
    bool ok = true;

    for (size_t i = 0; ok && i < flag_count; i++) {
        ok = conf_read_flag(&source, &flags[i], err);
    }
    free(source.seen);
    return ok;
}

static bool
conf_is_nats_name(const char *name)
{
    return name[0] != '\0' && strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789_-") == strlen(name);
}

static bool
conf_bus_agrees(const struct pgc_conf *conf, struct pgc_err *err)
{
    if (conf->role != PGC_ROLE_ALL && conf->nats_url[0] == '\0') {
        pgc_err_set(err, PGC_ERR_CONF, "role = %s, and nats_url is not set",
            conf->role == PGC_ROLE_FEED ? "feed" : "edge");
        return pgc_err_hint(err, "name the NATS server, such as nats_url = nats://127.0.0.1:4222");
    }
    if (!conf_is_nats_name(conf->nats_prefix)) {
        pgc_err_set(err, PGC_ERR_CONF, "nats_prefix = \"%s\" is no name for a stream of NATS",
            conf->nats_prefix);
        return pgc_err_hint(err, "take letters, digits, _ and -");
    }
    if ((conf->nats_tls_certificate[0] == '\0') != (conf->nats_tls_key[0] == '\0')) {
        pgc_err_set(
            err, PGC_ERR_CONF, "one of nats_tls_certificate and nats_tls_key is set, and one not");
        return pgc_err_hint(err, "set both, or none");
    }
    return true;
}

/* What no setting can tell by itself. */
static bool
conf_agree(struct pgc_conf *conf, struct pgc_err *err)
{
    if (conf->history_s == 0) {
        conf->history_s = conf->retention_s;
    }
    if (conf->history_s > conf->retention_s) {
        pgc_err_set(err, PGC_ERR_CONF,
            "history_s = %lld is longer than retention_s = %lld, after which the outbox is gone",
            (long long)conf->history_s, (long long)conf->retention_s);
        return pgc_err_hint(err, "raise retention_s, or leave history_s at 0: as long as that");
    }
    return conf_bus_agrees(conf, err);
}

struct pgc_conf *
pgc_conf_load(
    const char *file, const struct pgc_conf_flag *flags, size_t flag_count, struct pgc_err *err)
{
    struct pgc_conf *conf = pgc_xcalloc(1, sizeof(*conf));

    conf_read_defaults(conf);
    if ((file != NULL && !conf_read_file(conf, file, err)) || !conf_read_environment(conf, err) ||
        !conf_read_flags(conf, flags, flag_count, err) || !conf_agree(conf, err)) {
        pgc_conf_free(conf);
        return NULL;
    }
    return conf;
}

void
pgc_conf_free(struct pgc_conf *conf)
{
    const struct option *option;

    if (conf == NULL) {
        return;
    }
    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        if (option->type == OPTION_TEXT) {
            char *text = *pgc_option_text(option, conf);

            if (option->secret) {
                pgc_wipe(text, strlen(text));
            }
            free(text);
        }
    }
    free(conf);
}

bool
pgc_conf_is_name(const char *name)
{
    bool is_file;

    return pgc_option_find(name, strlen(name), &is_file) != NULL;
}

const char *
pgc_conf_nearest(const char *name, size_t length)
{
    return pgc_option_nearest(name, length);
}
