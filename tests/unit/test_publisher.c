/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "publisher_scene.h"

/* ---- what is waited for ---- */

static bool
is_clogged(const struct world *world)
{
    return pgc_port_depth(the_scene->one.port) >= world->target;
}

static bool
has_queued(const struct world *world)
{
    return the_scene->one.publisher->queue.count == world->target;
}

static bool
one_has_taken_all(const struct world *world)
{
    (void)world;
    return pgc_port_depth(the_scene->one.port) == 0;
}

static bool
one_is_ready(const struct world *world)
{
    return !one_is_down(world);
}

static bool
two_is_fenced(const struct world *world)
{
    (void)world;
    return the_scene->two.fences > 0;
}

static bool
two_greets(const struct world *world)
{
    (void)world;
    return the_scene->two.publisher->state == PUBLISHER_GREETING;
}

static bool
two_has_found(const struct world *world)
{
    (void)world;
    return the_scene->two.founds > 0;
}

/* ---- pieces ---- */

static void
what_comes_down_the_port_comes_out_of_the_stream(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(scene->one.place.tick, 0);
    assert_true(scene->one.place.is_whole);
    hand_down_beginning(&scene->one, 10);
    hand_down(&scene->one, batch_of(10, false)); /* rights, behind it */
    hand_down(&scene->one, batch_of(11, false));
    hand_down_tick(&scene->one, 11, 10);
    hand_down(&scene->one, batch_of(11, false));
    hand_down_tick(&scene->one, 12, 10);
    world_wait_for(scene->world, has_pieces, 6);
    assert_piece(scene, 0, 10, 0);
    assert_true(scene->pieces[0].head.begins);
    assert_piece(scene, 1, 10, 1);
    assert_true(scene->pieces[1].head.late);
    assert_piece(scene, 2, 11, 0);
    assert_false(scene->pieces[2].head.late);
    assert_piece(scene, 3, 11, 1);
    assert_true(scene->pieces[3].head.ends);
    assert_piece(scene, 4, 11, 2);
    assert_true(scene->pieces[4].head.late);
    assert_piece(scene, 5, 12, 0);
    world_wait_for(scene->world, one_is_at, 12);
}

static void
a_large_piece_travels_in_fragments(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 3000000);
    world_wait_for(scene->world, has_pieces, 1);
    assert_int_equal(scene->pieces[0].head.fragments, 12);
    assert_int_equal(scene->pieces[0].ops, 1);
    assert_int_equal(scene->world->edge.packets, 12);
}

static void
a_server_that_goes_and_comes_loses_and_doubles_nothing(void **state)
{
    enum { TICKS = 300 };
    struct scene *scene = *state;
    int64_t tick = 0;

    for (unsigned stops = 0; stops < 3; stops++) {
        for (unsigned i = 0; i < TICKS / 3; i++) {
            hand_down_tick(&scene->one, ++tick, 1000);
        }
        world_wait_for(scene->world, has_pieces, (unsigned)tick - 90);
        world_server("stop");
        world_wait(scene->world, one_is_down);
        world_server("start");
    }
    world_wait_for(scene->world, one_is_at, TICKS);
    world_wait_for(scene->world, has_pieces, TICKS);
    assert_int_equal(scene->count, TICKS);
    assert_int_equal(scene->world->edge.packets, TICKS);
    for (unsigned i = 0; i < TICKS; i++) {
        assert_piece(scene, i, i + 1, 0);
        assert_int_equal(scene->world->edge.sequences[i], i + 1);
    }
    assert_int_equal(scene->one.fences, 0);
}

static void
without_a_server_the_feed_has_to_wait(void **state)
{
    struct scene *scene = *state;

    world_server("stop");
    world_wait(scene->world, one_is_down);
    for (int64_t tick = 1; tick <= 100; tick++) {
        hand_down_tick(&scene->one, tick, 10);
    }
    world_wait_for(scene->world, is_clogged, 100);
    world_server("start");
    world_wait_for(scene->world, one_is_at, 100);
    assert_int_equal(pgc_port_depth(scene->one.port), 0);
}

static void
only_so_many_packets_are_under_way(void **state)
{
    struct scene *scene = *state;

    world_server("freeze");
    for (int64_t tick = 1; tick <= 100; tick++) {
        hand_down_tick(&scene->one, tick, 10);
    }
    world_wait_for(scene->world, has_queued, 100);
    assert_in_range(scene->one.publisher->queue.under_way, 1, 32);
    world_server("thaw");
    world_wait_for(scene->world, one_is_at, 100);
    world_wait_for(scene->world, has_pieces, 100);
    assert_int_equal(scene->world->edge.packets, 100);
}

