/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "publisher_internal.h"

/* So many go to the feed at once, which answers as many with one look at the database. */
#define DESK_FLYING_MAX 64
/* Of a reply: servers take 1 MB by default. */
#define DESK_REPLY_BYTES ((size_t)768 << 10)
/* Between two times that the stream tells all bans. */
#define DESK_STATE_MS 1000

/* ---- answers ---- */

static void
desk_group_free(struct desk_group *group)
{
    for (size_t i = 0; i < group->asks.count; i++) {
        pgc_answer_free(group->seats[i].answer);
    }
    pgc_codec_fini_asks(&group->asks);
    free(group->seats);
    free(group);
}

/* A list that is too long for one packet is cut: what is left out is asked again. */
static void
desk_write(struct pgc_buf *out, struct codec_answers *answers)
{
    pgc_codec_write_answers(out, answers);
    while (out->length > DESK_REPLY_BYTES && answers->count > 1) {
        answers->count /= 2;
        pgc_buf_clear(out);
        pgc_codec_write_answers(out, answers);
    }
    if (out->length > DESK_REPLY_BYTES) {
        struct pgc_answer refused = {.ticket = answers->answers[0]->ticket};
        struct pgc_answer *one = &refused;
        struct codec_answers instead = *answers;

        pgc_log(PGC_LOG_ERROR, 0,
            "the answer to a request for access has %zu topics, too many for a message over "
            "NATS: refused",
            answers->answers[0]->topic_count);
        instead.answers = &one;
        pgc_buf_clear(out);
        pgc_codec_write_answers(out, &instead);
    }
}

/* Do we know the tick at whose end the answers are good?  Not between a takeover in the middle of
 * a tick and the first piece. */
static bool
desk_has_place(const struct pgc_publisher *publisher)
{
    return publisher->has_sent ||
           (publisher->place.tick > 0 && publisher->place.tick == publisher->ended);
}

static void
desk_reply(struct pgc_publisher *publisher, struct desk_group *group)
{
    struct pgc_answer **list = pgc_xcalloc(group->asks.count + 1, sizeof(struct pgc_answer *));
    struct codec_answers answers = {
        .tick = publisher->place.tick, .nonce = publisher->place.nonce, .answers = list};
    struct pgc_buf out = {0};

    for (size_t i = 0; i < group->asks.count; i++) {
        if (group->seats[i].answer != NULL) {
            list[answers.count++] = group->seats[i].answer;
        }
    }
    if (answers.count > 0 && desk_has_place(publisher)) {
        desk_write(&out, &answers);
        pgc_nats_take_reply(publisher->nats, group->asked,
            &(struct pgc_nats_bytes){(const unsigned char *)out.data, out.length});
    } else {
        pgc_nats_take_reply(publisher->nats, group->asked, NULL);
    }
    pgc_buf_fini(&out);
    free(list);
    TAILQ_REMOVE(&publisher->desk.flying, group, entry);
    desk_group_free(group);
}

static struct desk_seat *
desk_find(struct publisher_desk *desk, uint64_t ticket, struct desk_group **found)
{
    struct desk_group *group;

    TAILQ_FOREACH(group, &desk->flying, entry) {
        for (size_t i = 0; i < group->asks.count; i++) {
            if (group->seats[i].ours == ticket) {
                *found = group;
                return &group->seats[i];
            }
        }
    }
    return NULL;
}

/* ---- asks ---- */

static void
desk_send_up(struct pgc_publisher *publisher, struct desk_group *group)
{
    struct publisher_desk *desk = &publisher->desk;

    for (size_t i = 0; i < group->asks.count && i < DESK_FLYING_MAX; i++) {
        struct pgc_ask *ask = group->asks.asks[i];

        assert(ask != NULL); /* nobody else has taken one */
        group->asks.asks[i] = NULL;
        group->seats[i].ticket = ask->ticket;
        group->seats[i].ours = ++desk->tickets;
        ask->ticket = group->seats[i].ours;
        if (ask->kind == PGC_STREAM_MEMBER) {
            pgc_publisher_viewers_add(publisher, group->asks.edge, ask->member);
        }
        group->waiting++;
        desk->flying_asks++;
        pgc_metric_add(publisher->metrics.asks, 1);
        pgc_port_take_up_ask(publisher->port, ask);
    }
}

static void
desk_fly(struct pgc_publisher *publisher)
{
    struct publisher_desk *desk = &publisher->desk;
    struct desk_group *group;

    while ((group = TAILQ_FIRST(&desk->waiting)) != NULL &&
           (desk->flying_asks == 0 || desk->flying_asks + group->asks.count <= DESK_FLYING_MAX)) {
        TAILQ_REMOVE(&desk->waiting, group, entry);
        TAILQ_INSERT_TAIL(&desk->flying, group, entry);
        desk_send_up(publisher, group);
    }
}

void
pgc_publisher_desk_answer(struct pgc_publisher *publisher, struct pgc_answer *answer)
{
    struct publisher_desk *desk = &publisher->desk;
    struct desk_group *group = NULL;
    struct desk_seat *seat = desk_find(desk, answer->ticket, &group);

    desk->flying_asks--;
    if (seat == NULL) { /* the others of its question were answered at an earlier tick */
        pgc_answer_free(answer);
    } else {
        answer->ticket = seat->ticket;
        seat->answer = answer;
        seat->ours = 0;
        group->answered++;
        if (group->answered == group->waiting) {
            desk_reply(publisher, group);
        }
    }
    desk_fly(publisher);
}

