/* SPDX-License-Identifier: PostgreSQL */
/*
 * The feed builds what shows one member's view for those who listen.  It is told what changes, a
 * little later, and now and then all of it: what is told may be lost.
 */
#include <stdlib.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "follower_internal.h"

#define VIEWERS_GATHER_MS 100

struct follower_viewer {
    unsigned ports; /* on so many of them somebody of that id listens */
    bool is_told;   /* that somebody does */
    bool has_changed;
    TAILQ_ENTRY(follower_viewer) entry; /* of those that have */
    size_t length;
    char member[];
};

/* A part of what is told; strings are borrowed. */
struct viewers_part {
    struct codec_viewers viewers;
    size_t size;
    size_t bytes;
};

static void viewers_timer(void *arg);

void
pgc_follower_init_viewers(struct pgc_follower *follower)
{
    struct follower_viewers *viewers = &follower->viewers;

    viewers->by_member = pgc_table_new();
    TAILQ_INIT(&viewers->changed);
    viewers->timer = pgc_timer_new(follower->loop, viewers_timer, follower);
}

void
pgc_follower_fini_viewers(struct pgc_follower *follower)
{
    pgc_timer_free(follower->viewers.timer);
    pgc_table_free(follower->viewers.by_member, free);
}

/* ---- telling ---- */

static void
part_send(struct viewers_part *part, struct pgc_follower *follower)
{
    struct pgc_buf text = {0};
    struct pgc_nats_bytes bytes;

    part->viewers.edge = follower->edge;
    pgc_codec_write_viewers(&text, &part->viewers);
    bytes.data = (const unsigned char *)text.data;
    bytes.length = text.length;
    pgc_nats_tell(follower->nats, "viewers", &bytes);
    pgc_buf_fini(&text);
    part->viewers.count = 0;
    part->bytes = 0;
}

static void
part_add(struct viewers_part *part, struct pgc_follower *follower, struct follower_viewer *viewer)
{
    struct codec_viewers *viewers = &part->viewers;

    if (part->bytes + viewer->length > FOLLOWER_TOLD_BYTES) {
        part_send(part, follower);
    }
    if (viewers->count == part->size) {
        part->size = part->size > 0 ? 2 * part->size : 64;
        viewers->viewers = pgc_xrealloc(viewers->viewers, part->size * sizeof(*viewers->viewers));
    }
    viewers->viewers[viewers->count++] =
        (struct codec_viewer){.member = viewer->member, .listens = viewer->ports > 0};
    part->bytes += viewer->length + sizeof(uint64_t);
}

/* What has changed is told: who has gone is forgotten. */
static void
viewers_settle(struct follower_viewers *viewers)
{
    while (!TAILQ_EMPTY(&viewers->changed)) {
        struct follower_viewer *viewer = TAILQ_FIRST(&viewers->changed);

        TAILQ_REMOVE(&viewers->changed, viewer, entry);
        viewer->has_changed = false;
        viewer->is_told = viewer->ports > 0;
        if (viewer->ports == 0) {
            (void)pgc_table_remove(viewers->by_member, viewer->member, viewer->length);
            free(viewer);
        }
    }
}

/* Without a connection nothing is told; all of it is when there is one. */
void
pgc_follower_tell_changes(struct pgc_follower *follower)
{
    struct follower_viewers *viewers = &follower->viewers;
    bool is_up = pgc_nats_is_up(follower->nats);
    struct follower_viewer *viewer;
    struct viewers_part part = {0};

    pgc_timer_cancel(viewers->timer);
    TAILQ_FOREACH(viewer, &viewers->changed, entry) {
        if (is_up && viewer->is_told != (viewer->ports > 0)) {
            part_add(&part, follower, viewer);
        }
    }
    if (part.viewers.count > 0) {
        part_send(&part, follower);
    }
    free(part.viewers.viewers);
    viewers_settle(viewers);
}

void
pgc_follower_tell_viewers(struct pgc_follower *follower)
{
    struct follower_viewers *viewers = &follower->viewers;
    struct viewers_part part = {.viewers.round = ++viewers->round};
    size_t cursor = 0;
    const char *member;
    size_t length;
    void *viewer;

    pgc_follower_tell_changes(follower);
    viewers->told_all_ms = pgc_monotonic_ms();
    while (pgc_table_next(viewers->by_member, &cursor, &member, &length, &viewer)) {
        part_add(&part, follower, viewer);
    }
    part.viewers.is_last = true;
    part_send(&part, follower);
    free(part.viewers.viewers);
}

/* ---- what changes ---- */

static void
viewers_timer(void *arg)
{
    pgc_follower_tell_changes(arg);
}

static struct follower_viewer *
viewers_need(struct follower_viewers *viewers, const char *member)
{
    size_t length = strlen(member);
    struct follower_viewer *viewer = pgc_table_get(viewers->by_member, member, length);

    if (viewer == NULL) {
        viewer = pgc_xcalloc(1, sizeof(*viewer) + length + 1);
        viewer->length = length;
        memcpy(viewer->member, member, length + 1);
        (void)pgc_table_put(viewers->by_member, member, length, viewer);
    }
    return viewer;
}

void
pgc_follower_viewer_changed(const char *member, bool listens, void *arg)
{
    struct pgc_follower *follower = arg;
    struct follower_viewers *viewers = &follower->viewers;
    struct follower_viewer *viewer = viewers_need(viewers, member);

    viewer->ports = listens ? viewer->ports + 1 : viewer->ports - 1;
    if (viewer->has_changed) {
        return;
    }
    if (TAILQ_EMPTY(&viewers->changed)) {
        pgc_timer_set(viewers->timer, VIEWERS_GATHER_MS);
    }
    viewer->has_changed = true;
    TAILQ_INSERT_TAIL(&viewers->changed, viewer, entry);
}
