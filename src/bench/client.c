/* SPDX-License-Identifier: PostgreSQL */
/*
 * client.c - one client: it comes, subscribes, listens, and comes back when it is cut off.
 *
 *   away ──▶ coming ──welcome──▶ asking ──confirm──▶ catching up ──confirm_history──▶ listening
 *    ▲                                       └────── nothing to catch up ──────────────▲ │
 *    └──────────────────────────── the connection ends ──────────────────────────────────┘
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/auth.h"
#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

#include "load_internal.h"

enum client_state {
    CLIENT_AWAY,
    CLIENT_COMING,
    CLIENT_ASKING,
    CLIENT_CATCHING_UP,
    CLIENT_LISTENING,
};

enum { CLIENT_TOKEN_S = 86400, CLIENT_TAIL = 256 };

#define CLIENT_MARK "\"load "

struct client {
    struct pgc_load *load;
    struct wire wire;
    struct pgc_timer *retry;
    enum client_state state;
    unsigned number;
    int64_t away_us;    /* when its connection ended, or it came first; 0: it has not */
    int64_t listened_s; /* when it began to listen for the first time; 0: it has not */
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;     /* of its last message; 0: it has had none */
    uint64_t last;      /* number of that */
    unsigned confirmed; /* subscriptions of this connection */
    unsigned churned;   /* subscriptions that were ended and asked for anew */
    int64_t *asked_us;  /* by subscription, when that was; 0: it is not waited for */
    bool is_done;
};

static unsigned
client_member(const struct client *client)
{
    const struct pgc_load_conf *conf = &client->load->conf;

    return conf->first_member + client->number % conf->members;
}

static unsigned
client_room(const struct client *client, unsigned subscription)
{
    const struct pgc_load_conf *conf = &client->load->conf;

    return 1 + (client->number * conf->subscriptions + subscription) % conf->rooms;
}

/* Are the messages that it gets of one stream, and so numbered? */
static bool
client_has_one_stream(const struct client *client)
{
    const struct pgc_load_conf *conf = &client->load->conf;

    return conf->subscriptions == 1 && conf->channel != PGC_LOAD_CHATS;
}

void
client_connect(struct pgc_load *load, unsigned number)
{
    struct client *client = &load->clients[number];
    const struct pgc_load_conf *conf = &load->conf;
    char member[16];
    char *minted = NULL;

    if (conf->secret != NULL) {
        (void)snprintf(member, sizeof(member), "%u", client_member(client));
        minted = pgc_auth_mint(
            conf->secret, conf->claim, member, pgc_wall_s(), CLIENT_TOKEN_S, &(struct pgc_err){0});
    }
    load->seen.attempts++;
    client->away_us = client->away_us != 0 ? client->away_us : pgc_wall_us();
    client->state = CLIENT_COMING;
    client->confirmed = 0;
    if (client->asked_us != NULL) {
        memset(client->asked_us, 0, conf->subscriptions * sizeof(*client->asked_us));
    }
    wire_open(&client->wire, number, minted != NULL ? minted : conf->token);
    free(minted);
}

static void
client_retry(void *arg)
{
    struct client *client = arg;

    client_connect(client->load, client->number);
}

static void
client_leave(struct client *client)
{
    const struct pgc_load_conf *conf = &client->load->conf;
    uint32_t random;

    if (client->state == CLIENT_LISTENING) {
        client->away_us = pgc_wall_us();
        load_away(client->load);
    }
    client->state = CLIENT_AWAY;
    pgc_random(&random, sizeof(random));
    pgc_timer_set(client->retry, conf->retry_ms + random % (conf->retry_most - conf->retry_ms + 1));
}

static void
client_ended(void *owner, enum wire_end why)
{
    struct client *client = owner;
    struct pgc_load_seen *seen = &client->load->seen;

    switch (why) {
    case WIRE_UNREACHABLE:
        seen->unreachable++;
        break;
    case WIRE_REFUSED:
        seen->refused++;
        break;
    case WIRE_BROKEN:
        seen->broken++;
        break;
    }
    client_leave(client);
}

static void
client_listen(struct client *client)
{
    if (client->listened_s == 0) {
        client->listened_s = pgc_wall_s();
    }
    client->state = CLIENT_LISTENING;
    load_back(client->load, client->away_us);
}

/* ---- subscribing ---- */

/* As text in a command, and so with its quotes escaped. */
static void
client_write_identifier(const struct client *client, unsigned subscription, struct pgc_buf *out)
{
    switch (client->load->conf.channel) {
    case PGC_LOAD_ROOM:
        pgc_buf_addf(out, "{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"chat_room_id\\\":%u}",
            client_room(client, subscription));
        break;
    case PGC_LOAD_CHATS:
        pgc_buf_adds(out, "{\\\"channel\\\":\\\"ChatRoomChannel\\\"}");
        break;
    case PGC_LOAD_NOTIFICATION:
        pgc_buf_adds(out, "{\\\"channel\\\":\\\"NotificationChannel\\\"}");
        break;
    }
}

