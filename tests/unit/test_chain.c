/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "chain_river.h"

static void
ticks_and_their_pieces_come_down_in_order(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .ends = true, .messages = {1});
    SEND(.term = 1, .tick = 7, .messages = {1, -2});
    SEND(.term = 1, .tick = 7, .piece = 1, .ends = true, .messages = {3});
    SEND(.term = 1, .tick = 7, .piece = 2, .late = true);
    SEND(.term = 1, .tick = 7, .piece = 3, .late = true);
    SEND(.term = 1, .tick = 8, .ends = true);
    river_expect(river, "begin@5 6(1) 7(1 -2 7(3) 7( 7( 8() ");
    assert_int_equal(river->breaks, 0);
}

static void
a_piece_comes_down_when_its_last_fragment_has_come(void **state)
{
    const struct piece piece = {.term = 1, .tick = 6, .ends = true, .messages = {1, 2}};
    struct river *river = *state;

    assert_false(river_send_fragments(river, &piece, 0, 9));
    river_expect(river, "begin@5 ");
    assert_false(river_send_fragments(river, &piece, 9, 10));
    assert_true(river_send_fragments(river, &piece, 10, 9999));
    river_expect(river, "6(1 2) ");
    assert_int_equal(river->breaks, 0);
}

static void
it_begins_behind_the_first_end_that_it_meets(void **state)
{
    const struct piece piece = {.term = 1, .tick = 6, .piece = 2, .ends = true, .messages = {3}};
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .piece = 1, .messages = {2});
    river_send_fragments(river, &piece, 3, 9999);
    river_expect(river, "begin@6 ");
    assert_int_equal(river->chain.nonce, 6);
    SEND(.term = 1, .tick = 6, .piece = 3, .late = true);
    SEND(.term = 1, .tick = 7, .ends = true, .messages = {1});
    river_expect(river, "6( 7(1) ");
    assert_int_equal(river->breaks, 0);
}

static void
it_begins_at_what_comes_behind_an_end(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .piece = 5, .late = true);
    river_expect(river, "begin@6 6( ");
    SEND(.term = 1, .tick = 7, .ends = true);
    river_expect(river, "7() ");
    assert_int_equal(river->breaks, 0);
}

static void
it_begins_where_the_leader_says(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .ends = true, .begins = true, .begin = PGC_OP_BEGIN);
    SEND(.term = 1, .tick = 6, .piece = 1, .late = true);
    SEND(.term = 1, .tick = 7, .ends = true, .messages = {1});
    SEND(.term = 1, .tick = 8, .messages = {1});
    river_expect(river, "begin@6 6( 7(1) 8(1 ");
    /* History is another one; and a second beginning is one to those who were there before. */
    SEND(.term = 1, .tick = 3, .nonce = 33, .ends = true, .begins = true, .begin = PGC_OP_RELOAD);
    SEND(.term = 1, .tick = 4, .nonce = 44, .ends = true, .messages = {1});
    SEND(.term = 2, .tick = 9, .ends = true, .begins = true, .begin = PGC_OP_BEGIN);
    river_expect(river, "reload@3 4(1) reload@9 ");
    assert_int_equal(river->breaks, 0);
}

/* ---- what is missing ---- */

static void
a_gap_is_a_reload_at_the_next_sure_place(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 6, .ends = true);
    SEND(.term = 1, .tick = 8, .ends = true, .messages = {1});
    river_expect(river, "begin@5 6() reload@7 8(1) ");
    assert_int_equal(river->breaks, 1);
    SEND(.term = 1, .tick = 9, .messages = {1});
    SEND(.term = 1, .tick = 9, .piece = 2, .messages = {3}); /* not 1 */
    SEND(.term = 1, .tick = 9, .piece = 3, .ends = true, .messages = {4});
    river_expect(river, "9(1 reload@9 ");
    assert_int_equal(river->breaks, 2);
    SEND(.term = 1, .tick = 10, .ends = true);
    river_expect(river, "10() ");
}

static void
a_fragment_that_is_missing_is_a_gap(void **state)
{
    const struct piece piece = {.term = 1, .tick = 6, .ends = true, .messages = {1, 2}};
    struct river *river = *state;

    SEND(.term = 1, .tick = 5, .ends = true);
    river_send_fragments(river, &piece, 0, 5);
    river_send_fragments(river, &piece, 6, 9999);
    river_expect(river, "begin@4 5() reload@6 ");
    assert_int_equal(river->breaks, 1);
}

static void
a_piece_that_does_not_end_is_a_gap(void **state)
{
    const struct piece piece = {.term = 1, .tick = 6, .messages = {1}};
    struct river *river = *state;

    SEND(.term = 1, .tick = 5, .ends = true);
    river_send_fragments(river, &piece, 0, 5);
    SEND(.term = 1, .tick = 6, .piece = 1, .ends = true);
    river_expect(river, "begin@4 5() reload@6 ");
    assert_int_equal(river->breaks, 1);
}

