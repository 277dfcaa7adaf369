/* SPDX-License-Identifier: PostgreSQL */
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/mem.h"

static void
nothing_is_still_an_address(void **state)
{
    void *all[] = {
        pgc_xmalloc(0),
        pgc_xcalloc(0, 8),
        pgc_xcalloc_lines(0),
        pgc_xrealloc(NULL, 0),
        pgc_xmemdup(NULL, 0),
        pgc_xstrndup(NULL, 0),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_non_null(all[i]);
        free(all[i]);
    }
}

static void
copies_are_terminated_and_their_own(void **state)
{
    const char text[] = {'a', 'b', 'c'};
    char *cut = pgc_xstrndup(text, 2);
    char *whole = pgc_xstrdup(cut);
    char *printed = pgc_xasprintf("%s-%d", whole, 7);
    char *bytes = pgc_xmemdup(text, sizeof(text));

    (void)state;
    assert_string_equal(cut, "ab");
    assert_string_equal(whole, "ab");
    assert_ptr_not_equal(cut, whole);
    assert_string_equal(printed, "ab-7");
    assert_memory_equal(bytes, text, sizeof(text));
    free(cut);
    free(whole);
    free(printed);
    free(bytes);
}

static const volatile size_t huge = SIZE_MAX / 2;

static void
leave(int signo)
{
    exit(128 + signo); /* as the signal would, but telling the coverage report first */
}

/* What happens to a child that asks for that. */
static void
ends_the_process(void *(*ask)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        (void)close(STDERR_FILENO); /* the message is expected */
        (void)signal(SIGABRT, leave);
        free(ask());
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
lines_begin_where_the_cache_has_them_begin(void **state)
{
    char *lines[8];

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        lines[i] = pgc_xcalloc_lines(100);
        assert_int_equal((uintptr_t)lines[i] % PGC_CACHE_LINE, 0);
        assert_true(lines[i][0] == 0 && lines[i][99] == 0);
        memset(lines[i], 'x', 100);
    }
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        free(lines[i]);
    }
}

static void *
ask_for_a_product(void)
{
    return pgc_xcalloc(huge, 4);
}

static void *
ask_for_too_much(void)
{
    return pgc_xmalloc(huge);
}

static void *
ask_for_too_much_more(void)
{
    return pgc_xrealloc(pgc_xmalloc(1), huge);
}

static void *
ask_for_what_a_library_lacks(void)
{
    pgc_mem_none("a library");
}

static void
a_product_that_overflows_ends_the_process(void **state)
{
    (void)state;
    ends_the_process(ask_for_a_product);
}

static void
memory_that_is_not_there_ends_the_process(void **state)
{
    (void)state;
    ends_the_process(ask_for_too_much);
    ends_the_process(ask_for_too_much_more);
    ends_the_process(ask_for_what_a_library_lacks);
}

static void
wiped_memory_holds_zeroes(void **state)
{
    char secret[] = "secret";
    const char zeroes[sizeof(secret)] = {0};

    (void)state;
    pgc_wipe(secret, sizeof(secret));
    assert_memory_equal(secret, zeroes, sizeof(secret));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_still_an_address),
        cmocka_unit_test(copies_are_terminated_and_their_own),
        cmocka_unit_test(lines_begin_where_the_cache_has_them_begin),
        cmocka_unit_test(a_product_that_overflows_ends_the_process),
        cmocka_unit_test(memory_that_is_not_there_ends_the_process),
        cmocka_unit_test(wiped_memory_holds_zeroes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
