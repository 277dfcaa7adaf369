/* SPDX-License-Identifier: PostgreSQL */
#include <sys/resource.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/mem.h"

#include "app.h"
#include "bench.h"

enum {
    OPTIONS_PER_S = 1000,     /* connections that are begun */
    OPTIONS_DESCRIPTORS = 64, /* for all that is no client */
};

static bool
options_number(
    const char *option, const char *text, uint64_t most, uint64_t *number, struct pgc_err *err)
{
    char *end = NULL;

    if (text == NULL) {
        return true;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || *number == 0 ||
        *number > most) {
        return pgc_err_set(
            err, PGC_ERR_USAGE, "%s \"%s\" is no number from 1 to %" PRIu64, option, text, most);
    }
    return true;
}

/* ID, or FIRST-LAST. */
static bool
options_members(struct app_bench_wish *wish, const char *text, struct pgc_err *err)
{
    char *dash = NULL;
    char *end = NULL;
    unsigned long first =
        text != NULL && *text >= '0' && *text <= '9' ? strtoul(text, &dash, 10) : 0;
    unsigned long last = first;

    if (dash != NULL && *dash == '-') {
        last = strtoul(dash + 1, &end, 10);
    } else {
        end = dash;
    }
    if (end == NULL || *end != '\0' || last < first || last > UINT32_MAX - 1) {
        if (text != NULL) {
            pgc_err_set(err, PGC_ERR_USAGE, "--member \"%s\" is no ID, nor FIRST-LAST", text);
        } else {
            pgc_err_set(err, PGC_ERR_USAGE, "bench needs --member ID, or FIRST-LAST");
        }
        return pgc_err_hint(err, "take members made for it: their own clients get the events, too");
    }
    wish->load.first_member = (unsigned)first;
    wish->load.members = (unsigned)(last - first + 1);
    return true;
}

/* ws://HOST[:PORT]/PATH or wss://…; [HOST] if it is an IPv6 address. */
static bool
options_url(struct app_bench_wish *wish, const char *url, struct pgc_err *err)
{
    const bool has_tls = strncmp(url, "wss://", 6) == 0;
    const bool ok = has_tls || strncmp(url, "ws://", 5) == 0;
    const char *host = ok ? url + (has_tls ? 6 : 5) : url;
    const char *slash = strchr(host, '/');
    const char *path = slash != NULL ? slash : host + strlen(host);
    const char *end = *host == '[' ? strchr(host, ']') : NULL;
    const char *after;
    uint64_t port = has_tls ? 443 : 80;
    char *number = NULL;

    if (end != NULL) {
        host++;
        after = end + 1;
    } else {
        after = end = host + strcspn(host, ":/");
    }
    if (ok && *after == ':') {
        port = strtoull(after + 1, &number, 10);
        after = number;
    }
    if (!ok || end == host || after != path || port == 0 || port > UINT16_MAX) {
        pgc_err_set(err, PGC_ERR_USAGE, "--url \"%s\" is no address of a cable", url);
        return pgc_err_hint(err, "ws://HOST:PORT/cable, or wss://HOST/cable");
    }
    wish->host = pgc_xstrndup(host, (size_t)(end - host));
    wish->path = pgc_xstrdup(*path != '\0' ? path : "/cable");
    wish->load.port = (unsigned)port;
    wish->load.has_tls = has_tls;
    return true;
}

/* Where the daemon listens that has these settings. */
static void
options_own(struct app_bench_wish *wish, const struct pgc_conf *conf)
{
    const bool is_any =
        strcmp(conf->listen_address, "0.0.0.0") == 0 || strcmp(conf->listen_address, "::") == 0;

    wish->host = pgc_xstrdup(is_any ? "127.0.0.1" : conf->listen_address);
    wish->path = pgc_xstrdup(conf->cable_path);
    wish->load.port = (unsigned)conf->listen_port;
    wish->load.has_tls = conf->tls_certificate[0] != '\0';
}

static bool
options_token(struct app_bench_wish *wish, const struct app_args *args, const struct pgc_conf *conf,
    struct pgc_err *err)
{
    wish->load.token = args->token;
    wish->load.claim = conf->token_member_claim;
    if (args->token == NULL && conf->hs256_secret[0] == '\0') {
        pgc_err_set(err, PGC_ERR_USAGE, "bench needs hs256_secret, or --token JWT");
        return pgc_err_hint(err, "with -c FILE the settings of the daemon are read");
    }
    if (args->token != NULL && wish->load.members != 1) {
        return pgc_err_set(
            err, PGC_ERR_USAGE, "--token is one member's, --member names %u", wish->load.members);
    }
    wish->load.secret = args->token == NULL ? conf->hs256_secret : NULL;
    return true;
}

/* As many descriptors as it takes, if they are allowed. */
static bool
options_descriptors(unsigned clients, struct pgc_err *err)
{
    const rlim_t wanted = clients + OPTIONS_DESCRIPTORS;
    struct rlimit limit = {0};

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) {
        return true;
    }
    limit.rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted;
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
        return true;
    }
    pgc_err_set(err, PGC_ERR_LIMIT, "%u clients need more descriptors than are allowed", clients);
    return pgc_err_hint(err, "raise the limit (ulimit -Hn), or take fewer clients");
}

bool
app_bench_read(struct app_bench_wish *wish, const struct app_args *args,
    const struct pgc_conf *conf, struct pgc_err *err)
{
    uint64_t clients = 100;

    wish->load = (struct pgc_load_conf){
        .channel = PGC_LOAD_NOTIFICATION,
        .rooms = 1,
        .subscriptions = 1,
        .per_s = OPTIONS_PER_S,
        .retry_ms = 500,
        .retry_most = 1500,
        .is_base = true,
        .ca_file = args->ca,
    };
    wish->rate = 100;
    wish->seconds = 10;
    if (!options_members(wish, args->member, err) || !options_token(wish, args, conf, err) ||
        !options_number("--clients", args->clients, 1000000, &clients, err) ||
        !options_number("--rate", args->rate, 1000000, &wish->rate, err) ||
        !options_number("--seconds", args->seconds, 86400, &wish->seconds, err) ||
        (args->url != NULL && !options_url(wish, args->url, err))) {
        return false;
    }
    if (args->url == NULL) {
        options_own(wish, conf);
    }
    wish->load.host = wish->host;
    wish->load.path = wish->path;
    wish->load.clients = (unsigned)clients;
    if (clients < wish->load.members) {
        return pgc_err_set(err, PGC_ERR_USAGE, "%u members need at least as many clients, not %u",
            wish->load.members, wish->load.clients);
    }
    return options_descriptors(wish->load.clients, err);
}

void
app_bench_forget(struct app_bench_wish *wish)
{
    free(wish->host);
    free(wish->path);
}
