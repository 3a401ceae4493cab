"""Airborne campaigns: what is made of good granules, what is said of bad ones, what a change makes again, kill -9."""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pystac
import pystac.validation
import pytest

import airborne_files
import airborne_folders as folders
from campaign import ROOT, Campaign
from commands import process as process_command
from commands.compare import Rules, differences

SHIPPED = str(ROOT / "config/collections")
MIXED = ("mixed", "mixed", {"collections": [SHIPPED, "storm.yaml", "rival.yaml"], "allow_losses": True})
ROWS = [
    ("sondes", "sample:dropsondes", {}),
    ("icartt", "sample:icartt", {"browse": True}),
    ("lidar", "sample:lidar", {}),
    ("flight", "sample:dropsondes", {"feature": "flight"}),
    ("shares", "sample:dropsondes", {"jobs": 2}),
    ("endless", "endless", {}),
    MIXED,
]
PRODUCTS = {
    "sondes": {"D20120906_224116_1.QC", "D20120906_233205_1.QC", "D20120907_001847_1.QC"},
    "icartt": {"IMPACTS_AVAPS_P3B_202202081429_R0"},
    "lidar": {"HS3_CPL_ATB_12203a_20120906"},
    "flight": {"hs3avaps_20120906"},
    "mixed": folders.GOOD,
}
GRANULES = [(dataset, name) for dataset, names in PRODUCTS.items() for name in sorted(names)]
# Quantities of the lidar that the CF table of standard names does not have; the ACDD checker asks for one all the same.
NAMELESS = {
    "calibration_1064", "calibration_355", "calibration_532", "depolarization_ratio", "horizontal_resolution",
    "layer_type", "number_of_layers", "saturation",
}  # fmt: skip


def prepare(campaign, rows):
    """Write a campaign with the folder of mixed granules and a user's own collections."""
    folders.write(campaign.folder / "mixed")
    (campaign.folder / "storm.yaml").write_text(folders.COLLECTION)
    (campaign.folder / "rival.yaml").write_text(folders.RIVAL)
    (campaign.folder / "endless").mkdir()
    packets = airborne_files.iwg1(campaign.folder / "endless")
    packets.write_text(packets.read_text().replace(",-43,", ",inf,", 1))
    return campaign.write(rows, pipeline="airborne")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A campaign of generated granules of every format and of a mixed folder, made once."""
    campaign = prepare(Campaign(tmp_path_factory.mktemp("airborne")), ROWS)
    campaign.before = folders.state(campaign.folder / "mixed")
    campaign.said = campaign.run()
    return campaign


def read_json(path):
    return json.loads(path.read_text())


def files(folder):
    """Names of the files below a folder, with hidden ones."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


# Good granules


@pytest.mark.parametrize("dataset", PRODUCTS)
def test_every_product_is_there_and_nothing_else(made, dataset):
    """No temporary file of a product is left; the record of what was made, for reruns, is hidden."""
    kinds = (
        "netcdf/{}.nc",
        "quality/{}.json",
        "metadata/{}.umm_g.json",
        "metadata/{}.echo10.xml",
        "metadata/{}.stac.json",
        "metadata/{}.meta.xml",
    )
    products = {kind.format(name) for name in PRODUCTS[dataset] for kind in kinds}
    records = {"granules.json", "metadata.json", "airborne_check.json", ".granules.json"}
    if dataset == "icartt":
        products |= {"pictures.json", *(f"browse/{name}.png" for name in PRODUCTS[dataset])}
    assert files(made.results / dataset) == products | records | {"preview.png", "manifest.json", "checksums.sha256"}


@pytest.mark.parametrize(("dataset", "name"), GRANULES, ids=map("/".join, GRANULES))
def test_strict_judges_find_nothing(made, tmp_path, dataset, name):
    path = made.results / dataset / f"netcdf/{name}.nc"
    passed, text = airborne_files.compliance(path, "cf:1.8", tmp_path)
    assert passed, text
    _, text = airborne_files.compliance(path, "acdd:1.3", tmp_path)
    high = text.partition("Highly Recommended")[2].partition("   Recommended")[0]
    assert "Global" not in high
    assert set(re.findall(r'^variable "(\w+)"', high, re.MULTILINE)) == (NAMELESS if "CPL" in name else set())


