/* SPDX-License-Identifier: PostgreSQL */
/* Keys that are gone, for a time; and key files that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "auth_forge.h"

#define SECRET_A "an old secret of over thirty-two bytes"
#define SECRET_B "a newer secret of over thirty-two bytes"
#define SECRET_C "the newest secret of over thirty-two bytes"

enum { SOON_MS = 200, LATER_MS = 3600000, PATIENCE_MS = 60000 };

static struct pgc_auth *
auth_of(const char *secret)
{
    struct pgc_auth_conf conf = forge_conf();
    struct pgc_auth *auth;

    conf.hs256_secret = secret;
    auth = pgc_auth_new(&conf, NULL);
    assert_non_null(auth);
    return auth;
}

/* One that takes the place of another, which is freed. */
static struct pgc_auth *
auth_take_place(struct pgc_auth *old, const char *secret, int64_t until_ms)
{
    struct pgc_auth *auth = auth_of(secret);

    pgc_auth_inherit(auth, old, until_ms);
    pgc_auth_free(old);
    return auth;
}

static enum pgc_auth_result
verify(const struct pgc_auth *auth, const char *secret, struct pgc_identity *identity)
{
    char *token = forge_hs256(FORGE_HS256, FORGE_CLAIMS, secret);
    enum pgc_auth_result result = forge_verify(auth, token, identity);

    free(token);
    return result;
}

/* Until tokens that were signed with its key are no longer good. */
static void
wait_for_end(const struct pgc_auth *auth, const struct pgc_identity *identity)
{
    int64_t deadline_ms = pgc_monotonic_ms() + PATIENCE_MS;

    while (pgc_auth_knows(auth, identity->key)) {
        assert_true(pgc_monotonic_ms() < deadline_ms);
        (void)usleep(1000);
    }
}

static void
key_that_is_gone_is_good_for_some_time(void **state PGC_UNUSED)
{
    struct pgc_auth *auth = auth_of(SECRET_A);
    struct pgc_identity old;
    struct pgc_identity young;

    assert_int_equal(verify(auth, SECRET_A, &old), PGC_AUTH_OK);
    auth = auth_take_place(auth, SECRET_B, pgc_monotonic_ms() + LATER_MS);
    assert_int_equal(verify(auth, SECRET_A, &old), PGC_AUTH_OK);
    assert_string_equal(old.member, "42");
    assert_int_equal(verify(auth, SECRET_B, &young), PGC_AUTH_OK);
    assert_int_equal(verify(auth, SECRET_C, &young), PGC_AUTH_INVALID);
    assert_int_equal(verify(auth, SECRET_B, &young), PGC_AUTH_OK);
    assert_true(old.key != young.key);
    assert_true(pgc_auth_knows(auth, old.key) && pgc_auth_knows(auth, young.key));
    assert_false(pgc_auth_knows(auth, 0));
    pgc_auth_free(auth);
}

static void
after_that_it_is_not(void **state PGC_UNUSED)
{
    struct pgc_auth *auth = auth_of(SECRET_A);
    struct pgc_identity old;
    int64_t until_ms;

    assert_int_equal(verify(auth, SECRET_A, &old), PGC_AUTH_OK);
    until_ms = pgc_monotonic_ms() + SOON_MS;
    auth = auth_take_place(auth, SECRET_B, until_ms);
    wait_for_end(auth, &old);
    assert_true(pgc_monotonic_ms() >= until_ms);
    assert_int_equal(verify(auth, SECRET_A, &(struct pgc_identity){0}), PGC_AUTH_INVALID);
    pgc_auth_free(auth);
}

