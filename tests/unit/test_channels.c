/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/cable/cable_internal.h"

static struct pgc_target target;

static enum pgc_verdict
resolve(const char *identifier)
{
    return pgc_channels_resolve(identifier, strlen(identifier), "42", &target);
}

static void
four_channel_classes_are_known(void **state PGC_UNUSED)
{
    assert_int_equal(resolve("{\"channel\":\"NotificationChannel\"}"), PGC_VERDICT_ASK);
    assert_int_equal(target.kind, PGC_STREAM_NOTIFICATIONS);
    assert_int_equal(resolve("{\"channel\":\"ChatRoomChannel\"}"), PGC_VERDICT_ASK);
    assert_int_equal(target.kind, PGC_STREAM_MEMBER);
    assert_int_equal(
        resolve("{\"channel\":\"Chats::CommunityMemberThreadsChannel\"}"), PGC_VERDICT_ASK);
    assert_int_equal(target.kind, PGC_STREAM_THREADS);
    assert_int_equal(
        resolve("{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":7}"), PGC_VERDICT_ASK);
    assert_int_equal(target.kind, PGC_STREAM_ROOM);
    assert_string_equal(target.room, "7");
    assert_string_equal(target.room_uuid, "");
}

static void
any_of_them_may_name_the_time_at_which_it_begins(void **state PGC_UNUSED)
{
    static const char *const none[] = {
        "0", "-1", "1.5", "\"1795358477\"", "null", "true", "99999999999999999999"};
    char identifier[256];

    assert_int_equal(resolve("{\"history_since\":1795358477,\"channel\":\"NotificationChannel\"}"),
        PGC_VERDICT_ASK);
    assert_int_equal(target.since_s, 1795358477);
    assert_int_equal(
        resolve("{\"channel\":\"OrdersChannel\",\"history_since\":1}"), PGC_VERDICT_ASK);
    assert_int_equal(target.since_s, 1);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        snprintf(identifier, sizeof(identifier),
            "{\"channel\":\"NotificationChannel\",\"history_since\":%s}", none[i]);
        assert_int_equal(resolve(identifier), PGC_VERDICT_ASK);
        assert_int_equal(target.since_s, 0);
    }
}

static void
other_channel_classes_are_for_the_database_to_know(void **state PGC_UNUSED)
{
    static const char *const names[] = {
        "OrdersChannel",
        "Shop::Orders_2",
        "notificationchannel",
        "Chats::RoomChannel2",
        "::",
        "7",
    };
    char identifier[256];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(identifier, sizeof(identifier), "{\"channel\":\"%s\",\"community_member_id\":43}",
            names[i]);
        assert_int_equal(resolve(identifier), PGC_VERDICT_ASK);
        assert_int_equal(target.kind, PGC_STREAM_CUSTOM);
        assert_string_equal(target.channel_class, names[i]);
        assert_string_equal(target.room, "");
    }
}

static void
name_of_a_channel_class_has_at_most_128_bytes(void **state PGC_UNUSED)
{
    char identifier[256];

    snprintf(identifier, sizeof(identifier), "{\"channel\":\"%0128d\"}", 0);
    assert_int_equal(resolve(identifier), PGC_VERDICT_ASK);
    assert_int_equal(strlen(target.channel_class), 128);
    snprintf(identifier, sizeof(identifier), "{\"channel\":\"%0129d\"}", 0);
    assert_int_equal(resolve(identifier), PGC_VERDICT_CHANNEL);
}

static void
what_cannot_name_a_channel_class_is_refused(void **state PGC_UNUSED)
{
    static const char *const identifiers[] = {
        "{\"channel\":\"Orders Channel\"}",
        "{\"channel\":\"Orders-Channel\"}",
        "{\"channel\":\"Orders.Channel\"}",
        "{\"channel\":\"Orders'Channel\"}",
        "{\"channel\":\"Orders\\\"Channel\"}",
        "{\"channel\":\"Orders\\nChannel\"}",
        "{\"channel\":\"\xc3\x84nderung\"}",
        "{\"channel\":\"NotificationChannel \"}",
        "{\"channel\":\"\"}",
        "{\"channel\":1}",
        "{\"channel\":null}",
        "{\"x\":1}",
        "{}",
    };

    for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++) {
        assert_int_equal(resolve(identifiers[i]), PGC_VERDICT_CHANNEL);
    }
}

