/* SPDX-License-Identifier: PostgreSQL */
/*
 * facts.c - what the rows do not hold: asked for in one round, then looked up.
 *
 * A list of needs names each fact once.  One that is still missing when all answers are in is gone:
 * the database looked later than the rows were written.
 */
#include "builder.h"

struct event_fact {
    unsigned asked; /* the newest list that it is on */
    struct pgc_slice data;
    struct event_record *record; /* data as fields, once somebody wants them */
};

static const char *const need_names[NEED_KINDS] = {
    [NEED_COUNT] = "count",
    [NEED_LAST_MESSAGE] = "last_message",
    [NEED_MESSAGE] = "message",
    [NEED_ROOM] = "room",
    [NEED_SENDER] = "sender",
    [NEED_STATS] = "stats",
    [NEED_VIEWERS] = "viewers",
};

const struct pgc_buf *
pgc_facts_name(struct pgc_builder *builder, const char *what, struct pgc_slice key)
{
    struct pgc_buf *name = &builder->facts.name;

    pgc_buf_clear(name);
    pgc_buf_adds(name, what);
    pgc_buf_addc(name, ' ');
    pgc_buf_add(name, key.data, key.length);
    return name;
}

static struct event_fact *
facts_entry(struct pgc_builder *builder, const char *what, struct pgc_slice key, bool make)
{
    struct event_facts *facts = &builder->facts;
    const struct pgc_buf *name = pgc_facts_name(builder, what, key);
    struct event_fact *fact;

    if (facts->known == NULL) {
        facts->known = pgc_table_new();
    }
    fact = pgc_table_get(facts->known, name->data, name->length);
    if (fact == NULL && make) {
        fact = pgc_arena_zalloc(&builder->arena, sizeof(*fact));
        pgc_table_put(facts->known, name->data, name->length, fact);
    }
    return fact;
}

/* The fact whose name facts_entry() wrote, if it was known before this piece.  A row that says
 * otherwise may stand in a later piece of the tick, so what was known counts in the last one only.
 */
static void
facts_recall(struct pgc_builder *builder, struct event_fact *fact)
{
    struct pgc_slice data = {0};

    if (builder->facts.tick_is_whole) {
        data = pgc_cache_get(&builder->cache, &builder->facts.name);
    }
    if (data.data != NULL) {
        fact->data = pgc_arena_copy(&builder->arena, data.data, data.length);
    }
}

/* The fact, or NULL.  While asking, `*wanted` says that it must be put on the list. */
static struct event_fact *
facts_look(struct pgc_builder *builder, const char *what, struct pgc_slice key, bool *wanted)
{
    const struct event_facts *facts = &builder->facts;
    struct event_fact *fact;

    *wanted = false;
    if (key.data == NULL) {
        return NULL;
    }
    fact = facts_entry(builder, what, key, builder->asking);
    if (builder->asking && fact->asked == 0 && fact->data.data == NULL) {
        facts_recall(builder, fact);
    }
    if (builder->asking && fact->data.data == NULL && fact->asked != facts->round &&
        (fact->asked == 0 || fact->asked > facts->answered)) {
        fact->asked = facts->round;
        *wanted = true;
    }
    return fact;
}

static const struct event_record *
facts_record(struct pgc_builder *builder, struct event_fact *fact)
{
    if (fact == NULL || fact->data.data == NULL) {
        return NULL;
    }
    if (fact->record == NULL) {
        fact->record = pgc_record_from_fact(&builder->arena, fact->data);
    }
    return fact->record;
}

static void
facts_add_text(struct pgc_buf *out, const char *before, struct pgc_slice text)
{
    pgc_buf_adds(out, before);
    pgc_buf_add_json(out, text.data, text.length);
}

/* A fact that is asked for by one key: wanted as ,"7". */
static struct event_fact *
facts_by_key(struct pgc_builder *builder, enum event_need need, struct pgc_slice key)
{
    bool wanted;
    struct event_fact *fact = facts_look(builder, need_names[need], key, &wanted);

    if (wanted) {
        facts_add_text(&builder->facts.wanted[need], ",", key);
    }
    return fact;
}

