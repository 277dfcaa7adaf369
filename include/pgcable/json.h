/* SPDX-License-Identifier: PostgreSQL */
/*
 * json.h - JSON read in two ways.
 *
 * 1. Text from a stranger (a client's command, an identifier, a token's claims): strictly checked,
 *    then parsed by json-c, which this header does not show.
 * 2. Text from PostgreSQL, known to be valid: cut into its members as slices of the text, so that
 *    numbers, key order and unicode of stored JSON stay as they are.
 */
#ifndef PGCABLE_JSON_H
#define PGCABLE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/buf.h"
#include "pgcable/err.h"

/* Raw text of one value, borrowed from the document; data NULL = absent. */
struct pgc_slice {
    const char *data;
    size_t length;
};

/* ---- 1. strangers ---- */

struct pgc_json; /* one parsed object */

/*
 * Parse one JSON object.  Refuses what json-c would let through: more than `max_bytes`, depth over
 * 8, anything after the value, a BOM, invalid UTF-8, raw control characters, single quotes, NaN,
 * comments, duplicate keys at any level, U+0000 in a string, and numbers of over 1000 bytes or with
 * an exponent of over 3 digits.  NULL with `err` set (DATA).
 */
struct pgc_json *pgc_json_parse(
    const char *text, size_t length, size_t max_bytes, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_json_free(struct pgc_json *json);

/* A string member: its decoded bytes, borrowed; NULL if absent or no string. */
const char *pgc_json_string(const struct pgc_json *json, const char *key, size_t *length);

/* An id: a JSON integer (of any size, as written) or a string, as text.  False if absent or
 * neither. A number must be an integer without sign tricks: 7 yes, 7.0, 7e0, -0 no. */
bool pgc_json_id(const struct pgc_json *json, const char *key, char *out, size_t size);

/* An integer member within int64; false if absent or something else. */
bool pgc_json_int(const struct pgc_json *json, const char *key, int64_t *out);

bool pgc_json_has(const struct pgc_json *json, const char *key);

/* The raw text of a member, borrowed, whatever it is; data NULL = absent.  It has been checked with
 * the whole, so pgc_json_next() may walk it. */
struct pgc_slice pgc_json_member(const struct pgc_json *json, const char *key);

/* ---- 2. PostgreSQL ---- */

/*
 * Walk the members of a JSON object: *cursor starts NULL.  Gives the key without quotes (decoded
 * into `key`, cut at `key_size`) and the value's raw text.  Returns false at the end, and at once
 * for text that is no object.  Never reads past `length`, whatever the text.
 */
bool pgc_json_next(const char *text, size_t length, const char **cursor, char *key, size_t key_size,
    struct pgc_slice *value);

bool pgc_slice_is_null(struct pgc_slice slice); /* absent or null */
bool pgc_slice_is_true(struct pgc_slice slice);
bool pgc_slice_equal(struct pgc_slice a, struct pgc_slice b); /* same bytes; absent equals null */

/* A string's decoded content, or a number's text, appended to out; false for anything else. */
bool pgc_slice_text(struct pgc_slice slice, struct pgc_buf *out);

#endif
