/* SPDX-License-Identifier: PostgreSQL */
/*
 * auth_internal.h - what the files of this folder share.
 *
 *   base64url.c  the alphabet of tokens
 *   value.c      raw JSON values beyond what json.h reads: arrays, numbers with a fraction
 *   keys.c       the table of keys; a token's header -> its key
 *   heritage.c   keys that are gone, for a time; key files that change
 *   pem.c        public keys from PEM files
 *   jwks.c       keys from a JWK set
 *   claims.c     claims -> identity, in time and for us
 *   auth.c       all of it together
 *   mint.c       tokens of our own, for development
 *   tls.c        the certificate that clients are shown
 *   memory.c     the libraries' memory is ours
 */
#ifndef PGCABLE_AUTH_INTERNAL_H
#define PGCABLE_AUTH_INTERNAL_H

#include <cjose/cjose.h>

#include "pgcable/auth.h"
#include "pgcable/json.h"

enum {
    PGC_AUTH_MIN_SECRET_BYTES = 32, /* RFC 7518 3.2: as long as the hash */
    PGC_AUTH_MIN_RSA_BITS = 2048,   /* RFC 7518 3.3 */
    PGC_AUTH_MAX_KEYS = 16,         /* in force, and as many that are gone */
    PGC_AUTH_MAX_TRIED = 4,         /* for one token */
    PGC_AUTH_MAX_KID = 128,
    PGC_AUTH_MAX_TOKEN_BYTES = 8192,
};

/* ---- base64url.c: RFC 4648 5 without padding ---- */

/* False for anything that is not the one way to write some bytes, "" included. */
bool pgc_base64url_decode(const char *text, size_t length, struct pgc_buf *out) PGC_MUSTCHECK;
void pgc_base64url_encode(const void *bytes, size_t length, struct pgc_buf *out);

/* ---- value.c: of JSON that pgc_json_parse() has accepted ---- */

/* A member of an object; data NULL if absent. */
struct pgc_slice pgc_value_member(const char *text, size_t length, const char *key);

/* Walk an array's elements: *cursor starts at 0; false at the end, and at once for no array. */
bool pgc_value_next(struct pgc_slice array, size_t *cursor, struct pgc_slice *element);

/* A number, cut to a whole one; false for no number or one beyond any date. */
bool pgc_value_seconds(struct pgc_slice value, int64_t *out);

/* Is it a string, and this one? */
bool pgc_value_is_string(struct pgc_slice value, const char *text);

/* ---- keys.c ---- */

/* The algorithm belongs to the key: a token can only name the one that is here. */
struct pgc_auth_key {
    const char *alg;                /* "HS256", "RS256", "ES256" */
    char kid[PGC_AUTH_MAX_KID + 1]; /* "" if it has none */
    cjose_jwk_t *jwk;
    uint64_t id;      /* of all this; the same whenever it is loaded */
    int64_t until_ms; /* of a key that is gone: when it ends (monotonic) */
};

struct pgc_auth_keys {
    struct pgc_auth_key key[PGC_AUTH_MAX_KEYS];
    size_t count;
    struct pgc_auth_key gone[PGC_AUTH_MAX_KEYS]; /* the newest first */
    size_t gone_count;
};

/* Takes `jwk` over, also when it fails.  `kid` NULL = none. */
bool pgc_auth_keys_take(struct pgc_auth_keys *keys, const char *alg, const char *kid,
    cjose_jwk_t *jwk, struct pgc_err *err) PGC_MUSTCHECK;

bool pgc_auth_keys_load(struct pgc_auth_keys *keys, const struct pgc_auth_conf *conf,
    struct pgc_err *err) PGC_MUSTCHECK;
void pgc_auth_keys_fini(struct pgc_auth_keys *keys);

/* The keys a token with this header may be verified with: the one in force, if there is one and no
 * doubt which, then such as are gone and not over.  Returns how many. */
size_t pgc_auth_keys_select(const struct pgc_auth_keys *keys, const struct pgc_json *header,
    const struct pgc_auth_key *found[PGC_AUTH_MAX_TRIED], struct pgc_err *err);

/* ---- heritage.c ---- */

uint64_t pgc_auth_key_id(const char *alg, const cjose_jwk_t *jwk);
void pgc_auth_keys_inherit(
    struct pgc_auth_keys *keys, const struct pgc_auth_keys *old, int64_t until_ms);
bool pgc_auth_keys_have(const struct pgc_auth_keys *keys, uint64_t id);

/* ---- pem.c, jwks.c: put keys into the table ---- */

bool pgc_auth_pem_load_rsa(
    struct pgc_auth_keys *keys, const char *path, struct pgc_err *err) PGC_MUSTCHECK;
bool pgc_auth_pem_load_ec(
    struct pgc_auth_keys *keys, const char *path, struct pgc_err *err) PGC_MUSTCHECK;
bool pgc_auth_jwks_load(
    struct pgc_auth_keys *keys, const char *path, struct pgc_err *err) PGC_MUSTCHECK;

/* ---- claims.c ---- */

enum pgc_auth_result pgc_claims_check(const struct pgc_auth_conf *conf, const char *text,
    size_t length, int64_t now_s, struct pgc_identity *identity, struct pgc_err *err);

#endif
