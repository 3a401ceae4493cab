"""Geometry, maps, mosaics and photometry against what USGS ISIS 8.3 made of the same images (campt, cam2map, automos,
photomet), and against the numbers of ISIS's own tests."""

import csv
import dataclasses
import json
import math
import re

import numpy as np
import pytest
import rasterio.crs

from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import mosaic, photometry, projection, resample
from darkroom.planetary.geometry.camera import Camera, intersection, spherical
from darkroom.planetary.geometry.camera import angles as angles_of
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.isd import from_isd
from darkroom.planetary.geometry.isd import tables as isd_tables
from darkroom.planetary.instruments import calibrate, ingest

FRAME = "EN1072174528M"
MDIS_SIZE, CTX_SIZE = (512, 512), (128, 5000)
AU = 149597870.691  # km, of ISIS
SOLAR_DISTANCE = 0.31349273820889  # AU, of the label of the calibrated frame
UNDISTORTED = {"optical_distortion": {"radial": {"coefficients": [0, 0, 0]}}}
NUMBER = re.compile(r"-?\d[\d.e+-]*")
# maptemplate's keywords in geo_truth.json.
TEMPLATE = {
    "CenterLongitude": "248.07",
    "TargetName": "mercury",
    "EquatorialRadius": pvl.Quantity("2439400", "meters"),
    "PolarRadius": pvl.Quantity("2439400", "meters"),
    "LatitudeType": "Planetocentric",
    "LongitudeDirection": "PositiveEast",
    "LongitudeDomain": "360",
    "MinimumLatitude": "46.26",
    "MaximumLatitude": "46.3",
    "MinimumLongitude": "248.035",
    "MaximumLongitude": "248.09",
    "PixelResolution": "2.0",
    "CenterLatitude": "46.275",
}


@pytest.fixture
def frames(samples):
    return samples / "planetary/isis_truth/frames"


@pytest.fixture
def ctx(samples):
    return samples / "planetary/isis_truth/ctx"


@pytest.fixture
def mdis_camera(frames):
    """`mdis_camera(name)`: the camera of one of the three frames."""
    return lambda name=FRAME: camera_of(frames / f"{name}.isd.json", *MDIS_SIZE)


@pytest.fixture
def ctx_camera(ctx):
    return camera_of(next(ctx.glob("*.isd.json")), *CTX_SIZE)


def template(name):
    return {"ProjectionName": name.capitalize(), **TEMPLATE}


def columns(path):
    """A flat table of campt as arrays."""
    with path.open() as file:
        rows = list(csv.DictReader(file))
    numbers = [name for name in rows[0] if all(NUMBER.fullmatch(row[name]) for row in rows)]
    return {name: np.array([float(row[name]) for row in rows]) for name in numbers}


def campt(camera, truth):
    """What campt prints, as the camera finds it."""
    seen = camera.ground(truth["Sample"], truth["Line"])
    vectors = {
        "BodyFixedCoordinate": seen.point,
        "SpacecraftPosition": seen.spacecraft,
        "LookDirectionBodyFixed": seen.look,
    }
    return {
        "PlanetocentricLatitude": seen.latitude,
        "PositiveEast360Longitude": seen.longitude,
        "LocalRadius": seen.radius,
        "SampleResolution": camera.resolution(seen),
        "SlantDistance": seen.slant,
        "SolarDistance": np.linalg.norm(seen.sun - seen.point, axis=-1) / AU,
        "Phase": seen.phase,
        "Incidence": seen.incidence,
        "Emission": seen.emission,
        **{f"{name}{axis}": value[:, index] for name, value in vectors.items() for index, axis in enumerate("XYZ")},
    }


@pytest.mark.parametrize("instrument", ["frames", "ctx"])
def test_campt(instrument, samples, mdis_camera, ctx_camera):
    """81 points of a frame, 55 of a line-scan image: angles to 1e-11 degrees, positions to the last digits printed."""
    camera = mdis_camera() if instrument == "frames" else ctx_camera
    truth = columns(next((samples / "planetary/isis_truth" / instrument).glob("*campt_grid.csv")))
    for key, values in campt(camera, truth).items():
        assert values == pytest.approx(truth[key], rel=1e-13, abs=1e-11), key
    sample, line = camera.image(truth["PlanetocentricLatitude"], truth["PositiveEast360Longitude"])
    assert sample == pytest.approx(truth["Sample"], abs=1e-4)
    assert line == pytest.approx(truth["Line"], abs=1e-4)


