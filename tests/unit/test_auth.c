/* SPDX-License-Identifier: PostgreSQL */
/* Tokens under one HS256 secret: shape, header, signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "auth_forge.h"

static int
setup(void **state)
{
    struct pgc_auth_conf conf = forge_conf();

    *state = pgc_auth_new(&conf, NULL);
    return *state == NULL;
}

static int
teardown(void **state)
{
    pgc_auth_free(*state);
    return 0;
}

static void
assert_header(const struct pgc_auth *auth, const char *header, enum pgc_auth_result expected)
{
    struct pgc_identity identity;
    char *token = forge_hs256(header, FORGE_CLAIMS, FORGE_SECRET);

    if (forge_verify(auth, token, &identity) != expected) {
        fail_msg("header %s", header);
    }
    free(token);
}

/* Without the signature being right nothing else matters. */
static void
assert_token_invalid(const struct pgc_auth *auth, const char *token)
{
    struct pgc_identity identity;

    if (forge_verify(auth, token, &identity) != PGC_AUTH_INVALID) {
        fail_msg("token %s", token);
    }
    assert_string_equal(identity.member, "");
}

static void
good_token_names_its_member(void **state)
{
    struct pgc_identity identity;
    char *token = forge_hs256(FORGE_HS256,
        "{\"community_member_id\":42,\"jti\":\"j-1\",\"sub\":\"9\",\"iat\":1789999999.5,"
        "\"exp\":1790003600}",
        FORGE_SECRET);

    assert_int_equal(forge_verify(*state, token, &identity), PGC_AUTH_OK);
    assert_string_equal(identity.member, "42");
    assert_string_equal(identity.jti, "j-1");
    assert_int_equal(identity.issued_s, 1789999999);
    assert_int_equal(identity.expires_s, 1790003600);
    free(token);
}

static void
minted_token_is_accepted(void **state)
{
    static const char *const members[] = {
        "42", "0", "007", "0b6f3c2e-7a51", "a \"b\"", "-5", "123456789012345678901234567890"};
    struct pgc_err err = {0};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct pgc_identity identity;
        char *token =
            pgc_auth_mint(FORGE_SECRET, "community_member_id", members[i], FORGE_NOW, 60, &err);

        assert_non_null(token);
        assert_int_equal(forge_verify(*state, token, &identity), PGC_AUTH_OK);
        assert_string_equal(identity.member, members[i]);
        assert_int_equal(identity.expires_s, FORGE_NOW + 60);
        free(token);
    }
}

static void
minted_member_is_a_number_if_it_is_one(void **state PGC_UNUSED)
{
    static const char expected[] =
        "{\"community_member_id\":42,\"exp\":1790000060,\"iat\":1790000000}";
    char *claims = forge_base64url(expected, sizeof(expected) - 1);
    char *token = pgc_auth_mint(FORGE_SECRET, "community_member_id", "42", FORGE_NOW, 60, NULL);

    assert_non_null(strstr(token, claims));
    free(claims);
    free(token);
}

static void
nothing_is_minted_with_a_short_secret(void **state PGC_UNUSED)
{
    struct pgc_err err = {0};

    assert_null(pgc_auth_mint("short", "sub", "42", FORGE_NOW, 60, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_true(err.hint[0] != '\0');
}

static void
other_shapes_are_no_tokens(void **state)
{
    static const char *const texts[] = {"", ".", "..", "...", "a", "a.b", "a.b.c", "eyJ.eyJ.x",
        "Bearer x", "null", "\x01", "eyJhbGciOiJIUzI1NiJ9.e30", "eyJhbGciOiJIUzI1NiJ9.e30.",
        "eyJhbGciOiJIUzI1NiJ9..AAAA", ".e30.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA"};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_token_invalid(*state, texts[i]);
    }
}

static void
absent_token_is_invalid(void **state)
{
    struct pgc_identity identity;

    assert_int_equal(
        pgc_auth_verify(*state, NULL, 0, FORGE_NOW, &identity, NULL), PGC_AUTH_INVALID);
}

/* What a good token becomes when one thing is done to its text. */
static void
changed_tokens_are_invalid(void **state)
{
    char *good = forge_hs256(FORGE_HS256, FORGE_CLAIMS, FORGE_SECRET);
    char *padded = pgc_xasprintf("%s=", good);
    char *longer = pgc_xasprintf("%s.", good);
    char *spaced = pgc_xasprintf("%s ", good);
    char *line = pgc_xasprintf("%s\n", good);
    size_t length = strlen(good);

    assert_token_invalid(*state, padded);
    assert_token_invalid(*state, longer);
    assert_token_invalid(*state, spaced);
    assert_token_invalid(*state, line);
    for (size_t i = 0; i < length; i++) {
        char *changed = pgc_xstrdup(good);

        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_token_invalid(*state, changed);
        changed[i] = '+';
        assert_token_invalid(*state, changed);
        changed[i] = '\0';
        assert_token_invalid(*state, changed);
        free(changed);
    }
    free(good);
    free(padded);
    free(longer);
    free(spaced);
    free(line);
}

static void
signature_has_only_one_spelling(void **state)
{
    char *token = forge_hs256(FORGE_HS256, FORGE_CLAIMS, FORGE_SECRET);
    char *last = token + strlen(token) - 1;
    int accepted = 0;

    /* 32 bytes leave two bits of the last character unused: 4 texts decode to the same. */
    for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
         *c != '\0'; c++) {
        struct pgc_identity identity;

        *last = *c;
        accepted += forge_verify(*state, token, &identity) == PGC_AUTH_OK;
    }
    assert_int_equal(accepted, 1);
    free(token);
}

