/* SPDX-License-Identifier: PostgreSQL */
/* The past that the feed reads again when it starts, so that clients can go on where they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "feed_scene.h"
#include "server.h"

enum { LONG_S = 300, MUCH = 64 << 20, GUESTS = 256 };

/* All that was handed down has arrived, too. */
static bool
is_caught_up(struct scene *scene)
{
    struct pgc_feed_status status;

    pgc_feed_status(scene->feed, &status);
    return status.ready && status.tick == scene->tick;
}

static struct scene *
begin(int64_t history_s, size_t history_bytes)
{
    struct scene *scene = scene_new_with_past(server_dsn(), history_s, history_bytes);

    scene->app = connect_app();
    open_worker(scene);
    wait_for(scene, is_caught_up);
    return scene;
}

/* ---- the application ---- */

static void
run_file(PGconn *conn, const char *path)
{
    struct pgc_buf sql = {0};
    char chunk[4096];
    size_t length;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    while ((length = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        pgc_buf_add(&sql, chunk, length);
    }
    fclose(file);
    run(conn, pgc_buf_str(&sql));
    pgc_buf_fini(&sql);
}

/* A table that is emptied makes all reload; this keeps the tests apart as well. */
static void
clear_community(PGconn *conn)
{
    run(conn, "truncate community_members, chat_rooms, chat_room_participants, chat_threads,"
              " chat_room_messages, chat_thread_participants, notifications restart identity");
}

static bool
is_told(struct scene *scene)
{
    return strstr(pgc_buf_str(&scene->heard), "\"the end\"") != NULL;
}

static void
wait_for_the_end(struct scene *scene)
{
    pgc_buf_clear(&scene->heard);
    run(scene->app, "select pgcable.broadcast('s', '\"the end\"')");
    wait_for(scene, is_told);
}

/* Each kind of event, transactions side by side, some with several events at their last row. */
static void
live_a_day(struct scene *scene)
{
    PGconn *conn = scene->app;
    PGconn *other = connect_app();

    run(conn, "insert into community_members (name, email)"
              " select 'n' || i, 'e' || i from generate_series(1, 9) i");
    run(conn, "begin;"
              "insert into chat_rooms (name) values ('one'), ('two');"
              "insert into chat_room_participants (chat_room_id, community_member_id)"
              " select r, m from generate_series(1, 2) r, generate_series(1, 9) m;"
              "commit");
    run(other, "begin; insert into chat_room_messages (chat_room_id, chat_room_participant_id,"
               " body) select 1, 1, 'late ' || i from generate_series(1, 20) i");
    run(conn, "insert into chat_room_messages (chat_room_id, chat_room_participant_id, body)"
              " select 2, 10, 'b' || i from generate_series(1, 1200) i");
    wait_for_the_end(scene);
    run(other, "insert into notifications (community_member_id, action)"
               " select m % 9 + 1, 'x' from generate_series(1, 700) m; commit");
    run(conn, "update chat_room_messages set body = body || '!' where id % 3 = 0;"
              "update chat_room_messages set deleted_at = now() where id % 7 = 0;"
              "update chat_room_participants set pinned_at = now() where community_member_id < 4;"
              "update chat_rooms set name = 'three', pinned_message_id = 2 where id = 2;"
              "update chat_room_participants set last_read_at = now()");
    wait_for_the_end(scene);
    run(conn, "begin;"
              "insert into notifications (community_member_id, action) values (1, 'y');"
              "update chat_room_participants set pinned_at = null where pinned_at is not null;"
              "commit");
    run(conn, "delete from chat_room_participants where community_member_id = 5;"
              "delete from chat_room_messages where id % 5 = 0;"
              "update notifications set seen_at = now()");
    PQfinish(other);
    wait_for_the_end(scene);
}

static size_t
count_lines(const char *text, const char *with)
{
    size_t count = 0;

    for (; (text = strstr(text, with)) != NULL; text += strlen(with)) {
        count++;
    }
    return count;
}

/* `whole` ends with `part`. */
static void
assert_ends_with(const struct pgc_buf *whole, const char *part)
{
    size_t length = strlen(part);

    assert_true(length > 1000);
    assert_true(whole->length >= length);
    assert_string_equal(whole->data + whole->length - length, part);
}

/* ---- tests ---- */

static void
the_past_is_read_again_with_the_places_it_had(void **state)
{
    struct scene *live = begin(LONG_S, MUCH);
    struct scene *later;
    char *places;

    (void)state;
    clear_community(live->app);
    wait_for_the_end(live);
    pgc_buf_clear(&live->places);
    live_a_day(live);
    places = pgc_buf_take(&live->places);
    scene_free(live);

    later = begin(LONG_S, MUCH);
    assert_ends_with(&later->places, places);
    scene_free(later);
    free(places);
}

static void
two_daemons_give_the_same_places(void **state)
{
    struct scene *one = begin(LONG_S, MUCH);
    struct scene *other;

    (void)state;
    clear_community(one->app);
    wait_for_the_end(one);
    other = begin(LONG_S, MUCH);
    pgc_buf_clear(&one->places);
    pgc_buf_clear(&other->places);
    live_a_day(one);
    while (other->tick < one->tick) {
        other->wanted = other->messages + 1;
        wait_for(other, has_messages);
    }
    assert_ends_with(&one->places, pgc_buf_str(&other->places));
    assert_int_equal(one->places.length, other->places.length);
    scene_free(one);
    scene_free(other);
}

static bool
is_ready_or_has_messages(struct scene *scene)
{
    return is_ready(scene) || has_messages(scene);
}

static void
a_connection_lost_while_the_past_is_read_costs_nothing(void **state)
{
    struct scene *scene = begin(0, 0);
    size_t before = 0;

    (void)state;
    for (int i = 1; i <= 40; i++) {
        char sql[128];

        snprintf(sql, sizeof(sql),
            "select pgcable.broadcast('s', to_jsonb(%d + i)) from generate_series(1, 500) i",
            (i - 1) * 500);
        run(scene->app, sql);
        wait_for_messages(scene, (size_t)i * 500);
    }
    scene_free(scene);

    scene = scene_new_with_past(server_dsn(), LONG_S, MUCH);
    scene->app = connect_app();
    open_worker(scene);
    while (!is_ready(scene)) {
        scene->wanted = scene->messages + 1;
        wait_for(scene, is_ready_or_has_messages);
        if (scene->messages > before + 6000) {
            before = scene->messages;
            kill_connections(scene);
        }
    }
    wait_for_the_end(scene);
    assert_int_equal(scene->last_number, 20000);
    assert_int_equal(scene->reloads, 0);
    scene_free(scene);
}

static void
without_a_past_nothing_is_read_again(void **state)
{
    struct scene *scene = begin(0, MUCH);

    (void)state;
    run(scene->app, "select pgcable.broadcast('s', '\"x\"')");
    wait_for_messages(scene, 1);
    scene_free(scene);
    scene = begin(0, MUCH);
    assert_int_equal(scene->messages, 0);
    assert_int_equal(scene->begins, 1);
    scene_free(scene);
}

static void
no_more_is_read_again_than_memory_may_hold(void **state)
{
    struct scene *scene = begin(0, MUCH);

    (void)state;
    for (size_t i = 1; i <= 60; i++) {
        run(scene->app, "select pgcable.broadcast('s', '\"x\"')");
        wait_for_messages(scene, i);
    }
    scene_free(scene);
    scene = begin(LONG_S, 256 * 20);
    assert_in_range(scene->messages, 20, 40);
    scene_free(scene);
}

static void
answers_come_when_the_past_is_there(void **state)
{
    struct scene *scene = scene_new_with_past(server_dsn(), LONG_S, MUCH);

    (void)state;
    scene->app = connect_app();
    pgc_port_take_up_ask(scene->ports[0], pgc_ask_new(1, PGC_STREAM_MEMBER, "1", NULL, NULL));
    open_worker(scene);
    scene->wanted = 1;
    wait_for(scene, has_answers);
    assert_true(scene->messages > 0);
    assert_int_equal(scene->messages_before_answer, scene->messages);
    wait_for(scene, is_ready);
    scene_free(scene);
}

/* Events before a change of the mapping would be built otherwise than they were then. */
static void
history_begins_behind_a_change_of_the_mapping(void **state)
{
    struct scene *scene = begin(0, MUCH);

    (void)state;
    clear_community(scene->app);
    run(scene->app, "insert into chat_rooms (id, name) values (1, 'one')");
    run(scene->app, "insert into chat_room_messages (chat_room_id, body) values (1, 'before')");
    run_file(scene->app, "sql/reference/attach.sql");
    wait_for_the_end(scene);
    run(scene->app, "insert into chat_room_messages (chat_room_id, body) values (1, 'after')");
    wait_for_the_end(scene);
    scene_free(scene);

    scene = begin(LONG_S, MUCH);
    assert_true(scene->begins > 1);
    assert_int_equal(count_lines(pgc_buf_str(&scene->places), "chat-room-1-channel"), 1);
    assert_int_equal(scene->reloads > 0, 1); /* the tables were emptied */
    scene_free(scene);
}

/* All in one piece of a tick. */
static void
join_many(struct scene *scene, int count)
{
    PGconn *conn = scene->app;
    char sql[256];

    snprintf(sql, sizeof(sql),
        "insert into community_members (name, email)"
        " select 'n' || i, 'e' || i from generate_series(1, %d) i",
        count);
    clear_community(conn);
    run(conn, sql);
    run(conn, "insert into chat_rooms (name) values ('one')");
    wait_for_the_end(scene);
    run(conn, "insert into chat_room_participants (chat_room_id, community_member_id)"
              " select 1, id from community_members order by id desc");
}

static void
rooms_are_shown_to_some_who_are_away_and_leave_a_hole_for_the_others(void **state)
{
    struct scene *scene = begin(LONG_S, MUCH);

    (void)state;
    wait_for_the_end(scene);
    pgc_port_viewer(scene->ports[0], "1", 1);
    pgc_port_viewer(scene->ports[0], "2", 1);
    pgc_port_viewer(scene->ports[0], "2", -1); /* but not for long */
    join_many(scene, GUESTS + 10);
    wait_for_the_end(scene);
    assert_int_equal(count_lines(pgc_buf_str(&scene->places), " (hole)\n"), 8);
    assert_null(strstr(pgc_buf_str(&scene->places), " chat-room-channel-1 (hole)\n"));
    assert_null(strstr(pgc_buf_str(&scene->places), " chat-room-channel-2 (hole)\n"));
    scene_free(scene);

    /* In the past that is read again it is shown to everyone. */
    scene = begin(LONG_S, MUCH);
    assert_null(strstr(pgc_buf_str(&scene->places), " (hole)\n"));
    assert_non_null(strstr(pgc_buf_str(&scene->places), " chat-room-channel-266\n"));
    scene_free(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_connection_lost_while_the_past_is_read_costs_nothing), /* the first: it counts */
        cmocka_unit_test(the_past_is_read_again_with_the_places_it_had),
        cmocka_unit_test(two_daemons_give_the_same_places),
        cmocka_unit_test(without_a_past_nothing_is_read_again),
        cmocka_unit_test(no_more_is_read_again_than_memory_may_hold),
        cmocka_unit_test(answers_come_when_the_past_is_there),
        cmocka_unit_test(history_begins_behind_a_change_of_the_mapping),
        cmocka_unit_test(rooms_are_shown_to_some_who_are_away_and_leave_a_hole_for_the_others),
    };
    int status = scene_begin();

    if (status == 0) {
        PGconn *conn = connect_app();

        run_file(conn, "sql/reference/schema.sql");
        run_file(conn, "sql/reference/attach.sql");
        PQfinish(conn);
        status = cmocka_run_group_tests(tests, NULL, NULL);
    }
    return status;
}
