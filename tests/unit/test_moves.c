/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moves.h"

static int
setup(void **state)
{
    struct pgc_batch *batch = pgc_batch_new(5);

    *state = pgc_moves_new();
    pgc_batch_add(batch, PGC_OP_BEGIN, NULL, NULL, NULL);
    pgc_moves_note(*state, batch, 0);
    pgc_batch_unref(batch);
    return 0;
}

static int
teardown(void **state)
{
    pgc_moves_free(*state);
    return 0;
}

static void
note(struct pgc_moves *moves, int64_t tick, enum pgc_op_kind kind, const char *via, int64_t now_ms)
{
    const struct pgc_ban ban = {.until_s = 1};
    struct pgc_batch *batch = pgc_batch_new(tick);

    if (kind == PGC_OP_BAN_MEMBER) {
        pgc_batch_add_ban(batch, kind, via, &ban);
    } else {
        pgc_batch_add(batch, kind, "a topic", via, NULL);
    }
    pgc_moves_note(moves, batch, now_ms);
    pgc_batch_unref(batch);
}

/* Member 5 was told, as of the end of that tick, to listen to "room". */
static bool
is_touched(struct pgc_moves *moves, int64_t tick)
{
    struct pgc_answer *answer = pgc_answer_new(1, "room");
    bool touched;

    pgc_answer_add_topic(answer, "a topic"); /* what others do with it does not matter */
    touched = pgc_moves_touch(moves, "5", answer, tick);
    pgc_answer_free(answer);
    return touched;
}

static void
what_moves_the_member_or_the_stream_touches_it(void **state)
{
    static const struct {
        enum pgc_op_kind kind;
        const char *via;
    } moves[] = {
        {PGC_OP_JOIN, "room"},
        {PGC_OP_LEAVE, "room"},
        {PGC_OP_REVOKE, "5"},
        {PGC_OP_EXPEL, "5"},
        {PGC_OP_ADMIT, "5"},
        {PGC_OP_RECHECK, "AnyChannel"},
        {PGC_OP_REVIEW, "AnyChannel"},
    };

    for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
        int64_t tick = 10 + (int64_t)i;

        assert_false(is_touched(*state, tick - 1));
        note(*state, tick, moves[i].kind, moves[i].via, 0);
        assert_true(is_touched(*state, tick - 1));
        assert_false(is_touched(*state, tick)); /* the answer knew */
    }
}

static void
what_moves_others_does_not_touch_it(void **state)
{
    note(*state, 7, PGC_OP_JOIN, "another room", 0);
    note(*state, 7, PGC_OP_LEAVE, "another room", 0);
    note(*state, 7, PGC_OP_REVOKE, "6", 0);
    note(*state, 7, PGC_OP_EXPEL, "6", 0);
    note(*state, 7, PGC_OP_BAN_MEMBER, "5", 0); /* ends the connection */
    note(*state, 7, PGC_OP_FORGET, "5", 0);
    assert_false(is_touched(*state, 6));
}

static void
an_older_move_hides_no_newer_one(void **state)
{
    note(*state, 7, PGC_OP_REVOKE, "5", 0);
    note(*state, 9, PGC_OP_ADMIT, "5", 0);
    assert_true(is_touched(*state, 6));
    assert_true(is_touched(*state, 8));
    assert_false(is_touched(*state, 9));
}

static void
what_is_not_known_any_more_may_touch_it(void **state)
{
    assert_true(is_touched(*state, 4)); /* before the beginning */
    assert_false(is_touched(*state, 5));
    note(*state, 7, PGC_OP_REVOKE, "6", 1000);
    note(*state, 8, PGC_OP_REVOKE, "7", 2000);
    note(*state, 9, PGC_OP_FORGET, "message:1", 1000 + PGC_MOVES_KEPT_MS);
    assert_false(is_touched(*state, 6));
    note(*state, 10, PGC_OP_FORGET, "message:1", 1001 + PGC_MOVES_KEPT_MS);
    assert_true(is_touched(*state, 6));
    assert_false(is_touched(*state, 7));
}

static void
another_history_has_other_ticks(void **state)
{
    note(*state, 100, PGC_OP_REVOKE, "5", 0);
    note(*state, 100, PGC_OP_RECHECK, "AnyChannel", 0);
    note(*state, 50, PGC_OP_RELOAD, NULL, 0);
    assert_false(is_touched(*state, 50));
    assert_true(is_touched(*state, 49));
}

static void
a_refusal_is_touched_as_well(void **state)
{
    struct pgc_answer *no = pgc_answer_new(1, NULL);

    assert_false(pgc_moves_touch(*state, "5", no, 6));
    note(*state, 7, PGC_OP_ADMIT, "5", 0);
    assert_true(pgc_moves_touch(*state, "5", no, 6));
    pgc_answer_free(no);
}

static void
nothing_is_known_before_anything_has_come(void **state)
{
    struct pgc_moves *moves = pgc_moves_new();

    (void)state;
    assert_true(is_touched(moves, INT64_MAX - 1));
    pgc_moves_free(moves);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_moves_the_member_or_the_stream_touches_it),
        TEST(what_moves_others_does_not_touch_it),
        TEST(an_older_move_hides_no_newer_one),
        TEST(what_is_not_known_any_more_may_touch_it),
        TEST(another_history_has_other_ticks),
        TEST(a_refusal_is_touched_as_well),
        cmocka_unit_test(nothing_is_known_before_anything_has_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
