/* SPDX-License-Identifier: PostgreSQL */
/*
 * verbs.c - every verb, once: parsing, --help, the shells' completion and the check of the manual
 * page all read this table, so a verb or an option that is not here does not exist.
 */
#include "app.h"

#define FLAG(field)  NULL, offsetof(struct app_args, field)
#define VALUE(field) offsetof(struct app_args, field)

static const struct app_option migrate_options[] = {
    {"--dry-run", FLAG(dry_run), "print the SQL that would be run, and run nothing"},
    {"--status", FLAG(status), "say what is installed, and what this program brings"},
    {"--to", "N", VALUE(to), "stop behind migration N"},
    {0},
};

static const struct app_option attach_options[] = {
    {"--detect", FLAG(detect), "propose what to attach as what, with reasons"},
    {"--yes", FLAG(yes), "with --detect: do what is sure, in one transaction"},
    {0},
};

static const struct app_option bench_options[] = {
    {"--ca", "FILE", VALUE(ca), "PEM file of who is believed, for wss; else the system's"},
    {"--clients", "N", VALUE(clients), "connections; 100 if not given"},
    {"--json", FLAG(json), "one JSON object, with the whole histogram"},
    {"--member", "ID", VALUE(member), "as whom they come; FIRST-LAST: each as the next one"},
    {"--rate", "N", VALUE(rate), "events a second, in turn for each member; 100 if not given"},
    {"--seconds", "N", VALUE(seconds), "for how long; 10 if not given"},
    {"--token", "JWT", VALUE(token), "the member's; minted with hs256_secret if not given"},
    {"--url", "URL", VALUE(url), "of the cable; the settings' own address if not given"},
    {0},
};

static const struct app_option tail_options[] = {
    {"--json", FLAG(json), "one JSON object a line"},
    {"--since", "WHEN", VALUE(since), "what is kept from then on first: 90s, 10m, 2h, or a tick"},
    {0},
};

static const struct app_option token_options[] = {
    {"--member", "ID", VALUE(member), "whose token it is"},
    {"--ttl", "SECONDS", VALUE(ttl), "how long it is good; 3600 if not given"},
    {0},
};

static const struct app_verb verbs[] = {
    {
        .name = "serve",
        .usage = "",
        .help = "run the daemon",
        .about = "Runs until SIGTERM or SIGINT; SIGHUP reads the settings again. The log is on\n"
                 "standard error, health and metrics on the admin address.",
        .example = "pgcable serve -c /etc/pgcable/pgcable.conf",
        .is_endless = true,
        .run = app_serve,
    },
    {
        .name = "migrate",
        .usage = "[--dry-run] [--to N] | --status",
        .help = "install or update the SQL side; safe to repeat",
        .about = "Runs the migrations that the database lacks, each in a transaction of its own,\n"
                 "as a role that may create roles and a schema.",
        .options = migrate_options,
        .example = "pgcable migrate --dry-run -d 'dbname=app' | less",
        .run = app_migrate,
    },
    {
        .name = "attach",
        .usage = "KIND TABLE [MAPPING] | --detect [--yes]",
        .help = "put the triggers on a table, or propose which",
        .about = "KIND is member, room, participant, message, thread, thread_participant or\n"
                 "notification. MAPPING is JSON: pgcable's name of a column to the table's.",
        .options = attach_options,
        .example = "pgcable attach member users '{\"name\": \"full_name\"}' -d 'dbname=app'",
        .max_words = 3,
        .run = app_attach,
    },
    {
        .name = "detach",
        .usage = "KIND",
        .help = "take the triggers of a kind away",
        .about = "The table stays as it is; what changes in it is not sent any more.",
        .example = "pgcable detach thread -d 'dbname=app'",
        .min_words = 1,
        .max_words = 1,
        .run = app_detach,
    },
    {
        .name = "doctor",
        .usage = "",
        .help = "say what is wrong in the database, and how to mend it",
        .about = "One line for each finding: ok, warn or FAIL. Fails if anything FAILed. With\n"
                 "-c FILE it also looks whether clients find TLS.",
        .example = "pgcable doctor -d 'dbname=app' | grep -v ^ok",
        .run = app_doctor,
    },
    {
        .name = "bench",
        .usage = "--member ID [--url URL] [--clients N] [--rate N] [--seconds N]",
        .help = "put load on an installation, and say how long events take",
        .about = "Clients listen to NotificationChannel; events \"pgcableBench\" are broadcast to\n"
                 "them by -d DSN. Take members made for it: all their clients get these events.",
        .options = bench_options,
        .example = "pgcable bench --member 42 --url wss://app.example.org/cable -c pgcable.conf",
        .run = app_bench,
    },
    {
        .name = "tail",
        .usage = "[STREAM] [--json] [--since WHEN]",
        .help = "show the events of a stream, or of all, as they are committed",
        .about = "Reads beside the daemons what they read, as pgcable_daemon or a superuser, and\n"
                 "shows what is sent to whoever listens, until Ctrl-C. No token is needed.",
        .options = tail_options,
        .example = "pgcable tail chat-room-7-channel --since 10m -c pgcable.conf",
        .max_words = 1,
        .is_endless = true,
        .run = app_tail,
    },
    {
        .name = "explain",
        .usage = "TABLE ID",
        .help = "say which events a row raised, when, and to which streams",
        .about = "Looks for the row's changes in what the outbox keeps (retention_s), as\n"
                 "pgcable_daemon or a superuser. TABLE is attached, ID its column \"id\".",
        .example = "pgcable explain chat_room_messages 981 -c pgcable.conf",
        .min_words = 2,
        .max_words = 2,
        .run = app_explain,
    },
    {
        .name = "pause",
        .usage = "",
        .help = "stop capturing: what changes until resume is not sent",
        .about = "At once, in all sessions, and without a lock on any table.",
        .example = "pgcable pause -d 'dbname=app'",
        .run = app_pause,
    },
    {
        .name = "resume",
        .usage = "",
        .help = "capture again, and have all clients reload",
        .about = "Who reloads sees all that was committed during the pause.",
        .example = "pgcable resume -d 'dbname=app'",
        .run = app_resume,
    },
    {
        .name = "token",
        .usage = "--member ID [--ttl SECONDS]",
        .help = "make a token for development (needs hs256_secret)",
        .about = "Prints a JSON Web Token, signed with the settings' own secret.",
        .options = token_options,
        .example = "pgcable token --member 42 -c pgcable.conf",
        .run = app_token,
    },
    {
        .name = "uninstall",
        .usage = "",
        .help = "take everything of pgcable out of the database; your data stays",
        .about = "Refuses, and changes nothing, where something of yours depends on it.",
        .example = "pgcable uninstall -d 'dbname=app'",
        .run = app_uninstall,
    },
};

const struct app_verb *
app_verb_at(size_t index)
{
    return index < sizeof(verbs) / sizeof(verbs[0]) ? &verbs[index] : NULL;
}
