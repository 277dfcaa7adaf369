-- 0011_revocation.sql - tokens that are good no more, and rules that are asked again.
--
-- Breaking: yes. A daemon that does not know it would go on sending to whom it must not.
--
-- What ends a right goes through the outbox, in order with the rows of its transaction: a daemon
-- sends nothing that comes behind it.  What must be known to a daemon that starts later, or that was
-- paused, stands in the table, too; it reads that before it lets anybody listen.

do $migration$
begin
    if pgcable.migrating(11, 'revocation', true) then
        execute $sql$

create table pgcable.revoked (
    what text not null check (what in ('token', 'member')),
    id text not null,
    before timestamptz,
    until timestamptz not null,
    primary key (what, id)
);
comment on table pgcable.revoked is
    'Tokens by their jti, and members whose tokens of that second and before are good no more.'
    ' Written by pgcable.revoke_token() and revoke_member().';
create index revoked_until on pgcable.revoked (until);

-- What a date is to those who compare whole seconds; infinity is later than all of them.
create function pgcable.second_of(p_at timestamptz) returns bigint
    language sql
    immutable
    strict
    set search_path = pg_catalog, pg_temp
as $$
    select case when isfinite(p_at) then floor(extract(epoch from p_at))::bigint
        when p_at > 'epoch' then 9223372036854775807 else 0 end;
$$;
comment on function pgcable.second_of(timestamptz) is 'Internal: as Unix time.';

create function pgcable.revoke(p_what text, p_id text, p_before timestamptz, p_until timestamptz)
    returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_row pgcable.revoked;
begin
    if p_id is null or octet_length(p_id) not between 1 and 127 or p_id ~ '[[:cntrl:]]' then
        raise exception 'pgcable: no token has such a %: %',
            case p_what when 'token' then 'jti' else 'member' end, quote_nullable(left(p_id, 130))
            using errcode = 'invalid_parameter_value',
                hint = 'The daemon accepts 1 to 127 bytes without control characters.';
    end if;
    if p_until is null or not isfinite(p_until) and p_until < 'epoch' then
        raise exception 'pgcable: cannot revoke a token without an end' using
            errcode = 'null_value_not_allowed', hint = 'until => when the token ends by itself.';
    end if;
    insert into pgcable.revoked as r (what, id, before, until)
        values (p_what, p_id, p_before, p_until)
        on conflict (what, id) do update set before = greatest(r.before, excluded.before),
            until = greatest(r.until, excluded.until)
        returning * into v_row;
    perform pgcable.put('revoke_' || p_what, p_id, json_build_object(
        'before_s', pgcable.second_of(v_row.before), 'until_s', pgcable.second_of(v_row.until)));
end;
$$;
comment on function pgcable.revoke(text, text, timestamptz, timestamptz) is
    'Internal: note it in the table and in the outbox.';

-- Security definer, these two: whoever may call them revokes through them and in no other way.
create function pgcable.revoke_token(jti text, until timestamptz) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcable.revoke('token', jti, null, until);
end;
$$;
comment on function pgcable.revoke_token(text, timestamptz) is
    'Nothing that is committed later is sent to that token, which ends by itself at until. To allow'
    ' it to a role: grant usage on schema pgcable and execute on this function.';

create function pgcable.revoke_member(
    member text, before timestamptz default clock_timestamp(), until timestamptz default 'infinity'
) returns void
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    if before is null or not isfinite(before)
        or before > clock_timestamp() + interval '1 day' then
        raise exception 'pgcable: cannot revoke the tokens issued before %',
            coalesce(quote_literal(before), 'null') using errcode = 'invalid_parameter_value',
                hint = 'It cannot be taken back, so it must be a time, and no more than a day ahead.';
    end if;
    perform pgcable.revoke('member', member, before, until);
end;
$$;
comment on function pgcable.revoke_member(text, timestamptz, timestamptz) is
    'The same for all tokens of a member that were issued (iat) in that second or before, or do not'
    ' say when; remembered until they have all ended by themselves.';

