/* SPDX-License-Identifier: PostgreSQL */
/* rules.c - which change raises which event.  An event exists because it is in this table. */
#include "events.h"

struct rule {
    enum event_kind kind;
    enum event_when when;
    void (*raise)(struct pgc_builder *builder, const struct event_change *change);
};

/*
 * Rules of one change run from top to bottom: a row that moves leaves before it joins, and a member
 * joins before the first event of the room.  Changes of a member's count belong to transactions,
 * not to rows, and are raised by xact.c.
 */
static const struct rule rules[] = {
    {KIND_MEMBER, WHEN_DISAPPEARED, pgc_event_member_expelled},

    {KIND_MESSAGE, WHEN_DISAPPEARED, pgc_event_message_deleted},
    {KIND_MESSAGE, WHEN_APPEARED, pgc_event_message_new},
    {KIND_MESSAGE, WHEN_CHANGED, pgc_event_message_updated},

    {KIND_NOTIFICATION, WHEN_APPEARED, pgc_event_notification_new},

    {KIND_PARTICIPANT, WHEN_DISAPPEARED, pgc_event_participant_leaves},
    {KIND_PARTICIPANT, WHEN_APPEARED, pgc_event_participant_joins},
    {KIND_PARTICIPANT, WHEN_APPEARED, pgc_event_room_created},
    {KIND_PARTICIPANT, WHEN_CHANGED, pgc_event_room_read},
    {KIND_PARTICIPANT, WHEN_CHANGED, pgc_event_room_pinned},
    {KIND_PARTICIPANT, WHEN_CHANGED, pgc_event_room_unpinned},

    {KIND_ROOM, WHEN_CHANGED, pgc_event_room_updated},
    {KIND_ROOM, WHEN_DISAPPEARED, pgc_event_room_deleted},

    {KIND_THREAD_PARTICIPANT, WHEN_DISAPPEARED, pgc_event_thread_leaves},
    {KIND_THREAD_PARTICIPANT, WHEN_APPEARED, pgc_event_thread_joins},
    {KIND_THREAD_PARTICIPANT, WHEN_CHANGED, pgc_event_thread_read},
};

void
pgc_rules_apply(struct pgc_builder *builder, const struct event_change *change)
{
    size_t i;

    for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].kind == change->kind && (change->when & rules[i].when) != 0) {
            rules[i].raise(builder, change);
        }
    }
}
