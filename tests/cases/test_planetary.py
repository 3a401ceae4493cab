"""A planetary campaign of engine native: maps and a mosaic of MDIS frames, THEMIS framelets; judged by GDAL and others."""

import collections
import json
import os
import re
import signal
import subprocess
import time

import numpy as np
import pvl
import pyproj
import pystac.validation
import pytest
import rasterio
from rio_cogeo import cog_validate

from campaign import Campaign
from darkroom.samples import planetary as sample

FRAMES = [f"edr/{name}.IMG" for name in sample.MDIS_NAMES]
SINUSOIDAL = {"projection": "sinusoidal", "resolution": 20}
POLAR = {"projection": "polarstereographic", "resolution": 40}
ROWS = [
    ("left", "sample:mdis", {"filter": ".*1M", "geometry": "isd", "map": SINUSOIDAL}, "mdis"),
    ("middle", FRAMES[1], {"geometry": "isd", "map": {"resolution": 20, "interpolation": "bilinear"}}),
    (
        "right",
        FRAMES[2],
        {
            "geometry": "isd",
            "isd": "edr",
            "map": POLAR,
            "calibration": {"units": "radiance"},
            "photometry": {"model": "lambert"},
            "backplanes": True,
        },
    ),
    ("mosaic", "", {"images": ["left", "middle"], "priority": "average", "map": {"template": "my maps/20 m.map"}}, "mosaic"),
    ("steady", "", {"images": ["left", "middle"], "control": {"adjust": "angles"}, "map": {"resolution": 20}}, "mosaic"),
    ("framelets", "edr/V00821003RDR.QUB", {}),
]  # fmt: skip
TEMPLATE = """
Group = Mapping
  ProjectionName     = Equirectangular
  TargetName         = Mercury
  EquatorialRadius   = 2439400.0 <meters>
  PolarRadius        = 2439400.0 <meters>
  LatitudeType       = Planetocentric
  LongitudeDirection = PositiveEast
  LongitudeDomain    = 360
  MinimumLatitude    = 19.85
  MaximumLatitude    = 20.1
  MinimumLongitude   = 149.9
  MaximumLongitude   = 150.1
  CenterLongitude    = 150.0
  CenterLatitude     = 20.0
  PixelResolution    = 20.0 <meters/pixel>
End_Group
End
"""
# As the archive's, without the keywords that no program of ISIS reads; three framelets of 48 lines in two bands.
THEMIS = """
PDS_VERSION_ID = PDS3
RECORD_TYPE = FIXED_LENGTH
RECORD_BYTES = 512
FILE_RECORDS = 296
LABEL_RECORDS = 8
^SPECTRAL_QUBE = 9
INSTRUMENT_HOST_NAME = "2001 MARS ODYSSEY"
INSTRUMENT_ID = THEMIS
DETECTOR_ID = VIS
MISSION_PHASE_NAME = MAPPING
TARGET_NAME = MARS
PRODUCT_ID = V00821003RDR
PRODUCER_ID = ODY_THM_TEAM
DATA_SET_ID = ODY-M-THM-3-VISRDR-V1.0
PRODUCT_CREATION_TIME = 2003-03-12T12:59:33
PRODUCT_VERSION_ID = "1.4"
START_TIME = 2002-02-20T02:57:57.253
STOP_TIME = 2002-02-20T02:58:56.983
SPACECRAFT_CLOCK_START_COUNT = "698641127.000"
ORBIT_NUMBER = 821
OBJECT = SPECTRAL_QUBE
  AXES = 3
  AXIS_NAME = (SAMPLE, LINE, BAND)
  CORE_ITEMS = (256, 144, 2)
  CORE_NAME = CALIBRATED_SPECTRAL_RADIANCE
  CORE_ITEM_BYTES = 2
  CORE_ITEM_TYPE = SUN_INTEGER
  CORE_BASE = 0.004
  CORE_MULTIPLIER = 1.25e-07
  CORE_NULL = -32768
  SUFFIX_ITEMS = (0, 0, 0)
  FLIGHT_SOFTWARE_VERSION_ID = "1.00"
  COMMAND_SEQUENCE_NUMBER = 821
  DESCRIPTION = "Synthetic"
  EXPOSURE_DURATION = 4.0
  INTERFRAME_DELAY = 1.0
  SPATIAL_SUMMING = 4
  GROUP = BAND_BIN
    BAND_BIN_FILTER_NUMBER = (2, 3)
    BAND_BIN_BAND_NUMBER = (1, 2)
    BAND_BIN_CENTER = (0.425, 0.540)
    BAND_BIN_WIDTH = (0.049, 0.051)
    BAND_BIN_UNIT = MICROMETER
  END_GROUP = BAND_BIN
END_OBJECT = SPECTRAL_QUBE
END
"""
NUMBERS = np.random.default_rng(4).integers(-30000, 30000, (2, 144, 256)).astype(">i2")
# The middles of two frames are 2.7 km apart.
LATITUDE = {"left": 19.9366, "middle": 20.0, "right": 20.0634, "mosaic": 19.9683, "steady": 19.9683}
DELIVERED = [
    "left/calibrated",
    "left/map",
    "middle/calibrated",
    "middle/map",
    "right/calibrated",
    "right/map",
    "mosaic/mosaic",
    "steady/mosaic",
    "framelets/calibrated.even",
    "framelets/calibrated.odd",
]


