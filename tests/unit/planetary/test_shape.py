"""Cameras over the heights of a DEM: a made planet whose hills are a formula, seen by the demo's frame."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from darkroom.planetary.engines import native
from darkroom.planetary.formats import cubes
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry import isd, resample
from darkroom.planetary.geometry.camera import Camera, spherical
from darkroom.planetary.geometry.projection import Mapping
from darkroom.planetary.geometry.shape import Terrain
from darkroom.samples import planetary as sample
from planetary_import_geometry import attach, give_shape

RADIUS = 2439.4  # km of Mercury
WEST, NORTH, STEP = 149.5, 20.5, 0.001  # degrees; 43 m
HILLS, WAVE = 400.0, 0.05  # metres, degrees
LONGLAT = {"proj": "longlat", "R": RADIUS * 1000, "no_defs": True}
PLACES = np.array([[20.01, 149.99], [19.9876, 150.0213], [20.03, 150.03]]).T


def height(latitude, longitude):
    """Metres of the hills."""
    return HILLS * np.sin(np.radians(latitude) * 360 / WAVE / 4) * np.cos(np.radians(longitude) * 360 / WAVE / 4) + 100


def write_dem(path, crs=LONGLAT, west=WEST, scale=1.0, offset=0.0, of=height, size=1000):
    """A DEM in degrees, of the values of a function."""
    latitude = NORTH - (np.arange(size)[:, None] + 0.5) * STEP
    longitude = west + (np.arange(size)[None, :] + 0.5) * STEP
    values = (of(latitude, longitude) - offset) / scale
    transform = rasterio.transform.from_origin(west, NORTH, STEP, STEP)
    return write_raster(path, values, transform, CRS.from_dict(crs), scale, offset)


def write_raster(path, values, transform, crs, scale=1.0, offset=0.0):
    lines, samples = values.shape
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "nodata": -32768, "height": lines, "width": samples}
    with rasterio.open(path, "w", crs=crs, transform=transform, **profile) as dem:
        dem.write(values.astype("f4"), 1)
        dem.scales, dem.offsets = [scale], [offset]
    return path


@pytest.fixture(scope="module")
def dem(tmp_path_factory):
    return write_dem(tmp_path_factory.mktemp("dem") / "dem.tif")


@pytest.fixture(scope="module")
def camera(dem):
    """The demo's second frame, 30 degrees from straight down, above the place that it shows there."""
    described = isd.from_isd(sample.mdis_isd(1))
    tilt = np.radians(30)
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)], [0, -np.sin(tilt), np.cos(tilt)]])
    pointing = dataclasses.replace(described.pointing, constant=turn @ described.pointing.constant)
    tilted = dataclasses.replace(described, pointing=pointing)
    there, here = (Camera(each).ground(256.5, 256.5) for each in (described, tilted))
    move = facing(there) @ facing(here).T
    body = dataclasses.replace(described.body, constant=move @ described.body.constant)
    return Camera(dataclasses.replace(tilted, body=body, shape=str(dem)))


def facing(ground):
    """The matrix that turns the x axis to a place."""
    down, east = np.radians(ground.latitude), np.radians(ground.longitude)
    level = [[np.cos(down), 0, -np.sin(down)], [0, 1, 0], [np.sin(down), 0, np.cos(down)]]
    around = [[np.cos(east), -np.sin(east), 0], [np.sin(east), np.cos(east), 0], [0, 0, 1]]
    return np.array(around) @ np.array(level)


def flat(camera):
    """The same camera over the ellipsoid."""
    return Camera(dataclasses.replace(camera.isd, shape=""))


@pytest.fixture(scope="module")
def seen(camera):
    """What some pixels see."""
    sample, line = np.meshgrid(np.linspace(20, 490, 7), np.linspace(20, 490, 7))
    return sample, line, camera.ground(sample, line)


def test_lines_of_sight_end_on_the_hills(camera, seen):
    """On the formula's surface, within what lies between the pixels of the DEM, and on the line."""
    _, _, ground = seen
    expected = RADIUS * 1000 + height(ground.latitude, ground.longitude)
    assert np.abs(ground.radius - expected).max() < 2
    along = ground.point - ground.spacecraft
    assert np.abs(np.cross(along, ground.look)).max() < 1e-6
    assert np.ptp(ground.radius) > 400 and ground.emission.mean() > 25
    assert np.abs(ground.latitude - flat(camera).ground(*seen[:2]).latitude).max() > 1e-3


def test_places_are_found_again(camera, seen):
    sample, line, ground = seen
    back = camera.image(ground.latitude, ground.longitude)
    assert np.abs(np.array(back) - (sample, line)).max() < 1e-3


