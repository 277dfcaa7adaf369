/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pgcable/mem.h"

#include "codec.h"

/* ---- a batch with everything ---- */

static struct pgc_msg *
full_msg(void)
{
    const struct pgc_position position = {
        .tick = 77, .id = INT64_MAX, .part = UINT32_MAX, .nonce = 0xdeadbeef};
    struct pgc_msg *msg = pgc_msg_new(&position, -5, "{\"event\":\"a\0b\"}", 15);

    msg->trace = (struct pgc_trace){.xid = UINT64_MAX, .id = INT64_MIN};
    pgc_msg_set_about(msg, "message:981", "", true);
    return msg;
}

static struct pgc_batch *
full_batch(void)
{
    const struct pgc_ban ban = {.before_s = -1, .until_s = 1700000000};
    struct pgc_batch *batch = pgc_batch_new(77);
    struct pgc_msg *msg = full_msg();
    struct pgc_msg *place = pgc_msg_new(&(struct pgc_position){.tick = 76}, 0, NULL, 0);

    batch->nonce = 0xfeedface;
    batch->at_us = 1700000000000000;
    batch->canary_us = 12;
    batch->ends_tick = true;
    pgc_batch_add(batch, PGC_OP_JOIN, "room-members:7", "chat-room-channel-5", NULL);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "chat-room-7-channel", NULL, msg);
    pgc_batch_add(batch, PGC_OP_PUBLISH, "room-members:7", NULL, msg);
    pgc_batch_add(batch, PGC_OP_LEAVE, "room-members:7", "chat-room-channel-5", NULL);
    pgc_batch_add(batch, PGC_OP_REVOKE, "chat-room-7-channel", "5", NULL);
    pgc_batch_add(batch, PGC_OP_EXPEL, NULL, "6", NULL);
    pgc_batch_add(batch, PGC_OP_RELOAD, NULL, NULL, NULL);
    pgc_batch_add_ban(batch, PGC_OP_BAN_TOKEN, "a jti", &ban);
    pgc_batch_add_ban(batch, PGC_OP_BAN_MEMBER, "5", &ban);
    pgc_batch_add(batch, PGC_OP_RECHECK, NULL, "OrdersChannel", NULL);
    pgc_batch_add(batch, PGC_OP_REVIEW, NULL, "", NULL);
    pgc_batch_add(batch, PGC_OP_BEGIN, NULL, NULL, NULL);
    pgc_batch_add(batch, PGC_OP_ADMIT, "chat-room-7-channel", "5", NULL);
    pgc_batch_add(batch, PGC_OP_HOLE, "chat-room-channel-5", NULL, place);
    pgc_batch_add(batch, PGC_OP_FORGET, NULL, "message:981", NULL);
    pgc_batch_add(batch, PGC_OP_AMEND, NULL, "message:982", msg);
    pgc_msg_unref(msg);
    pgc_msg_unref(place);
    return batch;
}

static void
assert_same_text(const char *a, const char *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a != NULL) {
        assert_string_equal(a, b);
    }
}

static void
assert_same_msg(const struct pgc_msg *a, const struct pgc_msg *b)
{
    assert_true((a == NULL) == (b == NULL));
    if (a == NULL) {
        return;
    }
    assert_int_equal(a->position.tick, b->position.tick);
    assert_int_equal(a->position.id, b->position.id);
    assert_int_equal(a->position.part, b->position.part);
    assert_int_equal(a->position.nonce, b->position.nonce);
    assert_true(a->trace.xid == b->trace.xid);
    assert_int_equal(a->trace.id, b->trace.id);
    assert_int_equal(a->committed_us, b->committed_us);
    assert_same_text(a->about, b->about);
    assert_same_text(a->embeds, b->embeds);
    assert_int_equal(a->is_update, b->is_update);
    assert_int_equal(a->length, b->length);
    assert_memory_equal(a->text, b->text, a->length + 1);
}

