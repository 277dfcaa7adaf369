/* SPDX-License-Identifier: PostgreSQL */
/*
 * record.h - a row or a fact under canonical names: what the events are written in terms of.
 *
 * Behind it lie the application's own table and column names, which only the mapping knows.
 */
#ifndef PGCABLE_EVENT_RECORD_H
#define PGCABLE_EVENT_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "pgcable/event.h"
#include "pgcable/table.h"

/* ---- memory of one piece ---- */

struct event_arena {
    struct arena_chunk *chunks;
};

void *pgc_arena_alloc(struct event_arena *arena, size_t size); /* aligned, not zeroed */
void *pgc_arena_zalloc(struct event_arena *arena, size_t size);
struct pgc_slice pgc_arena_copy(struct event_arena *arena, const void *bytes, size_t length);
void pgc_arena_reset(struct event_arena *arena);
void pgc_arena_fini(struct event_arena *arena);

/* ---- canonical names ---- */

/* Columns of all kinds, and members of facts.  Alphabetical: field.c looks names up by halving. */
enum event_field {
    FIELD_ADMIN,
    FIELD_AVATAR_URL,
    FIELD_BODY,
    FIELD_CHAT_ROOM_DESCRIPTION,
    FIELD_CHAT_ROOM_ID,
    FIELD_CHAT_ROOM_KIND,
    FIELD_CHAT_ROOM_NAME,
    FIELD_CHAT_ROOM_PARTICIPANT_ID,
    FIELD_CHAT_ROOM_SHOW_HISTORY,
    FIELD_CHAT_THREAD_ID,
    FIELD_CHAT_THREAD_REPLIES_COUNT,
    FIELD_COMMUNITY_MEMBER_ID,
    FIELD_CREATED_AT,
    FIELD_CREATION_UUID,
    FIELD_CURRENT_PARTICIPANT,
    FIELD_DELETED_AT,
    FIELD_DIRECT_NAME,
    FIELD_EDITED_AT,
    FIELD_EMAIL,
    FIELD_EXTRA,
    FIELD_HEADLINE,
    FIELD_ID,
    FIELD_IDENTIFIER,
    FIELD_IS_EMBEDDED,
    FIELD_LAST_READ_AT,
    FIELD_LESSON_ID,
    FIELD_MUTED,
    FIELD_NAME,
    FIELD_NEW_NOTIFICATIONS_COUNT,
    FIELD_OTHER_PARTICIPANTS_PREVIEW,
    FIELD_PARENT_MESSAGE_ID,
    FIELD_PINNED_AT,
    FIELD_PINNED_MESSAGE_ID,
    FIELD_READ_AT,
    FIELD_REPLIES_COUNT,
    FIELD_RICH_TEXT_BODY,
    FIELD_SEEN_AT,
    FIELD_SENT_AT,
    FIELD_THREAD_PARTICIPANTS_PREVIEW,
    FIELD_TOTAL_THREAD_PARTICIPANTS_COUNT,
    FIELD_UNREAD_MESSAGES_COUNT,
    FIELD_USER_PUBLIC_UID,
    FIELD_UUID,
    FIELD_COUNT
};

const char *pgc_field_name(enum event_field field);
bool pgc_field_find(const char *name, enum event_field *field);

/* ---- mapping ---- */

enum event_kind {
    KIND_MEMBER,
    KIND_MESSAGE,
    KIND_NOTIFICATION,
    KIND_PARTICIPANT,
    KIND_ROOM,
    KIND_THREAD,
    KIND_THREAD_PARTICIPANT,
    KIND_COUNT
};

const char *pgc_kind_name(enum event_kind kind);
bool pgc_kind_find(const char *name, enum event_kind *kind);

/* One use of a column; a column may be used more than once (sent_at and created_at, say). */
struct event_use {
    struct event_use *next;
    enum event_field field; /* FIELD_COUNT: it is an extra */
    size_t extra;
};

/* How one kind is played. */
struct event_map {
    bool attached;
    bool is_followed; /* whatever an event shows of it comes as a row when it changes */
    bool has[FIELD_COUNT];
    struct pgc_table *uses; /* column name -> struct event_use */
    char **extras;          /* columns that travel along under their own names */
    size_t extra_count;
};

const struct event_map *pgc_mapping_kind(const struct pgc_mapping *mapping, enum event_kind kind);

/* Is a value in it, however deep, that is too large to be sent?  The database did not read it and
 * gave a name in its place that nobody else knows. */
bool pgc_mapping_omits(const struct pgc_mapping *mapping, struct pgc_slice text);

/* ---- records ---- */

struct event_record {
    const struct event_map *map; /* of a row; NULL for a fact */
    struct pgc_slice field[FIELD_COUNT];
    struct pgc_slice *extra; /* a row's values of map->extras */
};

/* Both borrow `text`, which the arena holds as well. */
struct event_record *pgc_record_from_row(
    struct event_arena *arena, const struct event_map *map, struct pgc_slice text);
struct event_record *pgc_record_from_fact(struct event_arena *arena, struct pgc_slice text);

/* The raw JSON of a field; absent for an absent record too. */
struct pgc_slice pgc_record_get(const struct event_record *record, enum event_field field);

/* A field that names something, as text: 7 and "7" are both 7.  data NULL if null or no scalar. */
struct pgc_slice pgc_record_key(
    struct event_arena *arena, const struct event_record *record, enum event_field field);

bool pgc_record_is_set(const struct event_record *record, enum event_field field);
bool pgc_record_has_happened(const struct event_record *record, enum event_field field);
bool pgc_record_is_visible(const struct event_record *record); /* exists and is not soft-deleted */

#endif
