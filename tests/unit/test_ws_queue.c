/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ws_queue.h"

/* A frame whose number is its close code, which makes it easy to tell from others. */
static struct pgc_frame *
numbered(int number, size_t extra)
{
    static const char padding[128];

    return ws_close_frame_new(number, padding, extra);
}

static void
push(struct ws_queue *queue, int number)
{
    struct pgc_frame *frame = numbered(number, 0);

    ws_queue_push(queue, frame, number);
    pgc_frame_unref(frame);
}

static int
pop(struct ws_queue *queue)
{
    struct pgc_frame *frame = ws_queue_pop(queue);
    int number;

    if (frame == NULL) {
        return -1;
    }
    number = (unsigned char)frame->bytes[2] << 8 | (unsigned char)frame->bytes[3];
    pgc_frame_unref(frame);
    return number;
}

static void
frames_come_out_in_the_order_they_went_in(void **state)
{
    struct ws_queue queue = {0};
    int in = 0;
    int out = 0;

    (void)state;
    while (in < 1000) { /* two in, one out: the ring wraps and grows */
        push(&queue, in++);
        push(&queue, in++);
        assert_int_equal(pop(&queue), out++);
    }
    while (out < in) {
        assert_int_equal(pop(&queue), out++);
    }
    assert_int_equal(pop(&queue), -1);
    assert_int_equal(queue.bytes, 0);
}

static void
frame_put_ahead_comes_first_and_only_the_newest(void **state)
{
    struct ws_queue queue = {0};
    struct pgc_frame *early = numbered(900, 0);
    struct pgc_frame *late = numbered(901, 0);

    (void)state;
    push(&queue, 1);
    push(&queue, 2);
    ws_queue_put_ahead(&queue, early);
    ws_queue_put_ahead(&queue, late);
    assert_int_equal(early->refs, 1);
    assert_int_equal(ws_queue_first_length(&queue), late->length);
    pgc_frame_unref(early);
    pgc_frame_unref(late);
    assert_int_equal(pop(&queue), 901);
    assert_int_equal(pop(&queue), 1);
    assert_int_equal(pop(&queue), 2);
    assert_int_equal(pop(&queue), -1);
}

static void
one_frame_may_be_larger_than_the_bound(void **state)
{
    struct ws_queue queue = {0};
    struct pgc_frame *large = numbered(1, 100);

    (void)state;
    assert_true(ws_queue_has_room(&queue, 1000000, 50, 10));
    ws_queue_push(&queue, large, 0);
    assert_true(ws_queue_has_room(&queue, 50, 50, 10));
    assert_false(ws_queue_has_room(&queue, 51, 50, 10));
    pgc_frame_unref(large);
    ws_queue_clear(&queue);
}

static void
bounds_hold_in_bytes_and_in_number(void **state)
{
    struct ws_queue queue = {0};

    (void)state;
    push(&queue, 1);
    push(&queue, 2); /* 4 bytes behind the first */
    assert_true(ws_queue_has_room(&queue, 6, 10, 3));
    assert_false(ws_queue_has_room(&queue, 7, 10, 3));
    assert_false(ws_queue_has_room(&queue, 6, 10, 2));
    assert_false(ws_queue_has_room(&queue, SIZE_MAX, 10, 3));
    ws_queue_clear(&queue);
}

static void
age_is_that_of_the_first_that_waits(void **state)
{
    struct ws_queue queue = {0};

    (void)state;
    assert_int_equal(ws_queue_oldest_ms(&queue), INT64_MAX);
    push(&queue, 5);
    push(&queue, 9);
    assert_int_equal(ws_queue_oldest_ms(&queue), 5);
    assert_int_equal(pop(&queue), 5);
    assert_int_equal(ws_queue_oldest_ms(&queue), 9);
    ws_queue_clear(&queue);
    assert_int_equal(ws_queue_oldest_ms(&queue), INT64_MAX);
}

static void
empty_queue_holds_no_memory(void **state)
{
    struct ws_queue queue = {0};

    (void)state;
    push(&queue, 1);
    assert_non_null(queue.ring);
    assert_int_equal(pop(&queue), 1);
    assert_null(queue.ring);
}

static void
close_frame_has_code_and_a_reason_of_at_most_123_bytes(void **state)
{
    struct pgc_frame *bare = ws_close_frame_new(1000, NULL, 0);
    struct pgc_frame *full = numbered(4290, 128);

    (void)state;
    assert_int_equal(bare->length, 4);
    assert_memory_equal(bare->bytes, "\x88\x02\x03\xe8", 4);
    assert_int_equal(full->length, 127);
    assert_memory_equal(full->bytes, "\x88\x7d\x10\xc2", 4);
    pgc_frame_unref(bare);
    pgc_frame_unref(full);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_in_the_order_they_went_in),
        cmocka_unit_test(frame_put_ahead_comes_first_and_only_the_newest),
        cmocka_unit_test(one_frame_may_be_larger_than_the_bound),
        cmocka_unit_test(bounds_hold_in_bytes_and_in_number),
        cmocka_unit_test(age_is_that_of_the_first_that_waits),
        cmocka_unit_test(empty_queue_holds_no_memory),
        cmocka_unit_test(close_frame_has_code_and_a_reason_of_at_most_123_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
