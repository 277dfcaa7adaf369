/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "backlog.h"

/* ---- things ---- */

static struct backlog_thing *
thing_need(struct pgc_backlog *backlog, const char *name)
{
    size_t length = strlen(name);
    struct backlog_thing *thing = pgc_table_get(backlog->things, name, length);

    if (thing == NULL) {
        thing = pgc_xmalloc(sizeof(*thing) + length + 1);
        TAILQ_INIT(&thing->about);
        TAILQ_INIT(&thing->embeds);
        thing->length = length;
        memcpy(thing->name, name, length + 1);
        pgc_table_put(backlog->things, name, length, thing);
        backlog->bytes += sizeof(*thing) + 2 * length;
    }
    return thing;
}

static void
thing_free_if_unseen(struct pgc_backlog *backlog, struct backlog_thing *thing)
{
    if (TAILQ_EMPTY(&thing->about) && TAILQ_EMPTY(&thing->embeds)) {
        backlog->bytes -= sizeof(*thing) + 2 * thing->length;
        pgc_table_remove(backlog->things, thing->name, thing->length);
        free(thing);
    }
}

/* ---- items ---- */

struct backlog_item *
pgc_backlog_new_item(struct pgc_backlog *backlog, struct pgc_msg *msg)
{
    struct backlog_item *item = pgc_xcalloc(1, sizeof(*item));

    item->msg = pgc_msg_ref(msg);
    backlog->bytes += sizeof(*item) + sizeof(*msg) + msg->length;
    if (msg->about != NULL) {
        item->about = thing_need(backlog, msg->about);
        TAILQ_INSERT_TAIL(&item->about->about, item, by_about);
    }
    if (msg->embeds != NULL) {
        item->embeds = thing_need(backlog, msg->embeds);
        TAILQ_INSERT_TAIL(&item->embeds->embeds, item, by_embeds);
    }
    return item;
}

/* The message goes now, wherever its entries stand; the item stays until they go. */
static void
item_empty(struct pgc_backlog *backlog, struct backlog_item *item, bool is_hole)
{
    struct backlog_thing *about = item->about;
    struct backlog_thing *embeds = item->embeds;

    item->is_hole = item->is_hole || is_hole;
    if (item->msg != NULL) {
        backlog->bytes -= sizeof(*item->msg) + item->msg->length;
        pgc_msg_unref(item->msg);
        item->msg = NULL;
    }
    item->about = NULL;
    item->embeds = NULL;
    if (about != NULL) {
        TAILQ_REMOVE(&about->about, item, by_about);
        thing_free_if_unseen(backlog, about);
    }
    if (embeds != NULL) {
        TAILQ_REMOVE(&embeds->embeds, item, by_embeds);
        thing_free_if_unseen(backlog, embeds);
    }
}

void
pgc_backlog_free_item(struct pgc_backlog *backlog, struct backlog_item *item)
{
    item_empty(backlog, item, false);
    backlog->bytes -= sizeof(*item);
    if (backlog->newest_item == item) {
        backlog->newest_item = NULL;
    }
    free(item);
}

/* Who is sent what is left has seen the newest tick. */
static void
item_outdate(const struct pgc_backlog *backlog, struct backlog_item *item)
{
    const struct pgc_position *newest = &backlog->newest;

    if (item->msg->position.tick < newest->tick) {
        item->outdated = (struct pgc_seen){.tick = newest->tick, .nonce = newest->nonce};
    }
}

/* That text in the old place. */
static void
item_rewrite(struct backlog_item *item, const struct pgc_msg *text)
{
    struct pgc_msg *old = item->msg;

    item->msg = pgc_msg_new(&old->position, old->committed_us, text->text, text->length);
    pgc_msg_set_about(item->msg, old->about, old->embeds, old->is_update);
    item->msg->trace = text->trace;
    pgc_msg_unref(old);
}

static void
item_amend(struct pgc_backlog *backlog, struct backlog_item *item, const struct pgc_msg *text)
{
    item_outdate(backlog, item);
    backlog->bytes = backlog->bytes - item->msg->length + text->length;
    item_rewrite(item, text);
}

/* A later tick than need be does no harm, so that all who want the item share one message. */
void
pgc_backlog_show_seen(struct backlog_item *item, const struct pgc_seen *seen)
{
    if (item->msg->seen.tick < seen->tick) {
        item_rewrite(item, item->msg);
        item->msg->seen = *seen;
    }
}

/* ---- what happens to a thing ---- */

/* An item that shows more than the thing cannot be sent without it. */
static void
thing_empty_embeds(struct pgc_backlog *backlog, const char *name)
{
    struct backlog_thing *thing = pgc_table_get(backlog->things, name, strlen(name));
    struct backlog_item *item = thing != NULL ? TAILQ_FIRST(&thing->embeds) : NULL;

    while (item != NULL) { /* the last one takes the thing along */
        struct backlog_item *next = TAILQ_NEXT(item, by_embeds);

        item_empty(backlog, item, true);
        item = next;
    }
}

void
pgc_backlog_forget(struct pgc_backlog *backlog, const char *thing)
{
    struct backlog_thing *found;
    struct backlog_item *item;

    thing_empty_embeds(backlog, thing);
    found = pgc_table_get(backlog->things, thing, strlen(thing));
    item = found != NULL ? TAILQ_FIRST(&found->about) : NULL;
    while (item != NULL) {
        struct backlog_item *next = TAILQ_NEXT(item, by_about);

        item_outdate(backlog, item);
        item_empty(backlog, item, false);
        item = next;
    }
}

/* Updates before this one told of a text that is no more. */
void
pgc_backlog_amend(struct pgc_backlog *backlog, const char *thing, const struct pgc_msg *msg)
{
    struct backlog_thing *found;
    struct backlog_item *item;

    thing_empty_embeds(backlog, thing);
    found = pgc_table_get(backlog->things, thing, strlen(thing));
    item = found != NULL ? TAILQ_FIRST(&found->about) : NULL;
    while (item != NULL) {
        struct backlog_item *next = TAILQ_NEXT(item, by_about);

        if (item->msg->is_update) {
            item_outdate(backlog, item);
            item_empty(backlog, item, false);
        } else {
            item_amend(backlog, item, msg);
        }
        item = next;
    }
}
