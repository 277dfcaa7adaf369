-- uninstall.sql - take pgcable out of this database.
--
-- Loses what was captured and not yet delivered, and nothing of the application's.  Refuses, and
-- changes nothing, where something that is not ours depends on it.  Run it as a superuser, or as
-- the owner of the attached tables who installed pgcable.  The roles go too, unless another
-- database still needs them.

do $uninstall$
declare
    v_kind text;
    v_table regclass;
    v_role text;
    v_detail text;
begin
    if pg_catalog.to_regnamespace('pgcable') is null then
        raise notice 'pgcable: not installed in this database';
        return;
    end if;
    if pg_catalog.to_regclass('pgcable.migration') is null then
        raise exception 'pgcable: not uninstalled: the schema pgcable is not ours'
            using hint = 'It has no table pgcable.migration. Nothing was changed.';
    end if;

    -- DROP OWNED below would take these with it.
    select pg_catalog.string_agg(
        pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), ', ')
    into v_detail
    from pg_catalog.pg_shdepend d,
        pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) i
    where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
        and d.refobjid = 'pgcable_owner'::pg_catalog.regrole and d.deptype = 'o'
        and d.dbid = (
            select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
        and i.type <> 'default acl' and coalesce(i.schema, i.name) <> 'pgcable';
    if v_detail is not null then
        raise exception 'pgcable: not uninstalled: pgcable_owner owns more than pgcable made: %',
            v_detail using hint = 'Give these another owner, then try again. Nothing was changed.';
    end if;

    for v_kind in select kind from pgcable.mapping loop
        perform pgcable.detach(v_kind);
    end loop;
    for v_table in select relation from pgcable.generic loop
        perform pgcable.detach_generic(v_table);
    end loop;
    for v_table in
        select tgrelid from pg_catalog.pg_trigger
        where tgfoid = pg_catalog.to_regprocedure('pgcable.rule_changed()')
            and tgname = 'pgcable_rule' and tgparentid operator(pg_catalog.=) 0
    loop
        execute pg_catalog.format('drop trigger pgcable_rule on %s', v_table);
    end loop;

    begin
        drop owned by pgcable_owner restrict;
    exception when dependent_objects_still_exist then
        get stacked diagnostics v_detail = pg_exception_detail;
        raise exception 'pgcable: not uninstalled: something depends on it'
            using detail = v_detail,
                hint = 'Drop what the detail names, then try again. Nothing was changed.';
    end;

    foreach v_role in array '{pgcable_daemon,pgcable_owner}'::text[] loop
        begin
            execute pg_catalog.format('drop role if exists %I', v_role);
        exception when dependent_objects_still_exist or insufficient_privilege then
            get stacked diagnostics v_detail = pg_exception_detail;
            raise notice 'pgcable: the role % stays: % %', v_role, sqlerrm, v_detail;
        end;
    end loop;
    raise notice 'pgcable: uninstalled';
end;
$uninstall$;
