/* SPDX-License-Identifier: PostgreSQL */
/* ask_daemon.h - asks the daemon of these settings to how many clients a row's events were sent. */
#ifndef PGCABLE_APP_ASK_DAEMON_H
#define PGCABLE_APP_ASK_DAEMON_H

#include "pgcable/recent.h"

#include "app.h"

/* Zeroed = nothing was asked. */
struct app_delivered {
    struct pgc_recent_event *events;
    size_t count;
};

/*
 * Blocks, for two seconds each to connect, to ask and to hear the answer.  False: the error says
 * that it does not answer, or how; then nothing is delivered.
 */
bool app_ask_delivered(const struct pgc_conf *conf, const struct pgc_trace *trace,
    struct app_delivered *delivered, struct pgc_err *err) PGC_MUSTCHECK;

/* False if the daemon does not keep it.  Each is found once: a row may raise two that are equal. */
bool app_take_delivered(struct app_delivered *delivered, const char *stream,
    const struct pgc_msg *msg, uint64_t *clients) PGC_MUSTCHECK;

void app_delivered_fini(struct app_delivered *delivered);

#endif