def test_slopes_are_those_of_the_formula(camera, seen):
    """Their normals from the derivatives of the formula."""
    _, _, ground = seen
    step = 1e-6

    def point(latitude, longitude):
        down, east = np.radians(latitude), np.radians(longitude)
        unit = [np.cos(down) * np.cos(east), np.cos(down) * np.sin(east), np.sin(down)]
        return np.stack(unit, -1) * (RADIUS * 1000 + height(latitude, longitude))[..., None]

    east = point(ground.latitude, ground.longitude + step) - point(ground.latitude, ground.longitude - step)
    north = point(ground.latitude + step, ground.longitude) - point(ground.latitude - step, ground.longitude)
    normal = np.cross(east, north)
    to_sun = ground.sun - ground.point
    cosine = np.sum(normal * to_sun, -1) / np.linalg.norm(normal, axis=-1) / np.linalg.norm(to_sun, axis=-1)
    emission, incidence = camera.local_angles(ground)
    assert np.abs(incidence - np.degrees(np.arccos(cosine))).max() < 0.1
    assert np.abs(incidence - ground.incidence).max() > 5
    assert np.isfinite(emission).all()


def test_a_steep_view_meets_the_first_hill(camera, seen, monkeypatch):
    """The search on the way down finds what the quick one finds, and where a hill hides another, the nearer one."""
    _, _, ground = seen
    terrain = camera.terrain
    assert (
        np.abs(
            terrain._crossed(ground.spacecraft.reshape(-1, 3), ground.look.reshape(-1, 3)) - ground.point.reshape(-1, 3)
        ).max()
        < 1e-4
    )
    target = ground.point[3, 3]
    up = target / np.linalg.norm(target)
    east = np.cross([0, 0, 1], up) / np.linalg.norm(np.cross([0, 0, 1], up))
    for share in (0.3, 0.1, 0.03):  # of the way up
        origin = target + 20 * (east + share * up)
        look = (target - origin) / np.linalg.norm(target - origin)
        met = terrain.meet(origin[None], look[None])[0]
        way = np.linalg.norm(origin - target) * np.linspace(0, 1, 20001)
        points = origin + way[:, None] * look
        latitude, longitude = spherical(points)
        under = np.linalg.norm(points, axis=-1) * 1000 < RADIUS * 1000 + height(latitude, longitude)
        first = points[np.argmax(under)] if under.any() else target
        assert np.linalg.norm(met - first) < 0.1


def test_a_map_is_an_orthoimage(camera, dem, tmp_path):
    """An image drawn ray by ray, on its map: the texture of the ground is in its place, without the DEM it is not."""
    described = camera.isd
    line, sample = np.mgrid[1:513, 1:513]
    ground = camera.ground(sample, line)

    def texture(latitude, longitude):
        return np.sin(latitude * 400) + np.cos(longitude * 300)

    picture = texture(ground.latitude, ground.longitude).astype("f4")
    off = {}
    for name, sight in (("hills", camera), ("flat", flat(camera))):
        mapping = Mapping.for_camera(sight, resolution=30)
        blocks = resample.project(lambda first, count: (picture[first : first + count], None), sight, mapping, "cubic")
        values, codes = (np.concatenate(parts, axis=1)[0] for parts in zip(*blocks, strict=True))
        row, column = np.nonzero(codes == 0)
        expected = texture(*mapping.ground(column + 1, row + 1))
        off[name] = np.sqrt(np.mean((values[row, column] - expected) ** 2))
    assert described.shape == str(dem)
    assert off["hills"] < 0.02 and off["flat"] > 5 * off["hills"]


def test_positions_between_levels_are_those_of_every_place(camera, monkeypatch):
    """By cells and heights as by each place alone, within a few of the 1e-4 pixels; and hardly any is computed alone."""
    mapping = Mapping.for_camera(camera, resolution=30)
    line = np.arange(1.0, mapping.lines + 1)[:, None]
    exact = np.stack(camera.image(*mapping.ground(np.arange(1.0, mapping.samples + 1)[None, :], line)))
    asked, alone = [], resample._exact
    monkeypatch.setattr(resample, "_exact", lambda *given: asked.append(np.size(given[2])) or alone(*given))
    made = resample.positions(camera, mapping, 0, mapping.lines)
    within = (np.abs(exact - 256.5) < 256).all(axis=0)
    assert np.abs(made - exact)[:, within].max() < 5e-4
    assert within.sum() > 0.5 * mapping.lines * mapping.samples
    assert sum(asked) < 0.7 * mapping.lines * mapping.samples


def test_a_cube_remembers_its_dem(dem, tmp_path):
    """From the option to the steps that read the cube, and to its backplanes."""
    sample.mdis(tmp_path)
    name = sample.MDIS_NAMES[1]
    asked = {"recipe": "mdis", "title": "MDIS", "label": {}, "part": "", "ingest": {}, "calibrate": True}
    native.import_image(tmp_path / f"{name}.IMG", tmp_path / "ingested.cub", asked)
    description = next(tmp_path.glob(f"{name}*.json"))
    attach(tmp_path / "ingested.cub", description, tmp_path / "flat.cub")
    attach(tmp_path / "ingested.cub", description, tmp_path / "hills.cub", str(dem))
    give_shape(tmp_path / "flat.cub", tmp_path / "given.cub", str(dem))
    for each in ("hills", "given"):
        assert "shape: dem.tif, above 2439.4 x 2439.4 km" in Cube(tmp_path / f"{each}.cub").groups["Darkroom"]["Done"]
    source = Cube(tmp_path / "hills.cub")
    window = source.image(blocks=[(source.read(250, 4)[0][None], None)], lines=4, dtype="f4")
    window.groups = window.groups | {"AlphaCube": alpha(source.samples, 251, 4)}
    cubes.write(tmp_path / "part.cub", window)
    native.backplanes(tmp_path / "part.cub", tmp_path / "planes.cub", {})
    planes = Cube(tmp_path / "planes.cub")
    assert planes.groups["BandBin"]["Name"][-2:] == ("Local Emission Angle", "Local Incidence Angle")
    assert np.nanstd(planes.read(band=7)[0]) > np.nanstd(planes.read(band=3)[0])


