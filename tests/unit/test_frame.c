/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/buf.h"
#include "pgcable/frame.h"
#include "pgcable/history.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

static const char notification[] = "{\"channel\":\"NotificationChannel\"}";

/* Takes the frame over. */
static void
assert_payload(struct pgc_frame *frame, const char *expected)
{
    size_t length = strlen(expected);

    assert_int_equal(frame->length - frame->header_bytes, length);
    assert_memory_equal(frame->bytes + frame->header_bytes, expected, length);
    pgc_frame_unref(frame);
}

static struct pgc_msg *
msg_of(const char *text)
{
    static const struct pgc_position position = {.tick = 2753, .id = 7, .nonce = 0xb6f3c2e};

    return pgc_msg_new(&position, 0, text, strlen(text));
}

static void
frames_are_byte_for_byte_as_rails_writes_them(void **state PGC_UNUSED)
{
    assert_payload(pgc_frame_welcome(PGC_WIRE_WEBSOCKET, NULL), "{\"type\":\"welcome\"}");
    assert_payload(
        pgc_frame_welcome(PGC_WIRE_WEBSOCKET, "s1"), "{\"type\":\"welcome\",\"sid\":\"s1\"}");
    assert_payload(pgc_frame_ping(PGC_WIRE_WEBSOCKET, 1729855056),
        "{\"type\":\"ping\",\"message\":1729855056}");
    assert_payload(pgc_frame_answer(PGC_WIRE_WEBSOCKET, PGC_CONFIRM_SUBSCRIPTION, notification,
                       sizeof(notification) - 1),
        "{\"identifier\":\"{\\\"channel\\\":\\\"NotificationChannel\\\"}\","
        "\"type\":\"confirm_subscription\"}");
    assert_payload(pgc_frame_answer(PGC_WIRE_WEBSOCKET, PGC_REJECT_SUBSCRIPTION, "x", 1),
        "{\"identifier\":\"x\",\"type\":\"reject_subscription\"}");
    assert_payload(pgc_frame_disconnect(PGC_WIRE_WEBSOCKET, "unauthorized", false),
        "{\"type\":\"disconnect\",\"reason\":\"unauthorized\",\"reconnect\":false}");
    assert_payload(pgc_frame_disconnect(PGC_WIRE_WEBSOCKET, "server_restart", true),
        "{\"type\":\"disconnect\",\"reason\":\"server_restart\",\"reconnect\":true}");
}

static void
frames_of_the_extension_are_as_anycable_writes_them(void **state PGC_UNUSED)
{
    assert_payload(pgc_frame_pong(PGC_WIRE_WEBSOCKET), "{\"type\":\"pong\"}");
    assert_payload(pgc_frame_answer(PGC_WIRE_WEBSOCKET, PGC_CONFIRM_HISTORY, "x", 1),
        "{\"identifier\":\"x\",\"type\":\"confirm_history\"}");
    assert_payload(pgc_frame_answer(PGC_WIRE_WEBSOCKET, PGC_REJECT_HISTORY, "x", 1),
        "{\"identifier\":\"x\",\"type\":\"reject_history\"}");
}

static void
message_frame_carries_the_text_untouched(void **state PGC_UNUSED)
{
    static const char quoted[] = "\"{\\\"a\\\":1}\"";
    struct pgc_msg *object = msg_of("{\"id\":12345678901234567890,\"x\":0.10}");
    struct pgc_msg *null = msg_of("null");

    assert_payload(pgc_frame_message(quoted, sizeof(quoted) - 1, NULL, object),
        "{\"identifier\":\"{\\\"a\\\":1}\",\"message\":{\"id\":12345678901234567890,\"x\":0.10}}");
    assert_payload(
        pgc_frame_message("\"i\"", 3, NULL, null), "{\"identifier\":\"i\",\"message\":null}");
    pgc_msg_unref(object);
    pgc_msg_unref(null);
}

