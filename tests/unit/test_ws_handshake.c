/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ws_handshake.h"

/* A browser's request and the settings it meets, each test changing what it is about. */
struct meeting {
    struct pgc_ws_conf conf;
    struct ws_request request;
};

static struct meeting
meeting(void)
{
    return (struct meeting){
        .conf = {.path = "/cable", .origins = "https://app.example.test, http://localhost:3000"},
        .request =
            {
                .is_get = true,
                .is_http_1_1 = true,
                .path = "/cable",
                .host = "cable.example.test",
                .upgrade = "websocket",
                .connection = "Upgrade",
                .key = "dGhlIHNhbXBsZSBub25jZQ==",
                .version = "13",
                .origin = "https://app.example.test",
            },
    };
}

static enum ws_verdict
judge(const struct meeting *meeting)
{
    struct ws_rules rules;
    enum ws_verdict verdict;

    assert_true(ws_rules_init(&rules, &meeting->conf, NULL));
    verdict = ws_handshake_judge(&rules, &meeting->request);
    ws_rules_fini(&rules);
    return verdict;
}

static enum ws_verdict
judge_origin(const char *origin)
{
    struct meeting met = meeting();

    met.request.origin = origin;
    return judge(&met);
}

static void
browser_from_a_listed_page_is_accepted(void **state)
{
    struct meeting met = meeting();

    (void)state;
    assert_int_equal(judge(&met), WS_ACCEPTED);
}

static void
path_may_have_a_slash_at_its_end_and_nothing_more(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.path = "/cable/";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.path = "/cables";
    assert_int_equal(judge(&met), WS_WRONG_PATH);
    met.request.path = "/cable/x";
    assert_int_equal(judge(&met), WS_WRONG_PATH);
    met.request.path = "/";
    assert_int_equal(judge(&met), WS_WRONG_PATH);
    met.request.path = NULL;
    assert_int_equal(judge(&met), WS_WRONG_PATH);
}

static void
what_is_no_websocket_request_is_told_apart(void **state)
{
    static const struct {
        size_t field;
        const char *value;
    } faults[] = {
        {offsetof(struct ws_request, upgrade), NULL},
        {offsetof(struct ws_request, upgrade), "h2c"},
        {offsetof(struct ws_request, connection), NULL},
        {offsetof(struct ws_request, connection), "keep-alive"},
        {offsetof(struct ws_request, connection), "upgraded"},
        {offsetof(struct ws_request, key), NULL},
        {offsetof(struct ws_request, key), "abc"},
        {offsetof(struct ws_request, key), "dGhlIHNhbXBsZSBub25jZQ"},
        {offsetof(struct ws_request, key), "dGhlIHNhbXBsZSBub25jZQ===="},
        {offsetof(struct ws_request, key), "dGhlIHNhbXBsZSBub25j-_=="},
        {offsetof(struct ws_request, key), "dGhlIHNhbXBsZSBub25jZQ==,dGhlIHNhbXBsZSBub25jZQ=="},
        {offsetof(struct ws_request, host), NULL},
        {offsetof(struct ws_request, host), "a.test,b.test"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++) {
        struct meeting met = meeting();

        *(const char **)((char *)&met.request + faults[i].field) = faults[i].value;
        assert_int_equal(judge(&met), WS_NO_WEBSOCKET);
    }
}

static void
request_of_old_or_with_a_body_is_no_websocket_request(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.has_body = true;
    assert_int_equal(judge(&met), WS_NO_WEBSOCKET);
    met = meeting();
    met.request.is_http_1_1 = false;
    assert_int_equal(judge(&met), WS_NO_WEBSOCKET);
}

static void
upgrade_may_be_one_of_several_connection_tokens_in_any_case(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.connection = "keep-alive, Upgrade";
    met.request.upgrade = "WebSocket";
    assert_int_equal(judge(&met), WS_ACCEPTED);
}

static void
only_version_13_is_spoken(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.version = "8";
    assert_int_equal(judge(&met), WS_WRONG_VERSION);
    met.request.version = NULL;
    assert_int_equal(judge(&met), WS_WRONG_VERSION);
}

static void
origin_must_be_equal_in_scheme_host_and_port(void **state)
{
    static const char *const strangers[] = {"https://evil.example", "http://app.example.test",
        "https://app.example.test:8443", "https://app.example.test.evil.example",
        "https://evil-app.example.test", "https://app.example.test.", "https://app.example.test/",
        "https://app.example.test@evil.example", "http://localhost", "http://localhost:30000",
        "http://localhost:3000x", "null", "", "app.example.test", "https://",
        "https://app.example.test,https://app.example.test"};

    (void)state;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(*strangers); i++) {
        if (judge_origin(strangers[i]) != WS_WRONG_ORIGIN) {
            fail_msg("\"%s\" was let in", strangers[i]);
        }
    }
    assert_int_equal(judge_origin("http://localhost:3000"), WS_ACCEPTED);
}

