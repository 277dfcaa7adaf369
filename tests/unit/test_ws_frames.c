/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "ws_ship.h"

enum { CONTINUATION = 0, BINARY = 2 };

#define ENDED(reason) "pgcable_ws_ended_total{reason=\"" reason "\"}"

/* A harbour with a ship aboard: what most of these tests need. */
struct visit {
    struct harbour *harbour;
    struct ship *ship;
};

static int
arrive(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct visit *visit = pgc_xcalloc(1, sizeof(*visit));

    visit->harbour = harbour_open(&conf);
    visit->ship = ship_aboard(visit->harbour, 0);
    *state = visit;
    return 0;
}

static int
leave(void **state)
{
    struct visit *visit = *state;

    ship_sink(visit->ship);
    harbour_close(visit->harbour);
    free(visit);
    return 0;
}

static void
assert_still_served(const struct visit *visit)
{
    ship_say(visit->ship, SUBSCRIBE);
    ship_expect(visit->ship, CONFIRMED);
}

/* The answer to a ping, before or behind `text`, which may be NULL: pongs take their own way. */
static void
expect_pong(struct ship *ship, const char *pong, const char *text)
{
    bool has_pong = false;

    while (!has_pong || text != NULL) {
        char payload[1024];
        size_t length;
        int opcode = ship_next(ship, payload, sizeof(payload), &length);

        if (opcode == SHIP_PONG) {
            assert_string_equal(payload, pong);
            has_pong = true;
        } else {
            assert_int_equal(opcode, SHIP_TEXT);
            assert_non_null(text);
            assert_string_equal(payload, text);
            text = NULL;
        }
    }
}

static void
command_may_come_in_fragments_with_a_ping_between(void **state)
{
    const struct visit *visit = *state;
    const char *text = SUBSCRIBE;

    ship_send_frame(visit->ship, SHIP_TEXT, false, text, 10);
    ship_send_frame(visit->ship, CONTINUATION, false, text + 10, 0);
    ship_send_frame(visit->ship, SHIP_PING, true, "still there?", 12);
    ship_send_frame(visit->ship, CONTINUATION, true, text + 10, strlen(text) - 10);
    expect_pong(visit->ship, "still there?", CONFIRMED);
}

static void
binary_is_no_command_of_a_client_like_rails(void **state)
{
    struct visit *visit = *state;
    const char *text = SUBSCRIBE;

    ship_sink(visit->ship);
    visit->ship =
        ship_aboard_as(visit->harbour, "Sec-WebSocket-Protocol: "
                                       "actioncable-v1-json, actioncable-unsupported\r\n");
    ship_send_frame(visit->ship, BINARY, false, text, 10);
    ship_send_frame(visit->ship, CONTINUATION, true, text + 10, strlen(text) - 10);
    ship_send_frame(visit->ship, BINARY, true, text, strlen(text));
    ship_send_frame(visit->ship, SHIP_PING, true, "and?", 4);
    expect_pong(visit->ship, "and?", NULL);
    assert_still_served(visit);
}

static void
other_clients_may_send_commands_as_binary(void **state)
{
    const struct visit *visit = *state;

    ship_send_frame(visit->ship, BINARY, true, SUBSCRIBE, strlen(SUBSCRIBE));
    ship_expect(visit->ship, CONFIRMED);
}

static void
command_may_be_as_long_as_the_limit_and_no_byte_longer(void **state)
{
    const struct visit *visit = *state;
    char *text = pgc_xmalloc(16385);

    memset(text, ' ', 16385);
    memcpy(text, SUBSCRIBE, strlen(SUBSCRIBE));
    ship_send_frame(visit->ship, SHIP_TEXT, true, text, 16384);
    ship_expect(visit->ship, CONFIRMED);
    ship_send_frame(visit->ship, SHIP_TEXT, true, text, 16385);
    ship_expect_close(visit->ship, 1009);
    assert_int_equal(harbour_counted(visit->harbour, ENDED("message_too_big")), 1);
    free(text);
}

static void
fragments_count_together(void **state)
{
    const struct visit *visit = *state;
    char *text = pgc_xcalloc(1, 10000);

    memset(text, ' ', 10000);
    ship_send_frame(visit->ship, SHIP_TEXT, false, text, 10000);
    ship_send_frame(visit->ship, CONTINUATION, true, text, 10000);
    ship_expect_close(visit->ship, 1009);
    free(text);
}

static void
announced_length_is_refused_before_it_comes(void **state)
{
    static const unsigned char huge[] = {
        0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56, 0x78};
    const struct visit *visit = *state;
    char payload[64];
    size_t length;

    ship_send(visit->ship, huge, sizeof(huge));
    assert_int_equal(ship_next(visit->ship, payload, sizeof(payload), &length), SHIP_CLOSE);
    assert_memory_equal(payload, "\x03\xf1", 2); /* 1009 */
}

