-- Every function says what it is, pins its search_path, and belongs to the owner; those that attach()
-- writes, what they call for every row, and what becomes part of queries, qualify every name instead,
-- for speed.
select t.is(string_agg(p.proname::text, ' ' order by p.proname), null, 'without a comment')
    from pg_proc p where p.pronamespace = 'pgcable'::regnamespace
        and obj_description(p.oid, 'pg_proc') is null;
select t.is(string_agg(c.relname::text, ' ' order by c.relname), null, 'tables without a comment')
    from pg_class c where c.relnamespace = 'pgcable'::regnamespace and c.relkind = 'r'
        and obj_description(c.oid, 'pg_class') is null;
select t.is(string_agg(p.proname::text, ' ' order by p.proname), 'captured rows_between', 'without a search_path')
    from pg_proc p where p.pronamespace = 'pgcable'::regnamespace
        and obj_description(p.oid, 'pg_proc') not like '%, which wrote it.'
        and not coalesce(p.proconfig::text like '%search_path=pg_catalog, pg_temp%', false);
select t.is(string_agg(distinct pg_get_userbyid(proowner)::text, ' '), 'pgcable_owner', 'owner')
    from pg_proc where pronamespace = 'pgcable'::regnamespace;
select t.is(string_agg(distinct pg_get_userbyid(relowner)::text, ' '), 'pgcable_owner', 'of tables')
    from pg_class where relnamespace = 'pgcable'::regnamespace;
select t.is(string_agg(proname::text, ' ' order by proname),
    'access advance batch batches beginning broadcast broadcast'
    ' canary capture_truncate channel_put drop_channel examine facts generic_drop generic_put grant_capture hello'
    ' lead mapping_drop mapping_info mapping_put pause prune recheck resume'
    ' revoke_member revoke_token rights ring room_rule_put rule_changed rule_table_put tend tick_and_before tick_info'
    ' trace writers',
    'those that run with the owner''s rights')
    from pg_proc where pronamespace = 'pgcable'::regnamespace and prosecdef
        and proname !~ '^capture_.*_(insert|update|delete)$';