static void
assert_same_op(const struct pgc_op *a, const struct pgc_op *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_same_text(a->topic, b->topic);
    assert_same_text(a->via, b->via);
    assert_same_msg(a->msg, b->msg);
    assert_int_equal(a->ban.before_s, b->ban.before_s);
    assert_int_equal(a->ban.until_s, b->ban.until_s);
}

static void
a_batch_comes_back_as_it_was(void **state)
{
    struct pgc_batch *batch = full_batch();
    struct pgc_batch *read;
    struct pgc_buf bytes = {0};

    (void)state;
    pgc_codec_write_batch(&bytes, batch);
    read = pgc_codec_read_batch(bytes.data, bytes.length, NULL);
    assert_non_null(read);
    assert_int_equal(read->tick, 77);
    assert_int_equal(read->nonce, 0xfeedface);
    assert_int_equal(read->at_us, 1700000000000000);
    assert_int_equal(read->canary_us, 12);
    assert_true(read->ends_tick);
    assert_int_equal(read->count, batch->count);
    for (size_t i = 0; i < batch->count; i++) {
        assert_same_op(&read->ops[i], &batch->ops[i]);
    }
    assert_ptr_equal(read->ops[1].msg, read->ops[2].msg); /* one message for two topics */
    pgc_batch_unref(read);
    pgc_batch_unref(batch);
    pgc_buf_fini(&bytes);
}

/* ---- garbage ---- */

/* A copy that is not a byte longer, so that a look beyond it is seen. */
static bool
reads_batch(const char *bytes, size_t length, struct pgc_err *err)
{
    char *copy = malloc(length > 0 ? length : 1);
    struct pgc_batch *batch;

    assert_non_null(copy);
    memcpy(copy, bytes, length);
    batch = pgc_codec_read_batch(copy, length, err);
    pgc_batch_unref(batch);
    free(copy);
    return batch != NULL;
}

static void
a_batch_that_is_cut_anywhere_is_refused(void **state)
{
    struct pgc_batch *batch = full_batch();
    struct pgc_buf bytes = {0};

    (void)state;
    pgc_codec_write_batch(&bytes, batch);
    pgc_buf_addc(&bytes, '\0');
    assert_false(reads_batch(bytes.data, bytes.length, NULL)); /* and one that goes on */
    assert_true(reads_batch(bytes.data, bytes.length - 1, NULL));
    for (size_t i = 0; i < bytes.length - 1; i++) {
        assert_false(reads_batch(bytes.data, i, NULL));
    }
    pgc_batch_unref(batch);
    pgc_buf_fini(&bytes);
}

static void
assert_refused(const char *bytes, size_t length, const char *why)
{
    struct pgc_err err = {0};

    assert_false(reads_batch(bytes, length, &err));
    assert_int_equal(err.code, PGC_ERR_DATA);
    if (strstr(err.message, why) == NULL) {
        fail_msg("\"%s\" is not said: %s", why, err.message);
    }
    assert_true(err.hint[0] != '\0');
}

#define REFUSED(bytes, why) assert_refused((bytes), sizeof(bytes) - 1, (why))

/* Version, kind, tick, nonce, at, canary, flags; then count and operations. */
#define HEAD                                                                                       \
    "\x01"                                                                                         \
    "B"                                                                                            \
    "\x02\x00\x00\x00\x00"

