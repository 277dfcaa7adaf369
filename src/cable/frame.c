/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/frame.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

/* RFC 6455 5.2: FIN and opcode text; then 7 bits of length, or 126 and 16 bits, or 127 and 64. */
enum { FRAME_FIN_TEXT = 0x81, FRAME_LENGTH_16 = 126, FRAME_LENGTH_64 = 127 };

static size_t
frame_header_bytes(size_t payload)
{
    if (payload < FRAME_LENGTH_16) {
        return 2;
    }
    return payload <= UINT16_MAX ? 4 : 10;
}

static void
frame_write_header(char *out, size_t header_bytes, size_t payload)
{
    static const unsigned char marks[] = {[4] = FRAME_LENGTH_16, [10] = FRAME_LENGTH_64};
    uint64_t rest = payload;

    out[0] = (char)FRAME_FIN_TEXT;
    if (header_bytes == 2) {
        out[1] = (char)payload;
        return;
    }
    out[1] = (char)marks[header_bytes];
    for (size_t i = header_bytes - 1; i >= 2; i--) {
        out[i] = (char)(rest & 0xff);
        rest >>= 8;
    }
}

static struct pgc_frame *
frame_new(size_t header_bytes, size_t payload)
{
    struct pgc_frame *frame = pgc_xmalloc(sizeof(*frame) + header_bytes + payload);

    frame->refs = 1;
    frame->queues = 0;
    frame->count = 1;
    frame->committed_us = 0;
    frame->length = header_bytes + payload;
    frame->header_bytes = header_bytes;
    return frame;
}

/* The header is written; the caller writes `payload` bytes behind it. */
static struct pgc_frame *
frame_new_text(size_t payload)
{
    size_t header_bytes = frame_header_bytes(payload);
    struct pgc_frame *frame = frame_new(header_bytes, payload);

    frame_write_header(frame->bytes, header_bytes, payload);
    return frame;
}

/* Finishes `bytes`, which are the frame's. */
static struct pgc_frame *
frame_take(struct pgc_frame *frame, struct pgc_buf *bytes)
{
    memcpy(frame->bytes + frame->header_bytes, bytes->data, bytes->length);
    pgc_buf_fini(bytes);
    return frame;
}

/* Finishes `text`, one line of JSON; `type` is its "type". */
static struct pgc_frame *
frame_take_text(enum pgc_wire wire, const char *type, struct pgc_buf *text)
{
    struct pgc_buf record = {0};

    switch (wire) {
    case PGC_WIRE_WEBSOCKET:
        break;
    case PGC_WIRE_EVENTS:
        pgc_buf_addf(&record, "event: %s\ndata: %s\n\n", type, pgc_buf_str(text));
        pgc_buf_fini(text);
        return frame_take(frame_new(0, record.length), &record);
    }
    return frame_take(frame_new_text(text->length), text);
}

struct pgc_frame *
pgc_frame_ref(struct pgc_frame *frame)
{
    frame->refs++;
    return frame;
}

void
pgc_frame_unref(struct pgc_frame *frame)
{
    if (frame == NULL) {
        return;
    }
    assert(frame->refs > 0);
    if (--frame->refs == 0) {
        free(frame);
    }
}

struct pgc_frame *
pgc_frame_join(struct pgc_frame *const *frames, size_t count)
{
    struct pgc_frame *joined;
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        length += frames[i]->length;
    }
    joined = frame_new(frames[0]->header_bytes, length - frames[0]->header_bytes);
    joined->count = 0;
    length = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(joined->bytes + length, frames[i]->bytes, frames[i]->length);
        length += frames[i]->length;
        joined->count += frames[i]->count;
    }
    return joined;
}

struct pgc_frame *
pgc_frame_welcome(enum pgc_wire wire, const char *sid)
{
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"type\":\"welcome\"");
    if (sid != NULL) {
        pgc_buf_adds(&text, ",\"sid\":");
        pgc_buf_add_json(&text, sid, strlen(sid));
    }
    pgc_buf_addc(&text, '}');
    return frame_take_text(wire, "welcome", &text);
}

struct pgc_frame *
pgc_frame_ping(enum pgc_wire wire, int64_t unix_s)
{
    struct pgc_buf text = {0};

    pgc_buf_addf(&text, "{\"type\":\"ping\",\"message\":%" PRId64 "}", unix_s);
    return frame_take_text(wire, "ping", &text);
}

struct pgc_frame *
pgc_frame_pong(enum pgc_wire wire)
{
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"type\":\"pong\"}");
    return frame_take_text(wire, "pong", &text);
}

