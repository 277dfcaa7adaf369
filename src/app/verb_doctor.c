/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/migrate.h"

#include "app.h"

/* The columns of pgcable.doctor(), and of the question for the version. */
enum { DOCTOR_LEVEL, DOCTOR_SUBJECT, DOCTOR_FINDING, DOCTOR_REMEDY };
enum { DOCTOR_SCHEMA, DOCTOR_BREAKING, DOCTOR_EXAMINES };

#define DOCTOR_VERSION                                                                             \
    "select schema_version, breaking_version, pg_catalog.to_regprocedure('pgcable.doctor()')"      \
    " is not null from pgcable.hello()"
#define DOCTOR_EXAMINE "select level, subject, finding, remedy from pgcable.doctor()"

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
    bool ok = doctor_examine(&doctor, conf->database, &err);

    pgc_conf_free(conf);
    if (!ok) {
        return app_fail(&err, APP_FAILED);
    }
    return doctor.failures == 0 ? APP_OK : APP_FAILED;
}