static void
case_and_a_default_port_do_not_make_another_origin(void **state)
{
    (void)state;
    assert_int_equal(judge_origin("HTTPS://App.Example.Test:443"), WS_ACCEPTED);
}

static void
empty_list_lets_no_page_in_and_a_star_all(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.origins = "";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
    met.conf.origins = "*";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.origin = "null";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.origin = "https://a.test,https://b.test"; /* two headers */
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
}

static void
own_pages_are_let_in_if_that_is_set(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.origins = "";
    met.request.origin = "http://cable.example.test:8080";
    met.request.host = "Cable.example.test:8080";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
    met.conf.same_origin = true;
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.host = "cable.example.test";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
}

static void
own_pages_behind_a_proxy_that_ends_tls_are_https(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.origins = "";
    met.conf.same_origin = true;
    met.request.origin = "https://cable.example.test";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
    met.request.forwarded_proto = "https";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.forwarded_proto = "https, http";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.forwarded_proto = "httpsx";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
    met.request.forwarded_ssl = "on";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.origin = "http://cable.example.test";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
}

static void
program_without_origin_needs_a_token_in_a_header(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.origin = NULL;
    assert_int_equal(judge(&met), WS_NO_ORIGIN);
    met.request.query_jid = "a.b.c";
    assert_int_equal(judge(&met), WS_NO_ORIGIN);
    met.request.authorization = "Basic Ym86Ym8=";
    assert_int_equal(judge(&met), WS_NO_ORIGIN);
    met.request.authorization = "Bearer a.b.c";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.request.authorization = NULL;
    met.request.x_jid = "a.b.c";
    assert_int_equal(judge(&met), WS_ACCEPTED);
    met.conf.no_origin = PGC_NO_ORIGIN_NEVER;
    assert_int_equal(judge(&met), WS_NO_ORIGIN);
    met.request.x_jid = NULL;
    met.conf.no_origin = PGC_NO_ORIGIN_ALWAYS;
    assert_int_equal(judge(&met), WS_ACCEPTED);
}

static void
list_with_something_else_in_it_says_what_is_wrong(void **state)
{
    static const char *const lists[] = {"app.example.test", "https://a.test/path",
        "https://a.test:0", "https://a.test:66000", "https://a.test, nonsense", "https://[::1"};
    struct pgc_err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
        assert_null(ws_origins_new(lists[i], &err));
        assert_non_null(strstr(err.message, "allowed_origins: \""));
        assert_non_null(strstr(err.hint, "scheme://host"));
    }
}

static void
origin_may_be_an_address(void **state)
{
    struct ws_origins *origins = ws_origins_new("http://[::1]:3000,http://127.0.0.1", NULL);

    (void)state;
    assert_non_null(origins);
    assert_true(ws_origins_has(origins, "http://[::1]:3000"));
    assert_true(ws_origins_has(origins, "http://127.0.0.1:80"));
    assert_false(ws_origins_has(origins, "http://[::1]"));
    ws_origins_free(origins);
}

static void
assert_token(const struct meeting *met, const char *text)
{
    struct ws_rules rules;
    struct pgc_offer offer;
    struct ws_token token;
    const char *protocol = met->request.protocol != NULL ? met->request.protocol : "";

    assert_true(ws_rules_init(&rules, &met->conf, NULL));
    pgc_offer_parse(protocol, strlen(protocol), &offer);
    token = ws_handshake_token(&rules, &met->request, &offer);
    if (text == NULL) {
        assert_null(token.text);
    } else {
        assert_non_null(token.text);
        assert_int_equal(token.length, strlen(text));
        assert_memory_equal(token.text, text, token.length);
    }
    ws_rules_fini(&rules);
}

static void
first_source_of_a_token_counts(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.query_token = true;
    assert_token(&met, NULL);
    met.request.query_token = "from.query.token";
    assert_token(&met, "from.query.token");
    met.request.query_jid = "from.query.jid";
    assert_token(&met, "from.query.jid");
    met.request.protocol = "actioncable-v1-json, anycable-token.from.the.protocol";
    assert_token(&met, "from.the.protocol");
    met.request.x_jid = "from.x.jid";
    assert_token(&met, "from.x.jid");
    met.request.authorization = "bearer from.the.header";
    assert_token(&met, "from.the.header");
}

static void
empty_bearer_is_a_token_that_is_wrong(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.query_token = true;
    met.request.query_token = "good.token.here";
    met.request.authorization = "Bearer";
    assert_token(&met, "");
}

static void
authorization_of_another_kind_is_not_ours(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.authorization = "Basic Ym86Ym8=";
    assert_token(&met, NULL);
    met.request.authorization = "BearerToken x";
    assert_token(&met, NULL);
}

static void
token_in_the_query_counts_only_if_that_is_set(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.request.query_jid = "a.b.c";
    met.request.query_token = "a.b.c";
    assert_token(&met, NULL);
}