/* The server reads them when it is thawed, behind the back of who sent them. */
static void
what_was_stored_unheard_is_not_stored_twice(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, one_is_at, 1);
    world_server("freeze");
    hand_down_tick(&scene->one, 2, 10);
    hand_down_tick(&scene->one, 3, 10);
    world_wait(scene->world, one_is_down);
    world_server("thaw");
    world_wait_for(scene->world, one_is_at, 3);
    hand_down_tick(&scene->one, 4, 10);
    world_wait_for(scene->world, has_pieces, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_piece(scene, i, i + 1, 0);
    }
    assert_int_equal(scene->world->edge.packets, 4);
    assert_int_equal(scene->one.fences, 0);
}

static void
who_rests_forgets_what_was_not_sent(void **state)
{
    struct scene *scene = *state;
    struct pgc_bus_status status;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, one_is_at, 1);
    world_server("stop");
    world_wait(scene->world, one_is_down);
    hand_down_tick(&scene->one, 2, 10);
    world_wait_for(scene->world, has_queued, 1);
    pgc_publisher_rest(scene->one.publisher);
    pgc_publisher_status(scene->one.publisher, &status);
    assert_int_equal(status.waiting, 0);
    world_server("start");
    daemon_lead(scene, &scene->one, 2);
    assert_int_equal(scene->one.place.tick, 1);
    hand_down_tick(&scene->one, 2, 10);
    hand_down_tick(&scene->one, 3, 10);
    world_wait_for(scene->world, has_pieces, 3);
    assert_piece(scene, 1, 2, 0);
    assert_piece(scene, 2, 3, 0);
}

/* ---- takeover ---- */

static void
a_new_leader_goes_on_and_the_old_one_is_fenced(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    hand_down_tick(&scene->one, 2, 10);
    world_wait_for(scene->world, has_pieces, 2);
    daemon_start(scene, &scene->two);
    daemon_lead(scene, &scene->two, 2);
    assert_int_equal(scene->two.place.tick, 2);
    assert_int_equal(scene->two.place.nonce, NONCE);
    assert_true(scene->two.place.is_whole);
    hand_down(&scene->two, batch_of(2, false));
    hand_down_tick(&scene->two, 3, 10);
    world_wait_for(scene->world, has_pieces, 4);
    hand_down_tick(&scene->one, 3, 20);
    hand_down_tick(&scene->one, 4, 20);
    world_wait(scene->world, one_is_fenced);
    hand_down_tick(&scene->two, 4, 10);
    world_wait_for(scene->world, has_pieces, 5);
    assert_int_equal(scene->world->edge.packets, 5);
    assert_piece(scene, 2, 2, 0);
    assert_true(scene->pieces[2].head.late);
    assert_piece(scene, 3, 3, 0);
    assert_piece(scene, 4, 4, 0);
    assert_int_equal(scene->pieces[4].head.term, 2);
    assert_non_null(strstr(scene->one.why.message, "none of ours"));
    assert_int_equal(scene->one.publisher->queue.count, 0);
    hand_down_tick(&scene->one, 5, 20); /* its feed has not heard yet */
    world_wait(scene->world, one_has_taken_all);
    assert_int_equal(scene->one.publisher->queue.count, 0);
    assert_int_equal(scene->one.fences, 1);
    assert_int_equal(scene->two.fences, 0);
}

static void
a_leader_that_was_fenced_may_lead_again(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    daemon_start(scene, &scene->two);
    daemon_lead(scene, &scene->two, 1);
    hand_down(&scene->two, batch_of(2, false));
    world_wait_for(scene->world, has_pieces, 2);
    hand_down_tick(&scene->one, 2, 10);
    world_wait(scene->world, one_is_fenced);
    daemon_lead(scene, &scene->one, 1);
    assert_int_equal(scene->one.place.tick, 2);
    assert_false(scene->one.place.is_whole);
    hand_down_tick(&scene->one, 2, 10);
    world_wait_for(scene->world, has_pieces, 3);
    assert_int_equal(scene->pieces[0].head.term, 1);
    assert_int_equal(scene->pieces[1].head.term, 2);
    assert_int_equal(scene->pieces[2].head.term, 3);
    assert_piece(scene, 2, 2, 0);
}

