/* SPDX-License-Identifier: PostgreSQL */
/*
 * A JWK set (RFC 7517) from a file: {"keys":[{"kty":"RSA","kid":"2026-1","n":…,"e":…},…]}
 *
 * As the RFC asks, keys that are not for us (encryption, other algorithms) are passed over; the log
 * says so.  A key that contradicts itself or is too weak refuses the whole file.
 */
#include <errno.h>
#include <stdlib.h>

#include "pgcable/log.h"
#include "pgcable/mem.h"

#include "auth_internal.h"

enum { JWKS_MAX_BYTES = 256 * 1024, JWKS_MIN_OCT_BITS = 8 * PGC_AUTH_MIN_SECRET_BYTES };

static const struct jwks_kind {
    const char *kty;
    const char *alg;
    size_t min_bits; /* 0 = no choice */
} jwks_kinds[] = {
    {.kty = "RSA", .alg = "RS256", .min_bits = PGC_AUTH_MIN_RSA_BITS},
    {.kty = "EC", .alg = "ES256"},
    {.kty = "oct", .alg = "HS256", .min_bits = JWKS_MIN_OCT_BITS},
};

static const struct jwks_kind *
jwks_kind_of(const char *kty)
{
    for (size_t i = 0; kty != NULL && i < sizeof(jwks_kinds) / sizeof(jwks_kinds[0]); i++) {
        if (strcmp(jwks_kinds[i].kty, kty) == 0) {
            return &jwks_kinds[i];
        }
    }
    return NULL;
}

static bool
jwks_knows_alg(const char *alg)
{
    for (size_t i = 0; i < sizeof(jwks_kinds) / sizeof(jwks_kinds[0]); i++) {
        if (strcmp(jwks_kinds[i].alg, alg) == 0) {
            return true;
        }
    }
    return false;
}

static const char *
jwks_text(const struct pgc_json *key, const char *name)
{
    size_t length;

    return pgc_json_string(key, name, &length);
}

/* Why this key is none of ours; NULL if it may be one. */
static const char *
jwks_why_not(const struct pgc_json *key)
{
    const char *use = jwks_text(key, "use");
    const char *alg = jwks_text(key, "alg");
    const char *crv = jwks_text(key, "crv");

    if (jwks_kind_of(jwks_text(key, "kty")) == NULL) {
        return "its kty is none of RSA, EC, oct";
    }
    if (use != NULL && strcmp(use, "sig") != 0) {
        return "its use is not sig";
    }
    if (alg != NULL && !jwks_knows_alg(alg)) {
        return "its alg is none of RS256, ES256, HS256";
    }
    if (alg == NULL && crv != NULL && strcmp(crv, "P-256") != 0) {
        return "its curve is not P-256";
    }
    return NULL;
}

static bool
jwks_check(
    const struct jwks_kind *kind, const struct pgc_json *key, cjose_jwk_t *jwk, struct pgc_err *err)
{
    const char *alg = jwks_text(key, "alg");
    cjose_err problem;

    if (alg != NULL && strcmp(alg, kind->alg) != 0) {
        return pgc_err_set(err, PGC_ERR_CONF, "kty %s does not go with alg %s", kind->kty, alg);
    }
    if (cjose_jwk_get_kty(jwk, &problem) == CJOSE_JWK_KTY_EC &&
        cjose_jwk_EC_get_curve(jwk, &problem) != CJOSE_JWK_EC_P_256) {
        return pgc_err_set(err, PGC_ERR_CONF, "alg ES256 needs the curve P-256");
    }
    if (cjose_jwk_get_keysize(jwk, &problem) < kind->min_bits) {
        return pgc_err_set(err, PGC_ERR_CONF, "it has %zu bits, %s needs at least %zu",
            cjose_jwk_get_keysize(jwk, &problem), kind->alg, kind->min_bits);
    }
    return true;
}

static bool
jwks_take_key(struct pgc_auth_keys *keys, struct pgc_slice text, size_t number, const char *path,
    struct pgc_err *err)
{
    struct pgc_json *key = pgc_json_parse(text.data, text.length, JWKS_MAX_BYTES, err);
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    const struct jwks_kind *kind;
    const char *why_not;
    cjose_jwk_t *jwk = NULL;
    bool ok = false;

    if (key == NULL) {
        return false;
    }
    why_not = jwks_why_not(key);
    if (why_not != NULL) {
        pgc_log(PGC_LOG_WARN, 0, "key %zu of \"%s\" is passed over: %s", number, path, why_not);
        ok = true;
        goto out;
    }
    kind = jwks_kind_of(jwks_text(key, "kty"));
    jwk = cjose_jwk_import(text.data, text.length, &problem);
    if (jwk == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "it is no usable %s key: %s", kind->kty, problem.message);
        goto out;
    }
    if (jwks_check(kind, key, jwk, err)) {
        ok = pgc_auth_keys_take(keys, kind->alg, jwks_text(key, "kid"), jwk, err);
        jwk = NULL;
    }

out:
    cjose_jwk_release(jwk);
    pgc_json_free(key);
    return ok;
}

static bool
jwks_read_file(const char *path, struct pgc_buf *out, struct pgc_err *err)
{
    FILE *file = fopen(path, "re");
    bool ok;

    if (file == NULL) {
        return pgc_err_set(err, PGC_ERR_CONF, "%s", strerror(errno));
    }
    pgc_buf_reserve(out, JWKS_MAX_BYTES + 1);
    out->length = fread(out->data, 1, JWKS_MAX_BYTES + 1, file);
    ok = ferror(file) == 0;
    if (!ok) {
        pgc_err_set(err, PGC_ERR_CONF, "%s", strerror(errno));
    } else if (out->length > JWKS_MAX_BYTES) {
        ok = pgc_err_set(err, PGC_ERR_CONF, "it is over %d bytes", JWKS_MAX_BYTES);
    }
    (void)fclose(file);
    return ok;
}

static bool
jwks_take_all(
    struct pgc_auth_keys *keys, const struct pgc_buf *text, const char *path, struct pgc_err *err)
{
    struct pgc_json *set = pgc_json_parse(text->data, text->length, JWKS_MAX_BYTES, err);
    struct pgc_slice array = pgc_value_member(text->data, text->length, "keys");
    struct pgc_slice key;
    size_t cursor = 0;
    size_t before = keys->count;

    if (set == NULL) {
        return false;
    }
    pgc_json_free(set);
    for (size_t number = 1; pgc_value_next(array, &cursor, &key); number++) {
        if (!jwks_take_key(keys, key, number, path, err)) {
            return pgc_err_wrap(err, "key %zu", number);
        }
    }
    if (keys->count == before) {
        return pgc_err_set(err, PGC_ERR_CONF, "it has no key for RS256, ES256 or HS256");
    }
    return true;
}

bool
pgc_auth_jwks_load(struct pgc_auth_keys *keys, const char *path, struct pgc_err *err)
{
    struct pgc_buf text = {0};
    bool ok = jwks_read_file(path, &text, err) && jwks_take_all(keys, &text, path, err);

    if (!ok) {
        pgc_err_wrap(err, "read jwks_file \"%s\"", path);
        if (err != NULL && err->hint[0] == '\0') {
            pgc_err_hint(err, "it must be a JWK set: {\"keys\":[…]}");
        }
    }
    if (text.data != NULL) {
        pgc_wipe(text.data, text.length); /* it may hold secrets */
    }
    pgc_buf_fini(&text);
    return ok;
}
