/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/conf.h"
#include "pgcable/mem.h"

/* Two files that a test may fill: settings and a secret. */
struct files {
    char settings[64];
    char secret[64];
};

static int
files_setup(void **state)
{
    struct files *files = calloc(1, sizeof(*files));
    int one;
    int two;

    if (files == NULL) {
        return -1;
    }
    (void)snprintf(files->settings, sizeof(files->settings), "%s/pgcable-XXXXXX", P_tmpdir);
    (void)snprintf(files->secret, sizeof(files->secret), "%s/pgcable-XXXXXX", P_tmpdir);
    one = mkstemp(files->settings);
    two = mkstemp(files->secret);
    if (one < 0 || two < 0) {
        free(files);
        return -1;
    }
    (void)close(one);
    (void)close(two);
    *state = files;
    return 0;
}

static int
files_teardown(void **state)
{
    struct files *files = *state;

    (void)unlink(files->settings);
    (void)unlink(files->secret);
    free(files);
    return 0;
}

static void
write_bytes(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void
write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

static struct pgc_conf *
load(const char *file)
{
    struct pgc_err err = {0};
    struct pgc_conf *conf = pgc_conf_load(file, NULL, 0, &err);

    if (conf == NULL) {
        fail_msg("%s", err.message);
    }
    return conf;
}

/* The file with this text is refused in these words. */
static void
assert_refused(const struct files *files, const char *text, const char *message, const char *hint)
{
    struct pgc_err err = {0};
    char *expected = pgc_xasprintf("%s%s", files->settings, message);

    write_text(files->settings, text);
    assert_null(pgc_conf_load(files->settings, NULL, 0, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_string_equal(err.message, expected);
    assert_string_equal(err.hint, hint);
    free(expected);
}

static void
without_any_source_the_defaults_hold(void **state)
{
    struct pgc_conf *conf = load(NULL);

    (void)state;
    assert_string_equal(conf->admin_address, "127.0.0.1");
    assert_int_equal(conf->admin_port, 9090);
    assert_string_equal(conf->admin_token, "");
    assert_int_equal(conf->allow_no_origin, 0);
    assert_false(conf->allow_same_origin);
    assert_string_equal(conf->cable_path, "/cable");
    assert_int_equal(conf->canary_ms, 5000);
    assert_int_equal(conf->outbox_max_bytes, 1 << 30);
    assert_string_equal(conf->sse_path, "/events");
    assert_string_equal(conf->database, "");
    assert_string_equal(conf->hs256_secret, "");
    assert_int_equal(conf->key_grace_s, 300);
    assert_int_equal(conf->listen_port, 8080);
    assert_int_equal(conf->log_level, 1);
    assert_int_equal(conf->max_payload_bytes, 2097152);
    assert_int_equal(conf->reauthorize_s, 30);
    assert_string_equal(conf->token_member_claim, "community_member_id");
    assert_int_equal(conf->workers, 1);
    pgc_conf_free(conf);
    pgc_conf_free(NULL);
}

static void
a_file_sets_each_kind_of_setting(void **state)
{
    struct files *files = *state;
    struct pgc_conf *conf;

    write_text(files->settings, "# a comment\n"
                                "; another\n"
                                "\n"
                                "  listen_port=9999  \r\n"
                                "\tdatabase = host=db user=a\n"
                                "log_level = warn\n"
                                "token_query = yes\n"
                                "allowed_origins = https://a.example;#x\n"
                                "page_dir =\n"
                                "cable_path = /ws");
    conf = load(files->settings);
    assert_int_equal(conf->listen_port, 9999);
    assert_string_equal(conf->database, "host=db user=a");
    assert_int_equal(conf->log_level, 2);
    assert_true(conf->token_query);
    assert_string_equal(conf->allowed_origins, "https://a.example;#x");
    assert_string_equal(conf->page_dir, "");
    assert_string_equal(conf->cable_path, "/ws");
    pgc_conf_free(conf);
}

static void
a_line_may_be_very_long(void **state)
{
    struct files *files = *state;
    struct pgc_conf *conf;
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "allowed_origins = ");
    for (int i = 0; i < 5000; i++) {
        pgc_buf_adds(&text, "https://a.example,");
    }
    write_text(files->settings, pgc_buf_str(&text));
    conf = load(files->settings);
    assert_int_equal(strlen(conf->allowed_origins), 5000 * 18);
    pgc_conf_free(conf);
    pgc_buf_fini(&text);
}

static void
every_word_for_yes_and_no_is_understood(void **state)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"on", true}, {"true", true}, {"yes", true}, {"1", true}, {"off", false},
        {"false", false}, {"no", false}, {"0", false}};

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct pgc_conf_flag flag = {"welcome_sid", words[i].word};
        struct pgc_err err = {0};
        struct pgc_conf *conf = pgc_conf_load(NULL, &flag, 1, &err);

        assert_non_null(conf);
        assert_int_equal(conf->welcome_sid, words[i].value);
        pgc_conf_free(conf);
    }
}

