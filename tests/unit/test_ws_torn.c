/* SPDX-License-Identifier: PostgreSQL */
/*
 * What the library writes by itself, a pong, is not torn by a message that goes past it.
 *
 * A kernel without memory may take a part of the smallest write.  So does the one below: of the
 * pong to hold_pong's connection it takes half, and nothing more until it is told to.
 */
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "ws_ship.h"

enum { PONG_BYTE = 0x8a, PING_BYTES = 20 };

static atomic_bool pongs_are_held;
static _Atomic size_t pong_left; /* bytes of it */

/* In place of libc's. */
ssize_t
send(int fd, const void *bytes, size_t length, int flags)
{
    const unsigned char *first = bytes;
    const bool is_pong = length == PING_BYTES + 2 && first[0] == PONG_BYTE;

    if (pongs_are_held && pong_left == 0 && is_pong) {
        length /= 2;
        pong_left = PING_BYTES + 2 - length;
    } else if (pongs_are_held && pong_left == length) {
        errno = EAGAIN;
        return -1;
    }
    return syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
}

static void
message_waits_for_a_pong_that_is_half_written(void **state)
{
    static const char ping[PING_BYTES] = "nineteen characters";
    const struct pgc_ws_conf conf = harbour_conf();
    struct harbour *harbour = harbour_open(&conf);
    struct ship *ship = ship_subscriber(harbour, 0);
    struct ship *after = ship_subscriber(harbour, 0); /* gets what the other was to get */
    char payload[128];
    size_t length;

    (void)state;
    harbour_publish(harbour, "1");
    ship_expect(ship, MESSAGE("1"));
    ship_expect(after, MESSAGE("1"));

    pongs_are_held = true;
    ship_send_frame(ship, SHIP_PING, true, ping, sizeof(ping));
    while (pong_left == 0) {
        harbour_publish(harbour, "2");
        ship_expect(after, MESSAGE("2"));
    }
    harbour_publish(harbour, "3");
    ship_expect(after, MESSAGE("3"));
    pongs_are_held = false;

    do {
        assert_int_not_equal(ship_next(ship, payload, sizeof(payload), &length), -1);
    } while (strcmp(payload, MESSAGE("2")) == 0);
    assert_string_equal(payload, ping);
    do {
        assert_int_equal(ship_next(ship, payload, sizeof(payload), &length), SHIP_TEXT);
    } while (strcmp(payload, MESSAGE("2")) == 0);
    assert_string_equal(payload, MESSAGE("3"));
    ship_sink(ship);
    ship_sink(after);
    harbour_close(harbour);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_waits_for_a_pong_that_is_half_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
