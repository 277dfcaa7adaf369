/* SPDX-License-Identifier: PostgreSQL */
/* options_database.c - settings: PostgreSQL and the outbox.  Alphabetical. */
#include "conf_internal.h"

static const char *const notify_choices[] = {"auto", "always", "off", NULL};

const struct option pgc_options_database[] = {
    {
        OPTION_FIELD(canary_ms),
        .type = OPTION_INT,
        .fallback = "5000",
        .min = 0,
        .max = 3600000,
        .help = "time between rows of the daemon's own that measure the lag; 0 = none",
    },
    {
        OPTION_FIELD(database),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "connection string or URI; empty = what libpq takes from PGHOST, PGDATABASE, …; "
                "keep the password in a password file (PGPASSFILE)",
    },
    {
        OPTION_FIELD(max_payload_bytes),
        .type = OPTION_INT,
        .fallback = "2097152",
        .min = 1024,
        .max = 67108864,
        .help = "size of an event for clients; a larger one is not sent and logged",
    },
    {
        OPTION_FIELD(notify),
        .type = OPTION_ENUM,
        .fallback = "auto",
        .choices = notify_choices,
        .help = "wake-up by NOTIFY: auto = only while the daemon sleeps; off = poll only",
    },
    {
        OPTION_FIELD(outbox_max_bytes),
        .type = OPTION_INT,
        .fallback = "1073741824",
        .min = 0,
        .max = 1125899906842624,
        .help = "disk for captured changes: above it the oldest are dropped, at twice that nothing "
                "more is captured; 0 = no bound",
    },
    {
        OPTION_FIELD(poll_ms),
        .type = OPTION_INT,
        .fallback = "1000",
        .min = 50,
        .max = 3600000,
        .help = "time after which the database is asked without having been woken",
    },
    {
        OPTION_FIELD(retention_s),
        .type = OPTION_INT,
        .fallback = "300",
        .min = 10,
        .max = 604800,
        .help = "how long changes are kept in the database after they were sent",
    },
    {.name = NULL},
};
