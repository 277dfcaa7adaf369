/* SPDX-License-Identifier: PostgreSQL */
/*
 * payload.h - the JSON of an event, written around stored values that are never parsed.
 *
 * A stored value goes into the payload as the bytes that PostgreSQL wrote: a number of any size
 * and the key order of a json column stay as they are.
 */
#ifndef PGCABLE_EVENT_PAYLOAD_H
#define PGCABLE_EVENT_PAYLOAD_H

#include "builder.h"

/* An object that is being written: one inside it is closed before its own next member. */
struct event_object {
    struct pgc_buf *text;
    size_t start; /* where it opens */
};

struct event_payload {
    const char *event;
    struct pgc_slice id;    /* of what it is about, in case that the payload is too large to send */
    struct pgc_slice about; /* key of the chat message that it shows, if any */
    struct pgc_slice embeds; /* and of the one that it shows inside */
    bool is_update;          /* of what it is about */
    struct event_object root;
    struct event_object fields; /* where the contract's fields go: the root, or its "data" */
};

/* ---- one event ---- */

void pgc_payload_begin(struct pgc_builder *builder, struct event_payload *payload,
    const char *event, struct pgc_slice id);

/* The message, with the next place in the order.  The caller unrefs it. */
struct pgc_msg *pgc_payload_finish(
    struct pgc_builder *builder, const struct event_payload *payload);

/* Within the limit, and with all values that belong into it? */
bool pgc_payload_is_whole(const struct pgc_builder *builder, struct pgc_slice text);

/* A message of `text`, or, if that is not whole, of the event's name and id alone. */
struct pgc_msg *pgc_payload_message(
    struct pgc_builder *builder, const struct event_payload *payload, struct pgc_slice text);

/* Leave places free for events that are not due after all, as only facts can tell: the next one's
 * place must not hang on them, since another daemon may learn other facts. */
void pgc_payload_skip(struct pgc_builder *builder, uint32_t places);

/* The next event is due, but is not built here: who resumes across its place would miss it. */
void pgc_payload_hole(struct pgc_builder *builder, enum event_topic topic, struct pgc_slice key);

/* ---- members of an object ---- */

/* Member `name` is an object, until it is closed. */
struct event_object pgc_payload_open(const struct event_object *outer, const char *name);
void pgc_payload_close(const struct event_object *object);

/* `name` needs no escapes; an absent value is null, or `otherwise` (JSON) where there is one. */
void pgc_payload_add_raw(
    const struct event_object *object, const char *name, struct pgc_slice value);
void pgc_payload_add_null(const struct event_object *object, const char *name);
void pgc_payload_add_or(const struct event_object *object, const char *name, struct pgc_slice value,
    const char *otherwise);
void pgc_payload_add_time(
    const struct event_object *object, const char *name, struct pgc_slice value);
void pgc_payload_add_string(
    const struct event_object *object, const char *name, struct pgc_slice text);

/* A record's field under its canonical name. */
void pgc_payload_add_field(
    const struct event_object *object, const struct event_record *record, enum event_field field);

/* What the mapping lists as extra, under its own names; never in place of a member that is there.
 */
void pgc_payload_add_extras(const struct event_object *object, const struct event_record *record);

/* ---- objects that several events show (objects.c) ---- */

enum event_message_shape {
    MESSAGE_NEW,
    MESSAGE_UPDATED, /* also a message inside another payload */
    MESSAGE_PARENT_IN_THREADS,
};

/* A message, and what its object shows that the row does not hold. */
struct event_message {
    const struct event_record *row;
    const struct event_record *room;
    const struct event_record *sender;
    const struct event_record *stats;
};

/* Looks the parts up (or asks for them); without `with_stats` nobody has replied to it yet. */
void pgc_message_gather(struct pgc_builder *builder, struct event_message *message,
    const struct event_record *row, bool with_stats);
void pgc_payload_add_message(struct pgc_builder *builder, const struct event_object *object,
    const struct event_message *message, enum event_message_shape shape);

/* A message that comes whole out of the facts, as member `name`; null if it is gone or deleted. */
void pgc_payload_add_fact_message(struct pgc_builder *builder, struct event_payload *payload,
    const char *name, const struct event_record *fact, enum event_message_shape shape);

/* The room's uuid, or its id as a string where rooms have none. */
void pgc_payload_add_room_uuid(struct pgc_builder *builder, const struct event_object *object,
    const char *name, const struct event_record *room, struct pgc_slice room_key);

/* The fields of chatRoomUpdated. */
void pgc_payload_add_room(struct pgc_builder *builder, struct event_payload *payload,
    const struct event_record *room, struct pgc_slice name);

#endif
