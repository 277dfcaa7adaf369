/* SPDX-License-Identifier: PostgreSQL */
#include "pgcable/clock.h"

#include "cable_internal.h"

/* As AnyCable makes them: 21 characters of nanoid's alphabet, 126 random bits. */
enum { DIALECT_SID_LENGTH = 21 };

static void
dialect_make_sid(char sid[DIALECT_SID_LENGTH + 1])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[DIALECT_SID_LENGTH];

    pgc_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < DIALECT_SID_LENGTH; i++) {
        sid[i] = alphabet[bytes[i] & 63];
    }
    sid[DIALECT_SID_LENGTH] = '\0';
}

static struct pgc_frame *
dialect_base_welcome(const struct pgc_cable_conf *conf)
{
    char sid[DIALECT_SID_LENGTH + 1];

    if (!conf->welcome_sid) {
        return pgc_frame_welcome(NULL);
    }
    dialect_make_sid(sid);
    return pgc_frame_welcome(sid);
}

/* actioncable-v1-json, and what is spoken if no sub-protocol was agreed on. */
const struct pgc_dialect pgc_dialect_base = {
    .welcome = dialect_base_welcome,
    .message = pgc_frame_message,
};
