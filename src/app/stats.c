/* SPDX-License-Identifier: PostgreSQL */
/*
 * stats.c - what the page asks for each second, as one JSON object: see packaging/METRICS.md.
 *
 * Of events only names, streams and sizes: what they say is for their readers.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/http.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"
#include "pgcable/recent.h"
#include "pgcable/table.h"

#include "app.h"

enum { STATS_EVENTS = 2048, STATS_BUSIEST = 15, STATS_TAIL = 200, STATS_FILTER_BYTES = 128 };
#define STATS_WINDOW_US ((int64_t)60 * 1000000)

/* How often a stream stands among the recent events. */
struct stats_stream {
    const char *name;
    uint64_t events;
    uint64_t bytes;
};

struct app_stats {
    struct pgc_metrics *metrics;
    struct app_source *source;
    struct pgc_recent *recent;
    struct app_trend *trend;
    int64_t started_ms; /* monotonic */
    int64_t started_at; /* wall clock, in ms: tells one life of the daemon from another */

    /* scratch */
    struct pgc_recent_event events[STATS_EVENTS];
    struct pgc_recent_refusal refusals[PGC_RECENT_REFUSALS];
    struct stats_stream streams[STATS_EVENTS];
};

struct app_stats *
app_stats_new(struct pgc_loop *loop, struct pgc_metrics *metrics, struct app_source *source,
    struct pgc_recent *recent)
{
    struct app_stats *stats = pgc_xcalloc(1, sizeof(*stats));

    stats->metrics = metrics;
    stats->source = source;
    stats->recent = recent;
    stats->trend = app_trend_new(loop, metrics, source);
    stats->started_ms = pgc_monotonic_ms();
    stats->started_at = pgc_wall_us() / 1000;
    return stats;
}

void
app_stats_free(struct app_stats *stats)
{
    if (stats != NULL) {
        app_trend_free(stats->trend);
        free(stats);
    }
}

static void
stats_add_text(struct pgc_buf *out, const char *name, const char *text)
{
    pgc_buf_addf(out, "\"%s\":", name);
    pgc_buf_add_json(out, text, strlen(text));
    pgc_buf_addc(out, ',');
}

static void
stats_add_status(const struct app_stats *stats, struct pgc_buf *out)
{
    struct app_status status;
    int64_t now_ms = pgc_monotonic_ms();

    app_source_status(stats->source, &status);
    stats_add_text(out, "version", PGC_VERSION);
    pgc_buf_addf(out, "\"started_at\":%" PRId64 ",\"uptime_s\":%" PRId64 ",\"ready\":%s,",
        stats->started_at, (now_ms - stats->started_ms) / 1000,
        status.feed.ready ? "true" : "false");
    stats_add_text(out, "why", status.feed.ready ? "" : status.feed.why);
    stats_add_text(out, "pause", status.feed.pause);
    pgc_buf_addf(out, "\"answered_ms\":%" PRId64 ",",
        status.feed.since_ms > 0 ? now_ms - status.feed.since_ms : (int64_t)-1);
}

/* ---- the busiest streams ---- */

static int
stats_compare(const void *a, const void *b)
{
    const struct stats_stream *left = a;
    const struct stats_stream *right = b;

    if (left->events != right->events) {
        return left->events < right->events ? 1 : -1;
    }
    return strcmp(left->name, right->name);
}

/* Fills stats->streams; returns how many there are. */
static size_t
stats_count_streams(struct app_stats *stats, size_t first, size_t count)
{
    struct pgc_table *seen = pgc_table_new();
    size_t streams = 0;

    for (size_t i = first; i < count; i++) {
        const char *name = stats->events[i].stream;
        struct stats_stream *stream = pgc_table_get(seen, name, strlen(name));

        if (stream == NULL) {
            stream = &stats->streams[streams++];
            *stream = (struct stats_stream){.name = name};
            pgc_table_put(seen, name, strlen(name), stream);
        }
        stream->events++;
        stream->bytes += stats->events[i].bytes;
    }
    pgc_table_free(seen, NULL);
    qsort(stats->streams, streams, sizeof(stats->streams[0]), stats_compare);
    return streams;
}

