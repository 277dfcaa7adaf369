# SPDX-License-Identifier: PostgreSQL
"""keeper.py - starts and kills the daemon and the database of this demo, and no other process.

The daemon is a child of this process, so that its number cannot have gone to somebody else.  The
database was made by packaging/demo; it is stopped only if the process of its pid file works in its
folder.
"""
import os
import pathlib
import subprocess
import threading
import time
import urllib.error
import urllib.request

PATIENCE_S = 60


class NotNow(Exception):
    """What cannot be started or killed, because it runs or does not."""


class Keeper:
    def __init__(self, config):
        self.command = config["daemon"]
        self.ready_url = config["ready"]
        self.log = pathlib.Path(config["log"])
        self.pid_file = pathlib.Path(config["pid_file"])
        self.postgres_sh = config["postgres_sh"]
        self.postgres_dir = config["postgres_dir"]
        self.web = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.process = None
        self.log_start = 0
        self.lock = threading.Lock()  # one thing at a time

    # ---- the daemon ----

    def start_daemon(self):
        with self.lock:
            if self.runs():
                raise NotNow("the daemon runs already")
            with self.log.open("ab") as log:
                self.log_start = log.tell()
                self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                    self.command, stdin=subprocess.DEVNULL, stderr=log)
            self.pid_file.write_text(f"{self.process.pid}\n", encoding="ascii")

    def kill_daemon(self):
        with self.lock:
            if not self.runs():
                raise NotNow("the daemon does not run")
            self.process.kill()
            self.process.wait()

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self):
        text = self.log.read_bytes()[self.log_start:].decode(errors="replace")
        return "\n".join(text.splitlines()[-5:])

    def daemon_state(self):
        if not self.runs():
            return {"state": "down", "why": self.log_tail() if self.died_by_itself() else ""}
        state = {"state": "starting", "why": "", "pid": self.process.pid}
        # Its own word first: somebody else may answer on this port.
        if b"admin on" not in self.log.read_bytes()[self.log_start:]:
            return state
        try:
            with self.web.open(self.ready_url, timeout=2):
                state["state"] = "ready"
        except urllib.error.HTTPError as error:
            state["why"] = error.read().decode(errors="replace").splitlines()[0]
        except OSError as error:
            state["why"] = str(error)
        return state

    def died_by_itself(self):
        return self.process is not None and self.process.poll() != -9

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE_S
        while (state := self.daemon_state())["state"] != "ready":
            if state["state"] == "down" or time.monotonic() > deadline:
                raise SystemExit(f"the daemon did not come up; its last lines:\n{self.log_tail()}")
            time.sleep(0.1)

    # ---- the database ----

    def database_runs(self):
        data = os.path.join(self.postgres_dir, "data")
        try:
            with open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:
                pid = int(file.readline())
            return os.path.samefile(f"/proc/{pid}/cwd", data)
        except (OSError, ValueError):
            return False

    def start_database(self):
        with self.lock:
            if self.database_runs():
                raise NotNow("PostgreSQL runs already")
            self.postgres("pg_up")

    def kill_database(self):
        """As a crash is: no goodbye, no checkpoint; what was committed is in the log."""
        with self.lock:
            if not self.database_runs():
                raise NotNow("PostgreSQL does not run")
            self.postgres("pg_stop")

    def postgres(self, verb):
        # In a session of its own: who ends this process waits for it, see end().
        subprocess.run(
            ["bash", "-c", '. "$1"; "$2" "$3"', "bash",
             self.postgres_sh, verb, self.postgres_dir],
            start_new_session=True, check=True, stdin=subprocess.DEVNULL)

    def end(self):
        """What is being started is started to the end, so that whoever cleans up finds it."""
        with self.lock:
            if self.runs():
                self.process.terminate()
                self.process.wait()
