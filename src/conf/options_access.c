/* SPDX-License-Identifier: PostgreSQL */
/* options_access.c - settings: who may connect: origins, keys and tokens.  Alphabetical. */
#include "conf_internal.h"

static const char *const allow_no_origin_choices[] = {"header", "always", "never", NULL};

const struct option pgc_options_access[] = {
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
        OPTION_FIELD(es256_public_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "file with a PEM public key for tokens signed with ES256",
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
        OPTION_FIELD(key_grace_s),
        .type = OPTION_INT,
        .fallback = "300",
        .min = 0,
        .max = 86400,
        .reloadable = true,
        .help = "for how long a key that is gone from the settings or the key files stays good, "
                "for tokens and for connections",
    },
    {
        OPTION_FIELD(reauthorize_s),
        .type = OPTION_INT,
        .fallback = "30",
        .min = 1,
        .max = 60,
        .help = "time after which the rules of channels are asked again about those who listen, "
                "whether or not they have a reason to say something else",
    },
    {
        OPTION_FIELD(rs256_public_key),
        .type = OPTION_TEXT,
        .fallback = "",
        .reloadable = true,
        .help = "file with a PEM public key for tokens signed with RS256",
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
    {.name = NULL},
};
