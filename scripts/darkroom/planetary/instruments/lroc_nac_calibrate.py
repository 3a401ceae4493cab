"""LROC NAC: from decompanded numbers to radiance or I/F, without the echo of its read-out.

Formulas: Robinson et al. (2010, Space Sci. Rev. 150, 81) and Humm et al. (2016, Space Sci. Rev. 200, 431) as in ISIS's
lronaccal and lronacecho. The masked pixels at the edges are not used.

Up to the echo a pixel's result depends on its number and its column only, and there are few numbers, for they were
companded to 8 bits: each is computed once for every column and then looked up.
"""

from pathlib import Path

import numpy as np

from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.instruments import calibrate

REFLECTANCE = {"NACL": 15869.0, "NACR": 15058.0}  # DN/ms of I/F 1 at 1 AU (ISIS's NAC_RadiometricResponsivity)
SIDES = {"NACL": "LEFT", "NACR": "RIGHT"}
AU = 149597871.0  # km, as in lronaccal
LINEAR_FROM = 600  # DN
LEVELS = 2 * 4096  # decompanded numbers are multiples of half a DN
ECHO = 0.326  # of a pixel that the next one of the same channel has
RAMP = 20  # unsummed columns over which the echo sets in at the image's edge
EDGE = 42  # unsummed columns before the image


