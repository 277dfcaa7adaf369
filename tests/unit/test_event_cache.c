/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "cache_world.h"

/* The cache drops more than it must where a member changes. */
static void
assert_asks_for_senders_after(
    struct event_world *world, char op, const char *now, const char *before)
{
    cache_learn(world);
    cache_change(world, "member", op, now, before);
    cache_begin(world);
    cache_say(world);
    assert_non_null(strstr(world_needs(world), SENDERS));
    world_raise(world);
}

/* ---- what is known ---- */

static void
a_second_message_of_a_sender_in_a_room_asks_for_nothing(void **state)
{
    struct event_world *world = *state;

    assert_asks(world, ALL);
    cache_learn(world);
    assert_asks(world, NOTHING);
    cache_say(world); /* in another piece of the same tick */
    assert_needs(world, NOTHING);
}

static void
another_sender_or_room_is_asked_for(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    world_row(world, "message", 'I',
        "{\"id\":3,\"chat_room_id\":9,\"chat_room_participant_id\":23}", NULL);
    world_row(
        world, "message", 'I', "{\"id\":4,\"chat_room_id\":8,\"community_member_id\":16}", NULL);
    assert_needs(world, "\"room\":[\"9\"],\"sender\":[{\"participant\":\"23\"},{\"room\":\"8\","
                        "\"member\":\"16\"}]");
}

static void
keys_that_are_text_are_known_as_well(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    world_row(world, "message", 'I',
        "{\"id\":\"1\",\"chat_room_id\":\"8\",\"chat_room_participant_id\":\"\\u00322\"}", NULL);
    assert_needs(world, NOTHING);
    world_raise(world);
    cache_change(
        world, "room", 'U', "{\"id\":\"8\",\"uuid\":\"v\"}", "{\"id\":\"8\",\"uuid\":\"u\"}");
    assert_asks(world, ROOM);
}

static void
say_in(struct event_world *world, const char *room, const char *member)
{
    char *row = pgc_xasprintf(
        "{\"id\":1,\"chat_room_id\":\"%s\",\"community_member_id\":\"%s\"}", room, member);

    world_row(world, "message", 'I', row, NULL);
    free(row);
}

/* Two pairs that would be one, written as they are. */
static void
keys_that_hold_colons_are_told_apart(void **state)
{
    struct event_world *world = *state;
    const char *seen;

    for (int times = 0; times < 2; times++) {
        cache_begin(world);
        say_in(world, "a", "b:c");
        say_in(world, "a:b", "c");
        if (times == 0) {
            world_needs(world);
            world_fact(world, "room", "a", cache_room);
            world_fact(world, "room", "a:b", cache_room);
            world_fact(world, "sender", "m:a:b:c", "{\"id\":22,\"name\":\"Ann\"}");
            world_fact(world, "sender", "m:a%3Ab:c", "{\"id\":23,\"name\":\"Cid\"}");
            pgc_builder_answered(world->builder);
        }
        assert_needs(world, NOTHING);
        seen = world_raise(world);
        assert_non_null(strstr(seen, "\"name\":\"Ann\""));
        assert_non_null(strstr(seen, "\"name\":\"Cid\""));
    }
    cache_change(world, "participant", 'I',
        "{\"id\":24,\"chat_room_id\":\"a:b\",\"community_member_id\":\"c\"}", NULL);
    cache_begin(world);
    say_in(world, "a", "b:c");
    say_in(world, "a:b", "c");
    assert_needs(world, "\"sender\":[{\"room\":\"a:b\",\"member\":\"c\"}]");
    world_raise(world);
}

static void
a_message_shows_what_was_known(void **state)
{
    struct event_world *world = *state;
    const char *seen;

    cache_say_again(world);
    world_raise(world);
    for (size_t i = 0; i < 4; i++) { /* to the room and to its members, twice */
        seen = world_message(world, i)->text;
        assert_non_null(strstr(seen, "\"chat_room_uuid\":\"u-8\""));
        assert_non_null(strstr(seen, "\"sender\":{\"id\":22,\"community_member_id\":15,"
                                     "\"name\":\"Ann\""));
    }
    assert_null(world_message(world, 4));
}

static void
what_did_not_come_is_asked_for_in_the_next_piece(void **state)
{
    struct event_world *world = *state;

    cache_begin(world);
    cache_say(world);
    assert_needs(world, ALL);
    world_fact(world, "room", "8", cache_room);
    pgc_builder_answered(world->builder);
    assert_needs(world, NOTHING);
    world_piece(world, false);
    cache_say(world);
    assert_needs(world, SENDERS);
}

/* ---- rows that say otherwise ---- */

