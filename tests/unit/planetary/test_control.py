"""Control: wrong pointing of cameras over a made planet, found and put right; nothing of it is known to the code."""

import csv
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import scipy.optimize
from scipy.spatial.transform import Rotation

import planetary_planet as planet
from darkroom.planetary.control import adjust, features
from darkroom.planetary.control.bundle import Adjustment
from darkroom.planetary.control.network import Network
from darkroom.planetary.engines import native
from darkroom.planetary.formats import cnet
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry import mosaic, pointing
from darkroom.planetary.geometry.camera import Camera, cartesian, spherical
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.isd import from_isd
from planetary_correct_pointing import planetary_correct_pointing
from planetary_detect_control import planetary_detect_control
from planetary_import_geometry import give_shape

OPTIONS = {
    "adjust": "angles",
    "sigma": 0.25,
    "radius": 0,
    "search": 120,
    "features": 200,
    "tiles": 9,
    "least": 10,
    "bound": 1,
    "held": [],
    "network": "",
}
KINDS = {
    "frames": [planet.frame_isd(*place) for place in planet.FRAMES],
    "scans": [planet.scan_isd(*place) for place in planet.SCANS],
    "both": [
        planet.frame_isd(*planet.FRAMES[0]),
        planet.scan_isd(*planet.SCANS[1]),
        planet.frame_isd(*planet.FRAMES[3]),
    ],
}


def controlled(folder, seen, **options):
    """Run the rules' scripts on images; paths of what they have made."""
    names = [each.path.stem for each in seen]
    made = {"network": "control.net", "residuals": "control.csv", "pointing": "pointing.json", "record": "control.json"}
    made = {name: folder / file for name, file in made.items()}
    asked = {"engine": "native", "names": names, "network": "mosaic", "control": OPTIONS | options}
    planetary_detect_control([str(each.path) for each in seen], **made, image=asked, threads=2)
    for each in seen:
        planetary_correct_pointing(
            each.path, made["pointing"], folder / f"controlled.{each.path.name}", {"name": each.path.stem}
        )
    return made


def apart(seen, paths):
    """Metres on the ground between what two cameras of cubes take for the same places, over all overlaps; the places are
    those that the true cameras show."""
    cameras, apart = [camera_of(path) for path in paths], []
    grid = np.linspace(20, planet.SIDE - 20, 9)
    for one, first in enumerate(seen):
        ground = first.truth.ground(*np.meshgrid(grid, grid))
        for other in range(one + 1, len(seen)):
            truth = seen[other].truth
            sample, line = truth.image(ground.latitude, ground.longitude)
            both = (sample > 0.5) & (sample < truth.samples + 0.5) & (line > 0.5) & (line < truth.lines + 0.5)
            places = [
                cameras[one].ground(*np.meshgrid(grid, grid)).point[both],
                cameras[other].ground(sample[both], line[both]).point,
            ]
            apart += list(np.linalg.norm(places[0] - places[1], axis=1) * 1000)
    return np.array(apart)


@pytest.fixture(
    scope="module",
    params=[("frames", 11, {}), ("scans", 12, {"light": 15.0}), ("both", 13, {"noise": 0.04})],
    ids=lambda param: param[0],
)
def case(request, tmp_path_factory):
    """Images of each kind of camera, some 20 pixels off, and what their control has made of them."""
    kind, seed, how = request.param
    folder = tmp_path_factory.mktemp(kind)
    seen = planet.see(folder, KINDS[kind], seed, **how)
    return folder, seen, controlled(folder, seen)


def test_overlaps_come_from_tens_of_pixels_to_less_than_one(case):
    folder, seen, _ = case
    before = apart(seen, [each.path for each in seen])
    after = apart(seen, [folder / f"controlled.{each.path.name}" for each in seen])
    assert np.median(before) > 100  # ten pixels of 10 m
    assert np.sqrt(np.mean(after**2)) < 10


