"""Indices of Sentinel-2: offsets, no data, grids of two resolutions, zones and dates, and what is refused."""

import re
import shutil
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pystac
import pytest
import rasterio
from rasterio.windows import Window
from rio_cogeo.cogeo import cog_validate

import airborne_files
import copernicus_eopf
import copernicus_safe as made
from copernicus_check import copernicus_check
from copernicus_copies import PRODUCT, copy
from copernicus_detect import copernicus_detect
from copernicus_import import copernicus_import
from copernicus_merge import copernicus_merge
from copernicus_plot import copernicus_plot
from copernicus_project import copernicus_project
from darkroom import files, inventory
from darkroom.copernicus import checks, downloads, formulas, merging, search, variants
from darkroom.copernicus import stack as stacks
from darkroom.copernicus.catalogues.folder import Folder
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.products import Product, write_products
from darkroom.copernicus.recipes.registry import method
from darkroom.copernicus.settings import Settings
from darkroom.copernicus.stack import Layer, Stack

OPTIONS = {"layers": [], "map": {}, "mask": None, "detectors": None}
SCHEMA = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"
SURFACE = {"B04": 0.05, "B08": 0.45}


def run(folder, recipe="s2_index", **options):
    """Import and project the products in a folder; gives the stack."""
    listed = made.inventory(folder / "raw")
    inventory.write(folder / "inventory.json", listed)
    names = sorted({name.split("/")[0] for name in listed.names})
    write_products(folder, [Product("1", name, "", "") for name in names])
    scenes, stack = folder / "scenes.json", folder / "stack.nc"
    given = {"recipe": recipe, "options": OPTIONS | options}
    copernicus_import(folder / "inventory.json", folder / "products.geojson", scenes, **given)
    copernicus_project(scenes, stack, **given)
    return Stack(stack)


def layer(stack, name, at=0):
    with stack.reading() as get:
        return get(name, at)


def flat(value, size=32, offset=1000):
    return np.full((size, size), round(value * 10_000 + offset))


def bands(offset=1000, **reflectance):
    return {f"{name}_10m": flat(value, offset=offset) for name, value in (SURFACE | reflectance).items()}


@pytest.mark.parametrize(("baseline", "offset"), [("0212", None), ("0400", -1000), ("0500", -1000), ("0510", -1000)])
def test_one_surface_has_one_index_by_the_metadata_of_each_baseline(tmp_path, baseline, offset):
    begin = "20160622T101601" if baseline == "0500" else "20230622T101601"  # reprocessed, before there was an offset
    made.safe(tmp_path / "raw", bands(-(offset or 0)), begin, baseline, offset)
    values = layer(run(tmp_path), "NDVI")
    assert values == pytest.approx(np.full((32, 32), (0.45 - 0.05) / 0.5), abs=1e-6)


def test_a_copy_whose_offset_is_in_doubt_is_refused(tmp_path):
    made.safe(tmp_path / "raw", bands(0), baseline="0510", offset=None)
    with pytest.raises(ValueError, match=r"MTD_MSIL2A\.xml: baseline 05\.10 has an BOA_ADD_OFFSET for each band"):
        run(tmp_path)


def test_a_band_without_an_offset_beside_others_with_one_is_refused(tmp_path):
    made.safe(tmp_path / "raw", bands())
    metadata = next((tmp_path / "raw").rglob("MTD_MSIL2A.xml"))
    text = re.sub(r'<BOA_ADD_OFFSET band_id="3">.*?</BOA_ADD_OFFSET>', "", metadata.read_text())
    metadata.write_text(text)
    with pytest.raises(ValueError, match=r"its metadata tell no offset of B04, and of others they do"):
        run(tmp_path)


def test_no_data_is_masked_before_resampling_and_negative_reflectance_stays(tmp_path):
    blue = flat(0.2, 16)
    blue[:, 8:] = 0  # beyond the swath
    blue[0, 0], blue[8, 2] = 65535, 900
    made.safe(tmp_path / "raw", {"B05_20m": blue, "B04_10m": flat(0.1)})
    stack = run(tmp_path, layers=["B05", "B04"])
    values = layer(stack, "B05")
    assert stack.grid.affine.a == 10
    inside = values[~np.isnan(values)]
    assert inside.min() >= -0.0101 and inside.max() == pytest.approx(0.2)  # no mixture with DN 0, which is -0.1
    assert values[16:18, 4:6].min() < 0.1 and np.isnan(values[:, 18:]).all()
    raw = run(tmp_path, layers=["B05"])
    lowest = layer(raw, "B05")
    assert raw.grid.affine.a == 20 and lowest[8, 2] == pytest.approx(-0.01) and np.isnan(lowest[0, 0])
    assert np.isnan(lowest[:, 8:]).all()


