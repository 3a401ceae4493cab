"""What the names of products tell: mission, type, times, version; and where an archive will have them.

The naming rules are those of the missions' product specifications: Sentinel-1 (S1-RS-MDA-52-7441), Sentinel-2
(S2-PDGS-TAS-DI-PSD), Sentinel-3 (S3IPF.PDS.002), Sentinel-5P (S5P-L2-DLR-PUM), Landsat (LSDS-1618) and Copernicus Land.
"""

import functools
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom import schema

S1_MODES = ("S1", "S2", "S3", "S4", "S5", "S6", "IW", "EW", "WV", "EN", "N1", "N2", "N3", "N4", "N5", "N6", "IM")
S3_TYPES = (
    "OL_1_EFR___", "OL_1_ERR___", "OL_1_RAC___", "OL_1_SPC___", "OL_2_LFR___", "OL_2_LRR___", "OL_2_WFR___",
    "OL_2_WRR___", "SL_1_RBT___", "SL_2_LST___", "SL_2_WST___", "SL_2_FRP___", "SL_2_AOD___", "SR_1_SRA___",
    "SR_1_SRA_A_", "SR_1_SRA_BS", "SR_1_LAN_RD", "SR_2_LAN___", "SR_2_WAT___", "SR_2_LAN_HY", "SR_2_LAN_LI",
    "SR_2_LAN_SI", "SY_1_MISR__", "SY_2_SYN___", "SY_2_V10___", "SY_2_VG1___", "SY_2_VGP___", "SY_2_AOD___",
)  # fmt: skip
S5P_TYPES = (
    "L1B_IR_SIR", "L1B_IR_UVN", "L1B_RA_BD1", "L1B_RA_BD2", "L1B_RA_BD3", "L1B_RA_BD4", "L1B_RA_BD5", "L1B_RA_BD6",
    "L1B_RA_BD7", "L1B_RA_BD8", "L2__AER_AI", "L2__AER_LH", "L2__CH4___", "L2__CLOUD_", "L2__CO____", "L2__HCHO__",
    "L2__NO2___", "L2__NP_BD3", "L2__NP_BD6", "L2__NP_BD7", "L2__O3____", "L2__O3_TCL", "L2__O3__PR", "L2__SO2___",
)  # fmt: skip
S1_TYPES = (
    "RAW", "SLC", "GRD", "GRD-COG", "OCN", "IW_RAW__0S", "EW_RAW__0S", "WV_RAW__0S", "IW_SLC__1S", "EW_SLC__1S",
    "WV_SLC__1S", "IW_GRDH_1S", "EW_GRDM_1S", "EW_GRDH_1S", "IW_GRDH_1S-COG", "EW_GRDM_1S-COG", "EW_GRDH_1S-COG",
    "IW_OCN__2S", "EW_OCN__2S", "WV_OCN__2S", "AUX_POEORB", "AUX_RESORB", "AUX_PREORB", "AUX_CAL", "AUX_INS",
    "AUX_PP1", "AUX_PP2", "AUX_SCS", "AUX_ML2",
)  # fmt: skip
# Mission -> its collection in an OData catalogue of Copernicus, and its product types; () where they are not listed.
MISSIONS = {
    "Sentinel-1": ("SENTINEL-1", S1_TYPES),
    "Sentinel-2": ("SENTINEL-2", ("S2MSI1C", "S2MSI2A", "S2MSI2Ap")),
    "Sentinel-3": ("SENTINEL-3", S3_TYPES),
    "Sentinel-5P": ("SENTINEL-5P", S5P_TYPES),
    "Sentinel-6": ("SENTINEL-6", ()),
    "Landsat-5": ("LANDSAT-5", ("L1TP", "L1GT", "L1GS")),
    "Landsat-7": ("LANDSAT-7", ("L1TP", "L1GT", "L1GS")),
    "Landsat-8": ("LANDSAT-8", ("L1TP", "L1GT", "L2SP")),
    "Envisat": ("ENVISAT", ()),
    "CLMS": ("CLMS", ()),
    "CAMS": ("CAMS", ()),
    "CMEMS": ("CMEMS", ()),
}
OTHER_NAMES = {  # of missions and types, as people and older tools write them
    "Sentinel-5 Precursor": "Sentinel-5P",
    "Sentinel-5": "Sentinel-5P",
    "S1": "Sentinel-1",
    "S2": "Sentinel-2",
    "S3": "Sentinel-3",
    "S5P": "Sentinel-5P",
    "S6": "Sentinel-6",
    "Landsat-*": "Landsat-8",
    "CGLS": "CLMS",
    "L1C": "S2MSI1C",
    "L2A": "S2MSI2A",
}
PREFIXES = {
    "S1": "Sentinel-1",
    "S2": "Sentinel-2",
    "S3": "Sentinel-3",
    "S5": "Sentinel-5P",
    "S6": "Sentinel-6",
    "LT05": "Landsat-5",
    "LE07": "Landsat-7",
    "LC08": "Landsat-8",
}

