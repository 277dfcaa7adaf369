/* SPDX-License-Identifier: PostgreSQL */
/*
 * The daemon: a main thread for signals and the admin address, one thread from which batches come
 * (source.c), N worker threads; none with role = feed.
 *
 * Everything is made in the main thread before the threads start, and freed there after they have
 * ended, so that no module needs to care which thread built it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pgcable/log.h"
#include "pgcable/loop.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"
#include "pgcable/port.h"
#include "pgcable/recent.h"
#include "pgcable/tls.h"
#include "pgcable/ws.h"

#include "app.h"

struct serve {
    const struct app_args *args; /* for SIGHUP */
    struct app_generation *generation;
    struct pgc_loop *loop;
    struct pgc_metrics *metrics;
    struct pgc_recent *recent;
    struct app_admin *admin;
    struct app_keys *keys;
    struct app_source *source;
    struct pgc_places *places;
    size_t worker_count;
    struct pgc_port **ports;
    struct app_worker **workers;
    size_t workers_left;
    bool stopping;
    _Atomic uint64_t next_conn;
};

static void
serve_worker_ended(void *arg)
{
    struct serve *serve = arg;

    if (--serve->workers_left == 0) {
        pgc_loop_stop(serve->loop);
    }
}

static void
serve_stop(int signo, void *arg)
{
    struct serve *serve = arg;
    size_t i;

    if (serve->stopping) {
        pgc_log(PGC_LOG_WARN, 0, "signal %d again: not waiting for clients any longer", signo);
        pgc_loop_stop(serve->loop);
        return;
    }
    serve->stopping = true;
    app_manager_tell("STOPPING=1");
    pgc_log(PGC_LOG_INFO, 0, "signal %d: saying server_restart to clients, then ending", signo);
    if (serve->worker_count == 0) {
        pgc_loop_stop(serve->loop);
    }
    for (i = 0; i < serve->worker_count; i++) {
        app_worker_drain(serve->workers[i], serve->generation->conf->shutdown_ms);
    }
}

static void
serve_report_unchanged(const struct pgc_conf *old, const struct pgc_conf *new_conf)
{
    struct pgc_buf names = {0};

    pgc_conf_restart_needed(old, new_conf, &names);
    if (names.length > 0) {
        pgc_log(PGC_LOG_WARN, 0, "reload: these settings changed but need a restart: %s",
            pgc_buf_str(&names));
    }
    pgc_buf_fini(&names);
}

static void
serve_note_certificate(const struct serve *serve)
{
    const struct pgc_tls *tls = serve->generation->tls;

    pgc_metric_set(pgc_gauge(serve->metrics, "pgcable_tls_good_until_timestamp_seconds", "",
                       "When the certificate ends, as Unix time; 0 without TLS."),
        tls != NULL ? pgc_tls_good_until_s(tls) : 0);
}

/* The listener was opened for one or the other. */
static bool
serve_keeps_tls(
    const struct app_generation *old, const struct app_generation *new_one, struct pgc_err *err)
{
    if ((old->tls != NULL) == (new_one->tls != NULL)) {
        return true;
    }
    pgc_err_set(err, PGC_ERR_CONF, "tls_certificate %s when the daemon started",
        old->tls != NULL ? "was set" : "was empty");
    return pgc_err_hint(err, "TLS is switched on and off by a restart");
}

/* Settings, keys or both are new: for SIGHUP, and for key files that changed by themselves. */
static void
serve_adopt(struct app_generation *generation, void *arg)
{
    struct serve *serve = arg;
    size_t i;

    for (i = 0; i < serve->worker_count; i++) {
        app_worker_reload(serve->workers[i], generation);
    }
    app_generation_unref(serve->generation);
    serve->generation = generation;
    app_keys_watch(serve->keys, generation);
    serve_note_certificate(serve);
}

static void
serve_reload(int signo PGC_UNUSED, void *arg)
{
    struct serve *serve = arg;
    struct pgc_err err = {0};
    struct app_generation *generation = NULL;
    struct pgc_conf *conf =
        pgc_conf_load(serve->args->conf_file, serve->args->flags, serve->args->flag_count, &err);

    if (conf != NULL) {
        generation = app_generation_new(conf, &err);
    }
    if (generation == NULL || !serve_keeps_tls(serve->generation, generation, &err)) {
        app_generation_unref(generation);
        pgc_log_err(PGC_LOG_ERROR, 0, &err, "reload refused, the settings in force stay");
        return;
    }
    serve_report_unchanged(serve->generation->conf, generation->conf);
    pgc_log_setup((enum pgc_log_level)generation->conf->log_level,
        (enum pgc_log_format)generation->conf->log_format);
    app_generation_inherit(generation, serve->generation);
    serve_adopt(generation, serve);
    pgc_log(PGC_LOG_INFO, 0, "settings reloaded");
}

static void
serve_new_source(struct serve *serve)
{
    const struct app_source_conf source_conf = {
        .settings = serve->generation->conf,
        .ports = serve->ports,
        .port_count = serve->worker_count,
        .metrics = serve->metrics,
        .recent = serve->recent,
    };

    serve->source = app_source_new(&source_conf);
}

static void
serve_new_places(struct serve *serve)
{
    const struct pgc_conf *conf = serve->generation->conf;
    const struct pgc_places_conf places_conf = {
        .total = (unsigned)conf->max_connections,
        .per_address = (unsigned)conf->max_connections_per_address,
        .per_member = (unsigned)conf->max_connections_per_member,
        .handshakes_percent = (unsigned)conf->max_handshakes_percent,
    };

    serve->places = pgc_places_new(&places_conf);
}

