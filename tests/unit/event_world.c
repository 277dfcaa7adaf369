/* SPDX-License-Identifier: PostgreSQL */
#include "event_world.h"

#include <stdlib.h>

#include "pgcable/mem.h"

const char world_reference[] =
    "{\"omitted\":\"" WORLD_OMITTED "\",\"kinds\":{"
    "\"member\":{\"table\":\"community_members\",\"columns\":{\"id\":\"id\",\"name\":\"name\","
    "\"avatar_url\":\"avatar_url\",\"email\":\"email\",\"headline\":\"headline\","
    "\"user_public_uid\":\"user_public_uid\",\"deleted_at\":\"deleted_at\"}},"
    "\"room\":{\"table\":\"chat_rooms\",\"columns\":{\"id\":\"id\",\"uuid\":\"uuid\","
    "\"identifier\":\"identifier\",\"chat_room_kind\":\"chat_room_kind\",\"chat_room_name\":"
    "\"name\","
    "\"chat_room_description\":\"description\",\"chat_room_show_history\":\"show_history\","
    "\"is_embedded\":\"is_embedded\",\"pinned_message_id\":\"pinned_message_id\","
    "\"deleted_at\":\"deleted_at\"}},"
    "\"participant\":{\"table\":\"chat_room_participants\",\"columns\":{\"id\":\"id\","
    "\"chat_room_id\":\"chat_room_id\",\"community_member_id\":\"community_member_id\","
    "\"admin\":\"admin\",\"muted\":\"muted\",\"last_read_at\":\"last_read_at\","
    "\"unread_messages_count\":\"unread_messages_count\",\"pinned_at\":\"pinned_at\","
    "\"deleted_at\":\"deleted_at\"}},"
    "\"message\":{\"table\":\"chat_room_messages\",\"columns\":{\"id\":\"id\","
    "\"chat_room_id\":\"chat_room_id\",\"chat_room_participant_id\":\"chat_room_participant_id\","
    "\"body\":\"body\",\"rich_text_body\":\"rich_text_body\",\"sent_at\":\"sent_at\","
    "\"created_at\":\"created_at\",\"creation_uuid\":\"creation_uuid\","
    "\"chat_thread_id\":\"chat_thread_id\",\"parent_message_id\":\"parent_message_id\","
    "\"lesson_id\":\"lesson_id\",\"edited_at\":\"edited_at\",\"deleted_at\":\"deleted_at\"}},"
    "\"thread\":{\"table\":\"chat_threads\",\"columns\":{\"id\":\"id\","
    "\"chat_room_id\":\"chat_room_id\",\"parent_message_id\":\"parent_message_id\"}},"
    "\"thread_participant\":{\"table\":\"chat_thread_participants\",\"columns\":{\"id\":\"id\","
    "\"chat_thread_id\":\"chat_thread_id\",\"community_member_id\":\"community_member_id\","
    "\"last_read_at\":\"last_read_at\"}},"
    "\"notification\":{\"table\":\"notifications\",\"columns\":{\"id\":\"id\","
    "\"community_member_id\":\"community_member_id\",\"seen_at\":\"seen_at\","
    "\"read_at\":\"read_at\",\"created_at\":\"created_at\"},\"extra\":[\"action\"]}}}";

const char world_minimal[] =
    "{\"kinds\":{"
    "\"member\":{\"table\":\"users\",\"columns\":{\"id\":\"id\",\"name\":\"login\"}},"
    "\"room\":{\"table\":\"rooms\",\"columns\":{\"id\":\"id\",\"chat_room_name\":\"title\"}},"
    "\"participant\":{\"table\":\"memberships\",\"columns\":{\"chat_room_id\":\"room_id\","
    "\"community_member_id\":\"user_id\"}},"
    "\"message\":{\"table\":\"messages\",\"columns\":{\"id\":\"id\",\"chat_room_id\":\"room_id\","
    "\"community_member_id\":\"user_id\",\"body\":\"body\",\"created_at\":\"created_at\"}},"
    "\"notification\":{\"table\":\"notifications\",\"columns\":{\"community_member_id\":\"user_"
    "id\","
    "\"read_at\":\"read_at\"}}}}";

static bool
world_has_viewer(const char *member, void *arg)
{
    const struct event_world *world = arg;
    char *listed;
    bool found;

    if (world->viewers == NULL) {
        return true;
    }
    listed = pgc_xasprintf(" %s ", member);
    found = strstr(world->viewers, listed) != NULL;
    free(listed);
    return found;
}

static void
world_complaint(const char *text, void *arg)
{
    struct event_world *world = arg;

    pgc_buf_addf(&world->complaints, "%s\n", text);
}

static void
world_problem(const char *text, void *arg)
{
    (void)arg;
    fail_msg("the mapping has a problem: %s", text);
}

struct event_world *
world_new(const char *mapping, const struct pgc_builder_conf *conf)
{
    struct event_world *world = pgc_xcalloc(1, sizeof(*world));
    struct pgc_builder_conf own = {.max_payload_bytes = 1024 * 1024};
    struct pgc_err err = {0};

    if (conf != NULL) {
        own = *conf;
    }
    own.has_viewer = world_has_viewer;
    own.complaint = world_complaint;
    own.arg = world;
    world->mapping = pgc_mapping_parse(mapping, strlen(mapping), world_problem, NULL, &err);
    if (world->mapping == NULL) {
        fail_msg("%s", err.message);
    }
    world->builder = pgc_builder_new(&own);
    pgc_builder_set_mapping(world->builder, world->mapping);
    pgc_builder_begin(world->builder, 9, 0xabcd);
    world->next_id = 100;
    world->xid = 1;
    return world;
}

