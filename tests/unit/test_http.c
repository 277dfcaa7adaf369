/* SPDX-License-Identifier: PostgreSQL */
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/http.h"
#include "pgcable/log.h"

struct office {
    struct pgc_loop *loop;
    struct pgc_timer *deadline;
    struct pgc_http *http;
    char path[256]; /* of the last request that was let through */
    char host[64];
    char authorization[64];
    char filter[8]; /* its parameter of that name */
    bool has_filter;
    uint64_t from; /* the same, if it is a number */
    bool has_from;
};

/* What a blocking client says from a thread of its own, and what it hears. */
struct client {
    const char *request;
    struct pgc_loop *loop;
    int fd;
    char answer[16384];
    size_t length;
};

static void
too_late(void *arg)
{
    (void)arg;
    fail_msg("no answer came");
}

static bool
serve(const struct pgc_http_request *request, struct pgc_http_answer *answer, void *arg)
{
    struct office *office = arg;
    const char *path = request->path;

    (void)snprintf(office->path, sizeof(office->path), "%s", path);
    (void)snprintf(office->host, sizeof(office->host), "%s", request->host);
    (void)snprintf(office->authorization, sizeof(office->authorization), "%s",
        request->authorization != NULL ? request->authorization : "");
    office->has_filter = pgc_http_param(request, "filter", office->filter, sizeof(office->filter));
    office->has_from = pgc_http_number(request, "from", &office->from);
    if (strcmp(path, "/hello") == 0) {
        pgc_buf_adds(&answer->body, "hello\n");
        return true;
    }
    if (strcmp(path, "/sick") == 0) {
        answer->status = 503;
        answer->content_type = "application/json";
        pgc_buf_adds(&answer->body, "{}");
        return true;
    }
    if (strcmp(path, "/closed") == 0) {
        answer->status = 401;
        answer->policy = "default-src 'none'";
        return true;
    }
    pgc_buf_adds(&answer->body, "to be thrown away");
    return false;
}

static int
office_setup(void **state)
{
    struct office *office = calloc(1, sizeof(*office));
    struct pgc_err err = {0};

    if (office == NULL) {
        return -1;
    }
    office->loop = pgc_loop_new();
    office->deadline = pgc_timer_new(office->loop, too_late, office);
    pgc_timer_set(office->deadline, 30000);
    office->http = pgc_http_open(office->loop, "127.0.0.1", 0, serve, office, &err);
    *state = office;
    return office->http != NULL ? 0 : -1;
}

static int
office_teardown(void **state)
{
    struct office *office = *state;

    pgc_http_close(office->http);
    pgc_timer_free(office->deadline);
    pgc_loop_free(office->loop);
    free(office);
    return 0;
}

static int
connect_to(int port)
{
    struct sockaddr_in where = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof(where)) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static void *
ask(void *arg)
{
    struct client *client = arg;
    ssize_t got;

    /* The answer may come, and the connection end, before all has been said. */
    (void)send(client->fd, client->request, strlen(client->request), MSG_NOSIGNAL);
    do {
        got = read(client->fd, client->answer + client->length,
            sizeof(client->answer) - 1 - client->length);
        client->length += got > 0 ? (size_t)got : 0;
    } while (got > 0);
    pgc_loop_wake_stop(client->loop);
    return NULL;
}

static void
exchange(struct office *office, const char *request, struct client *client)
{
    pthread_t thread;

    *client = (struct client){
        .request = request,
        .loop = office->loop,
        .fd = connect_to(pgc_http_port(office->http)),
    };
    assert_true(client->fd >= 0);
    assert_int_equal(pthread_create(&thread, NULL, ask, client), 0);
    pgc_loop_run(office->loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    (void)close(client->fd);
}

static void
assert_begins(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("\"%s\" does not begin with \"%s\"", text, start);
    }
}

