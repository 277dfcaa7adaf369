/* SPDX-License-Identifier: PostgreSQL */
/* What PostgreSQL stored is what clients get, byte for byte, wherever an event shows it. */
#include <stdlib.h>

#include "event_world.h"

/* One of each kind of text that a parser in between would change. */
static const char *const values[] = {
    /* numbers: beyond doubles, beyond 64 bits, with trailing zeros, with 40 digits, as json has it
     */
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "340282366920938463463374607431768211456",
    "1.50",
    "0.000",
    "-0",
    "100.0000000000",
    "3.141592653589793238462643383279502884197",
    "1234567890123456789012345678901234567890.10",
    "0.1234567890123456789012345678901234567890",
    "1e400",
    "1.0E+2",
    "\"NaN\"",
    "true",
    /* unicode: accents, combining, astral, joined, right to left, line separators, as escapes */
    "\"\xc3\xa9\"",
    "\"e\xcc\x81 o\xcc\x88\xcc\xa3\"",
    "\"\xf0\x9f\x98\x80 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7 \xf4\x8f\xbf\xbf\"",
    "\"\xd7\xa9\xd7\x9c\xe2\x80\xaf\xef\xbb\xbf\"",
    "\"a \xe2\x80\xa8 b \xe2\x80\xa9\"",
    "\"\\u00e9 \\u00E9 \\ud83d\\ude00 \\u2028\"",
    "\"\\u0000 \\ud83d\"", /* a json column may hold these */
    /* all escapes, those that JSON does not ask for as well, and what HTML would like to see */
    "\"\\\" \\\\ \\/ / \\b \\f \\n \\r \\t \\u0001 \\u001f \\u007f \x7f\"",
    "\"\\\\\"",
    "\"\\\\\\\"\"",
    "\"</script><b>&amp;'\"",
    "\"\"",
    /* json columns: order of keys, the same key twice, spaces, brackets in strings */
    "{\"b\":1,\"a\":2,\"aa\":3,\"A\":4}",
    "{\"a\":1,\"a\":2,\"a\":{\"a\":3,\"a\":null}}",
    "{ \"b\" : [ 1.0 ,\n\t2 ] ,\r\n \"a\" : { } }",
    "[\"]\",\"}\",{\"[\":\"\\\"}\"}]",
    "{\"\":{\"\":[[],{}]}}",
};

enum { VALUES = sizeof(values) / sizeof(values[0]) };

/* `length` bytes of message have "`name`":`value` in them, followed by the next member or the end.
 */
static void
assert_shows(const struct pgc_msg *msg, const char *name, const char *value)
{
    struct pgc_buf wanted = {0};
    const char *found;

    pgc_buf_addf(&wanted, "\"%s\":", name);
    pgc_buf_adds(&wanted, value);
    found = strstr(msg->text, pgc_buf_str(&wanted));
    if (found == NULL || strchr(",}", found[wanted.length]) == NULL) {
        fail_msg("%.200s does not show %s as %.200s", msg->text, name, value);
    }
    pgc_buf_fini(&wanted);
}

/* A message's row or fact with `value` in `column`. */
static const char *
message_with(struct pgc_buf *row, const char *column, const char *value)
{
    pgc_buf_clear(row);
    pgc_buf_adds(row, "{\"id\":1,\"chat_room_id\":8,\"chat_room_participant_id\":22,");
    pgc_buf_addf(row, "\"%s\":", column);
    pgc_buf_adds(row, value);
    pgc_buf_adds(row, ",\"deleted_at\":null}");
    return pgc_buf_str(row);
}

static const struct pgc_msg *
raised(struct event_world *world, size_t index)
{
    world_raise(world);
    assert_non_null(world_message(world, index));
    return world_message(world, index);
}

/* ---- from rows ---- */

static void
columns_of_a_new_message_are_shown_as_stored(void **state)
{
    static const char *const columns[] = {
        "body", "rich_text_body", "creation_uuid", "chat_thread_id", "lesson_id"};
    struct event_world *world = *state;
    struct pgc_buf row = {0};

    for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
        for (size_t i = 0; i < VALUES; i++) {
            world_row(world, "message", 'I', message_with(&row, columns[c], values[i]), NULL);
            assert_shows(raised(world, 0), columns[c], values[i]);
        }
    }
    pgc_buf_fini(&row);
}

static void
columns_of_an_updated_message_are_shown_as_stored(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf row = {0};

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "message", 'U', message_with(&row, "rich_text_body", values[i]),
            "{\"id\":1,\"chat_room_id\":8}");
        assert_shows(raised(world, 0), "rich_text_body", values[i]);
    }
    pgc_buf_fini(&row);
}

