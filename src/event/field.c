/* SPDX-License-Identifier: PostgreSQL */
/* field.c - the canonical names of columns and kinds. */
#include "record.h"

static const char *const field_names[FIELD_COUNT] = {
    [FIELD_ADMIN] = "admin",
    [FIELD_AVATAR_URL] = "avatar_url",
    [FIELD_BODY] = "body",
    [FIELD_CHAT_ROOM_DESCRIPTION] = "chat_room_description",
    [FIELD_CHAT_ROOM_ID] = "chat_room_id",
    [FIELD_CHAT_ROOM_KIND] = "chat_room_kind",
    [FIELD_CHAT_ROOM_NAME] = "chat_room_name",
    [FIELD_CHAT_ROOM_PARTICIPANT_ID] = "chat_room_participant_id",
    [FIELD_CHAT_ROOM_SHOW_HISTORY] = "chat_room_show_history",
    [FIELD_CHAT_THREAD_ID] = "chat_thread_id",
    [FIELD_CHAT_THREAD_REPLIES_COUNT] = "chat_thread_replies_count",
    [FIELD_COMMUNITY_MEMBER_ID] = "community_member_id",
    [FIELD_CREATED_AT] = "created_at",
    [FIELD_CREATION_UUID] = "creation_uuid",
    [FIELD_CURRENT_PARTICIPANT] = "current_participant",
    [FIELD_DELETED_AT] = "deleted_at",
    [FIELD_DIRECT_NAME] = "direct_name",
    [FIELD_EDITED_AT] = "edited_at",
    [FIELD_EMAIL] = "email",
    [FIELD_EXTRA] = "extra",
    [FIELD_HEADLINE] = "headline",
    [FIELD_ID] = "id",
    [FIELD_IDENTIFIER] = "identifier",
    [FIELD_IS_EMBEDDED] = "is_embedded",
    [FIELD_LAST_READ_AT] = "last_read_at",
    [FIELD_LESSON_ID] = "lesson_id",
    [FIELD_MUTED] = "muted",
    [FIELD_NAME] = "name",
    [FIELD_NEW_NOTIFICATIONS_COUNT] = "new_notifications_count",
    [FIELD_OTHER_PARTICIPANTS_PREVIEW] = "other_participants_preview",
    [FIELD_PARENT_MESSAGE_ID] = "parent_message_id",
    [FIELD_PINNED_AT] = "pinned_at",
    [FIELD_PINNED_MESSAGE_ID] = "pinned_message_id",
    [FIELD_READ_AT] = "read_at",
    [FIELD_REPLIES_COUNT] = "replies_count",
    [FIELD_RICH_TEXT_BODY] = "rich_text_body",
    [FIELD_SEEN_AT] = "seen_at",
    [FIELD_SENT_AT] = "sent_at",
    [FIELD_THREAD_PARTICIPANTS_PREVIEW] = "thread_participants_preview",
    [FIELD_TOTAL_THREAD_PARTICIPANTS_COUNT] = "total_thread_participants_count",
    [FIELD_UNREAD_MESSAGES_COUNT] = "unread_messages_count",
    [FIELD_USER_PUBLIC_UID] = "user_public_uid",
    [FIELD_UUID] = "uuid",
};

static const char *const kind_names[KIND_COUNT] = {
    [KIND_MEMBER] = "member",
    [KIND_MESSAGE] = "message",
    [KIND_NOTIFICATION] = "notification",
    [KIND_PARTICIPANT] = "participant",
    [KIND_ROOM] = "room",
    [KIND_THREAD] = "thread",
    [KIND_THREAD_PARTICIPANT] = "thread_participant",
};

/* Where `name` stands among `count` names in alphabetical order; `count` if nowhere. */
static unsigned
name_find(const char *const *names, unsigned count, const char *name)
{
    unsigned low = 0;
    unsigned high = count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = strcmp(name, names[middle]);

        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return count;
}

const char *
pgc_field_name(enum event_field field)
{
    return field_names[field];
}

bool
pgc_field_find(const char *name, enum event_field *field)
{
    *field = (enum event_field)name_find(field_names, FIELD_COUNT, name);
    return *field != FIELD_COUNT;
}

const char *
pgc_kind_name(enum event_kind kind)
{
    return kind_names[kind];
}

bool
pgc_kind_find(const char *name, enum event_kind *kind)
{
    *kind = (enum event_kind)name_find(kind_names, KIND_COUNT, name);
    return *kind != KIND_COUNT;
}
