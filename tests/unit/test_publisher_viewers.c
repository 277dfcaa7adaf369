/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "publisher_scene.h"

/* ---- what is waited for ---- */

static bool
has_viewer(const struct world *world)
{
    (void)world;
    return pgc_port_has_viewer(the_scene->one.port, "7");
}

static bool
has_another_viewer(const struct world *world)
{
    (void)world;
    return pgc_port_has_viewer(the_scene->one.port, "8");
}

static bool
has_no_viewer(const struct world *world)
{
    return !has_viewer(world);
}

static bool
edge_is_forgotten(const struct world *world)
{
    const struct daemon *one = &the_scene->one;

    return has_no_viewer(world) && pgc_metrics_total(one->metrics, "pgcable_bus_edges") == 0;
}

static bool
roll_is_called(const struct world *world)
{
    return ++the_scene->peeks >= world->target; /* it was due before the second */
}

static bool
two_has_viewer(const struct world *world)
{
    (void)world;
    return pgc_port_has_viewer(the_scene->two.port, "7");
}

/* ---- viewers ---- */

static void
tell_viewers(struct scene *scene, uint64_t round, bool is_last, const char *member, bool listens)
{
    struct codec_viewer viewer = {.listens = listens};
    struct codec_viewers viewers = {.edge = 99, .round = round, .is_last = is_last};
    struct pgc_buf bytes = {0};

    if (member != NULL) {
        viewer.member = pgc_xstrdup(member);
        viewers.viewers = &viewer;
        viewers.count = 1;
    }
    pgc_codec_write_viewers(&bytes, &viewers);
    pgc_nats_tell(scene->world->edge.nats, "viewers",
        &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
    pgc_buf_fini(&bytes);
    free(viewer.member);
}

static void
the_feed_hears_who_listens_on_an_edge(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1); /* the edge is connected */
    tell_viewers(scene, 0, false, "7", true);
    world_wait(scene->world, has_viewer);
    tell_viewers(scene, 0, false, "7", false);
    world_wait(scene->world, has_no_viewer);
    tell_viewers(scene, 1, true, "7", true);
    world_wait(scene->world, has_viewer);
    tell_viewers(scene, 2, false, "8", true);
    world_wait(scene->world, has_another_viewer);
    assert_true(has_viewer(scene->world)); /* the round is not over */
    tell_viewers(scene, 2, true, NULL, false);
    world_wait(scene->world, has_no_viewer);
    ask_access(scene); /* that alone makes a viewer */
    assert_true(has_viewer(scene->world));
}

static void
an_edge_of_which_nothing_is_heard_is_forgotten(void **state)
{
    struct scene *scene = *state;
    struct pgc_publisher *publisher = scene->one.publisher;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    tell_viewers(scene, 0, false, "7", true);
    world_wait(scene->world, has_viewer);
    pgc_timer_set(publisher->roll_call, 0);
    world_wait_for(scene->world, roll_is_called, 3);
    assert_true(has_viewer(scene->world));
    publisher->edge_patience_ms = 0;
    world_wait(scene->world, edge_is_forgotten);
}

/* It may be connected later than the edge is. */
static bool
two_knows_the_edge(const struct world *world)
{
    int64_t now_ms = pgc_monotonic_ms();

    (void)world;
    if (now_ms - the_scene->told_ms > 200) {
        the_scene->told_ms = now_ms;
        tell_viewers(the_scene, 0, false, "7", true);
    }
    return pgc_metrics_total(the_scene->two.metrics, "pgcable_bus_edges") == 1;
}

static void
who_stands_by_knows_who_listens(void **state)
{
    struct scene *scene = *state;

    daemon_start(scene, &scene->two);
    world_wait(scene->world, two_knows_the_edge);
    daemon_lead(scene, &scene->two, 2);
    world_wait(scene->world, two_has_viewer);
}

/* ---- who leads ---- */

static bool
edge_is_told_of_tick_5(const struct world *world)
{
    const struct end *edge = &world->edge;
    struct codec_place place;

    if (edge->told == 0) {
        return false;
    }
    assert_string_equal(edge->told_what, "lead");
    assert_true(pgc_codec_read_place(edge->told_text, edge->told_length, CODEC_LEAD, &place, NULL));
    assert_in_range(place.tick, 0, 5);
    return place.tick == 5;
}

static void
edges_are_told_what_the_stream_has_whole(void **state)
{
    struct scene *scene = *state;

    pgc_nats_listen(scene->world->edge.nats, "lead");
    hand_down_tick(&scene->one, 5, 10);
    hand_down(&scene->one, batch_of(6, false));
    world_wait_for(scene->world, has_pieces, 2);
    world_wait(scene->world, edge_is_told_of_tick_5);
    scene->world->edge.told = 0;
    world_wait(scene->world, edge_is_told_of_tick_5); /* and again */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(the_feed_hears_who_listens_on_an_edge),
        SCENE_TEST(an_edge_of_which_nothing_is_heard_is_forgotten),
        SCENE_TEST(who_stands_by_knows_who_listens),
        SCENE_TEST(edges_are_told_what_the_stream_has_whole),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
