/* SPDX-License-Identifier: PostgreSQL */
/* bench.h - pgcable bench: what was asked for, and what came of it. */
#ifndef PGCABLE_APP_BENCH_H
#define PGCABLE_APP_BENCH_H

#include "pgcable/load.h"

struct app_args;
struct pgc_conf;

struct app_bench_wish {
    struct pgc_load_conf load;
    uint64_t rate; /* events a second */
    uint64_t seconds;
    char *host; /* load.host */
    char *path; /* load.path */
};

/* What it points to is borrowed from both but for host and path. */
bool app_bench_read(struct app_bench_wish *wish, const struct app_args *args,
    const struct pgc_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
void app_bench_forget(struct app_bench_wish *wish);

struct app_bench_result {
    const struct app_bench_wish *wish;
    uint64_t written;  /* events */
    uint64_t expected; /* messages: each event for each of its member's clients */
    uint64_t received;
    uint64_t lost;
    double connect_s; /* until all listened; 0: that was not reached */
    const struct pgc_load_seen *seen;
};

void app_bench_print(const struct app_bench_result *result);
void app_bench_print_json(const struct app_bench_result *result);

#endif
