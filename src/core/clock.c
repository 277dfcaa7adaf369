/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include <sys/random.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t
clock_us(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
pgc_monotonic_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

/* As of the kernel's last tick: a look at memory, where the others ask the processor. */
int64_t
pgc_monotonic_rough_ms(void)
{
    return clock_us(CLOCK_MONOTONIC_COARSE) / 1000;
}

int64_t
pgc_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t
pgc_wall_s(void)
{
    return clock_us(CLOCK_REALTIME) / 1000000;
}

int64_t
pgc_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

int64_t
pgc_wall_age_us(int64_t since_us)
{
    int64_t age_us = pgc_wall_us() - since_us;

    return age_us > 0 ? age_us : 0;
}

void
pgc_wall_text(int64_t wall_us, char text[PGC_WALL_TEXT])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc = {0};
    size_t length;

    (void)gmtime_r(&seconds, &utc);
    length = strftime(text, PGC_WALL_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + length, PGC_WALL_TEXT - length, ".%03dZ", (int)(wall_us / 1000 % 1000));
}

void
pgc_random(void *bytes, size_t length)
{
    char *next = bytes;

    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            (void)fprintf(
                stderr, "pgcable: the kernel gave no random bytes: %s\n", strerror(errno));
            abort();
        }
        next += got;
        length -= (size_t)got;
    }
}