def test_a_mean_of_finer_pixels_counts_those_that_are_there(tmp_path):
    red = flat(0.1)
    red[0, 0] = 0
    red[0:2, 1] = 3000
    made.safe(tmp_path / "raw", {"B04_10m": red})
    values = layer(run(tmp_path, layers="B04", map={"resolution": 20}), "B04")
    assert values[0, 0] == pytest.approx((0.2 + 0.2 + 0.1) / 3, abs=1e-6) and values[1, 1] == pytest.approx(0.1)


def test_the_burn_ratio_takes_the_narrow_near_infrared_at_20_metres(tmp_path):
    for begin, infrared, swir in (("20230622T101601", 0.1, 0.2), ("20230612T101601", 0.3, 0.1)):  # out of order
        made.safe(
            tmp_path / "raw",
            {"B8A_20m": flat(infrared, 16), "B12_20m": flat(swir, 16), "B08_10m": flat(0.9)},
            begin,
        )
    stack = run(tmp_path, "s2_fires")
    assert stack.begins == sorted(stack.begins) and stack.grid.affine.a == 20
    assert layer(stack, "NBR", 0)[0, 0] == pytest.approx(0.5) and layer(stack, "NBR", 1)[0, 0] == pytest.approx(-1 / 3)
    copernicus_merge(tmp_path / "stack.nc", tmp_path / "map.tif", tmp_path / "statistics.csv", recipe="s2_fires")
    copernicus_detect(tmp_path / "map.tif", tmp_path / "classes.tif", tmp_path / "classes.csv", recipe="s2_fires")
    with rasterio.open(tmp_path / "map.tif") as image, rasterio.open(tmp_path / "classes.tif") as classes:
        assert image.descriptions[2] == "NBR_difference" and image.read(3)[0, 0] == pytest.approx(0.5 + 1 / 3)
        assert (classes.read(1) == 6).all()
    assert (tmp_path / "classes.csv").read_text().splitlines()[-1] == "6,high severity,256,10.24"
    shown = [tmp_path / name for name in ("stack.nc", "map.tif", "statistics.csv")]
    copernicus_check(*shown, tmp_path / "copernicus.json", classes=tmp_path / "classes.tif", recipe="s2_fires")
    told = files.read_json(tmp_path / "copernicus.json")["checks"]["copernicus_check"]
    assert told["valid"] == {"NBR_before": 256, "NBR_after": 256, "NBR_difference": 256}
    beside = {"classes": tmp_path / "classes.tif", "recipe": "s2_fires"}
    copernicus_plot(*shown, tmp_path / "preview.png", tmp_path / "item.json", **beside)
    item = files.read_json(tmp_path / "item.json")
    severe = {"value": 6, "name": "class_6", "description": "high severity", "color_hint": "A50026"}
    assert item["assets"]["classes.tif"]["classification:classes"][6] == severe
    assert item["assets"]["classes.tif"]["nodata"] == 255 and "/classification/" in item["stac_extensions"][-1]
    before = (tmp_path / "map.tif").read_bytes(), (tmp_path / "item.json").read_bytes()
    copernicus_merge(*shown, recipe="s2_fires")
    copernicus_plot(*shown, tmp_path / "preview.png", tmp_path / "item.json", **beside)
    assert ((tmp_path / "map.tif").read_bytes(), (tmp_path / "item.json").read_bytes()) == before
    with netCDF4.Dataset(tmp_path / "stack.nc", "a") as dataset:
        dataset["NBR"][0, 0, 0] = 0
    with pytest.raises(ValueError, match=r"map\.tif: is not what stack\.nc makes"):
        copernicus_check(*shown, tmp_path / "copernicus.json", recipe="s2_fires")


def eopf(folder, arrays, driver, name="S2A_MSIL2A_20230622T101601_N0511_R065_T32TMR_20240101T000000.zarr", **packing):
    """The same as EOPF Zarr, 2 or 3: {group/array: values}."""
    for group, values in arrays.items():
        step = int(group.split("/r")[-1][:2])
        place = folder / name / group
        packed = {"scale_factor": 1e-4, "add_offset": -0.1} | packing if "reflectance" in group else None
        copernicus_eopf.array(place, values.astype("uint8" if "scl" in group else "uint16"), driver, packed)
        for axis, first, size in (
            ("x", 399_960 + step / 2, values.shape[1]),
            ("y", 5_000_040 - step / 2, values.shape[0]),
        ):
            centres = first + (step if axis == "x" else -step) * np.arange(size)
            copernicus_eopf.array(place.with_name(axis), centres.astype("int64"), driver)
    copernicus_eopf.told(folder / name, {"stac_discovery": {"properties": {"proj:epsg": 32632}}}, driver)
    return name


GML = """\
<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" xmlns:gml="http://www.opengis.net/gml/3.2">
  <gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG:8.8.1:32632"/></gml:boundedBy>
  <eop:maskMembers><eop:MaskFeature gml:id="detector_footprint-B04-06-0"><eop:extentOf><gml:Polygon><gml:exterior>
    <gml:LinearRing><gml:posList srsDimension="3">{}</gml:posList></gml:LinearRing>
  </gml:exterior></gml:Polygon></eop:extentOf></eop:MaskFeature></eop:maskMembers>
</eop:Mask>
"""


