/* SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/log.h"
#include "pgcable/msg.h"

/* Standard error, as long as a test logs, is a pipe. */
struct capture {
    int read_fd;
    int saved_fd;
};

static void
capture_start(struct capture *capture)
{
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    capture->read_fd = ends[0];
    capture->saved_fd = dup(STDERR_FILENO);
    assert_true(capture->saved_fd >= 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    (void)close(ends[1]);
}

/* What was logged, terminated. */
static void
capture_stop(struct capture *capture, char *text, size_t size)
{
    ssize_t length;

    assert_int_equal(dup2(capture->saved_fd, STDERR_FILENO), STDERR_FILENO);
    (void)close(capture->saved_fd);
    length = read(capture->read_fd, text, size - 1);
    assert_true(length >= 0);
    text[length] = '\0';
    (void)close(capture->read_fd);
}

/* The line behind the time: "2026-11-22T16:37:01.123Z ". */
static const char *
skip_time(const char *line)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ ";

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'd') {
            assert_in_range(line[i], '0', '9');
        } else {
            assert_int_equal(line[i], shape[i]);
        }
    }
    return line + sizeof(shape) - 1;
}

static void
a_text_line_has_time_level_connection_and_message(void **state)
{
    struct capture capture;
    char text[1024];

    (void)state;
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 17, "closed: %s", "too slow");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(skip_time(text), "info conn=17 closed: too slow\n");

    capture_start(&capture);
    pgc_log(PGC_LOG_WARN, 0, "ready");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(skip_time(text), "warn ready\n");
}

static void
a_json_line_has_fields(void **state)
{
    struct pgc_err err = {0};
    struct capture capture;
    char text[1024];
    const char prefix[] = "{\"time\":\"";

    (void)state;
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_JSON);
    pgc_err_set(&err, PGC_ERR_SYS, "bind \"x\"");
    pgc_err_hint(&err, "take \\another");
    capture_start(&capture);
    pgc_log_err(PGC_LOG_ERROR, 3, &err, "start");
    capture_stop(&capture, text, sizeof(text));
    assert_memory_equal(text, prefix, sizeof(prefix) - 1);
    assert_string_equal(text + sizeof(prefix) - 1 + 24,
        "\",\"level\":\"error\",\"conn\":3,\"message\":\"start: bind \\\"x\\\"\","
        "\"hint\":\"take \\\\another\"}\n");
}

static void
lines_below_the_level_are_not_written(void **state)
{
    struct pgc_err err = {0};
    struct capture capture;
    char text[1024];

    (void)state;
    pgc_log_setup(PGC_LOG_WARN, PGC_LOG_TEXT);
    assert_false(pgc_log_wants(PGC_LOG_INFO));
    assert_true(pgc_log_wants(PGC_LOG_WARN));
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 0, "nobody reads this");
    pgc_log_err(PGC_LOG_DEBUG, 0, &err, "nor this");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(text, "");
}

static void
a_strangers_text_can_neither_end_the_line_nor_steer_a_terminal(void **state)
{
    struct capture capture;
    char text[1024];

    (void)state;
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 0, "%s", "a\nb\x1b[31m\xc2\x9b\x7f\xffü");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(skip_time(text), "info a\\u000ab\\u001b[31m\\u009b\\u007f\\xffü\n");

    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_JSON);
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 0, "%s", "a\n\xff\"");
    capture_stop(&capture, text, sizeof(text));
    assert_non_null(strstr(text, "\"message\":\"a\\u000a\\ufffd\\\"\"}\n"));
}

static void
a_long_field_is_cut_between_characters(void **state)
{
    struct capture capture;
    char text[2048];
    char big[1001];
    const char *field;

    (void)state;
    big[0] = 'x';
    for (size_t i = 1; i + 1 < sizeof(big); i += 2) {
        memcpy(big + i, "ü", 2);
    }
    big[sizeof(big) - 2] = '\0';
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 0, "%s", big);
    capture_stop(&capture, text, sizeof(text));
    field = skip_time(text) + strlen("info ");
    assert_int_equal(strlen(field), 511 + strlen("…\n"));
    assert_memory_equal(field, big, 511);
    assert_string_equal(field + 511, "…\n");
}

static void
a_field_of_just_the_limit_is_not_cut(void **state)
{
    struct capture capture;
    char text[2048];
    char big[513];

    (void)state;
    memset(big, 'x', 512);
    big[512] = '\0';
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log(PGC_LOG_INFO, 0, "%s", big);
    capture_stop(&capture, text, sizeof(text));
    assert_int_equal(strlen(skip_time(text)), strlen("info ") + 512 + 1);
}

static void
logging_leaves_errno_alone(void **state)
{
    struct capture capture;
    char text[1024];

    (void)state;
    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    (void)close(STDERR_FILENO); /* the write fails */
    errno = ENOENT;
    pgc_log(PGC_LOG_INFO, 0, "into the void");
    assert_int_equal(errno, ENOENT);
    capture_stop(&capture, text, sizeof(text));
}

static void
a_line_that_a_stranger_provokes_comes_once_a_second(void **state)
{
    const int64_t hour_ms = 3600000; /* by which the last line is as good as now, for this test */
    struct pgc_log_limit limit = {0};
    unsigned suppressed = 99;

    (void)state;
    assert_true(pgc_log_allowed(&limit, &suppressed));
    assert_int_equal(suppressed, 0);
    limit.last_ms += hour_ms;
    assert_false(pgc_log_allowed(&limit, &suppressed));
    assert_false(pgc_log_allowed(&limit, &suppressed));

    limit.last_ms -= hour_ms + 1000; /* a second later */
    assert_true(pgc_log_allowed(&limit, &suppressed));
    assert_int_equal(suppressed, 2);
    limit.last_ms += hour_ms;
    assert_false(pgc_log_allowed(&limit, &suppressed));
}

static void
a_row_can_be_followed_by_its_trace(void **state)
{
    const struct pgc_trace trace = {.xid = 731, .id = 4411};
    struct capture capture;
    char text[1024];

    (void)state;
    pgc_log_setup(PGC_LOG_DEBUG, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log_trace(PGC_LOG_DEBUG, 17, &trace, "queued for member \"%s\"", "42");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(skip_time(text), "debug conn=17 trace=731:4411 queued for member \"42\"\n");

    pgc_log_setup(PGC_LOG_DEBUG, PGC_LOG_JSON);
    capture_start(&capture);
    pgc_log_trace(PGC_LOG_DEBUG, 0, &trace, "raised");
    capture_stop(&capture, text, sizeof(text));
    assert_non_null(
        strstr(text, "\"level\":\"debug\",\"trace\":\"731:4411\",\"message\":\"raised\"}\n"));

    pgc_log_setup(PGC_LOG_INFO, PGC_LOG_TEXT);
    capture_start(&capture);
    pgc_log_trace(PGC_LOG_DEBUG, 0, &trace, "raised");
    pgc_log(PGC_LOG_INFO, 0, "after");
    capture_stop(&capture, text, sizeof(text));
    assert_string_equal(skip_time(text), "info after\n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_time_level_connection_and_message),
        cmocka_unit_test(a_json_line_has_fields),
        cmocka_unit_test(a_row_can_be_followed_by_its_trace),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_strangers_text_can_neither_end_the_line_nor_steer_a_terminal),
        cmocka_unit_test(a_long_field_is_cut_between_characters),
        cmocka_unit_test(a_field_of_just_the_limit_is_not_cut),
        cmocka_unit_test(logging_leaves_errno_alone),
        cmocka_unit_test(a_line_that_a_stranger_provokes_comes_once_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