/* The first worker chooses the port where the setting says 0; the others share it. */
static bool
serve_new_workers(struct serve *serve, struct pgc_err *err)
{
    const struct pgc_conf *conf = serve->generation->conf;
    int port = (int)conf->listen_port;
    size_t i;

    for (i = 0; i < serve->worker_count; i++) {
        struct app_worker_conf worker_conf = {
            .generation = serve->generation,
            .port = serve->ports[i],
            .metrics = serve->metrics,
            .recent = serve->recent,
            .next_conn = &serve->next_conn,
            .listen_port = port,
            .joins = i > 0,
            .share = (unsigned)serve->worker_count,
            .places = serve->places,
            .main_loop = serve->loop,
            .ended = serve_worker_ended,
            .arg = serve,
        };

        serve->workers[i] = app_worker_new(&worker_conf, err);
        if (serve->workers[i] == NULL) {
            return false;
        }
        port = app_worker_port(serve->workers[i]);
    }
    return true;
}

static bool
serve_open_admin(struct serve *serve, struct pgc_err *err)
{
    const struct app_admin_conf admin_conf = {
        .settings = serve->generation->conf,
        .metrics = serve->metrics,
        .source = serve->source,
        .recent = serve->recent,
    };

    serve->admin = app_admin_open(serve->loop, &admin_conf, err);
    return serve->admin != NULL;
}

static bool
serve_build(struct serve *serve, struct pgc_err *err)
{
    const struct pgc_conf *conf = serve->generation->conf;
    size_t i;

    serve->loop = pgc_loop_new();
    serve->metrics = pgc_metrics_new();
    serve->recent = pgc_recent_new();
    pgc_metric_set(pgc_gauge(serve->metrics, "pgcable_build_info", "version=\"" PGC_VERSION "\"",
                       "Constant 1; the label is what runs."),
        1);
    serve_note_certificate(serve);
    serve->keys = app_keys_new(serve->loop, serve->metrics, serve_adopt, serve);
    app_keys_watch(serve->keys, serve->generation);
    serve->worker_count = conf->role == PGC_ROLE_FEED ? 0 : (size_t)conf->workers;
    serve->workers_left = serve->worker_count;
    serve->ports = pgc_xcalloc(serve->worker_count, sizeof(struct pgc_port *));
    serve->workers = pgc_xcalloc(serve->worker_count, sizeof(struct app_worker *));
    for (i = 0; i < serve->worker_count; i++) {
        serve->ports[i] = pgc_port_new();
    }
    serve_new_places(serve);
    if (!serve_new_workers(serve, err)) {
        return false;
    }
    serve_new_source(serve);
    if (conf->admin_port >= 0 && !serve_open_admin(serve, err)) {
        return false;
    }
    if (serve->worker_count > 0) {
        pgc_log(PGC_LOG_INFO, 0, "listening on %s:%d", conf->listen_address,
            app_worker_port(serve->workers[0]));
    }
    return true;
}

/* New threads take no signals: those are for the main loop. */
static bool
serve_start(struct serve *serve, struct pgc_err *err)
{
    sigset_t all;
    sigset_t before;
    bool ok;
    size_t i;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ok = app_source_start(serve->source, err);
    for (i = 0; ok && i < serve->worker_count; i++) {
        ok = app_worker_start(serve->workers[i], err);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

/* Workers first: what they still ask of the feed must find a living one. */
static void
serve_free(struct serve *serve)
{
    size_t i;

    app_admin_close(serve->admin);
    app_keys_free(serve->keys);
    for (i = 0; serve->workers != NULL && i < serve->worker_count; i++) {
        app_worker_free(serve->workers[i]);
    }
    app_source_free(serve->source);
    for (i = 0; serve->ports != NULL && i < serve->worker_count; i++) {
        pgc_port_free(serve->ports[i]);
    }
    pgc_places_free(serve->places);
    pgc_loop_free(serve->loop);
    pgc_metrics_free(serve->metrics);
    pgc_recent_free(serve->recent);
    free(serve->ports);
    free(serve->workers);
    app_generation_unref(serve->generation);
}

int
app_serve(const struct app_args *args, struct pgc_conf *conf)
{
    struct serve serve = {.args = args};
    struct pgc_err err = {0};
    int status = APP_OK;

    pgc_log_setup((enum pgc_log_level)conf->log_level, (enum pgc_log_format)conf->log_format);
    signal(SIGPIPE, SIG_IGN);
    serve.generation = app_generation_new(conf, &err);
    if (serve.generation == NULL) {
        return app_fail(&err, APP_USAGE);
    }
    if (!serve_build(&serve, &err)) {
        status = app_fail(&err, APP_FAILED);
        goto out;
    }
    pgc_loop_on_signal(serve.loop, SIGTERM, serve_stop, &serve);
    pgc_loop_on_signal(serve.loop, SIGINT, serve_stop, &serve);
    pgc_loop_on_signal(serve.loop, SIGHUP, serve_reload, &serve);
    if (!serve_start(&serve, &err)) {
        status = app_fail(&err, APP_FAILED);
        goto out;
    }
    app_manager_tell("READY=1");
    pgc_loop_run(serve.loop);
    pgc_log(PGC_LOG_INFO, 0, "ended");

out:
    serve_free(&serve);
    return status;
}
