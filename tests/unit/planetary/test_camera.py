"""Cameras and ISDs: what an ISD must hold, the tables of a cube, geometry of simple bodies."""

import json

import numpy as np
import pytest

from darkroom.planetary.formats import cubes
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.isd import FRAME, LINE_SCAN, PUSH_FRAME, Rotation, States, from_isd

IDENTITY = [1.0, 0.0, 0.0, 0.0]
# From above the north pole, x of the camera along x of the body: the camera is turned by half a turn about x.
DOWN = [0.0, 1.0, 0.0, 0.0]


def isd(**changes):
    """A frame camera 1000 km above the north pole of a sphere of 1000 km, that sees 100 x 80 pixels of 1 km."""
    state = {"ephemeris_times": [0.0], "velocities": [[0.0, 0.0, 0.0]]}
    turned = {"ephemeris_times": [0.0], "angular_velocities": [[0.0, 0.0, 0.0]], "time_dependent_frames": [-9, 1]}
    return {
        "image_lines": 80,
        "image_samples": 100,
        "name_model": FRAME,
        "center_ephemeris_time": 0.0,
        "radii": {"semimajor": 1000.0, "semiminor": 1000.0, "unit": "km"},
        "focal_length_model": {"focal_length": 100.0},
        "focal2pixel_samples": [0.0, 10.0, 0.0],
        "focal2pixel_lines": [0.0, 0.0, 10.0],
        "detector_center": {"sample": 50.0, "line": 40.0},
        "optical_distortion": {"radial": {"coefficients": [0.0, 0.0, 0.0]}},
        "body_rotation": {**turned, "quaternions": [IDENTITY]},
        "instrument_pointing": {**turned, "quaternions": [DOWN]},
        "instrument_position": {**state, "positions": [[0.0, 0.0, 2000.0]]},
        "sun_position": {**state, "positions": [[1e8, 0.0, 1e8]]},
        **changes,
    }


def scanner(**changes):
    """A line-scan camera that flies along y 1000 km above the equator, one line of 1 km in a second."""
    times = [0.0, 200.0]
    positions = [[2000.0, -40.0, 0.0], [2000.0, 160.0, 0.0]]
    # Samples run along z of the body, lines along y, the axis points along -x: a quarter turn about y.
    quarter = [np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0]
    pointing = {"ephemeris_times": times, "quaternions": [quarter, quarter], "time_dependent_frames": [-9, 1]}
    return isd(
        name_model=LINE_SCAN,
        starting_ephemeris_time=0.0,
        line_scan_rate=[[0.5, 0.0, 1.0]],
        detector_center={"sample": 50.0, "line": 0.0},
        instrument_pointing=pointing,
        instrument_position={"ephemeris_times": times, "positions": positions},
        **changes,
    )


def camera(description):
    return Camera(from_isd(description))


def test_the_axis_of_a_frame_meets_the_pole():
    seen = camera(isd()).ground(50.5, 40.5)
    assert seen.latitude == pytest.approx(90)
    assert (seen.radius, seen.slant) == pytest.approx((1e6, 1000))
    assert (seen.phase, seen.incidence, seen.emission) == pytest.approx(
        (45, 45, 0), abs=1e-3
    )  # the sun is not infinite


def test_a_tenth_of_a_pixel_pitch_is_a_kilometre():
    """Pixels of 0.1 mm behind 100 mm see one thousandth of the distance."""
    framing = camera(isd())
    assert framing.resolution(framing.ground(50.5, 40.5)) == pytest.approx(1000)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optical_distortion": {"radial": {"coefficients": [-0.007, 2.8e-5, 1.3e-8]}}},
        {
            "optical_distortion": {
                "transverse": {
                    "x": [0, 1.0018, 0, 0, -5e-4, 0, 1e-5, 0, 1e-5, 0],
                    "y": [0, 0, 1, 9e-4, 0, 3.6e-4, 0, 1e-5, 0, 1e-5],
                }
            }
        },
        {"detector_sample_summing": 2, "detector_line_summing": 2, "starting_detector_sample": 7},
        {"radii": {"semimajor": 1000e3, "semiminor": 900e3, "unit": "m"}},
    ],
    ids=["ideal", "radial", "transverse", "binned", "flattened"],
)
@pytest.mark.parametrize("made", [isd, scanner])
def test_there_and_back(made, changes):
    """image() undoes ground(), to the nanometre in the focal plane and to the clock in time."""
    framing = camera(made(**changes))
    sample, line = np.meshgrid(np.linspace(0.5, 100.5, 6), np.linspace(0.5, 80.5, 5))
    seen = framing.ground(sample, line)
    back = framing.image(seen.latitude, seen.longitude)
    assert np.abs(np.array(back) - (sample, line)).max() < 1e-6


def test_the_lines_of_a_scanner_pass_with_time():
    """At 1 km in a second the middle line is seen at y = 0 when 40 s have passed."""
    seen = camera(scanner()).ground(50.5, np.array([40.5, 41.5]))
    assert seen.point[:, 1] == pytest.approx([0.0, 1.0], abs=1e-6)


def test_what_is_behind_the_horizon_is_not_seen():
    assert np.isnan(camera(isd()).image(-80.0, 0.0)).all()


def test_a_line_of_sight_may_miss():
    """The limb of a sphere seen from two radii lies at 30 degrees; a line of pixels ends a little before it."""
    framing = camera(isd(focal_length_model={"focal_length": 5.0}))
    assert np.isnan(framing.ground(1.0, 1.0).latitude)
    assert 30 < np.nanmin(framing.outline().latitude) < 35


