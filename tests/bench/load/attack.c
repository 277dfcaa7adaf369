/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcable-attack - all attacks at once, until SIGTERM; then says how often each came and was
 * thrown out.
 *
 *   pgcable-attack ADDRESS PORT SECRET MEMBER EACH [KIND]
 *
 * EACH attackers of every kind, or of KIND alone, from 127.0.1.1 and the next 15 addresses; those
 * that have a token are MEMBER and the next ones.
 */
#include "attack.h"

#include <sys/socket.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgcable/auth.h"
#include "pgcable/clock.h"
#include "pgcable/mem.h"

enum { ATTACK_SOURCES = 16, ATTACK_BACK_MS = 1000, ATTACK_DEAF_BYTES = 4096 };

struct world {
    struct wire_port port;
    const char *secret;
    unsigned first_member;
    unsigned each;
    const char *only; /* kind; NULL = all */
    uint64_t *came;   /* by kind */
    uint64_t *gone;   /* of these, thrown out */
};

struct attacker {
    struct world *world;
    const struct attack *kind;
    unsigned number;
    int fd; /* -1: away */
    bool is_connected;
    bool is_in; /* the handshake, if it wants one, is done */
    unsigned portion;
    struct pgc_watch *watch;
    struct pgc_timer *timer; /* for the next portion, or to come back */
    struct pgc_buf out;
};

static void
attacker_leave(struct attacker *attacker)
{
    uint8_t random;

    pgc_watch_free(attacker->watch);
    (void)close(attacker->fd);
    pgc_buf_fini(&attacker->out);
    attacker->fd = -1;
    pgc_random(&random, sizeof(random));
    pgc_timer_set(attacker->timer, ATTACK_BACK_MS + 4 * random);
}

static void
attacker_is_thrown_out(struct attacker *attacker)
{
    attacker->world->gone[attacker->kind - attacks]++;
    attacker_leave(attacker);
}

/* Whatever the socket takes; the next portion only when all is out. */
static void
attacker_send(struct attacker *attacker)
{
    struct pgc_buf *out = &attacker->out;
    const bool is_deaf = attacker->kind->manner == ATTACK_DEAF && attacker->is_in;

    if (out->length > 0) {
        ssize_t sent = send(attacker->fd, out->data, out->length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN) {
            attacker_is_thrown_out(attacker);
            return;
        }
        out->length -= sent > 0 ? (size_t)sent : 0;
        memmove(out->data, out->data + (sent > 0 ? sent : 0), out->length);
    }
    pgc_watch_want(
        attacker->watch, (is_deaf ? 0 : PGC_READABLE) | (out->length > 0 ? PGC_WRITABLE : 0));
    if (out->length == 0 && attacker->is_in) {
        pgc_timer_set(attacker->timer, attacker->kind->pace_ms);
    }
}

static void
attacker_strike(struct attacker *attacker)
{
    const struct attack *kind = attacker->kind;

    attacker->is_in = true;
    if (kind->portions > 0 && attacker->portion == kind->portions) {
        attacker_leave(attacker);
        return;
    }
    kind->fill(&attacker->out, attacker->number, attacker->portion++);
    attacker_send(attacker);
}

static void
attacker_shake_hands(struct attacker *attacker)
{
    const struct world *world = attacker->world;
    char member[16];
    char *token;

    (void)snprintf(member, sizeof(member), "%u", world->first_member + attacker->number);
    token = pgc_auth_mint(
        world->secret, "community_member_id", member, pgc_wall_s(), 3600, &(struct pgc_err){0});
    wire_write_request(&world->port, token, &attacker->out);
    free(token);
    attacker_send(attacker);
}

static void
attacker_connected(struct attacker *attacker)
{
    int error = 0;
    socklen_t length = sizeof(error);

    (void)getsockopt(attacker->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) {
        attacker_is_thrown_out(attacker);
        return;
    }
    attacker->is_connected = true;
    if (attacker->kind->manner == ATTACK_STRANGER) {
        attacker_strike(attacker);
    } else {
        attacker_shake_hands(attacker);
    }
}

static void
attacker_read(struct attacker *attacker)
{
    static const char upgraded[] = "HTTP/1.1 101 ";
    char *buffer = attacker->world->port.buffer;
    ssize_t got = recv(attacker->fd, buffer, WIRE_BUFFER, MSG_DONTWAIT);

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0 || (!attacker->is_in && strncmp(buffer, upgraded, sizeof(upgraded) - 1) != 0)) {
        attacker_is_thrown_out(attacker);
    } else if (!attacker->is_in) {
        attacker_strike(attacker);
    }
}

