"""Cameras and their distortion against the published numbers of USGSCSM's own tests, and there and back; all of them
from a cube again.

USGSCSM counts image coordinates from the corner of the first pixel: half a pixel less than here.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from darkroom.planetary.formats import cubes
from darkroom.planetary.geometry import detectors, distortion, isd, resample
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.isd import FRAME, LINE_SCAN, PUSH_FRAME
from darkroom.planetary.geometry.projection import Mapping

CASES = Path(os.environ.get("CASES", Path(__file__).parents[4] / "shared/cases")) / "planetary/isd_cameras"
HALF = np.sqrt(0.5)


def description(name, size, times, positions, quaternions, **changes):
    """An ISD as those of USGSCSM's tests, whose body does not turn: 50 mm behind a lens, 0.1 mm a pixel."""
    return {
        "name_model": name,
        "image_lines": size[0],
        "image_samples": size[1],
        "center_ephemeris_time": 1000.0,
        "starting_ephemeris_time": times[0],
        "detector_sample_summing": 1,
        "detector_line_summing": 1,
        "focal2pixel_lines": [0.0, -10.0, 0.0],
        "focal2pixel_samples": [0.0, 0.0, 10.0],
        "focal_length_model": {"focal_length": 50},
        "detector_center": {"line": 0.5, "sample": 8.0},
        "optical_distortion": {"radial": {"coefficients": [0.0, 0.0, 0.0]}},
        "radii": {"semimajor": 1000, "semiminor": 1000, "unit": "km"},
        "instrument_position": {"unit": "km", "positions": positions, "ephemeris_times": times},
        "instrument_pointing": {"quaternions": quaternions, "ephemeris_times": times},
        "body_rotation": {"quaternions": [[1.0, 0.0, 0.0, 0.0]], "ephemeris_times": [times[0]]},
        "sun_position": {"unit": "m", "positions": [[1e11, 1e11, 0]], "ephemeris_times": [times[0]]},
        **changes,
    }


def frame(**changes):
    """simpleFramerISD: from 1 km at a body of 10 m."""
    given = {
        "focal2pixel_lines": [0.0, 0.0, 10.0],
        "focal2pixel_samples": [0.0, 10.0, 0.0],
        "detector_center": {"line": 7.5, "sample": 7.5},
        "optical_distortion": {"transverse": {"x": [0.0, 1.0], "y": [0.0, 1.0]}},
        "radii": {"semimajor": 0.01, "semiminor": 0.01, "unit": "km"},
    }
    return description(FRAME, (15, 15), [50.0], [[1.0, 0.0, 0.0]], [[0.0, -HALF, 0.0, HALF]], **given | changes)


def fly_by(**changes):
    """constVelocityLineScan: past a body of 10 m at 20 m/s, a line in 0.1 s."""
    times = [999.2 + 0.2 * number for number in range(9)]
    given = {
        "line_scan_rate": [[0.5, -0.85, 0.1]],
        "starting_detector_line": 1,
        "radii": {"semimajor": 10, "semiminor": 10, "unit": "m"},
        "body_rotation": {"quaternions": [[0.0, -HALF, 0.0, HALF]], "ephemeris_times": [1000.0]},
    }
    positions = [[-16.0 + 4 * number, 0.0, -1000.0] for number in range(9)]
    described = description(LINE_SCAN, (16, 16), times, positions, [[0.0, 0.0, 0.0, 1.0]] * 9, **given | changes)
    described["instrument_position"]["unit"] = "m"
    return described


def orbit(**changes):
    """orbitalPushFrame: 30 framelets of 12 lines, from 50 km above a body of 1000 km."""
    angles = 0.0012 * np.arange(30)
    positions = 1050 * np.stack([np.cos(angles), 0 * angles, -np.sin(angles)], axis=1)
    halves = -np.pi / 4 - angles / 2
    quaternions = np.stack([np.cos(halves), 0 * halves, np.sin(halves), 0 * halves], axis=1)
    given = {
        "starting_ephemeris_time": 998.475,
        "exposure_duration": 0.05,
        "interframe_delay": 0.1,
        "framelet_height": 12,
        "framelets_flipped": False,
        "framelet_order_reversed": False,
        "detector_center": {"line": 6.0, "sample": 8.0},
    }
    times = list(998.5 + 0.1 * np.arange(30))
    return description(PUSH_FRAME, (360, 16), times, positions.tolist(), quaternions.tolist(), **given | changes)


def camera(described):
    return Camera(isd.from_isd(described))