static void
later_sources_win(void **state)
{
    struct files *files = *state;
    const struct pgc_conf_flag flags[] = {{"workers=4", "4"}, {"poll_ms", "100"}};
    struct pgc_err err = {0};
    struct pgc_conf *conf;

    write_text(files->settings, "workers = 2\npoll_ms = 60\nlisten_port = 1\nlog_format = json\n");
    assert_int_equal(setenv("PGCABLE_WORKERS", "3", 1), 0);
    assert_int_equal(setenv("PGCABLE_LISTEN_PORT", " 2 ", 1), 0);
    conf = pgc_conf_load(files->settings, flags, 2, &err);
    assert_int_equal(unsetenv("PGCABLE_WORKERS"), 0);
    assert_int_equal(unsetenv("PGCABLE_LISTEN_PORT"), 0);

    assert_non_null(conf);
    assert_int_equal(conf->workers, 4);
    assert_int_equal(conf->poll_ms, 100);
    assert_int_equal(conf->listen_port, 2);
    assert_int_equal(conf->log_format, 1);
    assert_int_equal(conf->retention_s, 300);
    pgc_conf_free(conf);
}

static void
history_is_as_long_as_the_outbox_is_kept_and_no_longer(void **state)
{
    const struct files *files = *state;
    struct pgc_err err = {0};
    struct pgc_conf *conf;

    write_text(files->settings, "retention_s = 60\n");
    conf = load(files->settings);
    assert_int_equal(conf->history_s, 60);
    pgc_conf_free(conf);
    write_text(files->settings, "history_s = 60\nretention_s = 60\n");
    conf = load(files->settings);
    assert_int_equal(conf->history_s, 60);
    pgc_conf_free(conf);
    write_text(files->settings, "history_s = 61\nretention_s = 60\n");
    assert_null(pgc_conf_load(files->settings, NULL, 0, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_string_equal(err.message,
        "history_s = 61 is longer than retention_s = 60, after which the outbox is gone");
    assert_string_equal(err.hint, "raise retention_s, or leave history_s at 0: as long as that");
}

static void
assert_disagreement(const struct files *files, const char *text, const char *message)
{
    struct pgc_err err = {0};

    write_text(files->settings, text);
    assert_null(pgc_conf_load(files->settings, NULL, 0, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_string_equal(err.message, message);
    assert_string_not_equal(err.hint, "");
}

static void
what_goes_over_nats_needs_to_know_where_it_is(void **state)
{
    const struct files *files = *state;
    struct pgc_conf *conf;

    write_text(files->settings, "role = edge\nnats_url = nats://127.0.0.1:4222\n");
    conf = load(files->settings);
    assert_int_equal(conf->role, PGC_ROLE_EDGE);
    assert_string_equal(conf->nats_prefix, "pgcable");
    pgc_conf_free(conf);
    assert_disagreement(files, "role = edge\n", "role = edge, and nats_url is not set");
    assert_disagreement(files, "role = feed\n", "role = feed, and nats_url is not set");
    assert_disagreement(
        files, "nats_prefix = a.b\n", "nats_prefix = \"a.b\" is no name for a stream of NATS");
    assert_disagreement(
        files, "nats_prefix =\n", "nats_prefix = \"\" is no name for a stream of NATS");
    assert_disagreement(files, "nats_tls_key = /k\n",
        "one of nats_tls_certificate and nats_tls_key is set, and one not");
}

static void
a_bad_line_is_refused_with_its_place(void **state)
{
    assert_refused(*state, "\n# x\nlisten_prot = 1\n", ":3: there is no setting \"listen_prot\"",
        "did you mean \"listen_port\"?");
    assert_refused(*state, "colour = blue\n", ":1: there is no setting \"colour\"",
        "\"pgcable --help-settings\" lists all settings");
    assert_refused(*state, "workers 4\n", ":1: \"workers 4\" is not \"name = value\"",
        "comments begin with # and stand on lines of their own");
    assert_refused(*state, "[server]\n", ":1: \"[server]\" is not \"name = value\"",
        "there are no sections: remove the line");
    assert_refused(*state, "workers = 1\n\nworkers = 2\n", ":3: workers: set a second time",
        "keep one of the two");
    assert_refused(*state, "database = a\x01z\n",
        ":1: database: the value holds a control character", "give database on one line");
    assert_refused(*state, "cable_path = ws\n", ":1: cable_path: \"ws\" does not begin with \"/\"",
        "write \"/ws\"");
    assert_refused(
        *state, "cable_path =\n", ":1: cable_path: \"\" does not begin with \"/\"", "write \"/\"");
    assert_refused(*state, "page_dir = /srv # the page\n",
        ":1: page_dir: \"/srv # the page\" has a comment in it",
        "give the comment a line of its own");
}

static void
a_bad_value_is_refused_with_what_would_be_right(void **state)
{
    static const char *const bad[] = {
        "0", "65", "-1", "1.5", "4x", "0x4", "", "four", "99999999999999999999999"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char *text = pgc_xasprintf("workers = %s\n", bad[i]);
        char *message =
            pgc_xasprintf(":1: workers: \"%s\" is not a whole number from 1 to 64", bad[i]);

        assert_refused(*state, text, message, "the default is 1");
        free(text);
        free(message);
    }
    assert_refused(*state, "token_query = maybe\n", ":1: token_query: \"maybe\" is not on or off",
        "the default is off");
    assert_refused(*state, "notify = never\n",
        ":1: notify: \"never\" is not one of auto, always, off", "the default is auto");
}

static void
the_ends_of_a_range_belong_to_it(void **state)
{
    struct files *files = *state;
    struct pgc_conf *conf;

    write_text(files->settings, "workers = 64\nqueue_bytes = 1073741824\nlisten_port = 0\n");
    conf = load(files->settings);
    assert_int_equal(conf->workers, 64);
    assert_int_equal(conf->queue_bytes, 1073741824);
    assert_int_equal(conf->listen_port, 0);
    pgc_conf_free(conf);
}

static void
a_line_with_a_zero_byte_is_refused(void **state)
{
    struct files *files = *state;
    struct pgc_err err = {0};

    write_bytes(files->settings, "workers = 1\0 2\n", 15);
    assert_null(pgc_conf_load(files->settings, NULL, 0, &err));
    assert_non_null(strstr(err.message, ":1: the line holds a zero byte"));
}

static void
a_file_that_cannot_be_read_is_named(void **state)
{
    struct pgc_err err = {0};

    (void)state;
    assert_null(pgc_conf_load("/nowhere/pgcable.conf", NULL, 0, &err));
    assert_string_equal(
        err.message, "read settings from \"/nowhere/pgcable.conf\": No such file or directory");
    assert_null(pgc_conf_load("/", NULL, 0, &err));
    assert_string_equal(err.message, "read settings from \"/\": Is a directory");
}

static void
a_bad_variable_or_flag_is_named(void **state)
{
    const struct pgc_conf_flag bad = {"workers", "many"};
    const struct pgc_conf_flag unknown = {"worker=3", "3"};
    const struct pgc_conf_flag twice[] = {{"workers", "1"}, {"workers", "2"}};
    struct pgc_err err = {0};

    (void)state;
    assert_null(pgc_conf_load(NULL, &bad, 1, &err));
    assert_string_equal(
        err.message, "option --workers: \"many\" is not a whole number from 1 to 64");
    assert_null(pgc_conf_load(NULL, &unknown, 1, &err));
    assert_string_equal(err.message, "command line: there is no setting \"worker\"");
    assert_string_equal(err.hint, "did you mean \"workers\"?");
    assert_null(pgc_conf_load(NULL, twice, 2, &err));
    assert_string_equal(err.message, "option --workers: set a second time");

    assert_int_equal(setenv("PGCABLE_WORKERS", "", 1), 0);
    assert_null(pgc_conf_load(NULL, NULL, 0, &err));
    assert_int_equal(unsetenv("PGCABLE_WORKERS"), 0);
    assert_string_equal(err.message,
        "environment variable PGCABLE_WORKERS: \"\" is not a whole number from 1 to 64");
}

static void
variables_that_name_no_setting_are_left_alone(void **state)
{
    struct pgc_conf *conf;

    (void)state;
    assert_int_equal(setenv("PGCABLE_PORT", "tcp://10.0.0.1:8080", 1), 0);
    conf = load(NULL);
    assert_int_equal(unsetenv("PGCABLE_PORT"), 0);
    assert_int_equal(conf->listen_port, 8080);
    pgc_conf_free(conf);
}

static void
a_secret_may_come_from_a_file_of_its_own(void **state)
{
    struct files *files = *state;
    struct pgc_err err = {0};
    struct pgc_conf *conf;
    char *line = pgc_xasprintf("hs256_secret_file = %s\n", files->secret);

    write_text(files->settings, line);
    write_text(files->secret, "  blanks # count \r\n");
    conf = load(files->settings);
    assert_string_equal(conf->hs256_secret, "  blanks # count ");
    pgc_conf_free(conf);

    assert_int_equal(setenv("PGCABLE_HS256_SECRET_FILE", files->secret, 1), 0);
    conf = load(NULL);
    assert_string_equal(conf->hs256_secret, "  blanks # count ");
    pgc_conf_free(conf);

    assert_int_equal(setenv("PGCABLE_HS256_SECRET", "both", 1), 0);
    assert_null(pgc_conf_load(NULL, NULL, 0, &err));
    assert_int_equal(unsetenv("PGCABLE_HS256_SECRET"), 0);
    assert_int_equal(unsetenv("PGCABLE_HS256_SECRET_FILE"), 0);
    assert_string_equal(
        err.message, "environment variable PGCABLE_HS256_SECRET_FILE: set a second time");
    free(line);
}

static void
a_secret_file_that_holds_none_is_refused(void **state)
{
    struct files *files = *state;
    struct pgc_err err = {0};
    const struct pgc_conf_flag flag = {"hs256_secret_file", files->secret};
    const struct pgc_conf_flag missing = {"hs256_secret_file", "/nowhere/secret"};

    write_text(files->secret, "\n");
    assert_null(pgc_conf_load(NULL, &flag, 1, &err));
    assert_non_null(strstr(err.message, "\" is empty"));
    write_bytes(files->secret, "a\0b", 3);
    assert_null(pgc_conf_load(NULL, &flag, 1, &err));
    assert_non_null(strstr(err.message, "\" holds a zero byte"));
    assert_null(pgc_conf_load(NULL, &missing, 1, &err));
    assert_string_equal(err.message, "option --hs256_secret_file: open \"/nowhere/secret\": "
                                     "No such file or directory");
}

static void
what_is_printed_reads_back_as_the_same(void **state)
{
    struct files *files = *state;
    const struct pgc_conf_flag flags[] = {
        {"database", "host=/run user='a b'"},
        {"allow_no_origin", "never"},
        {"token_query", "on"},
        {"workers", "3"},
        {"token_issuer", ""},
    };
    struct pgc_err err = {0};
    struct pgc_conf *conf = pgc_conf_load(NULL, flags, 5, &err);
    struct pgc_buf first = {0};
    struct pgc_buf second = {0};

    assert_non_null(conf);
    pgc_conf_print(conf, &first);
    pgc_conf_free(conf);
    write_text(files->settings, pgc_buf_str(&first));
    conf = load(files->settings);
    assert_string_equal(conf->database, "host=/run user='a b'");
    assert_int_equal(conf->allow_no_origin, 2);
    assert_true(conf->token_query);
    assert_int_equal(conf->workers, 3);
    pgc_conf_print(conf, &second);
    assert_string_equal(pgc_buf_str(&first), pgc_buf_str(&second));
    pgc_conf_free(conf);
    pgc_buf_fini(&first);
    pgc_buf_fini(&second);
}

#define FILES_TEST(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_source_the_defaults_hold),
        FILES_TEST(a_file_sets_each_kind_of_setting),
        FILES_TEST(a_line_may_be_very_long),
        cmocka_unit_test(every_word_for_yes_and_no_is_understood),
        FILES_TEST(later_sources_win),
        FILES_TEST(history_is_as_long_as_the_outbox_is_kept_and_no_longer),
        FILES_TEST(what_goes_over_nats_needs_to_know_where_it_is),
        FILES_TEST(a_bad_line_is_refused_with_its_place),
        FILES_TEST(a_bad_value_is_refused_with_what_would_be_right),
        FILES_TEST(the_ends_of_a_range_belong_to_it),
        FILES_TEST(a_line_with_a_zero_byte_is_refused),
        cmocka_unit_test(a_file_that_cannot_be_read_is_named),
        cmocka_unit_test(a_bad_variable_or_flag_is_named),
        cmocka_unit_test(variables_that_name_no_setting_are_left_alone),
        FILES_TEST(a_secret_may_come_from_a_file_of_its_own),
        FILES_TEST(a_secret_file_that_holds_none_is_refused),
        FILES_TEST(what_is_printed_reads_back_as_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
