"""A real OAuth2 server on loopback, of Authlib's parts: password grant with TOTP, refresh tokens that rotate, sessions.

It answers as Keycloak does for the Copernicus Data Space: at its paths, 401 for a login that is refused, 403 for a
session too many, and a refresh token that is used twice ends its session.
"""

import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, field

import flask
import pyotp
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Error, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from werkzeug.serving import make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback has no TLS
for name in ("werkzeug", "authlib"):  # whose DEBUG lines hold tokens
    logging.getLogger(name).setLevel(logging.ERROR)
CLIENT = "cdse-public"
TOKENS = "/auth/realms/CDSE/protocol/openid-connect/token"


class RefusedLoginError(OAuth2Error):
    error, status_code, description = "invalid_grant", 401, "Invalid user credentials"


class TooManySessionsError(OAuth2Error):
    error, status_code, description = "access_denied", 403, "There are too many sessions"


class Client(ClientMixin):
    """The public client of the service, which has no secret."""

    def get_client_id(self):
        return CLIENT

    def get_default_redirect_uri(self):
        return ""

    def get_allowed_scope(self, scope):
        return scope

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"

    def check_grant_type(self, grant_type):
        return grant_type in ("password", "refresh_token")


@dataclass
class Token(TokenMixin):
    access: str
    refresh: str
    session: str
    until: float
    refresh_until: float
    spent: bool = False
    user: str = field(default="", repr=False)

    def check_client(self, client):
        return client.get_client_id() == CLIENT

    def get_scope(self):
        return "openid"

    def get_user(self):
        return self.user

    def get_client(self):
        return Client()

    def is_expired(self):
        return time.time() >= self.until

    def is_revoked(self):
        return False


class OAuth2:
    """The server, until `stop()`; `url` is its token endpoint, `check_url` answers 204 to a good token, else 401.

    `lifetime`, `refresh_lifetime` are seconds, `most` sessions at once; they may be changed while it runs. `totp` is the
    secret of the one user, or None. `logins`, `refreshes`, `refused` count what it was asked for.
    """

    user, password = "analyst@example.org", "pa$s w0rd&=é"

    def __init__(self, totp=None, lifetime=600, refresh_lifetime=3600, most=4):
        self.lifetime, self.refresh_lifetime, self.most = lifetime, refresh_lifetime, most
        self.totp, self.tokens, self.lock, self.busy = totp, [], threading.RLock(), 0
        self.logins = self.refreshes = self.refused = 0
        app, server = flask.Flask("oauth2"), AuthorizationServer()
        server.init_app(app, query_client=lambda client: Client() if client == CLIENT else None, save_token=self._save)
        server.register_token_generator("default", self._generate)
        for grant in (self._password_grant(), self._refresh_grant()):
            server.register_grant(grant)
        protect = ResourceProtector()
        protect.register_token_validator(self._validator())

        @app.post(TOKENS)
        def token():
            if self.busy:
                self.busy -= 1
                return flask.Response(status=429, headers={"Retry-After": "0"})
            with self.lock:
                return server.create_token_response()

        @app.get("/check")
        @protect()
        def check():
            return "", 204

        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.url, self.check_url = self.address + TOKENS, f"{self.address}/check"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def sessions(self):
        """Those that have not ended."""
        return {token.session for token in self.tokens if not token.spent and time.time() < token.refresh_until}

    def expire(self):
        """Let every access token run out before its time."""
        for token in self.tokens:
            token.until = 0

    def end_sessions(self):
        self.expire()
        for token in self.tokens:
            token.spent = True

    def forget(self):
        """As new: no session, nothing counted."""
        self.tokens, self.logins, self.refreshes, self.refused, self.busy, self.totp = [], 0, 0, 0, 0, None
        self.lifetime, self.refresh_lifetime, self.most = 600, 3600, 4

    def secrets(self):
        """All that must be read nowhere."""
        secrets = {self.password, self.totp, *(text for token in self.tokens for text in (token.access, token.refresh))}
        return secrets - {None}

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def _generate(self, client, grant_type, user=None, scope=None, **_):
        return {
            "access_token": secrets.token_urlsafe(32),
            "expires_in": self.lifetime,
            "refresh_token": secrets.token_urlsafe(32),
            "refresh_expires_in": self.refresh_lifetime,
            "token_type": "Bearer",
        }

    def _save(self, values, request):
        session = getattr(request.refresh_token, "session", None) or secrets.token_hex(8)
        until, refresh_until = time.time() + self.lifetime, time.time() + self.refresh_lifetime
        token = Token(values["access_token"], values["refresh_token"], session, until, refresh_until, user=self.user)
        self.tokens.append(token)

    def _password_grant(self):
        outer = self

        class Password(grants.ResourceOwnerPasswordCredentialsGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

            def authenticate_user(self, username, password):
                right = (username, password) == (outer.user, outer.password)
                if outer.totp:
                    right = right and pyotp.TOTP(outer.totp).verify(flask.request.form.get("totp", ""), valid_window=1)
                if not right:
                    outer.refused += 1
                    raise RefusedLoginError()
                if len(outer.sessions) >= outer.most:
                    raise TooManySessionsError()
                outer.logins += 1
                return outer.user

        return Password

    def _refresh_grant(self):
        outer = self

        class Refresh(grants.RefreshTokenGrant):
            TOKEN_ENDPOINT_AUTH_METHODS = ("none",)
            INCLUDE_NEW_REFRESH_TOKEN = True

            def authenticate_refresh_token(self, refresh_token):
                issued = next((token for token in outer.tokens if token.refresh == refresh_token), None)
                if issued and issued.spent:  # stolen, perhaps
                    for token in outer.tokens:
                        if token.session == issued.session:
                            token.spent, token.until = True, 0
                    return None
                return issued if issued and time.time() < issued.refresh_until else None

            def authenticate_user(self, refresh_token):
                return outer.user

            def revoke_old_credential(self, refresh_token):
                outer.refreshes += 1
                refresh_token.spent = True

        return Refresh

    def _validator(self):
        outer = self

        class Validator(BearerTokenValidator):
            def authenticate_token(self, token_string):
                return next((token for token in outer.tokens if token.access == token_string), None)

        return Validator()