/* Rails' key order: some clients look at nothing else to tell answers from messages. */
struct pgc_frame *
pgc_frame_answer(enum pgc_wire wire, enum pgc_verb verb, const char *identifier, size_t length)
{
    static const char *const types[] = {
        [PGC_CONFIRM_SUBSCRIPTION] = "confirm_subscription",
        [PGC_REJECT_SUBSCRIPTION] = "reject_subscription",
        [PGC_CONFIRM_HISTORY] = "confirm_history",
        [PGC_REJECT_HISTORY] = "reject_history",
    };
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"identifier\":");
    pgc_buf_add_json(&text, identifier, length);
    pgc_buf_addf(&text, ",\"type\":\"%s\"}", types[verb]);
    return frame_take_text(wire, types[verb], &text);
}

struct pgc_frame *
pgc_frame_disconnect(enum pgc_wire wire, const char *reason, bool reconnect)
{
    /* An EventSource comes back after any end; so late is as good as never. */
    static const char never[] = "disconnect\nretry: 31536000000";
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"type\":\"disconnect\",\"reason\":");
    pgc_buf_add_json(&text, reason, strlen(reason));
    pgc_buf_addf(&text, ",\"reconnect\":%s}", reconnect ? "true" : "false");
    return frame_take_text(wire, reconnect ? "disconnect" : never, &text);
}

static char *
frame_put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

static void
frame_write_epoch(const struct pgc_msg *msg, char epoch[PGC_EPOCH_BYTES], int64_t *offset)
{
    pgc_place_write(&msg->position, epoch, offset);
    pgc_place_add_seen(&msg->seen, epoch);
}

/* What stands behind the message's text. */
static void
frame_add_place(struct pgc_buf *out, const char *stream, const struct pgc_msg *msg)
{
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    if (stream != NULL) {
        frame_write_epoch(msg, epoch, &offset);
        pgc_buf_adds(out, ",\"stream_id\":");
        pgc_buf_add_json(out, stream, strlen(stream));
        pgc_buf_addf(out, ",\"epoch\":\"%s\",\"offset\":%" PRId64, epoch, offset);
    }
    pgc_buf_addc(out, '}');
}

struct pgc_frame *
pgc_frame_message(const char *quoted, size_t length, const char *stream, const struct pgc_msg *msg)
{
    static const char before[] = "{\"identifier\":";
    static const char between[] = ",\"message\":";
    struct pgc_buf after = {0};
    struct pgc_frame *frame;
    char *out;

    frame_add_place(&after, stream, msg);
    frame = frame_new_text(
        sizeof(before) - 1 + length + sizeof(between) - 1 + msg->length + after.length);
    out = frame->bytes + frame->header_bytes;
    out = frame_put(out, before, sizeof(before) - 1);
    out = frame_put(out, quoted, length);
    out = frame_put(out, between, sizeof(between) - 1);
    out = frame_put(out, msg->text, msg->length);
    frame_put(out, after.data, after.length);
    pgc_buf_fini(&after);
    return frame;
}

/* A column of type json may hold line breaks between its tokens; each of its lines becomes a line
 * of data, and the client puts them together again. */
static void
frame_add_data(struct pgc_buf *out, const struct pgc_msg *msg)
{
    const char *line = msg->text;
    const char *end = msg->text + msg->length;

    for (;;) {
        const char *stop = line;

        while (stop < end && *stop != '\n' && *stop != '\r') {
            stop++;
        }
        pgc_buf_adds(out, "data: ");
        pgc_buf_add(out, line, (size_t)(stop - line));
        pgc_buf_addc(out, '\n');
        if (stop == end) {
            return;
        }
        line = stop + 1;
    }
}

/* A stream's name may come from an identifier: whatever it is, it stays within its line. */
static void
frame_add_line(struct pgc_buf *out, const char *stream)
{
    for (const char *p = stream; *p != '\0'; p++) {
        const char shown = '?';

        pgc_buf_add(out, (unsigned char)*p < ' ' ? &shown : p, 1);
    }
}

struct pgc_frame *
pgc_frame_event(const char *stream, const struct pgc_msg *msg)
{
    struct pgc_buf record = {0};
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    frame_write_epoch(msg, epoch, &offset);
    frame_add_data(&record, msg);
    pgc_buf_addf(&record, "id: %" PRId64 "/%s/", offset, epoch);
    frame_add_line(&record, stream);
    pgc_buf_adds(&record, "\n\n");
    return frame_take(frame_new(0, record.length), &record);
}
