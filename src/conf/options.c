/* SPDX-License-Identifier: PostgreSQL */
/*
 * options.c - every setting, once: the tables of options_*.c as one.
 *
 * Parsing, --help-settings, --print-config, reload and the check of the documentation all read it,
 * so a setting that is not in one of the tables does not exist.
 */
#include "pgcable/near.h"

#include "conf_internal.h"

static const struct option *const tables[] = {
    pgc_options_access,
    pgc_options_bus,
    pgc_options_clients,
    pgc_options_daemon,
    pgc_options_database,
    pgc_options_limits,
};

enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

/* Merges the tables, each of which is alphabetical, as far as the row that is asked for. */
const struct option *
pgc_option_at(size_t index)
{
    const struct option *next[TABLES];
    const struct option *row;

    memcpy(next, tables, sizeof(next));
    for (size_t i = 0;; i++) {
        size_t first = 0;

        for (size_t table = 1; table < TABLES; table++) {
            const char *name = next[table]->name;

            if (next[first]->name == NULL ||
                (name != NULL && strcmp(name, next[first]->name) < 0)) {
                first = table;
            }
        }
        row = next[first];
        if (row->name == NULL || i == index) {
            return row->name != NULL ? row : NULL;
        }
        next[first]++;
    }
}

static bool
option_is(const struct option *option, const char *name, size_t length)
{
    return strlen(option->name) == length && memcmp(option->name, name, length) == 0;
}

const struct option *
pgc_option_find(const char *name, size_t length, bool *is_file)
{
    static const char suffix[] = "_file";
    const size_t suffix_length = sizeof(suffix) - 1;
    const struct option *option;

    *is_file = false;
    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        if (option_is(option, name, length)) {
            return option;
        }
    }
    if (length <= suffix_length ||
        memcmp(name + length - suffix_length, suffix, suffix_length) != 0) {
        return NULL;
    }
    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        if (option->secret && option_is(option, name, length - suffix_length)) {
            *is_file = true;
            return option;
        }
    }
    return NULL;
}

const char *
pgc_option_nearest(const char *name, size_t length)
{
    struct pgc_near near = pgc_near_begin(name, length);
    const struct option *option;

    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        pgc_near_try(&near, option->name);
    }
    return near.nearest;
}
