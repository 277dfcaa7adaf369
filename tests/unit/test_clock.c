/* SPDX-License-Identifier: PostgreSQL */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"

static void
the_monotonic_clock_never_goes_back(void **state)
{
    int64_t last_us = pgc_monotonic_us();
    int64_t last_ms = pgc_monotonic_ms();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        int64_t now_us = pgc_monotonic_us();
        int64_t now_ms = pgc_monotonic_ms();

        assert_true(now_us >= last_us && now_ms >= last_ms);
        last_us = now_us;
        last_ms = now_ms;
    }
    assert_in_range(last_ms, last_us / 1000, last_us / 1000 + 60000);
}

static void
the_rough_clock_is_hardly_behind(void **state)
{
    int64_t before_ms = pgc_monotonic_ms();
    int64_t rough_ms = pgc_monotonic_rough_ms();

    (void)state;
    assert_in_range(rough_ms, before_ms - 10, pgc_monotonic_ms());
}

static void
the_wall_clock_is_the_systems(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now_s = pgc_wall_s();
    int64_t now_us = pgc_wall_us();

    (void)state;
    assert_in_range(now_s, before, before + 60);
    assert_in_range(now_us / 1000000, before, before + 60);
}

static void
an_age_is_never_below_nothing(void **state)
{
    (void)state;
    assert_in_range(pgc_wall_age_us(pgc_wall_us() - 5000000), 5000000, 65000000);
    assert_int_equal(pgc_wall_age_us(pgc_wall_us() + 3600000000), 0);
}

static void
random_bytes_reach_the_end_and_differ(void **state)
{
    static unsigned char one[4096];
    static unsigned char two[4096];

    (void)state;
    pgc_random(one, sizeof(one));
    pgc_random(two, sizeof(two));
    assert_memory_not_equal(one, two, 32);
    assert_memory_not_equal(one + sizeof(one) - 32, two + sizeof(two) - 32, 32);
}

static void
leave(int signo)
{
    exit(128 + signo); /* as the signal would, but telling the coverage report first */
}

/* From here on the kernel gives this process no random bytes, as in a sandbox that is too tight. */
static void
forbid_random(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void
without_random_bytes_the_process_ends(void **state)
{
    int status = 0;
    pid_t child = fork();
    char byte;

    (void)state;
    if (child == 0) {
        (void)close(STDERR_FILENO); /* the message is expected */
        (void)signal(SIGABRT, leave);
        forbid_random();
        pgc_random(&byte, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void
a_time_for_people_has_milliseconds_and_says_that_it_is_utc(void **state)
{
    char text[PGC_WALL_TEXT];

    (void)state;
    pgc_wall_text(INT64_C(1763829421007999), text);
    assert_string_equal(text, "2025-11-22T16:37:01.007Z");
    pgc_wall_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_rough_clock_is_hardly_behind),
        cmocka_unit_test(the_wall_clock_is_the_systems),
        cmocka_unit_test(an_age_is_never_below_nothing),
        cmocka_unit_test(random_bytes_reach_the_end_and_differ),
        cmocka_unit_test(without_random_bytes_the_process_ends),
        cmocka_unit_test(a_time_for_people_has_milliseconds_and_says_that_it_is_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