-- Statement by statement, not row by row: the answer is asked for once in any case.
create function pgcable.rule_changed() returns trigger
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
begin
    perform pgcable.put('recheck', t.class, null)
    from pgcable.rule_table t where t.relation = tg_relid order by t.class;
    return null;
end;
$$;
comment on function pgcable.rule_changed() is 'Trigger put on tables by pgcable.recheck_on().';

create function pgcable.recheck(class text) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    select pgcable.put('recheck', class, null) where class is not null;
$$;
comment on function pgcable.recheck(text) is
    'Ask the rule of that channel again for all who listen, as of this commit. To allow it to a'
    ' role: grant usage on schema pgcable and execute on this function.';

create function pgcable.rule_table_put(p_class text, p_tables regclass[]) returns void
    language sql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
    delete from pgcable.rule_table where class = p_class;
    insert into pgcable.rule_table (class, relation)
        select distinct p_class, r from unnest(p_tables) r;
    select pgcable.put('recheck', p_class, null);
$$;
comment on function pgcable.rule_table_put(text, regclass[]) is
    'Internal: the part of recheck_on() that needs the rights of pgcable_owner.';

-- Not security definer: a trigger is the table's owner's to make.
create function pgcable.recheck_on(class text, tables regclass[]) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass;
    v_before regclass[] := array(
        select t.relation from pgcable.rule_table t where t.class = recheck_on.class);
begin
    if class is null or class <> 'Chats::RoomChannel' and cardinality(tables) > 0
        and not exists (select from pgcable.channel c where c.class = recheck_on.class) then
        raise exception 'pgcable: there is no channel %', quote_nullable(class)
            using errcode = 'undefined_object',
                hint = 'Make it by pgcable.channel(); for room_rule() say Chats::RoomChannel.';
    end if;
    foreach v_table in array coalesce(tables, '{}') loop
        if not exists (select from pg_class where oid = v_table and relkind in ('r', 'p')) then
            raise exception 'pgcable: % is no table', v_table using errcode = 'wrong_object_type';
        end if;
        execute format(
            'create or replace trigger pgcable_rule after insert or update or delete or truncate'
            ' on %s for each statement execute function pgcable.rule_changed()', v_table);
    end loop;
    perform pgcable.rule_table_put(class, coalesce(tables, '{}'));
    for v_table in
        select g.tgrelid from pg_trigger g
        where g.tgrelid = any (v_before) and g.tgname = 'pgcable_rule' and not exists (
            select from pgcable.rule_table t where t.relation = g.tgrelid)
    loop
        execute format('drop trigger pgcable_rule on %s', v_table);
    end loop;
end;
$$;
comment on function pgcable.recheck_on(text, regclass[]) is
    'Ask the rule of that channel again whenever one of these tables changes, in order with the'
    ' change: recheck_on(''OrdersChannel'', ''{app.customers}''). Without tables, no more.';

-- What ended by itself is forgotten, an hour late because clocks differ.  Who has read it all once
-- learns of the rest by rows, unless these are dropped.
create function pgcable.rights(p_all boolean)
    returns table (what text, id text, before_s bigint, until_s bigint)
    language plpgsql
    security definer
    set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    delete from pgcable.revoked where until < clock_timestamp() - interval '1 hour';
    return query
        select r.what, r.id, pgcable.second_of(r.before), pgcable.second_of(r.until)
        from pgcable.revoked r
        where p_all or pg_sequence_last_value('pgcable.ctl') & 3 = 3
        union all
        select 'rule', c.class, null, null from pgcable.channel c
        union all
        select 'rule', 'Chats::RoomChannel', null, null from pgcable.room_rule;
end;
$$;
comment on function pgcable.rights(boolean) is
    'Daemon: what was revoked, all of it or as far as rows do not tell, and of which channels the'
    ' rules are to be asked again and again.';

grant execute on function pgcable.rights(boolean) to pgcable_daemon;

reset role;

        $sql$;
    end if;
end;
$migration$;
