/* SPDX-License-Identifier: PostgreSQL */
/* Whatever a client sends is a command or refused, and its answer can be written; whatever it says
 * of its past is a place, a time or nonsense, also as the id of an event. */
#include <stdlib.h>

#include "pgcable/frame.h"
#include "pgcable/history.h"
#include "pgcable/mem.h"
#include "pgcable/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the history over. */
static void
check_history(struct pgc_history *history)
{
    struct pgc_since since;
    struct pgc_position again;
    char epoch[PGC_EPOCH_BYTES];
    int64_t offset;

    if (pgc_history_wish(history, "chat-room-7-channel", &since) == PGC_WISH_REPLAY) {
        if (since.by_time ? since.unix_s <= 0 : !pgc_place_is_exact(&since.place)) {
            abort();
        }
        pgc_place_write(&since.place, epoch, &offset);
        if (!since.by_time && (!pgc_place_read(epoch, strlen(epoch), offset, &again) ||
                                  pgc_place_compare(&since.place, &again) != 0)) {
            abort();
        }
    }
    pgc_history_free(history);
}

static void
check_event_id(const uint8_t *data, size_t size)
{
    char *id = pgc_xstrndup((const char *)data, size);

    check_history(pgc_history_from_event(id, 0));
    free(id);
}

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
    if (command.history != NULL) {
        check_history(command.history);
        command.history = NULL;
    }
    pgc_command_fini(&command);
    check_event_id(data, size);
    return 0;
}
