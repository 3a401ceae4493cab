"""Who holds the lock of a working directory, so that the lock of a dead run does not stop the next one.

Snakemake's lock is a list of files that names nobody. Beside it a run writes down who it is, and the next run removes
the lock of one that is surely dead: on this machine, and its process gone. Jobs that it left behind are ended first.
"""

import contextlib
import fcntl
import os
import platform
import signal
import time
from pathlib import Path

from darkroom import files

OWNER = "darkroom.owner.json"
MARK = "DARKROOM_RUN"  # the variable of the environment that tells jobs of which run they are
GRACE = 10  # seconds that a job has to end


def hold(folder: Path, locks: list[Path]) -> None:
    """Write down that the lock files of a `.snakemake` folder are this process's, and mark its jobs as such."""
    me = {"machine": _machine(), "boot": _boot(), "pid": os.getpid(), "started": _started(os.getpid())}
    os.environ[MARK] = f"{me['boot']}-{me['pid']}-{me['started']}"
    files.write_json(folder / OWNER, me | {"mark": os.environ[MARK], "locks": {path.name: _id(path) for path in locks}})


def clear_dead(folder: Path) -> str:
    """Remove the lock of a run that is dead; gives a line about what was found, or "" where there is nothing to say.

    A lock of a run that lives, that was made elsewhere or is of an unknown run stays.
    """
    try:
        owner = files.read_json(folder / OWNER)
        with (folder / "darkroom.mutex").open("w") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)  # another one that starts now does the same
            ids = {folder / "locks" / name: identity for name, identity in owner["locks"].items()}
            locks = [path for path, identity in ids.items() if path.exists() and _id(path) == identity]
            if not locks:
                return ""
            if owner["machine"] != _machine():
                name = owner["machine"].partition(" ")[0]
                return f"the lock is of a run on {name}: if that is dead, type the same there, or --unlock here"
            if owner["boot"] == _boot() and _started(owner["pid"]) == owner["started"]:
                return ""  # it lives: Snakemake says so itself
            _end_jobs(owner["mark"])
            for path in locks:
                path.unlink()
            return f"the lock of a run that is dead (process {owner['pid']}) is removed"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # nobody wrote down who it was, or half of it
        return ""


def _id(path):
    state = path.stat()
    return [state.st_ino, state.st_mtime_ns]


def _machine():
    with contextlib.suppress(OSError):
        return f"{platform.node()} {Path('/etc/machine-id').read_text().strip()}"
    return platform.node()


def _boot():
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _started(pid):
    """When a process began, in ticks since the machine did; "" where it is not there. Needs /proc (Linux)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _end_jobs(mark):
    """End processes that a dead run has started."""
    marked = f"{MARK}={mark}".encode()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        while left := [pid for pid in _processes() if marked in _environment(pid)]:
            if time.monotonic() > deadline:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
            time.sleep(0.1)


def _processes():
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if int(path.name) != os.getpid()]


def _environment(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # gone, or somebody else's
        return []
