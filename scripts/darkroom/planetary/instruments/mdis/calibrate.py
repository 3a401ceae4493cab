"""MESSENGER MDIS: from 12-bit numbers to radiance or I/F.

The steps are those of Hawkins et al. (2007, Space Sci. Rev. 131, 247; 2009, SPIE 7441) in the order of ISIS's mdiscal:
dark level, linearity, smear of the frame transfer, flat field, responsivity, I/F, empirical correction of the WAC.

Where mdiscal does otherwise than it says, this does what the words mean: units "dn" leave out the responsivity
(mdiscal's RADIOMETRIC=no applies it all the same), and the linear dark level that stands in for the model above 1 s of
exposure is called LINEAR (mdiscal: STANDARD). One thing is kept for the sake of equal pixels: in an image that the main
processor binned by n, the dark model is averaged over blocks of 2**n detector pixels a side, as mdiscal does it.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import calibrate
from darkroom.planetary.instruments.mdis import tables

DARKS = ("model", "linear", "standard", "none")
LONGEST_MODEL = 1.0  # s of exposure up to which the dark model holds
FIRST_SMEAR = 16.0  # DN that are taken to stand before the first line, per line's share of the transfer
CALIBRATION = "$messenger/calibration"  # of ISIS's data area, where its label says that tables are from


class Shot(NamedTuple):
    """What the label says of an exposure."""

    camera: str  # NAC or WAC
    filter: int  # of the WAC, from 1; 0 for the NAC
    binned: bool  # 2 x 2 by the detector
    binning: int  # by the main processor: 0, 2, 4 or 8
    exposure: float  # s
    temperature: float  # of the CCD, raw counts
    start: str  # UTC

    @property
    def detector(self):
        """How the names of tables begin."""
        return f"MDIS{self.camera}_{'BINNED' if self.binned else 'NOTBIN'}"


def calibrated(cube, options):
    """Calibrate an MDIS cube.

    options -- units, flat, solar_distance; dark ("model", "linear", "standard" or "none"); empirical_correction: table
        of times and factors for the WAC's filters (event_table_ratioed_v2.txt)

    Raises ValueError when the 8-bit numbers were not turned into 12-bit ones, or an option does not fit.
    """
    if int(cube.groups["Instrument"]["Unlutted"]) == 0:
        raise ValueError(f"{cube.path}: its numbers are companded still (Unlutted = 0); ingest it with unlut: true")
    shot = shot_of(cube.groups)
    columns, valid_columns, nulled = dark_columns(shot)
    notes = calibrate.Notes(keywords={"SoftwareName": "Darkroom", "SoftwareVersion": "as mdiscal 1.6"})
    dark = dark_level(cube, shot, options["dark"], valid_columns, notes)
    notes.done.append("linearity")
    smear = smear_of(shot, cube.samples, notes)
    flat = flat_field(cube, options["flat"], notes)
    notes.keywords |= {"BinnedImage": int(shot.binned), "FilterNumber": cube.groups["BandBin"]["Number"]}
    notes.keywords["FlatFieldFile"] = "N/A" if flat is None else Path(options["flat"]).name
    kind, factor = scale(cube, shot, options, notes)
    factor *= empirical_factor(shot, options["empirical_correction"], notes)

    # An image has 1024 x 1024 pixels at most; it is made at once, for the label tells the mean of its dark strip.
    blocks, strip = [], []
    for first in range(0, cube.lines, calibrate.ROWS):
        values, codes = cube.read(first, calibrate.ROWS)
        lines = np.arange(first, first + len(values))
        if flat is not None:
            values[np.isnan(flat[lines])] = np.nan
        values -= dark(lines)
        linearise(values, shot.camera)
        smear(values)
        if flat is not None:
            values /= flat[lines]
        values *= factor
        strip.append(values[:, :valid_columns].copy())
        values[:, :nulled] = np.nan
        codes = calibrate.empty_where_nan(values, codes)
        codes[:, :nulled] = cubes.NULL
        blocks.append((values.astype("f4")[None], codes[None]))

    notes.keywords |= {"DarkStripColumns": columns, "ValidDarkColumns": valid_columns}
    if valid_columns:
        strip = np.concatenate(strip)
        mean = strip[np.isfinite(strip)].mean() if np.isfinite(strip).any() else 0.0
        notes.keywords["DarkStripMean"] = calibrate.number(mean)
    notes.keywords["LeftSamplesNulled"] = nulled
    archive = product_names(cube.groups["Archive"], kind, notes.sources)
    return calibrate.result(cube, blocks, notes, "RadiometricCalibration", Archive=archive)


def shot_of(groups):
    """What the groups of an ingested cube say of the exposure."""
    instrument = groups["Instrument"]
    camera = instrument["InstrumentId"][-3:].upper()
    return Shot(
        camera=camera,
        filter=int(groups["BandBin"]["Number"]) if camera == "WAC" else 0,
        binned=int(instrument["FpuBinningMode"]) == 1,
        binning=int(instrument["PixelBinningMode"]),
        exposure=float(instrument["ExposureDuration"]) / 1000,
        temperature=float(groups["Archive"]["CCDTemperature"]),
        start=instrument["StartTime"],
    )


def dark_columns(shot):
    """Columns at the left that the detector keeps dark, those of them that can be used, and columns to leave empty."""
    dark = 4 // (shot.binned + 1)
    if shot.binning > 2:
        dark = 0
    elif shot.binning > 0:
        dark //= shot.binning + 1
    valid = min(dark, 3)
    if valid < 3:
        valid = 0 if shot.binned + shot.binning > 1 else min(valid, 1)
    unlit = 0
    if shot.binning == 2:
        unlit = 3
    elif shot.binning > 2:
        unlit = 1
    return dark, valid, min(max(dark + 1, unlit), 4)


def dark_level(cube, shot, mode, columns, notes):
    """The dark level of lines (n,) as a function of these: by the model, or by a line or medians of the dark columns.

    What cannot be had of this exposure is replaced; a line without a valid dark pixel becomes empty under "standard".
    """
    if mode not in DARKS:
        raise ValueError(f"dark {mode!r}; can be {', '.join(DARKS)}")
    asked = mode
    if columns == 0 and mode in ("linear", "standard"):
        mode = "model"
    if mode == "model" and shot.exposure > LONGEST_MODEL:
        mode = "linear" if columns else "none"
    instead = "" if mode == asked else f", for {asked} cannot be had of this exposure and binning"
    told = f"dark level: {mode}{instead}"
    notes.keywords["DarkCurrentModel"] = mode.upper()
    if mode == "none":
        notes.skipped.append(told)
        return lambda lines: 0.0
    notes.done.append(told)
    if mode == "model":
        notes.keywords["DarkCurrentFile"] = f"{CALIBRATION}/DARK_MODEL/{shot.detector}_DARKMODEL_0.TAB"
        notes.sources.append(f"{shot.detector}_DARKMODEL_0")
        return lambda lines: dark_model(shot, lines, cube.samples)
    strip = cube.read()[0][:, :columns]
    if mode == "linear":
        offset, slope = fitted_line(strip[:, 0], cube.path)
        notes.keywords["DarkCurrentEquation"] = f"Y = {calibrate.number(offset)} + {calibrate.number(slope)}x"
        return lambda lines: (offset + slope * lines)[:, None]
    levels = np.sort(np.nan_to_num(strip, nan=-np.inf), axis=1)[:, columns // 2, None]
    levels[np.isinf(levels)] = np.nan
    return lambda lines: levels[lines]


def dark_model(shot, lines, samples):
    """Dark level (n, samples) of lines (n,) in DN: bilinear, with terms that go by exposure and temperature."""
    terms = np.array(tables.DARK_MODEL[shot.camera, shot.binned]) @ shot.temperature ** np.arange(4)
    offset, along_lines, along_samples, along_both = terms[0::2] + terms[1::2] * (shot.exposure * 1000)
    side = 2**shot.binning
    lines, samples = (pixels * side + (side - 1) / 2 for pixels in (lines, np.arange(samples)))
    return (offset + along_lines * lines)[:, None] + np.multiply.outer(along_samples + along_both * lines, samples)


def fitted_line(column, path):
    """Offset and slope of the straight line through a column of numbers, by least squares; NaN is passed over."""
    (valid,) = np.nonzero(np.isfinite(column))
    if len(valid) < 2:
        raise ValueError(f"{path}: less than two valid pixels in the first column; take dark: model or none")
    lines = valid - valid.mean()
    slope = (lines @ column[valid]) / (lines @ lines)
    return column[valid].mean() - slope * valid.mean(), slope


def linearise(values, camera):
    """Divide by the relative response to a number of this height, in place: a log10(DN) + b."""
    slope, constant = tables.LINEARITY[camera]
    response = np.log10(np.where(values > 0, values, 1.0))
    response *= slope
    response += constant
    values /= response


def smear_of(shot, samples, notes):
    """A function that subtracts from blocks of lines, in place and in order, what they saw of the lines before.

    While the frame is moved out, each line passes the scene of all before it and takes of each (corrected) the share
    that the transfer by one line has of the exposure: s[i+1] = s[i] + k (v[i] - s[i]). Pixels that are not valid are
    passed over.
    """
    transfer = tables.FRAME_TRANSFER[shot.filter]
    if shot.exposure == 0:
        notes.skipped.append("smear of the frame transfer: an exposure of 0 ms")
        return lambda values: None
    notes.done.append("smear of the frame transfer")
    share = transfer / samples / (shot.exposure * 1000)
    smear = np.full((1, samples), FIRST_SMEAR * share * share)

    def remove(values):
        nonlocal smear
        factors = np.full((len(values), 1), 1 - share)
        added = values * share
        if (invalid := np.isnan(values)).any():
            factors = np.where(invalid, 1.0, factors)
            added[invalid] = 0
        added[:1] += factors[:1] * smear
        calibrate.recursion(added, factors, 1)
        values[:1] -= smear
        values[1:] -= added[:-1]
        smear = added[-1:]

    return remove


def flat_field(cube, path, notes):
    """The flat field (lines, samples), averaged over the pixels that were binned; None without a file."""
    if path is None:
        notes.skipped.append("flat field: no file given")
        return None
    values, _ = cubes.Cube(path).read()
    factor = values.shape[0] // cube.lines
    if factor == 0 or values.shape != (cube.lines * factor, cube.samples * factor):
        size = " x ".join(map(str, values.shape))
        raise ValueError(f"{path}: {size} pixels; there must be {cube.lines} x {cube.samples}, or a multiple of that")
    notes.done.append(f"flat field: {Path(path).name}")
    notes.sources.append(Path(path).stem)
    return values.reshape(cube.lines, factor, cube.samples, factor).mean(axis=(1, 3))


def scale(cube, shot, options, notes):
    """How product names call the wanted units (IF, RA or DN), and the factor to them."""
    *by_binning, terms = tables.RESPONSIVITY[shot.filter]
    responsivity = by_binning[shot.binned]
    table = f"{shot.detector}_RESP_{4 if shot.filter else 3}"
    notes.sources.append(table)
    notes.keywords |= {
        "CalibrationFile": f"{CALIBRATION}/mdisCalibration0002.trn",
        "ResponsivityFile": f"{CALIBRATION}/RESPONSIVITY/{table}.TAB",
        "SmearCompFile": f"{CALIBRATION}/smear/MDIS{shot.camera}_FRAME_TRANSFER_01.TAB",
        "Response": tuple(map(calibrate.number, (responsivity, *terms))),
        "SmearComponent": calibrate.number(tables.FRAME_TRANSFER[shot.filter]),
    }
    units = options["units"]
    if units == "dn":
        notes.skipped.append("radiance: DN are wanted")
        notes.keywords["Units"] = "DN"
        return "DN", 1.0
    factor = 1.0
    if shot.exposure > 0:
        factor /= shot.exposure * responsivity * np.dot(terms, shot.temperature ** np.arange(3))
        notes.done.append("radiance by the published responsivity")
    distance, origin = calibrate.solar_distance(cube, options, shot.exposure / 2)
    if units == "radiance" or distance is None:
        if units == "iof":
            notes.skipped.append("I/F: the Sun's distance is not known, the units are radiance")
        notes.keywords["Units"] = "W / (m**2 micrometer sr)"
        return "RA", factor
    distance /= calibrate.AU
    irradiance = tables.SOLAR_IRRADIANCE[shot.filter]
    reflectance = np.pi * distance**2 / irradiance
    notes.done.append(f"I/F with the Sun's distance of {origin}")
    notes.sources.append(f"MDIS{shot.camera}_SOLAR_0")
    notes.keywords |= {
        "Units": "I over F",
        "SolarDistance": pvl.Quantity(calibrate.number(distance), "AU"),
        "SolarIrrFile": f"{CALIBRATION}/SOLAR/MDIS{shot.camera}_SOLAR_0.TAB",
        "FilterIrradianceFactor": calibrate.number(irradiance),
        "IOFFactor": calibrate.number(reflectance),
    }
    return "IF", factor * reflectance


def empirical_factor(shot, path, notes):
    """The factor against the WAC's contamination of 2011 at the time nearest to the exposure.

    Keller et al. 2013, LPSC 44, abstract 2489.
    """
    date, factor = "N/A", None
    if shot.camera == "WAC" and path is not None:
        date, factor = nearest_factor(str(path), shot.filter, shot.start)
        notes.done.append(f"empirical correction of {date}")
    elif shot.camera == "WAC":
        notes.skipped.append("empirical correction of MDIS-WAC: no table given")
    notes.keywords |= {
        "EmpiricalCorrectionFile": "N/A" if factor is None else Path(path).name,
        "EmpiricalCorrectionDate": date,
        "EmpiricalCorrectionFactor": "N/A" if factor is None else calibrate.number(factor),
    }
    return 1.0 if factor is None else factor


def nearest_factor(path, filter_number, start):
    """The time (as written) nearest to a UTC in a table of empirical corrections, and its factor for a filter."""
    dates, times, factors = empirical_table(path)
    start = np.datetime64(start, "us")
    after = int(np.searchsorted(times, start, "right"))
    before = max(after - 1, 0)
    nearest = after if after < len(times) and times[after] - start < start - times[before] else before
    return str(dates[nearest]), float(factors[nearest, tables.EMPIRICAL_COLUMNS.index(filter_number)])


@functools.cache
def empirical_table(path):
    """Times (n,) as text and as datetime64, and factors (n, 12) of a table that has them in each line."""
    try:
        rows = np.loadtxt(path, "U40", delimiter=",", usecols=range(13), ndmin=2)
        dates = np.char.strip(rows[:, 0])
        return dates, dates.astype("M8[us]"), rows[:, 1:].astype("f8")
    except ValueError as error:
        raise ValueError(f"{path}: no table of empirical corrections (time and 12 factors a line): {error}") from error


def product_names(archive, kind, sources):
    """The group Archive of the calibrated product: its ProductId, and what it was made from."""
    named = pvl.Block(archive.items(), "Group", "Archive")
    product = archive["ProductId"]
    named["ProductId"] = f"C{product[1:]}_{kind}_5"
    before = archive.get("SourceProductId", product)
    named["SourceProductId"] = (*((before,) if isinstance(before, str) else before), *sources)
    return named
