/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"
#include "pgcable/place.h"

#include "backlog.h"

/*
 * A subscription has missed, after its place:
 *
 *   on its stream          everything
 *   on each further topic  what came while the topic belonged to the stream, which its moves tell
 *
 * A move has the place of the message before it, so a topic that is joined at j and left at l
 * brings what lies in (j, l].  Whether the place lies before or behind a move of the same place
 * makes no difference: there is nothing between the two.
 */

enum { FOUND_MIN = 64 };

struct replay {
    struct pgc_backlog *backlog;
    const struct backlog_query *query;
    struct pgc_position from; /* this one excluded */
    struct backlog_found *found;
};

/* Does a topic belong to the stream, as far as the moves have been walked? */
struct replay_stay {
    bool is_in;
    struct pgc_position since;
};

/* ---- where to begin ---- */

/* The first tick that is not before `tick`, or `tick_count`. */
static size_t
replay_find_tick(const struct pgc_backlog *backlog, int64_t tick)
{
    const struct backlog_tick *first = &backlog->ticks[backlog->tick_first];

    if (tick <= first->tick) {
        return 0;
    }
    return tick - first->tick < (int64_t)backlog->tick_count ? (size_t)(tick - first->tick)
                                                             : backlog->tick_count;
}

/* Where a track was left; there was no track. */
static const struct pgc_position *
replay_floor(const struct replay *replay, const struct backlog_track *track)
{
    return track != NULL ? &track->floor : &replay->backlog->floor;
}

static struct backlog_track *
replay_track(struct pgc_table *home, const char *name)
{
    return pgc_table_get(home, name, strlen(name));
}

/* The newest message that is not kept any more of this topic: then it is of this history. */
static bool
replay_is_floor_of(const struct replay *replay, const char *topic, const struct pgc_position *place)
{
    const struct backlog_track *track = replay_track(replay->backlog->topics, topic);

    return track != NULL && pgc_place_compare(place, &track->floor) == 0 &&
           place->nonce == track->floor.nonce;
}

static bool
replay_is_floor(const struct replay *replay, const struct pgc_position *place)
{
    const struct backlog_query *query = replay->query;
    bool is_floor = replay_is_floor_of(replay, query->stream, place);

    for (size_t i = 0; i < query->topic_count && !is_floor; i++) {
        is_floor = replay_is_floor_of(replay, query->topics[i], place);
    }
    return is_floor;
}

static enum pgc_replay
replay_begin_at_place(struct replay *replay, const struct pgc_position *place)
{
    const struct pgc_backlog *backlog = replay->backlog;
    size_t index = replay_find_tick(backlog, place->tick);

    replay->from = *place;
    if (index == backlog->tick_count) {
        return PGC_REPLAY_UNKNOWN;
    }
    if (place->tick < backlog->ticks[backlog->tick_first].tick) {
        return replay_is_floor(replay, place) ? PGC_REPLAY_DONE : PGC_REPLAY_TOO_OLD;
    }
    if (place->nonce != backlog->ticks[backlog->tick_first + index].nonce) {
        return PGC_REPLAY_UNKNOWN;
    }
    return PGC_REPLAY_DONE;
}

/* Did what it was sent show edits and deletions of this history? */
static enum pgc_replay
replay_check_seen(const struct pgc_backlog *backlog, const struct pgc_seen *seen)
{
    const struct backlog_tick *ticks = &backlog->ticks[backlog->tick_first];
    size_t index = replay_find_tick(backlog, seen->tick);

    if (seen->tick == 0) {
        return PGC_REPLAY_DONE;
    }
    if (seen->tick < ticks[0].tick) {
        return PGC_REPLAY_TOO_OLD;
    }
    return index < backlog->tick_count && seen->nonce == ticks[index].nonce ? PGC_REPLAY_DONE
                                                                            : PGC_REPLAY_UNKNOWN;
}

