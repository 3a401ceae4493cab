"""A strict stand-in for ISIS programs: their parameters, refusals, exit statuses and bad habits, with small real cubes.

What it knows of parameters is in isis_programs.yaml; how programs behave was measured on ISIS 8.3. It computes nothing:
pixels are a ramp, or those of the input. `install` makes the ISISROOT and ISISDATA that programs are run with.

The variable ISIS_FAULTS makes programs misbehave: `mdiscal=fail,spiceinit=web2`. `fail`, `abort` and `hang` leave a cube
that looks whole; `silent` ends well without an output; `short` ends well with half of one; `web2` fails twice as a busy
server does.
"""

import array
import json
import math
import os
import re
import shutil
import sys
import time
import types
from pathlib import Path

from darkroom.planetary.formats import pvl

HERE = Path(__file__).parent
AREAS = (
    "base",
    "messenger",
    "lro",
    "mro",
    "odyssey",
    "mex",
    "cassini",
    "dawn",
    "viking1",
    "viking2",
    "galileo",
    "kaguya",
    "mgs",
)
STEREO = ("parallel_stereo", "point2dem")
KINDS = {1: "ERROR", 2: "USER ERROR", 3: "PROGRAMMER ERROR", 4: "I/O ERROR"}
NOISE = (
    "This function(PvlObject::addLogGroup) will be depreciated in ISIS3 v9.0 in favor of Application::appendLogGroup"
)
SIZE = 16  # lines and samples of an imported cube
LABEL_BYTES = 65536
# PDS keyword -> keyword of the group Instrument
INSTRUMENT = {
    "INSTRUMENT_HOST_NAME": "SpacecraftName",
    "SPACECRAFT_NAME": "SpacecraftName",
    "INSTRUMENT_ID": "InstrumentId",
    "TARGET_NAME": "TargetName",
    "SPACECRAFT_CLOCK_START_COUNT": "SpacecraftClockCount",
    "START_TIME": "StartTime",
    "EXPOSURE_DURATION": "ExposureDuration",
    "SAMPLING_FACTOR": "SpatialSumming",
    "CROSSTRACK_SUMMING": "CrosstrackSumming",
}
ARCHIVE = {"DATA_SET_ID": "DataSetId", "PRODUCT_ID": "ProductId"}
WAC_PARTS = {"COLOR": ("uv", "vis"), "VIS": ("vis",), "UV": ("uv",), "BW": ("vis",)}
NEEDS_CAMERA = (
    "cam2map",
    "mosrange",
    "photomet",
    "phocube",
    "noproj",
    "hijitreg",
    "campt",
    "footprintinit",
    "spicefit",
    "moccal",
    "thmvistrim",
)
SUMMING_1 = {"ctxevenodd": "SpatialSumming", "mocnoise50": "CrosstrackSumming", "mocevenodd": "CrosstrackSumming"}
SUN = ("mdiscal", "ctxcal", "moccal", "hical")  # programs that look up how far the Sun is
CLOCK = ("mdiscal", "moccal", "hical")  # and by the spacecraft's clock, when
SATURATED = -sys.float_info.max  # bits that ISIS takes for high saturation, not for an unknown number
# What mosrange finds of any images.
MAP = {
    "CenterLongitude": "0.0",
    "EquatorialRadius": "1000000.0 <meters>",
    "PolarRadius": "1000000.0 <meters>",
    "PixelResolution": "1000.0 <meters/pixel>",
}
MAP_RANGE = ("MinimumLatitude", "MaximumLatitude", "MinimumLongitude", "MaximumLongitude")


def recipes():
    """The recipes that ISIS has programs for by name, each with every stage, as the plan has them."""
    from darkroom.planetary import recipes, tables
    from darkroom.planetary.instruments import registry

    of_cameras = {name: camera.recipe(name) for name, camera in registry.of_recipes().items()}
    all_of_them = recipes.completed(of_cameras, tables.read([tables.OURS]))
    return {name: recipe for name, recipe in all_of_them.items() if recipe.stages.get("import")}


class IsisError(Exception):
    """What a program ends with: pairs of kind of error and text, outermost first."""

    def __init__(self, *causes):
        super().__init__(causes)
        self.causes = causes


