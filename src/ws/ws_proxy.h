/* SPDX-License-Identifier: PostgreSQL */
/*
 * ws_proxy.h - the PROXY protocol (haproxy.org/download/2.9/doc/proxy-protocol.txt), versions 1
 * and 2: what a proxy says before the client's first byte.
 *
 * Pure: bytes in, an address out.  Strict: what is not exactly a header is none, for whoever can
 * connect without one could claim any address.
 */
#ifndef PGCABLE_WS_PROXY_H
#define PGCABLE_WS_PROXY_H

#include <stddef.h>

#include "ws_peer.h"

/* Longer ones are refused.  Version 1 has at most 107 bytes; 2 has 16, up to 36 of addresses, and
 * whatever else the proxy wants to tell, which is skipped. */
enum { WS_PROXY_BYTES = 2048 };

enum ws_proxy { WS_PROXY_MORE, WS_PROXY_DONE, WS_PROXY_BAD };

/*
 * Read a header at the start of `bytes`.  MORE: all bytes belong to it, and more are to come;
 * `*used` and `peer` stay as they were.
 * DONE: it has `*used` bytes; `peer` is the client, or as it was if the proxy speaks for itself.
 */
enum ws_proxy ws_proxy_read(const char *bytes, size_t length, size_t *used, struct ws_peer *peer);

#endif
