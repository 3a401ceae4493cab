"""Backscatter of Sentinel-1: tables of calibration and noise, places over the date line, ships, and what is refused."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import reproject, transform
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

import copernicus_safe
from copernicus_detect_targets import copernicus_detect_targets
from copernicus_recipe import project
from darkroom import files
from darkroom.copernicus import targets
from darkroom.copernicus.readers import safe_s1
from darkroom.copernicus.recipes import sentinel1
from darkroom.samples import copernicus_radar as radar

OPTIONS = {"layers": [], "map": {}}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("radar")
    radar.radar(folder)
    return folder


def scenes(folder):
    return safe_s1.scenes(copernicus_safe.inventory(folder))


def run(folder, target, recipe="s1_backscatter", **options):
    """Describe and project the products in a folder; gives the times and the stack."""
    return project("s1", folder, target, recipe, **OPTIONS | options)


def edited(archive, folder, kind, *changes):
    """One product with a file of it changed: (pattern, what to put there) each. Gives the paths of VH."""
    source = next(archive.rglob("*.SAFE"))
    for path in source.rglob("*"):
        if path.is_file():
            copy = folder / source.name / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (scene,) = scenes(folder)
    path = Path(scene["images"]["VH"][kind])
    text = path.read_text()
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, flags=re.DOTALL)
        assert count
    path.write_text(text)
    return scene["images"]["VH"]


def test_power_is_calibrated_and_without_noise(archive):
    first = scenes(archive)[0]
    assert first["begin"] == "2020-08-24T05:10:57Z", "of the name: the TIFF tells when it was processed"
    image = safe_s1.Image(first["images"]["VH"])
    whole = image.power(Window(0, 0, radar.PIXELS, radar.LINES))
    truth = radar.sigma0(radar.DATES[0])
    assert np.isnan(whole[:4]).all() and np.isnan(whole[:, :6]).all() and not np.isnan(whole[4:, 6:]).any()
    sea = (truth == radar.SEA) & ~np.isnan(whole)
    assert whole[sea].mean() == pytest.approx(radar.SEA, rel=0.02)  # speckle alone is left of 150,000 pixels
    assert (whole[sea] < 0).any(), "negative power stays"
    part = image.power(Window(100, 50, 64, 32))
    assert np.array_equal(part, whole[50:82, 100:164])


def test_tables_are_bilinear_and_held_beyond_their_ends():
    table = safe_s1.Lut(
        np.array([-10.0, 20.0]), np.array([0.0, 10.0, 30.0]), np.array([[1.0, 2.0, 4.0], [4.0, 5.0, 7.0]])
    )
    assert table(np.arange(5, 6), np.array([0, 5, 20])) == pytest.approx(np.array([[2.5, 3.0, 4.5]]))
    assert table(np.array([20, 90]), np.array([30, 80])) == pytest.approx(np.full((2, 2), 7.0))
    single = safe_s1.Lut(np.array([0.0]), np.array([0.0, 1.0]), np.array([[3.0, 5.0]]))
    assert single(np.arange(4), np.array([1])) == pytest.approx(np.full((4, 1), 5.0))


def test_noise_of_old_products_and_of_one_azimuth_value(archive, tmp_path):
    old = edited(
        archive,
        tmp_path / "old",
        "noise",
        ("noiseRangeVector", "noiseVector"),
        ("noiseRangeLut", "noiseLut"),
        ("<noiseAzimuthVectorList>.*</noiseAzimuthVectorList>", ""),
    )
    image = safe_s1.Image(old)
    assert image.azimuth_noise == [] and image.range_noise(np.array([100]), np.array([0]))[0, 0] == pytest.approx(
        radar.NOISE[0]
    )
    one = edited(
        archive,
        tmp_path / "one",
        "noise",
        (
            r"<line>0 .*?</line><noiseAzimuthLut>.*?</noiseAzimuthLut>",
            "<line>0</line><noiseAzimuthLut>2.0</noiseAzimuthLut>",
        ),
    )
    window = Window(100, 50, 8, 8)
    doubled, plain = (safe_s1.Image(paths).power(window).astype(float) for paths in (one, old))
    noise = image.range_noise(np.arange(50, 58), np.arange(100, 108))
    gain = image.calibration(np.arange(50, 58), np.arange(100, 108))
    assert plain - doubled == pytest.approx(noise / gain**2, rel=1e-3)


def test_each_swath_has_its_own_azimuth_noise(archive, tmp_path):
    half = radar.PIXELS // 2
    second = f"<noiseAzimuthVector><swath>IW2</swath><firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>{half}</firstRangeSample><lastAzimuthLine>{radar.LINES - 1}</lastAzimuthLine><lastRangeSample>{radar.PIXELS - 1}</lastRangeSample><line>0</line><noiseAzimuthLut>0.0</noiseAzimuthLut></noiseAzimuthVector>"
    paths = edited(
        archive,
        tmp_path,
        "noise",
        (rf"<lastRangeSample>{radar.PIXELS - 1}", f"<lastRangeSample>{half - 1}"),
        ("</noiseAzimuthVectorList>", second + "</noiseAzimuthVectorList>"),
    )
    image = safe_s1.Image(paths)
    power = image.power(Window(half - 1, 50, 2, 1)).astype(float)
    with rasterio.open(paths["measurement"]) as raw:
        counts = raw.read(1, window=Window(half - 1, 50, 2, 1)).astype(float)
    gain = image.calibration(np.array([50]), np.array([half - 1, half]))
    assert (
        power[0, 1] == pytest.approx(counts[0, 1] ** 2 / gain[0, 1] ** 2, rel=1e-6)
        and power[0, 0] < counts[0, 0] ** 2 / gain[0, 0] ** 2
    )


def test_pixels_lie_where_the_ground_is(archive, tmp_path):
    times, shown = run(archive, tmp_path / "stack.nc", layers="VH")
    assert times.grid.crs == "EPSG:32633" and times.grid.affine.a == 10 and len(times.begins) == 2
    with shown.reading() as get:
        values = get("VH", 0)
    for line, pixel, *_ in radar.SHIPS[radar.DATES[0]]:
        (x,), (y,) = transform("EPSG:4326", times.grid.crs, *([one] for one in radar.ground(line, pixel)))
        column, row = ~times.grid.affine @ (x, y)
        assert values[int(row), int(column)] > -5, "a ship, in dB"
    assert np.nanpercentile(values, 99.99) < 10 and np.nanmin(values) > -90


def test_the_map_is_that_of_gdal_within_its_own_error(archive, tmp_path):
    """Thin plate splines of GDAL through the same points, from the power that ours reads; smoothed, as speckle is not."""
    times, shown = run(archive, tmp_path / "stack.nc", "s1_backscatter", layers="VH", map={"resolution": 10})
    paths = scenes(archive)[0]["images"]["VH"]
    power = safe_s1.Image(paths).power(Window(0, 0, radar.PIXELS, radar.LINES))
    with rasterio.open(paths["measurement"]) as image:
        points, crs = image.gcps
    for point in points:  # of GDAL the middle of the first pixel is at a half
        point.row, point.col = point.row + 0.5, point.col + 0.5
    judged = np.full((times.grid.height, times.grid.width), np.nan, "float32")
    reproject(
        power,
        judged,
        gcps=points,
        src_crs=crs,
        src_nodata=np.nan,
        dst_transform=times.grid.affine,
        dst_crs=times.grid.crs,
        dst_nodata=np.nan,
        resampling=rasterio.enums.Resampling.bilinear,
        SRC_METHOD="GCP_TPS",
    )
    with shown.reading() as get:
        ours = 10 ** (get("VH", 0) / 10)
    both = ~np.isnan(ours) & ~np.isnan(judged) & (judged > 0)
    assert both.mean() > 0.6
    smooth = [uniform_filter(np.where(both, one, radar.SEA).astype(float), 5) for one in (ours, judged)]
    assert np.corrcoef(*(one[both] for one in smooth))[0, 1] > 0.995
    assert np.median(np.abs(smooth[0] / smooth[1] - 1)[both]) < 0.02


def test_a_scene_over_the_date_line_is_as_wide_as_its_swath(archive, tmp_path):
    def shifted(match):
        longitude = float(match[1]) + 180 - 13.69
        return f"<longitude>{longitude - 360 if longitude > 180 else longitude:.12e}</longitude>"

    paths = edited(archive, tmp_path / "raw", "annotation", (r"<longitude>(.*?)</longitude>", shifted))
    assert np.ptp(safe_s1.Image(paths).points[:, 2]) > 359
    times, _ = run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH", map={"resolution": 50})
    plain, _ = run(archive, tmp_path / "plain.nc", layers="VH", map={"resolution": 50})
    assert times.grid.crs in ("EPSG:32660", "EPSG:32601")
    assert abs(times.grid.width - plain.grid.width) < 20 and times.grid.width < 130


def test_decibels_have_no_negative_power():
    power = np.array([1, 10, 0, -1, np.nan], "float32")
    assert sentinel1.decibels(power) == pytest.approx([0, 10, np.nan, np.nan, np.nan], nan_ok=True)


def test_ships_are_found_where_they_are_and_as_long(archive, tmp_path):
    run(archive, tmp_path / "stack.nc", "s1_ships")
    given = {"recipe": "s1_ships"}
    copernicus_detect_targets(tmp_path / "stack.nc", tmp_path / "targets.geojson", tmp_path / "targets.json", **given)
    targets = json.loads((tmp_path / "targets.geojson").read_text())["features"]
    for date, begin in zip(radar.DATES, ("2020-08-24T05:10:57Z", "2020-08-29T05:19:09Z"), strict=True):
        own = [one for one in targets if one["properties"]["begin"] == begin]
        assert len(own) == len(radar.SHIPS[date])
        for line, pixel, lines, pixels in radar.SHIPS[date]:
            longitude, latitude = radar.ground(line, pixel)
            (ship,) = [
                one
                for one in own
                if np.hypot(
                    (one["geometry"]["coordinates"][0] - longitude) * 77_800,
                    (one["geometry"]["coordinates"][1] - latitude) * 111_150,
                )
                < 15
            ]
            assert ship["properties"]["length_m"] == pytest.approx(10 * max(lines, pixels), abs=35)
            assert ship["properties"]["contrast_db"] > 20
    land = tmp_path / "land.wkt"
    longitude, latitude = radar.ground(60, 90)
    land.write_text(
        f"POLYGON (({longitude - 0.002} {latitude - 0.002}, {longitude + 0.002} {latitude - 0.002}, {longitude + 0.002} {latitude + 0.002}, {longitude - 0.002} {latitude + 0.002}, {longitude - 0.002} {latitude - 0.002}))"
    )
    copernicus_detect_targets(
        tmp_path / "stack.nc", tmp_path / "targets.geojson", tmp_path / "targets.json", land=str(land), **given
    )
    assert (
        files.read_json(tmp_path / "targets.json")["checks"]["copernicus_detect_targets"]["targets"] == len(targets) - 1
    )


def test_what_is_around_a_pixel_is_a_ring_without_the_guard():
    power = np.ones((60, 60))
    power[30, 30] = 1000
    power[:, :10] = np.nan
    around = targets.background(power, 21, 9)
    assert around[30, 30] == pytest.approx(1) and around[30, 33] == pytest.approx(1)  # the bright pixel is in the guard
    assert around[30, 38] > 2 and np.isnan(around[30, 0])


def test_dates_change_by_decibels(archive, tmp_path):
    _, shown = run(archive, tmp_path / "stack.nc", "s1_change")
    assert [layer.unit for layer in shown.layers] == ["dB"]
    only = edited(archive, tmp_path / "raw", "annotation", ("<product>", "<product>"))
    assert only
    with pytest.raises(ValueError, match="s1_change compares two dates, and there is one"):
        run(tmp_path / "raw", tmp_path / "one.nc", "s1_change")


def test_what_cannot_be_made_is_one_line(archive, tmp_path):
    with pytest.raises(ValueError, match="has no HH; its polarisations are VH, VV"):
        run(archive, tmp_path / "stack.nc", layers="HH")
    with pytest.raises(ValueError, match=r"the area .* does not meet the images, which cover \[13\.6"):
        run(archive, tmp_path / "stack.nc", map={"area": [0, 0, 1, 1]})
    paths = edited(archive, tmp_path / "other", "annotation", ("<numberOfLines>360", "<numberOfLines>361"))
    with pytest.raises(
        ValueError, match="has 360 lines of 480 pixels, and its annotation tells of 361 lines of 480 pixels"
    ):
        safe_s1.Image(paths)
    paths = edited(archive, tmp_path / "cut", "calibration", ("</calibrationVectorList>.*", ""))
    with pytest.raises(ValueError, match=r"calibration-.*\.xml: cannot be read"):
        safe_s1.Image(paths).calibration  # noqa: B018
    Path(paths["measurement"]).write_bytes(Path(paths["measurement"]).read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"measurement/.*: cannot be read"):
        safe_s1.Image(paths).power(Window(0, 300, 10, 10))
    with pytest.raises(ValueError, match="there is no GRD of Sentinel-1"):
        run(tmp_path / "none", tmp_path / "stack.nc")
