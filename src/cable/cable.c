/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/cable.h"

#include <assert.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "cable_internal.h"

static const char *const cable_command_labels[] = {
    [PGC_COMMAND_SUBSCRIBE] = "command=\"subscribe\"",
    [PGC_COMMAND_UNSUBSCRIBE] = "command=\"unsubscribe\"",
    [PGC_COMMAND_MESSAGE] = "command=\"message\"",
    [PGC_COMMAND_HISTORY] = "command=\"history\"",
    [PGC_COMMAND_PING] = "command=\"ping\"",
    [PGC_COMMAND_PONG] = "command=\"pong\"",
    [PGC_COMMAND_OTHER] = "command=\"other\"",
};

static const char *const cable_right_labels[] = {
    [PGC_RIGHT_TOKEN] = "right=\"token\"",
    [PGC_RIGHT_KEY] = "right=\"key\"",
    [PGC_RIGHT_RULE] = "right=\"rule\"",
};

static const char *const cable_end_labels[] = {
    [PGC_SUB_REVOKED] = "reason=\"revoked\"",
    [PGC_SUB_EXPELLED] = "reason=\"member_gone\"",
    [PGC_SUB_RELOAD] = "reason=\"history_reset\"",
};

static const char *const cable_verdict_labels[PGC_VERDICT_COUNT] = {
    [PGC_VERDICT_DENIED] = "reason=\"denied\"",
    [PGC_VERDICT_IDENTIFIER] = "reason=\"bad_identifier\"",
    [PGC_VERDICT_CHANNEL] = "reason=\"unknown_channel\"",
    [PGC_VERDICT_MEMBER] = "reason=\"other_member\"",
    [PGC_VERDICT_ROOM] = "reason=\"no_room\"",
    [PGC_VERDICT_TOO_LONG] = "reason=\"too_long\"",
    [PGC_VERDICT_TOO_MANY] = "reason=\"too_many\"",
};

static void
cable_register_ends(struct pgc_cable_metrics *own, struct pgc_metrics *metrics)
{
    own->over_budget = pgc_counter(metrics, "pgcable_rate_limited_total", "",
        "Connections ended because they sent commands too fast.");
    own->expired = pgc_counter(metrics, "pgcable_tokens_expired_total", "",
        "Connections ended because their token's time was over.");
    own->held_overflows = pgc_counter(metrics, "pgcable_held_overflows_total", "",
        "Connections ended because too much waited until a rule had been asked again.");
    for (size_t i = 0; i <= PGC_RIGHT_RULE; i++) {
        own->rights_ended[i] = pgc_counter(metrics, "pgcable_rights_ended_total",
            cable_right_labels[i],
            "Connections ended because a token was revoked, its key is gone, or a rule says no.");
    }
    for (size_t i = 0; i <= PGC_SUB_RELOAD; i++) {
        own->ended[i] = pgc_counter(metrics, "pgcable_subscriptions_ended_total",
            cable_end_labels[i], "Subscriptions ended because of what was committed, by reason.");
    }
}

static void
cable_register_metrics(struct pgc_cable_metrics *own, struct pgc_metrics *metrics)
{
    own->sessions = pgc_gauge(
        metrics, "pgcable_sessions", "", "Connections whose token was accepted and that are open.");
    own->subscriptions =
        pgc_gauge(metrics, "pgcable_subscriptions", "", "Subscriptions that were confirmed.");
    for (size_t i = 0; i <= PGC_COMMAND_OTHER; i++) {
        own->commands[i] = pgc_counter(metrics, "pgcable_commands_total", cable_command_labels[i],
            "Commands received from clients.");
    }
    for (size_t i = PGC_VERDICT_DENIED; i < PGC_VERDICT_COUNT; i++) {
        own->rejected[i] = pgc_counter(metrics, "pgcable_subscriptions_rejected_total",
            cable_verdict_labels[i], "Subscriptions that were rejected, by reason.");
    }
    own->bad_frames = pgc_counter(metrics, "pgcable_bad_frames_total", "",
        "Frames that are no command: no JSON object, or a subscribe without an identifier.");
    cable_register_ends(own, metrics);
    own->deliveries =
        pgc_counter(metrics, "pgcable_deliveries_total", "", "Messages handed to subscriptions.");
    own->delivery_seconds = pgc_histogram(metrics, "pgcable_delivery_seconds", "",
        "From a row written by the application to its message in the queue of a connection.");
    own->canary_seconds = pgc_histogram(metrics, "pgcable_canary_seconds", "",
        "From a row of the daemon's own written to its arrival at a worker.");
    own->fanout_seconds = pgc_histogram(metrics, "pgcable_fanout_seconds", "",
        "From a batch with messages taken by a worker to all of them in the queues of clients.");
}

