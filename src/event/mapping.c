/* SPDX-License-Identifier: PostgreSQL */
/*
 * mapping.c - what pgcable.mapping_info() says, as a table of columns per kind.
 *
 *   {"omitted": "0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10",
 *    "kinds": {"message": {"table": "public.posts",
 *                          "columns": {"id": "id", "chat_room_id": "room_id"},
 *                          "extra": ["flagged"], "followed": true,
 *                          "problems": ["there is no column \"x\""]}}}
 *
 * Kinds and canonical names that we do not know belong to a newer schema and are passed over.
 */
#include <errno.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "pgcable/mem.h"

#include "record.h"

struct pgc_mapping {
    struct event_map kinds[KIND_COUNT];
    char *omitted; /* NULL: values of any size are read */
};

/* Where the database's own complaints go. */
struct mapping_reader {
    void (*problem)(const char *text, void *arg);
    void *arg;
};

static void
mapping_use(struct event_map *map, const char *column, enum event_field field, size_t extra)
{
    struct event_use *use = pgc_xcalloc(1, sizeof(*use));
    size_t length = strlen(column);

    use->field = field;
    use->extra = extra;
    use->next = pgc_table_put(map->uses, column, length, use);
}

static void
mapping_read_columns(struct event_map *map, struct json_object *columns)
{
    if (!json_object_is_type(columns, json_type_object)) {
        return;
    }
    json_object_object_foreach(columns, name, column)
    {
        enum event_field field;

        if (json_object_is_type(column, json_type_string) && pgc_field_find(name, &field)) {
            mapping_use(map, json_object_get_string(column), field, 0);
            map->has[field] = true;
        }
    }
}

static size_t
mapping_array_length(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

static void
mapping_read_extras(struct event_map *map, struct json_object *extras)
{
    size_t count = mapping_array_length(extras);
    size_t i;

    map->extras = pgc_xcalloc(count, sizeof(*map->extras));
    for (i = 0; i < count; i++) {
        struct json_object *column = json_object_array_get_idx(extras, i);

        if (json_object_is_type(column, json_type_string)) {
            map->extras[map->extra_count] = pgc_xstrdup(json_object_get_string(column));
            mapping_use(map, map->extras[map->extra_count], FIELD_COUNT, map->extra_count);
            map->extra_count++;
        }
    }
}

static void
mapping_report(
    const struct mapping_reader *reader, enum event_kind kind, struct json_object *problems)
{
    size_t count = mapping_array_length(problems);
    size_t i;

    for (i = 0; i < count && reader->problem != NULL; i++) {
        char *text = pgc_xasprintf("%s: %s", pgc_kind_name(kind),
            json_object_get_string(json_object_array_get_idx(problems, i)));

        reader->problem(text, reader->arg);
        free(text);
    }
}

static void
mapping_read_kind(struct pgc_mapping *mapping, const struct mapping_reader *reader,
    const char *name, struct json_object *description)
{
    enum event_kind kind;
    struct event_map *map;

    if (!pgc_kind_find(name, &kind) || !json_object_is_type(description, json_type_object)) {
        return;
    }
    map = &mapping->kinds[kind];
    map->attached = true;
    map->is_followed = json_object_get_boolean(json_object_object_get(description, "followed"));
    map->uses = pgc_table_new();
    mapping_read_columns(map, json_object_object_get(description, "columns"));
    mapping_read_extras(map, json_object_object_get(description, "extra"));
    mapping_report(reader, kind, json_object_object_get(description, "problems"));
}

static struct pgc_mapping *
mapping_read(struct json_object *kinds, const struct mapping_reader *reader)
{
    struct pgc_mapping *mapping = pgc_xcalloc(1, sizeof(*mapping));

    json_object_object_foreach(kinds, name, description)
    {
        mapping_read_kind(mapping, reader, name, description);
    }
    return mapping;
}

static struct json_object *
mapping_read_text(const char *text)
{
    struct json_object *root;

    errno = 0;
    root = json_tokener_parse(text);
    if (errno == ENOMEM) { /* it does not always stop at that */
        pgc_mem_none("json-c");
    }
    return root;
}

struct pgc_mapping *
pgc_mapping_parse(const char *json, size_t length, void (*problem)(const char *text, void *arg),
    void *arg, struct pgc_err *err)
{
    struct mapping_reader reader = {.problem = problem, .arg = arg};
    struct pgc_mapping *mapping = NULL;
    char *text = pgc_xstrndup(json, length);
    struct json_object *root = mapping_read_text(text);
    struct json_object *kinds = NULL;
    struct json_object *omitted = NULL;

    if (json_object_is_type(root, json_type_object)) {
        kinds = json_object_object_get(root, "kinds");
        omitted = json_object_object_get(root, "omitted");
    }
    if (json_object_is_type(kinds, json_type_object)) {
        mapping = mapping_read(kinds, &reader);
        if (json_object_is_type(omitted, json_type_string)) {
            mapping->omitted = pgc_xstrdup(json_object_get_string(omitted));
        }
    } else {
        pgc_err_set(err, PGC_ERR_SCHEMA,
            "read the mapping: pgcable.mapping_info() gave no object with \"kinds\"");
        pgc_err_hint(err, "bring schema pgcable to this program's version: pgcable migrate");
    }
    json_object_put(root);
    free(text);
    return mapping;
}

static void
mapping_free_uses(void *value)
{
    struct event_use *use = value;

    while (use != NULL) {
        struct event_use *next = use->next;

        free(use);
        use = next;
    }
}

void
pgc_mapping_free(struct pgc_mapping *mapping)
{
    size_t kind;
    size_t i;

    if (mapping == NULL) {
        return;
    }
    for (kind = 0; kind < KIND_COUNT; kind++) {
        struct event_map *map = &mapping->kinds[kind];

        for (i = 0; i < map->extra_count; i++) {
            free(map->extras[i]);
        }
        free(map->extras);
        pgc_table_free(map->uses, mapping_free_uses);
    }
    free(mapping->omitted);
    free(mapping);
}

const struct event_map *
pgc_mapping_kind(const struct pgc_mapping *mapping, enum event_kind kind)
{
    return &mapping->kinds[kind];
}

bool
pgc_mapping_omits(const struct pgc_mapping *mapping, struct pgc_slice text)
{
    return mapping != NULL && mapping->omitted != NULL && text.data != NULL &&
           memmem(text.data, text.length, mapping->omitted, strlen(mapping->omitted)) != NULL;
}
