"""Run a campaign once, from start to end, and leave a marker when all of it is made: the command of the container."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from darkroom import entrypoint, interrupts
from darkroom.files import HOUSE

MARKER = "done.marker"  # in the working folder, unless EXPECTED_OUTPUT_FILE names another


def once(config: Path, *, cores: int = 0):
    """Run a campaign once, in the working folder; the exit status says whether all of it is made.

    config -- the config; paths in it and in its sheet are relative to the working folder
    cores -- how many are used; 0 takes all

    The marker is removed at the start and touched last: every dataset has been made and checked then. Raises ValueError
    without a config, ChildProcessError when something could not be made.
    """
    marker = Path(os.environ.get("EXPECTED_OUTPUT_FILE") or MARKER)
    marker.unlink(missing_ok=True)
    if not config.is_file():
        raise ValueError(f"{config}: there is no such config")
    options = ["--cores", str(cores or "all"), "--rerun-incomplete", "--keep-going", "--show-failed-logs"]
    files = ["--snakefile", HOUSE / "Snakefile", "--configfile", config]
    # --configfile takes several files: what follows it must be an option
    line = [sys.executable, "-m", "snakemake", *files, "--workflow-profile", "none", *options]
    with interrupts.stoppable(), subprocess.Popen(line) as running:
        try:
            status = running.wait()
        except KeyboardInterrupt:
            running.send_signal(signal.SIGTERM)
            raise
    if status:
        raise ChildProcessError(f"snakemake ended with status {status}; {marker} is not written")
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


if __name__ == "__main__":
    entrypoint.run(once)