def test_viking(samples):
    """The pose of ISIS's own test of campt (FunctionalTestsCampt.cpp, default cube), looked along its direction."""
    described = json.loads((samples / "planetary/viking_campt/defaultCube.isd").read_text())
    isd = from_isd(described | UNDISTORTED, lines=1056, samples=1204)
    body, pointing = isd.body.matrix(isd.start), isd.pointing.matrix(isd.start)
    spacecraft, sun = (body @ states.at(isd.start) for states in (isd.position, isd.sun))
    look = body @ pointing.T @ [-1.27447324380581e-04, 2.5816511718707e-05, 0.99999999154535]
    assert spacecraft == pytest.approx([-1152.8979327717, -3930.9421518203, 728.14118380775], abs=1e-8)
    assert look == pytest.approx([0.43850176257802, 0.88365594846443, -0.16391573737569], abs=1e-8)
    point = intersection(spacecraft, look, np.full(3, 3412.2886569795))  # the radius of its shape model there
    assert spherical(point) == pytest.approx((10.181441241544, 255.89292858176), abs=1e-8)
    assert np.linalg.norm(point - spacecraft) == pytest.approx(762.37204454685, abs=1e-7)
    angles = angles_of(point, spacecraft, sun, isd.radii)
    assert angles == pytest.approx((80.528381932125, 70.127983116628, 12.133564327344), abs=1e-8)


def test_the_distortion_of_viking_is_not_guessed(samples):
    path = samples / "planetary/viking_campt/defaultCube.isd"
    with pytest.raises(ValueError, match="no optical_distortion"):
        camera_of(path, 1056, 1204)
    described = json.loads(path.read_text()) | UNDISTORTED
    assert from_isd(described, lines=1056, samples=1204).omitted[0].startswith("distortion of the vidicon")


def test_an_isd_for_usgscsm(samples):
    """ALE's ISD of the real image, without ISIS's focal length: the angles of its PDS label at the centre."""
    seen = camera_of(samples / "planetary/messenger/messmdis_isd.json", *MDIS_SIZE).ground(256.5, 256.5)
    assert (seen.phase, seen.incidence, seen.emission) == pytest.approx((90.08323, 74.58267, 15.50437), abs=2e-3)


@pytest.mark.parametrize("name", ["messenger/messmdis_isd.json", "isis_truth/ctx/B10_013341_1010_XN_79S172W.isd.json"])
def test_the_keywords_of_usgscsm_do_as_well(name, samples):
    """Without any keyword of ISIS the same ISD is the same camera."""
    path = samples / "planetary" / name
    described = json.loads(path.read_text())
    del described["naif_keywords"]
    described["instrument_pointing"]["constant_frames"] = [-1, *described["instrument_pointing"]["constant_frames"]]
    whole, bare = camera_of(path).ground(10.0, 100.0), Camera(from_isd(described)).ground(10.0, 100.0)
    assert (bare.latitude, bare.longitude) == pytest.approx((whole.latitude, whole.longitude), abs=1e-9)


def test_tables_as_isis_read_them(frames, mdis_camera):
    """Keywords and fields of the tables, the groups, of the cube that campt read with the same ISD."""
    label = pvl.load(frames / f"labels/{FRAME}.cal.pvl")
    tables, kernels, objects = isd_tables(mdis_camera().isd)
    keywords = objects["NaifKeywords"]
    assert list(kernels.items()) == [
        (key, type(kernels[key])(value)) for key, value in label["IsisCube"]["Kernels"].items()
    ]
    for table, expected in zip(tables, label.all("Table"), strict=True):
        assert table.name == expected["Name"]
        assert table.records.nbytes == int(expected["Bytes"])
        assert list(table.records.dtype.names) == [field["Name"] for field in expected.all("Field")]
        for key, value in table.keywords.items():
            text = isinstance(value, str)
            assert (
                value == expected[key]
                if text
                else np.allclose(value, np.array(expected[key], float), rtol=1e-12, atol=1e-15)
            ), key
    for key, value in label["NaifKeywords"].items():
        numbers = key not in ("CLOCK_ET_-236_2/0072174528:989000_COMPUTED",) and not isinstance(
            keywords[key], (str, bool)
        )
        assert (
            np.allclose(keywords[key], np.array(value, float), rtol=1e-14)
            if numbers
            else str(keywords[key]).lower() == value.lower()
        )


