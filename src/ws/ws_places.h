/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_places.h - who may come in: counts that all workers share.
 *
 * Taken and given back when connections begin and end, under a lock; nothing that is sent or
 * received passes here.  As large as the connections there are: no count stays behind.
 */
#ifndef PGCABLE_WS_PLACES_H
#define PGCABLE_WS_PLACES_H

#include <stdbool.h>

#include "pgcable/ws.h"

#include "ws_peer.h"

/* May it come in? */
enum ws_entry {
    WS_ENTRY_OK,
    WS_ENTRY_FULL,
    WS_ENTRY_HANDSHAKES,
    WS_ENTRY_ADDRESS,
    WS_ENTRY_ADDRESS_HANDSHAKES,
    /* for what others look at */
    WS_ENTRY_MEMBER,
    WS_ENTRY_RATE,
    WS_ENTRY_NO_PROXY,
    WS_ENTRY_NO_HEADER,
    WS_ENTRY_DESCRIPTORS,
};
enum { WS_ENTRIES = WS_ENTRY_DESCRIPTORS + 1 };

/* What one connection has; zeroed = nothing. */
struct ws_ticket {
    bool is_in;        /* it counts at all */
    bool is_handshake; /* and among the handshakes */
    bool has_address;  /* and for that address */
    struct ws_peer peer;
    char *member; /* and for that member; or NULL */
};

/* A connection begins, with its handshake. */
enum ws_entry ws_places_enter(struct pgc_places *places, struct ws_ticket *ticket);

/* Whose it is becomes known: now, or later than it began if a proxy tells. */
enum ws_entry ws_places_come_from(
    struct pgc_places *places, struct ws_ticket *ticket, const struct ws_peer *peer);

/* Its token says who that is; false if the member has as many as are allowed. */
bool ws_places_belong_to(struct pgc_places *places, struct ws_ticket *ticket, const char *member);

void ws_places_end_handshake(struct pgc_places *places, struct ws_ticket *ticket);
void ws_places_leave(struct pgc_places *places, struct ws_ticket *ticket); /* harmless to repeat */

#endif
