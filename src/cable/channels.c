/* SPDX-License-Identifier: PostgreSQL */
/*
 * Identifiers and what they mean, for member 42:
 *
 *   {"channel":"NotificationChannel"}                              42's notifications
 *   {"channel":"ChatRoomChannel","community_member_id":42}         42's rooms ("42" does as well)
 *   {"channel":"ChatRoomChannel","community_member_id":43}         refused: somebody else's
 *   {"channel":"Chats::RoomChannel","chat_room_id":7}              room 7; also id, room_id
 *   {"channel":"Chats::RoomChannel","chat_room_uuid":"0b6f3c2e…"}  that room; also uuid
 *   {"channel":"OrdersChannel","customer_id":5}                    the database knows, or nobody
 *   {"channel":"Orders Channel"}                                   refused: no name of a class
 *
 * With "history_since" (a time in seconds) the subscription begins with what came then and later.
 * Other members of the object, their order and the spacing mean nothing here, but make another
 * identifier: the client gets back the text it sent.
 */
#include <ctype.h>

#include "pgcable/json.h"

#include "cable_internal.h"

static const struct channel {
    const char *name;
    enum pgc_stream_kind kind;
} channels[] = {
    {.name = "NotificationChannel", .kind = PGC_STREAM_NOTIFICATIONS},
    {.name = "ChatRoomChannel", .kind = PGC_STREAM_MEMBER},
    {.name = "Chats::RoomChannel", .kind = PGC_STREAM_ROOM},
    {.name = "Chats::CommunityMemberThreadsChannel", .kind = PGC_STREAM_THREADS},
};

/* The first that is there counts; the id before the uuid. */
static const char *const channel_room_keys[] = {"chat_room_id", "id", "room_id"};
static const char *const channel_uuid_keys[] = {"chat_room_uuid", "uuid"};

static const struct channel *
channels_find(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
        const struct channel *channel = &channels[i];

        if (strlen(channel->name) == length && memcmp(channel->name, name, length) == 0) {
            return channel;
        }
    }
    return NULL;
}

enum pgc_stream_kind
pgc_channels_kind(const char *channel_class)
{
    const struct channel *channel = channels_find(channel_class, strlen(channel_class));

    return channel != NULL ? channel->kind : PGC_STREAM_CUSTOM;
}

/* A stream that belongs to one member: naming nobody means oneself. */
static enum pgc_verdict
channels_resolve_own(const struct pgc_json *json, const char *member)
{
    static const char key[] = "community_member_id";
    char named[128];

    if (!pgc_json_has(json, key)) {
        return PGC_VERDICT_ASK;
    }
    if (!pgc_json_id(json, key, named, sizeof(named)) || strcmp(named, member) != 0) {
        return PGC_VERDICT_MEMBER;
    }
    return PGC_VERDICT_ASK;
}

/* The first of `keys` that is there, as text; false if there is none or it is no id. */
static bool
channels_read_id(
    const struct pgc_json *json, const char *const *keys, size_t count, char *out, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        if (pgc_json_has(json, keys[i])) {
            return pgc_json_id(json, keys[i], out, size) && out[0] != '\0';
        }
    }
    return false;
}

static enum pgc_verdict
channels_resolve_room(const struct pgc_json *json, struct pgc_target *target)
{
    if (channels_read_id(json, channel_room_keys,
            sizeof(channel_room_keys) / sizeof(channel_room_keys[0]), target->room,
            sizeof(target->room))) {
        return PGC_VERDICT_ASK;
    }
    target->room[0] = '\0';
    if (channels_read_id(json, channel_uuid_keys,
            sizeof(channel_uuid_keys) / sizeof(channel_uuid_keys[0]), target->room_uuid,
            sizeof(target->room_uuid))) {
        return PGC_VERDICT_ASK;
    }
    return PGC_VERDICT_ROOM;
}

/* A class of the application's own: its name is checked here, all else by the database. */
static enum pgc_verdict
channels_resolve_custom(const char *name, size_t length, struct pgc_target *target)
{
    if (length == 0 || length > PGC_CLASS_MAX) {
        return PGC_VERDICT_CHANNEL;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != ':') {
            return PGC_VERDICT_CHANNEL;
        }
    }
    target->kind = PGC_STREAM_CUSTOM;
    memcpy(target->channel_class, name, length);
    return PGC_VERDICT_ASK;
}

static enum pgc_verdict
channels_resolve_class(const struct pgc_json *json, const char *member, struct pgc_target *target)
{
    size_t length = 0;
    const char *name = pgc_json_string(json, "channel", &length);
    const struct channel *channel;

    if (name == NULL) {
        return PGC_VERDICT_CHANNEL;
    }
    channel = channels_find(name, length);
    if (channel == NULL) {
        return channels_resolve_custom(name, length, target);
    }
    target->kind = channel->kind;
    return channel->kind == PGC_STREAM_ROOM ? channels_resolve_room(json, target)
                                            : channels_resolve_own(json, member);
}

enum pgc_verdict
pgc_channels_resolve(
    const char *identifier, size_t length, const char *member, struct pgc_target *target)
{
    struct pgc_json *json = pgc_json_parse(identifier, length, length, NULL);
    enum pgc_verdict verdict;

    *target = (struct pgc_target){.kind = PGC_STREAM_NOTIFICATIONS};
    if (json == NULL) {
        return PGC_VERDICT_IDENTIFIER;
    }
    if (!pgc_json_int(json, "history_since", &target->since_s) || target->since_s < 0) {
        target->since_s = 0;
    }
    verdict = channels_resolve_class(json, member, target);
    pgc_json_free(json);
    return verdict;
}

bool
pgc_identifier_is_valid(const char *identifier, size_t length)
{
    struct pgc_target target;
    enum pgc_verdict verdict = pgc_channels_resolve(identifier, length, "", &target);

    return verdict != PGC_VERDICT_IDENTIFIER && verdict != PGC_VERDICT_CHANNEL;
}
