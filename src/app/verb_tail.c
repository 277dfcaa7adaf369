/* SPDX-License-Identifier: PostgreSQL */
/*
 * tail - the events of a stream, as they are handed to the workers.
 *
 * Most streams are topics, and it is enough to look at the messages for that topic.  A member's own
 * streams also get those of the topics of the member's rooms or threads.  Which these are now is
 * asked as a worker asks for a client, and JOIN and LEAVE tell of what changes.  To show what was
 * before, it is kept until the answer is there, and the moves are walked backwards from it.
 */
#include <errno.h>
#include <stdlib.h>

#include "pgcable/batch.h"
#include "pgcable/buf.h"
#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/port.h"
#include "pgcable/table.h"

#include "look.h"

enum { TAIL_ALL_S = 10 * 365 * 24 * 3600 };

/* What came before the answer. */
struct tail_past {
    enum pgc_op_kind kind;
    char *topic;
    struct pgc_msg *msg; /* PUBLISH: one reference */
    bool shown;
};

struct tail {
    struct app_look *look;
    const char *stream; /* NULL = all */
    struct app_look_conf since;
    int64_t since_us; /* 0 = whatever the feed begins with */
    bool is_past;     /* show what was before, too */
    bool begun;
    bool json;
    bool colour;
    bool failed;
    struct pgc_err *err;

    /* For a member's own stream. */
    enum pgc_stream_kind kind;
    char *member;
    struct pgc_table *topics; /* that belong to the stream; NULL = nobody has answered yet */
    struct tail_past *past;
    size_t past_count;
};

/* ---- one line ---- */

static void
tail_paint(const struct tail *tail, const char *code)
{
    if (tail->colour) {
        printf("\033[%sm", code);
    }
}

static void
tail_show_text(
    const struct tail *tail, const char *stream, const struct pgc_msg *msg, const char *time)
{
    struct pgc_buf event = {0};

    app_event_name(msg, &event);
    tail_paint(tail, "2");
    printf("%s ", time);
    tail_paint(tail, "0;36");
    app_print_text(stream);
    putchar(' ');
    tail_paint(tail, "0;1");
    app_print_text(pgc_buf_str(&event));
    tail_paint(tail, "0");
    putchar(' ');
    app_print_text(msg->text);
    putchar('\n');
    pgc_buf_fini(&event);
}

/* A line break in a column of type json is between its parts, where a blank does as well. */
static void
tail_join_lines(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n' || *text == '\r') {
            *text = ' ';
        }
    }
}

static void
tail_show_json(const char *stream, const struct pgc_msg *msg, const char *time)
{
    struct pgc_buf line = {0};

    pgc_buf_addf(&line, "{\"tick\":%lld,\"trace\":\"%llu:%lld\",\"at\":\"%s\",\"stream\":",
        (long long)msg->position.tick, (unsigned long long)msg->trace.xid, (long long)msg->trace.id,
        time);
    pgc_buf_add_json(&line, stream, strlen(stream));
    pgc_buf_adds(&line, ",\"message\":");
    pgc_buf_add(&line, msg->text, msg->length);
    pgc_buf_addc(&line, '}');
    tail_join_lines(line.data);
    puts(line.data);
    pgc_buf_fini(&line);
}

static void
tail_show(const struct tail *tail, const char *stream, const struct pgc_msg *msg)
{
    char time[PGC_WALL_TEXT];

    pgc_wall_text(msg->committed_us, time);
    if (tail->json) {
        tail_show_json(stream, msg, time);
    } else {
        tail_show_text(tail, stream, msg, time);
    }
}

