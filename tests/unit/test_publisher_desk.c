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
a_question_waits(const struct world *world)
{
    (void)world;
    return !TAILQ_EMPTY(&the_scene->one.publisher->desk.waiting);
}

/* What the first daemon was told to serve it serves by then. */
static bool
has_news(const struct world *world)
{
    pgc_nats_tell(the_scene->one.publisher->nats, "news", &(struct pgc_nats_bytes){NULL, 0});
    return world->edge.told > 0;
}

/* ---- questions ---- */

static void
hand_down_answer(struct scene *scene, unsigned ask_number, const char *stream)
{
    struct pgc_answer *answer = pgc_answer_new(scene->one.asks[ask_number]->ticket, stream);

    if (stream != NULL) {
        pgc_answer_add_topic(answer, "member:7");
    }
    pgc_port_take_down_answer(scene->one.port, answer);
}

/* Of so many bytes, and a little more. */
static void
hand_down_long_answer(struct scene *scene, unsigned ask_number, size_t size)
{
    struct pgc_answer *answer = pgc_answer_new(scene->one.asks[ask_number]->ticket, "room:5");
    char topic[1001];

    memset(topic, 'x', sizeof(topic) - 1);
    topic[sizeof(topic) - 1] = '\0';
    for (size_t bytes = 0; bytes < size; bytes += sizeof(topic) - 1) {
        pgc_answer_add_topic(answer, topic);
    }
    pgc_port_take_down_answer(scene->one.port, answer);
}

/* The newest answer grants `stream` (NULL = nothing) to `count` asks, of which the first has that
 * ticket. */
static void
assert_answer(struct scene *scene, size_t count, uint64_t ticket, const char *stream)
{
    struct codec_answers answers = {0};

    assert_true(pgc_codec_read_answers(scene->answer.data, scene->answer.length, &answers, NULL));
    assert_int_equal(answers.count, count);
    assert_int_equal(answers.answers[0]->ticket, ticket);
    if (stream != NULL) {
        assert_string_equal(answers.answers[0]->stream, stream);
    } else {
        assert_null(answers.answers[0]->stream);
    }
    pgc_codec_fini_answers(&answers);
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
    assert_int_equal(scene->one.publisher->desk.flying_asks, 0);
}

static void
an_answer_goes_to_the_question_it_belongs_to(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_rooms(scene, 10, 1, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 1);
    ask_rooms(scene, 20, 1, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 2);
    hand_down_answer(scene, 1, "room:20");
    world_wait_for(scene->world, has_answers, 1);
    assert_answer(scene, 1, 20, "room:20");
    hand_down_answer(scene, 0, NULL);
    world_wait_for(scene->world, has_answers, 2);
    assert_answer(scene, 1, 10, NULL);
}

static void
only_so_many_asks_go_to_the_feed_at_once(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_rooms(scene, 100, 100, WORLD_DEADLINE_MS);
    ask_rooms(scene, 300, 2, WORLD_DEADLINE_MS);
    world_wait(scene->world, a_question_waits);
    world_wait_for(scene->world, has_asks, 64);
    for (unsigned i = 0; i < 64; i++) {
        hand_down_answer(scene, i, "room:5");
    }
    world_wait_for(scene->world, has_answers, 1);
    assert_answer(scene, 64, 100, "room:5"); /* the others are asked again */
    world_wait_for(scene->world, has_asks, 66);
    hand_down_answer(scene, 64, NULL);
    hand_down_answer(scene, 65, NULL);
    world_wait_for(scene->world, has_answers, 2);
    assert_answer(scene, 2, 300, NULL);
}

static void
answers_too_long_for_a_message_are_cut_and_one_alone_is_a_no(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_rooms(scene, 10, 2, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 2);
    hand_down_long_answer(scene, 0, 600000);
    hand_down_long_answer(scene, 1, 600000);
    world_wait_for(scene->world, has_answers, 1);
    assert_answer(scene, 1, 10, "room:5");
    ask_rooms(scene, 20, 1, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 3);
    hand_down_long_answer(scene, 2, 2000000);
    world_wait_for(scene->world, has_answers, 2);
    assert_answer(scene, 1, 20, NULL);
}

static void
lead_again(struct scene *scene, int64_t term)
{
    struct end *edge = &scene->world->edge;

    daemon_lead(scene, &scene->one, term);
    pgc_nats_listen(edge->nats, "news");
    edge->told = 0;
    world_wait(scene->world, has_news);
}

/* Whoever takes over in the middle of a tick does not know yet at which place that is. */
static void
who_took_over_answers_once_it_knows_the_tick(void **state)
{
    struct scene *scene = *state;
    struct end *edge = &scene->world->edge;

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    lead_again(scene, 2);
    ask_rooms(scene, 10, 1, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 1);
    hand_down_answer(scene, 0, "room:5");
    world_wait_for(scene->world, has_answers, 1);
    assert_answer(scene, 1, 10, "room:5");

    hand_down(&scene->one, batch_of(6, false));
    world_wait_for(scene->world, has_pieces, 2);
    lead_again(scene, 3);
    assert_false(scene->one.place.is_whole);
    ask_rooms(scene, 20, 1, 500);
    world_wait_for(scene->world, has_asks, 1);
    hand_down_answer(scene, 0, "room:5");
    world_wait_for(scene->world, has_answers, 2);
    assert_int_equal(edge->failures, 1);
    hand_down(&scene->one, batch_of(6, false));
    ask_rooms(scene, 30, 1, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_asks, 2);
    hand_down_answer(scene, 1, "room:5");
    world_wait_for(scene->world, has_answers, 3);
    assert_answer(scene, 1, 30, "room:5");
}

