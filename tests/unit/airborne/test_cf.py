"""netCDF products: judged by IOOS's compliance checker, compared with their source, the same bytes on every run."""

import dataclasses
import os
import subprocess
import sys

import netCDF4
import numpy as np
import pytest

import airborne_files
from campaign import SCRIPTS
from darkroom.airborne import cf, collection, product
from darkroom.airborne import granules as granules_of
from darkroom.airborne.reading import read as read_granule
from darkroom.samples import airborne

COLLECTIONS = collection.load()
# CF has no name for these; ACDD wants a standard name "where there is one", the checker wants one always.
NAMELESS = {
    "calibration_355", "calibration_532", "calibration_1064", "depolarization_ratio", "horizontal_resolution",
    "layer_type", "number_of_layers", "saturation", "radiance", "hot_blackbody_nesr", "instrumenttemp",
    "mach_number", "side_slip_angle", "decimal_day", "geolocation_cpl_latitude", "geolocation_cpl_longitude", "indicated_airspeed", "drift_angle", "total_temperature", "cabin_pressure", "dynamic_pressure",
}  # fmt: skip

TOLD = os.environ | {"PYTHONPATH": str(SCRIPTS)}


@pytest.fixture(scope="module")
def granules(tmp_path_factory):
    """A granule of every kind of product, by a short name."""
    folder = tmp_path_factory.mktemp("source")
    for write in airborne.SAMPLES.values():
        write(folder)
    paths = {
        "sonde": folder / "D20120906_224116_1.QC.eol",
        "icartt": folder / "IMPACTS_AVAPS_P3B_202202081429_R0.ict",
        "curtain": folder / "HS3_CPL_ATB_12203a_20120906.hdf5",
        "level 2": airborne_files.cpl_level_2(folder),
        "raw": airborne_files.avaps(folder),
        "aspen": airborne_files.aspen(folder),
        "hamsr": airborne_files.hamsr(folder),
        "shis": airborne_files.shis(folder),
        "track": airborne_files.iwg1(folder),
    }
    by_name = {name: read(path) for name, path in paths.items()}
    by_name["flight"] = cf.flight("hs3avaps_20120906", [read(path) for path in sorted(folder.glob("*.eol"))])
    return by_name


@pytest.fixture(scope="module")
def products(granules, tmp_path_factory):
    folder = tmp_path_factory.mktemp("netcdf")
    for name, granule in granules.items():
        cf.write(granule, folder / f"{name}.nc")
    return folder


KINDS = ("sonde", "icartt", "raw", "aspen", "curtain", "level 2", "hamsr", "shis", "track", "flight")


def round_trip(granule, path):
    with product.opened(path) as made:
        return cf.round_trip(granule, made)


def read(path):
    return read_granule(granules_of.claimed(path.name, COLLECTIONS, path.parent), path)


@pytest.mark.parametrize("kind", KINDS)
def test_strict_cf_1_8(products, tmp_path, kind):
    passed, text = airborne_files.compliance(products / f"{kind}.nc", "cf:1.8", tmp_path)
    assert passed, text


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flight"])  # the checker allows one cf_role only
def test_strict_cf_1_11(granules, tmp_path, kind):
    cf.write(granules[kind], tmp_path / "made.nc", conventions="CF-1.11")
    passed, text = airborne_files.compliance(tmp_path / "made.nc", "cf:1.11", tmp_path)
    assert passed, text


@pytest.mark.parametrize("kind", KINDS)
def test_no_high_priority_finding_of_acdd(products, tmp_path, kind):
    _, text = airborne_files.compliance(products / f"{kind}.nc", "acdd:1.3", tmp_path)
    high = text.partition("Highly Recommended")[2].partition("   Recommended")[0]
    wrong = [line for line in high.splitlines() if line.startswith("variable") and line.split('"')[1] not in NAMELESS]
    assert not wrong
    assert "Global" not in high