def test_what_is_left_is_common_to_all(case):
    """What control cannot know is how all together are off: each is left with about the mean of all errors."""
    folder, seen, _ = case
    pixel = seen[0].truth.isd.pitch * seen[0].truth.isd.summing[0] / seen[0].truth.isd.focal_length
    off = np.array([each.off[:2] for each in seen]) / pixel
    assert np.ptp(off, axis=0).max() > 20
    left = []
    for each in seen:
        found, truth = (
            camera.isd.pointing.matrix(camera.isd.time(1.0))
            for camera in (camera_of(folder / f"controlled.{each.path.name}"), each.truth)
        )
        left.append(Rotation.from_matrix(found @ truth.T).as_rotvec()[:2] / pixel)
    assert np.ptp(left, axis=0).max() < 4
    assert np.mean(left, axis=0) == pytest.approx(off.mean(axis=0), abs=3)


def test_residuals_are_those_of_the_cameras_that_were_written(case):
    folder, seen, made = case
    cameras = {each.path.stem: camera_of(folder / f"controlled.{each.path.name}") for each in seen}
    with made["residuals"].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100
    squares = []
    for row in rows:
        camera = cameras[row["image"]]
        sample, line = camera.image(float(row["latitude"]), float(row["longitude"]))
        residual = float(row["residual_sample"]), float(row["residual_line"])
        assert (float(row["sample"]) - sample, float(row["line"]) - line) == pytest.approx(residual, abs=0.03)
        squares.append(np.sum(np.square(residual)))
    record = json.loads(made["record"].read_text())["checks"]["planetary_control"]
    assert record["measures"] == len(rows)
    assert record["rms_after"] == pytest.approx(np.sqrt(np.mean(squares)), abs=1e-3)
    assert record["rms_after"] < 1 < 5 < record["rms_before"]
    assert record["points_of_three_or_more"] > 3


def test_the_network_is_that_of_the_table(case):
    _, _, made = case
    header, points = cnet.read(made["network"])
    with made["residuals"].open() as file:
        rows = list(csv.DictReader(file))
    assert header.target == "Mercury"
    measures = [(point, measure) for point in points for measure in point.measures]
    assert len(measures) == len(rows)
    for (point, measure), row in zip(measures, rows, strict=True):
        assert point.id == row["point"]
        assert measure.serial.startswith("MeSSEnGeR/MDIS-NAC/2/00721900")
        assert (measure.sample, measure.line) == pytest.approx((float(row["sample"]), float(row["line"])), abs=1e-4)
        assert measure.sample_residual == pytest.approx(float(row["residual_sample"]), abs=1e-4)
        latitude, longitude = spherical(np.array([point.adjusted_x, point.adjusted_y, point.adjusted_z]))
        assert (latitude, longitude) == pytest.approx((float(row["latitude"]), float(row["longitude"])), abs=1e-7)


def test_what_was_done_stands_in_the_cubes(case):
    folder, seen, _ = case
    for each in seen:
        before, after = Cube(each.path), Cube(folder / f"controlled.{each.path.name}")
        *done, last = after.groups["Darkroom"]["Done"]
        assert tuple(done) == tuple(
            before.groups["Darkroom"]["Done"]
            if isinstance(before.groups["Darkroom"]["Done"], tuple)
            else (before.groups["Darkroom"]["Done"],)
        )
        assert re.match(rf"control: {each.path.stem} turned by \(", last)
        assert after.tables == before.tables
        np.testing.assert_array_equal(after.raw(), before.raw())
        table = after.table("InstrumentPointing")
        assert table.records.dtype == before.table("InstrumentPointing").records.dtype
        assert table.keywords == before.table("InstrumentPointing").keywords


def test_the_same_images_give_the_same_bytes(case, tmp_path):
    folder, seen, made = case
    if "both" not in folder.name:
        pytest.skip("once is enough")
    again = controlled(tmp_path, seen)
    for name, path in made.items():
        assert again[name].read_bytes() == path.read_bytes(), name


