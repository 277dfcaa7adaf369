/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_event.c - rows and facts that are anything but what PostgreSQL writes.
 *
 * A line is one call.  Its first byte says which, the next two which kind, operation and
 * transaction; the rest is the text, with a tab between the new row and the old one, or between a
 * fact's key and its data.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mapping_text[] =
    "{\"kinds\":{\"member\":{\"columns\":{\"id\":\"id\",\"new_notifications_count\":\"n\"}},"
    "\"room\":{\"columns\":{\"id\":\"id\",\"chat_room_name\":\"name\",\"pinned_message_id\":"
    "\"pin\","
    "\"is_embedded\":\"e\"},\"extra\":[\"x\"]},\"participant\":{\"columns\":{\"chat_room_id\":"
    "\"r\","
    "\"community_member_id\":\"m\",\"last_read_at\":\"l\",\"pinned_at\":\"p\"}},"
    "\"message\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"r\",\"community_member_id\":\"m\","
    "\"body\":\"b\",\"created_at\":\"c\",\"chat_thread_id\":\"t\",\"parent_message_id\":\"p\","
    "\"deleted_at\":\"d\"},\"extra\":[\"x\"]},\"thread_participant\":{\"columns\":"
    "{\"chat_thread_id\":\"t\",\"community_member_id\":\"m\",\"last_read_at\":\"l\"}},"
    "\"notification\":{\"columns\":{\"community_member_id\":\"m\",\"read_at\":\"c\"}}}}";

static const char *const kinds[] = {"broadcast", "event", "member", "message", "notification",
    "participant", "room", "thread_participant", "mapping"};
static const char *const facts[] = {
    "count", "last_message", "message", "room", "sender", "stats", "viewer"};

static bool
always(const char *member, void *arg)
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

static void
add_row(struct pgc_builder *builder, uint8_t what, uint8_t xid, const struct texts *texts)
{
    static int64_t id;
    struct pgc_row row = {
        .id = ++id,
        .xid = xid % 3,
        .kind = kinds[what % 9],
        .op = "IUDT"[what / 9 % 4],
        .new_row = {texts->first, strlen(texts->first)},
    };

    if (what % 9 < 2) {
        row.op = 'B';
        row.stream = "s";
    }
    if (texts->second != NULL) {
        row.old_row = (struct pgc_slice){texts->second, strlen(texts->second)};
    }
    if (row.op == 'D') {
        row.old_row = row.new_row;
        row.new_row = (struct pgc_slice){0};
    }
    pgc_builder_add(builder, &row);
}

static void
raise_all(struct pgc_builder *builder, bool ends_tick)
{
    struct pgc_batch *batch = pgc_batch_new(1);
    size_t i;

    pgc_builder_raise(builder, ends_tick, batch);
    for (i = 0; i < batch->count; i++) {
        assert(batch->ops[i].kind != PGC_OP_PUBLISH || batch->ops[i].topic != NULL);
        assert(batch->ops[i].kind != PGC_OP_PUBLISH || batch->ops[i].msg != NULL);
    }
    pgc_batch_unref(batch);
}

static void
do_line(struct pgc_builder *builder, const uint8_t *line, size_t length)
{
    struct pgc_buf needs = {0};
    struct texts texts;

    if (length < 3) {
        raise_all(builder, length == 1);
        return;
    }
    texts = split(line + 3, length - 3);
    if (line[0] % 4 == 0) {
        pgc_builder_needs(builder, line[1] % 2 == 0, &needs);
        pgc_buf_fini(&needs);
    } else if (line[0] % 4 == 1 && texts.second != NULL) {
        pgc_builder_fact(
            builder, facts[line[1] % 7], texts.first, texts.second, strlen(texts.second));
        pgc_builder_answered(builder);
    } else {
        add_row(builder, line[1], line[2], &texts);
    }
    free(texts.first);
    free(texts.second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pgc_mapping *mapping;
    struct pgc_builder_conf conf = {.max_payload_bytes = 2000, .has_viewer = always};
    struct pgc_builder *builder = pgc_builder_new(&conf);

    if (mapping == NULL) {
        mapping = pgc_mapping_parse(mapping_text, strlen(mapping_text), NULL, NULL, NULL);
    }
    pgc_builder_set_mapping(builder, mapping);
    pgc_builder_begin(builder, 1, 1);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t length = end == NULL ? size : (size_t)(end - data);

        do_line(builder, data, length);
        data += length;
        size -= length;
        if (size > 0) {
            data++;
            size--;
        }
    }
    raise_all(builder, true);
    pgc_builder_free(builder);
    return 0;
}
