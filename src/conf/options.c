/* SPDX-License-Identifier: PostgreSQL */
/*
 * options.c - every setting, once.
 *
 * Parsing, --help-settings, --print-config, reload and the check of the documentation all read this
 * table, so a setting that is not here does not exist.  Alphabetical.
 */
#include "conf_internal.h"

#define OPTION_FIELD(field) .name = #field, .offset = offsetof(struct pgc_conf, field)

static const char *const allow_no_origin_choices[] = {"header", "always", "never", NULL};
static const char *const duplicate_subscribe_choices[] = {"auto", "ignore", "confirm", NULL};
static const char *const envelope_choices[] = {"flat", "nested", NULL};
static const char *const log_format_choices[] = {"text", "json", NULL};
static const char *const log_level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const notify_choices[] = {"auto", "always", "off", NULL};

static const struct option options[] = {
    {
        OPTION_FIELD(admin_address),
        .type = OPTION_TEXT,
        .fallback = "127.0.0.1",
        .help = "address for /health, /ready, /metrics and page_dir; keep it off the internet",
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
        OPTION_FIELD(allow_no_origin),
        .type = OPTION_ENUM,
        .fallback = "header",
        .choices = allow_no_origin_choices,
        .reloadable = true,
        .help = "accept a handshake without Origin: header = if it has a token in a header, "
                "which no browser can be made to send",
    },
    {
        OPTION_FIELD(allow_same_origin),
        .type = OPTION_BOOL,
        .fallback = "off",
        .reloadable = true,
        .help = "accept an Origin that is the host the handshake was sent to",
    },
    {
        OPTION_FIELD(allowed_origins),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "origins that may connect from a browser, such as "
                "https://a.example,https://b.example:8443; * = any; empty = none",
    },
    {
        OPTION_FIELD(cable_path),
        .type = OPTION_TEXT,
        .fallback = "/cable",
        .start = "/",
        .help = "path of the websocket",
    },
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
        OPTION_FIELD(es256_public_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "file with a PEM public key for tokens signed with ES256",
    },
    {
        OPTION_FIELD(handshake_ms),
        .type = OPTION_INT,
        .fallback = "10000",
        .min = 100,
        .max = 60000,
        .help = "time a client has to complete its handshake",
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
        OPTION_FIELD(hs256_secret),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .secret = true,
        .help = "key for tokens signed with HS256, 32 bytes or more",
    },
    {
        OPTION_FIELD(jwks_file),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "file with a JSON Web Key Set for tokens that name their key",
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
        OPTION_FIELD(max_connections),
        .type = OPTION_INT,
        .fallback = "10000",
        .min = 1,
        .max = 1000000,
        .help = "websocket connections at a time; more are answered 503",
    },
    {
        OPTION_FIELD(max_header_bytes),
        .type = OPTION_INT,
        .fallback = "16384",
        .min = 4096,
        .max = 65536,
        .help = "size of a handshake's headers, a token included",
    },
    {
        OPTION_FIELD(max_identifier_bytes),
        .type = OPTION_INT,
        .fallback = "512",
        .min = 64,
        .max = 65536,
        .help = "size of a subscription's identifier",
    },
    {
        OPTION_FIELD(max_message_bytes),
        .type = OPTION_INT,
        .fallback = "16384",
        .min = 1024,
        .max = 1048576,
        .help = "size of a message from a client",
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
        OPTION_FIELD(max_subscriptions),
        .type = OPTION_INT,
        .fallback = "64",
        .min = 1,
        .max = 10000,
        .help = "subscriptions of one connection",
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
        OPTION_FIELD(page_dir),
        .type = OPTION_TEXT,
        .fallback = "",
        .help = "directory whose files are served on the admin address; empty = none",
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
        OPTION_FIELD(queue_age_ms),
        .type = OPTION_INT,
        .fallback = "10000",
        .min = 100,
        .max = 600000,
        .help = "disconnect a client whose oldest unsent message is older than this",
    },
    {
        OPTION_FIELD(queue_bytes),
        .type = OPTION_INT,
        .fallback = "33554432",
        .min = 65536,
        .max = 1073741824,
        .help = "disconnect a client for whom more than this is waiting",
    },
    {
        OPTION_FIELD(queue_messages),
        .type = OPTION_INT,
        .fallback = "65536",
        .min = 16,
        .max = 1048576,
        .help = "disconnect a client for whom more messages than this are waiting",
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
        OPTION_FIELD(retention_s),
        .type = OPTION_INT,
        .fallback = "300",
        .min = 10,
        .max = 604800,
        .help = "how long changes are kept in the database after they were sent",
    },
    {
        OPTION_FIELD(rs256_public_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "file with a PEM public key for tokens signed with RS256",
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
        OPTION_FIELD(sse_path),
        .type = OPTION_TEXT,
        .fallback = "/events",
        .start = "/",
        .may_be_empty = true,
        .help = "path of event streams (SSE); empty = none",
    },
    {
        OPTION_FIELD(token_audience),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "audience a token must name in aud; empty = not asked for",
    },
    {
        OPTION_FIELD(token_issuer),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "issuer a token must name in iss; empty = not asked for",
    },
    {
        OPTION_FIELD(token_leeway_s),
        .type = OPTION_INT,
        .fallback = "30",
        .min = 0,
        .max = 60,
        .reloadable = true,
        .help = "difference between clocks that is forgiven in exp, nbf and iat",
    },
    {
        OPTION_FIELD(token_member_claim),
        .type = OPTION_TEXT,
        .fallback = "community_member_id",
        .reloadable = true,
        .help = "claim that holds the member's id; without it, sub",
    },
    {
        OPTION_FIELD(token_query),
        .type = OPTION_BOOL,
        .fallback = "off",
        .reloadable = true,
        .help = "accept tokens as jid or token in the URL, where proxies log them",
    },
    {
        OPTION_FIELD(welcome_sid),
        .type = OPTION_BOOL,
        .fallback = "off",
        .help = "put a session id into the welcome message",
    },
    {
        OPTION_FIELD(workers),
        .type = OPTION_INT,
        .fallback = "1",
        .min = 1,
        .max = 64,
        .help = "threads that serve clients",
    },
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

const struct option *
pgc_option_at(size_t index)
{
    return index < OPTION_COUNT ? &options[index] : NULL;
}

static bool
option_is(const struct option *option, const char *name, size_t length)
{
    return strlen(option->name) == length && memcmp(option->name, name, length) == 0;
}

const struct option *
pgc_option_find(const char *name, size_t length, bool *is_file)
{
    static const char suffix[] = "_file";
    const size_t suffix_length = sizeof(suffix) - 1;

    *is_file = false;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_is(&options[i], name, length)) {
            return &options[i];
        }
    }
    if (length <= suffix_length ||
        memcmp(name + length - suffix_length, suffix, suffix_length) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].secret && option_is(&options[i], name, length - suffix_length)) {
            *is_file = true;
            return &options[i];
        }
    }
    return NULL;
}

static size_t
option_least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters have to be added, dropped or changed (Levenshtein); `length` is below 64. */
static size_t
option_distance(const char *name, const char *typed, size_t length)
{
    size_t row[64]; /* the distances from the letters of `name` so far to each start of `typed` */

    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            size_t above = row[j + 1];

            row[j + 1] =
                option_least(above + 1, row[j] + 1, diagonal + (name[i] != typed[j] ? 1 : 0));
            diagonal = above;
        }
    }
    return row[length];
}

const char *
pgc_option_nearest(const char *name, size_t length)
{
    const char *nearest = NULL;
    size_t least = length / 3 + 1; /* more than that is not a slip */

    if (length >= 64) {
        return NULL;
    }
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t distance = option_distance(options[i].name, name, length);

        if (distance <= least) {
            least = distance - (distance > 0 ? 1 : 0);
            nearest = options[i].name;
        }
    }
    return nearest;
}
