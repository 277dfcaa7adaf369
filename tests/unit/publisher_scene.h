/* SPDX-License-Identifier: PostgreSQL */
/*
 * publisher_scene.h - two daemons that publish to a real NATS server, one of which leads, and an
 * edge that follows.  The test is the feed of both.
 */
#ifndef PGCABLE_PUBLISHER_SCENE_H
#define PGCABLE_PUBLISHER_SCENE_H

#include "pgcable/bus.h"

#include "nats_world.h"
#include "publisher_internal.h"

enum { NONCE = 0xabcd, PIECES_MAX = 2000, ASKS_MAX = 256 };

/* What a packet says that is the last of a piece, and how many operations the piece has. */
struct piece {
    struct codec_packet head;
    size_t ops;
    struct pgc_ban ban; /* of the first */
};

/* Leads or stands by. */
struct daemon {
    struct pgc_metrics *metrics;
    struct pgc_publisher *publisher;
    struct pgc_port *port;
    unsigned founds;
    struct pgc_bus_place place;
    unsigned fences;
    struct pgc_err why;
    struct pgc_ask *asks[ASKS_MAX];
    unsigned ask_count;
};

struct scene {
    struct world *world; /* its edge follows the stream */
    struct daemon one;
    struct daemon two;
    struct pgc_buf bytes; /* of the piece under way */
    struct pgc_buf answer;
    int64_t told_ms;
    unsigned peeks;
    struct piece pieces[PIECES_MAX];
    unsigned count;
};

extern struct scene *the_scene; /* for what is waited for */

/* For cmocka: the first one leads a stream that is empty. */
int scene_setup(void **state);
int scene_teardown(void **state);
#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

void daemon_start(struct scene *scene, struct daemon *daemon);
/* With a port of its own. */
void daemon_stand(struct scene *scene, struct daemon *daemon, int64_t term);
/* The same; returns when it has found what the stream ends with. */
void daemon_lead(struct scene *scene, struct daemon *daemon, int64_t term);

/* Down the daemon's port; the batch is taken over. */
struct pgc_batch *batch_of(int64_t tick, bool ends);
void hand_down(struct daemon *daemon, struct pgc_batch *batch);
void hand_down_tick(struct daemon *daemon, int64_t tick, size_t text_bytes); /* one message */
void hand_down_beginning(struct daemon *daemon, int64_t tick);

bool has_pieces(const struct world *world);
bool has_asks(const struct world *world);    /* the first daemon's feed */
bool has_answers(const struct world *world); /* the edge, or it knows that there is none */
bool one_is_down(const struct world *world);
bool one_is_fenced(const struct world *world);
bool one_is_at(const struct world *world); /* all up to that tick is stored */

/* The edge adds to the stream what no daemon has published, behind packet `last`, and follows it no
 * more. */
void add_packet(struct scene *scene, uint64_t last, const struct pgc_nats_bytes *bytes);
void add_garbage(struct scene *scene, uint64_t last);

/* The edge asks; the newest answer is the scene's. */
void ask(struct scene *scene, const char *what, const struct pgc_buf *bytes, int64_t timeout_ms);
void ask_access(struct scene *scene); /* two of them, which the feed has got then */
/* Of `count` rooms, with tickets from `ticket` on, in one question. */
void ask_rooms(struct scene *scene, uint64_t ticket, size_t count, int64_t timeout_ms);
void ask_state(struct scene *scene, int64_t timeout_ms);

void assert_piece(const struct scene *scene, unsigned i, int64_t tick, uint32_t piece);

#endif