@pytest.mark.parametrize("instrument", ["frames", "ctx"])
def test_a_cube_with_tables_is_the_same_camera(instrument, tmp_path, frames, ctx, mdis_camera, ctx_camera):
    camera = mdis_camera() if instrument == "frames" else ctx_camera
    groups = pvl.load(frames / f"labels/{FRAME}.lev0.pvl" if instrument == "frames" else ctx / "lev0.pvl")["IsisCube"]
    tables, kernels, objects = isd_tables(camera.isd)
    size = (1, camera.lines, camera.samples)
    image = Image(
        *size,
        "f4",
        {"Instrument": groups["Instrument"], "BandBin": groups["BandBin"], "Kernels": kernels},
        [(np.zeros(size), None)],
        tables,
        objects,
    )
    write_cube(tmp_path / "a.cub", image)
    again = camera_of(tmp_path / "a.cub", camera.lines, camera.samples)
    corners = np.array([0.5, camera.samples + 0.5]), np.array([0.5, camera.lines + 0.5])
    for values, expected in zip(
        dataclasses.astuple(again.ground(*corners)), dataclasses.astuple(camera.ground(*corners)), strict=True
    ):
        assert np.allclose(values, expected, rtol=1e-12)


def test_a_crop_of_a_cube_knows_where_it_was(samples):
    """ISIS's crop of a WAC frame, 5 x 5 pixels from 853, 835 on: the limb that its pixels show is where Mercury ends."""
    cube = Cube(samples / "planetary/messenger/EW0131773041G.cal.crop.cub")
    camera = camera_of(cube.path)
    assert camera.isd.first == (853.0, 835.0)
    dark = cube.read()[0] < 0.005
    assert np.array_equal(np.isnan(camera.backplanes(0, 5).latitude), dark)


def test_range_of_an_image(frames, mdis_camera):
    """camstats and the Mapping group of cam2map."""
    span = projection.range_of(mdis_camera())
    expected = pvl.load(frames / f"labels/{FRAME}.sinusoidal.camera.pvl")["IsisCube"]["Mapping"]
    assert [*span.latitudes, *span.longitudes[360]] == pytest.approx(
        [float(expected[key]) for key in projection.RANGE], abs=1e-11
    )
    assert span.resolutions[0] == pytest.approx(float(expected["PixelResolution"]), rel=1e-13)


def same_mapping(mapping, path):
    """Size, and keywords in their order, of the label of a map."""
    label = pvl.load(path)["IsisCube"]
    size, expected = label["Core"]["Dimensions"], label["Mapping"]
    assert (mapping.lines, mapping.samples) == (int(size["Lines"]), int(size["Samples"]))
    keywords = mapping.group()
    assert list(keywords) == list(expected)
    for key, value in keywords.items():
        text = isinstance(value, str)
        assert (
            value == expected[key]
            if text
            else float(value) == pytest.approx(float(expected[key]), rel=1e-13, abs=1e-11)
        ), key


@pytest.mark.parametrize("name", ["equirectangular", "sinusoidal"])
@pytest.mark.parametrize("resolution", ["mpp", "camera"])
def test_the_map_of_a_frame(name, resolution, frames, mdis_camera):
    given = template(name) if resolution == "mpp" else {"ProjectionName": name.capitalize()}
    mapping = projection.Mapping.for_camera(mdis_camera(), given)
    same_mapping(mapping, frames / f"labels/{FRAME}.{name}.{resolution}.pvl")


@pytest.mark.parametrize("name", ["equirectangular", "sinusoidal", "polarstereographic"])
def test_the_map_of_a_line_scan_image(name, ctx, ctx_camera):
    mapping = projection.Mapping.for_camera(ctx_camera, ctx / f"{name}.map")
    same_mapping(mapping, ctx / f"{name}.pvl")
    assert rasterio.crs.CRS.from_wkt(mapping.crs_wkt()).is_projected


def test_a_pole_in_the_image(mdis_camera):
    """A frame turned so that its centre is the north pole spans all longitudes."""
    isd = mdis_camera().isd
    centre = Camera(isd).ground(256.5, 256.5)
    angles = np.radians(90 - centre.latitude), np.radians(centre.longitude)
    z = np.array(
        [[math.cos(angles[1]), math.sin(angles[1]), 0], [-math.sin(angles[1]), math.cos(angles[1]), 0], [0, 0, 1]]
    )
    y = np.array(
        [[math.cos(angles[0]), 0, -math.sin(angles[0])], [0, 1, 0], [math.sin(angles[0]), 0, math.cos(angles[0])]]
    )
    turned = Camera(dataclasses.replace(isd, body=dataclasses.replace(isd.body, constant=y @ z)))
    span = projection.range_of(turned)
    assert span.latitudes[1] == 90
    assert span.longitudes == {360: (0.0, 360.0), 180: (-180.0, 180.0)}


