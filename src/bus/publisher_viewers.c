/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/table.h"

#include "publisher_internal.h"

/* Each edge tells all of its viewers every ten seconds. */
#define VIEWERS_GONE_MS      30000
#define VIEWERS_ROLL_CALL_MS 5000

struct viewers_edge {
    int64_t heard_ms;
    uint64_t round;            /* the newest one of which something came */
    struct pgc_table *members; /* -> struct viewers_member */
};

struct viewers_member {
    uint64_t round; /* in which it was named last */
    char name[];
};

/* Whoever leads tells the feed. */
static void
viewers_count(struct pgc_publisher *publisher, const char *member, int by)
{
    if (publisher->state == PUBLISHER_LEADING) {
        pgc_port_viewer(publisher->port, member, by);
    }
}

static void
viewers_put(struct pgc_publisher *publisher, struct viewers_edge *edge, const char *name)
{
    size_t length = strlen(name);
    struct viewers_member *member = pgc_table_get(edge->members, name, length);

    if (member == NULL) {
        member = pgc_xcalloc(1, sizeof(*member) + length + 1);
        memcpy(member->name, name, length);
        (void)pgc_table_put(edge->members, name, length, member);
        viewers_count(publisher, name, 1);
    }
    member->round = edge->round;
}

static void
viewers_drop(struct pgc_publisher *publisher, struct viewers_edge *edge, const char *name)
{
    struct viewers_member *member = pgc_table_remove(edge->members, name, strlen(name));

    if (member != NULL) {
        viewers_count(publisher, name, -1);
        free(member);
    }
}

/* The round is over, and who was in none of its parts does not listen any more. */
static void
viewers_end_round(struct pgc_publisher *publisher, struct viewers_edge *edge, uint64_t round)
{
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *value;

    while (pgc_table_next(edge->members, &cursor, &key, &length, &value)) {
        struct viewers_member *member = value;

        if (member->round != round) {
            (void)pgc_table_remove(edge->members, key, length);
            viewers_count(publisher, member->name, -1);
            free(member);
        }
    }
}

/* ---- edges ---- */

static struct viewers_edge *
viewers_edge(struct pgc_publisher *publisher, uint64_t id)
{
    struct viewers_edge *edge = pgc_table_get(publisher->edges, (const char *)&id, sizeof(id));

    if (edge == NULL) {
        edge = pgc_xcalloc(1, sizeof(*edge));
        edge->members = pgc_table_new();
        (void)pgc_table_put(publisher->edges, (const char *)&id, sizeof(id), edge);
        pgc_metric_set(publisher->metrics.edges, (int64_t)pgc_table_count(publisher->edges));
    }
    edge->heard_ms = pgc_monotonic_ms();
    return edge;
}

static void
viewers_edge_free(void *value)
{
    struct viewers_edge *edge = value;

    pgc_table_free(edge->members, free);
    free(edge);
}

static void
viewers_roll_call(void *arg)
{
    struct pgc_publisher *publisher = arg;
    int64_t now_ms = pgc_monotonic_ms();
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *value;

    while (pgc_table_next(publisher->edges, &cursor, &key, &length, &value)) {
        struct viewers_edge *edge = value;

        if (now_ms - edge->heard_ms > publisher->edge_patience_ms) {
            (void)pgc_table_remove(publisher->edges, key, length);
            viewers_end_round(publisher, edge, UINT64_MAX); /* nobody was in that */
            viewers_edge_free(edge);
        }
    }
    pgc_metric_set(publisher->metrics.edges, (int64_t)pgc_table_count(publisher->edges));
    pgc_timer_set(publisher->roll_call, VIEWERS_ROLL_CALL_MS);
}

/* ---- what they say ---- */

void
pgc_publisher_viewers_add(struct pgc_publisher *publisher, uint64_t edge, const char *member)
{
    viewers_put(publisher, viewers_edge(publisher, edge), member);
}

void
pgc_publisher_viewers_told(struct pgc_publisher *publisher, const struct pgc_nats_bytes *bytes)
{
    struct codec_viewers viewers = {0};
    struct viewers_edge *edge;
    struct pgc_err err = {0};
    unsigned suppressed;

    if (!pgc_codec_read_viewers(bytes->data, bytes->length, &viewers, &err)) {
        if (pgc_log_allowed(&publisher->desk.nonsense, &suppressed)) {
            pgc_log_err(PGC_LOG_WARN, 0, &err, "what an edge tells of who listens is passed over");
        }
        pgc_codec_fini_viewers(&viewers);
        return;
    }
    edge = viewers_edge(publisher, viewers.edge);
    if (viewers.round != 0) {
        edge->round = viewers.round;
    }
    for (size_t i = 0; i < viewers.count; i++) {
        if (viewers.viewers[i].listens) {
            viewers_put(publisher, edge, viewers.viewers[i].member);
        } else {
            viewers_drop(publisher, edge, viewers.viewers[i].member);
        }
    }
    if (viewers.round != 0 && viewers.is_last) {
        viewers_end_round(publisher, edge, viewers.round);
    }
    pgc_codec_fini_viewers(&viewers);
}

void
pgc_publisher_viewers_tell(struct pgc_publisher *publisher)
{
    size_t cursor = 0;
    const char *key;
    size_t length;
    void *edge;

    while (pgc_table_next(publisher->edges, &cursor, &key, &length, &edge)) {
        const struct pgc_table *members = ((struct viewers_edge *)edge)->members;
        size_t place = 0;
        void *member;

        while (pgc_table_next(members, &place, &key, &length, &member)) {
            viewers_count(publisher, ((struct viewers_member *)member)->name, 1);
        }
    }
}

/* ---- life ---- */

void
pgc_publisher_viewers_init(struct pgc_publisher *publisher)
{
    publisher->edges = pgc_table_new();
    publisher->edge_patience_ms = VIEWERS_GONE_MS;
    publisher->roll_call = pgc_timer_new(publisher->loop, viewers_roll_call, publisher);
    pgc_timer_set(publisher->roll_call, VIEWERS_ROLL_CALL_MS);
}

void
pgc_publisher_viewers_fini(struct pgc_publisher *publisher)
{
    pgc_timer_free(publisher->roll_call);
    pgc_table_free(publisher->edges, viewers_edge_free);
}
