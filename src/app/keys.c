/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/log.h"
#include "pgcable/loop.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"

#include "app.h"

enum { KEYS_MS = 1000 };

struct app_keys {
    struct pgc_timer *timer;
    struct pgc_metric *read;
    struct pgc_metric *refused;
    struct pgc_metric *stale;
    struct app_generation *generation; /* in force; borrowed */
    uint64_t tried;                    /* fingerprint of what was read last, good or not */
    void (*adopt)(struct app_generation *generation, void *arg);
    void *arg;
};

/* A file that is being written is of no use until it has changed again. */
static void
keys_read(struct app_keys *keys)
{
    struct pgc_err err = {0};
    struct app_generation *generation = app_generation_renew(keys->generation, &err);

    if (generation == NULL) {
        pgc_log_err(PGC_LOG_ERROR, 0, &err,
            "a key file has changed and is of no use, the keys in force stay");
        pgc_metric_add(keys->refused, 1);
        pgc_metric_set(keys->stale, 1);
        return;
    }
    pgc_metric_add(keys->read, 1);
    pgc_log(PGC_LOG_INFO, 0,
        "a key file has changed: keys and certificate read again; keys that"
        " are gone stay good for %lld s",
        (long long)generation->conf->key_grace_s);
    keys->adopt(generation, keys->arg);
}

static void
keys_look(void *arg)
{
    struct app_keys *keys = arg;
    uint64_t now = app_generation_look(keys->generation);

    if (now != keys->tried) {
        keys->tried = now;
        keys_read(keys);
    }
    pgc_timer_set(keys->timer, KEYS_MS);
}

struct app_keys *
app_keys_new(struct pgc_loop *loop, struct pgc_metrics *metrics,
    void (*adopt)(struct app_generation *generation, void *arg), void *arg)
{
    static const char help[] = "Times that key files were found changed and read again.";
    struct app_keys *keys = pgc_xcalloc(1, sizeof(*keys));

    keys->adopt = adopt;
    keys->arg = arg;
    keys->read = pgc_counter(metrics, "pgcable_key_reloads_total", "result=\"read\"", help);
    keys->refused = pgc_counter(metrics, "pgcable_key_reloads_total", "result=\"refused\"", help);
    keys->stale = pgc_gauge(metrics, "pgcable_keys_stale", "",
        "1 while the key files are of no use and the keys of before are in force.");
    keys->timer = pgc_timer_new(loop, keys_look, keys);
    return keys;
}

void
app_keys_watch(struct app_keys *keys, struct app_generation *generation)
{
    keys->generation = generation;
    keys->tried = generation->fingerprint;
    pgc_metric_set(keys->stale, 0);
    pgc_timer_set(keys->timer, KEYS_MS);
}

void
app_keys_free(struct app_keys *keys)
{
    if (keys != NULL) {
        pgc_timer_free(keys->timer);
        free(keys);
    }
}
