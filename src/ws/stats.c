/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "ws_internal.h"

static struct pgc_metric *
stats_refused(struct pgc_metrics *metrics, const char *label)
{
    return pgc_counter(metrics, "pgcable_ws_refused_total", label,
        "Connections and handshakes that were refused, by reason.");
}

static struct pgc_metric *
stats_ended(struct pgc_metrics *metrics, const char *label)
{
    return pgc_counter(metrics, "pgcable_ws_ended_total", label,
        "Connections that were ended because of what the client did, by reason.");
}

void
ws_stats_init(struct ws_stats *stats, struct pgc_metrics *metrics)
{
    *stats = (struct ws_stats){
        .connections = pgc_gauge(metrics, "pgcable_ws_connections", "", "Sockets that are open."),
        .accepted =
            pgc_counter(metrics, "pgcable_ws_accepted_total", "", "Sockets that were accepted."),
        .accept_errors = pgc_counter(metrics, "pgcable_ws_accept_errors_total", "",
            "Failures of accept(), such as no more descriptors."),
        .opened = pgc_counter(metrics, "pgcable_ws_opened_total", "",
            "Websockets and streams of events that were opened with a token that is right."),
        .refused_origin = stats_refused(metrics, "reason=\"origin\""),
        .refused_request = stats_refused(metrics, "reason=\"request\""),
        .refused_token = stats_refused(metrics, "reason=\"token\""),
        .refused_incomplete = stats_refused(metrics, "reason=\"incomplete\""),
        .ended_slow = stats_ended(metrics, "reason=\"too_slow\""),
        .ended_shed = stats_ended(metrics, "reason=\"queue_total\""),
        .ended_big = stats_ended(metrics, "reason=\"message_too_big\""),
        .ended_fragments = stats_ended(metrics, "reason=\"fragments\""),
        .ended_unfinished = stats_ended(metrics, "reason=\"message_unfinished\""),
        .ended_control = stats_ended(metrics, "reason=\"control_frames\""),
        .ended_text = stats_ended(metrics, "reason=\"not_utf8\""),
        .received_messages = pgc_counter(
            metrics, "pgcable_ws_received_messages_total", "", "Messages that came from clients."),
        .received_bytes = pgc_counter(
            metrics, "pgcable_ws_received_bytes_total", "", "Payload that came from clients."),
        .sent_frames = pgc_counter(
            metrics, "pgcable_ws_sent_frames_total", "", "Frames that were written to sockets."),
        .sent_bytes = pgc_counter(
            metrics, "pgcable_ws_sent_bytes_total", "", "Bytes that were written to sockets."),
        .writes = pgc_counter(
            metrics, "pgcable_ws_writes_total", "", "Writes to sockets; several frames go in one."),
        .queue_total = pgc_gauge(metrics, "pgcable_ws_queue_bytes", "",
            "Memory for what waits for clients, each shared message once per worker."),
        .queue_highest = pgc_gauge(metrics, "pgcable_ws_queue_highest_bytes", "",
            "The most that has been waiting for one client."),
        .socket_seconds = pgc_histogram(metrics, "pgcable_socket_seconds", "",
            "From a row written by the application to its message written to a client's socket; of "
            "several in one write, the oldest."),
    };
    for (size_t entry = WS_ENTRY_OK + 1; entry < WS_ENTRIES; entry++) {
        stats->no_entry[entry] = stats_refused(metrics, ws_entry_label((enum ws_entry)entry));
    }
}

void
ws_sent_add(struct pgc_ws *ws, unsigned frames, size_t bytes)
{
    ws->sent.writes++;
    ws->sent.frames += frames;
    ws->sent.bytes += (int64_t)bytes;
}

static void
sent_tell_age(struct pgc_ws *ws)
{
    struct ws_sent *sent = &ws->sent;

    if (sent->timed > 0) {
        pgc_metric_observe_many_us(
            ws->stats.socket_seconds, pgc_wall_age_us(sent->committed_us), sent->timed);
        sent->timed = 0;
    }
}

void
ws_sent_time(struct pgc_ws *ws, int64_t committed_us)
{
    struct ws_sent *sent = &ws->sent;

    if (committed_us == 0) {
        return;
    }
    if (committed_us != sent->committed_us) {
        sent_tell_age(ws);
        sent->committed_us = committed_us;
    }
    if (++sent->timed == WS_TIMED_TOGETHER) {
        sent_tell_age(ws);
    }
}

void
ws_sent_tell(struct pgc_ws *ws)
{
    struct ws_sent *sent = &ws->sent;

    sent_tell_age(ws);
    if (sent->writes > 0) {
        pgc_metric_add(ws->stats.writes, sent->writes);
        pgc_metric_add(ws->stats.sent_frames, sent->frames);
        pgc_metric_add(ws->stats.sent_bytes, sent->bytes);
        *sent = (struct ws_sent){0};
    }
}
