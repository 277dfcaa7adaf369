/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_internal.h"

/* While the stream's servers elect a new leader nobody answers. */
#define WAIT_PUBLISHED_MS 2500
#define WAIT_LAST_MS      ((int64_t)3 * NATS_CALL_MS)

/* ---- who waits ---- */

static struct nats_wait *
wait_add(struct pgc_nats *nats, const struct nats_wait *like, int64_t timeout_ms)
{
    struct nats_wait *wait = pgc_xmemdup(like, sizeof(*like));
    int64_t now_ms = pgc_monotonic_ms();
    const struct nats_wait *other;
    bool is_first = true;

    wait->token = ++nats->numbers;
    wait->deadline_ms = nats->up ? now_ms + timeout_ms : now_ms;
    TAILQ_FOREACH(other, &nats->waits, entry) {
        is_first = is_first && wait->deadline_ms < other->deadline_ms;
    }
    TAILQ_INSERT_TAIL(&nats->waits, wait, entry);
    if (is_first) {
        pgc_timer_set(nats->deadline, wait->deadline_ms - now_ms);
    }
    return wait;
}

static struct nats_wait *
wait_find(struct pgc_nats *nats, uint64_t token)
{
    struct nats_wait *wait;

    TAILQ_FOREACH(wait, &nats->waits, entry) {
        if (wait->token == token) {
            TAILQ_REMOVE(&nats->waits, wait, entry);
            return wait;
        }
    }
    return NULL;
}

static void
wait_fail(struct pgc_nats *nats, struct nats_wait *wait, const struct pgc_err *why)
{
    switch (wait->kind) {
    case NATS_WAIT_PUBLISHED:
        nats->ops->published(wait->cookie, PGC_NATS_UNREACHABLE, why, nats->arg);
        break;
    case NATS_WAIT_ANSWER:
        wait->answer(why, NULL, wait->arg);
        break;
    case NATS_WAIT_LAST:
        wait->last(why, &(struct pgc_nats_last){0}, nats->arg);
        break;
    }
    free(wait);
}

void
pgc_nats_wait_end(struct pgc_nats *nats, const struct pgc_err *why)
{
    struct nats_waits ended = TAILQ_HEAD_INITIALIZER(ended);
    struct nats_wait *wait;

    TAILQ_CONCAT(&ended, &nats->waits, entry);
    while ((wait = TAILQ_FIRST(&ended)) != NULL) {
        TAILQ_REMOVE(&ended, wait, entry);
        wait_fail(nats, wait, why);
    }
}

void
pgc_nats_wait_free(struct pgc_nats *nats)
{
    struct nats_wait *wait;

    while ((wait = TAILQ_FIRST(&nats->waits)) != NULL) {
        TAILQ_REMOVE(&nats->waits, wait, entry);
        free(wait);
    }
}

void
pgc_nats_wait_late(void *arg)
{
    struct pgc_nats *nats = arg;
    int64_t now_ms = pgc_monotonic_ms();
    int64_t next_ms = INT64_MAX;
    struct nats_waits late = TAILQ_HEAD_INITIALIZER(late);
    struct nats_wait *wait = TAILQ_FIRST(&nats->waits);
    struct pgc_err err = {0};

    while (wait != NULL) {
        struct nats_wait *next = TAILQ_NEXT(wait, entry);

        if (wait->deadline_ms <= now_ms) {
            TAILQ_REMOVE(&nats->waits, wait, entry);
            TAILQ_INSERT_TAIL(&late, wait, entry);
        } else if (wait->deadline_ms < next_ms) {
            next_ms = wait->deadline_ms;
        }
        wait = next;
    }
    if (next_ms != INT64_MAX) {
        pgc_timer_set(nats->deadline, next_ms - now_ms);
    }
    (void)pgc_err_set(&err, PGC_ERR_BUS, "%s",
        nats->up ? "no answer over NATS in time" : "there is no connection to NATS");
    while ((wait = TAILQ_FIRST(&late)) != NULL) {
        TAILQ_REMOVE(&late, wait, entry);
        wait_fail(nats, wait, &err);
    }
}

/* ---- publish ---- */

void
pgc_nats_publish(struct pgc_nats *nats, uint64_t expected_last, const struct pgc_nats_bytes *bytes,
    uint64_t cookie)
{
    const struct nats_wait published = {.kind = NATS_WAIT_PUBLISHED, .cookie = cookie};
    const struct nats_wait *wait = wait_add(nats, &published, WAIT_PUBLISHED_MS);

    pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_PUBLISH,
                             .sequence = expected_last,
                             .subject = pgc_xasprintf("%s.batch", nats->wire.prefix),
                             .reply = pgc_xasprintf("%s.answer.%llu", nats->wire.inbox,
                                 (unsigned long long)wait->token),
                             .bytes = bytes});
}

