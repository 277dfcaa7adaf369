/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/history.h"

#include <stdlib.h>

#include "pgcable/json.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

/* Where it stopped in one stream. */
struct history_spot {
    char *stream; /* NULL: in any; the order of all streams is one */
    struct pgc_position place;
    struct pgc_seen seen;
    bool is_ours; /* a place that we could have named */
};

struct pgc_history {
    bool is_nonsense;
    int64_t since_s; /* 0: none */
    size_t count;
    struct history_spot *spots;
};

static struct history_spot *
history_add_spot(struct pgc_history *history)
{
    struct history_spot *spot;

    history->spots = pgc_xrealloc(history->spots, (history->count + 1) * sizeof(*history->spots));
    spot = &history->spots[history->count++];
    *spot = (struct history_spot){0};
    return spot;
}

static bool
history_read_place(struct history_spot *spot, const char *epoch, size_t length, int64_t offset)
{
    return pgc_place_take_seen(epoch, &length, &spot->seen) &&
           pgc_place_read(epoch, length, offset, &spot->place);
}

/* {"epoch":"2753.0b6f3c2e","offset":16} */
static void
history_read_spot(struct pgc_history *history, const char *stream, struct pgc_slice value)
{
    struct pgc_json *json = pgc_json_parse(value.data, value.length, value.length, NULL);
    struct history_spot *spot;
    const char *epoch;
    size_t length = 0;
    int64_t offset = 0;

    if (json == NULL) {
        history->is_nonsense = true;
        return;
    }
    spot = history_add_spot(history);
    spot->stream = pgc_xstrdup(stream);
    epoch = pgc_json_string(json, "epoch", &length);
    spot->is_ours = epoch != NULL && pgc_json_int(json, "offset", &offset) &&
                    history_read_place(spot, epoch, length, offset);
    pgc_json_free(json);
}

static void
history_read_streams(struct pgc_history *history, struct pgc_slice streams)
{
    const char *cursor = NULL;
    struct pgc_slice value;
    size_t size = streams.length + 1; /* of the longest name that may be in there */
    char *name;

    if (pgc_slice_is_null(streams)) {
        return;
    }
    if (streams.data[0] != '{') {
        history->is_nonsense = true;
        return;
    }
    name = pgc_xmalloc(size);
    while (pgc_json_next(streams.data, streams.length, &cursor, name, size, &value)) {
        history_read_spot(history, name, value);
    }
    free(name);
}

/* AnyCable's client says false if it is to ask by place only. */
static void
history_read_since(struct pgc_history *history, const struct pgc_json *json)
{
    static const struct pgc_slice no = {.data = "false", .length = 5};
    struct pgc_slice since = pgc_json_member(json, "since");

    if (pgc_slice_is_null(since) || pgc_slice_equal(since, no)) {
        return;
    }
    if (!pgc_json_int(json, "since", &history->since_s) || history->since_s < 0) {
        history->is_nonsense = true;
    }
}

struct pgc_history *
pgc_history_parse(const char *text, size_t length)
{
    struct pgc_history *history = pgc_xcalloc(1, sizeof(*history));
    struct pgc_json *json = pgc_json_parse(text, length, length, NULL);

    if (json == NULL) {
        history->is_nonsense = true;
        return history;
    }
    history_read_since(history, json);
    history_read_streams(history, pgc_json_member(json, "streams"));
    pgc_json_free(json);
    return history;
}

/* The number that `text` begins with, if a "/" follows; NULL otherwise. */
static const char *
history_read_offset(const char *text, int64_t *offset)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 16 || text[digits] != '/') {
        return NULL;
    }
    *offset = strtoll(text, NULL, 10);
    return text + digits + 1;
}

/* 16/2753.0b6f3c2e/chat-room-7-channel: what follows the epoch is for those who read along. */
static void
history_read_event_id(struct pgc_history *history, const char *text)
{
    int64_t offset = 0;
    const char *epoch = history_read_offset(text, &offset);
    const char *slash = epoch != NULL ? strchr(epoch, '/') : NULL;
    struct history_spot *spot;

    if (slash == NULL) {
        history->is_nonsense = true;
        return;
    }
    spot = history_add_spot(history);
    spot->is_ours = history_read_place(spot, epoch, (size_t)(slash - epoch), offset);
}

struct pgc_history *
pgc_history_from_event(const char *event_id, int64_t since_s)
{
    struct pgc_history *history = pgc_xcalloc(1, sizeof(*history));

    history->since_s = since_s;
    if (event_id != NULL) {
        history_read_event_id(history, event_id);
    }
    return history;
}

void
pgc_history_free(struct pgc_history *history)
{
    if (history == NULL) {
        return;
    }
    for (size_t i = 0; i < history->count; i++) {
        free(history->spots[i].stream);
    }
    free(history->spots);
    free(history);
}

static const struct history_spot *
history_find(const struct pgc_history *history, const char *stream)
{
    for (size_t i = 0; i < history->count; i++) {
        const struct history_spot *spot = &history->spots[i];

        if (spot->stream == NULL || strcmp(spot->stream, stream) == 0) {
            return spot;
        }
    }
    return NULL;
}

enum pgc_wish
pgc_history_wish(const struct pgc_history *history, const char *stream, struct pgc_since *since)
{
    const struct history_spot *spot = history_find(history, stream);

    *since = (struct pgc_since){.by_time = true, .unix_s = history->since_s};
    if (history->is_nonsense) {
        return PGC_WISH_NONSENSE;
    }
    if (spot != NULL) {
        *since = (struct pgc_since){.place = spot->place, .seen = spot->seen};
        return spot->is_ours ? PGC_WISH_REPLAY : PGC_WISH_NONSENSE;
    }
    return history->since_s > 0 ? PGC_WISH_REPLAY : PGC_WISH_NOTHING;
}
