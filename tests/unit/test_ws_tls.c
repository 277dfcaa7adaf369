/* SPDX-License-Identifier: PostgreSQL */
/* Where TLS is spoken; clients that speak it are in tests/integration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/mem.h"
#include "pgcable/tls.h"

#include "ws_ship.h"

/* A certificate of this machine's own making. */
static struct pgc_tls *
make_certificate(void)
{
    char dir[] = "/tmp/pgcable-ws-tls-XXXXXX";
    struct pgc_tls *tls = NULL;
    char *certificate;
    char *key;
    char *command;

    assert_non_null(mkdtemp(dir));
    certificate = pgc_xasprintf("%s/crt", dir);
    key = pgc_xasprintf("%s/key", dir);
    command = pgc_xasprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                            "-subj /CN=localhost -keyout %s -out %s 2> /dev/null",
        key, certificate);
    assert_int_equal(system(command), 0);
    tls = pgc_tls_new(certificate, key, NULL);
    assert_int_equal(unlink(certificate), 0);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(rmdir(dir), 0);
    free(command);
    free(key);
    free(certificate);
    return tls;
}

static void
who_speaks_plainly_is_told_that_tls_is_spoken(void **state)
{
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour;
    struct ship *ship;
    const char *head;

    (void)state;
    conf.tls = make_certificate();
    assert_non_null(conf.tls);
    harbour = harbour_open(&conf);
    ship = ship_new(harbour, 0);
    ship_ask(ship, "/cable", "");
    head = ship_read_head(ship);
    assert_non_null(strstr(head, "HTTP/1.1 400 Bad Request\r\n"));
    assert_string_equal(ship_read_to_end(ship), "This port speaks TLS: use wss or https");
    ship_sink(ship);
    harbour_close(harbour);
    pgc_tls_free(conf.tls);
}

static void
what_is_no_tls_is_hung_up_on(void **state)
{
    static const char nonsense[] = "\x16\x03\x01\x00\x05hello";
    struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour;
    struct ship *ship;

    (void)state;
    conf.tls = make_certificate();
    assert_non_null(conf.tls);
    harbour = harbour_open(&conf);
    ship = ship_new(harbour, 0);
    ship_send(ship, nonsense, sizeof(nonsense) - 1);
    (void)ship_read_to_end(ship); /* an alert, if anything */
    harbour_wait_until_empty(harbour);
    ship_sink(ship);
    harbour_close(harbour);
    pgc_tls_free(conf.tls);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_speaks_plainly_is_told_that_tls_is_spoken),
        cmocka_unit_test(what_is_no_tls_is_hung_up_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