def test_a_mosaic_has_no_seams_any_more(case):
    """Where two maps overlap, they show the same: hardly anything is alike before, nearly all is after."""
    folder, seen, _ = case
    alike = []
    for begin in ("", "controlled."):
        cubes = [folder / f"{begin}{each.path.name}" for each in seen]
        given = {"ProjectionName": "Equirectangular", "PixelResolution": 10.0}
        template = native.template(cubes, folder / "none.map", given, {}) | given
        maps = []
        for number, cube in enumerate(cubes):
            native.project(
                cube, template, folder / f"map.{begin}{number}.cub", {"interpolation": "cubic", "may_miss": False}
            )
            maps.append(Cube(folder / f"map.{begin}{number}.cub"))
        mapping, placed = mosaic.place(maps)
        shown = np.full((len(maps), mapping.lines, mapping.samples), np.nan)
        for layer, (made, row, column) in zip(shown, placed, strict=True):
            layer[row : row + made.lines, column : column + made.samples] = made.read()[0]
        pairs = [(one, other) for one in range(len(maps)) for other in range(one)]
        both = [np.isfinite(shown[[one, other]]).all(axis=0) for one, other in pairs]
        alike.append(
            [
                np.corrcoef(shown[one][part], shown[other][part])[0, 1]
                for (one, other), part in zip(pairs, both, strict=True)
                if part.sum() > 5000
            ]
        )
    before, after = map(np.array, alike)
    assert before.mean() < 0.5
    assert after.min() > before.max()
    assert after.mean() > 0.7


def test_points_lie_on_the_heights_of_a_dem(tmp_path):
    """Of a plateau 500 m above the sphere; what the images show does not know of it, and hardly changes by it."""
    heights = np.full((60, 60), 500, "f4")
    place = {"crs": "+proj=longlat +R=2439400 +no_defs", "transform": rasterio.Affine(0.02, 0, 149.4, 0, -0.02, 20.6)}
    size = {"width": 60, "height": 60, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "dem.tif", "w", driver="GTiff", **size, **place) as dem:
        dem.write(heights, 1)
    seen = []
    for each in planet.see(tmp_path, KINDS["both"][:2], 31):
        path = each.path.with_name(f"shaped_{each.path.name}")
        give_shape(each.path, path, str(tmp_path / "dem.tif"))
        seen.append(planet.Seen(path, each.truth, each.off))
    made = controlled(tmp_path, seen)
    with made["residuals"].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 40
    assert {float(row["radius"]) for row in rows} == {2439900.0}
    assert json.loads(made["record"].read_text())["checks"]["planetary_control"]["rms_after"] < 0.5
    assert {point.radius_source for point in cnet.read(made["network"])[1]} == {cnet.DEM}


def test_a_held_image_brings_the_others_to_where_they_are(tmp_path):
    """With one image whose pointing is right, that of all is right in the end."""
    seen = planet.see(tmp_path, KINDS["frames"][:3], 21)
    (tmp_path / "true").mkdir()
    seen[0], *_ = planet.see(tmp_path / "true", KINDS["frames"][:1], 21, pixels=0.0)
    controlled(tmp_path, seen, held=["a"])
    for each in seen[1:]:
        camera = camera_of(tmp_path / f"controlled.{each.path.name}")
        places = camera.ground(200.0, 200.0), each.truth.ground(200.0, 200.0)
        assert np.linalg.norm(places[0].point - places[1].point) * 1000 < 30  # three pixels
    held = (Cube(path).table("InstrumentPointing").records for path in (seen[0].path, tmp_path / "controlled.a.cub"))
    np.testing.assert_array_equal(*held)