static void
another_spelling_of_the_same_value_is_an_update(void **state)
{
    static const char *const spellings[][2] = {{"1.5", "1.50"},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"}, {"\"\xc3\xa9\"", "\"e\xcc\x81\""}};
    struct event_world *world = *state;
    struct pgc_buf now = {0};
    struct pgc_buf before = {0};

    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        world_row(world, "message", 'U', message_with(&now, "rich_text_body", spellings[i][1]),
            message_with(&before, "rich_text_body", spellings[i][0]));
        assert_shows(raised(world, 0), "rich_text_body", spellings[i][1]);
    }
    pgc_buf_fini(&now);
    pgc_buf_fini(&before);
}

static void
extras_are_shown_as_stored(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf row = {0};

    for (size_t i = 0; i < VALUES; i++) {
        pgc_buf_clear(&row);
        pgc_buf_adds(&row, "{\"id\":5,\"community_member_id\":1,\"seen_at\":1,\"action\":");
        pgc_buf_adds(&row, values[i]);
        pgc_buf_addc(&row, '}');
        world_row(world, "notification", 'I', pgc_buf_str(&row), NULL);
        assert_shows(raised(world, 0), "action", values[i]);
    }
    pgc_buf_fini(&row);
}

static void
ids_of_any_size_name_their_streams(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I',
        "{\"id\":9223372036854775808,\"chat_room_id\":340282366920938463463374607431768211456,"
        "\"chat_thread_id\":9007199254740993}",
        NULL);
    world_raise(world);
    assert_string_equal(
        world->batch->ops[0].topic, "chat-room-340282366920938463463374607431768211456-channel");
    assert_string_equal(world->batch->ops[1].topic, "thread-members:9007199254740993");
    assert_shows(world_message(world, 0), "id", "9223372036854775808");
}

/* Where rooms have no uuid their id is shown as a string, which is written anew, not copied. */
static void
ids_shown_as_strings_are_escaped_as_postgresql_does(void **state)
{
    static const char *const ids[] = {"\"\xf0\x9f\x98\x80 \xe2\x80\xa8 / \x7f <\"",
        "\"\\\" \\\\ \\b \\f \\n \\r \\t \\u0001 \\u001f\""};
    struct event_world *world = *state;
    struct pgc_buf row = {0};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        pgc_buf_clear(&row);
        pgc_buf_adds(&row, "{\"id\":1,\"room_id\":");
        pgc_buf_adds(&row, ids[i]);
        pgc_buf_addc(&row, '}');
        world_row(world, "message", 'I', pgc_buf_str(&row), NULL);
        assert_shows(raised(world, 0), "chat_room_uuid", ids[i]);
    }
    pgc_buf_fini(&row);
}

/* ---- from facts ---- */

static void
fact_with(struct event_world *world, const char *what, const char *key, const char *member,
    const char *value)
{
    struct pgc_buf fact = {0};

    pgc_buf_addf(&fact, "{\"id\":22,\"%s\":", member);
    pgc_buf_adds(&fact, value);
    pgc_buf_addc(&fact, '}');
    world_fact(world, what, key, pgc_buf_str(&fact));
    pgc_buf_fini(&fact);
}

static void
facts_are_shown_as_they_came(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf row = {0};

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "message", 'I', message_with(&row, "chat_thread_id", "7"), NULL);
        world_needs(world);
        fact_with(world, "room", "8", "chat_room_kind", values[i]);
        fact_with(world, "sender", "p:22", "name", values[i]);
        fact_with(world, "stats", "1", "thread_participants_preview", values[i]);
        raised(world, 0);
        assert_shows(world_message(world, 0), "chat_room_kind", values[i]);
        assert_shows(world_message(world, 0), "name", values[i]);
        assert_shows(world_message(world, 0), "thread_participants_preview", values[i]);
    }
    pgc_buf_fini(&row);
}

static void
extras_of_facts_are_shown_as_they_came(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf row = {0};
    struct pgc_buf extra = {0};

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "message", 'I', message_with(&row, "body", "\"\""), NULL);
        world_needs(world);
        pgc_buf_clear(&extra);
        pgc_buf_adds(&extra, "{\"badge\":");
        pgc_buf_adds(&extra, values[i]);
        pgc_buf_addc(&extra, '}');
        fact_with(world, "sender", "p:22", "extra", pgc_buf_str(&extra));
        assert_shows(raised(world, 0), "badge", values[i]);
    }
    pgc_buf_fini(&row);
    pgc_buf_fini(&extra);
}

static void
a_message_inside_another_payload_is_shown_as_it_came(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf fact = {0};

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "message", 'D', NULL,
            "{\"id\":2,\"chat_room_id\":8,\"parent_message_id\":1,\"chat_thread_id\":7}");
        world_needs(world);
        world_fact(world, "message", "1", message_with(&fact, "rich_text_body", values[i]));
        raised(world, 1);
        assert_shows(world_message(world, 0), "rich_text_body", values[i]);
        assert_shows(world_message(world, 1), "rich_text_body", values[i]);
    }
    pgc_buf_fini(&fact);
}

