"""Cameras whose descriptions by ALE are not those of ISIS: their detectors as ISIS has them.

Source: Moc{Narrow,Wide}AngleCamera, HiriseCamera, SsiCamera, ThemisIrCamera, LroWideAngleCamera,
NewHorizonsLorriCamera, Iss{NA,WA}Camera and DawnFcCamera of ISIS 8.3.
"""

import re

# MOC by NAIF code: optical axis (sample), line of the detector, and distortion; of the wide angles that of angles off
# the axis, odd polynomials of those on the detector, and the scale of its lines.
RED_ANGLES = {"scale": 1.0, "coefficients": [0.9993258, 0.4655529, -0.1548756, 1.827967, -3.057435, 2.226331]}
BLUE_ANGLES = {"scale": 1.000452, "coefficients": [1.000246, 0.4612695, 0.2352545, 0.3535922, -0.2853861, 0.5574971]}
MOC = {
    -94031: (1024.5, 0.0, {"radial": {"coefficients": [0.0, 0.0, 0.0]}}),
    -94032: (1674.65, 6.7785, {"mocwideangle": RED_ANGLES}),
    -94033: (1688.58, -0.8486, {"mocwideangle": BLUE_ANGLES}),
}
# HiRISE: NAIF codes of its CCDs by CpmmNumber; pixels of a channel, of which a CCD has two.
HIRISE = [-74600 - ccd for ccd in (0, 1, 2, 3, 12, 4, 10, 11, 5, 13, 6, 7, 8, 9)]
CHANNEL = 1024
SSI = -77001
THEMIS_IR = -53031
IR_AXIS, IR_ROW = 160, 112  # optical axis of THEMIS infrared (sample), and rows from it to the first band
LORRI = (-98301, -98302)
ISS = (-82360, -82361)
DAWN_FC = [camera - number for camera in (-203110, -203120) for number in range(1, 9)]  # of each filter
WAC = ("WAC-UV", "WAC-VIS")


def as_isis_has_it(isd, code, instrument):
    """A camera description as ISIS has its camera, where ALE's is another; others, and such of our own, as they are.

    isd -- parsed; code -- NAIF's of the instrument; instrument -- group of the image's cube, empty without one

    Raises ValueError naming what a description lacks.
    """
    if code in MOC:
        return _moc(isd, code, instrument)
    if code == SSI:
        return _ssi(isd, instrument)
    if code == THEMIS_IR:
        return _themis(isd)
    if code in LORRI:
        return _lorri(isd, code)
    if code in ISS:
        return _iss(isd, code)
    if code in DAWN_FC:
        return _dawn(isd, code)
    if instrument.get("InstrumentId") in WAC:
        return _wac(isd, instrument)
    return _hirise(isd, instrument) if instrument.get("InstrumentId") == "HIRISE" else isd


def _moc(isd, code, instrument):
    """ALE's coefficients are of the NAIF kernel's formula, in which radii are no millimetres: with them, samples of one
    line lie degrees apart. Its axis is that of the kernel, it counts the first sample from 1, and says of pixels and
    lines that are summed only how long all together take.
    """
    if not any(_radial(isd)):
        return isd
    sample, line, distortion = MOC[code]
    (edge, first, exposure), *_ = isd["line_scan_rate"]
    summed = max(1, round(-2 * first / exposure / isd["image_lines"]))
    return isd | {
        "detector_center": {"sample": sample - 0.5, "line": 0.0},
        "starting_detector_sample": isd.get("starting_detector_sample", 1) - 1,
        "starting_detector_line": line,
        "detector_sample_summing": int(instrument.get("CrosstrackSumming", summed)),
        "detector_line_summing": summed,
        "line_scan_rate": [[edge, first, exposure * summed]],
        "optical_distortion": distortion,
    }


def _ssi(isd, instrument):
    """ALE's one coefficient is that of the squared radius, with the other sign; its axis is half a pixel on, and it
    knows nothing of summed frames.
    """
    if len(coefficients := _radial(isd)) != 1:
        return isd
    summed = int(instrument.get("Summing", 1))
    return isd | {
        "detector_center": {axis: place - 0.5 for axis, place in isd["detector_center"].items()},
        "detector_sample_summing": summed,
        "detector_line_summing": summed,
        "optical_distortion": {"radial": {"coefficients": [0.0, -coefficients[0], 0.0]}},
    }


