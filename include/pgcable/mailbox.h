/* SPDX-License-Identifier: PostgreSQL */
/*
 * mailbox.h - pointers handed to another thread's loop, in order.
 *
 * Any number of senders, one receiver.  One eventfd write wakes the receiver for all that is queued
 * since it last looked.  Unbounded by itself: what is sent is bounded by its senders (mailbox
 * depth is a metric; see pgc_mailbox_depth).
 */
#ifndef PGCABLE_MAILBOX_H
#define PGCABLE_MAILBOX_H

#include <stddef.h>

#include "pgcable/loop.h"

struct pgc_mailbox;

/* `receive` runs in `loop`'s thread and owns `item` from then on. */
struct pgc_mailbox *pgc_mailbox_new(
    struct pgc_loop *loop, void (*receive)(void *item, void *arg), void *arg);

/* Receiver's thread, when no sender is left.  `discard` gets what was not received. */
void pgc_mailbox_free(struct pgc_mailbox *box, void (*discard)(void *item));

/* Any thread; never blocks for longer than the list operation.  `item` is not NULL. */
void pgc_mailbox_send(struct pgc_mailbox *box, void *item);

/* How many wait; any thread; a moment's truth. */
size_t pgc_mailbox_depth(struct pgc_mailbox *box);

#endif