GRIB = (".grib", ".grib2", ".grb", ".grb2")
ENDINGS = (
    *GRIB,
    ".SAFE",
    ".SEN3",
    ".zarr",
    ".nc",
    ".zip",
    ".tar.gz",
    ".tar",
    ".EOF",
    ".TGZ",
    ".DBL",
    ".tif",
    ".tiff",
    ".cog",
)
FOLDERS = (".SAFE", ".SEN3", ".zarr")  # of products that are one
T = r"\d{8}T\d{6}"
S1 = re.compile(
    rf"S1[A-D]_(?P<mode>\w\w)_(?P<level>(RAW|SLC|GRD|OCN)[FHM_]_\d\w)(?P<polarisation>\w\w)_(?P<begin>{T})_(?P<end>{T})"
    r"_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<crc>[0-9A-F]{4})(?P<cog>_COG)?"
)
S1_AUX = re.compile(
    rf"S1[A-D_]_(OPER_)?(?P<type>AUX_[A-Z0-9]{{3,6}})(_[A-Z]{{3,4}}_+(?P<made>{T}))?_V(?P<begin>{T})(_(?P<end>{T}))?"
    rf"(_G(?P<made2>{T}))?"
)
S2 = re.compile(
    rf"S2[A-D]_MSI(?P<level>L1C|L2A|L2Ap)_(?P<begin>{T})_N(?P<baseline>\d{{4}})_R(?P<orbit>\d{{3}})_T(?P<tile>\w{{5}})_(?P<made>{T})"
)
S3 = re.compile(
    rf"S3[A-D]_(?P<type>\w{{11}})_(?P<begin>{T})_(?P<end>{T})_(?P<made>{T})_(?P<duration>\w{{4}})_(?P<cycle>\w{{3}})"
    r"_(?P<orbit>\w{3})_(?P<frame>\w{4})_(?P<centre>\w{3})_(?P<class>[ORDF_])_(?P<timeliness>NR|ST|NT|AL)_(?P<collection>\w{3})"
)
S5P = re.compile(
    rf"S5P_(?P<timeliness>NRTI|OFFL|RPRO|PAL_|TEST|OGCA|GSOV)_(?P<type>\w{{10}})_(?P<begin>{T})_(?P<end>{T})_(?P<orbit>\d{{5}})"
    rf"_(?P<collection>\d\d)_(?P<processor>\d{{6}})_(?P<made>{T})"
)
LANDSAT = re.compile(
    r"L[CTEO]0\d_(?P<type>L\w{3})_(?P<tile>\d{6})_(?P<begin>\d{8})_(?P<made>\d{8})_(?P<collection>\d\d)_(?P<tier>RT|T1|T2)"
)
CLMS = re.compile(
    r"c_gls_(?P<type>\w+?)(-RT(?P<consolidation>\d))?_(?P<begin>\d{8})\d{4}_(?P<area>[A-Z]+)_(?P<sensor>\w+)_V(?P<version>[\d.]+?)(?P<format>_nc|_cog)?"
)
CAMS = re.compile(
    r"z_cams_c_ecmf_(?P<begin>\d{14})_(?P<run>\w+?)_(?P<kind>an|fc)_(?P<levels>\w+)_(?P<step>\d{3})_(?P<type>\w+)"
)
TIMELINESS = {"NR": 1, "ST": 2, "NT": 3, "NRTI": 1, "OFFL": 2, "PAL_": 3, "RPRO": 4, "RT": 1, "T2": 2, "T1": 3}


