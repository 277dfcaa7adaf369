/* SPDX-License-Identifier: PostgreSQL */
/* fuzz_json.c - bytes from a stranger: as an object to check, as slices, as a time. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "pgcable/event.h"
#include "pgcable/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
walk(const char *text, size_t size)
{
    struct pgc_buf content = {0};
    struct pgc_slice value;
    const char *cursor = NULL;
    char key[16];
    size_t members = 0;

    while (pgc_json_next(text, size, &cursor, key, sizeof(key), &value)) {
        assert(strlen(key) < sizeof(key));
        assert(value.length > 0 && value.data > text && value.data + value.length <= text + size);
        pgc_slice_text(value, &content);
        members++;
    }
    pgc_buf_fini(&content);
    return members;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct pgc_json *json = pgc_json_parse(text, size, 4096, NULL);
    size_t members = walk(text, size);
    size_t length;
    int64_t number;
    char out[32];

    if (json != NULL) {
        const char *string = pgc_json_string(json, "a", &length);

        assert(string == NULL || strlen(string) == length);
        assert(!pgc_json_has(json, "a") || members > 0);
        assert(pgc_json_id(json, "a", out, sizeof(out)) || !pgc_json_int(json, "a", &number));
    }
    pgc_json_free(json);
    assert(!pgc_time_utc(text, size, out) || strlen(out) >= 24);
    return 0;
}