def prepare(folder, **options):
    """Raw files, a map template, config and sheet."""
    made = Campaign(folder)
    (folder / "edr").mkdir()
    sample.mdis(folder / "edr")
    label = THEMIS.strip().replace("\n", "\r\n").encode() + b"\r\n"
    (folder / "edr/V00821003RDR.QUB").write_bytes(label.ljust(8 * 512) + NUMBERS.tobytes())
    (folder / "my maps").mkdir()
    (folder / "my maps/20 m.map").write_text(TEMPLATE)
    return made.write(ROWS, pipeline="planetary", planetary={"pds4": True, **options})


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    """The campaign, planned and made once."""
    made = prepare(tmp_path_factory.mktemp("native"))
    made.planned = made.run("--dry-run")
    made.left_by_plan = {path.name for path in made.folder.iterdir()}
    made.run()
    return made


def jobs(said):
    """Jobs of a dry run: (rule, dataset) -> how many, without those of the whole campaign."""
    pairs = re.findall(r"^(?:local)?rule (\w+):\n(?: {4}.*\n)*? {4}wildcards: dataset=(\w+)", said, re.MULTILINE)
    return collections.Counter(pairs)


def pixels(path):
    """The bands of a raster as GDAL reads them, scaled, in double precision; special pixels are masked."""
    with rasterio.open(path) as source:
        values = source.read(masked=True).astype("f8")
        shape = (-1, 1, 1)
        return values * np.reshape(source.scales, shape) + np.reshape(source.offsets, shape)


def manifest(campaign, dataset):
    return json.loads((campaign.results / dataset / "manifest.json").read_text())


def require_whole(campaign):
    """Every dataset that has a manifest is as its checksums say, and every cube is one that GDAL can read."""
    for made in campaign.results.glob("*/manifest.json"):
        check = ["sha256sum", "--check", "--quiet", "checksums.sha256"]
        subprocess.run(check, cwd=made.parent, check=True)
    for cube in campaign.results.rglob("[!.]*.cub"):
        pixels(cube)


def test_dry_run_shows_the_jobs_and_makes_nothing(native):
    planned = jobs(native.planned)
    located = {"left", "middle", "right"}
    for rule, datasets in {
        "fetch_input": {*located, "mosaic", "steady", "framelets"},
        "planetary_import": {*located, "framelets"},
        "planetary_import_geometry": located,
        "planetary_correct": {"right"},
        "planetary_project_backplanes": {"right"},
        "planetary_detect_control": {"steady"},
        "planetary_correct_pointing": {"steady"},
        "planetary_merge": {*located, "mosaic", "steady"},
        "publish_manifest": {*located, "mosaic", "steady", "framelets"},
    }.items():
        assert {dataset for name, dataset in planned if name == rule} == datasets
    assert planned["planetary_import", "framelets"] == planned["planetary_project", "mosaic"] == 2
    assert native.left_by_plan == {"config", "datasets.tsv", "edr", "my maps", ".snakemake"}


def test_second_run_does_nothing(native):
    assert "Nothing to be done" in native.run("--dry-run")


