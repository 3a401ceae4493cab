"""One session for all jobs of a user, against a real OAuth2 server; what is wrong with a login, and where it must not be."""

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyotp
import pytest
import requests

from darkroom import retry
from darkroom.copernicus import login
from darkroom.copernicus.settings import Limits, Settings
from servers import oauth2 as oauth2_server

SCRIPTS = Path(login.__file__).parents[2]
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
JOB = """
import sys
from darkroom.copernicus import login
from darkroom.copernicus.settings import Settings
settings = Settings("cdse", "odata", login="oidc", token=sys.argv[1], client=sys.argv[2], download=sys.argv[3])
print(login.account(settings).token)
"""


@pytest.fixture(scope="module")
def server(oauth2):
    """The server that logs in."""
    return oauth2


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, server):
    """A user's own home, cache and environment."""
    server.forget()
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)
    for name in ("NETRC", login.LOGINS, "CDSE_USERNAME", "CDSE_PASSWORD", "CDSE_TOTP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def user(monkeypatch, server):
    monkeypatch.setenv("CDSE_USERNAME", server.user)
    monkeypatch.setenv("CDSE_PASSWORD", server.password)


def settings(server, **more):
    values = {"login": "oidc", "token": server.url, "client": oauth2_server.CLIENT, "download": server.address}
    return Settings("cdse", "odata", **values | more)


def allowed(server, token):
    headers = {"Authorization": f"Bearer {token}"}  # which ~/.netrc would replace
    answer = requests.get(server.check_url, headers=headers, auth=lambda request: request, timeout=5)
    return answer.status_code == 204


def file_of_session(home):
    (path,) = (home / "cache/darkroom").glob("*.session.json")
    return path


def test_jobs_of_a_user_share_one_session(server, user, home):
    line = [sys.executable, "-c", JOB, server.url, oauth2_server.CLIENT, server.address]
    jobs = [
        subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(SCRIPTS)})
        for _ in range(4)
    ]
    tokens = {job.communicate(timeout=600)[0].strip() for job in jobs}
    assert (len(tokens), server.logins, server.refreshes, len(server.sessions)) == (1, 1, 0, 1)
    assert allowed(server, tokens.pop())
    kept = file_of_session(home)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_a_token_is_renewed_before_it_runs_out(server, user, home):
    server.lifetime = 100
    account = login.account(settings(server))
    first = account.token
    assert account.token == first
    kept = json.loads(file_of_session(home).read_text())
    assert kept["sooner"] == 25
    file_of_session(home).write_text(json.dumps(kept | {"until": time.time() + 24}))
    other = login.account(settings(server))
    assert other.token != first
    assert (server.logins, server.refreshes) == (1, 1)
    assert allowed(server, other.token)


def test_a_refused_token_is_renewed_once_by_all_threads(server, user):
    account = login.account(settings(server))
    refused = account.token
    server.expire()
    got = []
    threads = [threading.Thread(target=lambda: got.append(account.renew(refused))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert (server.logins, server.refreshes) == (1, 1)
    assert allowed(server, got[0])


def test_a_session_that_ended_begins_anew(server, user):
    account = login.account(settings(server))
    refused = account.token
    server.end_sessions()
    assert allowed(server, account.renew(refused))
    assert server.logins == 2


def test_a_session_is_kept_while_a_download_lasts(server, user, monkeypatch):
    server.lifetime = 2
    account = login.account(settings(server))
    with account.kept():
        first, deadline = account.token, time.monotonic() + 600
        while server.refreshes < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert server.refreshes >= 1
    assert account.token != first


@pytest.mark.parametrize("place", ["file", "environment", "netrc"])
def test_two_factor_login(server, home, monkeypatch, place):
    server.totp = SECRET
    if place == "environment":
        for key, value in (("USERNAME", server.user), ("PASSWORD", server.password), ("TOTP", SECRET)):
            monkeypatch.setenv(f"CDSE_{key}", value)
    elif place == "file":
        path = home / ".config/darkroom/logins.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"cdse": {"username": server.user, "password": server.password, "totp": SECRET}}))
        path.chmod(0o600)
    else:
        path = home / ".netrc"
        monkeypatch.setattr(server, "password", "pass-word")
        path.write_text(f"machine 127.0.0.1 login {server.user} password {server.password} account {SECRET}\n")
        path.chmod(0o600)
    assert allowed(server, login.account(settings(server)).token)


def test_codes_are_those_of_others():
    for now in (0, 59, 1111111109, 20000000000):
        assert login.one_time_code(SECRET.lower(), now) == pyotp.TOTP(SECRET).at(now)
    # RFC 6238, appendix B, whose codes have eight digits
    assert login.one_time_code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", 59) == "287082"
    assert login.one_time_code("123456", 0) == "123456"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"CDSE_PASSWORD": "wrong-one"}, r"the login of the environment is refused \(401: Invalid user credentials\)"),
        ({"totp": SECRET}, "a code of TOTP that is asked for"),
        ({"totp": SECRET, "CDSE_TOTP": "000000"}, "its code of TOTP"),
        ({"CDSE_TOTP": "not base 32!"}, "totp is neither a secret in base32 nor a code of six digits"),
        ({"most": 0}, r"too many sessions of this user \(403: There are too many sessions\)"),
    ],
)
def test_what_is_wrong_with_a_login(server, user, monkeypatch, change, says):
    for key, value in change.items():
        if key.isupper():
            monkeypatch.setenv(key, value)
        else:
            setattr(server, key, value)
    account = login.account(settings(server))
    for _ in range(3):  # who is refused asks once, or the account is locked
        with pytest.raises((PermissionError, ValueError), match=says) as failure:
            _ = account.token
        assert not any(secret in str(failure.value) for secret in (server.password, "wrong-one", SECRET, "base 32!"))
    assert server.refused <= 1


