/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/table.h"

enum { MANY = 20000 };

static int values[MANY];

static int
table_setup(void **state)
{
    *state = pgc_table_new();
    return 0;
}

static int
table_teardown(void **state)
{
    pgc_table_free(*state, NULL);
    return 0;
}

static size_t
key_of(int number, char key[16])
{
    return (size_t)snprintf(key, 16, "key-%d", number);
}

static void
put_many(struct pgc_table *table, int first, int last)
{
    char key[16];

    for (int i = first; i < last; i++) {
        size_t length = key_of(i, key);

        assert_null(pgc_table_put(table, key, length, &values[i]));
    }
}

static void
what_was_put_is_found_and_nothing_else(void **state)
{
    char key[16];

    put_many(*state, 0, MANY);
    assert_int_equal(pgc_table_count(*state), MANY);
    for (int i = 0; i < MANY; i++) {
        size_t length = key_of(i, key);

        assert_ptr_equal(pgc_table_get(*state, key, length), &values[i]);
    }
    assert_null(pgc_table_get(*state, "key-", 4));
    assert_null(pgc_table_get(*state, "key-20000", 9));
}

static void
keys_are_bytes_and_are_copied(void **state)
{
    char key[] = {'a', '\0', 'b'};

    assert_null(pgc_table_put(*state, key, 3, &values[0]));
    assert_null(pgc_table_put(*state, "", 0, &values[1]));
    key[2] = 'c';
    assert_null(pgc_table_get(*state, key, 3));
    assert_null(pgc_table_get(*state, "a", 1));
    assert_ptr_equal(pgc_table_get(*state, "a\0b", 3), &values[0]);
    assert_ptr_equal(pgc_table_get(*state, "", 0), &values[1]);
}

static void
a_second_put_returns_the_first_value(void **state)
{
    assert_null(pgc_table_put(*state, "k", 1, &values[0]));
    assert_ptr_equal(pgc_table_put(*state, "k", 1, &values[1]), &values[0]);
    assert_ptr_equal(pgc_table_get(*state, "k", 1), &values[1]);
    assert_int_equal(pgc_table_count(*state), 1);
}

static void
what_was_removed_is_gone_and_the_rest_is_not(void **state)
{
    char key[16];

    put_many(*state, 0, MANY);
    for (int i = 0; i < MANY; i += 2) {
        size_t length = key_of(i, key);

        assert_ptr_equal(pgc_table_remove(*state, key, length), &values[i]);
        assert_null(pgc_table_remove(*state, key, length));
    }
    assert_int_equal(pgc_table_count(*state), MANY / 2);
    for (int i = 0; i < MANY; i++) {
        size_t length = key_of(i, key);

        assert_ptr_equal(pgc_table_get(*state, key, length), i % 2 == 0 ? NULL : &values[i]);
    }
}

static void
coming_and_going_does_not_wear_it_out(void **state)
{
    char key[16];

    put_many(*state, 0, 10);
    for (int i = 10; i < MANY; i++) {
        assert_null(pgc_table_put(*state, key, key_of(i, key), &values[i]));
        assert_ptr_equal(pgc_table_remove(*state, key, key_of(i - 10, key)), &values[i - 10]);
    }
    assert_int_equal(pgc_table_count(*state), 10);
    for (int i = MANY - 10; i < MANY; i++) {
        assert_ptr_equal(pgc_table_get(*state, key, key_of(i, key)), &values[i]);
    }
}

/* Few slots, so that almost every search has to look further than the first. */
static void
nobody_gets_lost_while_others_come_and_go(void **state)
{
    enum { CROWD = 60, STEPS = 20000 };
    bool is_there[CROWD] = {false};
    char key[16];

    srand(1);
    for (int step = 0; step < STEPS; step++) {
        int i = rand() % CROWD;
        size_t length = key_of(i, key);

        assert_ptr_equal(pgc_table_get(*state, key, length), is_there[i] ? &values[i] : NULL);
        if (is_there[i]) {
            assert_ptr_equal(pgc_table_remove(*state, key, length), &values[i]);
        } else {
            assert_null(pgc_table_put(*state, key, length, &values[i]));
        }
        is_there[i] = !is_there[i];
    }
    for (int i = 0; i < CROWD; i++) {
        size_t length = key_of(i, key);

        assert_ptr_equal(pgc_table_get(*state, key, length), is_there[i] ? &values[i] : NULL);
    }
}

/* The cursor counts slots. */
static void
it_is_small_again_after_many_have_gone(void **state)
{
    size_t cursor = 0;
    size_t length;
    const char *found;
    void *value;
    char key[16];

    put_many(*state, 0, MANY);
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(pgc_table_remove(*state, key, key_of(i, key)), &values[i]);
    }
    put_many(*state, 0, 2);
    while (pgc_table_next(*state, &cursor, &found, &length, &value)) {
    }
    assert_true(cursor <= 64);
    assert_int_equal(pgc_table_count(*state), 2);
}

static void
a_walk_meets_each_entry_once_even_if_it_removes_them(void **state)
{
    static bool met[MANY];
    size_t cursor = 0;
    size_t length;
    const char *key;
    void *value;
    int count = 0;

    memset(met, 0, sizeof(met));
    put_many(*state, 0, MANY);
    while (pgc_table_next(*state, &cursor, &key, &length, &value)) {
        ptrdiff_t i = (int *)value - values;

        assert_false(met[i]);
        met[i] = true;
        count++;
        assert_ptr_equal(pgc_table_remove(*state, key, length), value);
    }
    assert_int_equal(count, MANY);
    assert_int_equal(pgc_table_count(*state), 0);
}

static void
free_gets_every_value(void **state)
{
    struct pgc_table *table = pgc_table_new();

    (void)state;
    /* The leak checker is the judge. */
    assert_null(pgc_table_put(table, "a", 1, malloc(1)));
    assert_null(pgc_table_put(table, "b", 1, malloc(1)));
    pgc_table_free(table, free);
    pgc_table_free(NULL, free);
}

static void
siphash_gives_the_published_values(void **state)
{
    /* Key 00…0f, message 00, 01, … of the given length. */
    static const struct {
        size_t length;
        uint64_t hash;
    } vectors[] = {
        {0, UINT64_C(0xabac0158050fc4dc)},
        {1, UINT64_C(0xc9f49bf37d57ca93)},
        {7, UINT64_C(0xd3927d989bb11140)},
        {8, UINT64_C(0x369095118d299a8e)},
        {9, UINT64_C(0x25a48eb36c063de4)},
        {63, UINT64_C(0x9d199062b7bbb3a8)},
    };
    uint8_t key[16];
    uint8_t message[64];

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++) {
        message[i] = (uint8_t)i;
    }
    memcpy(key, message, sizeof(key));
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        assert_int_equal(pgc_siphash13(key, message, vectors[i].length), vectors[i].hash);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_was_put_is_found_and_nothing_else, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(keys_are_bytes_and_are_copied, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            a_second_put_returns_the_first_value, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            what_was_removed_is_gone_and_the_rest_is_not, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            coming_and_going_does_not_wear_it_out, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            a_walk_meets_each_entry_once_even_if_it_removes_them, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            nobody_gets_lost_while_others_come_and_go, table_setup, table_teardown),
        cmocka_unit_test_setup_teardown(
            it_is_small_again_after_many_have_gone, table_setup, table_teardown),
        cmocka_unit_test(free_gets_every_value),
        cmocka_unit_test(siphash_gives_the_published_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