@pytest.mark.parametrize("turn", [0.0, 180.0])
def test_an_image_across_a_seam_gets_the_other_domain(turn, mdis_camera):
    isd = mdis_camera().isd
    angle = math.radians(248.0683 - turn)
    matrix = np.array([[math.cos(angle), math.sin(angle), 0], [-math.sin(angle), math.cos(angle), 0], [0, 0, 1]])
    turned = Camera(dataclasses.replace(isd, body=dataclasses.replace(isd.body, constant=matrix)))
    mapping = projection.Mapping.for_camera(
        turned, {"ProjectionName": "Sinusoidal", "LongitudeDomain": "360" if turn == 0 else "180"}
    )
    assert mapping.longitude_domain == (180 if turn == 0 else 360)
    assert mapping.samples < 700


def test_a_template_for_three_frames(mdis_camera):
    """Each frame lies within its map."""
    cameras = [mdis_camera(f"EN10721745{number}M") for number in (28, 30, 32)]
    ranges = [projection.range_of(camera) for camera in cameras]
    given = {"ProjectionName": "Equirectangular"}
    common = projection.Mapping.from_template(projection.common_template(ranges, cameras[0].isd, given))
    for camera in cameras:
        seen = camera.outline()
        sample, line = common.pixel(seen.latitude, seen.longitude)
        assert sample.min() > 0.499 and sample.max() < common.samples + 1  # ISIS rounds the size of the grid
        assert line.min() > 0.499 and line.max() < common.lines + 1


def calibrated(path):
    """A reader of a calibrated frame."""
    data = np.load(path)["data"]
    codes = (np.abs(data) > 1e30).astype("u1")
    return lambda first, lines: (np.where(codes, np.nan, data)[first : first + lines], codes[first : first + lines])


def whole(path, key="data"):
    """A map or mosaic of which the part with valid pixels is kept; NaN elsewhere."""
    kept = np.load(path)
    made = np.full(kept["shape"], np.nan)
    y, x = int(kept["y0"]), int(kept["x0"])
    part = kept["data"]
    made[y : y + part.shape[0], x : x + part.shape[1]] = np.where(np.abs(part) < 1e30, part, np.nan)
    return made


def gathered(blocks):
    """Blocks of a map or mosaic of one band as one image, NaN for what is special."""
    values, codes = (np.concatenate(parts, axis=1) for parts in zip(*blocks, strict=True))
    return np.where(codes == 0, values, np.nan)


@pytest.mark.parametrize("name", ["equirectangular", "sinusoidal"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "cubic"])
def test_cam2map_of_a_frame(name, interpolation, frames, mdis_camera):
    """Valid pixels are the same ones. ISIS bends its positions within 4 x 4 pixels, which is what is left over."""
    mapping = projection.Mapping.from_template(template(name))
    read = calibrated(frames / f"{FRAME}.cal.npz")
    values = gathered(resample.project(read, mdis_camera(), mapping, interpolation))[0]
    expected = whole(frames / f"{FRAME}.{name}.{interpolation[:2]}.npz")
    assert np.array_equal(np.isnan(values), np.isnan(expected))
    off = np.abs(values - expected)[~np.isnan(expected)]
    if interpolation == "nearest":
        assert (off == 0).mean() > 0.9998
    else:
        assert (off > 5e-6).sum() <= 1  # one pixel of the sinusoidal cubic map


@pytest.mark.parametrize(
    "pixres, key", [("mpp", "pixres=mpp resolution=2 minimize"), ("camera", "pixres=camera default map template")]
)
def test_statistics_of_maps(pixres, key, frames, mdis_camera):
    statistics = json.loads((frames / "geo_truth.json").read_text())[f"{FRAME} cam2map equirectangular {key}"]
    given = template("equirectangular") if pixres == "mpp" else {"ProjectionName": "Equirectangular"}
    mapping = projection.Mapping.for_camera(mdis_camera(), given)
    values = gathered(resample.project(calibrated(frames / f"{FRAME}.cal.npz"), mdis_camera(), mapping, "cubic"))
    assert values.size == int(statistics["TotalPixels"])
    assert np.isfinite(values).sum() == int(statistics["ValidPixels"])
    assert np.nanmean(values) == pytest.approx(float(statistics["Average"]), rel=1e-8)


@pytest.mark.parametrize(
    "name, pixels, valid",
    [("equirectangular", 1395000, 148284), ("sinusoidal", 1275468, 135047), ("polarstereographic", 1203536, 135474)],
)
def test_pixels_of_a_line_scan_map(name, pixels, valid, ctx, ctx_camera):
    """ISIS lays patches of 5 x 5 image pixels onto the map, so that its edge is a few pixels off."""
    mapping = projection.Mapping.for_camera(ctx_camera, ctx / f"{name}.map")
    sample, line = resample.positions(ctx_camera, mapping, 0, mapping.lines)
    inside = (sample >= 0.5) & (sample <= 5000.5) & (line >= 0.5) & (line <= 128.5)
    assert inside.size == pixels
    assert abs(int(inside.sum()) - valid) <= 2


