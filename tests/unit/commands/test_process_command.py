"""The handler: `process.py input output` on whole folders, its log, its exit status, payloads, and the container."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import netCDF4
import pytest
import yaml

from commands import process as process_command
from darkroom.airborne import cf, collection
from darkroom.samples import airborne

ROOT = Path(__file__).parents[3]
PRODUCED = {"PRODUCTION_TIME": "2026-01-02T03:04:05Z"}


def snapshot(folder):
    """Time of change and bytes of each file that is not hidden."""
    files = sorted(path for path in folder.rglob("[!.]*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture(scope="module")
def sondes(tmp_path_factory):
    """A folder of dropsondes."""
    folder = tmp_path_factory.mktemp("sondes")
    airborne.SAMPLES["dropsondes"](folder)
    return folder


@pytest.fixture
def source(sondes, tmp_path):
    """A folder of two dropsondes that a test may add to."""
    folder = tmp_path / "input"
    folder.mkdir()
    for path in sorted(sondes.rglob("*.eol"))[:2]:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def run(*arguments, **environment):
    """Exit status and log of the command."""
    command = [sys.executable, ROOT / "darkroom", "process", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | PRODUCED | environment)
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.returncode, [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_folder_becomes_products_metadata_and_an_archive(source, tmp_path):
    before = snapshot(source)
    status, log = run(source, tmp_path / "output", DISTRIBUTION_ENDPOINT="https://data.example.org")
    assert status == 0, log
    assert snapshot(source) == before
    ids = sorted(path.stem for path in (tmp_path / "output/netcdf").glob("*.nc"))
    assert len(ids) == 2
    for name in ids:
        for made in ("metadata/{}.umm_g.json", "metadata/{}.echo10.xml", "metadata/{}.meta.xml", "quality/{}.json"):
            assert (tmp_path / "output" / made.format(name)).is_file()
        record = json.loads((tmp_path / f"output/metadata/{name}.umm_g.json").read_text())
        (url,) = (url["URL"] for url in record["RelatedUrls"] if url["URL"].endswith(".nc"))
        staged = tmp_path / "output/archive" / url.removeprefix("https://data.example.org/")
        assert staged.read_bytes() == (tmp_path / f"output/netcdf/{name}.nc").read_bytes()
        quality = json.loads((tmp_path / f"output/quality/{name}.json").read_text())
        assert quality["round_trip"]["differences"] == []


def test_every_log_line_tells_its_granule(source, tmp_path):
    _, log = run(source, tmp_path / "output")
    assert all(list(line) == ["timestamp", "level", "collectionName", "granuleId", "message"] for line in log)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in log)
    ids = {path.stem for path in (tmp_path / "output/netcdf").glob("*.nc")}
    assert {line["granuleId"] for line in log if line["granuleId"]} == ids
    assert {line["collectionName"] for line in log if line["granuleId"]} == {"hs3avaps"}


def test_the_same_input_gives_the_same_bytes(source, tmp_path):
    run(source, tmp_path / "one")
    run(source, tmp_path / "two")
    for part in ("netcdf", "metadata", "quality", "archive"):
        made = [
            {name: content for name, (_, content) in snapshot(tmp_path / top / part).items()} for top in ("one", "two")
        ]
        assert made[0] == made[1]
        assert made[0]


def test_a_bad_granule_and_an_unknown_file_do_not_stop_the_others(source, tmp_path):
    good = sorted(path.name for path in source.iterdir())
    (source / "README.md").write_text("about these data")
    cut = source / good[0].replace("2012", "2013", 1)
    cut.write_bytes((source / good[0]).read_bytes()[:700])
    status, log = run(source, tmp_path / "output")
    assert status == 1
    assert len(list((tmp_path / "output/netcdf").glob("*.nc"))) == 2
    assert any(cut.name in line["message"] for line in log if line["level"] == "error")
    assert any("README.md" in line["message"] for line in log if line["level"] == "warning")
    assert (source / "README.md").exists()


def test_no_granule_at_all_is_an_error(tmp_path):
    (tmp_path / "input").mkdir()
    (tmp_path / "input/notes.txt").write_text("nothing here")
    status, log = run(tmp_path / "input", tmp_path / "output")
    assert status == 1
    assert log[-1]["level"] == "error"


def test_other_files_of_the_output_stay(source, tmp_path):
    """cumulus-process 1.4.0 empties the folder that it is given."""
    kept = tmp_path / "output/mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    assert run(source, tmp_path / "output")[0] == 0
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("environment", [{}, {"SHORT_NAME": "hs3avaps"}])
def test_an_output_inside_of_the_input_is_refused(source, environment):
    status, log = run(source, source / "output", **environment)
    assert status == 1
    assert "is in the input folder" in log[-1]["message"]
    assert not (source / "output").exists()


def test_a_granule_that_is_not_its_source_stays_out_of_the_archive(source, tmp_path, monkeypatch):
    """A writer that spoils one value of one granule; the handler must notice, and go on with the other one."""
    write = cf.write

    def spoiling(granule, path, **options):
        write(granule, path, **options)
        if "2241" in granule.id:
            with netCDF4.Dataset(path, "a") as file:
                file["pressure"][7] = 1.25

    monkeypatch.setattr(cf, "write", spoiling)
    assert process_command.process(source, tmp_path / "output", PRODUCED) == 1
    (staged,) = (tmp_path / "output/archive").rglob("*.nc")
    assert "2332" in staged.name


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SHORT_NAME": "hs3nothing"}, "collection 'hs3nothing' is unknown; known are"),
        ({"BUCKETS": "protected"}, "BUCKETS is protected; right is a JSON object"),
        ({"CONVENTIONS": "CF-0.9"}, "CF-1.8 or CF-1.11"),
        ({"COLLECTIONS": "/nowhere"}, "/nowhere"),
    ],
)
def test_wrong_settings_are_named(source, tmp_path, environment, said):
    status, log = run(source, tmp_path / "output", **environment)
    assert status == 1
    assert said in " ".join(line["message"] for line in log)


def test_the_short_name_leaves_other_collections_alone(source, tmp_path):
    status, log = run(source, tmp_path / "output", SHORT_NAME="hs3cpl")
    assert status == 1
    assert "no granule" in log[-1]["message"] or "left alone" in " ".join(line["message"] for line in log)


def payload(source, **config):
    """A Cumulus payload with the files of a folder."""
    path = source.parent / "payload.json"
    path.write_text(json.dumps({"input": [str(file) for file in sorted(source.iterdir())], "config": config}))
    return path


def test_a_payload_is_a_collection_of_ours_changed(source, tmp_path):
    path = payload(
        source,
        collection={"name": "hs3avaps", "version": "7"},
        granuleIdExtraction=r"D(\d{8}_\d{6})_.*\.eol",
        url_path="hs3/{short_name}/{version}/{date}",
        distribution_endpoint="https://dist.example.org",
        buckets={"protected": {"name": "ops-protected", "type": "protected"}},
        files=[{"regex": r".+\.nc$", "bucket": "protected", "sampleFileName": "20120907_124116.nc"}],
    )
    status, log = run(path, tmp_path / "output")
    assert status == 0, log
    names = sorted(path.name for path in (tmp_path / "output/netcdf").glob("*.nc"))
    assert all(re.fullmatch(r"\d{8}_\d{6}\.nc", name) for name in names)
    record = json.loads((tmp_path / f"output/metadata/{names[0].removesuffix('.nc')}.umm_g.json").read_text())
    assert record["CollectionReference"]["Version"] == "7"
    place = f"ops-protected/hs3/hs3avaps/7/20120906/{names[0]}"
    addresses = [url["URL"] for url in record["RelatedUrls"]][:2]
    assert addresses == [f"https://dist.example.org/{place}", f"s3://{place}"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": ["s3://bucket/D20120907_124116_P.QC.eol"]}, "is not on this machine"),
        ({"input": ["gone.eol"]}, "gone.eol is not there"),
        ({"input": []}, "input: is empty; right is: a list of files, or"),
        (
            {"config": {"granuleIdExtraction": "X(.*)"}},
            "config.granuleIdExtraction 'X(.*)' must match a file of hs3avaps",
        ),
        ({"config": {"granuleIdExtraction": "D.*"}}, "have the id as its first group"),
        ({"config": {"files": [{"regex": "a"}]}}, "config.files.0: 'bucket' is missing; right is: a kind of bucket"),
    ],
)
def test_a_payload_that_cannot_be_followed_says_why(source, tmp_path, change, said):
    path = payload(source)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises((ValueError, OSError)) as failure:
        process_command.process(path, tmp_path / "output", {})
    assert said in str(failure.value)


PLACE = {"regex": ".*nc", "bucket": "protected", "sampleFileName": "a.nc"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"input": None}, "payload.json: 'input' is missing; right is: a list of files"),
        ({"input": {}}, "input: 'granules' is missing; right is: a list of granules, such as"),
        (
            {"input": {"granules": {"files": []}}},
            'input.granules: is a map, {"files": []}, not a list; right is: a list of granules',
        ),
        (
            {"input": {"granules": [["a.eol"]]}},
            'input.granules.0: is a list, ["a.eol"], not a map; right is: a granule, such as {',
        ),
        ({"input": {"granules": [{"files": "a.eol"}]}}, "input.granules.0.files: is 'a.eol', not a list"),
        ({"input": {"granules": [{}]}}, "input.granules has no file; right is such as [{"),
        (
            {"input": [{"clef": "a.eol"}]},
            'input.0: {"clef": "a.eol"} is not valid under any of the given schemas; right is: the path of a file, or a map',
        ),
        ({"input": [5]}, "input.0: is 5, not text or a map; right is: the path of a file"),
        ({"config": []}, "config: is empty, not a map; right is: a map of the collection"),
        (
            {"config": {"collection": "hs3avaps"}},
            "config.collection: is 'hs3avaps', not a map; right is: a collection, such as {",
        ),
        (
            {"config": {"collection": {"name": 3}}},
            "config.collection.name: is 3, not text; right is: the short name of",
        ),
        ({"config": {"collection": {"name": "hs4"}}}, "config.collection.name: collection 'hs4' is unknown; known are"),
        (
            {"config": {"collection": {"version": ["1"]}}},
            'config.collection.version: is a list, ["1"], not text or a number',
        ),
        ({"config": {"version": ""}}, "config.version: is empty; right is: the version of the collection, such as"),
        (
            {"config": {"buckets": ["protected"]}},
            'config.buckets: is a list, ["protected"], not a map; right is: a map of buckets by',
        ),
        (
            {"config": {"buckets": {"protected": {}}}},
            "config.buckets.protected: 'name' is missing; right is: the name of a",
        ),
        (
            {"config": {"distribution_endpoint": 7}},
            "config.distribution_endpoint: is 7, not text; right is: an address",
        ),
        ({"config": {"distribution_endpoint": "d.org"}}, "config.distribution_endpoint: 'd.org' does not match"),
        ({"config": {"granuleIdExtraction": "("}}, "config.granuleIdExtraction: '(' is no regular expression"),
        ({"config": {"granuleIdExtraction": "(?P<date>D.*)(.eol)"}}, "does not go together with"),
        (
            {"config": {"url_path": 5}},
            "config.url_path: is 5, not text; right is: the folder of a granule in the archive",
        ),
        (
            {"config": {"url_path": "{cruise}"}},
            "config.url_path '{cruise}' uses {cruise}; known are {short_name}, {ver",
        ),
        ({"config": {"collection": {"url_path": "{"}}}, "config.collection.url_path '{': "),
        (
            {"config": {"files": {"regex": "a"}}},
            'config.files: is a map, {"regex": "a"}, not a list; right is: a list of places',
        ),
        ({"config": {"files": [PLACE, "a"]}}, "config.files.1: is 'a', not a map; right is: a place, such as {"),
        ({"config": {"files": [PLACE | {"regex": "["}]}}, "config.files.0.regex: '[' is no regular expression"),
        ({"config": {"files": [PLACE | {"bucket": "ours"}]}}, "config.files.0.bucket: 'ours' is unknown; known are"),
        ({"config": {"files": [PLACE | {"sampleFileName": "b"}]}}, "config.files.0.sampleFileName 'b' does not match"),
        ({"config": {"files": [PLACE | {"url_path": "{a}"}]}}, "config.files.0.url_path '{a}' uses {a}; known are"),
    ],
)
def test_a_payload_of_another_shape_names_the_key(source, tmp_path, change, said):
    path = payload(source)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match="^" + re.escape(str(path)) + "(: | )") as failure:
        process_command.process(path, tmp_path / "output", {})
    assert said in str(failure.value)
    assert not list((tmp_path / "output").rglob("*.nc"))


def test_a_payload_of_another_encoding_is_named(source, tmp_path):
    path = payload(source)
    path.write_bytes(path.read_bytes().replace(b"{", b'{"\xe9": 1, ', 1))
    with pytest.raises(ValueError, match=re.escape(f"{path}: not JSON ('utf-8' codec")):
        process_command.process(path, tmp_path / "output", {})


def test_what_is_null_in_a_payload_is_not_there(source, tmp_path):
    path = payload(source, collection=None, url_path=None, files=None, buckets=None, distribution_endpoint=None)
    assert process_command.process(path, tmp_path / "output", PRODUCED) == 0


def test_a_line_of_the_log_is_one_line_whatever_is_said():
    record = logging.LogRecord("x", logging.ERROR, "", 0, 'a "quote"\nand %s', ("±",), None)
    line = process_command.JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == 'a "quote"\nand ±'


# The container


def wanted():
    """Packages of the environment, by their names on PyPI."""
    listed = yaml.safe_load((ROOT / "envs/airborne.yaml").read_text())["dependencies"]
    return {entry.split()[0].removesuffix("-base") for entry in listed} - {"python"}


def installed(text):
    """(apt packages, pip packages) that a definition installs."""
    text = text.replace("\\\n", " ")
    lists = (re.search(rf"{tool} install ([^\n&]*)", text)[1] for tool in ("apt-get", "pip"))
    return [{word for word in packages.split() if not word.startswith(("-", "/"))} for packages in lists]


@pytest.mark.parametrize("name", ["airborne.Dockerfile", "airborne.def"])
def test_a_definition_installs_what_the_environment_has(name):
    text = (ROOT / f"envs/{name}").read_text()
    apt, pip = installed(text)
    assert pip == wanted()
    assert apt == {"hdf5-tools", "nco", "netcdf-bin"}
    python = next(line for line in (ROOT / "envs/airborne.yaml").read_text().splitlines() if "python =" in line)
    assert f"python:{python.split('=')[1]}-slim" in text
    copied = re.findall(r"^(?:COPY|   ) ([\w/.]+) /darkroom/[\w/.]*$", text, re.MULTILINE)
    assert copied == ["requirements.lock", "config/collections", "config/schemas", "darkroom", "scripts"]
    assert all((ROOT / path).exists() for path in copied)


def test_the_dockerfile_has_the_contract_of_the_handler():
    text = (ROOT / "envs/airborne.Dockerfile").read_text()
    assert re.search(r'^ENTRYPOINT \["python", "/darkroom/darkroom", "process"\]$', text, re.MULTILINE)
    assert re.search(r'^CMD \["input", "output"\]$', text, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+) AS (\w+)$", text, re.MULTILINE)
    assert [stage for _, stage in stages] == ["base", "airborne"]
    assert stages[1][0] == "base"


def test_compose_has_the_verbs_and_passes_every_setting_on():
    compose = yaml.safe_load((ROOT / "envs/compose.yaml").read_text())
    services = {name: service for name, service in compose["services"].items() if "profiles" not in service}
    assert set(services) == {"process", "bash", "test"}
    for service in services.values():
        assert service["image"] == "darkroom-airborne:${TAG:-latest}"
        assert (ROOT / "envs" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert set(service["environment"]) == set(process_command.SETTINGS) - {"COLLECTIONS", "SCHEMAS"}
    assert "darkroom compare" in compose["services"]["test"]["command"][0]


def test_the_collections_are_found_where_the_container_has_them():
    assert collection.FOLDER == ROOT / "config/collections"
    assert collection.load()