static void
no_change_prolongs_it_and_one_may_end_it(void **state PGC_UNUSED)
{
    struct pgc_auth *auth = auth_of(SECRET_A);
    struct pgc_identity a;
    struct pgc_identity b;
    int64_t until_ms;

    assert_int_equal(verify(auth, SECRET_A, &a), PGC_AUTH_OK);
    until_ms = pgc_monotonic_ms() + SOON_MS;
    auth = auth_take_place(auth, SECRET_B, until_ms);
    auth = auth_take_place(auth, SECRET_C, until_ms + LATER_MS);
    wait_for_end(auth, &a);
    assert_true(pgc_monotonic_ms() >= until_ms);
    assert_int_equal(verify(auth, SECRET_A, &(struct pgc_identity){0}), PGC_AUTH_INVALID);
    assert_int_equal(verify(auth, SECRET_B, &b), PGC_AUTH_OK);
    auth = auth_take_place(auth, SECRET_C, pgc_monotonic_ms() - 1);
    assert_int_equal(verify(auth, SECRET_B, &(struct pgc_identity){0}), PGC_AUTH_INVALID);
    assert_false(pgc_auth_knows(auth, b.key));
    pgc_auth_free(auth);
}

static void
key_that_comes_back_is_in_force_again(void **state PGC_UNUSED)
{
    struct pgc_auth *auth = auth_of(SECRET_A);
    struct pgc_identity first;
    struct pgc_identity again;

    assert_int_equal(verify(auth, SECRET_A, &first), PGC_AUTH_OK);
    auth = auth_take_place(auth, SECRET_B, pgc_monotonic_ms() + LATER_MS);
    auth = auth_take_place(auth, SECRET_A, pgc_monotonic_ms() - 1);
    assert_int_equal(verify(auth, SECRET_A, &again), PGC_AUTH_OK);
    assert_true(first.key == again.key);
    pgc_auth_free(auth);
}

/* The newest are tried, and not many. */
static void
only_a_few_that_are_gone_are_tried(void **state PGC_UNUSED)
{
    struct pgc_auth *auth = auth_of("secret number 0 of over thirty-two bytes");
    char *secret;
    int good = 0;

    for (int i = 1; i <= 20; i++) {
        secret = pgc_xasprintf("secret number %d of over thirty-two bytes", i);
        auth = auth_take_place(auth, secret, pgc_monotonic_ms() + LATER_MS);
        free(secret);
    }
    for (int i = 0; i <= 20; i++) {
        enum pgc_auth_result result;

        secret = pgc_xasprintf("secret number %d of over thirty-two bytes", i);
        result = verify(auth, secret, &(struct pgc_identity){0});
        good += result == PGC_AUTH_OK;
        assert_int_equal(result == PGC_AUTH_OK, i > 16);
        free(secret);
    }
    assert_int_equal(good, 4);
    pgc_auth_free(auth);
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
file_is_another_when_it_holds_something_else(void **state PGC_UNUSED)
{
    char *path = forge_file("one");
    char *other = forge_file("one");
    struct pgc_auth_conf conf = {.jwks_file = path};
    uint64_t one = pgc_auth_fingerprint(&conf);
    uint64_t two;

    assert_true(one == pgc_auth_fingerprint(&conf));
    conf.jwks_file = other;
    assert_true(one == pgc_auth_fingerprint(&conf));
    write_file(other, "two");
    two = pgc_auth_fingerprint(&conf);
    assert_true(one != two);
    assert_int_equal(rename(path, other), 0);
    assert_true(one == pgc_auth_fingerprint(&conf));
    assert_int_equal(unlink(other), 0);
    assert_true(one != pgc_auth_fingerprint(&conf));
    assert_true(two != pgc_auth_fingerprint(&conf));
    assert_true(pgc_auth_fingerprint(&conf) != pgc_auth_fingerprint(&(struct pgc_auth_conf){0}));
    free(path);
    free(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_that_is_gone_is_good_for_some_time),
        cmocka_unit_test(after_that_it_is_not),
        cmocka_unit_test(no_change_prolongs_it_and_one_may_end_it),
        cmocka_unit_test(key_that_comes_back_is_in_force_again),
        cmocka_unit_test(only_a_few_that_are_gone_are_tried),
        cmocka_unit_test(file_is_another_when_it_holds_something_else),
    };

    return cmocka_run_group_tests_name("auth_heritage", tests, NULL, NULL);
}
