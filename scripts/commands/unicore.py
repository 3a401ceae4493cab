"""Run a whole campaign as one job of a UNICORE site, from any machine."""

import logging
import os
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import quote

try:
    import httpx
    import pyunicore.client
    import pyunicore.credentials
except ModuleNotFoundError:  # there is no wheel of it, so no lock file has it
    pyunicore = None

from darkroom import entrypoint
from darkroom.files import read_json, replacing

logger = logging.getLogger(__name__)

ACTIONS = ("submit", "status", "fetch")


def unicore(action: str, url: str, files: list, *, job: Path | None = None, destination: Path = Path()):
    """Submit a campaign, ask how it is, or fetch what it made.

    action -- submit, status or fetch
    url -- of the site (https://HOST/SITE/rest/core) to submit; then of the job, as submit prints it
    files -- submit: what to send along, such as config.yaml datasets.tsv; fetch: folders to fetch, by default results
    job -- submit: the job, JSON as profiles/daint/unicore.json
    destination -- fetch: the folder here that they go to

    The login is the environment's: UNICORE_TOKEN, an OIDC token, or UNICORE_USER and UNICORE_PASSWORD. The certificate
    of the site must be good; SSL_CERT_FILE names that of an authority of its own. Raises ValueError for what cannot
    be asked, OSError when the site refuses or a file does not arrive whole.
    """
    if pyunicore is None:
        raise ValueError(f"needs pyunicore, which is not here: {sys.executable} -m pip install pyunicore")
    if action not in ACTIONS:
        raise ValueError(f"{action!r} is unknown; known are {', '.join(ACTIONS)}")
    transport = pyunicore.client.Transport(login(), verify=True)  # which is not its default
    try:
        if action == "submit":
            print(submit(transport, url, job, files))
        elif action == "status":
            print(*status(transport, url), sep="\n")
        else:
            fetch(transport, url, files or ["results"], destination)
    except (httpx.HTTPError, pyunicore.credentials.AuthenticationFailedException) as error:
        raise OSError(f"{url}: {error}") from error


def login():
    """The credential of the environment."""
    if token := os.environ.get("UNICORE_TOKEN"):
        return pyunicore.credentials.OIDCToken(token)
    if user := os.environ.get("UNICORE_USER"):
        return pyunicore.credentials.UsernamePassword(user, os.environ.get("UNICORE_PASSWORD", ""))
    raise ValueError("no login: set UNICORE_TOKEN, or UNICORE_USER and UNICORE_PASSWORD")


def submit(transport, site, description, files):
    """Start the job with these files in its working directory, under their own names, and give its URL."""
    if description is None:
        raise ValueError("--job is missing; profiles/daint/unicore.json is an example")
    job = read_json(description)
    inputs = {Path(file).name: file for file in files}
    if len(inputs) < len(files):
        raise ValueError(f"{' '.join(files)}: two files of one name")
    if missing := [file for file in files if not Path(file).is_file()]:
        raise ValueError(f"{', '.join(missing)}: no such file")
    # The job waits for its files, also where there are none: pyunicore starts it in any case.
    started = pyunicore.client.Client(transport, site).new_job(job | {"haveClientStageIn": "true"}, inputs)
    return started.resource_url


def status(transport, url):
    """The state of a job (QUEUED, RUNNING, SUCCESSFUL, FAILED, ..), and why it failed, where it did."""
    properties = pyunicore.client.Job(transport, url).properties
    lines = [properties["status"]]
    if properties["status"] == "FAILED":
        lines += [f"exit code {properties.get('exitCode') or 'unknown'}", properties.get("statusMessage", "")]
    return [line for line in lines if line]


def fetch(transport, url, folders, destination):
    """Copy folders of the job's working directory here; a file that is here with its size is left as it is."""
    storage = pyunicore.client.Job(transport, url).working_dir
    for folder in folders:
        for name, size in walk(storage, f"/{folder.strip('/')}"):
            path = destination / name
            if not (path.is_file() and path.stat().st_size == size):
                download(storage, name, size, path)
                logger.info("%s", path)


def walk(storage, folder):
    """Every file below a folder of a storage: (path relative to the storage, bytes)."""
    for path, about in storage.contents(folder)["content"].items():
        name = PurePosixPath(path.lstrip("/"))
        if ".." in name.parts:
            raise ValueError(f"{storage.resource_url}: {path!r} leaves the working directory")
        if about["isDirectory"]:
            yield from walk(storage, f"/{name}")
        else:
            yield str(name), about["size"]


def download(storage, name, size, path):
    """Bring a file here, whole or not at all; pyunicore would also take a page that tells of an error."""
    remote = pyunicore.client.PathFile(storage, f"{storage.resource_url}/files/{quote(name)}", name)
    with replacing(path) as partial:
        remote.download(str(partial))
        if (arrived := partial.stat().st_size) != size:
            raise OSError(f"{remote.resource_url}: {arrived} bytes arrived of {size}")


if __name__ == "__main__":
    entrypoint.run(unicore, globals().get("snakemake"))
