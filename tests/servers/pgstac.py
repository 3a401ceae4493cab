"""A STAC API of pgstac: PostgreSQL with PostGIS, and stac-fastapi in a virtual environment of its own, on loopback."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers import loopback, venvs

LOCK = Path(__file__).with_name("pgstac.lock")
OWNER = "postgres"  # root may not run a database; Debian's package has a user for it


def programs():
    """The folder of PostgreSQL's programs where PostGIS is installed for them, or None."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if Path(f"/usr/share/postgresql/{folder.parent.name}/extension/postgis.control").exists():
            return folder
    return None


def program(name):
    """A program of the virtual environment."""
    return Path(venvs.python(LOCK)).with_name(name)


class PgStac:
    """A running API with these collections and items, at `url`."""

    def __init__(self, collections, items):
        self.folder = Path(tempfile.mkdtemp(prefix="pgstac-"))
        database, port = loopback.free_ports(2)
        where = {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(database),
            "PGUSER": OWNER,
            "PGDATABASE": OWNER,
            "PGPASSWORD": "-",
        }
        self.environment = os.environ | where
        self.processes = []
        try:
            self._database(database)
            self._load("collections", collections)
            self._load("items", items)
            self._start(
                [program("uvicorn"), "--factory", "stac_fastapi.pgstac.app:create_app", "--port", str(port)], port
            )
        except BaseException:
            self.stop()
            raise
        self.url = f"http://127.0.0.1:{port}"

    def stop(self):
        for process in reversed(self.processes):
            loopback.stop(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _database(self, port):
        root, become = os.geteuid() == 0, []
        if root:
            shutil.chown(self.folder, OWNER, OWNER)
            become = ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--pdeathsig=TERM"]
        place = self.folder / "database"
        make = [programs() / "initdb", "-D", place, "-A", "trust", "-U", OWNER, "-E", "UTF8", "--no-sync"]
        subprocess.run([*become, *make], check=True, capture_output=True, timeout=300)
        options = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
        self._start([*become, programs() / "postgres", "-D", place, "-p", str(port), "-k", place, *options], port)
        self._run("migrate")

    def _start(self, command, port):
        log = self.folder / f"{port}.log"
        self.processes.append(loopback.start(command, log, self.environment))
        loopback.wait_for_port(port, self.processes[-1], log)

    def _load(self, table, rows):
        path = self.folder / f"{table}.ndjson"
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        self._run("load", table, path, "--method", "upsert")

    def _run(self, *arguments):
        command = [program("pypgstac"), *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=300, env=self.environment)
