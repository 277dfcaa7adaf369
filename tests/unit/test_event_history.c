/* SPDX-License-Identifier: PostgreSQL */
#include "event_world.h"

/* What the builder says for those who resume, beside what is sent at once. */

#define MESSAGE(body) "{\"id\":981,\"chat_room_id\":8,\"body\":" body "}"

static int
setup(void **state)
{
    struct event_world *world;

    world_setup(state);
    world = *state;
    world->tells_kept = true;
    return 0;
}

/* The lines that begin with `what`. */
static const char *
lines_of(const char *text, const char *what, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    while (*text != '\0') {
        size_t length = strcspn(text, "\n") + 1;

        if (strncmp(text, what, strlen(what)) == 0) {
            assert_true(used + length < size);
            memcpy(out + used, text, length);
            used += length;
            out[used] = '\0';
        }
        text += length;
    }
    return out;
}

static void
a_message_says_what_it_shows(void **state)
{
    struct event_world *world = *state;
    const struct pgc_msg *msg;

    world_row(world, "message", 'I', MESSAGE("\"a\""), NULL);
    world_row(world, "message", 'U', MESSAGE("\"b\""), MESSAGE("\"a\""));
    world_raise(world);
    msg = world_message(world, 0);
    assert_string_equal(msg->about, "message:981");
    assert_null(msg->embeds);
    assert_false(msg->is_update);
    msg = world_message(world, 2);
    assert_string_equal(msg->about, "message:981");
    assert_true(msg->is_update);
}

static void
an_edited_message_amends_what_was_sent_before(void **state)
{
    struct event_world *world = *state;
    char lines[2048];

    world_row(world, "message", 'U', MESSAGE("\"b\""), MESSAGE("\"a\""));
    assert_string_equal(lines_of(world_raise(world), "amend", lines, sizeof(lines)),
        "amend message:981 {\"event\":\"newMessage\",\"id\":981,\"chat_room_uuid\":null,"
        "\"chat_room_kind\":null,\"chat_room_participant_id\":null,\"body\":\"b\","
        "\"rich_text_body\":null,\"sent_at\":null,\"created_at\":null,"
        "\"sender\":{\"id\":null,\"community_member_id\":null,\"name\":null,\"avatar_url\":null,"
        "\"user_public_uid\":null},\"creation_uuid\":null,\"chat_thread_id\":null,"
        "\"parent_message_id\":null,\"lesson_id\":null,\"edited_at\":null,\"replies_count\":0,"
        "\"total_thread_participants_count\":0,\"thread_participants_preview\":[],"
        "\"chat_thread_replies_count\":0}\n");
    assert_int_equal(world->batch->ops[0].kind, PGC_OP_AMEND);
}

static void
what_nobody_sees_amends_nothing(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'U', MESSAGE("\"a\",\"updated_at\":2"), MESSAGE("\"a\""));
    assert_string_equal(world_raise(world), "");
}

static void
a_deleted_message_is_forgotten_before_it_is_told(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL, MESSAGE("\"secret\""));
    world_raises(world, "forget message:981\n",
        "publish chat-room-8-channel "
        "{\"event\":\"deletedMessage\",\"id\":981,\"parent_message\":null}\n",
        NULL);
    assert_null(world_message(world, 0)->about);
}

static void
a_message_that_moves_is_forgotten_where_it_was(void **state)
{
    struct event_world *world = *state;
    char lines[256];

    world_row(world, "message", 'U', "{\"id\":981,\"chat_room_id\":9}", MESSAGE("null"));
    assert_string_equal(
        lines_of(world_raise(world), "forget", lines, sizeof(lines)), "forget message:981\n");
    assert_int_equal(world->batch->ops[0].kind, PGC_OP_FORGET);
}

static void
a_reply_that_is_deleted_shows_its_parent(void **state)
{
    struct event_world *world = *state;

    world_row(world, "message", 'D', NULL,
        "{\"id\":982,\"chat_room_id\":8,\"parent_message_id\":981,\"chat_thread_id\":3}");
    world_needs(world);
    world_fact(world, "message", "981", "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":null}");
    world_raise(world);
    assert_string_equal(world_message(world, 0)->embeds, "message:981");
    assert_string_equal(world_message(world, 1)->embeds, "message:981");
    assert_null(world_message(world, 0)->about);
}

static void
a_room_shows_its_pinned_message(void **state)
{
    struct event_world *world = *state;

    world_row(world, "room", 'U', "{\"id\":8,\"pinned_message_id\":981}", "{\"id\":8}");
    world_needs(world);
    world_fact(world, "message", "981", "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":null}");
    world_raise(world);
    assert_string_equal(world_message(world, 0)->embeds, "message:981");
}

static void
a_new_room_shows_its_last_message(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_needs(world);
    world_fact(world, "room", "8", "{\"id\":8}");
    world_fact(world, "last_message", "8", "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":null}");
    world_raise(world);
    assert_string_equal(world_message(world, 0)->embeds, "message:981");
}

