"""How one logs in to OpenStack: from a settings file, `clouds.yaml` or the environment, never from the config.

Nothing secret is in a message, a log or a `repr`: what the libraries raise may quote URLs, headers and answers, so it
is replaced by a line of our own.
"""

import contextlib
import json
import logging
import os
import stat
import threading
from pathlib import Path

import keystoneauth1.exceptions as refusals
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from darkroom.retry import PASSING, PassingError, persistently, retry_after
from darkroom.transfer import remote
from darkroom.transfer.remote import BROKEN
from darkroom.urls import public_url

CHATTY = ("keystoneauth", "keystoneclient", "openstack", "requests", "swiftclient", "urllib3")
TIMEOUT = 60  # seconds without an answer
ATTEMPTS = 6  # of a login
SCOPE = ("project_id", "project_name", "project_domain_id", "project_domain_name")
WAYS = (
    "give one of: a JSON file named by publish.settings or SWIFT_SETTINGS (os_auth_url, os_username, os_password, "
    "os_project_id ...), a cloud of clouds.yaml named by publish.cloud or OS_CLOUD, or OS_AUTH_URL with OS_USERNAME "
    "and OS_PASSWORD, OS_APPLICATION_CREDENTIAL_ID and OS_APPLICATION_CREDENTIAL_SECRET, or OS_TOKEN; "
    "for version 1: ST_AUTH, ST_USER and ST_KEY"
)


class Account:
    """An account of an object store: its `url`, and a `token` that `renew` replaces once it is refused.

    Several threads may share one. `source` says where the login came from; `cacert` is a file with the authorities to
    trust, or None for the usual ones.
    """

    anonymous = False
    follows = False  # whether a token goes along with redirects

    def __init__(self, source, log_in, url="", cacert=None):
        """`log_in(old)` gives (storage URL or "", token); `old` is a token that was refused, or None."""
        self.source, self.cacert, self._log_in, self._lock = source, cacert, log_in, threading.Lock()
        catalogue_url, self.token = self._enter(None)
        self.url = (url or catalogue_url).rstrip("/")
        if not self.url:
            raise ValueError(f"{source}: the catalogue has no object store; give its URL as OS_STORAGE_URL")

    def __repr__(self):
        return f"Account({public_url(self.url)!r}, {self.source!r})"

    def renew(self, refused):
        """Give a token that is not the `refused` one; threads that come with the same one log in once.

        Raises PermissionError when the login gives no other token.
        """
        with self._lock:
            if self.token == refused:
                _, self.token = self._enter(refused)
                if self.token == refused:
                    raise PermissionError(f"{self.source}: the token is refused (401) and cannot be renewed")
            return self.token

    def sign(self, request, token):
        """Put what opens the store into a request, as `auth=` of requests does."""
        request.prepare_headers({**request.headers, "X-Auth-Token": token})  # which looks at what a header may be
        return request

    def connection(self, stopped):
        """A context that holds one of the connections the service bears: as many as are asked for."""
        return contextlib.nullcontext()

    def _enter(self, refused):
        """Log in; a server that is busy is asked again, after as long as it says."""
        with _discreet(self.source):
            return persistently(lambda: self._once(refused), f"{self.source}: cannot log in", ATTEMPTS)

    def _once(self, refused):
        try:
            return self._log_in(refused)
        except refusals.HttpError as error:
            if error.http_status not in PASSING:
                raise
            wait = retry_after(error.response.headers) if error.response is not None else None
            raise PassingError(f"status {error.http_status}", wait) from None


def session(settings="", cloud=""):
    """Log in with what is there: `settings` or SWIFT_SETTINGS, `cloud` or OS_CLOUD, or else OS_* or ST_* variables.

    settings -- path of a JSON file with the keys of SWIFT_SETTINGS (`auth_version`, `os_auth_url`, `os_username` ...)
    cloud -- name of a cloud in clouds.yaml

    Gives an `Account`. `os_storage_url` in the file or OS_STORAGE_URL goes before the catalogue's.

    Raises PermissionError for a file that others can read and for a login that is refused; ValueError where something
    is missing, with all the ways there are; OSError for a server that cannot be reached.
    """
    for name in CHATTY:  # their DEBUG lines hold tokens
        logging.getLogger(name).setLevel(logging.WARNING)
    given = ((key, value.strip()) for key, value in os.environ.items())  # a file's last line end, say
    environment = {key[3:].lower(): value for key, value in given if key[:3] in ("OS_", "ST_") and value}
    if settings := settings or os.environ.get("SWIFT_SETTINGS", ""):
        return _account(read_settings(settings), str(settings))
    if cloud := cloud or os.environ.get("OS_CLOUD", ""):
        return _cloud(cloud, environment.get("storage_url", ""))
    return _account(environment, "the environment")


