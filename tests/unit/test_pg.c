/* SPDX-License-Identifier: PostgreSQL */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"

#include "pg_bench.h"
#include "server.h"

enum { BIG_ROWS = 100000 };

static void
a_connection_has_a_name_and_speaks_utf8(void **state)
{
    assert_string_equal(ask(*state, "select current_setting('application_name') || ' ' ||"
                                    " current_setting('client_encoding')"),
        "pgcable/test UTF8");
    assert_true(pgc_pg_server_version(((struct bench *)*state)->pg) >= 130000);
}

static void
parameters_go_as_text_and_null_comes_back_as_null(void **state)
{
    struct bench *bench = *state;
    const char *params[] = {"O'Brien \"x\"", NULL};

    pgc_pg_query(bench->pg,
        &(struct pgc_pg_query){
            .sql = "select $1::text || coalesce($2::text, ' none') union all select null",
            .param_count = 2,
            .params = params,
            .row = got_row,
            .done = got_done,
            .arg = bench,
        });
    wait_for(bench, is_done);
    assert_int_equal(bench->rows, 2);
    assert_string_equal(bench->text, "(null)");
}

static void
an_error_is_told_and_the_connection_lives_on(void **state)
{
    struct bench *bench = *state;

    ask(bench, "select * from nowhere.nothing");
    assert_int_equal(bench->errors, 1);
    assert_int_equal(bench->err.code, PGC_ERR_SCHEMA);
    assert_non_null(strstr(bench->err.message, "\"nowhere.nothing\" does not exist (42P01)"));
    assert_string_equal(ask(bench, "select 1"), "1");
    assert_int_equal(bench->errors, 1);
    assert_int_equal(bench->downs, 0);
}

static void
queue_next(const struct pgc_err *err, void *arg)
{
    struct bench *bench = arg;

    assert_null(err);
    if (--bench->chain > 0) {
        pgc_pg_query(
            bench->pg, &(struct pgc_pg_query){.sql = "select 1", .done = queue_next, .arg = bench});
    } else {
        bench->dones = 1;
    }
}

static void
the_end_of_a_query_may_queue_the_next(void **state)
{
    struct bench *bench = *state;

    bench->chain = 200;
    queue_next(NULL, bench);
    wait_for(bench, is_done);
    assert_int_equal(bench->chain, 0);
}

static void
a_notification_arrives_while_nothing_is_asked(void **state)
{
    struct bench *bench = *state;
    struct bench *other = bench_new(server_dsn(), "other");

    ask(bench, "listen pgcable");
    wait_for(other, is_up);
    ask(other, "select pg_notify('pgcable', 'ding')");
    wait_for(bench, is_notified);
    assert_string_equal(bench->notified, "pgcable:ding");
    bench_free(other);
}

static void
a_terminated_backend_is_replaced_and_its_queries_forgotten(void **state)
{
    struct bench *bench = *state;

    query(bench, "select pg_terminate_backend(pg_backend_pid())", DEADLINE_MS);
    query(bench, "select 2", DEADLINE_MS);
    wait_for(bench, is_up_again);
    assert_int_equal(bench->dones, 0);
    assert_int_equal(bench->downs, 1);
    assert_non_null(strstr(bench->down_err.message, "administrator command (57P01)"));
    assert_string_equal(ask(bench, "select 3"), "3");
}

static void
a_backend_terminated_at_rest_is_replaced(void **state)
{
    struct bench *bench = *state;
    struct bench *other = bench_new(server_dsn(), "other");

    wait_for(other, is_up);
    ask(other, "select pg_terminate_backend(pid) from pg_stat_activity"
               " where application_name = 'pgcable/test'");
    wait_for(bench, is_up_again);
    assert_string_equal(ask(bench, "select 3"), "3");
    bench_free(other);
}

static void
a_server_that_crashed_is_found_again(void **state)
{
    struct bench *bench = *state;

    server_crash();
    wait_for(bench, is_up_again);
    assert_string_equal(ask(bench, "select 3"), "3");
}

