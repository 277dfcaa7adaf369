/* SPDX-License-Identifier: PostgreSQL */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ws_peer.h"

static struct ws_peer
peer_of(const char *text)
{
    struct ws_peer peer;

    if (!ws_peer_parse(&peer, text, strlen(text))) {
        fail_msg("\"%s\" is not read as an address", text);
    }
    return peer;
}

static struct ws_networks *
networks_of(const char *list)
{
    struct pgc_err err = {0};
    struct ws_networks *networks = ws_networks_new(list, &err);

    if (networks == NULL) {
        fail_msg("%s", err.message);
    }
    return networks;
}

static void
address_is_written_as_it_is_read(void **state)
{
    static const struct {
        const char *read;
        const char *written;
    } rows[] = {
        {"203.0.113.7", "203.0.113.7"},
        {"203.0.113.7:51234", "203.0.113.7:51234"},
        {"203.0.113.7:0", "203.0.113.7"},
        {"2001:db8::7", "2001:db8::7"},
        {"[2001:db8::7]", "2001:db8::7"},
        {"[2001:DB8:0::7]:443", "[2001:db8::7]:443"},
        {"::ffff:203.0.113.7", "203.0.113.7"},
        {"[::ffff:203.0.113.7]:80", "203.0.113.7:80"},
        {"::1", "::1"},
    };
    char text[WS_PEER_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ws_peer peer = peer_of(rows[i].read);

        assert_string_equal(ws_peer_write(&peer, text), rows[i].written);
    }
}

static void
what_is_no_address_is_not_read(void **state)
{
    static const char *const texts[] = {"", " ", "unknown", "_hidden", "203.0.113", "203.0.113.256",
        "203.0.113.7 ", "203.0.113.7:", "203.0.113.7:65536", "203.0.113.7:080", "203.0.113.7:8o",
        "203.0.113.7:-1", "[203.0.113.7]", "[203.0.113.7]:80", "[::1", "::1]", "[]", "[]:80",
        "[::1]x", "[::1]:", "[::1]80", "fe80::1%eth0", "::1::", "1.2.3.4:5:6", "0x7f.0.0.1",
        "2001:db8:1111:2222:3333:4444:5555:6666:7777:8888:9999"};
    struct ws_peer peer;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (ws_peer_parse(&peer, texts[i], strlen(texts[i]))) {
            fail_msg("\"%s\" is read as an address", texts[i]);
        }
    }
}

static void
socket_of_either_family_gives_the_same_client(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    const struct sockaddr other = {.sa_family = AF_UNIX};
    struct ws_peer one;
    struct ws_peer two;

    (void)state;
    assert_int_equal(inet_pton(AF_INET, "203.0.113.7", &v4.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, "::ffff:203.0.113.7", &v6.sin6_addr), 1);
    assert_true(ws_peer_from_socket(&one, (const struct sockaddr *)&v4));
    assert_true(ws_peer_from_socket(&two, (const struct sockaddr *)&v6));
    assert_memory_equal(&one, &two, sizeof(one));
    assert_false(ws_peer_from_socket(&one, &other));
}

static void
client_is_an_ipv4_address_or_a_64_of_ipv6(void **state)
{
    struct ws_peer v4 = peer_of("203.0.113.7");
    struct ws_peer v6 = peer_of("2001:db8:1:2:3:4:5:6");
    struct ws_peer near = peer_of("2001:db8:1:2::1");
    struct ws_peer far = peer_of("2001:db8:1:3::1");

    (void)state;
    assert_int_equal(ws_peer_network_bytes(&v4), 16);
    assert_int_equal(ws_peer_network_bytes(&v6), 8);
    assert_memory_equal(v6.address, near.address, 8);
    assert_memory_not_equal(v6.address, far.address, 8);
}

