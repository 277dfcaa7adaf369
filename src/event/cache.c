/* SPDX-License-Identifier: PostgreSQL */
/*
 * cache.c - facts that hold until a row says otherwise.
 *
 * Almost every message needs its room and its sender, and both were seldom changed since the last
 * one.  Whatever changes them is captured like anything else and comes here in order: a fact was
 * looked up after the snapshot of the tick that asked for it, so what changes it later is in a
 * later tick.  It drops the fact before anything is built from its tick: of a tick that comes in
 * pieces only the last one gets what was known before (facts.c).
 *
 * What no trigger saw (session_replication_role = replica, a partition that was attached) counts
 * after ten seconds at the latest: facts are kept in two halves, and the older one is forgotten as
 * a whole when the younger one is five seconds old or full.
 */
#include "pgcable/clock.h"

#include "builder.h"

enum {
    CACHE_HALF_MS = 5000,
    CACHE_ALL_MS = 2 * CACHE_HALF_MS,
    CACHE_HALF_BYTES = 4 << 20,
    CACHE_FACT_BYTES = 4096, /* larger ones are asked for each time */
    CACHE_ENTRY_BYTES = 128, /* of the table for each entry, about */
};

static void
cache_half_empty(struct event_cache_half *half)
{
    pgc_table_free(half->facts, NULL);
    half->facts = NULL;
    half->bytes = 0;
    pgc_arena_reset(&half->arena);
}

void
pgc_cache_clear(struct event_cache *cache)
{
    cache_half_empty(&cache->young);
    cache_half_empty(&cache->old);
}

void
pgc_cache_fini(struct event_cache *cache)
{
    pgc_cache_clear(cache);
    pgc_arena_fini(&cache->young.arena);
    pgc_arena_fini(&cache->old.arena);
}

/* Of a kind that is not attached nothing is known, and so nothing changes. */
static bool
cache_is_followed(const struct pgc_mapping *mapping, enum event_kind kind)
{
    const struct event_map *map = pgc_mapping_kind(mapping, kind);

    return !map->attached || map->is_followed;
}

void
pgc_cache_use_mapping(struct event_cache *cache, const struct pgc_mapping *mapping)
{
    pgc_cache_clear(cache);
    cache->keeps_rooms = mapping != NULL && cache_is_followed(mapping, KIND_ROOM);
    cache->keeps_senders = mapping != NULL && cache_is_followed(mapping, KIND_MEMBER) &&
                           cache_is_followed(mapping, KIND_PARTICIPANT);
}

void
pgc_cache_age(struct event_cache *cache)
{
    struct event_cache_half emptied = cache->old;
    int64_t now_ms = pgc_monotonic_ms();

    if (now_ms - cache->young.since_ms >= CACHE_HALF_MS || cache->young.bytes >= CACHE_HALF_BYTES) {
        cache_half_empty(&emptied);
        cache->old = cache->young;
        cache->young = emptied;
        cache->young.since_ms = now_ms;
    }
    if (now_ms - cache->old.since_ms >= CACHE_ALL_MS) { /* long after it was due, perhaps */
        cache_half_empty(&cache->old);
    }
}

/* ---- in and out ---- */

static struct pgc_slice *
cache_find(const struct event_cache_half *half, const struct pgc_buf *name)
{
    return half->facts == NULL ? NULL : pgc_table_get(half->facts, name->data, name->length);
}

struct pgc_slice
pgc_cache_get(const struct event_cache *cache, const struct pgc_buf *name)
{
    const struct pgc_slice *data = cache_find(&cache->young, name);

    if (data == NULL) {
        data = cache_find(&cache->old, name);
    }
    return data != NULL ? *data : (struct pgc_slice){0};
}

/* A participant's member may come later, which raises no row: events show nothing of a new one. */
static bool
cache_is_whole(struct pgc_slice sender)
{
    static const char nobody[] = "\"name\":null";

    return memmem(sender.data, sender.length, nobody, sizeof(nobody) - 1) == NULL;
}

