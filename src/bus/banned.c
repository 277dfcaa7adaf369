/* SPDX-License-Identifier: PostgreSQL */
#include "banned.h"

#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/table.h"

/* After so many more notes the ended ones are looked for. */
#define BANNED_SWEEP 1024

struct banned_entry {
    enum pgc_op_kind kind;
    struct pgc_ban ban;
    char whom[];
};

struct pgc_banned {
    struct pgc_table *tokens;
    struct pgc_table *members;
    size_t noted; /* since the last sweep */
};

struct pgc_banned *
pgc_banned_new(void)
{
    struct pgc_banned *banned = pgc_xcalloc(1, sizeof(*banned));

    banned->tokens = pgc_table_new();
    banned->members = pgc_table_new();
    return banned;
}

void
pgc_banned_free(struct pgc_banned *banned)
{
    if (banned == NULL) {
        return;
    }
    pgc_table_free(banned->tokens, free);
    pgc_table_free(banned->members, free);
    free(banned);
}

static void
banned_sweep(struct pgc_table *table)
{
    int64_t now_s = pgc_wall_s();
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *value;

    while (pgc_table_next(table, &cursor, &key, &length, &value)) {
        const struct banned_entry *entry = value;

        if (entry->ban.until_s < now_s) {
            free(pgc_table_remove(table, key, length));
        }
    }
}

/* A member may have been banned several times: what any of these bans stays banned. */
static void
banned_note(struct pgc_table *table, const struct pgc_op *op)
{
    size_t length = strlen(op->via);
    struct banned_entry *entry = pgc_table_get(table, op->via, length);

    if (entry == NULL) {
        entry = pgc_xcalloc(1, sizeof(*entry) + length + 1);
        entry->kind = op->kind;
        entry->ban = op->ban;
        memcpy(entry->whom, op->via, length);
        (void)pgc_table_put(table, op->via, length, entry);
    }
    if (op->ban.before_s > entry->ban.before_s) {
        entry->ban.before_s = op->ban.before_s;
    }
    if (op->ban.until_s > entry->ban.until_s) {
        entry->ban.until_s = op->ban.until_s;
    }
}

void
pgc_banned_note(struct pgc_banned *banned, const struct pgc_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct pgc_op *op = &batch->ops[i];

        if (op->kind == PGC_OP_BAN_TOKEN || op->kind == PGC_OP_BAN_MEMBER) {
            banned_note(op->kind == PGC_OP_BAN_TOKEN ? banned->tokens : banned->members, op);
            banned->noted++;
        }
    }
    if (banned->noted > BANNED_SWEEP) {
        banned->noted = 0;
        banned_sweep(banned->tokens);
        banned_sweep(banned->members);
    }
}

static void
banned_add_to(struct pgc_table *table, struct pgc_batch *batch)
{
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *value;

    banned_sweep(table);
    while (pgc_table_next(table, &cursor, &key, &length, &value)) {
        const struct banned_entry *entry = value;

        pgc_batch_add_ban(batch, entry->kind, entry->whom, &entry->ban);
    }
}

void
pgc_banned_add_to(struct pgc_banned *banned, struct pgc_batch *batch)
{
    banned_add_to(banned->tokens, batch);
    banned_add_to(banned->members, batch);
}
