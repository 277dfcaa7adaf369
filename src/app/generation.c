/* SPDX-License-Identifier: PostgreSQL */
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/tls.h"

#include "app.h"

/* An empty setting means "none". */
static const char *
generation_given(const char *value)
{
    return value == NULL || value[0] == '\0' ? NULL : value;
}

bool
app_tls_read(const struct pgc_conf *conf, struct pgc_tls **tls, struct pgc_err *err)
{
    const char *certificate = generation_given(conf->tls_certificate);
    const char *key = generation_given(conf->tls_key);

    *tls = NULL;
    if (certificate == NULL && key == NULL) {
        return true;
    }
    if (certificate == NULL || key == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "%s is set, and %s is not",
            key == NULL ? "tls_certificate" : "tls_key",
            key == NULL ? "tls_key" : "tls_certificate");
        return pgc_err_hint(err, "TLS needs both: set the other one, or none");
    }
    *tls = pgc_tls_new(certificate, key, err);
    return *tls != NULL;
}

static struct pgc_auth_conf
generation_auth_conf(const struct pgc_conf *conf)
{
    return (struct pgc_auth_conf){
        .hs256_secret = generation_given(conf->hs256_secret),
        .rs256_public_key = generation_given(conf->rs256_public_key),
        .es256_public_key = generation_given(conf->es256_public_key),
        .jwks_file = generation_given(conf->jwks_file),
        .member_claim = conf->token_member_claim,
        .audience = generation_given(conf->token_audience),
        .issuer = generation_given(conf->token_issuer),
        .leeway_s = (int)conf->token_leeway_s,
    };
}

uint64_t
app_generation_look(const struct app_generation *generation)
{
    const struct pgc_conf *conf = generation->conf;
    struct pgc_auth_conf keys = generation_auth_conf(conf);

    return conf->role == PGC_ROLE_FEED
               ? 0
               : pgc_auth_fingerprint(&keys) ^
                     pgc_tls_fingerprint(conf->tls_certificate, conf->tls_key);
}

/* The fingerprint is taken first: what changes while the files are read makes another one. */
static bool
generation_read_files(struct app_generation *generation, struct pgc_err *err)
{
    struct pgc_auth_conf keys = generation_auth_conf(generation->conf);

    if (generation->conf->role == PGC_ROLE_FEED) {
        return true; /* no client shows it a token */
    }
    generation->fingerprint = app_generation_look(generation);
    generation->auth = pgc_auth_new(&keys, err);
    return generation->auth != NULL && app_tls_read(generation->conf, &generation->tls, err);
}

void
app_generation_inherit(struct app_generation *generation, const struct app_generation *before)
{
    if (generation->auth != NULL && before->auth != NULL) {
        pgc_auth_inherit(generation->auth, before->auth,
            pgc_monotonic_ms() + generation->conf->key_grace_s * 1000);
    }
}

struct app_generation *
app_generation_renew(struct app_generation *before, struct pgc_err *err)
{
    struct app_generation *lender = before->lender != NULL ? before->lender : before;
    struct app_generation *generation = pgc_xcalloc(1, sizeof(*generation));

    atomic_store(&generation->refs, 1);
    generation->lender = app_generation_ref(lender);
    generation->conf = lender->conf;
    if (!generation_read_files(generation, err)) {
        app_generation_unref(generation);
        return NULL;
    }
    app_generation_inherit(generation, before);
    return generation;
}

struct app_generation *
app_generation_new(struct pgc_conf *conf, struct pgc_err *err)
{
    struct app_generation *generation = pgc_xcalloc(1, sizeof(*generation));

    atomic_store(&generation->refs, 1);
    generation->conf = conf;
    if (!generation_read_files(generation, err)) {
        app_generation_unref(generation);
        return NULL;
    }
    return generation;
}

struct app_generation *
app_generation_ref(struct app_generation *generation)
{
    atomic_fetch_add_explicit(&generation->refs, 1, memory_order_relaxed);
    return generation;
}

/* Who was lent the settings lets go of the lender as well. */
void
app_generation_unref(struct app_generation *generation)
{
    while (generation != NULL &&
           atomic_fetch_sub_explicit(&generation->refs, 1, memory_order_acq_rel) == 1) {
        struct app_generation *lender = generation->lender;

        pgc_tls_free(generation->tls);
        pgc_auth_free(generation->auth);
        if (lender == NULL) {
            pgc_conf_free(generation->conf);
        }
        free(generation);
        generation = lender;
    }
}
