/* SPDX-License-Identifier: PostgreSQL */
/*
 * attacks.c - the kinds of attackers, one line each in the table at the end.
 */
#include <string.h>

#include "pgcable/clock.h"

#include "attack.h"

enum { TEXT = 1, BINARY = 2, PING = 9, PONG = 10, MORE = 0, FIN = 0x80, MASK = 0x80 };

/* ---- pieces ---- */

static void
add_frame(struct pgc_buf *out, int first, const char *payload, size_t length)
{
    const unsigned char head[8] = {
        (unsigned char)first, MASK | 126, (unsigned char)(length >> 8), (unsigned char)length};

    pgc_buf_add(out, head, sizeof(head));
    pgc_buf_add(out, payload, length);
}

static void
add_text(struct pgc_buf *out, const char *text)
{
    add_frame(out, FIN | TEXT, text, strlen(text));
}

static void
add_repeated(struct pgc_buf *out, char c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pgc_buf_addc(out, c);
    }
}

static void
add_request(struct pgc_buf *out, const char *path, const char *headers)
{
    pgc_buf_addf(out,
        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBpcyBub3QgcmFuZA==\r\n%s\r\n",
        path, headers);
}

/* ---- strangers ---- */

static void
fill_nothing(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)out, (void)number, (void)portion;
}

static void
fill_one_byte(struct pgc_buf *out, unsigned number, unsigned portion)
{
    static const char request[] = "GET /cable HTTP/1.1\r\nX-Patience: ";

    (void)number;
    pgc_buf_add(out, request + (portion < sizeof(request) - 1 ? portion : 0), 1);
}

static void
fill_noise(struct pgc_buf *out, unsigned number, unsigned portion)
{
    char noise[512];

    (void)number, (void)portion;
    pgc_random(noise, sizeof(noise));
    pgc_buf_add(out, noise, sizeof(noise));
}

static void
fill_headers(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number;
    if (portion == 0) {
        pgc_buf_adds(out, "GET /cable HTTP/1.1\r\nHost: localhost\r\n");
    }
    pgc_buf_addf(out, "X-%u: ", portion);
    add_repeated(out, 'x', 4000);
    pgc_buf_adds(out, "\r\n");
}