def test_nothing_is_written_beside_the_source(native):
    frames = {f"{name}{suffix}" for name in sample.MDIS_NAMES for suffix in (".IMG", ".isd.json")}
    assert {path.name for path in (native.folder / "edr").iterdir()} == {*frames, "V00821003RDR.QUB"}


def test_every_dataset_is_whole(native):
    require_whole(native)
    for dataset, *_ in ROWS:
        told = manifest(native, dataset)
        assert told["checks"]["planetary_check"]["passed"]
        listed = {product["path"] for product in told["products"]}
        folder = {path.name for path in (native.results / dataset).iterdir()}
        beside = {"manifest.json", "checksums.sha256", "planetary.json", "projection.map", "control.json"}
        assert folder - beside == listed
    assert len(list(native.results.glob("*/manifest.json"))) == len(ROWS)


@pytest.mark.parametrize("name", DELIVERED)
def test_gdal_reads_the_same_from_every_format(native, name):
    path = native.results / name
    cube, *others = (pixels(f"{path}{suffix}") for suffix in (".cub", ".tif", ".xml"))
    assert cube.count()
    for other in others:
        np.testing.assert_array_equal(np.ma.getmaskarray(other), np.ma.getmaskarray(cube))
        np.testing.assert_array_equal(other.compressed(), cube.compressed())
    assert cog_validate(f"{path}.tif", strict=True, quiet=True)[0]


@pytest.mark.parametrize("dataset", [dataset for dataset, *_ in ROWS])
def test_stac_item(native, dataset):
    item = json.loads((native.results / dataset / "item.json").read_text())
    pystac.validation.validate_dict(item | {"stac_extensions": []})  # whose schemas are not at hand
    assert all((native.results / dataset / asset["href"]).is_file() for asset in item["assets"].values())
    if dataset == "framelets":
        assert item["geometry"] is None
    else:
        west, south, east, north = item["bbox"]
        assert ((south + north) / 2, (west + east) / 2) == pytest.approx((LATITUDE[dataset], 150), abs=5e-3)


@pytest.mark.parametrize("dataset", ["left", "middle", "right", "mosaic", "steady"])
def test_what_was_left_out_is_told_everywhere(native, dataset):
    told = manifest(native, dataset)
    assert told["skipped"] == ["flat field: no file given"]
    assert told["engine"] == "native"
    for path in (native.results / dataset).glob("*.tif"):
        with rasterio.open(path) as image:
            assert "flat field: no file given" in image.tags()["SKIPPED"]
        assert pvl.load(path.with_suffix(".cub"))["IsisCube"]["Darkroom"]["Skipped"] == told["skipped"]


def test_the_mosaic_shows_the_surface(native):
    """The value of a pixel is that of the scene at the latitude and longitude that PROJ finds for it."""
    path = native.results / "mosaic/mosaic.tif"
    values, counts = pixels(path)
    with rasterio.open(path) as image:
        crs = pyproj.CRS(image.crs.to_wkt())
        columns, rows = np.meshgrid(*(np.arange(size) + 0.5 for size in (image.width, image.height)))
        x, y = image.transform @ (columns, rows)
    longitude, latitude = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True).transform(x, y)
    off = values - sample.mdis_scene(latitude, longitude)
    assert abs(off.mean()) < 1e-5
    assert off.std() < 0.03 * values.mean()
    assert {*counts.compressed()} == {1, 2}
    assert "Center = (747.7, Null) <NM>" in path.with_suffix(".cub").read_bytes()[:65536].decode()  # as automos has it


def test_cameras_that_look_right_are_hardly_turned(native):
    """The manifest says so; the mosaic is that of cubes whose pointing was adjusted."""
    told = manifest(native, "steady")
    control = told["checks"]["planetary_control"]
    assert control["points"] > 20
    assert control["rms_after"] < 0.5
    left, middle = np.array([image["angles"][:2] for image in control["images"]])
    assert left - middle == pytest.approx([0, 0], abs=2e-3)  # a pixel is 3e-3 degrees
    assert left == pytest.approx([0, 0], abs=1e-2)
    assert any(note.startswith("control: left turned by (") for note in told["notes"])
    done = pvl.load(native.results / "steady/controlled.left.cub")["IsisCube"]["Darkroom"]["Done"]
    assert done[-1].startswith("control: left turned by (")


