/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"
#include "pgcable/place.h"

#include "ws_ship.h"

#define STREAM          "notification-channel-42"
#define ORIGIN          "Origin: " HARBOUR_ORIGIN "\r\n"
#define EVENTS          "/events?channel=NotificationChannel"
#define IDENTIFIER      "{\\\"channel\\\":\\\"NotificationChannel\\\"}"
#define REFUSED(reason) "pgcable_ws_refused_total{reason=\"" reason "\"}"
#define CORS            "Access-Control-Allow-Origin: " HARBOUR_ORIGIN "\r\nVary: Origin\r\n"
#define HEAD(cors)                                                                                 \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"            \
    "X-Accel-Buffering: no\r\n" cors "Connection: close\r\n\r\n"
#define WELCOME_EVENT "event: welcome\ndata: {\"type\":\"welcome\"}\n\n"
#define ANSWER_EVENT(type)                                                                         \
    "event: " type "\ndata: {\"identifier\":\"" IDENTIFIER "\",\"type\":\"" type "\"}\n\n"
#define RESTART_EVENT                                                                              \
    "event: disconnect\ndata: "                                                                    \
    "{\"type\":\"disconnect\",\"reason\":\"server_restart\",\"reconnect\":true}\n\n"

static void
ask_for(struct ship *ship, const char *method, const char *target, const char *headers)
{
    char *request =
        pgc_xasprintf("%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, target, headers);

    ship_send(ship, request, strlen(request));
    free(request);
}

/* Connected, with a token in a header and these further ones. */
static struct ship *
listener(struct harbour *harbour, const char *target, const char *more, int receive_bytes)
{
    struct ship *ship = ship_new(harbour, receive_bytes);
    char *headers = pgc_xasprintf("Authorization: Bearer %s\r\n%s", harbour_token(harbour), more);

    ask_for(ship, "GET", target, headers);
    free(headers);
    return ship;
}

/* One that is confirmed. */
static struct ship *
confirmed_listener(struct harbour *harbour, int receive_bytes)
{
    struct ship *ship = listener(harbour, EVENTS, "", receive_bytes);

    assert_string_equal(ship_read_head(ship), HEAD(""));
    assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_subscription"));
    return ship;
}

/* The place of the harbour's `tick`th message, as an id; static memory. */
static const char *
event_id(int64_t tick)
{
    static char text[128];
    const struct pgc_position place = {.tick = tick, .id = 1};
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    pgc_place_write(&place, epoch, &offset);
    (void)snprintf(text, sizeof(text), "%" PRId64 "/%s/" STREAM, offset, epoch);
    return text;
}

static void
expect_event(struct ship *ship, int64_t tick, const char *text)
{
    char *expected = pgc_xasprintf("data: %s\nid: %s\n\n", text, event_id(tick));

    assert_string_equal(ship_read_record(ship), expected);
    free(expected);
}

/* The answer to a request that is refused, up to its end. */
static void
assert_refused(struct harbour *harbour, const char *method, const char *target, const char *headers,
    const char *answer)
{
    struct ship *ship = ship_new(harbour, 0);

    ask_for(ship, method, target, headers);
    assert_string_equal(ship_read_to_end(ship), answer);
    ship_sink(ship);
}

static void
listener_gets_messages_without_their_envelope(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = confirmed_listener(harbour, 0);

    (void)state;
    harbour_publish(harbour, "{\"n\":1}");
    harbour_publish(harbour, "{\n\"n\": 2\n}");
    expect_event(ship, 1, "{\"n\":1}");
    expect_event(ship, 2, "{\ndata: \"n\": 2\ndata: }");
    assert_int_equal(harbour_counted(harbour, "pgcable_ws_opened_total"), 1);
    assert_int_equal(harbour_counted(harbour, "pgcable_sessions"), 1);
    ship_sink(ship);
    harbour_wait_until_empty(harbour);
    harbour_close(harbour);
}

static void
listener_that_comes_back_goes_on_where_it_was(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = confirmed_listener(harbour, 0);
    char *last_event_id = NULL;

    (void)state;
    for (int64_t tick = 1; tick <= 3; tick++) {
        harbour_publish(harbour, "1");
        expect_event(ship, tick, "1");
    }
    ship_sink(ship);
    last_event_id = pgc_xasprintf("Last-Event-ID: %s\r\n", event_id(1));
    ship = listener(harbour, EVENTS, last_event_id, 0);
    assert_string_equal(ship_read_head(ship), HEAD(""));
    assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_subscription"));
    expect_event(ship, 2, "1");
    expect_event(ship, 3, "1");
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_history"));
    ship_sink(ship);

    ship = listener(harbour, EVENTS, "Last-Event-ID: 7\r\n", 0);
    (void)ship_read_head(ship);
    assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_subscription"));
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("reject_history"));
    ship_sink(ship);
    free(last_event_id);
    harbour_close(harbour);
}

