"""Calibration of cubes made here, against the formulas of the programs written out pixel by pixel; ISIS's own numbers."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from darkroom.planetary.formats import cubes
from darkroom.planetary.formats.pvl import Quantity
from darkroom.planetary.instruments import calibrate as calibrate_module
from darkroom.planetary.instruments import lroc_nac, moc
from darkroom.planetary.instruments.mdis.calibrate import Shot, dark_columns, nearest_factor

MDIS = {
    "Instrument": {
        "InstrumentId": "MDIS-NAC",
        "StartTime": "2015-04-24T04:42:19.666464",
        "ExposureDuration": Quantity("2", "MS"),
        "FpuBinningMode": 0,
        "PixelBinningMode": 0,
        "Unlutted": 1,
    },
    "Archive": {"ProductId": "EN1072174528M", "CCDTemperature": 1139},
    "BandBin": {"Number": 2},
}
CTX = {
    "Instrument": {
        "InstrumentId": "CTX",
        "StartTime": "2009-06-01T00:38:16.057",
        "LineExposureDuration": Quantity("1.877", "MSEC"),
        "SpatialSumming": 1,
        "SampleFirstPixel": 0,
    }
}
NAC = {
    "Instrument": {
        "InstrumentId": "NACL",
        "StartTime": "2009-11-29T14:51:21.968000",
        "LineExposureDuration": Quantity("0.5", "ms"),
        "SpatialSumming": 1,
    }
}
MOC = {
    "Instrument": {
        "InstrumentId": "MOC-WA",
        "StartTime": "1997-10-20T10:58:37.46",
        "CrosstrackSumming": 4,
        "DowntrackSumming": 4,
        "GainModeId": "1A",
        "OffsetModeId": 5,
        "LineExposureDuration": Quantity("100.0", "ms"),
        "FirstLineSample": 673,
    },
    "BandBin": {"FilterName": "RED"},
}


def grouped(groups, **instrument):
    """Groups with other keywords of Instrument."""
    return groups | {"Instrument": groups["Instrument"] | instrument}


@pytest.fixture
def cube(tmp_path):
    """Make a cube of one band: `cube(groups, values, codes=None, tables=(), original="")`."""

    def make(groups, values, codes=None, tables=(), original=""):
        values = np.asarray(values, "f4")
        codes = None if codes is None else np.asarray(codes, "u1")[None]
        path = tmp_path / f"made{len(list(tmp_path.iterdir()))}.cub"
        image = cubes.Image(1, *values.shape, "f4", groups, [(values[None], codes)])
        image.tables, image.original = list(tables), original.encode()
        cubes.write(path, image)
        return cubes.Cube(path)

    return make


@pytest.fixture
def calibrated(tmp_path):
    """Calibrate a cube and read the result: values, codes (0 where valid), the cube, the Result."""

    def run(cube, **options):
        result = calibrate_module.image(cube, options)
        path = tmp_path / "calibrated.cub"
        cubes.write(path, result.image)
        made = cubes.Cube(path)
        values, codes = made.read()
        return values, np.zeros(values.shape, "u1") if codes is None else codes, made, result

    return run


# What all share


@pytest.mark.parametrize(
    "text",
    [
        "0.0",
        "3.4",
        "590.6",
        "-2.346e-04",
        "0.44858264784393",
        "4.94327993625557e-04",
        "235.98149671053",
        "0.020245793207333",
        "1278.85",
        "-0.0082766609473183",
        "1.10154939",
        "1.47517900395919e-04",
        "15869.0",
    ],
)
def test_numbers_are_written_as_isis_writes_them(text):
    """The texts are from labels that ISIS 8.3 wrote."""
    assert calibrate_module.number(float(text)) == text


@pytest.mark.parametrize(
    ("utc", "seconds"),
    [
        ("2000-01-01T12:00:00", 64.1839),
        ("2009-06-01T00:38:16.057", 297088762.24158),
        ("2017-01-01T00:00:00Z", 536500869.184),
    ],
)
def test_ephemeris_time(utc, seconds):
    """By SPICE's documentation, by a table that ISIS made of an image, by the leap seconds of naif0012.tls."""
    assert calibrate_module.ephemeris_time(utc) == pytest.approx(seconds, abs=0.002)