def test_a_network_that_is_given_takes_the_place_of_features(case, tmp_path):
    """That of the first control gives the same turns; what was ignored in it since is left out."""
    folder, seen, made = case
    if "both" not in folder.name:
        pytest.skip("once is enough")
    again = controlled(tmp_path, seen, network=str(made["network"]))
    first, second = (json.loads(each["record"].read_text())["checks"]["planetary_control"] for each in (made, again))
    assert second["measures"] == pytest.approx(first["measures"], abs=3)
    for one, other in zip(first["images"], second["images"], strict=True):
        assert one["angles"] == pytest.approx(other["angles"], abs=2e-4)
    header, points = cnet.read(made["network"])
    for point in points[::2]:
        point.ignore = 1
    points[1].type = cnet.FIXED
    cnet.write(tmp_path / "half.net", header, points)
    half = controlled(tmp_path, seen, network=str(tmp_path / "half.net"), least=3)
    notes = json.loads(half["record"].read_text())["notes"]
    assert notes[0].startswith(f"control: points from half.net, {len(points[::2])} of {len(points)} left out")
    assert notes[1] == "control: 1 points of known place in half.net, taken as unknown"
    assert json.loads(half["record"].read_text())["checks"]["planetary_control"]["points"] <= len(points[1::2])
    for point in points:
        point.measures = point.measures[:1]
    cnet.write(tmp_path / "single.net", header, points)
    with pytest.raises(
        ValueError,
        match=rf"single.net: none of its {len(points)} points is in two of the images, whose serial numbers are MeSS",
    ):
        controlled(tmp_path, seen, network=str(tmp_path / "single.net"))


# The bundle, against a computation of another kind


@pytest.fixture(scope="module")
def small():
    """Few true measures of three cameras that are off, with errors of a tenth of a pixel, and what put them off."""
    rng = np.random.default_rng(4)
    truth = [Camera(from_isd(isd)) for isd in KINDS["both"]]
    ground = truth[0].ground(*rng.uniform(60, 390, (2, 16)))
    tracks = []
    for latitude, longitude in zip(ground.latitude, ground.longitude, strict=True):
        track = []
        for number, camera in enumerate(truth):
            sample, line = (float(each) for each in camera.image(latitude, longitude))
            if 1 <= sample <= camera.samples and 1 <= line <= camera.lines:
                track.append((number, *(np.array([sample, line]) + rng.normal(0, 0.1, 2))))
        if len(track) > 1:
            tracks.append(track)
    pixel = truth[0].isd.pitch * 2 / truth[0].isd.focal_length
    off = rng.normal(0, 10, (3, 3)) * [pixel, pixel, 0.1 / planet.SIDE]
    cameras = [Camera(pointing.turned(camera.isd, each)) for camera, each in zip(truth, off, strict=True)]
    return Network.of("abc", tracks), cameras


@pytest.mark.parametrize("radius", [0.0, 0.05])
def test_the_solution_is_that_of_brute_force(small, radius):
    """All unknowns at once, as angles and as latitudes, longitudes and radii, by Levenberg-Marquardt with a dense matrix of
    finite differences, and each camera's own way from the ground to the image."""
    network, cameras = small
    sigma, count = np.radians(0.05), network.points
    found = Adjustment(sigma, radius=radius).of(network, cameras)
    assert found.rejected == 0
    ball = float(cameras[0].isd.radii[0])
    begin = np.stack([*spherical(found.points), np.full(count, ball)], axis=1)
    scale = np.array([1e-3, 1e-3, 1e-2])  # degrees, degrees, km

    def missed(unknowns):
        angles, places = unknowns[:9].reshape(3, 3) * sigma, begin + unknowns[9:].reshape(-1, 3) * scale
        residuals = [unknowns[:9], (places[:, 2] - ball) / (radius or 1e-6)]
        for number, camera in enumerate(cameras):
            own = network.image == number
            latitude, longitude, height = places[network.point[own]].T
            turned = Camera(pointing.turned(camera.isd, angles[number]))
            turned.terrain = SimpleNamespace(
                points=lambda *at, height=height: cartesian(*at, np.ones(3)) * height[:, None]
            )
            residuals.append((np.stack(turned.image(latitude, longitude), axis=1) - network.place[own]).ravel())
        return np.concatenate(residuals)

    brute = scipy.optimize.least_squares(missed, np.zeros(9 + 3 * count), x_scale="jac", diff_step=0.01, xtol=1e-7)
    heights = (np.linalg.norm(found.points, axis=1) - ball) / scale[2]
    ours = np.concatenate([found.angles.ravel() / sigma, np.column_stack([np.zeros((count, 2)), heights]).ravel()])
    assert np.sum(missed(ours) ** 2) / 2 == pytest.approx(brute.cost, rel=1e-3)
    # All together turn at hardly any cost, but for the a priori errors.
    pixel = cameras[0].isd.pitch * 2 / cameras[0].isd.focal_length
    off = (found.angles - brute.x[:9].reshape(3, 3) * sigma) / [pixel, pixel, 2 / planet.SIDE]
    assert off == pytest.approx(np.zeros((3, 3)), abs=0.3)
    assert off - off.mean(axis=0) == pytest.approx(np.zeros((3, 3)), abs=0.03)


