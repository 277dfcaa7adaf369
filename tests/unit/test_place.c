/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/place.h"

static struct pgc_position
place_of(int64_t tick, int64_t id, uint32_t part)
{
    return (struct pgc_position){.tick = tick, .id = id, .part = part, .nonce = 0xdeadbee};
}

static void
place_is_written_as_tick_nonce_and_number(void **state PGC_UNUSED)
{
    struct pgc_position place = place_of(2753, 1, 2);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    pgc_place_write(&place, epoch, &offset);
    assert_string_equal(epoch, "2753.0deadbee");
    assert_int_equal(offset, (1 << 23) + 2);
}

static void
place_is_read_back_as_it_was(void **state PGC_UNUSED)
{
    static const struct {
        int64_t tick;
        int64_t id;
        uint32_t part;
    } places[] = {
        {0, 1, 0},
        {1, 1, 1},
        {INT64_MAX, ((int64_t)1 << 30) - 1, (1 << 23) - 1},
        {9007199254740993, 12345, 678},
    };
    char epoch[PGC_EPOCH_BYTES];
    struct pgc_position back;
    int64_t offset;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct pgc_position place = place_of(places[i].tick, places[i].id, places[i].part);

        assert_true(pgc_place_is_exact(&place));
        pgc_place_write(&place, epoch, &offset);
        assert_true(offset >= 1 && offset < (int64_t)1 << 53);
        assert_true(pgc_place_read(epoch, strlen(epoch), offset, &back));
        assert_int_equal(pgc_place_compare(&place, &back), 0);
        assert_int_equal(back.nonce, place.nonce);
    }
}

static void
offset_grows_with_row_and_part(void **state PGC_UNUSED)
{
    char epoch[PGC_EPOCH_BYTES];
    int64_t last = 0;
    int64_t offset;

    for (int64_t id = 1; id <= 3; id++) {
        for (uint32_t part = 0; part < 3; part++) {
            struct pgc_position place = place_of(7, id, part);

            pgc_place_write(&place, epoch, &offset);
            assert_true(offset > last);
            last = offset;
        }
    }
}

static void
place_beyond_what_an_offset_holds_says_so(void **state PGC_UNUSED)
{
    struct pgc_position far_row = place_of(7, (int64_t)1 << 30, 0);
    struct pgc_position far_part = place_of(7, 1, 1 << 23);
    struct pgc_position no_row = place_of(7, 0, 0);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    assert_false(pgc_place_is_exact(&far_row));
    assert_false(pgc_place_is_exact(&far_part));
    assert_false(pgc_place_is_exact(&no_row));
    pgc_place_write(&far_row, epoch, &offset);
    assert_true(offset >= 1 && offset < (int64_t)1 << 53);
}

static void
what_we_would_not_write_is_not_read(void **state PGC_UNUSED)
{
    static const char *const epochs[] = {
        "",
        ".",
        "7",
        "7.",
        ".deadbeef",
        "7.deadbee",
        "7.deadbeef0",
        "7.DEADBEEF",
        "7.deadbeeg",
        "7,deadbeef",
        "07.deadbeef",
        "-7.deadbeef",
        "+7.deadbeef",
        " 7.deadbeef",
        "7.deadbeef ",
        "7.0xdeadbe",
        "9223372036854775808.deadbeef",
        "99999999999999999999999999.deadbeef",
        "7.7.deadbeef",
    };
    struct pgc_position place = place_of(1, 2, 3);

    for (size_t i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
        assert_false(pgc_place_read(epochs[i], strlen(epochs[i]), 1 << 23, &place));
    }
    assert_false(pgc_place_read("7.deadbe\0f", 10, 1 << 23, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, 0, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, (1 << 23) - 1, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, -1, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, INT64_MIN, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, (int64_t)1 << 53, &place));
    assert_false(pgc_place_read("7.deadbeef", 10, INT64_MAX, &place));
    assert_int_equal(place.id, 2);
    assert_true(pgc_place_read("7.deadbeef", 10, 1 << 23, &place));
    assert_int_equal(place.tick, 7);
    assert_int_equal(place.nonce, 0xdeadbeef);
}

static void
what_was_seen_is_added_and_taken_off_again(void **state PGC_UNUSED)
{
    static const struct pgc_seen seens[] = {{1, 0xdeadbee}, {INT64_MAX, UINT32_MAX}};
    struct pgc_position place = place_of(INT64_MAX, 1, 2);
    struct pgc_seen back = {7, 7};
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;
    size_t length;

    pgc_place_write(&place, epoch, &offset);
    pgc_place_add_seen(&(struct pgc_seen){0}, epoch);
    assert_string_equal(epoch, "9223372036854775807.0deadbee");
    length = strlen(epoch);
    assert_true(pgc_place_take_seen(epoch, &length, &back));
    assert_int_equal(length, strlen(epoch));
    assert_int_equal(back.tick, 0);
    for (size_t i = 0; i < sizeof(seens) / sizeof(seens[0]); i++) {
        pgc_place_write(&place, epoch, &offset);
        pgc_place_add_seen(&seens[i], epoch);
        length = strlen(epoch);
        assert_true(pgc_place_take_seen(epoch, &length, &back));
        assert_int_equal(length, strlen("9223372036854775807.0deadbee"));
        assert_int_equal(back.tick, seens[i].tick);
        assert_int_equal(back.nonce, seens[i].nonce);
        assert_true(pgc_place_read(epoch, length, offset, &place));
    }
    assert_string_equal(epoch, "9223372036854775807.0deadbee-9223372036854775807.ffffffff");
}

static void
what_we_would_not_add_is_not_taken_off(void **state PGC_UNUSED)
{
    static const char *const epochs[] = {
        "7.deadbeef-",
        "7.deadbeef-8",
        "7.deadbeef-8.",
        "7.deadbeef-8.deadbee",
        "7.deadbeef-0.deadbeef",
        "7.deadbeef-8.deadbeef-9.deadbeef",
        "7.deadbeef-08.deadbeef",
        "7.deadbeef--8.deadbeef",
        "-",
    };
    struct pgc_seen seen;

    for (size_t i = 0; i < sizeof(epochs) / sizeof(epochs[0]); i++) {
        size_t length = strlen(epochs[i]);

        assert_false(pgc_place_take_seen(epochs[i], &length, &seen));
    }
}

static void
places_compare_by_tick_then_row_then_part(void **state PGC_UNUSED)
{
    struct pgc_position a = place_of(1, 9, 9);
    struct pgc_position b = place_of(2, 1, 1);
    struct pgc_position c = place_of(2, 1, 2);
    struct pgc_position d = place_of(2, 3, 0);

    assert_true(pgc_place_compare(&a, &b) < 0);
    assert_true(pgc_place_compare(&b, &c) < 0);
    assert_true(pgc_place_compare(&c, &d) < 0);
    assert_true(pgc_place_compare(&d, &a) > 0);
    assert_int_equal(pgc_place_compare(&b, &b), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(place_is_written_as_tick_nonce_and_number),
        cmocka_unit_test(place_is_read_back_as_it_was),
        cmocka_unit_test(offset_grows_with_row_and_part),
        cmocka_unit_test(place_beyond_what_an_offset_holds_says_so),
        cmocka_unit_test(what_we_would_not_write_is_not_read),
        cmocka_unit_test(what_was_seen_is_added_and_taken_off_again),
        cmocka_unit_test(what_we_would_not_add_is_not_taken_off),
        cmocka_unit_test(places_compare_by_tick_then_row_then_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
