"""Map projections against ISIS's unit tests and PROJ; grids; errors of templates."""

import numpy as np
import pyproj
import pytest

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry import isd
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.projection import (
    AREAS,
    ELLIPSOIDAL,
    POLE,
    PROJECTIONS,
    RANGE,
    Mapping,
    OutsideError,
    require_same,
)
from darkroom.planetary.geometry.projection import replace as replaced_keywords
from darkroom.samples import planetary

MARS = {"EquatorialRadius": "3396190", "PolarRadius": "3376200"}
SPHERE_OF_MARS = {"EquatorialRadius": "3396190", "PolarRadius": "3396190"}
SPHERE = {"EquatorialRadius": "1.0", "PolarRadius": "1.0"}
CONVENTIONS = {"LatitudeType": "Planetocentric", "LongitudeDirection": "PositiveEast", "LongitudeDomain": "180"}
WHOLE = dict(zip(RANGE, (-90.0, 90.0, -180.0, 180.0), strict=True))


def mapping(name, **changes):
    template = {"ProjectionName": name, "TargetName": "Mars", "PixelResolution": "1e3", **CONVENTIONS, **WHOLE, **MARS}
    return Mapping.from_template(template | changes)


# Numbers of ISIS's unit tests (isis/src/base/objs/*/*.truth).
@pytest.mark.parametrize(
    "name, changes, latitude, longitude, x, y",
    [
        ("Equirectangular", SPHERE | {"CenterLatitude": 0.0, "CenterLongitude": -90.0}, -50, -75, 0.2617993877991494, -0.8726646259971648),
        ("Sinusoidal", SPHERE | {"CenterLongitude": -90.0}, -50, -75, 0.1682814027008146, -0.8726646259971648),
        ("SimpleCylindrical", SPHERE | {"CenterLongitude": -90.0}, -50, -75, 0.2617993877991494, -0.8726646259971648),
        (
            "PolarStereographic",
            {"EquatorialRadius": "6378388.0", "PolarRadius": "6356911.9", "LatitudeType": "Planetographic"}
            | {"MaximumLatitude": 0.0, "CenterLongitude": -100.0, "CenterLatitude": -71.0},
            -75, 150, -1540033.6209707, -560526.39780253,
        ),
        (
            "Mercator",
            {"EquatorialRadius": "6378206.4", "PolarRadius": "6356583.8", "LatitudeType": "Planetographic"}
            | {"MinimumLatitude": -70.0, "MaximumLatitude": 70.0, "CenterLongitude": -180.0, "CenterLatitude": 0.0},
            35, -75, 11688673.7, 4139145.66,
        ),
        ("Orthographic", SPHERE | {"CenterLatitude": 40.0, "CenterLongitude": -100.0}, 30, -110, -0.150383733, -0.165191103),
        (
            "LambertConformal",
            SPHERE | {"CenterLatitude": 23.0, "CenterLongitude": -96.0, "FirstStandardParallel": 33, "SecondStandardParallel": 45},
            35, -75, 0.29667846, 0.246211229,
        ),
        ("TransverseMercator", SPHERE | {"CenterLatitude": 0.0, "CenterLongitude": -75.0}, 40.5, -73.5, 0.0199077372, 0.707027609),
        (
            "TransverseMercator",
            {"EquatorialRadius": "6378206.4", "PolarRadius": "6356583.8", "LatitudeType": "Planetographic"}
            | {"CenterLatitude": 0.0, "CenterLongitude": -75.0, "ScaleFactor": 0.9996},
            40.5, -73.5, 127106.467, 4484124.43,
        ),
    ],
)  # fmt: skip
def test_unit_tests_of_isis(name, changes, latitude, longitude, x, y):
    projection = mapping(name, PixelResolution="0.01", **changes)
    graphic = projection.latitude_type == "Planetographic"
    universal = projection.centric(latitude) if graphic else latitude
    assert projection.forward(universal, longitude) == pytest.approx((x, y), rel=1e-8)
    back = projection.inverse(x, y)
    assert back == pytest.approx((universal, longitude % 360), abs=1e-6)


OBLIQUE = dict(zip(POLE, (22.858149, 297.158602, 45.7832), strict=True))


