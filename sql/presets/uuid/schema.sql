-- schema.sql - all seven kinds with uuid keys.
--
-- A room needs no second uuid: where the events speak of chat_room_uuid they mean its id.

create table accounts (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    avatar_url text,
    email text not null,
    headline text,
    public_uid text not null default left(md5(random()::text), 8)
);

create table conversations (
    id uuid primary key default gen_random_uuid(),
    slug text not null default md5(random()::text),
    kind text not null default 'group_chat',
    title text,
    description text,
    show_history boolean not null default true,
    is_embedded boolean not null default false,
    pinned_message_id uuid,
    deleted_at timestamptz
);

create table conversation_members (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references conversations on delete cascade,
    account_id uuid not null references accounts on delete cascade,
    admin boolean not null default false,
    muted boolean not null default false,
    last_read_at timestamptz,
    unread_count integer not null default 0,
    pinned_at timestamptz,
    left_at timestamptz
);
create unique index on conversation_members (conversation_id, account_id) where left_at is null;
create index on conversation_members (account_id);

create table threads (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references conversations on delete cascade,
    root_message_id uuid
);
create index on threads (root_message_id);

create table messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references conversations on delete cascade,
    author_id uuid not null references accounts on delete cascade,
    body text not null,
    document jsonb not null default '{}',
    sent_at timestamptz not null default clock_timestamp(),
    client_id uuid not null default gen_random_uuid(),
    thread_id uuid references threads on delete set null,
    reply_to_id uuid references messages on delete set null,
    edited_at timestamptz,
    deleted_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);
create index on messages (conversation_id, created_at);
create index on messages (thread_id);
create index on messages (reply_to_id);

create table thread_members (
    id uuid primary key default gen_random_uuid(),
    thread_id uuid not null references threads on delete cascade,
    account_id uuid not null references accounts on delete cascade,
    last_read_at timestamptz,
    unique (thread_id, account_id)
);
create index on thread_members (account_id);

create table notices (
    id uuid primary key default gen_random_uuid(),
    account_id uuid not null references accounts on delete cascade,
    text text,
    seen_at timestamptz,
    read_at timestamptz,
    created_at timestamptz not null default clock_timestamp()
);
create index on notices (account_id) where seen_at is null;
