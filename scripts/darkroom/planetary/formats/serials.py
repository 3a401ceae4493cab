"""Serial numbers, by which control networks of ISIS name images: keywords of a cube's label in a row.

Which keywords: the tables appdata/serialnumbers/*SerialNumber.trn of ISIS.
"""

# InstrumentId, beginning -> the keywords behind the name of the spacecraft, of group Instrument where none is named.
KEYWORDS = {
    "MDIS": ("InstrumentId", "SpacecraftClockCount"),
    "NAC": ("SpacecraftClockStartCount", "InstrumentId"),
    "CTX": ("InstrumentId", "SpacecraftClockCount"),
    "HIRISE": ("InstrumentId", "ObservationStartCount", "CcdId", "ChannelNumber"),
    "ISSNA": ("InstrumentId", "SpacecraftClockCount"),
    "ISSWA": ("InstrumentId", "SpacecraftClockCount"),
    "VISUAL_IMAGING_SUBSYSTEM_CAMERA": ("InstrumentId", "SpacecraftClockCount"),
    "TC": ("InstrumentId", "StartTime"),
    "MI": ("InstrumentId", "StartTime"),
    "MOC": ("SpacecraftClockCount", "InstrumentId", "BandBin.FilterName"),
    "FC": ("InstrumentId", "SpacecraftClockStartCount"),
    "SOLID STATE IMAGING SYSTEM": ("InstrumentId", "SpacecraftClockStartCount"),
    "THEMIS_IR": ("InstrumentId", "SpacecraftClockCount"),
    "HRSC": ("SpacecraftClockStartCount", "InstrumentId", "Archive.DetectorId"),
    "SRC": ("StartTime", "InstrumentId", "Archive.DetectorId"),
    "LORRI": ("InstrumentId", "SpacecraftClockStartCount"),
}
# Other names that spacecraft and instruments have in serial numbers.
NAMES = {
    "MESSENGER": "MeSSEnGeR",
    "MARS_RECONNAISSANCE_ORBITER": "MRO",
    "MARS RECONNAISSANCE ORBITER": "MRO",
    "LUNAR RECONNAISSANCE ORBITER": "LRO",
    "CASSINI": "Cassini",
    "VIKING_ORBITER_1": "Viking1",
    "VIKING_ORBITER_2": "Viking2",
    "VISUAL_IMAGING_SUBSYSTEM_CAMERA_A": "VISA",
    "VISUAL_IMAGING_SUBSYSTEM_CAMERA_B": "VISB",
    "MARSGLOBALSURVEYOR": "MGS",
    "MARS GLOBAL SURVEYOR": "MGS",
    "GALILEOORBITER": "Galileo",
    "GALILEO ORBITER": "Galileo",
    "SOLID STATE IMAGING SYSTEM": "SSI",
    "MARS_ODYSSEY": "Odyssey",
    "MARS EXPRESS": "MEX",
    "MARS_EXPRESS": "MEX",
    "NEW HORIZONS": "NewHorizons",
    "TC": "TC1",
}


def serial_of(cube):
    """The serial number that ISIS makes for a cube; None where it is not known here, or a keyword is missing."""
    instrument = cube.groups.get("Instrument", {})
    name = str(instrument.get("InstrumentId", "")).upper()
    fitting = [begin for begin in KEYWORDS if name.startswith(begin)]
    if not fitting:
        return None
    values = [instrument.get("SpacecraftName")]
    for keyword in KEYWORDS[max(fitting, key=len)]:
        group, _, key = keyword.rpartition(".")
        values.append(cube.groups.get(group or "Instrument", {}).get(key))
    if None in values:
        return None
    firsts = (str(value[0] if isinstance(value, tuple) else value) for value in values)
    return "/".join(NAMES.get(first.upper(), first) for first in firsts)
