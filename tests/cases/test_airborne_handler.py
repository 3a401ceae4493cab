"""The handler of airborne granules, `process.py INPUT OUTPUT`: input -> output as expected, its log, settings, payloads.

To renew airborne_expected/output after a change that is meant, run `process.py` on airborne_expected/input with SETTINGS,
look at the differences that `compare.py` tells, and copy netcdf/, metadata/ and quality/.
"""

import collections
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import netCDF4
import numpy as np
import pytest

import airborne_files
import airborne_folders as folders
from campaign import ROOT
from darkroom.samples import airborne
from darkroom.version import RELEASED

EXPECTED = Path(__file__).parent / "airborne_expected"
NAME = "D20120906_224116_1.QC"
SETTINGS = {
    "PRODUCTION_TIME": "2026-01-02T03:04:05Z",
    "DISTRIBUTION_ENDPOINT": "https://data.example.org",
    "BUCKETS": '{"protected": "demo-protected"}',
}
# Of the bytes of a netCDF file, which are those of a version of the HDF5 library, and of the version of Darkroom.
OF_VERSIONS = ["Checksum", "SizeInBytes", "Size", "DataGranuleSizeInBytes", "SizeMBDataGranule", "PGEVersionClass"]
PARTS = ("netcdf", "metadata", "quality")


