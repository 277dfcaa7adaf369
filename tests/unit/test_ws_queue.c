/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ws_queue.h"

/* One of that length has room. */
static bool
has_room(const struct ws_queue *queue, size_t length, size_t max_bytes, unsigned max_messages)
{
    const struct pgc_frame frame = {.count = 1, .length = length};

    return ws_queue_has_room(queue, &frame, max_bytes, max_messages);
}

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
    assert_true(has_room(&queue, 1000000, 50, 10));
    ws_queue_push(&queue, large, 0);
    assert_true(has_room(&queue, 50, 50, 10));
    assert_false(has_room(&queue, 51, 50, 10));
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
    assert_true(has_room(&queue, 6, 10, 3));
    assert_false(has_room(&queue, 7, 10, 3));
    assert_false(has_room(&queue, 6, 10, 2));
    assert_false(has_room(&queue, SIZE_MAX, 10, 3));
    ws_queue_clear(&queue);
}

static void
what_stands_in_one_frame_counts_one_by_one(void **state)
{
    struct ws_queue queue = {0};
    struct pgc_frame *parts[] = {numbered(1, 0), numbered(2, 0), numbered(3, 0)};
    struct pgc_frame *joined = pgc_frame_join(parts, 3);

    (void)state;
    assert_int_equal(joined->count, 3);
    assert_int_equal(joined->length, 3 * parts[0]->length);
    assert_memory_equal(joined->bytes + parts[0]->length, parts[1]->bytes, parts[1]->length);
    push(&queue, 1);
    assert_false(ws_queue_has_room(&queue, joined, 100, 3));
    assert_true(ws_queue_has_room(&queue, joined, 100, 4));
    ws_queue_push(&queue, joined, 0);
    assert_false(has_room(&queue, 1, 100, 4));
    assert_int_equal(pop(&queue), 1);
    assert_int_equal(queue.messages, 3);
    assert_true(has_room(&queue, 1, 100, 4));
    ws_queue_clear(&queue);
    assert_int_equal(queue.messages, 0);
    pgc_frame_unref(joined);
    for (size_t i = 0; i < 3; i++) {
        pgc_frame_unref(parts[i]);
    }
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
    assert_null(queue.ring); /* nor does one with a single frame */
    push(&queue, 2);
    assert_non_null(queue.ring);
    assert_int_equal(pop(&queue), 1);
    assert_int_equal(pop(&queue), 2);
    assert_null(queue.ring);
}

/* `total` is in `metrics`. */
static struct ws_memory
memory_of(struct pgc_metrics *metrics)
{
    return (struct ws_memory){.total = pgc_gauge(metrics, "queues", "", "")};
}

static void
frame_counts_once_in_however_many_queues_it_waits(void **state)
{
    struct pgc_metrics *metrics = pgc_metrics_new();
    struct ws_memory memory = memory_of(metrics);
    struct ws_queue queues[3] = {{.memory = &memory}, {.memory = &memory}, {.memory = &memory}};
    struct pgc_frame *frame = numbered(1, 100);
    size_t with_one;

    (void)state;
    ws_queue_push(&queues[0], frame, 0);
    with_one = memory.own;
    assert_true(with_one > frame->length);
    ws_queue_push(&queues[1], frame, 0);
    ws_queue_push(&queues[1], frame, 0);
    ws_queue_put_ahead(&queues[2], frame);
    ws_queue_put_ahead(&queues[2], frame);
    assert_true(memory.own < with_one + frame->length * 3); /* places in rings, no more */
    ws_queue_clear(&queues[0]);
    ws_queue_clear(&queues[1]);
    assert_int_equal(memory.own, sizeof(*frame) + frame->length);
    pgc_frame_unref(ws_queue_pop(&queues[2]));
    assert_int_equal(memory.own, 0);
    assert_int_equal(frame->queues, 0);
    pgc_frame_unref(frame);
    pgc_metrics_free(metrics);
}

static void
what_the_kernel_has_not_taken_counts_until_it_has(void **state)
{
    struct pgc_metrics *metrics = pgc_metrics_new();
    struct ws_memory memory = memory_of(metrics);
    struct ws_queue queue = {.memory = &memory};

    (void)state;
    ws_queue_hold(&queue, 70000);
    ws_queue_hold(&queue, 50000);
    assert_int_equal(memory.own, 50000);
    assert_int_equal(ws_queue_weight(&queue), 50000);
    ws_queue_hold(&queue, 0);
    assert_int_equal(memory.own, 0);
    push(&queue, 1);
    ws_queue_hold(&queue, 50000);
    ws_queue_clear(&queue);
    assert_int_equal(memory.own, 0);
    pgc_metrics_free(metrics);
}

static void
total_is_what_others_told_and_what_we_have_now(void **state)
{
    struct pgc_metrics *metrics = pgc_metrics_new();
    struct ws_memory one = memory_of(metrics);
    struct ws_memory other = memory_of(metrics);

    (void)state;
    one.own = 100;
    assert_int_equal(ws_memory_total(&one), 100);
    assert_int_equal(ws_memory_total(&other), 0);
    ws_memory_tell(&one);
    other.own = 11;
    assert_int_equal(ws_memory_total(&other), 111);
    ws_memory_tell(&other);
    one.own = 0;
    assert_int_equal(ws_memory_total(&one), 11);
    assert_int_equal(pgc_metric_get(one.total), 111);
    ws_memory_tell(&one);
    other.own = 0;
    ws_memory_tell(&other);
    assert_int_equal(pgc_metric_get(one.total), 0);
    pgc_metrics_free(metrics);
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
        cmocka_unit_test(what_stands_in_one_frame_counts_one_by_one),
        cmocka_unit_test(age_is_that_of_the_first_that_waits),
        cmocka_unit_test(empty_queue_holds_no_memory),
        cmocka_unit_test(frame_counts_once_in_however_many_queues_it_waits),
        cmocka_unit_test(what_the_kernel_has_not_taken_counts_until_it_has),
        cmocka_unit_test(total_is_what_others_told_and_what_we_have_now),
        cmocka_unit_test(close_frame_has_code_and_a_reason_of_at_most_123_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