/* An answer whose subscription has been cancelled in the meantime finds nobody. */
static void
cable_take_answer(struct pgc_cable *cable, const struct pgc_answer *answer)
{
    struct pgc_subscription *subscription =
        pgc_table_get(cable->tickets, (const char *)&answer->ticket, sizeof(answer->ticket));

    if (subscription != NULL) {
        pgc_subscription_answer(subscription, answer);
    }
}

static void
cable_cool(void *arg)
{
    struct pgc_cable *cable = arg;

    for (size_t i = 0; i < PGC_DIALECTS; i++) {
        pgc_idents_cool(cable->idents[i]);
    }
}

/* Once for each message; what is sent again is late on purpose. */
void
pgc_cable_note_run(struct pgc_cable *cable, const struct pgc_run *run)
{
    if (!cable->is_live || cable->timed == run->msgs[0]) {
        return;
    }
    cable->timed = run->msgs[0];
    for (size_t i = 0; i < run->count; i++) {
        pgc_metric_observe_us(
            cable->metrics.delivery_seconds, pgc_wall_age_us(run->msgs[i]->committed_us));
    }
}

/* What is sent while it is not is sent again, and late on purpose. */
static void
cable_set_live(struct pgc_cable *cable, bool is_live)
{
    cable->is_live = is_live;
    cable->is_traced = is_live && pgc_log_wants(PGC_LOG_DEBUG);
    cable->timed = NULL;
    for (size_t i = 0; i < PGC_DIALECTS; i++) {
        pgc_idents_set_live(cable->idents[i], is_live);
    }
}

static void
cable_take_batch(struct pgc_cable *cable, const struct pgc_batch *batch)
{
    int64_t began_us = pgc_monotonic_us();
    size_t deliveries;

    cable_set_live(cable, true);
    deliveries = pgc_hub_apply(cable->hub, batch);
    pgc_rights_enforce(cable);
    cable->rechecked[0] = '\0';
    cable_set_live(cable, false);
    pgc_metric_add(cable->metrics.deliveries, (int64_t)deliveries);
    if (deliveries > 0) {
        pgc_metric_observe_us(cable->metrics.fanout_seconds, pgc_monotonic_us() - began_us);
    }
    if (batch->canary_us != 0) {
        pgc_metric_observe_us(cable->metrics.canary_seconds, pgc_wall_age_us(batch->canary_us));
    }
    cable_cool(cable);
}

static void
cable_receive(struct pgc_down *down, void *arg)
{
    struct pgc_cable *cable = arg;

    if (down->batch != NULL) {
        cable_take_batch(cable, down->batch);
    }
    if (down->answer != NULL) {
        cable_take_answer(cable, down->answer);
    }
    pgc_down_free(down);
}

struct pgc_cable *
pgc_cable_new(struct pgc_loop *loop, struct pgc_hub *hub, struct pgc_port *port,
    const struct pgc_cable_conf *conf, struct pgc_metrics *metrics)
{
    struct pgc_cable *cable = pgc_xcalloc(1, sizeof(*cable));

    cable->loop = loop;
    cable->hub = hub;
    cable->port = port;
    cable->conf = *conf;
    for (size_t i = 0; i < PGC_DIALECTS; i++) {
        cable->idents[i] = pgc_idents_new(&pgc_dialects[i]);
    }
    cable->cooling = pgc_timer_new(loop, cable_cool, cable);
    cable->tickets = pgc_table_new();
    cable->bans = pgc_bans_new();
    LIST_INIT(&cable->sessions);
    for (size_t i = 0; i <= PGC_STREAM_CUSTOM; i++) {
        LIST_INIT(&cable->by_kind[i]);
    }
    pgc_hub_pass_on(hub, pgc_rights_take, cable);
    cable_register_metrics(&cable->metrics, metrics);
    pgc_port_open_worker(port, loop, cable_receive, cable);
    return cable;
}

void
pgc_cable_free(struct pgc_cable *cable)
{
    if (cable == NULL) {
        return;
    }
    pgc_port_close_worker(cable->port);
    assert(LIST_EMPTY(&cable->sessions));
    assert(pgc_table_count(cable->tickets) == 0);
    pgc_table_free(cable->tickets, NULL);
    pgc_timer_free(cable->cooling);
    pgc_bans_free(cable->bans);
    pgc_hub_pass_on(cable->hub, NULL, NULL);
    for (size_t i = 0; i < PGC_DIALECTS; i++) {
        pgc_idents_free(cable->idents[i]);
    }
    free(cable);
}
