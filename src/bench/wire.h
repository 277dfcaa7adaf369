/* SPDX-License-Identifier: PostgreSQL */
/*
 * wire.h - a client's end of one websocket: connecting, the handshake, frames in and out.
 *
 * Knows nothing of the cable's protocol.  A wire can be opened again after its end.  Loop thread.
 */
#ifndef PGC_BENCH_WIRE_H
#define PGC_BENCH_WIRE_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "pgcable/buf.h"
#include "pgcable/err.h"
#include "pgcable/loop.h"

enum { WIRE_BUFFER = 65536 };

/* Where all wires of a program go, and what they share. */
struct wire_port {
    struct pgc_loop *loop;
    struct sockaddr_storage address;
    socklen_t address_length;
    const char *host; /* as the request and TLS name it */
    const char *path;
    const char *protocols;
    struct pgc_tls_client *tls; /* NULL: plain text */
    unsigned first_source; /* wires come from 127.0.<first_source / 256>.<% 256> and the next … */
    unsigned sources;      /* … of so many; 0 = from wherever the kernel takes */
    char buffer[WIRE_BUFFER];
};

enum wire_end {
    WIRE_UNREACHABLE, /* nobody listens */
    WIRE_REFUSED,     /* an answer that is no upgrade */
    WIRE_BROKEN,      /* the end of a connection, with or without a close frame */
};

struct wire_ops {
    void (*opened)(void *owner); /* the handshake is done */
    /* Or what is said to be none.  A zero, or more of what came, is behind it. */
    void (*text)(void *owner, const char *text, size_t length);
    void (*ended)(void *owner, enum wire_end why);
};

struct wire {
    struct wire_port *port;
    const struct wire_ops *ops;
    void *owner;
    int fd; /* -1: closed */
    void *tls;
    bool is_said; /* the request is out */
    bool is_open; /* the handshake is done */
    struct pgc_watch *watch;
    struct pgc_buf request; /* until it is out */
    struct pgc_buf in;      /* the part of a frame, or of the answer to the handshake */
};

/* Looks the host up, by the resolver, and so not for a loop that runs. */
bool wire_find(
    struct wire_port *port, const char *host, unsigned number, struct pgc_err *err) PGC_MUSTCHECK;

void wire_init(struct wire *wire, struct wire_port *port, const struct wire_ops *ops, void *owner);

/* Begins; opened() or ended() follows, the latter perhaps at once.  Of the sources the one with
 * that number, from 0 on and around. */
void wire_open(struct wire *wire, unsigned source, const char *token);

/* One masked text frame.  What the socket does not take at once ends the wire. */
void wire_say(struct wire *wire, const char *text, size_t length);

void wire_close(struct wire *wire); /* without a word to anybody; closed already is fine */

/* A socket bound to that source, connecting; -1 with errno. */
int wire_connect(const struct wire_port *port, unsigned source);

/* The request of a handshake. */
void wire_write_request(const struct wire_port *port, const char *token, struct pgc_buf *out);

#endif
