/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcable-load - thousands of clients of one daemon; prints a line
 *
 *   complete …   whenever all of them listen, again or for the first time
 *   phase …      at SIGUSR1: messages since the last such line, and how long they took
 *   round …      when all have seen the last message of a round, and how long that took
 *   end …        when all have seen the last message, or at SIGINT or SIGTERM
 *
 * and ends with status 0 if each client saw every message up to the last one, once.  The file of
 * --arrivals has a line for each message that came live.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "pgcable/clock.h"

#include "options.h"

struct program {
    struct options options;
    FILE *arrivals; /* NULL: not wanted */
    struct pgc_loop *loop;
    struct pgc_load *load;
};

static double
main_quantile(const struct pgc_histogram *histogram, double share, double unit_us)
{
    return (double)pgc_histogram_quantile(histogram, share) / unit_us;
}

/* " NAMEp50_ms=… NAMEp99_ms=… NAMEmax_ms=…" */
static void
main_print_ms(const char *name, const struct pgc_histogram *histogram)
{
    printf(" %sp50_ms=%.3f %sp99_ms=%.3f %smax_ms=%.3f", name, main_quantile(histogram, 0.5, 1e3),
        name, main_quantile(histogram, 0.99, 1e3), name, (double)histogram->highest / 1e3);
}

static void
main_message(int64_t now_us, const char *behind, void *arg)
{
    const struct program *program = arg;

    if (program->arrivals != NULL) {
        (void)fprintf(
            program->arrivals, "%" PRId64 "%.*s\n", now_us, (int)strcspn(behind, "\""), behind);
    }
}

static void
main_end_line(void)
{
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static void
main_complete(void *arg)
{
    const struct program *program = arg;
    const struct pgc_load_seen *seen = pgc_load_seen(program->load);
    const double seconds = (double)(pgc_wall_us() - seen->since_us) / 1e6;

    printf("complete clients=%u seconds=%.3f per_s=%.0f p50_s=%.4f p99_s=%.4f max_s=%.4f"
           " attempts=%" PRIu64 " unreachable=%" PRIu64 " refused=%" PRIu64 " broken=%" PRIu64,
        program->options.load.clients, seconds, program->options.load.clients / seconds,
        main_quantile(&seen->away, 0.5, 1e6), main_quantile(&seen->away, 0.99, 1e6),
        (double)seen->away.highest / 1e6, seen->attempts, seen->unreachable, seen->refused,
        seen->broken);
    main_end_line();
}

static void
main_round(int64_t sent_us, size_t bytes, void *arg PGC_UNUSED)
{
    printf("round ms=%.3f bytes=%zu", (double)(pgc_wall_us() - sent_us) / 1e3, bytes);
    main_end_line();
}

static void
main_done(void *arg)
{
    pgc_loop_stop(((struct program *)arg)->loop);
}

static void
main_stop(int signo PGC_UNUSED, void *arg)
{
    main_done(arg);
}

static void
main_phase(int signo PGC_UNUSED, void *arg)
{
    const struct program *program = arg;
    const struct pgc_load_seen *seen = pgc_load_seen(program->load);

    if (program->arrivals != NULL) {
        (void)fflush(program->arrivals);
    }
    printf("phase listening=%u messages=%" PRIu64 " replayed=%" PRIu64, seen->listening,
        seen->messages, seen->replayed);
    main_print_ms("", &seen->delay);
    printf(" lost=%" PRIu64 " doubled=%" PRIu64 " churned=%" PRIu64, seen->lost, seen->doubled,
        seen->churn.count);
    main_print_ms("churn_", &seen->churn);
    main_end_line();
    pgc_load_next_phase(program->load);
}

static bool
main_end(struct program *program)
{
    const struct pgc_load_seen *seen = pgc_load_seen(program->load);

    main_phase(0, program);
    printf("end done=%u of=%u lost=%" PRIu64 " doubled=%" PRIu64 " cut_off=%" PRIu64
           " resets=%" PRIu64 " rejected=%" PRIu64,
        seen->done, program->options.load.clients, seen->lost, seen->doubled, seen->cut_off,
        seen->resets, seen->rejected);
    main_end_line();
    return seen->done == program->options.load.clients && seen->lost == 0 && seen->doubled == 0 &&
           seen->resets == 0 && seen->rejected == 0;
}

/* What is in the file is kept, so that others may empty it. */
static bool
main_open(struct program *program)
{
    const char *path = program->options.arrivals;

    if (path == NULL) {
        return true;
    }
    program->arrivals = fopen(path, "ae");
    if (program->arrivals == NULL) {
        (void)fprintf(stderr, "pgcable-load: open --arrivals \"%s\": %s\n", path, strerror(errno));
    }
    return program->arrivals != NULL;
}

int
main(int argc, char **argv)
{
    static const struct pgc_load_ops ops = {
        .complete = main_complete,
        .round = main_round,
        .done = main_done,
        .message = main_message,
    };
    struct program program = {0};
    struct pgc_err err = {0};
    bool ok = false;

    if (!options_read(&program.options, argc, argv) || !main_open(&program)) {
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    program.loop = pgc_loop_new();
    program.load = pgc_load_new(program.loop, &program.options.load, &ops, &program, &err);
    if (program.load == NULL) {
        (void)fprintf(stderr, "pgcable-load: %s\n", err.message);
    } else {
        pgc_loop_on_signal(program.loop, SIGUSR1, main_phase, &program);
        pgc_loop_on_signal(program.loop, SIGINT, main_stop, &program);
        pgc_loop_on_signal(program.loop, SIGTERM, main_stop, &program);
        pgc_load_start(program.load);
        pgc_loop_run(program.loop);
        ok = main_end(&program);
    }
    pgc_load_free(program.load);
    pgc_loop_free(program.loop);
    if (program.arrivals != NULL) {
        (void)fclose(program.arrivals);
    }
    return ok ? 0 : 1;
}
