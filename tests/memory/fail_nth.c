/* SPDX-License-Identifier: PostgreSQL */
/*
 * fail_nth.c - to be preloaded: the allocation that PGC_FAIL_AT names, by number, gets no memory;
 * with PGC_FAIL_ON each after it neither.  At the end it says how many there were.
 */
#include <errno.h>
#include <execinfo.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* glibc's own names, which need no dlsym(). */
void *__libc_malloc(size_t size);                /* NOLINT(bugprone-reserved-identifier) */
void *__libc_calloc(size_t count, size_t size);  /* NOLINT(bugprone-reserved-identifier) */
void *__libc_realloc(void *memory, size_t size); /* NOLINT(bugprone-reserved-identifier) */

enum { FRAMES = 24 };

static atomic_ulong allocations;
static unsigned long fail_at;
static bool fail_on;

__attribute__((constructor)) static void
fail_begin(void)
{
    const char *at = getenv("PGC_FAIL_AT");
    void *frames[1];

    (void)backtrace(frames, 1); /* the first call needs memory */
    fail_at = at != NULL ? strtoul(at, NULL, 10) : 0;
    fail_on = getenv("PGC_FAIL_ON") != NULL;
}

__attribute__((destructor)) static void
fail_end(void)
{
    (void)dprintf(STDERR_FILENO, "fail_nth: %lu allocations\n", allocations);
}

/* Whose allocation it is; addr2line knows the lines. */
static void
fail_show(void)
{
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);

    (void)dprintf(STDERR_FILENO, "fail_nth: this allocation fails:\n");
    backtrace_symbols_fd(frames, count, STDERR_FILENO);
}

static bool
fail_is_due(void)
{
    unsigned long number = atomic_fetch_add(&allocations, 1) + 1;

    if (fail_at == 0 || number < fail_at || (number > fail_at && !fail_on)) {
        return false;
    }
    if (number == fail_at) {
        fail_show();
    }
    errno = ENOMEM;
    return true;
}

void *
malloc(size_t size)
{
    return fail_is_due() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return fail_is_due() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
    return size > 0 && fail_is_due() ? NULL : __libc_realloc(memory, size);
}