static void
a_participant_who_comes_changes_or_goes_is_asked_for_anew(void **state)
{
    static const char row[] = HERE;
    static const char read[] =
        "{\"id\":22,\"chat_room_id\":8,\"community_member_id\":15,\"last_read_at\":\"x\"}";
    static const char left[] =
        "{\"id\":22,\"chat_room_id\":8,\"community_member_id\":15,\"deleted_at\":\"x\"}";

    assert_asks_after(*state, SENDERS, "participant", 'I', row, NULL);
    assert_asks_after(*state, SENDERS, "participant", 'U', read, row);
    assert_asks_after(*state, SENDERS, "participant", 'D', NULL, row);
    assert_asks_after(*state, SENDERS, "participant", 'U', left, left);
    assert_asks_after(*state, SENDERS, "participant", 'D', NULL, left);
}

static void
participants_are_told_apart_by_id_and_by_room_and_member(void **state)
{
    assert_asks_after(*state, "\"sender\":[" BY_ID "]", "participant", 'D', NULL,
        "{\"id\":22,\"chat_room_id\":9,\"community_member_id\":16}");
    assert_asks_after(*state, "\"sender\":[" BY_NAME "]", "participant", 'D', NULL,
        "{\"id\":23,\"chat_room_id\":8,\"community_member_id\":15}");
    assert_asks_after(*state, "\"sender\":[" BY_NAME "]", "participant", 'I',
        "{\"id\":null,\"chat_room_id\":\"8\",\"community_member_id\":\"15\"}", NULL);
    assert_asks_after(*state, NOTHING, "participant", 'D', NULL,
        "{\"id\":23,\"chat_room_id\":8,\"community_member_id\":16}");
    assert_asks_after(*state, NOTHING, "participant", 'D', NULL,
        "{\"id\":23,\"chat_room_id\":9,\"community_member_id\":15}");
}

static void
of_what_moves_both_rows_count(void **state)
{
    static const char here[] = HERE;
    static const char there[] = "{\"id\":23,\"chat_room_id\":9,\"community_member_id\":16}";

    assert_asks_after(*state, SENDERS, "participant", 'U', here, there);
    assert_asks_after(*state, SENDERS, "participant", 'U', there, here);
    assert_asks_after(*state, ROOM, "room", 'U', "{\"id\":8}", "{\"id\":9}");
    assert_asks_after(*state, ROOM, "room", 'U', "{\"id\":9}", "{\"id\":8}");
}

static void
a_room_that_changes_is_asked_for_anew_and_no_other(void **state)
{
    assert_asks_after(*state, ROOM, "room", 'I', "{\"id\":8}", NULL);
    assert_asks_after(*state, ROOM, "room", 'U', "{\"id\":8,\"uuid\":\"v\"}", cache_room);
    assert_asks_after(*state, ROOM, "room", 'U', cache_room, cache_room);
    assert_asks_after(*state, ROOM, "room", 'D', NULL, cache_room);
    assert_asks_after(*state, NOTHING, "room", 'D', NULL, "{\"id\":9}");
    assert_asks_after(*state, NOTHING, "message", 'D', NULL, "{\"id\":8,\"chat_room_id\":8}");
}

static void
a_member_whom_payloads_show_otherwise_is_asked_for_anew(void **state)
{
    static const char *const columns[] = {"name", "avatar_url", "user_public_uid"};

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        char *now = pgc_xasprintf("{\"id\":15,\"%s\":\"new\"}", columns[i]);
        char *before = pgc_xasprintf("{\"id\":15,\"%s\":null}", columns[i]);

        assert_asks_for_senders_after(*state, 'U', now, before);
        free(before);
        free(now);
    }
    assert_asks_for_senders_after(*state, 'U', "{\"id\":15}", "{\"id\":16}");
    assert_asks_for_senders_after(*state, 'D', NULL, "{\"id\":15}");
    assert_asks_for_senders_after(*state, 'I', "{\"id\":15}", NULL);
}

static void
a_member_whose_count_alone_changes_is_still_known(void **state)
{
    assert_asks_after(*state, NOTHING, "member", 'U', "{\"id\":15,\"name\":\"Ann\",\"count\":2}",
        "{\"id\":15,\"name\":\"Ann\",\"count\":1}");
}

static void
rows_that_hold_less_than_they_should_leave_nothing_known_that_may_be_wrong(void **state)
{
    assert_asks_for_senders_after(*state, 'U', "{\"id\":15}", NULL);
    assert_asks_for_senders_after(*state, 'U', NULL, "{\"id\":15}");
    assert_asks_for_senders_after(*state, 'U', NULL, NULL);
    assert_asks_after(*state, ALL, "room", 'U', "{}", "{\"uuid\":\"u-8\"}");
    assert_asks_after(
        *state, ALL, "participant", 'D', NULL, "{\"chat_room_id\":8,\"community_member_id\":15}");
    assert_asks_after(*state, ALL, "participant", 'D', NULL, "{\"id\":22,\"chat_room_id\":8}");
    assert_asks_after(
        *state, ALL, "participant", 'D', NULL, "{\"id\":22,\"community_member_id\":15}");
}