static void
a_room_is_shown_to_a_viewer_as_it_came(void **state)
{
    struct event_world *world = *state;

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "participant", 'I',
            "{\"id\":3,\"chat_room_id\":8,\"community_member_id\":1}", NULL);
        world_needs(world);
        fact_with(world, "room", "8", "chat_room_description", values[i]);
        fact_with(world, "viewer", "8:1", "current_participant", values[i]);
        raised(world, 0);
        assert_shows(world_message(world, 0), "chat_room_description", values[i]);
        assert_shows(world_message(world, 0), "current_participant", values[i]);
    }
}

/* ---- from the application itself ---- */

static void
what_is_broadcast_is_sent_as_stored(void **state)
{
    struct event_world *world = *state;
    struct pgc_buf text = {0};

    for (size_t i = 0; i < VALUES; i++) {
        world_row(world, "broadcast", 'B', values[i], NULL);
        assert_string_equal(raised(world, 0)->text, values[i]);
        pgc_buf_clear(&text);
        pgc_buf_adds(&text, "{\"event\":\"e\",\"data\":{\"x\":");
        pgc_buf_adds(&text, values[i]);
        pgc_buf_adds(&text, "}}");
        world_row(world, "event", 'B', pgc_buf_str(&text), NULL);
        assert_shows(raised(world, 0), "x", values[i]);
    }
    pgc_buf_fini(&text);
}

/* ---- large and deep ---- */

static void
a_body_of_a_megabyte_is_shown_as_stored(void **state)
{
    struct event_world *world =
        world_new(world_reference, &(struct pgc_builder_conf){.max_payload_bytes = 2 << 20});
    struct pgc_buf body = {0};
    struct pgc_buf row = {0};

    (void)state;
    pgc_buf_addc(&body, '"');
    while (body.length < 1 << 20) {
        pgc_buf_adds(&body, "\\\"\\\\ \xf0\x9f\x98\x80 e\xcc\x81 \\n \xe2\x80\xa8 {[ 1.50 ");
    }
    pgc_buf_addc(&body, '"');
    world_row(world, "message", 'I', message_with(&row, "body", pgc_buf_str(&body)), NULL);
    assert_shows(raised(world, 0), "body", pgc_buf_str(&body));
    assert_true(world_message(world, 0)->length > 1 << 20);
    assert_string_equal(pgc_buf_str(&world->complaints), "");
    pgc_buf_fini(&body);
    pgc_buf_fini(&row);
    world_free(world);
}

/* A rich text document with `depth` quotations in one another. */
static void
write_document(struct pgc_buf *document, size_t depth)
{
    pgc_buf_adds(document, "{\"type\": \"doc\", \"content\": [");
    for (size_t i = 0; i < depth; i++) {
        pgc_buf_addf(
            document, "{\"type\": \"blockquote\", \"attrs\": {\"n\": %zu.0}, \"content\": [", i);
    }
    pgc_buf_adds(document, "{\"type\": \"text\", \"text\": \"]}\\\"\"}");
    for (size_t i = 0; i < depth; i++) {
        pgc_buf_adds(document, "]}");
    }
    pgc_buf_adds(document, "]}");
}

static void
a_deep_document_is_shown_as_stored(void **state)
{
    static const size_t depths[] = {1, 100, 5000};
    struct event_world *world = *state;

    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        struct pgc_buf document = {0};
        struct pgc_buf row = {0};

        write_document(&document, depths[i]);
        world_row(world, "message", 'I',
            message_with(&row, "rich_text_body", pgc_buf_str(&document)), NULL);
        assert_shows(raised(world, 0), "rich_text_body", pgc_buf_str(&document));
        pgc_buf_fini(&document);
        pgc_buf_fini(&row);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(columns_of_a_new_message_are_shown_as_stored),
        TEST(columns_of_an_updated_message_are_shown_as_stored),
        TEST(another_spelling_of_the_same_value_is_an_update),
        TEST(extras_are_shown_as_stored),
        TEST(ids_of_any_size_name_their_streams),
        cmocka_unit_test_setup_teardown(ids_shown_as_strings_are_escaped_as_postgresql_does,
            world_setup_minimal, world_teardown),
        TEST(facts_are_shown_as_they_came),
        TEST(extras_of_facts_are_shown_as_they_came),
        TEST(a_message_inside_another_payload_is_shown_as_it_came),
        TEST(a_room_is_shown_to_a_viewer_as_it_came),
        TEST(what_is_broadcast_is_sent_as_stored),
        cmocka_unit_test(a_body_of_a_megabyte_is_shown_as_stored),
        TEST(a_deep_document_is_shown_as_stored),
    };

    return cmocka_run_group_tests_name("event_exact", tests, NULL, NULL);
}
