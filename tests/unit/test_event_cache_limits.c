/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "cache_world.h"

/* The most that a fact which is kept may have, and how many of these fill half of the cache. */
enum { FACT_BYTES = 4096, FILL_FACTS = 1024 };
/* Until half of the cache is forgotten, and until all of it is. */
enum { HALF_MS = 5000, ALL_MS = 2 * HALF_MS };

/* ---- mappings ---- */

static void
another_mapping_begins_with_nothing_known(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    pgc_builder_set_mapping(world->builder, world->mapping);
    assert_asks(world, ALL);
    cache_learn(world);
    pgc_builder_set_mapping(world->builder, NULL);
    pgc_builder_set_mapping(world->builder, world->mapping);
    assert_asks(world, ALL);
}

static void
another_past_begins_with_nothing_known(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    pgc_builder_forget(world->builder);
    assert_asks(world, ALL);
    cache_say_again(world); /* and with rows at hand */
    pgc_builder_forget(world->builder);
    assert_needs(world, ALL);
    cache_tell(world);
    assert_needs(world, NOTHING);
    world_raise(world);
}

static void
assert_asks_if_followed(
    const char *member, const char *participant, const char *rooms, const char *members)
{
    struct event_world *world = cache_world_new(member, participant, rooms);

    cache_learn(world);
    assert_asks(world, members);
    world_free(world);
}

static void
what_is_not_followed_is_asked_for_each_time(void **state)
{
    (void)state;
    assert_asks_if_followed(NO, YES, YES, SENDERS);
    assert_asks_if_followed("", YES, YES, SENDERS);
    assert_asks_if_followed(YES, NO, YES, SENDERS);
    assert_asks_if_followed(YES, "", YES, SENDERS);
    assert_asks_if_followed(YES, YES, NO, ROOM);
    assert_asks_if_followed(YES, YES, "", ROOM);
    assert_asks_if_followed(NO, NO, NO, ALL);
}

static void
what_is_not_attached_does_not_change(void **state)
{
    (void)state;
    assert_asks_if_followed(NULL, YES, YES, NOTHING);
    assert_asks_if_followed(YES, NULL, YES, NOTHING);
    assert_asks_if_followed(YES, YES, NULL, NOTHING);
    assert_asks_if_followed(NULL, NO, NULL, SENDERS);
}

/* ---- time and room ---- */

/* When so much more time has gone. */
static void
assert_asks_after_ms(struct event_world *world, int64_t gone_ms, const char *members)
{
    cache_clock_ms += gone_ms;
    assert_asks(world, members);
}

static void
what_was_known_for_ten_seconds_is_asked_for_anew(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    assert_asks_after_ms(world, HALF_MS - 1, NOTHING);
    assert_asks_after_ms(world, 1, NOTHING);
    assert_asks_after_ms(world, HALF_MS - 1, NOTHING);
    assert_asks_after_ms(world, 1, ALL);
}

static void
it_is_forgotten_where_nothing_was_built_meanwhile(void **state)
{
    static const int64_t pauses_ms[] = {ALL_MS, 3600000};
    struct event_world *world = *state;

    for (size_t i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        cache_learn(world);
        assert_asks_after_ms(world, pauses_ms[i], ALL);
    }
}

/* A turn that comes late does not make what is forgotten with the next one any younger. */
static void
ticks_that_are_rare_do_not_keep_it_for_longer(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    assert_asks_after_ms(world, ALL_MS - 1, NOTHING);
    assert_asks_after_ms(world, 1, ALL);
}

static void
what_changes_while_it_is_old_is_asked_for_anew(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    cache_clock_ms += HALF_MS;
    cache_change(world, "room", 'D', NULL, cache_room);
    cache_change(world, "participant", 'D', NULL, HERE);
    assert_asks(world, ALL);
    cache_learn(world);
    cache_clock_ms += HALF_MS;
    cache_change(world, "member", 'D', NULL, "{\"id\":15}");
    assert_asks(world, ALL);
}

static void
of_two_answers_the_newer_one_counts(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    cache_clock_ms += HALF_MS;
    cache_begin(world);
    world_fact(world, "room", "8", "{\"id\":8,\"uuid\":\"newer\"}"); /* it came with another */
    world_raise(world);
    cache_begin(world);
    cache_say(world);
    assert_needs(world, NOTHING);
    assert_non_null(strstr(world_raise(world), "\"chat_room_uuid\":\"newer\""));
}

/* A room of so many bytes. */
static void
tell_large(struct event_world *world, const char *key, size_t bytes)
{
    char *data = pgc_xasprintf("{\"uuid\":\"%0*d\"}", (int)(bytes - strlen("{\"uuid\":\"\"}")), 0);

    assert_int_equal(strlen(data), bytes);
    world_fact(world, "room", key, data);
    free(data);
}

static void
fill(struct event_world *world)
{
    char key[16];

    cache_begin(world);
    for (int i = 0; i < FILL_FACTS; i++) {
        snprintf(key, sizeof(key), "r%d", i);
        tell_large(world, key, FACT_BYTES);
    }
    world_raise(world);
}

static void
what_is_oldest_is_forgotten_where_there_is_no_more_room(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    fill(world);
    assert_asks(world, NOTHING);
    fill(world);
    assert_asks(world, ALL);
}

