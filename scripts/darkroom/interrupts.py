"""Work that can be stopped: SIGTERM ends it as Ctrl-C does, so that what is half made is removed."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def stoppable():
    """Let SIGTERM end a stage as Ctrl-C does: programs are told, and what they have left is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise KeyboardInterrupt("stopped by SIGTERM")

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
