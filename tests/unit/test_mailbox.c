/* SPDX-License-Identifier: PostgreSQL */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/mailbox.h"

enum { SENDERS = 4, ITEMS_PER_SENDER = 20000, ITEMS = SENDERS * ITEMS_PER_SENDER };

struct item {
    int sender;
    int number;
};

struct desk {
    struct pgc_loop *loop;
    struct pgc_mailbox *box;
    struct pgc_timer *deadline;
    int next[SENDERS]; /* the number each sender's next item must have */
    int received;
    int wanted; /* the loop stops then */
};

static int discarded;

static void
too_late(void *arg)
{
    (void)arg;
    fail_msg("not all items arrived");
}

static void
receive(void *arg_item, void *arg)
{
    struct item *item = arg_item;
    struct desk *desk = arg;

    assert_int_equal(item->number, desk->next[item->sender]);
    desk->next[item->sender]++;
    free(item);
    if (++desk->received == desk->wanted) {
        pgc_loop_stop(desk->loop);
    }
}

static int
desk_setup(void **state)
{
    struct desk *desk = calloc(1, sizeof(*desk));

    if (desk == NULL) {
        return -1;
    }
    desk->loop = pgc_loop_new();
    desk->box = pgc_mailbox_new(desk->loop, receive, desk);
    desk->deadline = pgc_timer_new(desk->loop, too_late, desk);
    pgc_timer_set(desk->deadline, 60000);
    *state = desk;
    return 0;
}

static void
discard(void *item)
{
    discarded++;
    free(item);
}

static int
desk_teardown(void **state)
{
    struct desk *desk = *state;

    pgc_timer_free(desk->deadline);
    pgc_mailbox_free(desk->box, discard);
    pgc_loop_free(desk->loop);
    free(desk);
    return 0;
}

static void
send_item(struct pgc_mailbox *box, int sender, int number)
{
    struct item *item = malloc(sizeof(*item));

    assert_non_null(item);
    *item = (struct item){.sender = sender, .number = number};
    pgc_mailbox_send(box, item);
}

struct sender {
    struct pgc_mailbox *box;
    int number;
    pthread_t thread;
};

static void *
send_all(void *arg)
{
    const struct sender *sender = arg;

    for (int i = 0; i < ITEMS_PER_SENDER; i++) {
        send_item(sender->box, sender->number, i);
    }
    return NULL;
}

static void
items_of_each_of_many_senders_arrive_in_order(void **state)
{
    struct desk *desk = *state;
    struct sender senders[SENDERS];

    desk->wanted = ITEMS;
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.box = desk->box, .number = i};
        assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
    pgc_loop_run(desk->loop);
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_int_equal(desk->next[i], ITEMS_PER_SENDER);
    }
    assert_int_equal(desk->received, ITEMS);
    assert_int_equal(pgc_mailbox_depth(desk->box), 0);
}

static void
depth_tells_how_many_wait(void **state)
{
    struct desk *desk = *state;

    assert_int_equal(pgc_mailbox_depth(desk->box), 0);
    send_item(desk->box, 0, 0);
    send_item(desk->box, 0, 1);
    assert_int_equal(pgc_mailbox_depth(desk->box), 2);
    desk->wanted = 2;
    pgc_loop_run(desk->loop);
    assert_int_equal(pgc_mailbox_depth(desk->box), 0);
}

static void
receive_and_send_on(void *arg_item, void *arg)
{
    struct item *item = arg_item;
    struct desk *desk = arg;
    int number = item->number;

    free(item);
    if (number == 99) {
        pgc_loop_stop(desk->loop);
        return;
    }
    send_item(desk->box, 0, number + 1);
}

static void
a_receiver_may_send_to_itself(void **state)
{
    struct desk desk = {.loop = pgc_loop_new()};

    (void)state;
    desk.box = pgc_mailbox_new(desk.loop, receive_and_send_on, &desk);
    send_item(desk.box, 0, 0);
    pgc_loop_run(desk.loop);
    assert_int_equal(pgc_mailbox_depth(desk.box), 0);
    pgc_mailbox_free(desk.box, NULL);
    pgc_loop_free(desk.loop);
}

static void
what_nobody_received_is_discarded(void **state)
{
    struct pgc_loop *loop = pgc_loop_new();
    struct pgc_mailbox *box = pgc_mailbox_new(loop, receive, NULL);

    (void)state;
    discarded = 0;
    send_item(box, 0, 0);
    send_item(box, 0, 1);
    send_item(box, 0, 2);
    pgc_mailbox_free(box, discard);
    pgc_mailbox_free(NULL, discard);
    assert_int_equal(discarded, 3);
    pgc_loop_free(loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            items_of_each_of_many_senders_arrive_in_order, desk_setup, desk_teardown),
        cmocka_unit_test_setup_teardown(depth_tells_how_many_wait, desk_setup, desk_teardown),
        cmocka_unit_test(a_receiver_may_send_to_itself),
        cmocka_unit_test(what_nobody_received_is_discarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
