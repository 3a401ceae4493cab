"""Backscatter of Sentinel-1: tables of calibration and noise, places over the date line, ships, and what is refused."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import rasterio
from rasterio.warp import reproject, transform
from rasterio.windows import Window
from scipy.ndimage import uniform_filter

import copernicus_eopf
import copernicus_safe
from copernicus_detect_targets import copernicus_detect_targets
from copernicus_merge import copernicus_merge
from copernicus_plot import draw_composite
from copernicus_recipe import project
from darkroom import files
from darkroom.copernicus import decibels, items, merging, speckle, targets, variants
from darkroom.copernicus.readers import radar as radar_images
from darkroom.copernicus.readers import safe_s1
from darkroom.copernicus.recipes import sentinel1
from darkroom.copernicus.recipes.registry import method
from darkroom.samples import copernicus_radar as radar

OPTIONS = {"layers": [], "map": {}, "backscatter": {}}


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
    image = safe_s1.opened(first["images"]["VH"])
    whole = image.power(Window(0, 0, radar.PIXELS, radar.LINES))
    truth = radar.sigma0(radar.DATES[0])
    assert np.isnan(whole[:4]).all() and np.isnan(whole[:, :6]).all() and not np.isnan(whole[4:, 6:]).any()
    sea = (truth == radar.SEA) & ~np.isnan(whole)
    assert whole[sea].mean() == pytest.approx(radar.SEA, rel=0.02)  # speckle alone is left of 150,000 pixels
    assert (whole[sea] < 0).any(), "negative power stays"
    part = image.power(Window(100, 50, 64, 32))
    assert np.array_equal(part, whole[50:82, 100:164])


def test_tables_are_bilinear_and_held_beyond_their_ends():
    table = radar_images.Lut(
        np.array([-10.0, 20.0]), np.array([0.0, 10.0, 30.0]), np.array([[1.0, 2.0, 4.0], [4.0, 5.0, 7.0]])
    )
    assert table(np.arange(5, 6), np.array([0, 5, 20])) == pytest.approx(np.array([[2.5, 3.0, 4.5]]))
    assert table(np.array([20, 90]), np.array([30, 80])) == pytest.approx(np.full((2, 2), 7.0))
    single = radar_images.Lut(np.array([0.0]), np.array([0.0, 1.0]), np.array([[3.0, 5.0]]))
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
    image = safe_s1.opened(old)
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
    doubled, plain = (safe_s1.opened(paths).power(window).astype(float) for paths in (one, old))
    noise = image.range_noise(np.arange(50, 58), np.arange(100, 108))
    gain = image.calibration(np.arange(50, 58), np.arange(100, 108))
    assert plain - doubled == pytest.approx(noise / gain**2, rel=1e-3)


def test_azimuth_noise_goes_on_where_its_blocks_end_too_early():
    """Of one swath two blocks, of which the second ends before the image; of the other none at all."""
    first, second = ([0, 99], [2.0, 4.0]), ([100, 150], [5.0, 7.0])
    blocks = [(100, 150, 0, 9, *map(np.array, second)), (-3, 99, 0, 9, *map(np.array, first))]
    table = radar_images.Lut(np.array([0.0]), np.array([0.0]), np.ones((1, 1)))
    image = radar_images.Image("", (200, 20), 10.0, np.zeros((0, 4)), table, table, blocks, lambda window: None)
    factors, strips = image._azimuth_factors(np.arange(200), np.arange(20))
    assert strips.tolist() == [0, 10, 20] and factors[1].tolist() == [1] * 200
    assert factors[0, [0, 99, 100, 150, 160, 199]] == pytest.approx([2, 4, 5, 7, 7, 7])


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
    image = safe_s1.opened(paths)
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
    power = safe_s1.opened(paths).power(Window(0, 0, radar.PIXELS, radar.LINES))
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


def over_the_date_line(match):
    longitude = float(match[1]) + 180 - 13.69
    return f"<longitude>{longitude - 360 if longitude > 180 else longitude:.12e}</longitude>"


def test_a_scene_over_the_date_line_is_as_wide_as_its_swath(archive, tmp_path):
    changes = (r"<longitude>(.*?)</longitude>", over_the_date_line)
    paths = edited(archive, tmp_path / "raw", "annotation", changes)
    assert np.ptp(safe_s1.opened(paths).points[:, 2]) > 359
    times, _ = run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH", map={"resolution": 50})
    plain, _ = run(archive, tmp_path / "plain.nc", layers="VH", map={"resolution": 50})
    assert times.grid.crs in ("EPSG:32660", "EPSG:32601")
    assert abs(times.grid.width - plain.grid.width) < 20 and times.grid.width < 130
    degrees = {"crs": "EPSG:4326", "resolution": 0.0005}
    whole, _ = run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH", map=degrees)
    west, _, east, _ = whole.grid.bounds
    assert west == pytest.approx(179.961, abs=2e-3) and east == pytest.approx(180.032, abs=2e-3)
    part, _ = run(
        tmp_path / "raw", tmp_path / "stack.nc", layers="VH", map=degrees | {"area": [179.98, 45.6, -179.98, 45.7]}
    )
    assert part.grid.bounds[::2] == pytest.approx((179.98, 180.02), abs=1e-3)
    with pytest.raises(
        ValueError, match="an image lies at both ends of EPSG:3857, over the date line; give map another"
    ):
        run(tmp_path / "raw", tmp_path / "none.nc", layers="VH", map={"crs": "EPSG:3857", "resolution": 50})


def test_a_map_in_degrees_has_the_mean_of_all_that_is_in_its_pixels(archive, tmp_path):
    """Of pixels of 111 m, as one in metres has: the brightest of them are no single ones."""
    brightest = []
    for place in ({"resolution": 100}, {"crs": "EPSG:4326", "resolution": 0.001}):
        _, shown = run(archive, tmp_path / "stack.nc", layers="VH", map=place, backscatter={"decibel": False})
        with shown.reading() as get:
            values = get("VH", 0)
        brightest.append(float(np.nanquantile(values, 0.99)))
        assert np.nanmedian(values) == pytest.approx(radar.SEA, rel=0.1)
        assert np.nanstd(values[values < 0.01]) < radar.SEA / 3  # of single pixels it is half of the sea
    assert brightest[0] == pytest.approx(brightest[1], rel=0.2)


@pytest.mark.parametrize("place", [{}, {"crs": "EPSG:3857", "resolution": 20}])
def test_an_area_may_be_all_the_world_or_far_away(archive, tmp_path, place):
    whole, _ = run(archive, tmp_path / "stack.nc", layers="VH", map=place)
    world, _ = run(archive, tmp_path / "stack.nc", layers="VH", map=place | {"area": [-180, -90, 180, 90]})
    assert world.grid == whole.grid
    with pytest.raises(ValueError, match=r"the area \[100.000, .*\] does not meet the images, which cover \[13\.6"):
        run(archive, tmp_path / "none.nc", layers="VH", map=place | {"area": [100, 0, 101, 1]})


def test_decibels_have_no_negative_power():
    power = np.array([1, 10, 0, -1, np.nan], "float32")
    assert decibels.of_power(power) == pytest.approx([0, 10, np.nan, np.nan, np.nan], nan_ok=True)


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
    made = items.item("ships", variants.known()["s1_ships"], tmp_path / "stack.nc", _map(tmp_path), [])
    assert made["properties"]["sar:instrument_mode"] == "IW" and made["properties"]["sar:polarizations"] == ["VH"]
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


def _map(folder):
    copernicus_merge(folder / "stack.nc", folder / "map.tif", folder / "statistics.csv", recipe="s1_ships")
    return folder / "map.tif"


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


def test_what_went_is_red_what_came_is_cyan_and_the_rest_grey(tmp_path):
    before, after = np.array([[-20, -5, -12, -12]]), np.array([[-5, -20, -12, np.nan]])
    profile = {"driver": "GTiff", "count": 3, "height": 1, "width": 4, "dtype": "float32", "crs": "EPSG:32632"}
    with rasterio.open(tmp_path / "map.tif", "w", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as image:
        image.write(np.stack([before, after, after - before]).astype("f4"))
        image.descriptions = ("VH_before", "VH_after", "VH_change")
    axes = matplotlib.figure.Figure().subplots()
    draw_composite(variants.known()["s1_change"], tmp_path / "map.tif", axes)
    (came, went, same, unknown) = axes.images[0].get_array()[0]
    assert came[0] < 0.1 < 0.9 < came[1] == came[2] and went[0] > 0.9 > 0.1 > went[1] == went[2]
    assert same[0] == same[1] == same[2] and unknown.tolist()[1:] == [1, 1]
    assert axes.get_title() == "VH_before red, VH_after green, VH_after blue"


def test_what_cannot_be_made_is_one_line(archive, tmp_path):
    with pytest.raises(ValueError, match="has no HH; its polarisations are VH, VV"):
        run(archive, tmp_path / "stack.nc", layers="HH")
    with pytest.raises(ValueError, match=r"the area .* does not meet the images, which cover \[13\.6"):
        run(archive, tmp_path / "stack.nc", map={"area": [0, 0, 1, 1]})
    paths = edited(archive, tmp_path / "other", "annotation", ("<numberOfLines>360", "<numberOfLines>361"))
    with pytest.raises(
        ValueError, match="has 360 lines of 480 pixels, and its annotation tells of 361 lines of 480 pixels"
    ):
        safe_s1.opened(paths)
    paths = edited(archive, tmp_path / "swapped", "noise", ("<polarisation>VH", "<polarisation>VV"))
    with pytest.raises(
        ValueError, match=r"noise-.*: its polarisation is 'VV', and that of the annotation 'VH': it is another"
    ):
        safe_s1.opened(paths)
    paths = edited(archive, tmp_path / "cut", "calibration", ("</calibrationVectorList>.*", ""))
    with pytest.raises(ValueError, match=r"calibration-.*\.xml is no XML file that can be read: "):
        safe_s1.opened(paths)
    paths = edited(archive, tmp_path / "short", "annotation", ("<product>", "<product>"))
    image = safe_s1.opened(paths)
    Path(paths["measurement"]).write_bytes(Path(paths["measurement"]).read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"measurement/.* is no image that can be read"):
        image.power(Window(0, 300, 10, 10))
    with pytest.raises(ValueError, match="there is no GRD of Sentinel-1"):
        run(tmp_path / "none", tmp_path / "stack.nc")


def test_products_of_which_nothing_can_be_made_are_named(archive, tmp_path):
    """As in a list with one product of another kind, or one that was fetched in part: it is not left out in silence."""
    first, *_ = scenes(archive)
    shutil.copytree(archive, tmp_path / "raw")
    folder = next((tmp_path / "raw").rglob(first["product"]))
    image = Path(first["images"]["VV"]["measurement"]).name
    (folder / "measurement" / image).unlink()
    with pytest.raises(ValueError, match=rf"{first['product']}: of VV {image} is not there"):
        run(tmp_path / "raw", tmp_path / "stack.nc")
    assert run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH")[0].begins
    for path in (folder / "annotation").glob("*.xml"):
        path.rename(path.with_name(path.name.replace("-iw-grd-", "-iw1-slc-")))
    folder.rename(folder.with_name(folder.name.replace("GRDH", "SLC_")))
    with pytest.raises(ValueError, match=r"IW_SLC__1SDV.*: nothing can be made of it \(IW_SLC__1S\); right is GRD"):
        run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH")


@pytest.mark.parametrize(
    ("kind", "pattern", "new", "says"),
    [
        ("annotation", r"<latitude>[^<]*</latitude>", "", "a point of its geolocation grid lacks its line"),
        ("annotation", r"<latitude>[^<]*<", "<latitude>north<", "has what is no number: .*'north'"),
        ("annotation", r"<numberOfLines>360", "<numberOfLines>many", "has what is no number: .*'many'"),
        ("annotation", r"<rangePixelSpacing>10", "<rangePixelSpacing>0", "has 360 lines of 480 pixels of 0 m"),
        ("annotation", r"<rangePixelSpacing>10", "<rangePixelSpacing>9999", "has 360 lines of 480 pixels of 9999 m"),
        ("annotation", r"<numberOfLines>360", "<numberOfLines>360 1", "has 360 1 lines of 480 pixels of 10 m"),
        ("calibration", r"<sigmaNought>[\d.e+]+", "<sigmaNought>0", "has values of sigmaNought that are not above 0"),
        ("calibration", r"<sigmaNought>[\d.e+]+", "<sigmaNought>nan", "has what is no number: nan"),
        ("noise", r"<line>-?\d+</line><pixel>", "<pixel>", "a noiseRangeVector does not tell its line"),
        (
            "noise",
            r"<noiseAzimuthLut>[^<]*<",
            "<noiseAzimuthLut>1 1<",
            "a noiseAzimuthVector has 19 lines and 2 factors",
        ),
    ],
)
def test_what_is_damaged_in_its_metadata_is_one_line(archive, tmp_path, kind, pattern, new, says):
    edited(archive, tmp_path / "raw", kind, (pattern, new))
    with pytest.raises(ValueError, match=rf"\.xml: {says}"):
        run(tmp_path / "raw", tmp_path / "none.nc", layers="VH")


def test_the_filter_of_lee_is_its_formula():
    """Pixel by pixel, as the paper has it."""
    chance = np.random.default_rng(3)
    power = (np.where(np.arange(40) < 20, 0.01, 0.4) * chance.gamma(4.4, 1 / 4.4, (30, 40))).astype("float32")
    power[3, 4], power[10:12, 20:25], power[20, 20] = np.nan, np.nan, -0.002
    made, looks = speckle.lee(power, 5, 4.4), 4.4
    for row, column in np.ndindex(power.shape):
        window = power[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].astype(float)
        mean, variance = np.nanmean(window), np.nanvar(window, ddof=1)
        gain = max(0, 1 - mean**2 / variance / looks)
        expected = mean + (power[row, column] - mean) * gain
        assert made[row, column] == pytest.approx(expected, rel=1e-5, abs=1e-9, nan_ok=True)
    assert np.nanstd(made[:, :15]) < 0.45 * np.nanstd(power[:, :15])
    assert np.nanmean(made) == pytest.approx(np.nanmean(power), rel=0.03)


def test_the_refined_filter_is_its_formula():
    """Pixel by pixel, as the papers have it: the half of a window on the pixel's side of the steepest edge."""
    chance = np.random.default_rng(5)
    rows, columns = np.mgrid[:40, :44]
    power = np.where(columns + 0.6 * rows < 34, 0.01, 0.2) * np.where(rows < 8, 3, 1)
    power = (power * chance.gamma(4.4, 1 / 4.4, power.shape)).astype("float32")
    power[3, 4], power[10:14, 20:25] = np.nan, np.nan
    made, looks = speckle.refined_lee(power, 7, 4.4), 4.4
    whole = np.pad(power.astype(float), 3, constant_values=np.nan)
    down, right = np.mgrid[-3:4, -3:4]
    sides = {"right": (0, 1), "top": (-1, 0), "top right": (-1, 1), "top left": (-1, -1)}  # of edges, from the middle
    for row, column in np.ndindex(power.shape):
        if np.isnan(power[row, column]):
            assert np.isnan(made[row, column])
            continue
        window = whole[row : row + 7, column : column + 7]
        middle = np.nanmean(window[2:5, 2:5])
        nine = np.array([[_mean(window[y : y + 3, x : x + 3], middle) for x in (0, 2, 4)] for y in (0, 2, 4)])
        y, x = np.mgrid[-1:2, -1:2]
        steps = {side: nine[a * y + b * x > 0].sum() - nine[a * y + b * x < 0].sum() for side, (a, b) in sides.items()}
        a, b = sides[max(steps, key=lambda side: abs(steps[side]))]
        own = 1 if abs(nine[1 + a, 1 + b] - middle) <= abs(nine[1 - a, 1 - b] - middle) else -1
        half = window[own * (a * down + b * right) >= 0]
        mean, variance = np.nanmean(half), np.nanvar(half)
        gain = max(0, (variance - mean**2 / looks) / (variance * (1 + 1 / looks))) if variance else 0
        assert made[row, column] == pytest.approx(mean + gain * (power[row, column] - mean), rel=1e-5)


