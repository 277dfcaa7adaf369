/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "ws_ship.h"

#define ORIGIN          "Origin: " HARBOUR_ORIGIN "\r\n"
#define REFUSED(reason) "pgcable_ws_refused_total{reason=\"" reason "\"}"
#define NOT_FOUND_HEAD                                                                             \
    "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n"                  \
    "Content-Length: 14\r\n\r\n"
#define NOT_FOUND NOT_FOUND_HEAD "Page not found"

/* What the server says to these bytes until it hangs up. */
static void
assert_answer(struct harbour *harbour, const char *request, const char *answer)
{
    struct ship *ship = ship_new(harbour, 0);

    ship_send(ship, request, strlen(request));
    assert_string_equal(ship_read_to_end(ship), answer);
    ship_sink(ship);
}

/* The head of the answer to a handshake; static memory. */
static const char *
head_for(struct harbour *harbour, const char *target, const char *headers)
{
    struct ship *ship = ship_new(harbour, 0);
    const char *head = NULL;

    ship_ask(ship, target, headers);
    head = ship_read_head(ship);
    ship_sink(ship);
    return head;
}

/* The first frame that a client gets that offers these headers. */
static void
assert_first_frame(
    struct harbour *harbour, const char *target, const char *headers, const char *frame)
{
    struct ship *ship = ship_new(harbour, 0);

    ship_ask(ship, target, headers);
    assert_non_null(strstr(ship_read_head(ship), " 101 "));
    ship_expect(ship, frame);
    ship_sink(ship);
}