def _hirise(isd, instrument):
    """ALE's looks through the middle of the telescope, with pixels that are not summed, whatever the channel."""
    if isd.get("detector_center", {}).get("sample"):
        return isd
    ccd, detector = hirise_channel(instrument)
    keywords = isd.get("naif_keywords", {})
    axes = {"focal2pixel_samples": f"INS{ccd}_ITRANSS", "focal2pixel_lines": f"INS{ccd}_ITRANSL"}
    for keyword in axes.values():
        if keyword not in keywords:
            raise ValueError(f"no naif_keywords.{keyword}; the ISD of a channel as ALE makes it has one")
    return isd | detector | {name: keywords[keyword] for name, keyword in axes.items()}


def hirise_channel(instrument):
    """NAIF code of the CCD that a channel of HiRISE is of, and the entries of its detector."""
    summing = int(instrument["Summing"])
    return HIRISE[int(instrument["CpmmNumber"])], {
        "detector_center": {"sample": float(CHANNEL), "line": 0.0},
        "starting_detector_sample": 0.0 if int(instrument["ChannelNumber"]) else float(CHANNEL),
        "starting_detector_line": int(instrument["Tdi"]) / 2 - 64,
        "detector_sample_summing": summing,
        "detector_line_summing": summing,
    }


def _themis(isd):
    """ALE's have no rows from the axis to the first band, and older ones the axis at the other end."""
    return isd | {
        "detector_center": {"sample": float(IR_AXIS), "line": 0.0},
        "starting_detector_sample": 0.0,
        "starting_detector_line": float(IR_ROW),
    }


def _lorri(isd, code):
    """ALE's takes the boresight, a direction, for a pixel, so that its axis is at a corner; no distortion."""
    keywords = isd.get("naif_keywords", {})
    centre, terms = (keywords.get(f"INS{code}_OOC_{name}") for name in ("CCD_CENTER", "EM"))
    if centre is None or any(isd.get("detector_center", {}).values()):
        return isd
    bent = {"optical_distortion": {"lorri": {"coefficients": terms[:3]}}} if terms else {}
    return isd | {"detector_center": {"sample": centre[0] + 0.5, "line": centre[1] + 0.5}} | bent


def _iss(isd, code):
    """ALE's of a cube has no distortion, and counts its axis from 1, as ISIS does."""
    keywords = isd.get("naif_keywords", {})
    if any(_radial(isd)) or f"INS{code}_K1" not in keywords:
        return isd
    axis = {place: keywords.get(f"INS{code}_BORESIGHT_{place.upper()}") for place in ("sample", "line")}
    centre = {place: _number(value) - 0.5 for place, value in axis.items() if value is not None}
    return isd | {
        "detector_center": isd.get("detector_center", {}) | centre,
        "optical_distortion": {"radial": {"coefficients": [0.0, -_number(keywords[f"INS{code}_K1"]), 0.0]}},
    }


def _dawn(isd, code):
    """ALE's of a cube has no distortion."""
    term = isd.get("naif_keywords", {}).get(f"INS{code}_RAD_DIST_COEFF")
    if term is None or "dawnfc" in isd.get("optical_distortion", {}):
        return isd
    return isd | {"optical_distortion": {"dawnfc": {"coefficients": [_number(term)]}}}


def _wac(isd, instrument):
    """ALE's begin with the detector's first sample; modes of the camera read a part of it, as the keywords say."""
    name = rf"INS-\d+_{wac_mode(instrument)}_SAMPLE_OFFSET"
    offsets = [value for key, value in isd.get("naif_keywords", {}).items() if re.fullmatch(name, key)]
    first = isd.get("starting_detector_sample") or next(iter(offsets), 0)
    return isd | {"starting_detector_sample": float(first)}


def wac_mode(instrument):
    """The mode of an image of the LROC WAC as keywords have it."""
    mode = str(instrument["InstrumentModeId"]).upper()
    return f"BW{instrument['Mode']}" if mode == "BW" else mode


def _radial(isd):
    return isd.get("optical_distortion", {}).get("radial", {}).get("coefficients", ())


def _number(value):
    """The first number of a keyword, which may have one or several."""
    return float(value[0] if isinstance(value, list) else value)
