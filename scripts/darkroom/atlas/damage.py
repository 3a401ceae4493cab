"""What readers of files that are damaged, or ask for what is not there, have to say."""

import math
import struct
import tokenize
import zlib

# What readers of damaged files raise beside their own errors.
ERRORS = (
    OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, ArithmeticError, RuntimeError,
    struct.error, zlib.error, tokenize.TokenError, SyntaxError, MemoryError,
)  # fmt: skip


def unreadable(path, kind, error):
    """The error of a file that is no `kind`, from what its reader says; what that stumbles over tells little."""
    said = " ".join(str(error).split())
    if not isinstance(error, (ValueError, OSError)):
        said = f"its header is damaged, or says what no reader expects ({type(error).__name__}: {said})"
    return ValueError(f"{path} is no {kind} that can be read: {said}")


def require_bytes(path, needed, most=math.inf):
    """Refuse a file that is too small for what its header promises, or larger than `most`."""
    size = path.stat().st_size
    if size < needed:
        raise ValueError(f"{path}: the volume is cut short, the file is smaller than its header says")
    if size > most:
        raise ValueError(
            f"{path}: {size} bytes; by its header it has {most}: what is too much may stand anywhere, so the volume "
            "may be shifted"
        )


def chosen_time(path, times, time):
    """The time to read, counted from 0. Raises ValueError where there are several and none is chosen, or not that."""
    if time is None and times > 1:
        raise ValueError(
            f"{path}: the axis t ({times}) is time, neither space nor channel; choose one with `time`, from 0 to "
            f"{times - 1}"
        )
    if time is not None and time >= times:
        raise ValueError(f"{path}: there is no time {time}, it has 0 to {times - 1}")
    return time or 0
