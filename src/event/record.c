/* SPDX-License-Identifier: PostgreSQL */
/* record.c - rows and facts read into canonical fields. */
#include "record.h"

#include <ctype.h>

/* Longer than any column's name can be (63 bytes, unless PostgreSQL was built otherwise). */
enum { KEY_BYTES = 256 };

struct event_record *
pgc_record_from_row(struct event_arena *arena, const struct event_map *map, struct pgc_slice text)
{
    struct event_record *record = pgc_arena_zalloc(arena, sizeof(*record));
    const struct event_use *use;
    const char *cursor = NULL;
    char column[KEY_BYTES];
    struct pgc_slice value;

    record->map = map;
    if (map->extra_count > 0) {
        record->extra = pgc_arena_zalloc(arena, map->extra_count * sizeof(*record->extra));
    }
    while (pgc_json_next(text.data, text.length, &cursor, column, sizeof(column), &value)) {
        use = pgc_table_get(map->uses, column, strlen(column));
        for (; use != NULL; use = use->next) {
            if (use->field == FIELD_COUNT) {
                record->extra[use->extra] = value;
            } else {
                record->field[use->field] = value;
            }
        }
    }
    return record;
}

struct event_record *
pgc_record_from_fact(struct event_arena *arena, struct pgc_slice text)
{
    struct event_record *record = pgc_arena_zalloc(arena, sizeof(*record));
    const char *cursor = NULL;
    char name[KEY_BYTES];
    struct pgc_slice value;
    enum event_field field;

    while (pgc_json_next(text.data, text.length, &cursor, name, sizeof(name), &value)) {
        if (pgc_field_find(name, &field)) {
            record->field[field] = value;
        }
    }
    return record;
}

struct pgc_slice
pgc_record_get(const struct event_record *record, enum event_field field)
{
    return record == NULL ? (struct pgc_slice){0} : record->field[field];
}

struct pgc_slice
pgc_record_key(struct event_arena *arena, const struct event_record *record, enum event_field field)
{
    struct pgc_slice raw = pgc_record_get(record, field);
    struct pgc_buf decoded = {0};
    struct pgc_slice key = {0};

    if (raw.data == NULL) {
        return key;
    }
    if (raw.data[0] != '"') {
        return raw.data[0] == '-' || isdigit((unsigned char)raw.data[0]) ? raw : key;
    }
    if (memchr(raw.data, '\\', raw.length) == NULL) {
        return (struct pgc_slice){.data = raw.data + 1, .length = raw.length - 2};
    }
    if (pgc_slice_text(raw, &decoded)) {
        key = pgc_arena_copy(arena, decoded.data, decoded.length);
    }
    pgc_buf_fini(&decoded);
    return key;
}

/* When something happened is a time or, in other applications, a boolean. */
bool
pgc_record_has_happened(const struct event_record *record, enum event_field field)
{
    static const char no[] = "false";
    struct pgc_slice value = pgc_record_get(record, field);

    return !pgc_slice_is_null(value) &&
           !pgc_slice_equal(value, (struct pgc_slice){.data = no, .length = sizeof(no) - 1});
}

bool
pgc_record_is_visible(const struct event_record *record)
{
    return record != NULL && !pgc_record_has_happened(record, FIELD_DELETED_AT);
}

/* A flag may be a boolean, a number or a word. */
bool
pgc_record_is_set(const struct event_record *record, enum event_field field)
{
    static const char *const yes[] = {"true", "1", "\"true\"", "\"t\"", "\"1\"", "\"yes\""};
    struct pgc_slice value = pgc_record_get(record, field);
    size_t i;

    for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (pgc_slice_equal(value, (struct pgc_slice){.data = yes[i], .length = strlen(yes[i])})) {
            return true;
        }
    }
    return false;
}