def test_the_oblique_unit_test_of_isis():
    """ObliqueCylindrical.truth: Titan from -90 to 0.92523, -0.8235 to 180.5 degrees west."""
    titan = {"EquatorialRadius": "2575000.0", "PolarRadius": "2575000.0", "LongitudeDirection": "PositiveWest"}
    bounds = dict(zip(RANGE, (-90.0, 0.92523, -0.8235, 180.5), strict=True))
    projection = mapping("ObliqueCylindrical", **titan, **OBLIQUE, **bounds, LongitudeDomain="360")
    place = (-40.04353207704, 360 - 227.8893979987)
    assert projection.inverse(-2646.237039, -537.814519) == pytest.approx(place, abs=1e-10)
    assert projection.forward(*place) == pytest.approx((-2646.237039, -537.814519), abs=1e-4)
    low, high = projection.left, projection.left + projection.samples * 1e3
    assert -low == pytest.approx(8089601.1, abs=1e3) and high == pytest.approx(8089601.1, abs=1e3)
    assert projection.top == pytest.approx(1169055.3, abs=1e3)
    # ISIS's search along edges gives -3113684.5 here: the range holds the other pole, a quarter of a turn down.
    assert projection.top - projection.lines * 1e3 == pytest.approx(-2575000 * np.pi / 2, abs=1e3)
    assert Mapping.from_template(projection.group()) == projection


def test_the_oblique_pole_is_in_its_map():
    """Around it the map goes all the way, up to a quarter of a turn, though no corner of the range is there."""
    bounds = dict(zip(RANGE, (20.0, 26.0, 294.0, 301.0), strict=True))
    projection = mapping("ObliqueCylindrical", **OBLIQUE, **SPHERE_OF_MARS, **bounds, LongitudeDomain="360")
    quarter = 3396190 * np.pi / 2
    assert projection.top == pytest.approx(quarter, abs=1e3)
    assert projection.samples * 1e3 == pytest.approx(4 * quarter, rel=1e-3)


@pytest.mark.parametrize("direction", ["PositiveEast", "PositiveWest"])
@pytest.mark.parametrize("latitude_type", ["Planetocentric", "Planetographic"])
@pytest.mark.parametrize("center", [-70.0, 40.0])
@pytest.mark.parametrize("name", PROJECTIONS)
def test_proj_gives_the_same_metres(name, center, latitude_type, direction):
    """The CRS leads PROJ to ISIS's x and y; of an ellipsoid its latitudes are planetographic."""
    changes = {"CenterLatitude": center, "CenterLongitude": 100.0, "LatitudeType": latitude_type}
    if name == "LambertConformal":
        changes |= {"FirstStandardParallel": center - 9, "SecondStandardParallel": center + 15}
    if name == "ObliqueCylindrical":
        changes |= OBLIQUE
    projection = mapping(name, **changes, LongitudeDirection=direction)
    east = 100.0 if direction == "PositiveEast" else 260.0
    latitude, longitude = np.meshgrid(np.linspace(-85, 85, 9), east + np.linspace(-79, 79, 9))
    if name in AREAS:  # which have no place for all of a body
        latitude, longitude = np.meshgrid(center + np.linspace(-19, 19, 9), east + np.linspace(-40, 40, 9))
    crs = pyproj.CRS.from_wkt(projection.crs_wkt())
    graphic = latitude_type == "Planetographic" or name in ELLIPSOIDAL
    given = projection.graphic(latitude) if graphic else latitude
    expected = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True).transform(longitude, given)
    metres = projection.forward(latitude, longitude % 360)
    assert np.abs(np.array(metres) - expected).max() < (1e-6 if name in AREAS else 1e-5)
    assert np.array(projection.inverse(*metres)) == pytest.approx(np.array([latitude, longitude % 360]), abs=1e-9)


def test_parallels_and_scale_of_a_template():
    """Those of a template, and of a range a sixth from its ends; PROJ has the same metres, and the label all of them."""
    given = {"CenterLatitude": 50.0, "CenterLongitude": 10.0}
    cone = mapping("LambertConformal", **given, FirstStandardParallel=45.0, SecondStandardParallel=55.0)
    across = mapping("TransverseMercator", **given, ScaleFactor=0.9996)
    for projection in (cone, across):
        assert Mapping.from_template(projection.group()) == projection
        crs = pyproj.CRS.from_wkt(projection.crs_wkt())
        to_map = pyproj.Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)
        expected = to_map.transform(13.0, projection.graphic(48.0))
        assert projection.forward(48.0, 13.0) == pytest.approx(expected, abs=1e-6)
    assert mapping("LambertConformal", MinimumLatitude=30.0, MaximumLatitude=60.0).parallels == pytest.approx((35, 55))


