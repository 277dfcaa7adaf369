/* SPDX-License-Identifier: PostgreSQL */
#include "auth_forge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "pgcable/mem.h"

char *
forge_base64url(const void *bytes, size_t length)
{
    char *text = pgc_xcalloc(1, length / 3 * 4 + 5);
    int written = EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);

    while (written > 0 && text[written - 1] == '=') {
        text[--written] = '\0';
    }
    for (char *c = text; *c != '\0'; c++) {
        if (*c == '+') {
            *c = '-';
        } else if (*c == '/') {
            *c = '_';
        }
    }
    return text;
}

char *
forge_signed_part(const char *header, const char *claims)
{
    char *first = forge_base64url(header, strlen(header));
    char *second = forge_base64url(claims, strlen(claims));
    char *both = pgc_xasprintf("%s.%s", first, second);

    free(first);
    free(second);
    return both;
}

/* Takes `part` over. */
static char *
forge_join(char *part, const void *signature, size_t length)
{
    char *last = forge_base64url(signature, length);
    char *token = pgc_xasprintf("%s.%s", part, last);

    free(part);
    free(last);
    return token;
}

char *
forge_hs256(const char *header, const char *claims, const char *secret)
{
    char *part = forge_signed_part(header, claims);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    assert_non_null(HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)part,
        strlen(part), mac, &length));
    return forge_join(part, mac, length);
}

/* JWS wants the two numbers side by side (RFC 7518 3.4), OpenSSL writes them as ASN.1. */
static size_t
forge_raw_ecdsa(unsigned char *signature, size_t length)
{
    const unsigned char *in = signature;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &in, (long)length);

    assert_non_null(parsed);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + 32, 32), 32);
    ECDSA_SIG_free(parsed);
    return 64;
}

char *
forge_with_key(const char *header, const char *claims, EVP_PKEY *key)
{
    char *part = forge_signed_part(header, claims);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[1024];
    size_t length = sizeof(signature);
    EVP_PKEY_CTX *options = NULL;

    assert_int_equal(EVP_DigestSignInit(context, &options, EVP_sha256(), NULL, key), 1);
    if (strstr(header, "PS256") != NULL) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    assert_int_equal(
        EVP_DigestSign(context, signature, &length, (const unsigned char *)part, strlen(part)), 1);
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_is_a(key, "EC")) {
        length = forge_raw_ecdsa(signature, length);
    }
    return forge_join(part, signature, length);
}

static char *
forge_number(EVP_PKEY *key, const char *name, int width)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];
    int length;

    assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
    length = width > 0 ? width : BN_num_bytes(number);
    assert_int_equal(BN_bn2binpad(number, bytes, length), length);
    BN_free(number);
    return forge_base64url(bytes, (size_t)length);
}

char *
forge_jwk(EVP_PKEY *key, const char *more)
{
    bool is_ec = EVP_PKEY_is_a(key, "EC");
    char *first = is_ec ? forge_number(key, OSSL_PKEY_PARAM_EC_PUB_X, 32)
                        : forge_number(key, OSSL_PKEY_PARAM_RSA_N, 0);
    char *second = is_ec ? forge_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32)
                         : forge_number(key, OSSL_PKEY_PARAM_RSA_E, 0);
    char *jwk =
        is_ec ? pgc_xasprintf("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"%s}",
                    first, second, more)
              : pgc_xasprintf("{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"%s}", first, second, more);

    free(first);
    free(second);
    return jwk;
}

static FILE *
forge_open_file(char **path)
{
    const char *folder = getenv("TMPDIR");
    int fd;
    FILE *file;

    *path = pgc_xasprintf("%s/pgcable-test-XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(*path);
    assert_true(fd >= 0);
    file = fdopen(fd, "w");
    assert_non_null(file);
    return file;
}

char *
forge_file(const char *content)
{
    char *path;
    FILE *file = forge_open_file(&path);

    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

char *
forge_pem_file(EVP_PKEY *key)
{
    char *path;
    FILE *file = forge_open_file(&path);

    assert_int_equal(PEM_write_PUBKEY(file, key), 1);
    assert_int_equal(fclose(file), 0);
    return path;
}

struct pgc_auth_conf
forge_conf(void)
{
    return (struct pgc_auth_conf){
        .hs256_secret = FORGE_SECRET, .member_claim = "community_member_id"};
}

enum pgc_auth_result
forge_verify(const struct pgc_auth *auth, const char *token, struct pgc_identity *identity)
{
    struct pgc_err err = {0};
    enum pgc_auth_result result =
        pgc_auth_verify(auth, token, strlen(token), FORGE_NOW, identity, &err);

    /* Every refusal has a reason, and no reason has a piece of the token. */
    assert_int_equal(result == PGC_AUTH_OK, err.code == PGC_ERR_NONE);
    for (size_t i = 0; strlen(token) >= 12 && i + 12 <= strlen(token); i++) {
        char piece[13] = {0};

        memcpy(piece, token + i, 12);
        assert_null(strstr(err.message, piece));
        assert_null(strstr(err.hint, piece));
    }
    return result;
}