@pytest.mark.parametrize(
    ("described", "line", "sample", "point"),
    [
        (frame(), 7.5, 7.5, (10, 0, 0)),
        (frame(), 7.5, 6.5, (9.80194018, 0, 1.98039612)),
        (frame(focal_length_model={"focal_length": 500}), 7.5, 6.5, (9.99803960, 0, 0.198000392)),
        (frame(focal_length_model={"focal_length": 500}), 15, 15, (9.77688917, -1.48533467, -1.48533467)),
        (frame(radii={"semimajor": 0.1, "semiminor": 0.01}), 7.5, 6.5, (98.3606557, 0, 1.80327869)),
        (fly_by(), 8.0, 8.0, (9.99999500000, 0, 0.00999999500)),
        (orbit(), 6.0, 8.0, (1e6, 0, 0)),
    ],
)
def test_ground_points_of_usgscsm(described, line, sample, point):
    seen = camera(described).ground(sample + 0.5, line + 0.5)
    assert seen.point * 1000 == pytest.approx(point, abs=1e-7 if point[0] > 90 else 1e-8)


MODELS = {  # of one place on the detector and that of the ideal camera, as USGSCSM's tests have them
    "dawnfc": ({"coefficients": [8.4e-6]}, (10.0168, 10.0168), (10, 10)),
    "lrolrocnac": ({"coefficients": [1.81e-5]}, (0, 17.724), (0, 17.6237922244)),
    "kplo_shadowcam": ({"coefficients": [-1.741e-5]}, (0, -18.69), (0, -18.69 * (1 - 1.741e-5 * 18.69**2))),
    "kaguyalism": (
        {
            "x": [-0.00096499, 0.00098441, 8.5773e-06, -3.7438e-06],
            "y": [-0.0013796, 1.3502e-05, 2.7251e-06, -6.1938e-06],
            "boresight_x": -0.0725,
            "boresight_y": 0.0214,
        },
        (1, 1),
        (0.9279337415074662, 1.0200274261995939),
    ),
    "lorri": (
        {"coefficients": [2.7e-5, -1.9e-5, -2.9e-5]},
        (3, 4),
        np.multiply((3, 4), 1 - 25 * 2.7e-5 + 4 * 1.9e-5 + 3 * 2.9e-5),
    ),
    "radtan": (
        {"coefficients": [0.000031, -0.000056, 1.3e-5, -1.7e-6, 2.9e-8]},
        (5.0000006007539586, 6.0000016383447505),
        (5, 6),
    ),
    "transverse": ({"x": [0, 1, 0, 0, 0, 0, 0, 0, 1e-4], "y": [0, 0, 1]}, (7.5 + 1e-4 * 7.5**3, 7.5), (7.5, 7.5)),
    "radial": ({"coefficients": [0.03, 0.00001, 0.000004]}, (0, 0.1), (0, 0.1 * (1 - 0.03 - 1e-7 - 4e-10))),
    "cahvor": ({"coefficients": [0.03, 0.00001, 0.000004, 1, 2]}, (1, 2.1), (1, 2 + 0.1 * (1 - 0.03 - 1e-7 - 4e-10))),
}


@pytest.mark.parametrize("kind", MODELS)
def test_distortion_of_usgscsm(kind):
    content, place, ideal = MODELS[kind]
    place, ideal = np.array(place, float), np.array(ideal, float)
    name, coefficients = distortion.coefficients({kind: content})
    assert distortion.undistorted(place, name, coefficients, 1000.0) == pytest.approx(ideal, abs=1e-8)
    assert distortion.distorted(ideal, name, coefficients, 1000.0) == pytest.approx(place, abs=1e-8)


def test_distortion_of_moc_bends_angles():
    """By MocWideAngleDistortionMap of ISIS, whose polynomial of the way back misses a pixel of 7 um by half."""
    focal_length = 11.2
    name, coefficients = distortion.coefficients({"mocwideangle": detectors.RED_ANGLES})
    place = np.array([[0.0, 0.0], [0.0, 6.8], [3.0, -8.0], [0.0, 12.0]])
    ideal = distortion.undistorted(place, name, coefficients, focal_length)
    angle = np.arctan(np.hypot(3, 8) / focal_length)
    odd = [0.9993258, 0.4655529, -0.1548756, 1.827967, -3.057435, 2.226331]
    back = [0.9995458, -0.4237090, 0.2810857, -0.1697522, 0.068131536, -0.012665644]
    bent = sum(term * angle ** (2 * number + 1) for number, term in enumerate(odd))
    assert np.linalg.norm(ideal[2]) == pytest.approx(focal_length * np.tan(bent), rel=1e-12)
    theirs = sum(term * bent ** (2 * number + 1) for number, term in enumerate(back))
    assert focal_length * np.tan(theirs) == pytest.approx(np.hypot(3, 8), abs=3.5e-3)
    assert (ideal[0] == 0).all()
    assert distortion.distorted(ideal, name, coefficients, focal_length) == pytest.approx(place, abs=1e-8)


