/* SPDX-License-Identifier: PostgreSQL */
/*
 * memory.c - OpenSSL and cjose end the process, too, where there is no memory: left alone they
 * crash, or call a good token a bad one, and its owner is sent away for good.
 */
#include <stdlib.h>

#include <cjose/util.h>
#include <openssl/crypto.h>

#include "pgcable/auth.h"
#include "pgcable/mem.h"

static void *
memory_allocate(size_t size, const char *file PGC_UNUSED, int line PGC_UNUSED)
{
    return pgc_xmalloc(size);
}

static void *
memory_resize(void *ptr, size_t size, const char *file PGC_UNUSED, int line PGC_UNUSED)
{
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return pgc_xrealloc(ptr, size);
}

static void
memory_free(void *ptr, const char *file PGC_UNUSED, int line PGC_UNUSED)
{
    free(ptr);
}

void
pgc_auth_take_memory(void)
{
    cjose_set_alloc_funcs(pgc_xmalloc, pgc_xrealloc, free);
    (void)CRYPTO_set_mem_functions(memory_allocate, memory_resize, memory_free);
}