static void
other_secret_is_not_accepted(void **state)
{
    static const char *const secrets[] = {"0123456789abcdef0123456789abcdeF",
        "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0", "", "secret"};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        char *token = forge_hs256(FORGE_HS256, FORGE_CLAIMS, secrets[i]);

        assert_token_invalid(*state, token);
        free(token);
    }
}

static void
unsigned_token_is_invalid(void **state)
{
    static const char *const algs[] = {"none", "None", "NONE", "nOnE", ""};

    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        char *header = pgc_xasprintf("{\"alg\":\"%s\"}", algs[i]);
        char *part = forge_signed_part(header, FORGE_CLAIMS);
        char *empty = pgc_xasprintf("%s.", part);
        char *zero = pgc_xasprintf("%s.AA", part);
        char *mac = forge_hs256(header, FORGE_CLAIMS, FORGE_SECRET);

        assert_token_invalid(*state, part);
        assert_token_invalid(*state, empty);
        assert_token_invalid(*state, zero);
        assert_token_invalid(*state, mac);
        free(header);
        free(part);
        free(empty);
        free(zero);
        free(mac);
    }
}

static void
header_is_read_strictly(void **state)
{
    static const char *const refused[] = {
        "{}",
        "[]",
        "null",
        "\"HS256\"",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"} x",
        "{'alg':'HS256'}",
        "{\"alg\":null}",
        "{\"alg\":5}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"alg\\u0000\":\"none\"}",
        "{\"ALG\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"b64\":true}",
        "{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}",
        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"HS256\",\"typ\":null}",
        "{\"alg\":\"HS256\",\"typ\":5}",
        "{\"alg\":\"HS256\",\"kid\":5}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":\"a b\"}",
        "{\"alg\":\"HS256\",\"kid\":\"x'; drop table keys; --\"}",
        "{\"alg\":\"HS256\",\"kid\":\"a\\nb\"}",
        "{\"alg\":\"HS256\",\"x\":NaN}",
        "{\"alg\":\"HS256\",\"x\":[[[[[[[[[[1]]]]]]]]]]}",
        "\xef\xbb\xbf{\"alg\":\"HS256\"}",
    };
    static const char *const accepted[] = {
        "{\"alg\":\"HS256\"}",
        "{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
        "{\"typ\":\"jwt\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"kid\":\"any/../name\"}",
        "{\"alg\":\"HS256\",\"jku\":\"https://a.example/\",\"x5u\":\"https://a.example/\"}",
        "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}",
    };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_header(*state, refused[i], PGC_AUTH_INVALID);
    }
    for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
        assert_header(*state, accepted[i], PGC_AUTH_OK);
    }
}

static void
key_in_the_header_is_not_used(void **state)
{
    char *token = forge_hs256("{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":"
                              "\"YXR0YWNrZXItYXR0YWNrZXItYXR0YWNrZXItYXR0YWNrZXI\"}}",
        FORGE_CLAIMS, "attacker-attacker-attacker-attacker");

    assert_token_invalid(*state, token);
    free(token);
}

static void
token_over_the_limit_is_not_looked_at(void **state)
{
    char *filler = pgc_xmalloc(9000);
    char *claims;
    char *token;

    memset(filler, 'x', 9000);
    claims =
        pgc_xasprintf("{\"community_member_id\":42,\"exp\":1790003600,\"x\":\"%.5900s\"}", filler);
    token = forge_hs256(FORGE_HS256, claims, FORGE_SECRET);
    assert_true(strlen(token) < 8192);
    assert_int_equal(
        forge_verify(*state, token, &(struct pgc_identity){.expires_s = 0}), PGC_AUTH_OK);
    free(token);
    free(claims);
    claims =
        pgc_xasprintf("{\"community_member_id\":42,\"exp\":1790003600,\"x\":\"%.6100s\"}", filler);
    token = forge_hs256(FORGE_HS256, claims, FORGE_SECRET);
    assert_true(strlen(token) > 8192);
    assert_token_invalid(*state, token);
    free(token);
    free(claims);
    free(filler);
}

static void
a_secret_is_said_in_full(void **state)
{
    (void)state;
    assert_true(pgc_auth_is_secret("a secret", "a secret"));
    assert_false(pgc_auth_is_secret("a secreT", "a secret"));
    assert_false(pgc_auth_is_secret("A secret", "a secret"));
    assert_false(pgc_auth_is_secret("a secre", "a secret"));
    assert_false(pgc_auth_is_secret("a secrets", "a secret"));
    assert_false(pgc_auth_is_secret("", "a secret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(good_token_names_its_member),
        TEST(minted_token_is_accepted),
        TEST(minted_member_is_a_number_if_it_is_one),
        TEST(nothing_is_minted_with_a_short_secret),
        TEST(other_shapes_are_no_tokens),
        TEST(absent_token_is_invalid),
        TEST(changed_tokens_are_invalid),
        TEST(signature_has_only_one_spelling),
        TEST(other_secret_is_not_accepted),
        TEST(unsigned_token_is_invalid),
        TEST(header_is_read_strictly),
        TEST(key_in_the_header_is_not_used),
        TEST(token_over_the_limit_is_not_looked_at),
        TEST(a_secret_is_said_in_full),
    };

    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