def read_settings(path):
    """Values of a settings file, without the `os_` and `st_` of their keys.

    Raises FileNotFoundError, PermissionError when others can read it, ValueError when it is not a JSON object.
    """
    if str(path).lstrip().startswith("{"):
        raise ValueError(f"SWIFT_SETTINGS and publish.settings are the path of a file, not what is in it; {WAYS}")
    path = Path(path).expanduser()
    require_private(path)
    try:
        values = json.loads(path.read_bytes())
    except ValueError as error:  # its text may quote the file
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{path}: not JSON{where}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: not a JSON object of settings")
    if wrong := [key for key, value in values.items() if isinstance(value, (dict, list))]:
        raise ValueError(f"{path}: {wrong[0]} is no text")
    lower = {key.lower(): str(value).strip() for key, value in values.items() if value not in (None, "")}
    return {key.removeprefix("os_").removeprefix("st_"): value for key, value in lower.items()}


def require_private(path):
    """Raise PermissionError when a file with secrets can be read by anyone but its owner."""
    try:
        mode = Path(path).stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such settings file; {WAYS}") from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path}: a folder, no settings file; {WAYS}")
    remote.require_private(Path(path))


def _account(values, source):
    """The account that settings or variables describe."""
    version = values.get("auth_version", "1" if "auth" in values else "3").lstrip("v").partition(".")[0]
    url = values.get("storage_url", "")
    if version == "1":
        return _version_1(values, source, url)
    if version != "3":
        raise ValueError(f"{source}: auth_version {version} is unknown; right is 3 (Keystone) or 1")
    token = values.get("token") or values.get("auth_token")
    if token and url and "auth_url" not in values:
        return Account(source, lambda refused: (url, token), url, values.get("cacert"))
    keystone = _session(values, _plugin(values, source, token))
    return Account(source, _keystone(keystone, values, url), url, values.get("cacert"))


def _session(values, plugin=None):
    """Who logs in. A redirect is not followed: user and password are for the server that was named."""
    return Session(
        plugin, timeout=TIMEOUT, connect_retries=ATTEMPTS - 1, redirect=False, verify=values.get("cacert", True)
    )


def _plugin(values, source, token):
    """The way to log in to Keystone v3 that the values are for."""
    if "auth_url" not in values:
        raise ValueError(f"{source}: no login to an object store; {WAYS}")
    auth_url = values["auth_url"].rstrip("/")
    auth_url = auth_url if auth_url.endswith("/v3") else f"{auth_url.removesuffix('/v2.0')}/v3"
    user = {key: values[key] for key in ("username", "user_id", "user_domain_id", "user_domain_name") if key in values}
    if "username" in user and not {"user_domain_id", "user_domain_name"} & user.keys():
        user["user_domain_id"] = "default"
    keys = ("application_credential_id", "application_credential_name", "application_credential_secret")
    if keys[2] in values and (keys[0] in values or keys[1] in values):
        given = {key: values[key] for key in keys if key in values}
        return v3.ApplicationCredential(auth_url, **given, **({} if keys[0] in given else user))
    scope = {key: values[key] for key in SCOPE if key in values}
    if "project_name" in scope and not {"project_domain_id", "project_domain_name"} & scope.keys():
        scope["project_domain_id"] = "default"
    if token:
        return v3.Token(auth_url, token, **scope)
    if {"username", "user_id"} & user.keys() and "password" in values:
        return v3.Password(auth_url, password=values["password"], **user, **scope)
    raise ValueError(f"{source}: no user with a password, no application credential and no token; {WAYS}")


def _keystone(keystone, values, url):
    """How an account logs in by a session of keystoneauth."""

    def log_in(refused):
        if refused:
            keystone.invalidate()
        token = keystone.get_token()
        where = {"service_type": "object-store", "interface": values.get("interface", "public")}
        endpoint = url or keystone.get_endpoint(**where, region_name=values.get("region_name"))
        return endpoint or "", token

    return log_in


