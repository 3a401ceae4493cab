"""Fetch, make, check and publish one volume in one command; Snakemake runs underneath."""

import contextlib
import csv
import fcntl
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from darkroom import entrypoint, files
from darkroom.atlas import definition

SNAKEFILE = files.HOUSE / "Snakefile"


def ingest(
    *,
    source: str,
    results_dir: Path,
    download_dir: Path | None = None,
    stacks: bool = False,
    filter: str = "",
    parameters: dict | None = None,
    container: str = "",
    cleanup: bool = False,
    noupload: bool = False,
    cores: int = 2,
):
    """Do all of an atlas campaign of one dataset, as the Human Brain Project's `ingest` does.

    source -- what to fetch: a URL, a public Swift container (with --stacks), a file or a folder
    results_dir -- folder of the campaign: volume, manifest, page
    download_dir -- where downloads are kept; by default below results_dir
    stacks, filter -- the URL is a container; the regular expression that its names must match
    parameters -- options as JSON, as in `ingest_ngs`
    container -- Swift container to publish to, for anyone to read; the login is that of SWIFT_SETTINGS or OS_*
    cleanup -- remove the downloads, once the volume has been checked and published; never after a failure
    noupload -- publish to results_dir alone, whatever the container
    cores -- cores to use

    Raises ValueError when the run has failed; what was done is kept, and the same command goes on from there.
    """
    if stacks and not source.endswith("/"):
        source += "/"
    if Path(source).exists():
        source = str(Path(source).absolute())
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.rstrip("/").rpartition("/")[2]).strip("-._") or "volume"
    results, downloads = results_dir.absolute(), (download_dir or results_dir / "resources").absolute()
    results.mkdir(parents=True, exist_ok=True)
    options = definition.options(parameters or {}) | ({"filter": filter} if filter else {})
    write_campaign(results, downloads, [name, "atlas", source, json.dumps(options)], "" if noupload else container)
    with lock(results):
        # Our lock ends with the process; Snakemake's own would outlive a kill -9 and stop the next run.
        command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", str(cores), "--snakefile", SNAKEFILE]
        command += ["--directory", results, "--configfile", results / "config.json"]
        if subprocess.run(command, check=False).returncode:
            raise ValueError(f"{name} was not made; the reason is above. The same command goes on from what is there")
        if cleanup:
            shutil.rmtree(downloads / name, ignore_errors=True)


def write_campaign(folder, downloads, cells, container):
    """Write the config and the sheet of a campaign of one dataset."""
    config = {"campaign": "ingest", "datasets": "datasets.tsv", "pathvars": {"resources": str(downloads)}}
    if container:
        config["publish"] = {"target": f"swift://{quote(container)}", "public": True}
    files.write_json(folder / "config.json", config)
    with files.replacing(folder / "datasets.tsv") as partial, partial.open("w", newline="") as file:
        sheet = csv.writer(file, delimiter="\t", lineterminator="\n")
        sheet.writerows([["dataset", "pipeline", "source", "options"], cells])


@contextlib.contextmanager
def lock(folder):
    """Let one `ingest` at a time work in a folder."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{folder}: another ingest is at work there") from None
        yield


if __name__ == "__main__":
    entrypoint.run(ingest)
