/* SPDX-License-Identifier: PostgreSQL */
/*
 * A command costs 10 points, one that repeats a subscription we know costs 1, and either costs 10
 * more for each whole kB that it is long.  A connection has enough for `commands_burst` at once and
 * one for each subscription it may have, and gets back enough for `commands_per_s`, and 2 points a
 * second for each subscription.
 *
 * Messages that are sent again cost 1 for a hundred, after the fact.
 *
 * Rails' client repeats each subscribe every 500 ms until it is answered, which is what the two
 * points are for: while the database is away, waiting clients are not taken for attackers.
 */
#include "cable_internal.h"

enum {
    BUDGET_COMMAND = 10,
    BUDGET_REPETITION = 1,
    BUDGET_UNIT_BYTES = 1024, /* commands are shorter, but for those with a long history */
    BUDGET_PER_S_EACH = 2,    /* subscription */
};

/* A confirmation follows the one before it at the earliest after this: a client that asked twice
 * at once has its answer. */
enum { RECONFIRM_AFTER_MS = 400, RECONFIRM_EVERY_MS = 2000 };

static int64_t
budget_full_milli(const struct pgc_cable_conf *conf)
{
    return INT64_C(1000) * BUDGET_COMMAND *
           ((int64_t)conf->commands_burst + conf->max_subscriptions);
}

void
pgc_budget_init(struct pgc_budget *budget, const struct pgc_cable_conf *conf, int64_t now_ms)
{
    budget->milli = budget_full_milli(conf);
    budget->at_ms = now_ms;
}

int64_t
pgc_budget_price(size_t bytes, bool is_cheap)
{
    return (is_cheap ? BUDGET_REPETITION : BUDGET_COMMAND) +
           (int64_t)(bytes / BUDGET_UNIT_BYTES) * BUDGET_COMMAND;
}

bool
pgc_budget_spend(
    struct pgc_budget *budget, const struct pgc_cable_conf *conf, int64_t points, int64_t now_ms)
{
    int64_t full = budget_full_milli(conf);
    int64_t per_ms = BUDGET_COMMAND * (int64_t)conf->commands_per_s +
                     BUDGET_PER_S_EACH * (int64_t)conf->max_subscriptions; /* in thousandths */
    int64_t elapsed_ms = now_ms - budget->at_ms;

    /* So that a connection that was quiet for years does not overflow the product. */
    if (elapsed_ms > full / per_ms) {
        budget->milli = full;
    } else {
        budget->milli += elapsed_ms * per_ms;
        budget->milli = budget->milli < full ? budget->milli : full;
    }
    budget->at_ms = now_ms;
    if (budget->milli < points * 1000) {
        return false;
    }
    budget->milli -= points * 1000;
    return true;
}

void
pgc_budget_owe(struct pgc_budget *budget, int64_t points)
{
    budget->milli -= points * 1000;
}

bool
pgc_reconfirm_is_due(
    enum pgc_duplicate rule, bool is_rails, int64_t confirmed_ms, int64_t again_ms, int64_t now_ms)
{
    switch (rule) {
    case PGC_DUPLICATE_IGNORE:
        return false;
    case PGC_DUPLICATE_AUTO:
        /* Others take a second confirmation for an error of the protocol. */
        if (!is_rails) {
            return false;
        }
        break;
    case PGC_DUPLICATE_CONFIRM:
        break;
    }
    return now_ms - confirmed_ms > RECONFIRM_AFTER_MS &&
           (again_ms == 0 || now_ms - again_ms >= RECONFIRM_EVERY_MS);
}
