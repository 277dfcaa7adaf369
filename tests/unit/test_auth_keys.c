/* SPDX-License-Identifier: PostgreSQL */
/* Keys: from where they come, which are refused, and which one a token is verified with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"

#include "auth_forge.h"

#define OCT_A                                                                                      \
    "{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE\"}"
#define OCT_B                                                                                      \
    "{\"kty\":\"oct\",\"kid\":\"b\",\"k\":\"YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI\"}"

static const char secret_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static const char secret_b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/* OpenSSL reads it, but no exponent is 0. */
static const char rsa_without_exponent[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIDANBgkqhkiG9w0BAQEFAAOCAQ0AMIIBCAKCAQEAq1F8jzsaEd9Yf9KAO6ts\n"
    "OY2INIp+7Y0U8G0/73AZZqDDgeiPOMDI/YcSuLwHbzeHudF54GwP1PX4EwxCN3MO\n"
    "36+9Z/lhlpnP4ZiK2fBsFEoCW0E/ipoCHqZIp90Gg565Bbbm4wfUvtxRQxGT5sPz\n"
    "ORorjx/x/UKil1XUwTqQKTHNRH41uLbY/kQuPUNyBOUtsiIaWACKBabEZHFZwyTJ\n"
    "hZuBDnZuydKGY8qCjdX0s7LksGzmB0HHqHzkLIIYBy6MNb+ZLcnpxhZhLnaWps7M\n"
    "G3jlEGFzEdijws5vRH7U1XseL+uJQUw0PBAnxNHDhrvEzWE+MNjxat+Rt1hKImWx\n"
    "9QIBAA==\n"
    "-----END PUBLIC KEY-----\n";

/* Made once: they take time. */
struct keyring {
    EVP_PKEY *rsa;
    EVP_PKEY *ec;
    EVP_PKEY *weak_rsa;
    EVP_PKEY *p384;
};

static int
make_keys(void **state)
{
    struct keyring *keys = pgc_xcalloc(1, sizeof(*keys));

    keys->rsa = EVP_RSA_gen(2048);
    keys->ec = EVP_EC_gen("P-256");
    keys->weak_rsa = EVP_RSA_gen(1024);
    keys->p384 = EVP_EC_gen("P-384");
    *state = keys;
    return keys->rsa == NULL || keys->ec == NULL || keys->weak_rsa == NULL || keys->p384 == NULL;
}

static int
free_keys(void **state)
{
    struct keyring *keys = *state;

    EVP_PKEY_free(keys->rsa);
    EVP_PKEY_free(keys->ec);
    EVP_PKEY_free(keys->weak_rsa);
    EVP_PKEY_free(keys->p384);
    free(keys);
    return 0;
}

static void
remove_file(char *path)
{
    assert_int_equal(unlink(path), 0);
    free(path);
}

/* NULL with the reason in `err`. */
static struct pgc_auth *
auth_with_jwks(const char *jwks, struct pgc_err *err)
{
    struct pgc_auth_conf conf = {.member_claim = "community_member_id"};
    struct pgc_auth *auth;
    char *path = forge_file(jwks);

    *err = (struct pgc_err){.code = PGC_ERR_NONE};
    conf.jwks_file = path;
    auth = pgc_auth_new(&conf, err);
    assert_true(auth != NULL || strstr(err->message, path) != NULL);
    remove_file(path);
    return auth;
}

static void
assert_refused(const struct pgc_auth_conf *conf, const char *piece)
{
    struct pgc_err err = {0};

    assert_null(pgc_auth_new(conf, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    if (strstr(err.message, piece) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", piece, err.message);
    }
}

/* Takes the token over. */
static void
assert_result(const struct pgc_auth *auth, char *token, enum pgc_auth_result expected)
{
    struct pgc_identity identity;

    assert_int_equal(forge_verify(auth, token, &identity), expected);
    free(token);
}

static void
without_a_key_nobody_comes_in(void **state PGC_UNUSED)
{
    struct pgc_auth_conf conf = {.member_claim = "sub"};

    assert_refused(&conf, "no key");
}

static void
short_secret_is_refused(void **state PGC_UNUSED)
{
    struct pgc_auth_conf conf = {
        .hs256_secret = "0123456789abcdef0123456789abcde", .member_claim = "sub"};

    assert_refused(&conf, "31 bytes");
    conf.hs256_secret = "";
    assert_refused(&conf, "0 bytes");
}

static void
leeway_is_bounded(void **state PGC_UNUSED)
{
    struct pgc_auth_conf conf = forge_conf();

    conf.leeway_s = 61;
    assert_refused(&conf, "leeway");
    conf.leeway_s = -1;
    assert_refused(&conf, "leeway");
}

static void
rsa_key_verifies_what_its_owner_signed(void **state)
{
    struct keyring *keys = *state;
    char *path = forge_pem_file(keys->rsa);
    struct pgc_auth_conf conf = {.rs256_public_key = path, .member_claim = "sub"};
    EVP_PKEY *other = EVP_RSA_gen(2048);
    struct pgc_auth *auth = pgc_auth_new(&conf, NULL);
    static const char claims[] = "{\"sub\":\"42\",\"exp\":1790003600}";

    assert_non_null(auth);
    assert_result(auth, forge_with_key("{\"alg\":\"RS256\"}", claims, keys->rsa), PGC_AUTH_OK);
    assert_result(
        auth, forge_with_key("{\"alg\":\"RS256\",\"kid\":\"x\"}", claims, keys->rsa), PGC_AUTH_OK);
    assert_result(auth, forge_with_key("{\"alg\":\"RS256\"}", claims, other), PGC_AUTH_INVALID);
    assert_result(auth, forge_with_key("{\"alg\":\"PS256\"}", claims, keys->rsa), PGC_AUTH_INVALID);
    assert_result(auth, forge_with_key("{\"alg\":\"RS512\"}", claims, keys->rsa), PGC_AUTH_INVALID);
    assert_result(auth, forge_hs256("{\"alg\":\"RS256\"}", claims, FORGE_SECRET), PGC_AUTH_INVALID);
    EVP_PKEY_free(other);
    pgc_auth_free(auth);
    remove_file(path);
}

static void
public_key_is_no_secret(void **state)
{
    struct keyring *keys = *state;
    char *path = forge_pem_file(keys->rsa);
    struct pgc_auth_conf conf = {
        .rs256_public_key = path, .hs256_secret = FORGE_SECRET, .member_claim = "sub"};
    struct pgc_auth *auth = pgc_auth_new(&conf, NULL);
    char pem[4096] = {0};
    FILE *file = fopen(path, "r");

    assert_non_null(auth);
    assert_non_null(file);
    assert_true(fread(pem, 1, sizeof(pem) - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\"}", FORGE_CLAIMS, pem), PGC_AUTH_INVALID);
    assert_result(auth, forge_hs256("{\"alg\":\"RS256\"}", FORGE_CLAIMS, pem), PGC_AUTH_INVALID);
    assert_result(auth,
        forge_hs256("{\"alg\":\"HS256\"}", "{\"sub\":1,\"exp\":1790003600}", FORGE_SECRET),
        PGC_AUTH_OK);
    pgc_auth_free(auth);
    remove_file(path);
}

static void
ec_key_verifies_what_its_owner_signed(void **state)
{
    struct keyring *keys = *state;
    char *path = forge_pem_file(keys->ec);
    struct pgc_auth_conf conf = {.es256_public_key = path, .member_claim = "sub"};
    struct pgc_auth *auth = pgc_auth_new(&conf, NULL);
    static const char claims[] = "{\"sub\":\"42\",\"exp\":1790003600}";
    char *part = forge_signed_part("{\"alg\":\"ES256\"}", claims);

    assert_non_null(auth);
    assert_result(auth, forge_with_key("{\"alg\":\"ES256\"}", claims, keys->ec), PGC_AUTH_OK);
    assert_result(auth, forge_with_key("{\"alg\":\"ES384\"}", claims, keys->ec), PGC_AUTH_INVALID);
    assert_result(auth, forge_with_key("{\"alg\":\"ES256\"}", claims, keys->rsa), PGC_AUTH_INVALID);
    assert_result(auth, forge_hs256("{\"alg\":\"ES256\"}", claims, FORGE_SECRET), PGC_AUTH_INVALID);
    /* CVE-2022-21449: a signature of zeros. */
    assert_result(auth, pgc_xasprintf("%s.%086d", part, 0), PGC_AUTH_INVALID);
    assert_result(auth,
        pgc_xasprintf("%s.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                      "AAAAAAAAAAAAAAAA",
            part),
        PGC_AUTH_INVALID);
    free(part);
    pgc_auth_free(auth);
    remove_file(path);
}

/* cjose alone would take whatever stands behind the 64 bytes. */
static void
ec_signature_has_only_one_length(void **state)
{
    struct keyring *keys = *state;
    char *path = forge_pem_file(keys->ec);
    struct pgc_auth_conf conf = {.es256_public_key = path, .member_claim = "sub"};
    struct pgc_auth *auth = pgc_auth_new(&conf, NULL);
    char *token =
        forge_with_key("{\"alg\":\"ES256\"}", "{\"sub\":\"42\",\"exp\":1790003600}", keys->ec);

    assert_non_null(auth);
    assert_result(auth, pgc_xasprintf("%sA", token), PGC_AUTH_INVALID);
    assert_result(auth, pgc_xasprintf("%sAA", token), PGC_AUTH_INVALID);
    assert_result(auth, pgc_xasprintf("%sAAAA", token), PGC_AUTH_INVALID);
    assert_result(auth, token, PGC_AUTH_OK);
    pgc_auth_free(auth);
    remove_file(path);
}

static void
wrong_key_files_are_refused(void **state)
{
    struct keyring *keys = *state;
    char *rsa = forge_pem_file(keys->rsa);
    char *weak = forge_pem_file(keys->weak_rsa);
    char *ec = forge_pem_file(keys->ec);
    char *p384 = forge_pem_file(keys->p384);
    char *text = forge_file("hello\n");
    char *no_exponent = forge_file(rsa_without_exponent);

    assert_refused(&(struct pgc_auth_conf){.rs256_public_key = "/nonexistent/key.pem"},
        "open rs256_public_key \"/nonexistent/key.pem\"");
    assert_refused(&(struct pgc_auth_conf){.rs256_public_key = text}, "no public key");
    assert_refused(&(struct pgc_auth_conf){.rs256_public_key = ec}, "no RSA key");
    assert_refused(&(struct pgc_auth_conf){.rs256_public_key = weak}, "1024 bits");
    assert_refused(&(struct pgc_auth_conf){.rs256_public_key = no_exponent}, "no RSA key");
    assert_refused(&(struct pgc_auth_conf){.es256_public_key = rsa}, "P-256");
    assert_refused(&(struct pgc_auth_conf){.es256_public_key = p384}, "P-256");
    assert_refused(&(struct pgc_auth_conf){.es256_public_key = text}, "no public key");
    remove_file(rsa);
    remove_file(weak);
    remove_file(ec);
    remove_file(p384);
    remove_file(text);
    remove_file(no_exponent);
}

static void
kid_chooses_the_key(void **state PGC_UNUSED)
{
    struct pgc_err err;
    struct pgc_auth *auth = auth_with_jwks("{\"keys\":[" OCT_A "," OCT_B "]}", &err);

    assert_non_null(auth);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"a\"}", FORGE_CLAIMS, secret_a),
        PGC_AUTH_OK);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"b\"}", FORGE_CLAIMS, secret_b),
        PGC_AUTH_OK);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"a\"}", FORGE_CLAIMS, secret_b),
        PGC_AUTH_INVALID);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"c\"}", FORGE_CLAIMS, secret_a),
        PGC_AUTH_INVALID);
    assert_result(
        auth, forge_hs256("{\"alg\":\"HS256\"}", FORGE_CLAIMS, secret_a), PGC_AUTH_INVALID);
    assert_result(
        auth, forge_hs256("{\"alg\":\"HS256\"}", FORGE_CLAIMS, secret_b), PGC_AUTH_INVALID);
    pgc_auth_free(auth);
}

