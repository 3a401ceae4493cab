"""What a change makes again, and what it leaves alone."""

import json
import re

import imagecodecs
import numpy as np
import pytest

from campaign import Campaign


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A campaign of two datasets, made once; each test changes something and looks at the plan."""
    made = Campaign(tmp_path_factory.mktemp("two"))
    for name in ("a", "b"):
        (made.folder / name).mkdir()
        for number in range(3):
            plane = np.full((20, 30), 10 * number, "u1")
            (made.folder / name / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    made.write([("a", "a", {"resolution": 1000}), ("b", "b", {"resolution": 1000})])
    made.run()
    return made


def planned(campaign, *arguments):
    """The jobs of a dry run as (rule, dataset)."""
    said = campaign.run("--dry-run", *arguments)
    return set(re.findall(r"^rule (\w+):.*?wildcards: dataset=(\w+)$", said, re.MULTILINE | re.DOTALL))


def test_an_option_of_one_row(two):
    two.write([("a", "a", {"resolution": 1000, "encoding": "png"}), ("b", "b", {"resolution": 1000})])
    jobs = planned(two)
    assert ("atlas_import", "a") in jobs
    assert ("atlas_chunk", "a") in jobs
    assert ("fetch_input", "a") not in jobs
    assert not any(dataset == "b" for _, dataset in jobs)
    two.run()
    info = json.loads((two.results / "a/precomputed/info").read_text())
    assert info["scales"][0]["encoding"] == "png"
    assert {path.suffix for path in (two.results / "a/precomputed").rglob("*-*")} == {""}


def test_a_section_written_anew_in_place(two):
    path = two.folder / "b/s1.png"
    with path.open("r+b") as file:
        file.write(imagecodecs.png_encode(np.full((20, 30), 99, "u1")))
        file.truncate()
    jobs = planned(two)
    assert ("fetch_input", "b") in jobs
    assert not any(dataset == "a" for _, dataset in jobs)
    two.run()
    assert not planned(two)


def test_a_section_more(two):
    (two.folder / "a/s3.png").write_bytes(imagecodecs.png_encode(np.full((20, 30), 50, "u1")))
    assert ("fetch_input", "a") in planned(two)
    two.run()
    assert json.loads((two.results / "a/volume.json").read_text())["info"]["scales"][0]["size"][2] == 4


def test_a_row_more_leaves_the_others_alone(two):
    rows = (two.folder / "datasets.tsv").read_text().splitlines()[1:]
    two.write([("first", "b", {"resolution": 500}), *rows])
    jobs = planned(two)
    assert {dataset for _, dataset in jobs} == {"first"}


def test_nothing_is_written_beside_the_source(two):
    assert all(path.suffix == ".png" for name in ("a", "b") for path in (two.folder / name).iterdir())
