/* SPDX-License-Identifier: PostgreSQL */
/* What the feed hands down while all goes well. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "feed_scene.h"
#include "server.h"

enum { WRITERS = 6, EACH_WRITES = 300, PATIENCE_MS = 90000 };

static void
what_was_committed_comes_once_and_in_order(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "begin;"
                    " select pgcable.broadcast('s', '\"a\"');"
                    " select pgcable.broadcast('s', '\"b\"');"
                    " commit");
    run(scene->app, "select pgcable.broadcast('s', '{\"c\": [1, 2]}')");
    wait_for_messages(scene, 3);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"a\" \"b\" {\"c\": [1, 2]} ");
}

static void
what_was_rolled_back_never_comes(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "begin; select pgcable.broadcast('s', '\"never\"'); rollback");
    run(scene->app, "begin;"
                    " select pgcable.broadcast('s', '\"a\"');"
                    " savepoint x; select pgcable.broadcast('s', '\"never\"'); rollback to x;"
                    " select pgcable.broadcast('s', '\"b\"');"
                    " commit");
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"a\" \"b\" ");
}

static void
a_transaction_that_commits_late_comes_late_and_whole(void **state)
{
    struct scene *scene = *state;
    PGconn *slow = connect_app();

    run(slow, "begin; select pgcable.broadcast('s', '\"slow 1\"')");
    run(scene->app, "select pgcable.broadcast('s', '\"fast\"')");
    wait_for_messages(scene, 1);
    run(slow, "select pgcable.broadcast('s', '\"slow 2\"'); commit");
    wait_for_messages(scene, 3);
    assert_string_equal(pgc_buf_str(&scene->heard), "\"fast\" \"slow 1\" \"slow 2\" ");
    PQfinish(slow);
}

static void
a_large_transaction_comes_in_pieces_and_in_order(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('s', to_jsonb(i)) from generate_series(1, 10000) i");
    wait_for_messages(scene, 10000);
    assert_int_equal(scene->last_number, 10000);
    assert_int_equal(scene->pieces, 10000 / 1024);
    assert_int_equal(scene->largest, 1024);
    assert_int_equal(scene->reloads, 0);
}

static void *
write_much(void *arg)
{
    const int *writer = arg;
    PGconn *conn = connect_app();
    char sql[256];

    for (int number = 1; number <= EACH_WRITES; number++) {
        snprintf(sql, sizeof(sql),
            "begin; select pgcable.broadcast('s', '\"%d %d\"');"
            " savepoint x; select pgcable.broadcast('s', '\"never\"'); rollback to x; %s",
            *writer, number, number % 3 == 0 ? "select pg_sleep(0.001); commit" : "commit");
        run(conn, sql);
        run(conn, "begin; select pgcable.broadcast('s', '\"never\"'); rollback");
    }
    PQfinish(conn);
    return NULL;
}

static void
each_of_many_writers_is_heard_in_order(void **state)
{
    struct scene *scene = *state;
    pthread_t threads[WRITERS];
    int writers[WRITERS];
    int last[WRITERS] = {0};
    const char *text;

    for (int i = 0; i < WRITERS; i++) {
        writers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, write_much, &writers[i]), 0);
    }
    wait_for_messages(scene, (size_t)WRITERS * EACH_WRITES);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    text = pgc_buf_str(&scene->heard);
    for (size_t i = 0; i < scene->messages; i++) {
        char *end;
        long writer = strtol(text + 1, &end, 10); /* "3 17" */

        assert_in_range(writer, 0, WRITERS - 1);
        assert_int_equal(strtol(end, &end, 10), ++last[writer]);
        assert_memory_equal(end, "\" ", 2);
        text = end + 2;
    }
}

#define LAST_POLL                                                                                  \
    "select state_change as at from pg_stat_activity"                                              \
    " where application_name like 'pgcable/%' and state = 'idle' and query like '%advance(%'"

static bool
has_slept_for_a_while(struct scene *scene)
{
    return is_sql_true(scene->app,
        "select exists (" LAST_POLL " and state_change < clock_timestamp() - interval '1 second')");
}

/* The feed polls again 5 s after its last poll: who is read earlier has woken it.  On a busy
 * machine the writer may come too late for that, so he tries again; a feed that only polls never
 * passes. */