const struct event_record *
pgc_facts_room(struct pgc_builder *builder, struct pgc_slice room)
{
    const struct event_record *record =
        facts_record(builder, facts_by_key(builder, NEED_ROOM, room));

    /* Gone by now, but its own row is still at hand if it went in this piece. */
    if (record == NULL && builder->facts.rooms != NULL && room.data != NULL) {
        record = pgc_table_get(builder->facts.rooms, room.data, room.length);
    }
    return record;
}

void
pgc_facts_add_room_row(struct pgc_builder *builder, struct event_record *room)
{
    struct pgc_slice key = pgc_builder_key(builder, room, FIELD_ID);

    if (builder->facts.rooms == NULL) {
        builder->facts.rooms = pgc_table_new();
    }
    pgc_table_put(builder->facts.rooms, key.data, key.length, room);
}

const struct event_record *
pgc_facts_message(struct pgc_builder *builder, struct pgc_slice message)
{
    return facts_record(builder, facts_by_key(builder, NEED_MESSAGE, message));
}

const struct event_record *
pgc_facts_last_message(struct pgc_builder *builder, struct pgc_slice room)
{
    return facts_record(builder, facts_by_key(builder, NEED_LAST_MESSAGE, room));
}

struct pgc_slice
pgc_facts_count(struct pgc_builder *builder, struct pgc_slice member)
{
    struct event_fact *fact = facts_by_key(builder, NEED_COUNT, member);

    return fact == NULL ? (struct pgc_slice){0} : fact->data;
}

/* A text may hold colons, so those of the first are written otherwise, as the database does. */
static void
facts_add_pair(struct pgc_buf *key, struct pgc_slice one, struct pgc_slice other)
{
    for (size_t i = 0; i < one.length; i++) {
        if (one.data[i] == ':' || one.data[i] == '%') {
            pgc_buf_adds(key, one.data[i] == ':' ? "%3A" : "%25");
        } else {
            pgc_buf_addc(key, one.data[i]);
        }
    }
    pgc_buf_addc(key, ':');
    pgc_buf_add(key, other.data, other.length);
}

struct pgc_slice
pgc_facts_key(
    struct pgc_builder *builder, const char *before, struct pgc_slice a, struct pgc_slice b)
{
    struct pgc_buf *key = &builder->facts.key;

    pgc_buf_clear(key);
    pgc_buf_adds(key, before);
    if (b.data != NULL) {
        facts_add_pair(key, a, b);
    } else {
        pgc_buf_add(key, a.data, a.length);
    }
    return (struct pgc_slice){.data = pgc_buf_str(key), .length = key->length};
}

/* By the participant's id, or by room and member where the message does not hold it. */
const struct event_record *
pgc_facts_sender(struct pgc_builder *builder, const struct event_record *message)
{
    struct pgc_slice participant =
        pgc_builder_key(builder, message, FIELD_CHAT_ROOM_PARTICIPANT_ID);
    struct pgc_slice room = pgc_builder_key(builder, message, FIELD_CHAT_ROOM_ID);
    struct pgc_slice member = pgc_builder_key(builder, message, FIELD_COMMUNITY_MEMBER_ID);
    struct pgc_buf *out = &builder->facts.wanted[NEED_SENDER];
    struct pgc_slice none = {0};
    struct event_fact *fact;
    bool wanted;

    if (participant.data != NULL) {
        fact =
            facts_look(builder, "sender", pgc_facts_key(builder, "p:", participant, none), &wanted);
        if (wanted) {
            facts_add_text(out, ",{\"participant\":", participant);
            pgc_buf_addc(out, '}');
        }
        return facts_record(builder, fact);
    }
    if (room.data == NULL || member.data == NULL) {
        return NULL;
    }
    fact = facts_look(builder, "sender", pgc_facts_key(builder, "m:", room, member), &wanted);
    if (wanted) {
        facts_add_text(out, ",{\"room\":", room);
        facts_add_text(out, ",\"member\":", member);
        pgc_buf_addc(out, '}');
    }
    return facts_record(builder, fact);
}

