-- Keys that are no value of the column's type find nothing and fail nothing.
select t.community();
select t.is(string_agg(what || ' ' || key || ' ' || data::text, ', '), 'stats zz {"replies_count":0,'
    '"total_thread_participants_count":0,"thread_participants_preview":[],'
    '"chat_thread_replies_count":0}, count zz 0', 'zeros')
    from pgcable.facts('{"room":["zz","999999999999999999999"],"message":["zz"],"last_message":["zz"],
        "sender":[{"participant":"zz"},{"room":"zz","member":"zz"},{"room":"7"}],
        "stats":[{"message":"zz","thread":"zz"}],"count":["zz"],
        "viewers":[{"room":"zz","members":["42","zz"]},{"room":"7","members":["zz"]}]}');
select t.is(count(*)::text, '0', 'empty lists') from pgcable.facts(
    '{"room":[],"message":[],"last_message":[],"sender":[],"stats":[],"count":[],"viewers":[]}');
select t.is(count(*)::text, '0', 'no needs') from pgcable.facts(null);