def _mean(part, otherwise):
    return otherwise if np.isnan(part).all() else np.nanmean(part)


def test_the_refined_filter_keeps_an_edge_and_smooths_beside_it():
    chance = np.random.default_rng(6)
    truth = np.where(np.arange(120) < 60, 0.01, 0.4) * np.ones((100, 1))
    power = (truth * chance.gamma(4.4, 1 / 4.4, truth.shape)).astype("float32")
    plain, refined = speckle.lee(power, 7, 4.4), speckle.refined_lee(power, 7, 4.4)
    edge, flat = np.s_[:, 57:63], np.s_[:, 10:50]
    error = {name: np.abs(np.log(made[edge] / truth[edge])).mean() for name, made in (("p", plain), ("r", refined))}
    assert error["r"] < 0.5 * error["p"]
    assert np.std(refined[flat]) < 0.5 * np.std(power[flat]) and refined.mean() == pytest.approx(power.mean(), rel=0.02)


@pytest.mark.skipif(not shutil.which("otbcli_Despeckle"), reason="needs Orfeo ToolBox (Debian: otb-bin)")
def test_the_filter_of_lee_is_that_of_orfeo_toolbox(tmp_path):
    chance = np.random.default_rng(3)
    power = (np.where(np.arange(90) < 40, 0.01, 0.4) * chance.gamma(4.4, 1 / 4.4, (80, 90))).astype("float32")
    profile = {"driver": "GTiff", "width": 90, "height": 80, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "power.tif", "w", **profile) as image:
        image.write(power, 1)
    order = ["otbcli_Despeckle", "-in", tmp_path / "power.tif", "-out", tmp_path / "lee.tif", "float", "-filter", "lee"]
    subprocess.run([*order, "-filter.lee.rad", "3", "-filter.lee.nblooks", "4.4"], check=True, capture_output=True)
    with rasterio.open(tmp_path / "lee.tif") as image:
        judged = image.read(1)
    inside = np.s_[3:-3, 3:-3]
    assert speckle.lee(power, 7, 4.4)[inside] == pytest.approx(judged[inside], rel=1e-5)