/* Before all of the first tick that was made then or later. */
static enum pgc_replay
replay_begin_at_time(struct replay *replay, int64_t unix_s)
{
    const struct pgc_backlog *backlog = replay->backlog;
    const struct backlog_tick *ticks = &backlog->ticks[backlog->tick_first];
    size_t low = 0;
    size_t high = backlog->tick_count;
    int64_t at_us;

    if (unix_s > INT64_MAX / 1000000) {
        unix_s = INT64_MAX / 1000000;
    }
    at_us = unix_s < 0 ? 0 : unix_s * 1000000;
    if (at_us <= backlog->floor_at_us) {
        return PGC_REPLAY_TOO_OLD;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ticks[middle].at_us < at_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    replay->from.tick = low < backlog->tick_count ? ticks[low].tick : backlog->newest.tick + 1;
    return PGC_REPLAY_DONE;
}

/* ---- what was missed ---- */

static void
found_add(struct backlog_found *found, struct backlog_item *item)
{
    if (found->count == found->size) {
        found->size = found->size > 0 ? 2 * found->size : FOUND_MIN;
        found->items = pgc_xrealloc(found->items, found->size * sizeof(struct backlog_item *));
    }
    found->items[found->count++] = item;
    found->bytes += item->msg->length;
}

static bool
found_is_too_long(const struct backlog_found *found, const struct pgc_hub_conf *conf)
{
    return found->count > conf->replay_messages ||
           (conf->replay_bytes > 0 && found->bytes > conf->replay_bytes);
}

/* What went to `topic` in (from, to]. */
static enum pgc_replay
replay_gather(struct replay *replay, const char *topic, const struct pgc_position *from,
    const struct pgc_position *to)
{
    const struct backlog_track *track = replay_track(replay->backlog->topics, topic);
    const struct backlog_entry *entry;

    if (pgc_place_compare(from, to) >= 0) {
        return PGC_REPLAY_DONE;
    }
    if (pgc_place_compare(from, replay_floor(replay, track)) < 0) {
        return PGC_REPLAY_TOO_OLD;
    }
    if (track == NULL) {
        return PGC_REPLAY_DONE;
    }
    TAILQ_FOREACH_REVERSE(entry, &track->entries, backlog_entries, by_track)
    {
        if (pgc_place_compare(&entry->place, from) <= 0) {
            break;
        }
        if (pgc_place_compare(&entry->place, to) > 0) {
            continue;
        }
        if (entry->item->is_hole) {
            return PGC_REPLAY_HOLE;
        }
        if (entry->item->outdated.tick > replay->found->seen.tick) {
            replay->found->seen = entry->item->outdated;
        }
        if (entry->item->msg == NULL) {
            continue;
        }
        found_add(replay->found, entry->item);
        if (found_is_too_long(replay->found, &replay->backlog->conf)) {
            return PGC_REPLAY_TOO_LONG;
        }
    }
    return PGC_REPLAY_DONE;
}

static bool
replay_is_missed(const struct replay *replay, const struct pgc_position *place)
{
    return pgc_place_compare(place, &replay->from) > 0;
}

/* What a topic was to the stream at the beginning: its first move after that tells. */
static struct replay_stay *
replay_need_stay(
    const struct replay *replay, struct pgc_table *stays, const struct backlog_entry *move)
{
    size_t length = strlen(move->topic);
    struct replay_stay *stay = pgc_table_get(stays, move->topic, length);

    if (stay == NULL) {
        stay = pgc_xcalloc(1, sizeof(*stay));
        stay->is_in = move->kind == BACKLOG_LEAVE;
        stay->since = replay->from;
        pgc_table_put(stays, move->topic, length, stay);
    }
    return stay;
}

static enum pgc_replay
replay_walk_move(struct replay *replay, struct pgc_table *stays, const struct backlog_entry *move)
{
    struct replay_stay *stay = replay_need_stay(replay, stays, move);
    const struct pgc_position *until = &replay->query->until;
    enum pgc_replay result = PGC_REPLAY_DONE;

    if (stay->is_in && move->kind == BACKLOG_LEAVE && replay_is_missed(replay, &move->place)) {
        result = replay_gather(replay, move->topic, &stay->since,
            pgc_place_compare(&move->place, until) < 0 ? &move->place : until);
    }
    if (!stay->is_in && move->kind == BACKLOG_JOIN && replay_is_missed(replay, &move->place)) {
        stay->since = move->place;
    }
    stay->is_in = move->kind == BACKLOG_JOIN;
    return result;
}

/* The moves of the stream, and what they brought that has ended since. */
static enum pgc_replay
replay_walk_moves(struct replay *replay, struct pgc_table *stays)
{
    const char *stream = replay->query->stream;
    const struct backlog_track *track = replay_track(replay->backlog->movers, stream);
    enum pgc_replay result = PGC_REPLAY_DONE;
    const struct backlog_entry *move;

    if (pgc_place_compare(&replay->from, replay_floor(replay, track)) < 0) {
        return PGC_REPLAY_TOO_OLD;
    }
    if (track == NULL) {
        return PGC_REPLAY_DONE;
    }
    TAILQ_FOREACH(move, &track->entries, by_track) {
        if (result == PGC_REPLAY_DONE && move->kind != BACKLOG_ADMIT) {
            result = replay_walk_move(replay, stays, move);
        }
    }
    return result;
}

/* Topics that belong to the stream now. */
static enum pgc_replay
replay_gather_topics(struct replay *replay, const struct pgc_table *stays)
{
    const struct backlog_query *query = replay->query;
    enum pgc_replay result = PGC_REPLAY_DONE;

    for (size_t i = 0; i < query->topic_count && result == PGC_REPLAY_DONE; i++) {
        const char *topic = query->topics[i];
        const struct replay_stay *stay = pgc_table_get(stays, topic, strlen(topic));

        if (stay == NULL || stay->is_in) {
            result = replay_gather(
                replay, topic, stay != NULL ? &stay->since : &replay->from, &query->until);
        }
    }
    return result;
}

/*
 * Who was let in since then is not shown what was said before; nor can it be passed over, since a
 * rule of the application may have let the same member in all the time.
 */
static enum pgc_replay
replay_check_admission(const struct replay *replay)
{
    const struct backlog_query *query = replay->query;
    const struct backlog_track *track = replay_track(replay->backlog->movers, query->member);
    const struct backlog_entry *move;

    if (pgc_place_compare(&replay->from, replay_floor(replay, track)) < 0) {
        return PGC_REPLAY_TOO_OLD;
    }
    if (track == NULL) {
        return PGC_REPLAY_DONE;
    }
    TAILQ_FOREACH(move, &track->entries, by_track) {
        if (move->kind == BACKLOG_ADMIT && replay_is_missed(replay, &move->place) &&
            pgc_place_compare(&move->place, &query->until) <= 0 &&
            strcmp(move->topic, query->stream) == 0) {
            return PGC_REPLAY_HOLE;
        }
    }
    return PGC_REPLAY_DONE;
}

static int
found_order(const void *a, const void *b)
{
    struct backlog_item *const *one = a;
    struct backlog_item *const *other = b;

    return pgc_place_compare(&(*one)->msg->position, &(*other)->msg->position);
}

static enum pgc_replay
replay_all(struct replay *replay)
{
    struct pgc_table *stays = pgc_table_new();
    enum pgc_replay result = replay_check_admission(replay);

    if (result == PGC_REPLAY_DONE) {
        result = replay_gather(replay, replay->query->stream, &replay->from, &replay->query->until);
    }
    if (result == PGC_REPLAY_DONE) {
        result = replay_walk_moves(replay, stays);
    }
    if (result == PGC_REPLAY_DONE) {
        result = replay_gather_topics(replay, stays);
    }
    pgc_table_free(stays, free);
    return result;
}

enum pgc_replay
pgc_backlog_find(
    struct pgc_backlog *backlog, const struct backlog_query *query, struct backlog_found *found)
{
    struct replay replay = {.backlog = backlog, .query = query, .found = found};
    enum pgc_replay result;

    if (backlog->tick_count == 0) {
        return PGC_REPLAY_TOO_OLD;
    }
    result = query->since->by_time ? replay_begin_at_time(&replay, query->since->unix_s)
                                   : replay_begin_at_place(&replay, &query->since->place);
    if (result == PGC_REPLAY_DONE) {
        result = replay_check_seen(backlog, &query->since->seen);
    }
    found->seen = query->since->seen; /* and stays so, whatever message it stops at next */
    if (result == PGC_REPLAY_DONE) {
        result = replay_all(&replay);
    }
    if (result == PGC_REPLAY_DONE && found->count > 1) {
        qsort(found->items, found->count, sizeof(struct backlog_item *), found_order);
    }
    for (size_t i = 0; result == PGC_REPLAY_DONE && i < found->count; i++) {
        pgc_backlog_show_seen(found->items[i], &found->seen);
    }
    return result;
}
