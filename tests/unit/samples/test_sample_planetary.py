"""The made-up EDRs: the bytes of the archives, and a chain that leads back to the surface that they show."""

import hashlib
import json
import re

import numpy as np
import pytest

import planetary_import_geometry
from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import NULL, Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import mosaic, projection, resample
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.isd import from_isd
from darkroom.planetary.instruments import calibrate, ingest
from darkroom.samples import planetary as sample


def images(folder):
    return sorted(folder.glob("*.IMG"))


def pixels(path):
    """Label and pixels as the standard says: the image begins at the record that ^IMAGE names."""
    text = path.read_bytes()
    head = pvl.load(path)
    image = head["IMAGE"]
    size, records = int(head["RECORD_BYTES"]), int(head["FILE_RECORDS"])
    assert len(text) == size * records
    assert int(head["^IMAGE"]) == int(head["LABEL_RECORDS"]) + 1
    start = size * (int(head["^IMAGE"]) - 1)
    shape = int(image["LINES"]), int(image["LINE_SAMPLES"])
    return head, np.frombuffer(text, np.uint8, offset=start).reshape(shape)


def test_same_bytes_on_every_run(folders, again, contents):
    assert contents(again) == contents(folders)


def test_small_enough_for_a_demo(folders, contents):
    assert sum(map(len, contents(folders).values())) < 5e6


@pytest.mark.parametrize(
    ("name", "pattern", "shape"),
    [
        ("mdis", r"EN\d{10}M\.IMG", (512, 512)),
        ("lroc-nac", r"M\d{9}LE\.IMG", (256, 5064)),
        ("ctx", r"[A-Z]\d\d_\d{6}_\d{4}_XN_\d\d[NS]\d{3}W\.IMG", (256, 5056)),
    ],
)
def test_files_are_those_of_the_archive(name, pattern, shape, folders):
    for path in images(folders[name]):
        assert re.fullmatch(pattern, path.name)
        head, raw = pixels(path)
        assert raw.shape == shape
        assert head["PRODUCT_ID"] == path.stem
        assert "SYNTHETIC" in head["NOTE"]
        assert head["START_TIME"] < head["STOP_TIME"]
        text = path.read_bytes()[: path.stat().st_size - raw.size]
        assert text.count(b"\n") == text.count(b"\r\n")
        assert text.rstrip(b" ").endswith(b"\r\nEND\r\n")
        assert np.unique(raw).size > 40


def test_checksum_of_lroc(folders):
    (path,) = images(folders["lroc-nac"])
    head, raw = pixels(path)
    assert head["IMAGE"]["MD5_CHECKSUM"] == hashlib.md5(raw.tobytes()).hexdigest()


def test_dark_pixels(folders):
    (path,) = images(folders["ctx"])
    _, raw = pixels(path)
    assert raw[:, :38].mean() < 40 < 80 < raw[:, 38:-18].mean()
    assert raw[:, -18:].mean() < 40
    (path,) = images(folders["lroc-nac"])
    _, raw = pixels(path)
    assert max(raw[:, :32].max(), raw[:, -32:].max()) < 25 < raw[:, 32:-32].min()


@pytest.mark.parametrize("name", ["lroc-nac", "ctx"])
def test_ingest_gives_the_numbers_of_12_bits_back(name, folders, tmp_path):
    """Within half a step of the companding, as far as steps are from each other there."""
    (path,) = images(folders[name])
    write_cube(tmp_path / "c.cub", ingest.image(path))
    values, codes = Cube(tmp_path / "c.cub").read()
    assert codes is None
    if name == "ctx":
        scene = sample.ctx_scene()[:, 38:-18]
        step = 2 * 4095 / 255 * np.sqrt(scene / 4095) + 4095 / 255**2
    else:
        scene = sample.lroc_scene()
        step = 1 / np.take([0.5, 0.25, 0.125, 0.0625, 0.03125], np.digitize(scene, [32, 136, 543, 2207]))
    difference = values - scene
    assert (np.abs(difference) <= step / 2 + 0.5).all()
    assert abs(difference.mean()) < 0.6


