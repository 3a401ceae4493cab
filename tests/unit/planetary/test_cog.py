"""GeoTIFFs and PDS4 products of cubes, as GDAL and rio-cogeo see them."""

import hashlib

import numpy as np
import pytest
import rasterio
from lxml import etree
from rasterio.crs import CRS
from rio_cogeo import cog_validate

from darkroom.planetary.formats import cog, cubes, pds4, pvl
from darkroom.planetary.geometry import projection
from planetary_convert import planetary_convert

PDS = {"pds": "http://pds.nasa.gov/pds4/pds/v1"}
MARS = {
    "ProjectionName": "Equirectangular",
    "TargetName": "Mars",
    "EquatorialRadius": 3396190,
    "PolarRadius": 3396190,
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "LongitudeDomain": 360,
    "MinimumLatitude": -2,
    "MaximumLatitude": 2,
    "MinimumLongitude": 176,
    "MaximumLongitude": 186,
    "CenterLongitude": 180,
    "CenterLatitude": 0,
    "PixelResolution": 1000,
    "UpperLeftCornerX": -237000,
    "UpperLeftCornerY": 119000,
}
LABEL = {
    "Instrument": {
        "SpacecraftName": "Mars Reconnaissance Orbiter",
        "InstrumentId": "CTX",
        "TargetName": "Mars",
        "StartTime": "2009-06-01T00:38:16.057",
        "StopTime": "2009-06-01T00:38:16.297",
    },
    "Archive": {"ProductId": "B10_1"},
    "BandBin": {"FilterName": ("RED", "BLUE")},
    "Radiometry": {"iof": 1.5e-4},
    "Darkroom": {"Done": ("dark current", "even and odd detectors"), "Skipped": ("flat field: no file given",)},
}


@pytest.fixture
def cube(tmp_path):
    """`cube(dtype, bands, lines, samples, **groups)`: noise, with all special pixels in a corner."""

    def made(dtype="f4", bands=2, lines=300, samples=400, base=0.0, multiplier=1.0, **groups):
        random = np.random.default_rng(3)
        values = random.normal(90, 20, (bands, lines, samples)).clip(10, 200)
        codes = np.zeros(values.shape, np.uint8)
        for code in cubes.SPECIAL.values():
            codes[:, code, : 10 * code] = code
        path = tmp_path / "calibrated.cub"
        blocks = [(values, codes)]
        cubes.write(path, cubes.Image(bands, lines, samples, dtype, groups, blocks, base=base, multiplier=multiplier))
        return path

    return made


