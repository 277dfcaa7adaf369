/* SPDX-License-Identifier: PostgreSQL */
#include "backlog.h"

#include <assert.h>
#include <stdlib.h>

#include "pgcable/mem.h"
#include "pgcable/place.h"

enum { TICKS_MIN = 256 };

/* Tracks without entries take this part of the memory at most. */
#define BACKLOG_IDLE_SHARE 8

/* ---- entries and tracks ---- */

static size_t
entry_bytes(const struct backlog_entry *entry)
{
    return sizeof(*entry) + (entry->topic != NULL ? strlen(entry->topic) + 1 : 0);
}

static size_t
track_bytes(const struct backlog_track *track)
{
    return sizeof(*track) + 2 * track->length;
}

static struct backlog_track *
track_need(struct pgc_backlog *backlog, struct pgc_table *home, const char *name)
{
    size_t length = strlen(name);
    struct backlog_track *track = pgc_table_get(home, name, length);

    if (track == NULL) {
        track = pgc_xcalloc(1, sizeof(*track) + length + 1);
        TAILQ_INIT(&track->entries);
        track->home = home;
        track->floor = backlog->floor;
        track->length = length;
        memcpy(track->name, name, length + 1);
        pgc_table_put(home, name, length, track);
        backlog->bytes += track_bytes(track);
    } else if (track->count == 0) {
        TAILQ_REMOVE(&backlog->idle, track, by_idleness);
        backlog->idle_bytes -= track_bytes(track);
    }
    return track;
}

static void
track_idle(struct pgc_backlog *backlog, struct backlog_track *track)
{
    TAILQ_INSERT_TAIL(&backlog->idle, track, by_idleness);
    backlog->idle_bytes += track_bytes(track);
}

static void
track_free_idle(struct pgc_backlog *backlog)
{
    struct backlog_track *track = TAILQ_FIRST(&backlog->idle);

    TAILQ_REMOVE(&backlog->idle, track, by_idleness);
    backlog->idle_bytes -= track_bytes(track);
    backlog->bytes -= track_bytes(track);
    if (pgc_place_compare(&track->floor, &backlog->floor) > 0) {
        backlog->floor = track->floor;
    }
    pgc_table_remove(track->home, track->name, track->length);
    free(track);
}

/* The oldest of its track. */
static void
entry_remove(struct pgc_backlog *backlog, struct backlog_entry *entry)
{
    struct backlog_track *track = entry->track;

    track->floor = entry->place;
    TAILQ_REMOVE(&track->entries, entry, by_track);
    TAILQ_REMOVE(&backlog->entries, entry, by_age);
    assert(TAILQ_FIRST(&backlog->entries) != entry);
    backlog->bytes -= entry_bytes(entry);
    backlog->count--;
    if (entry->item != NULL && --entry->item->entries == 0) {
        pgc_backlog_free_item(backlog, entry->item);
    }
    free(entry->topic);
    free(entry);
    if (--track->count == 0) {
        track_idle(backlog, track);
    }
}

static void
entry_add(struct pgc_backlog *backlog, struct backlog_track *track, enum backlog_kind kind,
    struct backlog_item *item, const char *topic)
{
    struct backlog_entry *entry = pgc_xcalloc(1, sizeof(*entry));

    *entry = (struct backlog_entry){
        .kind = kind,
        .place = backlog->newest,
        .item = item,
        .topic = topic != NULL ? pgc_xstrdup(topic) : NULL,
        .track = track,
    };
    if (item != NULL) {
        item->entries++;
    }
    TAILQ_INSERT_TAIL(&track->entries, entry, by_track);
    TAILQ_INSERT_TAIL(&backlog->entries, entry, by_age);
    track->count++;
    backlog->count++;
    backlog->bytes += entry_bytes(entry);
    if (track->count > backlog->conf.history_messages) {
        entry_remove(backlog, TAILQ_FIRST(&track->entries));
        pgc_metric_add(backlog->metrics.evictions, 1);
    }
}

/* ---- ticks ---- */

static const struct backlog_tick *
tick_oldest(const struct pgc_backlog *backlog)
{
    return &backlog->ticks[backlog->tick_first];
}

static const struct backlog_tick *
tick_newest(const struct pgc_backlog *backlog)
{
    return &backlog->ticks[backlog->tick_first + backlog->tick_count - 1];
}

