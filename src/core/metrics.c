/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/metrics.h"

#include <sys/queue.h>

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "pgcable/mem.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_RATIO, METRIC_HISTOGRAM };

static const char *const metric_kind_names[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_RATIO] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

static const struct {
    int64_t limit_us;
    const char *le; /* the same in seconds */
} metric_buckets[] = {
    {100, "0.0001"},
    {250, "0.00025"},
    {500, "0.0005"},
    {1000, "0.001"},
    {2500, "0.0025"},
    {5000, "0.005"},
    {10000, "0.01"},
    {25000, "0.025"},
    {50000, "0.05"},
    {100000, "0.1"},
    {250000, "0.25"},
    {500000, "0.5"},
    {1000000, "1"},
    {2500000, "2.5"},
    {5000000, "5"},
    {10000000, "10"},
    {30000000, "30"},
    {60000000, "60"},
};

enum {
    METRIC_BUCKETS = sizeof(metric_buckets) / sizeof(metric_buckets[0]),
    METRIC_CELLS = METRIC_BUCKETS + 1, /* the last one has no limit */
};
_Static_assert((int)METRIC_CELLS == (int)PGC_METRIC_CELLS, "what metrics.h says");

struct metric_histogram {
    _Atomic int64_t cells[METRIC_CELLS]; /* not cumulative: one observation touches one cell */
    _Atomic int64_t sum_us;
};

struct pgc_metric {
    char *labels;
    _Atomic int64_t value;
    struct metric_histogram *histogram; /* NULL for the other kinds */
    STAILQ_ENTRY(pgc_metric) entry;
};

struct family {
    char *name;
    char *help;
    enum metric_kind kind;
    STAILQ_HEAD(, pgc_metric) metrics;
    STAILQ_ENTRY(family) entry;
};

struct pgc_metrics {
    pthread_mutex_t lock; /* of the lists, not of what is counted */
    STAILQ_HEAD(, family) families;
};

struct pgc_metrics *
pgc_metrics_new(void)
{
    struct pgc_metrics *metrics = pgc_xcalloc(1, sizeof(*metrics));

    pthread_mutex_init(&metrics->lock, NULL);
    STAILQ_INIT(&metrics->families);
    return metrics;
}

static void
metrics_free_family(struct family *family)
{
    while (!STAILQ_EMPTY(&family->metrics)) {
        struct pgc_metric *metric = STAILQ_FIRST(&family->metrics);

        STAILQ_REMOVE_HEAD(&family->metrics, entry);
        free(metric->histogram);
        free(metric->labels);
        free(metric);
    }
    free(family->name);
    free(family->help);
    free(family);
}