static const char *
body_of(const struct client *client)
{
    const char *end = strstr(client->answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

static void
a_get_is_answered_with_the_body(void **state)
{
    struct client client;

    exchange(
        *state, "GET /hello?secret=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(client.answer, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(client.answer, "Content-Length: 6\r\n"));
    assert_string_equal(body_of(&client), "hello\n");
    assert_string_equal(((struct office *)*state)->path, "/hello");
}

static void
a_head_is_answered_without_the_body(void **state)
{
    struct client client;

    exchange(*state, "HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(client.answer, "Content-Length: 6\r\n"));
    assert_string_equal(body_of(&client), "");
}

static void
status_and_type_are_the_answers(void **state)
{
    struct client client;

    exchange(*state, "GET /sick HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 503 ");
    assert_non_null(strstr(client.answer, "Content-Type: application/json\r\n"));
    assert_string_equal(body_of(&client), "{}");
}

static void
what_is_asked_for_is_told(void **state)
{
    struct office *office = *state;
    struct client client;

    exchange(office,
        "GET /hello?x=1&filter=a%20%2b+b&y= HTTP/1.1\r\nHost: there:9\r\n"
        "Authorization: Bearer xyz\r\nConnection: close\r\n\r\n",
        &client);
    assert_string_equal(office->host, "there:9");
    assert_string_equal(office->authorization, "Bearer xyz");
    assert_true(office->has_filter);
    assert_string_equal(office->filter, "a + b");
    assert_null(strstr(client.answer, "Content-Security-Policy"));

    exchange(office, "GET /hello?filter=12345678 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        &client);
    assert_false(office->has_filter); /* it does not fit */
    assert_string_equal(office->authorization, "");
    exchange(office, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_false(office->has_filter);
}

static void
a_number_is_decimal_digits(void **state)
{
    static const struct {
        const char *query;
        bool is_number;
        uint64_t number;
    } cases[] = {
        {"from=0", true, 0},
        {"from=18446744073709551615", true, UINT64_MAX},
        {"from=18446744073709551616", false, 0},
        {"from=000000000000000000000007", false, 0}, /* it does not fit */
        {"from=", false, 0},
        {"from=-1", false, 0},
        {"from=%2b1", false, 0},
        {"from=%201", false, 0},
        {"from=7a", false, 0},
        {"to=7", false, 0},
    };
    struct office *office = *state;
    struct client client;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char request[128];

        (void)snprintf(request, sizeof(request),
            "GET /hello?%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", cases[i].query);
        office->from = 0;
        exchange(office, request, &client);
        assert_int_equal(office->has_from, cases[i].is_number);
        assert_int_equal(office->from, cases[i].number);
    }
}

static void
a_policy_and_the_wish_for_a_token_are_told(void **state)
{
    struct client client;

    exchange(*state, "GET /closed HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 401 ");
    assert_non_null(strstr(client.answer, "WWW-Authenticate: Bearer\r\n"));
    assert_non_null(strstr(client.answer, "Content-Security-Policy: default-src 'none'\r\n"));
    assert_non_null(strstr(client.answer, "X-Content-Type-Options: nosniff\r\n"));
}

static void
whether_others_can_reach_it_is_known(void **state)
{
    struct office *office = *state;
    struct pgc_err err = {0};
    struct pgc_http *open_to_all = pgc_http_open(office->loop, "0.0.0.0", 0, serve, office, &err);

    assert_true(pgc_http_is_local(office->http));
    assert_non_null(open_to_all);
    assert_false(pgc_http_is_local(open_to_all));
    pgc_http_close(open_to_all);
}

static void
an_unknown_path_is_not_found(void **state)
{
    struct client client;

    exchange(*state, "GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 404 ");
    assert_string_equal(body_of(&client), "there is nothing at this path\n");
}

static void
other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};
    struct client client;
    char request[128];

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        (void)snprintf(request, sizeof(request),
            "%s /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            methods[i]);
        exchange(*state, request, &client);
        assert_begins(client.answer, "HTTP/1.1 405 ");
        assert_non_null(strstr(client.answer, "Allow: GET, HEAD\r\n"));
    }
    assert_string_equal(((struct office *)*state)->path, "");
}

static void
what_is_too_large_never_gets_through(void **state)
{
    struct client client;
    struct pgc_buf request = {0};

    pgc_buf_adds(&request, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: ");
    for (int i = 0; i < 20000; i++) {
        pgc_buf_addc(&request, 'x');
    }
    pgc_buf_adds(&request, "\r\n\r\n");
    exchange(*state, pgc_buf_str(&request), &client);
    pgc_buf_fini(&request);
    assert_string_equal(((struct office *)*state)->path, "");

    exchange(*state,
        "GET /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\nConnection: close\r\n\r\n",
        &client);
    assert_begins(client.answer, "HTTP/1.1 413 ");
    assert_string_equal(((struct office *)*state)->path, "");
}

static void
an_address_in_use_is_an_error_that_names_it(void **state)
{
    struct office *office = *state;
    struct pgc_err err = {0};
    char expected[128];

    (void)snprintf(expected, sizeof(expected),
        "listen on admin address \"127.0.0.1\" port %d: Address already in use",
        pgc_http_port(office->http));
    assert_null(
        pgc_http_open(office->loop, "127.0.0.1", pgc_http_port(office->http), serve, office, &err));
    assert_int_equal(err.code, PGC_ERR_SYS);
    assert_string_equal(err.message, expected);
    assert_string_not_equal(err.hint, "");
}

static void
an_address_that_is_none_is_an_error_that_names_it(void **state)
{
    struct office *office = *state;
    struct pgc_err err = {0};

    assert_null(pgc_http_open(office->loop, "1.2.3.4.5", 1, serve, office, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_begins(err.message, "listen on admin address \"1.2.3.4.5\" port 1: ");
}

static void
stop(void *arg)
{
    pgc_loop_stop(arg);
}

static void
without_descriptors_it_waits_until_there_are_some(void **state)
{
    struct office *office = *state;
    struct pgc_timer *timer = pgc_timer_new(office->loop, stop, office->loop);
    int fd = connect_to(pgc_http_port(office->http)); /* nobody can accept this one */
    struct rlimit usual_limit;
    struct rlimit none_free;
    struct client client;

    assert_true(fd >= 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    none_free = usual_limit;
    none_free.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_free), 0);
    pgc_log_setup(PGC_LOG_ERROR, PGC_LOG_TEXT);
    pgc_timer_set(timer, 50);
    pgc_loop_run(office->loop);
    pgc_timer_free(timer);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual_limit), 0);
    (void)close(fd);

    exchange(office, "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &client);
    assert_begins(client.answer, "HTTP/1.1 200 OK\r\n");
    assert_string_equal(body_of(&client), "hello\n");
}

#define OFFICE_TEST(name) cmocka_unit_test_setup_teardown(name, office_setup, office_teardown)

static void
closing_none_is_harmless(void **state)
{
    (void)state;
    pgc_http_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        OFFICE_TEST(a_get_is_answered_with_the_body),
        OFFICE_TEST(a_head_is_answered_without_the_body),
        OFFICE_TEST(status_and_type_are_the_answers),
        OFFICE_TEST(what_is_asked_for_is_told),
        OFFICE_TEST(a_number_is_decimal_digits),
        OFFICE_TEST(a_policy_and_the_wish_for_a_token_are_told),
        OFFICE_TEST(whether_others_can_reach_it_is_known),
        OFFICE_TEST(an_unknown_path_is_not_found),
        OFFICE_TEST(other_methods_are_refused),
        OFFICE_TEST(what_is_too_large_never_gets_through),
        OFFICE_TEST(without_descriptors_it_waits_until_there_are_some),
        OFFICE_TEST(an_address_in_use_is_an_error_that_names_it),
        OFFICE_TEST(an_address_that_is_none_is_an_error_that_names_it),
        cmocka_unit_test(closing_none_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
