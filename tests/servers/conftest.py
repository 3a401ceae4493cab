"""Real servers on loopback, stopped by their own process ids. Where one is not installed, its tests say so and skip."""

import pytest

from servers import faults
from servers import keystone as keystone_server
from servers import nginx as nginx_server
from servers import oauth2 as oauth2_server
from servers import swift as swift_server
from servers.content import ONE_MB, put


@pytest.fixture
def nginx(tmp_path_factory):
    """Start nginx for a folder: `nginx(root, limit_rate=…, connections=…, requests_per_second=…, gzip_static=…)`."""
    if not nginx_server.program():
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    started = []

    def start(root, **options):
        if options.get("gzip_static") and "http_gzip_static_module" not in nginx_server.modules():
            pytest.skip("this nginx is built without its gzip_static module")
        started.append(nginx_server.Nginx(root, tmp_path_factory.mktemp("nginx"), **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def served(tmp_path, nginx):
    """A folder with one file of 1 MB, and the nginx that serves it."""
    put(tmp_path / "root", big=ONE_MB)
    server = nginx(tmp_path / "root")
    server.root = tmp_path / "root"
    return server


@pytest.fixture(scope="module")
def oauth2():
    """What logs users in, as Keycloak does; see `servers.oauth2.OAuth2`."""
    server = oauth2_server.OAuth2()
    yield server
    server.stop()


@pytest.fixture
def faulty():
    """Put a proxy that spoils answers in front of a server: `faulty(url, [faults.reset(after=1000)])`."""
    started = []

    def start(behind, spoilers=(), **options):
        started.append(faults.FaultyProxy(behind, spoilers, **options))
        return started[-1]

    yield start
    for proxy in started:
        proxy.stop()


@pytest.fixture(scope="session")
def swift(tmp_path_factory):
    """OpenStack Swift with 20 names a page; see `servers.swift.Swift`."""
    if not swift_server.memcached():
        pytest.skip("memcached is not installed, which Swift's proxy needs (Debian: apt install memcached)")
    server = swift_server.Swift(tmp_path_factory.mktemp("swift"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def keystone(tmp_path_factory, swift):
    """OpenStack Keystone v3, and a proxy of the same Swift that takes its tokens; see `servers.keystone.Keystone`."""
    server = keystone_server.Keystone(tmp_path_factory.mktemp("keystone"), swift)
    yield server
    server.stop()
