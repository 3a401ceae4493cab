"""Measure uploads to Swift beside `swift upload` and rclone, in one run against one server: `tests/bench/upload.py`.

All send the same files with the same number of connections. Ours also computes the digests, verifies the listing and
reads a sample back, which the peers do not. The server shares the machine: compare the ratios, not the rates. Without a
delay the server's CPU is the limit, and all that a client can do is to ask less of it: `bare PUTs` are what the server
takes from one that does nothing else, and `server` is its CPU time for an object. What a peer costs both of them, over what
a bare PUT does, is about the most that any client could be faster. `--delay` (ms) lets the server answer as late as one
that is not on this machine. Memory is that of our process, with few and with many objects.
"""

import argparse
import contextlib
import hashlib
import http.client
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "scripts")]

import manifests  # noqa: E402
from servers import swift as swift_server  # noqa: E402

SIZE = 10_000
DELAY = """
import eventlet
def factory(conf, **options):
    def delayed(application):
        def answer(environ, start_response):
            eventlet.sleep(float(options["seconds"]))
            return application(environ, start_response)
        return answer
    return delayed
"""


def make_dataset(folder, count):
    """A dataset of `count` files as a finished one is."""
    data, lines = random.Random(1), []
    for number in range(count - 2):
        name, content = f"chunks/{number % 50:02}/{number:06}", data.randbytes(SIZE)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "checksums.sha256").write_text("".join(lines))
    manifests.write(folder)
    return folder


def measure(command, environment):
    """Wall seconds, CPU seconds and largest memory (MB) of a command."""
    started = time.monotonic()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_DUP2, 1, 2)]
    command = [str(part) for part in command]
    pid = os.posix_spawn(command[0], command, os.environ | environment, file_actions=quiet)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def server_seconds(server):
    """CPU seconds that the workers of all servers have taken."""
    parents, seconds = {process.pid for process in server.processes.values()}, 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) in parents:
                seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class OnePiece(http.client.HTTPConnection):
    """Sends the head and the body of a request at once, which spares the server a wait in between."""

    head = b""

    def send(self, data):
        if not self.head:
            self.head = data
            return
        data, self.head = self.head + data, b""
        super().send(data)


def bare_puts(server, folder, container, connections):
    """Requests on kept connections, with nothing that any of the others does beside them."""
    server.container(container, public=False)
    address, started, before = urlsplit(server.auth_url).netloc, time.monotonic(), time.process_time()
    files = iter(sorted(path for path in folder.rglob("*") if path.is_file()))

    def work(_):
        connection = OnePiece(address, timeout=60)
        for path in files:
            name = path.relative_to(folder).as_posix()
            url = f"{urlsplit(server.url).path}/{container}/{name}"
            connection.request("PUT", url, path.read_bytes(), {"X-Auth-Token": server.token})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{url}: {answer.status}")

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    return time.monotonic() - started, time.process_time() - before, 0


def distant(server, folder, milliseconds):
    """Another proxy of the same store that answers every request later."""
    folder.mkdir()
    (folder / "delay.py").write_text(DELAY)
    os.environ["PYTHONPATH"] = str(folder)
    options = f"\n[filter:delay]\npaste.filter_factory = delay:factory\nseconds = {milliseconds / 1000}\n"
    server.add_proxy("distant", "delay tempauth", swift_server.PROXY_AUTH + options)
    server.auth_url = f"{server.wait_for_proxy('distant')}/auth/v1.0"
    del os.environ["PYTHONPATH"]


def ours(server, folder, container, connections):
    files = [folder / name for name in ("manifest.json", "checksums.sha256", "published.json")]
    where = ["--target", f"swift://{container}", "--campaign", "bench", "--dataset", "upload"]
    command = [sys.executable, ROOT / "scripts/publish_upload.py", *files, *where, "--connections", connections]
    return measure(command, {"ST_AUTH": server.auth_url, "ST_USER": server.user, "ST_KEY": server.key})


