/* SPDX-License-Identifier: PostgreSQL */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_internal.h"

/* Whose answer goes there. */
struct pgc_nats_asked {
    size_t length;
    char reply[];
};

struct pgc_nats_bytes
pgc_nats_msg_bytes(natsMsg *msg)
{
    const char *data = natsMsg_GetData(msg); /* NULL if there are none */

    return (struct pgc_nats_bytes){.data = (const unsigned char *)(data != NULL ? data : ""),
        .length = (size_t)natsMsg_GetDataLength(msg)};
}

/* ---- jobs ---- */

void
pgc_nats_order(struct pgc_nats *nats, const struct nats_job_order *order)
{
    size_t length = order->bytes != NULL ? order->bytes->length : 0;
    struct nats_job *job = pgc_xcalloc(1, sizeof(*job) + length);

    job->kind = order->kind;
    job->session = nats->session;
    job->number = order->number;
    job->sequence = order->sequence;
    job->since_us = order->since_us;
    job->subject = order->subject;
    job->reply = order->reply;
    job->length = length;
    if (length > 0) {
        memcpy(job->bytes, order->bytes->data, length);
    }
    pthread_mutex_lock(&nats->wire.lock);
    STAILQ_INSERT_TAIL(&nats->wire.jobs, job, entry);
    pthread_cond_broadcast(&nats->wire.woken);
    pthread_mutex_unlock(&nats->wire.lock);
}

static char *
nats_subject(const struct pgc_nats *nats, const char *what)
{
    return pgc_xasprintf("%s.%s", nats->wire.prefix, what);
}

/* ---- subjects ---- */

static struct nats_topic *
nats_topic(struct pgc_nats *nats, const char *what)
{
    struct nats_topic *topic;

    SLIST_FOREACH(topic, &nats->topics, entry)
    {
        if (strcmp(topic->what, what) == 0) {
            return topic;
        }
    }
    return NULL;
}

static void
nats_subscribe(struct pgc_nats *nats, const struct nats_topic *topic)
{
    if (nats->up) {
        pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_SUBSCRIBE,
                                 .number = topic->number,
                                 .subject = nats_subject(nats, topic->what)});
    }
}

static void
nats_add_topic(struct pgc_nats *nats, const char *what, bool serves)
{
    size_t length = strlen(what);
    struct nats_topic *topic = nats_topic(nats, what);

    if (topic != NULL) {
        return;
    }
    topic = pgc_xcalloc(1, sizeof(*topic) + length + 1);
    topic->number = ++nats->numbers;
    topic->serves = serves;
    memcpy(topic->what, what, length);
    SLIST_INSERT_HEAD(&nats->topics, topic, entry);
    nats_subscribe(nats, topic);
}

void
pgc_nats_serve(struct pgc_nats *nats, const char *what)
{
    nats_add_topic(nats, what, true);
}

void
pgc_nats_listen(struct pgc_nats *nats, const char *what)
{
    nats_add_topic(nats, what, false);
}

void
pgc_nats_cease(struct pgc_nats *nats, const char *what)
{
    struct nats_topic *topic = nats_topic(nats, what);

    if (topic == NULL) {
        return;
    }
    pgc_nats_order(
        nats, &(struct nats_job_order){.kind = NATS_JOB_UNSUBSCRIBE, .number = topic->number});
    SLIST_REMOVE(&nats->topics, topic, nats_topic, entry);
    free(topic);
}

static void
nats_received(struct pgc_nats *nats, const struct nats_event *event)
{
    const char *subject = natsMsg_GetSubject(event->msg);
    const char *reply = natsMsg_GetReply(event->msg);
    const char *what = subject + strlen(nats->wire.prefix) + 1; /* it is what we subscribed to */
    const struct nats_topic *topic = nats_topic(nats, what);
    struct pgc_nats_bytes bytes = pgc_nats_msg_bytes(event->msg);

    if (topic == NULL) {
        return;
    }
    if (!topic->serves) {
        nats->ops->told(topic->what, &bytes, nats->arg);
    } else if (reply != NULL) {
        size_t length = strlen(reply);
        struct pgc_nats_asked *asked = pgc_xcalloc(1, sizeof(*asked) + length + 1);

        asked->length = length;
        memcpy(asked->reply, reply, length);
        nats->ops->asked(asked, topic->what, &bytes, nats->arg);
    }
}

