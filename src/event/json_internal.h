/* SPDX-License-Identifier: PostgreSQL */
/* json_internal.h - what json.c, json_check.c and slice.c share. */
#ifndef PGCABLE_JSON_INTERNAL_H
#define PGCABLE_JSON_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"
#include "pgcable/json.h"

enum { JSON_DEPTH_MAX = 8 }; /* open brackets */

/* What the check found out about a text that passed it. */
struct json_shape {
    const char *start; /* the '{' */
    size_t length;     /* up to and with its '}' */
    size_t members;    /* of all objects at all levels, as written */
};

/* Is `text` exactly one JSON object by RFC 8259 and by the bounds of pgc_json_parse(), duplicate
 * keys apart?  False with `err` set. */
bool pgc_json_check(
    const char *text, size_t length, struct json_shape *shape, struct pgc_err *err) PGC_MUSTCHECK;

/* The code unit in the four hex digits at `p`; -1 if they are not there. */
int32_t pgc_json_hex(const char *p, const char *end);

/* Decode the inside of a JSON string (no quotes) and append it. */
void pgc_json_decode(const char *inside, size_t length, struct pgc_buf *out);

/* Is that 0 or an integer without leading zero, fraction or exponent? */
bool pgc_json_is_integer(const char *text, size_t length);

#endif
