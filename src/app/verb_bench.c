/* SPDX-License-Identifier: PostgreSQL */
/*
 * bench - clients of an installation that runs, and events for them, written through the database.
 *
 * Events are broadcast to the notification streams of the members, one after the other, as they are
 * due: at a fixed rate, whatever became of those before.  What is due while the database still
 * works goes into the next statement, and its clock runs from when it was due.
 */
#include <inttypes.h>
#include <signal.h>

#include "pgcable/buf.h"
#include "pgcable/clock.h"
#include "pgcable/log.h"
#include "pgcable/migrate.h"
#include "pgcable/pg.h"

#include "app.h"
#include "bench.h"

enum {
    BENCH_TURN_MS = 2,
    BENCH_COMING_MS = 100, /* until one looks whether clients come */
    BENCH_TEXT_BYTES = 500,
    BENCH_MOST_AT_ONCE = 1000, /* events in a statement */
    BENCH_ATTEMPTS = 3,        /* of each client, and none was let in */
    BENCH_PATIENCE_S = 60,     /* for clients to come, and for the last messages */
};

#define BENCH_WRITE                                                                                \
    "select count(pgcable.broadcast('notification-channel-' || m, 'pgcableBench',"                 \
    " pg_catalog.jsonb_build_object('text', t)))"                                                  \
    " from pg_catalog.json_to_recordset($1) as due (m text, t text)"

struct bench {
    struct app_bench_wish wish;
    struct app_bench_result result;
    struct pgc_loop *loop;
    struct pgc_load *load;
    struct pgc_pg *pg;
    struct pgc_timer *look;
    struct pgc_timer *turn;
    struct pgc_timer *patience;
    int64_t begun_us; /* to write; 0: not yet */
    bool is_writing;  /* a statement is under way */
    bool is_over;     /* the last messages are written */
    bool failed;
    struct pgc_err *err;
};

/* ---- writing ---- */

static void bench_written(const struct pgc_err *err, void *arg);

static void
bench_stop(struct bench *bench)
{
    pgc_loop_stop(bench->loop);
}

static void
bench_add(const struct bench *bench, uint64_t number, int64_t due_us, const char *behind,
    struct pgc_buf *list)
{
    const unsigned members = bench->wish.load.members;
    size_t text;

    pgc_buf_addf(list, "%s{\"m\":%u,\"t\":\"", list->length > 0 ? "," : "[",
        bench->wish.load.first_member + (unsigned)(number % members));
    text = list->length;
    pgc_buf_addf(list, "load %" PRIu64 " %" PRId64 "%s ", 1 + number / members, due_us, behind);
    while (list->length - text < BENCH_TEXT_BYTES) {
        pgc_buf_addc(list, '.');
    }
    pgc_buf_adds(list, "\"}");
}

static void
bench_write(struct bench *bench, struct pgc_buf *list)
{
    const char *param;

    pgc_buf_addc(list, ']');
    param = pgc_buf_str(list);
    bench->is_writing = true;
    pgc_pg_query(bench->pg, &(struct pgc_pg_query){
                                .sql = BENCH_WRITE,
                                .param_count = 1,
                                .params = &param,
                                .done = bench_written,
                                .arg = bench,
                            });
}

/* One for each member, by which its clients know that all have been. */
static void
bench_write_last(struct bench *bench)
{
    struct pgc_buf list = {0};
    uint64_t *written = &bench->result.written;

    /* Each member's turn once, beginning with whose turn it is: its numbers have no gap. */
    for (unsigned i = 0; i < bench->wish.load.members; i++) {
        bench_add(bench, (*written)++, pgc_wall_us(), " end", &list);
    }
    bench->is_over = true;
    bench_write(bench, &list);
    pgc_buf_fini(&list);
    pgc_timer_set(bench->patience, (int64_t)BENCH_PATIENCE_S * 1000);
}

