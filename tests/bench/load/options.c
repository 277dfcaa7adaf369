/* SPDX-License-Identifier: PostgreSQL */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option known[] = {
    {"address", required_argument, NULL, 'a'},
    {"arrivals", required_argument, NULL, 'A'},
    {"base", no_argument, NULL, 'b'},
    {"ca", required_argument, NULL, 'C'},
    {"channel", required_argument, NULL, 'h'},
    {"churn", required_argument, NULL, 'u'},
    {"claim", required_argument, NULL, 'c'},
    {"clients", required_argument, NULL, 'n'},
    {"first-member", required_argument, NULL, 'M'},
    {"hello", required_argument, NULL, 'H'},
    {"nap", required_argument, NULL, 'N'},
    {"members", required_argument, NULL, 'm'},
    {"path", required_argument, NULL, 'P'},
    {"per-second", required_argument, NULL, 's'},
    {"plain", no_argument, NULL, 'x'},
    {"port", required_argument, NULL, 'p'},
    {"retry", required_argument, NULL, 'r'},
    {"rooms", required_argument, NULL, 'R'},
    {"secret", required_argument, NULL, 'S'},
    {"sources", required_argument, NULL, 'f'},
    {"subscriptions", required_argument, NULL, 'k'},
    {0},
};

static const char usage[] =
    "usage: pgcable-load --port PORT --secret SECRET [option …]\n"
    "  --address 127.0.0.1   where the daemon listens\n"
    "  --path /cable\n"
    "  --clients 1000\n"
    "  --members 1000        client i is member 1 + i % members …\n"
    "  --first-member 1      … or this + i % members\n"
    "  --rooms 100           … and listens to room 1 + i % rooms\n"
    "  --subscriptions 1     … or to so many of them\n"
    "  --channel room        or chats or notification, which are the member's own\n"
    "  --churn 0             so many subscriptions a second are ended and made anew\n"
    "  --ca FILE             speak TLS, and believe these\n"
    "  --claim community_member_id\n"
    "  --sources 8           they come from 127.0.0.2 and the next ones, so many; 0 = from "
    "anywhere\n"
    "  --per-second 1000     so many come at the start; 0 = all at once\n"
    "  --retry 100:1000      who is cut off comes back after so many ms, at random\n"
    "  --nap 0               ms of sleep whenever all has been read, so that the server is not\n"
    "                        interrupted for each message\n"
    "  --base                actioncable-v1-json, and thus without resume\n"
    "  --plain               no cable: what comes after the handshake is messages\n"
    "  --hello TEXT          what such clients say first\n"
    "  --arrivals FILE       a line for each message that comes live: microseconds since 1970, "
    "and\n"
    "                        what stands behind the writer's\n";

/* A number of that option, or 0 and `*ok` false. */
static unsigned
options_number(const char *text, bool *ok)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || value > 10000000) {
        (void)fprintf(stderr, "pgcable-load: \"%s\" is no number that makes sense here\n", text);
        *ok = false;
        return 0;
    }
    return (unsigned)value;
}

/* MIN:MAX */
static bool
options_range(struct pgc_load_conf *conf, const char *text)
{
    char *colon = NULL;
    char *end = NULL;

    conf->retry_ms = strtol(text, &colon, 10);
    conf->retry_most = *colon == ':' ? strtol(colon + 1, &end, 10) : -1;
    if (conf->retry_ms < 0 || conf->retry_most < conf->retry_ms || *end != '\0') {
        (void)fprintf(stderr, "pgcable-load: --retry \"%s\": want MIN:MAX\n", text);
        return false;
    }
    return true;
}

static bool
options_channel(struct pgc_load_conf *conf, const char *text)
{
    static const char *const names[] = {
        [PGC_LOAD_ROOM] = "room",
        [PGC_LOAD_CHATS] = "chats",
        [PGC_LOAD_NOTIFICATION] = "notification",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            conf->channel = (enum pgc_load_channel)i;
            return true;
        }
    }
    (void)fprintf(
        stderr, "pgcable-load: --channel \"%s\": want room, chats or notification\n", text);
    return false;
}

/* Where that option's text goes; NULL if it has none. */
static const char **
options_text(struct options *options, int option)
{
    struct pgc_load_conf *conf = &options->load;

    switch (option) {
    case 'a':
        return &conf->host;
    case 'A':
        return &options->arrivals;
    case 'c':
        return &conf->claim;
    case 'C':
        return &conf->ca_file;
    case 'H':
        return &conf->hello;
    case 'P':
        return &conf->path;
    case 'S':
        return &conf->secret;
    default:
        return NULL;
    }
}

/* Where its number goes. */
static unsigned *
options_place(struct pgc_load_conf *conf, int option)
{
    switch (option) {
    case 'f':
        return &conf->sources;
    case 'k':
        return &conf->subscriptions;
    case 'm':
        return &conf->members;
    case 'M':
        return &conf->first_member;
    case 'n':
        return &conf->clients;
    case 'N':
        return &conf->nap_ms;
    case 'p':
        return &conf->port;
    case 'R':
        return &conf->rooms;
    case 's':
        return &conf->per_s;
    case 'u':
        return &conf->churn_per_s;
    default:
        return NULL;
    }
}

static bool
options_take(struct options *options, int option)
{
    struct pgc_load_conf *conf = &options->load;
    const char **text = options_text(options, option);
    unsigned *number = options_place(conf, option);
    bool ok = true;

    if (option == 'b') {
        conf->is_base = true;
    } else if (option == 'x') {
        conf->is_plain = true;
    } else if (option == 'r') {
        return options_range(conf, optarg);
    } else if (option == 'h') {
        return options_channel(conf, optarg);
    } else if (text != NULL) {
        *text = optarg;
    } else if (number != NULL) {
        *number = options_number(optarg, &ok);
    } else {
        return false;
    }
    return ok;
}

bool
options_read(struct options *options, int argc, char **argv)
{
    struct pgc_load_conf *conf = &options->load;
    int option;

    options->arrivals = NULL;
    *conf = (struct pgc_load_conf){
        .host = "127.0.0.1",
        .path = "/cable",
        .claim = "community_member_id",
        .clients = 1000,
        .first_member = 1,
        .members = 1000,
        .rooms = 100,
        .subscriptions = 1,
        .first_source = 2,
        .sources = 8,
        .per_s = 1000,
        .retry_ms = 100,
        .retry_most = 1000,
    };
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!options_take(options, option)) {
            (void)fputs(usage, stderr);
            return false;
        }
    }
    if (conf->port == 0 || conf->secret == NULL || strlen(conf->secret) < 32 ||
        conf->clients == 0 || conf->members == 0 || conf->rooms == 0 || conf->subscriptions == 0 ||
        optind < argc) {
        (void)fputs(usage, stderr);
        return false;
    }
    conf->has_tls = conf->ca_file != NULL;
    return true;
}