static void
endless_fragments_are_refused(void **state)
{
    const struct visit *visit = *state;

    ship_send_frame(visit->ship, SHIP_TEXT, false, "{", 1);
    for (int i = 0; i < 64; i++) {
        ship_send_frame(visit->ship, CONTINUATION, false, "", 0);
    }
    ship_expect_close(visit->ship, 1008);
    assert_int_equal(harbour_counted(visit->harbour, ENDED("fragments")), 1);
}

static void
message_that_is_never_finished_is_given_up(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;

    (void)state;
    conf.message_ms = 100;
    harbour = harbour_open(&conf);
    ship = ship_aboard(harbour, 0);
    ship_send_frame(ship, SHIP_TEXT, false, "{", 1);
    ship_expect_close(ship, 1008);
    ship_sink(ship);
    harbour_close(harbour);
}

static void
flood_of_pings_is_ended(void **state)
{
    const struct visit *visit = *state;
    char payload[128];
    size_t length;
    int opcode = SHIP_PONG;

    for (int i = 0; i < 2000; i++) {
        ship_send_frame(visit->ship, SHIP_PING, true, "", 0);
    }
    while (opcode == SHIP_PONG || opcode == SHIP_TEXT) {
        opcode = ship_next(visit->ship, payload, sizeof(payload), &length);
    }
    assert_int_equal(opcode, SHIP_CLOSE);
    assert_memory_equal(payload, "\x11\x4d", 2); /* 4429 */
}

static void
breach_of_the_protocol_is_closed_with_1002(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
    } breaches[] = {
        {"\x81\x05hello", 7},                                     /* not masked */
        {"\xc1\x81\x00\x00\x00\x00x", 7},                         /* RSV1 */
        {"\x80\x81\x00\x00\x00\x00x", 7},                         /* a continuation of nothing */
        {"\x83\x81\x00\x00\x00\x00x", 7},                         /* no such opcode */
        {"\x09\x80\x00\x00\x00\x00", 6},                          /* a ping in fragments */
        {"\x01\x80\x00\x00\x00\x00\x81\x80\x00\x00\x00\x00", 12}, /* a new message in another */
    };
    struct visit *visit = *state;

    for (size_t i = 0; i < sizeof(breaches) / sizeof(*breaches); i++) {
        struct ship *ship = ship_aboard(visit->harbour, 0);

        ship_send(ship, breaches[i].bytes, breaches[i].length);
        ship_expect_close(ship, 1002);
        ship_sink(ship);
    }
    assert_still_served(visit);
}

static void
text_that_is_no_utf8_is_closed_with_1007(void **state)
{
    static const char *const texts[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "caf\xc3"};
    struct visit *visit = *state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct ship *ship = ship_aboard(visit->harbour, 0);

        ship_say(ship, texts[i]);
        ship_expect_close(ship, 1007);
        ship_sink(ship);
    }
    assert_still_served(visit);
}

static void
text_that_ends_within_a_character_is_closed_with_1007(void **state)
{
    static const char *const texts[] = {"\xc3", "x\xc3", "xx\xc3", "xxx\xc3"};
    struct visit *visit = *state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct ship *whole = ship_aboard(visit->harbour, 0);
        struct ship *cut = ship_aboard(visit->harbour, 0);

        ship_say(whole, texts[i]);
        ship_expect_close(whole, 1007);
        ship_send_frame(cut, SHIP_TEXT, false, texts[i], strlen(texts[i]));
        ship_send_frame(cut, CONTINUATION, true, "", 0);
        ship_expect_close(cut, 1007);
        ship_sink(whole);
        ship_sink(cut);
    }
    assert_still_served(visit);
}

static void
pong_is_no_text(void **state)
{
    const struct visit *visit = *state;

    ship_send_frame(visit->ship, SHIP_TEXT, false, SUBSCRIBE, 9);
    ship_send_frame(visit->ship, SHIP_PONG, true, "\xff", 1);
    ship_send_frame(visit->ship, CONTINUATION, true, &SUBSCRIBE[9], strlen(SUBSCRIBE) - 9);
    ship_expect(visit->ship, CONFIRMED);
}

static void
server_says_only_once_why_it_closes(void **state)
{
    const struct visit *visit = *state;
    char payload[64];
    size_t length;

    ship_say(visit->ship, "\xff");
    ship_send(visit->ship, "\x81\x01x", 3); /* not masked */
    assert_int_equal(ship_next(visit->ship, payload, sizeof(payload), &length), SHIP_CLOSE);
    assert_memory_equal(payload, "\x03\xef", 2); /* 1007 */
    assert_int_equal(ship_next(visit->ship, payload, sizeof(payload), &length), -1);
}

