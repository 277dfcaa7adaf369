/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "nats_internal.h"

/*
 * libnats could connect again by itself, but then it keeps what is published meanwhile and sends it
 * later, when nobody wants that any more.  So a connection that is lost is over, and there is a new
 * one.
 */
#define HAND_CONNECT_MS    2000
#define HAND_WRITE_MS      3000
#define HAND_PING_MS       1000 /* two without an answer: the other end is gone */
#define HAND_WAIT_FIRST_MS 100
#define HAND_WAIT_LAST_MS  2000

bool
pgc_nats_complain(struct pgc_err *err, natsStatus status)
{
    const char *text = nats_GetLastError(NULL);
    const char *behind;

    if (text == NULL || text[0] == '\0') {
        text = natsStatus_GetText(status);
    }
    behind = text[0] == '(' ? strstr(text, "): ") : NULL; /* the line of libnats' source */
    text = behind != NULL ? behind + 3 : text;
    (void)pgc_err_set(err, PGC_ERR_BUS, "%s", text);
    if (status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED) {
        (void)pgc_err_hint(err, "check nats_credentials or the user in nats_url");
    }
    return false;
}

void
pgc_nats_event_free(void *item)
{
    struct nats_event *event = item;

    natsMsg_Destroy(event->msg);
    free(event->err);
    free(event);
}

void
pgc_nats_post(struct nats_wire *wire, const struct nats_event *event)
{
    pgc_mailbox_send(wire->events, pgc_xmemdup(event, sizeof(*event)));
}

static void
hand_post_down(struct nats_hand *hand, const struct pgc_err *why)
{
    pgc_nats_post(hand->wire, &(struct nats_event){.kind = NATS_EVENT_DOWN,
                                  .session = hand->session,
                                  .err = pgc_xmemdup(why, sizeof(*why))});
}

/* ---- connect ---- */

/* The user's password is in there, too. */
static natsStatus
hand_set_servers(natsOptions *options, const char *url)
{
    char *copy = pgc_xstrdup(url);
    const char *servers[64];
    char *rest = NULL;
    int count = 0;
    natsStatus status;

    for (char *one = strtok_r(copy, ", ", &rest); one != NULL && count < 64;
         one = strtok_r(NULL, ", ", &rest)) {
        servers[count++] = one;
    }
    status = natsOptions_SetServers(options, servers, count);
    pgc_wipe(copy, strlen(url));
    free(copy);
    return status;
}

static natsStatus
hand_set_identity(natsOptions *options, const struct nats_wire *wire)
{
    natsStatus status = NATS_OK;

    if (wire->credentials != NULL) {
        status = natsOptions_SetUserCredentialsFromFiles(options, wire->credentials, NULL);
    }
    if (status == NATS_OK && wire->tls_ca != NULL) {
        status = natsOptions_SetSecure(options, true);
        if (status == NATS_OK) {
            status = natsOptions_LoadCATrustedCertificates(options, wire->tls_ca);
        }
    }
    if (status == NATS_OK && wire->tls_certificate != NULL) {
        status = natsOptions_LoadCertificatesChain(options, wire->tls_certificate, wire->tls_key);
    }
    return status;
}

static void
hand_closed(natsConnection *connection, void *arg)
{
    struct nats_wire *wire = arg;

    (void)connection;
    pthread_mutex_lock(&wire->lock);
    wire->closed = true;
    wire->callbacks--;
    pthread_cond_broadcast(&wire->woken);
    pthread_mutex_unlock(&wire->lock);
}

/* The async thread of libnats: a subject we may not use, mostly. */
static void
hand_failed(
    natsConnection *connection, natsSubscription *subscription, natsStatus status, void *arg)
{
    struct nats_wire *wire = arg;
    const char *text = NULL;
    unsigned suppressed;

    (void)subscription;
    if (pgc_log_allowed(&wire->complaints, &suppressed)) {
        (void)natsConnection_GetLastError(connection, &text);
        pgc_log(PGC_LOG_WARN, 0, "NATS at %s: %s (%s; %u more like it)", wire->shown,
            natsStatus_GetText(status), text != NULL ? text : "", suppressed);
    }
}