@pytest.mark.parametrize("dataset", PRODUCTS)
def test_the_manifest_and_the_checksums(made, dataset):
    folder = made.results / dataset
    assert subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=folder).returncode == 0
    manifest = read_json(folder / "manifest.json")
    listed = {entry["path"]: entry.get("files") for entry in manifest["products"]}
    number = len(PRODUCTS[dataset])
    pictures = {"browse/": number} if dataset == "icartt" else {}
    expected = {"netcdf/": number, "metadata/": 4 * number, "quality/": number, "preview.png": None}
    assert listed == expected | pictures
    checked = manifest["checks"]["airborne_check"]
    assert (checked["passed"], checked["granules"], checked["metadata_files"]) == (
        dataset != "mixed",
        number,
        3 * number,
    )
    counted = sum(read_json(path)["round_trip"]["values"] for path in folder.glob("quality/*.json"))
    assert checked["values"] == counted > 0
    assert all(read_json(path)["round_trip"]["differences"] == [] for path in folder.glob("quality/*.json"))


def test_jobs_for_shares_make_the_same(made):
    one, shares = made.results / "sondes", made.results / "shares"
    for kind in ("netcdf", "metadata", "quality"):
        names = files(one / kind)
        assert files(shares / kind) == names
        assert all((shares / kind / name).read_bytes() == (one / kind / name).read_bytes() for name in names)
    assert not list(shares.glob("parts/*"))
    assert len(list((made.folder / "logs/case/shares").glob("airborne_*_part_*of2.log"))) == 4


def test_an_infinite_value_is_missing_and_flagged(made):
    name = "HS3_NAV_IWG1_20240818"
    with netCDF4.Dataset(made.results / f"endless/netcdf/{name}.nc") as file:
        assert np.ma.getmaskarray(file["platform_course"][:]).tolist() == [True, False, False]
    flags = read_json(made.results / f"endless/quality/{name}.json")["flags"]
    assert any(flag["flag"] == "infinite" and "Track is infinite in 1 places" in flag["note"] for flag in flags)
    assert any(note.startswith("infinite: ") for note in read_json(made.results / "endless/manifest.json")["notes"])


def printed(path):
    """The table of an EOL file, read by another program than ours: (row, column)."""
    lines = path.read_text(encoding="latin-1").splitlines()
    return np.loadtxt(lines[next(at for at, line in enumerate(lines) if line.startswith("---")) + 1 :])


@pytest.mark.parametrize("name", sorted(PRODUCTS["sondes"]))
def test_a_sounding_is_what_its_file_prints(made, name):
    table = printed(made.folder / f"resources/sondes/files/{name}.eol")
    with netCDF4.Dataset(made.results / f"sondes/netcdf/{name}.nc") as file:
        assert file.featureType == "trajectory"
        for column, variable in (
            (0, "time"),
            (4, "pressure"),
            (5, "temperature"),
            (10, "wind_speed"),
            (15, "latitude"),
        ):
            values = file[variable][:]
            np.testing.assert_array_equal(np.ma.filled(values, -999), table[:, column])
            assert values.count() > 1900


def test_a_flight_is_its_soundings_one_after_the_other(made):
    sources = sorted((made.folder / "resources/flight/files").glob("*.eol"))
    tables = [printed(path) for path in sources]
    with netCDF4.Dataset(made.results / "flight/netcdf/hs3avaps_20120906.nc") as file:
        assert file.featureType == "trajectoryProfile"
        (sizes,) = file.get_variables_by_attributes(sample_dimension=lambda name: name is not None)
        assert sizes[:].tolist() == [len(table) for table in tables]
        values = np.ma.filled(file["temperature"][:], -999)
    np.testing.assert_array_equal(values, np.concatenate(tables)[:, 5])


def test_a_curtain_is_that_of_its_file(made):
    name = "HS3_CPL_ATB_12203a_20120906"
    with (
        netCDF4.Dataset(made.results / f"lidar/netcdf/{name}.nc") as file,
        h5py.File(made.folder / f"resources/lidar/files/{name}.hdf5") as source,
    ):
        assert file.featureType == "trajectoryProfile"
        np.testing.assert_array_equal(file["ATB_532"][0], source["ATB_532"][()])
        day = np.timedelta64(1, "D") / np.timedelta64(1, "us")
        moments = np.datetime64("2011-12-31", "us") + np.round(source["Dec_JDay"][()] * day).astype("timedelta64[us]")
        dates = netCDF4.num2date(file["time"][0], file["time"].units, only_use_cftime_datetimes=False)
        apart = np.array(dates, "datetime64[us]") - moments
        assert np.abs(apart).max() < np.timedelta64(1, "ms")