def test_angles_that_change_with_time_are_found(tmp_path):
    """A line scan that turns while it is taken: constant angles leave pixels, velocities do not."""
    truth = [Camera(from_isd(isd)) for isd in KINDS["scans"]]
    pixel = truth[0].isd.pitch * 2 / truth[0].isd.focal_length
    grid = np.meshgrid(np.linspace(10, 390, 12), np.linspace(10, 490, 15))
    ground = truth[1].ground(*(axis.ravel() for axis in grid))
    tracks = []
    for latitude, longitude in zip(ground.latitude, ground.longitude, strict=True):
        seen = [
            (number, *(float(each) for each in camera.image(latitude, longitude)))
            for number, camera in enumerate(truth)
        ]
        inside = [measure for measure in seen if 1 <= measure[1] <= 400 and 1 <= measure[2] <= 500]
        tracks += [inside] if len(inside) > 1 else []
    rates = np.array([[0, 0, 0], [8 * pixel, -6 * pixel, 0.002], [0, 0, 0]])
    cameras = [
        Camera(pointing.turned(camera.isd, np.zeros(3), rate)) for camera, rate in zip(truth, rates, strict=True)
    ]
    network = Network.of("abc", tracks)
    still = Adjustment(np.radians(0.25), held=(0, 2)).of(network, cameras)
    moving = Adjustment(np.radians(0.25), linear=True, held=(0, 2)).of(network, cameras)
    assert still.of_image(1)[1] > 1
    assert moving.of_image(1)[1] < 0.05
    assert (moving.rates + rates)[1] / [pixel, pixel, 0.005] == pytest.approx(np.zeros(3), abs=0.1)


def test_a_pair_that_hangs_together_by_others_alone_is_told(small):
    network, _ = small
    few = network.common[0, 2]
    told = adjust.weak(network, {(0, 1), (0, 2)}, few + 1)
    assert f"control: a and c overlap, and have {few} places in common" in told
    assert adjust.weak(network, {(0, 2)}, few) == ()


def test_measures_that_do_not_fit_are_left_out(small):
    network, cameras = small
    wrong = network.place.copy()
    wrong[5] += [0, 9]
    spoilt = Network(network.names, network.image, network.point, wrong)
    found = Adjustment(np.radians(0.1)).of(spoilt, cameras)
    assert 1 <= found.rejected <= 4
    assert max(found.of_image(number)[1] for number in range(3)) < 0.3


# Turned cameras


@pytest.mark.parametrize("kind", ["frames", "scans"])
def test_a_turned_camera_looks_elsewhere_by_its_turn(kind):
    isd = from_isd(KINDS[kind][0])
    angles, rates = np.array([1e-3, -2e-3, 5e-3]), np.array([2e-4, 1e-4, -3e-4])
    turned = pointing.turned(isd, angles, rates if kind == "scans" else np.zeros(3))
    for line in (1.0, 250.0, 500.0):
        part = (line - 250.5) / 250 if kind == "scans" else 0.0
        turn = Rotation.from_matrix(turned.pointing.matrix(turned.time(line)) @ isd.pointing.matrix(isd.time(line)).T)
        assert turn.as_rotvec() == pytest.approx(angles + part * rates, abs=1e-8)