static bool
hand_set_options(natsOptions *options, struct nats_wire *wire, struct pgc_err *err)
{
    char inbox[128];
    natsStatus status = hand_set_servers(options, wire->url);

    snprintf(inbox, sizeof(inbox), "%s.inbox", wire->prefix);
    if (status != NATS_OK) {
        (void)pgc_nats_complain(err, status);
        return pgc_err_wrap(err, "understand nats_url");
    }
    status = hand_set_identity(options, wire);
    if (status != NATS_OK) {
        (void)pgc_nats_complain(err, status);
        return pgc_err_wrap(err, "use nats_credentials and the nats_tls files");
    }
    if (natsOptions_SetAllowReconnect(options, false) != NATS_OK ||
        natsOptions_SetTimeout(options, HAND_CONNECT_MS) != NATS_OK ||
        natsOptions_SetWriteDeadline(options, HAND_WRITE_MS) != NATS_OK ||
        natsOptions_SetPingInterval(options, HAND_PING_MS) != NATS_OK ||
        natsOptions_SetMaxPingsOut(options, 2) != NATS_OK ||
        natsOptions_SetSendAsap(options, true) != NATS_OK ||
        natsOptions_SetName(options, wire->name) != NATS_OK ||
        natsOptions_SetCustomInboxPrefix(options, inbox) != NATS_OK ||
        natsOptions_SetErrorHandler(options, hand_failed, wire) != NATS_OK ||
        natsOptions_SetClosedCB(options, hand_closed, wire) != NATS_OK) {
        return pgc_nats_complain(err, NATS_ERR);
    }
    return true;
}

static bool
hand_dial(struct nats_hand *hand, struct pgc_err *err)
{
    struct nats_wire *wire = hand->wire;
    natsOptions *options = NULL;
    natsStatus status = natsOptions_Create(&options);
    bool ok = false;

    if (status != NATS_OK) {
        (void)pgc_nats_complain(err, status);
    } else if (hand_set_options(options, wire, err)) {
        pthread_mutex_lock(&wire->lock);
        wire->closed = false;
        wire->callbacks++; /* hand_closed */
        pthread_mutex_unlock(&wire->lock);
        status = natsConnection_Connect(&hand->connection, options);
        ok = status == NATS_OK;
        if (!ok) {
            (void)pgc_nats_complain(err, status);
            pthread_mutex_lock(&wire->lock);
            wire->callbacks--;
            pthread_mutex_unlock(&wire->lock);
        }
    }
    natsOptions_Destroy(options);
    return ok;
}

static bool
hand_equip(struct nats_hand *hand, struct pgc_err *err)
{
    const struct nats_tap answers = {.kind = NATS_EVENT_ANSWER};
    char *inbox = pgc_xasprintf("%s.answer.*", hand->wire->inbox);
    natsStatus status = natsConnection_JetStream(&hand->stream, hand->connection, NULL);
    bool ok = status == NATS_OK || pgc_nats_complain(err, status);

    ok = ok && pgc_nats_tap_open(hand, inbox, &answers, NULL, err);
    ok = ok && (!hand->wire->keeps_stream || pgc_nats_stream_keep(hand, err));
    free(inbox);
    return ok;
}

/* No callback comes any more once this has returned. */
static void
hand_hang_up(struct nats_hand *hand)
{
    struct nats_wire *wire = hand->wire;

    while (!SLIST_EMPTY(&hand->taps)) {
        pgc_nats_tap_close(hand, SLIST_FIRST(&hand->taps));
    }
    jsCtx_Destroy(hand->stream);
    hand->stream = NULL;
    natsConnection_Destroy(hand->connection);
    hand->connection = NULL;
    pthread_mutex_lock(&wire->lock);
    while (wire->callbacks > 0) {
        pthread_cond_wait(&wire->woken, &wire->lock);
    }
    pthread_mutex_unlock(&wire->lock);
    pgc_nats_tap_free_retired(hand);
}

static bool
hand_connect(struct nats_hand *hand)
{
    struct pgc_err err = {0};

    hand->session++;
    if (hand_dial(hand, &err) && hand_equip(hand, &err)) {
        pgc_nats_post(
            hand->wire, &(struct nats_event){.kind = NATS_EVENT_UP, .session = hand->session});
        return true;
    }
    (void)pgc_err_wrap(&err, "connect to NATS at %s", hand->wire->shown);
    hand_hang_up(hand);
    hand_post_down(hand, &err);
    return false;
}

/* ---- jobs ---- */

static bool
hand_send(struct nats_hand *hand, const struct nats_job *job, struct pgc_err *err)
{
    natsMsg *msg = NULL;
    natsStatus status =
        natsMsg_Create(&msg, job->subject, job->reply, (const char *)job->bytes, (int)job->length);

    if (status == NATS_OK && job->kind == NATS_JOB_PUBLISH) {
        char expected[32];

        snprintf(expected, sizeof(expected), "%llu", (unsigned long long)job->sequence);
        status = natsMsgHeader_Set(msg, "Nats-Expected-Last-Sequence", expected);
    }
    if (status == NATS_OK) {
        status = natsConnection_PublishMsg(hand->connection, msg);
    }
    natsMsg_Destroy(msg);
    if (status != NATS_OK) {
        (void)pgc_nats_complain(err, status);
        return pgc_err_wrap(err, "publish %zu bytes to %s", job->length, job->subject);
    }
    return true;
}

