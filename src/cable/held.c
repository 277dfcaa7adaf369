/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "cable_internal.h"

/* An answer takes milliseconds.  Where it takes so long that this is not enough, the client comes
 * back later and is told what it missed. */
enum { HELD_MIN = 16, HELD_MAX = 4096 };
#define HELD_MAX_BYTES ((size_t)32 << 20)

bool
pgc_held_add(struct pgc_held *held, struct pgc_msg *msg)
{
    if (held->count == HELD_MAX || held->bytes >= HELD_MAX_BYTES) {
        return false;
    }
    if (held->count == held->size) {
        held->size = held->size == 0 ? HELD_MIN : 2 * held->size;
        held->msgs = pgc_xrealloc(held->msgs, held->size * sizeof(struct pgc_msg *));
    }
    held->msgs[held->count++] = pgc_msg_ref(msg);
    held->bytes += msg->length;
    return true;
}

void
pgc_held_clear(struct pgc_held *held)
{
    for (size_t i = 0; i < held->count; i++) {
        pgc_msg_unref(held->msgs[i]);
    }
    free(held->msgs);
    *held = (struct pgc_held){0};
}
