/* SPDX-License-Identifier: PostgreSQL */
/* Rows come to the feed before their tick is committed; nobody else may know of them until it is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed_scene.h"

/* What happens when a tick is committed, as late as it can. */
static void
at_commit(struct scene *scene, const char *statement)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
        "create function at_commit() returns trigger language plpgsql security definer as $$"
        " begin %s; return null; end $$;"
        "create constraint trigger at_commit after insert on pgcable.tick"
        " deferrable initially deferred for each row execute function at_commit()",
        statement);
    run(scene->app, sql);
}

static bool
has_seen_a_row(struct scene *scene)
{
    return pgc_metric_get(pgc_counter(
               scene->metrics, "pgcable_feed_rows_total", "", "Rows read from the outbox.")) > 0;
}

static bool
is_not_ready(struct scene *scene)
{
    return !is_ready(scene);
}

static void
rows_wait_for_the_commit_of_their_tick(void **state)
{
    struct scene *scene = *state;
    PGconn *other = connect_app();

    at_commit(scene, "perform pg_advisory_xact_lock_shared(1)");
    run(other, "select pg_advisory_lock(1)");
    run(scene->app, "select pgcable.broadcast('s', '\"a\"')");
    wait_for(scene, has_seen_a_row);
    assert_int_equal(scene->messages, 0);
    run(other, "select pg_advisory_unlock(1)");
    wait_for_messages(scene, 1);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"a\" ");
    PQfinish(other);
}

/* The same number, but another tick: what was taken for the first one would be too little. */
static void
a_tick_that_could_not_be_committed_is_forgotten(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "create sequence attempt");
    at_commit(scene, "if nextval('public.attempt') = 1 then"
                     " raise 'not this time'; end if");
    run(scene->app, "select pgcable.broadcast('s', '\"a\"')");
    wait_for(scene, is_not_ready);
    assert_true(has_seen_a_row(scene));
    assert_int_equal(scene->messages, 0);
    run(scene->app, "select pgcable.broadcast('s', '\"b\"')");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"a\" \"b\" ");
    assert_int_equal(scene->reloads, 0);
}

static void
a_connection_lost_before_the_commit_loses_nothing(void **state)
{
    struct scene *scene = *state;
    PGconn *other = connect_app();

    at_commit(scene, "perform pg_advisory_xact_lock_shared(1)");
    run(other, "select pg_advisory_lock(1)");
    run(scene->app, "select pgcable.broadcast('s', '\"a\"')");
    wait_for(scene, has_seen_a_row);
    kill_connections(scene);
    wait_for(scene, is_not_ready);
    run(scene->app, "select pgcable.broadcast('s', '\"b\"')");
    assert_int_equal(scene->messages, 0);
    run(other, "select pg_advisory_unlock(1)");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"a\" \"b\" ");
    assert_int_equal(scene->reloads, 0);
    PQfinish(other);
}

/* The answer must not be taken for one about the tick that is read then. */
static void
a_tick_that_failed_while_facts_were_fetched_is_forgotten(void **state)
{
    struct scene *scene = *state;
    PGconn *other = connect_app();
    size_t each;

    run(scene->app, "create table person (id int primary key, name text);"
                    "create table post (id int primary key, room_id int, user_id int, body text,"
                    " created_at timestamptz default now());"
                    "insert into person values (42, 'Zoe');"
                    "select pgcable.attach('member', 'person');"
                    "select pgcable.attach('message', 'post',"
                    " '{\"chat_room_id\": \"room_id\", \"community_member_id\": \"user_id\"}');"
                    "insert into post values (0, 7, 42, 'hello')");
    scene->wanted = 1;
    wait_for(scene, has_messages);
    each = scene->messages;
    run(scene->app, "create sequence attempts");
    at_commit(scene, "if nextval('public.attempts') <= 2 then raise 'not yet'; end if");
    run(other, "begin; lock table person");
    run(scene->app, "insert into post values (1, 7, 42, 'hello')");
    wait_for(scene, is_not_ready);
    run(other, "rollback");
    run(scene->app, "insert into post values (2, 7, 42, 'hello')");
    wait_for_messages(scene, each * 3);
    assert_int_equal(scene->reloads, 0);
    run(scene->app, "select pgcable.detach('message'), pgcable.detach('member');"
                    "drop table post, person");
    PQfinish(other);
}

static int
teardown(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "drop function at_commit cascade");
    return scene_teardown(state);
}

#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, scene_setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FEED(rows_wait_for_the_commit_of_their_tick),
        WITH_FEED(a_tick_that_could_not_be_committed_is_forgotten),
        WITH_FEED(a_connection_lost_before_the_commit_loses_nothing),
        WITH_FEED(a_tick_that_failed_while_facts_were_fetched_is_forgotten),
    };
    int status = scene_begin();

    return status != 0 ? status : cmocka_run_group_tests_name("feed_ahead", tests, NULL, NULL);
}
