"""Recordings that cannot be analysed: one clear line each, and nothing half-written."""

import struct
from fractions import Fraction

import numpy as np
import pytest
import tifffile

import calcium_recordings as recordings
from calcium_correct import calcium_correct
from calcium_detect_motion import calcium_detect_motion
from calcium_import import calcium_import
from darkroom import inventory
from darkroom.calcium import movie as movies
from darkroom.calcium import plan
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

START = "2024-05-17T14:03:00+02:00"
MOTION = dict.fromkeys(plan.MOTION) | {
    "max_translation": 20, "low_bandpass_cutoff": "auto", "high_bandpass_cutoff": "auto", "cell_diameter": 7,
    "reference_segment_index": 0, "global_registration_weight": 1,
}  # fmt: skip


def frames(count=30, shape=(24, 30)):
    return np.random.default_rng(1).normal(500, 10, (count, *shape)).astype("u2")


def write(path, values, start=recordings.START, rate=20, **gaps):
    samples = len(values) + sum(map(len, gaps.values()))
    timing = Timing(Fraction(1, rate), samples, Fraction(start), 0, **gaps)
    path.parent.mkdir(parents=True, exist_ok=True)
    isxd.write_movie(path, movies.of_array(values, timing=timing))


def half_written(raw):
    write(raw, frames())
    raw.write_bytes(raw.read_bytes()[:9000])


def frames_missing(raw):
    write(raw, frames())
    content = raw.read_bytes()
    (length,) = struct.unpack("<Q", content[-8:])
    raw.write_bytes(content[:5000] + content[-9 - length :])


def events(raw):
    isxd.write_event_set(raw, Signals({}, Fraction(10**9), 0, Fraction(1), {}, "events"))


def lost_pixels(raw):
    values = frames().astype("f4")
    values[:, :2] = np.nan
    write(raw, values)


def lost_pixel(raw):
    values = frames().astype("f4")
    values[7, 3, 4] = np.inf
    write(raw, values)


def all_lost(raw):
    write(raw, np.full((30, 24, 30), np.nan, "f4"))


def two(raw, **second):
    write(raw / "a.isxd", frames(), recordings.START)
    write(raw / "b.isxd", **{"values": frames(), "start": recordings.START + 9} | second)


def one_name(raw):
    write(raw / "monday/a.isxd", frames())
    write(raw / "tuesday/a.isxd", frames(), recordings.START + 9)