static void
bench_turn(void *arg)
{
    struct bench *bench = arg;
    const uint64_t total = bench->wish.rate * bench->wish.seconds;
    const int64_t since_us = pgc_wall_us() - bench->begun_us;
    uint64_t due = 1 + (uint64_t)since_us * bench->wish.rate / 1000000;
    uint64_t *written = &bench->result.written;
    struct pgc_buf list = {0};

    due = due < total ? due : total;
    for (unsigned i = 0; !bench->is_writing && *written < due && i < BENCH_MOST_AT_ONCE; i++) {
        bench_add(bench, *written,
            bench->begun_us + (int64_t)(*written * 1000000 / bench->wish.rate), "", &list);
        ++*written;
    }
    if (list.length > 0) {
        bench_write(bench, &list);
    } else if (!bench->is_writing && *written == total) {
        bench_write_last(bench);
    }
    pgc_buf_fini(&list);
    if (!bench->is_over) {
        pgc_timer_set(bench->turn, BENCH_TURN_MS);
    }
}

static void
bench_fail(struct bench *bench, const struct pgc_err *why)
{
    bench->failed = true;
    *bench->err = *why;
    bench_stop(bench);
}

static void
bench_written(const struct pgc_err *err, void *arg)
{
    struct bench *bench = arg;

    bench->is_writing = false;
    if (err != NULL) {
        bench_fail(bench, err);
    }
}

/* ---- what happens ---- */

/* Is there no more hope?  Who is rejected does not ask again. */
static void
bench_look(void *arg)
{
    struct bench *bench = arg;
    const struct pgc_load_seen *seen = bench->result.seen;
    const uint64_t failures = seen->unreachable + seen->refused + seen->broken;

    if (seen->rejected > 0 ||
        (seen->listening == 0 && failures >= (uint64_t)BENCH_ATTEMPTS * bench->wish.load.clients)) {
        bench_stop(bench);
    } else if (bench->begun_us == 0) {
        pgc_timer_set(bench->look, BENCH_COMING_MS);
    }
}

static void
bench_begin(struct bench *bench)
{
    if (bench->begun_us == 0 && bench->result.seen->is_complete && pgc_pg_is_up(bench->pg)) {
        bench->result.connect_s = (double)(pgc_wall_us() - bench->result.seen->since_us) / 1e6;
        bench->begun_us = pgc_wall_us();
        pgc_timer_cancel(bench->patience);
        pgc_timer_set(bench->turn, 0);
    }
}

static void
bench_up(void *arg)
{
    bench_begin(arg);
}

static void
bench_down(const struct pgc_err *why, void *arg)
{
    bench_fail(arg, why);
}

static void
bench_complete(void *arg)
{
    bench_begin(arg);
}

static void
bench_done(void *arg)
{
    bench_stop(arg);
}

static void
bench_is_out_of_patience(void *arg)
{
    bench_stop(arg);
}

static void
bench_interrupt(int signo PGC_UNUSED, void *arg)
{
    bench_stop(arg);
}

/* ---- running ---- */

/* Ask once, and wait: what is wrong is said in full then. */
static bool
bench_try(const struct pgc_conf *conf, struct pgc_err *err)
{
    const struct pgc_migrate_sink sink = {0};

    if (pgc_migrate_script(conf->database,
            "select pgcable.broadcast('notification-channel-0', 'pgcableBench', '{}')", &sink,
            err)) {
        return true;
    }
    if (err->code == PGC_ERR_AUTH) {
        pgc_err_hint(err, "connect (-d DSN) as one who may broadcast; pgcable_daemon may not");
    }
    return pgc_err_wrap(err, "write an event");
}

static bool
bench_complain(const struct bench *bench, struct pgc_err *err)
{
    const struct pgc_load_seen *seen = bench->result.seen;
    const struct pgc_load_conf *load = &bench->wish.load;

    if (seen->rejected > 0) {
        pgc_err_set(err, PGC_ERR_AUTH, "subscriptions to NotificationChannel were rejected");
        return pgc_err_hint(err, "--member must be the id of a member that exists");
    }
    pgc_err_set(err, PGC_ERR_LIMIT, "%u of %u clients listened", seen->listening, load->clients);
    if (seen->listening > 0 || seen->unreachable == 0) {
        return pgc_err_hint(err, "the daemon's log says why; %s",
            load->has_tls && seen->listening == 0
                ? "or its certificate is not one to believe (--ca)"
                : "see max_connections, max_connections_per_address, max_connections_per_member,"
                  " handshakes_per_s");
    }
    return pgc_err_hint(err, "does the daemon listen at %s, port %u?", load->host, load->port);
}