static void
a_query_without_an_answer_drops_the_connection(void **state)
{
    struct bench *bench = *state;

    query(bench, "select pg_sleep(60)", 100);
    wait_for(bench, is_up_again);
    assert_int_equal(bench->dones, 0);
    assert_non_null(
        strstr(bench->down_err.message, "no answer within 100 ms to \"select pg_sleep(60)\""));
}

static void
a_dropped_connection_comes_back(void **state)
{
    struct bench *bench = *state;

    pgc_pg_drop(bench->pg, "a test says so");
    assert_false(pgc_pg_is_up(bench->pg));
    query(bench, "select 1", DEADLINE_MS);
    wait_for(bench, is_up_again);
    assert_int_equal(bench->dones, 0);
    assert_string_equal(bench->down_err.message, "given up: a test says so");
}

static void
drop_at_the_third_row(const struct pgc_pg_row *row, void *arg)
{
    struct bench *bench = arg;

    assert_int_equal(pgc_pg_int(row, 0), ++bench->rows);
    if (bench->rows == 3) {
        pgc_pg_drop(bench->pg, "a test says so");
    }
}

/* Every row by its number, and none behind the one at which the connection was given up. */
static void
a_whole_result_is_told_row_by_row(void **state)
{
    struct bench *bench = *state;
    struct pgc_pg_query whole = {
        .sql = "select i, 'x' || i from generate_series(1, 2000) i",
        .timeout_ms = DEADLINE_MS,
        .whole = true,
        .row = got_row,
        .done = got_done,
        .arg = bench,
    };

    pgc_pg_query(bench->pg, &whole);
    wait_for(bench, is_done);
    assert_int_equal(bench->rows, 2000);
    assert_string_equal(bench->text, "2000");

    bench->rows = 0;
    bench->dones = 0;
    whole.row = drop_at_the_third_row;
    pgc_pg_query(bench->pg, &whole);
    wait_for(bench, is_up_again);
    assert_int_equal(bench->rows, 3);
    assert_int_equal(bench->dones, 0);
}

/* The server blocks on its socket while the reader is paused: nothing piles up on our side. */
static void
a_paused_result_waits_in_the_server_and_then_arrives_whole(void **state)
{
    struct bench *bench = *state;
    struct bench *other = bench_new(server_dsn(), "other");

    wait_for(other, is_up);
    bench->pauses = true;
    query(bench, "select i, repeat('x', 500) from generate_series(1, 100000) i", DEADLINE_MS);
    wait_for(bench, is_paused);
    while (strcmp(ask(other, "select wait_event from pg_stat_activity"
                             " where application_name = 'pgcable/test'"),
               "ClientWrite") != 0) {
        assert_true(pgc_monotonic_ms() < bench->deadline_ms);
    }
    assert_int_equal(bench->rows, PAUSE_EVERY);
    while (bench->rows + PAUSE_EVERY <= BIG_ROWS) {
        bench->is_paused = false;
        pgc_pg_resume(bench->pg);
        wait_for(bench, is_paused);
        assert_int_equal(bench->dones, 0);
    }
    bench->is_paused = false;
    pgc_pg_resume(bench->pg);
    wait_for(bench, is_done);
    assert_int_equal(bench->rows, BIG_ROWS);
    assert_int_equal(bench->errors, 0);
    bench_free(other);
}

static void
a_pause_is_no_timeout(void **state)
{
    struct bench *bench = *state;
    struct bench *other = bench_new(server_dsn(), "other");

    bench->pauses = true;
    query(bench, "select i, repeat('x', 500) from generate_series(1, 8000) i", 3000);
    wait_for(bench, is_paused);
    wait_for(other, is_up);
    ask(other, "select pg_sleep(3.1)");
    /* Both run on loops of their own: this one has its timers fire only now. */
    bench->pauses = false;
    pgc_pg_resume(bench->pg);
    wait_for(bench, is_done);
    assert_int_equal(bench->downs, 0);
    assert_int_equal(bench->rows, 8000);
    bench_free(other);
}