/* {"alg":"HS256"}, {"community_member_id":1,"exp":4102444800} and a signature of nobody. */
static void
fill_forged(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_request(out, "/cable",
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9."
        "eyJjb21tdW5pdHlfbWVtYmVyX2lkIjoxLCJleHAiOjQxMDI0NDQ4MDB9."
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n");
}

/* The same with {"alg":"none"}. */
static void
fill_unsigned(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_request(out, "/cable",
        "Authorization: Bearer eyJhbGciOiJub25lIn0."
        "eyJjb21tdW5pdHlfbWVtYmVyX2lkIjoxLCJleHAiOjQxMDI0NDQ4MDB9.\r\n");
}

static void
fill_foreign_origin(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_request(out, "/cable", "Origin: https://evil.example\r\nX-Evil: \x1b[2J\r\n");
}

static void
fill_two_requests(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    pgc_buf_adds(out, "POST /events HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 5\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /cable HTTP/1.1\r\n\r\n");
}

/* ---- members ---- */

static void
fill_pings(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    for (int i = 0; i < 64; i++) {
        add_frame(out, FIN | (i % 2 == 0 ? PING : PONG), "flood", 5);
    }
}

static void
fill_commands(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_text(out,
        "{\"command\":\"message\",\"identifier\":\"{\\\"channel\\\":\\\"NotificationChannel"
        "\\\"}\",\"data\":\"{}\"}");
}

static void
fill_subscriptions(struct pgc_buf *out, unsigned number, unsigned portion)
{
    struct pgc_buf text = {0};

    pgc_buf_addf(&text,
        "{\"command\":\"subscribe\",\"identifier\":\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\","
        "\\\"chat_room_id\\\":%u}\"}",
        number * 100000 + portion);
    add_text(out, pgc_buf_str(&text));
    pgc_buf_fini(&text);
}

static void
fill_nested(struct pgc_buf *out, unsigned number, unsigned portion)
{
    struct pgc_buf text = {0};

    (void)number;
    add_repeated(&text, portion % 2 == 0 ? '[' : '{', 16000);
    add_frame(out, FIN | TEXT, text.data, text.length);
    pgc_buf_fini(&text);
}

static void
fill_fragments(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number;
    add_frame(out, portion == 0 ? TEXT : MORE, "{", portion % 2);
}

/* Announces 2^40 bytes, and sends some of them. */
static void
fill_lie(struct pgc_buf *out, unsigned number, unsigned portion)
{
    static const unsigned char head[14] = {FIN | TEXT, MASK | 127, 0, 0, 1};

    (void)number;
    if (portion == 0) {
        pgc_buf_add(out, head, sizeof(head));
    }
    add_repeated(out, '{', 1000);
}

static void
fill_invalid_text(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_text(out, "{\"command\":\"\xed\xa0\x80\xc0\xaf\xff\"}");
}

static void
fill_unmasked(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    pgc_buf_adds(out, "\x81\x02{}");
}

static void
fill_compressed(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    add_frame(out, FIN | 0x40 | TEXT, "\xaa\x56\x4a\xce\xcf", 5);
}

/* Wants everything that is kept, again and again. */
static void
fill_history(struct pgc_buf *out, unsigned number, unsigned portion)
{
    struct pgc_buf text = {0};

    pgc_buf_addf(&text,
        "{\"command\":\"%s\",\"identifier\":\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\","
        "\\\"chat_room_id\\\":%u}\",\"history\":{\"since\":%lld}}",
        portion == 0 ? "subscribe" : "history", 1 + number, (long long)pgc_wall_s() - 60);
    add_text(out, pgc_buf_str(&text));
    pgc_buf_fini(&text);
}

/* Half a frame, and gone. */
static void
fill_half(struct pgc_buf *out, unsigned number, unsigned portion)
{
    (void)number, (void)portion;
    pgc_buf_adds(out, "\x81\xfe\x10");
}

const struct attack attacks[] = {
    {"silence", ATTACK_STRANGER, 1000, fill_nothing, 0},
    {"slow-loris", ATTACK_STRANGER, 1000, fill_one_byte, 0},
    {"noise", ATTACK_STRANGER, 10, fill_noise, 0},
    {"headers without end", ATTACK_STRANGER, 10, fill_headers, 0},
    {"forged token", ATTACK_STRANGER, 1000, fill_forged, 2},
    {"unsigned token", ATTACK_STRANGER, 1000, fill_unsigned, 2},
    {"foreign origin", ATTACK_STRANGER, 1000, fill_foreign_origin, 2},
    {"two requests in one", ATTACK_STRANGER, 1000, fill_two_requests, 2},
    {"come and go", ATTACK_MEMBER, 1, fill_nothing, 1},
    {"half a frame", ATTACK_MEMBER, 1, fill_half, 2},
    {"pings", ATTACK_MEMBER, 0, fill_pings, 0},
    {"commands", ATTACK_MEMBER, 0, fill_commands, 0},
    {"subscriptions", ATTACK_MEMBER, 0, fill_subscriptions, 0},
    {"nested JSON", ATTACK_MEMBER, 0, fill_nested, 0},
    {"fragments", ATTACK_MEMBER, 0, fill_fragments, 0},
    {"a length that is a lie", ATTACK_MEMBER, 0, fill_lie, 0},
    {"no UTF-8", ATTACK_MEMBER, 0, fill_invalid_text, 0},
    {"no mask", ATTACK_MEMBER, 0, fill_unmasked, 0},
    {"compressed", ATTACK_MEMBER, 0, fill_compressed, 0},
    {"history", ATTACK_MEMBER, 100, fill_history, 0},
    {"deaf", ATTACK_DEAF, 1000, fill_history, 0},
};
const unsigned attack_count = sizeof(attacks) / sizeof(*attacks);
