/* SPDX-License-Identifier: PostgreSQL */
/*
 * xact.c - what is remembered of a transaction until its tick ends.
 *
 * Counts: a member's number of new notifications is told once per transaction, at the
 * transaction's last row.  Leavers: who loses the place in a room is told of the room's deletion by
 * name, if the same transaction deletes it.  Joiners, within a piece: who will hear of a room only
 * through a row that comes later gets its messages by name.
 */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "builder.h"
#include "events.h"

struct event_count {
    TAILQ_ENTRY(event_count) entry;
    char *member;
    size_t member_length;
    int64_t net;  /* notifications that became new, less those that ceased to be */
    char *before; /* the member's counter at first and at last; NULL: there is none */
    char *after;
};

/* A participant, or a thread's, whose row comes at `index`. */
struct event_joiner {
    struct event_joiner *next;
    size_t index;
    enum event_topic stream;
    struct pgc_slice group;
    struct pgc_slice member;
};

struct event_xact {
    TAILQ_ENTRY(event_xact) entry;
    uint64_t xid;
    bool in_piece;
    size_t last; /* its last change in this piece */
    TAILQ_HEAD(, event_count) counts;
    struct pgc_table *leavers;    /* room -> table of members */
    struct event_joiner *joiners; /* this piece's, latest first */
};

/* ---- life ---- */

void
pgc_xacts_init(struct event_xacts *xacts)
{
    *xacts = (struct event_xacts){.by_xid = pgc_table_new(), .counts = pgc_table_new()};
    TAILQ_INIT(&xacts->list);
}

static struct pgc_slice
count_member(const struct event_count *count)
{
    return (struct pgc_slice){.data = count->member, .length = count->member_length};
}

/* The name of a member's count in xacts->counts, in the scratch buffer. */
static const struct pgc_buf *
xact_count_key(struct event_xacts *xacts, const struct event_xact *xact, struct pgc_slice member)
{
    pgc_buf_clear(&xacts->key);
    pgc_buf_add(&xacts->key, &xact->xid, sizeof(xact->xid));
    pgc_buf_add(&xacts->key, member.data, member.length);
    return &xacts->key;
}

static void
xact_free_count(struct event_xacts *xacts, struct event_xact *xact, struct event_count *count)
{
    const struct pgc_buf *key = xact_count_key(xacts, xact, count_member(count));

    pgc_table_remove(xacts->counts, key->data, key->length);
    TAILQ_REMOVE(&xact->counts, count, entry);
    free(count->member);
    free(count->before);
    free(count->after);
    free(count);
}

static void
xact_free_members(void *members)
{
    pgc_table_free(members, NULL);
}

static void
xact_free(struct event_xacts *xacts, struct event_xact *xact)
{
    struct event_count *count = TAILQ_FIRST(&xact->counts);

    while (count != NULL) {
        struct event_count *next = TAILQ_NEXT(count, entry);

        xact_free_count(xacts, xact, count);
        count = next;
    }
    pgc_table_free(xact->leavers, xact_free_members);
    pgc_table_remove(xacts->by_xid, (const char *)&xact->xid, sizeof(xact->xid));
    if (xacts->latest == xact) {
        xacts->latest = NULL;
    }
    TAILQ_REMOVE(&xacts->list, xact, entry);
    free(xact);
}

void
pgc_xacts_clear(struct event_xacts *xacts)
{
    struct event_xact *xact = TAILQ_FIRST(&xacts->list);

    while (xact != NULL) {
        struct event_xact *next = TAILQ_NEXT(xact, entry);

        xact_free(xacts, xact);
        xact = next;
    }
}

void
pgc_xacts_fini(struct event_xacts *xacts)
{
    pgc_xacts_clear(xacts);
    pgc_table_free(xacts->by_xid, NULL);
    pgc_table_free(xacts->counts, NULL);
    pgc_buf_fini(&xacts->key);
}

struct event_xact *
pgc_xacts_find(struct event_xacts *xacts, uint64_t xid)
{
    struct event_xact *xact = xacts->latest;

    if (xact != NULL && xact->xid == xid) {
        return xact;
    }
    xact = pgc_table_get(xacts->by_xid, (const char *)&xid, sizeof(xid));
    if (xact == NULL) {
        xact = pgc_xcalloc(1, sizeof(*xact));
        xact->xid = xid;
        TAILQ_INIT(&xact->counts);
        TAILQ_INSERT_TAIL(&xacts->list, xact, entry);
        pgc_table_put(xacts->by_xid, (const char *)&xid, sizeof(xid), xact);
    }
    xacts->latest = xact;
    return xact;
}

