/* SPDX-License-Identifier: PostgreSQL */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_world.h"

enum { LARGE = 256 * 1024 };

/* ---- what is waited for ---- */

static bool
has_packets(const struct world *world)
{
    return world->edge.packets >= world->target;
}

static bool
has_last(const struct world *world)
{
    return world->feed.lasts > 0;
}

static bool
has_answers(const struct world *world)
{
    return world->edge.answers + world->edge.failures >= world->target;
}

static bool
has_lost(const struct world *world)
{
    return world->edge.lost > 0;
}

static bool
is_told(const struct world *world)
{
    return world->edge.told > 0;
}

static bool
are_down(const struct world *world)
{
    return world->feed.downs > 0 && world->edge.downs > 0;
}

static bool
are_up_again(const struct world *world)
{
    return world->feed.ups > 1 && world->edge.ups > 1;
}

static bool
is_connected(const struct world *world)
{
    return pgc_nats_is_up(world->feed.nats);
}

static bool
has_settled(const struct world *world)
{
    return world->feed.stored + world->feed.refused + world->feed.unreachable == world->target;
}

static bool
is_refused_entry(const struct world *world)
{
    assert_false(pgc_nats_follows(world->edge.nats));
    return world->edge.downs >= 3;
}

/* ---- helpers ---- */

static void
last_done(const struct pgc_err *err, const struct pgc_nats_last *last, void *arg)
{
    struct end *end = arg;

    end->lasts++;
    end->last_failed = err != NULL;
    end->last = last->last;
    end->has_last = last->packet != NULL;
    if (last->packet != NULL) {
        assert_int_equal(last->packet->sequence, last->last);
        world_copy(end->last_text, &last->packet->bytes);
    }
}

static void
ask_last(struct world *world)
{
    world->feed.lasts = 0;
    pgc_nats_last(world->feed.nats, last_done);
    world_wait(world, has_last);
    assert_false(world->feed.last_failed);
}

static void
answer_done(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct end *end = arg;

    if (err != NULL) {
        end->failures++;
        end->failure = *err;
    } else {
        end->answers++;
        world_copy(end->answer, answer);
    }
}

static void
ask(struct world *world, const char *text, int64_t timeout_ms)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)text, strlen(text)};

    pgc_nats_request(world->edge.nats, "ask", &bytes, timeout_ms, answer_done, &world->edge);
}

static void
follow(struct world *world, uint64_t sequence, int64_t time_us)
{
    pgc_nats_follow(
        world->edge.nats, &(struct pgc_nats_since){.sequence = sequence, .time_us = time_us});
}

/* What the edge was told to do, for what is told first is done first. */
static void
wait_until_done(struct world *world)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)"", 0};

    pgc_nats_request(
        world->edge.nats, "nobody", &bytes, WORLD_DEADLINE_MS, answer_done, &world->edge);
    world_wait_for(world, has_answers, world->edge.answers + world->edge.failures + 1);
}

static void
publish(struct world *world, uint64_t expected_last, const char *text)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)text, strlen(text)};

    pgc_nats_publish(world->feed.nats, expected_last, &bytes, 0);
}

/* ---- the stream ---- */

static void
a_packet_is_stored_only_behind_the_one_it_expects(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_publish(world, 0, "late");
    assert_int_equal(world->feed.stored, 1);
    assert_int_equal(world->feed.refused, 1);
    assert_non_null(strstr(world->feed.publish_err.message, "wrong last sequence: 1"));
    world_publish(world, 1, "two");
    assert_int_equal(world->feed.stored, 2);
    ask_last(world);
    assert_int_equal(world->feed.last, 2);
    assert_string_equal(world->feed.last_text, "two");
}

static void
behind_one_that_is_refused_all_under_way_are_refused(void **state)
{
    struct world *world = *state;

    publish(world, 0, "one");
    publish(world, 1, "two");
    publish(world, 7, "somebody else's");
    publish(world, 8, "and behind it");
    world_wait_for(world, has_settled, 4);
    assert_int_equal(world->feed.stored, 2);
    assert_int_equal(world->feed.refused, 2);
}

static void
an_empty_stream_has_no_newest_packet(void **state)
{
    struct world *world = *state;

    ask_last(world);
    assert_false(world->feed.has_last);
    assert_int_equal(world->feed.last, 0);
}

static void
who_follows_gets_what_is_there_and_what_comes(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_publish(world, 1, "two");
    follow(world, 0, pgc_wall_us() - INT64_C(300000000));
    world_wait_for(world, has_packets, 2);
    world_publish(world, 2, "three");
    world_wait_for(world, has_packets, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(world->edge.sequences[i], i + 1);
    }
    assert_string_equal(world->edge.text, "three");
    assert_int_equal(world->edge.lost, 0);
    assert_true(pgc_nats_follows(world->edge.nats));
    assert_false(pgc_nats_follows(world->feed.nats));
}

