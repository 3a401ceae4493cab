"""MESSENGER MDIS, narrow and wide angle."""

from darkroom.planetary.instruments.mdis.calibrate import DARKS, calibrated
from darkroom.planetary.instruments.mdis.ingest import IK_CODES, ingested
from darkroom.planetary.instruments.registry import FLAT, SOLAR_DISTANCE, UNITS, UNLUT, Camera, file
from darkroom.planetary.recipes import Recipe

CAMERA = Camera(
    name="MDIS",
    label={"INSTRUMENT_ID": ["MDIS-NAC", "MDIS-WAC"]},
    level={"DATA_SET_ID": "MESS-*-MDIS-2-EDR-*"},
    wanted="an EDR",
    recipes={
        "mdis": Recipe(
            title="MESSENGER MDIS, narrow and wide angle",
            isd="frame",
            names=r"E[NW]\d{10}[A-M]\.IMG",
            examples=("EN1072174528M.IMG", "EW0217229464G.IMG"),
            calibration="in full; a flat field from a file",
        )
    },
    ingest=ingested,
    calibrate=calibrated,
    instrument_ids=tuple(IK_CODES),
    options={
        "ingest": {"unlut": UNLUT},
        "calibration": {
            "units": UNITS,
            "solar_distance": SOLAR_DISTANCE,
            "flat": FLAT,
            "dark": {"type": "string", "enum": list(DARKS), "default": "model", "description": "dark current"},
            "empirical_correction": file("table of the change of the WAC over time"),
        },
    },
)
