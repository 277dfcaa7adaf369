/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/history.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

#define STREAM "chat-room-7-channel"

static const struct pgc_position place = {.tick = 2753, .id = 7, .part = 3, .nonce = 0xb6f3c2e};

/* Takes the history over. */
static enum pgc_wish
wish_of(struct pgc_history *history, struct pgc_since *since)
{
    enum pgc_wish wish = pgc_history_wish(history, STREAM, since);

    pgc_history_free(history);
    return wish;
}

static enum pgc_wish
wish(const char *text, struct pgc_since *since)
{
    return wish_of(pgc_history_parse(text, strlen(text)), since);
}

static void
assert_place(const struct pgc_since *since)
{
    assert_false(since->by_time);
    assert_int_equal(pgc_place_compare(&since->place, &place), 0);
    assert_int_equal(since->place.nonce, place.nonce);
}

/* {"since":5,"streams":{"<stream>":{"epoch":…,"offset":…}}} */
static enum pgc_wish
wish_from_place_in(const char *stream, struct pgc_since *since)
{
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;
    char *text;
    enum pgc_wish result;

    pgc_place_write(&place, epoch, &offset);
    text = pgc_xasprintf("{\"since\":5,\"streams\":{\"x\":{\"epoch\":\"ab\",\"offset\":1},"
                         "\"%s\":{\"offset\":%" PRId64 ",\"epoch\":\"%s\"}}}",
        stream, offset, epoch);
    result = wish(text, since);
    free(text);
    return result;
}

/* With the place comes what the client had seen there. */
static void
what_was_seen_comes_back_with_the_place(void **state PGC_UNUSED)
{
    struct pgc_since since;

    assert_int_equal(wish("{\"streams\":{\"" STREAM "\":{\"epoch\":\"7.deadbeef-12.0000beef\","
                          "\"offset\":8388608}}}",
                         &since),
        PGC_WISH_REPLAY);
    assert_int_equal(since.place.tick, 7);
    assert_int_equal(since.seen.tick, 12);
    assert_int_equal(since.seen.nonce, 0xbeef);
    assert_int_equal(wish("{\"streams\":{\"" STREAM "\":{\"epoch\":\"7.deadbeef-\","
                          "\"offset\":8388608}}}",
                         &since),
        PGC_WISH_NONSENSE);
    assert_int_equal(wish_from_place_in(STREAM, &since), PGC_WISH_REPLAY);
    assert_int_equal(since.seen.tick, 0);
}

static void
place_in_the_stream_counts_before_the_time(void **state PGC_UNUSED)
{
    struct pgc_since since;

    assert_int_equal(wish_from_place_in(STREAM, &since), PGC_WISH_REPLAY);
    assert_place(&since);
}

static void
place_in_another_stream_is_of_no_interest(void **state PGC_UNUSED)
{
    struct pgc_since since;

    assert_int_equal(wish_from_place_in("chat-room-8-channel", &since), PGC_WISH_REPLAY);
    assert_true(since.by_time);
    assert_int_equal(since.unix_s, 5);
}

static void
nothing_said_is_nothing_wished(void **state PGC_UNUSED)
{
    static const char *const texts[] = {
        "{}",
        "{\"since\":0}",
        "{\"since\":null,\"streams\":null}",
        "{\"since\":false,\"streams\":{}}",
        "{\"streams\":{\"x\":{\"epoch\":\"ab\",\"offset\":1}},\"more\":[1]}",
    };
    struct pgc_since since;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(wish(texts[i], &since), PGC_WISH_NOTHING);
    }
}

