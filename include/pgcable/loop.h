/* SPDX-License-Identifier: PostgreSQL */
/*
 * loop.h - one thread's event loop: timers, descriptors, signals, work put off to the end of the
 * turn.
 *
 * A thin cover over libevent, which no other folder includes.  All calls from the loop's own
 * thread, but for pgc_loop_wake_stop().  Callbacks may free their own timer or watch.
 */
#ifndef PGCABLE_LOOP_H
#define PGCABLE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "pgcable/compiler.h"
#include "pgcable/err.h"

struct event_base;
struct pgc_loop;
struct pgc_timer;
struct pgc_watch;

/* libevent's memory comes from mem.h: libwebsockets does not look whether it got an event.  First
 * of all in main(), before there is a loop or a thread. */
void pgc_loop_take_memory(void);

struct pgc_loop *pgc_loop_new(void); /* aborts if the kernel gives no epoll */
void pgc_loop_free(struct pgc_loop *loop);
void pgc_loop_run(struct pgc_loop *loop);       /* until stopped */
void pgc_loop_stop(struct pgc_loop *loop);      /* from a callback: after this turn */
void pgc_loop_wake_stop(struct pgc_loop *loop); /* from any other thread */

/* libevent's base, for libwebsockets and evhttp to share; borrowed. */
struct event_base *pgc_loop_base(struct pgc_loop *loop);

/* A timer is created idle; it fires once per set. */
struct pgc_timer *pgc_timer_new(struct pgc_loop *loop, void (*fn)(void *arg), void *arg);
void pgc_timer_free(struct pgc_timer *timer);
void pgc_timer_set(
    struct pgc_timer *timer, int64_t delay_ms); /* again = moves it; < 0 counts as 0 */
void pgc_timer_cancel(struct pgc_timer *timer);

/* Watches do not own the descriptor.  Level-triggered. */
enum { PGC_READABLE = 1, PGC_WRITABLE = 2 };
struct pgc_watch *pgc_watch_new(
    struct pgc_loop *loop, int fd, void (*fn)(int ready, void *arg), void *arg);
void pgc_watch_want(struct pgc_watch *watch, int ready); /* bits of the enum; 0 = pause */
void pgc_watch_free(struct pgc_watch *watch);

/* A signal is watched until the loop is freed. */
void pgc_loop_on_signal(
    struct pgc_loop *loop, int signo, void (*fn)(int signo, void *arg), void *arg);

/*
 * Call fn(arg) at the end of this turn, once, after the callback that is running has returned:
 * the place where what was marked dead is freed.
 */
void pgc_loop_defer(struct pgc_loop *loop, void (*fn)(void *arg), void *arg);

#endif
