/* SPDX-License-Identifier: PostgreSQL */
/*
 * trend.c - the last ten minutes of the numbers that the page draws, one sample a second.
 *
 * Kept here and not in the page, so that who opens it after something has happened still sees it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/loop.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"

#include "app.h"

enum { TREND_MS = 1000, TREND_SAMPLES = 600, TREND_WINDOW = 10 };

/* What is drawn as it is, and what by how much it has grown since the sample before. */
static const struct {
    const char *name;
    const char *metric;
    bool is_rate;
} trend_numbers[] = {
    {"connections", "pgcable_sessions", false},
    {"subscriptions", "pgcable_subscriptions", false},
    {"streams", "pgcable_streams", false},
    {"events", "pgcable_feed_events_total", true},
    {"deliveries", "pgcable_deliveries_total", true},
    {"frames", "pgcable_ws_sent_frames_total", true},
    {"queue_bytes", "pgcable_ws_queue_bytes", false},
    {"batches_waiting", "pgcable_batches_waiting", false},
    {"outbox_bytes", "pgcable_outbox_bytes", false},
    {"refused", "pgcable_ws_refused_total", true},
    {"rejected", "pgcable_subscriptions_rejected_total", true},
};

/* Quantiles of what was observed in the TREND_WINDOW seconds up to the sample. */
static const struct {
    const char *name;
    size_t histogram;
    double share;
} trend_quantiles[] = {
    {"socket_p50_us", 0, 0.5},
    {"socket_p95_us", 0, 0.95},
    {"socket_p99_us", 0, 0.99},
    {"lag_us", 1, 0.5},
};

static const char *const trend_histograms[] = {
    "pgcable_socket_seconds",
    "pgcable_canary_seconds",
};

enum {
    TREND_NUMBERS = sizeof(trend_numbers) / sizeof(trend_numbers[0]),
    TREND_QUANTILES = sizeof(trend_quantiles) / sizeof(trend_quantiles[0]),
    TREND_HISTOGRAMS = sizeof(trend_histograms) / sizeof(trend_histograms[0]),
};

struct trend_sample {
    int64_t at_ms; /* wall clock */
    int64_t took_ms;
    int64_t numbers[TREND_NUMBERS]; /* as they stand, also of rates */
    int64_t cells[TREND_HISTOGRAMS][PGC_METRIC_CELLS];
};

struct app_trend {
    struct pgc_timer *timer;
    struct pgc_metrics *metrics;
    struct app_source *source;
    struct pgc_metric *batches_waiting;
    int64_t last_ms;
    uint64_t count; /* ever */
    struct trend_sample samples[TREND_SAMPLES];
};

static void
trend_note_waiting(struct app_trend *trend)
{
    struct app_status status;

    app_source_status(trend->source, &status);
    pgc_metric_set(trend->batches_waiting, (int64_t)status.feed.batches_waiting);
}

static void
trend_take(void *arg)
{
    struct app_trend *trend = arg;
    struct trend_sample *sample = &trend->samples[trend->count % TREND_SAMPLES];
    int64_t now_ms = pgc_monotonic_ms();

    pgc_timer_set(trend->timer, TREND_MS);
    trend_note_waiting(trend);
    sample->at_ms = pgc_wall_us() / 1000;
    sample->took_ms = now_ms - trend->last_ms;
    for (size_t i = 0; i < TREND_NUMBERS; i++) {
        sample->numbers[i] = pgc_metrics_total(trend->metrics, trend_numbers[i].metric);
    }
    for (size_t i = 0; i < TREND_HISTOGRAMS; i++) {
        pgc_metrics_cells(trend->metrics, trend_histograms[i], sample->cells[i]);
    }
    trend->last_ms = now_ms;
    trend->count++;
}