def test_spline_positions_follow_the_velocities():
    """A parabola is one Hermite spline: half way of y = t^2 from 0 to 2 is 1, of its chord 2."""
    times, positions = np.array([0.0, 2.0]), np.array([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    velocities = np.array([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    for spline, expected in ((True, 1.0), (False, 2.0)):
        states = States(times, positions, velocities, spline)
        assert states.at(np.array([1.0]))[0, 1] == pytest.approx(expected)


def test_rotations_turn_evenly_between_records():
    """A quarter turn about z, whichever sign its quaternions have: after a third, 30 degrees."""
    quarter = np.array([IDENTITY, [-np.sqrt(0.5), 0, 0, -np.sqrt(0.5)]])
    rotation = Rotation(np.array([0.0, 3.0]), quarter, None, ())
    assert rotation.matrix(np.array(1.0)) @ [1, 0, 0] == pytest.approx([np.cos(np.pi / 6), 0.5, 0])


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"instrument_position": {}}, "no instrument_position.ephemeris_times"),
        (
            {"name_model": "USGS_ASTRO_SAR_MODEL"},
            "USGS_ASTRO_SAR_MODEL is not supported; supported are USGS_ASTRO_FRAME",
        ),
        ({"optical_distortion": {"kaguyalism": {}}}, "optical_distortion.kaguyalism is of another form than ALE"),
        ({"optical_distortion": {"wavy": {}}}, "optical_distortion wavy is not supported; supported are radial, trans"),
        ({"optical_distortion": {"dawnfc": {"coefficients": [1, 2]}}}, "dawnfc: right are 1 numbers, not 2"),
        ({"image_lines": 90}, "image_lines x image_samples are 90 x 100, the image has 80 x 100; this is the geometry"),
        ({"name_model": LINE_SCAN}, "no starting_ephemeris_time"),
        ({"name_model": LINE_SCAN, "starting_ephemeris_time": 0.0}, "no line_scan_rate"),
        (
            {"name_model": LINE_SCAN, "starting_ephemeris_time": 0.0, "line_scan_rate": [[9.5, 0, 1], [0.5, 9, 2]]},
            "line_scan_rate: right are rows of a first line",
        ),
        (
            {"name_model": PUSH_FRAME, "starting_ephemeris_time": 0.0, "exposure_duration": 1, "framelet_height": 7},
            "framelet_height: 80 lines are not framelets of 7 lines each",
        ),
        ({"radii": {}}, "no radii.semimajor"),
        ({"instrument_position": None}, "an entry is of another form than ALE writes it"),
        ({"naif_keywords": [1, 2]}, "an entry is of another form than ALE writes it"),
        ({"optical_distortion": {"radial": [0]}}, "optical_distortion.radial is of another form than ALE writes it"),
        (
            {"instrument_position": {"ephemeris_times": [0.0], "positions": [[0, 0, 9]], "unit": "ft"}},
            "instrument_position.unit = ft: must be one of km, m",
        ),
        (
            {"sun_position": {"ephemeris_times": [0.0, 1.0], "positions": [[1e8, 0, 0]]}},
            "sun_position.positions: right are 2 rows of 3 numbers",
        ),
        (
            {"sun_position": {"ephemeris_times": [0.0], "positions": [[1e8, None, 0]]}},
            "sun_position.positions: right are 1 rows of 3 numbers",
        ),
        (
            {"sun_position": {"ephemeris_times": [0.0], "positions": [[1e8, 0, 0]], "velocities": [[1, 2]]}},
            "sun_position.velocities: right are 1 rows of 3 numbers",
        ),
        (
            {"sun_position": {"ephemeris_times": [1.0, 0.0], "positions": [[1e8, 0, 0]] * 2}},
            "sun_position.ephemeris_times: right are numbers that grow",
        ),
        (
            {"body_rotation": {"ephemeris_times": [0.0], "quaternions": [IDENTITY[:3]]}},
            "body_rotation.quaternions: right are 1 rows of 4 numbers",
        ),
    ],
)
def test_what_an_isd_lacks_is_said(tmp_path, changes, message):
    (tmp_path / "x.json").write_text(json.dumps(isd(**changes)))
    with pytest.raises(ValueError, match=f"x.json: .*{message}"):
        camera_of(tmp_path / "x.json", 80, 100)


@pytest.mark.parametrize("content", ["[1, 2]", "3", "null"])
def test_json_that_is_no_isd(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ValueError, match=r"x\.json: no camera description; right is a JSON object, as ALE writes it"):
        camera_of(tmp_path / "x.json", 80, 100)


def test_keywords_of_a_camera_that_is_not_known_are_not_used():
    """INS..._OD_K is a cubic polynomial of CTX; in other cameras of ISIS it is something else."""
    plain, keyed = camera(isd()), camera(isd(naif_keywords={"INS-85600_ITRANSS": [0, 1, 0], "INS-85600_OD_K": [0.5]}))
    assert plain.ground(3.0, 4.0).latitude == keyed.ground(3.0, 4.0).latitude


def test_a_cube_without_tables_is_named(tmp_path):
    path = tmp_path / "raw.cub"
    blocks = [(np.zeros((1, 2, 3)), None)]
    cubes.write(path, cubes.Image(1, 2, 3, "f4", {"Instrument": {"InstrumentId": "X"}}, blocks))
    with pytest.raises(ValueError, match=r"raw\.cub: no SPICE tables; attach an ISD"):
        camera_of(path)
