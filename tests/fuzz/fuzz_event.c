/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_event.c - rows, facts and mappings that are anything but what PostgreSQL writes.
 *
 * A line is one call, and its first byte says which:
 *
 *   aI1{"id":7}[tab{…}]   a row: its kind (one of `kinds`, by letter), operation, transaction, the
 *                         new row, the old one; for a kind without a table the stream is "s"
 *   =b7[tab]{…}           a fact: which (one of `facts`, by letter), its key and its data
 *   ?y  ?n                which facts are needed, at the end of the tick or before
 *   !y  !n                write the events, at the end of the tick or before
 *   ~{"kinds":…}          write the events, then go on with this mapping
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/event.h"

#define CHOICE(list, letter) ((list)[(uint8_t)((letter) - 'a') % (sizeof(list) / sizeof(*(list)))])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mapping_text[] =
    "{\"kinds\":{"
    "\"member\":{\"columns\":{\"id\":\"id\",\"name\":\"name\",\"new_notifications_count\":\"n\"},"
    "\"followed\":true},"
    "\"room\":{\"columns\":{\"id\":\"id\",\"chat_room_name\":\"name\",\"is_embedded\":\"e\","
    "\"pinned_message_id\":\"pin\"},\"extra\":[\"x\"],\"followed\":true},"
    "\"participant\":{\"columns\":{\"chat_room_id\":\"r\",\"community_member_id\":\"m\","
    "\"last_read_at\":\"l\",\"pinned_at\":\"p\"},\"followed\":true},"
    "\"message\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"r\",\"community_member_id\":\"m\","
    "\"body\":\"b\",\"created_at\":\"c\",\"chat_thread_id\":\"t\",\"parent_message_id\":\"p\","
    "\"deleted_at\":\"d\"},\"extra\":[\"x\"]},"
    "\"thread\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"r\"}},"
    "\"thread_participant\":{\"columns\":{\"chat_thread_id\":\"t\",\"community_member_id\":\"m\","
    "\"last_read_at\":\"l\"}},"
    "\"notification\":{\"columns\":{\"community_member_id\":\"m\",\"read_at\":\"c\"}}}}";

static const struct {
    const char *name;
    bool has_table;
} kinds[] = {
    {"member", true},
    {"message", true},
    {"notification", true},
    {"participant", true},
    {"room", true},
    {"thread", true},
    {"thread_participant", true},
    {"broadcast", false},
    {"event", false},
    {"reload", false},
    {"recheck", false},
    {"revoke_member", false},
    {"revoke_token", false},
    {"unheard_of", false},
};

static const char *const facts[] = {
    "count", "last_message", "message", "room", "sender", "stats", "viewer"};

struct tick {
    struct pgc_builder *builder;
    struct pgc_mapping *mapping; /* the newest one */
    int64_t row;
};

static bool
is_viewer(const char *member, void *arg)
{
    (void)arg;
    return strlen(member) % 2 == 0;
}

/* Two texts in memory of their own, so that a read beyond either of them is seen. */
struct texts {
    char *first;
    char *second; /* NULL if there was no tab */
};

static struct texts
split(const uint8_t *data, size_t size)
{
    const uint8_t *tab = size == 0 ? NULL : memchr(data, '\t', size);
    size_t first = tab == NULL ? size : (size_t)(tab - data);
    struct texts texts = {.first = strndup((const char *)data, first)};

    if (tab != NULL) {
        texts.second = strndup((const char *)tab + 1, size - first - 1);
    }
    return texts;
}

static struct pgc_slice
slice(const char *text)
{
    return text == NULL ? (struct pgc_slice){0} : (struct pgc_slice){text, strlen(text)};
}

static void
add_row(struct tick *tick, const uint8_t *line, const struct texts *texts)
{
    bool has_table = CHOICE(kinds, line[0]).has_table;
    bool is_delete = has_table && line[1] == 'D';
    struct pgc_row row = {
        .id = ++tick->row,
        .xid = line[2] % 3,
        .kind = CHOICE(kinds, line[0]).name,
        .op = has_table && strchr("IUDT", line[1]) != NULL ? (char)line[1] : 'U',
        .new_row = is_delete ? (struct pgc_slice){0} : slice(texts->first),
        .old_row = slice(is_delete ? texts->first : texts->second),
    };

    if (!has_table) {
        row.op = 'B';
        row.stream = "s";
    }
    pgc_builder_add(tick->builder, &row);
}

static void
raise_all(struct tick *tick, bool ends_tick)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    pgc_builder_raise(tick->builder, ends_tick, batch);
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        assert(op->kind != PGC_OP_PUBLISH || (op->topic != NULL && op->msg != NULL));
    }
    pgc_batch_unref(batch);
}

static void
add_fact(struct tick *tick, const uint8_t *line, const struct texts *texts)
{
    if (texts->second != NULL) {
        pgc_builder_fact(tick->builder, CHOICE(facts, line[0]), texts->first, texts->second,
            strlen(texts->second));
        pgc_builder_answered(tick->builder);
    }
}

static void
ask(struct tick *tick, bool ends_tick)
{
    struct pgc_buf needs = {0};

    (void)pgc_builder_needs(tick->builder, ends_tick, &needs);
    pgc_buf_fini(&needs);
}

static void
read_problem(const char *text, void *arg)
{
    size_t *bytes = arg;

    *bytes += strlen(text);
}

static void
change_mapping(struct tick *tick, const uint8_t *text, size_t length)
{
    size_t bytes = 0;
    struct pgc_mapping *mapping =
        pgc_mapping_parse((const char *)text, length, read_problem, &bytes, NULL);

    if (mapping != NULL) {
        raise_all(tick, true);
        pgc_builder_set_mapping(tick->builder, mapping);
        pgc_mapping_free(tick->mapping);
        tick->mapping = mapping;
    }
}

static void
do_line(struct tick *tick, const uint8_t *line, size_t length)
{
    struct texts texts;

    if (length > 0 && line[0] == '~') {
        change_mapping(tick, line + 1, length - 1);
    } else if (length == 2 && line[0] == '?') {
        ask(tick, line[1] == 'y');
    } else if (length == 2 && line[0] == '!') {
        raise_all(tick, line[1] == 'y');
    } else if (length >= 2 && line[0] == '=') {
        texts = split(line + 2, length - 2);
        add_fact(tick, line + 1, &texts);
        free(texts.first);
        free(texts.second);
    } else if (length >= 3) {
        texts = split(line + 3, length - 3);
        add_row(tick, line, &texts);
        free(texts.first);
        free(texts.second);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pgc_builder_conf conf = {
        .envelope = size % 2 == 0 ? PGC_ENVELOPE_FLAT : PGC_ENVELOPE_NESTED,
        .max_payload_bytes = 2000,
        .has_viewer = is_viewer,
    };
    struct tick tick = {
        .builder = pgc_builder_new(&conf),
        .mapping = pgc_mapping_parse(mapping_text, strlen(mapping_text), NULL, NULL, NULL),
    };

    pgc_builder_set_mapping(tick.builder, tick.mapping);
    pgc_builder_begin(tick.builder, 1, 1);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);

        do_line(&tick, data, length);
        data += end == NULL ? length : length + 1;
        size -= end == NULL ? length : length + 1;
    }
    raise_all(&tick, true);
    pgc_builder_free(tick.builder);
    pgc_mapping_free(tick.mapping);
    return 0;
}