def test_latin_1_becomes_unicode(made):
    with netCDF4.Dataset(made.results / "mixed/netcdf/D20120906_224116_latin1.QC.nc") as file:
        texts = [str(file.getncattr(name)) for name in file.ncattrs()]
    assert any("José, 20 °C" in text for text in texts)


def test_a_collection_of_ones_own_needs_no_python(made):
    with netCDF4.Dataset(made.results / "mixed/netcdf/storm_20120906_drop1.nc") as file:
        assert {"p", "t", "td", "rh", "u", "v"} <= set(file.variables)
        assert "10.1000/stormsondes" in " ".join(str(file.getncattr(name)) for name in file.ncattrs())
    record = read_json(made.results / "mixed/metadata/storm_20120906_drop1.umm_g.json")
    assert record["CollectionReference"] == {"ShortName": "stormsondes", "Version": "3"}
    assert [platform["ShortName"] for platform in record["Platforms"]] == ["DC-8"]
    (entry,) = (
        entry
        for granule in read_json(made.results / "mixed/metadata.json")["granules"]
        for entry in granule["archive"]
        if granule["id"] == "storm_20120906_drop1"
    )
    assert (entry["bucket"], entry["path"]) == ("public", "storms/20120906/storm_20120906_drop1.nc")


def test_line_ends_of_windows_make_no_difference(made):
    one, other = (made.results / f"mixed/netcdf/D20120906_224116_{number}.QC.nc" for number in (1, 2))
    lines = differences(one, other, Rules(ignore={"id", "title", "source_files"}))
    assert list(lines) == ["trajectory[17]: expected b'1', made b'2'"]  # its name


def test_the_catalogue_has_an_item_of_each_granule(made):
    """By pystac, which follows the links, and the schemas of STAC that it has."""
    catalog = pystac.Catalog.from_file(str(made.results / "catalog.json"))
    items = {item.id: item for item in catalog.get_items()}
    assert set(items) == {name for names in PRODUCTS.values() for name in names} | {"HS3_NAV_IWG1_20240818"}
    for name, item in items.items():
        pystac.validation.validate_dict(item.to_dict())
        (asset,) = item.get_assets().values()
        assert Path(asset.get_absolute_href()).name == f"{name}.nc"
        assert Path(asset.get_absolute_href()).is_file()
    assert items["D20120906_224116_1.QC"].geometry["type"] in ("Polygon", "Point")
    assert items["HS3_CPL_ATB_12203a_20120906"].geometry["type"] == "LineString"
    assert items["hs3avaps_20120906"].geometry["type"] == "MultiPoint"


def test_the_page_shows_the_pictures_and_what_was_noted(made):
    page = (made.results / "index.html").read_text()
    assert page.count("data:image/") >= len(ROWS)
    assert "time goes backwards at line 46" in page


# Bad granules and unknown files


@pytest.mark.parametrize("name", folders.BAD)
def test_a_bad_granule_has_one_clear_line(made, name):
    (entry,) = (
        granule
        for granule in read_json(made.results / "mixed/granules.json")["granules"]
        if name in [file.rpartition("/")[2] for file in granule["files"]]
    )
    assert entry["netcdf"] is None
    assert folders.BAD[name] in entry["error"]
    assert "\n" not in entry["error"]
    notes = read_json(made.results / "mixed/manifest.json")["notes"]
    assert len([note for note in notes if entry["error"] in note]) == 1
    log = (made.folder / "logs/case/mixed/airborne_convert.log").read_text().splitlines()
    assert len([line for line in log if "ERROR" in line and entry["error"] in line]) == 1


def test_losses_are_told(made):
    manifest = read_json(made.results / "mixed/manifest.json")
    lost = len(read_json(made.results / "mixed/granules.json")["granules"]) - len(folders.GOOD)
    assert manifest["notes"][0] == f"{lost} of {lost + len(folders.GOOD)} granules failed"
    assert manifest["notes"][0] in (made.results / "index.html").read_text()


