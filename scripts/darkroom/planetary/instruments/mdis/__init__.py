"""MESSENGER MDIS, narrow and wide angle."""

from darkroom.planetary.instruments.mdis.calibrate import DARKS, calibrated
from darkroom.planetary.instruments.mdis.ingest import CDR, IK_CODES, ingested
from darkroom.planetary.instruments.mdis.sensor import sensor
from darkroom.planetary.instruments.registry import FLAT, SOLAR_DISTANCE, UNITS, UNLUT, Camera, file
from darkroom.planetary.recipes import Recipe

EDR = "MESS-*-MDIS-2-EDR-*"

CAMERA = Camera(
    name="MDIS",
    label={"INSTRUMENT_ID": ["MDIS-NAC", "MDIS-WAC"]},
    level={"DATA_SET_ID": [EDR, CDR]},
    wanted="an EDR or CDR",
    recipes={
        "mdis": Recipe(
            title="MESSENGER MDIS, narrow and wide angle",
            isd="frame",
            names=r"E[NW]\d{10}[A-M]\.IMG",
            examples=("EN1072174528M.IMG", "EW0217229464G.IMG"),
            label={"DATA_SET_ID": EDR},
            calibration="in full; a flat field from a file",
        ),
        "mdis_cdr": Recipe(
            title="MESSENGER MDIS, calibrated by its team",
            isd="frame",
            names=r"C[NW]\d{10}[A-M]_(IF|RA)_\d\.IMG",
            examples=("CN0131773932M_IF_5.IMG", "CW0131775256D_RA_5.IMG"),
            label={"DATA_SET_ID": CDR},
            calibration="the archive's",
        ),
    },
    ingest=ingested,
    sensor=sensor,
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
