/* SPDX-License-Identifier: PostgreSQL */
/* events.h - the event functions, for the table in rules.c; their comments say what they raise. */
#ifndef PGCABLE_EVENT_EVENTS_H
#define PGCABLE_EVENT_EVENTS_H

#include "builder.h"

void pgc_event_message_new(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_message_updated(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_message_deleted(struct pgc_builder *builder, const struct event_change *change);

void pgc_event_room_updated(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_room_deleted(struct pgc_builder *builder, const struct event_change *change);

void pgc_event_participant_joins(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_participant_leaves(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_room_created(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_room_read(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_room_pinned(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_room_unpinned(struct pgc_builder *builder, const struct event_change *change);

void pgc_event_thread_joins(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_thread_leaves(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_thread_read(struct pgc_builder *builder, const struct event_change *change);

void pgc_event_notification_new(struct pgc_builder *builder, const struct event_change *change);
void pgc_event_member_expelled(struct pgc_builder *builder, const struct event_change *change);

/* Raised at the end of a transaction (xact.c), not by a row. */
void pgc_event_count(struct pgc_builder *builder, struct pgc_slice member, struct pgc_slice count);

/* Tokens that were revoked, rules that must be asked again.  False: such a row is none of these. */
bool pgc_right_kind(const char *row_kind, enum pgc_op_kind *right);
void pgc_event_right(struct pgc_builder *builder, const struct event_change *change);

/* What the application sends by itself, as it is. */
void pgc_event_broadcast(struct pgc_builder *builder, const struct event_change *change);

#endif
