"""Virtual environments of outside programs that cannot share ours: made from a lock file, once."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def folder(lock):
    """Where the environment of a lock file `NAME.lock` is: `.venv-NAME`."""
    return ROOT / f".venv-{lock.stem}"


def python(lock):
    """The Python of a lock file's environment, which is made when it is missing or the lock file changed."""
    digest, place = hashlib.sha256(lock.read_bytes()).hexdigest(), folder(lock)
    ready = place / "ready"
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # two runs of the tests may want it at once
        if not ready.exists() or ready.read_text() != digest:
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, place], check=True)
            # As pip does: with the certificates of the system, to which an organisation may have added its own.
            install = ["pip", "install", "--native-tls", "--quiet", "--python", place / "bin/python", "-r", lock]
            subprocess.run([*uv, *install], check=True, timeout=600)
            ready.write_text(digest)
    return str(place / "bin/python")