static void
time_in_the_query_is_where_it_begins(void **state)
{
    static const char *const none[] = {"0", "-1", "x", "7x", ""};
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = listener(harbour, EVENTS "&history_since=4000000000", "", 0);

    (void)state;
    (void)ship_read_head(ship);
    assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
    assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_subscription"));
    assert_memory_equal(
        ship_read_record(ship), "event: reject_history\n", 22); /* kept is nothing */
    ship_sink(ship);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        char *target = pgc_xasprintf(EVENTS "&history_since=%s", none[i]);

        ship = listener(harbour, target, "", 0);
        (void)ship_read_head(ship);
        assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
        assert_string_equal(ship_read_record(ship), ANSWER_EVENT("confirm_subscription"));
        harbour_publish(harbour, "1");
        expect_event(ship, (int64_t)i + 1, "1");
        ship_sink(ship);
        free(target);
    }
    harbour_close(harbour);
}

static void
identifier_is_given_whole_or_in_pieces(void **state)
{
    static const struct {
        const char *query;
        const char *identifier;
    } cases[] = {
        {"identifier=%7B%22channel%22%3A%22A%22,%22n%22:7%7D&channel=B",
            "{\\\"channel\\\":\\\"A\\\",\\\"n\\\":7}"},
        {"channel=Chats::RoomChannel&chat_room_id=7",
            "{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"chat_room_id\\\":\\\"7\\\"}"},
        {"history_since=0&n=a+b%26c%22&jid=x&token=y&channel=A&flag",
            "{\\\"n\\\":\\\"a b&c\\\\\\\"\\\",\\\"channel\\\":\\\"A\\\"}"},
    };
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *target = pgc_xasprintf("/events/?%s", cases[i].query);
        struct ship *ship = listener(harbour, target, "", 0);
        char *expected = pgc_xasprintf("event: confirm_subscription\n"
                                       "data: {\"identifier\":\"%s\","
                                       "\"type\":\"confirm_subscription\"}\n\n",
            cases[i].identifier);

        (void)ship_read_head(ship);
        assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
        assert_string_equal(ship_read_record(ship), expected);
        free(expected);
        free(target);
        ship_sink(ship);
    }
    harbour_close(harbour);
}

static void
page_of_an_allowed_origin_may_read_the_answer(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;
    char *target = NULL;

    (void)state;
    conf.query_token = true;
    harbour = harbour_open(&conf);
    target = pgc_xasprintf(EVENTS "&token=%s", harbour_token(harbour));
    ship = ship_new(harbour, 0);
    ask_for(ship, "GET", target, ORIGIN);
    assert_string_equal(ship_read_head(ship), HEAD(CORS));
    assert_string_equal(ship_read_record(ship), WELCOME_EVENT);
    ship_sink(ship);
    assert_refused(harbour, "OPTIONS", "/events", ORIGIN,
        "HTTP/1.1 204 No Content\r\n" CORS "Access-Control-Allow-Methods: GET\r\n"
        "Access-Control-Allow-Headers: Authorization, X-Jid, Last-Event-ID\r\n"
        "Access-Control-Max-Age: 600\r\nConnection: close\r\n\r\n");
    free(target);
    harbour_close(harbour);
}

