// SPDX-License-Identifier: PostgreSQL
// app.mjs - the application's side: people, rooms, messages, all of it plain SQL by a role that has
// no rights in the schema pgcable.

export class App {
    constructor(role, superuser) {
        this.role = role;
        this.superuser = superuser; // only for what the application may not do
        this.sql = role.sql;
    }

    async id(text) {
        return Number(await text);
    }

    member(name = 'Ann') {
        return this.id(this.sql`insert into community_members (name, email, user_public_uid)
            values (${name}, ${`${name.toLowerCase()}@example.test`}, '50cbbccb') returning id`);
    }

    // A room and its members, in one transaction.
    room(members, { name = 'Team', kind = 'group_chat', embedded = false } = {}) {
        return this.id(this.sql`
            with room as (
                insert into chat_rooms (name, chat_room_kind, is_embedded)
                values (${name}, ${kind}, ${embedded}) returning id
            ), participants as (
                insert into chat_room_participants (chat_room_id, community_member_id)
                select room.id, member.id::bigint
                from room, json_array_elements_text(${members}) member(id)
            )
            select id from room`);
    }

    participant(room, member) {
        return this.id(this
            .sql`insert into chat_room_participants (chat_room_id, community_member_id)
            values (${room}, ${member}) returning id`);
    }

    message(room, member, body = 'Hi', fields = {}) {
        const { parent = null, thread = null } = fields;
        return this.id(this.sql`
            insert into chat_room_messages
                (chat_room_id, chat_room_participant_id, body, creation_uuid,
                parent_message_id, chat_thread_id)
            select p.chat_room_id, p.id, ${body}, gen_random_uuid(),
                ${parent}::bigint, ${thread}::bigint
            from chat_room_participants p
            where p.chat_room_id = ${room} and p.community_member_id = ${member} returning id`);
    }

    // A thread below a message, with these members; returns its id.
    async thread(room, message, members) {
        const id = await this.id(this.sql`insert into chat_threads (chat_room_id, parent_message_id)
            values (${room}, ${message}) returning id`);
        for (const member of members) {
            await this
                .sql`insert into chat_thread_participants (chat_thread_id, community_member_id)
                values (${id}, ${member})`;
        }
        return id;
    }

    notification(member) {
        return this.id(
            this
                .sql`insert into notifications (community_member_id)
                    values (${member}) returning id`,
        );
    }

    // To one stream or to several, in one transaction.
    async broadcast(streams, message) {
        await this.superuser.sql`select pgcable.broadcast(stream, ${JSON.stringify(message)}::jsonb)
            from json_array_elements_text(${[streams].flat()}) stream`;
    }
}
