"""A strict stand-in of the REST core of UNICORE/X on loopback, which runs the jobs it is given.

What it takes and answers follows UNICORE's description of its REST API and of its job format, and pyunicore; anything else
is refused with the `errorMessage` that a real server gives.
"""

import base64
import http.server
import json
import os
import re
import subprocess
import threading
import uuid
from pathlib import Path
from urllib.parse import unquote

USER, PASSWORD = "demouser", "test123"
FIELDS = {"Name": str, "Executable": str, "Arguments": list, "Environment": dict, "Project": str, "Tags": list}
FIELDS |= {"Resources": dict, "haveClientStageIn": str, "Imports": list, "Exports": list}
RESOURCES = {
    "Queue": r"\w+",
    "Nodes": r"\d+",
    "CPUsPerNode": r"\d+",
    "Memory": r"\d+[KMG]?",
    "Runtime": r"\d+[smhd]?",
    "NodeConstraints": r"\w+",
}


class RefusedError(Exception):
    """What is answered with an HTTP status and a reason."""


def require(condition, status, reason):
    if not condition:
        raise RefusedError(status, reason)


def check(job):
    """Refuse a job that a real site would not take, or not understand."""
    for field, value in job.items():
        require(field in FIELDS, 400, f"unknown field {field!r}")
        require(isinstance(value, FIELDS[field]), 400, f"{field!r} has the wrong type")
    require(job.get("Executable"), 400, "no Executable")
    require(job.get("haveClientStageIn", "false") in ("true", "false"), 400, "haveClientStageIn is true or false")
    for name, value in job.get("Resources", {}).items():
        require(name in RESOURCES, 400, f"unknown resource {name!r}")
        require(re.fullmatch(RESOURCES[name], value), 400, f"resource {name!r} cannot be {value!r}")


class Site:
    """The site `TEST` at `url`, until `stop()`. `spoil` is a set of paths of files that are answered with an error page."""

    def __init__(self, state):
        self.state, self.jobs, self.spoil, self.listed = Path(state), {}, set(), {}
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"site": self}))
        self.url = f"http://127.0.0.1:{self.server.server_port}/TEST/rest/core"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def submit(self, job):
        check(job)
        job_id = uuid.uuid4().hex
        (self.state / job_id).mkdir()
        self.jobs[job_id] = {"job": job, "process": None}
        if job.get("haveClientStageIn") != "true":
            self.start(job_id)
        return job_id

    def start(self, job_id):
        entry = self.jobs[job_id]
        require(entry["process"] is None, 500, "the job was started already")
        folder, job = self.state / job_id, entry["job"]
        command = [os.path.expandvars(part) for part in (job["Executable"], *job.get("Arguments", []))]
        for name, value in job.get("Environment", {}).items():
            command = [part.replace(f"${name}", value) for part in command]
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            environment = os.environ | job.get("Environment", {})
            entry["process"] = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=environment)

    def properties(self, job_id):
        process = self.jobs[job_id]["process"]
        code = process.poll() if process else None
        if process is None:
            status = "READY"
        elif code is None:
            status = "RUNNING"
        else:
            status = "FAILED" if code else "SUCCESSFUL"
        links = {"workingDirectory": f"storages/{job_id}-uspace"}
        links |= {f"action:{action}": f"jobs/{job_id}/actions/{action}" for action in ("start", "abort", "restart")}
        about = {"status": status, "log": [], "queue": "normal", "submissionTime": "2026-01-01T00:00:00+0000"}
        about |= {"exitCode": str(code)} if code is not None else {}
        about |= {"statusMessage": "the program failed"} if status == "FAILED" else {}
        return about | {"_links": {name: {"href": f"{self.url}/{path}"} for name, path in links.items()}}

    def stop(self):
        for entry in self.jobs.values():
            if entry["process"]:
                entry["process"].kill()
                entry["process"].wait()
        self.server.shutdown()
        self.server.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    """Requests below `/TEST/rest/core`."""

    site = None

    def log_message(self, *_):
        pass

    def answer(self, status, content=b"", kind="application/json", **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def handle_with(self, function):
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            require(self.headers["Authorization"] == f"Basic {expected}", 403, "Access denied")
            path = unquote(self.path)
            require(path.startswith("/TEST/rest/core") and ".." not in path, 404, "no such resource")
            function(path.removeprefix("/TEST/rest/core").strip("/").split("/"), body)
        except RefusedError as refused:
            status, reason = refused.args
            self.answer(status, {"status": status, "errorMessage": reason})

    def do_GET(self):
        self.handle_with(self.get)

    def do_POST(self):
        self.handle_with(self.post)

    def do_PUT(self):
        self.handle_with(self.put)

    def existing(self, name):
        require(name in self.site.jobs, 404, f"no job {name}")
        return name

    def get(self, parts, _):
        url = self.site.url
        match parts:
            case [""]:
                links = {"jobs": {"href": f"{url}/jobs"}, "storages": {"href": f"{url}/storages"}}
                self.answer(200, {"client": {"role": {"selected": "user"}}, "_links": links})
            case ["jobs", job_id]:
                self.answer(200, self.site.properties(self.existing(job_id)))
            case ["storages", storage]:
                self.existing(storage.removesuffix("-uspace"))
                self.answer(200, {"resourceStatus": "READY", "_links": {"files": {"href": f"{url}{storage}/files"}}})
            case ["storages", storage, "files", *place]:
                folder = self.site.state / self.existing(storage.removesuffix("-uspace"))
                self.get_file(folder, folder.joinpath(*place), "/".join(place))
            case _:
                raise RefusedError(404, "no such resource")

    def get_file(self, folder, path, name):
        require(path.exists(), 404, f"no file {name!r}")
        if self.headers["Accept"] == "application/octet-stream":
            require(path.is_file(), 500, f"{name!r} is a directory")
            require(name not in self.site.spoil, 500, "the disk is gone")
            self.answer(200, path.read_bytes(), kind="application/octet-stream")
        elif path.is_dir():
            inside = self.site.listed.get(name) or {
                f"/{child.relative_to(folder)}": {"isDirectory": child.is_dir(), "size": child.stat().st_size}
                for child in sorted(path.iterdir())
            }
            self.answer(200, {"isDirectory": True, "content": inside})
        else:
            self.answer(200, {"isDirectory": False, "size": path.stat().st_size})

    def post(self, parts, body):
        require(self.headers["Content-Type"] == "application/json", 415, "JSON is wanted")
        match parts:
            case ["jobs"]:
                job_id = self.site.submit(json.loads(body))
                self.answer(201, Location=f"{self.site.url}/jobs/{job_id}")
            case ["jobs", job_id, "actions", "start"]:
                self.site.start(self.existing(job_id))
                self.answer(200, {})
            case _:
                raise RefusedError(404, "no such resource")

    def put(self, parts, body):
        require(self.headers["Content-Type"] == "application/octet-stream", 415, "a stream of bytes is wanted")
        match parts:
            case ["storages", storage, "files", *place]:
                job_id = self.existing(storage.removesuffix("-uspace"))
                require(self.site.jobs[job_id]["process"] is None, 500, "the job runs already")
                path = self.site.state.joinpath(job_id, *place)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(body)
                self.answer(204)
            case _:
                raise RefusedError(404, "no such resource")