struct app_trend *
app_trend_new(struct pgc_loop *loop, struct pgc_metrics *metrics, struct app_source *source)
{
    struct app_trend *trend = pgc_xcalloc(1, sizeof(*trend));

    trend->metrics = metrics;
    trend->source = source;
    trend->batches_waiting = pgc_gauge(metrics, "pgcable_batches_waiting", "",
        "Batches of changes, and answers, that wait for the workers.");
    trend->timer = pgc_timer_new(loop, trend_take, trend);
    trend->last_ms = pgc_monotonic_ms();
    trend_take(trend); /* what rates are reckoned from */
    return trend;
}

void
app_trend_free(struct app_trend *trend)
{
    if (trend != NULL) {
        pgc_timer_free(trend->timer);
        free(trend);
    }
}

static const struct trend_sample *
trend_at(const struct app_trend *trend, uint64_t number)
{
    return &trend->samples[number % TREND_SAMPLES];
}

static void
trend_add_number(const struct app_trend *trend, uint64_t number, size_t which, struct pgc_buf *out)
{
    const struct trend_sample *sample = trend_at(trend, number);
    int64_t value = sample->numbers[which];

    if (!trend_numbers[which].is_rate) {
        pgc_buf_addf(out, ",%" PRId64, value);
        return;
    }
    value -= trend_at(trend, number - 1)->numbers[which];
    pgc_buf_addf(
        out, ",%.1f", (double)value * 1000 / (double)(sample->took_ms > 0 ? sample->took_ms : 1));
}

static void
trend_add_quantile(const struct app_trend *trend, uint64_t number, uint64_t oldest, size_t which,
    struct pgc_buf *out)
{
    size_t histogram = trend_quantiles[which].histogram;
    uint64_t before = number - oldest > TREND_WINDOW ? number - TREND_WINDOW : oldest;
    int64_t cells[PGC_METRIC_CELLS];
    int64_t quantile_us;

    for (size_t i = 0; i < PGC_METRIC_CELLS; i++) {
        cells[i] = trend_at(trend, number)->cells[histogram][i] -
                   trend_at(trend, before)->cells[histogram][i];
    }
    quantile_us = pgc_metric_quantile_us(cells, trend_quantiles[which].share);
    if (quantile_us < 0) {
        pgc_buf_adds(out, ",null");
    } else {
        pgc_buf_addf(out, ",%" PRId64, quantile_us);
    }
}

static void
trend_add_names(struct pgc_buf *out)
{
    pgc_buf_adds(out, "[\"at_ms\"");
    for (size_t i = 0; i < TREND_NUMBERS; i++) {
        pgc_buf_addf(out, ",\"%s\"", trend_numbers[i].name);
    }
    for (size_t i = 0; i < TREND_QUANTILES; i++) {
        pgc_buf_addf(out, ",\"%s\"", trend_quantiles[i].name);
    }
    pgc_buf_addc(out, ']');
}

/* The oldest sample that is kept is only there for the next one's rate. */
void
app_trend_write(const struct app_trend *trend, uint64_t from, struct pgc_buf *out)
{
    uint64_t oldest = trend->count > TREND_SAMPLES ? trend->count - TREND_SAMPLES : 0;
    uint64_t first = from > oldest ? from : oldest + 1;

    pgc_buf_adds(out, "{\"names\":");
    trend_add_names(out);
    pgc_buf_addf(out, ",\"next\":%" PRIu64 ",\"rows\":[", trend->count);
    for (uint64_t number = first; number < trend->count; number++) {
        pgc_buf_addf(out, "%s[%" PRId64, number > first ? "," : "", trend_at(trend, number)->at_ms);
        for (size_t i = 0; i < TREND_NUMBERS; i++) {
            trend_add_number(trend, number, i, out);
        }
        for (size_t i = 0; i < TREND_QUANTILES; i++) {
            trend_add_quantile(trend, number, oldest, i, out);
        }
        pgc_buf_addc(out, ']');
    }
    pgc_buf_adds(out, "]}");
}