def test_a_loss_fails_the_campaign_where_it_is_not_allowed(campaign):
    header, table = folders.short_sonde()
    (campaign.folder / "drops").mkdir()
    (campaign.folder / "drops/D20120906_224110_1.QC.eol").write_bytes(b"".join(header + table))
    (campaign.folder / "drops/D20120906_224111_1.QC.eol").write_bytes(b"")
    campaign.write([("drops", "drops", {})], pipeline="airborne")
    assert "drops: 1 of 2 granules failed" in campaign.run(fails=True)
    assert (campaign.results / "drops/manifest.json").exists()
    assert "drops: 1 of 2 granules failed" in campaign.run(fails=True)  # as long as that is so
    campaign.write([("drops", "drops", {"allow_losses": True})], pipeline="airborne")
    campaign.run()
    assert read_json(campaign.results / "checks.json") == {"drops": {"airborne_check": False}}


def test_unknown_files_are_named(made):
    assert set(read_json(made.results / "mixed/granules.json")["unknown"]) == folders.UNKNOWN
    notes = read_json(made.results / "mixed/manifest.json")["notes"]
    assert all(any(note.startswith(f"{name}: ") for note in notes) for name in folders.UNKNOWN)


def test_the_folder_of_the_user_is_as_it_was(made):
    assert folders.state(made.folder / "mixed") == made.before


def test_the_handler_makes_the_same_bytes(made, tmp_path):
    collections = os.pathsep.join([SHIPPED, str(made.folder / "storm.yaml"), str(made.folder / "rival.yaml")])
    assert process_command.process(made.folder / "mixed", tmp_path, {"COLLECTIONS": collections}) == len(folders.BAD)
    for part in ("netcdf", "metadata", "quality"):
        for path in (made.results / "mixed" / part).iterdir():
            assert (tmp_path / part / path.name).read_bytes() == path.read_bytes(), path.name