static void
client_write_stream(const struct client *client, struct pgc_buf *out)
{
    switch (client->load->conf.channel) {
    case PGC_LOAD_ROOM:
        pgc_buf_addf(out, "chat-room-%u-channel", client_room(client, 0));
        break;
    case PGC_LOAD_CHATS:
        pgc_buf_addf(out, "chat-room-channel-%u", client_member(client));
        break;
    case PGC_LOAD_NOTIFICATION:
        pgc_buf_addf(out, "notification-channel-%u", client_member(client));
        break;
    }
}

/* Can it say where it stopped? */
static bool
client_has_past(const struct client *client)
{
    const struct pgc_load_conf *conf = &client->load->conf;

    return !conf->is_base && conf->subscriptions == 1 && client->listened_s != 0;
}

/* Where it stopped, or when it first listened; nothing if it never has. */
static void
client_write_history(const struct client *client, struct pgc_buf *out)
{
    if (!client_has_past(client)) {
        return;
    }
    if (client->offset == 0) {
        pgc_buf_addf(out, ",\"history\":{\"since\":%" PRId64 "}", client->listened_s);
        return;
    }
    pgc_buf_adds(out, ",\"history\":{\"streams\":{\"");
    client_write_stream(client, out);
    pgc_buf_addf(
        out, "\":{\"epoch\":\"%s\",\"offset\":%" PRId64 "}}}", client->epoch, client->offset);
}

static void
client_command(struct client *client, const char *command, unsigned subscription, bool has_history)
{
    struct pgc_buf text = {0};

    pgc_buf_addf(&text, "{\"command\":\"%s\",\"identifier\":\"", command);
    client_write_identifier(client, subscription, &text);
    pgc_buf_addc(&text, '"');
    if (has_history) {
        client_write_history(client, &text);
    }
    pgc_buf_addc(&text, '}');
    wire_say(&client->wire, text.data, text.length);
    pgc_buf_fini(&text);
}

static void
client_subscribe(struct client *client)
{
    const unsigned count = client->load->conf.subscriptions;

    client->state = CLIENT_ASKING;
    for (unsigned i = 0; i < count && client->wire.fd >= 0; i++) {
        client_command(client, "subscribe", i, true);
    }
}

bool
client_churn(struct pgc_load *load, unsigned number)
{
    struct client *client = &load->clients[number];
    const unsigned subscription = client->churned % load->conf.subscriptions;

    if (client->state != CLIENT_LISTENING || client->asked_us[subscription] != 0) {
        return false;
    }
    client->churned++;
    client->asked_us[subscription] = pgc_wall_us();
    client_command(client, "unsubscribe", subscription, false);
    if (client->wire.fd >= 0) {
        client_command(client, "subscribe", subscription, false);
    }
    return true;
}

/* ---- messages ---- */

/* The text behind the first `mark` in `text`; NULL if there is none. */
static const char *
client_find(const char *text, size_t length, const char *mark)
{
    const char *found = memmem(text, length, mark, strlen(mark));

    return found != NULL ? found + strlen(mark) : NULL;
}

static void
client_note_place(struct client *client, const char *text, size_t length)
{
    const size_t tail = length < CLIENT_TAIL ? length : CLIENT_TAIL;
    const char *epoch = client_find(text + length - tail, tail, ",\"epoch\":\"");
    const char *end = epoch != NULL ? memchr(epoch, '"', (size_t)(text + length - epoch)) : NULL;

    if (end != NULL && end - epoch < PGC_EPOCH_BYTES) {
        memcpy(client->epoch, epoch, (size_t)(end - epoch));
        client->epoch[end - epoch] = '\0';
        client->offset = strtoll(end + sizeof("\",\"offset\":") - 1, NULL, 10);
    }
}

static void
client_count(struct client *client, uint64_t number)
{
    struct pgc_load_seen *seen = &client->load->seen;

    if (client->last != 0 && number <= client->last) {
        seen->doubled++;
        return;
    }
    if (client->last != 0) {
        seen->lost += number - client->last - 1;
    }
    client->last = number;
}

/* What stands behind the mark; to where it was read. */
static const char *
client_take_mark(struct client *client, const char *mark, size_t length)
{
    struct pgc_load_seen *seen = &client->load->seen;
    char *rest = NULL;
    const uint64_t number = strtoull(mark, &rest, 10);
    const int64_t sent_us = strtoll(rest, &rest, 10);

    seen->messages++;
    if (client_has_one_stream(client)) {
        client_count(client, number);
    }
    if (client->state != CLIENT_LISTENING) {
        seen->replayed++;
    } else {
        load_live(client->load, sent_us, rest);
    }
    if (strncmp(rest, " round", 6) == 0) {
        load_round(client->load, sent_us, length);
        rest += 6;
    }
    if (!client->is_done && strncmp(rest, " end", 4) == 0) {
        client->is_done = true;
        load_done(client->load);
    }
    return rest;
}