/* ---- noting, while rows are added ---- */

static struct event_count *
xact_count(struct pgc_builder *builder, struct event_xact *xact, const struct event_record *record,
    enum event_field member_field)
{
    struct event_xacts *xacts = &builder->xacts;
    struct pgc_slice member = pgc_builder_key(builder, record, member_field);
    const struct pgc_buf *key = xact_count_key(xacts, xact, member);
    struct event_count *count = pgc_table_get(xacts->counts, key->data, key->length);

    if (count == NULL) {
        count = pgc_xcalloc(1, sizeof(*count));
        count->member = pgc_xstrndup(member.data, member.length);
        count->member_length = member.length;
        TAILQ_INSERT_TAIL(&xact->counts, count, entry);
        pgc_table_put(xacts->counts, key->data, key->length, count);
    }
    return count;
}

/* New is what nobody has seen, or read where the application does not know "seen". */
static bool
notification_is_new(const struct event_record *row)
{
    enum event_field seen = row->map->has[FIELD_SEEN_AT] ? FIELD_SEEN_AT : FIELD_READ_AT;

    return !pgc_record_has_happened(row, seen);
}

static void
xact_note_notification(struct pgc_builder *builder, const struct event_change *change)
{
    struct event_xact *xact = change->xact;

    if ((change->when & (WHEN_DISAPPEARED | WHEN_CHANGED)) && notification_is_new(change->before)) {
        xact_count(builder, xact, change->before, FIELD_COMMUNITY_MEMBER_ID)->net--;
    }
    if ((change->when & (WHEN_APPEARED | WHEN_CHANGED)) && notification_is_new(change->now)) {
        xact_count(builder, xact, change->now, FIELD_COMMUNITY_MEMBER_ID)->net++;
    }
}

static char *
counter_text(const struct event_record *member)
{
    struct pgc_slice counter = pgc_record_get(member, FIELD_NEW_NOTIFICATIONS_COUNT);

    return pgc_slice_is_null(counter) ? pgc_xstrdup("0")
                                      : pgc_xstrndup(counter.data, counter.length);
}

static void
xact_note_counter(struct pgc_builder *builder, const struct event_change *change)
{
    struct event_count *count;

    if (pgc_slice_equal(pgc_record_get(change->before, FIELD_NEW_NOTIFICATIONS_COUNT),
            pgc_record_get(change->now, FIELD_NEW_NOTIFICATIONS_COUNT))) {
        return;
    }
    count = xact_count(builder, change->xact, change->now, FIELD_ID);
    if (count->before == NULL) {
        count->before = counter_text(change->before);
    }
    free(count->after);
    count->after = counter_text(change->now);
}

static void
xact_note_joiner(struct pgc_builder *builder, const struct event_change *change,
    enum event_topic stream, enum event_field group)
{
    struct event_joiner *joiner = pgc_arena_alloc(&builder->arena, sizeof(*joiner));

    joiner->index = change->index;
    joiner->stream = stream;
    joiner->group = pgc_builder_key(builder, change->now, group);
    joiner->member = pgc_builder_key(builder, change->now, FIELD_COMMUNITY_MEMBER_ID);
    joiner->next = change->xact->joiners;
    change->xact->joiners = joiner;
}

void
pgc_xacts_note(struct pgc_builder *builder, const struct event_change *change)
{
    bool has_counter = pgc_builder_map(builder, KIND_MEMBER)->has[FIELD_NEW_NOTIFICATIONS_COUNT];

    change->xact->in_piece = true;
    TAILQ_REMOVE(&builder->xacts.list, change->xact, entry);
    TAILQ_INSERT_TAIL(&builder->xacts.list, change->xact, entry);
    change->xact->last = change->index;
    if (change->kind == KIND_NOTIFICATION && !has_counter) {
        xact_note_notification(builder, change);
    } else if (change->kind == KIND_MEMBER && change->when == WHEN_CHANGED && has_counter) {
        xact_note_counter(builder, change);
    } else if (change->kind == KIND_PARTICIPANT && (change->when & WHEN_APPEARED)) {
        xact_note_joiner(builder, change, TOPIC_MEMBER, FIELD_CHAT_ROOM_ID);
    } else if (change->kind == KIND_THREAD_PARTICIPANT && (change->when & WHEN_APPEARED)) {
        xact_note_joiner(builder, change, TOPIC_THREADS, FIELD_CHAT_THREAD_ID);
    }
}

