/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/buf.h"
#include "pgcable/loop.h"
#include "pgcable/port.h"

enum { DEADLINE_MS = 60000, MANY = 20000 };

/* Both ends on one loop, and what came out of them. */
struct street {
    struct pgc_loop *loop;
    struct pgc_timer *deadline;
    struct pgc_port *port;
    size_t batches;
    size_t answers;
    size_t asks;
    size_t wanted; /* stop the loop after so many of all */
    int64_t last_tick;
    char diary[64];
};

static void
too_late(void *arg)
{
    (void)arg;
    fail_msg("what was sent did not arrive");
}

static void
note(struct street *street, char what)
{
    size_t length = strlen(street->diary);

    if (length + 1 < sizeof(street->diary)) {
        street->diary[length] = what;
    }
    if (street->batches + street->answers + street->asks == street->wanted) {
        pgc_loop_stop(street->loop);
    }
}

static void
came_down(struct pgc_down *down, void *arg)
{
    struct street *street = arg;

    assert_true((down->batch == NULL) != (down->answer == NULL));
    if (down->batch != NULL) {
        assert_int_equal(down->batch->tick, street->last_tick + 1);
        street->last_tick = down->batch->tick;
        street->batches++;
        note(street, 'b');
    } else if (down->answer != NULL) {
        street->answers++;
        note(street, down->answer->stream != NULL ? 'y' : 'n');
    }
    pgc_down_free(down);
}

static void
came_up(struct pgc_port *port, struct pgc_ask *ask, void *arg)
{
    struct street *street = arg;

    street->asks++;
    note(street, pgc_port_has_viewer(port, ask->member) ? 'V' : 'a');
    pgc_ask_free(ask);
}

static int
setup(void **state)
{
    struct street *street = calloc(1, sizeof(*street));

    if (street == NULL) {
        return -1;
    }
    street->loop = pgc_loop_new();
    street->deadline = pgc_timer_new(street->loop, too_late, street);
    pgc_timer_set(street->deadline, DEADLINE_MS);
    street->port = pgc_port_new();
    *state = street;
    return 0;
}

static int
teardown(void **state)
{
    struct street *street = *state;

    pgc_port_free(street->port);
    pgc_timer_free(street->deadline);
    pgc_loop_free(street->loop);
    free(street);
    return 0;
}

static void
open_both(struct street *street)
{
    pgc_port_open_worker(street->port, street->loop, came_down, street);
    pgc_port_open_feed(street->port, street->loop, came_up, street);
}

static void
run_until(struct street *street, size_t wanted)
{
    street->wanted = wanted;
    pgc_loop_run(street->loop);
}

static void
send_batch(struct street *street, int64_t tick)
{
    struct pgc_batch *batch = pgc_batch_new(tick);

    pgc_port_take_down_batch(street->port, batch);
    pgc_batch_unref(batch);
}

static void
ask(struct street *street, const char *member)
{
    pgc_port_take_up_ask(street->port, pgc_ask_new(1, PGC_STREAM_ROOM, member, "7", NULL));
}

static void
batches_and_answers_come_down_in_the_order_they_were_sent(void **state)
{
    struct street *street = *state;

    open_both(street);
    send_batch(street, 1);
    pgc_port_take_down_answer(street->port, pgc_answer_new(5, "chat-room-7-channel"));
    send_batch(street, 2);
    pgc_port_take_down_answer(street->port, pgc_answer_new(6, NULL));
    run_until(street, 4);
    assert_string_equal(street->diary, "bybn");
}

static void
what_was_sent_before_an_end_opened_waits_for_it(void **state)
{
    struct street *street = *state;

    send_batch(street, 1);
    send_batch(street, 2);
    ask(street, "42");
    assert_int_equal(pgc_port_depth(street->port), 2);
    open_both(street);
    assert_int_equal(pgc_port_depth(street->port), 2);
    run_until(street, 3);
    assert_int_equal(street->batches, 2);
    assert_int_equal(street->asks, 1);
    assert_int_equal(pgc_port_depth(street->port), 0);
}

static void
viewers_are_counted_in_order_with_the_asks(void **state)
{
    struct street *street = *state;

    open_both(street);
    ask(street, "42");
    pgc_port_viewer(street->port, "42", 1);
    pgc_port_viewer(street->port, "42", 1);
    ask(street, "42");
    ask(street, "43");
    pgc_port_viewer(street->port, "42", -1);
    ask(street, "42");
    pgc_port_viewer(street->port, "42", -1);
    ask(street, "42");
    run_until(street, 5);
    assert_string_equal(street->diary, "aVaVa");
}