static void
nonsense_is_not_answered(void **state)
{
    struct scene *scene = *state;
    struct pgc_buf bytes = {0};

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_rooms(scene, 10, 0, 50);
    pgc_buf_adds(&bytes, "nonsense");
    ask(scene, "ask", &bytes, 50);
    pgc_nats_tell(scene->world->edge.nats, "viewers",
        &(struct pgc_nats_bytes){(const unsigned char *)bytes.data, bytes.length});
    pgc_buf_fini(&bytes);
    world_wait_for(scene->world, has_answers, 2);
    assert_int_equal(scene->world->edge.failures, 2);
    assert_true(TAILQ_EMPTY(&scene->one.publisher->desk.flying));
    ask_access(scene); /* and the desk is in order */
    assert_int_equal(scene->one.ask_count, 2);
    assert_int_equal(pgc_metrics_total(scene->one.metrics, "pgcable_bus_edges"), 1);
}

/* The server may hear of it later than of the question. */
static void
expect_nobody(struct scene *scene)
{
    struct end *edge = &scene->world->edge;
    int64_t deadline_ms = pgc_monotonic_ms() + WORLD_DEADLINE_MS;
    struct pgc_buf bytes = {0};

    pgc_buf_adds(&bytes, "x");
    do {
        assert_true(pgc_monotonic_ms() < deadline_ms);
        ask(scene, "ask", &bytes, 200);
        world_wait_for(scene->world, has_answers, edge->failures + 1);
        assert_int_equal(edge->answers, 0);
    } while (strstr(edge->failure.message, "nobody is there") == NULL);
    pgc_buf_fini(&bytes);
}

static void
who_rests_lets_those_who_ask_know_at_once(void **state)
{
    struct scene *scene = *state;

    pgc_publisher_rest(scene->one.publisher);
    expect_nobody(scene);
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

static void
nobody_is_told_what_is_banned_before_the_feed_knows(void **state)
{
    struct scene *scene = *state;
    struct end *edge = &scene->world->edge;

    hand_down_beginning(&scene->one, 4);
    world_wait_for(scene->world, has_pieces, 1);
    ask_state(scene, 300);
    world_wait_for(scene->world, has_answers, 1);
    assert_int_equal(edge->failures, 1);
    hand_down(&scene->one, batch_of(4, false));
    world_wait_for(scene->world, has_pieces, 2);
    ask_state(scene, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_answers, 2);
    assert_int_equal(edge->answers, 1);
}

static void
all_bans_are_told_once_a_second_at_most(void **state)
{
    struct scene *scene = *state;
    const struct publisher_desk *desk = &scene->one.publisher->desk;
    struct codec_place place;
    int64_t first_ms;

    hand_down_tick(&scene->one, 5, 10);
    world_wait_for(scene->world, has_pieces, 1);
    ask_state(scene, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_answers, 1);
    assert_true(
        pgc_codec_read_place(scene->answer.data, scene->answer.length, CODEC_STATE, &place, NULL));
    assert_int_equal(place.tick, 5);
    assert_int_equal(place.piece, 1);
    first_ms = desk->state_ms;
    ask_state(scene, WORLD_DEADLINE_MS);
    world_wait_for(scene->world, has_answers, 2);
    assert_true(desk->state_ms >= first_ms + 900); /* timers may be a little early */
}

static void
who_is_fenced_lets_those_who_ask_know_at_once(void **state)
{
    struct scene *scene = *state;

    hand_down_tick(&scene->one, 1, 10);
    world_wait_for(scene->world, has_pieces, 1);
    add_garbage(scene, 1);
    hand_down_tick(&scene->one, 2, 10);
    world_wait(scene->world, one_is_fenced);
    expect_nobody(scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(an_answer_says_at_which_tick_it_is_good),
        SCENE_TEST(what_is_not_answered_by_the_next_tick_is_left_out),
        SCENE_TEST(an_answer_goes_to_the_question_it_belongs_to),
        SCENE_TEST(only_so_many_asks_go_to_the_feed_at_once),
        SCENE_TEST(answers_too_long_for_a_message_are_cut_and_one_alone_is_a_no),
        SCENE_TEST(who_took_over_answers_once_it_knows_the_tick),
        SCENE_TEST(nonsense_is_not_answered),
        SCENE_TEST(who_rests_lets_those_who_ask_know_at_once),
        SCENE_TEST(the_stream_tells_all_bans_to_who_asks),
        SCENE_TEST(nobody_is_told_what_is_banned_before_the_feed_knows),
        SCENE_TEST(all_bans_are_told_once_a_second_at_most),
        SCENE_TEST(who_is_fenced_lets_those_who_ask_know_at_once),
    };

    if (world_has_no_server()) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
