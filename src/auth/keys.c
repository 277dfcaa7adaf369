/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "auth_internal.h"

static bool
keys_is_kid(const char *kid, size_t length)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-_.~+/=:@";

    return length > 0 && length <= PGC_AUTH_MAX_KID && strspn(kid, allowed) == length;
}

static const struct pgc_auth_key *
keys_find_kid(const struct pgc_auth_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->key[i].kid, kid) == 0) {
            return &keys->key[i];
        }
    }
    return NULL;
}

bool
pgc_auth_keys_take(struct pgc_auth_keys *keys, const char *alg, const char *kid, cjose_jwk_t *jwk,
    struct pgc_err *err)
{
    struct pgc_auth_key *key = &keys->key[keys->count];

    if (keys->count == PGC_AUTH_MAX_KEYS) {
        pgc_err_set(err, PGC_ERR_CONF, "more than %d keys", PGC_AUTH_MAX_KEYS);
        pgc_err_hint(err, "leave out keys that sign no more");
        goto fail;
    }
    if (kid != NULL && !keys_is_kid(kid, strlen(kid))) {
        pgc_err_set(err, PGC_ERR_CONF,
            "a kid has characters other than letters, digits and "
            "-_.~+/=:@, or more than %d",
            PGC_AUTH_MAX_KID);
        goto fail;
    }
    if (kid != NULL && keys_find_kid(keys, kid) != NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "two keys have the kid \"%s\"", kid);
        goto fail;
    }
    key->alg = alg;
    key->jwk = jwk;
    key->id = pgc_auth_key_id(alg, jwk);
    snprintf(key->kid, sizeof(key->kid), "%s", kid != NULL ? kid : "");
    keys->count++;
    return true;

fail:
    cjose_jwk_release(jwk);
    return false;
}

static bool
keys_load_secret(struct pgc_auth_keys *keys, const char *secret, struct pgc_err *err)
{
    size_t length = strlen(secret);
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    cjose_jwk_t *jwk;

    if (length < PGC_AUTH_MIN_SECRET_BYTES) {
        pgc_err_set(err, PGC_ERR_CONF, "hs256_secret has %zu bytes, at least %d are needed", length,
            PGC_AUTH_MIN_SECRET_BYTES);
        return pgc_err_hint(err, "openssl rand -hex 32 makes a good one");
    }
    jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret, length, &problem);
    if (jwk == NULL) {
        return pgc_err_set(err, PGC_ERR_CONF, "make a key of hs256_secret: %s", problem.message);
    }
    return pgc_auth_keys_take(keys, "HS256", NULL, jwk, err);
}

bool
pgc_auth_keys_load(
    struct pgc_auth_keys *keys, const struct pgc_auth_conf *conf, struct pgc_err *err)
{
    *keys = (struct pgc_auth_keys){.count = 0};
    if ((conf->hs256_secret != NULL && !keys_load_secret(keys, conf->hs256_secret, err)) ||
        (conf->rs256_public_key != NULL &&
            !pgc_auth_pem_load_rsa(keys, conf->rs256_public_key, err)) ||
        (conf->es256_public_key != NULL &&
            !pgc_auth_pem_load_ec(keys, conf->es256_public_key, err)) ||
        (conf->jwks_file != NULL && !pgc_auth_jwks_load(keys, conf->jwks_file, err))) {
        pgc_auth_keys_fini(keys);
        return false;
    }
    if (keys->count == 0) {
        pgc_err_set(err, PGC_ERR_CONF, "no key to verify tokens with");
        return pgc_err_hint(
            err, "set hs256_secret, rs256_public_key, es256_public_key or jwks_file");
    }
    return true;
}

void
pgc_auth_keys_fini(struct pgc_auth_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        cjose_jwk_release(keys->key[i].jwk);
    }
    for (size_t i = 0; i < keys->gone_count; i++) {
        cjose_jwk_release(keys->gone[i].jwk);
    }
    *keys = (struct pgc_auth_keys){.count = 0};
}

/* The only key of that algorithm; NULL if there are several. */
static const struct pgc_auth_key *
keys_find_only(const struct pgc_auth_keys *keys, const char *alg)
{
    const struct pgc_auth_key *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->key[i].alg, alg) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = &keys->key[i];
        }
    }
    return found;
}

/* With a kid: the key of that kid, or the only key of that algorithm if it has no kid to compare.
 * Without: the only key of that algorithm.  Never "try them all". */
static const struct pgc_auth_key *
keys_find_in_force(const struct pgc_auth_keys *keys, const char *alg, const char *kid)
{
    const struct pgc_auth_key *key = kid != NULL ? keys_find_kid(keys, kid) : NULL;

    if (key == NULL) {
        key = keys_find_only(keys, alg);
        if (key != NULL && kid != NULL && key->kid[0] != '\0') {
            key = NULL;
        }
    }
    return key != NULL && strcmp(key->alg, alg) == 0 ? key : NULL;
}

static bool
keys_fits(const struct pgc_auth_key *gone, const char *alg, const char *kid, int64_t now_ms)
{
    return gone->until_ms > now_ms && strcmp(gone->alg, alg) == 0 &&
           (kid == NULL || gone->kid[0] == '\0' || strcmp(gone->kid, kid) == 0);
}

size_t
pgc_auth_keys_select(const struct pgc_auth_keys *keys, const struct pgc_json *header,
    const struct pgc_auth_key *found[PGC_AUTH_MAX_TRIED], struct pgc_err *err)
{
    int64_t now_ms = pgc_monotonic_ms();
    size_t length = 0;
    const char *alg = pgc_json_string(header, "alg", &length);
    const char *kid = pgc_json_string(header, "kid", &length);
    size_t count = 0;

    if (alg == NULL) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its header has no alg");
        return 0;
    }
    if (pgc_json_has(header, "kid") && (kid == NULL || !keys_is_kid(kid, length))) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its kid is no name of a key");
        return 0;
    }
    found[0] = keys_find_in_force(keys, alg, kid);
    count = found[0] != NULL ? 1 : 0;
    for (size_t i = 0; i < keys->gone_count && count < PGC_AUTH_MAX_TRIED; i++) {
        if (keys_fits(&keys->gone[i], alg, kid, now_ms)) {
            found[count++] = &keys->gone[i];
        }
    }
    if (count == 0) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: no key here fits its alg and kid");
        pgc_err_hint(err, "the issuer signs with another key or algorithm than is configured");
    }
    return count;
}
