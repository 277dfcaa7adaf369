/* SPDX-License-Identifier: PostgreSQL */
/*
 * cache_world.h - a world in which messages come again and again, and a clock that the test sets.
 *
 * There are two senders, who are one person: message 1 names its participant, message 2 its room
 * and member.
 */
#ifndef PGCABLE_TESTS_CACHE_WORLD_H
#define PGCABLE_TESTS_CACHE_WORLD_H

#include "event_world.h"

/* Behind a kind's columns in the mapping. */
#define YES ",\"followed\":true"
#define NO  ",\"followed\":false"

/* What the two messages ask for while nothing is known; and parts of it. */
#define ROOM    "\"room\":[\"8\"]"
#define BY_ID   "{\"participant\":\"22\"}"
#define BY_NAME "{\"room\":\"8\",\"member\":\"15\"}"
#define SENDERS "\"sender\":[" BY_ID "," BY_NAME "]"
#define ALL     ROOM "," SENDERS
#define NOTHING ""

/* The participant's row. */
#define HERE "{\"id\":22,\"chat_room_id\":8,\"community_member_id\":15}"

/* The room as it is told. */
extern const char cache_room[];

/* What pgc_monotonic_ms() says, for which the program is linked with --wrap. */
extern int64_t cache_clock_ms;

/* Each YES, NO or nothing behind the columns; NULL: not attached. */
struct event_world *cache_world_new(const char *member, const char *participant, const char *rooms);

/* cmocka's fixture: a world that follows all of them. */
int cache_world_setup(void **state);

/* A tick begins; both messages come; all that they ask for is told. */
void cache_begin(struct event_world *world);
void cache_say(struct event_world *world);
void cache_tell(struct event_world *world);

/* A tick after which everything is known; the same, and the next one has begun with both messages,
 * which ask for nothing; and a tick of one row. */
void cache_learn(struct event_world *world);
void cache_say_again(struct event_world *world);
void cache_change(
    struct event_world *world, const char *kind, char op, const char *now, const char *before);

/* What this piece asks for; what a tick with both messages does, perhaps after a row that came when
 * everything was known. */
void assert_needs(struct event_world *world, const char *members);
void assert_asks(struct event_world *world, const char *members);
void assert_asks_after(struct event_world *world, const char *members, const char *kind, char op,
    const char *now, const char *before);

#endif