def test_pose_of_the_frames(folders):
    """What an ideal pinhole of that height sees at the centre; distortion moves it by less than a pixel."""
    for index, path in enumerate(images(folders["mdis"])):
        isd = json.loads(path.with_suffix(".isd.json").read_text())
        head, _ = pixels(path)
        position = np.array(isd["instrument_position"]["positions"][0])
        assert np.linalg.norm(position) == pytest.approx(np.hypot(2639.4, 2.7 * (index - 1)), abs=1e-6)
        assert np.linalg.norm(isd["sun_position"]["positions"][0]) == pytest.approx(0.32 * 1.49597870691e8)
        north = np.rad2deg(2.7 * (index - 1) / 2439.4)
        assert float(head["CENTER_LATITUDE"]) == pytest.approx(20 + north, abs=0.0005)
        assert float(head["CENTER_LONGITUDE"]) == pytest.approx(150, abs=0.0005)
        assert float(head["SLANT_DISTANCE"]) == pytest.approx(200, abs=0.01)
        cosine = np.cos(np.deg2rad(20)) * np.cos(np.deg2rad(62))
        assert float(head["INCIDENCE_ANGLE"]) == pytest.approx(np.rad2deg(np.arccos(cosine)), abs=0.1)
        assert float(head["EMISSION_ANGLE"]) < 1


def test_time_of_the_frames_is_that_of_the_label(folders):
    """As the ISD of EN1072174528M has it, but for the 2 ms by which ephemeris time swings around terrestrial time."""
    isd = json.loads(images(folders["mdis"])[0].with_suffix(".isd.json").read_text())
    since = isd["center_ephemeris_time"] - 483122606.8560246
    assert since == pytest.approx(72190001 - 72174528.989, abs=0.003)
    clock = next(value for key, value in isd["naif_keywords"].items() if key.startswith("CLOCK_ET"))
    begin = np.frombuffer(bytes.fromhex(clock), "<f8")[0]
    assert begin == pytest.approx(isd["center_ephemeris_time"] - 0.004, abs=1e-7)


@pytest.fixture(scope="module")
def calibrated(folders, tmp_path_factory):
    """The frames after ingest, geometry and calibration: cubes with I/F."""
    folder = tmp_path_factory.mktemp("calibrated")
    cubes = []
    for path in images(folders["mdis"]):
        ingested, located, made = (
            folder / f"{path.stem}.{stage}.cub" for stage in ("ingested", "located", "calibrated")
        )
        write_cube(ingested, ingest.image(path))
        planetary_import_geometry.attach(ingested, path.with_suffix(".isd.json"), located)
        write_cube(made, calibrate.image(Cube(located), {"units": "iof"}).image)
        cubes.append(made)
    return cubes


def test_calibration_gives_the_reflectance_back(calibrated):
    """Without a bias; what is left is noise and that of 8 bits, which ISIS leaves as well (0.5 %)."""
    for path in calibrated:
        cube = Cube(path)
        values, codes = cube.read()
        ground = camera_of(path).backplanes(0, 512)
        difference = (values - sample.mdis_scene(ground.latitude, ground.longitude))[:, 3:]
        assert abs(difference.mean()) < 1e-5
        assert difference.std() < 0.008 * 0.055
        assert (codes[:, :3] == NULL).all()
        assert not codes[:, 3:].any()


def test_mosaic_shows_the_surface(calibrated, tmp_path):
    """Map and frames agree about where things are: the mosaic has the reflectance of its own latitudes, longitudes."""
    cameras = [camera_of(path) for path in calibrated]
    ranges = [projection.range_of(camera) for camera in cameras]
    template = projection.common_template(ranges, cameras[0].isd, {"ProjectionName": "Equirectangular"})
    whole = projection.Mapping.from_template(template)
    names = []
    for path, camera in zip(calibrated, cameras, strict=True):
        cube = Cube(path)
        blocks = resample.project(cube.read, camera, whole)
        groups = {"Mapping": whole.group()}
        names.append(tmp_path / path.name)
        write_cube(names[-1], Image(1, whole.lines, whole.samples, "f4", groups, blocks))
    mapping, placed = mosaic.place([Cube(name) for name in names])
    blocks = mosaic.merge(placed, mapping.lines, mapping.samples, "average")
    values = np.concatenate([np.where(codes == 0, values, np.nan) for values, codes in blocks], axis=1)
    assert (values[1] >= 2).sum() > 0.25 * np.isfinite(values[0]).sum()
    sample_, line = np.meshgrid(np.arange(1, mapping.samples + 1), np.arange(1, mapping.lines + 1))
    scene = sample.mdis_scene(*mapping.ground(sample_, line))
    difference = (values[0] - scene)[np.isfinite(values[0])]
    assert abs(difference.mean()) < 2e-5
    assert difference.std() < 0.02 * 0.055
    moved = (values[0] - np.roll(scene, 1, axis=1))[np.isfinite(values[0])]
    assert moved.std() > 1.5 * difference.std()


def test_a_label_too_long_for_its_records_is_refused():
    with pytest.raises(ValueError, match="does not fit in 20"):
        sample.label("A = {value}", 20, value="x" * 20)


def test_distortion_is_part_of_the_optics():
    isd = from_isd(sample.mdis_isd(1))
    assert (isd.distortion, isd.summing, isd.lines) == ("transverse", (2, 2), 512)
