/* SPDX-License-Identifier: PostgreSQL */
/* options_clients.c - settings: where clients connect, and what they are sent.  Alphabetical. */
#include "conf_internal.h"

static const char *const duplicate_subscribe_choices[] = {"auto", "ignore", "confirm", NULL};
static const char *const envelope_choices[] = {"flat", "nested", NULL};

const struct option pgc_options_clients[] = {
    {
        OPTION_FIELD(cable_path),
        .type = OPTION_TEXT,
        .fallback = "/cable",
        .start = "/",
        .help = "path of the websocket",
    },
    {
        OPTION_FIELD(duplicate_subscribe),
        .type = OPTION_ENUM,
        .fallback = "auto",
        .choices = duplicate_subscribe_choices,
        .help = "answer to a second subscribe with the same identifier: auto = as the client "
                "expects it",
    },
    {
        OPTION_FIELD(envelope),
        .type = OPTION_ENUM,
        .fallback = "flat",
        .choices = envelope_choices,
        .help = "form of the events: flat = fields beside the event's name, nested = within "
                "data",
    },
    {
        OPTION_FIELD(history_bytes),
        .type = OPTION_INT,
        .fallback = "67108864",
        .min = 0,
        .max = 68719476736,
        .help = "memory of each worker for messages that can be sent again; 0 = none",
    },
    {
        OPTION_FIELD(history_messages),
        .type = OPTION_INT,
        .fallback = "1000",
        .min = 1,
        .max = 1000000,
        .help = "messages of one stream that can be sent again",
    },
    {
        OPTION_FIELD(history_s),
        .type = OPTION_INT,
        .fallback = "0",
        .min = 0,
        .max = 604800,
        .help = "how long messages can be sent again; 0 = as long as retention_s, the most",
    },
    {
        OPTION_FIELD(listen_address),
        .type = OPTION_TEXT,
        .fallback = "127.0.0.1",
        .help = "numeric IPv4 or IPv6 address for websocket clients",
    },
    {
        OPTION_FIELD(listen_port),
        .type = OPTION_INT,
        .fallback = "8080",
        .min = 0,
        .max = 65535,
        .help = "port for websocket clients; 0 = any free one",
    },
    {
        OPTION_FIELD(proxy_protocol),
        .type = OPTION_BOOL,
        .fallback = "off",
        .help = "connections begin with a PROXY header, version 1 or 2; only trusted_proxies may "
                "connect",
    },
    {
        OPTION_FIELD(replay_messages),
        .type = OPTION_INT,
        .fallback = "10000",
        .min = 1,
        .max = 1000000,
        .help = "messages sent again to one subscription at most",
    },
    {
        OPTION_FIELD(sse_path),
        .type = OPTION_TEXT,
        .fallback = "/events",
        .start = "/",
        .may_be_empty = true,
        .help = "path of event streams (SSE); empty = none",
    },
    {
        OPTION_FIELD(tls_certificate),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "PEM file: the certificate for wss and https, and its chain; empty = no TLS",
    },
    {
        OPTION_FIELD(tls_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "PEM file: the key of tls_certificate, closed to others",
    },
    {
        OPTION_FIELD(trusted_proxies),
        .type = OPTION_TEXT,
        .fallback = "",
        .help =
            "addresses and networks, such as 127.0.0.1,10.0.0.0/8,::1, whose word is taken for the "
            "client's address: X-Forwarded-For, or proxy_protocol",
    },
    {
        OPTION_FIELD(welcome_sid),
        .type = OPTION_BOOL,
        .fallback = "off",
        .help = "put a session id into the welcome message",
    },
    {.name = NULL},
};
