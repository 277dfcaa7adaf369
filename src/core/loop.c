/* SPDX-License-Identifier: PostgreSQL */
/*
 * loop.c - over libevent.
 *
 * A turn is one call of event_base_loop(): it waits, then runs the callbacks of everything that is
 * ready.  After it, outside of any callback, comes the deferred work.
 */
#include "pgcable/loop.h"

#include <sys/eventfd.h>
#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>

#include "pgcable/log.h"
#include "pgcable/mem.h"

struct deferred {
    void (*fn)(void *arg);
    void *arg;
    STAILQ_ENTRY(deferred) entry;
};
STAILQ_HEAD(deferred_list, deferred);

struct loop_signal {
    void (*fn)(int signo, void *arg);
    void *arg;
    struct event *event;
    STAILQ_ENTRY(loop_signal) entry;
};
STAILQ_HEAD(signal_list, loop_signal);

struct pgc_loop {
    struct event_base *base;
    struct event *wake;
    int wake_fd;
    bool stopping;
    struct deferred_list deferred;
    struct signal_list signals;
};

struct pgc_timer {
    void (*fn)(void *arg);
    void *arg;
    struct event *event;
};

struct pgc_watch {
    struct event_base *base;
    struct event *event;
    int fd;
    int wanted;
    void (*fn)(int ready, void *arg);
    void *arg;
};

PGC_NORETURN static void
loop_abort(const char *what)
{
    pgc_log(PGC_LOG_ERROR, 0, "create an event loop: %s: %s", what, strerror(errno));
    abort();
}

static void
loop_woken(evutil_socket_t fd, short what, void *arg)
{
    struct pgc_loop *loop = arg;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
        loop->stopping = true;
    }
}

/* Each base belongs to one thread, which is why it needs no locks. */
static struct event_base *
loop_new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config != NULL) {
        (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (base == NULL) {
        loop_abort("event_base_new_with_config");
    }
    return base;
}

void
pgc_loop_take_memory(void)
{
    event_set_mem_functions(pgc_xmalloc, pgc_xrealloc, free);
}

struct pgc_loop *
pgc_loop_new(void)
{
    struct pgc_loop *loop = pgc_xcalloc(1, sizeof(*loop));

    STAILQ_INIT(&loop->deferred);
    STAILQ_INIT(&loop->signals);
    loop->base = loop_new_base();
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        loop_abort("eventfd");
    }
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, loop_woken, loop);
    if (loop->wake == NULL || event_add(loop->wake, NULL) < 0) {
        loop_abort("watch the eventfd");
    }
    return loop;
}

/* What is put off by what runs here waits for the next turn, so that a chain cannot starve input.
 */
static void
loop_run_deferred(struct pgc_loop *loop)
{
    struct deferred_list due = STAILQ_HEAD_INITIALIZER(due);

    STAILQ_CONCAT(&due, &loop->deferred);
    while (!STAILQ_EMPTY(&due)) {
        struct deferred *work = STAILQ_FIRST(&due);

        STAILQ_REMOVE_HEAD(&due, entry);
        work->fn(work->arg);
        free(work);
    }
}

void
pgc_loop_free(struct pgc_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    while (!STAILQ_EMPTY(&loop->deferred)) {
        loop_run_deferred(loop);
    }
    while (!STAILQ_EMPTY(&loop->signals)) {
        struct loop_signal *sig = STAILQ_FIRST(&loop->signals);

        STAILQ_REMOVE_HEAD(&loop->signals, entry);
        event_free(sig->event);
        free(sig);
    }
    event_free(loop->wake);
    (void)close(loop->wake_fd);
    event_base_free(loop->base);
    free(loop);
}

void
pgc_loop_run(struct pgc_loop *loop)
{
    loop_run_deferred(loop);
    while (!loop->stopping) {
        /* Once even if it is not to block: alone, NONBLOCK goes on while there is input. */
        int flags = STAILQ_EMPTY(&loop->deferred) ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK;

        (void)event_base_loop(loop->base, flags);
        loop_run_deferred(loop);
    }
    loop->stopping = false;
}

void
pgc_loop_stop(struct pgc_loop *loop)
{
    loop->stopping = true;
}

