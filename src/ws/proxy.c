/* SPDX-License-Identifier: PostgreSQL */
/*
 * proxy.c
 *
 *   PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080\r\n      version 1
 *   PROXY UNKNOWN …\r\n                                  the proxy itself, such as a health check
 *   \r\n\r\n\0\r\nQUIT\n 21 11 000c …                    version 2: command, family, length, rest
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "ws_proxy.h"

enum { PROXY_LINE_BYTES = 107, PROXY_HEAD_BYTES = 16, PROXY_FIELDS = 4 };

/* Version 2: bytes 12 and 13, and how many bytes of addresses follow the head. */
enum {
    PROXY_LOCAL = 0x20,
    PROXY_FOR_CLIENT = 0x21,
    PROXY_UNSPEC = 0x00,
    PROXY_TCP4 = 0x11,
    PROXY_TCP4_BYTES = 12,
    PROXY_TCP6 = 0x21,
    PROXY_TCP6_BYTES = 36,
};

static const char proxy_line[] = "PROXY ";
static const char proxy_signature[] = "\r\n\r\n\0\r\nQUIT\n";

static bool
proxy_begins(const char *bytes, size_t length, const char *start, size_t start_length)
{
    return memcmp(bytes, start, length < start_length ? length : start_length) == 0;
}

/* One address and one port of version 1, both as they are usually written. */
static bool
proxy_read_end(struct ws_peer *peer, int family, const char *address, const char *port)
{
    char text[WS_PEER_TEXT];
    unsigned char unused[sizeof(struct in6_addr)];

    /* inet_pton() for what the line says it is; then as any other address with a port */
    return inet_pton(family, address, unused) == 1 &&
           snprintf(text, sizeof(text), family == AF_INET ? "%s:%s" : "[%s]:%s", address, port) <
               (int)sizeof(text) &&
           ws_peer_parse(peer, text, strlen(text));
}

/* "TCP4 203.0.113.7 192.0.2.1 51234 8080" */
static bool
proxy_read_fields(char *line, struct ws_peer *peer)
{
    char *fields[PROXY_FIELDS];
    int family = strncmp(line, "TCP4 ", 5) == 0 ? AF_INET : AF_INET6;
    struct ws_peer from;
    struct ws_peer to;
    char *next = line + 5;

    if (family == AF_INET6 && strncmp(line, "TCP6 ", 5) != 0) {
        return false;
    }
    for (size_t i = 0; i < PROXY_FIELDS; i++) {
        if (next == NULL) {
            return false;
        }
        fields[i] = strsep(&next, " ");
    }
    if (next != NULL || !proxy_read_end(&from, family, fields[0], fields[2]) ||
        !proxy_read_end(&to, family, fields[1], fields[3])) {
        return false;
    }
    *peer = from;
    return true;
}

static enum ws_proxy
proxy_read_line(const char *bytes, size_t length, size_t *used, struct ws_peer *peer)
{
    size_t seen = length < PROXY_LINE_BYTES ? length : PROXY_LINE_BYTES;
    const char *end = memchr(bytes, '\n', seen);
    char line[PROXY_LINE_BYTES];
    size_t rest;

    if (end == NULL) {
        return seen < PROXY_LINE_BYTES ? WS_PROXY_MORE : WS_PROXY_BAD;
    }
    *used = (size_t)(end + 1 - bytes);
    if (*used < sizeof(proxy_line) + 1 || end[-1] != '\r' || memchr(bytes, '\0', *used) != NULL) {
        return WS_PROXY_BAD;
    }
    rest = *used - (sizeof(proxy_line) - 1) - 2;
    memcpy(line, bytes + sizeof(proxy_line) - 1, rest);
    line[rest] = '\0';
    if (strcmp(line, "UNKNOWN") == 0 || strncmp(line, "UNKNOWN ", 8) == 0) {
        return WS_PROXY_DONE;
    }
    return proxy_read_fields(line, peer) ? WS_PROXY_DONE : WS_PROXY_BAD;
}

static void
proxy_take_v4(const unsigned char *from, struct ws_peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET};

    memcpy(&address.sin_addr, from, 4);
    memcpy(&address.sin_port, from + 8, 2);
    (void)ws_peer_from_socket(peer, (const struct sockaddr *)&address);
}

static void
proxy_take_v6(const unsigned char *from, struct ws_peer *peer)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};

    memcpy(&address.sin6_addr, from, 16);
    memcpy(&address.sin6_port, from + 32, 2);
    (void)ws_peer_from_socket(peer, (const struct sockaddr *)&address);
}

static enum ws_proxy
proxy_read_binary(const char *bytes, size_t length, size_t *used, struct ws_peer *peer)
{
    const unsigned char *head = (const unsigned char *)bytes;
    size_t rest;

    if (length < PROXY_HEAD_BYTES) {
        return WS_PROXY_MORE;
    }
    rest = (size_t)head[14] << 8 | head[15];
    if (rest > WS_PROXY_BYTES - PROXY_HEAD_BYTES) {
        return WS_PROXY_BAD;
    }
    if (length < PROXY_HEAD_BYTES + rest) {
        return WS_PROXY_MORE;
    }
    *used = PROXY_HEAD_BYTES + rest;
    if (head[12] == PROXY_LOCAL || (head[12] == PROXY_FOR_CLIENT && head[13] == PROXY_UNSPEC)) {
        return WS_PROXY_DONE;
    }
    if (head[12] == PROXY_FOR_CLIENT && head[13] == PROXY_TCP4 && rest >= PROXY_TCP4_BYTES) {
        proxy_take_v4(head + PROXY_HEAD_BYTES, peer);
        return WS_PROXY_DONE;
    }
    if (head[12] == PROXY_FOR_CLIENT && head[13] == PROXY_TCP6 && rest >= PROXY_TCP6_BYTES) {
        proxy_take_v6(head + PROXY_HEAD_BYTES, peer);
        return WS_PROXY_DONE;
    }
    return WS_PROXY_BAD;
}

enum ws_proxy
ws_proxy_read(const char *bytes, size_t length, size_t *used, struct ws_peer *peer)
{
    const size_t signature_bytes = sizeof(proxy_signature) - 1;

    if (proxy_begins(bytes, length, proxy_signature, signature_bytes)) {
        return proxy_read_binary(bytes, length, used, peer);
    }
    if (proxy_begins(bytes, length, proxy_line, sizeof(proxy_line) - 1)) {
        return length < sizeof(proxy_line) - 1 ? WS_PROXY_MORE
                                               : proxy_read_line(bytes, length, used, peer);
    }
    return WS_PROXY_BAD;
}
