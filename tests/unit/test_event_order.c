/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "event_world.h"

static void
position_is(const struct event_world *world, size_t op, int64_t id, uint32_t part)
{
    const struct pgc_msg *msg = world_message(world, op);

    assert_int_equal(msg->position.tick, 9);
    assert_int_equal(msg->position.nonce, 0xabcd);
    assert_int_equal(msg->position.id, id);
    assert_int_equal(msg->position.part, part);
    assert_int_equal(msg->committed_us, 1234567);
}

static void
a_message_stands_at_its_row_and_part(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    world_row(world, "message", 'D', NULL,
        "{\"id\":2,\"chat_room_id\":8,\"parent_message_id\":1,\"chat_thread_id\":7}");
    world_raise(world);
    assert_null(world_message(world, 4));
    position_is(world, 0, 1, 0);
    position_is(world, 1, 1, 0);
    position_is(world, 2, 2, 0);
    position_is(world, 3, 2, 1);
}

static void
who_is_listening_does_not_move_the_positions_of_others(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'U',
        "{\"chat_room_id\":8,\"community_member_id\":1,\"pinned_at\":1,\"last_read_at\":1}",
        "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    world_raise(world);
    assert_null(world_message(world, 4));
    position_is(world, 0, 1, 0);
    position_is(world, 1, 1, 1);
    position_is(world, 2, 2, 0);
}

static void
pieces_of_a_tick_go_on_where_the_last_one_ended(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    assert_int_equal(pgc_builder_rows(world->builder), 1);
    assert_int_equal(pgc_builder_bytes(world->builder), 25);
    world_piece(world, false);
    assert_int_equal(pgc_builder_rows(world->builder), 0);
    assert_int_equal(pgc_builder_bytes(world->builder), 0);
    world_row(world, "message", 'I', "{\"id\":2,\"chat_room_id\":8}", NULL);
    world_raise(world);
    position_is(world, 0, 2, 0);
}

static void
facts_are_forgotten_with_their_piece(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    assert_string_equal(world_piece_needs(world, false), "{\"room\":[\"8\"]}");
    world_fact(world, "room", "8", "{\"id\":8,\"is_embedded\":true}");
    world_piece(world, false);
    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    world_raise(world);
    assert_null(world_message(world, 2));
}

static void
needs_are_named_again_until_answered(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    assert_string_equal(world_needs(world), "{\"room\":[\"8\"]}");
    pgc_builder_answered(world->builder);
    assert_string_equal(world_needs(world), "");
    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":9}", NULL);
    assert_string_equal(world_needs(world), "{\"room\":[\"9\"]}");
}

static void
each_need_is_named_once(void **state)
{
    struct event_world *world = *state;
    int i;

    for (i = 0; i < 3; i++) {
        world_row(world, "message", 'U',
            "{\"id\":1,\"chat_room_id\":8,\"chat_room_participant_id\":2,\"body\":\"b\"}",
            "{\"id\":1,\"chat_room_id\":8,\"chat_room_participant_id\":2,\"body\":\"a\"}");
    }
    assert_string_equal(world_needs(world),
        "{\"room\":[\"8\"],\"sender\":[{\"participant\":\"2\"}],"
        "\"stats\":[{\"message\":\"1\",\"thread\":null}]}");
}

static void
a_tick_that_is_begun_again_starts_afresh(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I', "{\"id\":5,\"community_member_id\":1}", NULL);
    world_row(world, "participant", 'D', NULL, "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_piece(world, false);
    pgc_builder_begin(world->builder, 9, 0xabcd);
    world_row(world, "room", 'D', NULL, "{\"id\":8,\"uuid\":\"u\"}");
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish room-members:8 {\"event\":\"chatRoomDeleted\",\"chat_room_uuid\":\"u\"}\n");
}

static void
a_broadcast_goes_out_as_it_is(void **state)
{
    struct event_world *world = *state;

    world_row(world, "broadcast", 'B', "{\"b\":  1.50, \"a\":\"</script>\"}", NULL);
    world_row(world, "broadcast", 'B', "null", NULL);
    world_row(world, "broadcast", 'B', "[1, 2]", NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        "publish news {\"b\":  1.50, \"a\":\"</script>\"}\npublish news "
        "null\npublish news [1, 2]\n");
    position_is(world, 2, 3, 0);
}

static void
a_truncated_table_makes_all_reload(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'T', NULL, NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "reload\n");
}

static void
the_end_of_a_pause_makes_all_reload_in_its_place(void **state)
{
    struct event_world *world = *state;

    world_row(world, "broadcast", 'B', "1", NULL);
    world_row(world, "reload", 'B', NULL, NULL);
    world_row(world, "broadcast", 'B', "2", NULL);
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world), "publish news 1\nreload\npublish news 2\n");
}

static void
rows_of_no_kind_of_ours_are_passed_over(void **state)
{
    struct event_world *world = *state;

    world_row(world, "mapping", 'B', NULL, NULL);
    world_row(world, "poll", 'I', "{\"id\":1}", NULL);
    world_row(world, "poll", 'T', NULL, NULL);
    assert_int_equal(pgc_builder_rows(world->builder), 0);
    assert_string_equal(world_raise(world), "");
}