/* ---- leavers and joiners, while raising ---- */

void
pgc_xact_leaves(const struct event_change *change, struct pgc_slice room, struct pgc_slice member)
{
    struct event_xact *xact = change->xact;
    struct pgc_table *members;

    if (xact->leavers == NULL) {
        xact->leavers = pgc_table_new();
    }
    members = pgc_table_get(xact->leavers, room.data, room.length);
    if (members == NULL) {
        members = pgc_table_new();
        pgc_table_put(xact->leavers, room.data, room.length, members);
    }
    pgc_table_put(members, member.data, member.length, xact); /* any value: it is a set */
}

static struct pgc_table *
xact_leavers(const struct event_change *change, struct pgc_slice room)
{
    return change->xact->leavers == NULL
               ? NULL
               : pgc_table_get(change->xact->leavers, room.data, room.length);
}

void
pgc_xact_returns(const struct event_change *change, struct pgc_slice room, struct pgc_slice member)
{
    struct pgc_table *members = xact_leavers(change, room);

    if (members != NULL) {
        pgc_table_remove(members, member.data, member.length);
    }
}

void
pgc_xact_tell_leavers(struct pgc_builder *builder, const struct event_change *change,
    struct pgc_slice room, struct pgc_msg *msg)
{
    const struct pgc_table *members = xact_leavers(change, room);
    struct pgc_slice member;
    size_t cursor = 0;
    void *value;

    while (
        members != NULL && pgc_table_next(members, &cursor, &member.data, &member.length, &value)) {
        pgc_topic_publish(builder, TOPIC_MEMBER, member, msg);
    }
}

void
pgc_xact_tell_joiners(struct pgc_builder *builder, const struct event_change *change,
    enum event_topic stream, struct pgc_slice group, struct pgc_msg *msg)
{
    const struct event_joiner *joiner = change->xact->joiners;

    for (; joiner != NULL && joiner->index > change->index; joiner = joiner->next) {
        if (joiner->stream == stream && pgc_slice_equal(joiner->group, group)) {
            pgc_topic_publish(builder, stream, joiner->member, msg);
        }
    }
}

/* ---- counts, at a transaction's last row ---- */

void
pgc_xacts_ask_counts(struct pgc_builder *builder)
{
    struct event_xact *xact;
    struct event_count *count;

    TAILQ_FOREACH(xact, &builder->xacts.list, entry) {
        TAILQ_FOREACH(count, &xact->counts, entry) {
            if (count->net != 0) {
                pgc_facts_count(builder, count_member(count));
            }
        }
    }
}

static void
xact_raise_counts(struct pgc_builder *builder, const struct event_xact *xact)
{
    struct event_count *count;

    TAILQ_FOREACH(count, &xact->counts, entry) {
        struct pgc_slice member = count_member(count);

        if (count->net != 0) {
            pgc_event_count(builder, member, pgc_facts_count(builder, member));
        } else if (count->before != NULL && strcmp(count->before, count->after) != 0) {
            pgc_event_count(builder, member,
                (struct pgc_slice){.data = count->after, .length = strlen(count->after)});
        }
    }
}

/* Only when the tick's last piece is here is it known that no further row of theirs comes. */
void
pgc_xacts_raise_earlier(struct pgc_builder *builder)
{
    struct event_xact *xact;

    TAILQ_FOREACH(xact, &builder->xacts.list, entry) {
        if (!xact->in_piece) {
            xact_raise_counts(builder, xact);
        }
    }
}

void
pgc_xacts_raise_counts(struct pgc_builder *builder, const struct event_change *change)
{
    if (change->xact != NULL && change->xact->last == change->index) {
        xact_raise_counts(builder, change->xact);
    }
}

void
pgc_xacts_end_piece(struct pgc_builder *builder, bool ends_tick)
{
    struct event_xact *xact = TAILQ_FIRST(&builder->xacts.list);

    while (xact != NULL) {
        struct event_xact *next = TAILQ_NEXT(xact, entry);

        xact->in_piece = false;
        xact->joiners = NULL;
        if (ends_tick || (TAILQ_EMPTY(&xact->counts) && xact->leavers == NULL)) {
            xact_free(&builder->xacts, xact);
        }
        xact = next;
    }
}