/* Of the events of the last minute, or of so much of it as is looked at. */
static void
stats_add_busiest(struct app_stats *stats, size_t count, struct pgc_buf *out)
{
    int64_t now_us = pgc_monotonic_us();
    size_t first = 0;
    size_t streams;

    while (first < count && now_us - stats->events[first].noted_us > STATS_WINDOW_US) {
        first++;
    }
    streams = stats_count_streams(stats, first, count);
    pgc_buf_addf(out, "\"busiest\":{\"events\":%zu,\"since_ms\":%" PRId64 ",\"streams\":[",
        count - first, first < count ? (now_us - stats->events[first].noted_us) / 1000 : 0);
    for (size_t i = 0; i < streams && i < STATS_BUSIEST; i++) {
        const struct stats_stream *stream = &stats->streams[i];

        pgc_buf_adds(out, i > 0 ? ",{" : "{");
        stats_add_text(out, "stream", stream->name);
        pgc_buf_addf(
            out, "\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", stream->events, stream->bytes);
    }
    pgc_buf_adds(out, "]},");
}

/* ---- the tail ---- */

static bool
stats_matches(const struct pgc_recent_event *event, const char *filter)
{
    return strcasestr(event->stream, filter) != NULL || strcasestr(event->name, filter) != NULL;
}

static void
stats_add_event(const struct pgc_recent_event *event, struct pgc_buf *out)
{
    pgc_buf_addf(
        out, "{\"number\":%" PRIu64 ",\"at_ms\":%" PRId64 ",", event->number, event->at_us / 1000);
    stats_add_text(out, "stream", event->stream);
    stats_add_text(out, "event", event->name);
    pgc_buf_addf(out, "\"trace\":\"%" PRIu64 ":%" PRId64 "\",\"bytes\":%zu}", event->trace.xid,
        event->trace.id, event->bytes);
}

/* The newest ones from number `from` on; what does not fit is counted. */
static void
stats_add_tail(
    struct app_stats *stats, size_t count, const char *filter, uint64_t from, struct pgc_buf *out)
{
    size_t matching = 0;
    size_t first = count;

    while (first > 0 && stats->events[first - 1].number >= from) {
        first--;
    }
    for (size_t i = first; i < count; i++) {
        matching += stats_matches(&stats->events[i], filter) ? 1 : 0;
    }
    pgc_buf_addf(out, "\"tail\":{\"next\":%" PRIu64 ",\"left_out\":%zu,\"events\":[",
        count > 0 ? stats->events[count - 1].number + 1 : 1,
        matching > STATS_TAIL ? matching - STATS_TAIL : 0);
    for (size_t i = first; i < count; i++) {
        if (!stats_matches(&stats->events[i], filter)) {
            continue;
        }
        if (matching <= STATS_TAIL) {
            stats_add_event(&stats->events[i], out);
            pgc_buf_adds(out, matching > 1 ? "," : "");
        }
        matching--;
    }
    pgc_buf_adds(out, "]},");
}

static void
stats_add_refusals(struct app_stats *stats, struct pgc_buf *out)
{
    size_t count = pgc_recent_refusals(stats->recent, stats->refusals);

    pgc_buf_adds(out, "\"refusals\":[");
    for (size_t i = count; i > 0; i--) {
        const struct pgc_recent_refusal *refusal = &stats->refusals[i - 1];

        pgc_buf_adds(out, i < count ? ",{" : "{");
        stats_add_text(out, "who", refusal->who);
        stats_add_text(out, "why", refusal->why);
        pgc_buf_addf(out, "\"conn\":%" PRIu64 ",\"at_ms\":%" PRId64 "}", refusal->conn,
            refusal->at_us / 1000);
    }
    pgc_buf_adds(out, "],");
}

/* What is no number asks for all. */
static uint64_t
stats_from(const struct pgc_http_request *request, const char *name)
{
    uint64_t from = 0;

    (void)pgc_http_number(request, name, &from);
    return from;
}

void
app_stats_write(
    struct app_stats *stats, const struct pgc_http_request *request, struct pgc_buf *out)
{
    char filter[STATS_FILTER_BYTES] = "";
    size_t count;

    (void)pgc_http_param(request, "filter", filter, sizeof(filter));
    count = pgc_recent_events(stats->recent, stats->events, STATS_EVENTS);
    pgc_buf_addc(out, '{');
    stats_add_status(stats, out);
    stats_add_busiest(stats, count, out);
    stats_add_tail(stats, count, filter, stats_from(request, "tail"), out);
    stats_add_refusals(stats, out);
    pgc_buf_adds(out, "\"trend\":");
    app_trend_write(stats->trend, stats_from(request, "trend"), out);
    pgc_buf_adds(out, ",\"metrics\":");
    pgc_metrics_write_json(stats->metrics, out);
    pgc_buf_adds(out, "}\n");
}
