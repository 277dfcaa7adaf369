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

static void
a_secret_is_never_printed(void **state)
{
    const struct pgc_conf_flag flag = {"hs256_secret", "whisper whisper whisper"};
    struct pgc_err err = {0};
    struct pgc_conf *conf = pgc_conf_load(NULL, &flag, 1, &err);
    struct pgc_buf out = {0};

    (void)state;
    assert_non_null(conf);
    assert_string_equal(conf->hs256_secret, "whisper whisper whisper");
    pgc_conf_print(conf, &out);
    assert_null(strstr(pgc_buf_str(&out), "whisper"));
    assert_non_null(strstr(pgc_buf_str(&out), "# hs256_secret = (set)\n"));
    pgc_conf_free(conf);
    pgc_buf_fini(&out);
}

static void
each_setting_is_described_with_default_rule_and_help(void **state)
{
    struct pgc_buf out = {0};

    (void)state;
    pgc_conf_describe(&out);
    assert_non_null(
        strstr(pgc_buf_str(&out), "\nlisten_port = 8080\n"
                                  "    a whole number from 0 to 65535; changed by a restart\n"
                                  "    port for websocket clients; 0 = any free one\n"));
    assert_non_null(strstr(pgc_buf_str(&out),
        "\nhs256_secret =\n    a text, or hs256_secret_file = path; changed by a reload\n"));
    pgc_buf_fini(&out);
}

static void
names_are_those_of_settings(void **state)
{
    (void)state;
    assert_true(pgc_conf_is_name("listen_port"));
    assert_true(pgc_conf_is_name("jwks_file"));
    assert_true(pgc_conf_is_name("hs256_secret_file"));
    assert_false(pgc_conf_is_name("listen_port_file"));
    assert_false(pgc_conf_is_name("listen-port"));
    assert_false(pgc_conf_is_name("listen"));
    assert_false(pgc_conf_is_name("_file"));
    assert_false(pgc_conf_is_name(""));
}

static void
a_reload_names_what_needs_a_restart(void **state)
{
    const struct pgc_conf_flag flags[] = {
        {"listen_port", "1"},
        {"workers", "2"},
        {"log_level", "debug"},
        {"hs256_secret", "other"},
    };
    struct pgc_err err = {0};
    struct pgc_conf *before = load(NULL);
    struct pgc_conf *after = pgc_conf_load(NULL, flags, 4, &err);
    struct pgc_buf names = {0};

    (void)state;
    assert_non_null(after);
    pgc_conf_restart_needed(before, before, &names);
    assert_string_equal(pgc_buf_str(&names), "");
    pgc_conf_restart_needed(before, after, &names);
    assert_string_equal(pgc_buf_str(&names), "listen_port, workers");
    pgc_conf_free(before);
    pgc_conf_free(after);
    pgc_buf_fini(&names);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_never_printed),
        cmocka_unit_test(each_setting_is_described_with_default_rule_and_help),
        cmocka_unit_test(names_are_those_of_settings),
        cmocka_unit_test(a_reload_names_what_needs_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
