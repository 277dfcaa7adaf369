/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "ws_ship.h"

#define REFUSED(reason) "pgcable_ws_refused_total{reason=\"" reason "\"}"
#define CONNECTIONS     "pgcable_ws_connections"
#define CROWDED         "{\"type\":\"disconnect\",\"reason\":\"too_many_connections\",\"reconnect\":true}"

/* A harbour with these places; free them after it. */
static struct harbour *
harbour_with(struct pgc_ws_conf *conf, const struct pgc_places_conf *places)
{
    conf->places = pgc_places_new(places);
    return harbour_open(conf);
}

static void
close_with(struct harbour *harbour, const struct pgc_ws_conf *conf)
{
    harbour_close(harbour);
    pgc_places_free(conf->places);
}

/* What it is told begins with `status` and ends with `text`. */
static void
expect_refusal(struct ship *ship, const char *status, const char *text)
{
    const char *answer = ship_read_to_end(ship);

    assert_non_null(strstr(answer, "HTTP/1.1 "));
    assert_memory_equal(answer + strlen("HTTP/1.1 "), status, strlen(status));
    assert_string_equal(strstr(answer, "\r\n\r\n") + 4, text);
    ship_sink(ship);
}

/* With a request that asks for more than the answer to it. */
static struct ship *
asking(struct ship *ship, const struct harbour *harbour, const char *headers)
{
    char *all = pgc_xasprintf("Authorization: Bearer %s\r\n%s", harbour_token(harbour), headers);

    ship_ask(ship, "/cable", all);
    free(all);
    return ship;
}

static void
crowd_of_one_address_leaves_room_for_others(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 10, .per_address = 2, .handshakes_percent = 100});
    struct ship *first = ship_aboard(harbour, 0);
    struct ship *second = ship_aboard(harbour, 0);
    struct ship *other = ship_from(harbour, "127.0.0.2");

    (void)state;
    for (int i = 0; i < 3; i++) {
        expect_refusal(ship_new(harbour, 0), "429 ", "Too many connections of this address");
    }
    assert_int_equal(harbour_counted(harbour, REFUSED("address")), 3);
    ship_enter(other, harbour, "");
    ship_sink(first);
    harbour_wait_for_most(harbour, CONNECTIONS, 2);
    first = ship_aboard(harbour, 0);
    ship_sink(first);
    ship_sink(second);
    ship_sink(other);
    close_with(harbour, &conf);
}

static void
silent_crowd_leaves_room_for_those_who_speak(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 16, .per_address = 8, .handshakes_percent = 25});
    struct ship *silent[4];
    struct ship *aboard = ship_aboard(harbour, 0);

    (void)state;
    silent[0] = ship_new(harbour, 0);
    silent[1] = ship_new(harbour, 0);
    harbour_wait_for(harbour, CONNECTIONS, 3);
    expect_refusal(ship_new(harbour, 0), "429 ", "Too many handshakes of this address");
    silent[2] = ship_from(harbour, "127.0.0.2");
    silent[3] = ship_from(harbour, "127.0.0.3");
    harbour_wait_for(harbour, CONNECTIONS, 5);
    expect_refusal(ship_from(harbour, "127.0.0.4"), "503 ", "Too many handshakes");
    assert_int_equal(harbour_counted(harbour, REFUSED("address_handshakes")), 1);
    assert_int_equal(harbour_counted(harbour, REFUSED("handshakes")), 1);
    ship_subscribe(aboard);
    ship_enter(silent[0], harbour, ""); /* one speaks, which makes room for another */
    ship_sink(ship_aboard(harbour, 0));
    for (size_t i = 0; i < 4; i++) {
        ship_sink(silent[i]);
    }
    ship_sink(aboard);
    close_with(harbour, &conf);
}

static void
member_with_too_many_connections_is_told_to_come_back(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 10, .per_member = 1, .handshakes_percent = 100});
    struct ship *first = ship_aboard(harbour, 0);
    struct ship *second = asking(ship_new(harbour, 0), harbour, "");
    struct ship *stream = ship_new(harbour, 0);
    char *request = pgc_xasprintf("GET /events?channel=NotificationChannel HTTP/1.1\r\n"
                                  "Host: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
        harbour_token(harbour));

    (void)state;
    assert_non_null(strstr(ship_read_head(second), "HTTP/1.1 101 "));
    ship_expect(second, CROWDED);
    ship_expect_close(second, 1013);
    ship_send(stream, request, strlen(request));
    expect_refusal(stream, "429 ", "Too many connections of this member");
    assert_int_equal(harbour_counted(harbour, REFUSED("member")), 2);
    assert_int_equal(harbour_counted(harbour, REFUSED("token")), 0);
    ship_sink(first);
    ship_sink(second);
    harbour_wait_until_empty(harbour);
    ship_sink(ship_aboard(harbour, 0));
    free(request);
    close_with(harbour, &conf);
}

