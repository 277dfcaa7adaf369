/* SPDX-License-Identifier: PostgreSQL */
/* member_events.c - a member who goes; its counter is looked after in xact.c. */
#include "events.h"

/* All connections of a member who was deleted end. */
void
pgc_event_member_expelled(struct pgc_builder *builder, const struct event_change *change)
{
    if (!builder->asking) {
        pgc_topic_move(builder, PGC_OP_EXPEL,
            (struct event_address){
                .topic = TOPIC_PLAIN, .key = pgc_builder_key(builder, change->before, FIELD_ID)},
            (struct event_address){.topic = TOPIC_PLAIN});
    }
}