static void
what_is_truncated_is_forgotten_whatever_it_is(void **state)
{
    static const char *const kinds[] = {"member", "message", "notification", "participant", "room"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_asks_after(*state, ALL, kinds[i], 'T', NULL, NULL);
    }
}

static void
where_rows_were_lost_all_is_forgotten(void **state)
{
    assert_asks_after(*state, ALL, "reload", 'B', NULL, NULL);
    assert_asks_after(*state, NOTHING, "broadcast", 'B', "{}", NULL);
}

static void
a_change_behind_the_message_in_its_piece_counts_before_it_asks(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    cache_begin(world);
    cache_say(world);
    world_row(world, "room", 'U', "{\"id\":8,\"uuid\":\"v\"}", cache_room);
    world_row(world, "participant", 'D', NULL, HERE);
    assert_needs(world, ALL);
    cache_tell(world);
    world_raise(world);
    assert_asks(world, NOTHING);
}

/* In another piece there may be a row that says otherwise. */
static void
until_its_tick_is_whole_nothing_is_known(void **state)
{
    struct event_world *world = *state;
    const char *seen;

    cache_learn(world);
    cache_begin(world);
    cache_say(world);
    assert_string_equal(world_piece_needs(world, false), "{" ALL "}");
    cache_tell(world);
    world_piece(world, false);
    world_row(world, "room", 'U', "{\"id\":8,\"uuid\":\"v\"}", cache_room);
    cache_say(world);
    assert_needs(world, ROOM);
    world_fact(world, "room", "8", "{\"id\":8,\"uuid\":\"v\",\"is_embedded\":false}");
    pgc_builder_answered(world->builder);
    assert_needs(world, NOTHING);
    seen = world_raise(world);
    assert_non_null(strstr(seen, "\"chat_room_uuid\":\"v\""));
    assert_non_null(strstr(seen, "\"name\":\"Ann\""));
}

static void
a_message_keeps_what_it_was_told_whatever_comes_then(void **state)
{
    struct event_world *world = *state;
    const char *seen;

    cache_say_again(world);
    world_row(world, "member", 'D', NULL, "{\"id\":15}");
    world_fact(world, "sender", "p:1", "{\"id\":1,\"community_member_id\":1,\"name\":\"Eve\"}");
    world_fact(world, "room", "9", "{\"id\":9,\"uuid\":\"u-9\",\"is_embedded\":false}");
    seen = world_raise(world);
    assert_non_null(strstr(seen, "\"chat_room_uuid\":\"u-8\""));
    assert_non_null(strstr(seen, "\"name\":\"Ann\""));
    assert_null(strstr(seen, "u-9"));
    assert_null(strstr(seen, "Eve"));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, cache_world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_second_message_of_a_sender_in_a_room_asks_for_nothing),
        IN_WORLD(another_sender_or_room_is_asked_for),
        IN_WORLD(keys_that_are_text_are_known_as_well),
        IN_WORLD(keys_that_hold_colons_are_told_apart),
        IN_WORLD(a_message_shows_what_was_known),
        IN_WORLD(what_did_not_come_is_asked_for_in_the_next_piece),
        IN_WORLD(a_participant_who_comes_changes_or_goes_is_asked_for_anew),
        IN_WORLD(participants_are_told_apart_by_id_and_by_room_and_member),
        IN_WORLD(of_what_moves_both_rows_count),
        IN_WORLD(a_room_that_changes_is_asked_for_anew_and_no_other),
        IN_WORLD(a_member_whom_payloads_show_otherwise_is_asked_for_anew),
        IN_WORLD(a_member_whose_count_alone_changes_is_still_known),
        IN_WORLD(rows_that_hold_less_than_they_should_leave_nothing_known_that_may_be_wrong),
        IN_WORLD(what_is_truncated_is_forgotten_whatever_it_is),
        IN_WORLD(where_rows_were_lost_all_is_forgotten),
        IN_WORLD(a_change_behind_the_message_in_its_piece_counts_before_it_asks),
        IN_WORLD(until_its_tick_is_whole_nothing_is_known),
        IN_WORLD(a_message_keeps_what_it_was_told_whatever_comes_then),
    };

    return cmocka_run_group_tests_name("event_cache", tests, NULL, NULL);
}