static void
without_a_mapping_only_broadcasts_are_sent(void **state)
{
    struct event_world *world = *state;

    pgc_builder_set_mapping(world->builder, NULL);
    world_row(world, "message", 'I', "{\"id\":1,\"chat_room_id\":8}", NULL);
    world_row(world, "broadcast", 'B', "1", NULL);
    assert_string_equal(world_raise(world), "publish news 1\n");
}

/* ---- envelope and limit ---- */

static void
a_nested_envelope_puts_the_fields_under_data(void **state)
{
    struct event_world *world = world_new(world_reference,
        &(struct pgc_builder_conf){.envelope = PGC_ENVELOPE_NESTED, .max_payload_bytes = 100});

    (void)state;
    world_row(world, "message", 'D', NULL, "{\"id\":2,\"chat_room_id\":8}");
    world_row(world, "message", 'I', "{\"id\":3,\"chat_room_id\":8,\"parent_message_id\":1}", NULL);
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel "
        "{\"event\":\"deletedMessage\",\"data\":{\"id\":2,\"parent_message\":null}}\n"
        "publish chat-room-8-channel "
        "{\"event\":\"newMessage\",\"data\":{\"id\":3,\"truncated\":true}}\n");
    world_free(world);
}

static void
a_payload_over_the_limit_is_sent_as_truncated(void **state)
{
    struct event_world *world =
        world_new(world_reference, &(struct pgc_builder_conf){.max_payload_bytes = 600});
    struct pgc_buf body = {0};
    char *row;

    (void)state;
    while (body.length < 600) {
        pgc_buf_addc(&body, 'x');
    }
    row = pgc_xasprintf(
        "{\"id\":9007199254740993,\"chat_room_id\":8,\"body\":\"%s\"}", pgc_buf_str(&body));
    world_row(world, "message", 'I', row, NULL);
    assert_string_equal(world_raise(world),
        "publish chat-room-8-channel "
        "{\"event\":\"newMessage\",\"id\":9007199254740993,\"truncated\":true}\n"
        "publish room-members:8 "
        "{\"event\":\"newMessage\",\"id\":9007199254740993,\"truncated\":true}\n");
    assert_non_null(strstr(pgc_buf_str(&world->complaints), "newMessage of row 100"));
    assert_non_null(strstr(pgc_buf_str(&world->complaints), "max_payload_bytes = 600"));
    free(row);
    pgc_buf_fini(&body);
    world_free(world);
}

static void
a_payload_at_the_limit_is_sent_whole(void **state)
{
    static const char whole[] = "{\"event\":\"e\",\"id\":7,\"x\":12345678}";
    struct event_world *world = world_new(
        world_reference, &(struct pgc_builder_conf){.max_payload_bytes = sizeof(whole) - 1});

    (void)state;
    world_row(world, "broadcast", 'B', whole, NULL);
    world_row(world, "broadcast", 'B', "{\"event\":\"e\",\"id\":7,\"x\":123456789}", NULL);
    world_row(world, "broadcast", 'B', "[123456789,123456789,123456789,123]", NULL);
    assert_string_equal(world_raise(world),
        "publish news {\"event\":\"e\",\"id\":7,\"x\":12345678}\n"
        "publish news {\"event\":\"e\",\"id\":7,\"truncated\":true}\n"
        "publish news {\"event\":\"broadcast\",\"id\":null,\"truncated\":true}\n");
    world_free(world);
}

static void
a_payload_of_a_megabyte_goes_through(void **state)
{
    struct event_world *world =
        world_new(world_reference, &(struct pgc_builder_conf){.max_payload_bytes = 2 << 20});
    struct pgc_buf row = {0};

    (void)state;
    pgc_buf_adds(&row, "{\"id\":1,\"chat_room_id\":8,\"rich_text_body\":[0");
    while (row.length < 1 << 20) {
        pgc_buf_adds(&row, ", 1.0");
    }
    pgc_buf_adds(&row, "]}");
    world_row(world, "message", 'I', pgc_buf_str(&row), NULL);
    world_raise(world);
    assert_true(world_message(world, 0)->length > 1 << 20);
    assert_non_null(strstr(world_message(world, 0)->text, "1.0, 1.0],\"sent_at\":null,"));
    pgc_buf_fini(&row);
    world_free(world);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_message_stands_at_its_row_and_part, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            who_is_listening_does_not_move_the_positions_of_others, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            pieces_of_a_tick_go_on_where_the_last_one_ended, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            facts_are_forgotten_with_their_piece, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            needs_are_named_again_until_answered, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(each_need_is_named_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_tick_that_is_begun_again_starts_afresh, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_broadcast_goes_out_as_it_is, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_truncated_table_makes_all_reload, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            the_end_of_a_pause_makes_all_reload_in_its_place, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            rows_of_no_kind_of_ours_are_passed_over, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            without_a_mapping_only_broadcasts_are_sent, world_setup, world_teardown),
        cmocka_unit_test(a_nested_envelope_puts_the_fields_under_data),
        cmocka_unit_test(a_payload_over_the_limit_is_sent_as_truncated),
        cmocka_unit_test(a_payload_at_the_limit_is_sent_whole),
        cmocka_unit_test(a_payload_of_a_megabyte_goes_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
