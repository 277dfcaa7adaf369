/* SPDX-License-Identifier: PostgreSQL */
/* payload.c - an event's JSON, written member by member. */
#include "payload.h"

#include <string.h>

/* ---- members of an object ---- */

static void
object_begin(const struct event_object *object)
{
    pgc_buf_addc(object->text, '{');
}

void
pgc_payload_close(const struct event_object *object)
{
    pgc_buf_addc(object->text, '}');
}

static void
object_add_comma(const struct event_object *object)
{
    if (object->text->length > object->start + 1) {
        pgc_buf_addc(object->text, ',');
    }
}

static void
object_add_name(const struct event_object *object, const char *name)
{
    object_add_comma(object);
    pgc_buf_addc(object->text, '"');
    pgc_buf_adds(object->text, name);
    pgc_buf_addc(object->text, '"');
    pgc_buf_addc(object->text, ':');
}

/* The stored bytes, whatever they are. */
static void
object_add_value(const struct event_object *object, struct pgc_slice value)
{
    if (pgc_slice_is_null(value)) {
        pgc_buf_adds(object->text, "null");
    } else {
        pgc_buf_add(object->text, value.data, value.length);
    }
}

struct event_object
pgc_payload_open(const struct event_object *outer, const char *name)
{
    struct event_object object = {.text = outer->text};

    object_add_name(outer, name);
    object.start = object.text->length;
    object_begin(&object);
    return object;
}

void
pgc_payload_add_raw(const struct event_object *object, const char *name, struct pgc_slice value)
{
    object_add_name(object, name);
    object_add_value(object, value);
}

void
pgc_payload_add_null(const struct event_object *object, const char *name)
{
    pgc_payload_add_raw(object, name, (struct pgc_slice){0});
}

void
pgc_payload_add_or(const struct event_object *object, const char *name, struct pgc_slice value,
    const char *otherwise)
{
    if (pgc_slice_is_null(value)) {
        value = (struct pgc_slice){.data = otherwise, .length = strlen(otherwise)};
    }
    pgc_payload_add_raw(object, name, value);
}

void
pgc_payload_add_string(const struct event_object *object, const char *name, struct pgc_slice text)
{
    object_add_name(object, name);
    pgc_buf_add_json(object->text, text.data, text.length);
}

/* A column that holds no time (a number, infinity) passes as it is stored. */
void
pgc_payload_add_time(const struct event_object *object, const char *name, struct pgc_slice value)
{
    char utc[32];

    if (value.data != NULL && value.length > 2 && value.data[0] == '"' &&
        pgc_time_utc(value.data + 1, value.length - 2, utc)) {
        value = (struct pgc_slice){.data = utc, .length = strlen(utc)};
        pgc_payload_add_string(object, name, value);
    } else {
        pgc_payload_add_raw(object, name, value);
    }
}

void
pgc_payload_add_field(
    const struct event_object *object, const struct event_record *record, enum event_field field)
{
    pgc_payload_add_raw(object, pgc_field_name(field), pgc_record_get(record, field));
}

/* Is there such a member?  Hardly ever, so the name, which needs no escapes where it is one of
 * ours, is looked for before the members are read. */
static bool
object_has(const struct event_object *object, const char *name)
{
    const char *text = object->text->data + object->start;
    size_t length = object->text->length - object->start;
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[256];

    if (memmem(text, length, name, strlen(name)) == NULL) {
        return false;
    }
    while (pgc_json_next(text, length, &cursor, key, sizeof(key), &value)) {
        if (strcmp(key, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
payload_add_extra(const struct event_object *object, const char *name, struct pgc_slice value)
{
    if (object_has(object, name)) {
        return;
    }
    object_add_comma(object);
    pgc_buf_add_json(object->text, name, strlen(name));
    pgc_buf_addc(object->text, ':');
    object_add_value(object, value);
}

void
pgc_payload_add_extras(const struct event_object *object, const struct event_record *record)
{
    struct pgc_slice fact = pgc_record_get(record, FIELD_EXTRA);
    const char *cursor = NULL;
    struct pgc_slice value;
    char name[256];
    size_t i;

    if (record != NULL && record->map != NULL) {
        for (i = 0; i < record->map->extra_count; i++) {
            payload_add_extra(object, record->map->extras[i], record->extra[i]);
        }
    }
    while (fact.data != NULL &&
           pgc_json_next(fact.data, fact.length, &cursor, name, sizeof(name), &value)) {
        payload_add_extra(object, name, value);
    }
}

/* ---- one event ---- */

void
pgc_payload_begin(struct pgc_builder *builder, struct event_payload *payload, const char *event,
    struct pgc_slice id)
{
    struct event_object root = {.text = &builder->payload};

    pgc_buf_clear(root.text);
    object_begin(&root);
    pgc_payload_add_string(
        &root, "event", (struct pgc_slice){.data = event, .length = strlen(event)});
    *payload = (struct event_payload){.event = event, .id = id, .root = root, .fields = root};
    if (builder->conf.envelope == PGC_ENVELOPE_NESTED) {
        payload->fields = pgc_payload_open(&root, "data");
    }
}

/* The whole text, good until the next payload begins. */
static struct pgc_slice
payload_end(struct pgc_builder *builder, const struct event_payload *payload)
{
    const struct pgc_buf *text = &builder->payload;

    if (builder->conf.envelope == PGC_ENVELOPE_NESTED) {
        pgc_payload_close(&payload->fields);
    }
    pgc_payload_close(&payload->root);
    return (struct pgc_slice){.data = pgc_buf_str(text), .length = text->length};
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

    pgc_payload_begin(builder, &payload, whole->event, whole->id);
    pgc_payload_add_raw(
        &payload.fields, "id", pgc_mapping_omits(builder->mapping, whole->id) ? none : whole->id);
    pgc_payload_add_or(&payload.fields, "truncated", none, yes);
    return payload_message(builder, whole, payload_end(builder, &payload));
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
pgc_payload_finish(struct pgc_builder *builder, const struct event_payload *payload)
{
    return pgc_payload_message(builder, payload, payload_end(builder, payload));
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
