/* SPDX-License-Identifier: PostgreSQL */
/* What the feed does when something is lost, missing, broken or slow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/migrate.h"

#include "feed_scene.h"
#include "server.h"

static void
a_lost_connection_loses_nothing_and_repeats_nothing(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 4; i++) { /* each time the connections come back more slowly */
        run(scene->app, "select pgcable.broadcast('s', '\"x\"')");
        kill_connections(scene);
        run(scene->app, "select pgcable.broadcast('s', '\"y\"')");
        wait_for_messages(scene, (size_t)i * 2 + 2);
    }
    assert_int_equal(scene->reloads, 0);
}

static void
a_connection_lost_in_the_middle_of_a_batch_goes_on_where_it_was(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', to_jsonb(i)) from generate_series(1, 50000) i");
    for (scene->wanted = 5000; scene->wanted < 50000; scene->wanted += 15000) {
        wait_for(scene, has_messages);
        assert_true(scene->messages < 50000);
        kill_connections(scene);
    }
    wait_for_messages(scene, 50000);
    assert_int_equal(scene->last_number, 50000);
    assert_int_equal(scene->reloads, 0);
}

static void
attach_posts(struct scene *scene)
{
    run(scene->app, "create table post (id int primary key, room_id int, user_id int, body text,"
                    " created_at timestamptz default now());"
                    "select pgcable.attach('message', 'post',"
                    " '{\"chat_room_id\": \"room_id\", \"community_member_id\": \"user_id\"}')");
}

/* Its rows wait in the builder for facts that were asked of the connection that is gone. */
static void
a_connection_lost_while_facts_are_fetched_costs_nothing(void **state)
{
    struct scene *scene = *state;
    size_t each;

    attach_posts(scene);
    run(scene->app, "insert into post values (0, 7, 42, 'hello')");
    scene->wanted = 1;
    wait_for(scene, has_messages);
    each = scene->messages;
    run(scene->app, "insert into post select i, 7, 42, 'hello' from generate_series(1, 5000) i");
    for (size_t rows = 600; rows < 5000; rows += 1500) {
        scene->wanted = each * rows;
        wait_for(scene, has_messages);
        kill_connections(scene);
    }
    wait_for_messages(scene, each * 5001);
    run(scene->app, "select pgcable.detach('message'); drop table post");
}

static bool
waits_for_a_lock(struct scene *scene)
{
    return is_sql_true(scene->app, "select exists (select from pg_stat_activity"
                                   " where application_name like 'pgcable/%'"
                                   " and wait_event_type = 'Lock')");
}

/* The database may have another past now: here a name that no trigger saw being changed. */
static void
what_was_known_of_a_sender_does_not_outlive_the_connection(void **state)
{
    struct scene *scene = *state;
    PGconn *other = connect_app();

    run(scene->app, "create table person (id int primary key, name text);"
                    "insert into person values (1, 'Ann'), (2, 'Bo');"
                    "select pgcable.attach('member', 'person')");
    attach_posts(scene);
    run(scene->app, "insert into post values (1, 7, 1, 'hello')");
    scene->wanted = 1;
    wait_for(scene, has_messages);
    run(other, "begin; lock table person");
    run(scene->app, "insert into post values (2, 7, 1, 'you'), (3, 7, 2, 'there')");
    wait_for(scene, waits_for_a_lock); /* while it asks who wrote the third */
    assert_null(strstr(pgc_buf_str(&scene->heard), "\"you\""));
    run(other, "set local session_replication_role = replica;"
               "update person set name = 'Zoe' where id = 1");
    kill_connections(scene);
    run(other, "commit");
    wait_for_messages(scene, scene->messages * 3);
    assert_non_null(strstr(pgc_buf_str(&scene->heard), "\"Ann\""));
    assert_non_null(strstr(pgc_buf_str(&scene->heard), "\"Zoe\""));
    PQfinish(other);
    run(scene->app, "select pgcable.detach('message'); select pgcable.detach('member');"
                    "drop table post, person");
}

static void
a_server_that_crashed_is_read_on_from_where_it_was(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', '\"before\"')");
    PQfinish(scene->app);
    server_crash();
    scene->app = connect_app();
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"before\" \"after\" ");
    assert_int_equal(scene->reloads, 0);
}

static void
another_history_makes_everyone_reload_and_then_goes_on(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', '\"before\"')");
    wait_for_messages(scene, 1);
    run(scene->app, "update pgcable.tick set nonce = gen_random_uuid()");
    kill_connections(scene);
    wait_for(scene, has_reloaded);
    run(scene->app, "select pgcable.broadcast('s', '\"after\"')");
    wait_for_messages(scene, 2);
    assert_int_equal(scene->reloads, 1);
}

static bool
is_held_back(struct scene *scene)
{
    return pgc_port_depth(scene->ports[0]) > PORT_BOUND;
}

static void
a_slow_worker_holds_the_feed_back_and_loses_nothing(void **state)
{
    struct scene *scene = scene_new(server_dsn());

    (void)state;
    scene->app = connect_app();
    wait_for(scene, is_ready);
    run(scene->app, "select pgcable.broadcast('s', to_jsonb(i)) from generate_series(1, 120000) i");
    /* The worker's end is not open: nobody takes anything out. */
    wait_for(scene, is_held_back);
    scene->wanted = 0;
    for (int turn = 0; turn < 50; turn++) {
        wait_for(scene, has_messages);
        assert_int_equal(pgc_port_depth(scene->ports[0]), PORT_BOUND + 1);
    }
    open_worker(scene);
    wait_for_messages(scene, 120000);
    assert_int_equal(scene->last_number, 120000);
    scene_free(scene);
}

