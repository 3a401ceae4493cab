"""Try again what may pass: a server that is busy, a connection that breaks."""

import contextlib
import email.utils
import logging
import random
import threading
import time

LONGEST_PAUSE = 60  # seconds of our own back-off
LONGEST_WAIT = 600  # seconds a server may ask for
# Answers of a server that another attempt may not meet. 498 is what Swift's ratelimit filter says in place of 429.
PASSING = {408, 425, 429, 498, 500, 502, 503, 504, 507, 509}

log = logging.getLogger(__name__)


class PassingError(Exception):
    """A failure that another attempt may mend.

    wait -- seconds that the server asks for; None for our own back-off
    twice -- the same failure after another whole attempt is the last word
    """

    def __init__(self, reason, wait=None, twice=False):
        super().__init__(reason)
        self.wait, self.twice = wait, twice


def persistently(call, what, attempts, *, stopped=None, progress=None, backoff=None):
    """What `call()` gives, tried again after each `PassingError`; other errors are the caller's.

    what -- whom a message is about
    attempts -- how many failures in a row end it
    stopped -- an event that ends all waiting
    progress -- a function that tells how far the work is; attempts are counted anew whenever it is further than ever
    backoff -- failures so far -> seconds to wait where the server does not say how long; by default `pause`

    Raises OSError with the last reason once attempts are used up or the server asks to wait too long; InterruptedError
    once it is stopped.
    """
    failures, furthest, before = 0, progress() if progress else 0, None
    while True:
        try:
            return call()
        except PassingError as error:
            reason, wait = str(error), error.wait
            final = error.twice and reason == before
        reached = progress() if progress else 0
        failures = 1 if reached > furthest else failures + 1
        furthest, before = max(furthest, reached), reason
        if final or failures >= attempts:
            raise OSError(f"{what}: {reason} ({failures} attempts)")
        if wait is not None and wait > LONGEST_WAIT:
            raise OSError(f"{what}: {reason}, and the server asks to wait {wait:.0f} s")
        log.warning("%s: %s; trying again", what, reason)
        if (stopped or threading.Event()).wait((backoff or pause)(failures) if wait is None else wait):
            raise InterruptedError(f"{what}: stopped")


def retry_after(headers):
    """Seconds that the server asks to wait, given as a number or a date, or None."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())


def pause(failures):
    """Exponential back-off with full jitter, so that many clients do not come back at once."""
    return random.uniform(0, min(LONGEST_PAUSE, 2.0 ** (failures - 1)))
