/* SPDX-License-Identifier: PostgreSQL */
/* conf_internal.h - the table of settings and what can be done with one of its rows. */
#ifndef PGCABLE_CONF_INTERNAL_H
#define PGCABLE_CONF_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/buf.h"
#include "pgcable/conf.h"
#include "pgcable/err.h"

enum option_type { OPTION_BOOL, OPTION_ENUM, OPTION_INT, OPTION_TEXT };

#define OPTION_FIELD(field) .name = #field, .offset = offsetof(struct pgc_conf, field)

struct option {
    const char *name;
    const char *fallback; /* as it would stand in a file */
    const char *help;
    const char *const *choices; /* OPTION_ENUM: the names of 0, 1, …, then NULL */
    const char *start;          /* OPTION_TEXT: how a value has to begin, or NULL */
    int64_t min;                /* OPTION_INT */
    int64_t max;                /* OPTION_INT */
    size_t offset;              /* in struct pgc_conf */
    enum option_type type;
    bool may_be_empty; /* OPTION_TEXT with a start */
    bool reloadable;
    bool secret; /* never shown; may be given as <name>_file */
};

/* The tables, by purpose; each ends with a row that has no name. */
extern const struct option pgc_options_access[];
extern const struct option pgc_options_bus[];
extern const struct option pgc_options_clients[];
extern const struct option pgc_options_daemon[];
extern const struct option pgc_options_database[];
extern const struct option pgc_options_limits[];

/* The row at `index` of all tables together, or NULL behind the last one.  Alphabetical. */
const struct option *pgc_option_at(size_t index);

/* The row of that name, or NULL.  "<name>_file" finds a secret's row and sets `is_file`. */
const struct option *pgc_option_find(const char *name, size_t length, bool *is_file);

/* The name that was probably meant, or NULL. */
const char *pgc_option_nearest(const char *name, size_t length);

/*
 * Read `text` as the row's type into `conf`; a text that was there before is freed.  `where` names
 * the place for a complaint: "pgcable.conf:3: poll_ms".
 */
bool pgc_option_set(const struct option *option, struct pgc_conf *conf, const char *text,
    const char *where, struct pgc_err *err) PGC_MUSTCHECK;

/* The same for a secret, read from the file that `path` names. */
bool pgc_option_set_from_file(const struct option *option, struct pgc_conf *conf, const char *path,
    const char *where, struct pgc_err *err) PGC_MUSTCHECK;

/* The value as it would stand in a file; also a secret's. */
void pgc_option_write(
    const struct option *option, const struct pgc_conf *conf, struct pgc_buf *out);

/* What values are right: "a whole number from 1 to 64". */
void pgc_option_write_rule(const struct option *option, struct pgc_buf *out);

/* The text of an OPTION_TEXT. */
char **pgc_option_text(const struct option *option, struct pgc_conf *conf);

#endif
