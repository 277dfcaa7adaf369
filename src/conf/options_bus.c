/* SPDX-License-Identifier: PostgreSQL */
/* options_bus.c - settings: which part this process plays, and NATS.  Alphabetical. */
#include "conf_internal.h"

static const char *const role_choices[] = {"all", "feed", "edge", NULL};

const struct option pgc_options_bus[] = {
    {
        OPTION_FIELD(nats_credentials),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "file with a JWT and its key that NATS knows us by (.creds); empty = none",
    },
    {
        OPTION_FIELD(nats_prefix),
        .type = OPTION_TEXT,
        .fallback = "pgcable",
        .help = "name of the stream, and with what all subjects begin; another one for each "
                "database",
    },
    {
        OPTION_FIELD(nats_replicas),
        .type = OPTION_INT,
        .fallback = "1",
        .min = 1,
        .max = 5,
        .help = "on how many NATS nodes the stream is kept, if we make it; 3 survives the loss of "
                "one",
    },
    {
        OPTION_FIELD(nats_tls_ca),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "file with whom NATS's certificate has to come from; empty = whom this machine "
                "trusts",
    },
    {
        OPTION_FIELD(nats_tls_certificate),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "file with the certificate that we show NATS; empty = none",
    },
    {
        OPTION_FIELD(nats_tls_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "file with its key",
    },
    {
        OPTION_FIELD(nats_url),
        .type = OPTION_TEXT,
        .fallback = "",
        .secret = true,
        .help = "NATS nodes, such as tls://user:password@a.example:4222,tls://b.example:4222",
    },
    {
        OPTION_FIELD(role),
        .type = OPTION_ENUM,
        .fallback = "all",
        .choices = role_choices,
        .help = "all = read the database and serve clients; feed = read it and publish to NATS; "
                "edge = follow NATS and serve clients",
    },
    {.name = NULL},
};
