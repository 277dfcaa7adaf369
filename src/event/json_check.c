/* SPDX-License-Identifier: PostgreSQL */
/*
 * json_check.c - the strict look at a stranger's JSON before json-c sees it.
 *
 * RFC 8259 without recursion: a stack of at most JSON_DEPTH_MAX open brackets.  Refused here: a
 * depth over the limit, a BOM, trailing text, invalid UTF-8, raw control characters, \u0000, half
 * surrogate pairs, single quotes, comments, NaN, leading zeros, numbers of over 1000 bytes or with
 * an exponent of over 3 digits, missing or trailing commas.
 */
#include <ctype.h>

#include "json_internal.h"

/* PostgreSQL's numeric holds any number within these, but not all that JSON can spell. */
enum { NUMBER_BYTES_MAX = 1000, EXPONENT_DIGITS_MAX = 3 };

struct json_check {
    const char *text;
    const char *at;
    const char *end;
    size_t members;
    unsigned depth;
    char open[JSON_DEPTH_MAX]; /* '{' or '[' */
    struct pgc_err *err;
};

static bool
check_fail(const struct json_check *check, const char *why)
{
    pgc_err_set(check->err, PGC_ERR_DATA, "read JSON: %s at byte %zu", why,
        (size_t)(check->at - check->text));
    return pgc_err_hint(check->err, "send one JSON object as RFC 8259 has it");
}

static void
check_space(struct json_check *check)
{
    while (check->at < check->end &&
           (*check->at == ' ' || *check->at == '\t' || *check->at == '\n' || *check->at == '\r')) {
        check->at++;
    }
}

/* Step over `c` if it is next. */
static bool
check_take(struct json_check *check, char c)
{
    if (check->at == check->end || *check->at != c) {
        return false;
    }
    check->at++;
    return true;
}

/* Bytes of the well-formed UTF-8 sequence at `p`, 1 to 4; 0 if there is none. */
static size_t
check_utf8(const unsigned char *p, size_t left)
{
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    size_t i;

    if (length == 1) {
        return 1;
    }
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < length) {
        return 0;
    }
    for (i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Overlong forms, surrogates, and what lies above U+10FFFF. */
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return length;
}

/* The code unit behind "\u"; -1 if there is none. */
static int32_t
check_hex(struct json_check *check)
{
    int32_t unit = pgc_json_hex(check->at, check->end);

    if (unit >= 0) {
        check->at += 4;
    }
    return unit;
}

static bool
check_unicode_escape(struct json_check *check)
{
    int32_t code = check_hex(check);

    if (code < 0) {
        return check_fail(check, "\\u without four hex digits");
    }
    if (code == 0) {
        return check_fail(check, "a NUL character in a string");
    }
    if (code < 0xd800 || code > 0xdfff) {
        return true;
    }
    if (code > 0xdbff || !check_take(check, '\\') || !check_take(check, 'u')) {
        return check_fail(check, "half a surrogate pair");
    }
    code = check_hex(check);
    return (code >= 0xdc00 && code <= 0xdfff) || check_fail(check, "half a surrogate pair");
}

static bool
check_escape(struct json_check *check)
{
    if (check->at == check->end) {
        return check_fail(check, "the text ends inside a string");
    }
    if (check_take(check, 'u')) {
        return check_unicode_escape(check);
    }
    if (*check->at == '\0' || strchr("\"\\/bfnrt", *check->at) == NULL) {
        return check_fail(check, "an escape that JSON does not have");
    }
    check->at++;
    return true;
}

/* The rest of a string whose opening quote has been taken. */
static bool
check_string(struct json_check *check)
{
    while (check->at < check->end) {
        unsigned char c = (unsigned char)*check->at;
        size_t length;

        if (check_take(check, '"')) {
            return true;
        }
        if (check_take(check, '\\')) {
            if (!check_escape(check)) {
                return false;
            }
            continue;
        }
        if (c < 0x20) {
            return check_fail(check, "a raw control character in a string");
        }
        length = check_utf8((const unsigned char *)check->at, (size_t)(check->end - check->at));
        if (length == 0) {
            return check_fail(check, "bytes that are no UTF-8");
        }
        check->at += length;
    }
    return check_fail(check, "the text ends inside a string");
}

