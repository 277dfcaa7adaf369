/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_connection.c - bytes from a stranger at the clients' port: a whole worker on a loop, and one
 * client after the other that connects by TCP.
 *
 * The first byte of the input says how the rest is sent (where ways_in has a gap), the second one
 * in how large pieces.  The client then sends its end, and reads: the worker hangs up, and what it
 * has said until then is an HTTP answer and frames that a server may send.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/ws.h"

#define SECRET "a secret that is long enough for HS256"

#define HEAD   " HTTP/1.1\r\nHost: localhost\r\n"
#define TOKEN  "Authorization: Bearer %s\r\n"
#define UPGRADE                                                                                    \
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

enum { YEAR_S = 31536000, RECEIVE_BYTES = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes before and behind the input; %s is a good token. */
static const struct way_in {
    const char *before;
    const char *after; /* NULL: nothing */
    bool by_proxy;     /* at the port where a PROXY header comes first */
} ways_in[] = {
    {.before = ""},
    {.before = "GET /cable" HEAD UPGRADE TOKEN "\r\n"}, /* frames */
    {.before = "GET /cable" HEAD UPGRADE TOKEN
               "Sec-WebSocket-Protocol: actioncable-v1-ext-json\r\n\r\n"},
    {.before = "GET /events?", .after = HEAD TOKEN "\r\n"},
    {.before = "GET /events?channel=NotificationChannel" HEAD TOKEN "Last-Event-ID: ",
        .after = "\r\n\r\n"},
    {.before = "GET /cable" HEAD UPGRADE TOKEN "Origin: ", .after = "\r\n\r\n"},
    {.before = "GET /cable" HEAD UPGRADE "Sec-WebSocket-Protocol: ", .after = "\r\n\r\n"},
    {.before = "GET /cable" HEAD UPGRADE "Authorization: ", .after = "\r\n\r\n"},
    {.before = "GET /cable?", .after = HEAD UPGRADE "\r\n"},
    {.before = "GET /cable" HEAD UPGRADE TOKEN, .after = "\r\n\r\n"}, /* header lines */
    {.before = "GET /cable" HEAD UPGRADE TOKEN "X-Forwarded-For: ", .after = "\r\n\r\n"},
    {.before = "", .by_proxy = true},
    {.before = "", .after = "GET /cable" HEAD UPGRADE TOKEN "\r\n", .by_proxy = true},
};

struct port_of_call {
    struct pgc_loop *loop;
    struct pgc_ws *ws;
    struct pgc_ws *behind_proxy;
    char *token;
    _Atomic uint64_t next_conn;
};

struct client {
    struct pgc_loop *loop;
    struct pgc_watch *watch;
    int fd;
    struct pgc_buf out;
    size_t sent;
    size_t piece; /* bytes of one write; 0 = all */
    struct pgc_buf in;
};

static void
answer(struct pgc_port *port, struct pgc_ask *ask, void *arg)
{
    bool may = ask->kind != PGC_STREAM_ROOM;

    (void)arg;
    pgc_port_take_down_answer(port, pgc_answer_new(ask->ticket, may ? "s" : NULL));
    pgc_ask_free(ask);
}

static struct pgc_ws *
open_ws(struct port_of_call *here, bool by_proxy, struct pgc_cable *cable,
    const struct pgc_auth *auth, struct pgc_metrics *metrics)
{
    const struct pgc_places_conf places = {.total = 1000, .handshakes_percent = 100};
    const struct pgc_ws_conf conf = {
        .address = "127.0.0.1",
        .path = "/cable",
        .events_path = "/events",
        .origins = "https://app.example.test",
        .query_token = true,
        .trusted_proxies = "127.0.0.1, 2001:db8::/32",
        .proxy_protocol = by_proxy,
        .places = pgc_places_new(&places),
        .max_header_bytes = 4096,
        .max_token_bytes = 4096,
        .max_message_bytes = 4096,
        .queue_bytes = 65536,
        .queue_messages = 64,
        .queue_age_ms = 600000,
        .queue_total_bytes = 1 << 20,
        .queue_share_bytes = 65536,
        .max_fragments = 8,
        .max_control_frames = 8,
        .handshake_ms = 600000,
        .message_ms = 600000,
        .closing_ms = 600000,
        .version = "fuzz",
        .next_conn = &here->next_conn,
    };

    return pgc_ws_new(here->loop, &conf, cable, auth, metrics, NULL);
}

/* Everything between the socket and the feed, which is played by answer(). */
static struct port_of_call *
open_port(void)
{
    struct port_of_call *here = pgc_xcalloc(1, sizeof(*here));
    struct pgc_metrics *metrics = pgc_metrics_new();
    const struct pgc_auth_conf auth_conf = {.hs256_secret = SECRET, .member_claim = "member"};
    const struct pgc_cable_conf cable_conf = {
        .max_identifier_bytes = 512,
        .max_message_bytes = 4096,
        .max_subscriptions = 4,
        .commands_burst = 8,
        .commands_per_s = 1,
    };
    const struct pgc_hub_conf hub_conf = {
        .history_s = 300,
        .history_bytes = 65536,
        .history_messages = 100,
        .replay_messages = 100,
        .metrics = metrics,
    };
    struct pgc_auth *auth = pgc_auth_new(&auth_conf, NULL);
    struct pgc_port *port = pgc_port_new();
    struct pgc_cable *cable;

    pgc_log_setup(PGC_LOG_ERROR, PGC_LOG_TEXT);
    here->loop = pgc_loop_new();
    here->token = pgc_auth_mint(SECRET, "member", "42", pgc_wall_s(), YEAR_S, NULL);
    pgc_port_open_feed(port, here->loop, answer, NULL);
    cable =
        pgc_cable_new(here->loop, pgc_hub_new(here->loop, &hub_conf), port, &cable_conf, metrics);
    assert(auth != NULL && here->token != NULL);
    here->ws = open_ws(here, false, cable, auth, metrics);
    here->behind_proxy = open_ws(here, true, cable, auth, metrics);
    assert(here->ws != NULL && here->behind_proxy != NULL);
    return here;
}

static void
client_connect(struct client *client, int port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const struct linger none = {.l_onoff = 1}; /* or the ports run out */

    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert(client->fd >= 0);
    assert(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)) == 0);
    assert(connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
}

