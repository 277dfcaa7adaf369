/* SPDX-License-Identifier: PostgreSQL */
#include "cache_world.h"

#include <stdlib.h>

#include "pgcable/mem.h"

static const char by_id[] = "{\"id\":1,\"chat_room_id\":8,\"chat_room_participant_id\":22}";
static const char by_name[] = "{\"id\":2,\"chat_room_id\":8,\"community_member_id\":15}";
static const char ann[] = "{\"id\":22,\"community_member_id\":15,\"name\":\"Ann\"}";

const char cache_room[] = "{\"id\":8,\"uuid\":\"u-8\",\"is_embedded\":false}";

int64_t cache_clock_ms;

/* What the linker calls in place of pgc_monotonic_ms(). */
int64_t cache_clock(void) __asm__("__wrap_pgc_monotonic_ms");

int64_t
cache_clock(void)
{
    return cache_clock_ms;
}

static char *
kind_text(const char *kind, const char *columns, const char *followed)
{
    return followed == NULL ? pgc_xstrdup("")
                            : pgc_xasprintf("\"%s\":{\"columns\":{\"id\":\"id\",%s}%s},", kind,
                                  columns, followed);
}

struct event_world *
cache_world_new(const char *member, const char *participant, const char *rooms)
{
    char *members = kind_text("member",
        "\"name\":\"name\",\"avatar_url\":\"avatar_url\",\"user_public_uid\":\"user_public_uid\","
        "\"new_notifications_count\":\"count\"",
        member);
    char *participants = kind_text("participant",
        "\"chat_room_id\":\"chat_room_id\",\"community_member_id\":\"community_member_id\","
        "\"last_read_at\":\"last_read_at\",\"deleted_at\":\"deleted_at\"",
        participant);
    char *all_rooms = kind_text("room", "\"uuid\":\"uuid\",\"is_embedded\":\"is_embedded\"", rooms);
    char *mapping = pgc_xasprintf(
        "{\"kinds\":{%s%s%s\"notification\":{\"columns\":{\"community_member_id\":\"m\"}},"
        "\"message\":{\"columns\":{\"id\":\"id\",\"chat_room_id\":\"chat_room_id\","
        "\"chat_room_participant_id\":\"chat_room_participant_id\",\"chat_thread_id\":\"t\","
        "\"parent_message_id\":\"p\",\"community_member_id\":\"community_member_id\"}}}}",
        members, participants, all_rooms);
    struct event_world *world = world_new(mapping, NULL);

    world->viewers = " 77 ";
    free(mapping);
    free(all_rooms);
    free(participants);
    free(members);
    return world;
}

int
cache_world_setup(void **state)
{
    cache_clock_ms = INT64_C(1000000);
    *state = cache_world_new(YES, YES, YES);
    return 0;
}

void
cache_begin(struct event_world *world)
{
    pgc_builder_begin(world->builder, 9, 0xabcd);
}

void
cache_say(struct event_world *world)
{
    world_row(world, "message", 'I', by_id, NULL);
    world_row(world, "message", 'I', by_name, NULL);
}

void
cache_tell(struct event_world *world)
{
    world_fact(world, "room", "8", cache_room);
    world_fact(world, "sender", "p:22", ann);
    world_fact(world, "sender", "m:8:15", ann);
    pgc_builder_answered(world->builder);
}

void
cache_learn(struct event_world *world)
{
    cache_begin(world);
    cache_say(world);
    world_needs(world);
    cache_tell(world);
    assert_string_equal(world_needs(world), "");
    world_raise(world);
}

void
cache_say_again(struct event_world *world)
{
    cache_learn(world);
    cache_begin(world);
    cache_say(world);
    assert_needs(world, "");
}

void
cache_change(
    struct event_world *world, const char *kind, char op, const char *now, const char *before)
{
    cache_begin(world);
    world_row(world, kind, op, now, before);
    world_needs(world);
    world_raise(world);
}

void
assert_needs(struct event_world *world, const char *members)
{
    char *needs = members[0] == '\0' ? pgc_xstrdup("") : pgc_xasprintf("{%s}", members);

    assert_string_equal(world_needs(world), needs);
    free(needs);
}

void
assert_asks(struct event_world *world, const char *members)
{
    cache_begin(world);
    cache_say(world);
    assert_needs(world, members);
    world_raise(world);
}

void
assert_asks_after(struct event_world *world, const char *members, const char *kind, char op,
    const char *now, const char *before)
{
    cache_learn(world);
    cache_change(world, kind, op, now, before);
    assert_asks(world, members);
}
