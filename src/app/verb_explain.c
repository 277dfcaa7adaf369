/* SPDX-License-Identifier: PostgreSQL */
/*
 * explain - what became of the changes of a row.
 *
 * Which changes are kept, and in which tick each was sent, pgcable.trace() says.  Which events they
 * raised is not stored anywhere: each of these ticks is read once more, as a daemon reads it.  To
 * how many clients they went a running daemon remembers for a while.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/batch.h"
#include "pgcable/buf.h"
#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/migrate.h"

#include "ask_daemon.h"
#include "look.h"

/* The columns of pgcable.trace(). */
enum {
    TRACE_RELATION,
    TRACE_KIND,
    TRACE_KEPT_SINCE,
    TRACE_PRESENT,
    TRACE_OP,
    TRACE_AT,
    TRACE_XID,
    TRACE_ID,
    TRACE_TICK,
    TRACE_TICK_AT,
    TRACE_IS_KEPT,
};

#define EXPLAIN_TRACE                                                                              \
    "select relation, kind, kept_since_us, present, op, at_us, xid, id, tick, tick_at_us, is_kept" \
    " from pgcable.trace($1, $2)"

/* More than any outbox is kept. */
enum { EXPLAIN_ALL_S = 10 * 365 * 24 * 3600 };

struct explain_change {
    char op;
    int64_t at_us;
    int64_t xid;
    int64_t id;   /* in the outbox */
    int64_t tick; /* 0 = none yet */
    int64_t tick_at_us;
    bool is_kept; /* its tick can be read */
};

struct explain {
    const char *const *words; /* TABLE, ID */
    char *relation;
    int64_t kept_since_us;
    bool is_gone; /* there is no such row now */
    struct explain_change *changes;
    size_t count;
    size_t at; /* the one that is read */
    size_t events;
    struct app_delivered delivered; /* what that one raised, as the daemon keeps it */
    bool daemon_answers;
    struct pgc_err unasked; /* why it does not */
    size_t uncounted;       /* events of which it is not known */
    struct app_look *look;
};

/* ---- what is asked ---- */

static int64_t
explain_int(const char *text)
{
    return text != NULL ? strtoll(text, NULL, 10) : 0;
}

static void
explain_row(const char *const *values, void *arg)
{
    struct explain *explain = arg;
    struct explain_change *change;

    if (explain->relation == NULL) {
        explain->relation = pgc_xstrdup(values[TRACE_RELATION]);
        explain->kept_since_us = explain_int(values[TRACE_KEPT_SINCE]);
        explain->is_gone = values[TRACE_PRESENT] != NULL && values[TRACE_PRESENT][0] == 'f';
    }
    if (values[TRACE_OP] == NULL) {
        return;
    }
    explain->changes =
        pgc_xrealloc(explain->changes, (explain->count + 1) * sizeof(*explain->changes));
    change = &explain->changes[explain->count++];
    *change = (struct explain_change){
        .op = values[TRACE_OP][0],
        .at_us = explain_int(values[TRACE_AT]),
        .xid = explain_int(values[TRACE_XID]),
        .id = explain_int(values[TRACE_ID]),
        .tick = explain_int(values[TRACE_TICK]),
        .tick_at_us = explain_int(values[TRACE_TICK_AT]),
        .is_kept = values[TRACE_IS_KEPT] != NULL && values[TRACE_IS_KEPT][0] == 't',
    };
}

/* ---- what is said ---- */

static void
explain_title(const struct explain *explain)
{
    app_print_text(explain->relation);
    putchar(' ');
    app_print_text(explain->words[1]);
    printf("%s\n", explain->is_gone ? " (there is no such row now)" : "");
}

static void
explain_nothing(const struct explain *explain)
{
    char time[PGC_WALL_TEXT];

    pgc_wall_text(explain->kept_since_us, time);
    if (explain->is_gone) {
        printf("nothing is known of it: there is no such row, and no change of one since %s;\n"
               "if there was one before that, what it raised is not kept any more (retention_s)\n",
            time);
        return;
    }
    printf("no change of it was captured since %s, which is as long as the outbox is kept\n"
           "(retention_s); a change that no event shows, and one made while capturing was paused,\n"
           "are not captured: \"pgcable doctor\" says whether its triggers are in order\n",
        time);
}

static void
explain_change(const struct explain_change *change)
{
    static const struct {
        char op;
        const char *text;
    } texts[] = {
        {'I', "inserted"}, {'U', "updated"}, {'D', "deleted"}, {'T', "gone with TRUNCATE"}};
    const char *text = "changed";
    char time[PGC_WALL_TEXT];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        text = texts[i].op == change->op ? texts[i].text : text;
    }
    pgc_wall_text(change->at_us, time);
    printf("\n%s %s, trace %lld:%lld\n", time, text, (long long)change->xid, (long long)change->id);
    if (change->tick == 0) {
        puts("  committed, and in no tick yet: no daemon has read it (does one run? "
             "\"pgcable doctor\")");
        return;
    }
    pgc_wall_text(change->tick_at_us, time);
    printf("  tick %lld, made %s\n", (long long)change->tick, time);
    if (!change->is_kept) {
        puts("  what it raised is not known: the tick before is not kept any more (retention_s)");
    }
}

