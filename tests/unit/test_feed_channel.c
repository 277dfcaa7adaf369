/* SPDX-License-Identifier: PostgreSQL */
/* Channels of the application's own: the database knows them, the feed asks and hands down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed_scene.h"

static const char channels[] =
    "create table orders (id bigint primary key, customer_id bigint, total numeric, secret text);"
    "create function may_see(member text, params jsonb) returns boolean language sql stable as $$"
    " select member = '42' and params ->> 'customer_id' in ('5', '9007199254740993') $$;"
    "create function cannot_tell(member text, params jsonb) returns boolean language plpgsql stable"
    " as 'begin raise division_by_zero; end';"
    "select pgcable.channel('OrdersChannel', 'orders-{customer_id}', 'may_see');"
    "select pgcable.channel('BrokenChannel', 'broken', 'cannot_tell');"
    "select pgcable.channel('ClosedChannel', 'closed');"
    "select pgcable.attach_generic('orders', 'orders-{customer_id}', '{id,total}')";

static void
ask(struct scene *scene, const char *member, const char *channel_class, const char *params)
{
    pgc_port_take_up_ask(
        scene->ports[0], pgc_ask_new_custom(1, member, channel_class, params, strlen(params)));
}

/* The answer's stream, "(refused)" if there is none. */
static const char *
asked(struct scene *scene, const char *member, const char *channel_class, const char *params)
{
    ask(scene, member, channel_class, params);
    scene->wanted = scene->answers + 1;
    wait_for(scene, has_answers);
    assert_string_equal(scene->topics, "");
    return scene->stream;
}

static void
a_rule_grants_the_stream_that_the_identifier_names(void **state)
{
    struct scene *scene = *state;

    assert_string_equal(
        asked(scene, "42", "OrdersChannel", "{\"channel\":\"OrdersChannel\",\"customer_id\":5}"),
        "orders-5");
    assert_string_equal(
        asked(scene, "42", "OrdersChannel", " {\"customer_id\": 9007199254740993 }\n"),
        "orders-9007199254740993");
    assert_string_equal(
        asked(scene, "42", "OrdersChannel", "{\"customer_id\":\"5\",\"x\":[{\"y\":1e999}]}"),
        "orders-5");
}

static void
whom_no_rule_accepts_is_refused(void **state)
{
    static const struct {
        const char *member;
        const char *channel_class;
        const char *params;
    } refused[] = {
        {"43", "OrdersChannel", "{\"customer_id\":5}"},
        {"42", "OrdersChannel", "{\"customer_id\":6}"},
        {"42", "OrdersChannel", "{\"customer_id\":9007199254740992}"},
        {"42", "OrdersChannel", "{}"},
        {"42", "ClosedChannel", "{\"customer_id\":5}"},
        {"42", "BrokenChannel", "{\"customer_id\":5}"},
        {"42", "NobodysChannel", "{\"customer_id\":5}"},
        {"42", "orderschannel", "{\"customer_id\":5}"},
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_string_equal(
            asked(scene, refused[i].member, refused[i].channel_class, refused[i].params),
            "(refused)");
    }
}

static void
a_rule_that_fails_fails_for_nobody_else(void **state)
{
    struct scene *scene = *state;

    scene->wanted = scene->answers + 3;
    ask(scene, "42", "BrokenChannel", "{}");
    ask(scene, "42", "BrokenChannel", "{}");
    ask(scene, "42", "OrdersChannel", "{\"customer_id\":5}");
    wait_for(scene, has_answers);
    assert_string_equal(scene->stream, "orders-5");
}

static void
an_event_that_is_broadcast_comes_in_the_envelope(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "select pgcable.broadcast('orders-5', 'paid', '{\"id\": 7, \"sum\": 1.50}');"
                    "select pgcable.broadcast('orders-5', 'paid', '[1, 2.0]');"
                    "select pgcable.broadcast('orders-5', 'paid', null)");
    wait_for_messages(scene, 3);
    assert_string_equal(pgc_buf_str(&scene->heard),
        "{\"event\":\"paid\",\"id\": 7, \"sum\": 1.50} {\"event\":\"paid\",\"data\":[1, 2.0]} "
        "{\"event\":\"paid\",\"data\":null} ");
}

static bool
shows(struct scene *scene, const char *text)
{
    return strstr(pgc_buf_str(&scene->heard), text) != NULL;
}

static void
rows_of_an_attached_table_come_with_the_listed_columns(void **state)
{
    struct scene *scene = *state;

    run(scene->app, "insert into orders values (9223372036854775807, 5, 1.50, 'secret');"
                    "update orders set secret = 'other';"
                    "delete from orders");
    wait_for_messages(scene, 2);
    assert_true(shows(scene, "\"INSERT\""));
    assert_true(shows(scene, "\"DELETE\""));
    assert_true(shows(scene, "9223372036854775807"));
    assert_true(shows(scene, "1.50"));
    assert_false(shows(scene, "secret"));
    assert_false(shows(scene, "customer_id"));
}

#define WITH_FEED(test) cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FEED(a_rule_grants_the_stream_that_the_identifier_names),
        WITH_FEED(whom_no_rule_accepts_is_refused),
        WITH_FEED(a_rule_that_fails_fails_for_nobody_else),
        WITH_FEED(an_event_that_is_broadcast_comes_in_the_envelope),
        WITH_FEED(rows_of_an_attached_table_come_with_the_listed_columns),
    };
    int status = scene_begin();
    PGconn *app;

    if (status != 0) {
        return status;
    }
    app = connect_app();
    run(app, channels);
    PQfinish(app);
    return cmocka_run_group_tests_name("feed_channel", tests, NULL, NULL);
}