static void
message_of_the_extension_says_where_it_stands(void **state PGC_UNUSED)
{
    struct pgc_msg *msg = msg_of("{\"n\":1}");
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;
    char *expected;

    pgc_place_write(&msg->position, epoch, &offset);
    expected = pgc_xasprintf("{\"identifier\":\"i\",\"message\":{\"n\":1},\"stream_id\":\"a\\\"b\","
                             "\"epoch\":\"%s\",\"offset\":%" PRId64 "}",
        epoch, offset);
    assert_payload(pgc_frame_message("\"i\"", 3, "a\"b", msg), expected);
    free(expected);
    msg->seen = (struct pgc_seen){.tick = 12, .nonce = 0xbeef};
    expected = pgc_xasprintf("{\"identifier\":\"i\",\"message\":{\"n\":1},\"stream_id\":\"a\\\"b\","
                             "\"epoch\":\"%s-12.0000beef\",\"offset\":%" PRId64 "}",
        epoch, offset);
    assert_payload(pgc_frame_message("\"i\"", 3, "a\"b", msg), expected);
    free(expected);
    pgc_msg_unref(msg);
}

static void
events_are_records_of_lines(void **state PGC_UNUSED)
{
    struct pgc_frame *ping = pgc_frame_ping(PGC_WIRE_EVENTS, 5);

    assert_int_equal(ping->header_bytes, 0);
    assert_payload(ping, "event: ping\ndata: {\"type\":\"ping\",\"message\":5}\n\n");
    assert_payload(pgc_frame_answer(PGC_WIRE_EVENTS, PGC_REJECT_HISTORY, "x", 1),
        "event: reject_history\ndata: {\"identifier\":\"x\",\"type\":\"reject_history\"}\n\n");
    assert_payload(pgc_frame_disconnect(PGC_WIRE_EVENTS, "remote", true),
        "event: disconnect\n"
        "data: {\"type\":\"disconnect\",\"reason\":\"remote\",\"reconnect\":true}\n\n");
    assert_payload(pgc_frame_disconnect(PGC_WIRE_EVENTS, "remote", false),
        "event: disconnect\nretry: 31536000000\n"
        "data: {\"type\":\"disconnect\",\"reason\":\"remote\",\"reconnect\":false}\n\n");
}

static void
assert_event(const char *stream, const char *text, const char *data, const char *named)
{
    struct pgc_msg *msg = msg_of(text);
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;
    char *expected;

    pgc_place_write(&msg->position, epoch, &offset);
    expected = pgc_xasprintf("%sid: %" PRId64 "/%s/%s\n\n", data, offset, epoch, named);
    assert_payload(pgc_frame_event(stream, msg), expected);
    free(expected);
    msg->seen = (struct pgc_seen){.tick = 12, .nonce = 0xbeef};
    expected = pgc_xasprintf("%sid: %" PRId64 "/%s-12.0000beef/%s\n\n", data, offset, epoch, named);
    assert_payload(pgc_frame_event(stream, msg), expected);
    free(expected);
    pgc_msg_unref(msg);
}

static void
no_line_break_gets_out_of_its_line(void **state PGC_UNUSED)
{
    assert_event("orders-7", "{\"n\":1}", "data: {\"n\":1}\n", "orders-7");
    assert_event(
        "orders-7", "{\n\"n\":\r1\n}", "data: {\ndata: \"n\":\ndata: 1\ndata: }\n", "orders-7");
    assert_event("a\nevent: b\r/c", "1", "data: 1\n", "a?event: b?/c");
}

/* A frame whose payload has exactly `payload` bytes. */
static struct pgc_frame *
frame_of_size(size_t payload)
{
    size_t overhead = strlen("{\"identifier\":\"i\",\"message\":}");
    static const struct pgc_position position = {.tick = 1};
    char *text = pgc_xmalloc(payload);
    struct pgc_msg *msg;
    struct pgc_frame *frame;

    memset(text, '1', payload);
    msg = pgc_msg_new(&position, 0, text, payload - overhead);
    frame = pgc_frame_message("\"i\"", 3, NULL, msg);
    pgc_msg_unref(msg);
    free(text);
    return frame;
}

