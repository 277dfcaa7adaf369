/* SPDX-License-Identifier: PostgreSQL */
/*
 * table.h - a hash table from byte strings to pointers.
 *
 * SipHash-1-3 under a random key per table (Aumasson and Bernstein, 2012; reference code in the
 * public domain), so that names chosen by a stranger cannot be made to collide.  Robust to removal
 * while iterating.  One thread at a time.
 */
#ifndef PGCABLE_TABLE_H
#define PGCABLE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/compiler.h"

struct pgc_table;

struct pgc_table *pgc_table_new(void);

/* Calls `free_value` (may be NULL) for each value.  NULL table is fine. */
void pgc_table_free(struct pgc_table *table, void (*free_value)(void *value));

/* The value, or NULL.  `key` is `length` bytes, not necessarily terminated. */
void *pgc_table_get(const struct pgc_table *table, const char *key, size_t length);

/* Copies `key`.  Returns the value that was there before, or NULL.  `value` is not NULL. */
void *pgc_table_put(struct pgc_table *table, const char *key, size_t length, void *value);

/* Returns the value taken out, or NULL. */
void *pgc_table_remove(struct pgc_table *table, const char *key, size_t length);

size_t pgc_table_count(const struct pgc_table *table);

/* Walk: start with *cursor = 0, ends with false; order is arbitrary.  The entry just returned may
 * be removed; adding while walking may show an entry twice or not at all. */
bool pgc_table_next(
    const struct pgc_table *table, size_t *cursor, const char **key, size_t *length, void **value);

uint64_t pgc_siphash13(const uint8_t key[16], const void *bytes, size_t length);

#endif