def test_distortion_of_themis():
    """The numbers of ISIS's ThemisIrDistortionMap, in their explicit direction."""
    content = {"p_alpha1": 0.00447623, "p_alpha2": 0.00107556, "p_k": 0.996005}
    kind, coefficients = distortion.coefficients({"themisir": content})
    ideal = np.array([2.0, -3.0])
    place = distortion.distorted(ideal, kind, coefficients, 200.0)
    assert place == pytest.approx([2 * 0.996005, -3 - 3 * 0.00447623 + 9 * 0.00107556], abs=1e-12)
    assert distortion.undistorted(place, kind, coefficients, 200.0) == pytest.approx(ideal, abs=1e-12)


def test_legendre_polynomials_move_within_the_image():
    """The first term in x is of P0 P1: of y alone. In a line, y is 0 and what remains is a polynomial of the column."""
    content = {"x_coefficients": [0.01] + [0] * 19, "y_coefficients": [0.0] * 20}
    kind, coefficients = distortion.coefficients({"legendre": content}, half=(32.5, 0.832))
    assert distortion.undistorted(np.array([3.0, 0.416]), kind, coefficients, 1.0) == pytest.approx([3.1625, 0.416])
    kind, coefficients = distortion.coefficients(
        {"legendre": content}, lambda name: [9, 0, 0, 0, 0, 0] if "COL" in name else [9, 1e-3, 0, 0, 0, 0], (32.5, 0.0)
    )
    place = distortion.undistorted(np.array([0.0, 0.0]), kind, coefficients, 1.0)
    assert place == pytest.approx([0, 0.013 * 2.5005])
    assert distortion.distorted(place, kind, coefficients, 1.0) == pytest.approx([0, 0], abs=1e-9)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_framelets_there_and_back(flipped, backwards):
    """The middle lines of framelets, which overlap, are seen in these and no other."""
    pushing = camera(orbit(framelets_flipped=flipped, framelet_order_reversed=backwards))
    sample, line = np.meshgrid([1.0, 8.0, 16.0], 6.5 + 12 * np.arange(30))
    seen = pushing.ground(sample, line)
    back = pushing.image(seen.latitude, seen.longitude)
    assert np.abs(np.array(back) - (sample, line)).max() < 1e-6
    north = seen.latitude[-1, 1] > seen.latitude[0, 1]  # the camera flies to the south
    assert north == backwards
    within = pushing.ground(8.0, np.array([1.0, 12.0])).latitude
    assert (within[1] < within[0]) != flipped


@pytest.mark.parametrize("resolution", [50, 400])
def test_no_pixel_is_made_of_two_framelets(resolution):
    """Between framelets the image jumps; no position of a map there comes from its neighbours'."""
    pushing = camera(orbit(focal2pixel_lines=[0.0, -20.0, 0.0], framelet_height=24, image_lines=720))
    mapping = Mapping.for_camera(pushing, {"ProjectionName": "SimpleCylindrical", "PixelResolution": resolution})
    made = resample.positions(pushing, mapping, 0, mapping.lines)
    row, column = np.mgrid[1 : mapping.lines + 1, 1 : mapping.samples + 1]
    exact = pushing.image(*mapping.ground(column, row))
    assert np.allclose(made, exact, rtol=0, atol=resample.TOLERANCE, equal_nan=True)
    assert np.isfinite(made[0]).mean() > 0.8


def test_a_line_scan_may_change_its_rate():
    """Lines 9 to 16 take twice as long, from where the others end."""
    even = camera(fly_by(line_scan_rate=[[0.5, -0.8, 0.1], [8.5, 0.0, 0.05]]))
    assert even.isd.time(np.array([1.0, 8.0, 9.0, 16.0])) == pytest.approx([999.25, 999.95, 1000.025, 1000.375])
    sample, line = np.meshgrid([7.0, 8.5, 10.0], np.arange(5, 15.0))
    seen = even.ground(sample, line)
    assert np.abs(np.array(even.image(seen.latitude, seen.longitude)) - (sample, line)).max() < 1e-3


