/* SPDX-License-Identifier: PostgreSQL */
/* builder.c - a tick's rows in, its messages out; the order of things. */
#include "builder.h"

#include <stdarg.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "events.h"

enum { CHANGES_MIN = 64 };

/* ---- life ---- */

struct pgc_builder *
pgc_builder_new(const struct pgc_builder_conf *conf)
{
    struct pgc_builder *builder = pgc_xcalloc(1, sizeof(*builder));

    builder->conf = *conf;
    pgc_xacts_init(&builder->xacts);
    return builder;
}

static void
builder_forget_piece(struct pgc_builder *builder)
{
    pgc_facts_reset(&builder->facts);
    pgc_arena_reset(&builder->arena);
    pgc_buf_fini(&builder->payload); /* one that was large must not keep its memory for ever */
    pgc_cache_age(&builder->cache);
    builder->count = 0;
    builder->bytes = 0;
}

void
pgc_builder_free(struct pgc_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    pgc_xacts_fini(&builder->xacts);
    pgc_facts_fini(&builder->facts);
    pgc_cache_fini(&builder->cache);
    pgc_arena_fini(&builder->arena);
    pgc_buf_fini(&builder->payload);
    pgc_buf_fini(&builder->topic);
    pgc_buf_fini(&builder->via);
    free(builder->changes);
    free(builder);
}

void
pgc_builder_set_mapping(struct pgc_builder *builder, const struct pgc_mapping *mapping)
{
    builder->mapping = mapping;
    pgc_cache_use_mapping(&builder->cache, mapping);
}

void
pgc_builder_forget(struct pgc_builder *builder)
{
    pgc_cache_clear(&builder->cache);
    pgc_facts_forget(&builder->facts);
}

void
pgc_builder_begin(struct pgc_builder *builder, int64_t tick, uint32_t nonce)
{
    pgc_xacts_clear(&builder->xacts);
    builder_forget_piece(builder);
    builder->tick = tick;
    builder->nonce = nonce;
    builder->first_id = 0;
    builder->place = (struct event_place){0};
}

/* ---- for the event functions ---- */

const struct event_map *
pgc_builder_map(const struct pgc_builder *builder, enum event_kind kind)
{
    return pgc_mapping_kind(builder->mapping, kind);
}

void
pgc_builder_complain(const struct pgc_builder *builder, const char *fmt, ...)
{
    char text[512];
    va_list args;

    if (builder->conf.complaint == NULL) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    builder->conf.complaint(text, builder->conf.arg);
}

bool
pgc_builder_has_viewer(struct pgc_builder *builder, struct pgc_slice member)
{
    if (builder->conf.has_viewer == NULL) {
        return true;
    }
    pgc_buf_clear(&builder->topic);
    pgc_buf_add(&builder->topic, member.data, member.length);
    return builder->conf.has_viewer(pgc_buf_str(&builder->topic), builder->conf.arg);
}

struct pgc_slice
pgc_builder_key(
    struct pgc_builder *builder, const struct event_record *record, enum event_field field)
{
    return pgc_record_key(&builder->arena, record, field);
}

/* ---- rows in ---- */

/* What makes a row the row it is, and without what it is nobody's. */
static const struct {
    enum event_field fields[2];
    size_t count;
} identities[KIND_COUNT] = {
    [KIND_MEMBER] = {{FIELD_ID}, 1},
    [KIND_MESSAGE] = {{FIELD_ID, FIELD_CHAT_ROOM_ID}, 2},
    [KIND_NOTIFICATION] = {{FIELD_COMMUNITY_MEMBER_ID}, 1},
    [KIND_PARTICIPANT] = {{FIELD_CHAT_ROOM_ID, FIELD_COMMUNITY_MEMBER_ID}, 2},
    [KIND_ROOM] = {{FIELD_ID}, 1},
    [KIND_THREAD_PARTICIPANT] = {{FIELD_CHAT_THREAD_ID, FIELD_COMMUNITY_MEMBER_ID}, 2},
};

