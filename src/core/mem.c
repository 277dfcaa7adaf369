/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/mem.h"

#include <stdio.h>
#include <stdlib.h>

PGC_NORETURN static void
mem_abort(size_t size)
{
    (void)fprintf(stderr, "pgcable: out of memory: could not allocate %zu bytes\n", size);
    abort();
}

void
pgc_mem_none(const char *library)
{
    (void)fprintf(stderr, "pgcable: out of memory in %s\n", library);
    abort();
}

/* malloc(0) may give NULL, which would look like a failure. */
static size_t
mem_at_least_one(size_t size)
{
    return size > 0 ? size : 1;
}

void *
pgc_xmalloc(size_t size)
{
    void *ptr = malloc(mem_at_least_one(size));

    if (ptr == NULL) {
        mem_abort(size);
    }
    return ptr;
}

void *
pgc_xcalloc(size_t count, size_t size)
{
    void *ptr = calloc(mem_at_least_one(count), mem_at_least_one(size));

    if (ptr == NULL) {
        mem_abort(size);
    }
    return ptr;
}

void *
pgc_xcalloc_lines(size_t size)
{
    void *ptr = NULL;

    if (posix_memalign(&ptr, PGC_CACHE_LINE, mem_at_least_one(size)) != 0) {
        mem_abort(size);
    }
    return memset(ptr, 0, size);
}

void *
pgc_xrealloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, mem_at_least_one(size));

    if (moved == NULL) {
        mem_abort(size);
    }
    return moved;
}

char *
pgc_xstrdup(const char *text)
{
    return pgc_xstrndup(text, strlen(text));
}

char *
pgc_xstrndup(const char *text, size_t length)
{
    char *copy = pgc_xmalloc(length + 1);

    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    return copy;
}

void *
pgc_xmemdup(const void *bytes, size_t length)
{
    void *copy = pgc_xmalloc(length);

    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *
pgc_xasprintf(const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    int length;

    va_start(args, fmt);
    length = vasprintf(&text, fmt, args);
    va_end(args);
    if (length < 0) {
        mem_abort(0);
    }
    return text;
}

void
pgc_wipe(void *ptr, size_t size)
{
    explicit_bzero(ptr, size);
}