def test_what_a_projection_does_not_show():
    """The far side, the other half of the body, the pole that a cone has no place for, what lies behind its cut."""
    globe = mapping("Orthographic", CenterLatitude=0.0, CenterLongitude=0.0)
    assert np.isnan(globe.forward(0.0, 91.0)).all()
    assert np.isnan(globe.inverse(3.4e6, 1.0)[0])
    assert np.isnan(mapping("TransverseMercator", CenterLatitude=0.0, CenterLongitude=0.0).forward(1.0, 90.0)).all()
    cone = mapping("LambertConformal", CenterLatitude=40.0, CenterLongitude=0.0, MinimumLatitude=10.0)
    assert np.isnan(cone.forward(-90.0, 0.0)).all()
    assert np.isfinite(cone.forward(90.0, 0.0)).all()
    x, y = cone.forward(90.0, 0.0)
    assert np.isnan(cone.inverse(x, y + 1e6)[0])


def test_the_grid_holds_the_range_in_whole_pixels():
    """30 degrees at 1 km: corners are whole kilometres, one pixel more at most than the range has."""
    changes = dict(zip(RANGE, (10.0, 40.0, 10.0, 40.0), strict=True))
    grid = mapping("SimpleCylindrical", CenterLongitude="0", **changes)
    degree = 3396190 * np.pi / 180
    assert (grid.left, grid.top) == (np.floor(10 * degree / 1e3) * 1e3, np.ceil(40 * degree / 1e3) * 1e3)
    assert (grid.samples - 1) * 1e3 <= 40 * degree - grid.left <= grid.samples * 1e3
    assert grid.transform() == (1e3, 0.0, grid.left, 0.0, -1e3, grid.top)
    assert np.array(grid.pixel(*grid.ground(3.0, 7.0))) == pytest.approx((3.0, 7.0))


def test_a_map_within_another():
    """The pixels that both have, on the grid of both; where the seams differ, the whole width."""
    ranges = {
        name: dict(zip(RANGE, bounds, strict=True))
        for name, bounds in (
            ("a", (10.0, 40.0, 10.0, 40.0)),
            ("b", (20.0, 50.0, 0.0, 30.0)),
            ("c", (60.0, 70.0, 0.0, 30.0)),
        )
    }
    whole, part, other = (mapping("Sinusoidal", CenterLongitude="0", **ranges[name]) for name in "abc")
    both = part.within(whole)
    assert (both.left, both.top) == (whole.left, whole.top)
    assert both.lines == round((whole.top - (part.top - part.lines * 1e3)) / 1e3)
    assert both.samples == round((part.left + part.samples * 1e3 - whole.left) / 1e3)
    turned = replaced_keywords(part, longitude_domain=360).within(whole)
    assert (turned.samples, turned.lines, turned.longitude_domain) == (whole.samples, both.lines, 180)
    with pytest.raises(OutsideError, match="the image lies outside the map: it shows latitudes 60 to 70"):
        other.within(whole)
    pixel = whole.nearest(other)
    assert (pixel.lines, pixel.samples, pixel.top) == (1, 1, whole.top)
    assert whole.left <= pixel.left < whole.left + whole.samples * 1e3


def test_pixels_per_degree_stand_for_metres():
    template = {"ProjectionName": "Sinusoidal", "Scale": "10.0", **CONVENTIONS, **WHOLE, **MARS}
    scaled = Mapping.from_template(template)
    assert scaled.resolution == pytest.approx(2 * np.pi * 3396190 / 360 / 10)
    assert scaled.scale == pytest.approx(10)


def test_a_template_of_a_file(tmp_path):
    lines = [f"  {key} = {value}" for key, value in (CONVENTIONS | WHOLE | MARS).items()]
    text = "Group = Mapping\n  ProjectionName = Sinusoidal\n  PixelResolution = 1000.0 <meters/pixel>\n"
    (tmp_path / "a.map").write_text(text + "\n".join(lines) + "\nEnd_Group\nEnd\n")
    assert Mapping.from_template(tmp_path / "a.map") == mapping("Sinusoidal", TargetName="")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "Robinson"}, "ProjectionName = Robinson: must be one of Equirectangular, Sinusoidal"),
        ({"LatitudeType": "Geodetic"}, "LatitudeType = Geodetic: must be one of Planetocentric, Planetographic"),
        ({"LongitudeDomain": "90"}, "LongitudeDomain = 90: must be one of 360, 180"),
        ({"MinimumLatitude": "95"}, "MinimumLatitude = 95: must be below MaximumLatitude = 90"),
        ({"MaximumLatitude": "95"}, "must be within -90 and 90"),
        ({"PolarRadius": "4e6"}, r"PolarRadius = 4e\+06: must be above 0 and at most EquatorialRadius"),
        ({"PixelResolution": "fine"}, "PixelResolution = fine: must be a number"),
        ({"PixelResolution": "-2"}, "PixelResolution = -2: must be above 0"),
        ({"MinimumLongitude": None}, "no MinimumLongitude in the group Mapping"),
        ({"name": "ObliqueCylindrical"}, "no PoleLatitude in the group Mapping"),
        (
            {"name": "ObliqueCylindrical"} | OBLIQUE | {"PoleLatitude": 91},
            "PoleLatitude = 91: must be within -90 and 90",
        ),
    ],
)
def test_a_wrong_template_is_one_clear_line(changes, message):
    with pytest.raises(ValueError, match=message):
        mapping(**{"name": "Sinusoidal"} | changes)