def install(folder, areas=AREAS):
    """Make an ISISROOT and an ISISDATA; returns the variables that programs are to be run with."""
    import yaml

    root, data = folder / "isis", folder / "isisdata"
    (root / "bin/xml").mkdir(parents=True)
    programs = yaml.safe_load((HERE / "isis_programs.yaml").read_text())
    (root / "programs.json").write_text(json.dumps(programs))
    (root / "isis_version.txt").write_text("8.3.0 # 3 numbers\n2024-08-16 # date\nv008 # format\nstable # stage\n")
    (root / "IsisPreferences").write_text(
        "Group = SessionLog\n  FileOutput = On\n  FileName = print.prt\n  FileAccess = Append\nEnd_Group\n"
    )
    paths = [str(HERE), str(HERE.parent / "scripts")]
    start = f"#!{sys.executable} -SE\nimport sys\nsys.path[:0] = {paths}\nimport isis_standin\nisis_standin.main()\n"
    for name in (*programs, *STEREO):
        program = root / "bin" / name
        program.write_text(start)
        program.chmod(0o755)
        entries = "".join(f'<parameter name="{parameter}"/>' for parameter in programs.get(name, ()))
        (root / f"bin/xml/{name}.xml").write_text(
            f'<application name="{name}"><groups>{entries}</groups></application>'
        )
    install_heights(root / "heights.tif")
    for area in areas:
        (data / area / "kernels/sclk").mkdir(parents=True)
        (data / area / "kernels/sclk/clock.tsc").touch()
        (data / area / "calibration").mkdir()
    if "base" in areas:
        (data / "base/kernels/lsk").mkdir()
        (data / "base/kernels/lsk/naif0012.tls").write_text("KPL/LSK\n")
        (data / "base/kernels/spk").mkdir()
        (data / "base/kernels/spk/de430.bsp").touch()
    return {"ISISROOT": str(root), "ISISDATA": str(data)}


def install_heights(path):
    """The GeoTIFF that point2dem makes of any images: a ramp of metres, with a first line of its number for nothing."""
    import numpy as np
    import rasterio

    heights = np.arange(SIZE * SIZE, dtype="f4").reshape(SIZE, SIZE)
    heights[0] = nothing = np.finfo("f4").min
    size = {"width": SIZE, "height": SIZE, "count": 1, "dtype": "float32", "nodata": float(nothing)}
    place = {"crs": "+proj=eqc +R=1000000 +units=m", "transform": rasterio.Affine(1000, 0, 0, 0, -1000, 8000)}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as made:
        made.write(heights, 1)


def main():
    """Be the program that the script is named after."""
    program, fault = Path(sys.argv[0]).name, fault_of(Path(sys.argv[0]).name)
    try:
        if program in STEREO:
            stereo(program, sys.argv[1:])
        else:
            run(program, sys.argv[1:], fault)
    except IsisError as failure:
        for kind, text in failure.causes:
            print(f"**{KINDS[kind]}** {text}", file=sys.stderr)
        sys.exit(failure.causes[0][0])


def fault_of(program):
    faults = dict(entry.split("=") for entry in os.environ.get("ISIS_FAULTS", "").split(",") if entry)
    return faults.get(program, "")


def run(program, given, fault):
    """Check the command line and the files as ISIS does, write what the program would, and misbehave if asked to."""
    if not Path(os.environ.get("ISISROOT", ""), "IsisPreferences").is_file():
        os.abort()
    parameters = json.loads(Path(os.environ["ISISROOT"], "programs.json").read_text())[program]
    (Path(os.environ.get("HOME", ".")) / ".Isis").mkdir(exist_ok=True)
    entered, preferences = command_line(parameters, given)
    verify(parameters, entered)
    values = {name: entered.get(name, entry.get("default")) for name, entry in parameters.items()}
    if not list(Path(os.environ.get("ISISDATA", "")).glob("base/kernels/lsk/naif????.tls")):
        text = "Unable to load leadsecond file. Either the data area is not set or there are no naif####.tls files present."
        raise IsisError((2, text))
    files = check_files(parameters, entered)
    print(NOISE, file=sys.stderr)
    session_log(program, entered, preferences)
    if fault == "silent":
        return
    WORK.get(program, import_product if program.endswith("2isis") else process)(program, values, files)
    misbehave(program, fault, [path for name, path in files.items() if parameters[name].get("mode") == "output"])


def misbehave(program, fault, made):
    """End as a fault says, once the outputs are there."""
    if fault == "abort":
        os.abort()
    if fault == "hang":
        time.sleep(600)
    if fault == "short":
        for path in made:
            os.truncate(path, LABEL_BYTES + SIZE * SIZE * 4 - SIZE)
    if fault == "fail":
        cannot = "Cannot read file [./input]. Position [99840]. Byte count [512]."
        raise IsisError((4, f"{program} was told to fail [it did]."), (1, cannot))
    if fault.startswith("web"):
        tries = Path(os.environ["ISISROOT"], f"{program}.tries")
        number = int(tries.read_text()) if tries.exists() else 0
        tries.write_text(str(number + 1))
        if number < int(fault.removeprefix("web")):
            raise IsisError((1, "An error occurred when talking to the server. The server refused the connection."))


