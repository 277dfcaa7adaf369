/* SPDX-License-Identifier: PostgreSQL */
/*
 * fuzz_codec.c - what another machine says on the bus: refused, or understood; and what was
 * understood is the same once it has been written and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "../../src/bus/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reader and its writer: false = refused. */
typedef bool (*again_fn)(const void *bytes, size_t length, struct pgc_buf *out);

static bool
again_packet(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct codec_packet packet;
    bool ok = pgc_codec_read_packet(bytes, length, &packet, NULL);

    if (ok) {
        pgc_codec_write_packet(out, &packet);
    }
    return ok;
}

static bool
again_batch(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct pgc_batch *batch = pgc_codec_read_batch(bytes, length, NULL);

    if (batch != NULL) {
        pgc_codec_write_batch(out, batch);
    }
    pgc_batch_unref(batch);
    return batch != NULL;
}

static bool
again_asks(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct codec_asks asks;
    bool ok = pgc_codec_read_asks(bytes, length, &asks, NULL);

    if (ok) {
        pgc_codec_write_asks(out, &asks);
    }
    pgc_codec_fini_asks(&asks);
    return ok;
}

static bool
again_answers(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct codec_answers answers;
    bool ok = pgc_codec_read_answers(bytes, length, &answers, NULL);

    if (ok) {
        pgc_codec_write_answers(out, &answers);
    }
    pgc_codec_fini_answers(&answers);
    return ok;
}

static bool
again_viewers(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct codec_viewers viewers;
    bool ok = pgc_codec_read_viewers(bytes, length, &viewers, NULL);

    if (ok) {
        pgc_codec_write_viewers(out, &viewers);
    }
    pgc_codec_fini_viewers(&viewers);
    return ok;
}

static bool
again_place(const void *bytes, size_t length, struct pgc_buf *out)
{
    struct codec_place place;
    bool ok = pgc_codec_read_place(bytes, length, CODEC_STATE, &place, NULL);

    if (ok) {
        pgc_codec_write_place(out, CODEC_STATE, &place);
    }
    return ok;
}

static void
try_again(again_fn again, const void *bytes, size_t length)
{
    struct pgc_buf once = {0};
    struct pgc_buf twice = {0};

    if (again(bytes, length, &once) &&
        (!again(once.data, once.length, &twice) || once.length != twice.length ||
            memcmp(once.data, twice.data, once.length) != 0)) {
        abort();
    }
    pgc_buf_fini(&once);
    pgc_buf_fini(&twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const again_fn all[] = {
        again_packet, again_batch, again_asks, again_answers, again_viewers, again_place};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        try_again(all[i], data, size);
    }
    return 0;
}