static void
workers_hand_out_the_same_places(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *one = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 3, .per_address = 2, .handshakes_percent = 100});
    struct harbour *other = harbour_open(&conf); /* on a port of its own: we choose the worker */
    struct ship *first = ship_aboard(one, 0);
    struct ship *second = ship_aboard(other, 0);
    struct ship *third = NULL;

    (void)state;
    expect_refusal(ship_new(one, 0), "429 ", "Too many connections of this address");
    expect_refusal(ship_new(other, 0), "429 ", "Too many connections of this address");
    third = ship_from(other, "127.0.0.2");
    ship_enter(third, other, "");
    expect_refusal(ship_from(one, "127.0.0.3"), "503 ", "Too many connections");
    expect_refusal(ship_from(other, "127.0.0.3"), "503 ", "Too many connections");
    ship_sink(first);
    ship_sink(second);
    ship_sink(third);
    harbour_close(other);
    close_with(one, &conf);
}

static void
address_behind_a_proxy_is_the_one_that_it_names(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ships[4];
    static const char *const twice =
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 203.0.113.7\r\n";

    (void)state;
    conf.trusted_proxies = "127.0.0.1";
    harbour = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 10, .per_address = 1, .handshakes_percent = 100});
    ships[0] = ship_aboard_as(harbour, "X-Forwarded-For: 203.0.113.7\r\n");
    ships[1] = ship_aboard_as(harbour, "X-Forwarded-For: 203.0.113.7, 203.0.113.8\r\n");
    expect_refusal(asking(ship_new(harbour, 0), harbour, "X-Forwarded-For: 203.0.113.7\r\n"),
        "429 ", "Too many connections of this address");
    expect_refusal(asking(ship_new(harbour, 0), harbour, twice), "429 ",
        "Too many connections of this address");
    assert_int_equal(harbour_counted(harbour, REFUSED("address")), 2);
    /* Of a stranger it means nothing. */
    ships[2] = ship_from(harbour, "127.0.0.2");
    ship_enter(ships[2], harbour, "X-Forwarded-For: 203.0.113.10\r\n");
    expect_refusal(ship_from(harbour, "127.0.0.2"), "429 ", "Too many connections of this address");
    /* What the proxy itself asks is not counted. */
    ships[3] = ship_aboard(harbour, 0);
    ship_sink(ship_aboard(harbour, 0));
    for (size_t i = 0; i < 4; i++) {
        ship_sink(ships[i]);
    }
    close_with(harbour, &conf);
}

static struct pgc_ws_conf
behind_haproxy(void)
{
    struct pgc_ws_conf conf = harbour_conf();

    conf.trusted_proxies = "127.0.0.1";
    conf.proxy_protocol = true;
    return conf;
}

static struct ship *
announced(struct ship *ship, const char *bytes, size_t length)
{
    ship_send(ship, bytes, length);
    return ship;
}

/* Byte by byte, as a network may deliver it. */
static struct ship *
dribbled(struct ship *ship, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        ship_send(ship, bytes + i, 1);
    }
    return ship;
}

#define ANNOUNCED(harbour, bytes) announced(ship_new(harbour, 0), bytes, sizeof(bytes) - 1)
#define DRIBBLED(harbour, bytes)  dribbled(ship_new(harbour, 0), bytes, sizeof(bytes) - 1)
#define HEADER(address)           "PROXY TCP4 " address " 192.0.2.1 51234 8080\r\n"