static void
what_no_server_has_said_is_nonsense(void **state PGC_UNUSED)
{
    static const char *const texts[] = {
        "5",
        "\"x\"",
        "[]",
        "true",
        "{\"since\":\"5\"}",
        "{\"since\":5.5}",
        "{\"since\":-5}",
        "{\"since\":true}",
        "{\"since\":99999999999999999999}",
        "{\"since\":5,\"streams\":[]}",
        "{\"since\":5,\"streams\":\"x\"}",
        "{\"since\":5,\"streams\":{\"x\":7}}",
        "{\"since\":5,\"streams\":{\"x\":null}}",
        "{\"since\":5,\"streams\":{\"" STREAM "\":{}}}",
        "{\"streams\":{\"" STREAM "\":{\"epoch\":\"ab\",\"offset\":1}}}",
        "{\"streams\":{\"" STREAM "\":{\"epoch\":5,\"offset\":16777216}}}",
        "{\"streams\":{\"" STREAM "\":{\"epoch\":\"2753.0b6f3c2e\"}}}",
        "{\"streams\":{\"" STREAM "\":{\"epoch\":\"2753.0b6f3c2e\",\"offset\":0}}}",
        "{\"streams\":{\"" STREAM "\":{\"epoch\":\"2753.0b6f3c2e\",\"offset\":\"16777216\"}}}",
    };
    struct pgc_since since;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(wish(texts[i], &since), PGC_WISH_NONSENSE);
    }
}

static void
name_of_a_stream_may_be_long(void **state PGC_UNUSED)
{
    char *stream = pgc_xasprintf("orders-%01000d", 0);
    char *text = pgc_xasprintf(
        "{\"streams\":{\"%s\":{\"epoch\":\"2753.0b6f3c2e\",\"offset\":58720259}}}", stream);
    struct pgc_history *history = pgc_history_parse(text, strlen(text));
    struct pgc_since since;

    assert_int_equal(pgc_history_wish(history, stream, &since), PGC_WISH_REPLAY);
    assert_place(&since);
    pgc_history_free(history);
    free(text);
    free(stream);
}

static enum pgc_wish
wish_of_event(const char *id, int64_t since_s, struct pgc_since *since)
{
    return wish_of(pgc_history_from_event(id, since_s), since);
}

static void
id_of_an_event_is_its_place(void **state PGC_UNUSED)
{
    struct pgc_since since;

    assert_int_equal(wish_of_event("58720259/2753.0b6f3c2e/" STREAM, 5, &since), PGC_WISH_REPLAY);
    assert_place(&since);
    assert_int_equal(wish_of_event("58720259/2753.0b6f3c2e/a/b", 5, &since), PGC_WISH_REPLAY);
    assert_place(&since);
    assert_int_equal(
        wish_of_event("58720259/2753.0b6f3c2e-2760.0000beef/" STREAM, 5, &since), PGC_WISH_REPLAY);
    assert_place(&since);
    assert_int_equal(since.seen.tick, 2760);
    assert_int_equal(wish_of_event(NULL, 5, &since), PGC_WISH_REPLAY);
    assert_true(since.by_time);
}

static void
id_that_is_not_ours_is_nonsense(void **state PGC_UNUSED)
{
    static const char *const ids[] = {
        "",
        "7",
        "/",
        "58720259",
        "58720259/2753.0b6f3c2e",
        "/2753.0b6f3c2e/" STREAM,
        "-58720259/2753.0b6f3c2e/" STREAM,
        " 58720259/2753.0b6f3c2e/" STREAM,
        "58720259/2753.0B6F3C2E/" STREAM,
        "58720259/2753.0b6f3c2e0/" STREAM,
        "99999999999999999999/2753.0b6f3c2e/" STREAM,
        "2753.0b6f3c2e/58720259/" STREAM,
    };
    struct pgc_since since;

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        assert_int_equal(wish_of_event(ids[i], 5, &since), PGC_WISH_NONSENSE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_seen_comes_back_with_the_place),
        cmocka_unit_test(place_in_the_stream_counts_before_the_time),
        cmocka_unit_test(place_in_another_stream_is_of_no_interest),
        cmocka_unit_test(nothing_said_is_nothing_wished),
        cmocka_unit_test(what_no_server_has_said_is_nonsense),
        cmocka_unit_test(name_of_a_stream_may_be_long),
        cmocka_unit_test(id_of_an_event_is_its_place),
        cmocka_unit_test(id_that_is_not_ours_is_nonsense),
    };

    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