static void
a_full_half_makes_nothing_older_or_younger(void **state)
{
    struct event_world *world = *state;

    fill(world);
    fill(world);
    cache_learn(world);
    for (int i = 0; i < 4; i++) {
        assert_asks(world, NOTHING);
    }
    assert_asks_after_ms(world, ALL_MS, ALL);
}

static void
a_fact_that_is_large_is_asked_for_each_time(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    tell_large(world, "8", FACT_BYTES);
    assert_asks(world, NOTHING);
    cache_change(world, "room", 'U', cache_room, cache_room);
    tell_large(world, "8", FACT_BYTES + 1);
    assert_asks(world, ROOM);
}

static void
a_fact_that_is_large_holds_for_its_piece(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    cache_begin(world);
    cache_say(world);
    world_row(world, "room", 'U', cache_room, cache_room);
    assert_needs(world, ROOM);
    tell_large(world, "8", FACT_BYTES + 1);
    pgc_builder_answered(world->builder);
    assert_needs(world, NOTHING);
    assert_non_null(strstr(world_raise(world), "\"chat_room_uuid\":\"000"));
}

/* ---- what is never kept ---- */

struct other {
    const char *what;
    const char *key;
    const char *kind;
    const char *now;
    const char *before;
};

#define REPLY  "{\"id\":1,\"chat_room_id\":8,\"t\":7,\"p\":3}"
#define JOINER "{\"id\":5,\"chat_room_id\":8,\"community_member_id\":77}"

static void
assert_asks_for_other(struct event_world *world, const struct other *other)
{
    cache_begin(world);
    world_row(world, other->kind, other->before == NULL ? 'I' : 'D', other->now, other->before);
    if (strstr(world_needs(world), other->what) == NULL) {
        fail_msg("%s is not asked for", other->what);
    }
    world_fact(world, other->what, other->key, "{\"id\":3}");
    world_raise(world);
}

static void
facts_of_other_kinds_are_asked_for_each_time(void **state)
{
    static const struct other others[] = {
        {"stats", "1", "message", REPLY, NULL},
        {"message", "3", "message", NULL, REPLY},
        {"count", "77", "notification", "{\"m\":77}", NULL},
        {"viewer", "8:77", "participant", JOINER, NULL},
        {"last_message", "8", "participant", JOINER, NULL},
    };
    struct event_world *world = cache_world_new(NULL, YES, YES); /* no member has a counter */

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_asks_for_other(world, &others[i]);
        assert_asks_for_other(world, &others[i]);
    }
    world_free(world);
}

/* A new member raises no row. */
static void
a_participant_whose_member_was_not_there_is_asked_for_each_time(void **state)
{
    struct event_world *world = *state;

    cache_learn(world);
    cache_change(world, "participant", 'U', HERE, HERE);
    cache_begin(world);
    cache_say(world);
    assert_needs(world, SENDERS);
    world_fact(world, "sender", "p:22",
        "{\"id\":22,\"community_member_id\":15,\"name\":null,\"extra\":{}}");
    world_fact(world, "sender", "m:8:15", "{\"id\":22,\"name\":\"\\\"name\\\":null\"}");
    world_raise(world);
    assert_asks(world, "\"sender\":[" BY_ID "]");
}

/* With a message that was asked for come its room and sender. */
static void
what_came_unasked_is_not_asked_for_though_it_is_not_kept(void **state)
{
    struct event_world *world = cache_world_new(NO, NO, NO);

    (void)state;
    for (int times = 0; times < 2; times++) {
        cache_begin(world);
        cache_say(world);
        cache_tell(world);
        assert_needs(world, NOTHING);
        assert_non_null(strstr(world_raise(world), "\"name\":\"Ann\""));
    }
    world_free(world);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, cache_world_setup, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(another_mapping_begins_with_nothing_known),
        IN_WORLD(another_past_begins_with_nothing_known),
        IN_WORLD(what_is_not_followed_is_asked_for_each_time),
        IN_WORLD(what_is_not_attached_does_not_change),
        IN_WORLD(what_was_known_for_ten_seconds_is_asked_for_anew),
        IN_WORLD(it_is_forgotten_where_nothing_was_built_meanwhile),
        IN_WORLD(ticks_that_are_rare_do_not_keep_it_for_longer),
        IN_WORLD(what_changes_while_it_is_old_is_asked_for_anew),
        IN_WORLD(of_two_answers_the_newer_one_counts),
        IN_WORLD(what_is_oldest_is_forgotten_where_there_is_no_more_room),
        IN_WORLD(a_full_half_makes_nothing_older_or_younger),
        IN_WORLD(a_fact_that_is_large_is_asked_for_each_time),
        IN_WORLD(a_fact_that_is_large_holds_for_its_piece),
        IN_WORLD(facts_of_other_kinds_are_asked_for_each_time),
        IN_WORLD(a_participant_whose_member_was_not_there_is_asked_for_each_time),
        IN_WORLD(what_came_unasked_is_not_asked_for_though_it_is_not_kept),
    };

    return cmocka_run_group_tests_name("event_cache_limits", tests, NULL, NULL);
}
