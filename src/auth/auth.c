/* SPDX-License-Identifier: PostgreSQL */
/*
 * cjose would let through what we do not want: an unknown "crit", padded base64, a header that says
 * the same twice.  So the shape of the token and its header are checked here first, the key is
 * chosen here, and cjose answers one question only: did this key sign that?
 */
#include "pgcable/auth.h"

#include <stdlib.h>
#include <strings.h>

#include "pgcable/mem.h"

#include "auth_internal.h"

struct pgc_auth {
    struct pgc_auth_keys keys;
    char *member_claim;
    char *audience;             /* or NULL */
    char *issuer;               /* or NULL */
    struct pgc_auth_conf rules; /* for the claims: the strings above, and no secret */
};

enum { AUTH_PARTS = 3, AUTH_MAX_LEEWAY_S = 60 };

static char *
auth_dup(const char *text)
{
    return text != NULL ? pgc_xstrdup(text) : NULL;
}

struct pgc_auth *
pgc_auth_new(const struct pgc_auth_conf *conf, struct pgc_err *err)
{
    struct pgc_auth *auth = pgc_xcalloc(1, sizeof(*auth));

    if (conf->leeway_s < 0 || conf->leeway_s > AUTH_MAX_LEEWAY_S) {
        pgc_err_set(err, PGC_ERR_CONF, "a leeway of %d s is not between 0 and %d", conf->leeway_s,
            AUTH_MAX_LEEWAY_S);
        free(auth);
        return NULL;
    }
    if (!pgc_auth_keys_load(&auth->keys, conf, err)) {
        free(auth);
        return NULL;
    }
    auth->member_claim = pgc_xstrdup(conf->member_claim);
    auth->audience = auth_dup(conf->audience);
    auth->issuer = auth_dup(conf->issuer);
    auth->rules = (struct pgc_auth_conf){
        .member_claim = auth->member_claim,
        .audience = auth->audience,
        .issuer = auth->issuer,
        .leeway_s = conf->leeway_s,
    };
    return auth;
}

void
pgc_auth_free(struct pgc_auth *auth)
{
    if (auth == NULL) {
        return;
    }
    pgc_auth_keys_fini(&auth->keys);
    free(auth->member_claim);
    free(auth->audience);
    free(auth->issuer);
    free(auth);
}

/* Exactly three parts, each the one way to write some bytes.  `header` gets the first one's. */
static bool
auth_split(const char *token, size_t length, struct pgc_buf *header)
{
    struct pgc_buf scratch = {0};
    size_t start = 0;
    size_t part;
    bool ok = true;

    for (part = 0; ok && part < AUTH_PARTS; part++) {
        const char *dot = memchr(token + start, '.', length - start);
        size_t end = dot != NULL ? (size_t)(dot - token) : length;

        ok = (dot == NULL) == (part == AUTH_PARTS - 1) &&
             pgc_base64url_decode(token + start, end - start, part == 0 ? header : &scratch);
        start = end + 1;
    }
    pgc_buf_fini(&scratch);
    return ok;
}

static const struct pgc_auth_key *
auth_check_header(const struct pgc_auth *auth, const struct pgc_buf *text, struct pgc_err *err)
{
    struct pgc_json *header =
        pgc_json_parse(text->data, text->length, PGC_AUTH_MAX_TOKEN_BYTES, err);
    const struct pgc_auth_key *key = NULL;
    const char *typ;
    size_t length;

    if (header == NULL) {
        /* The parser's words may quote the text. */
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its header is no JSON object");
        return NULL;
    }
    typ = pgc_json_string(header, "typ", &length);
    if (pgc_json_has(header, "crit") || pgc_json_has(header, "b64")) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its header asks for an extension");
    } else if (pgc_json_has(header, "typ") && (typ == NULL || strcasecmp(typ, "JWT") != 0)) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its typ is not JWT");
    } else {
        key = pgc_auth_keys_select(&auth->keys, header, err);
    }
    pgc_json_free(header);
    return key;
}

/* The token taken apart by cjose, rightly signed with this key; NULL if it is not. */
static cjose_jws_t *
auth_verify_signature(
    const struct pgc_auth_key *key, const char *token, size_t length, struct pgc_err *err)
{
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    cjose_jws_t *jws = cjose_jws_import(token, length, &problem);

    if (jws != NULL && cjose_jws_verify(jws, key->jwk, &problem)) {
        return jws;
    }
    if (jws != NULL) {
        cjose_jws_release(jws);
    }
    pgc_err_set(err, PGC_ERR_AUTH, "check a token: its %s signature is wrong", key->alg);
    pgc_err_hint(err, "the issuer signs with another key than is configured");
    return NULL;
}

/* Of the bytes that were signed, as cjose hands them out. */
static enum pgc_auth_result
auth_check_claims(const struct pgc_auth *auth, cjose_jws_t *jws, int64_t now_s,
    struct pgc_identity *identity, struct pgc_err *err)
{
    uint8_t *claims = NULL; /* belongs to jws */
    size_t length = 0;
    cjose_err problem = {.code = CJOSE_ERR_NONE};

    if (!cjose_jws_get_plaintext(jws, &claims, &length, &problem)) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: it has no claims");
        return PGC_AUTH_INVALID;
    }
    return pgc_claims_check(&auth->rules, (const char *)claims, length, now_s, identity, err);
}

enum pgc_auth_result
pgc_auth_verify(const struct pgc_auth *auth, const char *token, size_t length, int64_t now_s,
    struct pgc_identity *identity, struct pgc_err *err)
{
    struct pgc_buf header = {0};
    const struct pgc_auth_key *key;
    cjose_jws_t *jws;
    enum pgc_auth_result result = PGC_AUTH_INVALID;

    *identity = (struct pgc_identity){.expires_s = 0};
    if (length > PGC_AUTH_MAX_TOKEN_BYTES) {
        pgc_err_set(
            err, PGC_ERR_LIMIT, "check a token: it is over %d bytes", PGC_AUTH_MAX_TOKEN_BYTES);
        return PGC_AUTH_INVALID;
    }
    if (length == 0 || !auth_split(token, length, &header)) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: it is no JWT of three base64url parts");
        goto out;
    }
    key = auth_check_header(auth, &header, err);
    if (key == NULL) {
        goto out;
    }
    jws = auth_verify_signature(key, token, length, err);
    if (jws != NULL) {
        result = auth_check_claims(auth, jws, now_s, identity, err);
        cjose_jws_release(jws);
    }

out:
    pgc_buf_fini(&header);
    return result;
}
