"""Run what is not ours in a process of its own: with few variables, to its end or to ours, its words in our log."""

import collections
import logging
import os
import signal
import subprocess
from dataclasses import dataclass

from darkroom.interrupts import stoppable

logger = logging.getLogger(__name__)

# What a child is told of our environment: nothing that Python reads, no key and no password.
TOLD = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "TZ", "USER")
LINES = 40  # of its last words that are kept
NOTE = "note: "  # begins a line that belongs into the record
GRACE = 10  # seconds to end in when it is told to


@dataclass(frozen=True)
class Ended:
    """How a child has ended: `how` in words (empty when all went well), its last lines, and the notes among all."""

    how: str
    lines: tuple
    notes: tuple


def environment(api=None, beside=(), temporary=None):
    """The variables of a child.

    api -- the folder that it imports isx from
    beside -- folders of libraries for its loader
    temporary -- a folder of its own for temporary files, as isx leaves some there, under fixed names
    """
    told = {name: os.environ[name] for name in TOLD if name in os.environ}
    told |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONNOUSERSITE": "1", "PYTHONUNBUFFERED": "1"}
    libraries = ":".join([*map(str, beside), *filter(None, [told.get("LD_LIBRARY_PATH")])])
    given = {"PYTHONPATH": api, "TMPDIR": temporary, "LD_LIBRARY_PATH": libraries}
    return told | {name: str(value) for name, value in given.items() if value}


def run(command, variables, folder):
    """Run a command in a folder, without a terminal, and log what it says. Ends with us, its own children too."""
    command = [str(word) for word in command]
    with stoppable():
        started = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        lines, notes = collections.deque(maxlen=LINES), []
        try:
            for line in started.stdout:
                lines.append(line.rstrip())
                logger.info("| %s", lines[-1])
                if line.startswith(NOTE):
                    notes.append(lines[-1].removeprefix(NOTE))
            return Ended(_in_words(started.wait()), tuple(lines), tuple(notes))
        finally:
            _end(started)


def _in_words(status):
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}" if status else ""


def _end(started):
    """Stop a child and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if started.poll() is not None:
            break
        os.killpg(started.pid, number)
        try:
            started.wait(GRACE)
        except subprocess.TimeoutExpired:
            logger.warning("%s does not end when it is told to", started.args[0])
    started.stdout.close()
