/* SPDX-License-Identifier: PostgreSQL */
/* options_daemon.c - settings: the process, its log, its admin address.  Alphabetical. */
#include "conf_internal.h"

static const char *const log_format_choices[] = {"text", "json", NULL};
static const char *const log_level_choices[] = {"debug", "info", "warn", "error", NULL};

const struct option pgc_options_daemon[] = {
    {
        OPTION_FIELD(admin_address),
        .type = OPTION_TEXT,
        .fallback = "127.0.0.1",
        .help = "address for /health, /ready, /metrics, the page and page_dir; keep it off the "
                "internet",
    },
    {
        OPTION_FIELD(admin_port),
        .type = OPTION_INT,
        .fallback = "9090",
        .min = -1,
        .max = 65535,
        .help = "port of the admin address; 0 = any free one, -1 = none",
    },
    {
        OPTION_FIELD(admin_token),
        .type = OPTION_TEXT,
        .fallback = "",
        .secret = true,
        .help = "who asks the admin address for the page's numbers or /metrics says this, 16 bytes "
                "or more, as a bearer token; empty = without, and from this machine only",
    },
    {
        OPTION_FIELD(log_format),
        .type = OPTION_ENUM,
        .fallback = "text",
        .choices = log_format_choices,
        .reloadable = true,
        .help = "form of a log line on standard error",
    },
    {
        OPTION_FIELD(log_level),
        .type = OPTION_ENUM,
        .fallback = "info",
        .choices = log_level_choices,
        .reloadable = true,
        .help = "least important lines to log",
    },
    {
        OPTION_FIELD(page_dir),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "directory whose files are served on the admin address; empty = none",
    },
    {
        OPTION_FIELD(shutdown_ms),
        .type = OPTION_INT,
        .fallback = "5000",
        .min = 0,
        .max = 600000,
        .reloadable = true,
        .help = "time in which clients are sent away before the daemon ends",
    },
    {
        OPTION_FIELD(workers),
        .type = OPTION_INT,
        .fallback = "1",
        .min = 1,
        .max = 64,
        .help = "threads that serve clients",
    },
    {.name = NULL},
};
