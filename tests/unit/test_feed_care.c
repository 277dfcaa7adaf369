/* SPDX-License-Identifier: PostgreSQL */
/* What the feed makes of rows that were dropped, of pauses, and of canaries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_scene.h"
#include "server.h"

static void
a_tick_that_was_dropped_unread_makes_everyone_reload(void **state)
{
    struct scene *scene = *state;

    /* The loop stands still: the feed sees all of it at once. */
    run(scene->app, "select pgcable.broadcast('s', '\"dropped\"')");
    run(scene->app, "select from pgcable.advance()");
    run(scene->app, "select pgcable.broadcast('s', '\"dropped, too\"')");
    run(scene->app, "select from pgcable.advance()");
    run(scene->app, "truncate pgcable.outbox_0, pgcable.outbox_1, pgcable.outbox_2;"
                    " delete from pgcable.tick where tick < (select max(tick) from pgcable.tick)");
    wait_for(scene, has_reloaded);
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 1);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"after\" ");
    assert_int_equal(scene->reloads, 1);
}

/* The next tick is there, its rows are there, but not the tick that they are counted from. */
static void
a_tick_whose_base_was_dropped_makes_everyone_reload(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', '\"whole?\"')");
    run(scene->app, "select from pgcable.advance()");
    run(scene->app, "delete from pgcable.tick where tick < (select max(tick) from pgcable.tick)");
    wait_for(scene, has_reloaded);
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 1);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"after\" ");
    assert_int_equal(scene->reloads, 1);
}

static void
a_pause_ends_with_a_reload(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', '\"before\"')");
    run(scene->app, "select pgcable.pause()");
    run(scene->app, "select pgcable.broadcast('s', '\"never\"')");
    wait_for_messages(scene, 1);
    assert_int_equal(scene->reloads, 0);
    run(scene->app, "select pgcable.resume()");
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"before\" \"after\" ");
    assert_int_equal(scene->reloads, 1);
}

static void
a_canary_of_another_daemon_is_not_ours_and_no_message(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.canary('somebody else')");
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 1);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"after\" ");
    assert_int_equal(scene->canaries, 0);
}

static bool
has_canaries(struct scene *scene)
{
    return scene->canaries >= 3;
}

static void
our_own_canary_arrives_with_the_end_of_its_tick(void **state)
{
    struct scene *scene = *state;

    scene_free(scene);
    *state = scene = scene_new_with_canary(server_dsn(), 50);
    scene->app = connect_app();
    open_worker(scene);
    wait_for(scene, has_canaries);
    assert_int_equal(scene->messages, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_tick_that_was_dropped_unread_makes_everyone_reload, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(
            a_tick_whose_base_was_dropped_makes_everyone_reload, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(a_pause_ends_with_a_reload, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(
            a_canary_of_another_daemon_is_not_ours_and_no_message, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(
            our_own_canary_arrives_with_the_end_of_its_tick, scene_setup, scene_teardown),
    };
    int status = scene_begin();

    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