static bool
hand_subscribe(struct nats_hand *hand, const struct nats_job *job, struct pgc_err *err)
{
    const struct nats_tap messages = {.kind = NATS_EVENT_MESSAGE, .number = job->number};

    return pgc_nats_tap_open(hand, job->subject, &messages, NULL, err);
}

static void
hand_unsubscribe(struct nats_hand *hand, uint64_t number)
{
    struct nats_tap *tap;

    SLIST_FOREACH(tap, &hand->taps, entry)
    {
        if (tap->kind == NATS_EVENT_MESSAGE && tap->number == number) {
            pgc_nats_tap_close(hand, tap);
            return;
        }
    }
}

/* False: the connection is of no use. */
static bool
hand_do(struct nats_hand *hand, const struct nats_job *job, struct pgc_err *err)
{
    switch (job->kind) {
    case NATS_JOB_SEND:
    case NATS_JOB_PUBLISH:
        return hand_send(hand, job, err);
    case NATS_JOB_SUBSCRIBE:
        return hand_subscribe(hand, job, err);
    case NATS_JOB_UNSUBSCRIBE:
        hand_unsubscribe(hand, job->number);
        return true;
    case NATS_JOB_LAST:
        pgc_nats_stream_last(hand, job);
        return true;
    case NATS_JOB_FOLLOW:
        return pgc_nats_stream_follow(hand, job, err);
    }
    abort();
}

void
pgc_nats_job_free(struct nats_job *job)
{
    free(job->subject);
    free(job->reply);
    free(job);
}

/* The next job, or NULL: stop, or the connection is lost. */
static struct nats_job *
hand_next(struct nats_wire *wire)
{
    struct nats_job *job = NULL;

    pthread_mutex_lock(&wire->lock);
    while (!wire->stopped && !wire->closed && STAILQ_EMPTY(&wire->jobs)) {
        pthread_cond_wait(&wire->woken, &wire->lock);
    }
    if (!wire->stopped && !wire->closed) {
        job = STAILQ_FIRST(&wire->jobs);
        STAILQ_REMOVE_HEAD(&wire->jobs, entry);
    }
    pthread_mutex_unlock(&wire->lock);
    return job;
}

/* Until the connection is lost, or we are to stop. */
static void
hand_work(struct nats_hand *hand)
{
    struct pgc_err err = {0};
    struct nats_job *job;
    bool ok = true;

    while (ok && (job = hand_next(hand->wire)) != NULL) {
        if (job->session == hand->session) {
            ok = hand_do(hand, job, &err);
        }
        pgc_nats_job_free(job);
    }
    if (ok) {
        const char *text = NULL;
        natsStatus status = natsConnection_GetLastError(hand->connection, &text);

        (void)pgc_err_set(&err, PGC_ERR_BUS, "the connection to NATS was lost: %s",
            text != NULL && text[0] != '\0' ? text : natsStatus_GetText(status));
    }
    hand_hang_up(hand);
    hand_post_down(hand, &err);
}

/* ---- life ---- */

static bool
hand_is_stopped(struct nats_wire *wire)
{
    bool stopped;

    pthread_mutex_lock(&wire->lock);
    stopped = wire->stopped;
    pthread_mutex_unlock(&wire->lock);
    return stopped;
}

static void
hand_wait(struct nats_wire *wire, int64_t delay_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += delay_ms / 1000;
    until.tv_nsec += delay_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&wire->lock);
    while (!wire->stopped && pthread_cond_timedwait(&wire->woken, &wire->lock, &until) == 0) {
    }
    pthread_mutex_unlock(&wire->lock);
}

void *
pgc_nats_hand_main(void *arg)
{
    struct nats_hand hand = {.wire = arg};
    int64_t delay_ms = HAND_WAIT_FIRST_MS;

    while (!hand_is_stopped(hand.wire)) {
        if (hand_connect(&hand)) {
            int64_t up_ms = pgc_monotonic_ms();

            hand_work(&hand);
            if (pgc_monotonic_ms() - up_ms > HAND_WAIT_LAST_MS) {
                delay_ms = HAND_WAIT_FIRST_MS;
            }
        }
        hand_wait(hand.wire, delay_ms);
        delay_ms = delay_ms * 2 < HAND_WAIT_LAST_MS ? delay_ms * 2 : HAND_WAIT_LAST_MS;
    }
    nats_ReleaseThreadMemory();
    return NULL;
}