static void
rights_behind_a_tick_leave_it_whole(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    hand_down(&scene->one, batch_of(1, false));
    world_wait_for(scene->world, has_pieces, 2);
    daemon_start(scene, &scene->two);
    daemon_lead(scene, &scene->two, 2);
    assert_int_equal(scene->two.place.tick, 1);
    assert_true(scene->two.place.is_whole);
}

/* Who sent them ended before the last fragment. */
static void
a_part_of_rights_behind_a_tick_leaves_it_whole(void **state)
{
    const struct codec_packet packet = {.term = 1,
        .tick = 1,
        .nonce = NONCE,
        .piece = 1,
        .fragments = 2,
        .late = true,
        .bytes = (const unsigned char *)"",
        .length = 1};
    struct scene *scene = *state;
    struct pgc_buf bytes = {0};

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    pgc_codec_write_packet(&bytes, &packet);
    add_packet(scene, 1, &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
    pgc_buf_fini(&bytes);
    daemon_start(scene, &scene->two);
    daemon_lead(scene, &scene->two, 2);
    assert_int_equal(scene->two.place.tick, 1);
    assert_true(scene->two.place.is_whole);
}

static void
who_takes_over_hears_first_who_listens(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    daemon_start(scene, &scene->two);
    daemon_stand(scene, &scene->two, 2);
    world_wait(scene->world, two_greets);
    assert_int_equal(scene->two.founds, 0);
    world_wait(scene->world, two_has_found);
    scene->two.publisher->up_ms -= 60000; /* all have told by themselves */
    daemon_lead(scene, &scene->two, 3);
    assert_int_equal(scene->two.place.tick, 1);
}

static void
who_has_sent_nothing_yet_goes_on_when_the_server_is_back(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, one_is_at, 1);
    daemon_lead(scene, &scene->one, 2);
    world_server("stop");
    world_wait(scene->world, one_is_down);
    world_server("start");
    world_wait(scene->world, one_is_ready);
    hand_down_tick(&scene->one, 2, 10);
    world_wait_for(scene->world, one_is_at, 2);
    assert_int_equal(scene->one.fences, 0);
}

static void
a_stream_that_ends_with_nonsense_is_not_gone_on_with(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    add_garbage(scene, 1);
    daemon_start(scene, &scene->two);
    daemon_stand(scene, &scene->two, 2);
    world_wait(scene->world, two_is_fenced);
    assert_int_equal(scene->two.founds, 0);
    assert_non_null(strstr(scene->two.why.hint, "delete the stream"));
}

/* As many packets as before, and none of ours. */
static void
another_stream_of_the_same_length_is_not_gone_on_with(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, one_is_at, 1);
    world_server("stop");
    world_server("forget");
    world_server("start");
    add_garbage(scene, 0);
    world_wait(scene->world, one_is_fenced);
}

static void
a_stream_that_is_another_one_is_not_gone_on_with(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, one_is_at, 1);
    world_server("stop");
    world_server("forget");
    world_server("start");
    world_wait(scene->world, one_is_fenced);
    daemon_lead(scene, &scene->one, 2);
    assert_int_equal(scene->one.place.tick, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(what_comes_down_the_port_comes_out_of_the_stream),
        SCENE_TEST(a_large_piece_travels_in_fragments),
        SCENE_TEST(a_server_that_goes_and_comes_loses_and_doubles_nothing),
        SCENE_TEST(without_a_server_the_feed_has_to_wait),
        SCENE_TEST(only_so_many_packets_are_under_way),
        SCENE_TEST(what_was_stored_unheard_is_not_stored_twice),
        SCENE_TEST(who_rests_forgets_what_was_not_sent),
        SCENE_TEST(a_new_leader_goes_on_and_the_old_one_is_fenced),
        SCENE_TEST(a_leader_that_was_fenced_may_lead_again),
        SCENE_TEST(rights_behind_a_tick_leave_it_whole),
        SCENE_TEST(a_part_of_rights_behind_a_tick_leaves_it_whole),
        SCENE_TEST(who_takes_over_hears_first_who_listens),
        SCENE_TEST(who_has_sent_nothing_yet_goes_on_when_the_server_is_back),
        SCENE_TEST(a_stream_that_ends_with_nonsense_is_not_gone_on_with),
        SCENE_TEST(another_stream_of_the_same_length_is_not_gone_on_with),
        SCENE_TEST(a_stream_that_is_another_one_is_not_gone_on_with),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
