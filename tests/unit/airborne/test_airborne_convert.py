"""A folder of granules to netCDF: bad ones do not stop the others, and a rerun does only what has changed."""

import json
import os
import shutil

import netCDF4
import pytest

from airborne_convert import airborne_convert
from airborne_convert_part import airborne_convert_part
from darkroom import inventory
from darkroom.samples import airborne
from fetch_input import local_files


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    airborne.dropsondes(folder)
    airborne.icartt_sonde(folder)
    (folder / "readme.txt").write_text("what nobody knows")
    return folder


@pytest.fixture
def convert(tmp_path, source):
    def run(**options):
        root, files = local_files(source)
        inventory.write(tmp_path / "inventory.json", inventory.Inventory(str(root), files))
        out = tmp_path / "out/granules.json"
        out.unlink(missing_ok=True)  # as Snakemake does
        airborne_convert(tmp_path / "inventory.json", out, **options)
        return json.loads(out.read_text())

    return run


def errors(made):
    return {granule["id"]: granule["error"] for granule in made["granules"] if granule["error"]}


def states(tmp_path):
    return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out/netcdf").glob("*.nc")}


def test_every_granule_and_unknown_files(convert, tmp_path):
    made = convert()
    assert [granule["id"] for granule in made["granules"]] == [
        "D20120906_224116_1.QC",
        "D20120906_233205_1.QC",
        "D20120907_001847_1.QC",
        "IMPACTS_AVAPS_P3B_202202081429_R0",
    ]
    assert made["unknown"] == ["readme.txt"]
    assert errors(made) == {}
    for granule in made["granules"]:
        assert (tmp_path / "out" / granule["netcdf"]).is_file()


def test_a_flight_of_sondes(convert, tmp_path):
    made = convert(feature="flight")
    assert [granule["id"] for granule in made["granules"]] == ["avapsimpacts_20220208", "hs3avaps_20120906"]
    assert len(made["granules"][1]["files"]) == 3
    with netCDF4.Dataset(tmp_path / "out/netcdf/hs3avaps_20120906.nc") as file:
        assert file.featureType == "trajectoryProfile"


def test_a_bad_granule_does_not_stop_the_others(convert, source, tmp_path):
    bad = source / "D20120906_233205_1.QC.eol"
    bad.write_bytes(bad.read_bytes()[:-50])
    made = convert()
    assert list(errors(made)) == ["D20120906_233205_1.QC"]
    assert "the line is cut" in errors(made)["D20120906_233205_1.QC"]
    assert len(states(tmp_path)) == 3
    assert not list((tmp_path / "out/netcdf").glob(".*.part"))


def test_a_bad_sonde_of_a_flight_is_named(convert, source):
    bad = source / "D20120906_233205_1.QC.eol"
    bad.write_bytes(bad.read_bytes()[:-50])
    made = convert(feature="flight")
    assert {granule["id"]: bool(granule["netcdf"]) for granule in made["granules"]} == {
        "D20120906_233205_1.QC": False,
        "avapsimpacts_20220208": True,
        "hs3avaps_20120906": True,
    }


def test_a_rerun_does_only_what_has_changed(convert, source, tmp_path):
    convert()
    before = states(tmp_path)
    os.utime(source / "D20120906_233205_1.QC.eol", ns=(0, 0))
    (tmp_path / "out/netcdf/D20120907_001847_1.QC.nc").unlink()
    convert()
    after = states(tmp_path)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"D20120906_233205_1.QC.nc", "D20120907_001847_1.QC.nc"}
    convert(conventions="CF-1.11")
    assert all(state != after[name] for name, state in states(tmp_path).items())


def test_a_granule_that_is_gone_leaves_nothing(convert, source, tmp_path):
    convert()
    (source / "IMPACTS_AVAPS_P3B_202202081429_R0.ict").unlink()
    convert()
    assert len(states(tmp_path)) == 3


def test_two_granules_with_one_id(convert, source, tmp_path):
    (source / "again").mkdir()
    shutil.copy(source / "D20120906_224116_1.QC.eol", source / "again")
    made = convert()
    (message,) = errors(made).values()
    assert message == (
        "two granules have the id D20120906_224116_1.QC: D20120906_224116_1.QC.eol and again/D20120906_224116_1.QC.eol"
    )
    assert len(states(tmp_path)) == 3


def test_no_granule_at_all(convert, source):
    for path in source.iterdir():
        if path.name != "readme.txt":
            path.unlink()
    with pytest.raises(ValueError, match=r"no granule among 1 files, such as readme.txt"):
        convert()


def test_all_are_bad(convert, source, tmp_path):
    for path in source.iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"all 4 granules are bad; the first: .*_1.QC.eol: the file is empty"):
        convert()
    assert not (tmp_path / "out/granules.json").exists()
    assert not states(tmp_path)


def test_an_unknown_feature(convert):
    with pytest.raises(ValueError, match="feature 'swarm': right is sonde or flight"):
        convert(feature="swarm")


def test_shares_keep_what_is_there(convert, tmp_path):
    """As jobs of their own (option `jobs`) do after a run: nothing has changed, so nothing is made again."""
    convert()
    before = states(tmp_path)
    parts = [tmp_path / f"out/parts/granules-{part}of2.json" for part in range(2)]
    for part, made in enumerate(parts):
        airborne_convert_part(tmp_path / "inventory.json", made, part, 2)
    convert(parts=parts)
    assert states(tmp_path) == before
    assert sorted(name for made in parts for name in json.loads(made.read_text())) == sorted(
        path.removesuffix(".nc") for path in before
    )