/* Is there such a thing for those who see only what is visible? */
static bool
change_exists(struct pgc_builder *builder, const struct event_change *change,
    const struct event_record *record)
{
    size_t i;

    if (!pgc_record_is_visible(record)) {
        return false;
    }
    for (i = 0; i < identities[change->kind].count; i++) {
        enum event_field field = identities[change->kind].fields[i];

        if (record->field[field].data == NULL) {
            pgc_builder_complain(builder,
                "row %lld of kind %s has no %s: no event, hint: attach the table again with a "
                "mapping that names the column",
                (long long)change->id, pgc_kind_name(change->kind), pgc_field_name(field));
        }
        if (pgc_builder_key(builder, record, field).data == NULL) {
            return false;
        }
    }
    return true;
}

static bool
change_moves(const struct event_change *change)
{
    size_t i;

    for (i = 0; i < identities[change->kind].count; i++) {
        enum event_field field = identities[change->kind].fields[i];

        if (!pgc_slice_equal(change->before->field[field], change->now->field[field])) {
            return true;
        }
    }
    return false;
}

static unsigned
change_when(struct pgc_builder *builder, const struct event_change *change)
{
    bool was = change_exists(builder, change, change->before);
    bool is = change_exists(builder, change, change->now);

    if (was && is) {
        return change_moves(change) ? WHEN_DISAPPEARED | WHEN_APPEARED : WHEN_CHANGED;
    }
    return was ? WHEN_DISAPPEARED : is ? WHEN_APPEARED : 0;
}

static struct event_record *
change_record(struct pgc_builder *builder, const struct event_map *map, struct pgc_slice text)
{
    if (pgc_slice_is_null(text)) {
        return NULL;
    }
    text = pgc_arena_copy(&builder->arena, text.data, text.length);
    return pgc_record_from_row(&builder->arena, map, text);
}

static struct event_change *
builder_new_change(struct pgc_builder *builder, const struct pgc_row *row)
{
    struct event_change *change;

    if (builder->count == builder->size) {
        builder->size = builder->size > 0 ? builder->size * 2 : CHANGES_MIN;
        builder->changes =
            pgc_xrealloc(builder->changes, builder->size * sizeof(*builder->changes));
    }
    change = &builder->changes[builder->count];
    *change = (struct event_change){
        .id = row->id,
        .xid = row->xid,
        .at_us = row->at_us,
        .op = row->op,
        .kind = KIND_COUNT,
        .index = builder->count,
    };
    return change;
}

static void
builder_keep(struct pgc_builder *builder, const struct pgc_row *row)
{
    builder->count++;
    builder->bytes += row->new_row.length + row->old_row.length;
}

static void
builder_add_broadcast(struct pgc_builder *builder, const struct pgc_row *row)
{
    struct event_change *change = builder_new_change(builder, row);

    if (row->stream == NULL || row->new_row.data == NULL) {
        return;
    }
    change->stream = pgc_arena_copy(&builder->arena, row->stream, strlen(row->stream));
    change->message = pgc_arena_copy(&builder->arena, row->new_row.data, row->new_row.length);
    change->wants_envelope = strcmp(row->kind, "event") == 0;
    builder_keep(builder, row);
}

static void
builder_add_right(struct pgc_builder *builder, const struct pgc_row *row, enum pgc_op_kind right)
{
    struct event_change *change = builder_new_change(builder, row);

    if (row->stream == NULL) {
        return;
    }
    change->op = 'R';
    change->right = right;
    change->stream = pgc_arena_copy(&builder->arena, row->stream, strlen(row->stream));
    if (row->new_row.data != NULL) {
        change->message = pgc_arena_copy(&builder->arena, row->new_row.data, row->new_row.length);
    }
    builder_keep(builder, row);
}

