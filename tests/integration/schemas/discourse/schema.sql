-- schema.sql - the chat of Discourse as a foreign shape: what its tables look like, written anew.
--
-- Only names, types and defaults of the columns that matter here are taken from the annotations in
-- the models of github.com/discourse/discourse (plugins/chat and app/models, GPL 2); no code is.
-- Like all Rails applications it has times without zone in UTC, and no foreign keys in the database.

create table users (
    id serial primary key,
    username varchar(60) not null,
    name varchar,
    admin boolean not null default false,
    moderator boolean default false,
    uploaded_avatar_id integer,
    last_seen_at timestamp,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc')
);

create table chat_channels (
    id bigserial primary key,
    chatable_id bigint not null,
    chatable_type varchar not null,
    type varchar,
    status integer not null default 0,
    name varchar,
    slug varchar,
    description text,
    user_count integer not null default 0,
    messages_count integer not null default 0,
    last_message_id bigint,
    auto_join_users boolean not null default false,
    threading_enabled boolean not null default false,
    deleted_at timestamp,
    deleted_by_id integer,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc')
);

create table user_chat_channel_memberships (
    id bigserial primary key,
    user_id integer not null,
    chat_channel_id bigint not null,
    last_read_message_id bigint,
    following boolean not null default false,
    muted boolean not null default false,
    notification_level integer not null default 1,
    join_mode integer not null default 0,
    last_viewed_at timestamp not null default (now() at time zone 'utc'),
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc'),
    unique (user_id, chat_channel_id)
);

create table chat_messages (
    id bigserial primary key,
    chat_channel_id bigint not null,
    user_id integer,
    last_editor_id integer not null,
    message text,
    cooked text,
    cooked_version integer,
    in_reply_to_id bigint,
    thread_id bigint,
    deleted_at timestamp,
    deleted_by_id integer,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc')
);
create index on chat_messages (chat_channel_id, created_at);
create index on chat_messages (thread_id);

create table chat_threads (
    id bigserial primary key,
    channel_id bigint not null,
    original_message_id bigint not null,
    original_message_user_id integer not null,
    status integer not null default 0,
    title varchar,
    replies_count integer not null default 0,
    last_message_id bigint,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc')
);
create index on chat_threads (original_message_id);

create table user_chat_thread_memberships (
    id bigserial primary key,
    user_id bigint not null,
    thread_id bigint not null,
    last_read_message_id bigint,
    notification_level integer not null default 2,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc'),
    unique (user_id, thread_id)
);

create table notifications (
    id bigserial primary key,
    notification_type integer not null,
    user_id integer not null,
    data varchar(1000) not null,
    read boolean not null default false,
    high_priority boolean not null default false,
    topic_id integer,
    post_number integer,
    created_at timestamp not null default (now() at time zone 'utc'),
    updated_at timestamp not null default (now() at time zone 'utc')
);
create index on notifications (user_id);
