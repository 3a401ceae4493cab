"""A recording that cannot be analysed fails alone, in one line that names its step; wrong options before any job."""

from fractions import Fraction

import numpy as np

import calcium_recordings as recordings
from darkroom.calcium import movie as movies
from darkroom.calcium.readers import isxd
from darkroom.calcium.timing import Timing

REFUSED = {
    # name of the row: its options, the rule that refuses it, and what it says
    "cut": ({}, "calcium_import", "cut.isxd: has no trailer of an .isxd file"),
    "crop": ({"crop_rect": [0, 0, 24, 20]}, "calcium_correct", "do not lie in a field of 24 x 30"),
    "roi": ({"roi": [0, 0, 40, 40]}, "calcium_detect_motion", "roi: [0, 0, 40, 40] is no"),
}


def write(path):
    values = np.random.default_rng(1).normal(500, 10, (30, 24, 30)).astype("u2")
    path.parent.mkdir(parents=True, exist_ok=True)
    timing = Timing(Fraction(1, 20), len(values), Fraction(recordings.START), 0)
    isxd.write_movie(path, movies.of_array(values, timing=timing))


def test_a_bad_recording_is_one_clear_line_and_leaves_nothing_half_written(campaign):
    for name in REFUSED:
        write(campaign.folder / f"raw/{name}.isxd")
    cut = campaign.folder / "raw/cut.isxd"
    cut.write_bytes(cut.read_bytes()[:9000])
    campaign.write([(name, f"raw/{name}.isxd", options) for name, (options, *_) in REFUSED.items()], "calcium")
    said = campaign.run("--keep-going", fails=True).splitlines()
    for name, (_, rule, text) in REFUSED.items():
        assert len({line for line in said if line.startswith(f"{rule}: ") and text in line}) == 1, said
        assert text in (campaign.folder / f"logs/case/{name}/{rule}.log").read_text()
    left = {path.name for path in campaign.results.rglob("*") if path.is_file() and ".snakemake" not in path.parts}
    assert left <= {"session.json", "corrected.h5"}
    assert not list(campaign.results.rglob("*.part"))


WRONG = [  # options and recipe of a row, and what is said of it
    ({"cel_diameter": 7}, "", "'cel_diameter' is unknown; did you mean 'cell_diameter'?"),
    ({"method": "rois"}, "", "options rois: method rois needs a cell set (.isxd) or masks (TIFF)"),
    ({"engine": "idps"}, "", "options engine: idps needs calcium.installer in the config"),
    ({"filters": [["SNR", "above", 3]]}, "", "'above' is unknown"),
    ({"noise_range": [0.5, 0.25]}, "", "options noise_range: [0.5, 0.25] must ascend"),
    ({"start": "2024-05-17T14:03:00"}, "", "options start: 2024-05-17T14:03:00 has no time zone"),
    ({"rate": float("inf")}, "", "options rate: is Infinity, not a number"),
    ({"nwb": {"subject": {"date_of_birth": "2024-02-30"}}}, "", "date_of_birth: '2024-02-30' is no day of a calendar"),
    ({"nwb": {"subject": {"species": "mouse"}}}, "", "right is: Latin binomial, such as Mus musculus"),
    ({"nwb": {"subject": {"age": "old"}}}, "", "right is: ISO 8601 duration, such as P90D"),
    ({"sessions": ["good"]}, "longitudinal", "name two datasets or more"),
    ({"sessions": ["good", "other"]}, "longitudinal", "'other' is no calcium recording of this sheet"),
    ({}, "lateral", "recipe: 'lateral' is unknown"),
]


def test_wrong_options_are_told_before_any_job_all_of_them(campaign):
    write(campaign.folder / "raw.isxd")
    rows = [
        (f"row{number}", "" if recipe == "longitudinal" else "raw.isxd", options, recipe)
        for number, (options, recipe, _) in enumerate(WRONG)
    ]
    campaign.write([("good", "raw.isxd", {}), *rows], pipeline="calcium")
    said = campaign.run("--dry-run", fails=True)
    assert [text for *_, text in WRONG if text not in said] == []
