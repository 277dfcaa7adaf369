/* SPDX-License-Identifier: PostgreSQL */
#include "asks.h"

#include <assert.h>
#include <stdlib.h>

#include "pgcable/mem.h"

/*
 * They go with the question for what is new, which waits for them: one takes half a millisecond
 * longer, 64 take 1.5, and 10,000 at once are 157 such questions.
 */
#define ASKS_FLYING_MAX 64

static void
asks_entry_fini(struct pgc_asks_entry *entry)
{
    pgc_ask_free(entry->ask);
    pgc_answer_free(entry->answer);
}

void
pgc_asks_fini(struct pgc_asks *asks)
{
    for (size_t i = 0; i < asks->count; i++) {
        asks_entry_fini(&asks->entries[i]);
    }
    free(asks->entries);
    *asks = (struct pgc_asks){0};
}

void
pgc_asks_take(struct pgc_asks *asks, struct pgc_port *port, struct pgc_ask *ask)
{
    if (asks->count == asks->size) {
        asks->size = asks->size == 0 ? 64 : asks->size * 2;
        asks->entries = pgc_xrealloc(asks->entries, asks->size * sizeof(*asks->entries));
    }
    asks->entries[asks->count++] = (struct pgc_asks_entry){.port = port, .ask = ask};
}

bool
pgc_asks_waiting(const struct pgc_asks *asks)
{
    return asks->count > asks->flying;
}

static const char *
asks_channel(enum pgc_stream_kind kind)
{
    switch (kind) {
    case PGC_STREAM_NOTIFICATIONS:
        return "notifications";
    case PGC_STREAM_MEMBER:
        return "member";
    case PGC_STREAM_ROOM:
        return "room";
    case PGC_STREAM_THREADS:
        return "threads";
    case PGC_STREAM_CUSTOM:
        return "custom";
    }
    abort();
}

static void
asks_add_text(struct pgc_buf *json, const char *name, const char *value)
{
    if (value != NULL) {
        pgc_buf_addf(json, ",\"%s\":", name);
        pgc_buf_add_json(json, value, strlen(value));
    }
}

static void
asks_add_ask(struct pgc_buf *json, size_t req, const struct pgc_ask *ask)
{
    pgc_buf_addf(json, "{\"req\":%zu", req);
    asks_add_text(json, "channel", asks_channel(ask->kind));
    asks_add_text(json, "member", ask->member);
    asks_add_text(json, "room", ask->room);
    asks_add_text(json, "uuid", ask->room_uuid);
    asks_add_text(json, "class", ask->channel_class);
    if (ask->params != NULL) { /* an object already, and its numbers must stay as they are */
        pgc_buf_addf(json, ",\"params\":%s", ask->params);
    }
    pgc_buf_addc(json, '}');
}

void
pgc_asks_fly(struct pgc_asks *asks, struct pgc_buf *json)
{
    size_t limit = asks->limit > 0 ? asks->limit : ASKS_FLYING_MAX;

    assert(asks->flying == 0 && asks->count > 0);
    while (asks->flying < asks->count && asks->flying < limit) {
        pgc_buf_addc(json, asks->flying == 0 ? '[' : ',');
        asks_add_ask(json, asks->flying, asks->entries[asks->flying].ask);
        asks->flying++;
    }
    pgc_buf_addc(json, ']');
}

void
pgc_asks_row(struct pgc_asks *asks, int64_t req, const char *stream, const char *topic)
{
    struct pgc_asks_entry *entry;

    if (req < 0 || (size_t)req >= asks->flying) {
        return;
    }
    entry = &asks->entries[req];
    if (entry->answer == NULL) {
        entry->answer = pgc_answer_new(entry->ask->ticket, stream);
    }
    if (topic != NULL) {
        pgc_answer_add_topic(entry->answer, topic);
    }
}

void
pgc_asks_land(struct pgc_asks *asks)
{
    for (size_t i = 0; i < asks->flying; i++) {
        struct pgc_asks_entry *entry = &asks->entries[i];

        if (entry->answer == NULL) { /* the database did not know what to say: no */
            entry->answer = pgc_answer_new(entry->ask->ticket, NULL);
        }
        pgc_port_take_down_answer(entry->port, entry->answer);
        pgc_ask_free(entry->ask);
    }
    if (asks->flying > 0) {
        asks->limit = asks->limit * 2 < ASKS_FLYING_MAX ? asks->limit * 2 : 0;
    }
    asks->count -= asks->flying;
    if (asks->count > 0) {
        memmove(asks->entries, asks->entries + asks->flying, asks->count * sizeof(*asks->entries));
    }
    asks->flying = 0;
}

void
pgc_asks_recall(struct pgc_asks *asks)
{
    for (size_t i = 0; i < asks->flying; i++) {
        pgc_answer_free(asks->entries[i].answer);
        asks->entries[i].answer = NULL;
    }
    asks->flying = 0;
}

void
pgc_asks_stumbled(struct pgc_asks *asks)
{
    size_t half = asks->flying / 2;

    pgc_asks_recall(asks);
    if (half > 0) {
        asks->limit = half;
        return;
    }
    asks->flying = 1; /* without an answer, which is a no */
    pgc_asks_land(asks);
}
