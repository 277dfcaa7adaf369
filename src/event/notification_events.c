/* SPDX-License-Identifier: PostgreSQL */
/* notification_events.c - newNotification and the two events of the count. */
#include "events.h"
#include "payload.h"

/* The row as far as it is mapped. */
static void
notification_add_row(const struct event_object *object, const struct event_record *row)
{
    const bool *has = row->map->has;

    if (has[FIELD_ID]) {
        pgc_payload_add_field(object, row, FIELD_ID);
    }
    pgc_payload_add_field(object, row, FIELD_COMMUNITY_MEMBER_ID);
    if (has[FIELD_CREATED_AT]) {
        pgc_payload_add_time(object, "created_at", pgc_record_get(row, FIELD_CREATED_AT));
    }
    if (has[FIELD_SEEN_AT]) {
        pgc_payload_add_time(object, "seen_at", pgc_record_get(row, FIELD_SEEN_AT));
    }
    if (has[FIELD_READ_AT]) {
        pgc_payload_add_time(object, "read_at", pgc_record_get(row, FIELD_READ_AT));
    }
    pgc_payload_add_extras(object, row);
}

/* newNotification: a notification appears. */
void
pgc_event_notification_new(struct pgc_builder *builder, const struct event_change *change)
{
    struct event_payload payload;
    struct event_object object;
    struct pgc_msg *msg;

    if (builder->asking) {
        return;
    }
    pgc_payload_begin(builder, &payload, "newNotification", pgc_record_get(change->now, FIELD_ID));
    object = pgc_payload_open(&payload.fields, "notification");
    notification_add_row(&object, change->now);
    pgc_payload_close(&object);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_NOTIFICATIONS,
        pgc_builder_key(builder, change->now, FIELD_COMMUNITY_MEMBER_ID), msg);
    pgc_msg_unref(msg);
}

/* updateNewNotificationCount, or resetNewNotificationCount where nothing new is left. */
void
pgc_event_count(struct pgc_builder *builder, struct pgc_slice member, struct pgc_slice count)
{
    static const char zero[] = "0";
    bool reset = pgc_slice_equal(count, (struct pgc_slice){.data = zero, .length = 1});
    struct event_payload payload;
    struct pgc_msg *msg;

    if (pgc_slice_is_null(count)) {
        pgc_builder_complain(builder,
            "updateNewNotificationCount for member %.*s: the database did not say how many there "
            "are; not sent, hint: look for an error of pgcable.facts() in the log",
            (int)member.length, member.data);
        pgc_payload_hole(builder, TOPIC_NOTIFICATIONS, member);
        return;
    }
    pgc_payload_begin(builder, &payload,
        reset ? "resetNewNotificationCount" : "updateNewNotificationCount", (struct pgc_slice){0});
    pgc_payload_add_raw(&payload.fields, "new_notifications_count", count);
    msg = pgc_payload_finish(builder, &payload);
    pgc_topic_publish(builder, TOPIC_NOTIFICATIONS, member, msg);
    pgc_msg_unref(msg);
}
