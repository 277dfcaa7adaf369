/* SPDX-License-Identifier: PostgreSQL */
/*
 * payload.c - an event's JSON, member by member.
 *
 * json-c says when it finds no memory, or leaves out what it found none for: an event is whole or
 * the process ends.
 */
#include "payload.h"

#include <errno.h>

#include <json-c/json.h>

#include "pgcable/mem.h"

enum { TO_STRING = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE };

/* ---- members of an object ---- */

/* What json-c made, which is there. */
static struct json_object *
payload_made(struct json_object *value)
{
    if (value == NULL) {
        pgc_mem_none("json-c");
    }
    return value;
}

struct json_object *
pgc_payload_object(void)
{
    return payload_made(json_object_new_object());
}

static void
payload_put(struct json_object *object, const char *name, struct json_object *value)
{
    if (json_object_object_add_ex(object, name, value,
            JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_ADD_CONSTANT_KEY) != 0) {
        pgc_mem_none("json-c");
    }
}

static struct pgc_slice
payload_text(struct json_object *object)
{
    struct pgc_slice text;

    errno = 0;
    text.data = json_object_to_json_string_length(object, TO_STRING, &text.length);
    if (text.data == NULL || errno == ENOMEM) {
        pgc_mem_none("json-c");
    }
    return text;
}

void
pgc_payload_add_object(struct json_object *object, const char *name, struct json_object *child)
{
    payload_put(object, name, child);
}

void
pgc_payload_add_null(struct json_object *object, const char *name)
{
    payload_put(object, name, NULL);
}

/* json-c's way to let a value write itself: the stored bytes, whatever they are. */
static int
payload_write_raw(
    struct json_object *value, struct printbuf *out, int level PGC_UNUSED, int flags PGC_UNUSED)
{
    const struct pgc_slice *raw = json_object_get_userdata(value);

    return printbuf_memappend(out, raw->data, (int)raw->length);
}

static struct json_object *
payload_raw(struct pgc_builder *builder, struct pgc_slice raw)
{
    struct pgc_slice *kept = pgc_arena_alloc(&builder->arena, sizeof(*kept));
    /* the smallest there is */
    struct json_object *value = payload_made(json_object_new_boolean(false));

    *kept = raw;
    json_object_set_serializer(value, payload_write_raw, kept, NULL);
    return value;
}

void
pgc_payload_add_raw(struct pgc_builder *builder, struct json_object *object, const char *name,
    struct pgc_slice value)
{
    payload_put(object, name, pgc_slice_is_null(value) ? NULL : payload_raw(builder, value));
}

void
pgc_payload_add_or(struct pgc_builder *builder, struct json_object *object, const char *name,
    struct pgc_slice value, const char *otherwise)
{
    if (pgc_slice_is_null(value)) {
        value = (struct pgc_slice){.data = otherwise, .length = strlen(otherwise)};
    }
    pgc_payload_add_raw(builder, object, name, value);
}

void
pgc_payload_add_string(struct json_object *object, const char *name, struct pgc_slice text)
{
    payload_put(
        object, name, payload_made(json_object_new_string_len(text.data, (int)text.length)));
}

/* A column that holds no time (a number, infinity) passes as it is stored. */
void
pgc_payload_add_time(struct pgc_builder *builder, struct json_object *object, const char *name,
    struct pgc_slice value)
{
    char utc[32];

    if (value.data != NULL && value.length > 2 && value.data[0] == '"' &&
        pgc_time_utc(value.data + 1, value.length - 2, utc)) {
        payload_put(object, name, payload_made(json_object_new_string(utc)));
    } else {
        pgc_payload_add_raw(builder, object, name, value);
    }
}

void
pgc_payload_add_field(struct pgc_builder *builder, struct json_object *object,
    const struct event_record *record, enum event_field field)
{
    pgc_payload_add_raw(builder, object, pgc_field_name(field), pgc_record_get(record, field));
}

static void
payload_add_extra(struct pgc_builder *builder, struct json_object *object, const char *name,
    struct pgc_slice value)
{
    struct json_object *raw;

    if (json_object_object_get_ex(object, name, NULL)) {
        return;
    }
    raw = pgc_slice_is_null(value) ? NULL : payload_raw(builder, value);
    if (json_object_object_add(object, name, raw) != 0) {
        pgc_mem_none("json-c");
    }
}

void
pgc_payload_add_extras(
    struct pgc_builder *builder, struct json_object *object, const struct event_record *record)
{
    struct pgc_slice fact = pgc_record_get(record, FIELD_EXTRA);
    const char *cursor = NULL;
    struct pgc_slice value;
    char name[256];
    size_t i;

