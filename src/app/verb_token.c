/* SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/clock.h"

#include "app.h"

enum { TOKEN_TTL_S = 3600 };

static bool
token_ttl(const char *text, int64_t *ttl_s, struct pgc_err *err)
{
    char *end = NULL;

    *ttl_s = TOKEN_TTL_S;
    if (text == NULL) {
        return true;
    }
    errno = 0;
    *ttl_s = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') {
        return pgc_err_set(err, PGC_ERR_USAGE, "--ttl \"%s\" is no number of seconds", text);
    }
    return true;
}

int
app_token(const struct app_args *args, struct pgc_conf *conf)
{
    struct pgc_err err = {0};
    char *token = NULL;
    int64_t ttl_s;
    int status = APP_OK;

    if (args->member == NULL) {
        pgc_err_set(&err, PGC_ERR_USAGE, "token needs --member");
        pgc_err_hint(&err, "usage: pgcable token --member ID [--ttl SECONDS] -c FILE");
        status = app_fail(&err, APP_USAGE);
    } else if (!token_ttl(args->ttl, &ttl_s, &err)) {
        status = app_fail(&err, APP_USAGE);
    } else {
        token = pgc_auth_mint(
            conf->hs256_secret, conf->token_member_claim, args->member, pgc_wall_s(), ttl_s, &err);
        status = token == NULL ? app_fail(&err, APP_FAILED) : APP_OK;
    }
    if (token != NULL) {
        puts(token);
    }
    free(token);
    pgc_conf_free(conf);
    return status;
}
