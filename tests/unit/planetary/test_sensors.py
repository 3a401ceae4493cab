"""What each camera asks SPICE kernels: its times and its detector, by the formulas of ISIS's cameras and ALE's drivers.

Kernels are real and made: a clock that shows 100 s at START, and the constants of one instrument.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import spice_kernels
from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry import spice
from darkroom.planetary.instruments import registry

START = 400000000.0  # ephemeris time at which the clock shows 100 s
COUNT = "1/100.000000"
UTC = "2012-09-04T03:05:32.816"  # at START, within 2 ms by which TDB swings
MS = "milliseconds"
AFFINE = {"ITRANSS": [1.5, 0, 100], "ITRANSL": [2.5, 100, 0], "FOCAL_LENGTH": 500}
SQUARE = {"ITRANSS": [0, 100, 0], "ITRANSL": [0, 0, 100], "FOCAL_LENGTH": 500}


@pytest.fixture(autouse=True)
def nothing_is_loaded():
    """Kernels of one test do not help another."""
    spice.forget()
    yield
    spice.forget()


@pytest.fixture
def ask(tmp_path):
    """What a camera says of an image: ask(groups, keywords by code of the instrument, lines, spacecraft, clock)."""

    def asked(groups, keywords, lines=100, spacecraft=-74, clock=None, table=None, fixed=()):
        kernels = [
            spice_kernels.leap_seconds(tmp_path),
            spice_kernels.clock(tmp_path, clock or spacecraft, START - 100),
            *(spice_kernels.instrument(tmp_path, code, f"{-code}.ti", **own) for code, own in keywords.items()),
            spice_kernels.frames(tmp_path, spacecraft, fixed),
        ]
        spice.furnish(kernels)
        cube = SimpleNamespace(groups=groups, lines=lines, table=lambda name: SimpleNamespace(records=table[name]))
        return registry.sensor_of(groups)(cube, spice)

    return asked


def groups(code, instrument, name="NaifFrameCode", **others):
    """Groups of a cube."""
    return {"Instrument": instrument, "Kernels": {name: str(code)}, **others}


def times(sensor):
    return sensor.start - START, sensor.stop - START


def scan_of(sensor):
    """First line, seconds from the start of its upper edge, and line time of a line scan."""
    edge, since, line_time = sensor.entries["line_scan_rate"][0]
    return edge, since + sensor.entries["center_ephemeris_time"] - START, line_time


def detector(sensor):
    """Centre, first pixel and summing of a detector, samples first."""
    entries = sensor.entries
    centre = entries["detector_center"]
    first = (entries["starting_detector_sample"], entries["starting_detector_line"])
    return (centre["sample"], centre["line"]), first, entries["detector_sample_summing"]


def test_ctx_sums_lines_too(ask):
    instrument = {"InstrumentId": "CTX", "SpacecraftClockCount": COUNT, "SpatialSumming": "2", "SampleFirstPixel": "8"}
    instrument["LineExposureDuration"] = pvl.Quantity("1.877", "MSEC")
    own = AFFINE | {"OD_K": [1e-3, 1e-5, 1e-8], "BORESIGHT_SAMPLE": 2543.5, "BORESIGHT_LINE": 0.4}
    sensor = ask(groups(-74021, instrument), {-74021: own})
    assert scan_of(sensor) == pytest.approx((0.5, 0, 0.003754), abs=1e-6)
    assert times(sensor) == pytest.approx((0, 0.3754), abs=1e-6)
    assert detector(sensor) == ((2543, 0.4), (8, 0), 1)


@pytest.mark.parametrize(("channel", "first"), [("0", 1024), ("1", 0), ("2", 0)])
def test_hirise_counts_time_by_its_fine_clock(ask, channel, first):
    """TDI takes its rows before the clock's time, summing after it; the detector stands off by half of the rows."""
    instrument = {"InstrumentId": "HIRISE", "SpacecraftClockStartCount": COUNT, "ChannelNumber": channel}
    instrument |= {"Summing": "4", "Tdi": "128", "DeltaLineTimerCount": "160", "CpmmNumber": "4"}
    own = {-74699: {"OD_K": [0, 0, 0], "FOCAL_LENGTH": 11994.9988}, -74612: SQUARE}
    sensor = ask(groups(-74699, instrument, "NaifIkCode"), own, clock=-74999)
    row = 84e-6
    assert times(sensor)[0] == pytest.approx(row * (-(64 - 0.5) + (2 - 0.5)), abs=1e-6)
    assert scan_of(sensor)[2] == pytest.approx(4 * row)
    assert detector(sensor) == ((1024, 0), (first, 0), 4)
    assert (sensor.frame, sensor.entries["focal_length_model"]["focal_length"]) == (-74690, 11994.9988)


