"""The grid of a map, for frames turned to any place of a body: it holds them, and nothing else, whatever its conventions."""

import dataclasses
import math
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio.crs

from darkroom.planetary.engines import native
from darkroom.planetary.formats import cog, cubes
from darkroom.planetary.geometry import basemap, grid, isd, projection
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.projection import Mapping
from darkroom.samples import planetary as sample

CASES = Path(os.environ.get("CASES", Path(__file__).parents[4] / "shared/cases")) / "planetary"
METRES = 100  # of a pixel of the maps, ten of the frames
OPTIONS = {"template": "", "projection": "equirectangular", "latitude_type": "planetocentric", "largest": 50}
FLAT = np.array([2439.4, 2439.4, 2300.0])  # km: flatter than any planet, so that kinds of latitude are far apart


def looking_at(latitude, longitude, radii=None):
    """A camera as that of the demo's frames, with the body turned so that it looks there."""
    described = isd.from_isd(sample.mdis_isd(1))
    centre = Camera(described).ground(256.5, 256.5)
    turn = rotation(latitude, longitude) @ rotation(float(centre.latitude), float(centre.longitude)).T
    body = dataclasses.replace(described.body, constant=turn @ described.body.constant)
    return Camera(dataclasses.replace(described, body=body, radii=described.radii if radii is None else radii))


def rotation(latitude, longitude):
    """The matrix that turns the x axis to a place."""
    down, east = math.radians(latitude), math.radians(longitude)
    level = [[math.cos(down), 0, -math.sin(down)], [0, 1, 0], [math.sin(down), 0, math.cos(down)]]
    around = [[math.cos(east), -math.sin(east), 0], [math.sin(east), math.cos(east), 0], [0, 0, 1]]
    return np.array(around) @ np.array(level)


def whole_map(cameras, **keywords):
    """The map of cameras, as the rule makes it of these keywords."""
    ranges = [projection.range_of(camera) for camera in cameras]
    given = {"ProjectionName": "Equirectangular", "PixelResolution": METRES} | keywords
    return Mapping.from_template(grid.group(projection.common_template(ranges, cameras[0].isd, given), given))


def seen(camera, mapping):
    """Pixels of a map that a camera sees, counted from those of `mapping`: by brute force, one by one."""
    line, column = np.mgrid[1 : mapping.lines + 1, 1 : mapping.samples + 1]
    sample, row = camera.image(*mapping.ground(column, line))
    with np.errstate(invalid="ignore"):
        return (sample >= 0.5) & (row >= 0.5) & (sample <= camera.samples + 0.5) & (row <= camera.lines + 0.5)


PLACES = {
    "prime meridian": [(10, 0.12), (10, 359.9)],
    "date line": [(-40, 179.95), (-40, 180.1)],
    "elsewhere": [(55, 100.0), (55, 100.1)],
    "north pole": [(89.99, 30.0), (89.9, 100.0)],
    "south pole": [(-89.98, 200.0)],
}
CONVENTIONS = {
    "as ISIS": {},
    "planetographic": {"LatitudeType": "Planetographic"},
    "west": {"LongitudeDirection": "PositiveWest"},
    "both": {"LatitudeType": "Planetographic", "LongitudeDirection": "PositiveWest"},
}


OBLIQUE_POLE = dict(zip(projection.POLE, (20.0, 60.0, 45.0), strict=True))
# A cylinder with a pole is as wide as the body.
MAPS = [
    (place, name)
    for place in PLACES
    for name in projection.PROJECTIONS
    if "pole" not in place or name in projection.PLANAR
]


@pytest.mark.parametrize("conventions", CONVENTIONS.values(), ids=CONVENTIONS)
@pytest.mark.parametrize(("place", "name"), MAPS)
def test_a_map_holds_all_that_its_images_see(place, conventions, name):
    """As brute force finds it on a grid with a margin, and no more than a pixel or two around."""
    cameras = [looking_at(*where, radii=FLAT) for where in PLACES[place]]
    oblique = OBLIQUE_POLE if name == projection.OBLIQUE else {}
    mapping = whole_map(cameras, ProjectionName=name, **oblique, **conventions)
    margin = 4
    wider = dataclasses.replace(
        mapping,
        left=mapping.left - margin * METRES,
        top=mapping.top + margin * METRES,
        lines=mapping.lines + 2 * margin,
        samples=mapping.samples + 2 * margin,
    )
    assert mapping.lines * mapping.samples < 4e5
    inside = (slice(margin, -margin),) * 2
    for camera in cameras:
        by_force = seen(camera, wider)
        part = Mapping.for_camera(camera, mapping.group()).within(mapping)
        made = seen(camera, part)
        assert by_force.sum() - by_force[inside].sum() <= 2  # an edge may round away
        assert made.sum() == by_force[inside].sum()
        assert made.sum() > 1500
        row, column = (mapping.top - part.top) / METRES, (part.left - mapping.left) / METRES
        assert np.array_equal(np.argwhere(made) + np.round([row, column]), np.argwhere(by_force[inside]))


