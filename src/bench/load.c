/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <time.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/tls.h"

#include "load_internal.h"

enum { LOAD_TURN_MS = 10, LOAD_CHURN_BEHIND_US = 1000000 };

/* ---- what clients tell ---- */

/* The kernel wakes who waits for input, in the middle of the server's work if need be. */
static void
load_nap(void *arg)
{
    struct pgc_load *load = arg;
    const struct timespec nap = {.tv_nsec = (long)load->conf.nap_ms * 1000000};

    load->is_tired = false;
    (void)nanosleep(&nap, NULL);
}

void
load_tire(struct pgc_load *load)
{
    if (load->conf.nap_ms > 0 && !load->is_tired) {
        load->is_tired = true;
        pgc_loop_defer(load->port.loop, load_nap, load);
    }
}

void
load_away(struct pgc_load *load)
{
    struct pgc_load_seen *seen = &load->seen;

    seen->listening--;
    seen->cut_off++;
    if (seen->is_complete) {
        seen->is_complete = false;
        seen->since_us = pgc_wall_us();
        seen->attempts = 0;
        seen->unreachable = 0;
        seen->refused = 0;
        seen->broken = 0;
        pgc_histogram_clear(&seen->away);
    }
}

void
load_back(struct pgc_load *load, int64_t away_us)
{
    struct pgc_load_seen *seen = &load->seen;

    pgc_histogram_add(&seen->away, pgc_wall_us() - away_us);
    seen->listening++;
    if (seen->listening < load->conf.clients || seen->is_complete) {
        return;
    }
    seen->is_complete = true;
    if (load->conf.churn_per_s > 0) {
        load->churn_us = pgc_wall_us();
        pgc_timer_set(load->churn, LOAD_TURN_MS);
    }
    if (load->ops->complete != NULL) {
        load->ops->complete(load->arg);
    }
}

void
load_live(struct pgc_load *load, int64_t sent_us, const char *behind)
{
    const int64_t now_us = pgc_wall_us();

    pgc_histogram_add(&load->seen.delay, now_us - sent_us);
    if (load->ops->message != NULL) {
        load->ops->message(now_us, behind, load->arg);
    }
}

void
load_round(struct pgc_load *load, int64_t sent_us, size_t bytes)
{
    if (++load->seen.rounded == load->conf.clients) {
        load->seen.rounded = 0;
        if (load->ops->round != NULL) {
            load->ops->round(sent_us, bytes, load->arg);
        }
    }
}

void
load_done(struct pgc_load *load)
{
    if (++load->seen.done == load->conf.clients && load->ops->done != NULL) {
        load->ops->done(load->arg);
    }
}

/* ---- what they are told ---- */

static void
load_start_some(void *arg)
{
    struct pgc_load *load = arg;
    const struct pgc_load_conf *conf = &load->conf;
    const int64_t since_us = pgc_wall_us() - load->seen.since_us;

    while (load->started < conf->clients &&
           (conf->per_s == 0 || load->started <= since_us * conf->per_s / 1000000)) {
        client_connect(load, load->started++);
    }
    if (load->started < conf->clients) {
        pgc_timer_set(load->start, LOAD_TURN_MS);
    }
}

/* As many as are due; who still waits for an answer is passed over. */
static void
load_churn_some(void *arg)
{
    struct pgc_load *load = arg;
    const int64_t each_us = 1000000 / load->conf.churn_per_s;
    const int64_t now_us = pgc_wall_us();
    unsigned passed_over = 0;

    /* What the server did not keep up with is given up, not done later all at once. */
    if (now_us - load->churn_us > LOAD_CHURN_BEHIND_US) {
        load->churn_us = now_us;
    }
    while (load->churn_us < now_us && passed_over < load->conf.clients) {
        if (client_churn(load, load->churner)) {
            load->churn_us += each_us;
        } else {
            passed_over++;
        }
        load->churner = (load->churner + 1) % load->conf.clients;
    }
    pgc_timer_set(load->churn, LOAD_TURN_MS);
}

void
pgc_load_start(struct pgc_load *load)
{
    load->seen.since_us = pgc_wall_us();
    pgc_timer_set(load->start, 0);
}

const struct pgc_load_seen *
pgc_load_seen(const struct pgc_load *load)
{
    return &load->seen;
}

void
pgc_load_next_phase(struct pgc_load *load)
{
    load->seen.messages = 0;
    load->seen.replayed = 0;
    pgc_histogram_clear(&load->seen.delay);
    pgc_histogram_clear(&load->seen.churn);
}

struct pgc_load *
pgc_load_new(struct pgc_loop *loop, const struct pgc_load_conf *conf,
    const struct pgc_load_ops *ops, void *arg, struct pgc_err *err)
{
    struct pgc_load *load = pgc_xcalloc(1, sizeof(*load));

    load->conf = *conf;
    load->ops = ops;
    load->arg = arg;
    load->port.loop = loop;
    load->port.host = conf->host;
    load->port.path = conf->path;
    load->port.protocols = conf->is_base ? "actioncable-v1-json" : "actioncable-v1-ext-json";
    load->port.first_source = conf->first_source;
    load->port.sources = conf->sources;
    load->start = pgc_timer_new(loop, load_start_some, load);
    load->churn = pgc_timer_new(loop, load_churn_some, load);
    load->clients = client_new_all(load);
    if (conf->has_tls) {
        load->port.tls = pgc_tls_client_new(conf->ca_file, err);
    }
    if ((conf->has_tls && load->port.tls == NULL) ||
        !wire_find(&load->port, conf->host, conf->port, err)) {
        pgc_load_free(load);
        return NULL;
    }
    return load;
}

void
pgc_load_free(struct pgc_load *load)
{
    if (load == NULL) {
        return;
    }
    client_free_all(load);
    pgc_timer_free(load->start);
    pgc_timer_free(load->churn);
    pgc_tls_client_free(load->port.tls);
    free(load);
}
