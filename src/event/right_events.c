/* SPDX-License-Identifier: PostgreSQL */
/*
 * right_events.c - rights that end: rows of the daemon's own kinds, at their place in the order.
 *
 *   revoke_token    a jti            {"before_s": null, "until_s": 1790003600}
 *   revoke_member   a member's id    {"before_s": 1790000000, "until_s": 9223372036854775807}
 *   recheck         a channel
 */
#include <stdlib.h>

#include "events.h"

bool
pgc_right_kind(const char *row_kind, enum pgc_op_kind *right)
{
    static const struct {
        const char *name;
        enum pgc_op_kind right;
    } kinds[] = {
        {"revoke_token", PGC_OP_BAN_TOKEN},
        {"revoke_member", PGC_OP_BAN_MEMBER},
        {"recheck", PGC_OP_RECHECK},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i].name, row_kind) == 0) {
            *right = kinds[i].right;
            return true;
        }
    }
    return false;
}

/* 0 for null. */
static int64_t
right_second(struct pgc_slice object, const char *name)
{
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[16];

    while (object.data != NULL &&
           pgc_json_next(object.data, object.length, &cursor, key, sizeof(key), &value)) {
        if (strcmp(key, name) == 0) {
            return strtoll(value.data, NULL, 10); /* the object goes on behind it, if only by "}" */
        }
    }
    return 0;
}

void
pgc_event_right(struct pgc_builder *builder, const struct event_change *change)
{
    const char *whom;

    if (builder->asking) {
        return;
    }
    whom = pgc_topic_write(&builder->via, TOPIC_PLAIN, change->stream);
    if (change->right == PGC_OP_RECHECK) {
        pgc_batch_add(builder->batch, PGC_OP_RECHECK, NULL, whom, NULL);
    } else {
        pgc_batch_add_ban(builder->batch, change->right, whom,
            &(struct pgc_ban){
                .before_s = right_second(change->message, "before_s"),
                .until_s = right_second(change->message, "until_s"),
            });
    }
}