@dataclass(frozen=True)
class Name:
    """What a name tells; "" where it tells nothing.

    family -- what all processings of one acquisition share
    version -- baseline or collection, as the name has it; made -- the time of processing, YYYYMMDDTHHMMSS
    rank -- timeliness: the higher, the better; part -- which slice of an orbit, where an orbit comes in slices
    orbit -- the relative one, where the name has it
    """

    mission: str
    type: str
    begin: str
    end: str
    family: tuple
    version: str = ""
    made: str = ""
    rank: int = 0
    part: str = ""
    tile: str = ""
    orbit: int | None = None
    timeliness: str = ""


NOTHING = Name("", "", "", "", ())  # what a name of no known rule tells


def stem(name):
    """The name of a product without `.SAFE`, `.nc`, `.zip` and the like, also several of them."""
    while name.endswith(ENDINGS):
        name = name.removesuffix(next(ending for ending in ENDINGS if name.endswith(ending)))
    return name


@functools.lru_cache(1 << 15)  # a search asks several times of each product
def parsed(name):
    """What a product's name tells, or None for a name of no rule that is known."""
    bare = stem(name.rstrip("/").rpartition("/")[2])
    for pattern, read in READERS:
        if match := pattern.fullmatch(bare):
            return read(bare, match)
    return None


def _s1(bare, m):
    format = m["cog"] or ""
    kind = f"{m['mode']}_{m['level']}{'-COG' if format else ''}"
    # The last four digits are a checksum of this processing; the track repeats every 175 orbits.
    shift = {"A": 73, "B": 27, "C": 172}.get(bare[2])
    orbit = (int(m["orbit"]) - shift) % 175 + 1 if shift is not None else None
    family = ("S1", bare[: m.start("crc") - 1], format)
    return Name("Sentinel-1", kind, iso(m["begin"]), iso(m["end"]), family, orbit=orbit)


def _s1_aux(bare, m):
    begin, made = m["begin"], m["made"] or m["made2"] or ""
    family = ("S1", bare[:3], m["type"], begin, m["end"])
    return Name("Sentinel-1", m["type"], iso(begin), iso(m["end"] or begin), family, made=made)


def _s2(bare, m):
    kind = {"L1C": "S2MSI1C", "L2A": "S2MSI2A", "L2Ap": "S2MSI2Ap"}[m["level"]]
    family = ("S2", bare[:3], m["level"], m["begin"], m["orbit"], m["tile"])
    begin = iso(m["begin"])
    told = {"version": m["baseline"], "made": m["made"], "tile": m["tile"], "orbit": int(m["orbit"])}
    return Name("Sentinel-2", kind, begin, begin, family, **told)


def _s3(bare, m):
    frame = (m["cycle"], m["orbit"], m["frame"])
    if "_" in m["frame"]:  # whole orbits and tiles have no frame
        frame = (*frame, m["begin"], m["duration"])
    orbit = int(m["orbit"]) if m["orbit"].isdecimal() else None
    told = {"version": m["collection"], "made": m["made"], "rank": TIMELINESS.get(m["timeliness"], 0)}
    told |= {"orbit": orbit, "timeliness": m["timeliness"]}
    return Name("Sentinel-3", m["type"], iso(m["begin"]), iso(m["end"]), ("S3", bare[:3], m["type"], *frame), **told)


