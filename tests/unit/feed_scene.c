/* SPDX-License-Identifier: PostgreSQL */
/*
 * The feed against a real PostgreSQL.  What it sends is mostly pgcable.broadcast(): the simplest
 * row there is; which rows raise which events is the business of other tests.
 */
#include "feed_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/migrate.h"

#include "server.h"

enum { DEADLINE_MS = 90000, PEEK_MS = 2 };

static void
scene_hear(struct scene *scene, const struct pgc_msg *msg)
{
    int64_t number = strtoll(msg->text, NULL, 10);

    scene->messages++;
    if (number != 0) {
        assert_int_equal(number, scene->last_number + 1);
        scene->last_number = number;
        return;
    }
    pgc_buf_add(&scene->heard, msg->text, msg->length);
    pgc_buf_addc(&scene->heard, ' ');
}

/* What stands at a place: "tick.nonce row.part topic", of what is published or due. */
static void
scene_note_place(struct scene *scene, const struct pgc_op *op)
{
    const struct pgc_position *place = &op->msg->position;

    pgc_buf_addf(&scene->places, "%lld.%08x %lld.%u %s%s\n", (long long)place->tick, place->nonce,
        (long long)place->id, place->part, op->topic, op->kind == PGC_OP_HOLE ? " (hole)" : "");
}

static void
scene_take_batch(struct scene *scene, const struct pgc_batch *batch)
{
    if (batch->count > scene->largest) {
        scene->largest = batch->count;
    }
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->ops[i].kind == PGC_OP_PUBLISH || batch->ops[i].kind == PGC_OP_HOLE) {
            scene_note_place(scene, &batch->ops[i]);
        }
        if (batch->ops[i].kind == PGC_OP_PUBLISH) {
            assert_int_equal(batch->ops[i].msg->position.tick, batch->tick);
            assert_int_equal(batch->ops[i].msg->position.nonce, batch->nonce);
            scene_hear(scene, batch->ops[i].msg);
        } else if (batch->ops[i].kind == PGC_OP_RELOAD) {
            scene->reloads++;
        } else if (batch->ops[i].kind == PGC_OP_BEGIN) {
            scene->begins++;
            pgc_buf_clear(&scene->places);
        }
    }
    if (batch->canary_us != 0) {
        assert_true(batch->ends_tick);
        scene->canaries++;
    }
    if (batch->ends_tick) {
        scene->tick = batch->tick;
        scene->nonce = batch->nonce;
    } else if (batch->count > 0) {
        scene->pieces++;
    }
}

static void
scene_take_answer(struct scene *scene, const struct pgc_answer *answer)
{
    struct pgc_buf topics = {0};

    scene->answers++;
    scene->messages_before_answer = scene->messages;
    for (size_t i = 0; i < answer->topic_count; i++) {
        pgc_buf_addf(&topics, "%s ", answer->topics[i]);
    }
    snprintf(scene->topics, sizeof(scene->topics), "%s", pgc_buf_str(&topics));
    snprintf(scene->stream, sizeof(scene->stream), "%s",
        answer->stream != NULL ? answer->stream : "(refused)");
    pgc_buf_fini(&topics);
}

static void
came_down(struct pgc_down *down, void *arg)
{
    if (down->batch != NULL) {
        scene_take_batch(arg, down->batch);
    } else {
        scene_take_answer(arg, down->answer);
    }
    pgc_down_free(down);
}

static void
peek(void *arg)
{
    struct scene *scene = arg;
    struct pgc_feed_status status;

    if (scene->is_true(scene)) {
        pgc_loop_stop(scene->loop);
        return;
    }
    if (pgc_monotonic_ms() > scene->deadline_ms) {
        pgc_feed_status(scene->feed, &status);
        fail_msg("it never became true (%zu messages, tick %lld, feed: %s)", scene->messages,
            (long long)scene->tick, status.ready ? "ready" : status.why);
    }
    pgc_timer_set(scene->peek, PEEK_MS);
}

void
wait_for(struct scene *scene, bool (*is_true)(struct scene *scene))
{
    scene->is_true = is_true;
    scene->deadline_ms = pgc_monotonic_ms() + DEADLINE_MS;
    pgc_timer_set(scene->peek, 0);
    pgc_loop_run(scene->loop);
}

