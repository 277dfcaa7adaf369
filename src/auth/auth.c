/* SPDX-License-Identifier: PostgreSQL */
/*
 * cjose would let through what we do not want: an unknown "crit", padded base64, a header that says
 * the same twice.  So the shape of the token and its header are checked here first, the key is
 * chosen here, and cjose answers one question only: did this key sign that?
 */
#include "pgcable/auth.h"

#include <stdlib.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "pgcable/mem.h"

#include "auth_internal.h"

struct pgc_auth {
    struct pgc_auth_keys keys;
    char *member_claim;
    char *audience;             /* or NULL */
    char *issuer;               /* or NULL */
    struct pgc_auth_conf rules; /* for the claims: the strings above, and no secret */
};

enum { AUTH_HEADER, AUTH_CLAIMS, AUTH_SIGNATURE, AUTH_PARTS };
enum { AUTH_MAX_LEEWAY_S = 60, AUTH_ES256_BYTES = 64 }; /* RFC 7518 3.4: two numbers of 32 */

struct auth_token {
    const char *text;
    size_t length;
    struct pgc_buf parts[AUTH_PARTS]; /* decoded */
};

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

/* Exactly three parts, each the one way to write some bytes. */
static bool
auth_split(struct auth_token *token)
{
    size_t start = 0;
    size_t part;
    bool ok = true;

    for (part = 0; ok && part < AUTH_PARTS; part++) {
        const char *dot = memchr(token->text + start, '.', token->length - start);
        size_t end = dot != NULL ? (size_t)(dot - token->text) : token->length;

        ok = (dot == NULL) == (part == AUTH_PARTS - 1) &&
             pgc_base64url_decode(token->text + start, end - start, &token->parts[part]);
        start = end + 1;
    }
    return ok;
}

static void
auth_token_fini(struct auth_token *token)
{
    for (size_t part = 0; part < AUTH_PARTS; part++) {
        pgc_buf_fini(&token->parts[part]);
    }
}

void
pgc_auth_inherit(struct pgc_auth *auth, const struct pgc_auth *old, int64_t until_ms)
{
    pgc_auth_keys_inherit(&auth->keys, &old->keys, until_ms);
}

bool
pgc_auth_knows(const struct pgc_auth *auth, uint64_t key)
{
    return pgc_auth_keys_have(&auth->keys, key);
}

/* The keys to try, see pgc_auth_keys_select(). */
static size_t
auth_check_header(const struct pgc_auth *auth, const struct pgc_buf *text,
    const struct pgc_auth_key *keys[PGC_AUTH_MAX_TRIED], struct pgc_err *err)
{
    struct pgc_json *header =
        pgc_json_parse(text->data, text->length, PGC_AUTH_MAX_TOKEN_BYTES, err);
    const char *typ;
    size_t length;
    size_t count = 0;

    if (header == NULL) {
        /* The parser's words may quote the text. */
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its header is no JSON object");
        return 0;
    }
    typ = pgc_json_string(header, "typ", &length);
    if (pgc_json_has(header, "crit") || pgc_json_has(header, "b64")) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its header asks for an extension");
    } else if (pgc_json_has(header, "typ") && (typ == NULL || strcasecmp(typ, "JWT") != 0)) {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: its typ is not JWT");
    } else {
        count = pgc_auth_keys_select(&auth->keys, header, keys, err);
    }
    pgc_json_free(header);
    return count;
}

/* The token taken apart by cjose, rightly signed with this key; NULL if it is not. */
static cjose_jws_t *
auth_verify_signature(const struct pgc_auth_key *key, const struct auth_token *token)
{
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    cjose_jws_t *jws;

    /* cjose takes the first half for one number and as much again for the other, and does not mind
     * a byte behind them. */
    if (strcmp(key->alg, "ES256") == 0 && token->parts[AUTH_SIGNATURE].length != AUTH_ES256_BYTES) {
        return NULL;
    }
    jws = cjose_jws_import(token->text, token->length, &problem);
    if (jws != NULL && !cjose_jws_verify(jws, key->jwk, &problem)) {
        cjose_jws_release(jws);
        jws = NULL;
    }
    return jws;
}

/* The same for the first key that signed it; `keys` becomes that one. */
static cjose_jws_t *
auth_find_signer(const struct pgc_auth_key **keys, size_t count, const struct auth_token *token,
    struct pgc_err *err)
{
    for (size_t i = 0; i < count; i++) {
        cjose_jws_t *jws = auth_verify_signature(keys[i], token);

        if (jws != NULL) {
            keys[0] = keys[i];
            return jws;
        }
    }
    pgc_err_set(err, PGC_ERR_AUTH, "check a token: its %s signature is wrong", keys[0]->alg);
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

/* Of a token in its parts. */
static enum pgc_auth_result
auth_check(const struct pgc_auth *auth, const struct auth_token *token, int64_t now_s,
    struct pgc_identity *identity, struct pgc_err *err)
{
    const struct pgc_auth_key *keys[PGC_AUTH_MAX_TRIED];
    size_t count = auth_check_header(auth, &token->parts[AUTH_HEADER], keys, err);
    cjose_jws_t *jws = count > 0 ? auth_find_signer(keys, count, token, err) : NULL;
    enum pgc_auth_result result;

    if (jws == NULL) {
        return PGC_AUTH_INVALID;
    }
    result = auth_check_claims(auth, jws, now_s, identity, err);
    identity->key = keys[0]->id;
    cjose_jws_release(jws);
    return result;
}

enum pgc_auth_result
pgc_auth_verify(const struct pgc_auth *auth, const char *token, size_t length, int64_t now_s,
    struct pgc_identity *identity, struct pgc_err *err)
{
    struct auth_token split = {.text = token, .length = length};
    enum pgc_auth_result result = PGC_AUTH_INVALID;

    *identity = (struct pgc_identity){.expires_s = 0};
    if (length > PGC_AUTH_MAX_TOKEN_BYTES) {
        pgc_err_set(
            err, PGC_ERR_LIMIT, "check a token: it is over %d bytes", PGC_AUTH_MAX_TOKEN_BYTES);
        return PGC_AUTH_INVALID;
    }
    if (length > 0 && auth_split(&split)) {
        result = auth_check(auth, &split, now_s, identity, err);
    } else {
        pgc_err_set(err, PGC_ERR_AUTH, "check a token: it is no JWT of three base64url parts");
    }
    auth_token_fini(&split);
    return result;
}

bool
pgc_auth_is_secret(const char *text, const char *secret)
{
    size_t length = strlen(secret);

    return strlen(text) == length && CRYPTO_memcmp(text, secret, length) == 0;
}