static void
assert_header(size_t payload, const char *header, size_t header_bytes)
{
    struct pgc_frame *frame = frame_of_size(payload);

    assert_int_equal(frame->header_bytes, header_bytes);
    assert_int_equal(frame->length, header_bytes + payload);
    assert_memory_equal(frame->bytes, header, header_bytes);
    assert_int_equal(frame->bytes[frame->length - 1], '}');
    pgc_frame_unref(frame);
}

static void
websocket_header_has_the_shortest_length(void **state PGC_UNUSED)
{
    assert_header(100, "\x81\x64", 2);
    assert_header(125, "\x81\x7d", 2);
    assert_header(126, "\x81\x7e\x00\x7e", 4);
    assert_header(65535, "\x81\x7e\xff\xff", 4);
    assert_header(65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10);
    assert_header(3000000, "\x81\x7f\0\0\0\0\0\x2d\xc6\xc0", 10);
}

static void
frame_lives_until_the_last_reference(void **state PGC_UNUSED)
{
    struct pgc_frame *frame = pgc_frame_ping(PGC_WIRE_WEBSOCKET, 1);

    assert_ptr_equal(pgc_frame_ref(frame), frame);
    pgc_frame_unref(frame);
    assert_payload(frame, "{\"type\":\"ping\",\"message\":1}");
    pgc_frame_unref(NULL);
}

static struct pgc_command
parse(const char *text)
{
    struct pgc_command command;
    struct pgc_err err = {0};

    assert_true(pgc_command_parse(text, strlen(text), 1024, &command, &err));
    return command;
}

static void
commands_are_known_by_name(void **state PGC_UNUSED)
{
    static const struct {
        const char *text;
        enum pgc_command_kind kind;
    } cases[] = {
        {"{\"command\":\"subscribe\"}", PGC_COMMAND_SUBSCRIBE},
        {"{\"command\":\"unsubscribe\"}", PGC_COMMAND_UNSUBSCRIBE},
        {"{\"command\":\"message\"}", PGC_COMMAND_MESSAGE},
        {"{\"command\":\"history\"}", PGC_COMMAND_HISTORY},
        {"{\"command\":\"ping\"}", PGC_COMMAND_PING},
        {"{\"command\":\"pong\"}", PGC_COMMAND_PONG},
        {"{\"command\":\"whisper\"}", PGC_COMMAND_OTHER},
        {"{\"command\":\"Subscribe\"}", PGC_COMMAND_OTHER},
        {"{\"command\":\"\"}", PGC_COMMAND_OTHER},
        {"{\"command\":5}", PGC_COMMAND_OTHER},
        {"{\"action\":\"message\",\"data\":\"Hello Server!\"}", PGC_COMMAND_OTHER},
        {"{}", PGC_COMMAND_OTHER},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pgc_command command = parse(cases[i].text);

        assert_int_equal(command.kind, cases[i].kind);
        assert_null(command.identifier);
        assert_null(command.history);
        pgc_command_fini(&command);
    }
}

static void
history_is_read_with_the_command(void **state PGC_UNUSED)
{
    struct pgc_command command = parse("{\"command\":\"subscribe\",\"history\":{\"since\":5}}");
    struct pgc_since since;

    assert_non_null(command.history);
    assert_int_equal(pgc_history_wish(command.history, "s", &since), PGC_WISH_REPLAY);
    assert_true(since.by_time);
    assert_int_equal(since.unix_s, 5);
    pgc_command_fini(&command);
    command = parse("{\"command\":\"subscribe\",\"history\":null}");
    assert_null(command.history);
    pgc_command_fini(&command);
}

