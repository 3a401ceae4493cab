"""Calibration against what USGS ISIS made of the same files: pixels, special pixels, sums, labels."""

import json
import re

import numpy as np
import pytest

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import calibrate, ingest, lroc_nac

# The Sun's distance in AU that ISIS had, by its labels.
MDIS = {"EN1072174528M": 0.44858264784393, "EW0217229464G": 0.46220867519852}
FRAME_DISTANCE = 0.31349273820889
# Keywords of a calibrated cube's label that tell of a run of ISIS and its data area.
OF_ISIS = {"SoftwareName", "SoftwareVersion", "ProcessDate", "FlatFieldFile", "EmpiricalCorrectionFile"}
NAC_FILES = {
    "dark_only": {"dark_file": "nac_dark.cub"},
    "nonlin_only": {"offset_file": "nac_offset.cub", "nonlinearity_file": "nac_nonlin.txt"},
    "flat_only": {"flat": "nac_flat.cub"},
    "rad_radiance": {"units": "radiance", "responsivity_file": "nac_resp.pvl"},
    "all_off": {},
}
NAC_FILES["all_radiance"] = {key: value for options in NAC_FILES.values() for key, value in options.items()}


@pytest.fixture
def truth(samples):
    return samples / "planetary/isis_truth"


@pytest.fixture
def ingested(tmp_path):
    """Ingest a product of the archive."""

    def run(product):
        path = tmp_path / f"{product.stem}.cub"
        cubes.write(path, ingest.image(product))
        return cubes.Cube(path)

    return run


@pytest.fixture
def calibrated(tmp_path):
    """Calibrate a cube: its float32 pixels as they are stored, its groups."""

    def run(cube, **options):
        path = tmp_path / "calibrated.cub"
        cubes.write(path, calibrate.image(cube, options).image)
        made = cubes.Cube(path)
        return np.array(made.raw()), made.groups

    return run


def expected(path, shape):
    return np.fromfile(path, "<f4").reshape(shape)


def steps_apart(ours, isis):
    """The most float32 numbers between two pixels; special ones, told by their bits, must be the same."""
    ordered = [
        np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
        for bits in (image.view("i4").astype("i8") for image in (ours, isis))
    ]
    codes = [cubes.decode(image, "f4") for image in (ours, isis)]
    assert np.array_equal(*(np.zeros(ours.shape) if code is None else code for code in codes))
    return np.abs(ordered[0] - ordered[1]).max()


def valid(pixels):
    codes = cubes.decode(pixels, "f4")
    return pixels if codes is None else pixels[codes == 0]


@pytest.mark.parametrize("dark", ["NONE", "STANDARD", "LINEAR", "MODEL"])
@pytest.mark.parametrize("units", ["iofno", "iofyes"])
@pytest.mark.parametrize("name", MDIS)
def test_mdis(truth, ingested, calibrated, name, dark, units):
    """mdiscal, flat field left out. What RADIOMETRIC=no makes is radiance all the same: a fault of mdiscal's."""
    pixels, _ = calibrated(
        ingested(truth / f"mdis/{name}.IMG"),
        dark=dark.lower(),
        units="iof" if units == "iofyes" else "radiance",
        solar_distance=MDIS[name],
    )
    run = f"{dark}.radyes.{units}"
    assert steps_apart(pixels[96:160, 200:264], expected(truth / f"mdis/crops/{name}.cal.{run}.f32", (64, 64))) <= 1
    stated = json.loads((truth / "mdis/mdis_truth.json").read_text())[f"{name}:mdiscal {run}"]["np"]
    assert valid(pixels).size == stated["n"]
    assert valid(pixels).sum(dtype="f8") == pytest.approx(stated["sum"], rel=1e-11)


def test_mdis_flat_field(truth, ingested, calibrated, tmp_path):
    """The flat field itself is not kept: that of one camera's crops is used for the other's, good to two roundings."""
    crops = {
        name: [
            expected(truth / f"mdis/crops/{name}.cal.{run}.f32", (64, 64)).astype("f8")
            for run in ("MODEL.radyes.iofno", "wavyflat")
        ]
        for name in MDIS
    }
    plain, divided = crops["EN1072174528M"]
    flat = np.ones((512, 512))
    flat[96:160, 200:264] = plain / divided
    cubes.write(tmp_path / "flat.cub", cubes.Image(1, 512, 512, "f4", {}, [(flat[None], None)]))
    cube = ingested(truth / "mdis/EW0217229464G.IMG")
    pixels, groups = calibrated(cube, units="radiance", flat=str(tmp_path / "flat.cub"))
    assert pixels[96:160, 200:264] == pytest.approx(crops["EW0217229464G"][1], rel=4e-7)
    assert "flat" in groups["Archive"]["SourceProductId"]


