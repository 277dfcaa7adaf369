/* SPDX-License-Identifier: PostgreSQL */
#include "feed_internal.h"

/*
 * A client that moves between daemons, or was away for a moment, wants what was built for nobody
 * here.  So it is built for some more than those who listen; for the others a hole is left.
 */
#define VIEWERS_GUESTS 256

static bool
viewers_listens(const struct pgc_feed *feed, const char *member)
{
    for (size_t i = 0; i < feed->port_count; i++) {
        if (pgc_port_has_viewer(feed->ports[i], member)) {
            return true;
        }
    }
    return false;
}

/* In a refill nobody listens yet, and nobody can tell who will. */
static bool
viewers_decide(struct pgc_feed *feed, const char *member)
{
    if (feed->is_refilling || feed->conf.looks_on || viewers_listens(feed, member)) {
        return true;
    }
    if (feed->viewers.guests == VIEWERS_GUESTS) {
        return false;
    }
    feed->viewers.guests++;
    return true;
}

bool
pgc_feed_has_viewer(const char *member, void *arg)
{
    struct pgc_feed *feed = arg;
    void *yes = &feed->viewers;
    void *no = feed;
    size_t length = strlen(member);
    void *known;

    if (feed->viewers.decided == NULL) {
        feed->viewers.decided = pgc_table_new();
    }
    known = pgc_table_get(feed->viewers.decided, member, length);
    if (known == NULL) {
        known = viewers_decide(feed, member) ? yes : no;
        pgc_table_put(feed->viewers.decided, member, length, known);
    }
    return known == yes;
}

void
pgc_feed_forget_viewers(struct pgc_feed *feed)
{
    pgc_table_free(feed->viewers.decided, NULL);
    feed->viewers = (struct pgc_feed_viewers){0};
}
