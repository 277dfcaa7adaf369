-- schema.sql - the tables of an application, Rails style, that pgcable knows without a mapping.
--
-- Not part of pgcable: the demo, the tests and the reader of the manual need something to look at.

create table community_members (
    id bigserial primary key,
    name varchar not null,
    avatar_url varchar,
    email varchar not null,
    headline varchar,
    user_public_uid varchar not null default left(md5(random()::text), 8),
    encrypted_password varchar not null default '',
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);

create table chat_rooms (
    id bigserial primary key,
    uuid uuid not null default gen_random_uuid() unique,
    identifier varchar not null default md5(random()::text),
    chat_room_kind varchar not null default 'group_chat',
    name varchar,
    description varchar,
    show_history boolean not null default true,
    is_embedded boolean not null default false,
    pinned_message_id bigint,
    deleted_at timestamp(6),
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);

create table chat_room_participants (
    id bigserial primary key,
    chat_room_id bigint not null references chat_rooms on delete cascade,
    community_member_id bigint not null references community_members on delete cascade,
    admin boolean not null default false,
    muted boolean not null default false,
    last_read_at timestamp(6),
    unread_messages_count integer not null default 0,
    pinned_at timestamp(6),
    deleted_at timestamp(6),
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);
create unique index on chat_room_participants (chat_room_id, community_member_id)
    where deleted_at is null;
create index on chat_room_participants (community_member_id);

create table chat_threads (
    id bigserial primary key,
    chat_room_id bigint not null references chat_rooms on delete cascade,
    parent_message_id bigint,
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);
create index on chat_threads (chat_room_id);
create index on chat_threads (parent_message_id);

create table chat_room_messages (
    id bigserial primary key,
    chat_room_id bigint not null references chat_rooms on delete cascade,
    chat_room_participant_id bigint references chat_room_participants on delete set null,
    body text,
    rich_text_body jsonb not null default '{}',
    sent_at timestamp(6) not null default (now() at time zone 'utc'),
    creation_uuid uuid default gen_random_uuid(),
    chat_thread_id bigint references chat_threads on delete set null,
    parent_message_id bigint references chat_room_messages on delete set null,
    lesson_id bigint,
    edited_at timestamp(6),
    deleted_at timestamp(6),
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);
create index on chat_room_messages (chat_room_id, created_at);
create index on chat_room_messages (chat_room_participant_id);
create index on chat_room_messages (chat_thread_id);
create index on chat_room_messages (parent_message_id);

alter table chat_rooms add foreign key (pinned_message_id)
    references chat_room_messages on delete set null;
alter table chat_threads add foreign key (parent_message_id)
    references chat_room_messages on delete cascade;

create table chat_thread_participants (
    id bigserial primary key,
    chat_thread_id bigint not null references chat_threads on delete cascade,
    community_member_id bigint not null references community_members on delete cascade,
    last_read_at timestamp(6),
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc'),
    unique (chat_thread_id, community_member_id)
);
create index on chat_thread_participants (community_member_id);

create table notifications (
    id bigserial primary key,
    community_member_id bigint not null references community_members on delete cascade,
    action varchar,
    actor_name varchar,
    notifiable_type varchar,
    notifiable_id bigint,
    notifiable_title varchar,
    seen_at timestamp(6),
    read_at timestamp(6),
    created_at timestamp(6) not null default (now() at time zone 'utc'),
    updated_at timestamp(6) not null default (now() at time zone 'utc')
);
create index on notifications (community_member_id) where seen_at is null;
