/* SPDX-License-Identifier: PostgreSQL */
/*
 * Claims we look at (RFC 7519 4.1): exp (required), nbf, iat, aud, iss, jti, and the claim that
 * names the member, which falls back to sub.  Messages name claims, never their values.
 */
#include "auth_internal.h"

static bool
claims_fail(struct pgc_err *err, const char *what)
{
    return pgc_err_set(err, PGC_ERR_AUTH, "check a token: %s", what);
}

/* An optional date: absent is fine, anything but a number is not. */
static bool
claims_date(const char *text, size_t length, const char *key, bool *present, int64_t *out)
{
    struct pgc_slice value = pgc_value_member(text, length, key);

    *present = value.data != NULL;
    return !*present || pgc_value_seconds(value, out);
}

static bool
claims_check_start(const struct pgc_auth_conf *conf, const char *text, size_t length, int64_t now_s,
    int64_t *issued_s, struct pgc_err *err)
{
    static const char *const keys[] = {"nbf", "iat"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        int64_t from_s = 0;
        bool present;

        if (!claims_date(text, length, keys[i], &present, &from_s)) {
            return pgc_err_set(err, PGC_ERR_AUTH, "check a token: its %s is no date", keys[i]);
        }
        if (present && from_s > now_s + conf->leeway_s) {
            pgc_err_set(err, PGC_ERR_AUTH, "check a token: its %s lies %lld s ahead", keys[i],
                (long long)(from_s - now_s));
            return pgc_err_hint(err, "compare the clocks of this machine and of the issuer");
        }
        *issued_s = from_s; /* the last one stays: iat */
    }
    return true;
}

static bool
claims_names_audience(struct pgc_slice aud, const char *audience)
{
    size_t cursor = 0;
    struct pgc_slice one;

    if (pgc_value_is_string(aud, audience)) {
        return true;
    }
    while (aud.data != NULL && pgc_value_next(aud, &cursor, &one)) {
        if (pgc_value_is_string(one, audience)) {
            return true;
        }
    }
    return false;
}

static bool
claims_check_parties(
    const struct pgc_auth_conf *conf, const char *text, size_t length, struct pgc_err *err)
{
    if (conf->audience != NULL &&
        !claims_names_audience(pgc_value_member(text, length, "aud"), conf->audience)) {
        claims_fail(err, "it is meant for another audience");
        return pgc_err_hint(err, "token_audience must be in the token's aud");
    }
    if (conf->issuer != NULL &&
        !pgc_value_is_string(pgc_value_member(text, length, "iss"), conf->issuer)) {
        claims_fail(err, "it comes from another issuer");
        return pgc_err_hint(err, "token_issuer must be the token's iss");
    }
    return true;
}

/* It will stand in topics and log lines. */
static bool
claims_is_id(const char *id)
{
    for (const char *c = id; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return id[0] != '\0';
}

static bool
claims_read_identity(const struct pgc_auth_conf *conf, const struct pgc_json *claims,
    struct pgc_identity *identity, struct pgc_err *err)
{
    const char *key = pgc_json_has(claims, conf->member_claim) ? conf->member_claim : "sub";

    if (!pgc_json_id(claims, key, identity->member, sizeof(identity->member)) ||
        !claims_is_id(identity->member)) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its %s names no member", key);
        return pgc_err_hint(err,
            "token_member_claim is \"%s\"; it must be a whole number or a "
            "string of at most 127 bytes",
            conf->member_claim);
    }
    if (pgc_json_has(claims, "jti") &&
        (!pgc_json_id(claims, "jti", identity->jti, sizeof(identity->jti)) ||
            !claims_is_id(identity->jti))) {
        return claims_fail(err, "its jti is no string of at most 127 bytes");
    }
    return true;
}

enum pgc_auth_result
pgc_claims_check(const struct pgc_auth_conf *conf, const char *text, size_t length, int64_t now_s,
    struct pgc_identity *identity, struct pgc_err *err)
{
    struct pgc_json *claims = pgc_json_parse(text, length, PGC_AUTH_MAX_TOKEN_BYTES, err);
    enum pgc_auth_result result = PGC_AUTH_INVALID;
    bool present;

    *identity = (struct pgc_identity){.expires_s = 0};
    if (claims == NULL) {
        /* The parser's words may quote the text. */
        claims_fail(err, "its claims are no JSON object");
        goto out;
    }
    if (!claims_date(text, length, "exp", &present, &identity->expires_s) || !present) {
        claims_fail(err, "it has no exp, or one that is no date");
        pgc_err_hint(err, "a token without an end is never accepted");
        goto out;
    }
    if (!claims_check_start(conf, text, length, now_s, &identity->issued_s, err) ||
        !claims_check_parties(conf, text, length, err) ||
        !claims_read_identity(conf, claims, identity, err)) {
        goto out;
    }
    if (now_s >= identity->expires_s + conf->leeway_s) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: it expired %lld s ago",
            (long long)(now_s - identity->expires_s));
        pgc_err_hint(err, "the client must fetch a new one; if it just did, compare the clocks");
        result = PGC_AUTH_EXPIRED;
        goto out;
    }
    result = PGC_AUTH_OK;

out:
    if (result == PGC_AUTH_INVALID) {
        *identity = (struct pgc_identity){.expires_s = 0};
    }
    pgc_json_free(claims);
    return result;
}