static void
who_follows_from_later_on_gets_nothing_older(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_publish(world, 1, "two");
    follow(world, 0, pgc_wall_us() + INT64_C(300000000));
    wait_until_done(world);
    world_publish(world, 2, "three");
    world_wait_for(world, has_packets, 1);
    assert_int_equal(world->edge.sequences[0], 3);
    follow(world, 2, 0);
    world_wait_for(world, has_packets, 3);
    assert_int_equal(world->edge.sequences[1], 2);
}

static void
a_packet_that_is_gone_is_told(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    follow(world, 0, 1);
    world_wait_for(world, has_packets, 1);
    world_server("stop");
    world_server("forget"); /* the stream that comes is another one, and begins with 1 */
    world_server("start");
    world_wait(world, has_lost);
    assert_int_equal(world->edge.packets, 1);
    assert_non_null(strstr(world->edge.lost_err.message, "does not have packet 2"));
    world_wait(world, are_up_again); /* the feed's end as well */
    world_publish(world, 0, "another one");
    follow(world, 0, 1);
    world_wait_for(world, has_packets, 2);
    assert_string_equal(world->edge.text, "another one");
}

static void
what_is_held_stays_with_the_server_and_comes_in_order(void **state)
{
    enum { COUNT = 160 }; /* 40 MiB: more than may wait on our side */
    struct world *world = *state;
    char *large = pgc_xmalloc(LARGE + 1);

    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    follow(world, 0, 1);
    pgc_nats_hold(world->edge.nats, true);
    for (unsigned i = 0; i < COUNT; i++) {
        world_publish(world, i, large);
    }
    free(large);
    assert_int_equal(world->feed.stored, COUNT);
    assert_int_equal(world->edge.packets, 0);
    pgc_nats_hold(world->edge.nats, false);
    world_wait_for(world, has_packets, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(world->edge.sequences[i], i + 1);
    }
}

/* ---- the connection ---- */

static void
a_server_that_comes_back_is_followed_from_where_it_was(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    follow(world, 0, 1);
    world_wait_for(world, has_packets, 1);
    world_server("stop");
    world_wait(world, are_down);
    publish(world, 1, "into nothing");
    world_wait_for(world, has_settled, 2);
    assert_int_equal(world->feed.unreachable, 1);
    ask(world, "nobody", INT64_C(86400000));
    world_wait_for(world, has_answers, 1); /* at once */
    world_server("start");
    world_wait(world, are_up_again);
    world_publish(world, 1, "two");
    world_wait_for(world, has_packets, 2);
    assert_int_equal(world->edge.sequences[1], 2);
    assert_string_equal(world->edge.text, "two");
    assert_int_equal(world->edge.lost, 0);
}

static void
what_was_under_way_when_the_server_froze_ends(void **state)
{
    struct world *world = *state;

    world_publish(world, 0, "one");
    world_server("freeze");
    publish(world, 1, "two");
    ask(world, "anyone", 60000);
    world_wait(world, are_down);
    world_wait_for(world, has_settled, 2);
    world_wait_for(world, has_answers, 1);
    world_server("thaw");
    assert_int_equal(world->feed.unreachable, 1);
    assert_int_equal(world->edge.failures, 1);
    world_wait(world, are_up_again);
    ask_last(world); /* it was in the server's socket, or it was not */
    assert_in_range(world->feed.last, 1, 2);
}

static void
an_edge_without_a_stream_says_what_is_missing(void **state)
{
    struct world *world = world_new();
    int64_t begun_ms;

    *state = world;
    world_connect(world, &world->edge,
        &(struct pgc_nats_conf){
            .url = getenv("PGC_TEST_NATS"), .prefix = "nothing", .name = "edge"});
    follow(world, 0, 1);
    begun_ms = pgc_monotonic_ms();
    world_wait(world, is_refused_entry);
    /* Each time it waits twice as long, though each time it was connected. */
    assert_in_range(pgc_monotonic_ms() - begun_ms, 100 + 200, WORLD_DEADLINE_MS);
    if (strstr(world->edge.down_err.message, "stream \"nothing\": stream not found") == NULL) {
        fail_msg("%s", world->edge.down_err.message);
    }
    assert_non_null(strstr(world->edge.down_err.hint, "role = feed"));
}

/* Another one may answer where the stream should. */
static void
a_packet_is_stored_only_by_a_stream(void **state)
{
    const struct pgc_nats_bytes bytes = {(const unsigned char *)"one", 3};
    struct world *world = world_new();

    *state = world;
    world_connect(world, &world->feed,
        &(struct pgc_nats_conf){
            .url = getenv("PGC_TEST_NATS"), .prefix = world->prefix, .name = "no stream"});
    world_wait(world, is_connected);
    pgc_nats_publish(world->feed.nats, 0, &bytes, 0);
    world_wait_for(world, has_settled, 1);
    assert_int_equal(world->feed.unreachable, 1);
    assert_non_null(strstr(world->feed.publish_err.message, "no server keeps the stream"));
    pgc_nats_serve(world->feed.nats, "batch");
    pgc_nats_publish(world->feed.nats, 0, &bytes, 0);
    world_wait_for(world, has_settled, 2);
    assert_int_equal(world->feed.asked, 1);
    assert_int_equal(world->feed.stored, 0);
}