def start(*arguments, **environment):
    """Start the handler with no other settings than these."""
    outside = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    return subprocess.Popen(
        [sys.executable, ROOT / "darkroom", "process", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=outside | environment,
    )


def run(*arguments, **environment):
    """(exit status, lines of the log as dicts) of the handler, which says nothing beside its log."""
    process = start(*arguments, **environment)
    out, errors = process.communicate(timeout=900)
    assert errors == ""
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def compared(*arguments):
    """(exit status, lines) of `compare.py`."""
    command = [sys.executable, ROOT / "darkroom", "compare", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True)
    return ended.returncode, ended.stdout.splitlines()


def content(folder):
    """Files below a folder: path -> bytes."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("netcdf/*.nc")}


# input -> output


@pytest.fixture(scope="module")
def handled(tmp_path_factory):
    """What the handler makes of the expected input."""
    output = tmp_path_factory.mktemp("handled") / "output"
    before = folders.state(EXPECTED / "input")
    status, log = run(EXPECTED / "input", output, **SETTINGS)
    assert status == 0, log
    assert folders.state(EXPECTED / "input") == before
    return output


@pytest.mark.parametrize("part", PARTS)
def test_input_becomes_the_expected_output(handled, part):
    assert compared(EXPECTED / "output" / part, handled / part, "--ignore", *OF_VERSIONS) == (0, [])


@pytest.fixture
def copy(handled, tmp_path):
    return shutil.copytree(handled, tmp_path / "copy")


def spoil_value(folder):
    with netCDF4.Dataset(folder / f"netcdf/{NAME}.nc", "a") as file:
        file["pressure"][7] = 1.25


def spoil_metadata(folder):
    path = folder / f"metadata/{NAME}.umm_g.json"
    path.write_text(path.read_text().replace('"Night"', '"Day"'))


def spoil_xml(folder):
    path = folder / f"metadata/{NAME}.echo10.xml"
    path.write_text(path.read_text().replace("-61.55544", "-61.55545"))


@pytest.mark.parametrize(
    ("spoil", "part", "told"),
    [
        (spoil_value, "netcdf", [f"{NAME}.nc: pressure[7]: expected 68.14, made 1.25"]),
        (spoil_metadata, "metadata", [f'{NAME}.umm_g.json: DataGranule.DayNightFlag: expected "Night", made "Day"']),
        (spoil_xml, "metadata", ["WestBoundingCoordinate[1]: expected -61.55544, made -61.55545"]),
        (lambda folder: (folder / f"quality/{NAME}.json").unlink(), "quality", [f"{NAME}.json: missing"]),
        (lambda folder: (folder / "netcdf/more.nc").touch(), "netcdf", ["more.nc: not expected"]),
    ],
    ids=["a value", "JSON", "XML", "missing", "too much"],
)
def test_another_output_is_told_apart(copy, spoil, part, told):
    spoil(copy)
    status, lines = compared(EXPECTED / "output" / part, copy / part, "--ignore", *OF_VERSIONS)
    assert status == 1
    assert len(lines) == len(told)
    assert all(line.endswith(end) for line, end in zip(lines, told, strict=True)), lines


def test_the_expected_output_is_true():
    """By the text of the sounding, read without any of our programs."""
    lines = (EXPECTED / f"input/{NAME}.eol").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("---"))
    table = np.loadtxt(lines[first + 1 :])
    columns = [
        "time", "pressure", "temperature", "dew_point", "relative_humidity", "eastward_wind", "northward_wind",
        "wind_speed", "wind_direction", "ascent_rate", "geopotential_altitude", "longitude", "latitude", "altitude",
    ]  # fmt: skip
    table = dict(zip(columns, np.delete(table, (1, 2, 3), axis=1).T, strict=True))  # without hh mm ss
    with netCDF4.Dataset(EXPECTED / f"output/netcdf/{NAME}.nc") as file:
        assert file["time"].units == "seconds since 2012-09-06 22:41:16"
        for name, values in table.items():
            np.testing.assert_array_equal(np.ma.filled(file[name][:], -999), values, err_msg=name)
    record = json.loads((EXPECTED / f"output/metadata/{NAME}.umm_g.json").read_text())
    moments = record["TemporalExtent"]["RangeDateTime"]
    assert moments == {"BeginningDateTime": "2012-09-06T22:41:15Z", "EndingDateTime": "2012-09-06T22:41:45Z"}
    (box,) = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["BoundingRectangles"]
    for side, name, extreme in (
        ("West", "longitude", min),
        ("South", "latitude", min),
        ("East", "longitude", max),
        ("North", "latitude", max),
    ):
        assert box[f"{side}BoundingCoordinate"] == pytest.approx(extreme(table[name][table[name] > -999]), abs=1e-5)


def test_sizes_and_digests_are_those_of_the_files(handled):
    record = json.loads((handled / f"metadata/{NAME}.umm_g.json").read_text())
    listed = record["DataGranule"]["ArchiveAndDistributionInformation"]
    paths = [handled / f"netcdf/{NAME}.nc", EXPECTED / f"input/{NAME}.eol"]
    assert [entry["Name"] for entry in listed] == [path.name for path in paths]
    for entry, path in zip(listed, paths, strict=True):
        assert entry["SizeInBytes"] == path.stat().st_size
        assert entry["Checksum"] == {"Value": hashlib.sha256(path.read_bytes()).hexdigest(), "Algorithm": "SHA-256"}


def test_the_archive_has_every_file_at_its_address(handled):
    record = json.loads((handled / f"metadata/{NAME}.umm_g.json").read_text())
    urls = [url["URL"] for url in record["RelatedUrls"]]
    place = f"demo-protected/hs3avaps/20120906/{NAME}"
    assert urls == [f"{head}{place}{end}" for end in (".nc", ".eol") for head in ("https://data.example.org/", "s3://")]
    folder = "hs3avaps/20120906"
    made = content(handled / "archive")
    assert made == {
        f"protected/{folder}/{NAME}.nc": (handled / f"netcdf/{NAME}.nc").read_bytes(),
        f"protected/{folder}/{NAME}.eol": (EXPECTED / f"input/{NAME}.eol").read_bytes(),
        f"protected/{folder}/{NAME}.json": (handled / f"quality/{NAME}.json").read_bytes(),
        **{
            f"private/{folder}/{NAME}.{kind}": (handled / f"metadata/{NAME}.{kind}").read_bytes()
            for kind in ("umm_g.json", "echo10.xml", "meta.xml")
        },
    }


# A folder of good, bad and unknown files


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """The folder, with a user's own collections beside it."""
    top = tmp_path_factory.mktemp("mixed")
    folders.write(top / "mixed")
    (top / "storm.yaml").write_text(folders.COLLECTION)
    (top / "rival.yaml").write_text(folders.RIVAL)
    return top / "mixed"


def all_collections(mixed):
    paths = (ROOT / "config/collections", mixed.parent / "storm.yaml", mixed.parent / "rival.yaml")
    return {"COLLECTIONS": os.pathsep.join(map(str, paths))}


@pytest.fixture(scope="module")
def sorted_out(mixed, tmp_path_factory):
    """(output, log) of the folder."""
    output = tmp_path_factory.mktemp("sorted_out")
    (output / "mine.txt").write_text("mine")
    before = folders.state(mixed)
    status, log = run(mixed, output, **all_collections(mixed))
    assert status == 1
    assert folders.state(mixed) == before
    return output, log


def test_good_granules_are_made_and_nothing_else(sorted_out):
    output, log = sorted_out
    kinds = {
        "netcdf": [".nc"],
        "quality": [".json"],
        "metadata": [".umm_g.json", ".echo10.xml", ".meta.xml", ".stac.json"],
    }
    for part, endings in kinds.items():
        names = {f"{name}{ending}" for name in folders.GOOD for ending in endings}
        assert {path.name for path in (output / part).iterdir()} == names
    assert {path.stem for path in (output / "archive").rglob("*.nc")} == folders.GOOD
    assert not [path for path in output.rglob("*") if path.name.endswith(".part")]
    staged = [line["granuleId"] for line in log if line["message"].endswith("files staged")]
    assert collections.Counter(staged) == collections.Counter(folders.GOOD)
    assert (output / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("name", folders.BAD)
def test_a_bad_granule_has_one_line(sorted_out, mixed, name):
    (line,) = [line for line in sorted_out[1] if folders.BAD[name] in line["message"]]
    assert line["level"] == "error"
    assert line["granuleId"] in (name, name.rpartition(".")[0])
    short_name = {"D": "hs3avaps", "I": "avapsimpacts", "H": "hs3cpl"}[name[0]]
    assert line["collectionName"] == (None if name == folders.BOTH else short_name)


def test_every_line_of_the_log_is_whole(sorted_out):
    _, log = sorted_out
    assert all(list(line) == ["timestamp", "level", "collectionName", "granuleId", "message"] for line in log)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in log)
    assert [line["timestamp"] for line in log] == sorted(line["timestamp"] for line in log)
    assert not [line for line in log if "\n" in line["message"] or "Traceback" in line["message"]]
    levels = collections.Counter(line["level"] for line in log)
    assert (levels["error"], levels["warning"]) == (len(folders.BAD), len(folders.UNKNOWN) + 1)  # how many failed


@pytest.mark.parametrize("name", sorted(folders.UNKNOWN))
def test_an_unknown_file_is_named(sorted_out, name):
    (line,) = [line for line in sorted_out[1] if line["message"].startswith(f"{name}: ")]
    assert line["level"] == "warning"
    assert "left alone" in line["message"]


def test_killed_and_started_again_it_makes_the_same_bytes(sorted_out, mixed, tmp_path):
    output, _ = sorted_out
    process = start(mixed, tmp_path / "killed", **all_collections(mixed))
    while process.poll() is None and not list((tmp_path / "killed").glob("netcdf/.HS3_CPL*.part")):
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
    assert not (tmp_path / "killed/granules.json").exists()
    assert run(mixed, tmp_path / "killed", **all_collections(mixed))[0] == 1
    for part in (*PARTS, "archive"):
        assert content(tmp_path / "killed" / part) == content(output / part)


def test_a_second_run_makes_only_what_has_changed(sorted_out, mixed, tmp_path):
    copied = shutil.copytree(mixed, tmp_path / "mixed")
    settings = all_collections(mixed)
    run(copied, tmp_path / "output", **settings)
    before = times(tmp_path / "output")
    run(copied, tmp_path / "output", **settings)
    assert times(tmp_path / "output") == before
    path = copied / f"day 1/{NAME}.eol"
    path.write_bytes(path.read_bytes().replace(b"   70.81", b"   70.99", 1))
    run(copied, tmp_path / "output", **settings)
    after = times(tmp_path / "output")
    assert [name for name in before if after[name] != before[name]] == [f"{NAME}.nc"]


# Settings


@pytest.fixture(scope="module")
def sondes(tmp_path_factory):
    """A folder of dropsondes: two short ones, and an ICARTT one of another collection."""
    folder = tmp_path_factory.mktemp("sondes")
    header, table = folders.short_sonde()
    for number in (1, 2):
        (folder / f"D20120906_224116_{number}.QC.eol").write_bytes(b"".join(header + table[: 20 * number]))
    airborne.icartt_sonde(folder)
    return folder


def attribute(path, name):
    with netCDF4.Dataset(path) as file:
        return file.getncattr(name)


def test_feature_and_conventions(sondes, tmp_path):
    status, log = run(sondes, tmp_path / "output", FEATURE="flight", CONVENTIONS="CF-1.11", SHORT_NAME="hs3avaps")
    assert status == 0, log
    (path,) = (tmp_path / "output/netcdf").iterdir()
    assert path.name == "hs3avaps_20120906.nc"
    assert attribute(path, "featureType") == "trajectoryProfile"
    assert "CF-1.11" in attribute(path, "Conventions")
    assert [line["message"].partition(":")[0] for line in log if line["level"] == "warning"] == [
        folders.ICARTT.format("R0")
    ]


def test_conventions_of_a_rerun(sondes, tmp_path):
    for conventions in ("CF-1.8", "CF-1.11"):
        assert run(sondes, tmp_path / "output", CONVENTIONS=conventions)[0] == 0
        for path in (tmp_path / "output/netcdf").iterdir():
            passed, text = airborne_files.compliance(path, conventions.lower().replace("-", ":"), tmp_path)
            assert passed, text
            assert f"{conventions}," in attribute(path, "Conventions")


@pytest.mark.parametrize(
    ("environment", "produced"),
    [
        ({}, f"{RELEASED}T00:00:00Z"),  # before this version nothing could be made
        ({"SOURCE_DATE_EPOCH": "1600000000"}, "2020-09-13T12:26:40Z"),  # date --utc --date=@1600000000
        ({"SOURCE_DATE_EPOCH": "1600000000", "PRODUCTION_TIME": "2026-01-02T03:04:05Z"}, "2026-01-02T03:04:05Z"),
    ],
)
def test_the_time_of_production(sondes, tmp_path, environment, produced):
    assert run(sondes, tmp_path / "output", SHORT_NAME="hs3avaps", **environment)[0] == 0
    assert attribute(tmp_path / f"output/netcdf/{NAME}.nc", "date_created") == produced
    record = json.loads((tmp_path / f"output/metadata/{NAME}.umm_g.json").read_text())
    assert record["DataGranule"]["ProductionDateTime"] == produced


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"SHORT_NAME": "hs3avap"}, "collection 'hs3avap' is unknown; known are"),
        ({"SHORT_NAME": "hs3cpl"}, "no granule among 3 files, such as D20120906_224116_1.QC.eol"),
        ({"FEATURE": "swarm"}, "feature 'swarm': right is sonde or flight"),
        ({"CONVENTIONS": "CF-1.9"}, "conventions 'CF-1.9': right is CF-1.8 or CF-1.11"),
        ({"PRODUCTION_TIME": "yesterday"}, "production time 'yesterday': right is such as 2026-01-31T12:00:00Z"),
        ({"SOURCE_DATE_EPOCH": "now"}, "SOURCE_DATE_EPOCH 'now': right is a number of seconds since 1970"),
        ({"DISTRIBUTION_ENDPOINT": "data.example.org"}, "endpoint 'data.example.org': right is such as https://"),
        ({"BUCKETS": '{"protected": 1}'}, 'BUCKETS is {"protected": 1}; right is a JSON object'),
        ({"COLLECTIONS": "nowhere.yaml"}, "nowhere.yaml: no such file or folder of collections"),
        ({"SCHEMAS": "nowhere"}, "nowhere/umm-g-json-schema-v1.6.6.json"),
    ],
)
def test_a_wrong_setting_is_named(sondes, tmp_path, environment, told):
    status, log = run(sondes, tmp_path / "output", **environment)
    assert status == 1
    assert told in log[-1]["message"]