static void
same_page_need_not_be_listed_if_that_is_set(void **state)
{
    static const char *const headers[] = {
        "Sec-Fetch-Site: same-origin\r\n", "Origin: http://localhost\r\n"};
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    char *target = NULL;

    (void)state;
    conf.query_token = true;
    conf.same_origin = true;
    harbour = harbour_open(&conf);
    target = pgc_xasprintf(EVENTS "&token=%s", harbour_token(harbour));
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct ship *ship = ship_new(harbour, 0);

        ask_for(ship, "GET", target, headers[i]);
        assert_non_null(strstr(ship_read_head(ship), "HTTP/1.1 200 OK"));
        ship_sink(ship);
    }
    free(target);
    harbour_close(harbour);
}

static void
refusals_are_plain_http(void **state)
{
    static const char forbidden[] =
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 21\r\n\r\nOrigin is not allowed";
    static const char unauthorized[] =
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\n" CORS "Connection: close\r\n"
        "Content-Length: 38\r\n\r\nThe token is missing, expired or wrong";
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    char *expired =
        pgc_xasprintf(ORIGIN "Authorization: Bearer %s\r\n", harbour_expired_token(harbour));
    char *in_query = pgc_xasprintf(EVENTS "&token=%s", harbour_token(harbour));

    (void)state;
    assert_refused(harbour, "GET", EVENTS, "Origin: https://evil.example\r\n", forbidden);
    assert_refused(harbour, "OPTIONS", EVENTS, "Origin: https://evil.example\r\n", forbidden);
    assert_refused(harbour, "GET", EVENTS, "", forbidden);
    assert_refused(harbour, "GET", EVENTS, "Sec-Fetch-Site: same-origin\r\n", forbidden);
    assert_refused(harbour, "GET", EVENTS, ORIGIN, unauthorized);
    assert_refused(harbour, "GET", EVENTS, expired, unauthorized);
    assert_refused(harbour, "GET", in_query, ORIGIN, unauthorized);
    assert_int_equal(harbour_counted(harbour, REFUSED("origin")), 4);
    assert_int_equal(harbour_counted(harbour, REFUSED("token")), 3);
    assert_int_equal(harbour_counted(harbour, "pgcable_ws_opened_total"), 0);
    free(in_query);
    free(expired);
    harbour_close(harbour);
}

static void
request_without_a_channel_is_bad(void **state)
{
    static const char bad[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 58\r\n\r\n"
        "Want ?channel=NAME and its parameters, or ?identifier=JSON";
    static const char *const targets[] = {"/events", "/events?", "/events?chat_room_id=7",
        "/events?identifier=x", "/events?identifier=%7B%7D", "/events?channel=a+b",
        "/events?channel=A&channel=B"};
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct ship *ship = listener(harbour, targets[i], "", 0);

        assert_string_equal(ship_read_to_end(ship), bad);
        ship_sink(ship);
    }
    assert_int_equal(harbour_counted(harbour, REFUSED("request")),
        (int64_t)(sizeof(targets) / sizeof(targets[0])));
    harbour_close(harbour);
}

static void
other_methods_and_paths_are_not_found(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    static const char *const requests[][2] = {{"POST", "/events"}, {"PUT", "/events"},
        {"DELETE", "/events"}, {"GET", "/eventsx"}, {"GET", "/events/x"}};

    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct ship *ship = ship_new(harbour, 0);

        ask_for(ship, requests[i][0], requests[i][1], ORIGIN);
        assert_non_null(strstr(ship_read_head(ship), " 404 "));
        ship_sink(ship);
    }
    harbour_close(harbour);

    conf.events_path = "";
    harbour = harbour_open(&conf);
    for (size_t i = 0; i < 2; i++) {
        struct ship *ship = listener(harbour, i == 0 ? EVENTS : "/", "", 0);

        assert_non_null(strstr(ship_read_head(ship), " 404 "));
        ship_sink(ship);
    }
    harbour_close(harbour);
}

