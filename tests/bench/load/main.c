/* SPDX-License-Identifier: PostgreSQL */
/*
 * pgcable-load - thousands of clients of one daemon; prints a line
 *
 *   complete …   whenever all of them listen, again or for the first time
 *   phase …      at SIGUSR1: messages since the last such line, and how long they took
 *   round …      when all have seen the last message of a round, and how long that took
 *   end …        when all have seen the last message, or at SIGINT or SIGTERM
 *
 * and ends with status 0 if each client saw every message up to the last one, once.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "pgcable/clock.h"

#include "load.h"

enum { LOAD_TURN_MS = 10 };

static void
load_start_some(void *arg)
{
    struct load *load = arg;
    const struct load_conf *conf = &load->conf;
    const int64_t since_us = pgc_wall_us() - load->report.since_us;

    while (load->started < conf->clients &&
           (conf->per_s == 0 || load->started <= since_us * conf->per_s / 1000000)) {
        client_connect(load, load->started++);
    }
    if (load->started < conf->clients) {
        pgc_timer_set(load->start, LOAD_TURN_MS);
    }
}

/* The kernel wakes who waits for input, in the middle of the server's work if need be. */
static void
load_nap(void *arg)
{
    struct load *load = arg;

    load->is_tired = false;
    (void)usleep(load->conf.nap_ms * 1000);
}

void
load_tire(struct load *load)
{
    if (load->conf.nap_ms > 0 && !load->is_tired) {
        load->is_tired = true;
        pgc_loop_defer(load->port.loop, load_nap, load);
    }
}

static void
load_phase(int signo, void *arg)
{
    (void)signo;
    report_phase(&((struct load *)arg)->report);
}

static void
load_stop(int signo, void *arg)
{
    (void)signo;
    pgc_loop_stop(((struct load *)arg)->port.loop);
}

static bool
load_prepare(struct load *load)
{
    struct wire_port *port = &load->port;

    port->address.sin_family = AF_INET;
    port->address.sin_port = htons((uint16_t)load->conf.port);
    if (inet_pton(AF_INET, load->conf.address, &port->address.sin_addr) != 1) {
        (void)fprintf(stderr, "pgcable-load: \"%s\" is no IPv4 address\n", load->conf.address);
        return false;
    }
    port->path = load->conf.path;
    port->protocols = load->conf.is_base ? "actioncable-v1-json" : "actioncable-v1-ext-json";
    port->first_source = 2;
    port->sources = load->conf.sources;
    return true;
}

int
main(int argc, char **argv)
{
    static struct load load; /* large, for its spreads */
    bool ok;

    if (!load_conf_read(&load.conf, argc, argv) || !load_prepare(&load)) {
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    load.port.loop = pgc_loop_new();
    load.report.wanted = load.conf.clients;
    load.report.since_us = pgc_wall_us();
    load.clients = client_new_all(&load);
    load.start = pgc_timer_new(load.port.loop, load_start_some, &load);
    pgc_timer_set(load.start, 0);
    pgc_loop_on_signal(load.port.loop, SIGUSR1, load_phase, &load);
    pgc_loop_on_signal(load.port.loop, SIGINT, load_stop, &load);
    pgc_loop_on_signal(load.port.loop, SIGTERM, load_stop, &load);
    pgc_loop_run(load.port.loop);
    ok = report_end(&load.report);
    pgc_timer_free(load.start);
    client_free_all(&load);
    pgc_loop_free(load.port.loop);
    return ok ? 0 : 1;
}