const struct event_record *
pgc_facts_stats(struct pgc_builder *builder, const struct event_record *message)
{
    struct pgc_slice id = pgc_builder_key(builder, message, FIELD_ID);
    struct pgc_slice thread = pgc_builder_key(builder, message, FIELD_CHAT_THREAD_ID);
    struct pgc_buf *out = &builder->facts.wanted[NEED_STATS];
    bool wanted;
    struct event_fact *fact = facts_look(builder, "stats", id, &wanted);

    if (wanted) {
        facts_add_text(out, ",{\"message\":", id);
        if (thread.data == NULL) {
            pgc_buf_adds(out, ",\"thread\":null}");
        } else {
            facts_add_text(out, ",\"thread\":", thread);
            pgc_buf_addc(out, '}');
        }
    }
    return facts_record(builder, fact);
}

/* Members of one room that come one after the other share one list. */
const struct event_record *
pgc_facts_viewer(struct pgc_builder *builder, struct pgc_slice room, struct pgc_slice member)
{
    struct event_facts *facts = &builder->facts;
    struct pgc_buf *out = &facts->wanted[NEED_VIEWERS];
    struct event_fact *fact;
    bool wanted;

    if (room.data == NULL || member.data == NULL) {
        return NULL;
    }
    fact = facts_look(builder, "viewer", pgc_facts_key(builder, "", room, member), &wanted);
    if (wanted && pgc_slice_equal(room, facts->viewers_room)) {
        facts_add_text(out, ",", member);
    } else if (wanted) {
        facts_add_text(out, out->length > 0 ? "]},{\"room\":" : ",{\"room\":", room);
        facts_add_text(out, ",\"members\":[", member);
        facts->viewers_room = room;
    }
    return facts_record(builder, fact);
}

bool
pgc_facts_write_wanted(struct pgc_builder *builder, struct pgc_buf *json)
{
    struct event_facts *facts = &builder->facts;
    size_t need;

    pgc_buf_clear(json);
    if (facts->wanted[NEED_VIEWERS].length > 0) {
        pgc_buf_adds(&facts->wanted[NEED_VIEWERS], "]}");
    }
    for (need = 0; need < NEED_KINDS; need++) {
        struct pgc_buf *wanted = &facts->wanted[need];

        if (wanted->length > 0) {
            pgc_buf_addf(json, "%s\"%s\":[", json->length == 0 ? "{" : ",", need_names[need]);
            pgc_buf_add(json, wanted->data + 1, wanted->length - 1); /* all but the first comma */
            pgc_buf_addc(json, ']');
            pgc_buf_clear(wanted);
        }
    }
    facts->viewers_room = (struct pgc_slice){0};
    if (json->length == 0) {
        return false;
    }
    pgc_buf_addc(json, '}');
    return true;
}

void
pgc_builder_fact(
    struct pgc_builder *builder, const char *what, const char *key, const char *data, size_t length)
{
    struct pgc_slice name = {.data = key, .length = strlen(key)};
    struct event_fact *fact = facts_entry(builder, what, name, true);

    fact->data = pgc_arena_copy(&builder->arena, data, length);
    fact->record = NULL;
    pgc_cache_put(&builder->cache, what, &builder->facts.name, fact->data);
}

void
pgc_builder_answered(struct pgc_builder *builder)
{
    builder->facts.answered = builder->facts.round;
}

void
pgc_facts_forget(struct event_facts *facts)
{
    size_t need;

    pgc_table_free(facts->known, NULL);
    facts->known = NULL;
    facts->viewers_room = (struct pgc_slice){0};
    facts->round = 0;
    facts->answered = 0;
    for (need = 0; need < NEED_KINDS; need++) {
        pgc_buf_clear(&facts->wanted[need]);
    }
}

void
pgc_facts_reset(struct event_facts *facts)
{
    pgc_facts_forget(facts);
    pgc_table_free(facts->rooms, NULL);
    facts->rooms = NULL;
}

void
pgc_facts_fini(struct event_facts *facts)
{
    size_t need;

    pgc_facts_reset(facts);
    for (need = 0; need < NEED_KINDS; need++) {
        pgc_buf_fini(&facts->wanted[need]);
    }
    pgc_buf_fini(&facts->name);
    pgc_buf_fini(&facts->key);
}