def _version_1(values, source, url):
    """The account of a store with a login of its own (version 1: TempAuth and others)."""
    auth_url = values.get("auth") or values.get("auth_url")
    user, key = values.get("user") or values.get("username"), values.get("key") or values.get("password")
    if not (auth_url and user and key):
        raise ValueError(f"{source}: version 1 needs auth, user and key; {WAYS}")

    client = _session(values)

    def log_in(refused):
        who = {"X-Auth-User": user, "X-Auth-Key": key}
        no_netrc = {"requests_auth": lambda request: request}
        answer = client.get(auth_url, headers=who, authenticated=False, log=False, **no_netrc)
        token = answer.headers.get("X-Storage-Token") or answer.headers.get("X-Auth-Token")
        if not token:
            raise refusals.InvalidResponse(answer)
        return answer.headers.get("X-Storage-Url", ""), token

    return Account(source, log_in, url, values.get("cacert"))


def _cloud(name, url):
    """The account of a cloud in clouds.yaml (and secure.yaml), wherever openstacksdk finds them."""
    import openstack.config  # slow to import

    source = f"cloud {name!r}"
    if path := _clouds_file(openstack.config.loader):
        require_clouds(path, openstack.config.loader.yaml)
    with _discreet(source):
        clouds = openstack.config.OpenStackConfig()
        for private in filter(None, (clouds.config_filename, clouds.secure_config_filename)):
            require_private(private)
        if name not in clouds.get_cloud_names():
            raise ValueError(f"{source} is not in {clouds.config_filename or 'any clouds.yaml'}; {WAYS}")
        region = clouds.get_one(cloud=name)
        keystone = region.get_session()
        keystone.redirect = False

    def log_in(refused):
        if refused:
            keystone.invalidate()
        token = keystone.get_token()
        return url or region.get_session_endpoint("object-store") or "", token

    verify, _ = region.get_requests_verify_args()
    return Account(source, log_in, url, verify if isinstance(verify, str) else None)


def _clouds_file(loader):
    """The clouds.yaml that openstacksdk finds first, or None."""
    names = [os.environ.get("OS_CLIENT_CONFIG_FILE", ""), *loader.CONFIG_FILES]
    return next((Path(name) for name in names if name and Path(name).is_file() and os.access(name, os.R_OK)), None)


def require_clouds(path, yaml):
    """Raise ValueError for a clouds.yaml that is none: openstacksdk would pass it over and look elsewhere.

    yaml -- the module with which openstacksdk reads it
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # its text may quote a password
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"{path}: not YAML in UTF-8{f' (line {mark.line + 1})' if mark else ''}") from None
    clouds = content.get("clouds") if isinstance(content, dict) else None
    if not isinstance(clouds, dict) or not all(isinstance(cloud, dict) for cloud in clouds.values()):
        raise ValueError(f"{path}: right is a map `clouds`, of names and maps of their settings")
    if wrong := [name for name, cloud in clouds.items() if not isinstance(cloud.get("auth", {}), dict)]:
        raise ValueError(f"{path}: clouds.{wrong[0]}.auth is no map")


@contextlib.contextmanager
def _discreet(source):
    """Turn what libraries raise into a line that quotes nothing of a request or an answer."""
    try:
        yield
    except (refusals.Unauthorized, refusals.Forbidden, refusals.NotFound) as error:  # 404: an id that is not there
        raise PermissionError(f"{source}: the login is refused ({error.http_status})") from None
    except refusals.InvalidResponse as error:
        moved = error.response.is_redirect
        place = (
            f"sends on to {public_url(error.response.headers['Location'])}; give that URL" if moved else "has no token"
        )
        raise OSError(f"{source}: cannot log in, the answer {place}") from None
    except refusals.EndpointNotFound:
        raise ValueError(f"{source}: the catalogue has no object store; give its URL as OS_STORAGE_URL") from None
    except (refusals.ConnectionError, *BROKEN) as error:
        raise OSError(f"{source}: the server to log in to cannot be reached ({type(error).__name__})") from None
    except refusals.ClientException as error:
        status = getattr(error, "http_status", None) or type(error).__name__
        raise OSError(f"{source}: cannot log in ({status})") from None
    except (ValueError, OSError):
        raise
    except Exception as error:  # openstacksdk and YAML have exceptions of their own
        raise ValueError(f"{source}: cannot be used to log in ({type(error).__name__}); {WAYS}") from None
