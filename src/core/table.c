/* SPDX-License-Identifier: PostgreSQL */
/*
 * table.c - open addressing with linear probing.
 *
 * A removed entry leaves a mark behind instead of pulling others forward: that is what lets a walk
 * go on after a removal.  Where no search would go on behind a mark it is dropped at once, so that
 * coming and going leaves few; the others are when an addition rebuilds the table, because too much
 * of it is in use, or too little.
 */
#include "pgcable/table.h"

#include <assert.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { TABLE_MIN_SLOTS = 16, TABLE_SPARSE = 16 /* slots for each entry */ };

struct entry {
    void *value;
    size_t length;
    char key[];
};

struct slot {
    uint64_t hash;
    struct entry *entry; /* NULL: nobody; see `marked` */
    bool marked;         /* somebody is here or was: a search has to look further */
};

struct pgc_table {
    struct slot *slots;
    size_t slot_count; /* a power of two, and never all in use */
    size_t entry_count;
    size_t used_count; /* entries and marks */
    uint8_t hash_key[16];
};

struct pgc_table *
pgc_table_new(void)
{
    struct pgc_table *table = pgc_xcalloc(1, sizeof(*table));

    table->slot_count = TABLE_MIN_SLOTS;
    table->slots = pgc_xcalloc(table->slot_count, sizeof(*table->slots));
    pgc_random(table->hash_key, sizeof(table->hash_key));
    return table;
}

void
pgc_table_free(struct pgc_table *table, void (*free_value)(void *value))
{
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < table->slot_count; i++) {
        struct entry *entry = table->slots[i].entry;

        if (entry != NULL && free_value != NULL) {
            free_value(entry->value);
        }
        free(entry);
    }
    free(table->slots);
    free(table);
}

/* The slot that holds the key, or NULL. */
static struct slot *
table_find(const struct pgc_table *table, uint64_t hash, const char *key, size_t length)
{
    size_t mask = table->slot_count - 1;

    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct slot *slot = &table->slots[i];

        if (slot->entry == NULL) {
            if (!slot->marked) {
                return NULL;
            }
        } else if (slot->hash == hash && slot->entry->length == length &&
                   memcmp(slot->entry->key, key, length) == 0) {
            return slot;
        }
    }
}

/* The first slot for a key that is not there. */
static struct slot *
table_find_room(const struct pgc_table *table, uint64_t hash)
{
    size_t mask = table->slot_count - 1;
    size_t i = hash & mask;

    while (table->slots[i].entry != NULL) {
        i = (i + 1) & mask;
    }
    return &table->slots[i];
}

/* Move all to slots of which at most half are used. */
static void
table_rebuild(struct pgc_table *table)
{
    struct slot *old_slots = table->slots;
    size_t old_count = table->slot_count;

    table->slot_count = TABLE_MIN_SLOTS;
    while (table->slot_count / 2 <= table->entry_count) {
        table->slot_count *= 2;
    }
    table->slots = pgc_xcalloc(table->slot_count, sizeof(*table->slots));
    table->used_count = table->entry_count;
    for (size_t i = 0; i < old_count; i++) {
        if (old_slots[i].entry != NULL) {
            *table_find_room(table, old_slots[i].hash) = old_slots[i];
        }
    }
    free(old_slots);
}

static bool
table_wants_rebuild(const struct pgc_table *table)
{
    bool is_sparse = table->entry_count < table->slot_count / TABLE_SPARSE;

    return table->used_count + 1 > table->slot_count / 4 * 3 ||
           (is_sparse && table->slot_count > TABLE_MIN_SLOTS);
}

/* Nobody is in `slot` any more: unless the next one is marked, no search goes on from here. */
static void
table_drop_marks(struct pgc_table *table, const struct slot *slot)
{
    size_t mask = table->slot_count - 1;
    size_t i = (size_t)(slot - table->slots);

    if (table->slots[(i + 1) & mask].marked) {
        return;
    }
    for (; table->slots[i].marked && table->slots[i].entry == NULL; i = (i - 1) & mask) {
        table->slots[i].marked = false;
        table->used_count--;
    }
}

void *
pgc_table_get(const struct pgc_table *table, const char *key, size_t length)
{
    const struct slot *slot =
        table_find(table, pgc_siphash13(table->hash_key, key, length), key, length);

    return slot != NULL ? slot->entry->value : NULL;
}

void *
pgc_table_put(struct pgc_table *table, const char *key, size_t length, void *value)
{
    uint64_t hash = pgc_siphash13(table->hash_key, key, length);
    struct slot *slot = table_find(table, hash, key, length);
    struct entry *entry;

    assert(value != NULL);
    if (slot != NULL) {
        void *before = slot->entry->value;

        slot->entry->value = value;
        return before;
    }
    if (table_wants_rebuild(table)) {
        table_rebuild(table);
    }
    entry = pgc_xmalloc(sizeof(*entry) + length);
    entry->value = value;
    entry->length = length;
    if (length > 0) {
        memcpy(entry->key, key, length);
    }
    slot = table_find_room(table, hash);
    table->used_count += slot->marked ? 0 : 1;
    table->entry_count++;
    *slot = (struct slot){.hash = hash, .entry = entry, .marked = true};
    return NULL;
}

void *
pgc_table_remove(struct pgc_table *table, const char *key, size_t length)
{
    struct slot *slot = table_find(table, pgc_siphash13(table->hash_key, key, length), key, length);
    void *value;

    if (slot == NULL) {
        return NULL;
    }
    value = slot->entry->value;
    free(slot->entry);
    slot->entry = NULL;
    table->entry_count--;
    table_drop_marks(table, slot);
    return value;
}

size_t
pgc_table_count(const struct pgc_table *table)
{
    return table->entry_count;
}

bool
pgc_table_next(
    const struct pgc_table *table, size_t *cursor, const char **key, size_t *length, void **value)
{
    while (*cursor < table->slot_count) {
        const struct entry *entry = table->slots[(*cursor)++].entry;

        if (entry != NULL) {
            *key = entry->key;
            *length = entry->length;
            *value = entry->value;
            return true;
        }
    }
    return false;
}
