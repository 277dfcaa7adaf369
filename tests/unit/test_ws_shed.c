/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ws_ship.h"

enum { SMALL_RECEIVE_BYTES = 4096 };

#define ENDED_SHED   "pgcable_ws_ended_total{reason=\"queue_total\"}"
#define ENDED_SLOW   "pgcable_ws_ended_total{reason=\"too_slow\"}"
#define QUEUE_BYTES  "pgcable_ws_queue_bytes"
#define QUEUE_HEIGHT "pgcable_ws_queue_highest_bytes"

/* So much in messages that this client takes, while others do not. */
static void
publish_and_read(struct harbour *harbour, struct ship *ship, size_t bytes)
{
    enum { EACH = 10000 };
    char *text = ship_filled(EACH);
    char payload[64];
    size_t length;

    for (size_t i = 0; i < bytes / EACH; i++) {
        harbour_publish(harbour, text);
        assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    }
    free(text);
}

static void
message_that_waits_for_many_counts_once(void **state)
{
    enum { STUCK = 8, WAITING = 4 << 20 };
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *stuck[STUCK];
    struct ship *quick = NULL;

    (void)state;
    conf.queue_total_bytes = conf.queue_share_bytes = 3 * WAITING;
    harbour = harbour_open(&conf);
    quick = ship_subscriber(harbour, 0);
    for (size_t i = 0; i < STUCK; i++) {
        stuck[i] = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    }
    publish_and_read(harbour, quick, WAITING);
    assert_true(harbour_counted(harbour, QUEUE_HEIGHT) * STUCK > 3 * WAITING);
    harbour_wait_for(harbour, QUEUE_BYTES, WAITING / 2); /* the rest is in the kernel */
    assert_true(harbour_counted(harbour, QUEUE_BYTES) < 2 * WAITING);
    assert_int_equal(harbour_counted(harbour, ENDED_SHED), 0);
    for (size_t i = 0; i < STUCK; i++) {
        ship_sink(stuck[i]);
    }
    harbour_wait_for_most(harbour, QUEUE_BYTES, 0);
    ship_sink(quick);
    harbour_close(harbour);
}

static void
longest_queue_goes_first_when_all_together_are_too_long(void **state)
{
    enum { BOUND = 4 << 20 };
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *early = NULL;
    struct ship *late = NULL;
    struct ship *quick = NULL;

    (void)state;
    conf.queue_total_bytes = conf.queue_share_bytes = BOUND;
    harbour = harbour_open(&conf);
    quick = ship_subscriber(harbour, 0);
    early = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    publish_and_read(harbour, quick, BOUND * 3 / 4);
    late = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    for (int i = 0; harbour_counted(harbour, ENDED_SHED) == 0; i++) {
        publish_and_read(harbour, quick, BOUND / 64);
        assert_true(i < 1000);
    }
    ship_expect_end_after(early, SHIP_TOO_SLOW, 4290);
    assert_int_equal(harbour_counted(harbour, ENDED_SHED), 1);
    assert_int_equal(harbour_counted(harbour, ENDED_SLOW), 0);
    assert_true(harbour_counted(harbour, QUEUE_BYTES) <= BOUND);
    ship_sink(early);
    ship_sink(late);
    ship_sink(quick);
    harbour_close(harbour);
}

static void
worker_within_its_share_sheds_nobody(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *stuck = NULL;
    struct ship *quick = NULL;

    (void)state;
    conf.queue_total_bytes = 1 << 20;
    conf.queue_share_bytes = 64 << 20; /* as if the others had much less */
    harbour = harbour_open(&conf);
    quick = ship_subscriber(harbour, 0);
    stuck = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    publish_and_read(harbour, quick, 4 << 20);
    harbour_wait_for(harbour, QUEUE_BYTES, 2 << 20);
    assert_int_equal(harbour_counted(harbour, ENDED_SHED), 0);
    ship_sink(stuck);
    ship_sink(quick);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_that_waits_for_many_counts_once),
        cmocka_unit_test(longest_queue_goes_first_when_all_together_are_too_long),
        cmocka_unit_test(worker_within_its_share_sheds_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
