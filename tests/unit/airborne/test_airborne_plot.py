"""Previews of granules: which picture a product gets, and the numbers behind it."""

import json
import struct

import matplotlib.figure
import netCDF4
import numpy as np
import pytest

import airborne_folders
import airborne_plot
import airborne_product
from airborne_convert import airborne_convert
from commands import process as process_command
from darkroom.airborne import granule as granule_module
from darkroom.airborne import pictures
from darkroom.airborne import product as product_module
from darkroom.samples import airborne

SONDE = "D20120906_224116_1.QC"


@pytest.fixture(scope="module")
def granules(tmp_path_factory):
    """The list of one product of each sample."""
    folder = tmp_path_factory.mktemp("plot")
    (folder / "in").mkdir()
    airborne.SAMPLES["dropsondes"](folder / "in")
    airborne.lidar(folder / "in", profiles=1100, bins=50)
    files = [{"name": path.name, "bytes": 0, "mtime_ns": 0} for path in sorted((folder / "in").iterdir())]
    (folder / "inventory.json").write_text(json.dumps({"root": str(folder / "in"), "files": files}))
    airborne_convert(folder / "inventory.json", folder / "granules.json")
    return folder / "granules.json"


def product(granules, part):
    (path,) = (path for path in sorted((granules.parent / "netcdf").glob("*.nc")) if part in path.name)
    return path


def test_a_preview_of_several_granules_is_the_same_on_every_run(granules, tmp_path):
    for name in ("one.png", "two.png"):
        airborne_plot.airborne_plot(granules, tmp_path / name)
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1920, 640)  # four panels, two and two


@pytest.mark.parametrize(
    ("part", "panel"),
    [("224116", pictures.draw_sounding), ("CPL", pictures.draw_curtain)],
)
def test_the_panel_fits_the_product(granules, part, panel):
    with product_module.opened(product(granules, part)) as dataset:
        assert pictures.panel(dataset) is panel


def test_a_flight_shows_its_height_and_a_swath_its_scans(tmp_path):
    track = np.linspace(0, 20, 100)
    pressure = {"air_pressure": track + 200, "air_temperature": track}
    with product_module.opened(airborne_product.write(tmp_path / "a.nc", track, track, **pressure)) as dataset:
        assert pictures.panel(dataset) is pictures.draw_height
    swath = track[:, None] + np.arange(3)
    with product_module.opened(airborne_product.write(tmp_path / "b.nc", swath, swath, brightness=swath)) as dataset:
        assert pictures.panel(dataset) is pictures.draw_swath
        assert pictures.swath_variable(dataset) is dataset.variables["brightness"]


def test_the_curtain_is_of_means_over_blocks(granules, monkeypatch):
    path = product(granules, "CPL")
    monkeypatch.setattr(pictures, "COLUMNS", 11)
    monkeypatch.setattr(pictures, "ROWS", 10)
    monkeypatch.setattr(granule_module, "BLOCK_BYTES", 4 * 50 * 37)  # blocks that do not end where columns do
    with netCDF4.Dataset(path) as plain:
        values = np.ma.filled(plain["ATB_532"][0].astype("f8"), np.nan)
    means = np.nanmean(values.reshape(11, 100, 10, 5), axis=(1, 3))
    with product_module.opened(path) as dataset:
        assert np.allclose(pictures.block_means(dataset.variables["ATB_532"]), means, rtol=1e-6)


def test_a_track_across_longitude_180_stays_in_one_piece(tmp_path):
    path = airborne_product.write(tmp_path / "a.nc", np.linspace(-10, -12, 50), 179 + np.linspace(0, 2, 50))
    axes = matplotlib.figure.Figure().subplots()
    pictures.draw_map([path], 1, axes)
    (line,) = axes.lines
    assert np.ptp(line.get_xdata()) == pytest.approx(2)
    assert axes.xaxis.get_major_formatter()(181, 0) == "179°W"
    assert axes.yaxis.get_major_formatter()(-10, 0) == "10°S"


def test_a_picture_of_each_granule_is_in_the_archive_and_its_metadata(tmp_path):
    (tmp_path / "in").mkdir()
    header, table = airborne_folders.short_sonde()
    (tmp_path / f"in/{SONDE}.eol").write_bytes(b"".join(header + table[:60]))
    settings = {"BROWSE": "yes", "DISTRIBUTION_ENDPOINT": "https://data.example.org", "THREADS": "1"}
    assert process_command.process(tmp_path / "in", tmp_path / "out", settings) == 0
    record = json.loads((tmp_path / f"out/metadata/{SONDE}.umm_g.json").read_text())
    (url,) = (url for url in record["RelatedUrls"] if url["Type"] == "GET RELATED VISUALIZATION")
    archived = tmp_path / "out/archive" / url["URL"].removeprefix("https://data.example.org/")
    assert archived.read_bytes() == (tmp_path / f"out/browse/{SONDE}.png").read_bytes()
    assert archived.read_bytes()[:4] == b"\x89PNG"
    listed = {file["Name"]: file for file in record["DataGranule"]["ArchiveAndDistributionInformation"]}
    assert listed[archived.name]["Format"] == "PNG"
    assert listed[archived.name]["SizeInBytes"] == archived.stat().st_size
