"""Boxes, lines and polygons on a sphere; the height of the sun."""

import itertools

import numpy as np
import pyproj
import pytest

from darkroom.airborne import extent, sun

SPHERE = pyproj.Geod(a=extent.EARTH, b=extent.EARTH)
ROWS = np.arange(2000)
NOON = np.datetime64("2012-09-07T12:00:00", "ns") + ROWS * np.timedelta64(1, "s")


def of(latitude, longitude, **options):
    return extent.extent(NOON[: len(latitude)], np.asarray(latitude, "f8"), np.asarray(longitude, "f8"), **options)


@pytest.mark.parametrize(
    ("longitude", "latitude", "box"),
    [
        ([10, 12, 11], [1, 2, 3], (10, 1, 12, 3)),
        ([-66, -65], [-43, -42], (-66, -43, -65, -42)),
        ([359, 1], [0, 0], (-1, 0, 1, 0)),
        ([179, -179, -178], [-10, -11, -12], (179, -12, -178, -10)),
        ([-179, 179], [5, 5], (179, 5, -179, 5)),
        ([170, 180], [0, 1], (170, 0, 180, 1)),
        ([10, -170], [88, 88], (-180, 88, 180, 90)),
        ([0, 90, 180, 270, 360], [-85] * 5, (-180, -90, 180, -85)),
        (np.arange(0, 721, 40), [10] * 19, (-180, 10, 180, 10)),
    ],
)
def test_box(longitude, latitude, box):
    assert np.allclose(extent.box(np.array(longitude), np.array(latitude)), box)


def track(kind):
    """Latitude and longitude of a flight."""
    turn = ROWS / 300
    return {
        "loop": (30 + 3 * np.sin(turn), -90 + 4 * np.cos(turn)),
        "dateline": (-20 + 2 * np.sin(turn), 175 + ROWS / 200),
        "westward": (60 + np.sin(turn), -175 - ROWS / 200),
        "straight": (np.linspace(-40, -45, 2000), np.linspace(20, 30, 2000)),
    }[kind]


@pytest.mark.parametrize("kind", ["loop", "dateline", "westward", "straight"])
def test_a_simplified_track_stays_within_its_distance(kind):
    """No position is farther from the lines than they say, measured along them by PROJ."""
    latitude, longitude = track(kind)
    area = of(latitude, longitude)
    assert area.deviation <= extent.TOLERANCE
    lines = area.geometry["Lines"]
    assert sum(map(len, lines)) <= extent.MOST_POINTS + 2 * len(lines)
    dense = np.concatenate(
        [np.array([a, *SPHERE.npts(*a, *b, 400), b]) for line in lines for a, b in itertools.pairwise(line)]
    )
    for row in range(0, len(latitude), 97):
        apart = SPHERE.inv(*np.broadcast_to([longitude[row], latitude[row]], dense.shape).T, *dense.T)[2]
        assert apart.min() <= area.deviation + 400  # half of a step of the dense points


@pytest.mark.parametrize("kind", ["dateline", "westward"])
def test_a_line_is_cut_at_longitude_180(kind):
    first, second = of(*track(kind)).geometry["Lines"]
    assert abs(first[-1][0]) == 180
    assert second[0] == (-first[-1][0], first[-1][1])
    for line in (first, second):
        assert np.abs(np.diff([longitude for longitude, _ in line])).max() < 180


def test_no_line_has_a_point_twice_and_nothing_is_lost_at_a_return():
    out = np.linspace(0, 5, 500)
    there_and_back = np.concatenate([out, out[::-1]])
    lines = of(np.sin(there_and_back), there_and_back).geometry["Lines"]
    assert len(lines) > 1
    assert all(len(set(line)) == len(line) for line in lines)
    assert all(earlier[-1] == later[0] for earlier, later in itertools.pairwise(lines))


def test_more_points_than_allowed_are_not_used_but_the_distance_is_told():
    noise = np.random.default_rng(1).normal(0, 0.5, (2, 2000))
    area = of(noise[0], noise[1] + ROWS / 50)
    assert sum(map(len, area.geometry["Lines"])) <= 2 * extent.MOST_POINTS
    assert area.deviation > extent.TOLERANCE


def test_a_sounding_is_a_box_and_a_standing_one_a_point():
    latitude, longitude = np.linspace(31.5, 31.6, 50), np.linspace(-61.6, -61.5, 50)
    assert of(latitude, longitude, height=12000).geometry == {"BoundingRectangles": [(-61.6, 31.5, -61.5, 31.6)]}
    assert of(latitude * 0 - 31, longitude * 0 + 10, height=12000).geometry == {"Points": [(10.0, -31.0)]}
    assert list(of(latitude, longitude, height=100).geometry) == ["Lines"]


def test_a_sounding_across_longitude_180_is_two_boxes():
    area = of([1, 1.1], [179.9, -179.9], height=12000)
    assert area.geometry == {"BoundingRectangles": [(179.9, 1.0, 180.0, 1.1), (-180.0, 1.0, -179.9, 1.1)]}
    assert np.allclose(area.box, (179.9, 1, -179.9, 1.1))


def test_soundings_of_a_flight_are_points():
    places = (np.array([1.0, 2]), np.array([3.0, -179]))
    area = of([1, 1.5, 2, 2.5], [3, 3.5, -179, -179.5], places=places)
    assert area.geometry == {"Points": [(3.0, 1.0), (-179.0, 2.0)]}
    assert area.box == (3, 1, -179, 2.5)


