/* SPDX-License-Identifier: PostgreSQL */
/*
 * app.h - what the program's own files share: arguments, verbs, and the parts of a running daemon.
 *
 * The only folder that knows all layers; nothing below knows it.
 */
#ifndef PGCABLE_APP_H
#define PGCABLE_APP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "pgcable/conf.h"
#include "pgcable/err.h"
#include "pgcable/feed.h"

/* ---- the command line ---- */

enum { APP_MAX_FLAGS = 64, APP_MAX_WORDS = 4 };

struct app_option;
struct app_progress;
struct app_verb;

struct app_args {
    const char *conf_file;
    struct pgc_conf_flag flags[APP_MAX_FLAGS]; /* settings: --name value */
    size_t flag_count;
    const char *words[APP_MAX_WORDS]; /* what follows the verb and is no option */
    size_t word_count;
    const struct app_option *used[APP_MAX_FLAGS]; /* the verbs' own options that were given */
    size_t used_count;
    bool help;
    bool help_settings;
    bool print_config;
    bool version;

    /* The verbs' own options, see verbs.c. */
    const char *ca;
    const char *clients;
    const char *member;
    const char *rate;
    const char *seconds;
    const char *since;
    const char *to;
    const char *token;
    const char *ttl;
    const char *url;
    bool detect;
    bool dry_run;
    bool json;
    bool status;
    bool yes;
};

/* Sorts argv[1..] into verb (NULL if none) and arguments; everything is borrowed from argv. */
bool app_args_parse(int argc, char *const *argv, const struct app_verb **verb,
    struct app_args *args, struct pgc_err *err) PGC_MUSTCHECK;

/* ---- verbs ---- */

enum { APP_OK = 0, APP_FAILED = 1, APP_USAGE = 2 }; /* exit statuses */

struct app_option {
    const char *name; /* "--since" */
    const char
        *value;   /* what the help calls its value; NULL = it takes none, its field is a bool */
    size_t field; /* offset in struct app_args */
    const char *help;
};

struct app_verb {
    const char *name;
    const char *usage;                /* after the name */
    const char *help;                 /* one line */
    const char *about;                /* two */
    const struct app_option *options; /* up to one without a name; NULL = none */
    const char *example;
    size_t min_words;
    size_t max_words;
    bool is_endless; /* it runs until it is told to end */
    int (*run)(const struct app_args *args, struct pgc_conf *conf); /* takes `conf` over */
};

const struct app_verb *app_verb_at(size_t index); /* NULL behind the last one */

/* help.c */
void app_help(FILE *out);
void app_help_verb(const struct app_verb *verb);

int app_serve(const struct app_args *args, struct pgc_conf *conf);
int app_migrate(const struct app_args *args, struct pgc_conf *conf);
int app_attach(const struct app_args *args, struct pgc_conf *conf);
int app_bench(const struct app_args *args, struct pgc_conf *conf);
int app_detach(const struct app_args *args, struct pgc_conf *conf);
int app_doctor(const struct app_args *args, struct pgc_conf *conf);
int app_tail(const struct app_args *args, struct pgc_conf *conf);
int app_explain(const struct app_args *args, struct pgc_conf *conf);
int app_pause(const struct app_args *args, struct pgc_conf *conf);
int app_resume(const struct app_args *args, struct pgc_conf *conf);
int app_token(const struct app_args *args, struct pgc_conf *conf);
int app_uninstall(const struct app_args *args, struct pgc_conf *conf);

/* Between the two a terminal is told for how long, from the second second on. */
struct app_progress *app_progress_begin(void);
void app_progress_end(struct app_progress *progress); /* NULL is fine */

/* Print "pgcable: <message>" and the hint to standard error, return `status`. */
int app_fail(const struct pgc_err *err, int status);

/* One line to standard output. */
void app_say(const char *line);

/*
 * Text with names of the application's to standard output, control characters as \xNN: a name could
 * hold a line break, which ends a comment, or speak to the terminal.
 */
void app_print_text(const char *text);

/* ---- the running daemon ---- */

struct pgc_auth;
struct pgc_http;
struct pgc_http_answer;
struct pgc_http_request;
struct pgc_loop;
struct pgc_metrics;
struct pgc_places;
struct pgc_port;
struct pgc_recent;
struct pgc_tls;

/*
 * One reading of the configuration: the settings, and the keys and the certificate they name.
 * Shared by the threads, never changed; the last one to let go frees it.
 */
struct app_generation {
    _Atomic unsigned refs;
    struct pgc_conf *conf;
    struct pgc_auth *auth;
    struct pgc_tls *tls;           /* NULL: clients speak plain text */
    uint64_t fingerprint;          /* of the files of both as they were read */
    struct app_generation *lender; /* whose settings these are; NULL: its own */
};

