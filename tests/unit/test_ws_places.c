/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ws_places.h"

enum { MANY = 64 };

static struct pgc_places *
places_of(unsigned total, unsigned per_address, unsigned per_member, unsigned percent)
{
    const struct pgc_places_conf conf = {
        .total = total,
        .per_address = per_address,
        .per_member = per_member,
        .handshakes_percent = percent,
    };

    return pgc_places_new(&conf);
}

static enum ws_entry
come_from(struct pgc_places *places, struct ws_ticket *ticket, const char *address)
{
    struct ws_peer peer;
    enum ws_entry entry = ws_places_enter(places, ticket);

    assert_true(ws_peer_parse(&peer, address, strlen(address)));
    return entry == WS_ENTRY_OK ? ws_places_come_from(places, ticket, &peer) : entry;
}

static enum ws_entry
open_from(struct pgc_places *places, struct ws_ticket *ticket, const char *address)
{
    enum ws_entry entry = come_from(places, ticket, address);

    if (entry == WS_ENTRY_OK) {
        ws_places_end_handshake(places, ticket);
    } else {
        ws_places_leave(places, ticket);
    }
    return entry;
}

static void
all_leave(struct pgc_places *places, struct ws_ticket tickets[MANY])
{
    for (size_t i = 0; i < MANY; i++) {
        ws_places_leave(places, &tickets[i]);
        ws_places_leave(places, &tickets[i]); /* harmless */
    }
    pgc_places_free(places); /* looks that nothing has stayed behind */
}

static void
places_are_counted_in_total(void **state)
{
    struct pgc_places *places = places_of(3, 0, 0, 100);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(open_from(places, &tickets[i], "203.0.113.7"), WS_ENTRY_OK);
    }
    assert_int_equal(open_from(places, &tickets[3], "203.0.113.8"), WS_ENTRY_FULL);
    ws_places_leave(places, &tickets[1]);
    assert_int_equal(open_from(places, &tickets[3], "203.0.113.8"), WS_ENTRY_OK);
    all_leave(places, tickets);
}

static void
handshakes_have_a_share_of_the_places(void **state)
{
    struct pgc_places *places = places_of(16, 0, 0, 25);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(ws_places_enter(places, &tickets[i]), WS_ENTRY_OK);
    }
    assert_int_equal(ws_places_enter(places, &tickets[4]), WS_ENTRY_HANDSHAKES);
    ws_places_end_handshake(places, &tickets[0]);
    ws_places_end_handshake(places, &tickets[0]); /* harmless */
    assert_int_equal(ws_places_enter(places, &tickets[4]), WS_ENTRY_OK);
    ws_places_leave(places, &tickets[4]); /* one that ends within its handshake */
    assert_int_equal(ws_places_enter(places, &tickets[5]), WS_ENTRY_OK);
    assert_int_equal(ws_places_enter(places, &tickets[6]), WS_ENTRY_HANDSHAKES);
    all_leave(places, tickets);
}

static void
share_of_few_places_is_one(void **state)
{
    struct pgc_places *places = places_of(2, 1, 0, 25);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    assert_int_equal(open_from(places, &tickets[0], "203.0.113.7"), WS_ENTRY_OK);
    assert_int_equal(open_from(places, &tickets[1], "203.0.113.8"), WS_ENTRY_OK);
    all_leave(places, tickets);
}

static void
address_has_its_own_limit_and_others_do_not_feel_it(void **state)
{
    struct pgc_places *places = places_of(100, 8, 0, 25);
    struct ws_ticket tickets[MANY] = {0};
    size_t next = 0;

    (void)state;
    for (; next < 8; next++) {
        assert_int_equal(open_from(places, &tickets[next], "203.0.113.7:1"), WS_ENTRY_OK);
    }
    assert_int_equal(open_from(places, &tickets[next], "203.0.113.7:2"), WS_ENTRY_ADDRESS);
    assert_int_equal(open_from(places, &tickets[next], "::ffff:203.0.113.7"), WS_ENTRY_ADDRESS);
    assert_int_equal(come_from(places, &tickets[next++], "203.0.113.8"), WS_ENTRY_OK);
    assert_int_equal(come_from(places, &tickets[next++], "203.0.113.8"), WS_ENTRY_OK);
    assert_int_equal(open_from(places, &tickets[next], "203.0.113.8"), WS_ENTRY_ADDRESS_HANDSHAKES);
    ws_places_leave(places, &tickets[0]);
    assert_int_equal(open_from(places, &tickets[next++], "203.0.113.7"), WS_ENTRY_OK);
    all_leave(places, tickets);
}

