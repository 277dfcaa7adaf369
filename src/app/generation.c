/* SPDX-License-Identifier: PostgreSQL */
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/mem.h"

#include "app.h"

/* An empty setting means "none". */
static const char *
generation_given(const char *value)
{
    return value == NULL || value[0] == '\0' ? NULL : value;
}

struct app_generation *
app_generation_new(struct pgc_conf *conf, struct pgc_err *err)
{
    struct pgc_auth_conf keys = {
        .hs256_secret = generation_given(conf->hs256_secret),
        .rs256_public_key = generation_given(conf->rs256_public_key),
        .es256_public_key = generation_given(conf->es256_public_key),
        .jwks_file = generation_given(conf->jwks_file),
        .member_claim = conf->token_member_claim,
        .audience = generation_given(conf->token_audience),
        .issuer = generation_given(conf->token_issuer),
        .leeway_s = (int)conf->token_leeway_s,
    };
    struct pgc_auth *auth = pgc_auth_new(&keys, err);
    struct app_generation *generation;

    if (auth == NULL) {
        pgc_conf_free(conf);
        return NULL;
    }
    generation = pgc_xcalloc(1, sizeof(*generation));
    atomic_store(&generation->refs, 1);
    generation->conf = conf;
    generation->auth = auth;
    return generation;
}

struct app_generation *
app_generation_ref(struct app_generation *generation)
{
    atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);
    return generation;
}

void
app_generation_unref(struct app_generation *generation)
{
    if (generation == NULL ||
        atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    pgc_auth_free(generation->auth);
    pgc_conf_free(generation->conf);
    free(generation);
}
