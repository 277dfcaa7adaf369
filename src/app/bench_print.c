/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <stdio.h>

#include "bench.h"

enum { PRINT_BAR = 50 };

static double
print_quantile_ms(const struct app_bench_result *result, double share)
{
    return (double)pgc_histogram_quantile(&result->seen->delay, share) / 1e3;
}

/* How many took longer than `from_ms`, and at most `to_ms`; a cell counts as its middle. */
static uint64_t
print_between(const struct pgc_histogram *histogram, double from_ms, double to_ms)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < PGC_HISTOGRAM_CELLS; i++) {
        const double ms = (double)pgc_histogram_value(i) / 1e3;

        if (ms > from_ms && ms <= to_ms) {
            count += histogram->cells[i];
        }
    }
    return count;
}

static void
print_histogram(const struct pgc_histogram *histogram)
{
    static const double steps[] = {0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
    static const char bar[] = "##################################################";
    const double highest_ms = (double)histogram->highest / 1e3;
    double from_ms = -1;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && from_ms < highest_ms; i++) {
        const bool is_last = i + 1 == sizeof(steps) / sizeof(steps[0]);
        const uint64_t count = print_between(histogram, from_ms, is_last ? 1e15 : steps[i]);
        const double share = (double)count / (double)histogram->count;

        from_ms = steps[i];
        if (count == 0) {
            continue;
        }
        printf("  %s %6g ms %10" PRIu64 " %6.2f %% %.*s\n", is_last ? "above" : "up to",
            is_last ? steps[i - 1] : steps[i], count, share * 100, (int)(share * PRINT_BAR + 0.5),
            bar);
    }
}

static void
print_connections(const struct app_bench_result *result)
{
    const struct pgc_load_seen *seen = result->seen;

    if (result->connect_s > 0) {
        printf("%u clients listened after %.2f s\n", result->wish->load.clients, result->connect_s);
    } else {
        printf("%u of %u clients listened\n", seen->listening, result->wish->load.clients);
    }
    if (seen->unreachable + seen->refused + seen->broken + seen->rejected > 0) {
        printf("attempts that failed: %" PRIu64 " found nobody, %" PRIu64 " were refused, %" PRIu64
               " ended early; subscriptions that were rejected: %" PRIu64 "\n",
            seen->unreachable, seen->refused, seen->broken, seen->rejected);
    }
}

void
app_bench_print(const struct app_bench_result *result)
{
    const struct pgc_load_seen *seen = result->seen;

    print_connections(result);
    if (result->written == 0) {
        return;
    }
    printf("%" PRIu64 " events written in %" PRIu64 " s, %" PRIu64 " of %" PRIu64
           " messages received: lost %" PRIu64 ", twice %" PRIu64 ", clients cut off %" PRIu64 "\n",
        result->written, result->wish->seconds, result->received, result->expected, result->lost,
        seen->doubled, seen->cut_off);
    printf("ms from when an event was due to when a client had it:"
           " p50 %.2f, p90 %.2f, p99 %.2f, p99.9 %.2f, max %.2f\n",
        print_quantile_ms(result, 0.5), print_quantile_ms(result, 0.9),
        print_quantile_ms(result, 0.99), print_quantile_ms(result, 0.999),
        (double)seen->delay.highest / 1e3);
    print_histogram(&seen->delay);
}

void
app_bench_print_json(const struct app_bench_result *result)
{
    const struct pgc_load_seen *seen = result->seen;
    const char *comma = "";

    printf("{\"clients\":%u,\"listening\":%u,\"connect_s\":%.3f,\"seconds\":%" PRIu64
           ",\"rate\":%" PRIu64 ",\"written\":%" PRIu64 ",\"expected\":%" PRIu64
           ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"twice\":%" PRIu64
           ",\"cut_off\":%" PRIu64 ",\"unreachable\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"broken\":%" PRIu64 ",\"rejected\":%" PRIu64,
        result->wish->load.clients, seen->listening, result->connect_s, result->wish->seconds,
        result->wish->rate, result->written, result->expected, result->received, result->lost,
        seen->doubled, seen->cut_off, seen->unreachable, seen->refused, seen->broken,
        seen->rejected);
    printf(",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f"
           ",\"histogram_us\":[",
        print_quantile_ms(result, 0.5), print_quantile_ms(result, 0.9),
        print_quantile_ms(result, 0.99), print_quantile_ms(result, 0.999),
        (double)seen->delay.highest / 1e3);
    for (unsigned i = 0; i < PGC_HISTOGRAM_CELLS; i++) {
        if (seen->delay.cells[i] > 0) {
            printf(
                "%s[%" PRId64 ",%" PRIu64 "]", comma, pgc_histogram_value(i), seen->delay.cells[i]);
            comma = ",";
        }
    }
    puts("]}");
}
