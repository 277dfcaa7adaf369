/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_peer.h - whose address is it: the socket's, or the one that a proxy of ours vouches for?
 *
 * Pure: bytes and texts in, addresses out.  Knows no connection.
 */
#ifndef PGCABLE_WS_PEER_H
#define PGCABLE_WS_PEER_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pgcable/err.h"

/* IPv4 as ::ffff:a.b.c.d, so that 203.0.113.7 is one client on every listener. */
struct ws_peer {
    uint8_t address[16];
    uint16_t port; /* 0 = not known */
};

enum { WS_PEER_TEXT = 64 };

/* False for what is no address of the internet. */
bool ws_peer_from_socket(struct ws_peer *peer, const struct sockaddr *address);

/* "203.0.113.7", "203.0.113.7:51234", "2001:db8::7", "[2001:db8::7]:51234", and nothing else. */
bool ws_peer_parse(struct ws_peer *peer, const char *text, size_t length);

/* As it is parsed, in `out`; without the port if that is not known. */
const char *ws_peer_write(const struct ws_peer *peer, char out[WS_PEER_TEXT]);

/* How many bytes of the address its owner cannot choose: all of IPv4's, a /64 of IPv6. */
size_t ws_peer_network_bytes(const struct ws_peer *peer);

/* A list of addresses and networks: "127.0.0.1, 10.0.0.0/8, ::1, 2001:db8::/32". */
struct ws_networks;
struct ws_networks *ws_networks_new(const char *list, struct pgc_err *err) PGC_MUSTCHECK;
void ws_networks_free(struct ws_networks *networks);
bool ws_networks_is_empty(const struct ws_networks *networks);
bool ws_networks_has(const struct ws_networks *networks, const struct ws_peer *peer);

/*
 * Each proxy adds whom it heard from at the end of X-Forwarded-For: as long as `peer` is trusted,
 * the last address in `header` (NULL = there is none) that has not been looked at takes its place.
 * What stands before an address that is not trusted, or is none, is anybody's invention.
 */
void ws_peer_forwarded(struct ws_peer *peer, const struct ws_networks *trusted, const char *header);

#endif