def _s5p(bare, m):
    part = m["begin"] if m["timeliness"] == "NRTI" else ""
    told = {"version": m["collection"] + m["processor"], "made": m["made"], "timeliness": m["timeliness"]}
    told |= {"rank": TIMELINESS.get(m["timeliness"], 0), "part": part}
    return Name("Sentinel-5P", m["type"], iso(m["begin"]), iso(m["end"]), ("S5P", m["type"], m["orbit"]), **told)


def _landsat(bare, m):
    begin = iso(m["begin"] + "T000000")
    told = {"version": m["collection"], "made": m["made"] + "T000000", "rank": TIMELINESS[m["tier"]]}
    told |= {"tile": m["tile"], "timeliness": m["tier"]}
    return Name(PREFIXES.get(bare[:4], "Landsat"), m["type"], begin, begin, (bare[:25],), **told)


def _clms(bare, m):
    begin = iso(m["begin"] + "T000000")
    family = ("CLMS", m["type"], m["begin"], m["area"], m["format"])
    version = ".".join(f"{int(part):03d}" for part in m["version"].split("."))
    rank = 9 if m["consolidation"] is None else int(m["consolidation"])  # RT0 comes first, RT6 last, then none
    return Name("CLMS", m["type"].lower(), begin, begin, family, version=version, rank=rank)


def _cams(bare, m):
    begin = iso(m["begin"][:8] + "T" + m["begin"][8:])
    return Name("CAMS", m["type"], begin, begin, ("CAMS", bare))


READERS = (
    (S1, _s1),
    (S1_AUX, _s1_aux),
    (S2, _s2),
    (S3, _s3),
    (S5P, _s5p),
    (LANDSAT, _landsat),
    (CLMS, _clms),
    (CAMS, _cams),
)


def iso(stamp):
    """`20200808T010311` as `2020-08-08T01:03:11Z`; what is no time is given back as it is."""
    text = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}Z"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return stamp
    return text


def require_all(inventory, read, right):
    """Raise ValueError for a product of an inventory (a folder by its ending) that a reader has made nothing of.

    read -- names of the products that it has; right -- what it takes
    """
    folders = {part for name in inventory.names for part in name.split("/")[:-1] if part.endswith(FOLDERS)}
    for product in sorted(folders - set(read)):
        kind = told.type if (told := parsed(product)) else "no type that is known"
        raise ValueError(f"{product}: nothing can be made of it ({kind}); right is {right}")


def mission_of(word):
    """The mission that a word means. Raises ValueError with the nearest one."""
    missions = {name.lower(): name for name in MISSIONS} | {other.lower(): name for other, name in OTHER_NAMES.items()}
    missions |= {collection.lower(): name for name, (collection, _) in MISSIONS.items()}
    mission = missions.get(str(word).strip().lower())
    if mission not in MISSIONS:
        raise ValueError(f"mission: {word!r} is unknown{schema.nearest(word, MISSIONS)}")
    return mission


def type_of(word, mission):
    """The product type of a mission that a word means; "" for CLEOPE's `All ...`. Raises ValueError with a hint."""
    text = str(word).strip()
    if text.lower().startswith("all") or text == "-":
        return ""
    types = MISSIONS[mission][1]
    text = OTHER_NAMES.get(text.upper(), text)
    spelled = {kind.lower(): kind for kind in types}.get(text.lower(), text)
    if types and spelled not in types:
        raise ValueError(f"type: {word!r} is no product type of {mission}{schema.nearest(text.upper(), types)}")
    return spelled


def mission_of_type(word):
    """The mission that a product type is of, or "" where that is not told."""
    text = OTHER_NAMES.get(str(word).strip().upper(), str(word).strip()).lower()
    return next((name for name, (_, types) in MISSIONS.items() if text in (kind.lower() for kind in types)), "")