@pytest.mark.parametrize(
    ("place", "domain", "width"),
    [("prime meridian", 180, 0.4), ("date line", 360, 0.4), ("elsewhere", 360, 0.4), ("south pole", 360, 360.1)],
)
def test_the_domain_is_that_in_which_the_images_are_narrower(place, domain, width):
    mapping = whole_map([looking_at(*where) for where in PLACES[place]], PixelResolution=20e3)
    assert mapping.longitude_domain == domain
    assert mapping.bounds[3] - mapping.bounds[2] < width


def test_a_domain_that_is_asked_for_is_kept():
    mapping = whole_map([looking_at(10, 0.12), looking_at(10, 359.9)], LongitudeDomain="360", PixelResolution=20e3)
    assert mapping.longitude_domain == 360
    assert mapping.bounds[3] - mapping.bounds[2] > 359


@pytest.mark.parametrize(
    ("place", "longitude", "domain"),
    [
        ((10, 0.0), [-0.2, 0.2], 180),
        ((10, 0.0), [359.8, 360.2], 180),
        ((10, 248.07), [-112, -111.9], 180),
        ((10, 248.07), [248.0, 248.1], 360),
        ((-40, 180.0), [179.9, 180.1], 360),
        ((-40, 180.0), [-180.1, -179.9], 360),
        ((10, 20.0), [19.9, 20.1], 360),
        ((10, 248.07), [-112, -111.9], 360),
    ],
)
def test_a_range_may_be_written_in_either_domain(place, longitude, domain):
    """The whole of the range, and the image in the middle of it."""
    options = OPTIONS | {"longitude": longitude, "resolution": METRES}
    options |= {"domain": 360} if domain == 360 and longitude[0] == -112 else {}
    keywords = grid.given(options)
    camera = looking_at(*place)
    common = projection.common_template([projection.range_of(camera)], camera.isd, keywords)
    mapping = Mapping.from_template(grid.group(common, keywords))
    assert mapping.longitude_domain == domain
    assert mapping.bounds[3] - mapping.bounds[2] == pytest.approx(longitude[1] - longitude[0])
    part = Mapping.for_camera(camera, mapping.group()).within(mapping)
    assert seen(camera, part).sum() > 1500


@pytest.mark.parametrize(
    ("code", "where", "centre"),
    [
        ("IAU_2015:19910", (10, 0.1), 0.0),
        ("IAU_2015:19915", (10, 248.07), 180.0),
        ("IAU_2015:19920", (-40, 20.0), 0.0),
        ("IAU_2015:19925", (-40, 179.95), 180.0),
        ("IAU_2015:19930", (89.99, 30.0), 0.0),
        ("IAU_2015:19935", (-89.98, 200.0), 0.0),
        ("IAU_2015:19936", (-89.98, 200.0), 0.0),
    ],
)
def test_a_basemap_is_the_crs_of_its_code(code, where, centre):
    """What its label says leads PROJ to the CRS that was asked for; the map holds its image."""
    keywords = grid.given(OPTIONS | {"basemap": basemap.keywords(code), "resolution": METRES})
    camera = looking_at(*where)
    common = projection.common_template([projection.range_of(camera)], camera.isd, keywords)
    mapping = Mapping.from_template(grid.group(common, keywords))
    assert (mapping.target, mapping.center_longitude) == ("Mercury", centre)
    made = rasterio.crs.CRS.from_wkt(mapping.crs_wkt())
    iau = cog.iau(made, "Mercury")
    assert iau.to_authority() == ("IAU_2015", code.partition(":")[2])
    part = Mapping.for_camera(camera, mapping.group()).within(mapping)
    assert seen(camera, part).sum() > 1500
    assert part.transform()[2] % METRES == pytest.approx(0, abs=1e-6)  # so that layers share their pixels


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("IAU_2015:49911", "one of 10, 15, 20, 25, 30, 31, 35, 36"),
        ("IAU_2015:12310", "number of a body, such as 499 of Mars"),
        ("Mars", "right is a code of IAU_2015, such as IAU_2015:49910"),
    ],
)
def test_a_basemap_that_is_none_is_refused(code, told):
    with pytest.raises(ValueError, match=told):
        basemap.keywords(code)