def test_angular_velocities_are_those_of_the_turned_frame():
    isd = from_isd(KINDS["scans"][0])
    turned = pointing.turned(isd, np.zeros(3), np.array([3e-3, -1e-3, 2e-3])).pointing
    middle, step = turned.times[4], 1e-3
    change = turned.matrix(middle + step) @ turned.matrix(middle - step).T
    # A frame that turns by w sees vectors turn by -w; w of the table is in J2000.
    own = -Rotation.from_matrix(change).as_rotvec() / (2 * step)
    before = isd.pointing.matrix(middle + step) @ isd.pointing.matrix(middle - step).T
    own += Rotation.from_matrix(before).as_rotvec() / (2 * step)
    assert turned.matrix(middle) @ turned.angular_velocities[4] == pytest.approx(own, abs=1e-6)


# Bad input


def test_images_that_do_not_overlap_are_named(tmp_path):
    far = [planet.frame_isd(-3.5, 0, 0), planet.frame_isd(-3.0, 0, 0), planet.frame_isd(4.5, 0, 0)]
    seen = planet.see(tmp_path, far)
    with pytest.raises(
        ValueError, match=r"^control: no overlap with another image of a, b, c: c; leave out, or check the geometry$"
    ):
        controlled(tmp_path, seen)
    assert not (tmp_path / "control.net").exists()


def test_islands_are_named(tmp_path):
    apart = [planet.frame_isd(north, 0, 0) for north in (-3.5, -3.0, 3.0, 3.5)]
    seen = planet.see(tmp_path, apart)
    with pytest.raises(
        ValueError, match=r"^control: the network is in 2 parts: a, b; c, d; a pair hangs together by 10"
    ):
        controlled(tmp_path, seen)


def test_images_that_show_nothing_alike_are_named(tmp_path):
    seen = planet.see(tmp_path, KINDS["frames"][:2], noise=3.0)
    with pytest.raises(ValueError, match=r"in 2 parts: a; b \(places in common: a and b: \d\); a pair"):
        controlled(tmp_path, seen)


def test_images_that_still_miss_are_named(tmp_path):
    seen = planet.see(tmp_path, KINDS["frames"][:2])
    with pytest.raises(
        ValueError,
        match=r"^control: after the adjustment, images still miss .* a by 0\.\d\d pixels, b by 0\.\d\d pixels",
    ):
        controlled(tmp_path, seen, bound=0.01)
    assert not (tmp_path / "control.net").exists()


def test_an_image_that_comes_twice_is_named(tmp_path):
    seen = planet.see(tmp_path, KINDS["frames"][:2])
    shutil.copyfile(seen[0].path, tmp_path / "c.cub")
    seen.append(planet.Seen(tmp_path / "c.cub", seen[0].truth, seen[0].off))
    with pytest.raises(
        ValueError, match=r"^control: a and c are one image, MeSSEnGeR/MDIS-NAC/2/.*; leave one of them out$"
    ):
        controlled(tmp_path, seen)


def test_a_map_is_refused(tmp_path):
    seen = planet.see(tmp_path, KINDS["frames"][:2])
    given = {"ProjectionName": "Equirectangular", "PixelResolution": 20.0}
    template = native.template([seen[1].path], tmp_path / "none.map", given, {}) | given
    native.project(seen[1].path, template, tmp_path / "map.cub", {"interpolation": "nearest", "may_miss": False})
    seen[1] = planet.Seen(tmp_path / "map.cub", seen[1].truth, seen[1].off)
    with pytest.raises(ValueError, match=r"map.cub: is a map; control turns the cameras of images"):
        controlled(tmp_path, seen)


def test_tiles_are_spread_over_what_two_images_have_in_common(tmp_path):
    seen = planet.see(tmp_path, [planet.scan_isd(0, 0, 0, lines=900), planet.scan_isd(0.2, 0.5, 0, lines=900)])
    views = [features.View(each.path.stem, Cube(each.path), camera_of(each.path)) for each in seen]
    few, many = (features.chosen_tiles(views, most) for most in (2, 9))
    assert len(few) == 2 and len(many) > 2
    assert all(tile.views == (0, 1) for tile in many)
    latitudes = sorted(tile.latitude for tile in few)
    assert np.deg2rad(latitudes[1] - latitudes[0]) * 2439.4 > 3