static void
browser_with_the_query_token_gets_its_protocol_and_welcome(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;
    char *target = NULL;
    const char *head = NULL;

    (void)state;
    conf.query_token = true;
    harbour = harbour_open(&conf);
    ship = ship_new(harbour, 0);
    target = pgc_xasprintf("/cable?a=b&token=%s", harbour_token(harbour));
    ship_ask(ship, target,
        ORIGIN "Sec-WebSocket-Protocol: actioncable-v1-json, actioncable-unsupported\r\n"
               "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
    head = ship_read_head(ship);
    assert_non_null(strstr(head, "HTTP/1.1 101 "));
    assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: actioncable-v1-json\r\n"));
    assert_null(strstr(head, "Sec-WebSocket-Extensions"));
    ship_expect(ship, WELCOME);
    free(target);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
token_of_any_length_travels_in_the_sub_protocol(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_new(harbour, 0);
    char *headers = pgc_xasprintf(ORIGIN
        "Sec-WebSocket-Protocol: x-unknown, actioncable-v1-json, anycable-token.%s\r\n",
        harbour_token(harbour));
    const char *head = NULL;

    (void)state;
    ship_ask(ship, "/cable", headers);
    head = ship_read_head(ship);
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: actioncable-v1-json\r\n"));
    assert_null(strstr(head, "anycable-token"));
    ship_expect(ship, WELCOME);
    free(headers);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
only_a_protocol_that_was_offered_is_named(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    assert_null(strstr(head_for(harbour, "/cable", ORIGIN), "Sec-WebSocket-Protocol"));
    assert_null(strstr(
        head_for(harbour, "/cable", ORIGIN "Sec-WebSocket-Protocol: graphql-ws\r\n"), "Protocol:"));
    assert_non_null(strstr(head_for(harbour, "/cable",
                               ORIGIN "Sec-WebSocket-Protocol: 42,(x),actioncable-unsupported\r\n"),
        "Sec-WebSocket-Protocol: actioncable-unsupported\r\n"));
    harbour_close(harbour);
}

static void
wrong_token_is_told_in_a_frame_and_then_closed(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    char *expired = pgc_xasprintf("Authorization: Bearer %s\r\n", harbour_expired_token(harbour));
    struct ship *ship = ship_new(harbour, 0);

    (void)state;
    ship_ask(ship, "/cable", ORIGIN "x-jid: abc\r\n");
    assert_non_null(strstr(ship_read_head(ship), " 101 "));
    ship_expect(ship, "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    ship_expect_close(ship, 1000);
    assert_first_frame(harbour, "/cable", expired,
        "{\"type\":\"disconnect\",\"reason\":\"token_expired\",\"reconnect\":false}");
    assert_first_frame(harbour, "/cable", ORIGIN,
        "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    assert_int_equal(harbour_counted(harbour, REFUSED("token")), 3);
    free(expired);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
token_in_the_query_is_not_looked_at_unless_that_is_set(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    char *target = pgc_xasprintf("/cable?jid=%s", harbour_token(harbour));

    (void)state;
    assert_first_frame(harbour, target, ORIGIN,
        "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    free(target);
    harbour_close(harbour);
}

static void
page_of_another_origin_gets_what_rails_answers(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_new(harbour, 0);

    (void)state;
    ship_ask(ship, "/cable", "Origin: https://evil.example\r\n");
    assert_string_equal(ship_read_to_end(ship), NOT_FOUND);
    ship_sink(ship);
    assert_string_equal(
        head_for(harbour, "/cable", ORIGIN "Origin: https://evil.example\r\n"), NOT_FOUND_HEAD);
    assert_string_equal(head_for(harbour, "/cable", ""), NOT_FOUND_HEAD);
    assert_int_equal(harbour_counted(harbour, REFUSED("origin")), 3);
    harbour_close(harbour);
}

static void
what_is_no_websocket_is_not_found(void **state)
{
    static const char *const requests[] = {
        "GET /cable HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /cable?token=abc HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n\r\n",
        "GET /elsewhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /cable HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
        "DELETE /cable HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /cable HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        "GET /cable HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n",
        "GET /cable HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
        "GET /cable HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: "
        "Upgrade\r\n\r\n",
        "GET /cable HTTP/1.1\r\nHost: a\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" ORIGIN
        "\r\n",
    };
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        assert_answer(harbour, requests[i], NOT_FOUND);
    }
    assert_answer(harbour, "HEAD /cable HTTP/1.1\r\nHost: localhost\r\n\r\n", NOT_FOUND_HEAD);
    harbour_close(harbour);
}

static void
another_version_is_told_which_one_we_speak(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    assert_answer(harbour,
        "GET /cable HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" ORIGIN "\r\n",
        "HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\nSec-WebSocket-Version: 13\r\n"
        "Connection: close\r\nContent-Length: 16\r\n\r\nUpgrade required");
    harbour_close(harbour);
}

static void
nonsense_and_tunnels_are_hung_up_on(void **state)
{
    static const char *const requests[] = {
        "CONNECT /cable HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
    };
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct ship *ship = ship_new(harbour, 0);

        ship_send(ship, requests[i], strlen(requests[i]));
        assert_null(strstr(ship_read_to_end(ship), " 101 "));
        ship_sink(ship);
    }
    harbour_wait_until_empty(harbour);
    harbour_close(harbour);
}

static void
headers_that_are_too_large_end_the_connection(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_new(harbour, 0);
    char *headers = pgc_xmalloc(20001);

    (void)state;
    memset(headers, 'x', 20000);
    headers[20000] = '\0';
    memcpy(headers, "X-Large: ", 9);
    memcpy(headers + 19998, "\r\n", 2);
    ship_ask(ship, "/cable", headers);
    assert_string_equal(ship_read_to_end(ship), "");
    harbour_wait_for(harbour, REFUSED("incomplete"), 1);
    free(headers);
    ship_sink(ship);
    harbour_close(harbour);
}

/* Where there is so little time for a handshake that a busy machine needs a few attempts. */
static struct ship *
aboard_in_time(const struct harbour *harbour)
{
    char *headers = pgc_xasprintf("Authorization: Bearer %s\r\n", harbour_token(harbour));
    struct ship *ship = ship_new(harbour, 0);

    ship_ask(ship, "/cable", headers);
    while (strstr(ship_read_head(ship), " 101 ") == NULL) {
        ship_sink(ship);
        ship = ship_new(harbour, 0);
        ship_ask(ship, "/cable", headers);
    }
    ship_expect(ship, WELCOME);
    free(headers);
    return ship;
}

static void
handshake_that_drags_on_is_ended_however_busy_it_is(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *silent = NULL;
    struct ship *busy = NULL;
    struct ship *aboard = NULL;

    (void)state;
    conf.handshake_ms = 300;
    harbour = harbour_open(&conf);
    aboard = aboard_in_time(harbour);
    silent = ship_new(harbour, 0);
    busy = ship_new(harbour, 0);
    ship_send(busy, "GET /cable HTTP/1.1\r\n", 21);
    while (!ship_has_ended(busy, 10)) {
        ship_send(busy, "X", 1); /* a byte at a time */
    }
    assert_string_equal(ship_read_to_end(silent), "");
    harbour_wait_for(harbour, REFUSED("incomplete"), 2);
    ship_say(aboard, SUBSCRIBE);
    ship_expect(aboard, CONFIRMED);
    ship_sink(silent);
    ship_sink(busy);
    ship_sink(aboard);
    harbour_close(harbour);
}

static void
command_in_the_same_packet_as_the_handshake_is_not_lost(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_new(harbour, 0);
    /* {"command":"subscribe",…} with a mask of zeros */
    char *request =
        pgc_xasprintf("GET /cable/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\n"
                      "Connection: keep-alive, Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                      "Authorization: Bearer %s\r\n\r\n\x81%c",
            harbour_token(harbour), (char)(0x80 | strlen(SUBSCRIBE)));
    size_t length = strlen(request);

    (void)state;
    request = pgc_xrealloc(request, length + 4 + strlen(SUBSCRIBE));
    memset(request + length, 0, 4);
    memcpy(request + length + 4, SUBSCRIBE, strlen(SUBSCRIBE));
    ship_send(ship, request, length + 4 + strlen(SUBSCRIBE));
    assert_non_null(strstr(ship_read_head(ship), " 101 "));
    ship_expect(ship, WELCOME);
    ship_expect(ship, CONFIRMED);
    free(request);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
new_settings_hold_for_the_next_handshake(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    conf.origins = "not an origin";
    harbour_reload(harbour, &conf);
    assert_non_null(strstr(head_for(harbour, "/cable", ORIGIN), " 101 "));
    conf.origins = "https://new.example.test";
    harbour_reload(harbour, &conf);
    assert_string_equal(head_for(harbour, "/cable", ORIGIN), NOT_FOUND_HEAD);
    assert_non_null(
        strstr(head_for(harbour, "/cable", "Origin: https://new.example.test\r\n"), " 101 "));
    harbour_close(harbour);
}

static void
program_without_origin_and_token_is_refused(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    assert_string_equal(head_for(harbour, "/cable", ""), NOT_FOUND_HEAD);
    assert_int_equal(harbour_counted(harbour, "pgcable_ws_refused_total{reason=\"origin\"}"), 1);
    harbour_close(harbour);
}

static void
token_over_its_limit_is_wrong_whatever_it_says(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour;
    struct ship *ship;
    char *headers;

    (void)state;
    conf.max_token_bytes = 64;
    harbour = harbour_open(&conf);
    headers = pgc_xasprintf("Authorization: Bearer %s\r\n", harbour_token(harbour));
    ship = ship_new(harbour, 0);
    ship_ask(ship, "/cable", headers);
    assert_non_null(strstr(ship_read_head(ship), " 101 "));
    ship_expect(ship, "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    free(headers);
    ship_sink(ship);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browser_with_the_query_token_gets_its_protocol_and_welcome),
        cmocka_unit_test(token_of_any_length_travels_in_the_sub_protocol),
        cmocka_unit_test(only_a_protocol_that_was_offered_is_named),
        cmocka_unit_test(wrong_token_is_told_in_a_frame_and_then_closed),
        cmocka_unit_test(token_in_the_query_is_not_looked_at_unless_that_is_set),
        cmocka_unit_test(page_of_another_origin_gets_what_rails_answers),
        cmocka_unit_test(what_is_no_websocket_is_not_found),
        cmocka_unit_test(another_version_is_told_which_one_we_speak),
        cmocka_unit_test(nonsense_and_tunnels_are_hung_up_on),
        cmocka_unit_test(headers_that_are_too_large_end_the_connection),
        cmocka_unit_test(handshake_that_drags_on_is_ended_however_busy_it_is),
        cmocka_unit_test(command_in_the_same_packet_as_the_handshake_is_not_lost),
        cmocka_unit_test(new_settings_hold_for_the_next_handshake),
        cmocka_unit_test(program_without_origin_and_token_is_refused),
        cmocka_unit_test(token_over_its_limit_is_wrong_whatever_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