def test_a_basemap_is_of_the_body_of_its_images():
    with pytest.raises(ValueError, match=r"the map is of Mars, by its map\.crs or template; the image shows Moon"):
        grid.require_body(grid.given(OPTIONS | {"basemap": basemap.keywords("IAU_2015:49910")}), "Moon")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"longitude": [20, 10]}, r"map\.longitude \[20, 10\]: the first must be below the second, by at most 360"),
        ({"longitude": [0, 361]}, "by at most 360"),
        ({"longitude": [-90, 200]}, "runs across 0 and 180 degrees, where maps begin; give a part of it"),
        ({"longitude": [-10, 10], "domain": 360}, r"runs across the seam of map\.domain 360"),
        ({"latitude": [80, 100]}, r"map\.latitude \[80, 100\]: the first must be below the second, from -90 to 90"),
    ],
)
def test_a_range_that_is_none_is_refused(options, told):
    with pytest.raises(ValueError, match=told):
        grid.given(OPTIONS | options)


def test_latitudes_of_a_range_are_of_the_kind_of_the_map():
    camera = looking_at(45, 100, radii=FLAT)
    for kind, latitude in (("planetocentric", 45.0), ("planetographic", 48.36)):  # tan b = (a/c)^2 tan a
        options = OPTIONS | {"latitude": [latitude - 0.02, latitude + 0.02], "latitude_type": kind}
        keywords = grid.given(options | {"resolution": METRES})
        common = projection.common_template([projection.range_of(camera)], camera.isd, keywords)
        mapping = Mapping.from_template(grid.group(common, keywords))
        part = Mapping.for_camera(camera, mapping.group()).within(mapping)
        assert seen(camera, part).mean() > 0.5


def test_a_template_without_a_resolution_may_have_a_scale():
    template = {"ProjectionName": "Sinusoidal", "PixelResolution": 10.0, "CenterLongitude": 3.0}
    assert grid.group(template, {"Scale": 4.0, "CenterLatitude": 5.0}) == {
        "ProjectionName": "Sinusoidal",
        "CenterLongitude": 3.0,
        "Scale": 4.0,
    }


def test_an_absurd_map_is_refused_with_the_sizes():
    mapping = whole_map([looking_at(10, 0.12), looking_at(10, 359.9)], LongitudeDomain="360")
    with pytest.raises(
        ValueError,
        match=r"a map of 15\d,\d{3} x 5\d pixels .* of images with 524,288 pixels: that is 15 .* map.largest",
    ):
        grid.require_worth(mapping, 2 * 512 * 512, 5)
    grid.require_worth(mapping, 2 * 512 * 512, 50)


def test_filters_are_never_put_together(tmp_path):
    made = []
    for name, centre in (("a", "747.7"), ("b", "747.7"), ("c", "433.2")):
        groups = {"BandBin": {"Name": "X", "Center": centre}}
        path = tmp_path / f"{name}.cub"
        cubes.write(path, cubes.Image(1, 2, 3, "f4", groups, [(np.zeros((1, 2, 3)), None)]))
        made.append(cubes.Cube(path))
    others = ({"Name": "X", "Center": "747.7", "Width": "53"}, {"Name": "X"}, {"Name": ("X", "Y"), "Center": "747.7"})
    for number, bands in enumerate(others):
        path = tmp_path / f"other{number}.cub"
        cubes.write(path, cubes.Image(1, 2, 3, "f4", {"BandBin": bands}, [(np.zeros((1, 2, 3)), None)]))
        with pytest.raises(ValueError, match=r"images of different filters"):
            native.require_one_filter([made[0], cubes.Cube(path)])
    native.require_one_filter(made[:2])
    with pytest.raises(
        ValueError, match=r"c\.cub: BandBin Center is 433\.2, in .*a\.cub it is 747\.7; images of different"
    ):
        native.require_one_filter(made)


# Inputs that once failed, with what is right.


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
@pytest.mark.parametrize("name", ["planetocentric", "planetographic"])
def test_case_a_template_of_either_kind_of_latitude(name):
    folder = CASES / "planetographic_template"
    camera = Camera(isd.of(folder / "B10_013341_1010_XN_79S172W.isd.json"))
    keywords = grid.given(OPTIONS | {"template": str(folder / f"{name}.map")})
    common = projection.common_template([projection.range_of(camera)], camera.isd, keywords)
    mapping = Mapping.from_template(grid.group(common, keywords))
    part = Mapping.for_camera(camera, mapping.group()).within(mapping)
    assert seen(camera, part).sum() == pytest.approx(area(camera, name == "planetographic") / 20**2, rel=1e-4)


