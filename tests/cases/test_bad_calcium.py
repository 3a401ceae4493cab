"""Recordings that cannot be analysed: one clear line each, and nothing half-written; wrong options before any job."""

import re
import struct
from fractions import Fraction

import numpy as np
import pytest
import tifffile

import calcium_recordings as recordings
from campaign import Campaign
from darkroom.calcium import movie as movies
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals
from darkroom.calcium.timing import Timing

START = "2024-05-17T14:03:00+02:00"


def frames(count=30, shape=(24, 30)):
    return np.random.default_rng(1).normal(500, 10, (count, *shape)).astype("u2")


def write(path, values, start=recordings.START, **gaps):
    samples = len(values) + sum(map(len, gaps.values()))
    timing = Timing(Fraction(1, 20), samples, Fraction(start), 0, **gaps)
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


def overlapping(raw):
    write(raw / "a.isxd", frames(), recordings.START)
    write(raw / "b.isxd", frames(), recordings.START + 1)


def sizes(raw):
    write(raw / "a.isxd", frames(), recordings.START)
    write(raw / "b.isxd", frames(shape=(24, 32)), recordings.START + 9)


BAD = {
    # name of the row: how its recording is made, its options, the rule that refuses it, and what it says
    "half.isxd": (half_written, {}, "calcium_import", "half.isxd: has no trailer of an .isxd file"),
    "missing.isxd": (frames_missing, {}, "calcium_import", "its trailer tells of 30 frames of 1440 bytes, 3.47222 are in"),
    "events.isxd": (events, {}, "calcium_import", "events.isxd: is an event set, a movie is due"),
    "packed.isxc": (lambda raw: raw.write_bytes(b"x" * 200), {}, "calcium_import", "packed.isxc: is a compressed recording"),
    "none.isxd": (lambda raw: write(raw, frames()[:0], dropped=(0, 1)), {}, "calcium_import", "none of its 2 frames is there"),
    "one.isxd": (lambda raw: write(raw, frames(1)), {}, "calcium_import", "has one frame, which is an image"),
    "black.isxd": (lambda raw: write(raw, frames() * 0), {}, "calcium_import", "every pixel is 0 in all frames"),
    "full.isxd": (lambda raw: write(raw, np.minimum(frames(), 480)), {}, "calcium_import", "is saturated: 9"),
    "unset.isxd": (lambda raw: write(raw, frames(), 0), {}, "calcium_import", "says 1970-01-01 when it was recorded; give `start`"),
    "bare.tif": (lambda raw: tifffile.imwrite(raw, frames()), {"start": START}, "calcium_import", "does not tell how fast it was recorded"),
    "zone.tif": (lambda raw: tifffile.imwrite(raw, frames()), {"start": "2024-05-17T14:03:00", "rate": 9}, "calcium_import", "has no time zone"),
    "overlap": (overlapping, {}, "calcium_import", "begins 0.500 s before a.isxd ends"),
    "sizes": (sizes, {}, "calcium_import", "its frames are 24 x 32 pixels (rows x columns), those of a.isxd 24 x 30"),
    "crop.isxd": (lambda raw: write(raw, frames()), {"crop_rect": [0, 0, 24, 20]}, "calcium_correct", "do not lie in a field of 24 x 30"),
    "nan.isxd": (lost_pixels, {}, "calcium_correct", "give crop_rect: [2, 0, 23, 29]"),
    "plane.isxd": (lambda raw: write(raw, frames()), {"efocus": 100}, "calcium_correct", "its frames have no headers"),
    "roi.isxd": (lambda raw: write(raw, frames()), {"roi": [0, 0, 40, 40]}, "calcium_detect_motion", "roi"),
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What a campaign of bad recordings says and leaves."""
    campaign = Campaign(tmp_path_factory.mktemp("bad"))
    (campaign.folder / "raw").mkdir()
    for name, (make, *_) in BAD.items():
        make(campaign.folder / "raw" / name)
    rows = [(name.replace(".", "_"), f"raw/{name}", options) for name, (_, options, *_) in BAD.items()]
    campaign.write(rows, pipeline="calcium")
    campaign.said = campaign.run("--keep-going", fails=True)
    return campaign


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_one_clear_line(refused, name):
    _, _, rule, expected = BAD[name]
    lines = [line for line in refused.said.splitlines() if line.startswith(f"{rule}: ") and expected in line]
    assert len(set(lines)) == 1, refused.said
    assert expected in (refused.folder / f"logs/case/{name.replace('.', '_')}/{rule}.log").read_text()


def test_nothing_is_left_half_written(refused):
    left = {path.name for path in refused.results.rglob("*") if path.is_file() and ".snakemake" not in path.parts}
    assert left <= {"session.json", "corrected.h5"}
    assert not list(refused.results.rglob("*.part"))


def test_wrong_options_are_told_before_any_job(campaign):
    wrong = [
        ({"cel_diameter": 7}, "", "'cel_diameter' is unknown; did you mean 'cell_diameter'?"),
        ({"method": "rois"}, "", "options rois: method rois needs a cell set (.isxd) or masks (TIFF)"),
        ({"engine": "idps"}, "", "options engine: idps needs calcium.installer in the config"),
        ({"filters": [["SNR", "above", 3]]}, "", "'above' is unknown"),
        ({"noise_range": [0.5, 0.25]}, "", "options noise_range: [0.5, 0.25] must ascend"),
        ({"sessions": ["one"]}, "longitudinal", "name two datasets or more"),
        ({"sessions": ["one", "other"]}, "longitudinal", "'other' is no calcium recording of this sheet"),
        ({}, "lateral", "recipe: 'lateral' is unknown"),
    ]
    write(campaign.folder / "raw.isxd", frames())
    rows = [
        (f"row{number}", "" if recipe == "longitudinal" else "raw.isxd", options, recipe)
        for number, (options, recipe, _) in enumerate(wrong)
    ]
    campaign.write([("one", "raw.isxd", {}), *rows], pipeline="calcium")
    said = campaign.run("--dry-run", fails=True)
    for number, (*_, expected) in enumerate(wrong):
        assert re.search(f"line {number + 3} .*{re.escape(expected)}", said), (expected, said)