static void
who_has_gone_counts_for_a_while(void **state)
{
    struct street *street = *state;

    pgc_port_linger(street->port, 3600 * 1000);
    open_both(street);
    pgc_port_viewer(street->port, "42", 1);
    pgc_port_viewer(street->port, "43", 1);
    pgc_port_viewer(street->port, "42", -1);
    pgc_port_viewer(street->port, "43", -1);
    ask(street, "42");
    pgc_port_viewer(street->port, "42", 1); /* is back, and goes again */
    ask(street, "42");
    pgc_port_viewer(street->port, "42", -1);
    ask(street, "42");
    ask(street, "44");
    run_until(street, 4);
    assert_string_equal(street->diary, "VVVa");
    pgc_port_linger(street->port, 0);
    assert_false(pgc_port_has_viewer(street->port, "43"));
    assert_false(pgc_port_has_viewer(street->port, "42"));
}

static void
viewer_changed(const char *member, bool listens, void *arg)
{
    struct pgc_buf *changes = arg;

    pgc_buf_addf(changes, "%c%s ", listens ? '+' : '-', member);
}

static void
who_begins_or_ceases_to_listen_is_told(void **state)
{
    struct street *street = *state;
    struct pgc_buf changes = {0};

    pgc_port_watch_viewers(street->port, viewer_changed, &changes);
    open_both(street);
    pgc_port_viewer(street->port, "42", 1);
    pgc_port_viewer(street->port, "43", 1);
    pgc_port_viewer(street->port, "42", 1);
    pgc_port_viewer(street->port, "42", -1);
    pgc_port_viewer(street->port, "43", -1);
    pgc_port_viewer(street->port, "42", -1);
    ask(street, "42");
    run_until(street, 1);
    assert_string_equal(pgc_buf_str(&changes), "+42 +43 -43 -42 ");
    pgc_buf_fini(&changes);
}

static void
what_is_sent_to_a_closed_end_is_freed_unseen(void **state)
{
    struct street *street = *state;

    open_both(street);
    send_batch(street, 1);
    ask(street, "42");
    pgc_port_close_worker(street->port);
    pgc_port_close_feed(street->port);
    pgc_port_close_worker(street->port);
    send_batch(street, 2);
    pgc_port_take_down_answer(street->port, pgc_answer_new(7, "x"));
    ask(street, "42");
    pgc_port_viewer(street->port, "42", 1);
    assert_int_equal(pgc_port_depth(street->port), 0);
    assert_false(pgc_port_has_viewer(street->port, "42"));
    assert_string_equal(street->diary, "");
}

static void
what_a_worker_owes_waits_as_well(void **state)
{
    struct street *street = *state;
    struct pgc_batch *batch = pgc_batch_new(1);

    pgc_port_take_down_batch(street->port, batch);
    pgc_batch_unref(batch);
    pgc_port_owe(street->port, 5);
    assert_int_equal(pgc_port_depth(street->port), 6);
    pgc_port_owe(street->port, 0);
    assert_int_equal(pgc_port_depth(street->port), 1);
}

static void
an_answer_carries_stream_and_topics(void **state)
{
    struct pgc_answer *answer = pgc_answer_new(9, "chat-room-channel-42");

    (void)state;
    pgc_answer_add_topic(answer, "room-members:7");
    pgc_answer_add_topic(answer, "room-members:8");
    assert_int_equal(answer->ticket, 9);
    assert_string_equal(answer->stream, "chat-room-channel-42");
    assert_int_equal(answer->topic_count, 2);
    assert_string_equal(answer->topics[1], "room-members:8");
    pgc_answer_free(answer);
}

static void
a_custom_ask_carries_a_class_and_the_bytes_it_is_given(void **state)
{
    struct pgc_ask *ask = pgc_ask_new_custom(9, "42", "OrdersChannel", "{\"n\":1.0} and more", 9);

    (void)state;
    assert_int_equal(ask->ticket, 9);
    assert_int_equal(ask->kind, PGC_STREAM_CUSTOM);
    assert_string_equal(ask->member, "42");
    assert_string_equal(ask->channel_class, "OrdersChannel");
    assert_string_equal(ask->params, "{\"n\":1.0}");
    assert_null(ask->room);
    assert_null(ask->room_uuid);
    pgc_ask_free(ask);
}

static void *
send_many(void *arg)
{
    struct street *street = arg;

    for (int64_t tick = 1; tick <= MANY; tick++) {
        send_batch(street, tick);
    }
    return NULL;
}

static void
a_sender_in_another_thread_loses_and_reorders_nothing(void **state)
{
    struct street *street = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, send_many, street), 0);
    open_both(street);
    run_until(street, MANY);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(street->batches, MANY);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            batches_and_answers_come_down_in_the_order_they_were_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_was_sent_before_an_end_opened_waits_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(
            viewers_are_counted_in_order_with_the_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_gone_counts_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(who_begins_or_ceases_to_listen_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_sent_to_a_closed_end_is_freed_unseen, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_worker_owes_waits_as_well, setup, teardown),
        cmocka_unit_test(an_answer_carries_stream_and_topics),
        cmocka_unit_test(a_custom_ask_carries_a_class_and_the_bytes_it_is_given),
        cmocka_unit_test_setup_teardown(
            a_sender_in_another_thread_loses_and_reorders_nothing, setup, teardown),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