@pytest.mark.parametrize("name", ["PRODUCTION_TIME", "CONVENTIONS", "FEATURE"])
def test_a_wrong_setting_spoils_nothing(copy, name):
    before = content(copy / "netcdf")
    assert run(EXPECTED / "input", copy, **SETTINGS | {name: "wrong"})[0] == 1
    assert content(copy / "netcdf") == before


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (lambda folder: None, "input: no such folder or payload"),
        (lambda folder: folder.mkdir(), "input: no granule among 0 files; no collection knows their names"),
        (lambda folder: folder.write_text("no payload"), "input: not JSON (Expecting value: line 1 column 1 (char 0))"),
        (lambda folder: folder.write_text("[]"), "input: is empty, not a map; right is: a payload: {"),
        (lambda folder: folder.write_text("[1]"), "input: is a list, [1], not a map; right is: a payload: {"),
    ],
    ids=["missing", "empty", "no JSON", "another JSON", "a list"],
)
def test_an_input_that_is_none(tmp_path, prepare, told):
    prepare(tmp_path / "input")
    status, log = run(tmp_path / "input", tmp_path / "output")
    assert (status, len(log)) == (1, 1)
    assert told in log[0]["message"]
    assert not list(tmp_path.glob("output/*/*"))


def test_it_tells_how_to_use_it():
    process = start()
    assert "usage: darkroom process INPUT OUTPUT" in process.communicate()[1]
    assert process.returncode == 2
    process = start("--help")
    told, _ = process.communicate()
    assert process.returncode == 0
    assert all(f"    {name} " in told for name in (*SETTINGS, "SHORT_NAME", "FEATURE", "CONVENTIONS", "COLLECTIONS"))