static void
only_key_needs_no_kid_but_no_other_one_either(void **state PGC_UNUSED)
{
    struct pgc_err err;
    struct pgc_auth *auth = auth_with_jwks(" {\"x\":1, \"keys\" : [ " OCT_A " ] } ", &err);

    assert_non_null(auth);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\"}", FORGE_CLAIMS, secret_a), PGC_AUTH_OK);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"b\"}", FORGE_CLAIMS, secret_a),
        PGC_AUTH_INVALID);
    pgc_auth_free(auth);
}

static void
key_set_may_hold_keys_of_all_kinds(void **state)
{
    struct keyring *keys = *state;
    char *rsa = forge_jwk(keys->rsa, ",\"kid\":\"r\",\"alg\":\"RS256\",\"use\":\"sig\"");
    char *encryption = forge_jwk(keys->rsa, ",\"kid\":\"e\",\"use\":\"enc\"");
    char *ec = forge_jwk(keys->ec, ",\"kid\":\"p\"");
    char *set =
        pgc_xasprintf("{\"keys\":[%s,{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},%s,%s,%s]}",
            encryption, rsa, ec, OCT_A);
    struct pgc_err err;
    struct pgc_auth *auth = auth_with_jwks(set, &err);

    assert_non_null(auth);
    assert_result(auth,
        forge_with_key("{\"alg\":\"RS256\",\"kid\":\"r\"}", FORGE_CLAIMS, keys->rsa), PGC_AUTH_OK);
    assert_result(auth, forge_with_key("{\"alg\":\"ES256\",\"kid\":\"p\"}", FORGE_CLAIMS, keys->ec),
        PGC_AUTH_OK);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"a\"}", FORGE_CLAIMS, secret_a),
        PGC_AUTH_OK);
    assert_result(auth,
        forge_with_key("{\"alg\":\"PS256\",\"kid\":\"r\"}", FORGE_CLAIMS, keys->rsa),
        PGC_AUTH_INVALID);
    /* The key for encryption was passed over; a kid of one kind is none of another. */
    assert_result(auth,
        forge_with_key("{\"alg\":\"RS256\",\"kid\":\"e\"}", FORGE_CLAIMS, keys->rsa),
        PGC_AUTH_INVALID);
    assert_result(auth, forge_hs256("{\"alg\":\"HS256\",\"kid\":\"r\"}", FORGE_CLAIMS, secret_a),
        PGC_AUTH_INVALID);
    pgc_auth_free(auth);
    free(set);
    free(rsa);
    free(encryption);
    free(ec);
}