# The command line -----------------------------------------------------------------------------------------------------


def command_line(parameters, given):
    """Parameters that were entered, by their full names, and the preferences."""
    entered, preferences = {}, dict(pvl.load(Path(os.environ["ISISROOT"], "IsisPreferences"))["SessionLog"].items())
    for argument in given:
        name, _, value = argument.partition("=")
        if name.lower() == "-preference":
            if not Path(value).is_file():
                raise IsisError((2, f"The preference file {value} was not found or does not exist."))
            preferences |= dict(pvl.load(value).get("SessionLog", pvl.Block()).items())
        elif name.startswith("-"):
            raise IsisError((2, f"Invalid command line option [{name}]."))
        else:
            entered[full_name(parameters, name)] = value
    return entered, preferences


def full_name(parameters, name):
    upper = name.upper()
    names = [upper] if upper in parameters else [other for other in parameters if other.startswith(upper)]
    if len(names) != 1:
        what = f"Parameter [{name}] is not unique." if names else f"Unknown parameter [{name}]."
        raise IsisError((2, "Invalid command line."), (2, what))
    return names[0]


def verify(parameters, entered):
    """Refuse what the parameters' types, ranges, options and relations do not allow, with ISIS's own words."""
    for name, entry in parameters.items():
        if name in entered:
            verify_value(name, entry, entered[name])
    for name, entry in parameters.items():
        verify_relations(parameters, entered, name, entry)
        if (
            name not in entered
            and "default" not in entry
            and "internal" not in entry
            and not excused(parameters, entered, name)
        ):
            raise IsisError((2, f"Parameter [{name}] must be entered."))


def verify_value(name, entry, value):
    if entry["type"] in ("integer", "double"):
        try:
            number = {"integer": int, "double": float}[entry["type"]](value)
        except ValueError:
            article = {"integer": "an integer", "double": "a double"}[entry["type"]]
            raise IsisError((2, f"Unable to convert [{value}] to {article}, parameter [{name}].")) from None
        for bound, sign, words in (("minimum", 1, "greater"), ("maximum", -1, "less")):
            if bound in entry:
                limit, inclusive = entry[bound]["value"], entry[bound]["inclusive"]
                if sign * number < sign * limit or (number == limit and not inclusive):
                    or_equal = " or equal to" if inclusive else ""
                    raise IsisError((2, f"Parameter [{name}] must be {words} than{or_equal} [{limit}]."))
        if entry.get("odd") and number % 2 != 1:
            raise IsisError((2, f"Value for [{name}] must be odd."))
    if entry["type"] == "boolean" and value.lower() not in (
        "yes",
        "no",
        "y",
        "n",
        "true",
        "false",
        "t",
        "f",
        "on",
        "off",
    ):
        raise IsisError((2, f"Illegal value for [{name}], [{value}]."))
    if "options" in entry and option(entry, value) is None:
        raise IsisError((2, f"Value of [{name}] must be one of [{', '.join(entry['options'])}]."))


def option(entry, value):
    """The option that a value names, wholly or by its beginning."""
    names = [str(name) for name in entry["options"]]
    exact = [name for name in names if name.upper() == value.upper()]
    begun = [name for name in names if name.upper().startswith(value.upper())]
    return (exact or (begun if len(begun) == 1 else [None]))[0]


def is_true(parameters, entered, name):
    return str(entered.get(name, parameters[name].get("default", "no"))).lower() in ("yes", "y", "true", "t", "on")


def verify_relations(parameters, entered, name, entry):
    boolean = entry["type"] == "boolean"
    active = is_true(parameters, entered, name) if boolean else name in entered
    use = "equates to true" if boolean else "is used"
    for other in entry.get("without", []):
        if active and (
            is_true(parameters, entered, other)
            if parameters[other]["type"] == "boolean" and not boolean
            else other in entered
        ):
            raise IsisError((2, f"Parameter [{other}] must NOT be used if parameter [{name}] {use}."))
    for other in entry.get("with", []):
        there = other in entered or "default" in parameters[other] or "internal" in parameters[other]
        if active and not there:
            raise IsisError((2, f"Parameter [{other}] must be used if parameter [{name}] {use}."))
    if isinstance(entry.get("options"), dict) and (value := entered.get(name, entry.get("default"))):
        chosen = option(entry, str(value))
        relations = entry["options"].get(chosen, {})
        for other in relations.get("without", []):
            if other in entered:
                raise IsisError(
                    (2, f"Parameter [{other}] can not be entered if parameter [{name}] is equal to [{chosen}]")
                )
        for other in relations.get("with", []):
            if other not in entered and "default" not in parameters[other]:
                raise IsisError(
                    (2, f"Parameter [{other}] must be entered if parameter [{name}] is equal to [{chosen}]")
                )