static enum ws_verdict
judge_events(const struct meeting *meeting)
{
    struct ws_rules rules;
    enum ws_verdict verdict;

    assert_true(ws_rules_init(&rules, &meeting->conf, NULL));
    verdict = ws_handshake_judge_events(&rules, &meeting->request);
    ws_rules_fini(&rules);
    return verdict;
}

static void
events_have_a_path_of_their_own_or_none(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.events_path = "/events";
    met.request.path = "/events";
    met.request.upgrade = met.request.connection = met.request.key = met.request.version = NULL;
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
    met.request.host = NULL;
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
    met.request.path = "/events/";
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
    met.request.path = "/cable";
    assert_int_equal(judge_events(&met), WS_WRONG_PATH);
    met.request.path = NULL;
    assert_int_equal(judge_events(&met), WS_WRONG_PATH);
    met.conf.events_path = "";
    met.request.path = "";
    assert_int_equal(judge_events(&met), WS_WRONG_PATH);
    met.conf.events_path = NULL;
    met.request.path = "/";
    assert_int_equal(judge_events(&met), WS_WRONG_PATH);
}

static void
events_are_for_the_same_origins(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.events_path = met.request.path = "/events";
    met.request.origin = "https://evil.example";
    assert_int_equal(judge_events(&met), WS_WRONG_ORIGIN);
    met.conf.same_origin = true;
    met.request.host = NULL;
    assert_int_equal(judge_events(&met), WS_WRONG_ORIGIN);
    met.request.origin = NULL;
    assert_int_equal(judge_events(&met), WS_NO_ORIGIN);
    met.request.x_jid = "token";
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
}

static void
browser_that_names_no_origin_says_that_it_is_the_same(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.events_path = met.request.path = "/events";
    met.request.origin = NULL;
    met.request.fetch_site = "same-origin";
    assert_int_equal(judge_events(&met), WS_NO_ORIGIN);
    met.conf.same_origin = true;
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
    met.request.fetch_site = "same-site";
    assert_int_equal(judge_events(&met), WS_NO_ORIGIN);
    met.request.fetch_site = "same-origin,same-origin";
    assert_int_equal(judge_events(&met), WS_NO_ORIGIN);
}

static void
plain_text_is_refused_where_tls_is_spoken_whatever_it_says(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.tls = (struct pgc_tls *)&met; /* that there is one is all that is asked */
    met.conf.events_path = "/events";
    met.request.forwarded_proto = "https";
    assert_int_equal(judge(&met), WS_PLAIN_TEXT);
    met.request.path = "/events";
    assert_int_equal(judge_events(&met), WS_PLAIN_TEXT);

    met.request.is_tls = true;
    assert_int_equal(judge_events(&met), WS_ACCEPTED);
    met.request.path = "/cable";
    assert_int_equal(judge(&met), WS_ACCEPTED);
}

static void
own_pages_are_https_where_tls_is_spoken(void **state)
{
    struct meeting met = meeting();

    (void)state;
    met.conf.same_origin = true;
    met.request.is_tls = true;
    met.request.origin = "http://cable.example.test";
    assert_int_equal(judge(&met), WS_WRONG_ORIGIN);
    met.request.origin = "https://cable.example.test";
    assert_int_equal(judge(&met), WS_ACCEPTED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browser_from_a_listed_page_is_accepted),
        cmocka_unit_test(path_may_have_a_slash_at_its_end_and_nothing_more),
        cmocka_unit_test(what_is_no_websocket_request_is_told_apart),
        cmocka_unit_test(request_of_old_or_with_a_body_is_no_websocket_request),
        cmocka_unit_test(upgrade_may_be_one_of_several_connection_tokens_in_any_case),
        cmocka_unit_test(only_version_13_is_spoken),
        cmocka_unit_test(origin_must_be_equal_in_scheme_host_and_port),
        cmocka_unit_test(case_and_a_default_port_do_not_make_another_origin),
        cmocka_unit_test(empty_list_lets_no_page_in_and_a_star_all),
        cmocka_unit_test(own_pages_are_let_in_if_that_is_set),
        cmocka_unit_test(own_pages_behind_a_proxy_that_ends_tls_are_https),
        cmocka_unit_test(program_without_origin_needs_a_token_in_a_header),
        cmocka_unit_test(list_with_something_else_in_it_says_what_is_wrong),
        cmocka_unit_test(origin_may_be_an_address),
        cmocka_unit_test(first_source_of_a_token_counts),
        cmocka_unit_test(empty_bearer_is_a_token_that_is_wrong),
        cmocka_unit_test(authorization_of_another_kind_is_not_ours),
        cmocka_unit_test(token_in_the_query_counts_only_if_that_is_set),
        cmocka_unit_test(events_have_a_path_of_their_own_or_none),
        cmocka_unit_test(events_are_for_the_same_origins),
        cmocka_unit_test(browser_that_names_no_origin_says_that_it_is_the_same),
        cmocka_unit_test(plain_text_is_refused_where_tls_is_spoken_whatever_it_says),
        cmocka_unit_test(own_pages_are_https_where_tls_is_spoken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