TEMPLATE = {"ProjectionName": "Sinusoidal", "PixelResolution": "1e3", **CONVENTIONS, **WHOLE, **MARS}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ProjectionName": None}, "no ProjectionName in a group Mapping; a map template has one"),
        ({"LatitudeType": "Geodetic"}, "LatitudeType = Geodetic: must be one of Planetocentric, Planetographic"),
        ({"MaximumLatitude": None}, "no MaximumLatitude in the group Mapping"),
        ({"EquatorialRadius": "wide"}, "EquatorialRadius = wide: must be a number"),
        ({"EquatorialRadius": "inf"}, "EquatorialRadius = inf: must be a number"),
        ({"PixelResolution": None}, "no PixelResolution in the group Mapping"),
        ({"PixelResolution": None, "Scale": "0"}, "Scale = 0: must be above 0"),
    ],
)
def test_errors_of_a_template_name_its_file(tmp_path, changes, message):
    group = {key: value for key, value in (TEMPLATE | changes).items() if value is not None}
    path = tmp_path / "a.map"
    path.write_text(pvl.dumps({"Mapping": group}) + "End\n")
    with pytest.raises(ValueError) as failure:
        Mapping.from_template(path)
    assert str(failure.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"PolarRadius": "0"}, "PolarRadius = 0: must be above 0 and at most EquatorialRadius = 3.39619e+06"),
        ({"LongitudeDomain": "90"}, "LongitudeDomain = 90: must be one of 360, 180"),
        ({"LongitudeDomain": "half"}, "LongitudeDomain = half: must be one of 360, 180"),
        ({"PolarRadius": "small"}, "PolarRadius = small: must be a number"),
    ],
)
def test_errors_of_a_template_for_an_image_name_its_file(tmp_path, changes, message):
    path = tmp_path / "a.map"
    path.write_text(pvl.dumps({"Mapping": TEMPLATE | changes}) + "End\n")
    camera = Camera(isd.from_isd(planetary.mdis_isd(0)))
    with pytest.raises(ValueError) as failure:
        Mapping.for_camera(camera, path)
    assert str(failure.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (None, "no group Mapping; the cube is not projected"),
        (TEMPLATE, "no UpperLeftCornerX in the group Mapping"),
        (TEMPLATE | {"UpperLeftCornerX": "0", "UpperLeftCornerY": "top"}, "UpperLeftCornerY = top: must be a number"),
        (
            TEMPLATE | {"UpperLeftCornerX": "0", "UpperLeftCornerY": "0", "ProjectionName": "Robinson"},
            f"ProjectionName = Robinson: must be one of {', '.join(PROJECTIONS)}",
        ),
    ],
)
def test_errors_of_a_cube_name_it(tmp_path, group, message):
    path = tmp_path / "a.cub"
    groups = {"Mapping": group} if group else {}
    cubes.write(path, cubes.Image(1, 2, 3, "f4", groups, [(np.zeros((1, 2, 3)), None)]))
    with pytest.raises(ValueError) as failure:
        Mapping.of_cube(cubes.Cube(path))
    assert str(failure.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"FirstStandardParallel": 20, "SecondStandardParallel": -20}, "equally far from the equator on both sides"),
        ({}, "equally far from the equator"),  # of a range around the equator
        ({"FirstStandardParallel": 90, "SecondStandardParallel": 20}, "FirstStandardParallel = 90: must not be a pole"),
    ],
)
def test_parallels_that_make_no_cone(changes, message):
    with pytest.raises(ValueError, match=message):
        mapping("LambertConformal", **changes)


def test_a_scale_is_above_0():
    with pytest.raises(ValueError, match="ScaleFactor = 0: must be above 0"):
        mapping("TransverseMercator", CenterLatitude=0, ScaleFactor=0)


def test_a_pole_is_no_parallel_of_a_cylinder():
    with pytest.raises(ValueError, match="CenterLatitude = 90: must not be a pole for Equirectangular"):
        mapping("Equirectangular", CenterLatitude="90")


def test_maps_that_differ_are_named():
    maps = mapping("Sinusoidal"), mapping("Sinusoidal", CenterLongitude="10")
    with pytest.raises(ValueError, match=r"b\.cub: CenterLongitude = 10\.0 differs from 0\.0 of a\.cub"):
        require_same(maps, ["a.cub", "b.cub"])
