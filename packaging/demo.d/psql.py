# SPDX-License-Identifier: PostgreSQL
"""psql.py - SQL by psql, one process for each statement: no library, and quick enough here."""
import os
import subprocess

CONSOLE_OUTPUT = 20_000
CONSOLE_MEMORY = 512 << 20

# What the daemon reads, in its order: a frame's epoch and offset name its row by tick and number.
# Rows that are in no tick yet are those that it has not read.
FEED = """
with newest as (select tick, snap from pgcable.tick order by tick desc limit 1),
told as (
    select b.tick, row_number() over (partition by b.tick order by b.id) as row,
        b.id, b.xid, b.kind, b.op, b.new::json, b.old::json, b.at_us
    from newest, pgcable.batches(coalesce(nullif(:'after', '')::bigint, newest.tick), newest.tick) b
    where b.id is not null),
waiting as (
    select null::bigint as tick, null::bigint as row,
        o.id, o.xid::text, o.kind, o.op::text, o.new, o.old,
        (extract(epoch from o.at) * 1000000)::bigint as at_us
    from newest, (
        table pgcable.outbox_0 union all table pgcable.outbox_1 union all table pgcable.outbox_2
    ) o (id, xid, kind, op, stream, new, old, at)
    where not pg_visible_in_snapshot(o.xid, newest.snap))
select json_build_object('tick', (select tick from newest), 'rows', coalesce(
    (select json_agg(f order by f.tick, f.id)
    from (table told union all table waiting order by tick, id limit 1000) f
    where f.kind <> 'canary'), '[]'))
"""


class Failed(Exception):
    """A statement that PostgreSQL refused."""


class Unreachable(Failed):
    """There was nobody to ask."""


def query(database, sql, variables):
    """Runs one statement.  Values are psql variables quoted by psql (:'name'), never SQL text."""
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
    for name, value in variables.items():
        command += ["-v", f"{name}={value}"]
    done = subprocess.run(
        command, input=sql, capture_output=True, text=True, timeout=15, check=False)
    if done.returncode == 2:
        raise Unreachable(f"PostgreSQL does not answer: {done.stderr.strip()}")
    if done.returncode != 0:
        raise Failed(done.stderr.strip())
    return done.stdout.strip()


def feed(database, after):
    """The rows of the outbox after that tick as JSON text, and the newest tick."""
    return query(database, FEED, {"after": after})


def console(database, sql):
    """What somebody typed, as one message to the server; returns what psql says of it.

    psql takes an argument that begins with a backslash for a command of its own, and "\\!" runs a
    shell.  With the space in front there is nothing but SQL in it.
    """
    command = [
        "prlimit", f"--as={CONSOLE_MEMORY}",
        "psql", "-X", "-P", "null=null", "-d", database, "-c", " " + sql]
    environment = {**os.environ, "PGOPTIONS": "-c statement_timeout=10s"}
    with subprocess.Popen(
            command, env=environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as shell:
        output = shell.stdout.read(CONSOLE_OUTPUT + 1)
        if len(output) > CONSOLE_OUTPUT:
            shell.kill()
            output = output[:CONSOLE_OUTPUT] + "\n… and so on"
    return {"output": output.rstrip(), "failed": shell.returncode != 0}