static void
wrong_key_sets_are_refused(void **state)
{
    static const struct {
        const char *jwks;
        const char *piece;
    } cases[] = {
        {"", "read jwks_file"},
        {"hello", "read jwks_file"},
        {"[]", "read jwks_file"},
        {"{}", "no key"},
        {"{\"keys\":[]}", "no key"},
        {"{\"keys\":{}}", "no key"},
        {"{\"keys\":\"x\"}", "no key"},
        {"{\"keys\":[5]}", "key 1"},
        {"{\"keys\":[" OCT_A ",null]}", "key 2"},
        {"{\"keys\":[{\"kty\":\"OKP\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"RSA\",\"alg\":\"RS512\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\"}]}", "no key"},
        {"{\"keys\":[{\"kty\":\"RSA\"}]}", "no usable RSA key"},
        {"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
            "no usable EC key"},
        {"{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", "24 bits"},
        {"{\"keys\":[" OCT_A "," OCT_A "]}", "two keys"},
        {"{\"keys\":[{\"kty\":\"oct\",\"alg\":\"RS256\","
         "\"k\":\"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE\"}]}",
            "does not go with"},
        {"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a b\","
         "\"k\":\"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE\"}]}",
            "kid"},
    };
    struct keyring *keys = *state;
    char *weak = forge_jwk(keys->weak_rsa, "");
    char *set = pgc_xasprintf("{\"keys\":[%s]}", weak);
    struct pgc_err err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(auth_with_jwks(cases[i].jwks, &err));
        assert_int_equal(err.hint[0] != '\0', true);
        if (strstr(err.message, cases[i].piece) == NULL) {
            fail_msg("\"%s\" is not in \"%s\"", cases[i].piece, err.message);
        }
    }
    assert_null(auth_with_jwks(set, &err));
    assert_non_null(strstr(err.message, "1024 bits"));
    free(set);
    free(weak);
}