/* Takes `conf` over, also if it fails. */
struct app_generation *app_generation_new(struct pgc_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
/* The certificate that the settings name, in `tls`, or NULL if they name none; doctor asks, too. */
bool app_tls_read(
    const struct pgc_conf *conf, struct pgc_tls **tls, struct pgc_err *err) PGC_MUSTCHECK;
/* The same settings, keys and certificate read again and the keys of `before` inherited. */
struct app_generation *app_generation_renew(
    struct app_generation *before, struct pgc_err *err) PGC_MUSTCHECK;
/* Keys of `before` that are gone stay good for key_grace_s.  Before it is shared. */
void app_generation_inherit(struct app_generation *generation, const struct app_generation *before);
/* The fingerprint of the files as they are now. */
uint64_t app_generation_look(const struct app_generation *generation);
struct app_generation *app_generation_ref(struct app_generation *generation);
void app_generation_unref(struct app_generation *generation); /* NULL is fine */

/* Looks at the files of keys and certificate every second; one that changed, and all are read. */
struct app_keys;

/* `adopt` takes over what was read; in the main loop, all of it. */
struct app_keys *app_keys_new(struct pgc_loop *loop, struct pgc_metrics *metrics,
    void (*adopt)(struct app_generation *generation, void *arg), void *arg);
void app_keys_watch(struct app_keys *keys, struct app_generation *generation); /* borrowed */
void app_keys_free(struct app_keys *keys);                                     /* NULL is fine */

/* Where the workers' batches come from, by role; what is behind it has a thread of its own. */
struct app_source;

struct app_source_conf {
    const struct pgc_conf *settings;
    struct pgc_port *const *ports; /* borrowed, must outlive it */
    size_t port_count;
    struct pgc_metrics *metrics;
    struct pgc_recent *recent;
};

/* Ready means: what is committed now will be delivered; or, standing by, published by another. */
struct app_status {
    struct pgc_feed_status feed;
    bool reads;     /* the database, here; else there is nothing to tell of an outbox */
    char note[256]; /* what it does instead of handing on ticks, while it is ready; "" = it does */
};

struct app_source *app_source_new(const struct app_source_conf *conf);
bool app_source_start(struct app_source *source, struct pgc_err *err) PGC_MUSTCHECK;
void app_source_status(struct app_source *source, struct app_status *status); /* any thread */
void app_source_free(struct app_source *source); /* ends the thread first; NULL is fine */

/* A worker: one thread with its loop, hub, cable and websocket server. */
struct app_worker;

struct app_worker_conf {
    struct app_generation *generation;
    struct pgc_port *port;
    struct pgc_metrics *metrics;
    struct pgc_recent *recent;
    _Atomic uint64_t *next_conn;
    int listen_port; /* the first worker's choice where the setting says 0 */
    bool joins;      /* the first worker listens there already */
    unsigned share;  /* what is for all workers together is divided by this */
    struct pgc_places *places;
    struct pgc_loop *main_loop;
    void (*ended)(void *arg); /* in the main loop: all its clients are gone */
    void *arg;
};

/* Listens at once; nothing runs until start.  Main thread, all of them. */
struct app_worker *app_worker_new(
    const struct app_worker_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
int app_worker_port(const struct app_worker *worker);
bool app_worker_start(struct app_worker *worker, struct pgc_err *err) PGC_MUSTCHECK;
void app_worker_reload(struct app_worker *worker, struct app_generation *generation);
void app_worker_drain(struct app_worker *worker, int64_t deadline_ms); /* then ended() */
void app_worker_free(struct app_worker *worker); /* ends the thread first; NULL is fine */

/* Tell the service manager, if there is one: "READY=1", "STOPPING=1" (sd_notify(3)). */
void app_manager_tell(const char *state);

/* The admin address: health, readiness, metrics, the page and the files of page_dir. */
struct app_admin;

/* What it tells of; all borrowed. */
struct app_admin_conf {
    const struct pgc_conf *settings;
    struct pgc_metrics *metrics;
    struct app_source *source;
    struct pgc_recent *recent;
};

struct app_admin *app_admin_open(
    struct pgc_loop *loop, const struct app_admin_conf *conf, struct pgc_err *err) PGC_MUSTCHECK;
void app_admin_close(struct app_admin *admin); /* NULL is fine */

/*
 * Who may look: with a token, who says it; without one, this machine.  What is refused is answered,
 * counted and logged.
 */
struct app_gate;
struct app_gate *app_gate_new(const char *token, bool is_local, struct pgc_metrics *metrics,
    struct pgc_err *err) PGC_MUSTCHECK; /* "" = no token */
bool app_gate_may_look(
    struct app_gate *gate, const struct pgc_http_request *request, struct pgc_http_answer *answer);
/* The page itself holds no secret: it asks for the token, and then for the numbers. */
bool app_gate_may_have_page(
    struct app_gate *gate, const struct pgc_http_request *request, struct pgc_http_answer *answer);
void app_gate_free(struct app_gate *gate); /* NULL is fine */

/* The files of the page, made by page/embed.cmake; the last one has no path. */
struct app_page_file {
    const char *path;
    const char *content_type;
    const unsigned char *bytes;
    size_t length;
};
extern const struct app_page_file app_page_files[];

/* What the kernel says of this process, as metrics; as of the last look. */
struct app_process;
struct app_process *app_process_new(struct pgc_metrics *metrics);
void app_process_look(struct app_process *process);
void app_process_free(struct app_process *process); /* NULL is fine */

/* What the page asks for each second. */
struct app_stats;
struct app_stats *app_stats_new(struct pgc_loop *loop, struct pgc_metrics *metrics,
    struct app_source *source, struct pgc_recent *recent);
void app_stats_write(
    struct app_stats *stats, const struct pgc_http_request *request, struct pgc_buf *out);
void app_stats_free(struct app_stats *stats); /* NULL is fine */

/* The last minutes of some of the numbers, a sample a second. */
struct app_trend;
struct app_trend *app_trend_new(
    struct pgc_loop *loop, struct pgc_metrics *metrics, struct app_source *source);
/* From that sample on, as far as they are kept. */
void app_trend_write(const struct app_trend *trend, uint64_t from, struct pgc_buf *out);
void app_trend_free(struct app_trend *trend); /* NULL is fine */

#endif
