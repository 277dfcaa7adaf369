/* SPDX-License-Identifier: PostgreSQL */
/*
 * origins.c - which pages may connect.
 *
 *   list entry                 matches                        does not match
 *   https://app.example        https://app.example            https://app.example.evil
 *                              HTTPS://APP.EXAMPLE:443        http://app.example
 *   http://localhost:3000      http://localhost:3000          http://localhost
 *   *                          anything, also "null"
 */
#include <ctype.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "ws_handshake.h"

enum { ORIGIN_BYTES = 320 }; /* scheme, "://", a host name of at most 253 and a port */

struct ws_origins {
    bool any;
    size_t count;
    char **items; /* canonical */
};

static const struct {
    const char *scheme;
    unsigned long port;
} default_ports[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}};

static bool
origin_is_default_port(const char *scheme, size_t length, unsigned long port)
{
    for (size_t i = 0; i < sizeof(default_ports) / sizeof(*default_ports); i++) {
        if (default_ports[i].port == port && strlen(default_ports[i].scheme) == length &&
            memcmp(default_ports[i].scheme, scheme, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Length of the host that `text` begins with (a name, or an IPv6 address in brackets), or 0. */
static size_t
origin_host_length(const char *text)
{
    size_t length = 0;

    if (text[0] == '[') {
        length = 1 + strspn(text + 1, "0123456789abcdef:.");
        return length > 1 && text[length] == ']' ? length + 1 : 0;
    }
    while (isalnum((unsigned char)text[length]) || strchr("-._", text[length]) != NULL) {
        if (text[length] == '\0') {
            break;
        }
        length++;
    }
    return length;
}

/* Reads ":port" up to the end of the text; no port is 0.  False if it is something else. */
static bool
origin_read_port(const char *text, unsigned long *port)
{
    char *end = NULL;

    *port = 0;
    if (*text == '\0') {
        return true;
    }
    if (text[0] != ':' || !isdigit((unsigned char)text[1])) {
        return false;
    }
    *port = strtoul(text + 1, &end, 10);
    return *end == '\0' && *port >= 1 && *port <= 65535;
}

/* Lower case, no default port, nothing behind the port.  False if `text` is no such thing. */
static bool
origin_canonical(const char *text, size_t length, char out[ORIGIN_BYTES])
{
    const char *host = NULL;
    size_t scheme_length;
    size_t host_length;
    unsigned long port;

    if (length >= ORIGIN_BYTES) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        out[i] = (char)tolower((unsigned char)text[i]);
    }
    out[length] = '\0';
    scheme_length = strspn(out, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (scheme_length == 0 || strncmp(out + scheme_length, "://", 3) != 0) {
        return false;
    }
    host = out + scheme_length + 3;
    host_length = origin_host_length(host);
    if (host_length == 0 || !origin_read_port(host + host_length, &port)) {
        return false;
    }
    if (port == 0 || origin_is_default_port(out, scheme_length, port)) {
        out[scheme_length + 3 + host_length] = '\0';
    }
    return true;
}

static bool
origins_add(struct ws_origins *origins, const char *item, size_t length, struct pgc_err *err)
{
    char canonical[ORIGIN_BYTES];

    if (length == 1 && item[0] == '*') {
        origins->any = true;
        return true;
    }
    if (!origin_canonical(item, length, canonical)) {
        (void)pgc_err_set(
            err, PGC_ERR_CONF, "allowed_origins: \"%.*s\" is no origin", (int)length, item);
        return pgc_err_hint(err, "an origin is scheme://host or scheme://host:port, without a path;"
                                 " * allows all");
    }
    origins->items = pgc_xrealloc(origins->items, (origins->count + 1) * sizeof(*origins->items));
    origins->items[origins->count++] = pgc_xstrdup(canonical);
    return true;
}

struct ws_origins *
ws_origins_new(const char *list, struct pgc_err *err)
{
    struct ws_origins *origins = pgc_xcalloc(1, sizeof(*origins));

    for (;;) {
        size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length == 0) {
            return origins;
        }
        if (!origins_add(origins, list, length, err)) {
            ws_origins_free(origins);
            return NULL;
        }
        list += length;
    }
}

void
ws_origins_free(struct ws_origins *origins)
{
    if (origins == NULL) {
        return;
    }
    for (size_t i = 0; i < origins->count; i++) {
        free(origins->items[i]);
    }
    free(origins->items);
    free(origins);
}

bool
ws_origins_has(const struct ws_origins *origins, const char *origin)
{
    char canonical[ORIGIN_BYTES];

    if (origins->any) {
        return true;
    }
    if (!origin_canonical(origin, strlen(origin), canonical)) {
        return false;
    }
    for (size_t i = 0; i < origins->count; i++) {
        if (strcmp(origins->items[i], canonical) == 0) {
            return true;
        }
    }
    return false;
}

bool
ws_origin_is_of_host(const char *origin, const char *host, bool https)
{
    char ours[ORIGIN_BYTES];
    char theirs[ORIGIN_BYTES];
    char *url = pgc_xasprintf("%s://%s", https ? "https" : "http", host);
    bool same = origin_canonical(url, strlen(url), ours) &&
                origin_canonical(origin, strlen(origin), theirs) && strcmp(ours, theirs) == 0;

    free(url);
    return same;
}