static void
tick_add(struct pgc_backlog *backlog, const struct backlog_tick *tick)
{
    if (backlog->tick_first + backlog->tick_count == backlog->tick_size) {
        if (backlog->tick_first <= backlog->tick_size / 2) {
            backlog->tick_size = backlog->tick_size > 0 ? 2 * backlog->tick_size : TICKS_MIN;
            backlog->ticks =
                pgc_xrealloc(backlog->ticks, backlog->tick_size * sizeof(*backlog->ticks));
        }
        memmove(backlog->ticks, &backlog->ticks[backlog->tick_first],
            backlog->tick_count * sizeof(*backlog->ticks));
        backlog->tick_first = 0;
    }
    backlog->ticks[backlog->tick_first + backlog->tick_count++] = *tick;
    backlog->bytes += sizeof(*tick);
}

/* ---- what goes ---- */

static void
backlog_remove_oldest_entry(struct pgc_backlog *backlog)
{
    struct backlog_entry *entry = TAILQ_FIRST(&backlog->entries);

    backlog->floor_at_us = tick_oldest(backlog)->at_us;
    entry_remove(backlog, entry);
}

static bool
backlog_has_entries_up_to(const struct pgc_backlog *backlog, int64_t tick)
{
    const struct backlog_entry *entry = TAILQ_FIRST(&backlog->entries);

    return entry != NULL && entry->place.tick <= tick;
}

/* It has no entries any more. */
static void
backlog_remove_oldest_tick(struct pgc_backlog *backlog)
{
    backlog->tick_first++;
    backlog->tick_count--;
    backlog->bytes -= sizeof(*backlog->ticks);
}

static void
backlog_remove_oldest(struct pgc_backlog *backlog)
{
    if (backlog_has_entries_up_to(backlog, tick_oldest(backlog)->tick)) {
        backlog_remove_oldest_entry(backlog);
        pgc_metric_add(backlog->metrics.evictions, 1);
    } else {
        backlog_remove_oldest_tick(backlog);
    }
}

/* Age is measured against the newest tick: while nothing happens nothing gets too old. */
static bool
backlog_is_too_much(const struct pgc_backlog *backlog)
{
    int64_t age_us = tick_newest(backlog)->at_us - tick_oldest(backlog)->at_us;

    return backlog->bytes > backlog->conf.history_bytes ||
           age_us / 1000000 >= backlog->conf.history_s;
}

static void
backlog_clear(struct pgc_backlog *backlog)
{
    while (!TAILQ_EMPTY(&backlog->entries)) {
        entry_remove(backlog, TAILQ_FIRST(&backlog->entries));
    }
    while (!TAILQ_EMPTY(&backlog->idle)) {
        track_free_idle(backlog);
    }
    backlog->bytes -= backlog->tick_count * sizeof(*backlog->ticks);
    backlog->tick_first = 0;
    backlog->tick_count = 0;
}

/* ---- life ---- */

struct pgc_backlog *
pgc_backlog_new(const struct pgc_hub_conf *conf)
{
    struct pgc_backlog *backlog = pgc_xcalloc(1, sizeof(*backlog));

    backlog->conf = *conf;
    backlog->topics = pgc_table_new();
    backlog->movers = pgc_table_new();
    backlog->things = pgc_table_new();
    TAILQ_INIT(&backlog->entries);
    TAILQ_INIT(&backlog->idle);
    backlog->metrics = (struct backlog_metrics){
        .entries = pgc_gauge(conf->metrics, "pgcable_history_entries", "",
            "Messages and moves kept to be sent again, one for each topic, in all workers."),
        .bytes = pgc_gauge(conf->metrics, "pgcable_history_bytes", "",
            "Memory they take, in all workers; messages that workers share count in each."),
        .evictions = pgc_counter(conf->metrics, "pgcable_history_evictions_total", "",
            "Of these, how many went because of age, memory or number."),
    };
    return backlog;
}

static void
backlog_tell(struct pgc_backlog *backlog)
{
    pgc_metric_add(
        backlog->metrics.entries, (int64_t)backlog->count - (int64_t)backlog->told_entries);
    pgc_metric_add(backlog->metrics.bytes, (int64_t)backlog->bytes - (int64_t)backlog->told_bytes);
    backlog->told_entries = backlog->count;
    backlog->told_bytes = backlog->bytes;
}

