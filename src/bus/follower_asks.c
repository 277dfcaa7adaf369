/* SPDX-License-Identifier: PostgreSQL */
/*
 * An ask waits a moment for others, flies with them, is answered as of the end of a tick, and lands
 * where that tick has ended here.  If workers are further already, and something since then may
 * have changed the answer, it is asked again.  Nobody's silence is a yes.
 */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follower_internal.h"

#define ASKS_GATHER_MS    1
#define ASKS_PER_REQUEST  64 /* as many as fly with one question to the database */
#define ASKS_REQUESTS     4  /* at once: who is slow is not asked more */
#define ASKS_LAST_WAIT_MS 4000

enum follower_ask_state { ASK_WAITS, ASK_FLIES, ASK_IS_HELD };

struct follower_ask {
    enum follower_ask_state state;
    TAILQ_ENTRY(follower_ask) entry;
    struct pgc_port *port;
    uint64_t ticket; /* the worker's; the ask itself has ours */
    struct pgc_ask *ask;
    int64_t asked_us;
    const struct follower_request *request; /* flies: which it is part of */

    struct pgc_answer *answer; /* held */
    int64_t tick;              /* at the end of which it holds */
    uint32_t nonce;
};

struct follower_request {
    struct pgc_follower *follower;
    bool is_vain; /* it went to a leader that is none any more, and counts no longer */
    LIST_ENTRY(follower_request) entry;
};

static void asks_timer(void *arg);

void
pgc_follower_init_asks(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;

    asks->by_ticket = pgc_table_new();
    TAILQ_INIT(&asks->waiting);
    TAILQ_INIT(&asks->flying);
    TAILQ_INIT(&asks->held);
    LIST_INIT(&asks->requests);
    asks->timer = pgc_timer_new(follower->loop, asks_timer, follower);
}

static void
ask_free(void *item)
{
    struct follower_ask *ask = item;

    pgc_ask_free(ask->ask);
    pgc_answer_free(ask->answer);
    free(ask);
}

/* The connection is gone: no request will end any more. */
void
pgc_follower_fini_asks(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;

    while (!LIST_EMPTY(&asks->requests)) {
        struct follower_request *request = LIST_FIRST(&asks->requests);

        LIST_REMOVE(request, entry);
        free(request);
    }
    pgc_timer_free(asks->timer);
    pgc_table_free(asks->by_ticket, ask_free);
}

/* ---- from list to list ---- */

static struct follower_ask_list *
asks_list(struct follower_asks *asks, enum follower_ask_state state)
{
    switch (state) {
    case ASK_WAITS:
        return &asks->waiting;
    case ASK_FLIES:
        return &asks->flying;
    case ASK_IS_HELD:
        return &asks->held;
    }
    abort();
}

static void
ask_move(struct follower_asks *asks, struct follower_ask *ask, enum follower_ask_state state)
{
    TAILQ_REMOVE(asks_list(asks, ask->state), ask, entry);
    ask->state = state;
    TAILQ_INSERT_TAIL(asks_list(asks, state), ask, entry);
}

static void
ask_again(struct follower_asks *asks, struct follower_ask *ask)
{
    pgc_answer_free(ask->answer);
    ask->answer = NULL;
    ask->request = NULL;
    ask_move(asks, ask, ASK_WAITS);
}

/* Down with the answer it has, which is a no if there is none. */
static void
ask_end(struct follower_asks *asks, struct follower_ask *ask)
{
    struct pgc_answer *answer = ask->answer != NULL ? ask->answer : pgc_answer_new(0, NULL);

    answer->ticket = ask->ticket;
    pgc_port_take_down_answer(ask->port, answer);
    TAILQ_REMOVE(asks_list(asks, ask->state), ask, entry);
    (void)pgc_table_remove(
        asks->by_ticket, (const char *)&ask->ask->ticket, sizeof(ask->ask->ticket));
    ask->answer = NULL;
    ask_free(ask);
}

