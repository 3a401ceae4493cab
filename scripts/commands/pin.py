"""Make and refresh envs/<name>.linux-64.pin.txt: the exact packages that an environment was solved to."""

import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from darkroom import entrypoint, files

logger = logging.getLogger(__name__)

PLATFORM = "linux-64"
ENVS = files.HOUSE / "envs"


def pin(environments: list = (), *, folder: Path = ENVS, conda: str = ""):
    """Solve environments, and write what they were solved to; `--sdm conda` then installs these very packages.

    environments -- names of YAML files in `folder`; by default all of them
    folder -- the folder of the YAML files; a pin is written beside each, in the explicit format of `conda list`
    conda -- conda, or mamba, which takes the same arguments; by default the one on PATH, mamba first

    Needs the channels and room for the packages; an environment that cannot be solved keeps the pin it has. Raises
    FileNotFoundError when there is no conda or no such environment, ValueError when one cannot be solved.
    """
    program = conda or shutil.which("mamba") or shutil.which("conda")
    if not program:
        raise FileNotFoundError(
            "no conda and no mamba on PATH; name one with --conda, such as --conda ~/miniforge3/bin/mamba"
        )
    names = environments or sorted(path.stem for path in folder.glob("*.yaml") if path.name != "compose.yaml")
    for name in names:
        source = folder / f"{name}.yaml"
        if not source.is_file():
            raise FileNotFoundError(f"{source}: no such environment")
        target = folder / f"{name}.{PLATFORM}.pin.txt"
        files.write_bytes(target, solved(program, source))
        logger.info("%s: written", target)


def solved(program, source):
    """The packages of an environment in the explicit format, with their MD5; it is installed in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = str(Path(folder, "env"))
        _run(source, program, "env", "create", "--quiet", "--yes", "--prefix", prefix, "--file", str(source))
        listed = _run(source, program, "list", "--explicit", "--md5", "--prefix", prefix)
    if b"@EXPLICIT" not in listed:
        raise ValueError(f"{source}: {program} gave no explicit list of packages (no line @EXPLICIT)")
    return listed


def _run(source, *command):
    """What a program prints. Raises ValueError, with its last line, where it fails."""
    done = subprocess.run(command, capture_output=True, env=os.environ | {"CONDA_SUBDIR": PLATFORM})
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or done.stdout.decode(errors="replace").strip()
        raise ValueError(f"{source}: not solved: {said.splitlines()[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


if __name__ == "__main__":
    entrypoint.run(pin)