NEGATIVE = {
    "a wrong standard name": lambda file: file["pressure"].setncattr("standard_name", "pressure_of_air"),
    "wrong units": lambda file: file["temperature"].setncattr("units", "furlong"),
    "time without an epoch": lambda file: file["time"].setncattr("units", "seconds"),
    "latitude without units": lambda file: file["latitude"].delncattr("units"),
    "a feature type that is none": lambda file: file.setncattr("featureType", "sonde"),
    "no role": lambda file: file["trajectory"].delncattr("cf_role"),
    "no conventions": lambda file: file.delncattr("Conventions"),
    "a coordinate that is not there": lambda file: file["pressure"].setncattr("coordinates", "time nowhere"),
}


@pytest.mark.parametrize("fault", NEGATIVE)
def test_the_judge_sees(granules, tmp_path, fault):
    cf.write(granules["sonde"], tmp_path / "made.nc")
    with netCDF4.Dataset(tmp_path / "made.nc", "a") as file:
        NEGATIVE[fault](file)
    assert not airborne_files.compliance(tmp_path / "made.nc", "cf:1.8", tmp_path)[0]


def test_printed_numbers_are_not_shuffled(products):
    for kind, name, shuffled in [
        ("sonde", "pressure", False), ("sonde", "time", True), ("aspen", "pressure", True), ("hamsr", "latitude", True),
    ]:  # fmt: skip
        with netCDF4.Dataset(products / f"{kind}.nc") as file:
            assert (kind, name, file[name].filters()["shuffle"]) == (kind, name, shuffled)


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_that_of_the_source(granules, products, kind):
    assert round_trip(granules[kind], products / f"{kind}.nc") == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "flight"])  # that one is joined in memory
def test_same_bytes_on_every_run(granules, products, tmp_path, kind):
    script = "import sys; from darkroom.airborne import cf, collection, granules, reading; from pathlib import Path"
    path = next(products.parent.glob(f"source*/{granules[kind].files[0]}"))
    script += "; path = Path(sys.argv[1]); match = granules.claimed(path.name, collection.load(), path.parent)"
    script += "; cf.write(reading.read(match, path), sys.argv[2])"
    made = tmp_path / "made.nc"
    subprocess.run([sys.executable, "-c", script, path, made], check=True, env=TOLD)
    assert made.read_bytes() == (products / f"{kind}.nc").read_bytes()


def test_a_changed_value_is_found(granules, tmp_path):
    for kind, name, at in (("sonde", "pressure", (7,)), ("curtain", "ATB_532", (0, 5, 77))):
        cf.write(granules[kind], tmp_path / "made.nc")
        with netCDF4.Dataset(tmp_path / "made.nc", "a") as file:
            file.set_auto_maskandscale(False)
            was = float(file[name][at])
            file[name][at] = was + 1
        (difference,) = round_trip(granules[kind], tmp_path / "made.nc")
        assert (difference["variable"], difference["count"], tuple(difference["index"])) == (
            name,
            1,
            at[-len(difference["index"]) :],
        )
        assert difference["source"] == was
        assert difference["netcdf"] == pytest.approx(was + 1)


def test_a_lost_variable_and_another_fill_are_found(granules, tmp_path):
    cf.write(granules["sonde"], tmp_path / "made.nc")
    sonde = granules["sonde"]
    other = dict(sonde.variables, extra=sonde.variables["pressure"])
    other["wind_speed"] = dataclasses.replace(other["wind_speed"], fill=-1)
    told = round_trip(dataclasses.replace(sonde, variables=other), tmp_path / "made.nc")
    assert {(item["variable"], item["difference"]) for item in told} == {
        ("extra", "is not in the netCDF"),
        ("wind_speed", "another value means missing"),
    }