static void
a_batch_that_is_not_one_is_refused_with_a_reason(void **state)
{
    (void)state;
    assert_true(reads_batch(HEAD "\x00", sizeof(HEAD "\x00") - 1, NULL));
    REFUSED("\x02"
            "B"
            "\x02\x00\x00\x00\x00\x00",
        "version");
    REFUSED("\x01"
            "C"
            "\x02\x00\x00\x00\x00\x00",
        "kind");
    REFUSED("\x01"
            "B"
            "\x02\x00\x00\x00\x02\x00",
        "flag");
    REFUSED(HEAD "\x01"
                 "?",
        "operation");
    REFUSED(HEAD "\x01"
                 "X"
                 "\x03"
                 "a\0b",
        "zero");
    REFUSED(HEAD "\x01"
                 "X"
                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        "longer");
    REFUSED(HEAD "\x01"
                 "X"
                 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        "too large");
    REFUSED(HEAD "\x01"
                 "X"
                 "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
        "too large");
    REFUSED(HEAD "\xff\xff\xff\xff\x0f"
                 "!",
        "too large"); /* more than there are bytes */
    REFUSED(HEAD "\x01"
                 "P"
                 "\x01"
                 "a"
                 "\x01",
        "no message before");
    REFUSED(HEAD "\x02"
                 "!",
        "too early");
    REFUSED(HEAD "\x00"
                 "!",
        "behind its end");
}

/* ---- packets ---- */

static struct codec_packet
some_packet(void)
{
    return (struct codec_packet){
        .term = 3,
        .tick = 1LL << 40,
        .nonce = 0xdeadbeef,
        .at_us = 1700000000000000,
        .piece = 2,
        .fragment = 1,
        .fragments = 3,
        .late = true,
        .has_state = true,
        .bytes = (const unsigned char *)"some\0bytes",
        .length = 10,
    };
}

static void
a_packet_comes_back_as_it_was(void **state)
{
    struct codec_packet packet = some_packet();
    struct codec_packet read;
    struct pgc_buf bytes = {0};

    (void)state;
    pgc_codec_write_packet(&bytes, &packet);
    assert_true(pgc_codec_read_packet(bytes.data, bytes.length, &read, NULL));
    assert_int_equal(read.term, 3);
    assert_int_equal(read.tick, 1LL << 40);
    assert_int_equal(read.nonce, 0xdeadbeef);
    assert_int_equal(read.at_us, 1700000000000000);
    assert_int_equal(read.piece, 2);
    assert_int_equal(read.fragment, 1);
    assert_int_equal(read.fragments, 3);
    assert_false(read.ends);
    assert_true(read.late);
    assert_false(read.begins);
    assert_true(read.has_state);
    assert_int_equal(read.length, 10);
    assert_memory_equal(read.bytes, "some\0bytes", 10);
    assert_false(codec_packet_is_whole(&read));
    read.fragment = 2;
    assert_true(codec_packet_is_whole(&read));
    for (size_t i = 0; i < bytes.length; i++) {
        assert_false(pgc_codec_read_packet(bytes.data, i, &read, NULL));
    }
    pgc_buf_fini(&bytes);
}

static void
a_packet_that_contradicts_itself_is_refused(void **state)
{
    struct codec_packet read;
    /* version kind term tick nonce at piece fragment fragments flags length */
    unsigned char bytes[] = {1, 'P', 2, 2, 0, 0, 0, 0, 1, 1, 0};

    (void)state;
    assert_true(pgc_codec_read_packet(bytes, sizeof(bytes), &read, NULL));
    assert_true(codec_packet_is_whole(&read));
    bytes[7] = 1;
    assert_false(pgc_codec_read_packet(bytes, sizeof(bytes), &read, NULL));
    bytes[7] = 0;
    bytes[9] = 3; /* ends, late */
    assert_false(pgc_codec_read_packet(bytes, sizeof(bytes), &read, NULL));
    bytes[9] = 16;
    assert_false(pgc_codec_read_packet(bytes, sizeof(bytes), &read, NULL));
    bytes[9] = 0;
    bytes[8] = 0; /* no fragments */
    assert_false(pgc_codec_read_packet(bytes, sizeof(bytes), &read, NULL));
}

static void
only_the_word_before_the_first_tick_begins(void **state)
{
    struct pgc_batch *batch = pgc_batch_new(1);

    (void)state;
    batch->ends_tick = true;
    assert_false(pgc_codec_begins(batch));
    pgc_batch_add(batch, PGC_OP_RELOAD, NULL, NULL, NULL);
    assert_true(pgc_codec_begins(batch));
    batch->ends_tick = false; /* in the middle of a tick */
    assert_false(pgc_codec_begins(batch));
    batch->ends_tick = true;
    pgc_batch_add(batch, PGC_OP_EXPEL, NULL, "5", NULL);
    assert_false(pgc_codec_begins(batch));
    pgc_batch_unref(batch);
}

