/* SPDX-License-Identifier: PostgreSQL */
/*
 * parse.c - what comes in: commands of clients, and rows that become events, with facts.  What is
 * counted is pgc_command_parse(), and pgc_builder_add(), pgc_builder_needs() and
 * pgc_builder_raise().
 */
#include <stdlib.h>

#include "pgcable/frame.h"

#include "event_world.h"

enum { COMMANDS = 1000, TICKS = 50, ROWS = 20 };

static const char row[] =
    "{\"id\":981,\"chat_room_id\":8,\"chat_room_participant_id\":22,\"body\":\"Good \\\"morning\\\""
    " \xe2\x82\xac\",\"rich_text_body\":{\"type\":\"doc\",\"content\":[{\"type\":\"paragraph\","
    "\"content\":[{\"type\":\"text\",\"text\":\"Good morning\"}]}]},\"sent_at\":"
    "\"2026-10-01T11:14:31.001999+02:00\",\"created_at\":\"2026-10-01T09:14:31.001\",\"lesson_id\":"
    "null,\"creation_uuid\":\"7f0a9a52-4f0e-4f44-8d3a-0b6a5d2f9c77\",\"chat_thread_id\":null,"
    "\"parent_message_id\":null,\"edited_at\":null,\"deleted_at\":null}";
static const char room[] =
    "{\"id\":8,\"uuid\":\"0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10\",\"chat_room_kind\":\"group_chat\","
    "\"is_embedded\":false}";
static const char sender[] = "{\"id\":22,\"community_member_id\":15,\"name\":\"Ann Lee\","
                             "\"avatar_url\":null,\"user_public_uid\":\"50cbbccb\",\"extra\":{}}";

static void
parse_commands(void)
{
    static const char *const commands[] = {
        "{\"command\":\"subscribe\",\"identifier\":\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\","
        "\\\"chat_room_id\\\":8}\"}",
        "{\"command\":\"history\",\"identifier\":\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\","
        "\\\"chat_room_id\\\":8}\",\"history\":{\"since\":1790000000,\"streams\":"
        "{\"chat-room-8-channel\":{\"offset\":4294967297,\"epoch\":\"abcd1234\"}}}}",
        "{\"command\":\"message\",\"identifier\":\"{}\",\"data\":\"{\\\"action\\\":\\\"typing\\\"}"
        "\"}",
        "{\"type\":\"pong\"}",
    };

    for (size_t i = 0; i < COMMANDS; i++) {
        const char *text = commands[i % (sizeof(commands) / sizeof(*commands))];
        struct pgc_command command;
        struct pgc_err err = {0};

        assert_true(pgc_command_parse(text, strlen(text), 65536, &command, &err));
        pgc_command_fini(&command);
    }
}

static void
build_events(struct event_world *world)
{
    for (int tick = 0; tick < TICKS; tick++) {
        for (int i = 0; i < ROWS; i++) {
            world_row(world, "message", 'I', row, NULL);
        }
        world_needs(world);
        world_fact(world, "room", "8", room);
        world_fact(world, "sender", "p:22", sender);
        world_raise(world);
        assert_int_equal(world->batch->count, 2 * ROWS);
    }
}

int
main(void)
{
    struct event_world *world;

    parse_commands();
    world_setup((void **)&world);
    build_events(world);
    world_teardown((void **)&world);
    return 0;
}