static void
client_that_closes_gets_its_code_and_reason_back(void **state)
{
    const struct visit *visit = *state;
    char payload[64];
    size_t length;

    ship_send_frame(visit->ship, SHIP_CLOSE, true,
        "\x0b\xb9"
        "custom",
        8);
    assert_int_equal(ship_next(visit->ship, payload, sizeof(payload), &length), SHIP_CLOSE);
    assert_int_equal(length, 8);
    assert_memory_equal(payload,
        "\x0b\xb9"
        "custom",
        8);
    assert_int_equal(ship_next(visit->ship, payload, sizeof(payload), &length), -1);
}

static void
client_that_closes_without_a_code_gets_1000(void **state)
{
    const struct visit *visit = *state;

    ship_send_frame(visit->ship, SHIP_CLOSE, true, "", 0);
    ship_expect_close(visit->ship, 1000);
}

static void
client_that_closes_with_a_code_that_none_may_send_gets_1002(void **state)
{
    const struct visit *visit = *state;

    ship_send_frame(visit->ship, SHIP_CLOSE, true, "\x03\xed", 2); /* 1005 */
    ship_expect_close(visit->ship, 1002);
}

static void
close_frame_that_is_wrong_is_answered_with_what_is_wrong(void **state)
{
    static const struct {
        const char *payload;
        size_t length;
        int code;
    } closes[] = {
        {"\x03", 1, 1002},           /* half a code */
        {"\x13\x88", 2, 1002},       /* 5000 */
        {"\x03\xe8\xff", 3, 1007},   /* a reason that is no UTF-8 */
        {"\x03\xe8oh\xc3", 5, 1007}, /* or not all of it */
    };
    struct visit *visit = *state;

    for (size_t i = 0; i < sizeof(closes) / sizeof(*closes); i++) {
        struct ship *ship = ship_aboard(visit->harbour, 0);

        ship_send_frame(ship, SHIP_CLOSE, true, closes[i].payload, closes[i].length);
        ship_expect_close(ship, closes[i].code);
        ship_sink(ship);
    }
    assert_still_served(visit);
}

static void
client_may_vanish_at_any_moment(void **state)
{
    struct visit *visit = *state;

    for (int i = 0; i < 20; i++) {
        struct ship *ship = ship_aboard(visit->harbour, 0);

        ship_say(ship, SUBSCRIBE);
        harbour_publish(visit->harbour, "{}");
        ship_sink(ship);
    }
    harbour_publish_numbers(visit->harbour, 0, 100);
    assert_still_served(visit);
}

static void
server_that_closes_waits_for_the_client_for_a_limited_time(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *ship = NULL;
    char payload[128];
    size_t length;

    (void)state;
    conf.closing_ms = 200;
    harbour = harbour_open(&conf);
    ship = ship_new(harbour, 0);
    ship_ask(ship, "/cable", "x-jid: nonsense\r\n");
    (void)ship_read_head(ship);
    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_CLOSE);
    assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), -1);
    ship_sink(ship);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            command_may_come_in_fragments_with_a_ping_between, arrive, leave),
        cmocka_unit_test_setup_teardown(binary_is_no_command_of_a_client_like_rails, arrive, leave),
        cmocka_unit_test_setup_teardown(other_clients_may_send_commands_as_binary, arrive, leave),
        cmocka_unit_test_setup_teardown(
            command_may_be_as_long_as_the_limit_and_no_byte_longer, arrive, leave),
        cmocka_unit_test_setup_teardown(fragments_count_together, arrive, leave),
        cmocka_unit_test_setup_teardown(announced_length_is_refused_before_it_comes, arrive, leave),
        cmocka_unit_test_setup_teardown(endless_fragments_are_refused, arrive, leave),
        cmocka_unit_test(message_that_is_never_finished_is_given_up),
        cmocka_unit_test_setup_teardown(flood_of_pings_is_ended, arrive, leave),
        cmocka_unit_test_setup_teardown(breach_of_the_protocol_is_closed_with_1002, arrive, leave),
        cmocka_unit_test_setup_teardown(text_that_is_no_utf8_is_closed_with_1007, arrive, leave),
        cmocka_unit_test_setup_teardown(
            text_that_ends_within_a_character_is_closed_with_1007, arrive, leave),
        cmocka_unit_test_setup_teardown(pong_is_no_text, arrive, leave),
        cmocka_unit_test_setup_teardown(server_says_only_once_why_it_closes, arrive, leave),
        cmocka_unit_test_setup_teardown(
            client_that_closes_gets_its_code_and_reason_back, arrive, leave),
        cmocka_unit_test_setup_teardown(client_that_closes_without_a_code_gets_1000, arrive, leave),
        cmocka_unit_test_setup_teardown(
            client_that_closes_with_a_code_that_none_may_send_gets_1002, arrive, leave),
        cmocka_unit_test_setup_teardown(
            close_frame_that_is_wrong_is_answered_with_what_is_wrong, arrive, leave),
        cmocka_unit_test_setup_teardown(client_may_vanish_at_any_moment, arrive, leave),
        cmocka_unit_test(server_that_closes_waits_for_the_client_for_a_limited_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