BAD = {
    # name of the source: how it is made, its options, the step that refuses it, and what it says
    "half.isxd": (half_written, {}, calcium_import, "half.isxd: has no trailer of an .isxd file"),
    "missing.isxd": (frames_missing, {}, calcium_import, "its trailer tells of 30 frames of 1440 bytes, 3.47222 are in"),
    "events.isxd": (events, {}, calcium_import, "events.isxd: is an event set, a movie is due"),
    "packed.isxc": (lambda raw: raw.write_bytes(b"x" * 200), {}, calcium_import, "packed.isxc: is a compressed recording"),
    "none.isxd": (lambda raw: write(raw, frames()[:0], dropped=(0, 1)), {}, calcium_import, "none of its 2 frames is there"),
    "one.isxd": (lambda raw: write(raw, frames(1)), {}, calcium_import, "has one frame, which is an image"),
    "black.isxd": (lambda raw: write(raw, frames() * 0), {}, calcium_import, "every pixel is 0 in all frames"),
    "full.isxd": (lambda raw: write(raw, np.minimum(frames(), 480)), {}, calcium_import, "is saturated: 9"),
    "lost.isxd": (all_lost, {}, calcium_import, "no pixel of the frames that were looked at has a value (NaN)"),
    "unset.isxd": (lambda raw: write(raw, frames(), 0), {}, calcium_import, "says 1970-01-01 when it was recorded; give `start`"),
    "bare.tif": (lambda raw: tifffile.imwrite(raw, frames()), {"start": START}, calcium_import, "does not tell how fast it was recorded"),
    "zone.tif": (lambda raw: tifffile.imwrite(raw, frames()), {"start": START[:-6], "rate": 9}, calcium_import, "has no time zone"),
    "overlap": (lambda raw: two(raw, start=recordings.START + 1), {}, calcium_import, "begins 0.500 s before a.isxd ends"),
    "sizes": (lambda raw: two(raw, values=frames(shape=(24, 32))), {}, calcium_import, "its frames are 24 x 32 pixels (rows x columns), those of a.isxd 24 x 30"),
    "rates": (lambda raw: two(raw, rate=10), {}, calcium_import, "was recorded at 10 Hz, a.isxd at 20 Hz"),
    "names": (one_name, {}, calcium_import, "a.isxd is there more than once"),
    "crop.isxd": (lambda raw: write(raw, frames()), {"crop_rect": [0, 0, 24, 20]}, calcium_correct, "crop.isxd: crop_rect [0, 0, 24, 20] (tlbr) is rows 0 to 24, columns 0 to 20, which do not lie in a field of 24 x 30"),
    "nan.isxd": (lost_pixels, {}, calcium_correct, "nan.isxd: the movie has a border without values (NaN), as of a registration; give crop_rect: [2, 0, 23, 29]"),
    "blink.isxd": (lost_pixel, {}, calcium_correct, "blink.isxd: frame 7 has no number (NaN or inf) at row 3, column 4"),
    "plane.isxd": (lambda raw: write(raw, frames()), {"efocus": 100}, calcium_correct, "its frames have no headers"),
    "small.isxd": (lambda raw: write(raw, frames()), {"spatial_downsample_factor": 25}, calcium_correct, "leaves nothing of 24 x 30 pixels"),
    "short.isxd": (lambda raw: write(raw, frames()), {"temporal_downsample_factor": 20}, calcium_correct, "leaves 1 of 30 frames, at least 2 are due"),
    "roi.isxd": (lambda raw: write(raw, frames()), {"roi": [0, 0, 40, 40]}, calcium_detect_motion, "roi: [0, 0, 40, 40] is no"),
    "frame.isxd": (lambda raw: write(raw, frames()), {"reference_frame_index": 30}, calcium_detect_motion, "reference_frame_index 30: "),
}  # fmt: skip


def steps(folder, raw, options):
    """The steps that read a recording, in their order, and what each is given."""
    names = sorted(path.relative_to(raw).as_posix() for path in raw.rglob("*.*")) if raw.is_dir() else [raw.name]
    inventory.write(folder / "inventory.json", inventory.local(raw if raw.is_dir() else raw.parent, names))
    session, corrected, motion = folder / "session.json", folder / "corrected.h5", folder / "motion.h5"
    tables = [folder / name for name in ("motion.csv", "translations.csv", "crop_rect.csv")]
    told = {name: value for name, value in options.items() if name in ("start", "rate")}
    sought = {name: value for name, value in options.items() if name in MOTION}
    rest = {name: value for name, value in options.items() if name not in told | sought}
    yield calcium_import, (folder / "inventory.json", session, "one"), told
    yield calcium_correct, (session, corrected), rest
    yield calcium_detect_motion, (corrected, motion, *tables, MOTION | sought), {}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_one_clear_line_and_leaves_nothing(tmp_path, name):
    make, options, refusing, said = BAD[name]
    raw, folder = tmp_path / "raw" / name, tmp_path / "made"
    raw.parent.mkdir()
    folder.mkdir()
    make(raw)
    for step, given, named in steps(folder, raw, options):
        before = set(folder.iterdir())
        if step is not refusing:
            step(*given, **named)
            continue
        with pytest.raises(ValueError) as caught:
            step(*given, **named)
        assert said in str(caught.value) and "\n" not in str(caught.value)
        assert set(folder.iterdir()) == before
        return
