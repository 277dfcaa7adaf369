/* SPDX-License-Identifier: PostgreSQL */
/*
 * mailbox.c - a list under a lock, and a descriptor that becomes readable when the list does.
 *
 * The receiver takes the whole list at once and serves it without the lock.
 */
#include "pgcable/mailbox.h"

#include <sys/eventfd.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/log.h"
#include "pgcable/mem.h"

enum {
    MAILBOX_MIN_ITEMS = 16,
    MAILBOX_KEPT_ITEMS = 4096, /* a list that grew beyond is given back once it has been served */
};

struct item_list {
    void **items;
    size_t count;
    size_t size;
};

struct pgc_mailbox {
    pthread_mutex_t lock;
    struct item_list waiting; /* under the lock */
    atomic_size_t depth;
    int fd;

    /* The receiver's alone. */
    struct pgc_watch *watch;
    struct item_list serving;
    size_t served;
    void (*receive)(void *item, void *arg);
    void *arg;
};

static void
mailbox_wake(struct pgc_mailbox *box)
{
    const uint64_t one = 1;

    while (write(box->fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

/* Leave an empty list for the senders and take theirs. */
static void
mailbox_take(struct pgc_mailbox *box)
{
    struct item_list empty = box->serving;

    empty.count = 0;
    if (empty.size > MAILBOX_KEPT_ITEMS) {
        free(empty.items);
        empty = (struct item_list){0};
    }
    (void)pthread_mutex_lock(&box->lock);
    box->serving = box->waiting;
    box->waiting = empty;
    (void)pthread_mutex_unlock(&box->lock);
    box->served = 0;
}

static void
mailbox_readable(int ready, void *arg)
{
    struct pgc_mailbox *box = arg;
    uint64_t count;

    (void)ready;
    /* Before the list is taken: what is sent after that rings again. */
    if (read(box->fd, &count, sizeof(count)) < 0) {
        return;
    }
    mailbox_take(box);
    while (box->served < box->serving.count) {
        atomic_fetch_sub_explicit(&box->depth, 1, memory_order_relaxed);
        box->receive(box->serving.items[box->served], box->arg);
        box->served++;
    }
}

struct pgc_mailbox *
pgc_mailbox_new(struct pgc_loop *loop, void (*receive)(void *item, void *arg), void *arg)
{
    struct pgc_mailbox *box = pgc_xcalloc(1, sizeof(*box));

    (void)pthread_mutex_init(&box->lock, NULL);
    atomic_init(&box->depth, 0);
    box->receive = receive;
    box->arg = arg;
    box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (box->fd < 0) {
        pgc_log(PGC_LOG_ERROR, 0, "create a mailbox: eventfd: %s", strerror(errno));
        abort();
    }
    box->watch = pgc_watch_new(loop, box->fd, mailbox_readable, box);
    pgc_watch_want(box->watch, PGC_READABLE);
    return box;
}

void
pgc_mailbox_free(struct pgc_mailbox *box, void (*discard)(void *item))
{
    if (box == NULL) {
        return;
    }
    assert(box->served == box->serving.count); /* not from within receive() */
    pgc_watch_free(box->watch);
    (void)close(box->fd);
    for (size_t i = 0; i < box->waiting.count && discard != NULL; i++) {
        discard(box->waiting.items[i]);
    }
    free(box->waiting.items);
    free(box->serving.items);
    (void)pthread_mutex_destroy(&box->lock);
    free(box);
}

static void
mailbox_append(struct item_list *list, void *item)
{
    if (list->count == list->size) {
        list->size = list->size > 0 ? list->size * 2 : MAILBOX_MIN_ITEMS;
        list->items = pgc_xrealloc(list->items, list->size * sizeof(*list->items));
    }
    list->items[list->count++] = item;
}

void
pgc_mailbox_send(struct pgc_mailbox *box, void *item)
{
    bool was_empty;

    assert(item != NULL);
    atomic_fetch_add_explicit(&box->depth, 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&box->lock);
    was_empty = box->waiting.count == 0;
    mailbox_append(&box->waiting, item);
    (void)pthread_mutex_unlock(&box->lock);
    if (was_empty) {
        mailbox_wake(box);
    }
}

size_t
pgc_mailbox_depth(struct pgc_mailbox *box)
{
    return atomic_load_explicit(&box->depth, memory_order_relaxed);
}
