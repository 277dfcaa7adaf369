/* SPDX-License-Identifier: PostgreSQL */
#include "ws_pace.h"

enum { PACE_MILLI = 1000, PACE_RESTED_MS = 2000 };

void
ws_pace_init(struct ws_pace *pace, int64_t per_s, int64_t now_ms)
{
    *pace = (struct ws_pace){
        .per_s = per_s,
        .milli = per_s * PACE_RESTED_MS,
        .at_ms = now_ms,
    };
}

bool
ws_pace_admits(struct ws_pace *pace, int64_t now_ms)
{
    const int64_t full = pace->per_s * PACE_RESTED_MS;
    const int64_t elapsed_ms = now_ms - pace->at_ms;

    if (pace->per_s == 0) {
        return true;
    }
    /* A long rest is cut before it is multiplied. */
    if (elapsed_ms >= PACE_RESTED_MS || pace->milli + elapsed_ms * pace->per_s > full) {
        pace->milli = full;
    } else {
        pace->milli += elapsed_ms * pace->per_s;
    }
    pace->at_ms = now_ms;
    if (pace->milli < PACE_MILLI) {
        return false;
    }
    pace->milli -= PACE_MILLI;
    return true;
}

size_t
ws_pace_gone(size_t total, int64_t elapsed_ms, int64_t window_ms)
{
    if (total <= WS_PACE_AT_ONCE || elapsed_ms >= window_ms) {
        return total;
    }
    return WS_PACE_AT_ONCE + (total - WS_PACE_AT_ONCE) * (size_t)elapsed_ms / (size_t)window_ms;
}
