/* SPDX-License-Identifier: PostgreSQL */
#include <ctype.h>
#include <stdlib.h>

#include "pg_internal.h"

/*
 * Ours come before the DSN, so that what the DSN says wins; the environment's PG* variables only
 * fill what neither names.  The three keepalive values and the user timeout notice a dead peer
 * within about eight seconds, where the kernel's own take minutes.
 */
void
pgc_pg_text_params(struct pg_params *params, const char *dsn, const char *application_name)
{
    const char *const pairs[][2] = {
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "8000"},
        {"connect_timeout", "5"},
        {"target_session_attrs", "read-write"},
        {"client_encoding", "UTF8"},
        {"application_name", application_name},
        {"dbname", dsn},
        {NULL, NULL},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        params->keywords[i] = pairs[i][0];
        params->values[i] = pairs[i][1];
    }
}

static int64_t
text_hosts(const char *list)
{
    int64_t hosts = 1;

    for (; *list != '\0'; list++) {
        hosts += *list == ',';
    }
    return hosts;
}

int64_t
pgc_pg_text_connect_ms(PGconn *conn)
{
    PQconninfoOption *options = PQconninfo(conn);
    int64_t seconds = 0;
    int64_t hosts = 1;

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        if (o->val == NULL) {
            continue;
        }
        if (strcmp(o->keyword, "connect_timeout") == 0) {
            seconds = strtoll(o->val, NULL, 10);
        } else if (strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0) {
            hosts = text_hosts(o->val);
        }
    }
    PQconninfoFree(options);
    if (seconds <= 0 || seconds > 3600) {
        seconds = 5; /* "for ever" would be for ever */
    }
    return hosts * seconds * 1000;
}

static const char *
text_or(const char *text, const char *otherwise)
{
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

void
pgc_pg_text_target(PGconn *conn, char *out, size_t size)
{
    snprintf(out, size, "host \"%s\" port %s database \"%s\" user \"%s\"",
        text_or(PQhost(conn), "localhost"), text_or(PQport(conn), "5432"), text_or(PQdb(conn), ""),
        text_or(PQuser(conn), ""));
}

void
pgc_pg_text_line(const char *message, char *out, size_t size)
{
    size_t used = 0;

    for (; *message != '\0' && used + 1 < size; message++) {
        if (!isspace((unsigned char)*message)) {
            out[used++] = *message;
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    out[used] = '\0';
}

/* libpq knows what TLS died of, but its advice, where it has any, is to do without. */
static const char *
text_connect_hint(const char *message)
{
    static const struct {
        const char *part; /* of the message */
        const char *hint;
    } hints[] = {
        {"does not match host name",
            "name the server in \"database\" by a name on its certificate: host=NAME, and"
            " hostaddr=ADDRESS beside it if that name leads elsewhere"},
        {"certificate verify failed",
            "sslrootcert in \"database\" must name the certificate of the CA that signed the"
            " server's"},
        {"root certificate file",
            "name the certificate of the CA that signed the server's: sslrootcert=FILE in"
            " \"database\""},
        {"does not support SSL",
            "give the server a certificate, ssl = on and a reload, or see whether this is the right"
            " server"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(message, hints[i].part) != NULL) {
            return hints[i].hint;
        }
    }
    return "check the setting \"database\" (a connection string as psql takes it), that PostgreSQL"
           " runs there and that pg_hba.conf lets this user in";
}

void
pgc_pg_text_connect_error(struct pgc_err *err, PGconn *conn)
{
    char target[256];
    char line[512];

    pgc_pg_text_target(conn, target, sizeof(target));
    pgc_pg_text_line(PQerrorMessage(conn), line, sizeof(line));
    pgc_err_set(err, PGC_ERR_PG, "connect to %s: %s", target, text_or(line, "no reason given"));
    pgc_err_hint(err, "%s", text_connect_hint(line));
}

static const char *
text_field(const PGresult *result, int field)
{
    return text_or(PQresultErrorField(result, field), "");
}

static enum pgc_err_code
text_code(const char *sqlstate)
{
    static const struct {
        const char *sqlstate;
        enum pgc_err_code code;
    } codes[] = {
        {"3F000", PGC_ERR_SCHEMA}, /* invalid_schema_name */
        {"42883", PGC_ERR_SCHEMA}, /* undefined_function */
        {"42P01", PGC_ERR_SCHEMA}, /* undefined_table */
        {"42703", PGC_ERR_SCHEMA}, /* undefined_column */
        {"42501", PGC_ERR_AUTH},   /* insufficient_privilege */
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].sqlstate, sqlstate) == 0) {
            return codes[i].code;
        }
    }
    return PGC_ERR_PG;
}

void
pgc_pg_text_result_error(struct pgc_err *err, const PGresult *result)
{
    const char *sqlstate = text_field(result, PG_DIAG_SQLSTATE);
    char primary[400];
    char detail[300];
    char hint[400];

    pgc_pg_text_line(
        text_or(text_field(result, PG_DIAG_MESSAGE_PRIMARY), PQresultErrorMessage(result)), primary,
        sizeof(primary));
    pgc_pg_text_line(text_field(result, PG_DIAG_MESSAGE_DETAIL), detail, sizeof(detail));
    pgc_pg_text_line(text_field(result, PG_DIAG_MESSAGE_HINT), hint, sizeof(hint));
    pgc_err_set(err, text_code(sqlstate), "%s%s%s%s%s%s", primary, detail[0] != '\0' ? ": " : "",
        detail, sqlstate[0] != '\0' ? " (" : "", sqlstate, sqlstate[0] != '\0' ? ")" : "");
    pgc_err_hint(err, "%s", hint);
}

bool
pgc_pg_text_notice(const PGresult *result, char *out, size_t size)
{
    const char *severity = text_field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    char line[600];

    pgc_pg_text_line(text_field(result, PG_DIAG_MESSAGE_PRIMARY), line, sizeof(line));
    snprintf(out, size, "%s: %s", severity, line);
    return strcmp(severity, "WARNING") == 0;
}