/* One message, or of some peers several in a row. */
static void
client_take_messages(struct client *client, const char *text, size_t length)
{
    const char *end = text + length;
    const char *mark = client_find(text, length, CLIENT_MARK);

    load_tire(client->load);
    client_note_place(client, text, length);
    while (mark != NULL) {
        mark = client_take_mark(client, mark, length);
        mark = client->load->conf.is_plain ? client_find(mark, (size_t)(end - mark), CLIENT_MARK)
                                           : NULL;
    }
}

/* ---- the protocol ---- */

static bool
client_is(const char *text, size_t length, const char *type)
{
    const size_t wanted = strlen(type);

    return length >= wanted && strncmp(text + length - wanted, type, wanted) == 0;
}

/* Which of them an answer is for. */
static unsigned
client_subscription(const struct client *client, const char *text, size_t length)
{
    const struct pgc_load_conf *conf = &client->load->conf;
    const char *room = client_find(text, length, "chat_room_id\\\":");

    if (room == NULL) {
        return 0;
    }
    return ((unsigned)strtoul(room, NULL, 10) + conf->rooms - client_room(client, 0)) %
           conf->rooms % conf->subscriptions;
}

static void
client_confirmed(struct client *client, const char *text, size_t length)
{
    struct pgc_load *load = client->load;

    if (client->state == CLIENT_LISTENING && client->asked_us != NULL) {
        int64_t *asked_us = &client->asked_us[client_subscription(client, text, length)];

        if (*asked_us != 0) {
            pgc_histogram_add(&load->seen.churn, pgc_wall_us() - *asked_us);
        }
        *asked_us = 0;
    } else if (++client->confirmed == load->conf.subscriptions) {
        client->state = CLIENT_CATCHING_UP;
        if (!client_has_past(client)) {
            client_listen(client);
        }
    }
}

static void
client_take_answer(struct client *client, const char *text, size_t length)
{
    if (client_is(text, length, "\"confirm_subscription\"}")) {
        client_confirmed(client, text, length);
    } else if (client_is(text, length, "\"confirm_history\"}")) {
        client_listen(client);
    } else if (client_is(text, length, "\"reject_history\"}")) {
        client->load->seen.resets++;
        client->last = 0; /* it loads anew */
        client_listen(client);
    } else if (client_is(text, length, "\"reject_subscription\"}")) {
        client->load->seen.rejected++;
    }
}

static void
client_opened(void *owner)
{
    struct client *client = owner;
    const struct pgc_load_conf *conf = &client->load->conf;

    if (conf->is_plain && conf->hello != NULL) {
        wire_say(&client->wire, conf->hello, strlen(conf->hello));
    }
    if (conf->is_plain) {
        client_listen(client);
    }
}

static void
client_text(void *owner, const char *text, size_t length)
{
    static const char typed[] = "{\"type\":\"";
    struct client *client = owner;
    const char *type = text + sizeof(typed) - 1;

    if (client->load->conf.is_plain) {
        client_take_messages(client, text, length);
    } else if (length < sizeof(typed) || strncmp(text, typed, sizeof(typed) - 1) != 0) {
        if (client_find(text, length < CLIENT_TAIL ? length : CLIENT_TAIL, ",\"message\":")) {
            client_take_messages(client, text, length);
        } else {
            client_take_answer(client, text, length);
        }
    } else if (*type == 'w') { /* welcome */
        client_subscribe(client);
    } else if (*type == 'd') { /* disconnect */
        wire_close(&client->wire);
        client_ended(client, WIRE_BROKEN);
    }
}

static const struct wire_ops client_ops = {
    .opened = client_opened,
    .text = client_text,
    .ended = client_ended,
};

struct client *
client_new_all(struct pgc_load *load)
{
    struct client *clients = pgc_xcalloc(load->conf.clients, sizeof(*clients));

    for (unsigned i = 0; i < load->conf.clients; i++) {
        struct client *client = &clients[i];

        client->load = load;
        client->number = i;
        if (load->conf.churn_per_s > 0) {
            client->asked_us = pgc_xcalloc(load->conf.subscriptions, sizeof(*client->asked_us));
        }
        client->retry = pgc_timer_new(load->port.loop, client_retry, client);
        wire_init(&client->wire, &load->port, &client_ops, client);
    }
    return clients;
}

void
client_free_all(struct pgc_load *load)
{
    for (unsigned i = 0; i < load->conf.clients; i++) {
        wire_close(&load->clients[i].wire);
        pgc_buf_fini(&load->clients[i].wire.in);
        pgc_timer_free(load->clients[i].retry);
        free(load->clients[i].asked_us);
    }
    free(load->clients);
}
