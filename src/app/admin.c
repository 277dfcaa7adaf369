/* SPDX-License-Identifier: PostgreSQL */
/*
 * The admin address.  Health and readiness are for everybody who reaches it; numbers, names of
 * streams and the page that shows them for who has the token, or, without one, for this machine.
 * The files of page_dir are read once, at start, and served by exact name: there is no path to
 * traverse.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "pgcable/http.h"
#include "pgcable/log.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"
#include "pgcable/recent.h"
#include "pgcable/table.h"

#include "app.h"

enum { ADMIN_MAX_FILE_BYTES = 4 << 20, ADMIN_BAD_REQUEST = 400 };

/* Of the page: it loads what is ours and shows nothing that it was not given. */
static const char admin_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                                   "connect-src 'self'; img-src 'self'; base-uri 'none'; "
                                   "form-action 'none'; frame-ancestors 'none'";

struct admin_file {
    const char *content_type;
    struct pgc_buf content;
};

struct app_admin {
    struct pgc_http *http;
    struct pgc_metrics *metrics;
    struct app_source *source;
    struct pgc_recent *recent;
    struct pgc_table *files; /* name -> struct admin_file */
    struct app_stats *stats;
    struct app_process *process;
    struct app_gate *gate;
};

static const char *
admin_content_type(const char *name)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json"},
    };
    const char *ending = strrchr(name, '.');
    size_t i;

    for (i = 0; ending != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(ending, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static bool
admin_read_file(struct app_admin *admin, const char *path, const char *name, struct pgc_err *err)
{
    struct admin_file *file = pgc_xcalloc(1, sizeof(*file));
    FILE *in = fopen(path, "rb");
    char chunk[8192];
    size_t got;

    if (in == NULL) {
        free(file);
        return pgc_err_set(err, PGC_ERR_CONF, "read \"%s\" of page_dir: %s", path, strerror(errno));
    }
    while ((got = fread(chunk, 1, sizeof(chunk), in)) > 0) {
        pgc_buf_add(&file->content, chunk, got);
        if (file->content.length > ADMIN_MAX_FILE_BYTES) {
            break;
        }
    }
    fclose(in);
    if (file->content.length > ADMIN_MAX_FILE_BYTES) {
        pgc_buf_fini(&file->content);
        free(file);
        return pgc_err_set(err, PGC_ERR_CONF, "\"%s\" of page_dir is larger than %d bytes", path,
            ADMIN_MAX_FILE_BYTES);
    }
    file->content_type = admin_content_type(name);
    pgc_table_put(admin->files, name, strlen(name), file);
    return true;
}

static bool
admin_read_dir(struct app_admin *admin, const char *dir, struct pgc_err *err)
{
    DIR *handle = opendir(dir);
    struct dirent *entry;
    bool ok = true;

    if (handle == NULL) {
        pgc_err_set(err, PGC_ERR_CONF, "open page_dir \"%s\": %s", dir, strerror(errno));
        return pgc_err_hint(err, "name a folder with the files to serve, or leave page_dir empty");
    }
    while (ok && (entry = readdir(handle)) != NULL) {
        char *path = pgc_xasprintf("%s/%s", dir, entry->d_name);
        struct stat info;

        if (entry->d_name[0] != '.' && stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            ok = admin_read_file(admin, path, entry->d_name, err);
        }
        free(path);
    }
    closedir(handle);
    return ok;
}

static void
admin_ready(struct app_admin *admin, struct pgc_http_answer *answer)
{
    struct app_status status;
    const struct pgc_feed_status *feed = &status.feed;

    app_source_status(admin->source, &status);
    if (!feed->ready) {
        answer->status = 503;
        pgc_buf_addf(&answer->body, "not ready: %s\n", feed->why);
        return;
    }
    answer->status = 200;
    if (status.note[0] != '\0') {
        pgc_buf_addf(&answer->body, "ready, %s\n", status.note);
    } else {
        pgc_buf_addf(&answer->body, "ready, tick %lld\n", (long long)feed->tick);
    }
    if (status.reads) {
        pgc_buf_addf(&answer->body, "outbox: %lld bytes, oldest row %lld s, %lld ticks\n",
            (long long)feed->outbox_bytes, (long long)feed->outbox_age_s,
            (long long)feed->outbox_ticks);
    }
    if (feed->pause[0] != '\0') {
        pgc_buf_addf(&answer->body, "%s: changes are dropped\n", feed->pause);
    }
}

/* ---- answers ---- */

static bool
admin_page(
    struct app_admin *admin, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    const char *path = strcmp(request->path, "/") == 0 ? "/admin" : request->path;

    for (const struct app_page_file *file = app_page_files; file->path != NULL; file++) {
        if (strcmp(path, file->path) == 0) {
            answer->policy = admin_policy;
            if (app_gate_may_have_page(admin->gate, request, answer)) {
                answer->content_type = file->content_type;
                pgc_buf_add(&answer->body, file->bytes, file->length);
            }
            return true;
        }
    }
    return false;
}

static bool
admin_file(const struct app_admin *admin, const char *path, struct pgc_http_answer *answer)
{
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + 1;
    const struct admin_file *file = pgc_table_get(admin->files, name, strlen(name));

    if (file == NULL) {
        return false;
    }
    answer->content_type = file->content_type;
    pgc_buf_add(&answer->body, file->content.data, file->content.length);
    return true;
}

static void
admin_metrics(
    struct app_admin *admin, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    if (app_gate_may_look(admin->gate, request, answer)) {
        answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
        app_process_look(admin->process);
        pgc_metrics_write(admin->metrics, &answer->body);
    }
}

static void
admin_stats(
    struct app_admin *admin, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    if (app_gate_may_look(admin->gate, request, answer)) {
        answer->content_type = "application/json";
        app_stats_write(admin->stats, request, &answer->body);
    }
}

/* To how many clients what a row raised was handed: pgcable explain asks. */
static void
admin_delivered(
    struct app_admin *admin, const struct pgc_http_request *request, struct pgc_http_answer *answer)
{
    uint64_t xid;
    uint64_t id;

    if (!app_gate_may_look(admin->gate, request, answer)) {
        return;
    }
    if (!pgc_http_number(request, "xid", &xid) || !pgc_http_number(request, "id", &id)) {
        answer->status = ADMIN_BAD_REQUEST;
        pgc_buf_adds(&answer->body, "ask as /delivered?xid=XID&id=ID, with the two numbers of a "
                                    "trace: \"pgcable explain TABLE ID\" says them\n");
        return;
    }
    answer->content_type = "application/json";
    pgc_recent_write_row(
        admin->recent, &(struct pgc_trace){.xid = xid, .id = (int64_t)id}, &answer->body);
}

static bool
admin_answer(const struct pgc_http_request *request, struct pgc_http_answer *answer, void *arg)
{
    struct app_admin *admin = arg;
    const char *path = request->path;

    if (strcmp(path, "/health") == 0) {
        pgc_buf_adds(&answer->body, "ok\n");
    } else if (strcmp(path, "/ready") == 0) {
        admin_ready(admin, answer);
    } else if (strcmp(path, "/metrics") == 0) {
        admin_metrics(admin, request, answer);
    } else if (strcmp(path, "/stats.json") == 0) {
        admin_stats(admin, request, answer);
    } else if (strcmp(path, "/delivered") == 0) {
        admin_delivered(admin, request, answer);
    } else {
        return admin_file(admin, path, answer) || admin_page(admin, request, answer);
    }
    return true;
}

/* ---- life ---- */

struct app_admin *
app_admin_open(struct pgc_loop *loop, const struct app_admin_conf *conf, struct pgc_err *err)
{
    const struct pgc_conf *settings = conf->settings;
    struct app_admin *admin = pgc_xcalloc(1, sizeof(*admin));

    admin->metrics = conf->metrics;
    admin->source = conf->source;
    admin->recent = conf->recent;
    admin->files = pgc_table_new();
    admin->stats = app_stats_new(loop, conf->metrics, conf->source, conf->recent);
    admin->process = app_process_new(conf->metrics);
    if (settings->page_dir[0] != '\0' && !admin_read_dir(admin, settings->page_dir, err)) {
        goto fail;
    }
    admin->http = pgc_http_open(
        loop, settings->admin_address, (int)settings->admin_port, admin_answer, admin, err);
    if (admin->http == NULL) {
        pgc_err_wrap(err, "open the admin address");
        goto fail;
    }
    pgc_log(PGC_LOG_INFO, 0, "admin on %s:%d", settings->admin_address, pgc_http_port(admin->http));
    admin->gate =
        app_gate_new(settings->admin_token, pgc_http_is_local(admin->http), admin->metrics, err);
    if (admin->gate == NULL) {
        goto fail;
    }
    return admin;

fail:
    app_admin_close(admin);
    return NULL;
}

static void
admin_free_file(void *value)
{
    struct admin_file *file = value;

    pgc_buf_fini(&file->content);
    free(file);
}

void
app_admin_close(struct app_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    pgc_http_close(admin->http);
    app_gate_free(admin->gate);
    app_stats_free(admin->stats);
    app_process_free(admin->process);
    pgc_table_free(admin->files, admin_free_file);
    free(admin);
}