def test_lroc_nac_begins_after_its_preroll(ask):
    instrument = {"InstrumentId": "NACR", "SpacecraftClockPrerollCount": COUNT, "LineExposureDuration": "0.5"}
    instrument |= {"SpatialSumming": "2", "SampleFirstPixel": "0"}
    own = SQUARE | {"OD_K": 1.8e-5, "BORESIGHT_SAMPLE": 2496, "BORESIGHT_LINE": 0}
    sensor = ask(groups(-85610, instrument), {-85610: own}, spacecraft=-85)
    line_time = 0.0005 * 1.0045
    assert times(sensor) == pytest.approx((1024 * line_time, 1124 * line_time), abs=1e-6)
    assert detector(sensor) == ((2495.5, 0), (0, 0), 2)
    assert sensor.entries["optical_distortion"] == {"lrolrocnac": {"coefficients": [1.8e-5]}}


@pytest.mark.parametrize(
    ("name", "code", "band", "number", "summing", "height"),
    [("WAC-UV", -85626, -85642, ("2",), 4, 16), ("WAC-VIS", -85621, -85631, ("3", "4"), 1, 14)],
)
def test_lroc_wac_is_that_of_its_first_band(ask, name, code, band, number, summing, height):
    instrument = {"InstrumentId": name, "SpacecraftClockStartCount": COUNT, "ExposureDuration": "40"}
    instrument |= {"InterframeDelay": "500", "InstrumentModeId": "COLOR", "DataFlipped": "No"}
    own = AFFINE | {"OD_K": [0.02, 4e-5], "BORESIGHT_SAMPLE": 513.5, "BORESIGHT_LINE": 295.5, "FILTER_OFFSET": 244}
    kernels = {code: {"COLOR_SAMPLE_OFFSET": 264}, band: own}
    given = groups(code, instrument, "NaifIkCode", BandBin={"FilterNumber": number})
    sensor = ask(given, kernels, lines=10 * height // summing, spacecraft=-85)
    assert times(sensor) == pytest.approx((0.02, 5.02), abs=1e-6)
    assert detector(sensor) == ((513, 295), (264, 244), summing)
    assert sensor.entries["optical_distortion"]["radial"]["coefficients"] == [-0.02, -4e-5]
    assert (sensor.entries["framelet_height"], sensor.frame, sensor.also) == (height, code, (band,))


def test_kaguya_tc_counts_ticks(ask):
    """Its clock is a number of ticks; a nominal swath begins 296 samples into the detector."""
    instrument = {"InstrumentId": "TC1", "SpacecraftClockStartCount": "100000000.0", "SwathModeId": "NOMINAL"}
    instrument["LineSamplingInterval"] = (pvl.Quantity("6.5", "msec"), "other")
    own = {"PIXEL_SIZE": 0.007, "FOCAL_LENGTH": 72.45, "BORESIGHT": [-0.07, 0.02, 72.45], "BORESIGHT_SAMPLE": 2047.5}
    own |= {"BORESIGHT_LINE": 0, "DISTORTION_COEF_X": [1, 2, 3, 4], "DISTORTION_COEF_Y": [5, 6, 7, 8]}
    given = groups(-131351, instrument)
    given["Kernels"]["NaifCkCode"] = "-131350"
    sensor = ask(given, {-131351: own}, spacecraft=-131)
    assert times(sensor) == pytest.approx((0, 0.65), abs=1e-5)
    assert detector(sensor) == ((2047.5, 0), (296.5, 1), 1)
    assert sensor.entries["focal2pixel_samples"] == [0, 0, pytest.approx(-142.857142857)]
    assert sensor.entries["optical_distortion"]["kaguyalism"]["y"] == [5, 6, 7, 8]
    assert (sensor.code, sensor.frame) == (-131351, -131350)


def test_kaguya_mi_counts_utc(ask):
    instrument = {"InstrumentId": "MI-NIR", "StartTime": UTC, "CorrectedSamplingInterval": pvl.Quantity("39", "msec")}
    own = {"PIXEL_SIZE": 0.04, "FOCAL_LENGTH": 64.9, "BORESIGHT": [-1.5, 0, 64.9], "CENTER": [160, 1]}
    own |= {"DISTORTION_COEF_X": [1, 2, 3, 4], "DISTORTION_COEF_Y": [5, 6, 7, 8]}
    given = groups(-131341, instrument)
    given["Kernels"]["NaifCkCode"] = "-131340"
    sensor = ask(given, {-131341: own}, spacecraft=-131)
    assert times(sensor) == pytest.approx((0, 3.9), abs=2e-3)
    assert detector(sensor) == ((159.5, 0.5), (0, 0), 1)


def test_hrsc_has_the_times_of_its_lines(ask):
    table = {"LineStart": [1, 41], "EphemerisTime": [START, START + 0.6], "ExposureTime": [0.01, 0.02]}
    given = groups(-41218, {"InstrumentId": "HRSC", "Summing": "4"}, "NaifIkCode")
    sensor = ask(given, {-41218: AFFINE}, spacecraft=-41, table={"LineScanTimes": table})
    assert times(sensor) == pytest.approx((0, 0.6 + 60 * 0.02))
    rates = np.array(sensor.entries["line_scan_rate"])
    rates[:, 1] += sensor.entries["center_ephemeris_time"] - START
    assert rates == pytest.approx(np.array([[0.5, 0, 0.01], [40.5, 0.6, 0.02]]), abs=1e-6)
    assert (sensor.frame, detector(sensor)) == (-41210, ((2592, 0), (0, 0), 4))


def test_hrsc_src_is_a_frame(ask):
    instrument = {"InstrumentId": "SRC", "StartTime": UTC, "ExposureDuration": pvl.Quantity("500", "ms")}
    sensor = ask(groups(-41220, instrument, "NaifIkCode"), {-41220: {"FOCAL_LENGTH": 988.6}}, spacecraft=-41)
    assert times(sensor) == pytest.approx((-0.25, 0.25), abs=2e-3)
    assert (sensor.frame, sensor.is_frame) == (-41220, True)


@pytest.mark.parametrize(("tdi", "row"), [("ENABLED", 24.5), ("DISABLED", 24)])
def test_themis_infrared_sees_a_band_a_row_later(ask, tdi, row):
    instrument = {"InstrumentId": "THEMIS_IR", "SpacecraftClockCount": "100.000", "TimeDelayIntegration": tdi}
    instrument |= {"SpatialSumming": "1", "SpacecraftClockOffset": pvl.Quantity("0.5", "seconds")}
    given = groups(-53031, instrument, BandBin={"FilterNumber": ("2", "9")})
    sensor = ask(given, {-53031: SQUARE}, spacecraft=-53)
    assert times(sensor)[0] == pytest.approx(0.5 + (row - 0.5) * 0.0332871, abs=1e-6)
    assert detector(sensor) == ((160, 0), (0, 112), 1)
    assert sensor.entries["focal_length_model"]["focal_length"] == 203.9213


def test_themis_visible_sees_a_band_a_framelet_later(ask):
    instrument = {"InstrumentId": "THEMIS_VIS", "SpacecraftClockCount": "100.000", "ExposureDuration": "5"}
    instrument |= {"InterframeDelay": "0.9", "SpatialSumming": "2", "NumFramelets": "10", "SpacecraftClockOffset": "0"}
    given = groups(-53032, instrument, BandBin={"FilterNumber": ("3",)})
    sensor = ask(given, {-53032: SQUARE}, lines=960, spacecraft=-53)
    assert times(sensor) == pytest.approx((1.8 - 0.005, 1.8 - 0.005 + 9), abs=1e-6)
    assert (sensor.entries["framelet_height"], sensor.entries["framelets_flipped"]) == (192, True)


@pytest.mark.parametrize(
    ("code", "name", "centre", "line"), [(-94031, "NA", 1024, 0), (-94033, "WA", 1688.08, -0.8486)]
)
def test_moc_sums_lines(ask, code, name, centre, line):
    instrument = {"InstrumentId": f"MOC-{name}", "SpacecraftClockCount": COUNT, "LineExposureDuration": "0.5"}
    instrument |= {"CrosstrackSumming": "2", "DowntrackSumming": "4", "FirstLineSample": "673"}
    sensor = ask(groups(code, instrument), {code: SQUARE}, spacecraft=-94)
    assert times(sensor) == pytest.approx((0, 0.2), abs=1e-6)
    assert detector(sensor) == ((pytest.approx(centre), 0), (672, line), 2)
    assert (sensor.entries["detector_line_summing"], sensor.bias) == (4, -1.15)


@pytest.mark.parametrize(("exposure", "eighths"), [("0.25", 7), ("1.5", 3)])
def test_viking_counts_frames_of_its_vidicon(ask, exposure, eighths):
    instrument = {"InstrumentId": "VISUAL_IMAGING_SUBSYSTEM_CAMERA_B", "SpacecraftClockCount": "100"}
    instrument["ExposureDuration"] = pvl.Quantity(exposure, "seconds")
    sensor = ask(groups(-30002, instrument), {}, spacecraft=-30, clock=-30999)
    begin = 4.48 * (eighths / 8 + 1 / 64)
    assert times(sensor) == pytest.approx((begin, begin + float(exposure)), abs=1e-6)
    assert sensor.entries["focal_length_model"]["focal_length"] == 474.101


@pytest.mark.parametrize("affine", [{}, {"ITRANSS": [0, 71.38, 0], "ITRANSL": [0, 0, 71.43]}])
def test_dawn_needs_no_addendum(ask, affine):
    instrument = {"InstrumentId": "FC2", "SpacecraftClockStartCount": COUNT, "ExposureDuration": "1000"}
    own = {"PIXEL_SIZE": [14.0, 14.1], "CCD_CENTER": [511.5, 511.5], "RAD_DIST_COEFF": 9.2e-6, "FOCAL_LENGTH": 150.08}
    sensor = ask(groups(-203126, instrument), {-203126: own | affine}, spacecraft=-203)
    assert times(sensor) == pytest.approx((0.193, 1.193), abs=1e-6)
    assert sensor.entries["focal2pixel_lines"] == pytest.approx(affine.get("ITRANSL", [0, 0, 1 / 0.0141]))
    assert detector(sensor) == ((512, 512), (0, 0), 1)


@pytest.mark.parametrize(
    ("time", "focal_length", "cubic"), [("1993-01-01T00:00:00", 1499.957, 3.2e-5), (UTC, 1500.467, 2.5e-5)]
)
def test_galileo_looked_through_its_cover(ask, time, focal_length, cubic):
    own = SQUARE | {"FOCAL_LENGTH": 1500.467, "FOCAL_LENGTH_COVER": 1499.957, "K1": -2.5e-5, "K1_COVER": -3.2e-5}
    own |= {"BORESIGHT_SAMPLE": 400, "BORESIGHT_LINE": 400}
    instrument = {"InstrumentId": "SOLID STATE IMAGING SYSTEM", "StartTime": time, "Summing": "2"}
    sensor = ask(groups(-77001, instrument), {-77001: own}, spacecraft=-77)
    assert sensor.entries["focal_length_model"]["focal_length"] == focal_length
    assert sensor.entries["optical_distortion"]["radial"]["coefficients"] == [0, cubic, 0]
    assert detector(sensor) == ((399.5, 399.5), (0, 0), 2)


def test_cassini_is_turned_over_with_an_addendum_and_without(ask):
    """NAIF's kernels have no frame 14082360, which ISIS's addendum defines; the focal length is that of the filters."""
    instrument = {"InstrumentId": "ISSNA", "StartTime": UTC, "ExposureDuration": "2000", "SummingMode": "1"}
    given = groups(-82360, instrument, BandBin={"FilterName": "CL1/UV3"})
    of_naif = {"FOCAL_LENGTH": 2003.44, "PIXEL_SIZE": 12}
    sensor = ask(given, {-82360: of_naif}, spacecraft=-82)
    assert sensor.entries["focal_length_model"]["focal_length"] == 2003.44
    assert (sensor.frame, sensor.own, np.diag(sensor.turned).tolist()) == (-82360, 14082360, [-1, -1, 1])
    assert sensor.entries["optical_distortion"]["radial"]["coefficients"] == [0, -8e-6, 0]
    spice.forget()
    addendum = of_naif | {"CL1_UV3_FOCAL_LENGTH": 2003.09, "K1": 9e-6}
    sensor = ask(given, {-82360: addendum}, spacecraft=-82, fixed=[(14082360, "CASSINI_ISS_NAC_ISIS", np.eye(3))])
    assert sensor.entries["focal_length_model"]["focal_length"] == 2003.09
    assert (sensor.frame, sensor.turned) == (14082360, None)
    assert sensor.entries["optical_distortion"]["radial"]["coefficients"] == [0, -9e-6, 0]
    assert times(sensor) == pytest.approx((0, 2), abs=2e-3)


def test_mdis_is_as_long_as_it_is_warm(ask):
    instrument = {"InstrumentId": "MDIS-WAC", "SpacecraftClockCount": COUNT, "ExposureDuration": "8"}
    instrument |= {"FocalPlaneTemperature": pvl.Quantity("-20", "DEGC"), "PixelBinningMode": "0"}
    given = groups(-236800, instrument, "NaifIkCode", BandBin={"Number": "7"})
    own = {"PIXEL_PITCH": 0.014, "OD_T_X": [0, 1], "OD_T_Y": [0, 0, 1]}
    sensor = ask(given, {-236800: own, -236807: {"FL_TEMP_COEFFS": [78.25, 0.01]}}, spacecraft=-236)
    assert sensor.entries["focal_length_model"]["focal_length"] == pytest.approx(78.05)
    assert times(sensor) == pytest.approx((0, 0.008), abs=1e-6)
    assert (sensor.code, sensor.also) == (-236800, (-236807,))


def test_lorri_tells_the_middle_of_its_exposure(ask):
    instrument = {"InstrumentId": "LORRI", "SpacecraftClockStartCount": COUNT}
    own = SQUARE | {"OOC_CCD_CENTER": [511.5, 511.5], "OOC_EM": [2.7e-5, -1.9e-5, -2.9e-5]}
    sensor = ask(groups(-98301, instrument), {-98301: own}, spacecraft=-98)
    assert times(sensor) == pytest.approx((0, 0), abs=1e-6)
    assert detector(sensor) == ((512, 512), (0, 0), 1)
    assert sensor.entries["optical_distortion"]["lorri"]["coefficients"] == pytest.approx([2.7e-5, -1.9e-5, -2.9e-5])


def test_every_camera_that_has_recipes_is_asked_or_says_that_it_is_not():
    """Each knows the instruments of its cubes."""
    for name, camera in registry.cameras().items():
        assert bool(camera.sensor) == (name not in ("junocam", "rosetta_osiris")) and camera.instrument_ids, name
    with pytest.raises(ValueError, match="no geometry from kernels for InstrumentId 'OSINAC'"):
        registry.sensor_of({"Instrument": {"InstrumentId": "OSINAC"}})
    with pytest.raises(ValueError, match="no geometry from kernels for InstrumentId 'X'; known are ISSNA"):
        registry.sensor_of({"Instrument": {"InstrumentId": "X"}})