static void
explain_clients(struct explain *explain, const char *topic, const struct pgc_msg *msg)
{
    uint64_t clients;

    if (!app_take_delivered(&explain->delivered, topic, msg, &clients)) {
        explain->uncounted++;
    } else if (clients == 0) {
        printf(", to no client");
    } else {
        printf(", to %" PRIu64 " client%s", clients, clients == 1 ? "" : "s");
    }
}

/* Internal topics lead to the streams of members. */
static void
explain_event(struct explain *explain, const char *topic, const struct pgc_msg *msg)
{
    struct pgc_buf event = {0};

    app_event_name(msg, &event);
    printf("  ");
    app_print_text(pgc_buf_str(&event));
    printf(" to ");
    app_print_text(topic);
    if (strncmp(topic, "room-members:", 13) == 0) {
        printf(" (chat-room-channel-MEMBER of each of its members)");
    } else if (strncmp(topic, "thread-members:", 15) == 0) {
        printf(" (chat-community-member-MEMBER-threads-channel of each of its members)");
    }
    printf(", %zu bytes", msg->length);
    explain_clients(explain, topic, msg);
    putchar('\n');
    pgc_buf_fini(&event);
}

static void
explain_uncounted(const struct explain *explain, const struct pgc_conf *conf)
{
    putchar('\n');
    if (!explain->daemon_answers) {
        printf("%s, so to how many clients is not known\n", explain->unasked.message);
        return;
    }
    printf("where no number of clients is said, the daemon at %s:%" PRId64
           " does not know it: it has not read that tick yet, or keeps it no longer (only the"
           " latest %d messages since it began)\n",
        conf->admin_address, conf->admin_port, PGC_RECENT_EVENTS);
}

/* ---- a tick, once more ---- */

static void
explain_batch(const struct pgc_batch *batch, void *arg)
{
    struct explain *explain = arg;
    const struct explain_change *change = &explain->changes[explain->at];

    for (size_t i = 0; i < batch->count && batch->tick == change->tick; i++) {
        const struct pgc_op *op = &batch->ops[i];

        if (op->kind == PGC_OP_PUBLISH && op->msg->trace.id == change->id) {
            explain->events++;
            explain_event(explain, op->topic, op->msg);
        } else if (op->kind == PGC_OP_RELOAD && change->op == 'T') {
            explain->events++;
            puts("  all clients are told to reload");
        }
    }
    if (batch->tick > change->tick || (batch->tick == change->tick && batch->ends_tick)) {
        app_look_stop(explain->look);
    }
}

/* One that does not answer is asked once: it may take a while not to. */
static void
explain_ask(struct explain *explain, const struct pgc_conf *conf)
{
    const struct explain_change *change = &explain->changes[explain->at];
    const struct pgc_trace trace = {.xid = (uint64_t)change->xid, .id = change->id};

    explain->daemon_answers =
        explain->daemon_answers &&
        app_ask_delivered(conf, &trace, &explain->delivered, &explain->unasked);
}

static bool
explain_read(struct explain *explain, const struct pgc_conf *conf, struct pgc_err *err)
{
    const struct app_look_conf look_conf = {
        .conf = conf,
        .after = explain->changes[explain->at].tick - 1,
        .history_s = EXPLAIN_ALL_S,
        .batch = explain_batch,
        .arg = explain,
    };
    bool ok;

    explain_ask(explain, conf);
    explain->look = app_look_new(&look_conf);
    explain->events = 0;
    ok = app_look_run(explain->look, err);
    if (ok && app_look_was_interrupted(explain->look)) {
        ok = pgc_err_set(err, PGC_ERR_SYS, "explain: interrupted");
    }
    app_look_free(explain->look);
    if (ok && explain->events == 0) {
        puts("  raised no event");
    }
    return ok;
}

static bool
explain_all(struct explain *explain, const struct pgc_conf *conf, struct pgc_err *err)
{
    explain_title(explain);
    if (explain->count == 0) {
        explain_nothing(explain);
    }
    for (explain->at = 0; explain->at < explain->count; explain->at++) {
        explain_change(&explain->changes[explain->at]);
        fflush(stdout);
        if (explain->changes[explain->at].is_kept && !explain_read(explain, conf, err)) {
            return false;
        }
    }
    if (explain->uncounted > 0) {
        explain_uncounted(explain, conf);
    }
    return true;
}

int
app_explain(const struct app_args *args, struct pgc_conf *conf)
{
    struct explain explain = {.words = args->words, .daemon_answers = true};
    const struct pgc_migrate_sink sink = {.say = app_say, .row = explain_row, .arg = &explain};
    struct pgc_err err = {0};
    bool ok = app_look_try(conf, &err) &&
              pgc_migrate_ask(conf->database, EXPLAIN_TRACE, 2, args->words, &sink, &err) &&
              explain_all(&explain, conf, &err);

    free(explain.relation);
    free(explain.changes);
    app_delivered_fini(&explain.delivered);
    pgc_conf_free(conf);
    return ok ? APP_OK : app_fail(&err, APP_FAILED);
}