static void
a_reason_does_not_tell_the_password(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct world *world = world_new();
    int64_t begun_ms = pgc_monotonic_ms();
    char url[128];

    *state = world;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof(url), "nats://me:secret@127.0.0.1:%d,nats://127.0.0.1:%d",
        ntohs(address.sin_port), ntohs(address.sin_port)); /* nobody listens there */
    world_connect(
        world, &world->edge, &(struct pgc_nats_conf){.url = url, .prefix = "test", .name = "edge"});
    world_wait(world, is_refused_entry);
    assert_null(strstr(world->edge.down_err.message, "secret"));
    assert_non_null(strstr(world->edge.down_err.message, "at nats://127.0.0.1:"));
    assert_non_null(strstr(world->edge.down_err.message, ",nats://127.0.0.1:"));
    assert_int_equal(world->edge.ups, 0);
    assert_true(pgc_monotonic_ms() >= begun_ms + 250); /* it waits between two attempts */
    (void)close(fd);
}

/* ---- questions and hearsay ---- */

static void
who_serves_answers_who_asks(void **state)
{
    struct world *world = *state;

    pgc_nats_serve(world->feed.nats, "ask");
    ask_last(world); /* the job behind it is done */
    ask(world, "who", 60000);
    world_wait_for(world, has_answers, 1);
    assert_string_equal(world->edge.answer, "ask? who!");
}

static void
where_nobody_serves_who_asks_learns_it_at_once(void **state)
{
    struct world *world = *state;

    ask(world, "who", INT64_C(86400000));
    world_wait_for(world, has_answers, 1);
    assert_int_equal(world->edge.failures, 1);
    assert_non_null(strstr(world->edge.failure.message, "nobody is there"));
    pgc_nats_serve(world->feed.nats, "ask");
    pgc_nats_cease(world->feed.nats, "ask");
    ask_last(world);
    ask(world, "who", INT64_C(86400000));
    world_wait_for(world, has_answers, 2);
    assert_int_equal(world->edge.failures, 2);
}

static void
an_answer_that_does_not_come_is_not_waited_for(void **state)
{
    struct world *world = *state;

    world->feed.is_mute = true;
    pgc_nats_serve(world->feed.nats, "ask");
    ask_last(world);
    ask(world, "who", 50);
    world_wait_for(world, has_answers, 1);
    assert_int_equal(world->edge.failures, 1);
    assert_non_null(strstr(world->edge.failure.message, "no answer"));
    ask(world, "who", INT64_C(86400000));
    ask(world, "who", 50);
    ask(world, "who", 100);
    world_wait_for(world, has_answers, 3);
}

static void
news_reach_who_listens_also_after_a_restart(void **state)
{
    struct world *world = *state;
    const struct pgc_nats_bytes news = {(const unsigned char *)"hear", 4};

    pgc_nats_listen(world->edge.nats, "news");
    world_server("stop");
    world_server("start");
    world_wait(world, are_up_again);
    wait_until_done(world);
    pgc_nats_tell(world->feed.nats, "news", &news);
    world_wait(world, is_told);
    assert_string_equal(world->edge.told_what, "news");
    assert_string_equal(world->edge.told_text, "hear");
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define ALONE_TEST(name) cmocka_unit_test_teardown(name, world_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_packet_is_stored_only_behind_the_one_it_expects),
        WORLD_TEST(behind_one_that_is_refused_all_under_way_are_refused),
        WORLD_TEST(an_empty_stream_has_no_newest_packet),
        WORLD_TEST(who_follows_gets_what_is_there_and_what_comes),
        WORLD_TEST(who_follows_from_later_on_gets_nothing_older),
        WORLD_TEST(a_packet_that_is_gone_is_told),
        WORLD_TEST(what_is_held_stays_with_the_server_and_comes_in_order),
        WORLD_TEST(a_server_that_comes_back_is_followed_from_where_it_was),
        WORLD_TEST(what_was_under_way_when_the_server_froze_ends),
        WORLD_TEST(who_serves_answers_who_asks),
        WORLD_TEST(where_nobody_serves_who_asks_learns_it_at_once),
        WORLD_TEST(an_answer_that_does_not_come_is_not_waited_for),
        WORLD_TEST(news_reach_who_listens_also_after_a_restart),
        ALONE_TEST(an_edge_without_a_stream_says_what_is_missing),
        ALONE_TEST(a_packet_is_stored_only_by_a_stream),
        ALONE_TEST(a_reason_does_not_tell_the_password),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
