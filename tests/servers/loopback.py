"""What the servers of the tests share: free ports, waiting until one answers, stopping a process that we started."""

import contextlib
import ctypes
import functools
import signal
import socket
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def start(command, log, environment=None, folder=None):
    """Start a server with its output in the file `log`; it ends with this thread, however that ends (Linux)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    tie = functools.partial(libc.prctl, PR_SET_PDEATHSIG, signal.SIGTERM) if libc else None
    with log.open("wb") as file:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment, cwd=folder, preexec_fn=tie
        )


def wait_for_port(port, process, log, seconds=300):
    """Return when `port` accepts connections. Raises RuntimeError with the log's end when that does not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    stop(process)
    raise RuntimeError(f"{process.args[0]} does not listen on port {port}: {log.read_text()[-2000:]}")


def stop(process, seconds=5):
    """End one process by its own id."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
