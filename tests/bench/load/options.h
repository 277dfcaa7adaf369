/* SPDX-License-Identifier: PostgreSQL */
/* options.h - the command line of pgcable-load. */
#ifndef PGCABLE_BENCH_OPTIONS_H
#define PGCABLE_BENCH_OPTIONS_H

#include "pgcable/load.h"

struct options {
    struct pgc_load_conf load;
    const char *arrivals; /* a file; NULL: none */
};

/* False after saying what is wrong, or what there is to choose from. */
bool options_read(struct options *options, int argc, char **argv);

#endif
