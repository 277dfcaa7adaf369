/* SPDX-License-Identifier: PostgreSQL */
/*
 * Names that a stranger made to collide.  How far a search has to go is no business of the table's
 * users, so the table is looked into here: its file is part of this test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../src/core/table.c"

enum { PAIRS = 17, NAMES = 100000, LONGEST_SEARCH = 1000 };

/* "Ez" and "FY" are the same to a hash that multiplies by 33; so are all names made of them. */
static size_t
crafted_name(unsigned number, char name[2 * PAIRS + 1])
{
    for (size_t i = 0; i < PAIRS; i++) {
        memcpy(name + 2 * i, number >> i & 1 ? "Ez" : "FY", 2);
    }
    name[2 * PAIRS] = '\0';
    return 2 * PAIRS;
}

/* Bernstein's, as many tables have it. */
static uint64_t
plain_hash(const char *name, size_t length)
{
    uint64_t hash = 5381;

    for (size_t i = 0; i < length; i++) {
        hash = hash * 33 + (unsigned char)name[i];
    }
    return hash;
}

static size_t
longest_search(const struct pgc_table *table)
{
    size_t longest = 0;

    for (size_t i = 0; i < table->slot_count; i++) {
        const struct slot *slot = &table->slots[i];
        size_t steps = (i - (size_t)slot->hash) & (table->slot_count - 1);

        if (slot->entry != NULL && steps > longest) {
            longest = steps;
        }
    }
    return longest;
}

static void
names_that_collide_under_a_plain_hash_are_spread(void **state)
{
    struct pgc_table *table = pgc_table_new();
    char name[2 * PAIRS + 1];
    uint64_t first = plain_hash(name, crafted_name(0, name));

    (void)state;
    for (unsigned i = 0; i < NAMES; i++) {
        size_t length = crafted_name(i, name);

        assert_int_equal(plain_hash(name, length), first); /* one chain of them all */
        assert_null(pgc_table_put(table, name, length, table));
    }
    assert_int_equal(pgc_table_count(table), NAMES);
    assert_in_range(longest_search(table), 0, LONGEST_SEARCH);
    pgc_table_free(table, NULL);
}

static void
no_two_tables_have_the_same_key(void **state)
{
    struct pgc_table *one = pgc_table_new();
    struct pgc_table *other = pgc_table_new();

    (void)state;
    assert_memory_not_equal(one->hash_key, other->hash_key, sizeof(one->hash_key));
    pgc_table_free(one, NULL);
    pgc_table_free(other, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_collide_under_a_plain_hash_are_spread),
        cmocka_unit_test(no_two_tables_have_the_same_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