static void
network_has_what_begins_like_it(void **state)
{
    static const struct {
        const char *list;
        const char *address;
        bool has;
    } rows[] = {
        {"", "127.0.0.1", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.1/8", "10.9.9.9", true}, /* the rest of the address does not matter */
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"203.0.113.7/32", "203.0.113.7", true},
        {"203.0.113.7/32", "203.0.113.6", false},
        {"0.0.0.0/0", "203.0.113.7", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::1, 10.0.0.0/8\t,127.0.0.1,", "127.0.0.1", true},
        {"::1, 10.0.0.0/8\t,127.0.0.1,", "::1", true},
        {"::1, 10.0.0.0/8\t,127.0.0.1,", "::2", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ws_networks *networks = networks_of(rows[i].list);
        struct ws_peer peer = peer_of(rows[i].address);

        if (ws_networks_has(networks, &peer) != rows[i].has) {
            fail_msg("\"%s\" and %s: not %d", rows[i].list, rows[i].address, rows[i].has);
        }
        ws_networks_free(networks);
    }
    ws_networks_free(NULL);
}

static void
list_that_cannot_be_read_is_named(void **state)
{
    static const char *const lists[] = {"localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
        "10.0.0.0/08", "10/8", "::1/129", "127.0.0.1:80", "127.0.0.1;::1", "[::1]", "/8"};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        struct pgc_err err = {0};

        assert_null(ws_networks_new(lists[i], &err));
        assert_non_null(strstr(err.message, "trusted_proxies: \""));
        assert_non_null(strstr(err.message, lists[i]));
        assert_non_null(strstr(err.hint, "10.0.0.0/8"));
    }
}

static void
forwarded_address_is_the_last_that_a_proxy_vouches_for(void **state)
{
    static const struct {
        const char *socket;
        const char *header;
        const char *client;
    } rows[] = {
        {"10.0.0.1:99", "203.0.113.7", "203.0.113.7"},
        {"10.0.0.1:99", "203.0.113.7:4711", "203.0.113.7:4711"},
        {"10.0.0.1:99", "2001:db8::7", "2001:db8::7"},
        {"10.0.0.1:99", NULL, "10.0.0.1:99"},
        {"10.0.0.1:99", "", "10.0.0.1:99"},
        /* from a stranger it is nothing */
        {"203.0.113.7:99", "192.0.2.1", "203.0.113.7:99"},
        {"203.0.113.7:99", "10.0.0.1", "203.0.113.7:99"},
        /* what the client said itself stands before what the proxy saw */
        {"10.0.0.1:99", "192.0.2.1, 203.0.113.7", "203.0.113.7"},
        {"10.0.0.1:99", "192.0.2.1,10.0.0.9 ,203.0.113.7", "203.0.113.7"},
        /* through several proxies */
        {"10.0.0.1:99", "192.0.2.1, 203.0.113.7, 10.0.0.2,\t10.0.0.3 ", "203.0.113.7"},
        {"10.0.0.1:99", "10.0.0.2, 10.0.0.3", "10.0.0.2"},
        /* what is no address ends it, and so does what is empty */
        {"10.0.0.1:99", "203.0.113.7, unknown", "10.0.0.1:99"},
        {"10.0.0.1:99", "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2"},
        {"10.0.0.1:99", "203.0.113.7,", "10.0.0.1:99"},
        {"10.0.0.1:99", ",", "10.0.0.1:99"},
        {"10.0.0.1:99", "203.0.113.7 192.0.2.1", "10.0.0.1:99"},
    };
    struct ws_networks *trusted = networks_of("10.0.0.0/8");
    char text[WS_PEER_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct ws_peer peer = peer_of(rows[i].socket);

        ws_peer_forwarded(&peer, trusted, rows[i].header);
        assert_string_equal(ws_peer_write(&peer, text), rows[i].client);
    }
    ws_networks_free(trusted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(address_is_written_as_it_is_read),
        cmocka_unit_test(what_is_no_address_is_not_read),
        cmocka_unit_test(socket_of_either_family_gives_the_same_client),
        cmocka_unit_test(client_is_an_ipv4_address_or_a_64_of_ipv6),
        cmocka_unit_test(network_has_what_begins_like_it),
        cmocka_unit_test(list_that_cannot_be_read_is_named),
        cmocka_unit_test(forwarded_address_is_the_last_that_a_proxy_vouches_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
