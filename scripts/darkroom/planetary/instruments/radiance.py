"""Cameras whose archive holds radiance, scaled by the label when it is ingested: THEMIS RDR, Kaguya TC and MI level 2B.

THEMIS: Christensen et al. (2004, Space Sci. Rev. 110, 85). Kaguya: Haruyama et al. (2008, Earth Planets Space 60, 243),
Ohtake et al. (2008, Earth Planets Space 60, 257).
"""

from darkroom.planetary.instruments import calibrate

KAGUYA = "W / (m**2 micrometer sr)"
THEMIS = "W / (cm**2 micrometer sr)"
CALIBRATED = "CALIBRATED_SPECTRAL_RADIANCE"


def image(cube, options):
    """Take a cube's numbers as the radiance they are, in the archive's units; I/F cannot be had.

    Raises ValueError when the archive's product holds raw numbers.
    """
    themis = cube.groups["Instrument"]["InstrumentId"].upper().startswith("THEMIS")
    if themis:
        label = calibrate.original(cube)
        core = label.get("SPECTRAL_QUBE", label.get("QUBE", {})).get("CORE_NAME", "unknown")
        if core.upper() != CALIBRATED:
            raise ValueError(f"{cube.path}: CORE_NAME is {core}, not {CALIBRATED}; give an RDR of THEMIS")
    notes = calibrate.Notes(done=["radiance: calibrated and scaled by the archive's product"])
    if options["units"] == "iof":
        notes.skipped.append("I/F: there is no public factor, the units are radiance")
    notes.keywords["Units"] = THEMIS if themis else KAGUYA
    return calibrate.result(cube, cube.blocks(calibrate.ROWS), notes, "RadiometricCalibration")
