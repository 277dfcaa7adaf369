/* SPDX-License-Identifier: PostgreSQL */
/* Each test has a database of its own: made before, dropped after. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"
#include "pgcable/migrate.h"

#include "server.h"

struct place {
    PGconn *server; /* the database postgres */
    char dsn[256];  /* of the test's own database */
};

/* say() has no argument of its own, hence this. */
static struct pgc_buf said;

static void
say(const char *line)
{
    pgc_buf_adds(&said, line);
    pgc_buf_addc(&said, '\n');
}

static void
run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(result);
}

static void
run_in(const char *dsn, const char *sql)
{
    PGconn *conn = PQconnectdb(dsn);

    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    PQclear(PQexec(conn, "set client_min_messages = warning"));
    run(conn, sql);
    PQfinish(conn);
}

static int
setup(void **state)
{
    struct place *place = pgc_xcalloc(1, sizeof(*place));

    place->server = PQconnectdb(server_dsn());
    assert_int_equal(PQstatus(place->server), CONNECTION_OK);
    PQclear(PQexec(place->server, "set client_min_messages = warning"));
    run(place->server, "drop database if exists place with (force)");
    run(place->server, "create database place");
    snprintf(place->dsn, sizeof(place->dsn), "%s dbname=place", server_dsn());
    pgc_buf_clear(&said);
    *state = place;
    return 0;
}

static int
teardown(void **state)
{
    struct place *place = *state;

    run(place->server, "drop database place with (force)");
    PQfinish(place->server);
    free(place);
    pgc_buf_fini(&said);
    return 0;
}

static void
the_migrations_are_numbered_without_a_gap(void **state)
{
    size_t count;
    const struct pgc_migration *migrations = pgc_migrations(&count);

    (void)state;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(migrations[i].id, i + 1);
        assert_non_null(strstr(migrations[i].sql, migrations[i].name));
    }
    assert_true(migrations[0].breaking);
}

static void
each_migration_is_told_and_running_again_is_harmless(void **state)
{
    struct place *place = *state;
    size_t count;
    const struct pgc_migration *migrations = pgc_migrations(&count);
    char nothing[64];

    assert_true(pgc_migrate_up(place->dsn, say, NULL));
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(pgc_buf_str(&said), migrations[i].name));
    }
    pgc_buf_clear(&said);
    assert_true(pgc_migrate_up(place->dsn, say, NULL));
    snprintf(nothing, sizeof(nothing), "nothing to do, all %zu migrations are there\n", count);
    assert_string_equal(pgc_buf_str(&said), nothing);
}

static void *
migrate_up(void *arg)
{
    struct pgc_err err = {0};

    return pgc_migrate_up(arg, NULL, &err) ? NULL : pgc_xstrdup(err.message);
}

static void
four_at_once_are_harmless(void **state)
{
    struct place *place = *state;
    pthread_t threads[4];
    void *failure;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_up, place->dsn), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        if (failure != NULL) {
            fail_msg("%s", (char *)failure);
        }
    }
    run_in(place->dsn, "select * from pgcable.hello()");
}

static void
a_breaking_migration_of_a_newer_program_is_refused_and_a_harmless_one_is_not(void **state)
{
    struct place *place = *state;
    struct pgc_err err = {0};

    assert_true(pgc_migrate_up(place->dsn, NULL, NULL));
    run_in(place->dsn,
        "insert into pgcable.migration (id, name, breaking) values (9998, 'gentle', false)");
    assert_true(pgc_migrate_up(place->dsn, say, NULL));
    assert_non_null(strstr(pgc_buf_str(&said), "gentle: of a newer pgcable, harmless"));
    run_in(place->dsn,
        "insert into pgcable.migration (id, name, breaking) values (9999, 'rough', true)");
    assert_false(pgc_migrate_up(place->dsn, say, &err));
    assert_int_equal(err.code, PGC_ERR_SCHEMA);
    assert_non_null(strstr(err.message, "\"rough\""));
    assert_non_null(strstr(err.hint, "install the newer pgcable"));
}

static void
uninstalling_leaves_nothing_and_migrating_again_works(void **state)
{
    struct place *place = *state;
    PGconn *conn;
    PGresult *result;

    assert_true(pgc_migrate_up(place->dsn, NULL, NULL));
    assert_true(pgc_migrate_uninstall(place->dsn, say, NULL));
    conn = PQconnectdb(place->dsn);
    result = PQexec(conn, "select count(*) from pg_namespace where nspname = 'pgcable'");
    assert_string_equal(PQgetvalue(result, 0, 0), "0");
    PQclear(result);
    PQfinish(conn);
    assert_true(pgc_migrate_up(place->dsn, NULL, NULL));
}

static void
uninstalling_is_refused_where_something_of_the_users_depends_on_us(void **state)
{
    struct place *place = *state;
    struct pgc_err err = {0};

    assert_true(pgc_migrate_up(place->dsn, NULL, NULL));
    run_in(place->dsn, "create view precious as select * from pgcable.tick");
    assert_false(pgc_migrate_uninstall(place->dsn, say, &err));
    assert_non_null(strstr(err.message, "run uninstall.sql"));
    run_in(place->dsn, "select * from precious");
}

