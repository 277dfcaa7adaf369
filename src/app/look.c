/* SPDX-License-Identifier: PostgreSQL */
/*
 * look.c - a feed like the daemon's, with a port that leads to no worker: what comes down is what
 * daemons hand to theirs.  One thread, one loop.
 */
#include "look.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/feed.h"
#include "pgcable/json.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"
#include "pgcable/migrate.h"
#include "pgcable/port.h"

enum { LOOK_PEEK_MS = 20 };

struct app_look {
    struct app_look_conf conf;
    struct pgc_loop *loop;
    struct pgc_metrics *metrics;
    struct pgc_port *port;
    struct pgc_feed *feed;
    struct pgc_timer *peek;          /* until the feed was ready once */
    struct pgc_feed_status at_first; /* before it tried anything */
    struct pgc_err *err;
    bool failed;
    bool interrupted;
};

static void
look_receive(struct pgc_down *down, void *arg)
{
    struct app_look *look = arg;

    if (down->batch != NULL) {
        look->conf.batch(down->batch, look->conf.arg);
    } else if (look->conf.answer != NULL) {
        look->conf.answer(down->answer, look->conf.arg);
    }
    pgc_down_free(down);
}

static void
look_signal(int signo PGC_UNUSED, void *arg)
{
    struct app_look *look = arg;

    look->interrupted = true;
    app_look_stop(look);
}

/* A feed tries for ever.  That is right once it has begun. */
static void
look_peek(void *arg)
{
    struct app_look *look = arg;
    struct pgc_feed_status status;

    pgc_feed_status(look->feed, &status);
    if (status.ready) {
        return;
    }
    if (strcmp(status.why, look->at_first.why) != 0) {
        look->failed = true;
        pgc_err_set(look->err, PGC_ERR_PG, "%s", status.why);
        app_look_stop(look);
        return;
    }
    pgc_timer_set(look->peek, LOOK_PEEK_MS);
}

bool
app_look_try(const struct pgc_conf *conf, struct pgc_err *err)
{
    const struct pgc_migrate_sink sink = {0};

    if (pgc_migrate_script(conf->database, "select from pgcable.hello()", &sink, err)) {
        return true;
    }
    if (err->code == PGC_ERR_AUTH) {
        pgc_err_hint(err, "connect as pgcable_daemon (as the daemon's settings do: -c FILE) or as "
                          "a superuser");
    }
    return pgc_err_wrap(err, "look at the events of this database");
}

struct app_look *
app_look_new(const struct app_look_conf *conf)
{
    const struct pgc_feed_conf feed_conf = {
        .database = conf->conf->database,
        .poll_ms = conf->conf->poll_ms,
        .history_s = conf->history_s,
        .history_bytes = conf->history_s > 0 ? SIZE_MAX / 4 : 0,
        .reauthorize_s = conf->conf->reauthorize_s,
        .notify = PGC_NOTIFY_OFF,
        .envelope = (enum pgc_envelope)conf->conf->envelope,
        .max_payload_bytes = (size_t)conf->conf->max_payload_bytes,
        .looks_on = true,
        .looks_after = conf->after,
    };
    struct app_look *look;

    pgc_log_setup(PGC_LOG_WARN, (enum pgc_log_format)conf->conf->log_format);
    look = pgc_xcalloc(1, sizeof(*look));
    look->conf = *conf;
    look->loop = pgc_loop_new();
    look->metrics = pgc_metrics_new();
    look->port = pgc_port_new();
    pgc_port_open_worker(look->port, look->loop, look_receive, look);
    look->feed = pgc_feed_new(look->loop, &feed_conf, &look->port, 1, look->metrics);
    pgc_feed_status(look->feed, &look->at_first);
    look->peek = pgc_timer_new(look->loop, look_peek, look);
    pgc_loop_on_signal(look->loop, SIGINT, look_signal, look);
    pgc_loop_on_signal(look->loop, SIGTERM, look_signal, look);
    return look;
}

bool
app_look_run(struct app_look *look, struct pgc_err *err)
{
    look->err = err;
    pgc_timer_set(look->peek, LOOK_PEEK_MS);
    pgc_loop_run(look->loop);
    return !look->failed;
}

void
app_look_stop(struct app_look *look)
{
    pgc_loop_stop(look->loop);
}

bool
app_look_was_interrupted(const struct app_look *look)
{
    return look->interrupted;
}

struct pgc_port *
app_look_port(struct app_look *look)
{
    return look->port;
}

void
app_look_free(struct app_look *look)
{
    if (look == NULL) {
        return;
    }
    pgc_timer_free(look->peek);
    pgc_feed_free(look->feed);
    pgc_port_free(look->port);
    pgc_loop_free(look->loop);
    pgc_metrics_free(look->metrics);
    free(look);
}

void
app_event_name(const struct pgc_msg *msg, struct pgc_buf *name)
{
    const char *cursor = NULL;
    struct pgc_slice value;
    char key[8];

    pgc_buf_clear(name);
    while (pgc_json_next(msg->text, msg->length, &cursor, key, sizeof(key), &value)) {
        if (strcmp(key, "event") == 0) {
            (void)pgc_slice_text(value, name);
            break;
        }
    }
    if (name->length == 0) {
        pgc_buf_addc(name, '-');
    }
}

bool
app_wants_colour(void)
{
    const char *none = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) == 1 && (none == NULL || none[0] == '\0') && terminal != NULL &&
           strcmp(terminal, "dumb") != 0;
}
