"""Requests to a catalogue: asked again when it is busy, kept to the hosts that are meant, and noted one by one."""

from urllib.parse import urlsplit

import requests

from darkroom.retry import PASSING, PassingError, persistently, retry_after
from darkroom.transfer import remote
from darkroom.urls import public_url

ATTEMPTS = 6
SHOWN = 300  # characters of a server's complaint that are passed on
LONGEST = 200  # characters of a URL in a message; search.json has all of it


class Client:
    """A catalogue's answers in JSON. `requests` is the list of what was asked: URL, status, attempts.

    authorize -- an `AuthBase` of requests that adds what a private catalogue wants to a request; others want nothing
    """

    def __init__(self, settings, authorize=None, attempts=ATTEMPTS):
        self.settings, self.authorize, self.attempts = settings, authorize, attempts
        self.requests, self.session = [], remote.Session()

    def json(self, url, body=None):
        """The answer to a GET, or to a POST with a body in JSON.

        Raises ValueError where the catalogue says that the query is wrong, or answers with no JSON; PermissionError
        where it wants a login; OSError where it gives up.
        """
        entry = {"url": public_url(url)} | ({"body": body} if body is not None else {}) | {"attempts": 0}
        self.requests.append(entry)
        return persistently(lambda: self._once(url, body, entry), entry["url"][:LONGEST], self.attempts)

    def _once(self, url, body, entry):
        entry["attempts"] += 1
        shown = entry["url"][:LONGEST]
        try:
            response = self.session.request(
                "POST" if body is not None else "GET",
                url,
                json=body,
                auth=self.authorize or _nobody,
                timeout=remote.TIMEOUT,
                headers={"Accept": "application/json"},
                allow_redirects=self.authorize is None,
            )
        except remote.BROKEN as error:
            if isinstance(error, (ValueError, requests.TooManyRedirects)):
                raise ValueError(f"{shown}: cannot be requested ({type(error).__name__})") from None
            raise PassingError(remote.reason(error)) from None
        entry["status"] = response.status_code
        if response.status_code in (200, 201, 202):
            return _parsed(response, shown)
        if response.status_code in PASSING:
            raise PassingError(f"{response.status_code} {response.reason}", retry_after(response.headers))
        raise self._refused(response, shown)

    def _refused(self, response, shown):
        """The error for an answer that no other attempt will mend."""
        name, said = self.settings.name, _complaint(response)
        if response.status_code in (401, 403):
            return PermissionError(f"{shown}: catalogue {name} wants a login ({response.status_code}{said})")
        if response.status_code in (400, 414, 422):
            return ValueError(f"{shown}: catalogue {name} does not take the query ({response.status_code}{said})")
        if response.is_redirect:
            target = urlsplit(response.headers.get("Location", "")).hostname
            return OSError(f"{shown}: catalogue {name} sends us to {target}, which is not asked with a login")
        return OSError(f"{shown}: {response.status_code} {response.reason}{said}")


def _nobody(request):
    """Keeps ~/.netrc out of requests to public catalogues."""
    return request


def _parsed(response, shown):
    try:
        return response.json()
    except requests.JSONDecodeError:
        kind = response.headers.get("Content-Type", "no type").partition(";")[0]
        raise ValueError(f"{shown}: the answer is {kind}, not JSON; is this the address of a catalogue?") from None


def _complaint(response):
    """What the server has to say, of the forms that OData, CDSE and STAC have for it."""
    try:
        said = response.json()
    except requests.JSONDecodeError:
        return ""
    if isinstance(said, dict):
        said = said.get("detail") or said.get("error") or said.get("description") or said.get("message") or ""
    if isinstance(said, list):
        said = "; ".join(str(one.get("msg", one)) if isinstance(one, dict) else str(one) for one in said)
    if isinstance(said, dict):
        said = said.get("message", "")
    if isinstance(said, dict):
        said = said.get("value", "")
    text = " ".join(str(said).split())[:SHOWN]
    return f": {text}" if text else ""