static void
proxy_header_names_the_client(void **state)
{
    static const char binary[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"
                                 "\xcb\x00\x71\x08\xc0\x00\x02\x01\xc8\x22\x1f\x90";
    struct pgc_ws_conf conf = behind_haproxy();
    struct harbour *harbour = harbour_with(
        &conf, &(struct pgc_places_conf){.total = 10, .per_address = 1, .handshakes_percent = 100});
    struct ship *first = DRIBBLED(harbour, HEADER("203.0.113.7"));
    struct ship *second = ANNOUNCED(harbour, binary);
    struct ship *checker = ANNOUNCED(harbour, "PROXY UNKNOWN\r\n");

    (void)state;
    ship_enter(first, harbour, "");
    ship_enter(second, harbour, "");
    ship_enter(checker, harbour, "");
    expect_refusal(
        ANNOUNCED(harbour, HEADER("203.0.113.7")), "429 ", "Too many connections of this address");
    expect_refusal(ANNOUNCED(harbour, HEADER("203.0.113.8") "GET / HTTP/1.1\r\n"), "429 ",
        "Too many connections of this address");
    expect_refusal(DRIBBLED(harbour, binary), "429 ", "Too many connections of this address");
    assert_int_equal(harbour_counted(harbour, REFUSED("address")), 3);
    ship_sink(first);
    ship_sink(second);
    ship_sink(checker);
    close_with(harbour, &conf);
}

static void
request_may_follow_its_proxy_header_at_once(void **state)
{
    struct pgc_ws_conf conf = behind_haproxy();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_new(harbour, 0);
    char *both = pgc_xasprintf(
        "%sGET /cable HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
        HEADER("203.0.113.7"), harbour_token(harbour));

    (void)state;
    ship_send(ship, both, strlen(both));
    assert_non_null(strstr(ship_read_head(ship), "HTTP/1.1 101 "));
    ship_expect(ship, WELCOME);
    free(both);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
without_a_proxy_and_its_header_nobody_comes_in(void **state)
{
    struct pgc_ws_conf conf = behind_haproxy();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    expect_refusal(ship_from(harbour, "127.0.0.2"), "403 ", "Only trusted proxies may connect");
    expect_refusal(asking(ship_new(harbour, 0), harbour, ""), "400 ", "Want a PROXY header");
    expect_refusal(ANNOUNCED(harbour, "PROXY TCP4 203.0.113.7\r\n"), "400 ", "Want a PROXY header");
    assert_int_equal(harbour_counted(harbour, REFUSED("no_proxy")), 1);
    assert_int_equal(harbour_counted(harbour, REFUSED("no_header")), 2);
    harbour_wait_until_empty(harbour);
    assert_int_equal(harbour_counted(harbour, REFUSED("incomplete")), 0);
    harbour_close(harbour);
}

static void
proxy_header_that_drags_on_is_part_of_the_handshake(void **state)
{
    struct pgc_ws_conf conf = behind_haproxy();
    struct harbour *harbour = NULL;
    struct ship *silent = NULL;
    struct ship *begun = NULL;
    struct ship *gone = NULL;

    (void)state;
    conf.handshake_ms = 200;
    harbour = harbour_open(&conf);
    silent = ship_new(harbour, 0);
    begun = ANNOUNCED(harbour, "PROXY TCP4 203.0.1");
    gone = ANNOUNCED(harbour, "PROXY TCP4 203.0.1");
    ship_sink(gone);
    assert_string_equal(ship_read_to_end(silent), "");
    assert_string_equal(ship_read_to_end(begun), "");
    harbour_wait_until_empty(harbour);
    assert_int_equal(harbour_counted(harbour, REFUSED("incomplete")), 3);
    ship_sink(silent);
    ship_sink(begun);
    harbour_close(harbour);
}

static void
who_is_in_its_proxy_header_when_all_ends_is_let_go(void **state)
{
    struct pgc_ws_conf conf = behind_haproxy();
    struct harbour *drained = harbour_open(&conf);
    struct harbour *closed = harbour_open(&conf);
    struct ship *one = ANNOUNCED(drained, "PROXY ");
    struct ship *other = ANNOUNCED(closed, "PROXY ");

    (void)state;
    harbour_wait_for(drained, CONNECTIONS, 1);
    harbour_wait_for(closed, CONNECTIONS, 1);
    harbour_drain(drained, 600000);
    assert_int_equal(harbour_wait_until_drained(drained), 0);
    harbour_close(drained);
    harbour_close(closed);
    assert_string_equal(ship_read_to_end(one), "");
    assert_string_equal(ship_read_to_end(other), "");
    ship_sink(one);
    ship_sink(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crowd_of_one_address_leaves_room_for_others),
        cmocka_unit_test(silent_crowd_leaves_room_for_those_who_speak),
        cmocka_unit_test(member_with_too_many_connections_is_told_to_come_back),
        cmocka_unit_test(workers_hand_out_the_same_places),
        cmocka_unit_test(address_behind_a_proxy_is_the_one_that_it_names),
        cmocka_unit_test(proxy_header_names_the_client),
        cmocka_unit_test(request_may_follow_its_proxy_header_at_once),
        cmocka_unit_test(without_a_proxy_and_its_header_nobody_comes_in),
        cmocka_unit_test(proxy_header_that_drags_on_is_part_of_the_handshake),
        cmocka_unit_test(who_is_in_its_proxy_header_when_all_ends_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
