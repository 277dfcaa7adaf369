#!/usr/bin/env python3
# SPDX-License-Identifier: PostgreSQL
"""app.py - the application of the demo, over HTTP: the chat, the SQL console, the switches.

usage: app.py CONFIG.json     (packaging/demo writes it)

The console and the switches are for whoever sits before the page of this run, and for nobody else:
see Handler.guard().  Standard library and psql only.
"""
import hmac
import http.server
import json
import signal
import subprocess
import sys
import urllib.parse

import chat
import psql
from keeper import Keeper, NotNow

MAX_BODY = 65536


class Refused(Exception):
    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


class Application:
    """Answers as JSON text, from fields that are strings."""

    def __init__(self, config):
        self.config = config
        self.keeper = Keeper(config)
        self.routes = {
            ("GET", "/session"): self.sign_in,
            ("GET", "/state"): self.state,
            ("POST", "/sql"): self.console,
            ("POST", "/daemon/start"): lambda given: self.switch(self.keeper.start_daemon),
            ("POST", "/daemon/kill"): lambda given: self.switch(self.keeper.kill_daemon),
            ("POST", "/database/start"): lambda given: self.switch(self.keeper.start_database),
            ("POST", "/database/kill"): lambda given: self.switch(self.keeper.kill_database),
        }

    @staticmethod
    def field(given, name):
        value = given.get(name, "")
        if not chat.FIELDS[name].fullmatch(value):
            raise Refused(400, f"{name} is missing or malformed")
        return value

    def sign_in(self, given):
        member = self.field(given, "member")
        row = psql.query(self.config["database"], chat.SESSION, {"member": member})
        if not row:
            raise Refused(404, f"there is no member {member}")
        command = [*self.config["token"], member]
        token = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=15, check=True)
        return json.dumps(
            {**json.loads(row), "token": token.stdout.strip(), "cable": self.config["cable"]})

    def do_verb(self, verb, given):
        """A demo's idea of signing in: whoever says a member's number is that member."""
        sql, fields = chat.VERBS[verb]
        variables = {name: self.field(given, name) for name in ("member", *fields)}
        rows = psql.query(self.config["database"], sql, variables)
        return rows if verb[0] == "GET" else json.dumps({"ids": rows.split()})

    def console(self, given):
        return json.dumps(psql.console(self.config["database"], self.field(given, "sql")))

    def state(self, given):
        """How the two processes are, and the rows of the outbox after a tick."""
        try:
            feed = json.loads(psql.feed(self.config["onlooker"], self.field(given, "after")))
            database = {"state": "ready", "why": ""}
        except psql.Unreachable as error:
            feed = {"tick": None, "rows": []}
            state = "starting" if self.keeper.database_runs() else "down"
            database = {"state": state, "why": str(error)}
        return json.dumps(
            {**feed, "database": database, "daemon": self.keeper.daemon_state()})

    @staticmethod
    def switch(action):
        action()
        return "{}"

    def answer(self, verb, given):
        try:
            if verb in self.routes:
                return self.routes[verb](given)
            if verb in chat.VERBS:
                return self.do_verb(verb, given)
        except NotNow as error:
            raise Refused(409, str(error)) from error
        except psql.Unreachable as error:
            raise Refused(503, str(error)) from error
        except (psql.Failed, subprocess.SubprocessError) as error:
            raise Refused(500, str(error)) from error
        raise Refused(404, f"nothing at {verb[1]}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    application = None

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        sys.stderr.write(f"{self.command} {urllib.parse.urlsplit(self.path).path} {args[1]}\n")

    def guard(self):
        """Only the page of this run.

        Other pages in the same browser have another Origin, and their
        request with a header of its own is not sent before do_OPTIONS() allowed it; a name that
        was made to lead here (DNS rebinding) is another Host; other users of this machine do not
        know the key, which packaging/demo shows to whoever started it.
        """
        config = self.application.config
        if self.headers.get("Host") not in config["hosts"]:
            raise Refused(421, "this is the demo of pgcable, by another name")
        if self.headers.get("Origin", config["page_origins"][0]) not in config["page_origins"]:
            raise Refused(403, "this origin is not the demo's page")
        if not hmac.compare_digest(
                self.headers.get("X-Demo-Key", "").encode(), config["key"].encode()):
            raise Refused(403, "the key is missing: open the address that packaging/demo printed")

    def respond(self, status, body):
        data = body.encode()
        origin = self.headers.get("Origin", "")
        self.send_response(status)
        if origin in self.application.config["page_origins"]:
            self.send_header("Access-Control-Allow-Origin", origin)
            self.send_header("Access-Control-Allow-Headers", "Content-Type, X-Demo-Key")
            self.send_header("Access-Control-Max-Age", "600")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Vary", "Origin")
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def read_fields(self, url):
        given = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MAX_BODY:
            raise Refused(413, f"at most {MAX_BODY} bytes")
        if length > 0:
            body = json.loads(self.rfile.read(length))
            given.update({key: str(value) for key, value in body.items()})
        return given

    def handle_request(self):
        url = urllib.parse.urlsplit(self.path)
        try:
            self.guard()
            given = self.read_fields(url)
            self.respond(200, self.application.answer((self.command, url.path), given))
        except Refused as refusal:
            self.close_connection = True  # its body may not have been read
            self.respond(refusal.status, json.dumps({"error": str(refusal)}))
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            self.respond(400, json.dumps({"error": f"malformed request: {error}"}))

    do_GET = do_POST = handle_request

    def do_OPTIONS(self):
        self.respond(200, "{}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Handler.application = Application(config)
    keeper = Handler.application.keeper
    server = http.server.ThreadingHTTPServer(("127.0.0.1", config["port"]), Handler)
    server.daemon_threads = True
    try:
        keeper.start_daemon()
        keeper.wait_until_ready()
        print(f"the application listens on 127.0.0.1:{server.server_port}", file=sys.stderr,
              flush=True)
        server.serve_forever()
    finally:
        keeper.end()


if __name__ == "__main__":
    main()
