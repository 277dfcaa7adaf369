/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "ws_proxy.h"

#define PROXY     "192.0.2.99:1"
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_ENDS   "\xcb\x00\x71\x07\xc0\x00\x02\x01\xc8\x22\x1f\x90" /* 203.0.113.7:51234 */
#define V6_FROM   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
#define V6_TO     "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
#define V6_ENDS   V6_FROM V6_TO "\xc8\x22\x1f\x90"
#define V2(head, rest)                                                                             \
    {                                                                                              \
        SIGNATURE head rest, sizeof(SIGNATURE head rest) - 1                                       \
    }
#define V1(line)                                                                                   \
    {                                                                                              \
        line, sizeof(line) - 1                                                                     \
    }

struct bytes {
    const char *text;
    size_t length;
};

/* The bytes alone in memory, so that nobody can read behind them unseen. */
static enum ws_proxy
read_exactly(const char *text, size_t length, size_t *used, struct ws_peer *peer)
{
    char *bytes = pgc_xmalloc(length + 1);
    char *end = bytes + 1; /* the last byte of it ends the block */
    enum ws_proxy found;

    memcpy(end, text, length);
    assert_true(ws_peer_parse(peer, PROXY, strlen(PROXY)));
    found = ws_proxy_read(end, length, used, peer);
    free(bytes);
    return found;
}

static void
expect_client(struct bytes header, const char *client)
{
    char text[WS_PEER_TEXT];
    char with_request[256];
    struct ws_peer peer;
    size_t used = 0;

    for (size_t i = 1; i < header.length; i++) { /* however it is cut */
        assert_int_equal(read_exactly(header.text, i, &used, &peer), WS_PROXY_MORE);
        assert_int_equal(used, 0); /* the caller knows how much it has */
        assert_string_equal(ws_peer_write(&peer, text), PROXY);
    }
    memcpy(with_request, header.text, header.length);
    memcpy(with_request + header.length, "GET / ", 6);
    for (size_t more = 0; more <= 6; more += 6) { /* whatever is behind it */
        assert_int_equal(
            read_exactly(with_request, header.length + more, &used, &peer), WS_PROXY_DONE);
        assert_int_equal(used, header.length);
        assert_string_equal(ws_peer_write(&peer, text), client);
    }
}

static void
header_names_the_client(void **state)
{
    static const struct {
        struct bytes header;
        const char *client;
    } rows[] = {
        {V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080\r\n"), "203.0.113.7:51234"},
        {V1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"), "255.255.255.255:65535"},
        {V1("PROXY TCP6 2001:db8::7 2001:db8::1 51234 8080\r\n"), "[2001:db8::7]:51234"},
        {V1("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n"),
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
        {V1("PROXY UNKNOWN\r\n"), PROXY},
        {V1("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY},
        {V2("\x21\x11\x00\x0c", V4_ENDS), "203.0.113.7:51234"},
        {V2("\x21\x11\x00\x0f", V4_ENDS "\x04\x00\x00"), "203.0.113.7:51234"},
        {V2("\x21\x21\x00\x24", V6_ENDS), "[2001:db8::7]:51234"},
        {V2("\x20\x00\x00\x00", ""), PROXY},
        {V2("\x20\x11\x00\x0c", V4_ENDS), PROXY}, /* the proxy speaks for itself */
        {V2("\x21\x00\x00\x00", ""), PROXY},
        {V2("\x21\x00\x00\x03", "\x04\x00\x00"), PROXY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        expect_client(rows[i].header, rows[i].client);
    }
}

static void
what_is_not_exactly_a_header_is_none(void **state)
{
    static const struct bytes rows[] = {
        V1("GET /cable HTTP/1.1\r\n"),
        V1("\r\nPROXY TCP4 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("proxy TCP4 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("PROXY  TCP4 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP4 203.0.113.7  192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080 \r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080\rX\r\n"),
        V1("PROXY TCP4 203.0.113.7\0 192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 8080 1\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 65536 8080\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 051234 8080\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2.1 51234 808o\r\n"),
        V1("PROXY TCP4 203.0.113.7 192.0.2 51234 8080\r\n"),
        V1("PROXY TCP4 203.0.113.07 192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP4 2001:db8::7 2001:db8::1 51234 8080\r\n"),
        V1("PROXY TCP6 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP5 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("PROXY UDP4 203.0.113.7 192.0.2.1 51234 8080\r\n"),
        V1("PROXY TCP4\r\n"),
        V1("PROXY \r\n"),
        V1("PROXY UNKNOWNS\r\n"),
        V1("PROXY UNKNOWN 9012345678901234567890123456789012345678901234567890123456789012345678901"
           "2345678901234567890123456789\r\n"), /* 108 bytes and more */
        V2("\x11\x11\x00\x0c", V4_ENDS),        /* version 1 in the dress of 2 */
        V2("\x22\x11\x00\x0c", V4_ENDS),        /* no such command */
        V2("\x21\x12\x00\x0c", V4_ENDS),        /* UDP */
        V2("\x21\x31\x00\x0c", V4_ENDS),        /* a UNIX socket */
        V2("\x21\x11\x00\x0b", V4_ENDS),        /* too short for its addresses */
        V2("\x21\x21\x00\x0c", V4_ENDS),
        V2("\x21\x11\x07\xf1", V4_ENDS), /* announces 2049 bytes in all */
        V2("\x21\x11\xff\xff", V4_ENDS),
    };
    struct ws_peer peer;
    char text[WS_PEER_TEXT];
    size_t used = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (read_exactly(rows[i].text, rows[i].length, &used, &peer) != WS_PROXY_BAD) {
            fail_msg("%.*s is a header", (int)rows[i].length, rows[i].text);
        }
        assert_string_equal(ws_peer_write(&peer, text), PROXY);
    }
}

static void
header_has_a_longest_length(void **state)
{
    static const unsigned char head[] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T',
        '\n', 0x20, 0, (WS_PROXY_BYTES - 16) >> 8, (WS_PROXY_BYTES - 16) & 0xff};
    char bytes[WS_PROXY_BYTES] = {0};
    char line[108] = "PROXY UNKNOWN ";
    struct ws_peer peer;
    size_t used = 0;

    (void)state;
    memcpy(bytes, head, sizeof(head));
    assert_int_equal(read_exactly(bytes, WS_PROXY_BYTES - 1, &used, &peer), WS_PROXY_MORE);
    assert_int_equal(read_exactly(bytes, WS_PROXY_BYTES, &used, &peer), WS_PROXY_DONE);
    assert_int_equal(used, WS_PROXY_BYTES);
    memset(line + 14, 'x', sizeof(line) - 14);
    assert_int_equal(read_exactly(line, 106, &used, &peer), WS_PROXY_MORE);
    assert_int_equal(read_exactly(line, 107, &used, &peer), WS_PROXY_BAD);
    memcpy(line + 105, "\r\n", 2);
    assert_int_equal(read_exactly(line, 107, &used, &peer), WS_PROXY_DONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_names_the_client),
        cmocka_unit_test(what_is_not_exactly_a_header_is_none),
        cmocka_unit_test(header_has_a_longest_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