/* ---- what is said about them ---- */

static void
asks_come_back_as_they_were(void **state)
{
    struct pgc_ask *list[] = {
        pgc_ask_new(1, PGC_STREAM_ROOM, "5", "7", NULL),
        pgc_ask_new_custom(UINT64_MAX, "", "OrdersChannel", "{\"a\":1}", 7),
        pgc_ask_new(3, PGC_STREAM_ROOM, "5", NULL, ""),
    };
    struct codec_asks asks = {.edge = UINT64_MAX, .count = 3, .asks = list};
    struct codec_asks read;
    struct pgc_buf bytes = {0};

    (void)state;
    pgc_codec_write_asks(&bytes, &asks);
    assert_true(pgc_codec_read_asks(bytes.data, bytes.length, &read, NULL));
    assert_true(read.edge == UINT64_MAX);
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(read.asks[i]->ticket == list[i]->ticket);
        assert_int_equal(read.asks[i]->kind, list[i]->kind);
        assert_same_text(read.asks[i]->member, list[i]->member);
        assert_same_text(read.asks[i]->room, list[i]->room);
        assert_same_text(read.asks[i]->room_uuid, list[i]->room_uuid);
        assert_same_text(read.asks[i]->channel_class, list[i]->channel_class);
        assert_same_text(read.asks[i]->params, list[i]->params);
        pgc_ask_free(list[i]);
    }
    pgc_codec_fini_asks(&read);
    assert_false(pgc_codec_read_asks(bytes.data, bytes.length - 1, &read, NULL));
    pgc_codec_fini_asks(&read);
    pgc_buf_fini(&bytes);
}

static void
an_ask_has_what_its_kind_has(void **state)
{
    struct pgc_ask *list[] = {pgc_ask_new(1, PGC_STREAM_MEMBER, "5", NULL, NULL)};
    struct codec_asks asks = {.edge = 1, .count = 1, .asks = list};
    struct pgc_buf bytes = {0};
    struct codec_asks read;

    (void)state;
    list[0]->params = pgc_xstrdup("{}");
    pgc_codec_write_asks(&bytes, &asks);
    assert_false(pgc_codec_read_asks(bytes.data, bytes.length, &read, NULL));
    pgc_codec_fini_asks(&read);
    pgc_ask_free(list[0]);
    pgc_buf_fini(&bytes);
}

/* Or it could say something about the requests of others. */
static void
an_identifier_is_one_object(void **state)
{
    static const char *const bad[] = {"{}},{\"req\":1", "{} {}", "[]", "", "{\"a\":1,\"a\":2}"};
    struct codec_asks read;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct pgc_ask *list[] = {pgc_ask_new_custom(1, "5", "Orders", bad[i], strlen(bad[i]))};
        struct codec_asks asks = {.edge = 1, .count = 1, .asks = list};
        struct pgc_buf bytes = {0};

        pgc_codec_write_asks(&bytes, &asks);
        assert_false(pgc_codec_read_asks(bytes.data, bytes.length, &read, NULL));
        pgc_codec_fini_asks(&read);
        pgc_ask_free(list[0]);
        pgc_buf_fini(&bytes);
    }
}

