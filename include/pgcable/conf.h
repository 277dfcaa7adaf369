/* SPDX-License-Identifier: PostgreSQL */
/*
 * conf.h - the settings: one table, read from file, environment and flags.
 *
 * Order, later wins: built-in default, file (INI: name = value, # comments; secrets may be
 * name_file = path), PGCABLE_<NAME> in the environment, --name value on the command line.
 * A setting exists because it is in a table of src/conf/options_*.c: parsing, --help,
 * --print-config, reload and the documentation check all read it.
 */
#ifndef PGCABLE_CONF_H
#define PGCABLE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/buf.h"
#include "pgcable/err.h"

enum pgc_role { PGC_ROLE_ALL, PGC_ROLE_FEED, PGC_ROLE_EDGE };

struct pgc_conf {
    char *admin_address;         /* "127.0.0.1" */
    int64_t admin_port;          /* 9090, -1..65535; 0 = any free one, -1 = no admin address */
    char *admin_token;           /* "" ; secret: never printed */
    char *allowed_origins;       /* "" */
    bool allow_same_origin;      /* off */
    int64_t allow_no_origin;     /* enum: header (default), always, never = 0, 1, 2 */
    char *cable_path;            /* "/cable" */
    int64_t canary_ms;           /* 5000, 0..3600000; 0 = none */
    int64_t commands_burst;      /* 100, 1..100000 */
    int64_t commands_per_s;      /* 20, 1..10000 */
    char *database;              /* "" = libpq's own defaults and PG* variables */
    int64_t duplicate_subscribe; /* enum: auto (default), ignore, confirm = 0, 1, 2 */
    int64_t envelope;            /* enum: flat (default), nested = 0, 1 */
    char *es256_public_key;      /* "" */
    int64_t handshake_ms;        /* 10000, 100..60000 */
    int64_t handshakes_per_s;    /* 2000, 0..1000000; 0 = as many as come */
    int64_t history_bytes;       /* 67108864, 0..68719476736: of each worker */
    int64_t history_messages;    /* 1000, 1..1000000: of one topic */
    int64_t history_s;           /* 0 = retention_s, which is the most */
    char *hs256_secret;          /* "" ; secret: never printed */
    char *jwks_file;             /* "" */
    int64_t key_grace_s;         /* 300, 0..86400 */
    char *listen_address;        /* "127.0.0.1" */
    int64_t listen_port;         /* 8080; 0 = any free one */
    int64_t log_format;          /* enum: text (default), json = 0, 1 */
    int64_t log_level;           /* enum: debug, info (default), warn, error = 0..3 */
    int64_t max_connections;     /* 10000, 1..1000000 */
    int64_t max_connections_per_address; /* 1000, 0..1000000; 0 = no limit */
    int64_t max_connections_per_member;  /* 100, 0..1000000; 0 = no limit */
    int64_t max_control_frames;          /* 100, 1..1000000: in 3 s */
    int64_t max_fragments;               /* 64, 1..65536: of one message */
    int64_t max_handshakes_percent;      /* 25, 1..100: of connections */
    int64_t max_header_bytes;            /* 16384, 4096..65536 */
    int64_t max_identifier_bytes;        /* 512, 64..65536 */
    int64_t max_message_bytes;           /* 16384, 1024..1048576: inbound */
    int64_t max_payload_bytes;           /* 2097152, 1024..67108864: outbound */
    int64_t max_subscriptions;           /* 64, 1..10000: per connection */
    int64_t max_token_bytes;             /* 8192, 256..8192 */
    int64_t message_ms;                  /* 5000, 100..600000 */
    char *nats_credentials;              /* "" = none */
    char *nats_prefix;                   /* "pgcable" */
    int64_t nats_replicas;               /* 1, 1..5 */
    char *nats_tls_ca;                   /* "" = whom the machine trusts */
    char *nats_tls_certificate;          /* "" = none */
    char *nats_tls_key;                  /* "" */
    char *nats_url;                      /* "" ; secret: it may hold a password */
    int64_t notify;                      /* enum: auto (default), always, off = 0, 1, 2 */
    int64_t outbox_max_bytes;            /* 1073741824, 0..1125899906842624; 0 = no bound */
    char *page_dir;                      /* "" ; files served on the admin address */
    int64_t poll_ms;                     /* 1000, 50..3600000 */
    bool proxy_protocol;                 /* off */
    int64_t queue_age_ms;                /* 10000, 100..600000 */
    int64_t queue_bytes;                 /* 33554432, 65536..1073741824 */
    int64_t queue_messages;              /* 65536, 16..1048576 */
    int64_t queue_total_bytes;           /* 268435456, 1048576..: of all connections */
    int64_t reauthorize_s;               /* 30, 1..60 */
    int64_t replay_messages;             /* 10000, 1..1000000: in one replay */
    int64_t retention_s;                 /* 300, 10..604800 */
    int64_t role;                        /* enum pgc_role */
    char *rs256_public_key;              /* "" */
    int64_t shutdown_ms;                 /* 5000, 0..600000 */
    char *sse_path;                      /* "/events"; "" = no event streams */
    char *tls_certificate;               /* "" = no TLS */
    char *tls_key;                       /* "" */
    char *token_audience;                /* "" = not required */
    char *token_issuer;                  /* "" = not required */
    int64_t token_leeway_s;              /* 30, 0..60 */
    char *token_member_claim;            /* "community_member_id" */
    bool token_query;                    /* off: ?jid= and ?token= */
    char *trusted_proxies;               /* "" = none */
    bool welcome_sid;                    /* off */
    int64_t workers;                     /* 1, 1..64 */
};

/* One "--name value" from the command line; borrowed.  The name ends at its end or at a "=". */
struct pgc_conf_flag {
    const char *name;
    const char *value;
};

/* Reads all sources.  `file` NULL = none.  Every complaint names file and line (or variable, or
 * flag), the value and what would be right.  NULL with `err` set. */
struct pgc_conf *pgc_conf_load(const char *file, const struct pgc_conf_flag *flags,
    size_t flag_count, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_conf_free(struct pgc_conf *conf); /* wipes secrets */

/* Is that a setting's name?  For the command line. */
bool pgc_conf_is_name(const char *name);
const char *pgc_conf_nearest(const char *name, size_t length); /* probably meant, or NULL */

/* All settings with values as a file that could be read back; secrets as "(set)" in a comment. */
void pgc_conf_print(const struct pgc_conf *conf, struct pgc_buf *out);

/* All settings with type, default, range and help, for --help-settings and the docs check. */
void pgc_conf_describe(struct pgc_buf *out);

/* Names (comma list) of settings that differ and cannot be changed by a reload; "" if none. */
void pgc_conf_restart_needed(
    const struct pgc_conf *old, const struct pgc_conf *new_conf, struct pgc_buf *names);

#endif
