/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "event_world.h"

#define STREAM    "publish notification-channel-1 "
#define STREAM_2  "publish notification-channel-2 "
#define COUNT(n)  "{\"event\":\"updateNewNotificationCount\",\"new_notifications_count\":" n "}\n"
#define RESET     "{\"event\":\"resetNewNotificationCount\",\"new_notifications_count\":0}\n"
#define ROW(m, s) "{\"id\":5,\"community_member_id\":" m ",\"seen_at\":" s "}"
#define NEW(m)                                                                                     \
    "{\"event\":\"newNotification\",\"notification\":{\"id\":5,\"community_member_id\":" m         \
    ",\"created_at\":null,\"seen_at\":null,\"read_at\":null,\"action\":null}}\n"
#define NOON "\"2026-10-01T12:00:00\""

static void
a_notification_is_shown_as_mapped_then_counted(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I',
        "{\"id\":5,\"community_member_id\":1,\"action\":{\"b\": 1, \"a\":2},\"secret\":1,"
        "\"seen_at\":null,\"read_at\":null,\"created_at\":\"2026-10-01T11:14:31.001+02:00\"}",
        NULL);
    assert_string_equal(world_needs(world), "{\"count\":[\"1\"]}");
    world_fact(world, "count", "1", "3");
    assert_string_equal(world_raise(world), STREAM
        "{\"event\":\"newNotification\",\"notification\":{\"id\":5,"
        "\"community_member_id\":1,\"created_at\":\"2026-10-01T09:14:31.001Z\","
        "\"seen_at\":null,\"read_at\":null,\"action\":{\"b\": 1, \"a\":2}}}\n" STREAM COUNT("3"));
    assert_int_equal(world_message(world, 0)->position.part, 0);
    assert_int_equal(world_message(world, 1)->position.part, 1);
}

static void
seeing_the_last_one_resets_the_count(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'U', ROW("1", NOON), ROW("1", "null"));
    assert_string_equal(world_needs(world), "{\"count\":[\"1\"]}");
    world_fact(world, "count", "1", "0");
    assert_string_equal(world_raise(world), STREAM RESET);
}

static void
a_transaction_counts_once_per_member_at_its_end(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    world_row(world, "notification", 'I', ROW("2", "null"), NULL);
    world->xid = 2;
    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    world->xid = 1;
    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    assert_string_equal(world_needs(world), "{\"count\":[\"1\",\"2\"]}");
    world_fact(world, "count", "1", "3");
    world_fact(world, "count", "2", "1");
    assert_string_equal(world_raise(world),
        STREAM NEW("1") STREAM_2 NEW("2") STREAM NEW("1") STREAM COUNT("3") STREAM NEW("1")
            STREAM COUNT("3") STREAM_2 COUNT("1"));
}

static void
what_comes_and_goes_in_one_transaction_does_not_count(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    world_row(world, "notification", 'U', ROW("1", NOON), ROW("1", "null"));
    world_row(world, "notification", 'I', ROW("2", NOON), NULL);
    world_row(world, "notification", 'D', NULL, ROW("2", NOON));
    assert_string_equal(world_needs(world), "");
    world_raise(world);
    assert_null(strstr(world->seen.data, "Count"));
}

static void
a_notification_that_changes_hands_counts_for_both(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'U', ROW("2", "null"), ROW("1", "null"));
    assert_string_equal(world_needs(world), "{\"count\":[\"1\",\"2\"]}");
    world_fact(world, "count", "1", "0");
    world_fact(world, "count", "2", "1");
    assert_string_equal(world_raise(world), STREAM_2 NEW("2") STREAM RESET STREAM_2 COUNT("1"));
}

static void
a_deleted_notification_counts(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'D', NULL, ROW("1", "null"));
    world_needs(world);
    world_fact(world, "count", "1", "2");
    assert_string_equal(world_raise(world), STREAM COUNT("2"));
}

static void
a_transaction_in_pieces_counts_once(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    assert_string_equal(world_piece_needs(world, false), "");
    assert_string_equal(world_piece(world, false), STREAM NEW("1"));
    world_row(world, "notification", 'I', ROW("1", "null"), NULL);
    assert_string_equal(world_piece(world, false), STREAM NEW("1"));
    assert_string_equal(world_needs(world), "{\"count\":[\"1\"]}");
    world_fact(world, "count", "1", "2");
    assert_string_equal(world_raise(world), STREAM COUNT("2"));
    assert_int_equal(world_message(world, 0)->position.id, 2);
    assert_int_equal(world_message(world, 0)->position.part, 1);
}

