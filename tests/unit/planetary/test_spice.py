"""Geometry from SPICE kernels: made kernels with a known answer; judged by CSPICE's own intersection of a line of sight,
and by the camera description of the same image.

Kernels of a mission lie in a folder as NAIF's archive or ISISDATA has them, or in a metakernel's list.
"""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import spiceypy
from rasterio.crs import CRS

import planetary_check_kernels
import spice_kernels
from darkroom import inventory
from darkroom.planetary import ephemeris
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.geometry import distortion, isd, kernels, resample, spice
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.projection import Mapping
from darkroom.planetary.instruments import ingest
from darkroom.samples import planetary as sample
from planetary_import_geometry import attach, attach_kernels

CTX, BUS, MARS = -74021, -74000, 499
RADII = np.array([3396.19, 3396.19, 3376.2])
START = 400000000.0  # ephemeris time of the image
AU = 1.495978707e8
LINES, SAMPLES, LINE_TIME = 1500, 5000, 0.002
TURNED = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # from the bus to the camera
UTC = "2012-09-04T03:05:{:09.6f}"  # START is 32.816 s past this minute


@pytest.fixture(autouse=True)
def nothing_is_loaded():
    """Kernels of one test do not help another."""
    spice.forget()
    yield
    spice.forget()


def orbit(times):
    """States of a spacecraft over Mars on a circle of 300 km height, and the axes of its bus: z looks down, x ahead."""
    radius, rate = 3700.0, 9e-4
    angle = rate * (np.asarray(times) - START)
    slant = np.radians(75)
    ahead = np.stack([-np.sin(angle), np.cos(angle) * np.cos(slant), np.cos(angle) * np.sin(slant)], axis=-1)
    up = np.stack([np.cos(angle), np.sin(angle) * np.cos(slant), np.sin(angle) * np.sin(slant)], axis=-1)
    return np.concatenate([radius * up, radius * rate * ahead], axis=-1), np.stack(
        [ahead, np.cross(-up, ahead), -up], -2
    )


@pytest.fixture(scope="module")
def mission(tmp_path_factory):
    """A folder of kernels of CTX, laid out as NAIF's archive."""
    folder = tmp_path_factory.mktemp("mro")
    for name in ("lsk", "sclk", "pck", "fk", "ik", "spk", "ck"):
        (folder / name).mkdir()
    leaps = spice_kernels.leap_seconds(folder / "lsk")
    clock = spice_kernels.clock(folder / "sclk", -74, START - 1000)
    spice_kernels.body(folder / "pck", MARS, RADII, ([317.68, -0.1061], [52.88, -0.061]), [176.63, 350.89198226])
    spice_kernels.frames(folder / "fk", -74, [(CTX, "MRO_CTX", TURNED)])
    spice_kernels.instrument(
        folder / "ik",
        CTX,
        FOCAL_LENGTH=352.9271664,
        BORESIGHT_SAMPLE=2543.46099,
        BORESIGHT_LINE=0.430442527,
        ITRANSS=[0, 0, 142.85714],
        ITRANSL=[0, 142.85714, 0],
        TRANSX=[0, 0, 0.007],
        TRANSY=[0, 0.007, 0],
        OD_K=[-0.0073433925920054505, 2.8375878636241697e-05, 1.2841989124027099e-08],
        LIGHTTIME_CORRECTION="NONE",
    )
    times = START + np.arange(-60.0, 61.0)
    states, matrices = orbit(times)
    sun = np.array([0.6 * AU, 1.2 * AU, 0.3 * AU, 0, 0, 0])
    far = START + np.array([-86400.0 * 3, -86400.0, 86400.0, 86400.0 * 3])
    still, seen = np.zeros((4, 6)), np.tile(sun, (4, 1))
    spice_kernels.positions(
        folder / "spk/mro_1.bsp",
        [(-74, MARS, times, states), (MARS, 4, far, still), (4, 0, far, still), (10, 0, far, seen)],
    )
    quaternions = [spiceypy.m2q(matrix) for matrix in matrices]
    rates = [
        9e-4 * np.cross(states[0, :3], states[0, 3:]) / np.linalg.norm(np.cross(states[0, :3], states[0, 3:]))
    ] * 121
    spice_kernels.pointing(folder / "ck/mro_sc_1.bc", BUS, [leaps, clock], times, quaternions, rates)
    return folder


