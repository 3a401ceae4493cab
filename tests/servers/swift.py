"""A real OpenStack Swift on loopback: one replica, its own accounts (tempauth), small pages of listings."""

import fcntl
import getpass
import hashlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import swiftclient.client
from servers import loopback

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("swift.lock")
VENV = ROOT / ".venv-swift"
SERVICES = ("account", "container", "object", "proxy")
# One start of Python for all rings, where `swift-ring-builder` would take nine.
RINGS = """
import sys
from swift.common.ring import RingBuilder
for argument in sys.argv[2:]:
    name, port = argument.split("=")
    builder = RingBuilder(8, 1, 0)
    builder.add_dev(dict(region=1, zone=1, ip="127.0.0.1", port=int(port), device="disk", weight=1,
                         replication_ip="127.0.0.1", replication_port=int(port), meta=""))
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""
# Swift's modules copy the limits of swift.conf as they are imported, so its folder must be known before the first one.
SERVER = """
import importlib, sys
from swift.common import constraints, utils
utils.set_swift_dir(sys.argv.pop(1))
constraints.reload_constraints()
sys.exit(importlib.import_module(sys.argv.pop(1)).main())
"""
SWIFT = """\
[swift-hash]
swift_hash_path_suffix = darkroom
swift_hash_path_prefix = tests

[swift-constraints]
container_listing_limit = {listing_limit}

[storage-policy:0]
name = one
default = yes
"""
DEFAULT = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
swift_dir = {state}/etc
devices = {state}/devices
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
workers = 0
log_level = WARNING
log_address = /dev/null
"""
STORAGE = """
[pipeline:main]
pipeline = {name}-server

[app:{name}-server]
use = egg:swift#{name}
recon_cache_path = {state}/recon
"""
PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats tempurl tempauth copy slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
storage_url_scheme = default

[filter:slo]
use = egg:swift#slo
"""
PLAIN_FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "tempurl", "copy", "dlo")


def memcached():
    """Path of memcached, which is no Python package, or None."""
    return shutil.which("memcached")


def environment():
    """The virtual environment with Swift's servers, made when it is missing or the lock file changed."""
    wanted, ready = hashlib.sha256(LOCK.read_bytes()).hexdigest(), VENV / "ready"
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs of the tests may want it at once
        if not ready.exists() or ready.read_text() != wanted:
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV], check=True)
            install = ["pip", "install", "--quiet", "--python", VENV / "bin/python", "-r", LOCK]
            subprocess.run([*uv, *install], check=True, timeout=600)
            ready.write_text(wanted)
    return VENV / "bin"


class Swift:
    """Swift's four servers and memcached, until `stop()`. `url` is the storage URL of the account, `token` its owner's.

    `auth_url`, `user` and `key` are what `swift -A URL -U USER -K KEY` takes.
    """

    user, key = "test:tester", "testing"

    def __init__(self, state, listing_limit=20):
        self.state, self.processes = Path(state), []
        ports = dict(zip((*SERVICES, "memcached"), loopback.free_ports(5), strict=True))
        programs = environment()
        self._configure(ports, listing_limit)
        rings = [f"{name}={ports[name]}" for name in SERVICES if name != "proxy"]
        subprocess.run([programs / "python", "-c", RINGS, self.state / "etc", *rings], check=True, timeout=60)
        as_root = ["-u", getpass.getuser()] if os.geteuid() == 0 else []
        try:
            address = ["-l", "127.0.0.1", "-p", str(ports["memcached"])]
            self._start("memcached", [memcached(), *as_root, *address, "-m", "32"])
            for name in SERVICES:
                module = f"swift.{'obj' if name == 'object' else name}.server"
                config = self.state / f"etc/{name}-server.conf"
                self._start(name, [programs / "python", "-c", SERVER, self.state / "etc", module, config])
            for name, process in zip(("memcached", *SERVICES), self.processes, strict=True):
                loopback.wait_for_port(ports[name], process, self.state / f"{name}.log")
            base = f"http://127.0.0.1:{ports['proxy']}"
            self.auth_url = f"{base}/auth/v1.0"
            self._wait_until_healthy(f"{base}/healthcheck")
            self.url, self.token = swiftclient.client.get_auth(self.auth_url, self.user, self.key)
        except BaseException:
            self.stop()
            raise

    def _configure(self, ports, listing_limit):
        for folder in ("etc", "devices/disk", "recon"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        filters = "".join(f"\n[filter:{name}]\nuse = egg:swift#{name}\n" for name in PLAIN_FILTERS)
        for name in SERVICES:
            text = DEFAULT + (PROXY + filters if name == "proxy" else STORAGE)
            values = {"name": name, "port": ports[name], "memcached": ports["memcached"]}
            text = text.format(state=self.state, user=getpass.getuser(), **values)
            (self.state / f"etc/{name}-server.conf").write_text(text)
        (self.state / "etc/swift.conf").write_text(SWIFT.format(listing_limit=listing_limit))

    def _start(self, name, command):
        self.processes.append(loopback.start(command, self.state / f"{name}.log"))

    def _wait_until_healthy(self, url, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return urllib.request.urlopen(url, timeout=5).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def container(self, name, public=True):
        """Make a container and give its URL."""
        headers = {"X-Container-Read": ".r:*,.rlistings"} if public else {}
        swiftclient.client.put_container(self.url, self.token, name, headers=headers)
        return f"{self.url}/{quote(name)}"

    def put(self, container, name, content, **options):
        """Put an object and give its ETag. `options` are swiftclient's (`headers`, `content_type`, `query_string`)."""
        return swiftclient.client.put_object(self.url, self.token, container, name, content, **options)

    def stop(self):
        for process in reversed(self.processes):
            loopback.stop(process)