PLACES = {
    "across 0, the long way": ([50] * 5, [-100, -50, 0, 50, 100], (-100, 50, 100, 50)),
    "across 180": ([50] * 3, [170, 180, -170], (170, 50, -170, 50)),
    "from 180 on": ([50] * 2, [180, -170], (-180, 50, -170, 50)),
    "up to -180": ([50] * 2, [170, -180], (170, 50, 180, 50)),
    "a point": ([50], [12.5], (12.5, 50, 12.5, 50)),
    "a point at 180": ([50], [-180], (-180, 50, -180, 50)),
    "longitudes up to 360": ([50] * 2, [284.5, 285.5], (-75.5, 50, -74.5, 50)),
    "past the pole": ([88, 90, 88], [20, 20, -160], (-180, 88, 180, 90)),
    "without a fix": ([40, 0, 41], [-75, 0, -74], (-75, 40, -74, 41)),
}


@pytest.mark.parametrize("case", PLACES)
def test_the_box_of_a_track(case):
    latitude, longitude, box = PLACES[case]
    assert of(latitude, longitude).box == box


def test_no_fix_at_all_is_no_place():
    with pytest.raises(ValueError, match="no position is known"):
        of([0, 0], [0, 0])


def inside(ring, longitude, latitude):
    """Whether a place is inside of a convex ring of great circles, or on it."""
    corners = extent.on_sphere(*np.array(ring).T)
    normals = np.cross(corners[:-1], corners[1:])
    return bool((normals @ extent.on_sphere(longitude, latitude) >= -1e-3).all())


@pytest.mark.parametrize(("start", "south"), [(-90, 30), (178, -50), (100, -75)])
def test_a_swath_is_polygons_around_its_footprints(start, south):
    along, across = np.linspace(0, 6, 300), np.linspace(-0.2, 0.2, 15)
    latitude = south + np.sin(along)[:, None] + across
    longitude = start + along[:, None] + 0.3 * across
    area = of(latitude, longitude)
    rings = area.geometry["GPolygons"]
    for ring in rings:
        x, y = np.array(ring).T
        assert ring[0] == ring[-1]
        assert len(set(ring)) == len(ring) - 1
        assert np.abs(np.diff(x)).max() < 180
        assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0  # counter-clockwise
    centres = zip(longitude[::20, 7], latitude[::20, 7], strict=True)
    assert all(any(inside(ring, *centre) for ring in rings) for centre in centres)
    assert area.deviation <= extent.TOLERANCE


def test_a_swath_over_a_pole_is_its_cap():
    x, y = np.linspace(-0.08, 0.08, 200)[:, None], np.linspace(-0.02, 0.02, 4)
    latitude, longitude = 90 - np.degrees(np.hypot(x, y)), np.degrees(np.arctan2(y, x))
    ((west, south, east, north),) = of(-latitude, longitude).geometry["BoundingRectangles"]
    assert (west, south, east) == (-180, -90, 180)
    assert north == pytest.approx(-latitude.min(), abs=1e-5)


def test_spots_that_are_missing_leave_the_others_in_the_box():
    latitude = np.linspace(10, 12, 50)[:, None] + np.array([0, 0.1, 0.5])
    longitude = 179.5 + np.linspace(0, 1, 50)[:, None] + np.array([0.0, 0.1, 0.2])
    latitude[::2, 0] = latitude[1::2, 2] = np.nan
    area = of(latitude, longitude)
    assert np.allclose(area.box, (179.5, np.nanmin(latitude), -179.3, np.nanmax(latitude)), atol=0.03)
    assert list(area.geometry) == ["BoundingRectangles"]


def test_a_short_step_across_longitude_180_is_no_point():
    assert list(of([5, 5], [179.999, -179.999]).geometry) == ["Lines"]


def test_positions_off_the_earth_do_not_count_and_none_at_all_is_an_error():
    area = of([10, 95, np.nan, 11], [20, 21, 22, 20.5], height=9000)
    assert np.allclose(area.box, (20, 10, 20.5, 11))
    with pytest.raises(ValueError, match="no position is known"):
        of([np.nan, 91], [1, 2])


@pytest.mark.parametrize(
    ("time", "latitude", "longitude", "elevation"),
    [
        # Reda and Andreas, "Solar Position Algorithm", NREL/TP-560-34302 (2008), appendix A.5: e0 = 39.872046
        ("2003-10-17T19:30:30", 39.742476, -105.1786, 39.872),
        # Meeus, Astronomical Algorithms, example 25.b: declination -7.78507 degrees; the sun over 0 N at its transit
        ("1992-10-13T00:00:00", -7.78507, -183.4, 90),
    ],
)
def test_height_of_the_sun(time, latitude, longitude, elevation):
    assert sun.elevation(np.datetime64(time), latitude, longitude) == pytest.approx(elevation, abs=0.05)


def test_midnight_sun_and_polar_night():
    hours = np.datetime64("2012-06-21") + np.arange(24) * np.timedelta64(1, "h")
    assert sun.day_or_night(sun.elevation(hours, 69.65, 18.96)) == "Day"
    assert sun.day_or_night(sun.elevation(hours, -69.65, 18.96)) == "Night"
    assert sun.day_or_night(sun.elevation(hours, 0.0, 18.96)) == "Both"
    assert sun.day_or_night(np.array([np.nan])) == "Unspecified"