def test_no_traceback_and_no_warning(made):
    said = made.said + "".join(path.read_text() for path in made.folder.glob("logs/case/*/airborne_*.log"))
    assert "Traceback" not in said
    assert not re.search(r"\w+Warning\b", said)


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What a campaign says of datasets that nothing can be made of."""
    campaign = Campaign(tmp_path_factory.mktemp("refused"))
    (campaign.folder / "none").mkdir()
    for folder, name in (("strangers", "notes.txt"), ("all_bad", "D20120906_224116_1.QC.eol")):
        (campaign.folder / folder).mkdir()
        (campaign.folder / folder / name).write_bytes(b"")
    (campaign.folder / "bad.yaml").write_text(folders.COLLECTION.replace("reader: eol", "reader: xls"))
    sample = folders.COLLECTION.replace("sample_file_name: storm_20120906_drop1.txt", "sample_file_name: drop1.txt")
    (campaign.folder / "sample.yaml").write_text(sample)
    campaign.write(
        [
            ("none", "none", {}),
            ("strangers", "strangers", {}),
            ("all_bad", "all_bad", {}),
            ("bad_collection", "all_bad", {"collections": ["bad.yaml"]}),
            ("bad_sample", "all_bad", {"collections": ["sample.yaml"]}),
        ],
        pipeline="airborne",
    )
    campaign.said = campaign.run(fails=True)
    return campaign


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ("none", "fetch_input: none: there are no files in it"),
        ("strangers", "airborne_convert: strangers: no granule among 1 files, such as notes.txt; no collection knows"),
        ("all_bad", "airborne_convert: all_bad/D20120906_224116_1.QC.eol: the file is empty"),
        ("bad_collection", "airborne_convert: bad.yaml formats.0.reader: 'xls' is unknown; known are"),
        ("bad_sample", "airborne_convert: sample.yaml: sample_file_name 'drop1.txt' does not match its own names"),
    ],
)
def test_a_dataset_without_any_good_granule(refused, dataset, told):
    assert told in refused.said
    assert files(refused.results / dataset) <= {".granules.json"}


# Changes


@pytest.fixture(scope="module")
def drops(tmp_path_factory):
    """A campaign of three short dropsondes in a folder, made once; each test changes something."""
    campaign = Campaign(tmp_path_factory.mktemp("drops"))
    header, table = folders.short_sonde()
    (campaign.folder / "drops").mkdir()
    for number in range(3):
        path = campaign.folder / f"drops/D20120906_22411{number}_1.QC.eol"
        path.write_bytes(b"".join(header + table[: 60 - number]))
    (campaign.folder / "mine").mkdir()
    shutil.copy(f"{SHIPPED}/hs3cpl.yaml", campaign.folder / "mine")
    shutil.copy(f"{SHIPPED}/hs3avaps.yaml", campaign.folder)
    with_options(campaign)
    campaign.plan = planned(campaign)
    assert not campaign.results.exists()
    campaign.run()
    return campaign


def with_options(campaign, **options):
    """Write the one row of the campaign."""
    campaign.write([("drops", "drops", {"collections": ["mine", "hs3avaps.yaml"]} | options)], pipeline="airborne")


def planned(campaign):
    """Names of the rules of a dry run."""
    rules = re.findall(r"^(?:local)?rule (\w+):$", campaign.run("--dry-run"), re.MULTILINE)
    return collections.Counter(rules)


def times(campaign):
    """Time of change of each netCDF file."""
    return {path.name: path.stat().st_mtime_ns for path in campaign.results.glob("drops/netcdf/*.nc")}


STAGES = [
    "fetch_input",
    "airborne_convert",
    "airborne_convert_metadata",
    "airborne_check",
    "airborne_plot",
    "publish_manifest",
]


CONVERTED = "results/case/drops/granules.json"  # a run that ends there, where the netCDF is what is looked at


def test_a_dry_run_plans_every_stage_once_and_a_second_run_does_nothing(drops):
    assert drops.plan == collections.Counter([*STAGES, "publish_page", "publish_check", "all"])
    assert not planned(drops)


def test_a_changed_granule_alone_is_made_again(drops):
    before = times(drops)
    path = drops.folder / "drops/D20120906_224111_1.QC.eol"
    path.write_bytes(path.read_bytes().replace(b"   70.81", b"   70.99", 1))
    drops.run()
    assert [name for name, was in before.items() if times(drops)[name] != was] == ["D20120906_224111_1.QC.nc"]
    with netCDF4.Dataset(drops.results / "drops/netcdf/D20120906_224111_1.QC.nc") as file:
        assert 70.99 in file["pressure"][:]


def test_an_option_of_the_metadata_leaves_the_netcdf_alone(drops):
    with_options(drops, endpoint="https://data.example.org")
    plan = planned(drops)
    assert {"airborne_convert_metadata", "airborne_check", "publish_manifest"} <= set(plan)
    assert not {"fetch_input", "airborne_convert", "airborne_plot"} & set(plan)


def test_other_conventions(drops, tmp_path):
    with_options(drops, conventions="CF-1.11")
    assert set(planned(drops)) == {*STAGES[1:], "publish_page", "publish_check", "all"}
    drops.run(CONVERTED)
    for path in drops.results.glob("drops/netcdf/*.nc"):
        passed, text = airborne_files.compliance(path, "cf:1.11", tmp_path)
        assert passed, text
        with netCDF4.Dataset(path) as file:
            assert "CF-1.11" in file.Conventions


def test_a_changed_collection_of_a_folder(drops):
    with_options(drops, conventions="CF-1.11")
    path = drops.folder / "mine/hs3cpl.yaml"
    path.write_text(path.read_text().replace('version: "1"', 'version: "2"'))
    assert "airborne_convert" in planned(drops)


def test_a_changed_collection(drops):
    with_options(drops, conventions="CF-1.11")
    path = drops.folder / "hs3avaps.yaml"
    path.write_text(path.read_text().replace("name: pressure", "name: air_pressure"))
    drops.run(CONVERTED)
    for made in drops.results.glob("drops/netcdf/*.nc"):
        with netCDF4.Dataset(made) as file:
            assert "air_pressure" in file.variables
            assert "pressure" not in file.variables


# kill -9


def kill_when(campaign, pattern):
    """Start a campaign and kill it, with all of its jobs, when a file of this pattern is there."""
    running = campaign.start()
    while running.poll() is None and not list(campaign.results.glob(pattern)):
        time.sleep(0.002)
    assert running.poll() is None, f"no {pattern} was there: {running.communicate()[0]}"
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def test_killed_and_resumed_in_another_folder_it_makes_the_same_bytes(made, campaign):
    prepare(campaign, [MIXED])
    before = folders.state(campaign.folder / "mixed")
    for pattern, unfinished in (("mixed/netcdf/.*.part", "granules.json"), ("mixed/quality/*", "airborne_check.json")):
        kill_when(campaign, pattern)
        assert not (campaign.results / "mixed" / unfinished).exists()
        assert not (campaign.results / "mixed/manifest.json").exists()
        campaign.run("--unlock")
    campaign.run()
    expected = {name: content for name, content in made.tree().items() if name.startswith("mixed/")}
    resumed = campaign.tree()
    assert {name: resumed.get(name) for name in expected} == expected
    assert {name for name in resumed if name.startswith("mixed/")} == {*expected}
    assert folders.state(campaign.folder / "mixed") == before