def test_a_recursion_is_solved():
    values = np.random.default_rng(1).normal(size=(1000, 3))
    expected = lfilter([1], [1, 0, 0.326], values, axis=0)
    calibrate_module.recursion(values, np.full((1000, 1), -0.326), 2)
    assert values == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("cache", ["HermiteSpline", "Linear"])
def test_the_sun_is_found_between_records(cache):
    """A cubic is its own Hermite interpolation; a straight way between the records is not."""
    fields = [
        ("J2000X", "f8"),
        ("J2000Y", "f8"),
        ("J2000Z", "f8"),
        ("J2000XV", "f8"),
        ("J2000YV", "f8"),
        ("J2000ZV", "f8"),
    ]
    times = np.array([0.0, 10.0, 30.0])
    records = np.zeros(3, [*fields, ("ET", "f8")])
    records["J2000X"], records["J2000XV"], records["ET"] = times**3, 3 * times**2, times
    sun = calibrate_module.position(cubes.Table("SunPosition", records, {"CacheType": cache}), 25.0)
    assert sun == pytest.approx([25.0**3 if cache == "HermiteSpline" else 1000 + 0.75 * 26000, 0, 0])


def test_the_sun_distance_is_the_option_or_the_table_or_the_label(cube):
    table = cubes.Table(
        "SunPosition", np.array([(3e7, 4e7, 0.0, 0.0)], [(f"J2000{a}", "f8") for a in "XYZ"] + [("ET", "f8")])
    )
    label = "SOLAR_DISTANCE = 46897845.70492 <KM>\nEND\n"
    full = cube(MDIS, np.zeros((4, 8)), tables=[table], original=label)
    labelled = cube(MDIS, np.zeros((4, 8)), original=label)
    assert calibrate_module.solar_distance(full, {"solar_distance": 2})[0] == 2 * 1.49597870691e8
    assert calibrate_module.solar_distance(full, {}) == (5e7, "the cube's SunPosition")
    assert calibrate_module.solar_distance(labelled, {}) == (46897845.70492, "the product's label (SOLAR_DISTANCE)")
    assert calibrate_module.solar_distance(cube(MDIS, np.zeros((4, 8))), {}) == (None, "")


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        (
            {"Instrument": {"InstrumentId": "HIRISE"}},
            {},
            "no calibration for InstrumentId 'HIRISE'; known are CTX, HRSC",
        ),
        ({}, {}, "no calibration for InstrumentId ''"),
        (MDIS | {"RadiometricCalibration": {"Units": "DN"}}, {}, "is calibrated already"),
        (NAC | {"Radiometry": {"FlatFile": "x"}}, {}, "is calibrated already"),
        (NAC | {"AlphaCube": {"AlphaSamples": 5064}}, {}, "is cropped or scaled"),
        (grouped(MDIS, Unlutted=0), {}, "Unlutted = 0.*unlut: true"),
        (MDIS, {"units": "counts"}, "units 'counts'; can be iof, radiance, dn"),
        (MDIS, {"dark": "median"}, "dark 'median'; can be model, linear, standard, none"),
        ({"Instrument": MDIS["Instrument"]}, {}, "misses something: Archive"),
        (grouped(MOC, InstrumentId="MOC-NA"), {}, "constants of NarrowAngleA"),
        ({"Instrument": {"InstrumentId": "HRSC"}}, {}, "REFLECTANCE_SCALING_FACTOR is not in the product's label"),
        ({"Instrument": {"InstrumentId": "THEMIS_IR"}}, {}, "CORE_NAME is unknown.*RDR"),
        (CTX, {}, "Ctx Prefix Dark Pixels"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(cube, groups, options, message):
    made = cube(groups, np.ones((4, 8)))
    with pytest.raises(ValueError, match=message) as error:
        calibrate_module.image(made, options)
    assert "\n" not in str(error.value)


# MDIS


def mdiscal(numbers, flat, factor):
    """The pixels of a NAC frame by the program's own loop, from numbers whose dark level is gone; None is special."""
    share = 3.4 / len(numbers[0]) / 2
    smear, before = [0.0] * len(numbers[0]), [16 * share] * len(numbers[0])
    rows = []
    for row, divisors in zip(numbers, flat, strict=True):
        rows.append([])
        for sample, (number, divisor) in enumerate(zip(row, divisors, strict=True)):
            if math.isnan(number) or math.isnan(divisor):
                rows[-1].append(math.nan)
                continue
            value = number / (0.011844 * math.log10(number) + 0.912031 if number > 0 else 0.912031)
            smear[sample] += share * before[sample]
            value -= smear[sample]
            before[sample] = value
            rows[-1].append(value / divisor * factor)
    return np.array(rows)


def test_mdis_equals_the_program_with_special_pixels_and_flat(cube, calibrated):
    noise = np.random.default_rng(3)
    values, codes = noise.integers(-3, 3500, (70, 16)), np.zeros((70, 16), "u1")
    codes[0, 5], codes[10:50, 6], codes[69, 7], codes[33, 8] = cubes.NULL, cubes.HIS, cubes.LRS, cubes.HIS
    flat, flat_codes = 1 + noise.normal(0, 0.1, (70, 16)).astype("f4"), np.zeros((70, 16), "u1")
    flat_codes[20, 9] = cubes.NULL
    flat_cube = cube({}, flat, flat_codes)
    radiance, radiance_codes, made, result = calibrated(
        cube(MDIS, values, codes), dark="none", units="radiance", flat=str(flat_cube.path)
    )
    numbers = np.where(codes == 0, values, math.nan)
    temperature = 1139.0
    response = 154.48 * (1.2488 - 2.346e-4 * temperature)
    expected = mdiscal(numbers, flat_cube.read()[0], 1 / 0.002 / response)
    codes[20, 9] = cubes.NULL
    codes[:, :4] = cubes.NULL
    assert np.array_equal(radiance_codes, codes)
    assert np.array_equal(radiance[codes == 0].astype("f4"), expected[codes == 0].astype("f4"))
    group = made.groups["RadiometricCalibration"]
    assert group["FlatFieldFile"] == flat_cube.path.name
    assert group["Units"] == "W / (m**2 micrometer sr)"
    assert made.groups["Archive"]["ProductId"] == "CN1072174528M_RA_5"
    assert result.skipped == ["dark level: none"]


def test_mdis_dn_have_no_responsivity(cube, calibrated):
    """What mdiscal's RADIOMETRIC=no says, but does not do."""
    numbers = cube(MDIS, np.full((8, 16), 100.0))
    dn, _, made, result = calibrated(numbers, dark="none", units="dn")
    assert dn[0, 10] == pytest.approx(100 / (0.011844 * 2 + 0.912031) - 16 * (3.4 / 16 / 2) ** 2, rel=1e-6)
    assert made.groups["RadiometricCalibration"]["Units"] == "DN"
    assert made.groups["Archive"]["ProductId"] == "CN1072174528M_DN_5"
    assert "radiance: DN are wanted" in result.skipped


def test_mdis_without_a_distance_says_so(cube):
    result = calibrate_module.image(cube(MDIS, np.ones((8, 16))), {})
    assert "I/F: the Sun's distance is not known, the units are radiance" in result.skipped
    assert "flat field: no file given" in result.skipped


@pytest.mark.parametrize(
    ("fpu", "binning", "columns"),
    [(0, 0, (4, 3, 4)), (1, 0, (2, 1, 3)), (0, 2, (1, 0, 3)), (1, 2, (0, 0, 3)), (0, 4, (0, 0, 1)), (1, 8, (0, 0, 1))],
)
def test_mdis_dark_columns(fpu, binning, columns):
    """Columns that are dark, that can be used, that become empty: by the comments of mdiscal."""
    shot = Shot("NAC", 0, bool(fpu), binning, 0.001, 1139.0, "")
    assert dark_columns(shot) == columns


@pytest.mark.parametrize(
    ("asked", "exposure", "binning", "mode"),
    [
        ("model", "999", 0, "MODEL"),
        ("model", "1001", 0, "LINEAR"),  # mdiscal does that too, but calls it STANDARD
        ("model", "1001", 4, "NONE"),
        ("standard", "5", 4, "MODEL"),
        ("linear", "1001", 4, "NONE"),
    ],
)
def test_mdis_dark_level_that_cannot_be_had_is_replaced(cube, asked, exposure, binning, mode):
    groups = grouped(MDIS, ExposureDuration=Quantity(exposure, "MS"), PixelBinningMode=binning)
    result = calibrate_module.image(cube(groups, np.ones((8, 16))), {"dark": asked})
    assert result.image.groups["RadiometricCalibration"]["DarkCurrentModel"] == mode
    said = [text for text in [*result.done, *result.skipped] if text.startswith("dark level")]
    assert ("cannot be had" in said[0]) == (mode.lower() != asked)


def test_mdis_standard_dark_level_is_the_median(cube, calibrated):
    values = np.full((4, 16), 500.0)
    values[:, :3] = [[10, 30, 20], [10, 10, 40], [7, 8, 9], [0, 0, 0]]
    codes = np.zeros((4, 16), "u1")
    codes[3, :3] = cubes.NULL
    numbers, codes, _, _ = calibrated(cube(MDIS, values, codes), dark="standard", units="dn")
    share = 3.4 / 16 / 2
    first = 480 / (0.011844 * math.log10(480) + 0.912031) - 16 * share**2
    assert numbers[0, 10] == pytest.approx(first, rel=1e-6)
    assert numbers[1, 10] == pytest.approx(
        490 / (0.011844 * math.log10(490) + 0.912031) - share * (first + 16 * share), rel=1e-6
    )
    assert (codes[3] == cubes.NULL).all()


def test_mdis_binned_flat_is_averaged(cube, calibrated):
    flat = np.tile([[1.0, 3.0], [2.0, 2.0]], (8, 16)).astype("f4")
    groups = grouped(MDIS, PixelBinningMode=2)
    plain, *_ = calibrated(cube(groups, np.full((8, 16), 900.0)), units="dn")
    halved, *_ = calibrated(cube(groups, np.full((8, 16), 900.0)), units="dn", flat=str(cube({}, flat).path))
    assert halved[:, 4:] == pytest.approx(plain[:, 4:] / 2)
    with pytest.raises(ValueError, match="8 x 16 pixels; there must be 16 x 16"):
        calibrated(cube(MDIS, np.ones((16, 16))), flat=str(cube({}, np.ones((8, 16))).path))


@pytest.mark.parametrize(
    ("start", "date", "factor"),
    [
        ("2011-06-22T11:26:37.406792", "2011-06-22T11:00:00.000000", 1.10154939),
        ("2011-06-22T23:31:00", "2011-06-23T12:00:00.000000", 1.2),
        ("2004-01-01T00:00:00", "2011-06-22T11:00:00.000000", 1.10154939),
        ("2015-01-01T00:00:00", "2011-06-23T12:00:00.000000", 1.2),
    ],
)
def test_mdis_empirical_correction_is_the_nearest(tmp_path, start, date, factor):
    table = tmp_path / "events.txt"
    factors = {"2011-06-22T11:00:00.000000": 1.10154939, "2011-06-23T12:00:00.000000": 1.2}
    # The 5th factor of a line is that of filter 7.
    table.write_text(
        "".join(f"{date}, 1, 1, 1, 1, {factor}, 1, 1, 1, 1, 1, 1, 1\n" for date, factor in factors.items())
    )
    assert nearest_factor(str(table), 7, start) == (date, factor)
    table = tmp_path / "other.txt"
    table.write_text("no table\n")
    with pytest.raises(ValueError, match=r"other.txt: no table of empirical corrections"):
        nearest_factor(str(table), 7, start)


# CTX


def dark_pixels(records):
    rows = np.asarray(records, "i4")
    return cubes.Table("Ctx Prefix Dark Pixels", rows.view([("DarkPixels", "<i4", (rows.shape[1],))])[:, 0])


def test_ctx_channels_have_their_own_dark_level(cube, calibrated):
    """ISIS: counts/ms = (DN - dark of the channel) / (exposure * flat)."""
    dark = dark_pixels([[10, 20, 12, 22], [14, 30, 14, 30]])
    flat = cube({}, [[0.5, 1.0, 2.0, 4.0]])
    image = cube(CTX, np.full((2, 4), 100.0), [[0, 0, 0, 0], [0, 0, 0, 1]], [dark])
    numbers, codes, made, _ = calibrated(image, units="dn", even_odd=False, flat=str(flat.path))
    expected = np.array([[89 / 0.5, 79, 89 / 2, 79 / 4], [86 / 0.5, 70, 86 / 2, math.nan]]) / 1.877
    assert numbers == pytest.approx(expected, rel=1e-7, nan_ok=True)
    assert codes[1, 3] == cubes.NULL
    assert made.tables == ["Ctx Prefix Dark Pixels"]
    assert made.groups["Radiometry"]["iof"] == "1.0"
    numbers, *_ = calibrated(image, solar_distance=1.5, even_odd=False, flat=str(flat.path))
    white = 3660.5 * (2.07e8 / (1.5 * 1.49597870691e8)) ** 2
    assert numbers == pytest.approx(expected / white, rel=1e-7, nan_ok=True)


def test_ctx_summed_pixels_share_dark_level_and_flat(cube, calibrated):
    image = cube(
        grouped(CTX, SpatialSumming=2, SampleFirstPixel=40), [[50.0, 50.0]], None, [dark_pixels([[10, 20, 30]])]
    )
    flat = cube({}, [[9.0, 9.0, 1.0, 3.0, 4.0, 6.0]])
    numbers, _, _, result = calibrated(image, units="dn", flat=str(flat.path))
    assert numbers == pytest.approx(np.array([[30 / 2, 30 / 5]]) / 1.877)
    assert "even/odd striping: none where pixels are summed" in result.skipped
    with pytest.raises(ValueError, match="4 samples; the image needs 6"):
        calibrated(image, flat=str(cube({}, [[1.0, 1.0, 1.0, 1.0]]).path))


def test_ctx_columns_are_evened_out(cube, calibrated):
    values = np.random.default_rng(4).uniform(400, 500, (130, 6))
    values[:, 1::2] += 20
    numbers, *_ = calibrated(cube(CTX, values, None, [dark_pixels(np.zeros((130, 4)))]), units="dn")
    assert numbers[:, ::2].mean() == pytest.approx(numbers[:, 1::2].mean())
    assert numbers.mean() == pytest.approx(values.mean() / 1.877)


# LROC NAC


def lronaccal(number, dark, offset, terms, flat):
    value = number - dark + offset
    if value < 600:
        value -= sum(1 / (a * b**value + c) for a, b, c in terms) / len(terms)
    return value / flat


@pytest.mark.parametrize("summing", [1, 2])
def test_nac_equals_the_program_and_empties_what_has_no_number(cube, calibrated, tmp_path, summing):
    noise = np.random.default_rng(5)
    values = noise.integers(20, 8000, (100, 6)) / 2
    codes = np.zeros((100, 6), "u1")
    codes[7, 0], codes[70, 1] = cubes.NULL, cubes.HIS
    dark, offset, flat = (noise.uniform(low, high, 6).astype("f4") for low, high in ((15, 25), (-1, 1), (0.9, 1.1)))
    flat[4] = 0
    terms = noise.uniform((0.04, 1.003, 0.2), (0.06, 1.005, 0.4), (6 * summing, 3))
    coefficients = tmp_path / "coefficients.txt"
    np.savetxt(coefficients, terms, "%.17g", ", ")
    files = {"dark_file": dark, "offset_file": offset, "flat": flat}
    options = {name: str(cube({}, line[None]).path) for name, line in files.items()}
    image = cube(grouped(NAC, SpatialSumming=summing), values, codes)
    numbers, made_codes, _, result = calibrated(
        image, **options, nonlinearity_file=str(coefficients), units="dn", echo=False
    )
    expected = [
        [
            lronaccal(*pixel, terms[column * summing : (column + 1) * summing], flat[column] or math.nan)
            for column, pixel in enumerate(zip(row, dark.astype("f8"), offset.astype("f8"), strict=True))
        ]
        for row in values
    ]
    codes[7, 0] = codes[70, 1] = codes[:, 4] = cubes.NULL
    assert np.array_equal(made_codes, codes)
    assert numbers[codes == 0] == pytest.approx(np.array(expected)[codes == 0], rel=1e-7)
    assert "echo: not wanted" in result.skipped


def test_nac_numbers_of_no_companding_are_computed_one_by_one(cube, calibrated):
    values = np.random.default_rng(6).uniform(-5, 5000, (70, 4)).astype("f4").astype("f8")
    calibrated_values, *_ = calibrated(cube(NAC, values), units="iof", solar_distance=1)
    reflectance = values / 0.5 * (1.49597870691e8 / 149597871) ** 2 / 15869
    assert calibrated_values == pytest.approx(reflectance, rel=1e-7)


def test_nac_dark_level_alone_keeps_saturated_pixels(cube, calibrated):
    image = cube(NAC, np.ones((2, 2)), [[cubes.HIS, 0], [0, cubes.NULL]])
    _, codes, _, result = calibrated(image, units="dn", dark_file=str(cube({}, [[1.0, 2.0]]).path))
    assert codes.tolist() == [[cubes.HIS, 0], [0, cubes.NULL]]
    assert "echo: only after dark level, non-linearity and flat field" in result.skipped


@pytest.mark.parametrize(("camera", "summing"), [("NACL", 1), ("NACL", 2), ("NACR", 1), ("NACR", 2)])
def test_nac_echo_equals_the_program(camera, summing):
    """The loop of lronacecho, with what lies outside the line as nothing."""
    samples, lag, ramp, edge = 5064 // summing, 2 // summing, 20 // summing, 42 // summing
    line = np.random.default_rng(7).uniform(100, 500, samples)
    codes = np.zeros((1, samples), "u1")
    codes[0, [60, 1000, 1001, 5000 // summing]] = [1, 4, 4, 1]
    order = range(samples) if camera == "NACL" else range(samples - 1, -1, -1)
    step = lag if camera == "NACL" else -lag
    expected, gain = line.copy(), np.ones(samples)
    for i in order:
        strength = 0.326
        if camera == "NACL" and edge <= i <= edge + ramp:
            strength = 0.163 * (1 - math.cos(math.pi / ramp * (i - edge)))
        if camera == "NACR" and 5024 // summing - ramp <= i <= 5024 // summing:
            strength = 0.163 * (1 - math.cos(math.pi / ramp * (samples - i - edge)))
        inside = 0 <= i - step < samples
        if codes[0, i] or (inside and codes[0, i - step]):
            continue
        expected[i] -= strength * expected[i - step] if inside else 0
        gain[i] = 1 + strength
    share = lroc_nac.echo_strength(samples, camera, summing)
    ((without, _),) = lroc_nac.without_echo([(line[None], codes)], share, lag, camera == "NACR")
    assert without[codes == 0] == pytest.approx((expected * gain)[codes[0] == 0], abs=1e-9)


# MOC, and what the archives have calibrated


def test_moc_has_the_factor_of_isis(cube, calibrated):
    """Constants and factor are those that moccal's own test expects of a crop of AB-1-024/01."""
    reflectance, _, made, result = calibrated(
        cube(MOC, [[157.175]]), solar_distance=1.423426946984 * 1.4959787066 / 1.49597870691
    )
    group = made.groups["Radiometry"]
    expected = {"a": 16.03, "off": 25, "ex": 100, "z": 27.67658, "dc": 0.00133691, "g": 0.123262, "w0": 3.991}
    assert {name: float(group[name]) for name in expected} == expected
    assert float(group["iof"]) == pytest.approx(0.50767834462549, rel=1e-12)
    assert reflectance[0, 0] == pytest.approx(0.04763, abs=5e-6)  # without the table of the detectors
    assert any("detectors: no file" in text for text in result.skipped)


def test_moc_detectors_are_averaged(cube, calibrated, tmp_path):
    kernel, table = tmp_path / "moccal.ker", tmp_path / "wide.coef"
    group = "Z = 27.67658\n G = 0.123262\n DC = 0.00133691\n W0 = 3.991\n CoefFile = $mgs/calibration/wide.coef\n"
    kernel.write_text(f"Group = WideAngleRed\n {group}End_Group\nEnd\n")
    gains = np.arange(3456) / 1000
    table.write_text("3456\n" + "".join(f"{gain} {gain / 10}\n" for gain in gains))
    plain, *_ = calibrated(cube(MOC, [[100.0, 150.0]]), units="dn")
    evened, _, _, result = calibrated(cube(MOC, [[100.0, 150.0]]), units="dn", responsivity_file=str(kernel))
    gain = gains[672:680].reshape(2, 4).mean(axis=1)
    assert evened == pytest.approx(plain * gain + gain / 10, rel=1e-6)
    assert "gain and offset of the detectors: wide.coef" in result.done
    table.write_text("3456\n1 0\n")
    with pytest.raises(ValueError, match="1 lines of gain and offset; the camera has 3456 detectors"):
        calibrated(cube(MOC, [[1.0]]), responsivity_file=str(kernel))


@pytest.mark.parametrize(("start", "gain"), [("1999-01-01T00:00:00", 8.292), ("1999-05-01T00:00:00", 16.542)])
def test_moc_gain_of_a_summed_image_before_mapping(start, gain):
    """16.542 over 2 summed lines is nearest to the gain of mode 32."""
    instrument = {"GainModeId": "AA", "DowntrackSumming": 2, "StartTime": start}
    assert moc.narrow_gain(instrument) == gain


@pytest.mark.parametrize(("units", "expected"), [("iof", 0.210933), ("radiance", 1.62211 + 0.5), ("dn", 100)])
def test_hrsc_is_scaled_by_its_label(cube, calibrated, units, expected):
    label = "REFLECTANCE_SCALING_FACTOR = 0.00210933\nRADIANCE_SCALING_FACTOR = 0.0162211 <W*m**-2*sr**-1>\n"
    image = cube({"Instrument": {"InstrumentId": "HRSC"}}, [[100.0]], original=label + "RADIANCE_OFFSET = 0.5\nEND\n")
    assert calibrated(image, units=units)[0][0, 0] == pytest.approx(expected)


def test_themis_is_radiance_already(cube, calibrated):
    label = "OBJECT = SPECTRAL_QUBE\n CORE_NAME = CALIBRATED_SPECTRAL_RADIANCE\nEND_OBJECT = SPECTRAL_QUBE\nEND\n"
    image = cube({"Instrument": {"InstrumentId": "THEMIS_IR"}}, [[4.7e-4]], original=label)
    radiance, _, made, result = calibrated(image)
    assert radiance[0, 0] == np.float32(4.7e-4)
    assert made.groups["RadiometricCalibration"]["Units"] == "W / (cm**2 micrometer sr)"
    assert result.skipped == ["I/F: there is no public factor, the units are radiance"]
