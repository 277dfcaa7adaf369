/* SPDX-License-Identifier: PostgreSQL */
/*
 * gate.c - who may see the numbers, the names of streams and the page on the admin address.
 *
 * A page of a stranger's in the browser of somebody on this machine can ask 127.0.0.1, too.  It is
 * not shown the answer, unless its own name leads here (DNS rebinding): so a name is not answered.
 */
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/http.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"

#include "app.h"

enum { GATE_TOKEN_BYTES = 16, GATE_UNAUTHORIZED = 401, GATE_FORBIDDEN = 403 };

struct app_gate {
    char *token; /* "" = none */
    bool is_local;
    struct pgc_metric *not_local;
    struct pgc_metric *wrong_token;
    struct pgc_metric *other_host;
    struct pgc_log_limit limit;
};

static struct pgc_metric *
gate_counter(struct pgc_metrics *metrics, const char *label)
{
    return pgc_counter(metrics, "pgcable_admin_refused_total", label,
        "Requests on the admin address that were refused, by reason.");
}

struct app_gate *
app_gate_new(const char *token, bool is_local, struct pgc_metrics *metrics, struct pgc_err *err)
{
    struct app_gate *gate;

    if (token[0] != '\0' && strlen(token) < GATE_TOKEN_BYTES) {
        pgc_err_set(err, PGC_ERR_CONF, "admin_token has fewer than %d bytes", GATE_TOKEN_BYTES);
        pgc_err_hint(err, "take one that nobody guesses: openssl rand -hex 16");
        return NULL;
    }
    if (token[0] == '\0' && !is_local) {
        pgc_log(PGC_LOG_WARN, 0,
            "no page, no numbers and no metrics: the admin address can be reached from other "
            "machines, hint: set admin_token, or admin_address to 127.0.0.1");
    }
    gate = pgc_xcalloc(1, sizeof(*gate));
    gate->token = pgc_xstrdup(token);
    gate->is_local = is_local;
    gate->not_local = gate_counter(metrics, "reason=\"not_local\"");
    gate->wrong_token = gate_counter(metrics, "reason=\"token\"");
    gate->other_host = gate_counter(metrics, "reason=\"host\"");
    return gate;
}

void
app_gate_free(struct app_gate *gate)
{
    if (gate != NULL) {
        pgc_wipe(gate->token, strlen(gate->token));
        free(gate->token);
        free(gate);
    }
}

static bool
gate_refuse(struct app_gate *gate, struct pgc_http_answer *answer, int status,
    struct pgc_metric *reason, const char *why)
{
    unsigned suppressed = 0;

    answer->status = status;
    pgc_buf_addf(&answer->body, "%s\n", why);
    pgc_metric_add(reason, 1);
    if (pgc_log_allowed(&gate->limit, &suppressed)) {
        pgc_log(PGC_LOG_WARN, 0, "refuse a request on the admin address: %s (%u more refused)", why,
            suppressed);
    }
    return false;
}

static bool
gate_is_token(const struct app_gate *gate, const char *authorization)
{
    static const char bearer[] = "Bearer ";
    const size_t skip = sizeof(bearer) - 1;

    return authorization != NULL && strncasecmp(authorization, bearer, skip) == 0 &&
           pgc_auth_is_secret(authorization + skip, gate->token);
}

/* An address, or localhost. */
static bool
gate_is_no_name(const char *host)
{
    static const char localhost[] = "localhost";
    size_t length;

    if (host == NULL || host[0] == '[') {
        return true; /* a browser says one */
    }
    length = strcspn(host, ":");
    return (length == sizeof(localhost) - 1 && strncasecmp(host, localhost, length) == 0) ||
           (length > 0 && strspn(host, "0123456789.") == length);
}

bool
app_gate_may_look(
    struct app_gate *gate, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    if (gate->token[0] != '\0') {
        return gate_is_token(gate, request->authorization) ||
               gate_refuse(gate, answer, GATE_UNAUTHORIZED, gate->wrong_token,
                   "send \"Authorization: Bearer …\" with the admin_token of the settings");
    }
    if (!gate->is_local) {
        return gate_refuse(gate, answer, GATE_FORBIDDEN, gate->not_local,
            "the admin address can be reached from other machines, and admin_token is not set: "
            "set it, or set admin_address to 127.0.0.1");
    }
    return gate_is_no_name(request->host) ||
           gate_refuse(gate, answer, GATE_FORBIDDEN, gate->other_host,
               "without admin_token ask by an address such as 127.0.0.1, or set it");
}

bool
app_gate_may_have_page(
    struct app_gate *gate, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    return gate->token[0] != '\0' || app_gate_may_look(gate, request, answer);
}