@pytest.mark.parametrize("instrument", ["frames", "ctx"])
def test_positions_between_exact_ones(instrument, ctx, mdis_camera, ctx_camera):
    camera = mdis_camera() if instrument == "frames" else ctx_camera
    mapping = (
        projection.Mapping.from_template(template("sinusoidal"))
        if instrument == "frames"
        else projection.Mapping.for_camera(camera, ctx / "polarstereographic.map")
    )
    places = resample.positions(camera, mapping, 300, 64)
    sample, line = np.meshgrid(np.arange(1, mapping.samples + 1), np.arange(301, 365))
    assert np.abs(places - camera.image(*mapping.ground(sample, line))).max() < 2e-4


@pytest.fixture
def three_frames(frames, tmp_path):
    """The frames of the mosaic, ingested and calibrated."""
    cubes = []
    for number in (28, 30, 32):
        name = f"EN10721745{number}M"
        write_cube(tmp_path / "raw.cub", ingest.image(frames / f"{name}.IMG", "", {}))
        made = calibrate.image(Cube(tmp_path / "raw.cub"), {"units": "iof", "solar_distance": SOLAR_DISTANCE})
        write_cube(tmp_path / f"{name}.cub", made.image)
        cubes.append(Cube(tmp_path / f"{name}.cub"))
    return cubes


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_automos(interpolation, frames, tmp_path, three_frames, mdis_camera):
    """Statistics of the mosaics, and every pixel of the one that is kept; each map is cut to what its frame covers."""
    whole_map = projection.Mapping.from_template(template("equirectangular"))
    maps = []
    for cube in three_frames:
        camera = mdis_camera(cube.path.stem)
        mapping = projection.Mapping.for_camera(camera, whole_map.group()).within(whole_map)
        blocks = resample.project(cube.read, camera, mapping, interpolation)
        path = tmp_path / f"{cube.path.stem}.map.cub"
        write_cube(path, Image(1, mapping.lines, mapping.samples, "f4", {"Mapping": mapping.group()}, blocks))
        maps.append(Cube(path))
    mapping, placed = mosaic.place(maps)
    truth = json.loads((frames / "geo_truth.json").read_text())
    for priority in mosaic.PRIORITIES:
        values = gathered(mosaic.merge(placed, mapping.lines, mapping.samples, priority))[0]
        statistics = truth[f"automos equirectangular {interpolation[:2]} {priority}"]
        assert np.isfinite(values).sum() == int(statistics["ValidPixels"])
        assert np.nanmean(values) == pytest.approx(
            float(statistics["Average"]), rel=2e-6 if interpolation == "nearest" else 1e-7
        )
    if interpolation == "bilinear":
        kept = whole(frames / "mosaic.equirectangular.bi.ontop.npz")
        row, column = (round(x / 2) for x in (whole_map.top - mapping.top, mapping.left - whole_map.left))
        part = kept[row : row + mapping.lines, column : column + mapping.samples]
        values = gathered(mosaic.merge(placed, mapping.lines, mapping.samples, "ontop"))[0]
        assert np.array_equal(np.isnan(values), np.isnan(part))
        assert np.nanmax(np.abs(values - part)) < 5e-6


@pytest.mark.parametrize(
    "truth, model, parameters, normalisation",
    [
        ("lambert_albedo", "lambert", {}, "albedo"),
        ("lambert_nonorm", "lambert", {}, "none"),
        ("lommel_albedo", "lommelseeliger", {}, "albedo"),
        ("minnaert_albedo", "minnaert", {"k": 0.7}, "albedo"),
        ("lunarlambert_albedo", "lunarlambert", {"l": 0.5}, "albedo"),
    ],
)
def test_photomet(truth, model, parameters, normalisation, frames, mdis_camera):
    """64 x 64 pixels from line and sample 200 on, with incref = 30."""
    expected = np.fromfile(frames / f"photomet_{truth}.s200l200.64x64.f32", "<f4").reshape(64, 64)
    values = np.load(frames / f"{FRAME}.cal.npz")["data"][200:264, 200:264].astype(float)
    seen = mdis_camera().backplanes(200, 64)
    angles = (angle[:, 200:264] for angle in (seen.phase, seen.incidence, seen.emission))
    normalised = photometry.normalise(values, *angles, model, parameters, normalisation)
    assert np.abs(normalised / expected - 1).max() < 1e-7
