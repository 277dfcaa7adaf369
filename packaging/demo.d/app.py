#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""app.py - the application of the demo: a chat that knows nothing of pgcable.

It signs members in, reads and writes its own tables with plain SQL, and that is all: no event is
sent from here.  Standard library and psql only.

usage: app.py CONFIG.json   {"port", "page_origins", "cable", "database", "secret"}
"""
import base64
import hashlib
import hmac
import http.server
import json
import re
import subprocess
import sys
import time
import urllib.parse

SIGN_IN = """
select json_build_object(
    'id', m.id, 'name', m.name,
    'unseen', (select count(*) from notifications n
        where n.community_member_id = m.id and n.seen_at is null),
    'rooms', (select json_agg(json_build_object('id', r.id, 'name', coalesce(r.name, (
            select other.name from chat_room_participants op
            join community_members other on other.id = op.community_member_id
            where op.chat_room_id = r.id and op.community_member_id <> m.id limit 1)))
            order by r.id)
        from chat_rooms r join chat_room_participants p on p.chat_room_id = r.id
        where p.community_member_id = m.id and p.deleted_at is null and r.deleted_at is null))
from community_members m where m.id = :'member'::bigint
"""

HISTORY = """
select coalesce(json_agg(latest order by latest.id), '[]')
from (select t.id, t.body, t.created_at at time zone 'utc' as created_at, t.edited_at,
        sp.community_member_id, s.name
    from chat_room_messages t
    join chat_room_participants sp on sp.id = t.chat_room_participant_id
    join community_members s on s.id = sp.community_member_id
    where t.chat_room_id = :'room'::bigint and t.deleted_at is null
        and exists (select from chat_room_participants p where p.chat_room_id = t.chat_room_id
            and p.community_member_id = :'member'::bigint and p.deleted_at is null)
    order by t.id desc limit 30) latest
"""

SEND = """
insert into chat_room_messages (chat_room_id, chat_room_participant_id, body, creation_uuid)
select p.chat_room_id, p.id, :'body', :'creation_uuid'::uuid
from chat_room_participants p
where p.chat_room_id = :'room'::bigint and p.community_member_id = :'member'::bigint
    and p.deleted_at is null
returning id
"""

EDIT = """
update chat_room_messages t set body = :'body', edited_at = now() at time zone 'utc'
from chat_room_participants p
where t.id = :'id'::bigint and p.id = t.chat_room_participant_id
    and p.community_member_id = :'member'::bigint
returning t.id
"""

DELETE = """
update chat_room_messages t set deleted_at = now() at time zone 'utc'
from chat_room_participants p
where t.id = :'id'::bigint and p.id = t.chat_room_participant_id
    and p.community_member_id = :'member'::bigint
returning t.id
"""

NUDGE = """
insert into notifications (community_member_id)
select distinct p.community_member_id from chat_room_participants p
where p.chat_room_id = :'room'::bigint and p.community_member_id <> :'member'::bigint
    and p.deleted_at is null
    and exists (select from chat_room_participants me where me.chat_room_id = p.chat_room_id
        and me.community_member_id = :'member'::bigint and me.deleted_at is null)
returning id
"""

SEEN = """
update notifications set seen_at = now() at time zone 'utc'
where community_member_id = :'member'::bigint and seen_at is null
returning id
"""

# What the page may ask for: method and path to SQL, the fields it needs, and what each looks like.
VERBS = {
    ("GET", "/history"): (HISTORY, ("room",)),
    ("POST", "/send"): (SEND, ("room", "body", "creation_uuid")),
    ("POST", "/edit"): (EDIT, ("id", "body")),
    ("POST", "/delete"): (DELETE, ("id",)),
    ("POST", "/nudge"): (NUDGE, ("room",)),
    ("POST", "/seen"): (SEEN, ()),
}
NUMBER = re.compile(r"[0-9]{1,18}")
FIELDS = {
    "room": NUMBER,
    "id": NUMBER,
    "body": re.compile(r"[^\0]{1,4000}", re.DOTALL),
    "creation_uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}


class Refused(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def query(database, sql, variables):
    """Runs one statement.  Values are psql variables quoted by psql (:'name'), never SQL text."""
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database]
    for name, value in variables.items():
        command += ["-v", f"{name}={value}"]
    done = subprocess.run(
        command, input=sql, capture_output=True, text=True, timeout=15, check=False)
    if done.returncode != 0:
        raise Refused(500, done.stderr.strip())
    return done.stdout.strip()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(secret, text):
    return base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def make_token(secret, member):
    claims = {"community_member_id": member, "exp": int(time.time()) + 3600}
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims)]
    text = ".".join(parts)
    return f"{text}.{sign(secret, text)}"


def member_of(secret, header):
    text, _, signature = header.removeprefix("Bearer ").rpartition(".")
    if not hmac.compare_digest(signature.encode(), sign(secret, text).encode()):
        raise Refused(401, "sign in first")
    claims = text.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    if claims["exp"] < time.time():
        raise Refused(401, "the token has expired; sign in again")
    return claims["community_member_id"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    config = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        sys.stderr.write(f"{self.command} {urllib.parse.urlsplit(self.path).path} {args[1]}\n")

    def answer(self, status, body):
        data = body.encode()
        origin = self.headers.get("Origin", "")
        self.send_response(status)
        if origin in self.config["page_origins"]:
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Headers", "Authorization, Content-Type")
        self.send_header("Vary", "Origin")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def sign_in(self, given):
        """A demo's idea of signing in: whoever says a member's number is that member."""
        if not NUMBER.fullmatch(given.get("member", "")):
            raise Refused(400, "member must be a number")
        row = query(self.config["database"], SIGN_IN, {"member": given["member"]})
        if not row:
            raise Refused(404, f'there is no member {given["member"]}')
        token = make_token(self.config["secret"], int(given["member"]))
        return json.dumps({**json.loads(row), "token": token, "cable": self.config["cable"]})

    def serve(self, path, given):
        if self.command == "GET" and path == "/session":
            return self.sign_in(given)
        sql, fields = VERBS.get((self.command, path), (None, ()))
        if sql is None:
            raise Refused(404, f"nothing at {path}")
        header = self.headers["Authorization"] or ""
        variables = {"member": member_of(self.config["secret"], header)}
        for name in fields:
            if not FIELDS[name].fullmatch(given.get(name, "")):
                raise Refused(400, f"{name} is missing or malformed")
            variables[name] = given[name]
        rows = query(self.config["database"], sql, variables)
        return rows if self.command == "GET" else json.dumps({"ids": rows.split()})

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        length = min(int(self.headers.get("Content-Length") or 0), 65536)
        try:
            given = dict(urllib.parse.parse_qsl(url.query))
            if length > 0:
                body = json.loads(self.rfile.read(length))
                given.update({key: str(value) for key, value in body.items()})
            self.answer(200, self.serve(url.path, given))
        except Refused as refusal:
            self.answer(refusal.status, json.dumps({"error": str(refusal)}))
        except (ValueError, KeyError, IndexError) as error:
            self.answer(400, json.dumps({"error": f"malformed request: {error}"}))

    do_GET = do_POST = handle_request

    def do_OPTIONS(self):
        self.answer(200, "{}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        Handler.config = json.load(file)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", Handler.config["port"]), Handler)
    server.daemon_threads = True
    print(f"the application listens on 127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
