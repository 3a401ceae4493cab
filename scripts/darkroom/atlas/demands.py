"""What the header of a source has to fit."""

import math


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
