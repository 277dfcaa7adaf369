/* SPDX-License-Identifier: PostgreSQL */
/*
 * arena.c - memory of one piece: taken bit by bit, given back all at once.
 *
 * A piece holds thousands of small things (rows, slices, keys) that die together when its events
 * are raised.  The newest chunk is kept for the next piece.
 */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "record.h"

enum { CHUNK_BYTES = 256 * 1024 }; /* for about a hundred rows with their facts */

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char data[];
};

static struct arena_chunk *
arena_grow(struct event_arena *arena, size_t size)
{
    struct arena_chunk *chunk;

    if (size < CHUNK_BYTES) {
        size = CHUNK_BYTES;
    }
    chunk = pgc_xmalloc(sizeof(*chunk) + size);
    chunk->size = size;
    chunk->used = 0;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    return chunk;
}

void *
pgc_arena_alloc(struct event_arena *arena, size_t size)
{
    struct arena_chunk *chunk = arena->chunks;
    void *memory;

    size = (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    if (chunk == NULL || chunk->size - chunk->used < size) {
        chunk = arena_grow(arena, size);
    }
    memory = chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

void *
pgc_arena_zalloc(struct event_arena *arena, size_t size)
{
    return memset(pgc_arena_alloc(arena, size), 0, size);
}

struct pgc_slice
pgc_arena_copy(struct event_arena *arena, const void *bytes, size_t length)
{
    char *copy = pgc_arena_alloc(arena, length + 1);

    if (length > 0) {
        memcpy(copy, bytes, length);
    }
    copy[length] = '\0';
    return (struct pgc_slice){.data = copy, .length = length};
}

void
pgc_arena_reset(struct event_arena *arena)
{
    struct arena_chunk *kept = arena->chunks;
    struct arena_chunk *chunk;

    if (kept == NULL) {
        return;
    }
    while ((chunk = kept->next) != NULL) {
        kept->next = chunk->next;
        free(chunk);
    }
    kept->used = 0;
    if (kept->size > CHUNK_BYTES) { /* one giant row must not keep its memory for ever */
        arena->chunks = NULL;
        free(kept);
    }
}

void
pgc_arena_fini(struct event_arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;

        arena->chunks = chunk->next;
        free(chunk);
    }
}