void
pgc_publisher_desk_move(struct pgc_publisher *publisher)
{
    struct desk_group *group = TAILQ_FIRST(&publisher->desk.flying);

    while (group != NULL) {
        struct desk_group *next = TAILQ_NEXT(group, entry);

        if (group->answered > 0) {
            desk_reply(publisher, group);
        }
        group = next;
    }
}

static void
desk_take(struct pgc_publisher *publisher, struct pgc_nats_asked *asked,
    const struct pgc_nats_bytes *question)
{
    struct desk_group *group = pgc_xcalloc(1, sizeof(*group));
    struct pgc_err err = {0};
    unsigned suppressed;

    if (!pgc_codec_read_asks(question->data, question->length, &group->asks, &err) ||
        group->asks.count == 0) {
        if (pgc_log_allowed(&publisher->desk.nonsense, &suppressed)) {
            pgc_log_err(PGC_LOG_WARN, 0, &err, "a request for access from an edge is not answered");
        }
        pgc_nats_take_reply(publisher->nats, asked, NULL);
        pgc_codec_fini_asks(&group->asks);
        free(group);
        return;
    }
    group->asked = asked;
    group->seats = pgc_xcalloc(group->asks.count, sizeof(*group->seats));
    TAILQ_INSERT_TAIL(&publisher->desk.waiting, group, entry);
    desk_fly(publisher);
}

/* ---- state ---- */

static void
desk_tell_state(void *arg)
{
    struct pgc_publisher *publisher = arg;
    struct publisher_desk *desk = &publisher->desk;
    struct pgc_batch *batch = pgc_batch_new(0);
    struct pgc_buf bytes = {0};
    struct desk_asker *asker;

    desk->state_ms = pgc_monotonic_ms();
    pgc_banned_add_to(publisher->banned, batch);
    pgc_publisher_add(publisher, batch, true);
    pgc_batch_unref(batch);
    pgc_codec_write_place(&bytes, CODEC_STATE, &publisher->place);
    while ((asker = STAILQ_FIRST(&desk->state_askers)) != NULL) {
        STAILQ_REMOVE_HEAD(&desk->state_askers, entry);
        pgc_nats_take_reply(publisher->nats, asker->asked,
            &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
        free(asker);
    }
    pgc_buf_fini(&bytes);
}

static void
desk_take_state(struct pgc_publisher *publisher, struct pgc_nats_asked *asked)
{
    struct publisher_desk *desk = &publisher->desk;
    int64_t wait_ms = desk->state_ms + DESK_STATE_MS - pgc_monotonic_ms();
    struct desk_asker *asker;

    if (!publisher->knows_rights) {
        pgc_nats_take_reply(publisher->nats, asked, NULL); /* they ask again */
        return;
    }
    if (STAILQ_EMPTY(&desk->state_askers)) {
        pgc_timer_set(desk->state, wait_ms);
    }
    asker = pgc_xcalloc(1, sizeof(*asker));
    asker->asked = asked;
    STAILQ_INSERT_TAIL(&desk->state_askers, asker, entry);
}

void
pgc_publisher_desk_asked(struct pgc_publisher *publisher, struct pgc_nats_asked *asked,
    const char *what, const struct pgc_nats_bytes *question)
{
    if (publisher->state != PUBLISHER_LEADING) {
        pgc_nats_take_reply(publisher->nats, asked, NULL);
    } else if (strcmp(what, "ask") == 0) {
        desk_take(publisher, asked, question);
    } else {
        desk_take_state(publisher, asked);
    }
}

/* ---- life ---- */

void
pgc_publisher_desk_open(struct pgc_publisher *publisher)
{
    pgc_nats_serve(publisher->nats, "ask");
    pgc_nats_serve(publisher->nats, "state");
}

static void
desk_send_away(struct pgc_publisher *publisher, struct desk_groups *groups)
{
    struct desk_group *group;

    while ((group = TAILQ_FIRST(groups)) != NULL) {
        TAILQ_REMOVE(groups, group, entry);
        pgc_nats_take_reply(publisher->nats, group->asked, NULL);
        desk_group_free(group);
    }
}

void
pgc_publisher_desk_close(struct pgc_publisher *publisher)
{
    struct publisher_desk *desk = &publisher->desk;
    struct desk_asker *asker;

    pgc_nats_cease(publisher->nats, "ask");
    pgc_nats_cease(publisher->nats, "state");
    desk_send_away(publisher, &desk->waiting);
    desk_send_away(publisher, &desk->flying);
    desk->flying_asks = 0;
    while ((asker = STAILQ_FIRST(&desk->state_askers)) != NULL) {
        STAILQ_REMOVE_HEAD(&desk->state_askers, entry);
        pgc_nats_take_reply(publisher->nats, asker->asked, NULL);
        free(asker);
    }
    desk->state_ms = 0;
    pgc_timer_cancel(desk->state);
}

void
pgc_publisher_desk_init(struct pgc_publisher *publisher)
{
    struct publisher_desk *desk = &publisher->desk;

    TAILQ_INIT(&desk->waiting);
    TAILQ_INIT(&desk->flying);
    STAILQ_INIT(&desk->state_askers);
    desk->state = pgc_timer_new(publisher->loop, desk_tell_state, publisher);
}

void
pgc_publisher_desk_fini(struct pgc_publisher *publisher)
{
    pgc_timer_free(publisher->desk.state);
}