def image(**instrument):
    """What a cube of CTX says that was taken at START."""
    told = {
        "InstrumentId": "CTX",
        "TargetName": "Mars",
        "StartTime": UTC.format(32.816),
        "StopTime": UTC.format(35.816),
        "SpacecraftClockCount": "1/1000.000000",
        "LineExposureDuration": "2",
        "SpatialSumming": "1",
        "SampleFirstPixel": "0",
    }
    groups = {"Instrument": told | instrument, "Kernels": {"NaifFrameCode": str(CTX)}}
    return SimpleNamespace(groups=groups, lines=LINES, samples=SAMPLES, path="image.cub")


def camera_of(cube, places):
    description, _ = ephemeris.described(cube, places)
    return Camera(isd.from_isd(description, cube.groups["Instrument"], cube.lines, cube.samples))


def test_a_line_scan_sees_what_the_toolkit_of_naif_sees(mission):
    """sincpt meets the ellipsoid where a look of the camera does, at the time of its line."""
    camera = camera_of(image(), [mission])
    samples, lines = np.array([1.0, 2543.46, 5000.0]), np.array([1.0, 700.25, 1500.0])
    seen = camera.ground(samples, lines)
    detector = np.stack([0 * samples - 0.430442527, samples - 2543.46099], axis=-1)  # along the track is x
    plane = distortion.undistorted(detector * 0.007, "radial", camera.isd.coefficients, camera.isd.focal_length)
    looks = np.column_stack([plane, np.full(3, 352.9271664)])
    for look, line, point in zip(looks, lines, seen.point, strict=True):
        time = START + LINE_TIME * (line - 0.5)
        there, _, _ = spiceypy.sincpt("ELLIPSOID", "MARS", time, "IAU_MARS", "NONE", "-74", "MRO_CTX", look)
        assert point == pytest.approx(there, abs=1e-5)  # 1 cm, of 300 km
    assert camera.isd.line_time == pytest.approx(LINE_TIME)
    back = camera.image(seen.latitude, seen.longitude)
    assert np.column_stack(back) == pytest.approx(np.column_stack([samples, lines]), abs=1e-4)


def test_positions_and_pointing_are_those_that_were_written(mission):
    described, paths = ephemeris.described(image(), [mission])
    times = np.array(described["instrument_position"]["ephemeris_times"])
    assert times[[0, -1]] == pytest.approx([START, START + LINES * LINE_TIME])
    states, matrices = orbit(times)
    assert described["instrument_position"]["positions"] == pytest.approx(states[:, :3], abs=1e-6)
    assert described["instrument_position"]["velocities"] == pytest.approx(states[:, 3:], abs=1e-6)
    pointing = described["instrument_pointing"]
    turned = np.array([spiceypy.q2m(quaternion) for quaternion in pointing["quaternions"]])
    assert turned == pytest.approx(matrices, abs=1e-7)
    assert (pointing["time_dependent_frames"], pointing["constant_frames"]) == ((BUS, 1), (CTX, BUS))
    assert np.linalg.norm(pointing["angular_velocities"], axis=1) == pytest.approx(9e-4)
    assert described["radii"] == {"semimajor": RADII[0], "semiminor": RADII[2], "unit": "km"}
    assert [path.rpartition("/")[2] for path in paths][-2:] == ["mro_1.bsp", "mro_sc_1.bc"]


@pytest.mark.parametrize(("correction", "surface"), [("LT+S", "FALSE"), ("LT+S", "TRUE")])
def test_the_way_of_light_is_taken_as_the_kernels_say(mission, tmp_path, correction, surface):
    """From the surface, light needs less time by that through half the body; the spacecraft moves 4 m meanwhile."""
    keywords = {"LIGHTTIME_CORRECTION": correction, "LT_SURFACE_CORRECT": surface, "SWAP_OBSERVER_TARGET": "TRUE"}
    addendum = spice_kernels.instrument(tmp_path, CTX, **keywords)
    described, _ = ephemeris.described(image(), [mission, addendum])
    _, light = spiceypy.spkezr("MARS", START, "J2000", "LT", "-74")
    nearer = (RADII[0] + RADII[2]) / 2 / 299792.458
    expected = -np.array(spiceypy.spkezr("MARS", START, "J2000", "LT+S", "-74")[0][:3])
    if surface == "TRUE":
        expected = -(spiceypy.spkssb(MARS, START - light + nearer, "J2000") - spiceypy.spkssb(-74, START, "J2000"))[:3]
    assert described["instrument_position"]["positions"][0] == pytest.approx(expected, abs=1e-9)
    assert np.linalg.norm(expected) == pytest.approx(3700, abs=0.1)


