/* SPDX-License-Identifier: PostgreSQL */
/* A PROXY header is what it is however it is cut, and is never longer than what was read; the same
 * bytes as X-Forwarded-For and as a list of networks are survived. */
#include <stdlib.h>
#include <string.h>

#include "pgcable/mem.h"

#include "../../src/ws/ws_proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_header(const char *bytes, size_t size)
{
    struct ws_peer peer = {.port = 1};
    struct ws_peer again = peer;
    size_t used = 0;
    size_t used_again = 0;
    enum ws_proxy found = ws_proxy_read(bytes, size, &used, &peer);

    if (found == WS_PROXY_DONE &&
        (used > size || used > WS_PROXY_BYTES ||
            ws_proxy_read(bytes, used - 1, &used_again, &again) != WS_PROXY_MORE ||
            ws_proxy_read(bytes, used, &used_again, &again) != WS_PROXY_DONE ||
            memcmp(&peer, &again, sizeof(peer)) != 0)) {
        abort();
    }
    if (found == WS_PROXY_MORE && (size >= WS_PROXY_BYTES || used != 0)) {
        abort();
    }
}

static void
try_address(const char *text, size_t length)
{
    struct ws_peer peer = {.port = 0};
    struct ws_peer again;
    char written[WS_PEER_TEXT];

    if (ws_peer_parse(&peer, text, length) &&
        (!ws_peer_parse(&again, ws_peer_write(&peer, written), strlen(written)) ||
            memcmp(&peer, &again, sizeof(peer)) != 0)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = pgc_xstrndup((const char *)data, size);
    struct ws_networks *all = ws_networks_new("::/0", NULL);
    struct ws_networks *networks = ws_networks_new(text, NULL);
    struct ws_peer peer = {.port = 1};

    try_header((const char *)data, size);
    try_address(text, strlen(text));
    ws_peer_forwarded(&peer, all, text);
    ws_networks_free(networks);
    ws_networks_free(all);
    free(text);
    return 0;
}