def test_mdis_empirical_correction(truth, ingested, calibrated, tmp_path):
    table = tmp_path / "events.txt"
    table.write_text(
        "2011-06-22T05:00:00.000000" + ",1" * 12 + "\n2011-06-22T11:00:00.000000,1,1,1,1,1.10154939" + ",1" * 7 + "\n"
    )
    name = "EW0217229464G"
    cube = ingested(truth / f"mdis/{name}.IMG")
    pixels, _ = calibrated(cube, solar_distance=MDIS[name], empirical_correction=str(table))
    assert steps_apart(pixels[96:160, 200:264], expected(truth / f"mdis/crops/{name}.cal.ec.f32", (64, 64))) <= 1


@pytest.mark.parametrize("run", ["LINEAR.radyes.iofno", "MODEL.radyes.iofyes"])
@pytest.mark.parametrize("name", MDIS)
def test_mdis_label(truth, ingested, calibrated, name, run):
    dark, _, units = run.split(".")
    options = {"units": "iof" if units == "iofyes" else "radiance", "solar_distance": MDIS[name]}
    _, ours = calibrated(ingested(truth / f"mdis/{name}.IMG"), dark=dark.lower(), **options)
    isis = pvl.load(truth / f"mdis/labels/{name}.cal.{run}.pvl")["IsisCube"]
    group = "RadiometricCalibration"
    kept = [[key for key, _ in groups[group].items() if key not in OF_ISIS] for groups in (ours, isis)]
    assert kept[0] == kept[1]
    for key in kept[0]:
        assert same(ours[group][key], isis[group][key]), key
    assert ours["Archive"]["ProductId"] == isis["Archive"]["ProductId"]
    sources = isis["Archive"]["SourceProductId"]
    # ISIS names the flat field though it was told not to use it.
    assert ours["Archive"]["SourceProductId"] == tuple(source for source in sources if "_FLAT_" not in source)


def same(ours, isis):
    """Whether texts are equal, or the numbers in them are to the digits that the distance of the Sun was copied with."""
    if isinstance(ours, tuple) or not re.search(r"\d\.\d", str(ours)):
        return ours == isis
    numbers = [[float(word) for word in re.findall(r"-?\d+\.\d+(?:e-?\d+)?", str(text))] for text in (ours, isis)]
    return numbers[0] == pytest.approx(numbers[1], rel=2e-13, abs=2e-16)


def test_mdis_whole_frame(truth, ingested, calibrated):
    name = "EN1072174528M"
    pixels, _ = calibrated(ingested(truth / f"frames/{name}.IMG"), solar_distance=FRAME_DISTANCE)
    with np.load(truth / f"frames/{name}.cal.npz") as stored:
        isis = stored["data"]
    codes = cubes.decode(pixels, "f4")
    assert np.array_equal(codes == 0, np.isfinite(isis) & (isis > -1e30))
    assert steps_apart(np.where(codes == 0, pixels, 0), np.where(codes == 0, isis, np.float32(0))) <= 1
    assert valid(pixels).mean(dtype="f8") == pytest.approx(0.058974023965269, rel=1e-12)
    assert valid(pixels).size == 260608


@pytest.mark.parametrize(
    ("run", "options"),
    [("cal_iofno", {"units": "dn", "even_odd": False}), ("cal_iofyes", {"even_odd": False}), ("evenodd", {})],
)
def test_ctx(truth, ingested, calibrated, run, options):
    """The distance is that of ISIS's factor to I/F: it came from a table that is in no file here."""
    distance = 2.07e8 * (1.47517900395919e-04 * 1.877 * 3660.5) ** 0.5 / calibrate.AU
    cube = ingested(truth / "ctx/B10_013341_1010_XN_79S172W.IMG")
    pixels, _ = calibrated(cube, flat=str(truth / "ctx/ctx_flat.cub"), solar_distance=distance, **options)
    assert steps_apart(pixels[20:84, 2000:2064], expected(truth / f"ctx/{run}.l20s2000.64x64.f32", (64, 64))) <= 1
    stated = json.loads((truth / "ctx/ctx_truth.json").read_text())
    average = {"cal_iofno": "ctxcal iof=no", "cal_iofyes": "ctxcal iof=yes", "evenodd": "ctxevenodd"}[run]
    assert valid(pixels).mean(dtype="f8") == pytest.approx(float(stated[average]["Average"]), rel=1e-12)
    assert valid(pixels).size == int(stated[average]["ValidPixels"])


