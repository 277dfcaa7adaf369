/* SPDX-License-Identifier: PostgreSQL */
#include <inttypes.h>
#include <stdio.h>

#include "pgcable/clock.h"

#include "load.h"

static double
report_seconds(int64_t us)
{
    return (double)us / 1e6;
}

static double
report_ms(const struct spread *spread, double share)
{
    return (double)spread_quantile(spread, share) / 1000.0;
}

void
report_away(struct report *report)
{
    report->listening--;
    report->cut_off++;
    if (report->is_complete) {
        report->is_complete = false;
        report->since_us = pgc_wall_us();
        report->attempts = 0;
        report->away = (struct spread){0};
        for (size_t i = 0; i < 3; i++) {
            report->ends[i] = 0;
        }
    }
}

static void
report_complete(const struct report *report)
{
    const double seconds = report_seconds(pgc_wall_us() - report->since_us);

    printf("complete clients=%u seconds=%.3f per_s=%.0f p50_s=%.3f p99_s=%.3f max_s=%.3f"
           " attempts=%" PRIu64 " unreachable=%" PRIu64 " refused=%" PRIu64 " broken=%" PRIu64 "\n",
        report->wanted, seconds, report->wanted / seconds,
        report_seconds(spread_quantile(&report->away, 0.5)),
        report_seconds(spread_quantile(&report->away, 0.99)), report_seconds(report->away.highest),
        report->attempts, report->ends[WIRE_UNREACHABLE], report->ends[WIRE_REFUSED],
        report->ends[WIRE_BROKEN]);
    (void)fflush(stdout);
}

void
report_back(struct report *report, int64_t away_us)
{
    spread_add(&report->away, pgc_wall_us() - away_us);
    report->listening++;
    if (report->listening == report->wanted && !report->is_complete) {
        report->is_complete = true;
        report_complete(report);
    }
}

void
report_message(struct report *report, bool is_live, int64_t sent_us)
{
    report->messages++;
    if (is_live) {
        spread_add(&report->delay, pgc_wall_us() - sent_us);
    } else {
        report->replayed++;
    }
}

void
report_phase(struct report *report)
{
    const struct spread *delay = &report->delay;

    printf("phase listening=%u messages=%" PRIu64 " replayed=%" PRIu64
           " p50_ms=%.2f p99_ms=%.2f max_ms=%.2f lost=%" PRIu64 " doubled=%" PRIu64 "\n",
        report->listening, report->messages, report->replayed, report_ms(delay, 0.5),
        report_ms(delay, 0.99), (double)delay->highest / 1000.0, report->lost, report->doubled);
    (void)fflush(stdout);
    report->messages = 0;
    report->replayed = 0;
    report->delay = (struct spread){0};
}

void
report_round(struct report *report, int64_t sent_us, size_t bytes)
{
    report->rounded++;
    if (report->rounded == report->wanted) {
        report->rounded = 0;
        printf("round ms=%.2f bytes=%zu\n", (double)(pgc_wall_us() - sent_us) / 1000.0, bytes);
        (void)fflush(stdout);
    }
}

bool
report_end(struct report *report)
{
    const bool ok = report->done == report->wanted && report->lost == 0 && report->doubled == 0 &&
                    report->resets == 0 && report->rejected == 0;

    report_phase(report);
    printf("end done=%u of=%u lost=%" PRIu64 " doubled=%" PRIu64 " cut_off=%" PRIu64
           " resets=%" PRIu64 " rejected=%" PRIu64 "\n",
        report->done, report->wanted, report->lost, report->doubled, report->cut_off,
        report->resets, report->rejected);
    return ok;
}