void
pgc_follower_asked(struct pgc_port *port, struct pgc_ask *asked, void *arg)
{
    struct pgc_follower *follower = arg;
    struct follower_asks *asks = &follower->asks;
    struct follower_ask *ask = pgc_xcalloc(1, sizeof(*ask));

    ask->port = port;
    ask->ask = asked;
    ask->ticket = asked->ticket;
    ask->asked_us = pgc_monotonic_us();
    asked->ticket = asks->next_ticket++;
    (void)pgc_table_put(asks->by_ticket, (const char *)&asked->ticket, sizeof(asked->ticket), ask);
    if (TAILQ_EMPTY(&asks->waiting)) {
        pgc_timer_set(asks->timer, ASKS_GATHER_MS);
    }
    TAILQ_INSERT_TAIL(&asks->waiting, ask, entry);
}

/* ---- landing ---- */

static void
ask_land(struct pgc_follower *follower, struct follower_ask *ask)
{
    pgc_metric_observe_us(follower->metrics.answer_seconds, pgc_monotonic_us() - ask->asked_us);
    ask_end(&follower->asks, ask);
}

static void
ask_look(struct pgc_follower *follower, struct follower_ask *ask)
{
    const struct chain *chain = &follower->chain;

    if (ask->tick > chain->tick) {
        return;
    }
    if ((ask->tick == chain->tick && ask->nonce != chain->nonce) ||
        pgc_moves_touch(follower->moves, ask->ask->member, ask->answer, ask->tick)) {
        pgc_metric_add(follower->metrics.asked_again, 1);
        ask_again(&follower->asks, ask);
    } else {
        ask_land(follower, ask);
    }
}

void
pgc_follower_land_asks(struct pgc_follower *follower)
{
    struct follower_ask *ask = TAILQ_FIRST(&follower->asks.held);

    if (!follower->is_told || !follower->chain.is_placed || follower->chain.is_half) {
        return;
    }
    while (ask != NULL) {
        struct follower_ask *next = TAILQ_NEXT(ask, entry);

        ask_look(follower, ask);
        ask = next;
    }
    pgc_follower_send_asks(follower);
}

void
pgc_follower_recall_asks(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;

    while (!TAILQ_EMPTY(&asks->held)) {
        ask_again(asks, TAILQ_FIRST(&asks->held));
    }
}

/* ---- there and back ---- */

static void
asks_take_answer(struct follower_asks *asks, const struct codec_answers *answers, size_t i)
{
    struct pgc_answer *answer = answers->answers[i];
    struct follower_ask *ask =
        pgc_table_get(asks->by_ticket, (const char *)&answer->ticket, sizeof(answer->ticket));

    if (ask != NULL && ask->state == ASK_FLIES) {
        answers->answers[i] = NULL;
        ask->answer = answer;
        ask->tick = answers->tick;
        ask->nonce = answers->nonce;
        ask_move(asks, ask, ASK_IS_HELD);
    }
}

static void
asks_take_answers(struct follower_asks *asks, const struct pgc_nats_bytes *bytes)
{
    struct codec_answers answers;
    struct pgc_err err = {0};

    if (!pgc_codec_read_answers(bytes->data, bytes->length, &answers, &err)) {
        pgc_log_err(PGC_LOG_ERROR, 0, &err, "ask for access");
    } else {
        for (size_t i = 0; i < answers.count; i++) {
            asks_take_answer(asks, &answers, i);
        }
    }
    pgc_codec_fini_answers(&answers);
}

/* Nobody answered them. */
static void
asks_end_request(struct follower_asks *asks, struct follower_request *request)
{
    struct follower_ask *ask = TAILQ_FIRST(&asks->flying);

    while (ask != NULL) {
        struct follower_ask *next = TAILQ_NEXT(ask, entry);

        if (ask->request == request) {
            ask_again(asks, ask);
        }
        ask = next;
    }
    LIST_REMOVE(request, entry);
    asks->request_count -= request->is_vain ? 0 : 1;
    free(request);
}

static void
asks_failed(struct follower_asks *asks)
{
    int64_t wait_ms = 1000;

    for (unsigned i = 0; i < asks->failures && wait_ms < ASKS_LAST_WAIT_MS; i++) {
        wait_ms *= 2;
    }
    asks->failures++;
    asks->not_before_ms = pgc_monotonic_ms() + wait_ms;
}

static void
asks_answered(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct follower_request *request = arg;
    struct pgc_follower *follower = request->follower;
    struct follower_asks *asks = &follower->asks;

    if (err == NULL) {
        asks_take_answers(asks, answer);
        asks->failures = 0;
    } else if (!request->is_vain) {
        asks_failed(asks);
    }
    asks_end_request(asks, request);
    pgc_follower_land_asks(follower);
    pgc_follower_send_asks(follower);
}

