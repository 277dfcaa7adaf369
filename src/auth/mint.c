/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>

#include <openssl/hmac.h>

#include "auth_internal.h"

/* Would this text, as a JSON number, come back as the same text from any reader? */
static bool
mint_is_number(const char *text)
{
    size_t length = strspn(text, "0123456789");

    /* 2^53 has 16 digits: readers that know only doubles keep any number of 15. */
    if (length == 0 || length > 15 || text[length] != '\0') {
        return false;
    }
    return length == 1 || text[0] != '0';
}

static void
mint_claims(
    struct pgc_buf *out, const char *claim, const char *member, int64_t now_s, int64_t ttl_s)
{
    pgc_buf_addc(out, '{');
    pgc_buf_add_json(out, claim, strlen(claim));
    pgc_buf_addc(out, ':');
    if (mint_is_number(member)) {
        pgc_buf_adds(out, member);
    } else {
        pgc_buf_add_json(out, member, strlen(member));
    }
    pgc_buf_addf(out, ",\"exp\":%" PRId64 ",\"iat\":%" PRId64 "}", now_s + ttl_s, now_s);
}

char *
pgc_auth_mint(const char *secret, const char *claim, const char *member, int64_t now_s,
    int64_t ttl_s, struct pgc_err *err)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;
    struct pgc_buf claims = {0};
    struct pgc_buf token = {0};

    if (strlen(secret) < PGC_AUTH_MIN_SECRET_BYTES) {
        pgc_err_set(err, PGC_ERR_CONF,
            "mint a token: hs256_secret has %zu bytes, at least %d are "
            "needed",
            strlen(secret), PGC_AUTH_MIN_SECRET_BYTES);
        pgc_err_hint(err, "openssl rand -hex 32 makes a good one");
        return NULL;
    }
    mint_claims(&claims, claim, member, now_s, ttl_s);
    pgc_base64url_encode(header, sizeof(header) - 1, &token);
    pgc_buf_addc(&token, '.');
    pgc_base64url_encode(claims.data, claims.length, &token);
    pgc_buf_fini(&claims);
    if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)token.data,
            token.length, mac, &mac_length) == NULL) {
        pgc_err_set(err, PGC_ERR_SYS, "mint a token: OpenSSL computes no HMAC-SHA256");
        pgc_buf_fini(&token);
        return NULL;
    }
    pgc_buf_addc(&token, '.');
    pgc_base64url_encode(mac, mac_length, &token);
    return pgc_buf_take(&token);
}