def test_an_orthoimage_of_a_line_scan_is_exact_within_its_clock(mission, tmp_path):
    """A line of 2 ms is 1e-4 of what the numbers of ephemeris time can tell, and hills of 6 km move it by several."""
    described, _ = ephemeris.described(image(), [mission])
    plain = isd.from_isd(described, image().groups["Instrument"], LINES, SAMPLES)
    plain = dataclasses.replace(plain, lines=300)
    seen = Camera(plain).ground(np.array([1.0, 5000, 1, 5000]), np.array([1.0, 1, 300, 300]))
    west, south = seen.longitude.min() - 0.1, seen.latitude.min() - 0.1
    rows, columns = np.mgrid[:400, :400]
    heights = (3000 * np.sin(rows / 8) * np.cos(columns / 7)).astype("f4")
    transform = rasterio.transform.from_origin(west, south + 0.004 * 400, 0.004, 0.004)
    crs = CRS.from_dict({"proj": "longlat", "a": RADII[0] * 1000, "b": RADII[2] * 1000, "no_defs": True})
    profile = {"driver": "GTiff", "width": 400, "height": 400, "count": 1, "dtype": "float32"}
    with rasterio.open(tmp_path / "dem.tif", "w", crs=crs, transform=transform, **profile) as dem:
        dem.write(heights, 1)
    camera = Camera(dataclasses.replace(plain, shape=str(tmp_path / "dem.tif")))
    mapping = Mapping.for_camera(camera, resolution=60)
    middle = mapping.lines // 2 // 16 * 16
    line = np.arange(middle + 1.0, middle + 49)[:, None]
    exact = np.stack(camera.image(*mapping.ground(np.arange(1.0, mapping.samples + 1)[None, :], line)))
    made = resample.positions(camera, mapping, middle, 48)
    within = (exact[0] > 0.5) & (exact[0] < SAMPLES) & (exact[1] > 0.5) & (exact[1] < 300)
    assert within.any()
    assert np.abs(made - exact)[:, within].max() < 1e-3
    flat = np.stack(Camera(plain).image(*mapping.ground(np.arange(1.0, mapping.samples + 1)[None, :], line)))
    assert np.abs(flat - exact)[:, within].max() > 5


def test_a_metakernel_may_be_written_for_the_root_of_the_archive(mission, tmp_path):
    folder = mission / "extras/mk"
    folder.mkdir(parents=True, exist_ok=True)
    names = [
        "lsk/naif0012.tls",
        "pck/pck00010.tpc",
        "fk/spacecraft.tf",
        "ik/camera.ti",
        "sclk/clock.tsc",
        "ck/mro_sc_1.bc",
    ]
    listed = "".join(f"  '$KERNELS/{name}'\n" for name in names)
    path = folder / "mro.tm"
    path.write_text(
        "KPL/MK\n\\begindata\nPATH_VALUES = ( './' )\nPATH_SYMBOLS = ( 'KERNELS' )\n"
        f"KERNELS_TO_LOAD = (\n{listed}  '$KERNELS/spk/+'\n  'mro_1.bsp' )\n\\begintext\n"
    )
    assert [path.name for path in kernels.in_metakernel(path)] == [name.rpartition("/")[2] for name in names] + [
        "mro_1.bsp"
    ]
    camera_of(image(), [path])
    path.write_text(path.read_text().replace("mro_1.bsp", "mro_2.bsp"))
    with pytest.raises(ValueError, match=r"mro\.tm: 1 of 7 kernels are not there: \.//spk/mro_2\.bsp"):
        kernels.in_metakernel(path)


