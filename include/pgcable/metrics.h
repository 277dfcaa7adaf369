/* SPDX-License-Identifier: PostgreSQL */
/*
 * metrics.h - numbers for Prometheus.
 *
 * Any thread may register, write and count; counting takes no lock (relaxed atomics).  Names and
 * units follow Prometheus' conventions (_total, _seconds, _bytes).
 */
#ifndef PGCABLE_METRICS_H
#define PGCABLE_METRICS_H

#include <stdint.h>

#include "pgcable/buf.h"

struct pgc_metrics;
struct pgc_metric;

struct pgc_metrics *pgc_metrics_new(void);
void pgc_metrics_free(struct pgc_metrics *metrics);

/*
 * Each returns a handle that lives as long as the registry.  `labels` is "" or the inside of the
 * braces (reason="too_slow"); the same name with other labels is one family: help and kind must be
 * equal.  Asking for a name and labels that exist returns the same handle.
 */
struct pgc_metric *pgc_counter(
    struct pgc_metrics *metrics, const char *name, const char *labels, const char *help);
struct pgc_metric *pgc_gauge(
    struct pgc_metrics *metrics, const char *name, const char *labels, const char *help);

/* A gauge that is kept in millionths and written with six decimals: for shares of a whole. */
struct pgc_metric *pgc_ratio(
    struct pgc_metrics *metrics, const char *name, const char *labels, const char *help);

/* Fixed buckets from 0.1 ms to 60 s; observe seconds. */
struct pgc_metric *pgc_histogram(
    struct pgc_metrics *metrics, const char *name, const char *labels, const char *help);

void pgc_metric_add(struct pgc_metric *metric, int64_t by); /* counter (by >= 0) or gauge */
void pgc_metric_set(struct pgc_metric *metric, int64_t to); /* gauge */
void pgc_metric_observe_us(struct pgc_metric *metric, int64_t microseconds); /* histogram */
void pgc_metric_observe_many_us(struct pgc_metric *metric, int64_t microseconds, int64_t times);
int64_t pgc_metric_get(const struct pgc_metric *metric); /* counter, gauge; histogram: count */

/* Prometheus text format 0.0.4, families in order of registration. */
void pgc_metrics_write(struct pgc_metrics *metrics, struct pgc_buf *out);

/* {"name":{"labels":value}}, of a histogram the count. */
void pgc_metrics_write_json(struct pgc_metrics *metrics, struct pgc_buf *out);

/* All of that name together, as pgc_metric_get(); 0 if there is none. */
int64_t pgc_metrics_total(struct pgc_metrics *metrics, const char *name);

/* What histograms of that name have counted so far, together; zeroes if there are none. */
enum { PGC_METRIC_CELLS = 19 };
void pgc_metrics_cells(
    struct pgc_metrics *metrics, const char *name, int64_t cells[PGC_METRIC_CELLS]);

/* The value, in microseconds, below which `share` (0.99) of the observations in `cells` are, as far
 * as the buckets tell; -1 if there are none. */
int64_t pgc_metric_quantile_us(const int64_t cells[PGC_METRIC_CELLS], double share);

#endif