static void
answers_come_back_as_they_were(void **state)
{
    struct pgc_answer *list[] = {pgc_answer_new(1, NULL), pgc_answer_new(2, "chat-room-channel-5")};
    struct codec_answers answers = {.tick = 77, .nonce = 0xdeadbeef, .count = 2, .answers = list};
    struct pgc_buf bytes = {0};
    struct codec_answers read;

    (void)state;
    pgc_answer_add_topic(list[1], "room-members:7");
    pgc_answer_add_topic(list[1], "");
    pgc_codec_write_answers(&bytes, &answers);
    assert_true(pgc_codec_read_answers(bytes.data, bytes.length, &read, NULL));
    assert_int_equal(read.tick, 77);
    assert_int_equal(read.nonce, 0xdeadbeef);
    assert_int_equal(read.count, 2);
    assert_int_equal(read.answers[0]->ticket, 1);
    assert_null(read.answers[0]->stream);
    assert_string_equal(read.answers[1]->stream, "chat-room-channel-5");
    assert_int_equal(read.answers[1]->topic_count, 2);
    assert_string_equal(read.answers[1]->topics[0], "room-members:7");
    assert_string_equal(read.answers[1]->topics[1], "");
    pgc_codec_fini_answers(&read);
    assert_false(pgc_codec_read_answers(bytes.data, bytes.length - 1, &read, NULL));
    pgc_codec_fini_answers(&read);
    pgc_answer_free(list[0]);
    pgc_answer_free(list[1]);
    pgc_buf_fini(&bytes);
}

static void
viewers_come_back_as_they_were(void **state)
{
    struct codec_viewer list[] = {{(char[]){"5"}, true}, {(char[]){"6"}, false}};
    struct codec_viewers viewers = {.edge = 9, .is_last = true, .count = 2, .viewers = list};
    struct pgc_buf bytes = {0};
    struct codec_viewers read;

    (void)state;
    pgc_codec_write_viewers(&bytes, &viewers);
    assert_true(pgc_codec_read_viewers(bytes.data, bytes.length, &read, NULL));
    assert_int_equal(read.edge, 9);
    assert_int_equal(read.round, 0);
    assert_true(read.is_last);
    assert_int_equal(read.count, 2);
    assert_string_equal(read.viewers[0].member, "5");
    assert_true(read.viewers[0].listens);
    assert_string_equal(read.viewers[1].member, "6");
    assert_false(read.viewers[1].listens);
    pgc_codec_fini_viewers(&read);
    pgc_buf_clear(&bytes);
    viewers.round = 1; /* of which only those who listen are part */
    pgc_codec_write_viewers(&bytes, &viewers);
    assert_false(pgc_codec_read_viewers(bytes.data, bytes.length, &read, NULL));
    pgc_codec_fini_viewers(&read);
    pgc_buf_fini(&bytes);
}

static void
a_place_comes_back_as_it_was(void **state)
{
    const struct codec_place place = {.term = 3, .tick = 77, .nonce = 0xdeadbeef, .piece = 9};
    struct pgc_buf bytes = {0};
    struct codec_place read;

    (void)state;
    pgc_codec_write_place(&bytes, CODEC_LEAD, &place);
    assert_true(pgc_codec_read_place(bytes.data, bytes.length, CODEC_LEAD, &read, NULL));
    assert_int_equal(read.term, 3);
    assert_int_equal(read.tick, 77);
    assert_int_equal(read.nonce, 0xdeadbeef);
    assert_int_equal(read.piece, 9);
    assert_false(pgc_codec_read_place(bytes.data, bytes.length, CODEC_STATE, &read, NULL));
    pgc_buf_fini(&bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_comes_back_as_it_was),
        cmocka_unit_test(a_batch_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_batch_that_is_not_one_is_refused_with_a_reason),
        cmocka_unit_test(a_packet_comes_back_as_it_was),
        cmocka_unit_test(a_packet_that_contradicts_itself_is_refused),
        cmocka_unit_test(only_the_word_before_the_first_tick_begins),
        cmocka_unit_test(asks_come_back_as_they_were),
        cmocka_unit_test(an_ask_has_what_its_kind_has),
        cmocka_unit_test(an_identifier_is_one_object),
        cmocka_unit_test(answers_come_back_as_they_were),
        cmocka_unit_test(viewers_come_back_as_they_were),
        cmocka_unit_test(a_place_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