def test_a_busy_server_is_asked_again(server, user):
    server.busy = 2
    assert allowed(server, login.account(settings(server)).token)


def test_a_server_that_stays_busy_or_is_away(server, user):
    server.busy = 100
    with pytest.raises(OSError, match=r"cannot log in at .*: status 429 \(6 attempts\)"):
        _ = login.account(settings(server)).token
    with pytest.raises(OSError, match=r"cannot log in at .*: ConnectionError"):
        _ = login.account(settings(server, token="http://127.0.0.1:9/token")).token
    with pytest.raises(OSError, match=r"gives no token \(status 404\)"):
        _ = login.account(settings(server, token=f"{server.address}/nothing")).token


@pytest.mark.parametrize("content", ["", "{", "[]", '{"access": "x"}'])
def test_a_damaged_cache_is_no_session(server, user, home, content):
    _ = login.account(settings(server)).token
    kept = file_of_session(home)
    kept.write_text(content)
    assert allowed(server, login.account(settings(server)).token)
    assert server.logins == 2


def test_files_that_others_can_read(server, user, home, monkeypatch):
    _ = login.account(settings(server)).token
    file_of_session(home).chmod(0o644)
    with pytest.raises(PermissionError, match="can be read by others"):
        _ = login.account(settings(server)).token
    path = home / "logins.json"
    path.write_text("{}")
    monkeypatch.setenv(login.LOGINS, str(path))
    with pytest.raises(PermissionError, match="chmod 600"):
        login.account(settings(server))


def test_no_login_names_every_way(server):
    with pytest.raises(ValueError, match=r"logins\.json") as failure:
        login.account(settings(server))
    for way in ("DARKROOM_LOGINS", "CDSE_USERNAME and CDSE_PASSWORD", "machine 127.0.0.1 of ~/.netrc", "totp"):
        assert way in str(failure.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", r"not JSON \(line 1\)"),
        ("[]", "right is a map of catalogues"),
        ('{"cdse": {"username": 3}}', "right is a map of catalogues"),
        ('{"cdse": {"pasword": "pa$s"}}', "cdse.pasword is unknown; right are username, password, totp"),
    ],
)
def test_what_is_wrong_with_a_file_of_logins(server, home, monkeypatch, text, says):
    path = home / "logins.json"
    path.write_text(text)
    path.chmod(0o600)
    monkeypatch.setenv(login.LOGINS, str(path))
    with pytest.raises(ValueError, match=says) as failure:
        login.account(settings(server))
    assert "pa$s" not in str(failure.value)


def test_a_token_goes_to_no_other_host(server, user):
    account = login.account(settings(server, hosts=("download.example.org",)))
    assert account.sign(requests.Request("GET", server.address).prepare(), "t").headers["Authorization"] == "Bearer t"
    for url in (
        "https://127.0.0.1.example.org/",
        "https://download.example.org:444/",
        "https://example.org/?download.example.org",
    ):
        with pytest.raises(PermissionError, match="is on none of its hosts"):
            account.sign(requests.Request("GET", url).prepare(), "t")
    secure = login.account(settings(server, download="https://download.example.org/odata/v1"))
    with pytest.raises(PermissionError, match="is on none of its hosts"):
        secure.sign(requests.Request("GET", "http://download.example.org/").prepare(), "t")
    assert "t" not in repr(secure).replace("Session('cdse')", "")


def test_connections_of_all_jobs_together(server):
    account = login.Account(settings(server, limits=Limits(connections=2)))
    other = login.Account(settings(server, limits=Limits(connections=2)))
    stopped = threading.Event()
    with account.connection(stopped), other.connection(stopped):
        threading.Timer(0.3, stopped.set).start()
        with pytest.raises(InterruptedError), account.connection(stopped):
            pass
    with account.connection(stopped), other.connection(stopped):
        pass