static void
an_unreachable_server_is_tried_again_and_the_reason_told_without_the_password(void **state)
{
    struct bench *bench =
        bench_new("host=/nowhere port=5999 dbname=d user=u password=geheim", "test");

    (void)state;
    wait_for(bench, has_failed_thrice);
    assert_int_equal(bench->ups, 0);
    assert_non_null(strstr(bench->down_err.message,
        "connect to host \"/nowhere\" port 5999 database \"d\" user \"u\": connection to server"));
    assert_non_null(strstr(bench->down_err.hint, "\"database\""));
    assert_null(strstr(bench->down_err.message, "geheim"));
    bench_free(bench);
}

static void
a_connection_string_that_is_none_is_told(void **state)
{
    struct bench *bench = bench_new("host=localhost port", "test");

    (void)state;
    wait_for(bench, has_failed_thrice);
    assert_non_null(strstr(bench->down_err.message, "missing \"=\" after \"port\""));
    bench_free(bench);
}

static void
a_server_that_never_answers_is_given_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct bench *bench;
    char dsn[128];

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(dsn, sizeof(dsn), "host=127.0.0.1 port=%d user=u dbname=d connect_timeout=1",
        ntohs(address.sin_port));
    bench = bench_new(dsn, "test");
    wait_for(bench, has_failed_once);
    assert_non_null(strstr(bench->down_err.message, "no answer within 1 s"));
    bench_free(bench);
    close(fd);
}

static void
nothing_is_called_after_it_was_freed(void **state)
{
    struct bench *bench = *state;

    query(bench, "select 1", DEADLINE_MS);
    query(bench, "select pg_sleep(60)", DEADLINE_MS);
    wait_for(bench, is_done);
    pgc_pg_free(bench->pg);
    bench->pg = pgc_pg_new(bench->loop, server_dsn(), "next", &bench_ops, bench);
    bench->dones = 0;
    pgc_pg_start(bench->pg);
    wait_for(bench, is_up);
    assert_int_equal(bench->dones, 0);
    assert_int_equal(bench->downs, 0);
}

#define WITH_CONNECTION(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CONNECTION(a_connection_has_a_name_and_speaks_utf8),
        WITH_CONNECTION(parameters_go_as_text_and_null_comes_back_as_null),
        WITH_CONNECTION(an_error_is_told_and_the_connection_lives_on),
        WITH_CONNECTION(the_end_of_a_query_may_queue_the_next),
        WITH_CONNECTION(a_notification_arrives_while_nothing_is_asked),
        WITH_CONNECTION(a_terminated_backend_is_replaced_and_its_queries_forgotten),
        WITH_CONNECTION(a_backend_terminated_at_rest_is_replaced),
        WITH_CONNECTION(a_server_that_crashed_is_found_again),
        WITH_CONNECTION(a_query_without_an_answer_drops_the_connection),
        WITH_CONNECTION(a_dropped_connection_comes_back),
        WITH_CONNECTION(a_whole_result_is_told_row_by_row),
        WITH_CONNECTION(a_paused_result_waits_in_the_server_and_then_arrives_whole),
        WITH_CONNECTION(a_pause_is_no_timeout),
        cmocka_unit_test(
            an_unreachable_server_is_tried_again_and_the_reason_told_without_the_password),
        cmocka_unit_test(a_connection_string_that_is_none_is_told),
        cmocka_unit_test(a_server_that_never_answers_is_given_up),
        WITH_CONNECTION(nothing_is_called_after_it_was_freed),
    };

    if (server_dsn() == NULL) {
        fputs(
            "SKIPPED: PGC_TEST_DSN is not set; run it through tests/unit/with-postgres\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests_name("pg", tests, NULL, NULL);
}