static void
identifier_is_the_decoded_string(void **state PGC_UNUSED)
{
    struct pgc_command command = parse(" { \"identifier\" : \"{\\\"x\\\":\\\"\\u00e9<\\/\\\"}\" ,\n"
                                       " \"command\" : \"subscribe\", \"id\":7 } ");

    assert_int_equal(command.kind, PGC_COMMAND_SUBSCRIBE);
    assert_string_equal(command.identifier, "{\"x\":\"\xc3\xa9</\"}");
    assert_int_equal(command.identifier_length, strlen(command.identifier));
    pgc_command_fini(&command);
    assert_null(command.identifier);
}

static void
identifier_that_is_no_string_is_none(void **state PGC_UNUSED)
{
    static const char *const texts[] = {
        "{\"command\":\"subscribe\",\"identifier\":null}",
        "{\"command\":\"subscribe\",\"identifier\":5}",
        "{\"command\":\"subscribe\",\"identifier\":{\"channel\":\"x\"}}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct pgc_command command = parse(texts[i]);

        assert_int_equal(command.kind, PGC_COMMAND_SUBSCRIBE);
        assert_null(command.identifier);
        pgc_command_fini(&command);
    }
}

static void
text_that_is_no_object_is_no_command(void **state PGC_UNUSED)
{
    static const char *const texts[] = {
        "",
        " ",
        "nope",
        "null",
        "5",
        "[]",
        "[{\"command\":\"subscribe\"}]",
        "\"subscribe\"",
        "{\"command\":\"subscribe\"} x",
        "{\"command\":\"subscribe\"}{}",
        "{\"command\":\"subscribe\",\"identifier\":",
        "\xef\xbb\xbf{\"command\":\"subscribe\"}",
        "{\"command\":\"subscribe\",\"command\":\"nope\"}",
        "{\"command\":\"subscribe\",\"command\\u0000\":1}",
        "{\"command\":\"subscribe\\u0000\"}",
        "{command:\"subscribe\"}",
        "{\"command\":'subscribe'}",
        "{\"command\":\"a\nb\"}",
        "{\"command\":\"\xc0\xaf\"}",
        "{\"x\":[[[[[[[[[[[[1]]]]]]]]]]]]}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct pgc_command command;
        struct pgc_err err = {0};

        assert_false(pgc_command_parse(texts[i], strlen(texts[i]), 1024, &command, &err));
        assert_int_equal(err.code, PGC_ERR_DATA);
        assert_non_null(strstr(err.message, "read a command"));
        pgc_command_fini(&command);
    }
}

static void
command_over_the_limit_is_refused(void **state PGC_UNUSED)
{
    static const char text[] = "{\"command\":\"subscribe\"}";
    struct pgc_command command;

    assert_true(pgc_command_parse(text, sizeof(text) - 1, sizeof(text) - 1, &command, NULL));
    pgc_command_fini(&command);
    assert_false(pgc_command_parse(text, sizeof(text) - 1, sizeof(text) - 2, &command, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_byte_for_byte_as_rails_writes_them),
        cmocka_unit_test(frames_of_the_extension_are_as_anycable_writes_them),
        cmocka_unit_test(message_frame_carries_the_text_untouched),
        cmocka_unit_test(message_of_the_extension_says_where_it_stands),
        cmocka_unit_test(events_are_records_of_lines),
        cmocka_unit_test(no_line_break_gets_out_of_its_line),
        cmocka_unit_test(websocket_header_has_the_shortest_length),
        cmocka_unit_test(frame_lives_until_the_last_reference),
        cmocka_unit_test(commands_are_known_by_name),
        cmocka_unit_test(history_is_read_with_the_command),
        cmocka_unit_test(identifier_is_the_decoded_string),
        cmocka_unit_test(identifier_that_is_no_string_is_none),
        cmocka_unit_test(text_that_is_no_object_is_no_command),
        cmocka_unit_test(command_over_the_limit_is_refused),
    };

    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
