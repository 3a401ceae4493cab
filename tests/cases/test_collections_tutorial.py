"""docs/collections.md: its file and its commands, run as they are printed."""

import json
import os
import re
import subprocess
import sys

import netCDF4
import numpy as np
import pytest

from campaign import ROOT

TUTORIAL = (ROOT / "docs/collections.md").read_text()
NAME = "MYCAMPAIGN-MetNav_DC8_20240305_R0"


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The folder of someone who has followed the tutorial, and what each command said."""
    folder = tmp_path_factory.mktemp("tutorial")
    source = re.search(r"```\n(19, 1001.*?)```", TUTORIAL, re.DOTALL)[1]
    (folder / "granules").mkdir()
    for path in (folder / f"{NAME}.ict", folder / f"granules/{NAME}.ict"):
        path.write_text(source)
    said = []
    for command in re.findall(r"```sh\n(.*?)\n```", TUTORIAL, re.DOTALL):
        line = command.replace("./darkroom", f"{sys.executable} {ROOT / 'darkroom'}")
        told = {key: value for key, value in os.environ.items() if key not in ("COLLECTIONS", "SHORT_NAME")}
        done = subprocess.run(line, shell=True, cwd=folder, env=told, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        said.append(done.stdout)
    return folder, said


def test_the_draft_says_what_it_makes_of_the_file(followed):
    folder, said = followed
    assert len(said) == 3
    for text in said[:2]:
        assert (
            "GPS_Altitude -> altitude: 9144 to 9150.1 m" in text
            or "GPS_Altitude -> altitude: 30000 to 30020 ft" in text
        )
        assert "below_detection_limit: 1 of 3 values of temperature" in text
    assert (folder / "mine.yaml").read_text().startswith("# A draft")


def test_what_is_made_with_it(followed):
    folder, _ = followed
    with netCDF4.Dataset(folder / f"out/netcdf/{NAME}.nc") as file:
        assert np.ma.getmaskarray(file["temperature"][:]).tolist() == [False, True, False]
        assert file["temperature"].standard_name == "air_temperature"
        assert "V02_2016" in file.source_header
    record = json.loads((folder / f"out/metadata/{NAME}.umm_g.json").read_text())
    assert record["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"] == "2024-03-05T12:00:00Z"
    assert (folder / "out/archive").is_dir()


def test_every_key_of_the_tutorial_is_one_of_the_schema():
    schema = (ROOT / "config/schemas/collection.schema.yaml").read_text()
    for key in re.findall(r"\| `(\w+):", TUTORIAL):
        assert f"        {key}:" in schema, key