def test_other_programs_read_the_same_values(granules, products):
    import xarray

    with xarray.open_dataset(products / "curtain.nc") as curtain:
        np.testing.assert_array_equal(curtain["ATB_532"][0], granules["curtain"].variables["ATB_532"].array())
        assert curtain["ATB_532"].dims == ("trajectory", "profile", "altitude")
        seconds = (curtain["time"].values[0] - granules["curtain"].times).astype("timedelta64[us]").astype(int)
        assert np.abs(seconds).max() <= 1
    with xarray.open_dataset(products / "sonde.nc") as sonde:
        np.testing.assert_array_equal(sonde["wind_speed"], granules["sonde"].variables["wind_speed"].values())


def test_a_flight_keeps_each_sonde(granules, products):
    with netCDF4.Dataset(products / "flight.nc") as file:
        sizes = file["row_size"][:]
        assert file["row_size"].sample_dimension == "obs"
        assert len(sizes) == 3
        last = slice(int(sizes[:2].sum()), None)
        path = next(products.parent.glob("source*/D20120907_001847_1.QC.eol"))
        np.testing.assert_array_equal(
            file["temperature"][last].filled(-999), read(path).variables["temperature"].array()
        )
        assert file.time_coverage_end > "2012-09-07T00:20"
        assert list(file["time"][:]) == sorted(file["time"][:])


def test_a_track_over_the_date_line(granules, tmp_path):
    sonde = granules["sonde"]
    longitude = sonde.variables["longitude"]
    east = np.where(longitude.array() == -999, -999, (longitude.array() + 61.555444 + 180 + 180) % 360 - 180)
    east[20] = 179.9
    variables = sonde.variables | {"longitude": dataclasses.replace(longitude, read=lambda a, b: east[a:b])}
    cf.write(dataclasses.replace(sonde, variables=variables), tmp_path / "made.nc")
    with netCDF4.Dataset(tmp_path / "made.nc") as file:
        assert file.geospatial_lon_min > 170
        assert file.geospatial_lon_max < -170


def test_production_time(granules, tmp_path, monkeypatch):
    def created(**options):
        cf.write(granules["sonde"], tmp_path / "made.nc", **options)
        with netCDF4.Dataset(tmp_path / "made.nc") as file:
            return file.date_created

    assert created(production_time="2026-01-02T03:04:05Z") == "2026-01-02T03:04:05Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert created() == "2023-11-14T22:13:20Z"


def test_nothing_half_written(granules, tmp_path):
    sonde = granules["sonde"]

    def fails(first, last):
        raise OSError("the disk is gone")

    variables = sonde.variables | {"pressure": dataclasses.replace(sonde.variables["pressure"], read=fails)}
    with pytest.raises(OSError, match="gone"):
        cf.write(dataclasses.replace(sonde, variables=variables), tmp_path / "made.nc")
    assert not list(tmp_path.iterdir())


def test_other_conventions_are_refused(granules, tmp_path):
    with pytest.raises(ValueError, match=r"conventions 'CF-2': right is CF-1.8 or CF-1.11"):
        cf.write(granules["sonde"], tmp_path / "made.nc", conventions="CF-2")


def test_memory_is_bounded(tmp_path):
    """A curtain of 146 MB, in a process of its own, costs far less memory than its size."""
    airborne.lidar(tmp_path, profiles=10_000)
    script = (
        "import resource, sys; from darkroom.airborne import cf, collection, product, reading; from pathlib import Path\n"
        "path = Path(sys.argv[1]); match = collection.match(path.name, collection.load())\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "granule = reading.read(match, path); cf.write(granule, path.with_suffix('.nc'))\n"
        "with product.opened(path.with_suffix('.nc')) as made: assert cf.round_trip(granule, made) == []\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    path = tmp_path / "HS3_CPL_ATB_12203a_20120906.hdf5"
    command = [sys.executable, "-c", script, path]
    grown = int(subprocess.run(command, check=True, capture_output=True, text=True, env=TOLD).stdout) / 1024
    assert path.stat().st_size > 140e6
    assert grown < 130