static void
where_nothing_is_seen_what_is_not_read_is_new(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'U', "{\"user_id\":1,\"read_at\":" NOON "}",
        "{\"user_id\":1,\"read_at\":null}");
    world_needs(world);
    world_fact(world, "count", "1", "0");
    assert_string_equal(world_raise(world), STREAM RESET);
    world_row(world, "notification", 'I', "{\"user_id\":1,\"read_at\":null,\"x\":1}", NULL);
    world_needs(world);
    world_fact(world, "count", "1", "1");
    assert_string_equal(world_raise(world),
        STREAM "{\"event\":\"newNotification\",\"notification\":{\"community_member_id\":1,"
               "\"read_at\":null}}\n" STREAM COUNT("1"));
}

static void
read_may_be_a_boolean(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'U', "{\"user_id\":1,\"read_at\":true}",
        "{\"user_id\":1,\"read_at\":false}");
    world_needs(world);
    world_fact(world, "count", "1", "0");
    assert_string_equal(world_raise(world), STREAM RESET);
}

static void
a_count_that_the_database_does_not_tell_is_a_complaint(void **state)
{
    struct event_world *world = *state;

    world_row(world, "notification", 'D', NULL, ROW("1", "null"));
    world_needs(world);
    assert_string_equal(world_raise(world), "");
    assert_non_null(strstr(pgc_buf_str(&world->complaints), "for member 1: the database did not"));
}

/* ---- a counter kept by the application ---- */

static const char with_counter[] =
    "{\"kinds\":{\"member\":{\"columns\":{\"id\":\"id\",\"new_notifications_count\":\"unseen\"}},"
    "\"notification\":{\"columns\":{\"community_member_id\":\"user_id\",\"seen_at\":\"seen_at\"}}}"
    "}";

static void
count(struct event_world *world, const char *before, const char *now)
{
    char *old_row = pgc_xasprintf("{\"id\":1,\"unseen\":%s}", before);
    char *new_row = pgc_xasprintf("{\"id\":1,\"unseen\":%s}", now);

    world_row(world, "member", 'U', new_row, old_row);
    free(old_row);
    free(new_row);
}

static void
the_applications_own_counter_takes_precedence(void **state)
{
    struct event_world *world = world_new(with_counter, NULL);

    (void)state;
    world_row(world, "notification", 'I', "{\"user_id\":1,\"seen_at\":null}", NULL);
    count(world, "4", "5");
    count(world, "5", "6");
    assert_string_equal(world_needs(world), "");
    assert_string_equal(world_raise(world),
        STREAM "{\"event\":\"newNotification\",\"notification\":{\"community_member_id\":1,"
               "\"seen_at\":null}}\n" STREAM COUNT("6"));
    world_free(world);
}

static void
a_counter_at_zero_or_null_resets(void **state)
{
    struct event_world *world = world_new(with_counter, NULL);

    (void)state;
    count(world, "4", "0");
    world->xid = 2;
    count(world, "4", "null");
    assert_string_equal(world_raise(world), STREAM RESET STREAM RESET);
    world_free(world);
}

static void
a_counter_that_ends_where_it_began_is_no_event(void **state)
{
    struct event_world *world = world_new(with_counter, NULL);

    (void)state;
    count(world, "4", "5");
    count(world, "5", "4");
    world->xid = 2;
    count(world, "null", "0");
    assert_string_equal(world_raise(world), "");
    world_free(world);
}

/* The member's badge must end at the newest count, wherever the pieces were cut. */
static void
counts_come_in_the_order_of_the_transactions_last_rows(void **state)
{
    struct event_world *world = world_new(with_counter, NULL);

    (void)state;
    count(world, "0", "7");
    world->xid = 2;
    count(world, "7", "5");
    world->xid = 3;
    count(world, "5", "4");
    world->xid = 2;
    count(world, "4", "3");
    assert_string_equal(world_piece(world, false), "");
    world->xid = 4;
    count(world, "3", "0");
    assert_string_equal(
        world_raise(world), STREAM COUNT("7") STREAM COUNT("4") STREAM COUNT("3") STREAM RESET);
    world_free(world);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_notification_is_shown_as_mapped_then_counted, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            seeing_the_last_one_resets_the_count, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_transaction_counts_once_per_member_at_its_end, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            what_comes_and_goes_in_one_transaction_does_not_count, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_notification_that_changes_hands_counts_for_both, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_deleted_notification_counts, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_transaction_in_pieces_counts_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(
            where_nothing_is_seen_what_is_not_read_is_new, world_setup_minimal, world_teardown),
        cmocka_unit_test_setup_teardown(read_may_be_a_boolean, world_setup_minimal, world_teardown),
        cmocka_unit_test_setup_teardown(
            a_count_that_the_database_does_not_tell_is_a_complaint, world_setup, world_teardown),
        cmocka_unit_test(the_applications_own_counter_takes_precedence),
        cmocka_unit_test(a_counter_at_zero_or_null_resets),
        cmocka_unit_test(a_counter_that_ends_where_it_began_is_no_event),
        cmocka_unit_test(counts_come_in_the_order_of_the_transactions_last_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