@pytest.mark.parametrize("kind", ["gml", "jp2", "60 m"])
def test_pixels_that_no_detector_saw_are_masked_and_zeros_besides(tmp_path, kind):
    """The footprint ends after 18 columns; within it are zeros, without it numbers."""
    red = flat(0.1)
    red[4:6, 3:5] = 0
    name = made.safe(tmp_path / "raw", {"B04_10m": red})
    quality = next((tmp_path / "raw" / name).rglob("IMG_DATA")).with_name("QI_DATA")
    east, south = 399_960 + 180, 5_000_040 - 320
    if kind == "gml":
        quality.mkdir()
        ring = ((399_960, 5_000_040), (east, 5_000_040), (east, south), (399_960, south), (399_960, 5_000_040))
        (quality / "MSK_DETFOO_B04.gml").write_text(GML.format(" ".join(f"{x} {y} 0" for x, y in ring)))
    else:
        size, step = (32, 10) if kind == "jp2" else (6, 60)
        detectors = np.full((size, size), 6)
        detectors[:, 180 // step :] = 0
        made.image(quality / "MSK_DETFOO_B04.jp2", detectors, step)
    values = layer(run(tmp_path, layers="B04", detectors=True), "B04")
    assert np.isnan(values[:, 18:]).all() and np.isnan(values[4:6, 3:5]).all()
    assert np.isnan(values).sum() == 32 * 14 + 4
    told = files.read_json(tmp_path / "scenes.json")["notes"]
    assert "pixels that no detector saw, by the footprints of each band, are masked before all else" in told
    assert np.isnan(layer(run(tmp_path, layers="B04"), "B04")).sum() == 4, "where nobody asks"


def test_footprints_that_are_asked_for_and_lacking_are_refused(tmp_path):
    made.safe(tmp_path / "raw", bands())
    with pytest.raises(ValueError, match=r"has no footprints of detectors \(MSK_DETFOO\) of B04, B08"):
        run(tmp_path, detectors=True)


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_footprints_of_eopf_zarr_are_numbers_of_detectors(tmp_path, driver):
    detectors = np.full((32, 32), 3)
    detectors[20:] = 0
    arrays = {"measurements/reflectance/r10m/b04": flat(0.1), "conditions/mask/detector_footprint/r10m/b04": detectors}
    eopf(tmp_path / "raw", arrays, driver)
    assert np.isnan(layer(run(tmp_path, layers="B04", detectors=True), "B04")).sum() == 12 * 32


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_eopf_zarr_is_the_same_as_safe(tmp_path, driver):
    red, infrared = np.random.default_rng(4).integers(1100, 5000, (2, 32, 32))
    red[:, :5] = 0
    classes = np.full((16, 16), 4)
    classes[8, 8] = 9
    made.safe(tmp_path / "safe/raw", {"B04_10m": red, "B08_10m": infrared, "SCL_20m": classes})
    arrays = {
        "measurements/reflectance/r10m/b04": red,
        "measurements/reflectance/r10m/b08": infrared,
        "conditions/mask/l2a_classification/r20m/scl": classes,
    }
    eopf(tmp_path / "zarr/raw", arrays, driver)
    one, other = (run(tmp_path / kind, layers=["NDVI", "B04"]) for kind in ("safe", "zarr"))
    assert one.grid == other.grid
    for name in ("NDVI", "B04"):
        assert np.array_equal(layer(one, name), layer(other, name), equal_nan=True)
    assert np.isnan(layer(other, "B04")[:, :5]).all() and np.nanmin(layer(other, "B04")) >= 0.01


def test_eopf_zarr_whose_offset_is_in_doubt_is_refused(tmp_path):
    eopf(tmp_path / "raw", {"measurements/reflectance/r10m/b04": flat(0.1)}, "zarr", add_offset=0)
    with pytest.raises(ValueError, match="baseline 0511 has an add_offset for each band, and here is none"):
        run(tmp_path, layers="B04")
    for packing, says in (
        ({"scale_factor": "none"}, "r10m/b04: its scale_factor or add_offset is no number"),
        ({"scale_factor": 1}, "r10m/b04: has a scale of 1; right is"),
    ):
        eopf(tmp_path / "raw", {"measurements/reflectance/r10m/b04": flat(0.1)}, "zarr", **packing)
        with pytest.raises(ValueError, match=says):
            run(tmp_path, layers="B04")


def test_clouds_are_masked_by_the_nearest_pixel_of_the_classification(tmp_path):
    classes = np.full((16, 16), 4)
    classes[3:5, 3:5] = 9
    made.safe(tmp_path / "raw", bands() | {"SCL_20m": classes})
    masked = np.isnan(layer(run(tmp_path), "NDVI"))
    assert masked.sum() == 16 and masked[6:10, 6:10].all()
    assert not np.isnan(layer(run(tmp_path, mask=[]), "NDVI")).any()


def test_scenes_a_pixel_apart_and_of_another_zone_lie_where_they_should(tmp_path):
    ramp = np.tile(np.arange(32) * 100 + 1500, (32, 1))
    made.safe(tmp_path / "raw", {"B04_10m": ramp}, west=399_960)
    made.safe(tmp_path / "raw", {"B04_10m": ramp}, tile="T32TNR", west=399_960 + 320 + 10)
    stack = run(tmp_path, layers="B04")
    (row, *_), (first,) = layer(stack, "B04"), stack.products
    assert stack.grid.width == 65 and np.isnan(row[32]) and first.count("S2A_") == 2
    assert row[[0, 31, 33, 64]] == pytest.approx([0.05, 0.36, 0.05, 0.36])
    east = tmp_path / "east"
    made.safe(east / "raw", {"B04_10m": flat(0.2, 64)}, west=399_960)
    far = {"west": -72380, "north": 5025710, "epsg": 32633}  # about the same ground, as the next zone has it
    made.safe(east / "raw", {"B04_10m": flat(0.3, 200)}, "20230623T101601", tile="T33TUL", **far)
    both = run(east, layers="B04", map={"area": [7.728, 45.142, 7.733, 45.146]})
    assert both.grid.crs == "EPSG:32632" and len(both.begins) == 2
    for at, value in ((0, 0.2), (1, 0.3)):
        assert np.nanmean(layer(both, "B04", at)) == pytest.approx(value, abs=1e-6), both.grid


def test_a_tile_over_the_date_line_goes_on_beyond_180_degrees(tmp_path):
    ramp = np.tile(np.arange(200) * 10 + 1500, (200, 1))
    made.safe(tmp_path / "raw", {"B04_10m": ramp}, tile="T60KXF", epsg=32760, west=816_980, north=8_000_020)
    shown = run(tmp_path, layers="B04", map={"crs": "EPSG:4326", "resolution": 0.0001})
    west, _, east, _ = shown.grid.bounds
    assert 179.9 < west < 180 < east < 180.1
    (across, down), values = shown.grid.centres(), layer(shown, "B04")
    row, column = 100, np.flatnonzero(across > 180.002)[0]
    (x,), _ = rasterio.warp.transform("EPSG:4326", "EPSG:32760", [across[column] - 360], [down[row]])
    assert values[row, column] == pytest.approx(0.05 + ((x - 816_980) / 10 - 0.5) * 0.001, abs=1e-4)
    with pytest.raises(ValueError, match="an image lies at both ends of EPSG:3857"):
        run(tmp_path, layers="B04", map={"crs": "EPSG:3857"})


def test_a_part_of_the_map_is_the_same_part(tmp_path):
    noise = np.random.default_rng(1).integers(1100, 5000, (64, 64))
    made.safe(tmp_path / "raw", {"B04_10m": noise})
    whole = layer(run(tmp_path, layers="B04"), "B04")
    part = run(
        tmp_path,
        layers="B04",
        map={"area": "POLYGON ((7.7283 45.1430, 7.7305 45.1430, 7.7305 45.1450, 7.7283 45.1450, 7.7283 45.1430))"},
    )
    column, row = round((part.grid.affine.c - 399_960) / 10), round((5_000_040 - part.grid.affine.f) / 10)
    assert 0 < part.grid.width < 64
    assert np.array_equal(layer(part, "B04"), whole[row : row + part.grid.height, column : column + part.grid.width])


@pytest.mark.parametrize(
    ("recipe", "options", "says"),
    [
        ("s2_fires", {}, "s2_fires compares two dates, and there is one: S2A_MSIL2A_20230622"),
        ("s2_index", {"layers": "NDSI"}, "has no image of B03; those that are there: B04, B08, B11, B12, B8A"),
        ("s2_index", {"map": {"area": [10, 45, 11, 46]}}, r"the area \[10.000, 45.000, 11.000, 46.000\] does not meet the images, which cover \[7.7"),
        ("s2_index", {"map": {"crs": "EPSG:1"}}, "map crs: 'EPSG:1' is no system of coordinates"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_is_one_line(tmp_path, recipe, options, says):
    made.safe(tmp_path / "raw", bands() | {f"{name}_20m": flat(0.1, 16) for name in ("B8A", "B12", "B11")})
    with pytest.raises(ValueError, match=says):
        run(tmp_path, recipe, **options)


def test_another_level_and_no_product_are_one_line(tmp_path):
    made.safe(
        tmp_path / "raw", {"B08": flat(0.1), "B04": flat(0.1), "B8A": flat(0.1, 16), "B12": flat(0.1, 16)}, level="L1C"
    )
    with pytest.raises(ValueError, match="is L1C, and s2_fires takes L2A"):
        run(tmp_path, "s2_fires")
    values = layer(run(tmp_path), "NDVI")
    assert values == pytest.approx(np.zeros((32, 32)))
    other = tmp_path / "other"
    (other / "raw/a.SAFE").mkdir(parents=True)
    (other / "raw/a.SAFE/manifest.safe").write_text("")
    with pytest.raises(
        ValueError, match=r"a.SAFE: nothing can be made of it \(no type that is known\); right is Sentinel-2"
    ):
        run(other)
    (name,) = (path.name for path in (tmp_path / "raw").iterdir())
    (tmp_path / "raw" / name / "MTD_MSIL1C.xml").rename(tmp_path / "raw" / name / "MTD.xml")
    made.safe(tmp_path / "raw", {"B04": flat(0.1), "B08": flat(0.3)}, "20230623T101601", level="L1C")
    with pytest.raises(ValueError, match=rf"{name}: nothing can be made of it \(S2MSI1C\)"):  # beside a whole one
        run(tmp_path)


def test_levels_are_not_mixed(tmp_path):
    made.safe(tmp_path / "raw", {"B04": flat(0.1), "B08": flat(0.3)}, level="L1C")
    made.safe(tmp_path / "raw", bands(), "20230623T101601")
    with pytest.raises(ValueError, match="there are products of L1C and L2A; ask for one level"):
        run(tmp_path)


def test_a_band_of_other_ground_is_refused(tmp_path):
    name = made.safe(tmp_path / "raw", bands())
    infrared = next((tmp_path / "raw" / name).rglob("*B08_10m.jp2"))
    for values, place in ((flat(0.45, 20), {}), (flat(0.45), {"epsg": 32633}), (flat(0.45), {"west": 400_060})):
        made.image(infrared, values, 10, **place)
        with pytest.raises(ValueError, match=r"B08_10m\.jp2: is of other ground than .*B04_10m\.jp2"):
            run(tmp_path)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (">10000<", ">0<", "has a scale of nan; right is"),
        (">10000<", ">1<", "has a scale of 1; right is"),
        (">10000<", ">ten<", "BOA_QUANTIFICATION_VALUE is 'ten', which is no number"),
        ('"3">-1000<', '"3"><', "BOA_ADD_OFFSET is None, which is no number"),
        ('band_id="3"', 'band_id="99"', "tells BOA_ADD_OFFSET of band '99'; its bands are 0 to 12"),
        (">05.10<", ">5.1<", "PROCESSING_BASELINE '5.1' is unknown"),
    ],
)
def test_metadata_that_are_not_numbers_are_one_line(tmp_path, right, wrong, says):
    name = made.safe(tmp_path / "raw", bands())
    metadata = tmp_path / f"raw/{name}/MTD_MSIL2A.xml"
    assert right in metadata.read_text()
    metadata.write_text(metadata.read_text().replace(right, wrong))
    with pytest.raises(ValueError, match=rf"MTD_MSIL2A\.xml: {re.escape(says)}"):
        run(tmp_path)


def test_a_map_in_degrees_takes_the_bands_and_means_of_one_in_metres(tmp_path):
    """A pixel of 0.001 degrees is 100 m: of the narrow near infrared, and the mean of all that is in it."""
    stripes = np.tile(np.repeat([1500, 2500], 2), (48, 12))
    near = {"B08_10m": flat(0.9, 96), "B8A_20m": stripes, "B12_20m": np.full((48, 48), 2000)}
    made.safe(tmp_path / "raw", near)
    shown = run(tmp_path, layers="B8A", map={"crs": "EPSG:4326", "resolution": 0.001})
    inner = layer(shown, "B8A")[2:-2, 2:-2]
    assert inner == pytest.approx(np.full(inner.shape, 0.1), abs=0.02) and inner.size > 20
    index = layer(run(tmp_path, layers="NBR", map={"crs": "EPSG:4326", "resolution": 0.001}), "NBR")
    assert np.nanmedian(np.abs(index)) < 0.15  # of B08 it were 0.8
    (said,) = method("s2").problems(variants.known()["s2_index"], OPTIONS | {"map": {"crs": "EPSG:4326"}})
    assert said == "map.resolution: is missing; EPSG:4326 is in degrees, and so are the sides of its pixels"


def test_damage_is_one_line(tmp_path):
    name = made.safe(tmp_path / "raw", bands())
    red = next((tmp_path / "raw" / name).rglob("*B04_10m.jp2"))
    whole = red.read_bytes()
    red.write_bytes(whole[: len(whole) // 3] + b"\0" * 40)
    with pytest.raises(ValueError, match=r"B04_10m\.jp2"):
        run(tmp_path)
    red.write_bytes(whole)
    (tmp_path / "raw" / name / "MTD_MSIL2A.xml").write_text("<product><cut")
    with pytest.raises(ValueError, match=r"MTD_MSIL2A\.xml is no XML file that can be read"):
        run(tmp_path)


def test_indices_are_those_of_spyndex():
    spyndex = pytest.importorskip("spyndex", exc_type=ImportError)
    chance = np.random.default_rng(2)
    reflectance = {
        letter: chance.uniform(0.01, 0.6, 50)
        for letter in ("A", "B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "WV", "S1", "S2")
    }
    usable = 0
    for name in formulas.known():
        try:
            index = formulas.index(name)
        except ValueError as error:
            assert "which Sentinel-2 does not have" in str(error)
            continue
        with np.errstate(all="ignore"):
            judged = spyndex.computeIndex(name, reflectance | index.constants)
        good = np.isfinite(judged)
        assert index(**{letter: reflectance[letter] for letter in index.letters})[good] == pytest.approx(
            judged[good], rel=1e-4, abs=1e-6
        ), name
        usable += 1
    assert usable > 180


@pytest.mark.parametrize(
    ("name", "says"), [("NBRX", "did you mean 'NBR'"), ("DpRVIHH", "needs HV, HH, which Sentinel-2 does not have")]
)
def test_an_index_that_is_none_for_sentinel2(name, says):
    with pytest.raises(ValueError, match=says):
        formulas.index(name)


def test_only_the_bands_of_a_recipe_are_fetched():
    every = variants.known()
    fires = method("s2").patterns(every["s2_fires"], OPTIONS)
    assert [one for one in fires if one.endswith(".jp2")] == [
        "*_B12.jp2", "*_B12_20m.jp2", "*_B8A.jp2", "*_B8A_20m.jp2", "*_SCL_20m.jp2",
    ]  # fmt: skip
    assert "*_B03_20m.jp2" in method("s2").patterns(every["s2_snow"], OPTIONS)
    assert "*_B08_10m.jp2" in method("s2").patterns(every["s2_plastic"], OPTIONS)
    coarse = method("s2").patterns(every["s2_index"], OPTIONS | {"layers": ["B04", "B08"], "map": {"resolution": 20}})
    assert {"*_B04_20m.jp2", "*_B08_10m.jp2"} <= set(coarse), "there is no B08 at 20 m"


def copied(offset=1000, **reflectance):
    """Bands whose numbers have an offset, with a scene classification."""
    return bands(offset, **reflectance) | {"SCL_20m": np.full((16, 16), 4)}


@pytest.mark.parametrize(
    ("offset", "packed", "applied"),
    [
        (1000, {"raster:scale": 1e-4, "raster:offset": -0.1}, None),
        (1000, {"raster:bands": [{"scale": 1e-4, "offset": -0.1}]}, False),
        (0, {"raster:bands": [{"scale": 1e-4, "offset": 0}]}, True),
        (0, {"raster:bands": [{"scale": 1e-4, "offset": -0.1}]}, True),
    ],
)
def test_copies_with_an_item_have_the_same_index(tmp_path, offset, packed, applied):
    """The last one says that the offset is to be applied and that it is; of dark pixels the latter alone can be true."""
    copy(tmp_path / "raw", copied(offset, B04=0.03, B08=0.27), packed, applied)
    products = search.run({"type": "S2MSI2A"}, tmp_path, root=tmp_path / "raw")
    assert [product.name for product in products] == [PRODUCT]
    assert layer(run(tmp_path), "NDVI") == pytest.approx(np.full((32, 32), 0.8), abs=1e-6)
    notes = files.read_json(tmp_path / "scenes.json")["notes"]
    assert any("a harmonised copy" in note for note in notes) == bool(applied)
    patterns = method("s2").patterns(variants.known()["s2_index"], OPTIONS)
    catalogue = Folder(Settings("eodata", "folder", search=str(tmp_path / "raw")))
    taken = downloads.in_place(products, catalogue, tmp_path / "store", patterns)
    assert {file.name.rpartition("/")[2] for file in taken.files} == {
        "B04.tif",
        "B08.tif",
        "SCL.tif",
        f"{PRODUCT}.json",
    }
    reports, missing = checks.report(taken, products)
    assert [report["name"] for report in reports] == [PRODUCT] and not missing


@pytest.mark.parametrize(
    ("packed", "applied", "name", "says"),
    [
        ({"raster:scale": 1e-4, "raster:offset": -0.1}, True, PRODUCT, r"is in the pixels already .* and that it is \[-1000"),
        ({"raster:scale": 1e-4, "raster:offset": 0}, None, PRODUCT, "baseline 05.09 has an offset for each band, and here is none"),
        ({"raster:scale": 1e-4}, False, PRODUCT, "baseline 05.09 has an offset for each band, and here is none"),
        ({"raster:scale": 1e-4, "raster:offset": -0.1}, None, PRODUCT.replace("N0509", "N0212"), "and baseline 02.12 has none"),
        ({}, None, PRODUCT, "asset 'b04' has no raster:scale"),
    ],
)  # fmt: skip
def test_copies_whose_offset_is_in_doubt_are_refused(tmp_path, packed, applied, name, says):
    copy(tmp_path / "raw", copied(), packed, applied, name)
    with pytest.raises(ValueError, match=says):
        run(tmp_path)


def test_a_copy_that_is_harmonised_and_does_not_say_so_is_refused(tmp_path):
    copy(tmp_path / "raw", copied(0, B04=0.03), {"raster:bands": [{"scale": 1e-4, "offset": -0.1}]}, False)
    with pytest.raises(ValueError, match=r"offsets \[-1000\.0\], with which B04 would be darker than any surface"):
        run(tmp_path)


def test_the_metadata_beside_a_copy_tell_what_its_item_does_not(tmp_path):
    made.safe(tmp_path / "archive", bands())
    copy(tmp_path / "raw", copied(), {})
    metadata = next((tmp_path / "archive").rglob("MTD_MSIL2A.xml"))
    shutil.copy(metadata, tmp_path / f"raw/{PRODUCT}")
    assert layer(run(tmp_path), "NDVI") == pytest.approx(np.full((32, 32), 0.8), abs=1e-6)


@pytest.mark.parametrize(
    ("offset", "told", "says"),
    [
        (-0.1, -1000, None),
        (-0.05, -1000, r"0.0001 and the offsets \[-500.0\], and the metadata beside it 0.0001 and \[-1000.0\]"),
        (-0.1, 0, r"0.0001 and the offsets \[-1000.0\], and the metadata beside it 0.0001 and \[0.0\]"),
    ],
)
def test_an_item_and_the_metadata_beside_it_say_the_same_or_are_refused(tmp_path, offset, told, says):
    made.safe(tmp_path / "archive", bands(), offset=told)
    copy(tmp_path / "raw", copied(), {"raster:scale": 1e-4, "raster:offset": offset})
    shutil.copy(next((tmp_path / "archive").rglob("MTD_MSIL2A.xml")), tmp_path / f"raw/{PRODUCT}")
    if says:
        with pytest.raises(ValueError, match=says):
            run(tmp_path)
    else:
        assert layer(run(tmp_path), "NDVI") == pytest.approx(np.full((32, 32), 0.8), abs=1e-6)


@pytest.mark.parametrize("driver", ["zarr", "zarr3"])
def test_only_the_arrays_of_a_recipe_are_taken_of_eopf_zarr(tmp_path, driver):
    red, infrared = flat(0.1), flat(0.3)
    arrays = {f"measurements/reflectance/r10m/b{at:02d}": red for at in (2, 3, 4)}
    arrays |= {"measurements/reflectance/r10m/b08": infrared}
    arrays |= {"conditions/mask/l2a_classification/r20m/scl": np.full((16, 16), 4)}
    name = eopf(tmp_path / "raw", arrays, driver)
    products = search.run({"names": [name]}, tmp_path, root=tmp_path / "raw")
    patterns = method("s2").patterns(variants.known()["s2_index"], OPTIONS)
    catalogue = Folder(Settings("eodata", "folder", search=str(tmp_path / "raw")))
    taken = downloads.in_place(products, catalogue, tmp_path / "store", patterns)
    arrays = {file.name.rpartition("/")[0].partition("/")[2] for file in taken.files}
    assert not any(one.endswith(("b02", "b03")) for one in arrays) and any(one.endswith("b08") for one in arrays)
    only = tmp_path / "only/raw"
    for file in taken.files:
        (only / file.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(taken.root, file.name), only / file.name)
    assert layer(run(tmp_path / "only"), "NDVI") == pytest.approx(0.5)
    reports, missing = checks.report(taken, products)
    assert [report["wrong"] for report in reports] == [[]] and not missing


def test_what_is_stored_is_read_back_by_netcdf(tmp_path):
    """Chunks are packed beside the library; of an edge they go beyond the map, and a window within one is refused."""
    chance = np.random.default_rng(5)
    values = chance.normal(size=(700, 1100)).astype("float32")
    values[chance.random(values.shape) < 0.2] = np.nan
    place = Grid("EPSG:32632", (10.0, 0.0, 399_960.0, 0.0, -10.0, 5_000_040.0), 1100, 700)
    with stacks.writing(
        tmp_path / "a.nc", place, ["2023-06-22T10:16:01Z"] * 2, ["a", "b"], [Layer("one", "One")], {}
    ) as put:
        for window in place.windows():
            rows, columns = window.toslices()
            put("one", 1, window, values[rows, columns])
        with pytest.raises(ValueError, match="begins within a chunk of 512 x 512"):
            put("one", 0, Window(0, 100, 10, 10), values[:10, :10])
    with netCDF4.Dataset(tmp_path / "a.nc") as dataset:
        assert np.array_equal(dataset["one"][1].filled(np.nan), values, equal_nan=True)
        assert dataset["one"][0].mask.all()
    with Stack(tmp_path / "a.nc").reading() as get:
        assert np.array_equal(get("one", 1), values, equal_nan=True)


@pytest.mark.parametrize("times", [1, 2, 3, 6])
def test_a_median_of_dates_is_numpys(times):
    chance = np.random.default_rng(times)
    values = chance.normal(size=(times, 60, 70)).astype("float32")
    values[chance.random(values.shape) < 0.4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        judged = np.nanmedian(values, axis=0)
    assert np.array_equal(merging.median(values), judged, equal_nan=True)


def test_own_recipes_are_data(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("water: {method: s2, title: Water, layers: [NDWI], merge: max}\n")
    assert variants.known(str(own))["water"].merge == "max" and "s2_fires" in variants.known(str(own))
    own.write_text("water: {method: s2, title: Water, layers: [NDWI], merge: top}\n")
    with pytest.raises(ValueError, match=r"water\.merge: 'top' is unknown"):
        variants.known(f"{tmp_path}/./mine.yaml")
    own.write_text(
        "water: {method: s2, title: W, layers: [NDWI], merge: max, classes: [{label: a, color: '#000000'}, {label: b, color: '#000000'}]}\n"
    )
    with pytest.raises(ValueError, match="`to` has to grow"):
        variants.known(f"{tmp_path}/../{tmp_path.name}/mine.yaml")


def test_products_are_what_their_formats_want(tmp_path):
    """By IOOS's compliance checker, strict, rio-cogeo, and the schemas of STAC itself that pystac has with it."""
    made.safe(tmp_path / "raw", bands())
    run(tmp_path)
    shown = [tmp_path / name for name in ("stack.nc", "map.tif", "statistics.csv")]
    copernicus_merge(*shown, recipe="s2_index")
    copernicus_plot(*shown, tmp_path / "preview.png", tmp_path / "item.json", recipe="s2_index")
    passed, text = airborne_files.compliance(tmp_path / "stack.nc", "cf:1.11", tmp_path)
    assert passed, text
    valid, errors, warnings = cog_validate(tmp_path / "map.tif", quiet=True)
    assert valid and not errors and not warnings
    item = files.read_json(tmp_path / "item.json")
    assert pystac.Item.from_dict(item | {"stac_extensions": []}).validate() == [SCHEMA]
    assets = item["assets"].values()
    fields = {
        key for part in (item["properties"], *assets, *(one.get("bands", [{}])[0] for one in assets)) for key in part
    }
    declared = {url.split("/")[3] for url in item["stac_extensions"]}
    assert {key.partition(":")[0].replace("proj", "projection") for key in fields if ":" in key} == declared
    west, south, east, north = item["bbox"]
    assert west == pytest.approx(7.7272, abs=1e-3) and north - south == pytest.approx(320 / 111_200, rel=0.05)
    assert item["properties"]["start_datetime"] == "2023-06-22T10:16:01.024000Z" and east > west
    (band,) = item["assets"]["map.tif"]["bands"]
    told = {"name": "NDVI", "data_type": "float32", "nodata": "nan", "raster:sampling": "area"}
    assert band == told | {"raster:spatial_resolution": 10}, "values as they are: neither scale nor offset"
    with netCDF4.Dataset(tmp_path / "stack.nc") as dataset:
        assert dataset["crs"].grid_mapping_name == "transverse_mercator" and float(dataset["x"][0]) == 399_965


def test_wavelengths_are_those_of_the_product_and_of_the_band_that_is_taken(tmp_path):
    """As of Sentinel-2C, of which no table tells: those of its metadata, else those of Sentinel-2A, which is said."""
    bands = {"B06_20m": 2000, "B8A_20m": 3000, "B11_20m": 1500}
    name = made.safe(tmp_path / "raw", {band: np.full((8, 8), number) for band, number in bands.items()})
    path = tmp_path / "raw" / name / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace("Sentinel-2A", "Sentinel-2C"))

    def debris(near, red, far):
        return 0.2 - (0.1 + (0.05 - 0.1) * (near - red) / (far - red) * 10)

    said = "wavelengths of Sentinel-2C are not told, and are those of Sentinel-2A"
    shown = run(tmp_path, layers="FDI", map={"resolution": 20})
    assert said in files.read_json(tmp_path / "scenes.json")["notes"]
    assert layer(shown, "FDI") == pytest.approx(np.full((8, 8), debris(864.7, 664.6, 1613.7)), abs=1e-6)
    for band, middle in (("B4", 666.5), ("B8A", 865.6), ("B11", 1612)):
        inner = f'"{band}"><Wavelength><CENTRAL unit="nm">{middle}</CENTRAL></Wavelength></Spectral_Information>'
        path.write_text(path.read_text().replace(f'"{band}"/>', inner))
    shown = run(tmp_path, layers="FDI", map={"resolution": 20})
    told = files.read_json(tmp_path / "scenes.json")
    assert said not in told["notes"] and "lambdaN is 865.6" in told["layers"][0]["about"]["comment"]
    assert layer(shown, "FDI") == pytest.approx(np.full((8, 8), debris(865.6, 666.5, 1612)), abs=1e-6)
