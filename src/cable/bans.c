/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "cable_internal.h"

/* Clocks differ, and tokens are accepted for some time after their end. */
#define BANS_LATE_S 3600
/* So many may be there before it is looked which have ended. */
#define BANS_SWEEP_MIN 1024

struct pgc_bans {
    struct pgc_table *tokens;  /* jti -> struct pgc_ban */
    struct pgc_table *members; /* id -> struct pgc_ban */
    size_t sweep_at;           /* when there are so many; twice as many as the last sweep left */
};

struct pgc_bans *
pgc_bans_new(void)
{
    struct pgc_bans *bans = pgc_xcalloc(1, sizeof(*bans));

    bans->tokens = pgc_table_new();
    bans->members = pgc_table_new();
    bans->sweep_at = BANS_SWEEP_MIN;
    return bans;
}

void
pgc_bans_free(struct pgc_bans *bans)
{
    pgc_table_free(bans->tokens, free);
    pgc_table_free(bans->members, free);
    free(bans);
}

size_t
pgc_bans_count(const struct pgc_bans *bans)
{
    return pgc_table_count(bans->tokens) + pgc_table_count(bans->members);
}

static bool
bans_is_over(const struct pgc_ban *ban, int64_t now_s)
{
    return ban->until_s < now_s - BANS_LATE_S;
}

static void
bans_sweep_table(struct pgc_table *table, int64_t now_s)
{
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *value;

    while (pgc_table_next(table, &cursor, &key, &length, &value)) {
        if (bans_is_over(value, now_s)) {
            (void)pgc_table_remove(table, key, length);
            free(value);
        }
    }
}

static void
bans_sweep(struct pgc_bans *bans, int64_t now_s)
{
    bans_sweep_table(bans->tokens, now_s);
    bans_sweep_table(bans->members, now_s);
    bans->sweep_at = BANS_SWEEP_MIN + 2 * pgc_bans_count(bans);
}

/* What was banned stays banned: rows may come twice, and an older one behind a newer. */
static void
ban_widen(struct pgc_ban *known, const struct pgc_ban *ban)
{
    if (ban->before_s > known->before_s) {
        known->before_s = ban->before_s;
    }
    if (ban->until_s > known->until_s) {
        known->until_s = ban->until_s;
    }
}

void
pgc_bans_add(struct pgc_bans *bans, const struct pgc_op *op, int64_t now_s)
{
    struct pgc_table *table = op->kind == PGC_OP_BAN_TOKEN ? bans->tokens : bans->members;
    size_t length = strlen(op->via);
    struct pgc_ban *known = pgc_table_get(table, op->via, length);

    if (known != NULL) {
        ban_widen(known, &op->ban);
    } else if (!bans_is_over(&op->ban, now_s)) {
        (void)pgc_table_put(table, op->via, length, pgc_xmemdup(&op->ban, sizeof(op->ban)));
    }
    if (pgc_bans_count(bans) > bans->sweep_at) {
        bans_sweep(bans, now_s);
    }
}

bool
pgc_bans_hit(const struct pgc_bans *bans, const struct pgc_holder *holder)
{
    const struct pgc_ban *ban;

    if (holder->jti[0] != '\0' &&
        pgc_table_get(bans->tokens, holder->jti, strlen(holder->jti)) != NULL) {
        return true;
    }
    ban = pgc_table_get(bans->members, holder->member, strlen(holder->member));
    return ban != NULL && holder->issued_s <= ban->before_s;
}
