"""A real OpenStack Keystone v3 on loopback, and a proxy of the tests' Swift that takes its tokens.

Its database is made from Keystone's own tables instead of through all their migrations, and it is filled and served by
the one process that makes it: ready in a few seconds.
"""

import json
from pathlib import Path

import keystoneauth1.identity.v3 as v3
import keystoneauth1.session

from servers import loopback
from servers import swift as swift_server

CONFIG = """\
[database]
connection = sqlite:///{state}/keystone.db

[identity]
password_hash_rounds = 4

[fernet_tokens]
key_repository = {state}/fernet_tokens

[fernet_receipts]
key_repository = {state}/fernet_receipts

[credential]
key_repository = {state}/credential

[cache]
enabled = true
backend = dogpile.cache.memory
"""
# A domain, users and projects as an operator makes them; then requests, one at a time, each on a connection of its own.
SERVER = """
import json, os, sys, uuid, wsgiref.simple_server
state, port, account_url = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1)
from keystone.common import fernet_utils, provider_api, sql
from keystone.server.flask import core

def make_keys():
    for name in ("fernet_tokens", "fernet_receipts", "credential"):
        keys = fernet_utils.FernetUtils(f"{state}/{name}", 3, name)
        os.mkdir(f"{state}/{name}", 0o700)
        keys.initialize_key_repository()

application = core.initialize_application("public", make_keys, [f"{state}/keystone.conf"])
with sql.session_for_write() as session:
    sql.ModelBase.metadata.create_all(session.get_bind())
from keystone.cmd import bootstrap
bootstrap.backends.load_backends = lambda: None  # the application has
first = bootstrap.Bootstrapper()
first.admin_username, first.admin_password, first.project_name, first.admin_role_name = "admin", "admin-word", "admin", "admin"
first.service_name, first.region_id = "keystone", "RegionOne"
first.public_url = first.internal_url = first.admin_url = f"http://127.0.0.1:{port}/v3"
first.bootstrap()
PROVIDERS = provider_api.ProviderAPIs
roles = {role["name"]: role["id"] for role in PROVIDERS.role_api.list_roles()}
with open(f"{state}/accounts.json") as file:  # not an argument, which others would see
    accounts = json.load(file)
projects, new = {}, lambda **values: {"id": uuid.uuid4().hex, "enabled": True, "domain_id": "default", **values}
for name, (password, project, role) in accounts.items():
    if project not in projects:
        made = new(name=project, description="", is_domain=False, parent_id="default")
        projects[project] = PROVIDERS.resource_api.create_project(made["id"], made)["id"]
    user = PROVIDERS.identity_api.create_user(new(name=name, password=password))
    PROVIDERS.assignment_api.create_grant(roles[role], user_id=user["id"], project_id=projects[project])
service = new(name="swift", type="object-store", description="")
del service["domain_id"]
PROVIDERS.catalog_api.create_service(service["id"], service)
endpoint = dict(interface="public", service_id=service["id"], region_id="RegionOne", url=account_url, enabled=True)
PROVIDERS.catalog_api.create_endpoint(uuid.uuid4().hex, endpoint | {"id": uuid.uuid4().hex})

class Server(wsgiref.simple_server.WSGIServer):
    request_queue_size = 64

class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def address_string(self):
        return self.client_address[0]
    def log_message(self, *_):
        pass

wsgiref.simple_server.make_server("127.0.0.1", port, application, Server, Handler).serve_forever()
"""
PROXY_AUTH = """
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = {auth_url}
auth_url = {auth_url}
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = service
username = swift
password = swift-word
delay_auth_decision = true
cache = swift.cache
token_cache_time = 1
include_service_catalog = false
service_token_roles_required = true

[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = member
"""


class Keystone:
    """Keystone, with user `runner` of project `science`, and a proxy of `swift` that asks it, until `stop()`.

    `auth_url`, `user`, `password` and `project` are what one logs in with; `storage_url` is the account of the project.
    A revoked token is refused after a second.
    """

    user, password, project = "runner", "runner's pass-word", "science"

    def __init__(self, state, swift):
        self.state = Path(state)
        (port,) = loopback.free_ports(1)
        self.auth_url = f"http://127.0.0.1:{port}/v3"
        self.stop = lambda: None
        proxy = swift.add_proxy("keystone", "authtoken keystoneauth", PROXY_AUTH.format(auth_url=self.auth_url))
        (self.state / "keystone.conf").write_text(CONFIG.format(state=self.state))
        accounts = {"swift": ("swift-word", "service", "admin"), self.user: (self.password, self.project, "member")}
        (self.state / "accounts.json").write_text(json.dumps(accounts))
        account_url = f"{proxy}/v1/AUTH_%(project_id)s"
        log = self.state / "keystone.log"
        python = [swift_server.environment() / "python", "-P", "-W", "ignore", "-c", SERVER]
        process = loopback.start([*python, self.state, str(port), account_url], log)
        self.stop = lambda: loopback.stop(process)
        loopback.wait_for_port(port, process, log)
        swift.wait_for_proxy("keystone")
        session = self.session()
        self.project_id = session.get_project_id()
        self.storage_url = session.get_endpoint(service_type="object-store")

    def session(self):
        """keystoneauth's own session of the user."""
        who = {"username": self.user, "password": self.password, "user_domain_id": "default"}
        where = {"project_name": self.project, "project_domain_id": "default"}
        return keystoneauth1.session.Session(v3.Password(self.auth_url, **who, **where))

    def token(self):
        return self.session().get_token()

    def revoke(self, token):
        """Make a token one that nobody takes any more."""
        self.session().delete(f"{self.auth_url}/auth/tokens", headers={"X-Subject-Token": token})

    def application_credential(self, name):
        """Make an application credential and give its id and secret."""
        session = self.session()
        url = f"{self.auth_url}/users/{session.get_user_id()}/application_credentials"
        made = session.post(url, json={"application_credential": {"name": name}}).json()["application_credential"]
        return made["id"], made["secret"]