static void
a_statement_prints_its_rows_and_notices(void **state)
{
    struct place *place = *state;
    const char *params[] = {"a", NULL};

    assert_true(pgc_migrate_run(place->dsn,
        "select $1::text, $2::text, 3 union all select 'b', 'c', 4", 2, params, say, NULL));
    assert_string_equal(pgc_buf_str(&said), "a |  | 3\nb | c | 4\n");
    pgc_buf_clear(&said);
    assert_true(pgc_migrate_run(
        place->dsn, "do $$ begin raise notice 'look here'; end $$", 0, NULL, say, NULL));
    assert_string_equal(pgc_buf_str(&said), "NOTICE: look here\n");
}

static void
a_statement_that_fails_says_why_and_what_to_do(void **state)
{
    struct place *place = *state;
    const char *params[] = {"message", "nowhere"};
    struct pgc_err err = {0};

    assert_false(pgc_migrate_run(
        place->dsn, "select pgcable.attach($1, $2::regclass)", 2, params, say, &err));
    assert_non_null(strstr(err.hint, "pgcable migrate"));
    assert_true(pgc_migrate_up(place->dsn, NULL, NULL));
    pgc_err_clear(&err);
    assert_false(pgc_migrate_run(
        place->dsn, "select pgcable.attach($1, $2::regclass)", 2, params, say, &err));
    assert_non_null(strstr(err.message, "relation \"nowhere\" does not exist"));
}

/* Rows as "a|b|(null)" lines. */
static void
hand_in(const char *const *values, void *arg)
{
    struct pgc_buf *rows = arg;

    for (int column = 0; column < 3; column++) {
        pgc_buf_adds(rows, values[column] == NULL ? "(null)" : values[column]);
        pgc_buf_addc(rows, column < 2 ? '|' : '\n');
    }
}

static void
a_script_is_one_transaction_and_hands_out_its_last_rows_by_column(void **state)
{
    struct place *place = *state;
    struct pgc_err err = {0};
    struct pgc_buf rows = {0};
    const struct pgc_migrate_sink sink = {.say = say, .row = hand_in, .arg = &rows};

    assert_true(pgc_migrate_script(place->dsn,
        "create table things (a text, b int); insert into things values ('it''s', 1), (null, 2);"
        "do $$ begin raise notice 'half way'; end $$; select a, b, null from things order by b",
        &sink, &err));
    assert_string_equal(pgc_buf_str(&rows), "it's|1|(null)\n(null)|2|(null)\n");
    assert_non_null(strstr(pgc_buf_str(&said), "half way"));

    assert_false(pgc_migrate_script(
        place->dsn, "insert into things values ('x', 3); select 1 / 0", &sink, &err));
    assert_non_null(strstr(err.message, "division by zero"));
    pgc_buf_clear(&rows);
    assert_true(pgc_migrate_script(place->dsn, "select count(*), 1, 2 from things", &sink, NULL));
    assert_string_equal(pgc_buf_str(&rows), "2|1|2\n");
    pgc_buf_fini(&rows);
}

static void
a_user_without_the_rights_is_told_which_ones_are_needed(void **state)
{
    struct place *place = *state;
    struct pgc_err err = {0};
    char dsn[300];

    run(place->server, "do $$ begin create role nobody_much login;"
                       " exception when duplicate_object then null; end $$");
    snprintf(dsn, sizeof(dsn), "%s user=nobody_much", place->dsn);
    assert_false(pgc_migrate_up(dsn, say, &err));
    assert_non_null(strstr(err.message, "run 0001_schema.sql"));
    assert_non_null(strstr(err.hint, "CREATEROLE"));
}

static void
an_unreachable_database_is_told_without_the_password(void **state)
{
    struct pgc_err err = {0};

    (void)state;
    assert_false(pgc_migrate_up("host=/nowhere dbname=shop user=ann password=geheim", say, &err));
    assert_non_null(strstr(
        err.message, "connect to host \"/nowhere\" port 5432 database \"shop\" user \"ann\""));
    assert_null(strstr(err.message, "geheim"));
    assert_non_null(strstr(err.hint, "\"database\""));
}

#define IN_A_DATABASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_migrations_are_numbered_without_a_gap),
        IN_A_DATABASE(each_migration_is_told_and_running_again_is_harmless),
        IN_A_DATABASE(four_at_once_are_harmless),
        IN_A_DATABASE(a_breaking_migration_of_a_newer_program_is_refused_and_a_harmless_one_is_not),
        IN_A_DATABASE(uninstalling_leaves_nothing_and_migrating_again_works),
        IN_A_DATABASE(uninstalling_is_refused_where_something_of_the_users_depends_on_us),
        IN_A_DATABASE(a_statement_prints_its_rows_and_notices),
        IN_A_DATABASE(a_statement_that_fails_says_why_and_what_to_do),
        IN_A_DATABASE(a_script_is_one_transaction_and_hands_out_its_last_rows_by_column),
        IN_A_DATABASE(a_user_without_the_rights_is_told_which_ones_are_needed),
        cmocka_unit_test(an_unreachable_database_is_told_without_the_password),
    };

    if (server_dsn() == NULL) {
        fputs(
            "SKIPPED: PGC_TEST_DSN is not set; run it through tests/unit/with-postgres\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
