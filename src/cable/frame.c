/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/frame.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "pgcable/buf.h"
#include "pgcable/mem.h"

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

/* The header is written; the caller writes `payload` bytes behind it. */
static struct pgc_frame *
frame_new(size_t payload)
{
    size_t header_bytes = frame_header_bytes(payload);
    struct pgc_frame *frame = pgc_xmalloc(sizeof(*frame) + header_bytes + payload);

    frame->refs = 1;
    frame->length = header_bytes + payload;
    frame->header_bytes = header_bytes;
    frame_write_header(frame->bytes, header_bytes, payload);
    return frame;
}

/* Finishes `text`. */
static struct pgc_frame *
frame_take(struct pgc_buf *text)
{
    struct pgc_frame *frame = frame_new(text->length);

    memcpy(frame->bytes + frame->header_bytes, text->data, text->length);
    pgc_buf_fini(text);
    return frame;
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
pgc_frame_welcome(const char *sid)
{
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"type\":\"welcome\"");
    if (sid != NULL) {
        pgc_buf_adds(&text, ",\"sid\":");
        pgc_buf_add_json(&text, sid, strlen(sid));
    }
    pgc_buf_addc(&text, '}');
    return frame_take(&text);
}

struct pgc_frame *
pgc_frame_ping(int64_t unix_s)
{
    struct pgc_buf text = {0};

    pgc_buf_addf(&text, "{\"type\":\"ping\",\"message\":%" PRId64 "}", unix_s);
    return frame_take(&text);
}

/* Rails' key order: some clients look at nothing else to tell answers from messages. */
static struct pgc_frame *
frame_answer(const char *identifier, size_t length, const char *type)
{
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"identifier\":");
    pgc_buf_add_json(&text, identifier, length);
    pgc_buf_addf(&text, ",\"type\":\"%s\"}", type);
    return frame_take(&text);
}

struct pgc_frame *
pgc_frame_confirm(const char *identifier, size_t length)
{
    return frame_answer(identifier, length, "confirm_subscription");
}

struct pgc_frame *
pgc_frame_reject(const char *identifier, size_t length)
{
    return frame_answer(identifier, length, "reject_subscription");
}

struct pgc_frame *
pgc_frame_disconnect(const char *reason, bool reconnect)
{
    struct pgc_buf text = {0};

    pgc_buf_adds(&text, "{\"type\":\"disconnect\",\"reason\":");
    pgc_buf_add_json(&text, reason, strlen(reason));
    pgc_buf_addf(&text, ",\"reconnect\":%s}", reconnect ? "true" : "false");
    return frame_take(&text);
}

static char *
frame_put(char *out, const char *bytes, size_t length)
{
    memcpy(out, bytes, length);
    return out + length;
}

struct pgc_frame *
pgc_frame_message(const char *quoted, size_t length, const struct pgc_msg *msg)
{
    static const char before[] = "{\"identifier\":";
    static const char between[] = ",\"message\":";
    size_t payload = sizeof(before) - 1 + length + sizeof(between) - 1 + msg->length + 1;
    struct pgc_frame *frame = frame_new(payload);
    char *out = frame->bytes + frame->header_bytes;

    out = frame_put(out, before, sizeof(before) - 1);
    out = frame_put(out, quoted, length);
    out = frame_put(out, between, sizeof(between) - 1);
    out = frame_put(out, msg->text, msg->length);
    *out = '}';
    return frame;
}
