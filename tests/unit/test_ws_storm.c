/* SPDX-License-Identifier: PostgreSQL */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "ws_pace.h"
#include "ws_ship.h"

#define RESTART  "{\"type\":\"disconnect\",\"reason\":\"server_restart\",\"reconnect\":true}"
#define ACCEPTED "pgcable_ws_accepted_total"
#define RATE     "pgcable_ws_refused_total{reason=\"rate\"}"
#define RECEIVED "pgcable_ws_received_bytes_total"

enum {
    FLEET = WS_PACE_AT_ONCE + 14,
    FOREVER_MS = 600000,
    PATIENCE_MS = 60000,
    FLOOD_BYTES = 64 << 20,
    LATE_BYTES = 65536, /* are heard after the close frame */
};

static void
fleet_arrives(struct harbour *harbour, struct ship *ships[FLEET])
{
    for (size_t i = 0; i < FLEET; i++) {
        ships[i] = ship_aboard(harbour, 0);
        ship_subscribe(ships[i]);
    }
}

static void
fleet_sinks(struct ship *ships[FLEET])
{
    for (size_t i = 0; i < FLEET; i++) {
        ship_sink(ships[i]);
    }
}

/* Is the next frame this message, or the goodbye?  It is one of the two. */
static bool
is_served(struct ship *ship, const char *message)
{
    char payload[256];
    size_t length = 0;

    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    if (strcmp(payload, message) == 0) {
        return true;
    }
    assert_string_equal(payload, RESTART);
    return false;
}

static void
goodbyes_are_spread_and_who_still_waits_for_his_is_served(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ships[FLEET];
    size_t served = 0;

    (void)state;
    fleet_arrives(harbour, ships);
    harbour_drain(harbour, FOREVER_MS);
    harbour_publish(harbour, "{}");
    for (size_t i = 0; i < FLEET; i++) {
        served += is_served(ships[i], MESSAGE("{}")) ? 1 : 0;
    }
    assert_in_range(served, 1, FLEET - WS_PACE_AT_ONCE);
    fleet_sinks(ships);
    harbour_close(harbour);
}

static void
all_have_been_told_when_the_time_is_over(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ships[FLEET];

    (void)state;
    fleet_arrives(harbour, ships);
    harbour_drain(harbour, 1000);
    for (size_t i = 0; i < FLEET; i++) {
        ship_expect(ships[i], RESTART);
    }
    (void)harbour_wait_until_drained(harbour);
    fleet_sinks(ships);
    harbour_close(harbour);
}

static void
nobody_comes_in_while_others_are_sent_away(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct harbour *next = NULL;
    struct ship *ships[FLEET];
    struct ship *late = NULL;
    struct pgc_ws_conf next_conf = conf;

    (void)state;
    fleet_arrives(harbour, ships);
    harbour_drain(harbour, FOREVER_MS);
    next_conf.port = harbour_port(harbour); /* is free at once for the one that takes over */
    next = harbour_open(&next_conf);
    late = ship_aboard(next, 0);
    assert_int_equal(harbour_counted(next, "pgcable_ws_opened_total"), 1);
    ship_sink(late);
    fleet_sinks(ships);
    harbour_close(harbour);
    harbour_close(next);
}

/* The server has looked at that many, and let them in or not. */
static void
wait_for_arrivals(struct harbour *harbour, int64_t count)
{
    const int64_t deadline_ms = pgc_monotonic_ms() + PATIENCE_MS;

    while (harbour_counted(harbour, ACCEPTED) + harbour_counted(harbour, RATE) < count) {
        assert_true(pgc_monotonic_ms() < deadline_ms);
        (void)poll(NULL, 0, 1);
    }
}

static void
handshakes_beyond_the_rate_are_told_to_come_back(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ships[FLEET] = {NULL};
    const char *head = NULL;
    size_t count = 0;

    (void)state;
    conf.handshakes_per_s = 1;
    harbour = harbour_open(&conf);
    while (count < FLEET && harbour_counted(harbour, RATE) == 0) {
        ships[count++] = ship_new(harbour, 0);
        wait_for_arrivals(harbour, (int64_t)count);
    }
    head = ship_read_head(ships[count - 1]);
    assert_non_null(strstr(head, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(head, "\r\nRetry-After: "));
    assert_true(count > 2);
    fleet_sinks(ships);
    harbour_close(harbour);
}

/* Sends the same frame on and on; is it hung up on before so much has gone out? */
static bool
is_hung_up_on(const struct ship *ship, const char *frame, size_t length, size_t most)
{
    char frames[7 * 512];
    size_t sent = 0;

    for (size_t i = 0; i < sizeof(frames); i += length) {
        memcpy(frames + i, frame, length);
    }
    while (sent < most) {
        ssize_t taken = send(ship->fd, frames, sizeof(frames), MSG_NOSIGNAL);

        if (taken < 0) {
            return errno == ECONNRESET || errno == EPIPE;
        }
        sent += (size_t)taken;
    }
    return false;
}

static void
who_floods_us_after_the_close_frame_is_hung_up_on(void **state)
{
    static const char unmasked[] = "\x81\x02{}";
    static const char ping[7] = "\x89\x81\0\0\0\0x";
    static const char text[512] = "\x81\xfe\x01\xf8";
    const struct pgc_ws_conf conf =
        harbour_conf(); /* there is all the time in the world to close */
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ours = ship_aboard(harbour, 0);
    struct ship *the_librarys = ship_aboard(harbour, 0);
    struct ship *verbose = ship_aboard(harbour, 0);

    (void)state;
    ship_send_frame(ours, SHIP_TEXT, true, "\xff", 1);
    ship_send_frame(verbose, SHIP_TEXT, true, "\xff", 1);
    ship_send(the_librarys, unmasked, sizeof(unmasked) - 1);
    assert_true(is_hung_up_on(ours, ping, sizeof(ping), FLOOD_BYTES));
    assert_true(is_hung_up_on(the_librarys, ping, sizeof(ping), FLOOD_BYTES));
    assert_true(is_hung_up_on(verbose, text, sizeof(text), FLOOD_BYTES));
    harbour_wait_until_empty(harbour);
    assert_in_range(harbour_counted(harbour, RECEIVED), LATE_BYTES, LATE_BYTES + 4096);
    ship_sink(ours);
    ship_sink(the_librarys);
    ship_sink(verbose);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodbyes_are_spread_and_who_still_waits_for_his_is_served),
        cmocka_unit_test(all_have_been_told_when_the_time_is_over),
        cmocka_unit_test(nobody_comes_in_while_others_are_sent_away),
        cmocka_unit_test(handshakes_beyond_the_rate_are_told_to_come_back),
        cmocka_unit_test(who_floods_us_after_the_close_frame_is_hung_up_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