void
world_free(struct event_world *world)
{
    pgc_builder_free(world->builder);
    pgc_mapping_free(world->mapping);
    pgc_batch_unref(world->batch);
    pgc_buf_fini(&world->needs);
    pgc_buf_fini(&world->seen);
    pgc_buf_fini(&world->complaints);
    free(world);
}

int
world_setup(void **state)
{
    *state = world_new(world_reference, NULL);
    return 0;
}

int
world_setup_minimal(void **state)
{
    *state = world_new(world_minimal, NULL);
    return 0;
}

int
world_teardown(void **state)
{
    world_free(*state);
    return 0;
}

static struct pgc_slice
world_slice(const char *text)
{
    return (struct pgc_slice){.data = text, .length = text == NULL ? 0 : strlen(text)};
}

void
world_row(struct event_world *world, const char *kind, char op, const char *now, const char *before)
{
    struct pgc_row row = {
        .id = world->next_id++,
        .xid = world->xid,
        .kind = kind,
        .op = op,
        .stream = op == 'B' ? "news" : NULL,
        .new_row = world_slice(now),
        .old_row = world_slice(before),
        .at_us = 1234567,
    };

    pgc_builder_add(world->builder, &row);
}

void
world_fact(struct event_world *world, const char *what, const char *key, const char *data)
{
    pgc_builder_fact(world->builder, what, key, data, strlen(data));
}

const char *
world_piece_needs(struct event_world *world, bool ends_tick)
{
    bool any = pgc_builder_needs(world->builder, ends_tick, &world->needs);

    assert_int_equal(any, world->needs.length > 0);
    return pgc_buf_str(&world->needs);
}

const char *
world_needs(struct event_world *world)
{
    return world_piece_needs(world, true);
}

static void
world_tell_kept(struct event_world *world, const struct pgc_op *op)
{
    struct pgc_buf *seen = &world->seen;

    if (op->kind == PGC_OP_ADMIT) {
        pgc_buf_addf(seen, "admit %s %s\n", op->via, op->topic);
    } else if (op->kind == PGC_OP_HOLE) {
        pgc_buf_addf(seen, "hole %s %lld.%u\n", op->topic, (long long)op->msg->position.id,
            op->msg->position.part);
    } else if (op->kind == PGC_OP_FORGET) {
        pgc_buf_addf(seen, "forget %s\n", op->via);
    } else {
        pgc_buf_addf(seen, "amend %s %s\n", op->via, op->msg->text);
    }
}

static void
world_tell(struct event_world *world, const struct pgc_op *op)
{
    struct pgc_buf *seen = &world->seen;

    switch (op->kind) {
    case PGC_OP_PUBLISH:
        assert_int_equal(strlen(op->msg->text), op->msg->length);
        pgc_buf_addf(seen, "publish %s %s\n", op->topic, op->msg->text);
        break;
    case PGC_OP_JOIN:
        pgc_buf_addf(seen, "join %s %s\n", op->via, op->topic);
        break;
    case PGC_OP_LEAVE:
        pgc_buf_addf(seen, "leave %s %s\n", op->via, op->topic);
        break;
    case PGC_OP_REVOKE:
        pgc_buf_addf(seen, "revoke %s %s\n", op->via, op->topic);
        break;
    case PGC_OP_EXPEL:
        assert_null(op->topic);
        pgc_buf_addf(seen, "expel %s\n", op->via);
        break;
    case PGC_OP_RELOAD:
        pgc_buf_adds(seen, "reload\n");
        break;
    case PGC_OP_BAN_TOKEN:
    case PGC_OP_BAN_MEMBER:
        pgc_buf_addf(seen, "ban %s %s %lld %lld\n",
            op->kind == PGC_OP_BAN_TOKEN ? "token" : "member", op->via, (long long)op->ban.before_s,
            (long long)op->ban.until_s);
        break;
    case PGC_OP_RECHECK:
        pgc_buf_addf(seen, "recheck %s\n", op->via);
        break;
    case PGC_OP_REVIEW:
        fail_msg("it is the feed that reviews rights");
        break;
    case PGC_OP_ADMIT:
    case PGC_OP_HOLE:
    case PGC_OP_FORGET:
    case PGC_OP_AMEND:
        if (world->tells_kept) {
            world_tell_kept(world, op);
        }
        break;
    case PGC_OP_BEGIN:
        fail_msg("it is the feed that knows where history begins");
    }
}

const char *
world_piece(struct event_world *world, bool ends_tick)
{
    size_t i;

    pgc_batch_unref(world->batch);
    world->batch = pgc_batch_new(9);
    pgc_builder_raise(world->builder, ends_tick, world->batch);
    assert_int_equal(world->batch->ends_tick, ends_tick);
    pgc_buf_clear(&world->seen);
    for (i = 0; i < world->batch->count; i++) {
        world_tell(world, &world->batch->ops[i]);
    }
    return pgc_buf_str(&world->seen);
}

const struct pgc_msg *
world_message(const struct event_world *world, size_t index)
{
    for (size_t i = 0; i < world->batch->count; i++) {
        if (world->batch->ops[i].kind == PGC_OP_PUBLISH && index-- == 0) {
            return world->batch->ops[i].msg;
        }
    }
    return NULL;
}

const char *
world_raise(struct event_world *world)
{
    return world_piece(world, true);
}

void
world_raises(struct event_world *world, ...)
{
    struct pgc_buf expected = {0};
    const char *text;
    va_list texts;

    va_start(texts, world);
    while ((text = va_arg(texts, const char *)) != NULL) {
        pgc_buf_adds(&expected, text);
    }
    va_end(texts);
    assert_string_equal(world_raise(world), pgc_buf_str(&expected));
    pgc_buf_fini(&expected);
}
