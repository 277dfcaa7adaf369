/* SPDX-License-Identifier: PostgreSQL */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "pgcable/mem.h"
#include "pgcable/table.h"

#include "ws_places.h"

struct place_count {
    unsigned places;
    unsigned handshakes;
};

struct pgc_places {
    struct pgc_places_conf conf;
    pthread_mutex_t lock;
    struct place_count all;
    struct pgc_table *addresses; /* network -> struct place_count */
    struct pgc_table *members;   /* id -> the same */
};

struct pgc_places *
pgc_places_new(const struct pgc_places_conf *conf)
{
    struct pgc_places *places = pgc_xcalloc(1, sizeof(*places));

    places->conf = *conf;
    pthread_mutex_init(&places->lock, NULL);
    places->addresses = pgc_table_new();
    places->members = pgc_table_new();
    return places;
}

void
pgc_places_free(struct pgc_places *places)
{
    if (places == NULL) {
        return;
    }
    assert(places->all.places == 0 && places->all.handshakes == 0);
    assert(pgc_table_count(places->addresses) == 0 && pgc_table_count(places->members) == 0);
    pgc_table_free(places->addresses, NULL);
    pgc_table_free(places->members, NULL);
    pthread_mutex_destroy(&places->lock);
    free(places);
}

/* A share of nothing is still one: or nobody could come in. */
static unsigned
places_of_handshakes(const struct pgc_places *places, unsigned limit)
{
    uint64_t share = (uint64_t)limit * places->conf.handshakes_percent / 100;

    return share > 0 ? (unsigned)share : 1;
}

/* The count of that key, which begins now if there is none. */
static struct place_count *
places_count(struct pgc_table *table, const char *key, size_t length)
{
    struct place_count *count = pgc_table_get(table, key, length);

    if (count == NULL) {
        count = pgc_xcalloc(1, sizeof(*count));
        (void)pgc_table_put(table, key, length, count);
    }
    return count;
}

static void
places_give_back(struct pgc_table *table, const char *key, size_t length)
{
    struct place_count *count = pgc_table_get(table, key, length);

    if (--count->places == 0) {
        assert(count->handshakes == 0);
        free(pgc_table_remove(table, key, length));
    }
}

enum ws_entry
ws_places_enter(struct pgc_places *places, struct ws_ticket *ticket)
{
    enum ws_entry entry = WS_ENTRY_OK;

    pthread_mutex_lock(&places->lock);
    if (places->all.places >= places->conf.total) {
        entry = WS_ENTRY_FULL;
    } else if (places->all.handshakes >= places_of_handshakes(places, places->conf.total)) {
        entry = WS_ENTRY_HANDSHAKES;
    } else {
        places->all.places++;
        places->all.handshakes++;
        ticket->is_in = true;
        ticket->is_handshake = true;
    }
    pthread_mutex_unlock(&places->lock);
    return entry;
}

static const char *
places_network(const struct ws_ticket *ticket, size_t *length)
{
    *length = ws_peer_network_bytes(&ticket->peer);
    return (const char *)ticket->peer.address;
}

/* With the lock held. */
static enum ws_entry
places_take_of_address(struct pgc_places *places, struct ws_ticket *ticket)
{
    const unsigned limit = places->conf.per_address;
    size_t length;
    const char *network = places_network(ticket, &length);
    struct place_count *count = pgc_table_get(places->addresses, network, length);

    if (count != NULL && count->places >= limit) {
        return WS_ENTRY_ADDRESS;
    }
    if (count != NULL && ticket->is_handshake &&
        count->handshakes >= places_of_handshakes(places, limit)) {
        return WS_ENTRY_ADDRESS_HANDSHAKES;
    }
    count = places_count(places->addresses, network, length);
    count->places++;
    count->handshakes += ticket->is_handshake ? 1 : 0;
    ticket->has_address = true;
    return WS_ENTRY_OK;
}

enum ws_entry
ws_places_come_from(struct pgc_places *places, struct ws_ticket *ticket, const struct ws_peer *peer)
{
    enum ws_entry entry = WS_ENTRY_OK;

    assert(ticket->is_in && !ticket->has_address);
    if (places->conf.per_address == 0) {
        return entry;
    }
    pthread_mutex_lock(&places->lock);
    ticket->peer = *peer;
    entry = places_take_of_address(places, ticket);
    pthread_mutex_unlock(&places->lock);
    return entry;
}

bool
ws_places_belong_to(struct pgc_places *places, struct ws_ticket *ticket, const char *member)
{
    struct place_count *count;
    bool ok;

    assert(ticket->is_in);
    if (places->conf.per_member == 0 || ticket->member != NULL) {
        return true;
    }
    pthread_mutex_lock(&places->lock);
    count = pgc_table_get(places->members, member, strlen(member));
    ok = count == NULL || count->places < places->conf.per_member;
    if (ok) {
        places_count(places->members, member, strlen(member))->places++;
        ticket->member = pgc_xstrdup(member);
    }
    pthread_mutex_unlock(&places->lock);
    return ok;
}

/* With the lock held. */
static void
places_end_handshake(struct pgc_places *places, struct ws_ticket *ticket)
{
    if (!ticket->is_handshake) {
        return;
    }
    ticket->is_handshake = false;
    places->all.handshakes--;
    if (ticket->has_address) {
        size_t length;
        const char *network = places_network(ticket, &length);
        struct place_count *count = pgc_table_get(places->addresses, network, length);

        count->handshakes--;
    }
}

void
ws_places_end_handshake(struct pgc_places *places, struct ws_ticket *ticket)
{
    pthread_mutex_lock(&places->lock);
    places_end_handshake(places, ticket);
    pthread_mutex_unlock(&places->lock);
}

void
ws_places_leave(struct pgc_places *places, struct ws_ticket *ticket)
{
    if (!ticket->is_in) {
        return;
    }
    pthread_mutex_lock(&places->lock);
    places_end_handshake(places, ticket);
    places->all.places--;
    if (ticket->has_address) {
        size_t length;
        const char *network = places_network(ticket, &length);

        places_give_back(places->addresses, network, length);
    }
    if (ticket->member != NULL) {
        places_give_back(places->members, ticket->member, strlen(ticket->member));
    }
    pthread_mutex_unlock(&places->lock);
    free(ticket->member);
    *ticket = (struct ws_ticket){0};
}