def alpha(samples, first, lines):
    """The group AlphaCube of some whole lines of an image."""
    return {
        "AlphaSamples": samples, "AlphaLines": samples, "BetaSamples": samples, "BetaLines": lines,
        "AlphaStartingSample": 0.5, "AlphaEndingSample": samples + 0.5,
        "AlphaStartingLine": first - 0.5, "AlphaEndingLine": first + lines - 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("size", [1 << 25, 3000])
def test_heights_are_those_of_the_file_whatever_its_form(tmp_path, monkeypatch, size):
    """Longitudes of either domain, radii, scaled integers; too large to be read whole, nearly."""
    monkeypatch.setattr("darkroom.planetary.geometry.shape.LARGEST", size)
    radii = np.full(3, RADIUS)
    forms = {
        "east": {},
        "west": {"west": WEST - 360, "of": lambda latitude, longitude: height(latitude, longitude + 360)},
        "radii": {"of": lambda latitude, longitude: height(latitude, longitude) + RADIUS * 1000},
        "scaled": {"scale": 0.5, "offset": -300.0},
    }
    for name, form in forms.items():
        terrain = Terrain(write_dem(tmp_path / f"{name}.tif", **form), radii)
        for turn in (0, -360):
            made = terrain.radius(PLACES[0], PLACES[1] + turn) * 1000 - RADIUS * 1000
            assert made == pytest.approx(height(*PLACES), abs=1 if size > 9999 else 60), name
        assert np.isnan(terrain.radius(30.0, 150.0))


@pytest.mark.parametrize(
    "definition",
    [
        {"proj": "eqc", "lat_ts": 20, "lon_0": 0, "R": RADIUS * 1000},
        {"proj": "stere", "lat_0": 90, "lat_ts": 90, "lon_0": 0, "R": RADIUS * 1000},
    ],
)
def test_heights_in_a_projection(tmp_path, definition):
    """PROJ has the places of its pixels."""
    crs = CRS.from_dict(definition)
    (x,), (y,) = rasterio.warp.transform(CRS.from_dict(LONGLAT), crs, [150.0], [20.0])
    transform = rasterio.transform.from_origin(x - 4e3, y + 4e3, 20, 20)
    column, row = np.meshgrid(np.arange(400) + 0.5, np.arange(400) + 0.5)
    eastings, northings = transform.c + transform.a * column, transform.f + transform.e * row
    longitude, latitude = rasterio.warp.transform(crs, CRS.from_dict(LONGLAT), eastings.ravel(), northings.ravel())
    values = height(np.array(latitude), np.array(longitude)).reshape(400, 400)
    terrain = Terrain(write_raster(tmp_path / "dem.tif", values, transform, crs), np.full(3, RADIUS))
    assert terrain.radius(*PLACES) * 1000 - RADIUS * 1000 == pytest.approx(height(*PLACES), abs=1)


def test_heights_above_a_flattened_body(tmp_path):
    """Latitudes of the file are planetographic there; at 45 degrees the kinds differ by 0.19 degrees."""
    mars = {"proj": "longlat", "a": 3396190, "b": 3376200, "no_defs": True}
    path = write_dem(tmp_path / "mars.tif", crs=mars, of=lambda latitude, longitude: 1000 * latitude + 0 * longitude)
    terrain = Terrain(path, np.array([3396.19, 3396.19, 3376.2]))
    graphic = 20.0
    centric = np.degrees(np.arctan(np.tan(np.radians(graphic)) * (3376200 / 3396190) ** 2))
    below = 1 / np.hypot(np.cos(np.radians(centric)) / 3396.19, np.sin(np.radians(centric)) / 3376.2)
    assert terrain.radius(centric, 150.0) == pytest.approx(below + graphic, abs=1e-3)


@pytest.mark.parametrize(
    ("crs", "radius", "told"),
    [
        (None, RADIUS, r"dem\.tif: a DEM without a CRS; give it one, such as IAU_2015:49900"),
        (LONGLAT, 1737.4, r"dem\.tif: is of a body of 2439.4 km, the image shows one of 1737.4 km"),
    ],
)
def test_a_dem_that_is_none_of_the_body(tmp_path, crs, radius, told):
    crs = CRS.from_dict(crs) if crs else None
    path = write_raster(tmp_path / "dem.tif", np.zeros((4, 4)), rasterio.transform.from_origin(0, 1, 1, 1), crs)
    with pytest.raises(ValueError, match=told):
        Terrain(Path(path), np.full(3, radius))