def image(cube, options):
    """Calibrate a LROC NAC cube.

    options -- units, flat, solar_distance; dark_file and offset_file: cubes with a number for each column;
        nonlinearity_file: text of three coefficients for each column; responsivity_file: label with IOF_LEFT,
        Radiance_LEFT and so on; echo (true): take it out, when all steps before could be done
    """
    if "AlphaCube" in cube.groups:
        raise ValueError(f"{cube.path}: is cropped or scaled (group AlphaCube); give the whole image as ingested")
    camera = cube.groups["Instrument"]["InstrumentId"].upper()
    summing = 1 if int(cube.groups["Instrument"]["SpatialSumming"]) == 1 else 2
    notes = calibrate.Notes(skipped=["masked pixels: not used"])
    dark = dark_step(cube, options.get("dark_file"), notes)
    linearity = linearity_step(cube, options.get("offset_file"), options.get("nonlinearity_file"), summing, notes)
    flat = flat_step(cube, options.get("flat"), notes)
    scaling = scaling_step(cube, camera, options, notes)
    steps = [step for step in (dark, linearity, flat, scaling) if step is not None]
    blocks = looked_up(cube, steps, all_to_null=any((linearity, flat, scaling)))
    if not options.get("echo", True):
        notes.skipped.append("echo: not wanted")
    elif None in (dark, linearity, flat):
        notes.skipped.append("echo: only after dark level, non-linearity and flat field")
    else:
        notes.done.append("echo of the read-out")
        blocks = without_echo(blocks, echo_strength(cube.samples, camera, summing), 2 // summing, camera == "NACR")
    stacked = ((values[None], None if codes is None else codes[None]) for values, codes in blocks)
    return calibrate.result(cube, stacked, notes)


def dark_step(cube, path, notes):
    """Subtract the dark level of each column."""
    if path is None:
        notes.skipped.append("dark level: no file given")
        return None
    dark = calibrate.one_line(path, cube.samples)
    notes.done.append(f"dark level: {Path(path).name}")
    notes.keywords |= {"DarkFileType": "CustomDarkFile", "DarkFiles": Path(path).name}
    return lambda numbers: numbers - dark


def linearity_step(cube, offset_path, path, summing, notes):
    """Add each column's offset, and below LINEAR_FROM subtract 1 / (a b^DN + c): the mean of two columns if summed."""
    if offset_path is None or path is None:
        notes.skipped.append("non-linearity: no file of offsets and of coefficients given")
        return None
    offset = calibrate.one_line(offset_path, cube.samples)
    terms = coefficients(path)
    if len(terms) < cube.samples * summing:
        raise ValueError(f"{path}: {len(terms)} lines; the image needs {cube.samples * summing}")
    terms = terms[: cube.samples * summing].reshape(cube.samples, summing, 3)
    notes.done.append(f"non-linearity: {Path(path).name}")
    notes.keywords |= {"NonlinearOffset": Path(offset_path).name, "LinearizationCoefficients": Path(path).name}

    def linearised(numbers):
        numbers = numbers + offset
        excess = [1 / (a * b**numbers + c) for a, b, c in (terms[:, pixel].T for pixel in range(summing))]
        return np.where(numbers < LINEAR_FROM, numbers - sum(excess) / summing, numbers)

    return linearised


def coefficients(path):
    """Three coefficients a line (n, 3), apart by blanks or commas."""
    try:
        rows = np.array(Path(path).read_text().replace(",", " ").split(), "f8")
    except ValueError as error:
        raise ValueError(f"{path}: no table of coefficients: {error}") from error
    if rows.size % 3 or not rows.size:
        raise ValueError(f"{path}: {rows.size} numbers; there would be three a line")
    return rows.reshape(-1, 3)


def flat_step(cube, path, notes):
    """Divide by the flat field of each column; a column without a positive one becomes empty."""
    if path is None:
        notes.skipped.append("flat field: no file given")
        return None
    flat = calibrate.one_line(path, cube.samples)
    flat = np.where(flat > 0, flat, np.nan)
    notes.done.append(f"flat field: {Path(path).name}")
    notes.keywords["FlatFile"] = Path(path).name
    return lambda numbers: numbers / flat


def scaling_step(cube, camera, options, notes):
    """Divide by exposure and responsivity, to radiance or I/F; None where the units stay DN."""
    units, path = options["units"], options.get("responsivity_file")
    given = {} if path is None else pvl.load(path)
    exposure = float(cube.groups["Instrument"]["LineExposureDuration"])  # ms
    side = SIDES[camera]
    if units == "iof":
        distance, origin = calibrate.solar_distance(cube, options)
        if distance is not None:
            responsivity = float(given.get(f"IOF_{side}", REFLECTANCE[camera]))
            notes.done.append(f"I/F with the Sun's distance of {origin}")
            notes.keywords |= {
                "RadiometricType": "IOF",
                "ResponsivityValue": calibrate.number(responsivity),
                "SolarDistance": calibrate.number(distance / AU),
            }
            return lambda numbers: numbers / exposure * (distance / AU) ** 2 / responsivity
        notes.skipped.append("I/F: the Sun's distance is not known")
    if units == "dn" or f"Radiance_{side}" not in given:
        why = "not wanted" if units == "dn" else f"no responsivity_file with Radiance_{side} given"
        notes.skipped.append(f"radiance: {why}, the units are DN")
        return None
    responsivity = float(given[f"Radiance_{side}"])
    notes.done.append(f"radiance: {Path(path).name}")
    notes.keywords |= {"RadiometricType": "AbsoluteRadiance", "ResponsivityValue": calibrate.number(responsivity)}
    return lambda numbers: numbers / exposure / responsivity


def looked_up(cube, steps, all_to_null):
    """Blocks (n, samples) in float32 of an image after steps, each of which is a function of number and column.

    all_to_null -- whether saturated pixels become NULL, as they do in all steps of lronaccal behind the dark level
    """
    place = np.full(LEVELS, -1)  # of a level's first column in the table
    table = np.empty((0, cube.samples), "f4")
    columns = np.arange(cube.samples)
    for first in range(0, cube.lines, calibrate.ROWS):
        numbers, codes = cube.read(first, calibrate.ROWS)
        if codes is not None:
            numbers[codes != 0] = 0
        numbers *= 2
        level = numbers.astype("i8")
        level &= LEVELS - 1
        if not np.array_equal(level, numbers):
            values = applied(steps, numbers / 2)  # no numbers of a companding
        else:
            level = np.take(place, found := level)
            if level.min() < 0:
                new = np.unique(found[level < 0])
                place[new] = table.size + np.arange(len(new)) * cube.samples
                table = np.concatenate([table, applied(steps, np.repeat(new[:, None] / 2, cube.samples, axis=1))])
                level = np.take(place, found)
            level += columns
            values = np.take(table, level)
        if codes is not None:
            values[codes != 0] = np.nan
            codes = np.where(codes == 0, 0, cubes.NULL).astype("u1") if all_to_null else codes
        yield values, calibrate.empty_where_nan(values, codes)


def applied(steps, numbers):
    """Numbers after all steps, in float32 as they are stored."""
    for step in steps:
        numbers = step(numbers)
    return numbers.astype("f4")


def echo_strength(samples, camera, summing):
    """Share (samples,) of the pixel read before that is seen in each; it sets in smoothly at the image's edge."""
    edge, ramp = EDGE // summing, RAMP // summing
    sample = np.arange(samples)
    if camera == "NACL":
        inside, inner = sample - edge, sample - edge
    else:
        inside, inner = 5024 // summing - sample, samples - sample - edge
    smooth = ECHO / 2 * (1 - np.cos(np.pi / ramp * inner))
    return np.where((inside >= 0) & (inside <= ramp), smooth, ECHO)


def without_echo(blocks, strength, lag, backwards):
    """Blocks without the echo of each pixel in the next one of its channel, `lag` columns on.

    y[i] = x[i] - s[i] y[i - lag], then times 1 + s[i]; where either pixel is empty nothing is done.
    """
    direction = -1 if backwards else 1
    strength = strength[::direction, None]
    for values, codes in blocks:
        light = values[:, ::direction].astype("f8").T
        share = strength
        if codes is not None:
            empty = codes[:, ::direction].T != 0
            share = np.where(empty, 0, share)
            share[lag:][empty[:-lag]] = 0
            light[empty] = 0
        calibrate.recursion(light, -share, lag)
        light *= 1 + share
        yield light.T[:, ::direction], codes
