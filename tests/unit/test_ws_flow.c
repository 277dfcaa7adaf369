/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "ws_ship.h"

enum { SMALL_RECEIVE_BYTES = 4096 };

#define RESTART      "{\"type\":\"disconnect\",\"reason\":\"server_restart\",\"reconnect\":true}"
#define ENDED_SLOW   "pgcable_ws_ended_total{reason=\"too_slow\"}"
#define CONNECTIONS  "pgcable_ws_connections"
#define SENT_FRAMES  "pgcable_ws_sent_frames_total"
#define WRITES       "pgcable_ws_writes_total"
#define QUEUE_HEIGHT "pgcable_ws_queue_highest_bytes"

static void
expect_number(struct ship *ship, int number)
{
    char text[128];

    (void)snprintf(text, sizeof(text), MESSAGE("{\"n\":%d}"), number);
    ship_expect(ship, text);
}

static void
sixty_four_thousand_messages_arrive_in_order_at_a_reader_that_pauses(void **state)
{
    enum { ALL = 64000, BATCH = 8000, FRAME_BYTES = 70 };
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    int published = 0;
    int read = 0;

    (void)state;
    while (read < ALL) {
        /* Fewer than come in, then more: it falls behind and catches up. */
        int until = published - BATCH * (published / BATCH % 4);

        while (read < until || (published == ALL && read < ALL)) {
            expect_number(ship, read++);
        }
        if (published < ALL) {
            harbour_publish_numbers(harbour, published, BATCH);
            published += BATCH;
        }
    }
    assert_true(harbour_counted(harbour, QUEUE_HEIGHT) > (int64_t)(BATCH + 1000) * FRAME_BYTES);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
many_frames_go_in_one_write(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_subscriber(harbour, 0);
    int64_t writes = harbour_counted(harbour, WRITES);

    (void)state;
    harbour_publish_numbers(harbour, 0, 500);
    for (int i = 0; i < 500; i++) {
        expect_number(ship, i);
    }
    harbour_wait_for(harbour, SENT_FRAMES, 502);
    assert_in_range(harbour_counted(harbour, WRITES) - writes, 1, 50); /* pings are some of them */
    ship_sink(ship);
    harbour_close(harbour);
}

static void
message_larger_than_all_bounds_is_delivered(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;
    char *large = ship_filled(900000);
    char *payload = pgc_xmalloc(1 << 20);
    size_t length;

    (void)state;
    conf.queue_bytes = 65536;
    harbour = harbour_open(&conf);
    ship = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    harbour_publish(harbour, large);
    assert_int_equal(ship_next(ship, payload, 1 << 20, &length), SHIP_TEXT);
    assert_non_null(strstr(payload, large));
    free(payload);
    free(large);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
reader_that_overruns_its_bytes_is_cut_off_while_another_goes_on(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *slow = NULL;
    struct ship *quick = NULL;
    char *text = ship_filled(10000);
    char payload[64];
    size_t length;

    (void)state;
    conf.queue_bytes = 100000;
    harbour = harbour_open(&conf);
    slow = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    quick = ship_subscriber(harbour, 0);
    for (int i = 0; harbour_counted(harbour, ENDED_SLOW) == 0; i++) {
        harbour_publish(harbour, text);
        assert_int_equal(ship_next(quick, payload, sizeof(payload), &length), SHIP_TEXT);
        assert_true(length > 10000);
        assert_true(i < 2000);
    }
    harbour_publish_numbers(harbour, 7, 1);
    expect_number(quick, 7);
    assert_int_equal(harbour_counted(harbour, ENDED_SLOW), 1);
    ship_expect_end_after(slow, SHIP_TOO_SLOW, 4290);
    free(text);
    ship_sink(slow);
    ship_sink(quick);
    harbour_close(harbour);
}

static void
reader_that_overruns_its_number_is_cut_off(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *slow = NULL;

    (void)state;
    conf.queue_messages = 1000;
    harbour = harbour_open(&conf);
    slow = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    for (int i = 0; harbour_counted(harbour, ENDED_SLOW) == 0; i++) {
        harbour_publish_numbers(harbour, 0, 1000);
        harbour_wait_until_taken(harbour);
        assert_true(i < 100); /* 7 MB: much more than the kernel takes */
    }
    ship_expect_end_after(slow, SHIP_TOO_SLOW, 4290);
    ship_sink(slow);
    harbour_close(harbour);
}

static void
reader_that_takes_nothing_for_too_long_is_cut_off_and_gone(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *stuck = NULL;
    char *text = ship_filled(1000000);

    (void)state;
    conf.queue_age_ms = 200;
    conf.closing_ms = 200;
    harbour = harbour_open(&conf);
    stuck = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    harbour_publish(harbour, text); /* more than the kernel takes: a part stays behind */
    harbour_wait_for(harbour, ENDED_SLOW, 1);
    harbour_wait_until_empty(harbour);
    free(text);
    ship_sink(stuck);
    harbour_close(harbour);
}

static void
large_batch_may_exceed_the_bounds_if_the_client_reads(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;

    (void)state;
    conf.queue_messages = 100;
    conf.queue_bytes = 10000;
    harbour = harbour_open(&conf);
    ship = ship_subscriber(harbour, 0);
    harbour_publish_numbers(harbour, 0, 1500);
    for (int i = 0; i < 1500; i++) {
        expect_number(ship, i);
    }
    assert_int_equal(harbour_counted(harbour, ENDED_SLOW), 0);
    ship_sink(ship);
    harbour_close(harbour);
}

/* The time in the next ping; -1 if the next frame is another text. */
static long long
read_ping(struct ship *ship)
{
    static const char head[] = "{\"type\":\"ping\",\"message\":";
    char payload[64] = "";
    size_t length;

    assert_int_equal(ship_next_or_ping(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    if (strncmp(payload, head, sizeof(head) - 1) != 0) {
        return -1;
    }
    return strtoll(payload + sizeof(head) - 1, NULL, 10);
}

/* One that was sent after now; `ship` gets nothing else. */
static long long
read_fresh_ping(struct ship *ship)
{
    int64_t now_s = pgc_wall_s();
    long long ping_s;

    do {
        ping_s = read_ping(ship);
        assert_true(ping_s >= 0);
    } while (ping_s <= now_s);
    return ping_s;
}

static void
ping_overtakes_what_waits(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *idle = ship_aboard(harbour, 0);
    struct ship *ship = ship_subscriber(harbour, SMALL_RECEIVE_BYTES);
    char *text = ship_filled(10000);
    long long fresh_s;
    long long ping_s;
    int before = 0;

    (void)state;
    for (int i = 0; i < 500; i++) {
        harbour_publish(harbour, text);
    }
    harbour_wait_for(harbour, QUEUE_HEIGHT, 2000000); /* it has fallen behind */
    fresh_s = read_fresh_ping(idle);
    (void)read_ping(idle); /* with its next one, everybody's turn has come */
    while ((ping_s = read_ping(ship)) < fresh_s) {
        before += ping_s < 0 ? 1 : 0;
    }
    assert_in_range(before, 1, 250); /* those that the kernel had already, not all 500 */
    free(text);
    ship_sink(idle);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
pings_come_every_three_seconds(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_aboard(harbour, 0);
    long long first;
    long long second = read_ping(ship);

    (void)state;
    do { /* once more if one was late */
        first = second;
        second = read_ping(ship);
        assert_true(second >= first);
    } while (second - first < 2 || second - first > 4);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
drain_says_goodbye_to_all_and_ends(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ships[3] = {ship_subscriber(harbour, 0), ship_aboard(harbour, 0), NULL};
    struct ship *late = ship_new(harbour, 0); /* no handshake yet */

    (void)state;
    harbour_publish_numbers(harbour, 1, 1); /* what was published before goes out before */
    harbour_wait_for(harbour, CONNECTIONS, 3);
    harbour_drain(harbour, 600000);
    expect_number(ships[0], 1);
    for (size_t i = 0; ships[i] != NULL; i++) {
        ship_expect(ships[i], RESTART);
        ship_expect_close(ships[i], 1000);
    }
    assert_string_equal(ship_read_to_end(late), "");
    assert_int_equal(harbour_wait_until_drained(harbour), 0);
    ship_sink(ships[0]);
    ship_sink(ships[1]);
    ship_sink(late);
    harbour_close(harbour);
}

static void
drain_of_an_empty_harbour_ends_at_once(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    harbour_drain(harbour, 600000);
    assert_int_equal(harbour_wait_until_drained(harbour), 0);
    harbour_close(harbour);
}

static void
drain_does_not_wait_longer_than_its_deadline(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *deaf = ship_aboard(harbour, 0);

    (void)state;
    harbour_drain(harbour, 100);
    assert_int_equal(harbour_wait_until_drained(harbour), 1);
    ship_sink(deaf);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixty_four_thousand_messages_arrive_in_order_at_a_reader_that_pauses),
        cmocka_unit_test(many_frames_go_in_one_write),
        cmocka_unit_test(message_larger_than_all_bounds_is_delivered),
        cmocka_unit_test(reader_that_overruns_its_bytes_is_cut_off_while_another_goes_on),
        cmocka_unit_test(reader_that_overruns_its_number_is_cut_off),
        cmocka_unit_test(reader_that_takes_nothing_for_too_long_is_cut_off_and_gone),
        cmocka_unit_test(large_batch_may_exceed_the_bounds_if_the_client_reads),
        cmocka_unit_test(ping_overtakes_what_waits),
        cmocka_unit_test(pings_come_every_three_seconds),
        cmocka_unit_test(drain_says_goodbye_to_all_and_ends),
        cmocka_unit_test(drain_of_an_empty_harbour_ends_at_once),
        cmocka_unit_test(drain_does_not_wait_longer_than_its_deadline),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
