"""Products read back by other readers than those that wrote them, and compared with what was found."""

import importlib.util

import numpy as np
from pynwb import NWBHDF5IO

from darkroom.calcium import movie as movies
from darkroom.calcium import registration
from darkroom.calcium.readers import isxd

LOOKED_AT = 60  # registered frames that are aligned anew
SMALLEST = 4  # cell diameters across a field that can be aligned
STILL = 0.25  # pixels that their median may be off
MASKS = 20  # footprints that are compared at a time
# What nwbinspector says of sound files: a session with fewer frames than cells looks as if its axes were turned.
EXCEPTIONS = ("check_data_orientation",)


def residual_motion(movie, reference, cell_diameter):
    """Median and largest shift (pixels) that some registered frames still have against the mean of the movie.

    None where the field is too small to tell.
    """
    if min(movie.shape[1:]) < SMALLEST * cell_diameter:
        return None
    _, frames = movie.sampled(LOOKED_AT)
    some = movies.of_array(frames)
    motion = registration.detect_motion(
        some, max_translation=5, cell_diameter=cell_diameter, reference=np.nan_to_num(reference)
    )
    lengths = np.hypot(*(motion.shifts - np.median(motion.shifts, axis=0)).T)
    return float(np.median(lengths)), float(lengths.max())


def nwb_differences(path, movie, cells, events):
    """What an NWB file says otherwise than the results, in words; read by pynwb."""
    wrong = []
    with NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        ophys = file.processing["ophys"].data_interfaces
        if file.session_start_time != movie.timing.begin:
            wrong.append(f"session_start_time is {file.session_start_time}, the recording began {movie.timing.begin}")
        if ophys["Motion"].data.shape != (len(movie), 2):
            wrong.append(f"Motion has {ophys['Motion'].data.shape} values, the movie {len(movie)} frames")
        if not len(cells):
            return [*wrong, *(["cells are there, none was found"] if "ImageSegmentation" in ophys else [])]
        plane = ophys["ImageSegmentation"]["PlaneSegmentation"]
        for first in range(0, len(cells), MASKS):
            masks = plane["image_mask"].data[first : first + MASKS]
            images = [cells.image(cell).T for cell in range(first, first + len(masks))]  # (x, y)
            if not np.array_equal(masks, images):
                wrong.append(f"footprints {first} to {first + len(masks) - 1} differ")
        for name, values in (("RoiResponseSeries", cells.traces), ("RoiResponseSeriesCounts", cells.raw)):
            if not np.array_equal(ophys["Fluorescence"][name].data[:], values.T, equal_nan=True):
                wrong.append(f"{name} differs")
        count = sum(len(times) for times, _ in events)
        if count and len(file.events["CalciumEvents"]) != count:
            wrong.append(f"CalciumEvents has {len(file.events['CalciumEvents'])} events, {count} were found")
    return wrong


def isxd_differences(cell_set, event_set, cells, events, statuses):
    """What a cell set and an event set say otherwise than the results, in words."""
    read, wrong = isxd.read_cell_set(cell_set), []
    if list(read.statuses) != list(statuses):
        wrong.append(f"{cell_set.name}: statuses differ")
    if not np.array_equal(read.traces[:, read.timing.valid], cells.traces):
        wrong.append(f"{cell_set.name}: traces differ")
    if not all(np.array_equal(image, own) for image, own in zip(read.images, cells.images(), strict=True)):
        wrong.append(f"{cell_set.name}: footprints differ")
    counts = [len(times) for times, _ in isxd.read_signals(event_set).channels.values()]
    if counts != [len(times) for times, _ in events]:
        wrong.append(f"{event_set.name}: has {sum(counts)} events, {sum(len(times) for times, _ in events)} were found")
    return wrong


def inspected(path):
    """Findings of nwbinspector, and those that are exceptions, as `check: importance: message`; None without it."""
    if importlib.util.find_spec("nwbinspector") is None:
        return None
    from nwbinspector import inspect_nwbfile

    findings = [
        (one.check_function_name, f"{one.importance.name}: {one.message}")
        for one in inspect_nwbfile(nwbfile_path=str(path))
    ]
    own = [f"{name}: {text}" for name, text in findings if name not in EXCEPTIONS]
    return own, [f"{name}: {text}" for name, text in findings if name in EXCEPTIONS]