void
pgc_loop_wake_stop(struct pgc_loop *loop)
{
    const uint64_t one = 1;

    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

struct event_base *
pgc_loop_base(struct pgc_loop *loop)
{
    return loop->base;
}

static void
timer_fire(evutil_socket_t fd, short what, void *arg)
{
    struct pgc_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->fn(timer->arg);
}

struct pgc_timer *
pgc_timer_new(struct pgc_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct pgc_timer *timer = pgc_xcalloc(1, sizeof(*timer));

    timer->fn = fn;
    timer->arg = arg;
    timer->event = evtimer_new(loop->base, timer_fire, timer);
    if (timer->event == NULL) {
        loop_abort("evtimer_new");
    }
    return timer;
}

void
pgc_timer_free(struct pgc_timer *timer)
{
    if (timer != NULL) {
        event_free(timer->event);
        free(timer);
    }
}

void
pgc_timer_set(struct pgc_timer *timer, int64_t delay_ms)
{
    int64_t delay = delay_ms > 0 ? delay_ms : 0;
    struct timeval when = {
        .tv_sec = (time_t)(delay / 1000),
        .tv_usec = (suseconds_t)(delay % 1000 * 1000),
    };

    (void)evtimer_add(timer->event, &when);
}

void
pgc_timer_cancel(struct pgc_timer *timer)
{
    (void)evtimer_del(timer->event);
}

static void
watch_fire(evutil_socket_t fd, short what, void *arg)
{
    struct pgc_watch *watch = arg;
    int ready = 0;

    (void)fd;
    ready |= (what & EV_READ) != 0 ? PGC_READABLE : 0;
    ready |= (what & EV_WRITE) != 0 ? PGC_WRITABLE : 0;
    watch->fn(ready, watch->arg);
}

struct pgc_watch *
pgc_watch_new(struct pgc_loop *loop, int fd, void (*fn)(int ready, void *arg), void *arg)
{
    struct pgc_watch *watch = pgc_xcalloc(1, sizeof(*watch));

    watch->base = loop->base;
    watch->fd = fd;
    watch->fn = fn;
    watch->arg = arg;
    watch->event = event_new(loop->base, fd, EV_PERSIST, watch_fire, watch);
    if (watch->event == NULL) {
        loop_abort("event_new");
    }
    return watch;
}

void
pgc_watch_want(struct pgc_watch *watch, int ready)
{
    short what = EV_PERSIST;

    if (ready == watch->wanted) {
        return;
    }
    what |= (ready & PGC_READABLE) != 0 ? EV_READ : 0;
    what |= (ready & PGC_WRITABLE) != 0 ? EV_WRITE : 0;
    (void)event_del(watch->event);
    (void)event_assign(watch->event, watch->base, watch->fd, what, watch_fire, watch);
    watch->wanted = ready;
    if (ready != 0 && event_add(watch->event, NULL) < 0) {
        pgc_log(PGC_LOG_ERROR, 0, "watch descriptor %d: %s", watch->fd, strerror(errno));
        watch->wanted = 0;
    }
}

void
pgc_watch_free(struct pgc_watch *watch)
{
    if (watch != NULL) {
        event_free(watch->event);
        free(watch);
    }
}

static void
signal_fire(evutil_socket_t signo, short what, void *arg)
{
    const struct loop_signal *sig = arg;

    (void)what;
    sig->fn((int)signo, sig->arg);
}

void
pgc_loop_on_signal(struct pgc_loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg)
{
    struct loop_signal *sig = pgc_xcalloc(1, sizeof(*sig));

    sig->fn = fn;
    sig->arg = arg;
    sig->event = evsignal_new(loop->base, signo, signal_fire, sig);
    if (sig->event == NULL || evsignal_add(sig->event, NULL) < 0) {
        loop_abort("watch a signal");
    }
    STAILQ_INSERT_TAIL(&loop->signals, sig, entry);
}

void
pgc_loop_defer(struct pgc_loop *loop, void (*fn)(void *arg), void *arg)
{
    struct deferred *work = pgc_xcalloc(1, sizeof(*work));

    work->fn = fn;
    work->arg = arg;
    STAILQ_INSERT_TAIL(&loop->deferred, work, entry);
}
