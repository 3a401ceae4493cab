"""Run a script of a rule as a job of `warm_jobs.py`, in place of a Python of its own; see there."""

import json
import os
import signal
import socket
import sys

name, script = sys.argv[1:]
asked = {"script": script, "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 (pathlib takes longer than the rest)
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect(f"\0{name}")
socket.send_fds(connection, [json.dumps(asked).encode()], [1, 2])
status = int(connection.recv(16) or -signal.SIGKILL)
if status < 0:
    os.kill(os.getpid(), -status)
sys.exit(status)