static void PGC_PRINTF(1, 2) tail_note(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("pgcable: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

/* From here on nothing is missed. */
static void
tail_follows(const struct tail *tail)
{
    tail_note("following %s, Ctrl-C ends it", tail->stream != NULL ? tail->stream : "all streams");
}

/* ---- a member's own stream ---- */

static void
tail_ask(struct tail *tail)
{
    pgc_table_free(tail->topics, NULL);
    tail->topics = NULL;
    pgc_port_take_up_ask(
        app_look_port(tail->look), pgc_ask_new(1, tail->kind, tail->member, NULL, NULL));
}

static void
tail_move(struct tail *tail, const char *topic, bool joins)
{
    if (joins) {
        pgc_table_put(tail->topics, topic, strlen(topic), tail);
    } else {
        pgc_table_remove(tail->topics, topic, strlen(topic));
    }
}

static bool
tail_gets(const struct tail *tail, const char *topic)
{
    return tail->stream == NULL || strcmp(topic, tail->stream) == 0 ||
           (tail->topics != NULL && pgc_table_get(tail->topics, topic, strlen(topic)) != NULL);
}

static void
tail_keep(struct tail *tail, const struct pgc_op *op)
{
    tail->past = pgc_xrealloc(tail->past, (tail->past_count + 1) * sizeof(*tail->past));
    tail->past[tail->past_count++] = (struct tail_past){
        .kind = op->kind,
        .topic = pgc_xstrdup(op->topic),
        .msg = op->msg != NULL ? pgc_msg_ref(op->msg) : NULL,
    };
}

static void
tail_forget_past(struct tail *tail)
{
    for (size_t i = 0; i < tail->past_count; i++) {
        pgc_msg_unref(tail->past[i].msg);
        free(tail->past[i].topic);
    }
    free(tail->past);
    tail->past = NULL;
    tail->past_count = 0;
}

/* Backwards, for only the end is known; then again with the topics of the end. */
static void
tail_show_past(struct tail *tail)
{
    for (size_t i = tail->past_count; i-- > 0;) {
        struct tail_past *past = &tail->past[i];

        past->shown = past->kind == PGC_OP_PUBLISH && tail_gets(tail, past->topic);
        if (past->kind != PGC_OP_PUBLISH) {
            tail_move(tail, past->topic, past->kind == PGC_OP_LEAVE);
        }
    }
    for (size_t i = 0; i < tail->past_count; i++) {
        const struct tail_past *past = &tail->past[i];

        if (past->shown) {
            tail_show(tail, tail->stream, past->msg);
        } else if (past->kind != PGC_OP_PUBLISH) {
            tail_move(tail, past->topic, past->kind == PGC_OP_JOIN);
        }
    }
    tail_forget_past(tail);
}

static void
tail_answer(const struct pgc_answer *answer, void *arg)
{
    struct tail *tail = arg;

    if (answer->stream == NULL) {
        tail->failed = true;
        pgc_err_set(tail->err, PGC_ERR_DATA, "nobody may listen to \"%s\": there is no member %s",
            tail->stream, tail->member);
        pgc_err_hint(tail->err, "look for the id in the table that is attached as member");
        app_look_stop(tail->look);
        return;
    }
    tail->topics = pgc_table_new();
    for (size_t i = 0; i < answer->topic_count; i++) {
        tail_move(tail, answer->topics[i], true);
    }
    tail_show_past(tail);
    fflush(stdout);
    tail_follows(tail);
}

/* ---- batches ---- */

static void
tail_begins(struct tail *tail, const struct pgc_batch *batch)
{
    if (tail->begun) { /* the mapping was another one up to here */
        return;
    }
    tail->begun = true;
    if (tail->since_us > 0 && batch->at_us > tail->since_us) {
        char time[PGC_WALL_TEXT];

        pgc_wall_text(batch->at_us, time);
        tail_note("what was before %s is not kept any more (retention_s)", time);
    }
    if (tail->member == NULL) {
        tail_follows(tail);
    }
}

static void
tail_reloads(struct tail *tail)
{
    tail_note("all clients are told to reload: a pause has ended, or the database's history is "
              "another one");
    if (tail->member != NULL && tail->topics != NULL) {
        tail_ask(tail);
    }
}

/* `waits`: for the answer. */
static void
tail_publish(struct tail *tail, const struct pgc_op *op, bool waits)
{
    if (!waits && tail_gets(tail, op->topic)) {
        tail_show(tail, tail->stream != NULL ? tail->stream : op->topic, op->msg);
    } else if (waits && tail->is_past) {
        tail_keep(tail, op);
    }
}

static void
tail_op(struct tail *tail, const struct pgc_batch *batch, const struct pgc_op *op)
{
    bool waits = tail->member != NULL && tail->topics == NULL;

    if (op->kind == PGC_OP_BEGIN) {
        tail_begins(tail, batch);
    } else if (op->kind == PGC_OP_RELOAD) {
        tail_reloads(tail);
    } else if (op->kind == PGC_OP_PUBLISH && batch->at_us >= tail->since_us) {
        tail_publish(tail, op, waits);
    } else if (tail->member == NULL) {
        return;
    } else if (op->kind == PGC_OP_EXPEL && strcmp(op->via, tail->member) == 0) {
        tail_note("member %s is gone", tail->member);
    } else if ((op->kind == PGC_OP_JOIN || op->kind == PGC_OP_LEAVE) &&
               strcmp(op->via, tail->stream) == 0) {
        if (waits) {
            tail_keep(tail, op);
        } else {
            tail_move(tail, op->topic, op->kind == PGC_OP_JOIN);
        }
    }
}

static void
tail_batch(const struct pgc_batch *batch, void *arg)
{
    struct tail *tail = arg;

    for (size_t i = 0; i < batch->count; i++) {
        tail_op(tail, batch, &batch->ops[i]);
    }
    if (batch->count > 0) {
        fflush(stdout);
    }
}

/* ---- the command line ---- */

/* 90s, 10m, 2h, 1d: so long ago; a number alone: behind that tick. */
static bool
tail_since(struct tail *tail, const char *text, struct pgc_err *err)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', INT64_C(86400)}};
    char *end = NULL;
    int64_t number;
    size_t i = 0;

    errno = 0;
    number = strtoll(text, &end, 10);
    while (i < 4 && units[i].unit != *end) {
        i++;
    }
    if (errno != 0 || end == text || number < 0 || (*end != '\0' && (i == 4 || end[1] != '\0')) ||
        (i < 4 && number > TAIL_ALL_S / units[i].seconds)) {
        pgc_err_set(err, PGC_ERR_USAGE, "--since \"%s\" is neither a time nor a tick", text);
        return pgc_err_hint(err, "90s, 10m, 2h or 1d ago; or the number of a tick, as in --json");
    }
    tail->is_past = true;
    tail->since.after = i == 4 ? number : 0;
    tail->since.history_s = i == 4 ? TAIL_ALL_S : number * units[i].seconds;
    tail->since_us = i == 4 ? 0 : pgc_wall_us() - tail->since.history_s * 1000000;
    return true;
}

/* Between `before` and `after`, to be freed; NULL if it is not made of these. */
static char *
tail_between(const char *stream, const char *before, const char *after)
{
    size_t length = strlen(stream);
    size_t head = strlen(before);
    size_t rest = strlen(after);

    if (length <= head + rest || strncmp(stream, before, head) != 0 ||
        strcmp(stream + length - rest, after) != 0) {
        return NULL;
    }
    return pgc_xstrndup(stream + head, length - head - rest);
}

static void
tail_name(struct tail *tail, const char *stream)
{
    tail->stream = stream;
    if (stream == NULL) {
        return;
    }
    tail->kind = PGC_STREAM_MEMBER;
    tail->member = tail_between(stream, "chat-room-channel-", "");
    if (tail->member == NULL) {
        tail->kind = PGC_STREAM_THREADS;
        tail->member = tail_between(stream, "chat-community-member-", "-threads-channel");
    }
    if (tail->member == NULL && strncmp(stream, "notification-channel-", 21) != 0 &&
        strncmp(stream, "chat-room-", 10) != 0) {
        tail_note("\"%s\" is none of notification-channel-MEMBER, chat-room-channel-MEMBER, "
                  "chat-room-ROOM-channel, chat-community-member-MEMBER-threads-channel; waiting "
                  "for what is broadcast to it",
            stream);
    }
}

static bool
tail_run(struct tail *tail, const struct pgc_conf *conf, struct pgc_err *err)
{
    bool ok;

    if (!app_look_try(conf, err)) {
        return false;
    }
    tail->err = err;
    tail->since.conf = conf;
    tail->since.batch = tail_batch;
    tail->since.answer = tail_answer;
    tail->since.arg = tail;
    tail->look = app_look_new(&tail->since);
    if (tail->member != NULL) {
        tail_ask(tail);
    }
    ok = app_look_run(tail->look, err) && !tail->failed;
    tail_forget_past(tail);
    pgc_table_free(tail->topics, NULL);
    app_look_free(tail->look);
    return ok;
}

int
app_tail(const struct app_args *args, struct pgc_conf *conf)
{
    struct tail tail = {.json = args->json, .colour = !args->json && app_wants_colour()};
    struct pgc_err err = {0};
    int status = APP_OK;

    if (args->since != NULL && !tail_since(&tail, args->since, &err)) {
        status = app_fail(&err, APP_USAGE);
    } else {
        tail_name(&tail, args->words[0]);
        status = tail_run(&tail, conf, &err) ? APP_OK : app_fail(&err, APP_FAILED);
    }
    free(tail.member);
    pgc_conf_free(conf);
    return status;
}
