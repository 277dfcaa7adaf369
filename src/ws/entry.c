/* SPDX-License-Identifier: PostgreSQL */
/* entry.c - why somebody cannot come in, and how that is said. */
#include <sys/socket.h>

#include <unistd.h>

#include "pgcable/clock.h"

#include "ws_internal.h"

static const struct {
    const char *label; /* of the metric */
    const char *status;
    const char *text;
    bool is_passing; /* worth another try */
} entry_rules[WS_ENTRIES] = {
    [WS_ENTRY_FULL] = {"reason=\"capacity\"", "503 Service Unavailable", "Too many connections",
        true},
    [WS_ENTRY_HANDSHAKES] = {"reason=\"handshakes\"", "503 Service Unavailable",
        "Too many handshakes", true},
    [WS_ENTRY_ADDRESS] = {"reason=\"address\"", "429 Too Many Requests",
        "Too many connections of this address", true},
    [WS_ENTRY_ADDRESS_HANDSHAKES] = {"reason=\"address_handshakes\"", "429 Too Many Requests",
        "Too many handshakes of this address", true},
    [WS_ENTRY_MEMBER] = {"reason=\"member\"", "429 Too Many Requests",
        "Too many connections of this member", true},
    [WS_ENTRY_RATE] = {"reason=\"rate\"", "503 Service Unavailable", "Too many handshakes at once",
        true},
    [WS_ENTRY_NO_PROXY] = {"reason=\"no_proxy\"", "403 Forbidden",
        "Only trusted proxies may connect", false},
    [WS_ENTRY_NO_HEADER] = {"reason=\"no_header\"", "400 Bad Request", "Want a PROXY header",
        false},
    [WS_ENTRY_DESCRIPTORS] = {"reason=\"descriptors\"", "503 Service Unavailable",
        "Too many connections", true},
};

const char *
ws_entry_label(enum ws_entry entry)
{
    return entry_rules[entry].label;
}

const char *
ws_entry_text(enum ws_entry entry)
{
    return entry_rules[entry].text;
}

const char *
ws_entry_answer(enum ws_entry entry, char out[WS_ENTRY_BYTES])
{
    const char *text = entry_rules[entry].text;
    char later[32] = "";
    uint8_t jitter;

    if (entry_rules[entry].is_passing) { /* at a time that is not the same for all */
        pgc_random(&jitter, sizeof(jitter));
        (void)snprintf(later, sizeof(later), "Retry-After: %d\r\n", 2 + jitter % 8);
    }
    (void)snprintf(out, WS_ENTRY_BYTES,
        "HTTP/1.1 %s\r\nContent-Type: text/plain\r\n%sConnection: close\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        entry_rules[entry].status, later, strlen(text), text);
    return out;
}

void
ws_entry_refuse(struct pgc_ws *ws, int fd, enum ws_entry entry)
{
    char request[4096];
    char answer[WS_ENTRY_BYTES];

    pgc_metric_add(ws->stats.no_entry[entry], 1);
    ws_entry_answer(entry, answer);
    /* What has come of the request is read, or the kernel takes the answer back when we close. */
    (void)recv(fd, request, sizeof(request), MSG_DONTWAIT);
    (void)send(fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    (void)close(fd);
}
