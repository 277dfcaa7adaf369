/* SPDX-License-Identifier: PostgreSQL */
/* Whatever a client sends is a command or refused, and its answer can be written. */
#include <stdlib.h>

#include "pgcable/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgc_command command;
    struct pgc_err err = {0};
    bool ok = pgc_command_parse((const char *)data, size, 16384, &command, &err);

    if (ok != (err.code == PGC_ERR_NONE)) {
        abort();
    }
    if (ok && command.identifier != NULL) {
        pgc_frame_unref(pgc_frame_answer(PGC_WIRE_EVENTS, PGC_CONFIRM_SUBSCRIPTION,
            command.identifier, command.identifier_length));
    }
    pgc_command_fini(&command);
    return 0;
}
