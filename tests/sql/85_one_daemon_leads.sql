-- One daemon leads, for as long as it says so again; then another may, with a larger term.

create function t.lead(p_name text, p_lease interval default '1 hour') returns text
    language sql
as $$
    select case when term is not null then 'leads' else 'waits for ' || leader end
    from pgcable.lead(p_name, p_lease);
$$;
create temporary table was (place int generated always as identity, term bigint);
create function t.note() returns void
    language sql
as $$ insert into was (term) select term from pgcable.leader; $$;

select t.is(t.lead('ann'), 'leads', 'whoever comes first leads');
select t.note();
select t.is(t.lead('bo'), 'waits for ann', 'the next one waits');
select t.is(t.lead('bo', '0'), 'waits for ann', 'who does not lead has nothing to let go');
select t.is(t.lead('ann'), 'leads', 'the first goes on');
select t.note();
select t.ok((select min(term) = max(term) from was), 'in the same term');

select t.is(t.lead('ann', '0'), 'waits for ann', 'who lets go leads no more');
select t.is(t.lead('bo', '1 us'), 'leads', 'then the next one does');
select t.note();
-- That lease is over by now.
select t.is(t.lead('bo'), 'leads', 'who came too late to go on begins again');
select t.note();
select t.is(t.lead('ann'), 'waits for bo', 'and the other one waits');
update pgcable.leader set until = clock_timestamp();
select t.is(t.lead('ann'), 'leads', 'until it is over');
select t.note();
select t.is(string_agg(term::text, ' ' order by place),
    string_agg(term::text, ' ' order by term), 'terms grow') from was;
select t.is(count(distinct term)::text, '4', 'with each who begins') from was;

-- A standby that was promoted had not heard of the last term.
update pgcable.leader set until = '-infinity', term = 1;
select t.is(t.lead('bo'), 'leads', 'on the new primary');
select t.ok(l.term > (select max(term) from was), 'no term is given twice') from pgcable.leader l;
