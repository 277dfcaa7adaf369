/* SPDX-License-Identifier: PostgreSQL */
#include <sys/resource.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "ws_ship.h"

enum { SPARE_FDS = 64 };

/* Opens descriptors until there are no more.  Returns how many. */
static int
use_up_descriptors(int fds[SPARE_FDS])
{
    int count = 0;

    while (count < SPARE_FDS && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        count++;
    }
    return count;
}

static void
set_descriptor_limit(rlim_t limit)
{
    struct rlimit limits;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    limits.rlim_cur = limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limits), 0);
}

static void
client_without_a_descriptor_is_told_and_the_rest_goes_on(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *aboard = ship_aboard(harbour, 0);
    struct ship *refused = NULL;
    struct ship *accepted = NULL;
    struct rlimit limits;
    int fds[SPARE_FDS] = {0};
    int count;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    set_descriptor_limit((rlim_t)aboard->fd + 16);
    count = use_up_descriptors(fds);
    assert_in_range(count, 2, SPARE_FDS - 1);
    (void)close(fds[--count]); /* for the client's own end */
    refused = ship_new(harbour, 0);
    assert_non_null(strstr(ship_read_head(refused), "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_int_equal(harbour_counted(harbour, "pgcable_ws_accept_errors_total"), 1);
    assert_int_equal(
        harbour_counted(harbour, "pgcable_ws_refused_total{reason=\"descriptors\"}"), 1);
    ship_subscribe(aboard);
    harbour_publish(harbour, "{}");
    ship_expect(aboard, MESSAGE("{}"));
    while (count > 0) {
        (void)close(fds[--count]);
    }
    accepted = ship_aboard(harbour, 0);
    set_descriptor_limit(limits.rlim_cur);
    ship_sink(aboard);
    ship_sink(refused);
    ship_sink(accepted);
    harbour_close(harbour);
}

/* The library has room for as many descriptors as were allowed when it began. */
static void
descriptors_that_are_allowed_later_do_not_break_it(void **state)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour;
    struct ship *ships[SPARE_FDS] = {0};
    struct ship *aboard;
    struct rlimit limits;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    set_descriptor_limit(SPARE_FDS);
    harbour = harbour_open(&conf);
    set_descriptor_limit(limits.rlim_cur);
    aboard = ship_aboard(harbour, 0);
    for (size_t i = 0; i < SPARE_FDS; i++) {
        ships[i] = ship_new(harbour, 0);
    }
    assert_non_null(
        strstr(ship_read_head(ships[SPARE_FDS - 1]), "HTTP/1.1 503 Service Unavailable\r\n"));
    ship_subscribe(aboard);
    for (size_t i = 0; i < SPARE_FDS; i++) {
        ship_sink(ships[i]);
    }
    ship_sink(aboard);
    harbour_close(harbour);
}

static void
client_beyond_the_limit_is_told_when_to_come_back(void **state)
{
    const struct pgc_places_conf places_conf = {.total = 1, .handshakes_percent = 100};
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = NULL;
    struct ship *first = NULL;
    struct ship *second = NULL;
    struct ship *third = NULL;
    const char *head = NULL;

    (void)state;
    conf.places = pgc_places_new(&places_conf);
    harbour = harbour_open(&conf);
    first = ship_aboard(harbour, 0);
    second = ship_new(harbour, 0);
    head = ship_read_head(second);
    assert_non_null(strstr(head, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(head, "\r\nRetry-After: "));
    ship_sink(first);
    harbour_wait_until_empty(harbour);
    third = ship_aboard(harbour, 0);
    ship_sink(second);
    ship_sink(third);
    harbour_close(harbour);
    pgc_places_free(conf.places);
}

/* A server on that port, or why there is none; it is not used. */
static void
assert_no_server(const struct pgc_ws_conf *conf, const char *message, const char *hint)
{
    struct pgc_loop *loop = pgc_loop_new();
    struct pgc_metrics *metrics = pgc_metrics_new();
    struct pgc_err err = {0};

    assert_null(pgc_ws_new(loop, conf, NULL, NULL, metrics, &err));
    assert_non_null(strstr(err.message, message));
    assert_non_null(strstr(err.hint, hint));
    pgc_metrics_free(metrics);
    pgc_loop_free(loop);
}

static void
address_that_is_none_is_named(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();

    (void)state;
    conf.address = "localhost.example";
    assert_no_server(&conf, "listen_address: \"localhost.example\"", "IPv4 or IPv6");
    conf.address = "192.0.2.1"; /* nobody's */
    conf.port = 1024;
    assert_no_server(&conf, "listen on 192.0.2.1 port 1024: ", "");
    conf = harbour_conf();
    conf.trusted_proxies = "127.0.0.1, localhost";
    assert_no_server(&conf, "trusted_proxies: \"localhost\" is no address", "10.0.0.0/8");
    conf.trusted_proxies = "";
    conf.proxy_protocol = true;
    assert_no_server(&conf, "proxy_protocol is on", "trusted_proxies");
    conf = harbour_conf();
    conf.origins = "nonsense";
    assert_no_server(&conf, "\"nonsense\" is no origin", "scheme://host");
}

/* With so many descriptors to spare; NULL if they do not suffice. */
static struct pgc_ws *
server_with_descriptors(struct pgc_loop *loop, struct pgc_metrics *metrics, int spare)
{
    const struct pgc_ws_conf conf = harbour_conf();
    struct pgc_err err = {0};
    struct pgc_ws *ws = NULL;
    int fds[SPARE_FDS] = {0};
    int count = use_up_descriptors(fds);

    while (spare-- > 0) {
        (void)close(fds[--count]);
    }
    ws = pgc_ws_new(loop, &conf, NULL, NULL, metrics, &err);
    while (count > 0) {
        (void)close(fds[--count]);
    }
    assert_int_equal(ws == NULL, err.message[0] != '\0');
    return ws;
}

static void
without_enough_descriptors_there_is_no_server(void **state)
{
    struct pgc_metrics *metrics = pgc_metrics_new();
    struct pgc_loop *loop = pgc_loop_new();
    struct pgc_ws *ws = NULL;
    struct rlimit limits;
    int spare = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limits), 0);
    set_descriptor_limit(SPARE_FDS);
    while ((ws = server_with_descriptors(loop, metrics, spare)) == NULL) {
        assert_true(++spare <= SPARE_FDS / 2);
        pgc_ws_free(ws); /* none, which who ends all need not know */
    }
    set_descriptor_limit(limits.rlim_cur);
    assert_true(spare >= 2);
    pgc_ws_free(ws);
    pgc_loop_free(loop);
    pgc_metrics_free(metrics);
}

static void
workers_share_a_port(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *one = harbour_open(&conf);
    struct harbour *other = NULL;
    struct ship *ships[64];

    (void)state;
    conf.port = harbour_port(one);
    conf.joins = true;
    other = harbour_open(&conf);
    assert_int_equal(harbour_port(other), harbour_port(one));
    for (size_t i = 0; i < 64; i++) { /* the kernel deals them out */
        ships[i] = ship_aboard(one, 0);
    }
    assert_true(harbour_counted(one, "pgcable_ws_connections") > 0);
    assert_true(harbour_counted(other, "pgcable_ws_connections") > 0);
    for (size_t i = 0; i < 64; i++) {
        ship_sink(ships[i]);
    }
    harbour_close(one);
    harbour_close(other);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_without_a_descriptor_is_told_and_the_rest_goes_on),
        cmocka_unit_test(descriptors_that_are_allowed_later_do_not_break_it),
        cmocka_unit_test(client_beyond_the_limit_is_told_when_to_come_back),
        cmocka_unit_test(address_that_is_none_is_named),
        cmocka_unit_test(without_enough_descriptors_there_is_no_server),
        cmocka_unit_test(workers_share_a_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
