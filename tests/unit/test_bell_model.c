/* SPDX-License-Identifier: PostgreSQL */
/*
 * Every order in which writers, PostgreSQL, daemons and the clock may take their steps, tried by
 * breadth-first search with the real bell.c (bell_world.h).  No bound on the depth: the search ends
 * when there is no world left that it has not seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "bell_world.h"

/* A world that was seen, and how it came about. */
struct node {
    struct world world;
    uint32_t from;
    const char *who;
    const char *what;
};

struct search {
    const struct world_rules *rules;
    struct node *nodes;
    size_t count;
    size_t size;
    uint32_t *slots; /* node + 1, by hash */
    size_t mask;
    size_t asleep; /* worlds in which the daemon sleeps */
};

static size_t
world_hash(const struct world *world)
{
    const unsigned char *bytes = (const unsigned char *)world;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < sizeof(*world); i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ hash >> 32);
}

static size_t
search_slot(const struct search *search, const struct world *world)
{
    size_t slot = world_hash(world) & search->mask;

    while (search->slots[slot] != 0 &&
           memcmp(&search->nodes[search->slots[slot] - 1].world, world, sizeof(*world)) != 0) {
        slot = (slot + 1) & search->mask;
    }
    return slot;
}

static void
search_grow(struct search *search)
{
    search->size = search->size > 0 ? 2 * search->size : 1024;
    search->nodes = pgc_xrealloc(search->nodes, search->size * sizeof(*search->nodes));
    free(search->slots);
    search->slots = pgc_xcalloc(2 * search->size, sizeof(*search->slots));
    search->mask = 2 * search->size - 1;
    for (size_t i = 0; i < search->count; i++) {
        search->slots[search_slot(search, &search->nodes[i].world)] = (uint32_t)i + 1;
    }
}

static void
search_add(struct search *search, const struct world_step *step, size_t from)
{
    size_t slot;

    if (search->count == search->size) {
        search_grow(search);
    }
    slot = search_slot(search, &step->world);
    if (search->slots[slot] != 0) {
        return;
    }
    search->slots[slot] = (uint32_t)search->count + 1;
    search->asleep += world_sleeps(&step->world);
    search->nodes[search->count++] = (struct node){
        .world = step->world,
        .from = (uint32_t)from,
        .who = step->who,
        .what = step->what,
    };
}

/* Prints the way to `node`, which turns it round: the search is over. */
static void
search_tell(struct search *search, uint32_t node)
{
    uint32_t next = 0;

    while (node > 0) {
        uint32_t from = search->nodes[node].from;

        search->nodes[node].from = next;
        next = node;
        node = from;
    }
    for (; next > 0; next = search->nodes[next].from) {
        printf("  %s %s\n", search->nodes[next].who, search->nodes[next].what);
    }
}

/* The way to a world that must not be; 0 = there is none. */
static size_t
search_for_loss(struct search *search)
{
    struct world_step steps[WORLD_STEPS] = {{.world = world_begin()}};

    search_add(search, &steps[0], 0);
    for (size_t i = 0; i < search->count; i++) {
        struct world world = search->nodes[i].world;
        size_t count;

        if (world_is_lost(&world)) {
            return i;
        }
        count = world_steps(search->rules, &world, steps);
        for (size_t s = 0; s < count; s++) {
            search_add(search, &steps[s], i);
        }
    }
    return 0;
}

static bool
is_safe(enum pgc_notify_mode mode, enum world_fault fault)
{
    struct world_rules rules = {.mode = mode, .fault = fault};
    struct search search = {.rules = &rules};
    size_t lost = search_for_loss(&search);

    if (lost == 0) {
        printf("%zu worlds, asleep in %zu of them\n", search.count, search.asleep);
    } else if (fault == FAULT_NONE) {
        printf("a row is committed and the daemon sleeps on:\n");
        search_tell(&search, (uint32_t)lost);
    }
    assert_true(lost > 0 || search.asleep > 0);
    free(search.nodes);
    free(search.slots);
    return lost == 0;
}

static void
whatever_happens_no_row_waits_while_the_daemon_sleeps(void **state)
{
    (void)state;
    assert_true(is_safe(PGC_NOTIFY_AUTO, FAULT_NONE));
}

static void
nor_with_notify_always(void **state)
{
    (void)state;
    assert_true(is_safe(PGC_NOTIFY_ALWAYS, FAULT_NONE));
}

static void
whatever_is_left_out_a_row_waits(void **state)
{
    static const char *const what[] = {
        [FAULT_NO_LOOK] = "nobody looks who writes",
        [FAULT_LOOK_BEFORE_LOUD] = "somebody looks before the word is loud",
        [FAULT_PREPARED_NOT_SEEN] = "prepared transactions are overlooked",
        [FAULT_NO_LAST_POLL] = "the last poll is left out",
        [FAULT_POLL_FORGETS] = "a poll forgets who rings meanwhile",
        [FAULT_WORD_BEFORE_INSERT] = "writers read the word before they have the lock",
        [FAULT_END_NOT_TOLD] = "nobody is told that a lease had ended",
        [FAULT_QUIET_NOT_TOLD] = "nobody is told that writers are quiet",
        [FAULT_QUIET_UNHEARD] = "a daemon that sets the word does not hear that",
    };

    (void)state;
    for (int fault = FAULT_NONE + 1; fault < WORLD_FAULTS; fault++) {
        if (is_safe(PGC_NOTIFY_AUTO, (enum world_fault)fault)) {
            fail_msg("no row waits although %s", what[fault]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens_no_row_waits_while_the_daemon_sleeps),
        cmocka_unit_test(nor_with_notify_always),
        cmocka_unit_test(whatever_is_left_out_a_row_waits),
    };

    return cmocka_run_group_tests_name("bell_model", tests, NULL, NULL);
}