void
pgc_cache_put(
    struct event_cache *cache, const char *what, const struct pgc_buf *name, struct pgc_slice data)
{
    struct event_cache_half *half = &cache->young;
    bool is_kept = (cache->keeps_rooms && strcmp(what, "room") == 0) ||
                   (cache->keeps_senders && strcmp(what, "sender") == 0 && cache_is_whole(data));
    struct pgc_slice *kept;

    if (!is_kept || data.length > CACHE_FACT_BYTES) {
        return;
    }
    if (half->facts == NULL) {
        half->facts = pgc_table_new();
    }
    kept = pgc_arena_alloc(&half->arena, sizeof(*kept));
    *kept = pgc_arena_copy(&half->arena, data.data, data.length);
    pgc_table_put(half->facts, name->data, name->length, kept);
    half->bytes += name->length + data.length + CACHE_ENTRY_BYTES;
}

/* ---- what a row says otherwise ---- */

static void
cache_drop(struct pgc_builder *builder, const char *what, struct pgc_slice key)
{
    const struct pgc_buf *name = pgc_facts_name(builder, what, key);
    struct event_cache *cache = &builder->cache;

    if (cache->young.facts != NULL) {
        pgc_table_remove(cache->young.facts, name->data, name->length);
    }
    if (cache->old.facts != NULL) {
        pgc_table_remove(cache->old.facts, name->data, name->length);
    }
}

static void
cache_drop_participant(struct pgc_builder *builder, const struct event_record *row)
{
    struct pgc_slice id = pgc_builder_key(builder, row, FIELD_ID);
    struct pgc_slice room = pgc_builder_key(builder, row, FIELD_CHAT_ROOM_ID);
    struct pgc_slice member = pgc_builder_key(builder, row, FIELD_COMMUNITY_MEMBER_ID);
    struct pgc_slice none = {0};

    cache_drop(builder, "sender", pgc_facts_key(builder, "p:", id, none));
    cache_drop(builder, "sender", pgc_facts_key(builder, "m:", room, member));
}

/* A member's counter changes all the time, and no sender shows it. */
static bool
cache_shows_change(const struct event_change *change)
{
    bool is_other = change->before == NULL || change->now == NULL;

    for (enum event_field field = 0; field < FIELD_COUNT && !is_other; field++) {
        is_other = field != FIELD_NEW_NOTIFICATIONS_COUNT &&
                   !pgc_slice_equal(change->before->field[field], change->now->field[field]);
    }
    return is_other;
}

/* A row without one of its columns, which was renamed, say, may be anybody's. */
static bool
cache_knows_whose(const struct event_record *row)
{
    static const enum event_field names[] = {
        FIELD_ID,
        FIELD_CHAT_ROOM_ID,
        FIELD_COMMUNITY_MEMBER_ID,
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (row->map->has[names[i]] && row->field[names[i]].data == NULL) {
            return false;
        }
    }
    return true;
}

static void
cache_drop_row(struct pgc_builder *builder, enum event_kind kind, const struct event_record *row)
{
    if (kind != KIND_ROOM && kind != KIND_PARTICIPANT) {
        return;
    }
    if (!cache_knows_whose(row)) {
        pgc_cache_clear(&builder->cache);
    } else if (kind == KIND_ROOM) {
        cache_drop(builder, "room", pgc_builder_key(builder, row, FIELD_ID));
    } else {
        cache_drop_participant(builder, row);
    }
}

/* One member is a sender in many rooms, but seldom changes. */
void
pgc_cache_note(struct pgc_builder *builder, const struct event_change *change)
{
    if (change->kind == KIND_MEMBER && cache_shows_change(change)) {
        pgc_cache_clear(&builder->cache);
    }
    if (change->before != NULL) {
        cache_drop_row(builder, change->kind, change->before);
    }
    if (change->now != NULL) {
        cache_drop_row(builder, change->kind, change->now);
    }
}
