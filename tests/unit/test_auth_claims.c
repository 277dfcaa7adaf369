/* SPDX-License-Identifier: PostgreSQL */
/* What a token that is rightly signed must say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "auth_forge.h"

struct claim_case {
    const char *claims;
    enum pgc_auth_result expected;
};

static struct pgc_auth *
auth_of(const struct pgc_auth_conf *conf)
{
    struct pgc_err err = {0};
    struct pgc_auth *auth = pgc_auth_new(conf, &err);

    assert_non_null(auth);
    return auth;
}

static int
setup(void **state)
{
    struct pgc_auth_conf conf = forge_conf();

    *state = auth_of(&conf);
    return 0;
}

static int
teardown(void **state)
{
    pgc_auth_free(*state);
    return 0;
}

static void
assert_claims(const struct pgc_auth *auth, const struct claim_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pgc_identity identity;
        char *token = forge_hs256(FORGE_HS256, cases[i].claims, FORGE_SECRET);

        if (forge_verify(auth, token, &identity) != cases[i].expected) {
            fail_msg("claims %s", cases[i].claims);
        }
        free(token);
    }
}

static void
claims_are_read_strictly(void **state)
{
    static const struct claim_case cases[] = {
        {"{}", PGC_AUTH_INVALID},
        {"[]", PGC_AUTH_INVALID},
        {"42", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600} x", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"community_member_id\":43,\"exp\":1790003600}",
            PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1,\"exp\":1790003600}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\\u0000\":1790003600}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"x\":\"\xff\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":42,\"more\":{\"a\":[1,\"]\",{}]}}",
            PGC_AUTH_OK},
    };

    assert_claims(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
every_token_ends(void **state)
{
    static const struct claim_case cases[] = {
        {"{\"community_member_id\":42}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":null}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":\"1790003600\"}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":true}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":[1790003600]}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1e400}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":99999999999999999999}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":9223372036854775807}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":-1}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":0}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":1789999999}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":1790000000}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":1790000000.9}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":1790000001}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1790000001.5}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1.7900036e9}", PGC_AUTH_OK},
    };

    assert_claims(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
token_from_the_future_is_invalid(void **state)
{
    static const struct claim_case cases[] = {
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":1790000000}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":1790000001}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":\"x\"}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":null}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"iat\":1790000000}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"iat\":1790000001}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"iat\":{}}", PGC_AUTH_INVALID},
    };

    assert_claims(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
leeway_forgives_clocks_that_differ(void **state PGC_UNUSED)
{
    static const struct claim_case cases[] = {
        {"{\"community_member_id\":42,\"exp\":1789999971}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1789999970}", PGC_AUTH_EXPIRED},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":1790000030}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"nbf\":1790000031}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"iat\":1790000030}", PGC_AUTH_OK},
        {"{\"community_member_id\":42,\"exp\":1790003600,\"iat\":1790000031}", PGC_AUTH_INVALID},
    };
    struct pgc_auth_conf conf = forge_conf();
    struct pgc_auth *auth;

    conf.leeway_s = 30;
    auth = auth_of(&conf);
    assert_claims(auth, cases, sizeof(cases) / sizeof(cases[0]));
    pgc_auth_free(auth);
}

static void
expired_is_only_what_is_right_otherwise(void **state)
{
    static const struct claim_case cases[] = {
        {"{\"community_member_id\":42,\"exp\":1}", PGC_AUTH_EXPIRED},
        {"{\"exp\":1}", PGC_AUTH_INVALID},
        {"{\"community_member_id\":42,\"exp\":1,\"nbf\":1790000001}", PGC_AUTH_INVALID},
    };
    struct pgc_identity identity;
    char *forged = forge_hs256(FORGE_HS256, cases[0].claims, "another-secret-of-enough-bytes!!");

    assert_claims(*state, cases, sizeof(cases) / sizeof(cases[0]));
    assert_int_equal(forge_verify(*state, forged, &identity), PGC_AUTH_INVALID);
    free(forged);
}

static void
member_must_be_an_id(void **state)
{
    static const struct claim_case cases[] = {
        {"{\"exp\":1790003600,\"community_member_id\":\"0b6f-é\"}", PGC_AUTH_OK},
        {"{\"exp\":1790003600,\"sub\":\"42\"}", PGC_AUTH_OK},
        {"{\"exp\":1790003600,\"sub\":42}", PGC_AUTH_OK},
        {"{\"exp\":1790003600}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"sub\":\"\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":null,\"sub\":\"42\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":\"\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":4.2}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":4e1}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":true}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":[42]}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":{\"id\":42}}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":\"4\\n2\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":\"4\\u007f2\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":42,\"jti\":\"a\\tb\"}", PGC_AUTH_INVALID},
        {"{\"exp\":1790003600,\"community_member_id\":42,\"jti\":[]}", PGC_AUTH_INVALID},
    };

    assert_claims(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

static void
member_has_at_most_127_bytes(void **state)
{
    static const int lengths[] = {127, 128};

    for (size_t i = 0; i < 2; i++) {
        struct pgc_identity identity;
        char *claims =
            pgc_xasprintf("{\"exp\":1790003600,\"community_member_id\":\"%0*d\"}", lengths[i], 7);
        char *token = forge_hs256(FORGE_HS256, claims, FORGE_SECRET);

        assert_int_equal(forge_verify(*state, token, &identity),
            lengths[i] <= 127 ? PGC_AUTH_OK : PGC_AUTH_INVALID);
        free(token);
        free(claims);
    }
}

static void
audience_and_issuer_must_be_ours(void **state PGC_UNUSED)
{
    static const struct claim_case cases[] = {
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":\"a\"}", PGC_AUTH_OK},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":[\"x\",\"a\"]}", PGC_AUTH_OK},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":[ \"x,]\" , \"\\u0061\" ]}",
            PGC_AUTH_OK},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":[\"\\\"],\",\"a\"]}", PGC_AUTH_OK},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\"}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":\"A\"}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":\"ab\"}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":[]}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":[[\"a\"]]}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":{\"a\":\"a\"}}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"iss\":\"i\",\"aud\":null}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"aud\":\"a\"}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"aud\":\"a\",\"iss\":\"I\"}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1790003600,\"aud\":\"a\",\"iss\":[\"i\"]}", PGC_AUTH_INVALID},
        {"{\"sub\":1,\"exp\":1,\"aud\":\"x\",\"iss\":\"i\"}", PGC_AUTH_INVALID},
    };
    struct pgc_auth_conf conf = forge_conf();
    struct pgc_auth *auth;

    conf.audience = "a";
    conf.issuer = "i";
    auth = auth_of(&conf);
    assert_claims(auth, cases, sizeof(cases) / sizeof(cases[0]));
    pgc_auth_free(auth);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims_are_read_strictly),
        TEST(every_token_ends),
        TEST(token_from_the_future_is_invalid),
        TEST(leeway_forgives_clocks_that_differ),
        TEST(expired_is_only_what_is_right_otherwise),
        TEST(member_must_be_an_id),
        TEST(member_has_at_most_127_bytes),
        TEST(audience_and_issuer_must_be_ours),
    };

    return cmocka_run_group_tests_name("auth_claims", tests, NULL, NULL);
}