/* One piece a turn, and its end behind the last. */
static void
client_send(struct client *client)
{
    size_t rest = client->out.length - client->sent;
    size_t length = client->piece > 0 && client->piece < rest ? client->piece : rest;
    ssize_t sent =
        send(client->fd, client->out.data + client->sent, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent >= 0) {
        client->sent += (size_t)sent;
    } else if (errno != EAGAIN) {
        client->sent = client->out.length; /* the worker has hung up already */
    }
    if (client->sent == client->out.length) {
        (void)shutdown(client->fd, SHUT_WR);
        pgc_watch_want(client->watch, PGC_READABLE);
    }
}

static void
client_is_ready(int ready, void *arg)
{
    struct client *client = arg;
    static char bytes[RECEIVE_BYTES];

    if ((ready & PGC_READABLE) != 0) {
        ssize_t got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (got > 0) {
            pgc_buf_add(&client->in, bytes, (size_t)got);
        } else if (got == 0 || errno != EAGAIN) {
            pgc_loop_stop(client->loop);
            return;
        }
    }
    if ((ready & PGC_WRITABLE) != 0) {
        client_send(client);
    }
}

static void
client_talk(struct client *client, struct pgc_loop *loop, const struct pgc_ws *ws)
{
    client->loop = loop;
    client_connect(client, pgc_ws_port(ws));
    client->watch = pgc_watch_new(client->loop, client->fd, client_is_ready, client);
    pgc_watch_want(client->watch, PGC_READABLE | PGC_WRITABLE);
    pgc_loop_run(client->loop);
    pgc_watch_free(client->watch);
    (void)close(client->fd);
}

/* A whole frame at the start of `bytes`, whole and as a server sends it; 0 = it is cut off. */
static size_t
frame_length(const unsigned char *bytes, size_t length)
{
    size_t header = 2;
    size_t payload;

    if (length < header) {
        return 0;
    }
    assert(bytes[0] == 0x81 || bytes[0] == 0x88 || bytes[0] == 0x89 || bytes[0] == 0x8a);
    payload = bytes[1];
    assert(payload < 127); /* no mask, and nothing here is longer than 64 kB */
    if (payload == 126) {
        header = 4;
        payload = length < header ? 0 : (size_t)bytes[2] << 8 | bytes[3];
        assert(length < header || (payload >= 126 && bytes[0] == 0x81));
    }
    return length < header + payload ? 0 : header + payload;
}

static void
check_answer(const struct client *client)
{
    static const char switched[] = "HTTP/1.1 101 ";
    static const char http[] = "HTTP/1.";
    const char *text = client->in.data;
    const char *body = NULL;
    size_t rest;
    size_t frame;

    if (client->in.length < sizeof(switched)) {
        return;
    }
    assert(memcmp(text, http, sizeof(http) - 1) == 0);
    body = memmem(text, client->in.length, "\r\n\r\n", 4);
    if (body == NULL || memcmp(text, switched, sizeof(switched) - 1) != 0) {
        return;
    }
    body += 4;
    rest = client->in.length - (size_t)(body - text);
    while ((frame = frame_length((const unsigned char *)body, rest)) > 0) {
        body += frame;
        rest -= frame;
    }
}

static void
add_with_token(struct pgc_buf *out, const char *text, const char *token)
{
    const char *gap = text != NULL ? strstr(text, "%s") : NULL;

    if (gap == NULL) {
        pgc_buf_adds(out, text != NULL ? text : "");
        return;
    }
    pgc_buf_add(out, text, (size_t)(gap - text));
    pgc_buf_adds(out, token);
    pgc_buf_adds(out, gap + 2);
}

static void
visit(const struct port_of_call *here, const struct way_in *way, struct client *client,
    const uint8_t *data, size_t size)
{
    add_with_token(&client->out, way->before, here->token);
    pgc_buf_add(&client->out, data, size);
    add_with_token(&client->out, way->after, here->token);
    client_talk(client, here->loop, way->by_proxy ? here->behind_proxy : here->ws);
    check_answer(client);
}

static void
leave(struct client *client)
{
    pgc_buf_fini(&client->out);
    pgc_buf_fini(&client->in);
}

/* Or nothing behind the handshake would be tried. */
static void
check_that_one_gets_in(const struct port_of_call *here)
{
    static const char welcome[] = "{\"type\":\"welcome\"}";
    struct client client = {.fd = -1};

    visit(here, &ways_in[1], &client, NULL, 0);
    assert(memmem(client.in.data, client.in.length, welcome, sizeof(welcome) - 1) != NULL);
    leave(&client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct port_of_call *here;
    struct client client = {.fd = -1};
    size_t way;

    if (size < 2) {
        return 0;
    }
    if (here == NULL) {
        here = open_port();
        check_that_one_gets_in(here);
    }
    way = (uint8_t)(data[0] - '0') % (sizeof(ways_in) / sizeof(*ways_in));
    client.piece = (uint8_t)(data[1] - '0') % 16;
    if (client.piece > 0 && size > 256) {
        client.piece *= 64; /* or it takes too many turns */
    }
    visit(here, &ways_in[way], &client, data + 2, size - 2);
    leave(&client);
    return 0;
}
