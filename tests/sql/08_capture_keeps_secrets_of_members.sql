-- A member's row holds secrets: only mapped columns are captured.
select t.community();
alter table community_members add column new_notifications_count int default 0;
select pgcable.attach('member', 'community_members', '{"extra": ["headline"]}');
alter table community_members add column otp_secret text default 'swordfish';
update community_members set encrypted_password = 'hunter2';
select from pgcable.advance();
select t.ok(t.seen() <> '', 'the community was captured');

update community_members set new_notifications_count = 3, headline = 'Boss' where id = 42;
select from pgcable.advance();
create temp table got as
    select * from t.news() as (id bigint, xid text, kind text, op text, stream text,
        new text, old text, at_us bigint);
select t.is(string_agg(kind || ' ' || op, ', '), 'member U', 'the counter is watched') from got;
select t.is((select string_agg(key, ' ' order by n)
    from json_object_keys((select new::json from got)) with ordinality k (key, n)),
    'id name avatar_url email headline user_public_uid new_notifications_count', 'keys of new');
select t.ok(not old like any (array['%hunter2%', '%swordfish%']), 'no secret in old') from got;
select t.is((new::json ->> 'new_notifications_count') || (new::json ->> 'headline'), '3Boss',
    'values') from got;
delete from community_members where id = 44;
select from pgcable.advance();
select t.ok(t.seen() like '%member D%', 'a member deleted');
