/* SPDX-License-Identifier: PostgreSQL */
/* Whatever an identifier says, member 42 is never led to another member's own stream. */
#include <stdlib.h>

#include "pgcable/json.h"

#include "../../src/cable/cable_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A member's own stream; whose a custom one is, the database knows. */
static bool
is_own(enum pgc_stream_kind kind)
{
    return kind != PGC_STREAM_ROOM && kind != PGC_STREAM_CUSTOM;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgc_target target;
    char named[128];
    struct pgc_json *json;

    if (pgc_channels_resolve((const char *)data, size, "42", &target) != PGC_VERDICT_ASK) {
        return 0;
    }
    if ((target.kind == PGC_STREAM_ROOM) !=
        (target.room[0] != '\0' || target.room_uuid[0] != '\0')) {
        abort();
    }
    json = pgc_json_parse((const char *)data, size, size, NULL);
    if (json == NULL) {
        abort();
    }
    if ((target.kind == PGC_STREAM_CUSTOM) != (target.channel_class[0] != '\0')) {
        abort();
    }
    if (is_own(target.kind) && pgc_json_has(json, "community_member_id") &&
        (!pgc_json_id(json, "community_member_id", named, sizeof(named)) ||
            strcmp(named, "42") != 0)) {
        abort();
    }
    pgc_json_free(json);
    return 0;
}
