/* SPDX-License-Identifier: PostgreSQL */
/* Public keys from PEM files: read by OpenSSL, handed to cjose as numbers. */
#include <stdlib.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "pgcable/mem.h"

#include "auth_internal.h"

/* A number's bytes, big endian. */
struct pem_number {
    uint8_t *bytes; /* free() */
    size_t length;
};

static const char pem_hint[] =
    "it must hold one PEM block BEGIN PUBLIC KEY, as openssl pkey -pubout writes it";

/* Without a password: nobody is there to type one. */
static EVP_PKEY *
pem_read(const char *setting, const char *path, struct pgc_err *err)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *key = NULL;

    if (file == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "open %s \"%s\": %s", setting, path,
            ERR_reason_error_string(ERR_peek_last_error()));
    } else {
        char no_password[] = "";

        key = PEM_read_bio_PUBKEY(file, NULL, NULL, no_password);
        if (key == NULL) {
            pgc_err_set(err, PGC_ERR_CONF, "read %s \"%s\": no public key in it", setting, path);
        }
    }
    if (key == NULL) {
        pgc_err_hint(err, "%s", pem_hint);
    }
    ERR_clear_error();
    BIO_free(file);
    return key;
}

/* `width` > 0 pads with zeros in front. */
static bool
pem_number(const EVP_PKEY *key, const char *name, size_t width, struct pem_number *out)
{
    BIGNUM *number = NULL;
    size_t length;

    if (EVP_PKEY_get_bn_param(key, name, &number) != 1) {
        return false;
    }
    length = (size_t)BN_num_bytes(number);
    out->length = length > width ? length : width;
    out->bytes = pgc_xmalloc(out->length);
    if (BN_bn2binpad(number, out->bytes, (int)out->length) < 0) {
        out->length = 0;
    }
    BN_free(number);
    return out->length > 0;
}

bool
pgc_auth_pem_load_rsa(struct pgc_auth_keys *keys, const char *path, struct pgc_err *err)
{
    EVP_PKEY *key = pem_read("rs256_public_key", path, err);
    struct pem_number n = {0};
    struct pem_number e = {0};
    cjose_err problem = {.message = "no RSA key"};
    cjose_jwk_t *jwk = NULL;
    bool ok = false;

    if (key == NULL) {
        return false;
    }
    if (EVP_PKEY_is_a(key, "RSA") != 1) {
        pgc_err_set(err, PGC_ERR_CONF, "rs256_public_key \"%s\" is no RSA key", path);
        goto out;
    }
    if (EVP_PKEY_get_bits(key) < PGC_AUTH_MIN_RSA_BITS) {
        pgc_err_set(err, PGC_ERR_CONF,
            "rs256_public_key \"%s\" has %d bits, at least %d are needed", path,
            EVP_PKEY_get_bits(key), PGC_AUTH_MIN_RSA_BITS);
        goto out;
    }
    if (pem_number(key, OSSL_PKEY_PARAM_RSA_N, 0, &n) &&
        pem_number(key, OSSL_PKEY_PARAM_RSA_E, 0, &e)) {
        cjose_jwk_rsa_keyspec spec = {
            .n = n.bytes, .nlen = n.length, .e = e.bytes, .elen = e.length};

        jwk = cjose_jwk_create_RSA_spec(&spec, &problem);
    }
    if (jwk == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "use rs256_public_key \"%s\": %s", path, problem.message);
        goto out;
    }
    ok = pgc_auth_keys_take(keys, "RS256", NULL, jwk, err);

out:
    free(n.bytes);
    free(e.bytes);
    EVP_PKEY_free(key);
    return ok;
}

static bool
pem_is_p256(const EVP_PKEY *key)
{
    char group[64] = "";

    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_utf8_string_param(
               key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), NULL) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

bool
pgc_auth_pem_load_ec(struct pgc_auth_keys *keys, const char *path, struct pgc_err *err)
{
    static const size_t coordinate_bytes = 32;
    EVP_PKEY *key = pem_read("es256_public_key", path, err);
    struct pem_number x = {0};
    struct pem_number y = {0};
    cjose_err problem = {.message = "no EC key"};
    cjose_jwk_t *jwk = NULL;
    bool ok = false;

    if (key == NULL) {
        return false;
    }
    if (!pem_is_p256(key)) {
        pgc_err_set(
            err, PGC_ERR_CONF, "es256_public_key \"%s\" is no key on the curve P-256", path);
        pgc_err_hint(err, "openssl ecparam -name prime256v1 -genkey makes a private one");
        goto out;
    }
    if (pem_number(key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate_bytes, &x) &&
        pem_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate_bytes, &y)) {
        cjose_jwk_ec_keyspec spec = {
            .crv = CJOSE_JWK_EC_P_256,
            .x = x.bytes,
            .xlen = x.length,
            .y = y.bytes,
            .ylen = y.length,
        };

        jwk = cjose_jwk_create_EC_spec(&spec, &problem);
    }
    if (jwk == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "use es256_public_key \"%s\": %s", path, problem.message);
        goto out;
    }
    ok = pgc_auth_keys_take(keys, "ES256", NULL, jwk, err);

out:
    free(x.bytes);
    free(y.bytes);
    EVP_PKEY_free(key);
    return ok;
}
