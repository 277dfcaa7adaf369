/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <time.h>

#include "pgcable/migrate.h"
#include "pgcable/tls.h"

#include "app.h"

/* The columns of pgcable.doctor(), and of the question for the version. */
enum { DOCTOR_LEVEL, DOCTOR_SUBJECT, DOCTOR_FINDING, DOCTOR_REMEDY };
enum { DOCTOR_SCHEMA, DOCTOR_BREAKING, DOCTOR_EXAMINES };

#define DOCTOR_VERSION                                                                             \
    "select schema_version, breaking_version, pg_catalog.to_regprocedure('pgcable.doctor()')"      \
    " is not null from pgcable.hello()"
#define DOCTOR_EXAMINE "select level, subject, finding, remedy from pgcable.doctor()"

enum { DOCTOR_RENEWAL_S = 14 * 24 * 3600 };

struct doctor {
    unsigned failures;
    bool examines; /* the schema is new enough to have pgcable.doctor() */
};

static void
doctor_report(struct doctor *doctor, const char *level, const char *subject, const char *finding,
    const char *remedy)
{
    bool failed = strcmp(level, "fail") == 0;

    doctor->failures += failed ? 1 : 0;
    printf("%-4s  ", failed ? "FAIL" : level);
    app_print_text(subject);
    printf(": ");
    app_print_text(finding);
    if (remedy != NULL) {
        printf(" - ");
        app_print_text(remedy);
    }
    putchar('\n');
}

static void
doctor_finding(const char *const *values, void *arg)
{
    doctor_report(arg, values[DOCTOR_LEVEL], values[DOCTOR_SUBJECT], values[DOCTOR_FINDING],
        values[DOCTOR_REMEDY]);
}

/* Migrations have no gaps, so that the newest one says which are there. */
static void
doctor_version(const char *const *values, void *arg)
{
    struct doctor *doctor = arg;
    size_t count;
    const struct pgc_migration *known = pgc_migrations(&count);
    long schema = strtol(values[DOCTOR_SCHEMA], NULL, 10);
    long breaking = strtol(values[DOCTOR_BREAKING], NULL, 10);
    long newest = known[count - 1].id;
    char finding[160];

    doctor->examines = values[DOCTOR_EXAMINES][0] == 't';
    snprintf(finding, sizeof(finding), "the database has migrations 1 to %ld, this program %ld",
        schema, newest);
    if (breaking > newest) {
        doctor_report(doctor, "fail", "schema", finding, "install the newer pgcable here, too");
    } else if (schema < newest) {
        doctor_report(doctor, "fail", "schema", finding, "run \"pgcable migrate\"");
    } else {
        doctor_report(doctor, "ok", "schema", finding, NULL);
    }
}

static void
doctor_certificate(struct doctor *doctor, const struct pgc_tls *tls)
{
    time_t end = (time_t)pgc_tls_good_until_s(tls);
    bool is_late = end - time(NULL) < DOCTOR_RENEWAL_S;
    struct tm date = {0};
    char finding[64];

    gmtime_r(&end, &date);
    strftime(finding, sizeof(finding), "the certificate is good until %Y-%m-%d", &date);
    doctor_report(doctor, is_late ? "warn" : "ok", "tls", finding,
        is_late ? "renew it; a daemon that runs reads it by itself" : NULL);
}

/* What a daemon with these settings would do with clients; nothing if only this machine sees it. */
static void
doctor_tls(struct doctor *doctor, const struct pgc_conf *conf)
{
    bool is_local =
        strncmp(conf->listen_address, "127.", 4) == 0 || strcmp(conf->listen_address, "::1") == 0;
    struct pgc_tls *tls = NULL;
    struct pgc_err err = {0};

    if (!app_tls_read(conf, &tls, &err)) {
        doctor_report(doctor, "fail", "tls", err.message, err.hint);
    } else if (tls != NULL) {
        doctor_certificate(doctor, tls);
    } else if (!is_local) {
        doctor_report(doctor, "warn", "tls", "tokens come in plain text, from other machines too",
            "set tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy with TLS");
    }
    pgc_tls_free(tls);
}

/* False if there is nobody to ask; a database without our schema is a finding. */
static bool
doctor_examine(struct doctor *doctor, const char *dsn, struct pgc_err *err)
{
    struct pgc_migrate_sink sink = {.say = app_say, .row = doctor_version, .arg = doctor};

    if (!pgc_migrate_script(dsn, DOCTOR_VERSION, &sink, err)) {
        if (err->code != PGC_ERR_SCHEMA) {
            return false;
        }
        doctor_report(doctor, "fail", "schema", err->message, err->hint);
        return true;
    }
    if (!doctor->examines) {
        return true;
    }
    sink.row = doctor_finding;
    return pgc_migrate_script(dsn, DOCTOR_EXAMINE, &sink, err);
}

int
app_doctor(const struct app_args *args PGC_UNUSED, struct pgc_conf *conf)
{
    struct doctor doctor = {0};
    struct pgc_err err = {0};
    bool ok;

    doctor_tls(&doctor, conf);
    ok = doctor_examine(&doctor, conf->database, &err);
    pgc_conf_free(conf);
    if (!ok) {
        return app_fail(&err, APP_FAILED);
    }
    return doctor.failures == 0 ? APP_OK : APP_FAILED;
}
