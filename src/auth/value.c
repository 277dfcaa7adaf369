/* SPDX-License-Identifier: PostgreSQL */
#include <math.h>
#include <stdlib.h>

#include "auth_internal.h"

/* Longer than any number that makes sense, and than any key we look for. */
enum { VALUE_MAX_NUMBER = 63, VALUE_MAX_KEY = 255 };

/* 9999-12-31: beyond it is no date but an attempt. */
static const double value_max_seconds = 253402300799.0;

struct pgc_slice
pgc_value_member(const char *text, size_t length, const char *key)
{
    const char *cursor = NULL;
    char name[VALUE_MAX_KEY + 1];
    struct pgc_slice value;

    while (pgc_json_next(text, length, &cursor, name, sizeof(name), &value)) {
        if (strcmp(name, key) == 0) {
            return value;
        }
    }
    return (struct pgc_slice){.data = NULL};
}

static bool
value_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the value that begins at `start` ends: at a comma or bracket that is not inside it. */
static size_t
value_end(struct pgc_slice array, size_t start)
{
    unsigned depth = 0;
    bool in_string = false;
    size_t i;

    for (i = start; i < array.length; i++) {
        char c = array.data[i];

        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (depth == 0 && (c == ',' || c == ']')) {
            break;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return i < array.length ? i : array.length;
}

bool
pgc_value_next(struct pgc_slice array, size_t *cursor, struct pgc_slice *element)
{
    size_t start = *cursor;
    size_t end;

    if (start == 0) {
        if (array.length < 2 || array.data[0] != '[') {
            return false;
        }
        start = 1;
    }
    while (
        start < array.length && (value_is_space(array.data[start]) || array.data[start] == ',')) {
        start++;
    }
    end = value_end(array, start);
    *cursor = end;
    while (end > start && value_is_space(array.data[end - 1])) {
        end--;
    }
    *element = (struct pgc_slice){.data = array.data + start, .length = end - start};
    return end > start;
}

bool
pgc_value_seconds(struct pgc_slice value, int64_t *out)
{
    char text[VALUE_MAX_NUMBER + 1];
    double seconds;

    if (value.data == NULL || value.length == 0 || value.length > VALUE_MAX_NUMBER ||
        strchr("-0123456789", value.data[0]) == NULL) {
        return false;
    }
    memcpy(text, value.data, value.length);
    text[value.length] = '\0';
    seconds = floor(strtod(text, NULL));
    if (!(fabs(seconds) <= value_max_seconds)) {
        return false;
    }
    *out = (int64_t)seconds;
    return true;
}

bool
pgc_value_is_string(struct pgc_slice value, const char *text)
{
    struct pgc_buf decoded = {0};
    bool same;

    if (value.data == NULL || value.length < 2 || value.data[0] != '"') {
        return false;
    }
    same = pgc_slice_text(value, &decoded) && strcmp(pgc_buf_str(&decoded), text) == 0;
    pgc_buf_fini(&decoded);
    return same;
}