static void
text_that_is_no_object_is_no_identifier(void **state PGC_UNUSED)
{
    static const char *const identifiers[] = {
        "",
        "NotificationChannel",
        "\"NotificationChannel\"",
        "[\"NotificationChannel\"]",
        "null",
        "{\"channel\":\"NotificationChannel\"} x",
        "{\"channel\":\"NotificationChannel\"",
        "{'channel':'NotificationChannel'}",
        "{\"channel\":\"NotificationChannel\",\"channel\":\"ChatRoomChannel\"}",
        "{\"channel\":\"NotificationChannel\\u0000\"}",
        "{\"channel\\u0000\":1,\"channel\":\"NotificationChannel\"}",
        "{\"channel\":\"NotificationChannel\",\"x\":NaN}",
        "{\"channel\":\"NotificationChannel\",\"x\":\"\xff\"}",
        "{\"channel\":\"NotificationChannel\",\"x\":[[[[[[[[[[1]]]]]]]]]]}",
    };

    for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]); i++) {
        assert_int_equal(resolve(identifiers[i]), PGC_VERDICT_IDENTIFIER);
    }
}

static void
own_id_may_be_named_as_number_or_text(void **state PGC_UNUSED)
{
    assert_int_equal(
        resolve("{\"channel\":\"ChatRoomChannel\",\"community_member_id\":42}"), PGC_VERDICT_ASK);
    assert_int_equal(resolve("{\"channel\":\"ChatRoomChannel\",\"community_member_id\":\"42\"}"),
        PGC_VERDICT_ASK);
}

static void
nobody_listens_to_another_members_stream(void **state PGC_UNUSED)
{
    static const char *const members[] = {"43", "\"43\"", "\"\"", "4.2e1", "42.0", "-42", "\"042\"",
        "\" 42\"", "null", "true", "[42]", "{\"id\":42}", "420000000000000000000000000000"};
    static const char *const names[] = {
        "NotificationChannel", "ChatRoomChannel", "Chats::CommunityMemberThreadsChannel"};
    char identifier[256];

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            snprintf(identifier, sizeof(identifier),
                "{\"channel\":\"%s\",\"community_member_id\":%s}", names[n], members[i]);
            assert_int_equal(resolve(identifier), PGC_VERDICT_MEMBER);
        }
    }
}

static void
room_may_be_named_in_five_ways(void **state PGC_UNUSED)
{
    static const char *const ids[] = {"chat_room_id", "id", "room_id"};
    static const char *const uuids[] = {"chat_room_uuid", "uuid"};
    char identifier[256];

    for (size_t i = 0; i < 3; i++) {
        snprintf(identifier, sizeof(identifier),
            "{\"channel\":\"Chats::RoomChannel\",\"%s\":\"7\",\"x\":1}", ids[i]);
        assert_int_equal(resolve(identifier), PGC_VERDICT_ASK);
        assert_string_equal(target.room, "7");
        assert_string_equal(target.room_uuid, "");
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(identifier, sizeof(identifier),
            "{\"%s\":\"0b6f3c2e\",\"channel\":\"Chats::RoomChannel\"}", uuids[i]);
        assert_int_equal(resolve(identifier), PGC_VERDICT_ASK);
        assert_string_equal(target.room, "");
        assert_string_equal(target.room_uuid, "0b6f3c2e");
    }
}

static void
room_that_is_not_named_is_refused(void **state PGC_UNUSED)
{
    char identifier[512];

    assert_int_equal(resolve("{\"channel\":\"Chats::RoomChannel\"}"), PGC_VERDICT_ROOM);
    assert_int_equal(
        resolve("{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":\"\"}"), PGC_VERDICT_ROOM);
    assert_int_equal(
        resolve("{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":[7]}"), PGC_VERDICT_ROOM);
    assert_int_equal(
        resolve("{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":7.5}"), PGC_VERDICT_ROOM);
    snprintf(identifier, sizeof(identifier),
        "{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":\"%0200d\"}", 7);
    assert_int_equal(resolve(identifier), PGC_VERDICT_ROOM);
}

static void
room_channel_does_not_care_who_is_named(void **state PGC_UNUSED)
{
    assert_int_equal(resolve("{\"channel\":\"Chats::RoomChannel\",\"chat_room_id\":7,"
                             "\"community_member_id\":43}"),
        PGC_VERDICT_ASK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_channel_classes_are_known),
        cmocka_unit_test(any_of_them_may_name_the_time_at_which_it_begins),
        cmocka_unit_test(other_channel_classes_are_for_the_database_to_know),
        cmocka_unit_test(name_of_a_channel_class_has_at_most_128_bytes),
        cmocka_unit_test(what_cannot_name_a_channel_class_is_refused),
        cmocka_unit_test(text_that_is_no_object_is_no_identifier),
        cmocka_unit_test(own_id_may_be_named_as_number_or_text),
        cmocka_unit_test(nobody_listens_to_another_members_stream),
        cmocka_unit_test(room_may_be_named_in_five_ways),
        cmocka_unit_test(room_that_is_not_named_is_refused),
        cmocka_unit_test(room_channel_does_not_care_who_is_named),
    };

    return cmocka_run_group_tests_name("channels", tests, NULL, NULL);
}