static bool
check_digits(struct json_check *check)
{
    const char *start = check->at;

    while (check->at < check->end && isdigit((unsigned char)*check->at)) {
        check->at++;
    }
    return check->at > start;
}

static bool
check_exponent(struct json_check *check)
{
    const char *digits;

    if (!check_take(check, '+')) {
        check_take(check, '-');
    }
    digits = check->at;
    if (!check_digits(check)) {
        return check_fail(check, "a number without digits in its exponent");
    }
    return check->at - digits <= EXPONENT_DIGITS_MAX || check_fail(check, "a number out of range");
}

static bool
check_number(struct json_check *check)
{
    const char *start = check->at;

    check_take(check, '-');
    if (!check_take(check, '0') && !check_digits(check)) {
        return check_fail(check, "no value JSON knows");
    }
    if (check_take(check, '.') && !check_digits(check)) {
        return check_fail(check, "a number without digits behind its point");
    }
    if ((check_take(check, 'e') || check_take(check, 'E')) && !check_exponent(check)) {
        return false;
    }
    return check->at - start <= NUMBER_BYTES_MAX || check_fail(check, "a number out of range");
}

static bool
check_word(struct json_check *check, const char *word)
{
    size_t length = strlen(word);

    if ((size_t)(check->end - check->at) < length || memcmp(check->at, word, length) != 0) {
        return false;
    }
    check->at += length;
    return true;
}

static bool
check_scalar(struct json_check *check)
{
    if (check_take(check, '"')) {
        return check_string(check);
    }
    return check_word(check, "true") || check_word(check, "false") || check_word(check, "null") ||
           check_number(check);
}

/* A member's name and its colon. */
static bool
check_key(struct json_check *check)
{
    check_space(check);
    if (!check_take(check, '"')) {
        return check_fail(check, "no member name in double quotes");
    }
    if (!check_string(check)) {
        return false;
    }
    check->members++;
    check_space(check);
    return check_take(check, ':') || check_fail(check, "no colon after a member name");
}

static char
check_closing(const struct json_check *check)
{
    return check->open[check->depth - 1] == '{' ? '}' : ']';
}

/* A value's beginning: a whole scalar, or an opening bracket with what must follow it.  `more` says
 * that another value has to come before any comma. */
static bool
check_begin(struct json_check *check, bool *more)
{
    char bracket;

    *more = false;
    check_space(check);
    if (check->at == check->end) {
        return check_fail(check, "the text ends where a value should be");
    }
    bracket = *check->at;
    if (bracket != '{' && bracket != '[') {
        return check_scalar(check);
    }
    if (check->depth == JSON_DEPTH_MAX) {
        return check_fail(check, "nested deeper than 8 levels");
    }
    check->at++;
    check->open[check->depth++] = bracket;
    check_space(check);
    if (check_take(check, check_closing(check))) {
        check->depth--;
        return true;
    }
    *more = true;
    return bracket == '[' || check_key(check);
}

/* Behind a value: closing brackets, then a comma with what must follow it, or the end. */
static bool
check_after(struct json_check *check, bool *more)
{
    *more = false;
    while (check->depth > 0) {
        check_space(check);
        if (check_take(check, ',')) {
            *more = true;
            return check->open[check->depth - 1] == '[' || check_key(check);
        }
        if (!check_take(check, check_closing(check))) {
            return check_fail(check, "neither a comma nor the closing bracket after a value");
        }
        check->depth--;
    }
    return true;
}

bool
pgc_json_check(const char *text, size_t length, struct json_shape *shape, struct pgc_err *err)
{
    struct json_check check = {.text = text, .at = text, .end = text + length, .err = err};
    bool more = true;

    check_space(&check);
    shape->start = check.at;
    if (check.at == check.end || *check.at != '{') {
        return check_fail(&check, "no object");
    }
    while (more) {
        if (!check_begin(&check, &more)) {
            return false;
        }
        if (!more && !check_after(&check, &more)) {
            return false;
        }
    }
    shape->length = (size_t)(check.at - shape->start);
    shape->members = check.members;
    check_space(&check);
    return check.at == check.end || check_fail(&check, "something after the object");
}