@pytest.mark.parametrize("dtype", ["f4", "i2", "u2", "u1"])
def test_gdal_reads_the_values_of_the_cube(dtype, cube, tmp_path):
    path = cube(
        dtype, lines=1100, samples=1300, base=5.0 if dtype != "f4" else 0.0, multiplier=0.5 if dtype != "f4" else 1.0
    )
    cog.write(path, tmp_path / "c.tif", {"DONE": "nothing"})
    valid, errors, warnings = cog_validate(tmp_path / "c.tif", strict=True, quiet=True)
    assert (valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as source, rasterio.open(tmp_path / "c.tif") as image:
        ours, theirs = image.read(masked=True), source.read(masked=True)
        assert image.nodata == source.nodata
        assert image.dtypes == source.dtypes
        assert (image.scales, image.offsets) == (source.scales, source.offsets)
        special = np.stack([cubes.Cube(path).read(band=band)[1] for band in (1, 2)])
        np.testing.assert_array_equal(np.ma.getmaskarray(ours), special != 0)
        np.testing.assert_array_equal(ours.data[special == 0], theirs.data[special == 0])
        counts = [int(image.tags()[f"{kind}_PIXELS"]) for kind in ("VALID", *cubes.SPECIAL)]
        assert counts == np.bincount(special.ravel(), minlength=6).tolist()
        assert image.crs is None


def test_overviews_are_means_of_valid_pixels(cube, tmp_path):
    path = cube(lines=1100, samples=1300)
    cog.write(path, tmp_path / "c.tif", {})
    values = cubes.Cube(path).read()[0][:1100, :1300]
    blocks = values.reshape(550, 2, 650, 2)
    with rasterio.open(tmp_path / "c.tif") as image:
        assert image.overviews(1) == [2, 4]
    with rasterio.open(tmp_path / "c.tif", overview_level=0) as image, np.errstate(invalid="ignore"):
        overview = image.read(1, masked=True).filled(np.nan)
        means = np.nansum(blocks, axis=(1, 3)) / np.isfinite(blocks).sum(axis=(1, 3))
    np.testing.assert_allclose(overview, means, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "IAU_2015:49915"),
        ({"CenterLongitude": 0}, "IAU_2015:49910"),
        ({"ProjectionName": "Sinusoidal", "CenterLongitude": 0}, "IAU_2015:49920"),
        ({"TargetName": "MOON", "EquatorialRadius": 1737400, "PolarRadius": 1737400}, "IAU_2015:30115"),
        ({"ProjectionName": "PolarStereographic", "CenterLatitude": -90, "CenterLongitude": 0}, "IAU_2015:49935"),
        ({"CenterLatitude": 30}, None),
        ({"EquatorialRadius": 3396000, "PolarRadius": 3396000}, None),
        ({"TargetName": "Nowhere"}, None),
    ],
)
def test_map(change, code, cube, tmp_path):
    """The CRS of a map has the IAU's code where there is one, and PROJ puts ISIS's x and y to the same places."""
    path = cube(bands=1, Mapping=MARS | change)
    cog.write(path, tmp_path / "c.tif", {})
    with rasterio.open(path) as theirs, rasterio.open(tmp_path / "c.tif") as image:
        assert image.transform == theirs.transform
        assert image.crs.to_dict().get("lon_0") == theirs.crs.to_dict().get("lon_0")
        assert image.crs.linear_units_factor == ("metre", 1.0)
        assert image.crs.to_dict()["R"] == change.get("EquatorialRadius", 3396190)
        assert change.get("TargetName", "Mars").capitalize() in image.crs.to_wkt()
        assert image.tags().get("CRS") == code
        if code and "Polar" not in change.get("ProjectionName", ""):
            assert image.crs.to_authority() == tuple(code.split(":"))


def test_polar_map_of_an_ellipsoid_has_its_flattening():
    group = MARS | {
        "ProjectionName": "PolarStereographic",
        "CenterLatitude": 90,
        "PolarRadius": 3376200,
        "CenterLongitude": 0,
    }
    crs = CRS.from_wkt(
        projection.Mapping.from_template(group | {"MinimumLatitude": 80, "MaximumLatitude": 90}).crs_wkt()
    )
    assert cog.iau(crs, "Mars").to_authority() == ("IAU_2015", "49931")


def test_a_map_whose_crs_geotiff_has_no_place_for(cube, tmp_path):
    """Its CRS is a tag that PROJ reads, and no sidecar of GDAL's stands beside it."""
    mapping = MARS | {"ProjectionName": "ObliqueCylindrical"} | dict(zip(projection.POLE, (20, 90, 30), strict=True))
    path = cube(bands=1, Mapping=mapping)
    cog.write(path, tmp_path / "map.tif", {})
    with rasterio.open(path) as theirs, rasterio.open(tmp_path / "map.tif") as made:
        assert made.crs is None and made.transform == theirs.transform
        ours = CRS.from_wkt(made.tags()["CRS"]).to_dict()
        assert {key: theirs.crs.to_dict()[key] for key in ("proj", "o_proj", "o_lat_p", "o_lon_p", "lon_0")} == {
            key: ours[key] for key in ("proj", "o_proj", "o_lat_p", "o_lon_p", "lon_0")
        }
    assert [path.name for path in tmp_path.glob("map*")] == ["map.tif"]


def test_tags_say_what_it_is_and_what_was_done(cube, tmp_path):
    path = cube(**LABEL)
    planetary_convert(cubes=[str(path)], images=[str(tmp_path / "calibrated.tif")])
    with rasterio.open(tmp_path / "calibrated.tif") as image:
        tags = image.tags()
        assert image.descriptions == ("RED", "BLUE")
        assert image.units == ("I/F", "I/F")
    assert tags["DONE"] == "dark current; even and odd detectors"
    assert tags["SKIPPED"] == "flat field: no file given"
    assert (tags["PRODUCT_ID"], tags["INSTRUMENT"], tags["UNITS"]) == ("B10_1", "CTX", "I/F")


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ({"Name": ("748 BP 53", "748 BP 53_Count"), "Center": (747.7, "Null")}, ["748 BP 53", "748 BP 53_Count"]),
        ({"FilterName": "RED", "Center": (pvl.Quantity("1.5", "um"), pvl.Quantity("2.5", "um"))}, ["1.5", "2.5"]),
        ({"Center": pvl.Quantity("747.7", "NM")}, ["", ""]),
        ({}, ["", ""]),
    ],
)
def test_band_names(group, names, cube):
    made = cubes.Cube(cube(BandBin=group, Radiometry={"iof": 0.5}))
    assert cog.band_names(made) == names
    assert cog.band_units(made) == ["I/F", "" if "Count" in names[1] else "I/F"]