# Payloads


def test_a_payload_of_cumulus_chooses_files_of_a_folder(mixed, tmp_path):
    """As the task of a Cumulus workflow gets it: granules with files, the collection, the buckets of the archive."""
    chosen = [f"day 1/{NAME}.eol", "D20120906_224116_cut.QC.eol"]
    payload = {
        "input": {"granules": [{"files": [{"name": Path(name).name, "filename": name}]} for name in chosen]},
        "config": {
            "collection": {
                "name": "hs3avaps",
                "version": "2",
                "granuleIdExtraction": r"^(D\d{8}_\d{6}_\w+)\.QC\.eol$",
                "url_path": "{short_name}/v{version}/{date}",
                "files": [{"regex": r"^D.*\.nc$", "bucket": "protected", "sampleFileName": "D20120907_124116_1.nc"}],
            },
            "buckets": {"protected": {"name": "ops-protected", "type": "protected"}},
            "distribution_endpoint": "https://dist.example.org",
        },
    }
    path = mixed / "payload.json"
    path.write_text(json.dumps(payload))
    before = folders.state(mixed)
    try:
        status, log = run(path, tmp_path / "output")
        assert folders.state(mixed) == before
    finally:
        path.unlink()
    assert status == 1
    assert {line["granuleId"] for line in log if line["granuleId"]} == {"D20120906_224116_1", "D20120906_224116_cut"}
    (error,) = [line for line in log if line["level"] == "error"]
    assert error["granuleId"] == "D20120906_224116_cut"
    (staged,) = content(tmp_path / "output/archive")
    assert staged == "protected/hs3avaps/v2/20120906/D20120906_224116_1.nc"
    record = json.loads((tmp_path / "output/metadata/D20120906_224116_1.umm_g.json").read_text())
    assert record["GranuleUR"] == "D20120906_224116_1"
    assert record["CollectionReference"] == {"ShortName": "hs3avaps", "Version": "2"}
    place = staged.replace("protected", "ops-protected", 1)
    addresses = [url["URL"] for url in record["RelatedUrls"] if url["Type"].startswith("GET DATA")]
    assert addresses == [f"https://dist.example.org/{place}", f"s3://{place}"]