@pytest.mark.parametrize("smooth", [speckle.lee, speckle.refined_lee])
def test_speckle_is_filtered_alike_in_every_block(archive, smooth):
    image = safe_s1.opened(scenes(archive)[0]["images"]["VH"])
    read = speckle.filtered(image.power, image.shape, 7, 4.4, smooth)
    whole = smooth(image.power(Window(0, 0, radar.PIXELS, radar.LINES)), 7, 4.4)
    for window in (Window(0, 0, 50, 40), Window(100, 50, 64, 32), Window(radar.PIXELS - 20, radar.LINES - 9, 20, 9)):
        rows, columns = window.toslices()
        assert read(window) == pytest.approx(whole[rows, columns], rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("kind", ["sigma0", "beta0", "gamma0"])
def test_backscatter_is_as_a_row_asks(archive, tmp_path, kind):
    """Beta0 and gamma0 have tables of their own; here twice and half of that of sigma0."""
    tables = [(f"<{name}>(.*?)</{name}>", _times(name, by)) for name, by in (("betaNought", 2), ("gamma", 0.5))]
    edited(archive, tmp_path / "raw", "calibration", *tables)
    asked = {"calibration": kind, "decibel": False}
    times, shown = run(tmp_path / "raw", tmp_path / "stack.nc", layers="VH", backscatter=asked)
    assert shown.layers[0].unit == "1" and shown.layers[0].title == f"{kind} of VH"
    assert not any("decibels" in note for note in times.notes)
    with shown.reading() as get:
        values = get("VH", 0)
    sea = np.nanmedian(values)
    assert sea == pytest.approx(radar.SEA / {"sigma0": 1, "beta0": 4, "gamma0": 0.25}[kind], rel=0.1)
    assert (values < 0).any(), "negative power stays in power"


def _times(name, by):
    def changed(match):
        return f"<{name}>{' '.join(str(float(one) * by) for one in match[1].split())}</{name}>"

    return changed


def test_a_preset_has_its_filter_and_says_so(archive, tmp_path):
    times, shown = run(archive, tmp_path / "stack.nc", "s1_gamma0", layers="VH")
    assert "speckle was made less by the filter of Lee (1980), 7 x 7 pixels, 4.4 looks" in times.notes
    _, plain = run(archive, tmp_path / "plain.nc", "s1_backscatter", layers="VH", backscatter={"calibration": "gamma0"})
    with shown.reading() as get, plain.reading() as before:
        smooth, rough = (10 ** (one("VH", 0) / 10) for one in (get, before))
    assert shown.layers[0].title == "gamma0 of VH" and shown.layers[0].unit == "dB"
    sea = np.s_[220:260, 200:240]
    assert np.nanstd(smooth[sea]) < 0.7 * np.nanstd(rough[sea])
    own = variants.known()["s1_gamma0"]
    unknown = {"product": "S1A_IW_GRDF_1SDV_20200824T051057_20200824T051059_034044_03F3B3_A1B2.SAFE"}
    assert sentinel1._looks({"product": unknown["product"].replace("IW", "S4")}, own) == 3.7, "stripmap"
    with pytest.raises(ValueError, match="how many looks IW GRDF has is unknown"):
        sentinel1._looks(unknown, own)


def test_a_comparison_of_power_is_refused():
    for recipe in ("s1_change", "s1_ships"):
        given = OPTIONS | {"backscatter": {"decibel": False}}
        assert [*method("s1").problems(variants.known()[recipe], given)] == [
            f"backscatter.decibel: {recipe} compares decibels; leave it out"
        ]


def test_the_mean_of_decibels_is_that_of_power(archive, tmp_path):
    _, shown = run(archive, tmp_path / "stack.nc", layers="VH")
    with shown.reading() as get:
        first, last = get("VH", 0), get("VH", 1)
        made = merging.merged(variants.known()["s1_backscatter"], shown, get, Window(0, 0, *first.shape[::-1]))[0]
    both = ~np.isnan(first) & ~np.isnan(last)
    mean = 10 * np.log10((10 ** (first / 10.0) + 10 ** (last / 10.0)) / 2)
    assert both.sum() > 100_000 and made[both] == pytest.approx(mean[both], abs=1e-4)


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_eopf_zarr_is_the_same_as_safe(archive, tmp_path, driver):
    def counts(path):
        with rasterio.open(path) as image:
            return image.read(1)

    edited(archive, tmp_path / "safe", "annotation", ("<product>", "<product>"))
    copernicus_eopf.radar(next((tmp_path / "safe").iterdir()), tmp_path / "zarr", counts, "vh", driver)
    asked = {"layers": "VH", "backscatter": {"decibel": False}}
    (first, one), (second, other) = (
        run(tmp_path / kind, tmp_path / f"{kind}.nc", **asked) for kind in ("safe", "zarr")
    )
    assert first.grid == second.grid and first.begins == second.begins
    with one.reading() as get, other.reading() as again:
        # Its tables are float32.
        assert get("VH", 0) == pytest.approx(again("VH", 0), rel=1e-5, abs=1e-8, nan_ok=True)
    group = next((tmp_path / "zarr").rglob("noise_range"))
    shutil.rmtree(group)
    with pytest.raises(ValueError, match=r"noise_range/line: is no array of Zarr"):
        for scene in scenes(tmp_path / "zarr"):
            for image in scene["images"].values():
                safe_s1.opened(image)