void
pgc_nats_take_reply(
    struct pgc_nats *nats, struct pgc_nats_asked *asked, const struct pgc_nats_bytes *bytes)
{
    if (nats->up && bytes != NULL) {
        pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_SEND,
                                 .subject = pgc_xstrndup(asked->reply, asked->length),
                                 .bytes = bytes});
    }
    free(asked);
}

void
pgc_nats_tell(struct pgc_nats *nats, const char *what, const struct pgc_nats_bytes *bytes)
{
    if (nats->up) {
        pgc_nats_order(
            nats, &(struct nats_job_order){
                      .kind = NATS_JOB_SEND, .subject = nats_subject(nats, what), .bytes = bytes});
    }
}

/* ---- events ---- */

static void
nats_came_up(struct pgc_nats *nats, uint64_t session)
{
    const struct nats_topic *topic;

    nats->up = true;
    nats->session = session;
    SLIST_FOREACH(topic, &nats->topics, entry)
    {
        nats_subscribe(nats, topic);
    }
    pgc_nats_follow_up(nats);
    if (nats->ops->up != NULL) {
        nats->ops->up(nats->arg);
    }
}

static void
nats_went_down(struct pgc_nats *nats, const struct pgc_err *why)
{
    nats->up = false;
    pgc_nats_follow_down(nats);
    pgc_nats_wait_end(nats, why);
    if (nats->ops->down != NULL) {
        nats->ops->down(why, nats->arg);
    }
}

static void
nats_event(void *item, void *arg)
{
    struct pgc_nats *nats = arg;
    struct nats_event *event = item;
    bool is_current = nats->up && event->session == nats->session;
    bool kept = false;

    if (event->kind == NATS_EVENT_UP) {
        nats_came_up(nats, event->session);
    } else if (event->kind == NATS_EVENT_DOWN) {
        nats_went_down(nats, event->err);
    } else if (event->kind == NATS_EVENT_PACKET) {
        kept = pgc_nats_follow_take(nats, event);
    } else if (is_current && event->kind == NATS_EVENT_ANSWER) {
        pgc_nats_wait_answered(nats, event);
    } else if (is_current && event->kind == NATS_EVENT_MESSAGE) {
        nats_received(nats, event);
    } else if (is_current && event->kind == NATS_EVENT_LAST) {
        pgc_nats_wait_last(nats, event);
    } else if (is_current && event->kind == NATS_EVENT_FOLLOWING) {
        pgc_nats_follow_started(nats, event);
    }
    if (!kept) {
        pgc_nats_event_free(event);
    }
}

/* ---- life ---- */

static char *
nats_copy(const char *text)
{
    return text != NULL && text[0] != '\0' ? pgc_xstrdup(text) : NULL;
}

/* The url without what stands before an @, for people to read. */
static char *
nats_show(const char *url)
{
    char *shown = pgc_xstrdup(url);
    char *out = shown;

    for (const char *at = url; *at != '\0';) {
        size_t length = strcspn(at, ",");
        const char *host = memchr(at, '@', length);
        const char *scheme = strstr(at, "://");

        if (host != NULL) {
            size_t kept = scheme != NULL && scheme < host ? (size_t)(scheme + 3 - at) : 0;
            size_t rest = length - (size_t)(host + 1 - at);

            memmove(out, at, kept);
            memmove(out + kept, host + 1, rest);
            out += kept + rest;
        } else {
            memmove(out, at, length);
            out += length;
        }
        at += length;
        if (*at == ',') {
            *out++ = *at++;
        }
    }
    *out = '\0';
    return shown;
}