void
pgc_backlog_free(struct pgc_backlog *backlog)
{
    if (backlog == NULL) {
        return;
    }
    backlog_clear(backlog);
    backlog_tell(backlog);
    pgc_table_free(backlog->topics, NULL);
    pgc_table_free(backlog->movers, NULL);
    pgc_table_free(backlog->things, NULL);
    free(backlog->ticks);
    free(backlog);
}

/* ---- a batch ---- */

/* All that was before is gone: history goes on with this tick. */
static void
backlog_restart(struct pgc_backlog *backlog, const struct backlog_tick *tick)
{
    backlog_clear(backlog);
    backlog->floor = (struct pgc_position){.tick = tick->tick};
    backlog->floor_at_us = tick->at_us - 1;
}

void
pgc_backlog_begin(struct pgc_backlog *backlog, const struct pgc_batch *batch)
{
    struct backlog_tick tick = {.tick = batch->tick, .at_us = batch->at_us, .nonce = batch->nonce};

    if (backlog->tick_count > 0) {
        const struct backlog_tick *last = tick_newest(backlog);

        if (tick.tick == last->tick && tick.nonce == last->nonce) {
            return; /* the next piece of it */
        }
        if (tick.tick == last->tick + 1) {
            tick.at_us = tick.at_us > last->at_us ? tick.at_us : last->at_us;
        } else {
            backlog_restart(backlog, &tick);
        }
    } else {
        backlog_restart(backlog, &tick);
    }
    tick_add(backlog, &tick);
    backlog->newest = (struct pgc_position){.tick = tick.tick, .nonce = tick.nonce};
}

/* No place in this tick is good either: where exactly it broke does not matter to anyone. */
static void
backlog_cut(struct pgc_backlog *backlog)
{
    struct backlog_tick tick = *tick_newest(backlog);

    backlog_clear(backlog);
    tick_add(backlog, &tick);
    backlog->floor = (struct pgc_position){.tick = tick.tick + 1};
    backlog->floor_at_us = tick.at_us;
}

static void
backlog_add_message(struct pgc_backlog *backlog, const struct pgc_op *op)
{
    struct backlog_item *item = backlog->newest_item;

    backlog->newest = op->msg->position;
    if (item == NULL || item->msg != op->msg) {
        item = pgc_backlog_new_item(backlog, op->msg);
        item->is_hole = op->kind == PGC_OP_HOLE || !pgc_place_is_exact(&op->msg->position);
        backlog->newest_item = item;
    }
    entry_add(
        backlog, track_need(backlog, backlog->topics, op->topic), BACKLOG_MESSAGE, item, NULL);
}

static void
backlog_add_move(struct pgc_backlog *backlog, const struct pgc_op *op, enum backlog_kind kind)
{
    entry_add(backlog, track_need(backlog, backlog->movers, op->via), kind, NULL, op->topic);
}

void
pgc_backlog_add(struct pgc_backlog *backlog, const struct pgc_op *op)
{
    switch (op->kind) {
    case PGC_OP_PUBLISH:
    case PGC_OP_HOLE:
        backlog_add_message(backlog, op);
        break;
    case PGC_OP_JOIN:
        backlog_add_move(backlog, op, BACKLOG_JOIN);
        break;
    case PGC_OP_LEAVE:
        backlog_add_move(backlog, op, BACKLOG_LEAVE);
        break;
    case PGC_OP_ADMIT:
        backlog_add_move(backlog, op, BACKLOG_ADMIT);
        break;
    case PGC_OP_RELOAD:
    case PGC_OP_BEGIN:
        backlog_cut(backlog);
        break;
    case PGC_OP_FORGET:
        pgc_backlog_forget(backlog, op->via);
        break;
    case PGC_OP_AMEND:
        pgc_backlog_amend(backlog, op->via, op->msg);
        break;
    case PGC_OP_REVOKE:
    case PGC_OP_EXPEL:
    case PGC_OP_BAN_TOKEN:
    case PGC_OP_BAN_MEMBER:
    case PGC_OP_RECHECK:
    case PGC_OP_REVIEW:
        break; /* who may not subscribe any more is not sent anything again */
    }
}

void
pgc_backlog_end(struct pgc_backlog *backlog)
{
    while ((backlog->count > 0 || backlog->tick_count > 1) && backlog_is_too_much(backlog)) {
        backlog_remove_oldest(backlog);
    }
    while (backlog->idle_bytes > backlog->conf.history_bytes / BACKLOG_IDLE_SHARE) {
        track_free_idle(backlog);
    }
    backlog_tell(backlog);
}