@pytest.mark.parametrize(("code", "axis", "line"), [(-94031, 1024.5, 0.0), (-94032, 1674.65, 6.7785)])
def test_moc_of_ale_has_the_optics_of_isis(code, axis, line):
    """As MocNarrowAngleCamera and MocWideAngleCamera: the first sample is 673, four of a line and four lines are one."""
    ale = fly_by(
        line_scan_rate=[[0.5, -3.2, 0.1]],
        center_ephemeris_time=1002.4,
        detector_center={"line": 0.5, "sample": 1727.5},
        starting_detector_sample=673,
        optical_distortion={"radial": {"coefficients": [0, -0.007, 0.007]}},
    )
    ale["instrument_pointing"]["time_dependent_frames"] = [code, 1]
    made = isd.from_isd(ale, {"CrosstrackSumming": "4", "DowntrackSumming": "4"})
    assert (made.line_time, made.start) == pytest.approx((0.4, 999.2))
    assert made.boresight == pytest.approx((axis, -line))
    assert Camera(made)._detector(1.0, 0) == 673 + 1.5  # LineScanCameraDetectorMap: the middle of 673 to 676
    assert made.distortion == ("radial" if code == -94031 else "mocwideangle")
    assert made.coefficients.any() == (code != -94031)
    assert isd.from_isd(ale).summing == made.summing == (4, 4)


def test_galileo_of_ale_has_the_optics_of_isis():
    """As SsiCamera and its RadialDistortionMap: (1 + K1 r^2) about pixel (400, 400), four pixels of a summed frame one."""
    ale = frame(
        detector_center={"line": 400.0, "sample": 400.0},
        optical_distortion={"radial": {"coefficients": [-2.4976983626e-05]}},
    )
    ale["instrument_pointing"]["time_dependent_frames"] = [-77001, 1]
    made = isd.from_isd(ale, {"Summing": "2"})
    assert (made.boresight, made.summing) == ((400, 400), (2, 2))
    place = np.array([3.0, 4.0])
    seen = distortion.undistorted(place, made.distortion, made.coefficients, 1500.0)
    assert seen == pytest.approx(place * (1 - 2.4976983626e-05 * 25), abs=1e-12)
    assert isd.from_isd(ale).summing == (1, 1)


def test_lorri_of_ale_has_the_axis_of_isis():
    """As NewHorizonsLorriCamera: the middle of its 1024 x 1024 pixels, and the distortion of its kernel."""
    own = {"INS-98301_OOC_CCD_CENTER": [511.5, 511.5], "INS-98301_OOC_EM": [2.7e-5, -1.9e-5, -2.9e-5]}
    ale = frame(naif_keywords=own, detector_center={"line": 0.0, "sample": 0.0})
    ale["instrument_pointing"]["time_dependent_frames"] = [-98301, 1]
    made = isd.from_isd(ale)
    assert (made.boresight, made.distortion) == ((512.5, 512.5), "lorri")
    assert made.coefficients.tolist() == own["INS-98301_OOC_EM"]


OF_CUBES = {  # ALE's tests: cassiniiss_isis_isd.json, dawnfc_isis_isd.json; the others have those of the PDS labels
    -82360: ("K1", 8e-06, 512.5, {"radial": {"coefficients": [0, -8e-06, 0]}}),
    -203126: ("RAD_DIST_COEFF", 9.2e-06, 512.0, {"dawnfc": {"coefficients": [9.2e-06]}}),
}


@pytest.mark.parametrize("code", OF_CUBES)
def test_distortion_of_a_cube_is_that_of_its_label(code):
    """ALE leaves it out of the description of an ISIS cube, not of a PDS label: both are one camera."""
    keyword, value, axis, of_label = OF_CUBES[code]
    undistorted = {"radial": {"coefficients": [0.0, 0.0, 0.0]}}
    seen = {f"INS{code}_BORESIGHT_{place}": 512.5 for place in ("SAMPLE", "LINE")}

    def made(centre, distorted, **keywords):
        ale = frame(detector_center={"line": centre, "sample": centre}, optical_distortion=distorted)
        ale["instrument_pointing"]["constant_frames"] = [code, 1]
        return isd.from_isd(ale | {"naif_keywords": seen | keywords})

    label = made(512.0, of_label)
    for given in (value, [value]):
        cube = made(axis, undistorted, **{f"INS{code}_{keyword}": given})
        assert (cube.distortion, cube.boresight, cube.omitted) == (label.distortion, label.boresight, [])
        assert cube.coefficients.tolist() == label.coefficients.tolist()
    assert made(512.0, undistorted).omitted[0].startswith("distortion of the camera")


def test_themis_infrared_of_ale_has_the_rows_of_isis():
    """As ThemisIrCamera: its middle between samples 160 and 161, the first band 112 rows from the axis."""
    ale = fly_by(detector_center={"line": 0, "sample": 0}, starting_detector_sample=160.5, starting_detector_line=0)
    ale["instrument_pointing"]["time_dependent_frames"] = [-53031, 1]
    made = isd.from_isd(ale)
    assert (made.boresight, Camera(made)._detector(1.0, 0)) == ((160.5, -112), 1)


