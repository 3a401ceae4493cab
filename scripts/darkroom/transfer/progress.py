"""How far a transfer is: one line that is drawn anew on a terminal, plain lines in a log."""

import logging
import os
import threading
import time
from collections import deque

from darkroom.files import human

REDRAWN = 0.2  # seconds between drawings on a terminal
LOGGED = 10  # seconds between lines of a log
WINDOW = 15  # seconds that the rate is of

log = logging.getLogger(__name__)


class Progress:
    """Says how far `files` files are, for as long as its block lasts; nothing where INFO is not logged.

    It goes where logging goes: to the terminal when a handler of the root logger writes to one, or else to the log.
    Calls with what is new are those of `download.download`.
    """

    def __init__(self, files):
        self.files, self.done = files, 0
        self.stored = self.expected = self.sized = 0
        handlers = logging.getLogger().handlers
        self.handler = next((one for one in handlers if _is_terminal(getattr(one, "stream", None))), None)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.past = deque([(time.monotonic(), 0)])

    def __call__(self, stored=0, expected=0, sized=0, done=0):
        self.stored += stored
        self.expected += expected
        self.sized += sized
        self.done += done

    def __enter__(self):
        self.quiet = not log.isEnabledFor(logging.INFO)
        if not self.quiet:
            if self.handler:
                self.handler.addFilter(self._clear)
            self.thread.start()
        return self

    def __exit__(self, *_):
        if not self.quiet:
            self.ended.set()
            self.thread.join()
            if self.handler:
                self.handler.removeFilter(self._clear)
                self._clear()

    def line(self):
        """`3/20 files, 1.5 GB of 9.8 GB, 35.1 MB/s, 4 min left`; what is not known is left out."""
        now, stored = time.monotonic(), self.stored
        self.past.append((now, stored))
        while len(self.past) > 2 and now - self.past[1][0] > WINDOW:
            self.past.popleft()
        (then, before), total = self.past[0], 0
        rate = max(0.0, (stored - before) / max(now - then, 0.001))
        if self.sized == self.files:
            total = self.expected
        elif self.sized:
            total = self.expected * self.files // self.sized  # as if the others were like these
        about = "" if self.sized == self.files else "about "
        parts = [f"{self.done}/{self.files} files", human(stored)]
        parts[1] += f" of {about}{human(total)}" if total else ""
        parts.append(f"{human(rate)}/s")
        if total and rate:
            parts.append(f"{duration(max(0, total - stored) / rate)} left")
        return ", ".join(parts)

    def _run(self):
        while not self.ended.wait(REDRAWN if self.handler else LOGGED):
            if self.handler:
                self._draw(self.line())
            else:
                log.info("%s", self.line())

    def _draw(self, text):
        with self.handler.lock:
            stream = self.handler.stream
            stream.write(f"\r\x1b[K{text[: _width(stream) - 1]}")
            stream.flush()

    def _clear(self, record=None):
        """Make room on the line; as a filter, for what is logged in between."""
        self._draw("")
        return True


def duration(seconds):
    """Seconds for people: `45 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _is_terminal(stream):
    return bool(stream and not stream.closed and stream.isatty())


def _width(stream):
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except OSError:
        return 80
