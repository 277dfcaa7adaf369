-- Keys come from strangers: none of them is an error, none is granted anything.
select t.community();
create temp table bad as select unnest(array['', ' 42', '42 ', '4e1', '42.0', 'abc', '-', '--1',
    '999999999999999999999999999999', '9223372036854775808', '-9223372036854775809', '0x2A', E'42\n',
    '42; drop table chat_rooms', '''', '٤٢', repeat('9', 100000), '0b6f3c2e', 'null', '{}', '\',
    '0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a1', '{0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10}',
    '0b6f3c2e-7a51-4c5e-9b1d-2f0c6d1e8a10 ']) as key;
create temp table ask as
    select row_number() over () as req, * from (
        select key as member, c as channel, null as room, null as uuid
            from bad, unnest('{member,notifications,threads,room,nonsense}'::text[]) c
        union all select '42', 'room', key, null from bad
        union all select '42', 'room', null, key from bad
        union all select '42', key, '7', null from bad
        union all select null, 'member', null, null
        union all select null, null, null, null) a;
create temp table answer as
    select a.* from pgcable.access((select json_agg(ask) from ask)) a;
select t.is(count(*)::text, (select count(*)::text from ask), 'one answer each') from answer;
select t.is(count(*)::text, '0', 'all refused') from answer
    where stream is not null or topic is not null;
select t.is(count(*)::text, '0', 'no list, no answer') from pgcable.access('[]');
select t.is(count(*)::text, '1', 'advance has one row even then') from pgcable.advance('[]');
