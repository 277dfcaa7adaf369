-- revoke_token(), revoke_member(): a row in the outbox and one in the table, until it ends by itself.
create function t.rights() returns text
    language sql
as $$
    select string_agg(concat_ws(' ', what, id, before_s, until_s), ', ' order by what, id)
    from pgcable.rights(true);
$$;
create function t.put() returns text
    language sql
as $$
    select string_agg(concat_ws(' ', kind, op, stream, new), ', ') from (
        select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
            new text, old text, at_us bigint)) n;
$$;

begin;
select pgcable.revoke_token('j-1', to_timestamp(4000000000.9));
rollback;
select from pgcable.advance();
select t.is(concat(t.put(), t.rights()), '', 'rolled back');

select pgcable.revoke_token('j-1', to_timestamp(4000000000.9));
select from pgcable.advance();
select t.is(t.put(),
    'revoke_token B j-1 {"before_s" : null, "until_s" : 4000000000}', 'a token, in the outbox');
select t.is(t.rights(), 'token j-1 4000000000', 'and in the table');

-- The later end counts, and the later date of issue: what was revoked stays so.
select pgcable.revoke_token('j-1', to_timestamp(3000000000));
select pgcable.revoke_member('42', to_timestamp(1790000000.5), to_timestamp(4000000000));
select pgcable.revoke_member('42', to_timestamp(1780000000), 'infinity');
select from pgcable.advance();
select t.is(t.put(),
    'revoke_token B j-1 {"before_s" : null, "until_s" : 4000000000},'
    ' revoke_member B 42 {"before_s" : 1790000000, "until_s" : 4000000000},'
    ' revoke_member B 42 {"before_s" : 1790000000, "until_s" : 9223372036854775807}', 'again');
select t.is(t.rights(), 'member 42 1790000000 9223372036854775807, token j-1 4000000000', 'one row');

-- Without a date: now, not when the transaction began.
begin;
select pg_sleep(1.1);
select pgcable.revoke_member('43');
select t.ok(before_s > floor(extract(epoch from now())), 'as of the call')
    from pgcable.rights(true) where id = '43';
commit;

-- What ended by itself is forgotten an hour later.
select pgcable.revoke_token('old', now() - interval '61 minutes');
select pgcable.revoke_token('late', now() - interval '50 minutes');
select t.is(string_agg(id, ', ' order by id), '42, 43, j-1, late', 'old ones go')
    from pgcable.rights(true);
select t.is(count(*)::text, '4', 'from the table') from pgcable.revoked;

-- Rows tell of it, unless they are dropped.
select t.is(count(*)::text, '0', 'nothing twice') from pgcable.rights(false);
select pgcable.pause();
select pgcable.revoke_token('paused', now());
select t.is(count(*)::text, '5', 'all of it while nothing is captured') from pgcable.rights(false);
select pgcable.resume();

select t.throws($$select pgcable.revoke_token(null, now())$$, '%no token has such a jti%');
select t.throws($$select pgcable.revoke_token('', now())$$, '%no token has such a jti%');
select t.throws($$select pgcable.revoke_token(repeat('x', 128), now())$$, '%127 bytes%');
select t.throws($$select pgcable.revoke_token(E'a\nb', now())$$, '%control characters%');
select t.throws($$select pgcable.revoke_token('j', null)$$, '%without an end%');
select t.throws($$select pgcable.revoke_token('j', '-infinity')$$, '%without an end%');
select t.throws($$select pgcable.revoke_member(null)$$, '%no token has such a member%');
select t.throws($$select pgcable.revoke_member('42', null)$$, '%cannot be taken back%');
select t.throws($$select pgcable.revoke_member('42', 'infinity')$$, '%cannot be taken back%');
select t.throws($$select pgcable.revoke_member('42', now() + interval '2 days')$$, '%a day ahead%');

-- Nobody may, and whoever was allowed to may in that way only.
create role t_clerk;
grant usage on schema pgcable, t to t_clerk;
set role t_clerk;
select t.throws($$select pgcable.revoke_token('j', now())$$, '%permission denied%');
reset role;
grant execute on function pgcable.revoke_token(text, timestamptz),
    pgcable.revoke_member(text, timestamptz, timestamptz) to t_clerk;
set role t_clerk;
select pgcable.revoke_token('clerk', now());
select pgcable.revoke_member('clerk');
select t.throws($$insert into pgcable.revoked values ('token', 'x', null, now())$$,
    '%permission denied%');
select t.throws($$delete from pgcable.revoked$$, '%permission denied%');
select t.throws($$select pgcable.revoke('token', 'x', null, now())$$, '%permission denied%');
reset role;
select t.ok(count(*) = 2, 'both were written') from pgcable.revoked where id = 'clerk';
drop owned by t_clerk;
drop role t_clerk;