static void
nats_wire_init(struct nats_wire *wire, const struct pgc_nats_conf *conf)
{
    pthread_condattr_t monotonic;
    uint64_t salt[2];

    pgc_random(salt, sizeof(salt));
    wire->url = pgc_xstrdup(conf->url);
    wire->prefix = pgc_xstrdup(conf->prefix);
    wire->name = pgc_xstrdup(conf->name);
    wire->credentials = nats_copy(conf->credentials);
    wire->tls_ca = nats_copy(conf->tls_ca);
    wire->tls_certificate = nats_copy(conf->tls_certificate);
    wire->tls_key = nats_copy(conf->tls_key);
    wire->inbox = pgc_xasprintf("%s.inbox.%016llx%016llx", conf->prefix,
        (unsigned long long)salt[0], (unsigned long long)salt[1]);
    wire->shown = nats_show(conf->url);
    wire->keeps_stream = conf->keeps_stream;
    wire->replicas = conf->replicas;
    wire->retention_s = conf->retention_s;
    pthread_mutex_init(&wire->lock, NULL); /* neither can fail on Linux */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* clocks on the wall jump */
    pthread_cond_init(&wire->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    STAILQ_INIT(&wire->jobs);
    SLIST_INIT(&wire->orphans);
}

static void
nats_wire_fini(struct nats_wire *wire)
{
    struct nats_job *job;
    struct nats_tap *tap;

    while ((job = STAILQ_FIRST(&wire->jobs)) != NULL) {
        STAILQ_REMOVE_HEAD(&wire->jobs, entry);
        pgc_nats_job_free(job);
    }
    while ((tap = SLIST_FIRST(&wire->orphans)) != NULL) {
        SLIST_REMOVE_HEAD(&wire->orphans, entry);
        free(tap);
    }
    pthread_cond_destroy(&wire->woken);
    pthread_mutex_destroy(&wire->lock);
    pgc_wipe(wire->url, strlen(wire->url));
    free(wire->url);
    free(wire->prefix);
    free(wire->name);
    free(wire->credentials);
    free(wire->tls_ca);
    free(wire->tls_certificate);
    free(wire->tls_key);
    free(wire->inbox);
    free(wire->shown);
}

/* Signals are for the threads that watch for them, and libnats' threads inherit what this one has.
 */
static void
nats_start_hand(struct pgc_nats *nats)
{
    sigset_t all;
    sigset_t before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&nats->hand, NULL, pgc_nats_hand_main, &nats->wire);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        pgc_log(PGC_LOG_ERROR, 0,
            "start a thread for NATS at %s: %s; hint: raise the limit of threads (TasksMax, ulimit "
            "-u)",
            nats->wire.shown, strerror(error));
        abort();
    }
}

struct pgc_nats *
pgc_nats_new(struct pgc_loop *loop, const struct pgc_nats_conf *conf,
    const struct pgc_nats_ops *ops, void *arg)
{
    struct pgc_nats *nats = pgc_xcalloc(1, sizeof(*nats));

    nats->loop = loop;
    nats->ops = ops;
    nats->arg = arg;
    TAILQ_INIT(&nats->waits);
    TAILQ_INIT(&nats->follow.waiting);
    SLIST_INIT(&nats->topics);
    nats->deadline = pgc_timer_new(loop, pgc_nats_wait_late, nats);
    nats->follow.watch = pgc_timer_new(loop, pgc_nats_follow_watch, nats);
    nats_wire_init(&nats->wire, conf);
    nats->wire.events = pgc_mailbox_new(loop, nats_event, nats);
    nats_start_hand(nats);
    return nats;
}

void
pgc_nats_free(struct pgc_nats *nats)
{
    struct nats_topic *topic;

    if (nats == NULL) {
        return;
    }
    pthread_mutex_lock(&nats->wire.lock);
    nats->wire.stopped = true;
    pthread_cond_broadcast(&nats->wire.woken);
    pthread_mutex_unlock(&nats->wire.lock);
    pthread_join(nats->hand, NULL);
    pgc_nats_follow_down(nats);
    pgc_nats_wait_free(nats);
    pgc_mailbox_free(nats->wire.events, pgc_nats_event_free);
    pgc_timer_free(nats->deadline);
    pgc_timer_free(nats->follow.watch);
    while ((topic = SLIST_FIRST(&nats->topics)) != NULL) {
        SLIST_REMOVE_HEAD(&nats->topics, entry);
        free(topic);
    }
    nats_wire_fini(&nats->wire);
    free(nats);
}

bool
pgc_nats_is_up(const struct pgc_nats *nats)
{
    return nats->up;
}
