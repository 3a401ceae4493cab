"""Who asks a catalogue's services: one session for all jobs of a user, renewed in time, and sent to no other host.

Logins come from a 0600 file, the environment or ~/.netrc. The session is kept in a 0600 file of the user's cache, where
jobs that run beside each other take turns. Nothing secret is in a URL, a message, a log or a `repr`.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import hmac
import json
import logging
import netrc
import os
import random
import re
import stat
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests

from darkroom import files
from darkroom.copernicus.products import File
from darkroom.retry import PASSING, PassingError, persistently, retry_after
from darkroom.transfer import remote
from darkroom.urls import public_url

FILE = "~/.config/darkroom/logins.json"  # or what LOGINS names
LOGINS = "DARKROOM_LOGINS"
S3 = ("s3_access_key", "s3_secret_key")
KEYS = ("username", "password", "totp", *S3)
ATTEMPTS = 6  # of a login that meets a busy server
SOONER = 60  # seconds before a token runs out that it is renewed
TOKEN = re.compile(r"[\x21-\x7e]+")  # what may stand in a header

log = logging.getLogger(__name__)


class RefusedError(PermissionError):
    """A login that the service refuses, and that is not tried again: it would lock the user out."""


@dataclass(frozen=True)
class Secrets:
    """A user's login at one catalogue, and `source`, which says where it came from."""

    source: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    totp: str = field(default="", repr=False)
    s3_access_key: str = field(default="", repr=False)
    s3_secret_key: str = field(default="", repr=False)


def secrets(settings, keys=("username", "password")):
    """The login of a catalogue, from the first place that has all of `keys`: file, environment, ~/.netrc.

    Raises PermissionError for a file that others can read, ValueError for one that is not as it should be and where
    there is no login: then it names every way to give one.
    """
    for login in (_of_file(settings.name), _of_environment(settings.name), _of_netrc(settings, keys)):
        if all(getattr(login, key) for key in keys):
            return login
    raise ValueError(f"catalogue {settings.name}: no login; {ways(settings, keys)}")


def ways(settings, keys):
    """What a user can do to log in, in a few words."""
    named = ", ".join(keys)
    variables = " and ".join(_variable(settings.name, key) for key in keys)
    lacking = "" if "totp" in keys or settings.login != "oidc" else " (with two-factor login also totp, its secret)"
    return (
        f"give {named}{lacking} in one of: the map {settings.name!r} of the JSON file that {LOGINS} names ({FILE} by "
        f"default, chmod 600), {variables} of the environment, or machine {_machine(settings, keys)} of ~/.netrc"
    )


def _of_file(name):
    path = Path(os.environ.get(LOGINS) or FILE).expanduser()
    if LOGINS not in os.environ and not path.exists():
        return Secrets()
    if not path.is_file():
        raise FileNotFoundError(f"{LOGINS}: {path} is no file of logins")
    remote.require_private(path)
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:  # its text may quote the file
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{path}: not JSON{where}") from None
    mine = values.get(name, {}) if isinstance(values, dict) else None
    if not isinstance(mine, dict) or not all(isinstance(value, str) for value in mine.values()):
        raise ValueError(f"{path}: right is a map of catalogues, each a map of texts: {', '.join(KEYS)}")
    if unknown := sorted(mine.keys() - set(KEYS)):
        raise ValueError(f"{path}: {name}.{unknown[0]} is unknown; right are {', '.join(KEYS)}")
    return Secrets(str(path), **mine)


def _of_environment(name):
    given = {key: os.environ.get(_variable(name, key), "").strip() for key in KEYS}
    return Secrets("the environment", **given)


def _variable(name, key):
    return re.sub(r"\W", "_", f"{name}_{key}").upper()


def _of_netrc(settings, keys):
    """Login, password and, as `account`, the secret of TOTP; or the two keys of S3 as login and password."""
    machine = _machine(settings, keys)
    path = remote.private_netrc(f"https://{machine}/") if machine else None
    entry = netrc.netrc(path).authenticators(machine) if path else None
    if not entry:
        return Secrets()
    user, account, password = entry
    if "s3_secret_key" in keys:
        return Secrets(str(path), s3_access_key=user, s3_secret_key=password)
    return Secrets(str(path), user, password, account or "")


def _machine(settings, keys):
    if "s3_secret_key" in keys:
        return urlsplit(settings.s3.get("endpoint", "")).hostname or ""
    return settings.machine or urlsplit(settings.token or settings.download or settings.search).hostname or ""