@pytest.mark.parametrize(
    ("name", "method", "resolution"),
    [
        ("left/map", "Sinusoidal", 20),
        ("middle/map", "Equidistant Cylindrical (Spherical)", 20),
        ("right/map", "Polar Stereographic (variant B)", 40),
        ("mosaic/mosaic", "Equidistant Cylindrical (Spherical)", 20),
    ],
)
def test_maps_are_those_that_were_asked_for(native, name, method, resolution):
    with rasterio.open(native.results / f"{name}.tif") as image:
        crs = pyproj.CRS(image.crs.to_wkt())
        assert crs.coordinate_operation.method_name == method
        assert image.res == (resolution, resolution)


def test_radiance_brought_to_one_light(native):
    """The scene in radiance, by the irradiance at 0.32 AU that the label tells, and Lambert's law at 30 degrees."""
    _, _, incidence, latitude, longitude = pixels(native.results / "right/backplanes.cub")
    reflectance = sample.mdis_scene(latitude.filled(0), longitude.filled(0))
    radiance = np.ma.array(reflectance * 1278.85 / np.pi / 0.32**2, mask=incidence.mask)
    (calibrated,), (brought,) = (pixels(native.results / f"right/{name}.cub") for name in ("calibrated", "map"))
    assert (calibrated - radiance).mean() == pytest.approx(0, abs=1e-5 * radiance.mean())
    expected = radiance * np.cos(np.pi / 6) / np.cos(np.deg2rad(incidence))
    assert brought.mean() == pytest.approx(expected.mean(), rel=2e-3)


def test_framelets_are_told_apart(native):
    """The first framelet of 48 lines is odd; values are those of the label's base and multiplier."""
    number = np.arange(144) // 48 + 1
    for part, lines in (("even", number % 2 == 0), ("odd", number % 2 == 1)):
        for stage in ("ingested", "calibrated"):
            image = pixels(native.results / f"framelets/{stage}.{part}.cub")
            assert np.array_equal(image.mask, np.broadcast_to(~lines[:, None], NUMBERS.shape))
            assert image.data[:, lines] == pytest.approx(NUMBERS[:, lines] * 1.25e-7 + 0.004, rel=1e-6)
    assert manifest(native, "framelets")["skipped"] == ["I/F: there is no public factor, the units are radiance"]


def test_a_changed_option_makes_again_what_depends_on_it(native):
    changes = {
        "left": {"stretch": [1, 99]},
        "right": {"photometry": {"model": "minnaert", "parameters": {"k": 0.7}}},
        "mosaic": {"priority": "ontop"},
    }
    rows = [(name, source, options | changes.get(name, {}), *rest) for name, source, options, *rest in ROWS]
    native.write(rows, pipeline="planetary", planetary={"pds4": True})
    planned = jobs(native.run("--dry-run"))
    native.write(ROWS, pipeline="planetary", planetary={"pds4": True})
    last = {"planetary_convert", "planetary_plot", "publish_manifest"}
    assert {rule for rule, dataset in planned if dataset == "left"} == last - {"planetary_convert"}
    assert {rule for rule, dataset in planned if dataset == "mosaic"} == last | {"planetary_project", "planetary_merge"}
    corrected = {"correct", "project_backplanes", "detect_range", "project", "merge"}
    assert {rule for rule, dataset in planned if dataset == "right"} == last | {
        f"planetary_{rule}" for rule in corrected
    }
    assert {dataset for _, dataset in planned} == set(changes)


def test_killed_in_batches_the_campaign_ends_in_the_same_bytes(native, tmp_path):
    """`batch: 2` and a kill change nothing, and what the kill leaves is whole or absent."""
    again = prepare(tmp_path, batch=2)
    process = again.start()
    began = time.monotonic()
    while not list(again.results.glob("*/calibrated.cub")):
        assert process.poll() is None
        assert time.monotonic() - began < 600
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    require_whole(again)
    assert len(list(again.results.glob("*/manifest.json"))) < len(ROWS)  # in the midst of it
    again.run("--unlock")
    again.run()
    require_whole(again)
    made, expected = ({**each.tree()} for each in (again, native))
    for dataset, *_ in ROWS:
        ours, theirs = (json.loads(tree.pop(f"{dataset}/manifest.json")) for tree in (made, expected))
        assert ours["options"].pop("batch") == 2
        assert theirs["options"].pop("batch") == 1
        assert ours == theirs
    assert made == expected
