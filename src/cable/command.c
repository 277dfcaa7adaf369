/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/frame.h"
#include "pgcable/history.h"
#include "pgcable/json.h"
#include "pgcable/mem.h"

/* What a client may ask for.  AnyCable's whisper, join, leave and presence are OTHER. */
static const struct command_name {
    const char *name;
    enum pgc_command_kind kind;
} command_names[] = {
    {.name = "subscribe", .kind = PGC_COMMAND_SUBSCRIBE},
    {.name = "unsubscribe", .kind = PGC_COMMAND_UNSUBSCRIBE},
    {.name = "message", .kind = PGC_COMMAND_MESSAGE},
    {.name = "history", .kind = PGC_COMMAND_HISTORY},
    {.name = "ping", .kind = PGC_COMMAND_PING},
    {.name = "pong", .kind = PGC_COMMAND_PONG},
};

static enum pgc_command_kind
command_kind(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(command_names) / sizeof(command_names[0]); i++) {
        const struct command_name *known = &command_names[i];

        if (strlen(known->name) == length && memcmp(known->name, name, length) == 0) {
            return known->kind;
        }
    }
    return PGC_COMMAND_OTHER;
}

bool
pgc_command_parse(const char *text, size_t length, size_t max_bytes, struct pgc_command *command,
    struct pgc_err *err)
{
    struct pgc_json *json = pgc_json_parse(text, length, max_bytes, err);
    const char *name;
    const char *identifier;
    struct pgc_slice history;
    size_t name_length = 0;
    size_t identifier_length = 0;

    *command = (struct pgc_command){.kind = PGC_COMMAND_OTHER};
    if (json == NULL) {
        return pgc_err_wrap(err, "read a command");
    }
    name = pgc_json_string(json, "command", &name_length);
    if (name != NULL) {
        command->kind = command_kind(name, name_length);
    }
    identifier = pgc_json_string(json, "identifier", &identifier_length);
    if (identifier != NULL) {
        command->identifier = pgc_xstrndup(identifier, identifier_length);
        command->identifier_length = identifier_length;
    }
    history = pgc_json_member(json, "history");
    if (!pgc_slice_is_null(history)) {
        command->history = pgc_history_parse(history.data, history.length);
    }
    pgc_json_free(json);
    return true;
}

void
pgc_command_fini(struct pgc_command *command)
{
    free(command->identifier);
    pgc_history_free(command->history);
    *command = (struct pgc_command){.kind = PGC_COMMAND_OTHER};
}