def test_a_metakernel_is_read_as_spice_does(tmp_path):
    """Lists in pieces, single texts, symbols that begin alike, signs within names: in the pool of SPICE they are these."""
    names = ["c/a (1), b.tls", "ck/one.bc", "c/two.bsp"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    path = tmp_path / "pieces.tm"
    path.write_text(
        "KPL/MK\n\\begindata\nPATH_SYMBOLS = 'C'\nPATH_SYMBOLS += ( 'CK' )\nPATH_VALUES = ( 'c'\n 'ck' )\n"
        "KERNELS_TO_LOAD = 'of/before.bc'\n\\begintext\nKERNELS_TO_LOAD += ( 'no.bc' )\n\\begindata\n"
        "KERNELS_TO_LOAD = '$C/a (1), b.tls'\nKERNELS_TO_LOAD += ( '$CK/one.bc' )\nKERNELS_TO_LOAD += '$C/two.bsp'\n"
    )
    assert kernels.in_metakernel(path) == [tmp_path / name for name in names]
    spiceypy.ldpool(str(path))
    try:
        listed = list(spiceypy.gcpool("KERNELS_TO_LOAD", 0, 9))
    finally:
        spiceypy.clpool()
    assert listed == ["$C/a (1), b.tls", "$CK/one.bc", "$C/two.bsp"]
    path.write_text(path.read_text().replace("'c'", ""))
    with pytest.raises(ValueError, match=r"pieces\.tm: PATH_SYMBOLS are 2, PATH_VALUES 1"):
        kernels.in_metakernel(path)


@pytest.fixture
def isisdata(mission, tmp_path):
    """The same kernels as ISISDATA has them: databases that tell which is for what."""
    root = tmp_path / "isisdata"
    areas = {"base": ("lsk", "pck", "spk"), "mro": ("sclk", "fk", "ik", "iak", "spk", "ck")}
    for area, kinds in areas.items():
        for kind in kinds:
            (root / area / "kernels" / kind).mkdir(parents=True)
    linked = {
        "base/kernels/lsk/naif0012.tls": "lsk/naif0012.tls",
        "base/kernels/pck/pck00010.tpc": "pck/pck00010.tpc",
        "base/kernels/spk/de.bsp": "spk/mro_1.bsp",
        "mro/kernels/sclk/clock.0001.tsc": "sclk/clock.tsc",
        "mro/kernels/fk/mro_v16.tf": "fk/spacecraft.tf",
        "mro/kernels/ik/ctx.ti": "ik/camera.ti",
        "mro/kernels/spk/rec.bsp": "spk/mro_1.bsp",
        "mro/kernels/ck/rec.bc": "ck/mro_sc_1.bc",
        "mro/kernels/ck/other.bc": "ck/mro_sc_1.bc",
    }
    for name, source in linked.items():
        (root / name).symlink_to(mission / source)
    times = 'Time = ( "2012 SEP 04 03:00:00.000 TDB",\n             "2012 SEP 04 04:00:00.000 TDB" )\n'
    before = times.replace("2012", "2010")
    database(root, "base/kernels/lsk", "LeapSecond", ('File = ( "base", "kernels/lsk/naif????.tls" )',))
    database(root, "base/kernels/pck", "TargetAttitudeShape", ('File = ( "base", "kernels/pck/pck00010.tpc" )',))
    database(root, "base/kernels/spk", "TargetPosition", ('File = "$base/kernels/spk/de.bsp"',))
    database(root, "mro/kernels/sclk", "SpacecraftClock", ('File = "$mro/kernels/sclk/clock.????.tsc"',))
    database(root, "mro/kernels/fk", "Frame", ('File = "$mro/kernels/fk/mro_v16.tf"',))
    database(
        root,
        "mro/kernels/ik",
        "Instrument",
        ('Match = ( "Instrument", "InstrumentId", "HIRISE" )', 'File = "$mro/kernels/ik/hirise.ti"'),
        ('Match = ( "Instrument", "InstrumentId", "CTX" )', 'File = "$mro/kernels/ik/ctx.ti"'),
    )
    database(
        root,
        "mro/kernels/spk",
        "SpacecraftPosition",
        (times, 'File = "$mro/kernels/spk/rec.bsp"', "Type = Reconstructed"),
    )
    database(
        root,
        "mro/kernels/ck",
        "SpacecraftPointing",
        (times, 'File = "$mro/kernels/ck/rec.bc"', "Type = Reconstructed"),
        (before, 'File = "$mro/kernels/ck/other.bc"', "Type = Reconstructed"),
        (times, 'File = "$mro/kernels/ck/other.bc"', "Type = Predicted"),
    )
    return root


def database(root, folder, name, *selections):
    """Write a kernel database of ISIS, and an older one that is not to be read."""
    groups = ["\n  ".join(["Group = Selection", *rows, "EndGroup"]) for rows in selections]
    text = "\n".join([f"Object = {name}", "  RunTime = 2026-01-01T00:00:00", *groups, "EndObject", "End", ""])
    (root / folder / "kernels.0002.db").write_text(text)
    (root / folder / "kernels.0001.db").write_text(
        "Object = Old\n  Group = Selection\n    File = old\n  EndGroup\nEndObject\n"
    )


def test_isisdata_is_read_by_its_databases(isisdata):
    """By the instrument, the time, and what is reconstructed."""
    _, paths = ephemeris.described(image(), [isisdata])
    names = ["naif0012.tls", "clock.0001.tsc", "pck00010.tpc", "mro_v16.tf", "ctx.ti", "de.bsp", "rec.bsp", "rec.bc"]
    assert [path.rpartition("/")[2] for path in paths] == names
    camera_of(image(), [isisdata])


def test_what_is_missing_is_named_by_body_and_time(mission, isisdata, tmp_path):
    later = image(StartTime="2012-09-06T03:05:32.816", StopTime="2012-09-06T03:05:35.816")
    with pytest.raises(
        ValueError, match=r"mro.*: no SPK kernel has MARS RECON ORBITER \(-74\) at 2012-09-06T03:06.* TDB; "
    ):
        ephemeris.described(later, [mission])
    with pytest.raises(ValueError, match=r"no CK kernel has the pointing of MARS RECON ORBITER \(-74\) at 2012-09-06"):
        ephemeris.described(later, [isisdata])
    lone = tmp_path / "lone"
    lone.mkdir()
    (lone / "naif.tls").write_bytes((mission / "lsk/naif0012.tls").read_bytes())
    with pytest.raises(
        ValueError, match=r"no SCLK kernel of MARS RECON.*; no IK kernel of MARS.*; no PCK kernel; no SPK.*the Sun"
    ):
        ephemeris.described(image(), [lone])
    with pytest.raises(
        ValueError, match=r"no INS-74021_ITRANSS in the kernels; right is one in the IK of NAIF or the addendum"
    ):
        spice.furnish([mission / "lsk/naif0012.tls"])
        spice.numbers(CTX, "ITRANSS")
    with pytest.raises(ValueError, match=r"TargetName = Sky is no body that SPICE knows"):
        ephemeris.need(image(TargetName="Sky").groups)
    with pytest.raises(ValueError, match=r"empty: no kernels \(\.bsp"):
        (tmp_path / "empty").mkdir()
        kernels.index([tmp_path / "empty"])


def test_a_gap_in_the_pointing_is_named_by_frame_and_time(mission):
    late = image(SpacecraftClockCount="1/1070.000000", StartTime=UTC.format(32.816), StopTime=UTC.format(35.816))
    with pytest.raises(
        ValueError, match=r"no CK kernel has the pointing of frame BUS74 \(-74000\) at 2012-09-04T03:07:50\.000 TDB"
    ):
        ephemeris.described(late, [mission])


def test_kernels_of_one_image_do_not_stay_for_the_next(mission):
    """What both lists begin with stays; all that follows goes, and SPICE holds what is asked alone."""
    _, paths = ephemeris.described(image(), [mission])
    assert spiceypy.ktotal("ALL") == len(paths)
    spice.furnish(paths[:-1])
    assert spiceypy.ktotal("ALL") == len(paths) - 1
    with pytest.raises(spice.KernelError, match=r"frame BUS74 \(-74000\) at"):
        spice.chain(CTX, START)
    spice.furnish(paths[:1])
    assert (spiceypy.ktotal("ALL"), spiceypy.ktotal("TEXT")) == (1, 1)
    with pytest.raises(spice.KernelError):
        spice.numbers(CTX, "FOCAL_LENGTH")


def test_predicted_kernels_go_behind_and_old_texts_are_left_out(tmp_path):
    for name in ("mro_v9.tf", "mro_v16.tf", "b_pred.bsp", "a.bsp", "c.bsp", "mars_x.tpc", "pck00010.tpc", "readme.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in kernels.in_folder(tmp_path)]
    assert names == ["pck00010.tpc", "b_pred.bsp", "a.bsp", "c.bsp", "mars_x.tpc", "mro_v16.tf"]


@pytest.fixture(scope="module")
def messenger(tmp_path_factory):
    """The first frame of the sample `mdis`, its camera description, and kernels that say the same."""
    folder = tmp_path_factory.mktemp("messenger")
    sample.mdis(folder)
    path = min(folder.glob("EN*.IMG"))
    described = json.loads(path.with_suffix(".isd.json").read_text())
    cube = folder / "ingested.cub"
    write_cube(cube, ingest.image(path))
    places = folder / "kernels"
    places.mkdir()
    instrument = Cube(cube).groups["Instrument"]
    time = described["center_ephemeris_time"]
    exposure = float(instrument["ExposureDuration"]) / 1000
    partition, seconds = int(str(instrument["SpacecraftClockCount"])[0]), sample.MDIS_FIRST
    leaps = spice_kernels.leap_seconds(places)
    clock = spice_kernels.clock(places, -236, time - exposure / 2 - seconds, partition)
    pole = [[angle] for angle in sample.MERCURY_POLE]
    spice_kernels.body(places, 199, [sample.MERCURY_RADIUS] * 3, pole, sample.MERCURY_MERIDIAN)
    optics = sample.MDIS_OPTICS | {"LIGHTTIME_CORRECTION": "NONE"}
    spice_kernels.instrument(places, -236820, **optics)
    spice_kernels.frames(places, -236, [(-236820, "MSGR_MDIS_NAC", np.eye(3))])
    times = time + np.arange(-2.0, 3.0)
    quaternions = described["instrument_pointing"]["quaternions"] * 5
    spice_kernels.pointing(places / "m.bc", -236000, [leaps, clock], times, quaternions, np.zeros((5, 3)))
    place, speed = (np.array(described["instrument_position"][key][0]) for key in ("positions", "velocities"))
    states = [[*(place + speed * (at - time)), *speed] for at in times]
    sun = [[*described["sun_position"]["positions"][0], 0, 0, 0]] * 4
    far, still = time + np.array([-9e5, -8e5, 8e5, 9e5]), np.zeros((4, 6))
    moving = [(-236, 199, times, states), (10, 199, far, sun), (199, 0, far, still)]
    spice_kernels.positions(places / "m.bsp", moving)
    return SimpleNamespace(folder=folder, path=path, cube=cube, kernels=places)


def test_a_frame_has_the_camera_that_its_description_says(messenger, tmp_path):
    """Kernels and ISD of one pose: pixels see the same place, in the same light."""
    attach(messenger.cube, messenger.path.with_suffix(".isd.json"), tmp_path / "isd.cub")
    attach_kernels(messenger.cube, [messenger.kernels], tmp_path / "spice.cub")
    places = np.meshgrid(np.linspace(1, 512, 20), np.linspace(1, 512, 20))
    ours, theirs = (Camera(isd.of(tmp_path / f"{name}.cub")).ground(*places) for name in ("spice", "isd"))
    for plane in ("latitude", "longitude", "phase", "emission", "incidence"):
        assert getattr(ours, plane) == pytest.approx(getattr(theirs, plane), abs=1e-7)  # a tick of the clock are 3 mm
    done = str(Cube(tmp_path / "spice.cub").groups["Darkroom"]["Done"])
    assert (
        "geometry from the SPICE kernels naif0012.tls, clock.tsc, pck00010.tpc, spacecraft.tf, camera.ti, m.bsp, m.bc"
        in done
    )


def test_what_kernels_lack_is_told_for_all_images_before_work(messenger, tmp_path):
    """What they cover is left for the steps to come; an image that cannot be read is not their business."""
    inventory.write(tmp_path / "inventory.json", inventory.local(messenger.folder, [messenger.path.name]))
    asked = {"dataset": "a", "recipe": "mdis", "names": "EN.*", "part": "", "ingest": {}}
    good, found = asked | {"kernels": [str(messenger.kernels)]}, tmp_path / "kernels.json"
    check = planetary_check_kernels.planetary_check_kernels
    check(found, [tmp_path / "inventory.json"], good["kernels"], [good])
    assert kernels.read(str(found)) == kernels.index(good["kernels"])
    attach_kernels(messenger.cube, good["kernels"], tmp_path / "located.cub", kernels_found=found)
    lone = tmp_path / "lone"
    lone.mkdir()
    for name in ("naif0012.tls", "clock.tsc", "camera.ti", "pck00010.tpc", "m.bc"):
        (lone / name).write_bytes((messenger.kernels / name).read_bytes())
    bad = asked | {"dataset": "b", "kernels": [str(lone)]}
    with pytest.raises(
        ValueError, match=r"^b: .*lone: no SPK kernel has MESSENGER \(-236\) at 2015-04-24T09:.* TDB; no SPK.*Sun"
    ):
        check(
            tmp_path / "none.json", [tmp_path / "inventory.json"] * 2, [str(messenger.kernels), str(lone)], [good, bad]
        )
    assert not (tmp_path / "none.json").exists()
