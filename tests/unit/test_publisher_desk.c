/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "publisher_scene.h"

/* ---- what is waited for ---- */

static bool
has_asks(const struct world *world)
{
    return the_scene->one.ask_count == world->target;
}

static bool
has_answers(const struct world *world)
{
    return world->edge.answers + world->edge.failures == world->target;
}

static bool
has_viewer(const struct world *world)
{
    (void)world;
    return pgc_port_has_viewer(the_scene->one.port, "7");
}

static bool
has_no_viewer(const struct world *world)
{
    return !has_viewer(world);
}

static bool
two_has_viewer(const struct world *world)
{
    (void)world;
    return pgc_port_has_viewer(the_scene->two.port, "7");
}

/* ---- questions ---- */

static void
answer_done(const struct pgc_err *err, const struct pgc_nats_bytes *answer, void *arg)
{
    struct scene *scene = arg;
    struct end *edge = &scene->world->edge;

    if (err != NULL) {
        edge->failures++;
        edge->failure = *err;
    } else {
        edge->answers++;
        pgc_buf_clear(&scene->answer);
        pgc_buf_add(&scene->answer, answer->data, answer->length);
    }
}

static void
ask(struct scene *scene, const char *what, const struct pgc_buf *bytes, int64_t timeout_ms)
{
    pgc_nats_request(scene->world->edge.nats, what,
        &(struct pgc_nats_bytes){(const unsigned char *)bytes->data, bytes->length}, timeout_ms,
        answer_done, scene);
}

static void
ask_access(struct scene *scene)
{
    struct pgc_ask *asks[] = {pgc_ask_new(70, PGC_STREAM_MEMBER, "7", NULL, NULL),
        pgc_ask_new(71, PGC_STREAM_ROOM, "7", "5", NULL)};
    struct codec_asks question = {.edge = 99, .count = 2, .asks = asks};
    struct pgc_buf bytes = {0};

    pgc_codec_write_asks(&bytes, &question);
    ask(scene, "ask", &bytes, WORLD_DEADLINE_MS);
    pgc_buf_fini(&bytes);
    pgc_ask_free(asks[0]);
    pgc_ask_free(asks[1]);
    world_wait_for(scene->world, has_asks, scene->one.ask_count + 2);
}

static void
hand_down_answer(struct scene *scene, unsigned ask_number, const char *stream)
{
    struct pgc_answer *answer = pgc_answer_new(scene->one.asks[ask_number]->ticket, stream);

    if (stream != NULL) {
        pgc_answer_add_topic(answer, "member:7");
    }
    pgc_port_take_down_answer(scene->one.port, answer);
}

static void
an_answer_says_at_which_tick_it_is_good(void **state)
{
    struct scene *scene = *state;
    struct codec_answers answers = {0};

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_access(scene);
    assert_string_equal(scene->one.asks[1]->room, "5");
    hand_down_tick(&scene->one, 6, 10);
    hand_down_answer(scene, 1, NULL);
    hand_down_answer(scene, 0, "member:7");
    hand_down_tick(&scene->one, 7, 10);
    world_wait_for(scene->world, has_answers, 1);
    assert_int_equal(scene->world->edge.answers, 1);
    assert_true(pgc_codec_read_answers(scene->answer.data, scene->answer.length, &answers, NULL));
    assert_int_equal(answers.tick, 6);
    assert_int_equal(answers.nonce, NONCE);
    assert_int_equal(answers.count, 2);
    assert_int_equal(answers.answers[0]->ticket, 70);
    assert_string_equal(answers.answers[0]->stream, "member:7");
    assert_int_equal(answers.answers[0]->topic_count, 1);
    assert_int_equal(answers.answers[1]->ticket, 71);
    assert_null(answers.answers[1]->stream);
    pgc_codec_fini_answers(&answers);
}

static void
what_is_not_answered_by_the_next_tick_is_left_out(void **state)
{
    struct scene *scene = *state;
    struct codec_answers answers = {0};

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_access(scene);
    hand_down_answer(scene, 1, NULL);
    hand_down_tick(&scene->one, 6, 10);
    hand_down_answer(scene, 0, "member:7");
    world_wait_for(scene->world, has_answers, 1);
    assert_true(pgc_codec_read_answers(scene->answer.data, scene->answer.length, &answers, NULL));
    assert_int_equal(answers.tick, 5);
    assert_int_equal(answers.count, 1);
    assert_int_equal(answers.answers[0]->ticket, 71);
    pgc_codec_fini_answers(&answers);
    ask_access(scene); /* and the desk is in order */
    hand_down_answer(scene, 2, "member:7");
    hand_down_answer(scene, 3, NULL);
    world_wait_for(scene->world, has_answers, 2);
    assert_int_equal(scene->world->edge.answers, 2);
}

