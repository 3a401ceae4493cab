"""Scripts of rules that begin where the imports of libraries are done, as these take most of a small job.

    python warm_jobs.py NAME                 the process that jobs come from, at an abstract name of a socket
    python -IS warm_job.py NAME SCRIPT       what a rule runs in place of `python SCRIPT`

A job is made by fork, with the environment, folder and output of what asks for it, and is told its exit status. Our own
modules are imported anew by each, as it may run those of another copy of the workflow.
"""

import atexit
import contextlib
import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path

SCRIPTS = Path(__file__).parent.parent / "scripts"
LONGEST = 1 << 20  # bytes of what is asked


def prepare():
    """Import what the scripts of rules import, and forget what is ours of it."""
    sys.path.insert(0, str(SCRIPTS))
    for script in sorted(SCRIPTS.glob("*.py")):
        import_module(script.stem)
    sys.path.remove(str(SCRIPTS))
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(f"{SCRIPTS}{os.sep}"):
            del sys.modules[name]
    keep()


def keep():
    """Leave what is imported out of all collections: the first of each fork would copy it."""
    gc.collect()
    gc.freeze()


def become(asked, outputs):
    """Make this process the job that is asked for, up to the start of its script."""
    for number, output in enumerate(outputs, start=1):
        os.dup2(output, number)
    os.chdir(asked["folder"])
    before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.environ.clear()
    os.environ.update(asked["environment"])
    now = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:] = [str(Path(asked["script"]).parent), *now, *(path for path in sys.path[1:] if path not in set(before))]
    sys.argv = [asked["script"]]
    tempfile.tempdir = None
    time.tzset()


def status_of(function, *arguments):
    """Call a function as Python does a script; its exit status."""
    try:
        function(*arguments)
    except SystemExit as ended:
        if isinstance(ended.code, int | None):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(status):
    """End this process without taking all modules apart, which takes as long as a small job."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def fork(listener, jobs):
    """Make the job that asks for it."""
    connection, _ = listener.accept()
    message, outputs, *_ = socket.recv_fds(connection, LONGEST, 2)
    process = os.fork()
    if not process:
        listener.close()
        connection.close()
        jobs.close()
        asked = json.loads(message)
        become(asked, outputs)
        end(status_of(runpy.run_path, asked["script"], None, "__main__"))
    os.setpgid(process, process)
    for output in outputs:
        os.close(output)
    ends = os.pidfd_open(process)
    jobs.register(ends, selectors.EVENT_READ, lambda: ended(process, ends, connection, jobs))
    jobs.register(connection, selectors.EVENT_READ, lambda: left(process, connection, jobs))


def ended(process, ends, connection, jobs):
    """Tell the exit status of a job."""
    _, status = os.waitpid(process, 0)
    jobs.unregister(ends)
    os.close(ends)
    if connection.fileno() != -1:
        jobs.unregister(connection)
        with connection, contextlib.suppress(BrokenPipeError):
            connection.send(str(os.waitstatus_to_exitcode(status)).encode())


def left(process, connection, jobs):
    """End a job, and what it has started, as what asked for it has ended."""
    if connection.fileno() != -1:
        jobs.unregister(connection)
        connection.close()
        os.killpg(process, signal.SIGKILL)


def main(name):
    prepare()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"\0{name}")
    listener.listen()
    print("ready", flush=True)
    jobs = selectors.DefaultSelector()
    jobs.register(listener, selectors.EVENT_READ, lambda: fork(listener, jobs))
    jobs.register(sys.stdin, selectors.EVENT_READ, sys.exit)  # which its maker holds open as long as it lives
    while True:
        for key, _ in jobs.select():
            key.data()


if __name__ == "__main__":
    main(sys.argv[1])