    if (record != NULL && record->map != NULL) {
        for (i = 0; i < record->map->extra_count; i++) {
            payload_add_extra(builder, object, record->map->extras[i], record->extra[i]);
        }
    }
    while (fact.data != NULL &&
           pgc_json_next(fact.data, fact.length, &cursor, name, sizeof(name), &value)) {
        payload_add_extra(builder, object, name, value);
    }
}

/* ---- one event ---- */

void
pgc_payload_begin(struct pgc_builder *builder, struct event_payload *payload, const char *event,
    struct pgc_slice id)
{
    *payload = (struct event_payload){.event = event, .id = id, .root = pgc_payload_object()};
    payload_put(payload->root, "event", payload_made(json_object_new_string(event)));
    payload->fields = payload->root;
    if (builder->conf.envelope == PGC_ENVELOPE_NESTED) {
        payload->fields = pgc_payload_object();
        payload_put(payload->root, "data", payload->fields);
    }
}

static struct pgc_msg *
payload_place(struct pgc_builder *builder, struct pgc_slice text)
{
    struct pgc_position position = {
        .tick = builder->tick,
        .id = builder->place.id - builder->first_id + 1,
        .part = builder->place.part++,
        .nonce = builder->nonce,
    };
    struct pgc_msg *msg = pgc_msg_new(&position, builder->place.at_us, text.data, text.length);

    msg->trace = (struct pgc_trace){.xid = builder->place.xid, .id = builder->place.id};
    return msg;
}

static struct pgc_msg *
payload_message(
    struct pgc_builder *builder, const struct event_payload *payload, struct pgc_slice text)
{
    struct pgc_msg *msg = payload_place(builder, text);

    pgc_msg_set_about(msg, pgc_topic_write(&builder->topic, TOPIC_MESSAGE, payload->about),
        pgc_topic_write(&builder->via, TOPIC_MESSAGE, payload->embeds), payload->is_update);
    return msg;
}

/* What subscribers get in place of what is too large: enough to fetch it themselves. */
static struct pgc_msg *
payload_truncated(struct pgc_builder *builder, const struct event_payload *whole)
{
    static const char yes[] = "true";
    struct pgc_slice none = {0};
    struct event_payload payload;
    struct pgc_msg *msg;

    pgc_payload_begin(builder, &payload, whole->event, whole->id);
    pgc_payload_add_raw(builder, payload.fields, "id",
        pgc_mapping_omits(builder->mapping, whole->id) ? none : whole->id);
    pgc_payload_add_or(builder, payload.fields, "truncated", none, yes);
    msg = payload_message(builder, whole, payload_text(payload.root));
    json_object_put(payload.root);
    return msg;
}

bool
pgc_payload_is_whole(const struct pgc_builder *builder, struct pgc_slice text)
{
    return text.length <= builder->conf.max_payload_bytes &&
           !pgc_mapping_omits(builder->mapping, text);
}

struct pgc_msg *
pgc_payload_message(
    struct pgc_builder *builder, const struct event_payload *payload, struct pgc_slice text)
{
    size_t max = builder->conf.max_payload_bytes;
    char size[64] = "a value in it has";

    if (pgc_payload_is_whole(builder, text)) {
        return payload_message(builder, payload, text);
    }
    if (text.length > max) {
        snprintf(size, sizeof(size), "its payload has %zu bytes,", text.length);
    }
    pgc_builder_complain(builder,
        "%s of row %lld: %s more than max_payload_bytes = %zu; sent as truncated, hint: raise "
        "max_payload_bytes or map fewer columns",
        payload->event, (long long)builder->place.id, size, max);
    return payload_truncated(builder, payload);
}

struct pgc_msg *
pgc_payload_finish(struct pgc_builder *builder, struct event_payload *payload)
{
    struct pgc_msg *msg = pgc_payload_message(builder, payload, payload_text(payload->root));

    json_object_put(payload->root);
    return msg;
}

void
pgc_payload_skip(struct pgc_builder *builder, uint32_t places)
{
    builder->place.part += places;
}

void
pgc_payload_hole(struct pgc_builder *builder, enum event_topic topic, struct pgc_slice key)
{
    struct pgc_msg *place = payload_place(builder, (struct pgc_slice){.data = ""});

    pgc_batch_add(
        builder->batch, PGC_OP_HOLE, pgc_topic_write(&builder->topic, topic, key), NULL, place);
    pgc_msg_unref(place);
}