static void
key_set_is_bounded(void **state PGC_UNUSED)
{
    static const int counts[] = {16, 17};
    struct pgc_err err;

    for (size_t n = 0; n < 2; n++) {
        struct pgc_buf set = {0};
        struct pgc_auth *auth;

        pgc_buf_adds(&set, "{\"keys\":[");
        for (int i = 0; i < counts[n]; i++) {
            pgc_buf_addf(&set, "%s{\"kty\":\"oct\",\"kid\":\"%d\",\"k\":\"%s\"}", i > 0 ? "," : "",
                i, "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE");
        }
        pgc_buf_adds(&set, "]}");
        auth = auth_with_jwks(pgc_buf_str(&set), &err);
        assert_int_equal(auth != NULL, counts[n] <= 16);
        pgc_auth_free(auth);
        pgc_buf_fini(&set);
    }
    assert_non_null(strstr(err.message, "more than 16 keys"));
}

static void
huge_key_set_is_not_read(void **state PGC_UNUSED)
{
    struct pgc_buf set = {0};
    struct pgc_err err;

    pgc_buf_adds(&set, "{\"keys\":[" OCT_A "]");
    while (set.length <= 262144) {
        pgc_buf_adds(&set, "                                                                ");
    }
    pgc_buf_addc(&set, '}');
    assert_null(auth_with_jwks(pgc_buf_str(&set), &err));
    assert_non_null(strstr(err.message, "over 262144 bytes"));
    pgc_buf_fini(&set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_key_nobody_comes_in),
        cmocka_unit_test(short_secret_is_refused),
        cmocka_unit_test(leeway_is_bounded),
        cmocka_unit_test(rsa_key_verifies_what_its_owner_signed),
        cmocka_unit_test(public_key_is_no_secret),
        cmocka_unit_test(ec_key_verifies_what_its_owner_signed),
        cmocka_unit_test(ec_signature_has_only_one_length),
        cmocka_unit_test(wrong_key_files_are_refused),
        cmocka_unit_test(kid_chooses_the_key),
        cmocka_unit_test(only_key_needs_no_kid_but_no_other_one_either),
        cmocka_unit_test(key_set_may_hold_keys_of_all_kinds),
        cmocka_unit_test(wrong_key_sets_are_refused),
        cmocka_unit_test(key_set_is_bounded),
        cmocka_unit_test(huge_key_set_is_not_read),
    };

    return cmocka_run_group_tests_name("auth_keys", tests, make_keys, free_keys);
}
