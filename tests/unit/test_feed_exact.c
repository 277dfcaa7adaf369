/* SPDX-License-Identifier: PostgreSQL */
/* From a column to what goes down to the workers, every byte of a value stays what it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "feed_scene.h"

static const char tables[] =
    "create table member (id int primary key, name text, badge json);"
    "create table room (id int primary key);"
    "create table membership (id int primary key, room_id int, user_id int);"
    "create table message (id bigint primary key, room_id int, user_id int, body text,"
    " rich_text_body json, amount numeric, parent_message_id bigint,"
    " created_at timestamptz default now());"
    "insert into member values (42, E'Zo\\u00eb \\U0001F600', '{\"b\": 1.0, \"a\":  2, \"a\": 3}');"
    "insert into room values (7);"
    "insert into membership values (1, 7, 42);"
    "select pgcable.attach('member', 'member', '{\"extra\": [\"badge\"]}');"
    "select pgcable.attach('room', 'room');"
    "select pgcable.attach('participant', 'membership',"
    " '{\"chat_room_id\": \"room_id\", \"community_member_id\": \"user_id\"}');"
    "select pgcable.attach('message', 'message', '{\"chat_room_id\": \"room_id\","
    " \"community_member_id\": \"user_id\", \"extra\": [\"amount\"]}')";

/* Heard as PostgreSQL itself writes it: `what` from `where`. */
static void
assert_heard(struct scene *scene, const char *name, const char *what, const char *where)
{
    char *sql = pgc_xasprintf("select coalesce(to_json(%s)::text, 'null') from %s", what, where);
    PGresult *result = PQexec(scene->app, sql);
    const char *found;
    char *wanted;

    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail_msg("%s: %s", sql, PQerrorMessage(scene->app));
    }
    wanted = pgc_xasprintf("\"%s\":%s", name, PQgetvalue(result, 0, 0));
    found = strstr(pgc_buf_str(&scene->heard), wanted);
    if (found == NULL || strchr(",}", found[strlen(wanted)]) == NULL) {
        fail_msg("%.700s does not show %.500s", pgc_buf_str(&scene->heard), wanted);
    }
    free(wanted);
    free(sql);
    PQclear(result);
}

static const struct {
    const char *id;
    const char *body;
    const char *rich_text_body;
    const char *amount;
} messages[] = {
    {"9007199254740993", "E'\\b\\f\\n\\r\\t\\x01\\x1f\\x7f\"\\\\/</script>'", "'{\"b\":1,\"a\":2}'",
        "1234567890123456789012345678901234567890.10"},
    {"9223372036854775807", "E'e\\u0301 \\U0001F469\\u200d\\U0001F467 \\u2028 \\u2029'",
        "E'{ \"a\" : 1.50 ,\\n \"a\" : 1e400, \"\\\\u00e9\":\"\\\\ud83d\\\\ude00 \\\\u0000\" }'",
        "0.000"},
    {"-1", "''", "'[9223372036854775808, -0, 1.0E+2]'", "'NaN'"},
    {"1", "repeat(E'\"\\U0001F600 ', 140000)", "'1'", "null"},
    {"2", "''", "(repeat('{\"content\": [', 100) || repeat(']}', 100))::json", "-0.10"},
};

enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static void
stored_values_are_shown_as_they_are(void **state)
{
    struct scene *scene = *state;

    for (size_t i = 0; i < MESSAGES; i++) {
        char *sql = pgc_xasprintf("insert into message values (%s, 7, 42, %s, %s, %s)",
            messages[i].id, messages[i].body, messages[i].rich_text_body, messages[i].amount);
        char *row = pgc_xasprintf("message where id = %s", messages[i].id);

        pgc_buf_clear(&scene->heard);
        run(scene->app, sql);
        wait_for_messages(scene, scene->messages + 2); /* the room's stream, and its members' */
        assert_heard(scene, "id", "id", row);
        assert_heard(scene, "body", "body", row);
        assert_heard(scene, "rich_text_body", "rich_text_body", row);
        assert_heard(scene, "amount", "amount", row);
        assert_heard(scene, "name", "name", "member");
        assert_heard(scene, "badge", "badge", "member");
        free(sql);
        free(row);
    }
}

/* The parent is not in the deleted row: it comes out of pgcable.facts(). */
static void
stored_values_of_another_row_are_shown_as_they_are(void **state)
{
    struct scene *scene = *state;

    for (size_t i = 0; i < MESSAGES; i++) {
        char *row = pgc_xasprintf("message where id = %s", messages[i].id);
        char *sql = pgc_xasprintf(
            "insert into message values (100, 7, 42, 'reply', null, null, %s)", messages[i].id);

        run(scene->app, sql);
        wait_for_messages(scene, scene->messages + 1);
        pgc_buf_clear(&scene->heard);
        run(scene->app, "delete from message where id = 100");
        wait_for_messages(scene, scene->messages + 1);
        assert_heard(scene, "body", "body", row);
        assert_heard(scene, "rich_text_body", "rich_text_body", row);
        assert_heard(scene, "amount", "amount", row);
        free(sql);
        free(row);
    }
}

#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FEED(stored_values_are_shown_as_they_are),
        WITH_FEED(stored_values_of_another_row_are_shown_as_they_are),
    };
    int status = scene_begin();
    PGconn *app;

    if (status != 0) {
        return status;
    }
    app = connect_app();
    run(app, tables);
    PQfinish(app);
    return cmocka_run_group_tests_name("feed_exact", tests, NULL, NULL);
}
