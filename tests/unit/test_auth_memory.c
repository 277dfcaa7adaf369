/* SPDX-License-Identifier: PostgreSQL */
/* The libraries' memory is ours; a program of its own, for that is decided once and for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjose/util.h>
#include <cmocka.h>
#include <openssl/crypto.h>

#include "pgcable/auth.h"
#include "pgcable/mem.h"

static void
openssl_and_cjose_take_memory_from_us(void **state)
{
    CRYPTO_malloc_fn before = NULL;
    CRYPTO_malloc_fn allocate = NULL;
    CRYPTO_realloc_fn resize = NULL;
    CRYPTO_free_fn free_fn = NULL;
    char *bytes;

    (void)state;
    CRYPTO_get_mem_functions(&before, NULL, NULL);
    pgc_auth_take_memory();
    CRYPTO_get_mem_functions(&allocate, &resize, &free_fn);
    assert_true(allocate != before);
    assert_true(cjose_get_alloc() == pgc_xmalloc);

    bytes = OPENSSL_malloc(1);
    assert_non_null(bytes);
    bytes[0] = 'x';
    bytes = OPENSSL_realloc(bytes, 4096);
    assert_int_equal(bytes[0], 'x');
    OPENSSL_free(bytes);
    assert_null(OPENSSL_realloc(OPENSSL_malloc(1), 0));
    bytes = OPENSSL_zalloc(1);
    assert_int_equal(bytes[0], 0);
    OPENSSL_free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(openssl_and_cjose_take_memory_from_us)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