static bool
bench_judge(const struct bench *bench, struct pgc_err *err)
{
    const struct app_bench_result *result = &bench->result;
    const struct pgc_load_seen *seen = result->seen;

    if (result->connect_s <= 0) {
        return bench_complain(bench, err);
    }
    if (!bench->is_over || seen->done < bench->wish.load.clients || result->lost > 0 ||
        seen->doubled > 0 || seen->cut_off > 0) {
        pgc_err_set(err, PGC_ERR_DATA, "not all clients had all events, once");
        return pgc_err_hint(
            err, "what was lost or cut off is counted above; the daemon's log says why");
    }
    return true;
}

/* An event is expected by each client of its member; members' clients are as many, or one more. */
static void
bench_sum_up(struct bench *bench)
{
    struct app_bench_result *result = &bench->result;
    const unsigned members = bench->wish.load.members;

    for (unsigned i = 0; i < members; i++) {
        const uint64_t events = result->written / members + (i < result->written % members);
        const uint64_t clients =
            result->wish->load.clients / members + (i < result->wish->load.clients % members);

        result->expected += events * clients;
    }
    result->received = result->seen->messages - result->seen->doubled;
    result->lost = bench->is_over && result->expected > result->received
                       ? result->expected - result->received
                       : result->seen->lost;
}

static bool
bench_run(struct bench *bench, const struct pgc_conf *conf, struct pgc_err *err)
{
    static const struct pgc_load_ops load_ops = {.complete = bench_complete, .done = bench_done};
    static const struct pgc_pg_ops pg_ops = {.up = bench_up, .down = bench_down};

    bench->load = pgc_load_new(bench->loop, &bench->wish.load, &load_ops, bench, err);
    if (bench->load == NULL) {
        return false;
    }
    bench->err = err;
    bench->result.wish = &bench->wish;
    bench->result.seen = pgc_load_seen(bench->load);
    bench->look = pgc_timer_new(bench->loop, bench_look, bench);
    bench->turn = pgc_timer_new(bench->loop, bench_turn, bench);
    bench->patience = pgc_timer_new(bench->loop, bench_is_out_of_patience, bench);
    bench->pg = pgc_pg_new(bench->loop, conf->database, "bench", &pg_ops, bench);
    pgc_loop_on_signal(bench->loop, SIGINT, bench_interrupt, bench);
    pgc_loop_on_signal(bench->loop, SIGTERM, bench_interrupt, bench);
    pgc_timer_set(bench->patience,
        (BENCH_PATIENCE_S + (int64_t)bench->wish.load.clients / bench->wish.load.per_s) * 1000);
    pgc_timer_set(bench->look, BENCH_COMING_MS);
    pgc_pg_start(bench->pg);
    pgc_load_start(bench->load);
    pgc_loop_run(bench->loop);
    bench_sum_up(bench);
    return !bench->failed && bench_judge(bench, err);
}

static void
bench_free(struct bench *bench)
{
    pgc_pg_free(bench->pg);
    pgc_load_free(bench->load);
    pgc_timer_free(bench->look);
    pgc_timer_free(bench->turn);
    pgc_timer_free(bench->patience);
    pgc_loop_free(bench->loop);
    app_bench_forget(&bench->wish);
}

int
app_bench(const struct app_args *args, struct pgc_conf *conf)
{
    struct bench bench = {0};
    struct pgc_err err = {0};
    int status = APP_FAILED;

    (void)signal(SIGPIPE, SIG_IGN);
    pgc_log_setup(PGC_LOG_ERROR, (enum pgc_log_format)conf->log_format);
    if (!app_bench_read(&bench.wish, args, conf, &err)) {
        status = app_fail(&err, APP_USAGE);
        goto out;
    }
    if (!bench_try(conf, &err)) {
        status = app_fail(&err, APP_FAILED);
        goto out;
    }
    bench.loop = pgc_loop_new();
    if (bench_run(&bench, conf, &err)) {
        status = APP_OK;
    }
    if (bench.load != NULL) {
        (args->json ? app_bench_print_json : app_bench_print)(&bench.result);
    }
    if (status != APP_OK) {
        (void)app_fail(&err, APP_FAILED);
    }

out:
    bench_free(&bench);
    pgc_conf_free(conf);
    return status;
}
