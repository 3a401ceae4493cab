"""MRO CTX: from raw numbers to I/F, without the offset between its two channels.

Formulas: Bell et al. (2013, Mars 8, 1) as in ISIS's ctxcal; the striping is taken out as in ISIS's ctxevenodd.
"""

from pathlib import Path

import numpy as np

from darkroom.planetary.instruments import calibrate

WHITE = 3660.5  # DN/ms of a surface of I/F 1
WHITE_DISTANCE = 2.07e8  # km from the Sun, that this is for
DARK_TABLE = "Ctx Prefix Dark Pixels"
PREFIX = 38  # columns of dark pixels before the first sample of the detector


def image(cube, options):
    """Calibrate a CTX cube; units "radiance" and "dn" are DN/ms, which is what ISIS has besides I/F.

    options -- units, flat, solar_distance; even_odd (true): equal means of odd and even columns, where pixels are not
        summed
    """
    instrument = cube.groups["Instrument"]
    exposure = float(instrument["LineExposureDuration"])  # ms
    summing = int(instrument["SpatialSumming"])
    darks = dark_levels(cube, summing)
    notes = calibrate.Notes(done=["dark level: columns before the image" + ", by channel" * (summing == 1)])
    flat = flat_field(options.get("flat"), cube, summing, int(instrument["SampleFirstPixel"]))
    (notes.skipped if flat is None else notes.done).append(
        "flat field: no file given" if flat is None else f"flat field: {Path(options['flat']).name}"
    )
    factor = reflectance_factor(cube, options, exposure, notes)
    notes.keywords |= {
        "FlatFile": "N/A" if flat is None else Path(options["flat"]).name,
        "iof": calibrate.number(1.0 if factor is None else factor),
    }
    divisor = (exposure if factor is None else 1.0) * (1.0 if flat is None else flat)

    def calibrated():
        for first in range(0, cube.lines, calibrate.ROWS):
            values, codes = cube.read(first, calibrate.ROWS)
            for channel, dark in enumerate(darks):
                values[:, channel :: len(darks)] -= dark[first : first + len(values), None]
            values /= divisor
            if factor is not None:
                values *= factor
            yield values.astype("f4"), codes

    if summing != 1:
        notes.skipped.append("even/odd striping: none where pixels are summed")
    elif not options.get("even_odd", True):
        notes.skipped.append("even/odd striping: not wanted")
    else:
        notes.done.append("even/odd striping: means of odd and even columns made equal")
        return calibrate.result(cube, destriped(calibrated), notes)
    return calibrate.result(cube, ((values[None], _stacked(codes)) for values, codes in calibrated()), notes)


def dark_levels(cube, summing):
    """Mean (lines,) of a line's dark pixels: of every other one for both channels, of all where pixels are summed."""
    records = cube.table(DARK_TABLE).records["DarkPixels"]
    if len(records) < cube.lines:
        raise ValueError(f"{cube.path}: {len(records)} records in its table {DARK_TABLE}; it has {cube.lines} lines")
    channels = 2 if summing == 1 else 1
    return [records[:, channel::channels].mean(axis=1) for channel in range(channels)]


def flat_field(path, cube, summing, first):
    """The flat field (samples,) under the image, averaged in pairs where pixels are summed; None without a file."""
    if path is None:
        return None
    pixels = 1 if summing == 1 else 2
    values = calibrate.one_line(path, cube.samples * pixels, max(first - PREFIX, 0))
    return values.reshape(-1, pixels).mean(axis=1)


def reflectance_factor(cube, options, exposure, notes):
    """What DN are multiplied with to become I/F; None where the units stay DN/ms."""
    wanted = options["units"] == "iof"
    distance, origin = calibrate.solar_distance(cube, options) if wanted else (None, "")
    if distance is None:
        why = "the Sun's distance is not known" if wanted else "not wanted"
        notes.skipped.append(f"I/F: {why}, the units are DN/ms")
        return None
    if exposure == 0:
        raise ValueError(f"{cube.path}: LineExposureDuration is 0; there is no I/F of such an image")
    notes.done.append(f"I/F with the Sun's distance of {origin}")
    return 1 / (exposure * WHITE * (WHITE_DISTANCE / distance) ** 2)


def destriped(calibrated):
    """Blocks with half the difference between the means of even and odd columns added to these, taken from those."""
    sums, counts = np.zeros(2), np.zeros(2)
    for values, codes in calibrated():
        for side in range(2):
            pixels = values[:, side::2]
            sums[side] += np.nansum(pixels, dtype="f8") if codes is not None else pixels.sum(dtype="f8")
            counts[side] += pixels.size if codes is None else np.count_nonzero(codes[:, side::2] == 0)
    if not counts.all():
        raise ValueError("even/odd striping: no valid pixel in the odd or in the even columns; set even_odd: false")
    odd, even = sums / counts
    offset = (even - odd) / 2
    for values, codes in calibrated():
        values = values.astype("f8")
        values[:, 0::2] += offset
        values[:, 1::2] -= offset
        yield values[None], _stacked(codes)


def _stacked(codes):
    return None if codes is None else codes[None]
