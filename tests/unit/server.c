/* SPDX-License-Identifier: PostgreSQL */
#include "server.h"

#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

bool
server_is_missing(void)
{
    if (getenv("PGC_TEST_DSN") != NULL) {
        return false;
    }
    fputs("SKIPPED: PGC_TEST_DSN is not set; run it through tests/unit/with-postgres\n", stderr);
    return true;
}

const char *
server_dsn(void)
{
    return getenv("PGC_TEST_DSN");
}

void
server_crash(void)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", getenv("PGC_TEST_RESTART"), (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}