def excused(parameters, entered, name):
    """Whether another parameter lets one without a value be left out."""
    for other, entry in parameters.items():
        options = entry["options"].values() if isinstance(entry.get("options"), dict) else ()
        if any(name in relations.get("without", []) for relations in options):
            return True
        if entry["type"] == "boolean":
            if name in entry.get("without" if is_true(parameters, entered, other) else "with", []):
                return True
        elif other in parameters[name].get("without", []) and (
            other in entered or "default" in entry or "internal" in entry
        ):
            return True
    return any(
        parameters[other]["type"] == "boolean" and not is_true(parameters, entered, other)
        for other in parameters[name].get("with", [])
    )


# Files ----------------------------------------------------------------------------------------------------------------


def check_files(parameters, entered):
    """Paths of the files that were entered, without their attributes; refuses what ISIS could not read or write."""
    files = {}
    for name, value in entered.items():
        entry = parameters[name]
        if "mode" not in entry or value.startswith("$"):
            continue
        path = Path(value.split("+")[0])
        if not str(path).isascii():
            raise IsisError((4, f"Unable to open [{value}]."))
        if entry["mode"] == "input":
            if not path.is_file():
                raise IsisError((4, f"Unable to open [{value}]."))
            if entry["type"] == "cube" and not pvl.read_head(path).lstrip().startswith(b"Object = IsisCube"):
                raise IsisError((4, f"Unable to open [{value}]."), (4, "It is no cube."))
        else:
            if entry["type"] == "cube" and path.suffix != ".cub":
                path = path.with_name(path.name + ".cub")
            if not path.parent.is_dir():
                hint = "Verify the output path exists and you have permission to write to the path."
                raise IsisError((4, f"Failed to create [{path}]. {hint}"))
            if "FROM" in files and path.exists() and path.samefile(files["FROM"]):
                size = path.stat().st_size - LABEL_BYTES
                path.write_bytes(path.read_bytes()[:LABEL_BYTES] + b"\xfb\xff\x7f\xff" * (size // 4))
                raise IsisError((2, f"The cube file [{path}] is in use already."))
        files[name] = path
    return files


def session_log(program, entered, preferences):
    text = pvl.dumps(pvl.Block({program: {"UserParameters": entered}}))
    if preferences.get("TerminalOutput", "Off") == "On":
        print(text)
    if preferences["FileOutput"] == "On":
        mode = "a" if preferences["FileAccess"] == "Append" else "w"
        with Path(preferences["FileName"]).open(mode) as file:
            file.write(text)


class Cube:
    """A small cube in memory: groups, the object Core, the bytes of its pixels."""

    def __init__(self, groups, core, pixels, angles=(), original=b"", tables=()):
        self.groups, self.core, self.pixels, self.angles, self.original = groups, core, pixels, angles, original
        self.tables = list(tables)  # pairs of label and bytes

    @classmethod
    def ramp(cls, groups, bands=1):
        core = pvl.Block(
            {
                "StartByte": LABEL_BYTES + 1,
                "Format": "BandSequential",
                "Dimensions": {"Samples": SIZE, "Lines": SIZE, "Bands": bands},
                "Pixels": {"Type": "Real", "ByteOrder": "Lsb", "Base": "0.0", "Multiplier": "1.0"},
            },
            "Object",
            "Core",
        )
        return cls(groups, core, array.array("f", [i % 255 for i in range(SIZE * SIZE)] * bands).tobytes())

    @classmethod
    def read(cls, path):
        label = pvl.load(path)
        isis, angles = label["IsisCube"], [float(table.get("SolarLongitude", 0)) for table in label.all("Table")]
        groups = {name: dict(group.items()) for name, group in isis.items() if name != "Core"}
        start, content = int(isis["Core"]["StartByte"]) - 1, path.read_bytes()
        isis["Core"]["StartByte"] = LABEL_BYTES + 1
        end, original = len(content), b""
        blocks = [*label.all("OriginalLabel"), *label.all("Table")]
        held = [(block, content[int(block["StartByte"]) - 1 :][: int(block["Bytes"])]) for block in blocks]
        end = min([end, *(int(block["StartByte"]) - 1 for block in blocks)])
        if "OriginalLabel" in label:
            (_, original), *held = held
        return cls(groups, isis["Core"], content[start:end], angles, original, held)

    def write(self, path):
        isis = pvl.Block({"Core": self.core, **self.groups}, "Object", "IsisCube")
        size = pvl.Block({"Bytes": LABEL_BYTES}, "Object", "Label")
        place = {"Name": "IsisCube", "StartByte": LABEL_BYTES + len(self.pixels) + 1, "Bytes": len(self.original)}
        kept = {"OriginalLabel": pvl.Block(place, "Object", "OriginalLabel")} if self.original else {}
        whole = pvl.Block({"IsisCube": isis, "Label": size, **kept})
        content = self.pixels + self.original
        for block, records in self.tables:
            block["StartByte"] = LABEL_BYTES + len(content) + 1
            whole.append("Table", block)
            content += records
        label = (pvl.dumps(whole) + "End\n").encode()
        partial = path.with_name(path.name + ".new")
        partial.write_bytes(label.ljust(LABEL_BYTES, b"\0") + content)
        partial.replace(path.resolve())  # ISIS edits in place, through a link too

    @property
    def bands(self):
        return int(self.core["Dimensions"]["Bands"])

    def require_camera(self):
        if "InstrumentPointing" not in self.groups.get("Kernels", {}):
            stale = "The camera model used to create a camera for this cube is out of date, please re-run spiceinit."
            raise IsisError((1, "Unable to initialize camera model in Camera Factory."), (1, stale))
        if SATURATED in self.angles:
            special = "Angle cannot be a non-Null special pixel"
            raise IsisError((1, "Unable to initialize camera model in Camera Factory."), (3, special))


def with_extension(path, extension):
    return path if path.suffix == extension else path.with_name(path.name + extension)


def read_list(path):
    cubes = [Path(line) for line in path.read_text().splitlines() if line]
    if missing := [cube for cube in cubes if not cube.is_file()]:
        raise IsisError((4, f"Unable to open [{missing[0]}]."))
    return [Cube.read(cube) for cube in cubes]


# Programs -------------------------------------------------------------------------------------------------------------


def import_product(program, values, files):
    """Cubes with the groups of a PDS label; framelet cameras have several."""
    source = files["FROM"]
    try:
        label = pvl.load(source)
        mission = find(label, "INSTRUMENT_HOST_NAME") or find(label, "SPACECRAFT_NAME")
    except ValueError as error:
        raise IsisError((4, f"Unable to read [MISSION] from input file [{source}]."), (1, str(error))) from error
    if mission is None:
        missing = "PVL Keyword [INSTRUMENT_HOST_NAME] does not exist in [Object = Root]."
        raise IsisError((4, f"Unable to read [MISSION] from input file [{source}]."), (1, missing))
    if source.suffix.lower() == ".lbl":
        data = Path(
            re.sub(r"^\W*", "", str(label["^IMAGE"][0] if isinstance(label["^IMAGE"], tuple) else label["^IMAGE"]))
        )
        if not data.is_file():
            raise IsisError((4, f"Unable to open [{data}]."))
    groups = {
        "Instrument": {own: value for key, own in INSTRUMENT.items() if (value := find(label, key)) is not None},
        "Archive": {own: value for key, own in ARCHIVE.items() if (value := find(label, key)) is not None},
        "BandBin": {"Center": 1},
        "Kernels": {"NaifFrameCode": -1},
    }
    groups["Archive"]["SourceProductId"] = source.stem
    if program == "mdis2isis":
        groups["Instrument"]["Unlutted"] = int(str(values["UNLUT"]).lower() in ("yes", "true"))
    if program == "thm2isis":
        groups["Instrument"]["InstrumentId"] = f"THEMIS_{find(label, 'DETECTOR_ID')}"
    parts = [""]
    if program == "lrowac2isis":
        parts = [
            f".{camera}.{half}" for camera in WAC_PARTS[find(label, "INSTRUMENT_MODE_ID")] for half in ("even", "odd")
        ]
    elif groups["Instrument"]["InstrumentId"] == "THEMIS_VIS":
        parts = [".even", ".odd"]
    for part in parts:
        made = Cube.ramp(groups)
        made.original = source.read_bytes() if source.stat().st_size < LABEL_BYTES else b""
        made.write(files["TO"].with_name(f"{files['TO'].stem}{part}.cub"))


def find(block, keyword):
    """The first value of a keyword, in the label or in its objects."""
    if keyword in block:
        return block[keyword]
    inner = (find(value, keyword) for _, value in block.items() if isinstance(value, pvl.Block))
    return next((value for value in inner if value is not None), None)


def process(program, values, files):
    """The input under another name, if it is one that the program takes."""
    cube = Cube.read(files.get("FROM", files.get("FROM1")))
    instrument = cube.groups["Instrument"]
    if program in NEEDS_CAMERA:
        cube.require_camera()
    if (keyword := SUMMING_1.get(program)) and int(instrument.get(keyword, 0)) != 1:
        raise IsisError((2, f"{program} is for images with {keyword} of 1 only."))
    if program == "mocnoise50" and instrument["InstrumentId"] != "MOC-NA":
        raise IsisError((2, "The 50 sample noise pattern does not occur in MOC wide angle images"))
    if program in ("thmvisflat", "thmvistrim") and instrument["InstrumentId"] != "THEMIS_VIS":
        raise IsisError((2, f"This program is intended for use on THEMIS VIS images only. [{files['FROM']}]"))
    if program == "mdiscal" and str(instrument["Unlutted"]) != "1":
        raise IsisError((2, "Calibration can only be performed on unlutted data."))
    if program in SUN:
        require_sun(program, cube)
    if (
        program == "photomet"
        and values.get("NORMNAME", "").upper() == "ALBEDO"
        and values["THRESH"] == "None Specified"
    ):
        raise IsisError((2, "The ALBEDO Normalization model requires a value for the THRESH parameter."))
    if program == "photomet" and "FROMPVL" not in files and values.get("PHTNAME") == "FROMPVL":
        raise IsisError((2, "A photometric model must be specified before running this program."))
    if "TO" in files:
        cube.write(files["TO"])


def require_sun(program, cube):
    """Ephemerides of planets, and where there are no kernels in the cube the clock of its spacecraft."""
    data = Path(os.environ["ISISDATA"])
    if not list(data.glob("base/kernels/spk/de???.bsp")):
        missing = "No existing files found with a numerical version matching [de???.bsp] in [base/kernels/spk]."
        raise IsisError((1, "Unable to determine the sun-target distance."), (1, missing))
    if (
        program in CLOCK
        and "InstrumentPointing" not in cube.groups["Kernels"]
        and not list(data.glob("*/kernels/sclk/*"))
    ):
        raise IsisError((1, "Unable to determine the sun-target distance."), (1, "No Spacecraft Clock Kernels found."))


def spiceinit(program, values, files):
    """Kernels of the area, or of the web service; the cube is changed even where that fails."""
    cube = Cube.read(files["FROM"])
    if "Mapping" in cube.groups:
        raise IsisError((2, "Can not initialize SPICE for a map projected cube"))
    web = str(values["WEB"]).lower() in ("yes", "true")
    if web and cube.groups["Instrument"]["InstrumentId"] == "HRSC":
        text = "Spice Server does not support MEX HRSC images. Please rerun spiceinit with local MEX data."
        raise IsisError((2, text))
    kernels = list(Path(os.environ["ISISDATA"]).glob("[!b]*/kernels"))
    cube.groups["Kernels"] |= {"InstrumentPointing": "Table"} if web or kernels else {"Broken": "Yes"}
    kept = [pair for pair in cube.tables if pair[0]["Name"] != "InstrumentPointing"]
    cube.tables = [*kept, pointing_table(0.0)] if web or kernels else kept
    cube.write(files["FROM"])
    if not web and not kernels:
        raise IsisError(
            (1, "No existing files found with a numerical version matching [kernels.????.db] in [kernels].")
        )


def edit(program, values, files):
    """Programs that edit in place: a mark in the cube."""
    cube = Cube.read(files["FROM"])
    if program in NEEDS_CAMERA:
        cube.require_camera()
    cube.groups.setdefault("Edited", {})[program] = "Yes"
    cube.write(files["FROM"])


def pointing_table(angle):
    """A table InstrumentPointing of one record: a turn about z."""
    numbers = array.array("d", [math.cos(angle / 2), 0, 0, math.sin(angle / 2), 0.0])
    names = ("J2000Q0", "J2000Q1", "J2000Q2", "J2000Q3", "ET")
    told = {"Name": "InstrumentPointing", "StartByte": 1, "Bytes": 40, "Records": 1, "ByteOrder": "Lsb"}
    block = pvl.Block(told | {"TimeDependentFrames": (-74021, 1)}, "Object", "Table")
    for name in names:
        block.append("Field", pvl.Block({"Name": name, "Type": "Double", "Size": 1}, "Group", "Field"))
    return block, numbers.tobytes()


def serial(path):
    from darkroom.planetary.formats import serials

    return serials.serial_of(types.SimpleNamespace(groups=Cube.read(path).groups)) or path.name


def listed(path):
    return [Path(line) for line in path.read_text().splitlines() if line]


def findfeatures(program, values, files):
    """A network of some places of an image, which all others show; the geometry is needed for fastgeom."""
    from darkroom.planetary.formats import cnet

    if "MATCH" not in files:
        raise IsisError((2, "Parameter [MATCH] must be entered."))
    paths = [files["MATCH"], *(listed(files["FROMLIST"]) if "FROMLIST" in files else [files["FROM"]])]
    for path in paths:
        Cube.read(path).require_camera()
    pattern, points = values["POINTID"], []
    for number in range(int(values["POINTINDEX"]), int(values["POINTINDEX"]) + 12):
        measures = [cnet.Measure(serial(path), sample=number + 1.0, line=number + 2.0) for path in paths]
        points.append(cnet.Point(pattern.replace("?????", f"{number:05d}"), reference=0, measures=measures))
    header = cnet.Header(values["NETWORKID"], "Mars", "2001-01-01", "2001-01-01", values["DESCRIPTION"], "findfeatures")
    cnet.write(with_extension(files["ONET"], ".net"), header, points)


def cnetcombinept(program, values, files):
    """Networks together in one."""
    from darkroom.planetary.formats import cnet

    if "CNETLIST" not in files or "ONET" not in files:
        raise IsisError((2, "Must provide CNETLIST and ONET."))
    read = [cnet.read(path) for path in listed(files["CNETLIST"])]
    cnet.write(with_extension(files["ONET"], ".net"), read[0][0], [point for _, points in read for point in points])


def jigsaw(program, values, files):
    """The network with residuals; with update the pointing of all cubes but those that are held."""
    from darkroom.planetary.formats import cnet

    if values["CAMSOLVE"].upper() == "NONE" and values["SPSOLVE"].upper() == "NONE":
        raise IsisError((2, "Must either solve for camera pointing or spacecraft position"))
    if fault_of(program) == "diverges":
        whole = f"Unable to bundle adjust network [{files['CNET']}]"
        raise IsisError((2, whole), (1, f"Bundle did not converge within MAXITS [{values['MAXITS']}] iterations"))
    for path in listed(files["FROMLIST"]):
        Cube.read(path).require_camera()
    header, points = cnet.read(files["CNET"])
    serials = {serial(path) for path in listed(files["FROMLIST"])}
    for point in points:
        point.adjusted_x, point.adjusted_y, point.adjusted_z = 1e6, 0.0, 0.0
        for measure in point.measures:
            if measure.serial not in serials:
                raise IsisError((1, f"Serial number [{measure.serial}] is not in the list of images."))
            measure.sample_residual = 9.0 if fault_of(program) == "misses" else 0.25
            measure.line_residual = -0.25
    cnet.write(with_extension(files["ONET"], ".net"), header, points)
    held = {serial(path) for path in listed(files["HELDLIST"])} if "HELDLIST" in files else set()
    if values["UPDATE"].lower() not in ("yes", "true"):
        return
    for path in listed(files["FROMLIST"]):
        if serial(path) not in held:
            cube = Cube.read(path)
            kept = [pair for pair in cube.tables if pair[0]["Name"] != "InstrumentPointing"]
            cube.tables = [*kept, pointing_table(0.5)]
            cube.write(path)


def mosrange(program, values, files):
    cubes = read_list(files["FROMLIST"])
    for cube in cubes:
        cube.require_camera()
    target = {
        "ProjectionName": values["PROJECTION"],  # as it was written
        "TargetName": cubes[0].groups["Instrument"].get("TargetName", "Mars"),
        "LatitudeType": values["LATTYPE"].capitalize(),
        "LongitudeDirection": f"Positive{values['LONDIR'][8:].capitalize()}",
        "LongitudeDomain": values["LONDOM"],
    }
    west, east = "0.0", "2.0"
    if fault_of(program) == "meridian":  # the images lie on both sides of it
        west, east = ("-1.0", "1.0") if values["LONDOM"] == "180" else ("0.0", "360.0")
    bounds = dict(zip(MAP_RANGE, ("-1.0", "1.0", west, east), strict=True))
    if "TO" in files:
        text = pvl.dumps({"Mapping": MAP | target | bounds}).replace('"', "")
        with_extension(files["TO"], ".map").write_text(text + "End\n")


def cam2map(program, values, files):
    cube = Cube.read(files["FROM"])
    cube.require_camera()
    mapping = dict(pvl.load(files["MAP"])["Mapping"].items()) if "MAP" in files else {"ProjectionName": "Sinusoidal"}
    needed = ["ProjectionName"]
    needed += ["PixelResolution"] if values["PIXRES"].upper() == "MAP" else []
    needed += MAP_RANGE if values["DEFAULTRANGE"].upper() == "MAP" else []
    if missing := [keyword for keyword in needed if keyword not in mapping]:
        raise IsisError((1, f"PVL Keyword [{missing[0]}] does not exist in [Group = Mapping]."))
    cube.groups["Mapping"] = mapping | {"UpperLeftCornerX": "0.0", "UpperLeftCornerY": "8000.0"}
    cube.write(files["TO"])
    print(pvl.dumps({"Mapping": mapping}))


def automos(program, values, files):
    cubes = read_list(files["FROMLIST"])
    if any("Mapping" not in cube.groups for cube in cubes):
        raise IsisError((1, "Unable to find PVL group [Mapping]."))
    matching = str(values["MATCHBANDBIN"]).lower() in ("yes", "true")
    first = cubes[0]
    if matching and any(cube.groups.get("BandBin") != first.groups.get("BandBin") for cube in cubes):
        raise IsisError((2, "The input cube and base mosaic values of the Pvl Group [BandBin] do not match."))
    if values["PRIORITY"].upper() == "AVERAGE":  # one more band: how many cubes each pixel is the mean of
        first.pixels = first.pixels + array.array("f", [len(cubes)] * (len(first.pixels) // 4)).tobytes()
        first.core["Dimensions"]["Bands"] = 2 * first.bands
    first.write(files["MOSAIC"])


def handmos(program, values, files):
    if not files["MOSAIC"].is_file():
        raise IsisError((4, f"Unable to open [{files['MOSAIC']}]."))
    cube = Cube.read(files["MOSAIC"])
    place = f"{values['OUTSAMPLE']},{values['OUTLINE']}"
    cube.groups.setdefault("Placed", {})[f"At{len(cube.groups.get('Placed', {}))}"] = place
    cube.write(files["MOSAIC"])


def hijitreg(program, values, files):
    process(program, values, files)
    offsets = ("2.4000  StdDev: 0.1", "-1.6000 StdDev: 0.1")
    if "FLATFILE" in files:
        files["FLATFILE"].write_text(
            f"#          Hijitreg ISIS Application Results\n#   Average Sample Offset: {offsets[0]}\n#   Average Line Offset:   {offsets[1]}\n"
        )


def report(program, values, files):
    """Programs that tell of a cube: to the terminal, or to a file that is appended to by default."""
    text = pvl.dumps({"Results": {"From": str(files["FROM"]), "Program": program}})
    if "TO" not in files:
        print(text)
        return
    with files["TO"].open("a" if str(values["APPEND"]).lower() in ("yes", "true") else "w") as file:
        file.write(text)


WORK = {
    "spiceinit": spiceinit,
    "findfeatures": findfeatures,
    "cnetcombinept": cnetcombinept,
    "jigsaw": jigsaw,
    "mosrange": mosrange,
    "cam2map": cam2map,
    "automos": automos,
    "handmos": handmos,
    "hijitreg": hijitreg,
    **dict.fromkeys(("spicefit", "findrx", "footprintinit"), edit),
    **dict.fromkeys(("stats", "catlab", "campt", "catoriglab", "getkey"), report),
}


def stereo(program, given):
    """The two programs of the Ames Stereo Pipeline: they make PREFIX-PC.tif from two cubes, and PREFIX-DEM.tif from that."""
    files = [Path(argument) for argument in given if Path(argument).suffix in (".cub", ".tif")]
    if any(not path.is_file() for path in files) or len(files) != (2 if program == "parallel_stereo" else 1):
        print(f"{program}: wrong number of inputs, or one is missing: {files}", file=sys.stderr)
        sys.exit(1)
    prefix = Path(given[2] if program == "parallel_stereo" else given[given.index("-o") + 1])
    prefix.parent.mkdir(exist_ok=True)
    if program == "parallel_stereo":
        prefix.with_name(f"{prefix.name}-PC.tif").write_bytes(b"II*\0")
    else:
        shutil.copyfile(Path(os.environ["ISISROOT"], "heights.tif"), prefix.with_name(f"{prefix.name}-DEM.tif"))
