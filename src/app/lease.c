/* SPDX-License-Identifier: PostgreSQL */
/*
 * lease.c - which of several daemons publishes: the one that holds a lease in the database.
 *
 * It is renewed each second, for three, by the clock of the database; where no answer comes for so
 * long, it is lost.  Nothing hangs on the loser being told in time: whoever publishes after
 * another one has is refused by NATS.
 */
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/pg.h"

#include "leader.h"

#define LEASE_LENGTH   "3 seconds"
#define LEASE_MS       3000
#define LEASE_RENEW_MS 1000
#define LEASE_ASK_MS   250 /* while another one leads; that changes nothing in the database */
#define LEASE_QUERY_MS 2500
/* At the end, so that the next one need not wait for the lease to run out. */
#define LEASE_END_MS 1000

struct app_lease {
    struct pgc_loop *loop;
    struct pgc_pg *pg;
    struct pgc_timer *timer;
    const struct app_lease_ops *ops;
    void *arg;
    char *name; /* ours, another one for each process */
    bool wants;
    bool asked;         /* since it is wanted: an answer from before means nothing */
    bool ends;          /* the loop runs for the last answer only */
    int64_t term;       /* that we were told of; 0 = another one leads, or nobody */
    int64_t found_term; /* of the answer under way */
    struct app_lease_status status;
};

static void
lease_trouble(struct app_lease *lease, const struct pgc_err *why)
{
    char old[sizeof(lease->status.why)];

    memcpy(old, lease->status.why, sizeof(old));
    pgc_err_text(why, lease->status.why);
    if (strcmp(old, lease->status.why) != 0) {
        pgc_log_err(PGC_LOG_ERROR, 0, why, "ask the database who leads");
    }
}

static void
lease_row(const struct pgc_pg_row *row, void *arg)
{
    struct app_lease *lease = arg;
    const char *leader = pgc_pg_text(row, 1);

    lease->found_term = pgc_pg_int(row, 0);
    snprintf(
        lease->status.leader, sizeof(lease->status.leader), "%s", leader != NULL ? leader : "");
}

/* A new term of our own means that the old one had ended. */
static void
lease_heed(struct app_lease *lease, int64_t term)
{
    int64_t had = lease->term;

    if (term == had) {
        return;
    }
    lease->term = term;
    if (had != 0) {
        lease->ops->lost(lease->arg);
    }
    if (lease->term != 0) {
        lease->ops->won(lease->term, lease->arg);
    }
}

static void
lease_answered(const struct pgc_err *err, void *arg)
{
    struct app_lease *lease = arg;

    if (lease->ends) {
        pgc_loop_stop(lease->loop);
    } else if (err == NULL) {
        lease->status.why[0] = '\0';
        lease->status.since_ms = pgc_monotonic_ms();
        if (lease->asked) {
            lease_heed(lease, lease->found_term);
        }
    } else {
        struct pgc_err why = *err;

        if (why.code == PGC_ERR_SCHEMA) {
            pgc_err_hint(&why, "run: pgcable migrate");
        }
        lease_trouble(lease, &why);
    }
}

static void
lease_query(struct app_lease *lease, const char *length)
{
    const char *params[] = {lease->name, length};

    lease->found_term = 0;
    pgc_pg_query(lease->pg, &(struct pgc_pg_query){
                                .sql = "select term, leader from pgcable.lead($1, $2)",
                                .param_count = 2,
                                .params = params,
                                .timeout_ms = LEASE_QUERY_MS,
                                .row = lease_row,
                                .done = lease_answered,
                                .arg = lease,
                            });
}

static void
lease_ask(void *arg)
{
    struct app_lease *lease = arg;

    if (lease->ends) {
        pgc_loop_stop(lease->loop);
        return;
    }
    pgc_timer_set(lease->timer, lease->term != 0 ? LEASE_RENEW_MS : LEASE_ASK_MS);
    if (lease->term != 0 && pgc_monotonic_ms() - lease->status.since_ms > LEASE_MS) {
        lease_heed(lease, 0);
    }
    if (pgc_pg_is_idle(lease->pg) && lease->wants) {
        lease->asked = true;
        lease_query(lease, LEASE_LENGTH);
    }
}

static void
lease_up(void *arg)
{
    lease_ask(arg);
}

static void
lease_down(const struct pgc_err *why, void *arg)
{
    struct app_lease *lease = arg;

    if (lease->ends) {
        pgc_loop_stop(lease->loop);
    } else {
        lease_trouble(lease, why);
    }
}

void
app_lease_want(struct app_lease *lease, bool wants)
{
    bool had = lease->term != 0;

    if (wants == lease->wants) {
        return;
    }
    lease->wants = wants;
    lease->asked = false;
    lease->term = 0;
    if (wants) {
        pgc_timer_set(lease->timer, 0);
    } else if (had) {
        lease_query(lease, "0");
    }
}

const struct app_lease_status *
app_lease_status(const struct app_lease *lease)
{
    return &lease->status;
}

/* For people the host, for us what tells two processes of it apart. */
static char *
lease_new_name(void)
{
    char host[128] = "";

    (void)gethostname(host, sizeof(host) - 1);
    return pgc_xasprintf("%s/%d/%llx", host, (int)getpid(), (unsigned long long)pgc_wall_us());
}

struct app_lease *
app_lease_new(
    struct pgc_loop *loop, const char *database, const struct app_lease_ops *ops, void *arg)
{
    static const struct pgc_pg_ops pg_ops = {.up = lease_up, .down = lease_down};
    struct app_lease *lease = pgc_xcalloc(1, sizeof(*lease));

    lease->loop = loop;
    lease->ops = ops;
    lease->arg = arg;
    lease->name = lease_new_name();
    snprintf(lease->status.why, sizeof(lease->status.why), "connecting to the database");
    lease->timer = pgc_timer_new(loop, lease_ask, lease);
    lease->pg = pgc_pg_new(loop, database, "lease", &pg_ops, lease);
    pgc_pg_start(lease->pg);
    return lease;
}

void
app_lease_free(struct app_lease *lease)
{
    if (lease == NULL) {
        return;
    }
    if (lease->term != 0 && pgc_pg_is_up(lease->pg)) {
        lease->ends = true;
        pgc_timer_set(lease->timer, LEASE_END_MS);
        lease_query(lease, "0");
        pgc_loop_run(lease->loop);
    }
    pgc_pg_free(lease->pg);
    pgc_timer_free(lease->timer);
    free(lease->name);
    free(lease);
}
