/* SPDX-License-Identifier: PostgreSQL */
/* A feed that goes on behind what another one handed on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "feed_scene.h"
#include "server.h"

/* Two ticks, the second one with 1 and 2, are handed on; then it ends. */
static struct pgc_feed_after
live_before(void)
{
    struct scene *scene = scene_new(server_dsn());
    struct pgc_feed_after after = {.is_whole = true};

    scene->app = connect_app();
    open_worker(scene);
    wait_for(scene, is_ready);
    run(scene->app, "select pgcable.broadcast('s', '\"old\"')");
    wait_for_messages(scene, 1);
    run(scene->app, "begin; select pgcable.broadcast('s', '1'); select pgcable.broadcast('s', '2');"
                    " commit");
    wait_for_messages(scene, 3);
    after.tick = scene->tick;
    after.nonce = scene->nonce;
    run(scene->app, "select pgcable.broadcast('s', '3')");
    scene_free(scene);
    return after;
}

static struct scene *
begin_behind(const struct pgc_feed_after *after)
{
    struct scene *scene = scene_new_behind(server_dsn(), after);

    scene->app = connect_app();
    open_worker(scene);
    return scene;
}

static void
behind_a_whole_tick_comes_the_next_one(void **state)
{
    struct pgc_feed_after after = live_before();
    struct scene *scene = begin_behind(&after);

    (void)state;
    scene->last_number = 2;
    wait_for_messages(scene, 1);
    assert_int_equal(scene->last_number, 3);
    wait_for(scene, is_ready);
    assert_int_equal(scene->begins, 0);
    assert_int_equal(scene->reloads, 0);
    scene_free(scene);
}

static void
a_half_tick_comes_once_more(void **state)
{
    struct pgc_feed_after after = live_before();
    struct scene *scene;

    (void)state;
    after.is_whole = false;
    scene = begin_behind(&after);
    wait_for_messages(scene, 3);
    assert_int_equal(scene->last_number, 3);
    assert_string_equal(pgc_buf_str(&scene->heard), "");
    assert_int_equal(scene->begins, 0);
    assert_int_equal(scene->reloads, 0);
    scene_free(scene);
}

/* What no tick has yet comes behind the reload. */
static void
assert_reloads(const struct pgc_feed_after *after, size_t messages)
{
    struct scene *scene = begin_behind(after);

    scene->last_number = 2;
    wait_for(scene, has_reloaded);
    run(scene->app, "select pgcable.broadcast('s', '\"new\"')");
    wait_for_messages(scene, messages);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"new\" ");
    assert_int_equal(scene->reloads, 1);
    scene_free(scene);
}

static void
another_history_is_told_and_begun_at_its_end(void **state)
{
    struct pgc_feed_after after = live_before();

    (void)state;
    after.nonce++;
    assert_reloads(&after, 2); /* 3, too */
    after.nonce--;
    after.tick += 1000; /* not made yet, or made and lost */
    assert_reloads(&after, 1);
}

static void
nothing_handed_on_is_no_place(void **state)
{
    struct pgc_feed_after after = {.is_whole = true};
    struct scene *scene = begin_behind(&after);

    (void)state;
    wait_for(scene, is_ready);
    assert_int_equal(scene->begins, 1);
    assert_int_equal(scene->reloads, 0);
    scene_free(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_a_whole_tick_comes_the_next_one),
        cmocka_unit_test(a_half_tick_comes_once_more),
        cmocka_unit_test(another_history_is_told_and_begun_at_its_end),
        cmocka_unit_test(nothing_handed_on_is_no_place),
    };
    int status = scene_begin();

    return status != 0 ? status : cmocka_run_group_tests(tests, NULL, NULL);
}
