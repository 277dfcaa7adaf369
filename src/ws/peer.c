/* SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/mem.h"

#include "ws_peer.h"

enum { PEER_BITS = 128, PEER_V4_AT = 12, PEER_V4_BITS = 96, PEER_V6_NETWORK_BYTES = 8 };

struct ws_network {
    struct ws_peer base;
    unsigned bits;
};

struct ws_networks {
    size_t count;
    struct ws_network *items;
};

static const uint8_t peer_v4_prefix[PEER_V4_AT] = {[10] = 0xff, [11] = 0xff};

static void
peer_set_v4(struct ws_peer *peer, const void *address)
{
    memcpy(peer->address, peer_v4_prefix, PEER_V4_AT);
    memcpy(peer->address + PEER_V4_AT, address, sizeof(struct in_addr));
}

static bool
peer_is_v4(const struct ws_peer *peer)
{
    return memcmp(peer->address, peer_v4_prefix, PEER_V4_AT) == 0;
}

bool
ws_peer_from_socket(struct ws_peer *peer, const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const void *)address;
    const struct sockaddr_in6 *v6 = (const void *)address;

    switch (address->sa_family) {
    case AF_INET:
        peer_set_v4(peer, &v4->sin_addr);
        peer->port = ntohs(v4->sin_port);
        return true;
    case AF_INET6:
        memcpy(peer->address, &v6->sin6_addr, sizeof(peer->address));
        peer->port = ntohs(v6->sin6_port);
        return true;
    default:
        return false;
    }
}

/* An address alone. */
static bool
peer_parse_address(struct ws_peer *peer, const char *text, size_t length)
{
    char terminated[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (length >= sizeof(terminated)) {
        return false;
    }
    memcpy(terminated, text, length);
    terminated[length] = '\0';
    if (inet_pton(AF_INET, terminated, &v4) == 1) {
        peer_set_v4(peer, &v4);
        return true;
    }
    return inet_pton(AF_INET6, terminated, peer->address) == 1;
}

/* Decimal, without leading zeros; false if it is over `most`. */
static bool
peer_parse_number(const char *text, size_t length, unsigned most, unsigned *number)
{
    *number = 0;
    if (length == 0 || length > 5 || (length > 1 && text[0] == '0')) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        *number = *number * 10 + (unsigned)(text[i] - '0');
    }
    return *number <= most;
}

/* Where the port's ":" is, or NULL: in an IPv6 address without brackets there are others. */
static const char *
peer_find_port(const char *text, size_t length)
{
    const char *first = memchr(text, ':', length);

    if (text[0] == '[') {
        const char *close = memchr(text, ']', length);

        return close != NULL && close + 1 < text + length && close[1] == ':' ? close + 1 : NULL;
    }
    return first != NULL && memchr(first + 1, ':', length - (size_t)(first + 1 - text)) == NULL
               ? first
               : NULL;
}

bool
ws_peer_parse(struct ws_peer *peer, const char *text, size_t length)
{
    const char *colon = length > 0 ? peer_find_port(text, length) : NULL;
    unsigned port = 0;

    if (colon != NULL) {
        size_t before = (size_t)(colon - text);

        if (!peer_parse_number(colon + 1, length - before - 1, UINT16_MAX, &port)) {
            return false;
        }
        length = before;
    }
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
        if (memchr(text, ':', length) == NULL) { /* brackets are for IPv6 */
            return false;
        }
    }
    peer->port = (uint16_t)port;
    return peer_parse_address(peer, text, length);
}

const char *
ws_peer_write(const struct ws_peer *peer, char out[WS_PEER_TEXT])
{
    bool v4 = peer_is_v4(peer);
    char host[INET6_ADDRSTRLEN];

    (void)inet_ntop(
        v4 ? AF_INET : AF_INET6, peer->address + (v4 ? PEER_V4_AT : 0), host, sizeof(host));
    if (peer->port == 0) {
        (void)snprintf(out, WS_PEER_TEXT, "%s", host);
    } else {
        (void)snprintf(out, WS_PEER_TEXT, v4 ? "%s:%u" : "[%s]:%u", host, peer->port);
    }
    return out;
}

size_t
ws_peer_network_bytes(const struct ws_peer *peer)
{
    return peer_is_v4(peer) ? sizeof(peer->address) : PEER_V6_NETWORK_BYTES;
}

static bool
network_has(const struct ws_network *network, const struct ws_peer *peer)
{
    size_t bytes = network->bits / 8;
    unsigned rest = network->bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);

    return memcmp(network->base.address, peer->address, bytes) == 0 &&
           (rest == 0 || (network->base.address[bytes] & mask) == (peer->address[bytes] & mask));
}

/* "10.0.0.0/8", or an address, which is a network of one. */
static bool
network_parse(struct ws_network *network, const char *text, size_t length)
{
    const char *slash = memchr(text, '/', length);
    size_t before = slash != NULL ? (size_t)(slash - text) : length;
    unsigned all = memchr(text, ':', before) != NULL ? PEER_BITS : PEER_BITS - PEER_V4_BITS;
    unsigned bits = all;

    if (!peer_parse_address(&network->base, text, before) ||
        (slash != NULL && !peer_parse_number(slash + 1, length - before - 1, all, &bits))) {
        return false;
    }
    network->bits = PEER_BITS - all + bits;
    return true;
}

struct ws_networks *
ws_networks_new(const char *list, struct pgc_err *err)
{
    static const char blank[] = ", \t";
    struct ws_networks *networks = pgc_xcalloc(1, sizeof(*networks));

    for (list += strspn(list, blank); *list != '\0'; list += strspn(list, blank)) {
        size_t length = strcspn(list, blank);
        struct ws_network network;

        if (!network_parse(&network, list, length)) {
            (void)pgc_err_set(err, PGC_ERR_CONF,
                "trusted_proxies: \"%.*s\" is no address and no network", (int)length, list);
            (void)pgc_err_hint(err, "such as 127.0.0.1, 10.0.0.0/8, ::1 or 2001:db8::/32");
            ws_networks_free(networks);
            return NULL;
        }
        networks->items =
            pgc_xrealloc(networks->items, (networks->count + 1) * sizeof(*networks->items));
        networks->items[networks->count++] = network;
        list += length;
    }
    return networks;
}

void
ws_networks_free(struct ws_networks *networks)
{
    if (networks != NULL) {
        free(networks->items);
        free(networks);
    }
}

bool
ws_networks_is_empty(const struct ws_networks *networks)
{
    return networks->count == 0;
}

bool
ws_networks_has(const struct ws_networks *networks, const struct ws_peer *peer)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (network_has(&networks->items[i], peer)) {
            return true;
        }
    }
    return false;
}

static bool
peer_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void
ws_peer_forwarded(struct ws_peer *peer, const struct ws_networks *trusted, const char *header)
{
    size_t end = header != NULL ? strlen(header) : 0;

    while (end > 0 && ws_networks_has(trusted, peer)) {
        struct ws_peer before;
        size_t stop = end;
        size_t start = end;

        while (start > 0 && header[start - 1] != ',') {
            start--;
        }
        end = start > 0 ? start - 1 : 0;
        while (start < stop && peer_is_blank(header[start])) {
            start++;
        }
        while (stop > start && peer_is_blank(header[stop - 1])) {
            stop--;
        }
        if (!ws_peer_parse(&before, header + start, stop - start)) {
            return;
        }
        *peer = before;
    }
}
