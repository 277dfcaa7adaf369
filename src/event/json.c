/* SPDX-License-Identifier: PostgreSQL */
/*
 * json.c - a stranger's JSON object, checked, then parsed by json-c.
 *
 * json-c decodes the strings.  Numbers are read from the text itself: json-c would saturate an id
 * beyond 64 bits and forget whether 7 was written 7.0.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <json-c/json.h>
#include <json-c/json_visit.h>

#include "pgcable/mem.h"

#include "json_internal.h"

/* What the check lets through, and what is in the innermost.  By itself json-c makes room for
 * 32 levels, which is more than malloc() has at hand. */
enum { TOKENER_DEPTH = JSON_DEPTH_MAX + 1 };

struct pgc_json {
    struct json_object *root;
    char *text; /* the object alone, without space around it */
    size_t length;
};

static int
json_count_members(struct json_object *object, int flags, struct json_object *parent PGC_UNUSED,
    const char *key PGC_UNUSED, size_t *index PGC_UNUSED, void *arg)
{
    size_t *members = arg;

    if (flags != JSON_C_VISIT_SECOND && json_object_is_type(object, json_type_object)) {
        *members += (size_t)json_object_object_length(object);
    }
    return JSON_C_VISIT_RETURN_CONTINUE;
}

/* json-c lets the later of two equal keys win, so fewer members than written means duplicates. */
static bool
json_has_duplicates(struct json_object *root, size_t written)
{
    size_t members = 0;

    return json_c_visit(root, 0, json_count_members, &members) != 0 || members != written;
}

static struct json_object *
json_read(const struct json_shape *shape, struct pgc_err *err)
{
    struct json_tokener *tokener = json_tokener_new_ex(TOKENER_DEPTH);
    struct json_object *root = NULL;

    if (tokener == NULL) {
        pgc_mem_none("json-c");
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    errno = 0;
    root = json_tokener_parse_ex(tokener, shape->start, (int)shape->length);
    if (errno == ENOMEM) { /* it does not always stop at that */
        pgc_mem_none("json-c");
    }
    if (root == NULL) {
        pgc_err_set(err, PGC_ERR_DATA, "read JSON: %s",
            json_tokener_error_desc(json_tokener_get_error(tokener)));
    }
    json_tokener_free(tokener);
    return root;
}

struct pgc_json *
pgc_json_parse(const char *text, size_t length, size_t max_bytes, struct pgc_err *err)
{
    struct json_shape shape;
    struct json_object *root;
    struct pgc_json *json;

    if (length > max_bytes || length > INT_MAX) {
        pgc_err_set(err, PGC_ERR_DATA, "read JSON: %zu bytes are more than the limit of %zu",
            length, max_bytes);
        return NULL;
    }
    if (!pgc_json_check(text, length, &shape, err)) {
        return NULL;
    }
    root = json_read(&shape, err);
    if (root == NULL) {
        return NULL;
    }
    if (json_has_duplicates(root, shape.members)) {
        json_object_put(root);
        pgc_err_set(err, PGC_ERR_DATA, "read JSON: an object has the same key twice");
        pgc_err_hint(err, "send each key once");
        return NULL;
    }
    json = pgc_xcalloc(1, sizeof(*json));
    json->root = root;
    json->text = pgc_xstrndup(shape.start, shape.length);
    json->length = shape.length;
    return json;
}

void
pgc_json_free(struct pgc_json *json)
{
    if (json == NULL) {
        return;
    }
    json_object_put(json->root);
    pgc_wipe(json->text, json->length); /* it may have held a token */
    free(json->text);
    free(json);
}

const char *
pgc_json_string(const struct pgc_json *json, const char *key, size_t *length)
{
    struct json_object *value;

    if (!json_object_object_get_ex(json->root, key, &value) ||
        !json_object_is_type(value, json_type_string)) {
        return NULL;
    }
    if (length != NULL) {
        *length = (size_t)json_object_get_string_len(value);
    }
    return json_object_get_string(value);
}

struct pgc_slice
pgc_json_member(const struct pgc_json *json, const char *key)
{
    struct pgc_slice value;
    const char *cursor = NULL;
    char name[64];

    while (pgc_json_next(json->text, json->length, &cursor, name, sizeof(name), &value)) {
        if (strcmp(name, key) == 0) {
            return value;
        }
    }
    return (struct pgc_slice){0};
}

/* The text of an integer member; false if it is absent or anything else. */
static bool
json_integer(const struct pgc_json *json, const char *key, struct pgc_slice *value)
{
    *value = pgc_json_member(json, key);
    return value->data != NULL && pgc_json_is_integer(value->data, value->length);
}

bool
pgc_json_id(const struct pgc_json *json, const char *key, char *out, size_t size)
{
    struct pgc_slice value;

    value.data = pgc_json_string(json, key, &value.length);
    if (value.data == NULL && !json_integer(json, key, &value)) {
        return false;
    }
    if (value.length >= size) {
        return false;
    }
    memcpy(out, value.data, value.length);
    out[value.length] = '\0';
    return true;
}

bool
pgc_json_int(const struct pgc_json *json, const char *key, int64_t *out)
{
    struct pgc_slice value;
    long long number;

    if (!json_integer(json, key, &value)) {
        return false;
    }
    errno = 0;
    number = strtoll(value.data, NULL, 10); /* ends at the comma or brace behind the digits */
    if (errno != 0) {
        return false;
    }
    *out = number;
    return true;
}

bool
pgc_json_has(const struct pgc_json *json, const char *key)
{
    return json_object_object_get_ex(json->root, key, NULL);
}
