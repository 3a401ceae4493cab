"""Moments as people write them: ISO 8601 with a time zone."""

from datetime import UTC, date, datetime
from fractions import Fraction

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment_of(text):
    """Seconds since 1970 UTC and offset (s) of a moment in ISO 8601. Raises ValueError without a time zone."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no moment; right is one such as 2024-05-17T14:03:00+02:00") from error
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone; right is one such as {moment.isoformat()}+02:00, or Z for UTC")
    elapsed = moment - EPOCH
    seconds = elapsed.days * 86400 + elapsed.seconds + Fraction(elapsed.microseconds, 1_000_000)
    return Fraction(seconds), int(moment.utcoffset().total_seconds())


def require_day(text):
    """Refuse what is no day of a calendar (ISO 8601, maybe with a time)."""
    try:
        date.fromisoformat(str(text).partition("T")[0])
    except ValueError as error:
        raise ValueError(f"{text!r} is no day of a calendar; right is one such as 2024-01-31") from error