@pytest.mark.parametrize(
    ("run", "flat", "options"),
    [
        ("ctx_unit_iofyes", "unit", {"even_odd": False}),
        ("ctx_unit_iofno", "unit", {"even_odd": False, "units": "dn"}),
        ("ctx_wavy_iofyes", "wavy", {"even_odd": False}),
        ("ctx_wavy_iofno", "wavy", {"even_odd": False, "units": "dn"}),
        ("ctxevenodd_on_cal", "unit", {}),
    ],
)
def test_ctx_with_the_distance_of_its_tables(truth, calibrated, run, flat, options):
    cube = cubes.Cube(truth / "cal/ctxTestImage.ellipsoid.cub")
    pixels, groups = calibrated(cube, flat=str(truth / f"cal/ctx_{flat}_flat.cub"), **options)
    assert steps_apart(pixels, expected(truth / f"cal/{run}.20x20.f32", (20, 20))) <= 1
    isis = pvl.load(truth / f"cal/{run}.pvl")["IsisCube"]["Radiometry"]
    assert float(groups["Radiometry"]["iof"]) == pytest.approx(float(isis["iof"]), rel=1e-11)


@pytest.mark.parametrize("run", NAC_FILES)
def test_nac(samples, truth, ingested, calibrated, run):
    pixels, groups = calibrated(
        ingested(samples / "planetary/lronac/nacl.img"), **{"units": "dn", "echo": False} | nac_options(truth, run)
    )
    assert steps_apart(pixels[:, :64], expected(truth / f"cal/lronaccal_L_{run}.10x64.f32", (10, 64))) <= 1
    stated = json.loads((truth / "cal/cal_truth.json").read_text())[f"lronaccal_L_{run}"]
    assert pixels.sum(dtype="f8") == pytest.approx(float(stated["Sum"]), rel=1e-12)
    isis = pvl.load(truth / f"cal/lronaccal_L_{run}.pvl")["IsisCube"]["Radiometry"]
    # lronaccal writes its default of 1.01 AU for a radiance, which has no use for it.
    assert groups["Radiometry"].items() == [entry for entry in isis.items() if entry[0] != "SolarDistance"]


def test_nac_echo(samples, truth, ingested, calibrated):
    cube = ingested(samples / "planetary/lronac/nacl.img")
    pixels, _ = calibrated(cube, **nac_options(truth, "all_radiance"))
    assert pixels[:, :64] == pytest.approx(expected(truth / "cal/lronacecho_L.10x64.f32", (10, 64)), abs=1e-4)
    stated = json.loads((truth / "cal/cal_truth.json").read_text())
    assert pixels.sum(dtype="f8") == pytest.approx(float(stated["lronacecho_L"]["Sum"]), rel=1e-12)
    strength = lroc_nac.echo_strength(cube.samples, "NACL", 1)
    ((raw, _),) = lroc_nac.without_echo([cube.read()], strength, 2, backwards=False)
    assert raw[:, :64] == pytest.approx(expected(truth / "cal/lronacecho_L_raw.10x64.f32", (10, 64)), abs=1e-4)
    assert raw.sum() == pytest.approx(float(stated["lronacecho_L_raw"]["Sum"]), rel=1e-9)


def nac_options(truth, run):
    """Options of a run, files in the folder of the truth."""
    return {key: value if key == "units" else str(truth / "cal" / value) for key, value in NAC_FILES[run].items()}


def test_hrsc(samples, ingested, calibrated):
    """The mean that hrsc2isis has (notes), times the label's factor."""
    cube = ingested(samples / "planetary/hrsc/h0279_0000_re2_cropped.img")
    pixels, _ = calibrated(cube)
    assert valid(pixels).mean(dtype="f8") == pytest.approx(409993 / 6440 * 0.00210933, rel=1e-7)