@pytest.mark.parametrize(
    ("mode", "first"), [({"InstrumentModeId": "COLOR"}, 264), ({"InstrumentModeId": "BW", "Mode": "2"}, 0)]
)
def test_wac_of_ale_begins_where_its_mode_reads(mode, first):
    """As LroWideAngleCamera: four samples from 264 on are the first of an ultraviolet image in colour."""
    offsets = {"INS-85626_COLOR_SAMPLE_OFFSET": 264, "INS-85626_BW2_SAMPLE_OFFSET": 0}
    ale = orbit(naif_keywords=offsets, starting_detector_sample=0, detector_sample_summing=4)
    made = isd.from_isd(ale, {"InstrumentId": "WAC-UV"} | mode)
    assert Camera(made)._detector(1.0, 0) == first + 2.5


def test_hirise_of_ale_has_the_channel_of_isis():
    """ALE's looks through the middle of the telescope; the cube tells its CCD, its half of that, and its binning."""
    ccd = {"INS-74612_ITRANSS": [1001.28, 0.0163, -83.3333], "INS-74612_ITRANSL": [6850.08, 83.3333, 0.0163]}
    ale = fly_by(naif_keywords=ccd, detector_center={"line": 0, "sample": 0}, starting_detector_line=0)
    instrument = {"InstrumentId": "HIRISE", "CpmmNumber": "4", "ChannelNumber": "1", "Summing": "4", "Tdi": "64"}
    made = isd.from_isd(ale, instrument)
    assert made.detector.tolist() == list(ccd.values())
    assert (made.boresight, made.summing) == ((1024.5, 32), (4, 4))
    assert Camera(made)._detector(1.0, 0) == 1 + 1.5  # the middle of pixels 1 to 4
    assert Camera(isd.from_isd(ale, instrument | {"ChannelNumber": "0"}))._detector(1.0, 0) == 1025 + 1.5
    with pytest.raises(ValueError, match="INS-74602_ITRANSS"):
        isd.from_isd(ale, instrument | {"CpmmNumber": "2"})


def test_lines_without_positions_are_not_guessed():
    late = camera(fly_by(line_scan_rate=[[0.5, -0.8, 0.1], [8.5, 9.0, 0.1]]))
    assert np.isfinite(late.ground(8.5, 8.0).latitude)
    assert np.isnan(late.ground(8.5, 9.0).latitude)
    assert late.isd.omitted == [
        "geometry of 8 lines from 9 to 16: the camera description has no positions or pointing at their times"
    ]


@pytest.mark.parametrize(
    "described", [frame(), fly_by(), fly_by(line_scan_rate=[[0.5, -0.8, 0.1], [8.5, 0, 0.05]]), orbit()]
)
def test_a_cube_is_the_same_camera(tmp_path, described):
    """Every bit of it: tables and one more object hold all of an ISD."""
    given = isd.from_isd(described)
    tables, kernels, objects = isd.tables(given)
    size = (1, given.lines, given.samples)
    groups = {"Instrument": {"InstrumentId": "X", "TargetName": "Mars"}, "Kernels": kernels}
    cubes.write(tmp_path / "a.cub", cubes.Image(*size, "f4", groups, [(np.zeros(size), None)], tables, objects))
    again = Camera(isd.of(tmp_path / "a.cub"))
    sample, line = np.meshgrid(np.linspace(1, given.samples, 5), np.linspace(1, given.lines, 7))
    for values, expected in zip(
        dataclasses.astuple(again.ground(sample, line)),
        dataclasses.astuple(Camera(given).ground(sample, line)),
        strict=True,
    ):
        assert np.array_equal(values, expected, equal_nan=True)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
@pytest.mark.parametrize("name", sorted(path.name for path in CASES.glob("*")) if CASES.is_dir() else [""])
def test_case_isds_of_ale(name, tmp_path):
    """There and back at places all over the image; what is not covered is said."""
    path = CASES / name
    camera = Camera(isd.of(path))
    sample, line = np.meshgrid(np.linspace(1, camera.samples, 7), np.linspace(1, camera.lines, 7))
    seen = camera.ground(sample, line)
    there = np.isfinite(seen.latitude)
    assert there.all() or camera.isd.omitted
    assert there.sum() >= 21
    back = np.array(camera.image(seen.latitude, seen.longitude))
    assert np.abs(back - (sample, line))[:, there].max() < 1e-3