/*
 * The server's word on a packet: {"stream":"pgcable", "seq":17} or
 * {"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 16"},…}.
 */
static void
wait_published(struct pgc_nats *nats, const struct nats_wait *wait, natsMsg *msg)
{
    struct pgc_nats_bytes bytes = pgc_nats_msg_bytes(msg);
    char *text = pgc_xstrndup((const char *)bytes.data, bytes.length);
    const char *description = strstr(text, "\"description\":\"");
    struct pgc_err err = {0};

    if (natsMsg_IsNoResponders(msg)) {
        (void)pgc_err_set(
            &err, PGC_ERR_BUS, "no server keeps the stream \"%s\" just now", nats->wire.prefix);
        nats->ops->published(wait->cookie, PGC_NATS_UNREACHABLE, &err, nats->arg);
    } else if (strstr(text, "\"error\":") != NULL || strstr(text, "\"seq\":") == NULL) {
        (void)pgc_err_set(&err, PGC_ERR_BUS, "the stream \"%s\" does not take the packet: %.*s",
            nats->wire.prefix, description != NULL ? (int)strcspn(description + 15, "\"") : 200,
            description != NULL ? description + 15 : text);
        nats->ops->published(wait->cookie, PGC_NATS_REFUSED, &err, nats->arg);
    } else {
        nats->ops->published(wait->cookie, PGC_NATS_STORED, NULL, nats->arg);
    }
    free(text);
}

/* ---- ask ---- */

void
pgc_nats_request(struct pgc_nats *nats, const char *what, const struct pgc_nats_bytes *bytes,
    int64_t timeout_ms,
    void (*done)(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg),
    void *arg)
{
    const struct nats_wait answer = {.kind = NATS_WAIT_ANSWER, .answer = done, .arg = arg};
    const struct nats_wait *wait = wait_add(nats, &answer, timeout_ms);

    pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_SEND,
                             .subject = pgc_xasprintf("%s.%s", nats->wire.prefix, what),
                             .reply = pgc_xasprintf("%s.answer.%llu", nats->wire.inbox,
                                 (unsigned long long)wait->token),
                             .bytes = bytes});
}

void
pgc_nats_wait_answered(struct pgc_nats *nats, const struct nats_event *event)
{
    const char *token = strrchr(natsMsg_GetSubject(event->msg), '.');
    struct nats_wait *wait = wait_find(nats, token != NULL ? strtoull(token + 1, NULL, 10) : 0);
    struct pgc_nats_bytes bytes = pgc_nats_msg_bytes(event->msg);
    struct pgc_err err = {0};

    if (wait == NULL) { /* too late, or the second to answer */
        return;
    }
    if (wait->kind == NATS_WAIT_PUBLISHED) {
        wait_published(nats, wait, event->msg);
    } else if (natsMsg_IsNoResponders(event->msg)) {
        (void)pgc_err_set(&err, PGC_ERR_BUS, "nobody is there to answer");
        (void)pgc_err_hint(&err, "start a daemon with role = feed");
        wait->answer(&err, NULL, wait->arg);
    } else {
        wait->answer(NULL, &bytes, wait->arg);
    }
    free(wait);
}

void
pgc_nats_last(struct pgc_nats *nats,
    void (*done)(const struct pgc_err *err, const struct pgc_nats_last *last, void *arg))
{
    const struct nats_wait last = {.kind = NATS_WAIT_LAST, .last = done};
    const struct nats_wait *wait = wait_add(nats, &last, WAIT_LAST_MS);

    pgc_nats_order(nats, &(struct nats_job_order){.kind = NATS_JOB_LAST, .number = wait->token});
}

void
pgc_nats_wait_last(struct pgc_nats *nats, const struct nats_event *event)
{
    struct nats_wait *wait = wait_find(nats, event->number);
    struct pgc_nats_packet packet = {.sequence = event->sequence};
    struct pgc_nats_last last = {.last = event->sequence};

    if (wait == NULL) {
        return;
    }
    if (event->msg != NULL) {
        packet.bytes = pgc_nats_msg_bytes(event->msg);
        last.packet = &packet;
    }
    wait->last(event->err, &last, nats->arg);
    free(wait);
}
