"""A camera from outside the repository: the manual's example, in one file that the config names."""

import json
import re

import numpy as np
import pytest
import rasterio

from campaign import ROOT, Campaign

LABEL = """PDS_VERSION_ID = PDS3
RECORD_TYPE = FIXED_LENGTH
RECORD_BYTES = 512
FILE_RECORDS = 3
LABEL_RECORDS = 1
^IMAGE = 2
INSTRUMENT_ID = SURVEY
DATA_SET_ID = X-EDR-V1
TARGET_NAME = MARS
START_TIME = 2020-01-01T00:00:00
OBJECT = IMAGE
  LINES = 16
  LINE_SAMPLES = 64
  SAMPLE_TYPE = UNSIGNED_INTEGER
  SAMPLE_BITS = 8
END_OBJECT
END
"""
VALUES = np.arange(1024).reshape(16, 64) % 200 + 20


def product(path):
    path.write_bytes(LABEL.replace("\n", "\r\n").encode().ljust(512) + VALUES.astype("u1").tobytes())


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """A campaign of two images of the camera, made once."""
    folder = tmp_path_factory.mktemp("survey")
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "config/README.md").read_text(), re.DOTALL)
    (folder / "survey.py").write_text(code)
    for name in ("S0001.IMG", "S0002.IMG"):
        product(folder / name)
    made = write(Campaign(folder))
    made.run()
    return made


def write(campaign, *, second=(), **config):
    rows = [("told", "S0001.IMG", {}), ("named", "S0002.IMG", {"calibration": {"gain": 0.25} | dict(second)}, "survey")]
    return campaign.write(rows, pipeline="planetary", planetary={"instruments": ["survey.py"]} | config)


@pytest.mark.parametrize(("dataset", "gain"), [("told", 0.5), ("named", 0.25)])
def test_its_images_are_read_and_calibrated(survey, dataset, gain):
    with rasterio.open(survey.results / dataset / "calibrated.tif") as image:
        np.testing.assert_array_equal(image.read(1), VALUES * gain)
    told = json.loads((survey.results / dataset / "manifest.json").read_text())
    assert told["skipped"] == ["flat field: none is known"]
    assert told["options"]["calibration"]["gain"] == gain


def planned(campaign):
    """Rules and datasets of a dry run, but for what all end in."""
    jobs = re.findall(
        r"^rule (\w+):.*?^    wildcards: dataset=(\w+)", campaign.run("--dry-run"), re.MULTILINE | re.DOTALL
    )
    return {(rule, dataset) for rule, dataset in jobs if rule.startswith("planetary")}


def test_what_depends_on_its_option_or_its_file_is_made_again(survey):
    assert planned(survey) == set()
    calibrated = {(f"planetary_{step}", "named") for step in ("calibrate", "convert", "plot")}
    assert planned(write(survey, second={"gain": 0.75})) == calibrated
    assert planned(write(survey)) == set()
    file = survey.folder / "survey.py"
    file.write_text(file.read_text().replace('"default": 0.5', '"default": 0.75'))
    steps = ("import", "calibrate", "convert", "plot")
    assert planned(survey) == {(f"planetary_{step}", dataset) for step in steps for dataset in ("told", "named")}