static void
pings_come_as_events(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = confirmed_listener(harbour, 0);

    (void)state;
    assert_memory_equal(
        ship_read_record_or_ping(ship), "event: ping\ndata: {\"type\":\"ping\",\"message\":", 43);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
drained_listener_is_told_and_the_answer_ends(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = confirmed_listener(harbour, 0);

    (void)state;
    harbour_publish(harbour, "1");
    harbour_drain(harbour, 60000);
    expect_event(ship, 1, "1");
    assert_string_equal(ship_read_record(ship), RESTART_EVENT);
    assert_string_equal(ship_read_to_end(ship), "");
    assert_int_equal(harbour_wait_until_drained(harbour), 0);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
slow_listener_is_cut_off(void **state)
{
    enum { SMALL_RECEIVE_BYTES = 4096, FILL_BYTES = 60000 };
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;
    char *fill = pgc_xmalloc(FILL_BYTES + 1);

    (void)state;
    memset(fill, '1', FILL_BYTES);
    fill[FILL_BYTES] = '\0';
    conf.queue_bytes = 1 << 20;
    harbour = harbour_open(&conf);
    ship = confirmed_listener(harbour, SMALL_RECEIVE_BYTES);
    while (harbour_counted(harbour, "pgcable_ws_ended_total{reason=\"too_slow\"}") == 0) {
        harbour_publish(harbour, fill);
        harbour_wait_until_taken(harbour);
    }
    for (;;) {
        const char *record = ship_read_record(ship);

        assert_string_not_equal(record, "");
        if (strncmp(record, "event:", 6) == 0) {
            assert_string_equal(record, "event: disconnect\ndata: {\"type\":\"disconnect\","
                                        "\"reason\":\"too_slow\",\"reconnect\":true}\n\n");
            break;
        }
    }
    assert_string_equal(ship_read_to_end(ship), "");
    ship_sink(ship);
    free(fill);
    harbour_close(harbour);
}

static void
listener_that_says_anything_is_hung_up_on(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *silent = confirmed_listener(harbour, 0);
    struct ship *chatty = confirmed_listener(harbour, 0);
    struct ship *pushy = listener(harbour, EVENTS, "Content-Length: 5\r\n", 0);

    (void)state;
    ship_send(chatty, "GET /events HTTP/1.1\r\n\r\n", 24);
    assert_string_equal(ship_read_record(chatty), "");
    assert_non_null(strstr(ship_read_head(pushy), " 404 "));
    harbour_publish(harbour, "1");
    expect_event(silent, 1, "1");
    ship_sink(pushy);
    ship_sink(chatty);
    ship_sink(silent);
    harbour_wait_until_empty(harbour);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listener_gets_messages_without_their_envelope),
        cmocka_unit_test(listener_that_comes_back_goes_on_where_it_was),
        cmocka_unit_test(time_in_the_query_is_where_it_begins),
        cmocka_unit_test(identifier_is_given_whole_or_in_pieces),
        cmocka_unit_test(page_of_an_allowed_origin_may_read_the_answer),
        cmocka_unit_test(same_page_need_not_be_listed_if_that_is_set),
        cmocka_unit_test(refusals_are_plain_http),
        cmocka_unit_test(request_without_a_channel_is_bad),
        cmocka_unit_test(other_methods_and_paths_are_not_found),
        cmocka_unit_test(pings_come_as_events),
        cmocka_unit_test(drained_listener_is_told_and_the_answer_ends),
        cmocka_unit_test(slow_listener_is_cut_off),
        cmocka_unit_test(listener_that_says_anything_is_hung_up_on),
    };

    return cmocka_run_group_tests_name("ws_events", tests, NULL, NULL);
}