static void
whole_64_of_ipv6_is_one_address(void **state)
{
    struct pgc_places *places = places_of(100, 2, 0, 100);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    assert_int_equal(open_from(places, &tickets[0], "2001:db8:1:2::1"), WS_ENTRY_OK);
    assert_int_equal(open_from(places, &tickets[1], "2001:db8:1:2:ffff::9"), WS_ENTRY_OK);
    assert_int_equal(open_from(places, &tickets[2], "2001:db8:1:2:3::"), WS_ENTRY_ADDRESS);
    assert_int_equal(open_from(places, &tickets[2], "2001:db8:1:3::1"), WS_ENTRY_OK);
    all_leave(places, tickets);
}

static void
member_has_a_limit_wherever_the_connections_come_from(void **state)
{
    struct pgc_places *places = places_of(100, 0, 2, 100);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(open_from(places, &tickets[i], "203.0.113.7"), WS_ENTRY_OK);
    }
    assert_true(ws_places_belong_to(places, &tickets[0], "42"));
    assert_true(ws_places_belong_to(places, &tickets[0], "42")); /* it is known already */
    assert_true(ws_places_belong_to(places, &tickets[1], "42"));
    assert_false(ws_places_belong_to(places, &tickets[2], "42"));
    assert_true(ws_places_belong_to(places, &tickets[2], "43"));
    ws_places_leave(places, &tickets[1]);
    assert_true(ws_places_belong_to(places, &tickets[3], "42"));
    all_leave(places, tickets);
}

static void
without_limits_nobody_is_counted(void **state)
{
    struct pgc_places *places = places_of(MANY, 0, 0, 100);
    struct ws_ticket tickets[MANY] = {0};

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(come_from(places, &tickets[i], "203.0.113.7"), WS_ENTRY_OK);
        assert_true(ws_places_belong_to(places, &tickets[i], "42"));
        assert_false(tickets[i].has_address);
        assert_null(tickets[i].member);
    }
    all_leave(places, tickets);
}

enum { WORKERS = 4, VISITS = 20000 };

/* A worker with one client at a time; how many came in. */
static void *
come_and_go(void *arg)
{
    struct pgc_places *places = arg;
    size_t taken = 0;

    for (int i = 0; i < VISITS; i++) {
        struct ws_ticket ticket = {0};

        if (come_from(places, &ticket, i % 2 == 0 ? "203.0.113.1" : "203.0.113.2") == WS_ENTRY_OK) {
            ws_places_end_handshake(places, &ticket);
            taken += ws_places_belong_to(places, &ticket, i % 3 == 0 ? "42" : "43") ? 1 : 0;
        }
        ws_places_leave(places, &ticket);
    }
    return (void *)taken;
}

static void
workers_count_together_and_lose_nothing(void **state)
{
    struct pgc_places *places = places_of(WORKERS, WORKERS, WORKERS, 100);
    struct ws_ticket tickets[MANY] = {0};
    pthread_t threads[WORKERS];

    (void)state;
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, places), 0);
    }
    for (size_t i = 0; i < WORKERS; i++) { /* one place for each: a count that is off refuses */
        void *taken = NULL;

        assert_int_equal(pthread_join(threads[i], &taken), 0);
        assert_int_equal((size_t)taken, VISITS);
    }
    for (size_t i = 0; i < WORKERS; i++) {
        assert_int_equal(come_from(places, &tickets[i], "203.0.113.1"), WS_ENTRY_OK);
    }
    assert_int_equal(ws_places_enter(places, &tickets[WORKERS]), WS_ENTRY_FULL);
    all_leave(places, tickets);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_counted_in_total),
        cmocka_unit_test(handshakes_have_a_share_of_the_places),
        cmocka_unit_test(share_of_few_places_is_one),
        cmocka_unit_test(address_has_its_own_limit_and_others_do_not_feel_it),
        cmocka_unit_test(whole_64_of_ipv6_is_one_address),
        cmocka_unit_test(member_has_a_limit_wherever_the_connections_come_from),
        cmocka_unit_test(without_limits_nobody_is_counted),
        cmocka_unit_test(workers_count_together_and_lose_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