bool
is_ready(struct scene *scene)
{
    struct pgc_feed_status status;

    pgc_feed_status(scene->feed, &status);
    return status.ready;
}

bool
has_messages(struct scene *scene)
{
    return scene->messages >= scene->wanted;
}

bool
has_answers(struct scene *scene)
{
    return scene->answers >= scene->wanted;
}

bool
has_reloaded(struct scene *scene)
{
    return scene->reloads > 0;
}

void
wait_for_messages(struct scene *scene, size_t wanted)
{
    scene->wanted = wanted;
    wait_for(scene, has_messages);
    assert_int_equal(scene->messages, wanted);
}

/* ---- the application's side ---- */

PGconn *
connect_app(void)
{
    PGconn *conn = PQconnectdb(server_dsn());

    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    PQclear(PQexec(conn, "set client_min_messages = warning"));
    return conn;
}

void
run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    }
    PQclear(result);
}

bool
is_sql_true(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    bool is_true;

    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    is_true = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    return is_true;
}

void
kill_connections(struct scene *scene)
{
    run(scene->app, "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name like 'pgcable/%'");
}

/* ---- life ---- */

void
open_worker(struct scene *scene)
{
    pgc_port_open_worker(scene->ports[0], scene->loop, came_down, scene);
}

static struct scene *
scene_new_like(struct pgc_feed_conf conf, const char *dsn)
{
    struct scene *scene = pgc_xcalloc(1, sizeof(*scene));
    char *daemon_dsn = pgc_xasprintf("%s user=pgcable_daemon", dsn);

    conf.database = daemon_dsn;
    conf.poll_ms = 5000;
    conf.retention_s = 300;
    conf.max_payload_bytes = 1 << 20;
    scene->loop = pgc_loop_new();
    scene->peek = pgc_timer_new(scene->loop, peek, scene);
    scene->metrics = pgc_metrics_new();
    scene->ports[0] = pgc_port_new();
    scene->feed = pgc_feed_new(scene->loop, &conf, scene->ports, 1, scene->metrics);
    free(daemon_dsn);
    return scene;
}

struct scene *
scene_new(const char *dsn)
{
    return scene_new_with_past(dsn, 0, 0); /* nothing of the tests before */
}

struct scene *
scene_new_with_past(const char *dsn, int64_t history_s, size_t history_bytes)
{
    return scene_new_like(
        (struct pgc_feed_conf){.history_s = history_s, .history_bytes = history_bytes}, dsn);
}

struct scene *
scene_new_with_canary(const char *dsn, int64_t canary_ms)
{
    return scene_new_like((struct pgc_feed_conf){.canary_ms = canary_ms}, dsn);
}

struct scene *
scene_new_behind(const char *dsn, const struct pgc_feed_after *after)
{
    return scene_new_like((struct pgc_feed_conf){.goes_on = *after}, dsn);
}

void
scene_free(struct scene *scene)
{
    pgc_feed_free(scene->feed);
    pgc_port_free(scene->ports[0]);
    pgc_timer_free(scene->peek);
    pgc_loop_free(scene->loop);
    pgc_metrics_free(scene->metrics);
    pgc_buf_fini(&scene->heard);
    pgc_buf_fini(&scene->places);
    PQfinish(scene->app);
    free(scene);
}

int
scene_setup(void **state)
{
    struct scene *scene = scene_new(server_dsn());

    scene->app = connect_app();
    open_worker(scene);
    wait_for(scene, is_ready);
    *state = scene;
    return 0;
}

int
scene_teardown(void **state)
{
    scene_free(*state);
    return 0;
}

int
scene_begin(void)
{
    struct pgc_err err = {0};

    if (server_dsn() == NULL) {
        fputs(
            "SKIPPED: PGC_TEST_DSN is not set; run it through tests/unit/with-postgres\n", stderr);
        return 77;
    }
    if (!pgc_migrate_up(server_dsn(), NULL, &err)) {
        fprintf(stderr, "migrate: %s\n", err.message);
        return 1;
    }
    return 0;
}
