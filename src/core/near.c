/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/near.h"

/* Of a letter or two, such as in -x, any other is as near. */
enum { NEAR_MIN = 3, NEAR_MAX = 64 };

static size_t
near_least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

/* How many letters have to be added, dropped or changed (Levenshtein). */
static size_t
near_distance(const struct pgc_near *near, const char *name)
{
    size_t row[NEAR_MAX]; /* from the letters of `name` so far to each start of what was typed */

    for (size_t j = 0; j <= near->length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < near->length; j++) {
            size_t above = row[j + 1];

            row[j + 1] =
                near_least(above + 1, row[j] + 1, diagonal + (name[i] != near->typed[j] ? 1 : 0));
            diagonal = above;
        }
    }
    return row[near->length];
}

struct pgc_near
pgc_near_begin(const char *typed, size_t length)
{
    return (struct pgc_near){
        .typed = typed, .length = length, .least = length < NEAR_MIN ? 0 : length / 3 + 1};
}

void
pgc_near_try(struct pgc_near *near, const char *name)
{
    size_t distance;

    if (near->length >= NEAR_MAX) {
        return;
    }
    distance = near_distance(near, name);
    if (distance <= near->least) {
        near->least = distance - (distance > 0 ? 1 : 0);
        near->nearest = name;
    }
}