static void
builder_add_change(struct pgc_builder *builder, const struct pgc_row *row, enum event_kind kind)
{
    const struct event_map *map = pgc_builder_map(builder, kind);
    struct event_change *change = builder_new_change(builder, row);

    change->kind = kind;
    if (row->op == 'T') {
        pgc_cache_clear(&builder->cache);
        builder_keep(builder, row);
        return;
    }
    change->now = change_record(builder, map, row->new_row);
    change->before = change_record(builder, map, row->old_row);
    pgc_cache_note(builder, change);
    change->when = change_when(builder, change);
    if (change->when == 0) {
        return;
    }
    change->xact = pgc_xacts_find(&builder->xacts, row->xid);
    pgc_xacts_note(builder, change);
    if (kind == KIND_ROOM) {
        pgc_facts_add_room_row(
            builder, change->when == WHEN_DISAPPEARED ? change->before : change->now);
    }
    builder_keep(builder, row);
}

void
pgc_builder_add(struct pgc_builder *builder, const struct pgc_row *row)
{
    enum event_kind kind;
    enum pgc_op_kind right;

    if (builder->first_id == 0) {
        builder->first_id = row->id;
    }
    if (strcmp(row->kind, "broadcast") == 0 || strcmp(row->kind, "event") == 0) {
        builder_add_broadcast(builder, row);
    } else if (strcmp(row->kind, "reload") == 0) {
        builder_new_change(builder, row)->op = 'T'; /* as if all had been truncated */
        pgc_cache_clear(&builder->cache);
        builder_keep(builder, row);
    } else if (pgc_right_kind(row->kind, &right)) {
        builder_add_right(builder, row, right);
    } else if (builder->mapping != NULL && pgc_kind_find(row->kind, &kind) &&
               pgc_builder_map(builder, kind)->attached) {
        builder_add_change(builder, row, kind);
    }
}

size_t
pgc_builder_bytes(const struct pgc_builder *builder)
{
    return builder->bytes;
}

size_t
pgc_builder_rows(const struct pgc_builder *builder)
{
    return builder->count;
}

/* ---- messages out ---- */

static void
builder_apply(struct pgc_builder *builder, const struct event_change *change)
{
    if (change->op == 'B') {
        pgc_event_broadcast(builder, change);
    } else if (change->op == 'R') {
        pgc_event_right(builder, change);
    } else if (change->op != 'T') {
        pgc_rules_apply(builder, change);
    } else if (!builder->asking) {
        pgc_batch_add(builder->batch, PGC_OP_RELOAD, NULL, NULL, NULL);
    }
}

bool
pgc_builder_needs(struct pgc_builder *builder, bool ends_tick, struct pgc_buf *json)
{
    size_t i;

    builder->asking = true;
    builder->facts.round++;
    builder->facts.tick_is_whole = ends_tick;
    for (i = 0; i < builder->count; i++) {
        builder_apply(builder, &builder->changes[i]);
    }
    if (ends_tick) {
        pgc_xacts_ask_counts(builder);
    }
    builder->asking = false;
    return pgc_facts_write_wanted(builder, json);
}

void
pgc_builder_raise(struct pgc_builder *builder, bool ends_tick, struct pgc_batch *batch)
{
    size_t i;

    builder->batch = batch;
    if (ends_tick) {
        pgc_xacts_raise_earlier(builder);
    }
    for (i = 0; i < builder->count; i++) {
        const struct event_change *change = &builder->changes[i];

        builder->place = (struct event_place){
            .id = change->id,
            .xid = change->xid,
            .at_us = change->at_us,
        };
        builder_apply(builder, change);
        if (ends_tick) {
            pgc_xacts_raise_counts(builder, change);
        }
    }
    pgc_xacts_end_piece(builder, ends_tick);
    batch->ends_tick = ends_tick;
    builder->batch = NULL;
    builder_forget_piece(builder);
}
