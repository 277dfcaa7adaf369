/* SPDX-License-Identifier: PostgreSQL */
/*
 * time.c - PostgreSQL's ISO 8601 to UTC with milliseconds.
 *
 *   2026-10-01T09:14:31.001999+02:00  ->  2026-10-01T07:14:31.001Z
 *   2026-10-01T09:14:31               ->  2026-10-01T09:14:31.000Z   (no zone: UTC)
 *   1890-01-01T00:00:00+00:19:32      ->  1889-12-31T23:40:28.000Z
 *   infinity, 2026-10-01, "0044-03-15T12:00:00 BC"  ->  none
 *
 * Calendar arithmetic after Howard Hinnant, "chrono-compatible low-level date algorithms" (2013).
 */
#include <ctype.h>

#include "pgcable/event.h"

enum { DAY_S = 86400, YEAR_MAX = 294277 /* past the end of PostgreSQL's timestamps */ };

struct time_text {
    const char *at;
    const char *end;
};

struct time_parts {
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;
    int64_t ms;
    int64_t offset_s; /* east of Greenwich */
};

static bool
time_take(struct time_text *text, char c)
{
    if (text->at == text->end || *text->at != c) {
        return false;
    }
    text->at++;
    return true;
}

/* A number of `least` to `most` digits. */
static bool
time_digits(struct time_text *text, int least, int most, int64_t *number)
{
    int count = 0;

    *number = 0;
    while (count < most && text->at < text->end && isdigit((unsigned char)*text->at)) {
        *number = *number * 10 + (*text->at++ - '0');
        count++;
    }
    return count >= least;
}

/* The first three digits behind the point; what follows is cut, not rounded. */
static bool
time_fraction(struct time_text *text, int64_t *ms)
{
    int64_t scale = 100;

    *ms = 0;
    if (!time_take(text, '.')) {
        return true;
    }
    if (text->at == text->end || !isdigit((unsigned char)*text->at)) {
        return false;
    }
    for (; text->at < text->end && isdigit((unsigned char)*text->at); text->at++) {
        *ms += (*text->at - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* Nothing, Z, or ±hh[:mm[:ss]]. */
static bool
time_zone(struct time_text *text, int64_t *offset_s)
{
    int64_t hours;
    int64_t minutes = 0;
    int64_t seconds = 0;
    int64_t sign;

    *offset_s = 0;
    if (text->at == text->end || time_take(text, 'Z')) {
        return true;
    }
    sign = *text->at == '-' ? -1 : 1;
    if (!time_take(text, '+') && !time_take(text, '-')) {
        return false;
    }
    if (!time_digits(text, 2, 2, &hours)) {
        return false;
    }
    if (time_take(text, ':') && !time_digits(text, 2, 2, &minutes)) {
        return false;
    }
    if (time_take(text, ':') && !time_digits(text, 2, 2, &seconds)) {
        return false;
    }
    *offset_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return hours < 16 && minutes < 60 && seconds < 60;
}

static bool
time_read(struct time_text *text, struct time_parts *parts)
{
    return time_digits(text, 4, 6, &parts->year) && time_take(text, '-') &&
           time_digits(text, 2, 2, &parts->month) && time_take(text, '-') &&
           time_digits(text, 2, 2, &parts->day) && (time_take(text, 'T') || time_take(text, ' ')) &&
           time_digits(text, 2, 2, &parts->hour) && time_take(text, ':') &&
           time_digits(text, 2, 2, &parts->minute) && time_take(text, ':') &&
           time_digits(text, 2, 2, &parts->second) && time_fraction(text, &parts->ms) &&
           time_zone(text, &parts->offset_s) && text->at == text->end;
}

static bool
time_is_sane(const struct time_parts *parts)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (parts->year % 4 == 0 && parts->year % 100 != 0) || parts->year % 400 == 0;

    return parts->year >= 1 && parts->year < YEAR_MAX && parts->month >= 1 && parts->month <= 12 &&
           parts->day >= 1 &&
           parts->day <= days[parts->month - 1] + (parts->month == 2 && leap ? 1 : 0) &&
           parts->hour < 24 && parts->minute < 60 && parts->second < 60;
}

/* Days since 0000-03-01, for year >= 0.  March begins the year so that the leap day ends it. */
static int64_t
time_to_days(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
}

static void
time_from_days(int64_t days, struct time_parts *parts)
{
    int64_t era = days / 146097;
    int64_t of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;

    parts->day = of_year - (153 * m + 2) / 5 + 1;
    parts->month = m < 10 ? m + 3 : m - 9;
    parts->year = era * 400 + year + (parts->month <= 2 ? 1 : 0);
}

/* By hand: three of these per message, and snprintf costs more than the rest of the conversion. */
static char *
time_put(char *p, int64_t number, int width, char after)
{
    int i;

    for (i = width - 1; i >= 0; i--) {
        p[i] = (char)('0' + number % 10);
        number /= 10;
    }
    p[width] = after;
    return p + width + 1;
}

static void
time_write(const struct time_parts *parts, int64_t second_of_day, char *out)
{
    int year_width = parts->year > 99999 ? 6 : parts->year > 9999 ? 5 : 4;

    out = time_put(out, parts->year, year_width, '-');
    out = time_put(out, parts->month, 2, '-');
    out = time_put(out, parts->day, 2, 'T');
    out = time_put(out, second_of_day / 3600, 2, ':');
    out = time_put(out, second_of_day / 60 % 60, 2, ':');
    out = time_put(out, second_of_day % 60, 2, '.');
    out = time_put(out, parts->ms, 3, 'Z');
    *out = '\0';
}

bool
pgc_time_utc(const char *text, size_t length, char out[32])
{
    struct time_text reading = {.at = text, .end = text + length};
    struct time_parts parts = {0};
    int64_t seconds;

    if (!time_read(&reading, &parts) || !time_is_sane(&parts)) {
        return false;
    }
    seconds = time_to_days(parts.year, parts.month, parts.day) * DAY_S + parts.hour * 3600 +
              parts.minute * 60 + parts.second - parts.offset_s;
    if (seconds < time_to_days(1, 1, 1) * DAY_S) {
        return false;
    }
    time_from_days(seconds / DAY_S, &parts);
    time_write(&parts, seconds % DAY_S, out);
    return true;
}