static size_t
ask_bytes(const struct pgc_ask *ask)
{
    return sizeof(*ask) + strlen(ask->member) + (ask->params != NULL ? strlen(ask->params) : 0);
}

static void
asks_send_request(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;
    struct follower_request *request = pgc_xcalloc(1, sizeof(*request));
    struct pgc_ask *list[ASKS_PER_REQUEST];
    struct codec_asks message = {.edge = follower->edge, .asks = list};
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;
    size_t size = 0;

    while (!TAILQ_EMPTY(&asks->waiting) && message.count < ASKS_PER_REQUEST &&
           size < FOLLOWER_TOLD_BYTES) {
        struct follower_ask *ask = TAILQ_FIRST(&asks->waiting);

        ask->request = request;
        ask_move(asks, ask, ASK_FLIES);
        list[message.count++] = ask->ask;
        size += ask_bytes(ask->ask);
    }
    request->follower = follower;
    LIST_INSERT_HEAD(&asks->requests, request, entry);
    asks->request_count++;
    pgc_codec_write_asks(&text, &message);
    bytes.data = (const unsigned char *)text.data;
    bytes.length = text.length;
    pgc_nats_request(
        follower->nats, "ask", &bytes, follower->patience.answer_ms, asks_answered, request);
    pgc_buf_fini(&text);
}

void
pgc_follower_send_asks(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;
    int64_t wait_ms = asks->not_before_ms - pgc_monotonic_ms();

    if (TAILQ_EMPTY(&asks->waiting) || !pgc_nats_is_up(follower->nats)) {
        return;
    }
    if (wait_ms > 0) {
        pgc_timer_set(asks->timer, wait_ms);
        return;
    }
    pgc_follower_tell_changes(follower);
    while (!TAILQ_EMPTY(&asks->waiting) && asks->request_count < ASKS_REQUESTS) {
        asks_send_request(follower);
    }
}

void
pgc_follower_hurry_asks(struct pgc_follower *follower)
{
    struct follower_asks *asks = &follower->asks;
    struct follower_request *request;

    LIST_FOREACH(request, &asks->requests, entry) {
        request->is_vain = true;
    }
    asks->request_count = 0;
    while (!TAILQ_EMPTY(&asks->flying)) {
        ask_again(asks, TAILQ_FIRST(&asks->flying));
    }
    asks->failures = 0;
    asks->not_before_ms = 0;
    pgc_follower_send_asks(follower);
}

static void
asks_timer(void *arg)
{
    pgc_follower_send_asks(arg);
}

/* ---- no answer ---- */

static void
ask_refuse(struct pgc_follower *follower, struct follower_ask *ask)
{
    static const char why[] = "no feed answered, or what it answered cannot be known to hold";
    unsigned suppressed;

    pgc_metric_add(follower->metrics.refused, 1);
    pgc_recent_refuse(follower->recent, 0, ask->ask->member, "not subscribed: %s", why);
    if (pgc_log_allowed(&follower->asks.refused_limit, &suppressed)) {
        pgc_log(PGC_LOG_WARN, 0, "member \"%s\" may not subscribe: %s (%u more before this)",
            ask->ask->member, why, suppressed);
    }
    pgc_answer_free(ask->answer);
    ask->answer = NULL;
    ask_end(&follower->asks, ask);
}

static void
asks_refuse_old(struct pgc_follower *follower, enum follower_ask_state state)
{
    int64_t since_us = pgc_monotonic_us() - follower->patience.ask_ms * 1000;
    struct follower_ask *ask = TAILQ_FIRST(asks_list(&follower->asks, state));

    while (ask != NULL) {
        struct follower_ask *next = TAILQ_NEXT(ask, entry);

        if (ask->asked_us < since_us) {
            ask_refuse(follower, ask);
        }
        ask = next;
    }
}

void
pgc_follower_refuse_asks(struct pgc_follower *follower)
{
    asks_refuse_old(follower, ASK_WAITS);
    asks_refuse_old(follower, ASK_FLIES);
    asks_refuse_old(follower, ASK_IS_HELD);
}
