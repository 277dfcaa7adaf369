-- Who may do what: the daemon its functions and nothing else, everybody nothing at all.
select t.is(string_agg(p.proname::text, ' ' order by p.proname),
    'advance batches beginning canary doctor doctor_sessions examine facts hello lead mapping_info pause prune'
    ' resume rights ring tend tick_and_before tick_info trace writers', 'the daemon''s functions')
    from pg_proc p where p.pronamespace = 'pgcable'::regnamespace
        and has_function_privilege('pgcable_daemon', p.oid, 'execute');
create role t_nobody;
select t.is(string_agg(p.proname::text, ' ' order by p.proname), null, 'everybody''s functions')
    from pg_proc p where p.pronamespace = 'pgcable'::regnamespace
        and has_function_privilege('t_nobody', p.oid, 'execute');
select t.is(string_agg(c.relname::text, ' '), null, 'tables and sequences')
    from pg_class c, (values ('t_nobody'), ('pgcable_daemon')) r (who)
    where c.relnamespace = 'pgcable'::regnamespace and (
        c.relkind = 'r' and has_table_privilege(r.who, c.oid,
            'select, insert, update, delete, truncate, references, trigger')
        or c.relkind = 'S' and has_sequence_privilege(r.who, c.oid, 'select, update, usage'));
select t.is(string_agg(c.relname::text, ' '), null, 'the daemon and the application''s tables')
    from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
        and has_table_privilege('pgcable_daemon', c.oid, 'select, insert, update, delete');
select t.is(string_agg(distinct a.privilege_type, ' '), 'SELECT', 'the owner reads them')
    from pg_class c, aclexplode(c.relacl) a where c.relnamespace = 'public'::regnamespace
        and a.grantee = 'pgcable_owner'::regrole;
select t.ok(not has_schema_privilege('t_nobody', 'pgcable', 'usage'), 'the schema');
select t.ok(not has_schema_privilege('pgcable_daemon', 'pgcable', 'create'), 'the daemon makes nothing');
select t.ok(not rolcanlogin and not rolsuper, 'nobody logs in as the owner')
    from pg_roles where rolname = 'pgcable_owner';
drop role t_nobody;
