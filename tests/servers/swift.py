"""A real OpenStack Swift on loopback: one replica, its own accounts (tempauth), small pages of listings."""

import getpass
import os
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import swiftclient.client

from servers import loopback, venvs

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("swift.lock")
SERVICES = ("account", "container", "object", "proxy")
MODULES = {"account": "account", "container": "container", "object": "obj"}
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
workers = {workers}
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
pipeline = catch_errors gatekeeper healthcheck cache listing_formats tempurl {auth} copy slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}

[filter:slo]
use = egg:swift#slo
"""
PROXY_AUTH = """
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
storage_url_scheme = default
"""
PLAIN_FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "tempurl", "copy", "dlo")


def memcached():
    """Path of memcached, which is no Python package, or None."""
    return shutil.which("memcached")


def environment():
    """Where the programs of Swift are: in a virtual environment of its own."""
    return Path(venvs.python(LOCK)).parent


class Swift:
    """Swift's four servers and memcached, until `stop()`. `url` is the storage URL of the account, `token` its owner's.

    `auth_url`, `user` and `key` are what `swift -A URL -U USER -K KEY` takes. `workers` are processes of each server; with 0
    it is one that can be killed as a whole.
    """

    user, key = "test:tester", "testing"

    def __init__(self, state, listing_limit=20, workers=0):
        self.state, self.processes, self.workers = Path(state), {}, workers
        self.ports = dict(zip((*SERVICES, "memcached"), loopback.free_ports(5), strict=True))
        self.programs = environment()
        for folder in ("etc", "devices/disk", "recon"):
            (self.state / folder).mkdir(parents=True, exist_ok=True)
        (self.state / "etc/swift.conf").write_text(SWIFT.format(listing_limit=listing_limit))
        for name in SERVICES[:-1]:
            self._configure(name, STORAGE)
        self._configure("proxy", PROXY + PROXY_AUTH, auth="tempauth")
        rings = [f"{name}={self.ports[name]}" for name in SERVICES[:-1]]
        subprocess.run(
            [self.programs / "python", "-P", "-c", RINGS, self.state / "etc", *rings], check=True, timeout=600
        )
        as_root = ["-u", getpass.getuser()] if os.geteuid() == 0 else []
        try:
            address = ["-l", "127.0.0.1", "-p", str(self.ports["memcached"])]
            self._start("memcached", [memcached(), *as_root, *address, "-m", "32"])
            for name in SERVICES:
                self.start(name)
            for name in ("memcached", *SERVICES[:-1]):
                self._wait_for_port(name)
            self.auth_url = f"{self.wait_for_proxy()}/auth/v1.0"
            self.url, self.token = swiftclient.client.get_auth(self.auth_url, self.user, self.key)
        except BaseException:
            self.stop()
            raise

    def _configure(self, name, text, **values):
        filters = "".join(f"\n[filter:{plain}]\nuse = egg:swift#{plain}\n" for plain in PLAIN_FILTERS)
        text = DEFAULT + text + (filters if "filter:" in text else "")
        values |= {"name": name, "port": self.ports[name], "memcached": self.ports["memcached"]}
        text = text.format(state=self.state, user=getpass.getuser(), workers=self.workers, **values)
        (self.state / f"etc/{name}-server.conf").write_text(text)

    def _start(self, name, command):
        self.processes[name] = loopback.start(command, self.state / f"{name}.log")

    def _wait_for_port(self, name):
        loopback.wait_for_port(self.ports[name], self.processes[name], self.state / f"{name}.log")

    def start(self, name):
        """Start one of the servers, for the first time or again after `kill`."""
        module = f"swift.{MODULES.get(name, 'proxy')}.server"
        config = self.state / f"etc/{name}-server.conf"
        self._start(name, [self.programs / "python", "-P", "-c", SERVER, self.state / "etc", module, config])

    def kill(self, name):
        """End one of the servers as a failing machine does."""
        self.processes[name].kill()
        self.processes[name].wait()

    def add_proxy(self, name, auth, filters):
        """Start one more proxy of the same store, with other filters for who one is, and give its address."""
        (self.ports[name],) = loopback.free_ports(1)
        self._configure(name, PROXY + filters, auth=auth)
        self.start(name)
        return f"http://127.0.0.1:{self.ports[name]}"

    def wait_for_proxy(self, name="proxy", seconds=300):
        """Return the address of a proxy when it answers."""
        self._wait_for_port(name)
        address, deadline = f"http://127.0.0.1:{self.ports[name]}", time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(f"{address}/healthcheck", timeout=5).close()
                return address
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
        for process in reversed(self.processes.values()):
            loopback.stop(process)