@pytest.mark.parametrize(
    ("group", "unit"),
    [
        ({"RadiometricCalibration": {"Units": "I over F"}}, "I/F"),
        ({"RadiometricCalibration": {"Units": "W / (m**2 micrometer sr)"}}, "W / (m**2 micrometer sr)"),
        ({"Radiometry": {"RadiometricType": "AbsoluteRadiance"}}, "W/(m**2 sr um)"),
        ({"Radiometry": {"iof": 1.0}}, "DN/ms"),
        ({}, "DN"),
    ],
)
def test_units(group, unit, cube):
    assert cog.units(cubes.Cube(cube(**group))) == unit


def test_the_same_bytes_every_time_and_nothing_else(cube, tmp_path):
    path = cube(lines=700, Mapping=MARS, **LABEL)
    names = [tmp_path / "a/calibrated.tif", tmp_path / "b/calibrated.tif"]
    products = [[str(name.with_suffix(suffix)) for name in names] for suffix in (".tif", ".xml", ".img")]
    planetary_convert(cubes=[str(path)] * 2, images=products[0], labels=products[1], pds4=products[2])
    files = [{file.name: file.read_bytes() for file in name.parent.iterdir()} for name in names]
    assert files[0] == files[1]
    assert sorted(files[0]) == ["calibrated.img", "calibrated.tif", "calibrated.xml"]


@pytest.mark.parametrize("dtype", ["f4", "i2", "u1"])
def test_pds4_is_read_back_equal(dtype, cube, tmp_path):
    path = cube(dtype, Mapping=MARS, **LABEL)
    pds4.write(path, tmp_path / "map.xml", tmp_path / "map.img")
    with rasterio.open(path) as source, rasterio.open(tmp_path / "map.xml") as product:
        assert product.driver == "PDS4"
        assert product.read().tobytes() == source.read().tobytes()
        assert product.transform == source.transform
        assert product.crs.to_dict() == source.crs.to_dict()


def test_pds4_label(cube, tmp_path):
    path = cube(**LABEL)
    pds4.write(path, tmp_path / "calibrated.xml", tmp_path / "calibrated.img")
    label = etree.parse(tmp_path / "calibrated.xml")

    def text(name):
        return label.find(f".//pds:{name}", PDS).text

    assert text("title") == "B10_1 calibrated"
    assert text("logical_identifier") == text("logical_identifier").lower()
    assert text("start_date_time") == "2009-06-01T00:38:16.057Z"
    assert text("processing_level") == "Calibrated"
    assert text("Investigation_Area//pds:lid_reference").endswith("mission.mars_reconnaissance_orbiter")
    assert text("Target_Identification//pds:lid_reference") == "urn:nasa:pds:context:target:planet.mars"
    assert "flat field: no file given" in text("comment")
    constants = [float(element.text) for element in label.find(".//pds:Special_Constants", PDS)]
    numbers = [cubes.STORED["f4"][cubes.SPECIAL[kind] - 1] for kind in ("NULL", "HIS", "HRS", "LIS", "LRS")]
    assert constants == [float(value) for value in numbers]
    image = (tmp_path / "calibrated.img").read_bytes()
    assert (int(text("file_size")), text("md5_checksum")) == (len(image), hashlib.md5(image).hexdigest())


def test_a_file_that_is_no_cube(tmp_path):
    (tmp_path / "a.cub").write_text("Object = Something\nEnd_Object\nEnd\n")
    with pytest.raises(ValueError, match=r"a\.cub: no ISIS3 cube"):
        planetary_convert(cubes=[str(tmp_path / "a.cub")], images=[str(tmp_path / "a.tif")])
    assert not (tmp_path / "a.tif").exists()