def candidates(name):
    """Paths below the root of an archive at which a product may lie, the likeliest first.

    Those of /eodata of CDSE and of the ENS of ONDA. It is a guess: reprocessed products and COGs lie apart, and what
    the catalogue says goes before it.
    """
    told = parsed(name)
    if told is None:
        return []
    day = told.begin[:10].replace("-", "/")
    bare = stem(name)
    return (
        [f"{folder}/{day}/{file}" for folder, file in PLACES[told.mission](told, bare)]
        if told.mission in PLACES
        else []
    )


def _eodata_s1(name, bare):
    if name.type.startswith("AUX"):
        return [(f"Sentinel-1/AUX/{name.type}", bare + end) for end in (".SAFE", ".SAFE.zip", ".EOF", "")]
    level = {"0": "LEVEL-0", "1": "LEVEL-1", "2": "LEVEL-2"}[name.type.removesuffix("-COG")[-2]]
    kinds = [name.type] if name.type.endswith("-COG") else [name.type, name.type[3:6]]
    return [*((f"Sentinel-1/SAR/{kind}", f"{bare}.SAFE") for kind in kinds), (f"RADAR/{level}", f"{bare}.zip")]


def _eodata_s2(name, bare):
    level = {"S2MSI1C": "L1C", "S2MSI2A": "L2A", "S2MSI2Ap": "L2A"}[name.type]
    folders = [level, f"{level}_N0500"]
    # Collection 1 reprocessed what was sensed until 2023; what is that much newer than its sensing is of it.
    if name.version >= "0500" and days_between(name.begin, iso(name.made)) > 60:
        folders.reverse()
    ens = {"L1C": "LEVEL-1C", "L2A": "LEVEL-2A"}[level]
    return [*((f"Sentinel-2/MSI/{folder}", f"{bare}.SAFE") for folder in folders), (f"OPTICAL/{ens}", f"{bare}.zip")]


def _eodata_s3(name, bare):
    instrument = {"OL": "OLCI", "SL": "SLSTR", "SR": "SRAL", "SY": "SYNERGY"}.get(name.type[:2], name.type[:2])
    ens = f"{'RADAR' if instrument == 'SRAL' else 'OPTICAL'}/LEVEL-{name.type[3]}"
    return [(f"Sentinel-3/{instrument}/{name.type}", f"{bare}.SEN3"), (ens, f"{bare}.zip")]


def _eodata_s5p(name, bare):
    level = "LEVEL-1B" if name.type.startswith("L1B") else "LEVEL-2"
    return [(f"Sentinel-5P/TROPOMI/{name.type}", f"{bare}.nc"), (f"ATMOSPHERIC/{level}", f"{bare}.zip")]


def _ens_landsat(name, bare):
    return [("OPTICAL/LEVEL-1", f"{bare}.tar.gz")]


def _ens_cams(name, bare):
    kind = "ANALYSIS" if "_an_" in bare else "FORECAST"
    return [(f"Copernicus-atmosphere/{run}/SURFACE_FIELDS/{name.type}", f"{bare}.nc") for run in ("ANALYSIS", kind)]


PLACES = {
    "Sentinel-1": _eodata_s1,
    "Sentinel-2": _eodata_s2,
    "Sentinel-3": _eodata_s3,
    "Sentinel-5P": _eodata_s5p,
    "Landsat-8": _ens_landsat,
    "CAMS": _ens_cams,
}


def days_between(begin, end):
    """Days from one time to another, both as ISO text."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds() / 86400


def days_before(moment, days):
    """The date some days before a time in ISO 8601."""
    return (datetime.fromisoformat(moment) - timedelta(days=days)).date().isoformat()


def is_kind(name, mission, kind):
    """Whether a name is of a mission and, where one is given, of a product type: GRD are all kinds of it but COGs."""
    if name.mission != mission:
        return False
    family, cog = kind.removesuffix("-COG"), kind.endswith("-COG")
    if mission == "Sentinel-1" and family in ("RAW", "SLC", "GRD", "OCN"):
        return name.type[3:6] == family and name.type.endswith("-COG") == cog
    return not kind or name.type.lower() == kind.lower() or (mission == "CLMS" and kind.lower().startswith(name.type))