void
pgc_metrics_free(struct pgc_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    while (!STAILQ_EMPTY(&metrics->families)) {
        struct family *family = STAILQ_FIRST(&metrics->families);

        STAILQ_REMOVE_HEAD(&metrics->families, entry);
        metrics_free_family(family);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static struct family *
metrics_get_family(
    struct pgc_metrics *metrics, const char *name, const char *help, enum metric_kind kind)
{
    struct family *family;

    STAILQ_FOREACH(family, &metrics->families, entry) {
        if (strcmp(family->name, name) == 0) {
            assert(family->kind == kind && strcmp(family->help, help) == 0);
            return family;
        }
    }
    family = pgc_xcalloc(1, sizeof(*family));
    family->name = pgc_xstrdup(name);
    family->help = pgc_xstrdup(help);
    family->kind = kind;
    STAILQ_INIT(&family->metrics);
    STAILQ_INSERT_TAIL(&metrics->families, family, entry);
    return family;
}

static struct pgc_metric *
metrics_get_metric(struct family *family, const char *labels, enum metric_kind kind)
{
    struct pgc_metric *metric;

    STAILQ_FOREACH(metric, &family->metrics, entry) {
        if (strcmp(metric->labels, labels) == 0) {
            return metric;
        }
    }
    metric = pgc_xcalloc(1, sizeof(*metric));
    metric->labels = pgc_xstrdup(labels);
    if (kind == METRIC_HISTOGRAM) {
        metric->histogram = pgc_xcalloc(1, sizeof(*metric->histogram));
    }
    STAILQ_INSERT_TAIL(&family->metrics, metric, entry);
    return metric;
}

static struct pgc_metric *
metrics_get(struct pgc_metrics *metrics, const char *name, const char *labels, const char *help,
    enum metric_kind kind)
{
    struct pgc_metric *metric;

    pthread_mutex_lock(&metrics->lock);
    metric = metrics_get_metric(metrics_get_family(metrics, name, help, kind), labels, kind);
    pthread_mutex_unlock(&metrics->lock);
    return metric;
}

struct pgc_metric *
pgc_counter(struct pgc_metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metrics_get(metrics, name, labels, help, METRIC_COUNTER);
}

struct pgc_metric *
pgc_gauge(struct pgc_metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metrics_get(metrics, name, labels, help, METRIC_GAUGE);
}

struct pgc_metric *
pgc_ratio(struct pgc_metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metrics_get(metrics, name, labels, help, METRIC_RATIO);
}

struct pgc_metric *
pgc_histogram(struct pgc_metrics *metrics, const char *name, const char *labels, const char *help)
{
    return metrics_get(metrics, name, labels, help, METRIC_HISTOGRAM);
}

void
pgc_metric_add(struct pgc_metric *metric, int64_t by)
{
    atomic_fetch_add_explicit(&metric->value, by, memory_order_relaxed);
}

void
pgc_metric_set(struct pgc_metric *metric, int64_t to)
{
    atomic_store_explicit(&metric->value, to, memory_order_relaxed);
}

void
pgc_metric_observe_us(struct pgc_metric *metric, int64_t microseconds)
{
    pgc_metric_observe_many_us(metric, microseconds, 1);
}

void
pgc_metric_observe_many_us(struct pgc_metric *metric, int64_t microseconds, int64_t times)
{
    struct metric_histogram *histogram = metric->histogram;
    size_t cell = 0;

    while (cell < METRIC_BUCKETS && microseconds > metric_buckets[cell].limit_us) {
        cell++;
    }
    atomic_fetch_add_explicit(&histogram->cells[cell], times, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, microseconds * times, memory_order_relaxed);
}

int64_t
pgc_metric_get(const struct pgc_metric *metric)
{
    int64_t count = 0;

    if (metric->histogram == NULL) {
        return atomic_load_explicit(&metric->value, memory_order_relaxed);
    }
    for (size_t i = 0; i < METRIC_CELLS; i++) {
        count += atomic_load_explicit(&metric->histogram->cells[i], memory_order_relaxed);
    }
    return count;
}

static void
metrics_add_micro(struct pgc_buf *out, int64_t value)
{
    pgc_buf_addf(out, "%" PRId64 ".%06" PRId64, value / 1000000, value % 1000000);
}

static void
metrics_add_value(struct pgc_buf *out, const struct family *family, const struct pgc_metric *metric)
{
    if (family->kind == METRIC_RATIO) {
        metrics_add_micro(out, pgc_metric_get(metric));
    } else {
        pgc_buf_addf(out, "%" PRId64, pgc_metric_get(metric));
    }
}

/* name or name{labels} or name_suffix{labels,le="…"}, and a space. */
static void
metrics_write_name(struct pgc_buf *out, const struct family *family, const char *suffix,
    const char *labels, const char *le)
{
    bool has_labels = labels[0] != '\0';

    pgc_buf_addf(out, "%s%s", family->name, suffix);
    if (has_labels || le != NULL) {
        pgc_buf_addf(out, "{%s", labels);
        if (le != NULL) {
            pgc_buf_addf(out, "%sle=\"%s\"", has_labels ? "," : "", le);
        }
        pgc_buf_addc(out, '}');
    }
    pgc_buf_addc(out, ' ');
}

static void
metrics_write_histogram(
    struct pgc_buf *out, const struct family *family, const struct pgc_metric *metric)
{
    const struct metric_histogram *histogram = metric->histogram;
    int64_t sum_us = atomic_load_explicit(&histogram->sum_us, memory_order_relaxed);
    int64_t count = 0;

    for (size_t i = 0; i < METRIC_CELLS; i++) {
        count += atomic_load_explicit(&histogram->cells[i], memory_order_relaxed);
        metrics_write_name(out, family, "_bucket", metric->labels,
            i < METRIC_BUCKETS ? metric_buckets[i].le : "+Inf");
        pgc_buf_addf(out, "%" PRId64 "\n", count);
    }
    metrics_write_name(out, family, "_sum", metric->labels, NULL);
    metrics_add_micro(out, sum_us);
    pgc_buf_addc(out, '\n');
    metrics_write_name(out, family, "_count", metric->labels, NULL);
    pgc_buf_addf(out, "%" PRId64 "\n", count);
}

/* The format escapes a backslash and a line's end in the help, nothing else. */
static void
metrics_write_help(struct pgc_buf *out, const struct family *family)
{
    pgc_buf_addf(out, "# HELP %s ", family->name);
    for (const char *c = family->help; *c != '\0'; c++) {
        if (*c == '\n') {
            pgc_buf_adds(out, "\\n");
        } else if (*c == '\\') {
            pgc_buf_adds(out, "\\\\");
        } else {
            pgc_buf_addc(out, *c);
        }
    }
    pgc_buf_addf(out, "\n# TYPE %s %s\n", family->name, metric_kind_names[family->kind]);
}

void
pgc_metrics_write(struct pgc_metrics *metrics, struct pgc_buf *out)
{
    const struct family *family;
    const struct pgc_metric *metric;

    pthread_mutex_lock(&metrics->lock);
    STAILQ_FOREACH(family, &metrics->families, entry) {
        metrics_write_help(out, family);
        STAILQ_FOREACH(metric, &family->metrics, entry) {
            if (metric->histogram != NULL) {
                metrics_write_histogram(out, family, metric);
            } else {
                metrics_write_name(out, family, "", metric->labels, NULL);
                metrics_add_value(out, family, metric);
                pgc_buf_addc(out, '\n');
            }
        }
    }
    pthread_mutex_unlock(&metrics->lock);
}

void
pgc_metrics_write_json(struct pgc_metrics *metrics, struct pgc_buf *out)
{
    const struct family *family;
    const struct pgc_metric *metric;

    pthread_mutex_lock(&metrics->lock);
    pgc_buf_addc(out, '{');
    STAILQ_FOREACH(family, &metrics->families, entry) {
        pgc_buf_addf(
            out, "%s\"%s\":{", family == STAILQ_FIRST(&metrics->families) ? "" : ",", family->name);
        STAILQ_FOREACH(metric, &family->metrics, entry) {
            pgc_buf_adds(out, metric == STAILQ_FIRST(&family->metrics) ? "" : ",");
            pgc_buf_add_json(out, metric->labels, strlen(metric->labels));
            pgc_buf_addc(out, ':');
            metrics_add_value(out, family, metric);
        }
        pgc_buf_addc(out, '}');
    }
    pgc_buf_addc(out, '}');
    pthread_mutex_unlock(&metrics->lock);
}

/* ---- what they add up to ---- */

static const struct family *
metrics_find(const struct pgc_metrics *metrics, const char *name)
{
    const struct family *family;

    STAILQ_FOREACH(family, &metrics->families, entry) {
        if (strcmp(family->name, name) == 0) {
            return family;
        }
    }
    return NULL;
}

int64_t
pgc_metrics_total(struct pgc_metrics *metrics, const char *name)
{
    const struct family *family;
    const struct pgc_metric *metric;
    int64_t total = 0;

    pthread_mutex_lock(&metrics->lock);
    family = metrics_find(metrics, name);
    if (family != NULL) {
        STAILQ_FOREACH(metric, &family->metrics, entry) {
            total += pgc_metric_get(metric);
        }
    }
    pthread_mutex_unlock(&metrics->lock);
    return total;
}

void
pgc_metrics_cells(struct pgc_metrics *metrics, const char *name, int64_t cells[PGC_METRIC_CELLS])
{
    const struct family *family;
    const struct pgc_metric *metric;

    memset(cells, 0, PGC_METRIC_CELLS * sizeof(cells[0]));
    pthread_mutex_lock(&metrics->lock);
    family = metrics_find(metrics, name);
    if (family == NULL || family->kind != METRIC_HISTOGRAM) {
        goto out;
    }
    STAILQ_FOREACH(metric, &family->metrics, entry) {
        for (size_t i = 0; i < METRIC_CELLS; i++) {
            cells[i] += atomic_load_explicit(&metric->histogram->cells[i], memory_order_relaxed);
        }
    }

out:
    pthread_mutex_unlock(&metrics->lock);
}

/* As Prometheus has it: evenly spread within a bucket; of the last one only its start is known. */
int64_t
pgc_metric_quantile_us(const int64_t cells[PGC_METRIC_CELLS], double share)
{
    int64_t count = 0;
    double rank;
    size_t cell = 0;
    int64_t from_us;

    for (size_t i = 0; i < METRIC_CELLS; i++) {
        count += cells[i];
    }
    if (count == 0) {
        return -1;
    }
    rank = share * (double)count;
    while (cell < METRIC_BUCKETS && rank > (double)cells[cell]) {
        rank -= (double)cells[cell];
        cell++;
    }
    from_us = cell > 0 ? metric_buckets[cell - 1].limit_us : 0;
    if (cell == METRIC_BUCKETS || cells[cell] == 0) {
        return from_us;
    }
    return from_us + (int64_t)((double)(metric_buckets[cell].limit_us - from_us) * rank /
                               (double)cells[cell]);
}
