/* SPDX-License-Identifier: PostgreSQL */
/*
 * roster.c - the subscriptions of one session, found by their identifiers.
 *
 * A few are looked through, which takes no memory.  For many there is a table: each one that is
 * looked at lies elsewhere in memory, and each command looks for one.
 */
#include <assert.h>

#include "cable_internal.h"

enum { ROSTER_FEW = 8 };

static void
roster_index(struct pgc_roster *roster, struct pgc_subscription *subscription)
{
    size_t length;
    const char *text = pgc_ident_text(subscription->ident, &length);

    pgc_table_put(roster->by_identifier, text, length, subscription);
}

void
pgc_roster_add(struct pgc_roster *roster, struct pgc_subscription *subscription)
{
    struct pgc_subscription *each;

    LIST_INSERT_HEAD(&roster->all, subscription, entry);
    roster->count++;
    if (roster->by_identifier != NULL) {
        roster_index(roster, subscription);
    } else if (roster->count > ROSTER_FEW) {
        roster->by_identifier = pgc_table_new();
        LIST_FOREACH(each, &roster->all, entry) {
            roster_index(roster, each);
        }
    }
}

void
pgc_roster_remove(struct pgc_roster *roster, struct pgc_subscription *subscription)
{
    size_t length;
    const char *text = pgc_ident_text(subscription->ident, &length);

    assert(roster->count > 0);
    LIST_REMOVE(subscription, entry);
    roster->count--;
    if (roster->by_identifier != NULL) {
        pgc_table_remove(roster->by_identifier, text, length);
    }
    if (roster->count == 0) {
        pgc_table_free(roster->by_identifier, NULL);
        roster->by_identifier = NULL;
    }
}

struct pgc_subscription *
pgc_roster_find(const struct pgc_roster *roster, const char *text, size_t length)
{
    struct pgc_subscription *subscription;

    if (roster->by_identifier != NULL) {
        return pgc_table_get(roster->by_identifier, text, length);
    }
    LIST_FOREACH(subscription, &roster->all, entry) {
        if (pgc_ident_is(subscription->ident, text, length)) {
            return subscription;
        }
    }
    return NULL;
}
