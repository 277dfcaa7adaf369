/* SPDX-License-Identifier: PostgreSQL */
/*
 * auth.h - from a token to an identity.
 *
 * JSON Web Tokens (RFC 7519, RFC 8725) verified by cjose behind a check of our own: the algorithm
 * is a property of the configured key, never of the token.  The keys are read once per load and
 * then only read: any thread may verify.  No token and no claim is ever logged here.
 *
 * Keys change by making a new one of these from the changed files; it inherits the keys of the old
 * one that are gone, for a time.
 */
#ifndef PGCABLE_AUTH_H
#define PGCABLE_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"

struct pgc_auth;

struct pgc_auth_conf {
    const char *hs256_secret;     /* at least 32 bytes, or NULL */
    const char *rs256_public_key; /* path of a PEM file, or NULL */
    const char *es256_public_key; /* path of a PEM file, or NULL */
    const char *jwks_file;        /* path of a JWK set, or NULL */
    const char *member_claim;     /* "community_member_id"; falls back to "sub" */
    const char *audience;         /* required `aud`, or NULL */
    const char *issuer;           /* required `iss`, or NULL */
    int leeway_s;                 /* for exp, nbf, iat; at most 60 */
};

/* Who a token speaks for. */
struct pgc_identity {
    char member[128];  /* the member's id as text */
    char jti[128];     /* "" if the token has none */
    int64_t issued_s;  /* its iat; 0 if it has none */
    int64_t expires_s; /* wall clock */
    uint64_t key;      /* that it was signed with, for pgc_auth_knows() */
};

enum pgc_auth_result { PGC_AUTH_OK, PGC_AUTH_EXPIRED, PGC_AUTH_INVALID };

/* At least one key must be there.  Says which file, which line of thought, what to do. */
struct pgc_auth *pgc_auth_new(const struct pgc_auth_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_auth_free(struct pgc_auth *auth);

/* Another number when what the key files hold is another; what cannot be read counts, too. */
uint64_t pgc_auth_fingerprint(const struct pgc_auth_conf *conf);

/* What `old` accepts and `auth` does not know stays good until then (pgc_monotonic_ms()), or as
 * long as `old` would have accepted it.  Before `auth` is shared. */
void pgc_auth_inherit(struct pgc_auth *auth, const struct pgc_auth *old, int64_t until_ms);

/* Is a token that was signed with this key of an identity still good now? */
bool pgc_auth_knows(const struct pgc_auth *auth, uint64_t key);

/*
 * Verify `token` (compact serialisation, at most 8 KiB) at wall clock `now_s`.  EXPIRED only for a
 * token that is right in everything else.  `err` (may be NULL) says why, without any of the token.
 */
enum pgc_auth_result pgc_auth_verify(const struct pgc_auth *auth, const char *token, size_t length,
    int64_t now_s, struct pgc_identity *identity, struct pgc_err *err) PGC_MUSTCHECK;

/* Mint an HS256 token for development and tests: {"<claim>": member, "exp": …, "iat": …}.  `member`
 * is written as a number if it is one.  The caller frees. */
char *pgc_auth_mint(const char *secret, const char *claim, const char *member, int64_t now_s,
    int64_t ttl_s, struct pgc_err *err) PGC_MUSTCHECK;

/* Is `text` that secret?  In a time that tells nothing of the secret but its length. */
bool pgc_auth_is_secret(const char *text, const char *secret);

/* OpenSSL's and cjose's memory comes from mem.h.  First of all in main(), before there is a thread:
 * they keep what they had by then. */
void pgc_auth_take_memory(void);

#endif