static void
attacker_ready(int ready, void *arg)
{
    struct attacker *attacker = arg;

    if (!attacker->is_connected) {
        attacker_connected(attacker);
    } else if ((ready & PGC_READABLE) != 0) {
        attacker_read(attacker);
    } else {
        attacker_send(attacker);
    }
}

static void
attacker_come(struct attacker *attacker)
{
    struct world *world = attacker->world;
    const int bytes = ATTACK_DEAF_BYTES;

    attacker->fd = wire_connect(&world->port, attacker->number);
    if (attacker->fd < 0) {
        pgc_timer_set(attacker->timer, ATTACK_BACK_MS);
        return;
    }
    if (attacker->kind->manner == ATTACK_DEAF) {
        (void)setsockopt(attacker->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    world->came[attacker->kind - attacks]++;
    attacker->is_connected = false;
    attacker->is_in = false;
    attacker->portion = 0;
    attacker->watch = pgc_watch_new(world->port.loop, attacker->fd, attacker_ready, attacker);
    pgc_watch_want(attacker->watch, PGC_WRITABLE);
}

static void
attacker_timer(void *arg)
{
    struct attacker *attacker = arg;

    if (attacker->fd < 0) {
        attacker_come(attacker);
    } else {
        attacker_strike(attacker);
    }
}

static struct attacker *
world_people(struct world *world, unsigned count)
{
    struct attacker *attackers = pgc_xcalloc(count, sizeof(*attackers));

    world->came = pgc_xcalloc(attack_count, sizeof(*world->came));
    world->gone = pgc_xcalloc(attack_count, sizeof(*world->gone));
    for (unsigned i = 0; i < count; i++) {
        struct attacker *attacker = &attackers[i];

        attacker->world = world;
        attacker->kind = &attacks[i % attack_count];
        attacker->number = i / attack_count;
        attacker->fd = -1;
        attacker->timer = pgc_timer_new(world->port.loop, attacker_timer, attacker);
        if (world->only == NULL || strcmp(world->only, attacker->kind->name) == 0) {
            pgc_timer_set(attacker->timer, (int64_t)i * ATTACK_BACK_MS / count);
        }
    }
    return attackers;
}

static void
world_end(struct world *world, struct attacker *attackers, unsigned count)
{
    for (unsigned i = 0; i < attack_count; i++) {
        printf("attack %s: came %" PRIu64 " times, was thrown out %" PRIu64 " times\n",
            attacks[i].name, world->came[i], world->gone[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (attackers[i].fd >= 0) {
            attacker_leave(&attackers[i]);
        }
        pgc_timer_free(attackers[i].timer);
    }
    free(attackers);
    free(world->came);
    free(world->gone);
}

static void
world_stop(int signo, void *arg)
{
    (void)signo;
    pgc_loop_stop(((struct world *)arg)->port.loop);
}

static bool
world_read(struct world *world, int argc, char **argv)
{
    struct wire_port *port = &world->port;

    port->first_source = 256 + 1;
    port->sources = ATTACK_SOURCES;
    if (argc < 6 || argc > 7 || strlen(argv[3]) < 32 ||
        !wire_find(port, argv[1], (unsigned)strtoul(argv[2], NULL, 10), &(struct pgc_err){0})) {
        (void)fputs("usage: pgcable-attack ADDRESS PORT SECRET MEMBER EACH [KIND]\n", stderr);
        return false;
    }
    port->host = argv[1];
    port->path = "/cable";
    port->protocols = "actioncable-v1-ext-json";
    world->secret = argv[3];
    world->first_member = (unsigned)strtoul(argv[4], NULL, 10);
    world->each = (unsigned)strtoul(argv[5], NULL, 10);
    world->only = argv[6];
    return true;
}

int
main(int argc, char **argv)
{
    static struct world world; /* large, for its buffer */
    struct attacker *attackers = NULL;
    unsigned count;

    if (!world_read(&world, argc, argv)) {
        return 2;
    }
    count = world.each * attack_count;
    world.port.loop = pgc_loop_new();
    pgc_loop_on_signal(world.port.loop, SIGINT, world_stop, &world);
    pgc_loop_on_signal(world.port.loop, SIGTERM, world_stop, &world);
    attackers = world_people(&world, count);
    pgc_loop_run(world.port.loop);
    world_end(&world, attackers, count);
    pgc_loop_free(world.port.loop);
    return 0;
}