def swift_upload(server, folder, container, connections, *options):
    command = [Path(sys.executable).parent / "swift", "upload", container, folder, "--object-threads", connections]
    login = {"ST_AUTH": server.auth_url, "ST_USER": server.user, "ST_KEY": server.key}
    return measure([*command, "--object-name", "bench/upload", *options], login)


def rclone(server, folder, container, connections):
    settings = {"TYPE": "swift", "AUTH": server.auth_url, "USER": server.user, "KEY": server.key}
    environment = {f"RCLONE_CONFIG_LOOP_{key}": value for key, value in settings.items()}
    paths = ["copy", folder, f"loop:{container}/bench/upload", "--transfers", connections, "--checkers", connections]
    return measure([shutil.which("rclone"), "--config", os.devnull, *paths], environment)


def main():
    line = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    line.add_argument("--objects", type=int, default=5000)
    line.add_argument("--connections", type=int, default=10)
    line.add_argument("--more", type=int, default=32, help="connections of one more run of ours")
    line.add_argument("--delay", type=float, default=0, help="milliseconds until the server begins to answer")
    line.add_argument("--many", type=int, default=20_000, help="objects of the run for memory alone; 0 for none")
    line = line.parse_args()
    with contextlib.ExitStack() as stack:
        temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upload-")))
        (temporary / "state").mkdir()
        server = swift_server.Swift(temporary / "state", listing_limit=10_000, workers=2)
        stack.callback(server.stop)
        if line.delay:
            distant(server, temporary / "delay", line.delay)
        folder = make_dataset(temporary / "bench/upload", line.objects)
        runs = {"swift upload": swift_upload, "rclone": rclone, "publish_upload": ours, "bare PUTs": bare_puts}
        if not shutil.which("rclone"):
            del runs["rclone"]
        rates, costs = {}, {}

        def show(label, run, connections, *options):
            before = server_seconds(server)
            container = label.replace(" ", "-").removesuffix(",-again")
            wall, cpu, memory = run(server, folder, container, connections, *options)
            asked = 1000 * (server_seconds(server) - before) / line.objects
            rates[label], costs[label] = line.objects / wall, asked + 1000 * cpu / line.objects
            print(
                f"{label:30} {wall:7.1f} s {rates[label]:8.0f} objects/s {cpu:6.1f} s CPU {memory:5.0f} MB"
                f"{asked:8.1f} ms of server",
                flush=True,
            )

        print(f"{line.objects} objects of {SIZE} bytes, {line.connections} connections, {line.delay:g} ms of delay")
        for name, run in runs.items():
            show(name, run, line.connections)
        for name in (f"publish_upload, {line.more}", f"bare PUTs, {line.more}"):
            show(name, runs[name.partition(",")[0]], line.more)
        for name in list(runs)[:-1]:
            options = ["--skip-identical"] if name == "swift upload" else []
            show(f"{name}, again", runs[name], line.connections, *options)
        for mine in ("publish_upload", f"publish_upload, {line.more}", "publish_upload, again"):
            for peer in ("swift upload", "rclone"):
                if mine.endswith("again"):
                    peer += ", again"
                if peer in rates:
                    print(f"{mine}: {rates[mine] / rates[peer]:.2f} times as fast as {peer}")
        for peer in [name for name in runs if name in ("swift upload", "rclone")]:
            cheapest = min(costs["bare PUTs"], costs[f"bare PUTs, {line.more}"])
            print(f"{peer}: {costs[peer] / cheapest:.2f} times the CPU time, with the server's, of bare PUTs")
        if line.many:
            wall, _, memory = ours(server, make_dataset(temporary / "many/upload", line.many), "many", line.connections)
            print(f"{line.many} objects: {wall:.1f} s, {line.many / wall:.0f} objects/s, {memory:.0f} MB")


if __name__ == "__main__":
    main()