static void
requests_wait_while_the_database_is_away(void **state)
{
    struct scene *scene = *state;

    kill_connections(scene);
    for (uint64_t ticket = 1; ticket <= 3000; ticket++) {
        pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(ticket, PGC_STREAM_ROOM, "1", "1", NULL));
    }
    kill_connections(scene);
    scene->wanted = 3000;
    wait_for(scene, has_answers);
    assert_int_equal(scene->answers, 3000);
}

static void
a_request_the_database_stumbles_over_is_refused_and_stops_nobody(void **state)
{
    struct scene *scene = *state;

    run(scene->app,
        "alter function pgcable.access(json) rename to access_away;"
        "create function pgcable.access(json) returns table (req int, stream text, topic text)"
        " language plpgsql stable as 'begin raise exception ''stumbled''; end'");
    for (uint64_t ticket = 1; ticket <= 50; ticket++) {
        pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(ticket, PGC_STREAM_ROOM, "1", "1", NULL));
    }
    run(scene->app, "select pgcable.broadcast('s', '\"x\"')");
    wait_for_messages(scene, 1);
    scene->wanted = 50;
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "(refused)");
    assert_true(is_ready(scene));
    run(scene->app, "drop function pgcable.access(json);"
                    "alter function pgcable.access_away(json) rename to access");
}

static bool
complains_of_rights(struct scene *scene)
{
    struct pgc_feed_status status;

    pgc_feed_status(scene->feed, &status);
    return !status.ready && strstr(status.why, "rights") != NULL;
}

/* The mapping and the rights are read while the stream of a tick's rows is paused. */
static void
what_fails_in_the_middle_of_a_tick_is_tried_again(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "alter function pgcable.rights(boolean) rename to rights_away");
    run(scene->app, "select pgcable.broadcast('s', '\"before\"');"
                    "select pgcable.put('mapping', null, null);"
                    "select pgcable.broadcast('s', '\"after\"')");
    wait_for(scene, complains_of_rights);
    run(scene->app, "alter function pgcable.rights_away(boolean) rename to rights");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"before\" \"after\" ");
    assert_int_equal(scene->reloads, 0);
}

static bool
says_migrate(struct scene *scene)
{
    struct pgc_feed_status status;

    pgc_feed_status(scene->feed, &status);
    return !status.ready && strstr(status.why, "run: pgcable migrate") != NULL;
}

static void
a_database_without_our_schema_is_not_ready_and_says_what_to_do(void **state)
{
    PGconn *app = connect_app();
    struct scene *scene;
    char dsn[256];

    (void)state;
    run(app, "create database bare");
    snprintf(dsn, sizeof(dsn), "%s dbname=bare", server_dsn());
    scene = scene_new(dsn);
    scene->app = app;
    open_worker(scene);
    wait_for(scene, says_migrate);
    /* It is found as soon as it is there. */
    assert_true(pgc_migrate_up(dsn, NULL, NULL));
    wait_for(scene, is_ready);
    scene_free(scene);
}

static void
without_facts_events_are_sent_all_the_same_and_complained_of(void **state)
{
    struct scene *scene = *state;
    struct pgc_metric *complaints = pgc_counter(scene->metrics, "pgcable_feed_complaints_total", "",
        "Events that could not be built as they should, and access requests that failed.");

    run(scene->app, "create table message (id int primary key, room_id int, user_id int,"
                    " body text, created_at timestamptz default now());"
                    "select pgcable.attach('message', 'message',"
                    " '{\"chat_room_id\": \"room_id\", \"community_member_id\": \"user_id\"}');"
                    "alter function pgcable.facts(json) rename to facts_away");
    run(scene->app, "insert into message values (981, 7, 42, 'hello')");
    scene->wanted = 1;
    wait_for(scene, has_messages);
    assert_non_null(strstr(pgc_buf_str(&scene->heard), "\"newMessage\""));
    assert_true(pgc_metric_get(complaints) >= 1);
    run(scene->app, "alter function pgcable.facts_away(json) rename to facts;"
                    "select pgcable.detach('message'); drop table message");
}

#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FEED(a_lost_connection_loses_nothing_and_repeats_nothing),
        WITH_FEED(a_connection_lost_in_the_middle_of_a_batch_goes_on_where_it_was),
        WITH_FEED(a_connection_lost_while_facts_are_fetched_costs_nothing),
        WITH_FEED(what_was_known_of_a_sender_does_not_outlive_the_connection),
        WITH_FEED(a_server_that_crashed_is_read_on_from_where_it_was),
        WITH_FEED(another_history_makes_everyone_reload_and_then_goes_on),
        WITH_FEED(what_fails_in_the_middle_of_a_tick_is_tried_again),
        cmocka_unit_test(a_slow_worker_holds_the_feed_back_and_loses_nothing),
        WITH_FEED(requests_wait_while_the_database_is_away),
        WITH_FEED(a_request_the_database_stumbles_over_is_refused_and_stops_nobody),
        cmocka_unit_test(a_database_without_our_schema_is_not_ready_and_says_what_to_do),
        WITH_FEED(without_facts_events_are_sent_all_the_same_and_complained_of),
    };
    int status = scene_begin();

    return status != 0 ? status : cmocka_run_group_tests_name("feed_failure", tests, NULL, NULL);
}
