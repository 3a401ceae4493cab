"""What the servers of the tests share: free ports, waiting until one answers, stopping a process that we started."""

import contextlib
import ctypes
import functools
import random
import signal
import socket
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
OURS = (10_000, 32_000)
_claims = []  # of ports, held while this process lives


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on, and that no other process of the tests is given while this one lives.

    They lie below those that the kernel hands out by itself: else a connection or another server may take a port
    between this answer and its server's start, and the test talks to a stranger.
    """
    ports = []
    while len(ports) < count:
        port = random.randrange(*OURS)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.bind(("127.0.0.1", port))
            _claims.append(_claimed(port))
            ports.append(port)
    return ports


def _claimed(port):
    """A name of the kernel's (Linux) that one process at a time can hold. Raises OSError where another has it."""
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0darkroom-tests-port-{port}")
    except OSError:
        claim.close()
        raise
    return claim


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