def area(camera, planetographic):
    """Square metres of an image in an equirectangular map, as its outline encloses them (Gauss), by formulas of its own.

    Here, at 80 degrees south, those of the two kinds of latitude are 2 % apart.
    """
    a, c = 3396190.0, 3376200.0
    across, down = camera.samples + 1, camera.lines - 1
    outline = camera.outline()
    top, bottom, left, right = np.split(np.arange(2 * across + 2 * down), [across, 2 * across, 2 * across + down])
    around = np.concatenate([top, right, bottom[::-1], left[::-1]])
    latitude, longitude = np.radians(outline.latitude[around]), np.radians(outline.longitude[around])
    if planetographic:
        latitude = np.arctan((a / c) ** 2 * np.tan(latitude))
    middle = (latitude.min() + latitude.max()) / 2
    radius = 1 / math.hypot(math.cos(middle) / a, math.sin(middle) / c)
    x, y = radius * math.cos(middle) * longitude, radius * latitude
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
def test_case_frames_on_both_sides_of_the_meridian():
    cameras = [Camera(isd.of(CASES / f"meridian_mosaic/{name}.isd.json")) for name in ("east", "west")]
    mapping = whole_map(cameras, PixelResolution=8)
    assert mapping.samples == pytest.approx(1270, abs=10)  # 0.22 degrees and a frame
    assert mapping.lines == pytest.approx(116, abs=2)


TEMPLATE = {
    "ProjectionName": "Equirectangular",
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "PixelResolution": "100 <meters/pixel>",
}


def written(folder, keywords):
    lines = "".join(f"  {key} = {value}\n" for key, value in keywords.items())
    (folder / "a.map").write_text(f"Group = Mapping\n{lines}End_Group\nEnd\n")
    return OPTIONS | {"template": str(folder / "a.map")}


def of_template(options, camera):
    keywords = grid.given(options)
    common = projection.common_template([projection.range_of(camera)], camera.isd, keywords)
    return Mapping.from_template(grid.group(common, keywords))


@pytest.mark.parametrize(
    ("longitudes", "domain"),
    [((359.9, 360.1), ""), ((-0.1, 0.1), ""), ((359.9, 360.1), "360"), ((-0.1, 0.1), "180"), ((359.9, 360), "180")],
)
def test_a_range_of_a_template_may_be_written_in_either_domain(tmp_path, longitudes, domain):
    """What lies in it of the image is all shown."""
    camera = looking_at(10, 359.95)
    ends = dict(zip(("MinimumLongitude", "MaximumLongitude"), longitudes, strict=True))
    own = {"LongitudeDomain": domain} if domain else {}
    mapping = of_template(written(tmp_path, TEMPLATE | ends | own), camera)
    part = Mapping.for_camera(camera, mapping.group()).within(mapping)
    inside = (camera.backplanes(0, camera.lines).longitude - longitudes[0]) % 360 < np.diff(longitudes)
    expected = inside.sum() * part.resolution**-2 * 10.2**2
    assert seen(camera, part).sum() == pytest.approx(expected, rel=0.05)


def test_keywords_of_a_template_are_found_in_any_case(tmp_path):
    """Else a resolution, or the direction of longitudes, would be that of the defaults, without a word."""
    camera = looking_at(10, 20)
    west = TEMPLATE | {"LongitudeDirection": "PositiveWest"}
    made = of_template(written(tmp_path, west), camera)
    assert (made.longitude_direction, made.resolution) == ("PositiveWest", 100)
    assert of_template(written(tmp_path, {key.lower(): value for key, value in west.items()}), camera) == made


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"PixelResolution": "0.1 <km/pixel>"}, "PixelResolution = 0.1 <km/pixel>: must be in meters"),
        ({"EquatorialRadius": "2439.4 <km>", "PolarRadius": "2439.4 <km>"}, "<km>: must be in meters"),
        ({"EquatorialRadius": 2439.4, "PolarRadius": 2439.4}, "2439.4: the body's is 2439400, in metres"),
    ],
)
def test_lengths_of_a_template_are_metres(tmp_path, changes, told):
    with pytest.raises(ValueError, match=told):
        of_template(written(tmp_path, TEMPLATE | changes), looking_at(10, 20))


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        ({"MinimumLongitude": 359.8, "MaximumLongitude": 0.2}, "MinimumLongitude = 359.8: must be below Max"),
        ({"MinimumLongitude": "west", "MaximumLongitude": 0.2}, "MinimumLongitude = west: must be a number"),
    ],
)
def test_a_range_of_a_template_that_is_none_names_its_key(tmp_path, ends, told):
    with pytest.raises(ValueError, match=told):
        of_template(written(tmp_path, TEMPLATE | ends), looking_at(10, 20))


def test_a_template_of_another_body_is_refused(tmp_path):
    options = written(tmp_path, TEMPLATE | {"TargetName": "Mars"})
    with pytest.raises(ValueError, match="the map is of Mars, by its map"):
        grid.require_body(grid.given(options), "Mercury")
    grid.require_body({"TargetName": "Moon"}, "UNKNOWN")