/* All the bytes are in the first one, so that it is not for want of them. */
static void
assert_contradiction(struct river *river, struct codec_packet first, struct codec_packet second)
{
    struct pgc_batch *batch = pgc_batch_new(6);
    struct pgc_buf bytes = {0};

    batch->ends_tick = second.ends;
    pgc_codec_write_batch(&bytes, batch);
    first.bytes = (const unsigned char *)bytes.data;
    first.length = bytes.length;
    river->breaks = 0;
    assert_false(pgc_chain_take(&river->chain, &first));
    assert_int_equal(river->breaks, 0);
    assert_false(pgc_chain_take(&river->chain, &second));
    assert_int_equal(river->breaks, 1);
    pgc_chain_break(&river->chain);
    pgc_batch_unref(batch);
    pgc_buf_fini(&bytes);
}

static void
fragments_that_contradict_each_other_are_a_gap(void **state)
{
    const struct codec_packet first = {.term = 1, .tick = 6, .fragments = 2};
    struct codec_packet second = first;

    second.fragment = 1;
    second.ends = true;
    assert_contradiction(*state, first, second);
    second.ends = false;
    second.late = true;
    assert_contradiction(*state, first, second);
    second.late = false;
    second.fragments = 3;
    assert_contradiction(*state, first, second);
    second.fragments = 2;
    second.term = 2;
    assert_contradiction(*state, first, second);
}

static void
another_nonce_is_a_gap(void **state)
{
    struct river *river = *state;

    SEND(.term = 1, .tick = 5, .ends = true);
    SEND(.term = 1, .tick = 5, .piece = 1, .nonce = 99, .late = true);
    river_expect(river, "begin@4 5() reload@5 5( ");
    SEND(.term = 1, .tick = 6, .messages = {1});
    SEND(.term = 1, .tick = 6, .piece = 1, .nonce = 99, .ends = true);
    river_expect(river, "6(1 reload@6 ");
    assert_int_equal(river->breaks, 2);
}

static void
what_cannot_be_read_is_a_gap(void **state)
{
    struct river *river = *state;
    struct codec_packet packet = {
        .term = 1,
        .tick = 6,
        .nonce = 6,
        .fragments = 1,
        .ends = true,
        .bytes = (const unsigned char *)"nonsense",
        .length = 8,
    };

    SEND(.term = 1, .tick = 5, .ends = true);
    assert_false(pgc_chain_take(&river->chain, &packet));
    assert_int_equal(river->breaks, 1);
    SEND(.term = 1, .tick = 7, .ends = true);
    river_expect(river, "begin@4 5() reload@6 7() ");
}

static void
packets_that_lie_about_their_piece_are_a_gap(void **state)
{
    struct river *river = *state;
    struct pgc_batch *batch = pgc_batch_new(7);
    struct pgc_buf bytes = {0};
    struct codec_packet packet = {.term = 1, .tick = 6, .fragments = 1, .ends = true};

    batch->ends_tick = true;
    pgc_codec_write_batch(&bytes, batch);
    packet.bytes = (const unsigned char *)bytes.data;
    packet.length = bytes.length;
    SEND(.term = 1, .tick = 5, .ends = true);
    assert_false(pgc_chain_take(&river->chain, &packet));
    river_expect(river, "begin@4 5() ");
    assert_int_equal(river->breaks, 1);
    batch->tick = 6;
    packet.tick = 6;
    packet.ends = false;
    pgc_buf_clear(&bytes);
    pgc_codec_write_batch(&bytes, batch);
    packet.bytes = (const unsigned char *)bytes.data;
    assert_false(pgc_chain_take(&river->chain, &packet));
    assert_int_equal(river->breaks, 2);
    pgc_batch_unref(batch);
    pgc_buf_fini(&bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, river_setup, river_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ticks_and_their_pieces_come_down_in_order),
        TEST(a_piece_comes_down_when_its_last_fragment_has_come),
        TEST(it_begins_behind_the_first_end_that_it_meets),
        TEST(it_begins_at_what_comes_behind_an_end),
        TEST(it_begins_where_the_leader_says),
        TEST(a_gap_is_a_reload_at_the_next_sure_place),
        TEST(a_fragment_that_is_missing_is_a_gap),
        TEST(a_piece_that_does_not_end_is_a_gap),
        TEST(fragments_that_contradict_each_other_are_a_gap),
        TEST(another_nonce_is_a_gap),
        TEST(what_cannot_be_read_is_a_gap),
        TEST(packets_that_lie_about_their_piece_are_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