def account(settings):
    """How requests to a catalogue's services are made: an `Account`, of the kind that its `login` names.

    Raises what `secrets` does. Nobody logs in before a request is made.
    """
    if settings.login == "oidc":
        return Session(settings, secrets(settings))
    if settings.login == "basic":
        return Password(settings, secrets(settings))
    return Account(settings)


def keys(settings):
    """The `Account` that opens a catalogue's archive by S3; None where it has none or the user no keys for it."""
    if not settings.s3:
        return None
    try:
        return Keys(settings, secrets(settings, S3))
    except ValueError:
        return None


class Account:
    """How requests to the services of one catalogue are made, without a login.

    Only the hosts of its settings get a token or password, over https where the settings say https; a request to any
    other, or a redirect to it, raises PermissionError. This is the interface that `remote.Session` and
    `download.download` know.
    """

    cacert = None
    follows = True  # to any of its hosts that a redirect names
    token = ""
    secret = False  # whether requests carry something that others must not see

    def __init__(self, settings):
        self.name, self.connections = settings.name, settings.limits.connections
        own = [url for url in (settings.search, settings.download, settings.s3.get("endpoint", "")) if url]
        self.plain = any(url.startswith("http://") for url in own)
        self.hosts = {*settings.hosts, *(_host(url) for url in own)}
        self.service = _host(settings.download or settings.search)

    def __repr__(self):
        return f"{type(self).__name__}({self.name!r})"

    def __call__(self, request):
        """Sign a prepared request, as `auth=` of requests; ~/.netrc is kept out of it."""
        return self.sign(request, self.token)

    def sign(self, request, token):
        """Put what opens the service into a request to one of its hosts."""
        if self.secret:
            self.require(request.url)
            request.headers.update(self.signature(request, token))
        return request

    def signature(self, request, token):
        """The headers that open the service."""
        return {}

    def renew(self, refused):
        """A token in place of one that was refused. Raises PermissionError where there is no other."""
        raise PermissionError(f"catalogue {self.name}: the login is refused (401)")

    def require(self, url):
        """Raise PermissionError for a URL that is not to get what signs our requests."""
        host, scheme = _host(url), urlsplit(url).scheme
        if host not in self.hosts or not (scheme == "https" or (scheme == "http" and self.plain)):
            raise PermissionError(
                f"catalogue {self.name}: {public_url(url)} is on none of its hosts ({', '.join(sorted(self.hosts))}), "
                f"and gets no token; where that host is right, add it to `hosts` in catalogues.yaml"
            )

    def kept(self):
        """A context in which the login does not run out."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def connection(self, stopped):
        """Hold one of the connections that the service bears, of all jobs of this user together.

        Raises InterruptedError when the event `stopped` is set while all are in use.
        """
        slots = [cached(f"{key(self.service)}.{number}.connection") for number in range(self.connections)]
        while True:
            for slot in random.sample(slots, len(slots)):
                with slot.open("ab") as file, contextlib.suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield
                    return
            if stopped.wait(random.uniform(0.05, 0.3)):
                raise InterruptedError(f"catalogue {self.name}: stopped")


class Password(Account):
    """User and password with each request (RFC 7617)."""

    secret = True

    def __init__(self, settings, login):
        super().__init__(settings)
        self.source = login.source
        self.token = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()

    def signature(self, request, token):
        return {"Authorization": f"Basic {token}"}

    def renew(self, refused):
        raise RefusedError(f"catalogue {self.name}: user or password of {self.source} is refused (401)")


class Keys(Account):
    """Keys of an S3 archive, which sign each request (AWS signature, version 4)."""

    secret = True

    def __init__(self, settings, login):
        super().__init__(settings)
        self.endpoint, self.region = settings.s3["endpoint"].rstrip("/"), settings.s3.get("region", "default")
        self.service, self.hosts = _host(self.endpoint), {_host(self.endpoint)}
        self.source, self.found = login.source, login
        self._apart = 60 / settings.limits.s3_requests if settings.limits.s3_requests else 0  # seconds between requests
        self._next, self._lock = 0.0, threading.Lock()

    @contextlib.contextmanager
    def connection(self, stopped):
        with super().connection(stopped):
            with self._lock:
                now = time.monotonic()
                wait, self._next = self._next - now, max(now, self._next) + self._apart
            if wait > 0:
                stopped.wait(wait)
            yield

    def signature(self, request, token):
        import botocore.auth  # slow to import
        import botocore.awsrequest
        import botocore.credentials

        pair = botocore.credentials.Credentials(self.found.s3_access_key, self.found.s3_secret_key)
        ranged = {"Range": request.headers["Range"]} if "Range" in request.headers else {}
        signed = botocore.awsrequest.AWSRequest(request.method, request.url, headers=ranged)
        botocore.auth.S3SigV4Auth(pair, "s3", self.region).add_auth(signed)
        return dict(signed.headers)

    def listed(self, bucket, key, name):
        """The files below a key of the archive, as files of the product `name`.

        Raises RefusedError where the keys do not open it, OSError where there is nothing or it cannot be listed.
        """
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError

        client = botocore.session.get_session().create_client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.found.s3_access_key,
            aws_secret_access_key=self.found.s3_secret_key,
            config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": ATTEMPTS}),
        )
        shown, prefix = f"s3://{bucket}/{key}", f"{key.rstrip('/')}/"
        try:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            objects = [entry for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")]
        except ClientError as error:
            status = error.response["ResponseMetadata"].get("HTTPStatusCode")
            if status in (401, 403):
                self.renew("")
            raise OSError(f"{shown}: cannot be listed ({status})") from None
        except BotoCoreError as error:  # its text may quote the request
            raise OSError(f"{shown}: cannot be listed ({type(error).__name__})") from None
        if not objects:
            raise FileNotFoundError(f"{shown}: nothing is there; search again")
        return [
            File(f"{name}/{entry['Key'].removeprefix(prefix)}", f"s3://{bucket}/{entry['Key']}", entry["Size"])
            for entry in objects
        ]

    def renew(self, refused):
        raise RefusedError(f"catalogue {self.name}: the S3 keys of {self.source} are refused")


class Session(Account):
    """A session of OpenID Connect (password grant, RFC 6749, 4.3): one for all jobs of a user.

    The access token is renewed by the refresh token, which is another one each time, a little before it runs out or
    when it is refused; a session that has ended begins anew with the password and the code of TOTP (RFC 6238).

    Raises RefusedError when the login is refused, OSError for a server that cannot be reached.
    """

    secret = True

    def __init__(self, settings, login):
        super().__init__(settings)
        self.url, self.client, self.found, self.source = settings.token, settings.client, login, login.source
        self._state = cached(f"{key(self.url, self.client, login.username)}.session.json")
        self._session, self._lock, self._refused = {}, threading.Lock(), ""

    @property
    def token(self):
        with self._lock:
            return self._session["access"] if self._good(self._session) else self._entered()

    def signature(self, request, token):
        return {"Authorization": f"Bearer {token}"}

    def renew(self, refused):
        with self._lock:
            return self._entered(refused)

    @contextlib.contextmanager
    def kept(self):
        """Renew the token in time as long as the block runs: a session ends where nobody renews it for an hour."""
        ended = threading.Event()

        def keep():
            while not ended.wait(
                max(1.0, self._session.get("until", 0) - self._session.get("sooner", 0) - time.time())
            ):
                try:
                    _ = self.token
                except OSError as error:  # whoever needs the token will say so
                    log.warning("%s", error)
                    ended.wait(SOONER)

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @staticmethod
    def _good(session, refused=None):
        """Whether the access token of a session may be used for some time yet."""
        return bool(session) and session["access"] != refused and time.time() < session["until"] - session["sooner"]

    def _entered(self, refused=None):
        """The access token of the session of all jobs, renewed or begun anew where need be."""
        if self._refused:
            raise RefusedError(self._refused)
        with alone(self._state):
            session = _read(self._state)
            if not self._good(session, refused):
                session = self._renewed(session) or self._begun()
                _write(self._state, session)
            self._session = session
        return session["access"]

    def _renewed(self, session):
        """The session with new tokens, or None where it has ended."""
        if not session.get("refresh") or time.time() >= session["refresh_until"]:
            return None
        answer = self._ask({"grant_type": "refresh_token", "refresh_token": session["refresh"]})
        if answer.status_code in (400, 401):
            log.info("catalogue %s: the session has ended; logging in again", self.name)
            return None
        return self._tokens(answer)

    def _begun(self):
        form = {"grant_type": "password", "username": self.found.username, "password": self.found.password}
        if self.found.totp:
            form["totp"] = one_time_code(self.found.totp, time.time(), self.source)
        return self._tokens(self._ask(form | {"scope": "openid"}))

    def _ask(self, form):
        """The answer to a request for tokens; a busy server is asked again, after as long as it says."""

        def once():
            try:
                answer = requests.post(
                    self.url,
                    data={"client_id": self.client} | form,
                    auth=lambda request: request,  # keeps ~/.netrc out of it
                    timeout=remote.TIMEOUT,
                    allow_redirects=False,  # user and password are for the server that was named
                )
            except requests.RequestException as error:  # its text may quote the form
                raise PassingError(type(error).__name__) from None
            if answer.status_code in PASSING:
                raise PassingError(f"status {answer.status_code}", retry_after(answer.headers))
            return answer

        return persistently(once, f"catalogue {self.name}: cannot log in at {public_url(self.url)}", ATTEMPTS)

    def _tokens(self, answer):
        """The session that an answer of a token endpoint is (RFC 6749, 5.1; `refresh_expires_in` is Keycloak's)."""
        if answer.is_redirect:
            moved = public_url(answer.headers["Location"])
            raise OSError(f"catalogue {self.name}: {public_url(self.url)} sends on to {moved}; give that as `token`")
        try:
            values = answer.json()
            values = values if isinstance(values, dict) else {}
        except ValueError:
            values = {}
        if answer.status_code in (400, 401, 403):
            self._refused = f"catalogue {self.name}: {self._refusal(answer.status_code, values)}"
            raise RefusedError(self._refused)
        access, refresh = values.get("access_token"), values.get("refresh_token", "")
        if answer.status_code != 200 or not all(isinstance(one, str) for one in (access, refresh)):
            raise OSError(
                f"catalogue {self.name}: {public_url(self.url)} gives no token (status {answer.status_code}); is it "
                "the token endpoint of the service?"
            )
        if not TOKEN.fullmatch(access):
            raise OSError(f"catalogue {self.name}: {public_url(self.url)} gives a token that no request can have")
        now, lasts = time.time(), _seconds(values.get("expires_in"), 300)
        return {
            "access": access,
            "until": now + lasts,
            "sooner": min(SOONER, lasts / 4),
            "refresh": refresh,
            "refresh_until": now + _seconds(values.get("refresh_expires_in"), 1800),
        }

    def _refusal(self, status, values):
        """Why there is no token, as far as the answer tells."""
        told = str(values.get("error_description") or values.get("error") or "")
        for secret in (self.found.password, self.found.totp):
            told = told.replace(secret, "***") if secret else told
        told = f"{status}{': ' if told else ''}{' '.join(told.split())[:100]}"
        if "session" in told.lower():
            return f"too many sessions of this user ({told}); end some where they were begun, or wait for an hour"
        factor = "its code of TOTP" if self.found.totp else "a code of TOTP that is asked for (give `totp`)"
        return f"the login of {self.source} is refused ({told}): user, password or {factor}"


def one_time_code(secret, now, source=""):
    """The six digits of a TOTP secret in base32 at a time in seconds (RFC 6238: SHA-1, 30 s). A code stays as it is.

    Raises ValueError, without it, for a text that is neither.
    """
    if re.fullmatch(r"\d{6}", secret):
        return secret
    try:
        text = re.sub(r"[\s-]", "", secret).upper()
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raise ValueError(f"{source}: totp is neither a secret in base32 nor a code of six digits") from None
    digest = hmac.digest(key, int(now // 30).to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def _seconds(value, otherwise):
    """A lifetime of an answer; Keycloak says 0 for a session that does not end."""
    positive = isinstance(value, (int, float)) and value > 0
    return value if positive else otherwise


def _host(url):
    """Host and port of a URL, without the port that goes without saying."""
    parts = urlsplit(url)
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return parts.netloc.rpartition("@")[2].lower().removesuffix(port) if port else parts.netloc.lower()


def key(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def cached(name):
    """A path in the user's own cache, outside every campaign."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "darkroom"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OSError(
            f"{folder}: no place for the session ({error.strerror}); name another by XDG_CACHE_HOME"
        ) from None
    return folder / name


@contextlib.contextmanager
def alone(path):
    """Hold the lock beside a file: jobs that run beside each other log in one after the other."""
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path):
    """The session that is kept; nothing where it cannot be read. Raises PermissionError where others may read it."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise PermissionError(f"{path} holds a session and can be read by others; remove it and log in elsewhere")
        session = json.loads(path.read_bytes())
        return session if {"access", "until", "sooner", "refresh", "refresh_until"} <= session.keys() else {}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _write(path, session):
    with files.replacing(path) as partial:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(session, file)
