"""MEX HRSC, level 2: calibrated by its team, to be scaled to radiance or I/F.

The factors are in the product's label (Jaumann et al. 2007, Planet. Space Sci. 55, 928): REFLECTANCE_SCALING_FACTOR
gives I/F, RADIANCE_SCALING_FACTOR and RADIANCE_OFFSET give radiance in W / (m2 sr).
"""

from darkroom.planetary.instruments import calibrate

UNITS = {"iof": "I over F", "radiance": "W / (m**2 sr)", "dn": "DN"}
FACTORS = {
    "iof": ("REFLECTANCE_SCALING_FACTOR", None),
    "radiance": ("RADIANCE_SCALING_FACTOR", "RADIANCE_OFFSET"),
}


def image(cube, options):
    """Scale an HRSC cube by its product's label; units "dn" leave it as it is.

    Raises ValueError when the label has no such factor.
    """
    units = options["units"]
    notes = calibrate.Notes(done=["radiometric calibration by the HRSC team (level 2)"])
    factor, offset = scaling(cube, units, notes) if units in FACTORS else (1.0, 0.0)
    if units not in FACTORS:
        notes.skipped.append("scaling: DN are wanted")
    notes.keywords |= {
        "Units": UNITS[units],
        "ScalingFactor": calibrate.number(factor),
        "Offset": calibrate.number(offset),
    }
    blocks = ((values * factor + offset, codes) for values, codes in cube.blocks(calibrate.ROWS))
    return calibrate.result(cube, blocks, notes, "RadiometricCalibration")


def scaling(cube, units, notes):
    """Factor and offset for the wanted units, from the product's label."""
    label = calibrate.original(cube)
    name, offset_name = FACTORS[units]
    if name not in label:
        raise ValueError(f"{cube.path}: {name} is not in the product's label; {units} cannot be had, take units: dn")
    notes.done.append(f"scaling by {name} of the product's label")
    return float(label[name]), float(label.get(offset_name, 0.0)) if offset_name else 0.0