static void
a_sleeping_feed_is_woken_by_the_writer(void **state)
{
    struct scene *scene = *state;
    int64_t deadline_ms = pgc_monotonic_ms() + PATIENCE_MS;
    bool woken = false;

    while (!woken) {
        assert_true(pgc_monotonic_ms() < deadline_ms);
        wait_for(scene, has_slept_for_a_while);
        run(scene->app, "create temp table last_poll as " LAST_POLL);
        run(scene->app, "select pgcable.broadcast('s', '\"ding\"')");
        wait_for_messages(scene, scene->messages + 1);
        woken = is_sql_true(scene->app, "select coalesce(max(tick.at) - max(last_poll.at)"
                                        " < interval '4.5 s', false)"
                                        " from pgcable.tick, last_poll");
        run(scene->app, "drop table last_poll");
    }
}

/* The batch is read again from its start; what went down already must not go down twice. */
static void
ticks_of_another_daemon_are_read_one_by_one(void **state)
{
    struct scene *scene = *state;
    PGconn *other = connect_app();

    for (int i = 1; i <= 30; i++) {
        run(scene->app, "select pgcable.broadcast('s', '\"x\"')");
        run(other, "select pgcable.advance()");
    }
    wait_for_messages(scene, 30);
    assert_int_equal(scene->reloads, 0);
    PQfinish(other);
}

/* Two daemons would see the same ticks; here a second feed begins while the first goes on. */
static void
a_feed_that_starts_later_sends_only_what_comes_then(void **state)
{
    struct scene *scene = *state;
    struct scene *late;

    run(scene->app, "select pgcable.broadcast('s', '\"early\"')");
    wait_for_messages(scene, 1);
    late = scene_new(server_dsn());
    open_worker(late);
    wait_for(late, is_ready);
    run(scene->app, "select pgcable.broadcast('s', '\"late\"')");
    wait_for_messages(late, 1);
    wait_for_messages(scene, 2);
    assert_string_equal(pgc_buf_str(&late->heard), "\"late\" ");
    assert_int_equal(late->tick, scene->tick);
    scene_free(late);
}

static void
requests_for_access_are_answered_after_the_rows_before_them(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "create table member (id int primary key);"
                    "create table membership (id int primary key, room_id int, user_id int);"
                    "create table room (id int primary key);"
                    "insert into member values (42); insert into room values (7);"
                    "insert into membership values (1, 7, 42);"
                    "select pgcable.attach('member', 'member');"
                    "select pgcable.attach('room', 'room');"
                    "select pgcable.attach('participant', 'membership',"
                    " '{\"chat_room_id\": \"room_id\", \"community_member_id\": \"user_id\"}')");
    pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(1, PGC_STREAM_MEMBER, "42", NULL, NULL));
    scene->wanted = 1;
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "chat-room-channel-42");
    assert_string_equal(scene->topics, "room-members:7 ");
    pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(2, PGC_STREAM_ROOM, "42", "7", NULL));
    scene->wanted = 2;
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "chat-room-7-channel");
    pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(3, PGC_STREAM_ROOM, "43", "7", NULL));
    scene->wanted = 3;
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "(refused)");
    pgc_port_take_up_ask(
        scene->ports[0], pgc_ask_new(4, PGC_STREAM_ROOM, "42'); drop", "99999999999999", NULL));
    scene->wanted = 4;
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "(refused)");
}

#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FEED(what_was_committed_comes_once_and_in_order),
        WITH_FEED(what_was_rolled_back_never_comes),
        WITH_FEED(a_transaction_that_commits_late_comes_late_and_whole),
        WITH_FEED(a_large_transaction_comes_in_pieces_and_in_order),
        WITH_FEED(each_of_many_writers_is_heard_in_order),
        WITH_FEED(a_sleeping_feed_is_woken_by_the_writer),
        WITH_FEED(ticks_of_another_daemon_are_read_one_by_one),
        WITH_FEED(a_feed_that_starts_later_sends_only_what_comes_then),
        WITH_FEED(requests_for_access_are_answered_after_the_rows_before_them),
    };
    int status = scene_begin();

    return status != 0 ? status : cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