static void
what_is_deleted_by_now_is_not_shown(void **state)
{
    struct event_world *world = *state;

    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_needs(world);
    world_fact(world, "room", "8", "{\"id\":8}");
    world_fact(world, "last_message", "8", "{\"id\":981,\"chat_room_id\":8,\"deleted_at\":\"x\"}");
    world_raise(world);
    assert_null(world_message(world, 0)->embeds);
}

static void
a_participant_may_listen_from_here_on(void **state)
{
    struct event_world *world = *state;

    world->viewers = "";
    world_row(world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":1}", NULL);
    world_raises(world, "join chat-room-channel-1 room-members:8\n",
        "admit 1 chat-room-8-channel\n", "hole chat-room-channel-1 1.0\n", NULL);
}

static void
what_is_not_built_for_those_who_are_away_leaves_a_hole(void **state)
{
    struct event_world *world = *state;

    world->viewers = " 2 ";
    world_row(world, "participant", 'U',
        "{\"chat_room_id\":8,\"community_member_id\":1,\"pinned_at\":1}",
        "{\"chat_room_id\":8,\"community_member_id\":1}");
    world_raises(world,
        "publish chat-room-channel-1 "
        "{\"event\":\"chatRoomPinned\",\"chat_room_id\":8,\"pinned_at\":1}\n",
        "hole chat-room-channel-1 1.1\n", NULL);
}

static void
a_count_that_is_not_known_leaves_a_hole(void **state)
{
    struct event_world *world = *state;
    char lines[256];

    world_row(world, "notification", 'I', "{\"id\":5,\"community_member_id\":1}", NULL);
    world_needs(world);
    assert_string_equal(lines_of(world_raise(world), "hole", lines, sizeof(lines)),
        "hole notification-channel-1 1.1\n");
}

/* The place of the message that follows, after what facts decide. */
static struct pgc_position
place_behind(struct event_world *world, const char *room, const char *pinned_at)
{
    char was[128];
    char is[128];
    size_t last = 0;

    snprintf(is, sizeof(is), "{\"chat_room_id\":8,\"community_member_id\":1,\"pinned_at\":%s}",
        pinned_at);
    snprintf(was, sizeof(was), "{\"chat_room_id\":8,\"community_member_id\":1,\"pinned_at\":%s}",
        strcmp(pinned_at, "null") == 0 ? "1" : "null");
    pgc_builder_begin(world->builder, 9, 0xabcd);
    world_row(world, "notification", 'I', "{\"id\":5,\"community_member_id\":2}", NULL);
    world_row(world, "participant", 'U', is, was);
    world_needs(world);
    world_fact(world, "count", "2", "7");
    if (room != NULL) {
        world_fact(world, "room", "8", room);
    }
    world_raise(world);
    while (world_message(world, last + 1) != NULL) {
        last++;
    }
    assert_non_null(strstr(world_message(world, last)->text, "updateNewNotificationCount"));
    return world_message(world, last)->position;
}

static void
places_do_not_hang_on_facts(void **state)
{
    struct event_world *world = *state;
    static const char *const rooms[] = {NULL, "{\"id\":8}", "{\"id\":8,\"is_embedded\":true}"};

    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        assert_int_equal(place_behind(world, rooms[i], "1").part, 2);
        assert_int_equal(place_behind(world, rooms[i], "null").part, 1);
    }
}

static void
places_do_not_hang_on_viewers_or_rounds(void **state)
{
    static const char *const viewers[] = {NULL, "", " 2 "};
    struct event_world *world = *state;

    for (size_t i = 0; i < 3; i++) {
        world->viewers = viewers[i];
        pgc_builder_begin(world->builder, 9, 0xabcd);
        world_row(world, "notification", 'I', "{\"id\":5,\"community_member_id\":1}", NULL);
        world_piece(world, false);
        world->xid++;
        world_row(
            world, "participant", 'I', "{\"chat_room_id\":8,\"community_member_id\":3}", NULL);
        for (size_t round = 0; round <= i; round++) {
            world_needs(world);
        }
        world_fact(world, "count", "1", "7");
        world_raise(world);
        assert_non_null(strstr(world_message(world, 0)->text, "updateNewNotificationCount"));
        assert_int_equal(world_message(world, 0)->position.id, 1);
        assert_int_equal(world_message(world, 0)->position.part, 1);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_says_what_it_shows),
        TEST(an_edited_message_amends_what_was_sent_before),
        TEST(what_nobody_sees_amends_nothing),
        TEST(a_deleted_message_is_forgotten_before_it_is_told),
        TEST(a_message_that_moves_is_forgotten_where_it_was),
        TEST(a_reply_that_is_deleted_shows_its_parent),
        TEST(a_room_shows_its_pinned_message),
        TEST(a_new_room_shows_its_last_message),
        TEST(what_is_deleted_by_now_is_not_shown),
        TEST(a_participant_may_listen_from_here_on),
        TEST(what_is_not_built_for_those_who_are_away_leaves_a_hole),
        TEST(a_count_that_is_not_known_leaves_a_hole),
        TEST(places_do_not_hang_on_facts),
        TEST(places_do_not_hang_on_viewers_or_rounds),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
