// SPDX-License-Identifier: PostgreSQL
// quoted.mjs - a schema of quoted names, and what an application of this shape does in SQL.
export default {
    files: ['sql/presets/quoted/schema.sql', 'sql/presets/quoted/attach.sql'],
    ids: ['number', 'string'], // people's are text
    nullable: [],
    lacks: {},
    deeds: (sql) => ({
        member: (name) => sql`insert into "Chat"."People" ("Id", "DisplayName", "EMail")
            values ('p_' || md5(gen_random_uuid()::text), ${name}, ${`${name}@example.test`}) returning "Id"`,
        room: (members) => sql`with room as (insert into "Chat"."Rooms" ("Title") values ('Team') returning "Id"),
            people as (insert into "Chat"."RoomMemberships" ("RoomId", "PersonId")
                select room."Id", m from room, json_array_elements_text(${members}) m)
            select "Id" from room`,
        uuid: (room) => sql`select "Uuid" from "Chat"."Rooms" where "Id" = ${room}`,
        join: (room, member) => sql`insert into "Chat"."RoomMemberships" ("RoomId", "PersonId")
            values (${room}, ${member}) returning "Id"`,
        say: (room, member, body, { parent, thread } = {}) => sql`insert into "Chat"."RoomMessages"
            ("RoomId", "SenderMembershipId", "Body", "ReplyToId", "ThreadId")
            select "RoomId", "Id", ${body}, ${parent}, ${thread} from "Chat"."RoomMemberships"
            where "RoomId" = ${room} and "PersonId" = ${member} returning "Id"`,
        thread: (room, root, members) => sql`with thread as (
                insert into "Chat"."Threads" ("RoomId", "RootMessageId") values (${room}, ${root}) returning "Id"),
            people as (insert into "Chat"."ThreadMemberships" ("ThreadId", "PersonId")
                select thread."Id", m from thread, json_array_elements_text(${members}) m)
            select "Id" from thread`,
        notify: (member) => sql`insert into "Chat"."Notifications" ("PersonId", "What")
            values (${member}, '{"verb": "add"}') returning "Id"`,
        see: (member) => sql`update "Chat"."Notifications" set "SeenAt" = now() where "PersonId" = ${member}`,
        rename: (room) => sql`update "Chat"."Rooms" set "Title" = 'New' where "Id" = ${room}`,
        redesign: (room, root) => sql`update "Chat"."Rooms" set "PinnedMessageId" = ${root} where "Id" = ${room}`,
        removeRoom: (room) => sql`update "Chat"."Rooms" set "IsDeleted" = true where "Id" = ${room}`,
        read: (room, member) => sql`update "Chat"."RoomMemberships" set "ReadUpTo" = now()
            where "RoomId" = ${room} and "PersonId" = ${member}`,
        pin: (room, member) => sql`update "Chat"."RoomMemberships" set "PinnedAt" = '2026-10-01 11:14:31.0019+02'
            where "RoomId" = ${room} and "PersonId" = ${member}`,
        unpin: (room, member) => sql`update "Chat"."RoomMemberships" set "PinnedAt" = null
            where "RoomId" = ${room} and "PersonId" = ${member}`,
        edit: (message) => sql`update "Chat"."RoomMessages" set "Body" = 'edited', "EditedAt" = now()
            where "Id" = ${message}`,
        touch: (message) => sql`update "Chat"."RoomMessages" set "UpdatedAt" = clock_timestamp() where "Id" = ${message}`,
        remove: (message) => sql`update "Chat"."RoomMessages" set "IsDeleted" = true where "Id" = ${message}`,
        readThread: (thread, member) => sql`update "Chat"."ThreadMemberships" set "ReadUpTo" = now()
            where "ThreadId" = ${thread} and "PersonId" = ${member}`,
    }),
};
