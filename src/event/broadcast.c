/* SPDX-License-Identifier: PostgreSQL */
/*
 * broadcast.c - what the application sends by itself, byte for byte.
 *
 * pgcable.broadcast(stream, message) sends any JSON as it is.  With an event and data it is put
 * into the envelope of our own events; for broadcast('s', 'paid', '{"id": 7, "sum": 1.50}'):
 *
 *   flat     {"event":"paid","id": 7, "sum": 1.50}       and {"event":"paid","data":[1, 2]} where
 *   nested   {"event":"paid","data":{"id": 7, "sum": 1.50}}       the data is no object
 */
#include "events.h"
#include "payload.h"

/* Longer names and ids do not go into the message that stands for one over the limit, as in
 * pgcable.sendable(). */
enum { NAME_BYTES_MAX = 128 };

/* A member's raw value; absent if there is none, or `object` is no object. */
static struct pgc_slice
broadcast_member(struct pgc_slice object, const char *name)
{
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[8]; /* longer ones are cut, which makes none of them one of ours */

    while (object.data != NULL &&
           pgc_json_next(object.data, object.length, &cursor, key, sizeof(key), &value)) {
        if (strcmp(key, name) == 0) {
            return value;
        }
    }
    return (struct pgc_slice){0};
}

/* The object's members as they are written, spaces and all, each behind a comma.  One named "event"
 * is left out: it would be a second one, and parsers take the last. */
static void
broadcast_add_members(struct pgc_buf *text, struct pgc_slice object)
{
    const char *before = object.data;
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[8];

    while (pgc_json_next(object.data, object.length, &cursor, key, sizeof(key), &value)) {
        while (*before != '{' && *before != ',') { /* space behind the member before */
            before++;
        }
        if (strcmp(key, "event") != 0) {
            pgc_buf_addc(text, ',');
            pgc_buf_add(text, before + 1, (size_t)(cursor - before - 1));
        }
        before = cursor;
    }
}

/* False if it is no event: then there is nothing to send. */
static bool
broadcast_write_enveloped(
    const struct pgc_builder *builder, const struct event_change *change, struct pgc_buf *text)
{
    static const char null[] = "null";
    struct pgc_slice event = broadcast_member(change->message, "event");
    struct pgc_slice data = broadcast_member(change->message, "data");

    if (pgc_slice_is_null(event)) {
        pgc_builder_complain(builder,
            "row %lld: an event without a name for stream \"%.*s\": not sent, hint: name it in the "
            "second argument of pgcable.broadcast()",
            (long long)change->id, (int)change->stream.length, change->stream.data);
        return false;
    }
    pgc_buf_adds(text, "{\"event\":");
    pgc_buf_add(text, event.data, event.length);
    if (data.data == NULL) {
        data = (struct pgc_slice){.data = null, .length = sizeof(null) - 1};
    }
    if (builder->conf.envelope == PGC_ENVELOPE_FLAT && data.data[0] == '{') {
        broadcast_add_members(text, data);
    } else {
        pgc_buf_adds(text, ",\"data\":");
        pgc_buf_add(text, data.data, data.length);
    }
    pgc_buf_addc(text, '}');
    return true;
}

/* What is left of a message over the limit: its event and the id of what it is about, where it has
 * them.  `text` holds the event's name. */
static struct event_payload
broadcast_names(struct pgc_slice message, struct pgc_slice about, struct pgc_buf *text)
{
    struct event_payload names = {.event = "broadcast", .id = broadcast_member(about, "id")};

    if (names.id.length > NAME_BYTES_MAX) {
        names.id = (struct pgc_slice){0};
    }
    if (pgc_slice_text(broadcast_member(message, "event"), text) &&
        text->length <= NAME_BYTES_MAX) {
        names.event = pgc_buf_str(text);
    }
    return names;
}

static void
broadcast_publish(struct pgc_builder *builder, const struct event_change *change,
    struct pgc_slice about, struct pgc_slice text)
{
    struct event_payload names = {.event = "broadcast"};
    struct pgc_buf name = {0};
    struct pgc_msg *msg;

    if (!pgc_payload_is_whole(builder, text)) {
        names = broadcast_names(change->message, about, &name);
    }
    msg = pgc_payload_message(builder, &names, text);
    pgc_topic_publish(builder, TOPIC_PLAIN, change->stream, msg);
    pgc_msg_unref(msg);
    pgc_buf_fini(&name);
}

void
pgc_event_broadcast(struct pgc_builder *builder, const struct event_change *change)
{
    struct pgc_buf text = {0};

    if (builder->asking) {
        return;
    }
    if (!change->wants_envelope) {
        broadcast_publish(builder, change, change->message, change->message);
    } else if (broadcast_write_enveloped(builder, change, &text)) {
        broadcast_publish(builder, change, broadcast_member(change->message, "data"),
            (struct pgc_slice){.data = text.data, .length = text.length});
    }
    pgc_buf_fini(&text);
}
