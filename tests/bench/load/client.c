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

#include "load.h"

enum client_state {
    CLIENT_AWAY,
    CLIENT_COMING,
    CLIENT_ASKING,
    CLIENT_CATCHING_UP,
    CLIENT_LISTENING,
};

enum { CLIENT_TOKEN_S = 86400, CLIENT_TAIL = 256 };

struct client {
    struct load *load;
    struct wire wire;
    struct pgc_timer *retry;
    enum client_state state;
    unsigned number;
    int64_t away_us;    /* when its connection ended, or it was made */
    int64_t listened_s; /* when it began to listen for the first time; 0: it has not */
    char epoch[LOAD_EPOCH_BYTES];
    int64_t offset; /* of its last message; 0: it has had none */
    uint64_t last;  /* number of that */
    bool is_done;
};

static unsigned
client_room(const struct client *client)
{
    return 1 + client->number % client->load->conf.rooms;
}

void
client_connect(struct load *load, unsigned number)
{
    struct client *client = &load->clients[number];
    const struct load_conf *conf = &load->conf;
    char member[16];
    char *token;

    (void)snprintf(member, sizeof(member), "%u", 1 + number % conf->members);
    token = pgc_auth_mint(
        conf->secret, conf->claim, member, pgc_wall_s(), CLIENT_TOKEN_S, &(struct pgc_err){0});
    load->report.attempts++;
    client->state = CLIENT_COMING;
    wire_open(&client->wire, number, token);
    free(token);
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
    const struct load_conf *conf = &client->load->conf;
    uint32_t random;

    if (client->state == CLIENT_LISTENING) {
        client->away_us = pgc_wall_us();
        report_away(&client->load->report);
    }
    client->state = CLIENT_AWAY;
    pgc_random(&random, sizeof(random));
    pgc_timer_set(client->retry, conf->retry_ms + random % (conf->retry_most - conf->retry_ms + 1));
}

static void
client_ended(void *owner, enum wire_end why)
{
    struct client *client = owner;

    client->load->report.ends[why]++;
    client_leave(client);
}

static void
client_listen(struct client *client)
{
    if (client->listened_s == 0) {
        client->listened_s = pgc_wall_s();
    }
    client->state = CLIENT_LISTENING;
    report_back(&client->load->report, client->away_us);
}

/* Where it stopped, or when it first listened; nothing if it never has. */
static void
client_write_history(const struct client *client, struct pgc_buf *out)
{
    if (client->load->conf.is_base || client->listened_s == 0) {
        return;
    }
    if (client->offset == 0) {
        pgc_buf_addf(out, ",\"history\":{\"since\":%" PRId64 "}", client->listened_s);
        return;
    }
    pgc_buf_addf(out,
        ",\"history\":{\"streams\":{\"chat-room-%u-channel\":{\"epoch\":\"%s\",\"offset\":%" PRId64
        "}}}",
        client_room(client), client->epoch, client->offset);
}

static void
client_subscribe(struct client *client)
{
    struct pgc_buf command = {0};

    pgc_buf_addf(&command,
        "{\"command\":\"subscribe\",\"identifier\":"
        "\"{\\\"channel\\\":\\\"Chats::RoomChannel\\\",\\\"chat_room_id\\\":%u}\"",
        client_room(client));
    client_write_history(client, &command);
    pgc_buf_addc(&command, '}');
    client->state = CLIENT_ASKING;
    wire_say(&client->wire, command.data, command.length);
    pgc_buf_fini(&command);
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

    if (end != NULL && end - epoch < LOAD_EPOCH_BYTES) {
        memcpy(client->epoch, epoch, (size_t)(end - epoch));
        client->epoch[end - epoch] = '\0';
        client->offset = strtoll(end + sizeof("\",\"offset\":") - 1, NULL, 10);
    }
}

static void
client_count(struct client *client, uint64_t number)
{
    struct report *report = &client->load->report;

    if (client->last != 0 && number <= client->last) {
        report->doubled++;
        return;
    }
    if (client->last != 0) {
        report->lost += number - client->last - 1;
    }
    client->last = number;
}

static void
client_take_message(struct client *client, const char *text, size_t length)
{
    struct report *report = &client->load->report;
    const char *mark = client_find(text, length, "\"load ");
    char *rest = NULL;
    int64_t sent_us;

    load_tire(client->load);
    client_note_place(client, text, length);
    if (mark == NULL) {
        return;
    }
    client_count(client, strtoull(mark, &rest, 10));
    sent_us = strtoll(rest, &rest, 10);
    report_message(report, client->state == CLIENT_LISTENING, sent_us);
    if (strncmp(rest, " round", 6) == 0) {
        report_round(report, sent_us, length);
        rest += 6;
    }
    if (!client->is_done && strncmp(rest, " end", 4) == 0) {
        client->is_done = true;
        report->done++;
        if (report->done == report->wanted) {
            pgc_loop_stop(client->load->port.loop);
        }
    }
}

/* ---- the protocol ---- */

static bool
client_is(const char *text, size_t length, const char *type)
{
    const size_t wanted = strlen(type);

    return length >= wanted && strncmp(text + length - wanted, type, wanted) == 0;
}

static void
client_take_answer(struct client *client, const char *text, size_t length)
{
    const bool asked = !client->load->conf.is_base && client->listened_s != 0;

    if (client_is(text, length, "\"confirm_subscription\"}")) {
        client->state = CLIENT_CATCHING_UP;
        if (!asked) {
            client_listen(client);
        }
    } else if (client_is(text, length, "\"confirm_history\"}")) {
        client_listen(client);
    } else if (client_is(text, length, "\"reject_history\"}")) {
        client->load->report.resets++;
        client->last = 0; /* it loads anew */
        client_listen(client);
    } else if (client_is(text, length, "\"reject_subscription\"}")) {
        client->load->report.rejected++;
    }
}

static void
client_opened(void *owner)
{
    struct client *client = owner;

    if (client->load->conf.is_plain) {
        client_listen(client);
    }
}

static void
client_text(void *owner, const char *text, size_t length)
{
    static const char typed[] = "{\"type\":\"";
    struct client *client = owner;
    const char *type = text + sizeof(typed) - 1;

    if (length < sizeof(typed) || strncmp(text, typed, sizeof(typed) - 1) != 0) {
        if (client_find(text, length < CLIENT_TAIL ? length : CLIENT_TAIL, ",\"message\":")) {
            client_take_message(client, text, length);
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
client_new_all(struct load *load)
{
    struct client *clients = pgc_xcalloc(load->conf.clients, sizeof(*clients));

    for (unsigned i = 0; i < load->conf.clients; i++) {
        struct client *client = &clients[i];

        client->load = load;
        client->number = i;
        client->away_us = pgc_wall_us();
        client->retry = pgc_timer_new(load->port.loop, client_retry, client);
        wire_init(&client->wire, &load->port, &client_ops, client);
    }
    return clients;
}

void
client_free_all(struct load *load)
{
    for (unsigned i = 0; i < load->conf.clients; i++) {
        wire_close(&load->clients[i].wire);
        pgc_buf_fini(&load->clients[i].wire.in);
        pgc_timer_free(load->clients[i].retry);
    }
    free(load->clients);
}