/* The server may hear of the rest later than of the question. */
static void
who_rests_lets_those_who_ask_know_at_once(void **state)
{
    struct scene *scene = *state;
    struct end *edge = &scene->world->edge;
    struct pgc_buf bytes = {0};

    pgc_publisher_rest(scene->one.publisher);
    pgc_buf_adds(&bytes, "x");
    do {
        ask(scene, "ask", &bytes, 200);
        world_wait_for(scene->world, has_answers, edge->failures + 1);
        assert_int_equal(edge->answers, 0);
    } while (strstr(edge->failure.message, "nobody is there") == NULL);
    pgc_buf_fini(&bytes);
}

static void
the_stream_tells_all_bans_to_who_asks(void **state)
{
    const struct pgc_ban ban = {.before_s = 17, .until_s = INT64_C(9999999999)};
    struct scene *scene = *state;
    struct codec_place place = {0};
    struct pgc_batch *batch;
    struct pgc_buf bytes = {0};

    hand_down_beginning(&scene->one, 4);
    batch = batch_of(4, false);
    pgc_batch_add_ban(batch, PGC_OP_BAN_MEMBER, "7", &ban);
    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "old", &(struct pgc_ban){.until_s = 1});
    hand_down(&scene->one, batch);
    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 3);
    pgc_codec_write_place(&bytes, CODEC_STATE_ASK, &place);
    ask(scene, "state", &bytes, WORLD_DEADLINE_MS);
    ask(scene, "state", &bytes, WORLD_DEADLINE_MS);
    pgc_buf_fini(&bytes);
    world_wait_for(scene->world, has_answers, 2);
    world_wait_for(scene->world, has_pieces, 4);
    assert_true(scene->pieces[3].head.has_state);
    assert_true(scene->pieces[3].head.late);
    assert_piece(scene, 3, 5, 1);
    assert_int_equal(scene->pieces[3].ops, 1);
    assert_int_equal(scene->pieces[3].ban.before_s, 17);
}

/* ---- viewers ---- */

static void
tell_viewers(struct scene *scene, uint64_t round, bool is_last, const char *member, bool listens)
{
    struct codec_viewer viewer = {.listens = listens};
    struct codec_viewers viewers = {.edge = 99, .round = round, .is_last = is_last};
    struct pgc_buf bytes = {0};

    if (member != NULL) {
        viewer.member = pgc_xstrdup(member);
        viewers.viewers = &viewer;
        viewers.count = 1;
    }
    pgc_codec_write_viewers(&bytes, &viewers);
    pgc_nats_tell(scene->world->edge.nats, "viewers",
        &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
    pgc_buf_fini(&bytes);
    free(viewer.member);
}

static void
the_feed_hears_who_listens_on_an_edge(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1); /* the edge is connected */
    tell_viewers(scene, 0, false, "7", true);
    world_wait(scene->world, has_viewer);
    tell_viewers(scene, 0, false, "7", false);
    world_wait(scene->world, has_no_viewer);
    tell_viewers(scene, 1, true, "7", true);
    world_wait(scene->world, has_viewer);
    tell_viewers(scene, 2, false, "8", true);
    tell_viewers(scene, 2, true, NULL, false);
    world_wait(scene->world, has_no_viewer);
    ask_access(scene); /* that alone makes a viewer */
    assert_true(has_viewer(scene->world));
}

/* It may be connected later than the edge is. */
static bool
two_knows_the_edge(const struct world *world)
{
    int64_t now_ms = pgc_monotonic_ms();

    (void)world;
    if (now_ms - the_scene->told_ms > 200) {
        the_scene->told_ms = now_ms;
        tell_viewers(the_scene, 0, false, "7", true);
    }
    return pgc_metrics_total(the_scene->two.metrics, "pgcable_bus_edges") == 1;
}

static void
who_stands_by_knows_who_listens(void **state)
{
    struct scene *scene = *state;

    daemon_start(scene, &scene->two);
    world_wait(scene->world, two_knows_the_edge);
    daemon_lead(scene, &scene->two, 2);
    world_wait(scene->world, two_has_viewer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_answer_says_at_which_tick_it_is_good),
        SCENE_TEST(what_is_not_answered_by_the_next_tick_is_left_out),
        SCENE_TEST(who_rests_lets_those_who_ask_know_at_once),
        SCENE_TEST(the_stream_tells_all_bans_to_who_asks),
        SCENE_TEST(the_feed_hears_who_listens_on_an_edge),
        SCENE_TEST(who_stands_by_knows_who_listens),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
