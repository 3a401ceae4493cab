"""Fetch, make, check and publish one volume in one command; Snakemake runs underneath."""

import fcntl
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import _definition
import _entrypoint
import _files

SNAKEFILE = Path(__file__).parent.parent / "Snakefile"


def ingest(
    *,
    source: str,
    results_dir: Path,
    download_dir: Path | None = None,
    stacks: bool = False,
    filter: str = "",
    parameters: dict | None = None,
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
    cleanup -- remove the downloads, once the published volume has been checked; never after a failure
    noupload -- publish to results_dir alone, which is all that is done so far

    Raises ValueError when the run has failed; what was done is kept, and the same command goes on from there.
    """
    if stacks and not source.endswith("/"):
        source += "/"
    options = _definition.options(parameters or {}) | ({"filter": filter} if filter else {})
    if Path(source).exists():
        source = str(Path(source).absolute())
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", source.rstrip("/").rpartition("/")[2]).strip("-._") or "volume"
    results_dir.mkdir(parents=True, exist_ok=True)
    downloads = (download_dir or results_dir / "resources").absolute()
    cells = {"dataset": name, "pipeline": "atlas", "source": source, "options": json.dumps(options)}
    sheet = "\t".join(cells) + "\n" + "\t".join(_cell(cell) for cell in cells.values()) + "\n"
    _files.write_bytes(results_dir / "datasets.tsv", sheet.encode())
    config = {"campaign": "ingest", "datasets": "datasets.tsv", "pathvars": {"resources": str(downloads)}}
    _files.write_json(results_dir / "config.json", config)
    command = [sys.executable, "-m", "snakemake", "--snakefile", SNAKEFILE.absolute(), "--cores", str(cores)]
    # Our own lock ends with the process, Snakemake's would outlive a kill -9 and stop the next run.
    command += [
        "--nolock",
        "--directory",
        results_dir.absolute(),
        "--configfile",
        (results_dir / "config.json").absolute(),
    ]
    with (results_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{results_dir}: another ingest is at work there") from None
        failed = subprocess.run(command, check=False).returncode
    if failed:
        raise ValueError(f"{name} was not made; the reason is above. The same command goes on from what is there")
    if cleanup:
        shutil.rmtree(downloads / name / "files", ignore_errors=True)


def _cell(text):
    """A cell of the sheet; one with quotes is quoted, as spreadsheets do."""
    return '"' + text.replace('"', '""') + '"' if '"' in text else text


if __name__ == "__main__":
    _entrypoint.run(ingest)
