"""Run programs of USGS ISIS (and of the Ames Stereo Pipeline) so that what they make is whole or absent.

Every stage works in a folder of its own beside its output, with its own preferences, on links with safe names: programs
take `+` in a path for an attribute, fail on letters beyond ASCII, hand paths to a shell (vik2isis), edit in place
(spiceinit), leave files in the working folder (print.prt, temporary cubes) and leave a cube that looks whole when they
fail or are killed. Exit status: 0, or the kind of error; errors: `**USER ERROR** text` on stderr, outermost first.
Source: ISIS 8.3 (Application, Preference, IException, spiceinit's SpiceClient).
"""

import functools
import glob
import itertools
import logging
import math
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

from darkroom import files
from darkroom.interrupts import stoppable
from darkroom.planetary.formats import pvl
from darkroom.planetary.recipes import steps as recipe_steps
from darkroom.retry import PassingError, persistently

logger = logging.getLogger(__name__)

CAUSE = re.compile(r"^\*\*(?:[A-Z/]+ )?ERROR\*\* *(.*(?:\n(?!\*\*|This function\().+)*)", re.MULTILINE)
# What SpiceClient says when the server or the way to it is at fault, and another try may do.
TRANSIENT = re.compile(
    r"(refused|closed) the connection|connection timed out|connection was broken|temporary network failure"
    r"|server was not found|try again|unexpected error|unable to handle the request|unrecognized response"
    r"|unknown network-related error"
)
PIXEL_BYTES = {"UnsignedByte": 1, "SignedByte": 1, "UnsignedWord": 2, "SignedWord": 2, "Real": 4, "Double": 8}
PREFERENCES = """\
Group = SessionLog
  TerminalOutput = Off
  FileOutput     = On
  FileName       = session.log
  FileAccess     = Overwrite
End_Group
Group = UserInterface
  ProgressBar      = Off
  HistoryRecording = Off
End_Group
Group = Performance
  GlobalThreads = {threads}
End_Group
"""
SUN = {"mdiscal", "ctxcal", "moccal", "hical"}  # programs that look up how far the Sun is
CLOCK = {"mdiscal", "moccal", "hical"}  # and by the spacecraft's clock, when
GRACE = 10  # seconds that a program has to end when it is told to
LONGEST_PAUSE = 300  # seconds


def run_stage(steps, outputs, inputs, *, threads=1, attempts=5, pause=20.0):
    """Run the steps of a stage, each on what the one before has made; what the last one makes becomes the output.

    steps -- as `recipes.steps` gives them; without any the input is copied
    outputs -- path; or part -> path where the program makes several cubes, which it names OUTPUT.PART.cub
    inputs -- name of a value in the steps (source, input, map, ...) -> path, list of paths (`list`, `nets`), text,
        number, or None, which leaves out the parameters that are made of it
    threads -- of programs that use several
    attempts, pause -- tries of a spiceinit that asks the web service, seconds before the second one (then twice that)

    Raises ChildProcessError with ISIS's own message when a program fails, FileNotFoundError when one is missing.
    """
    outputs = outputs if isinstance(outputs, dict) else {"": outputs}
    with working_folder(next(iter(outputs.values()))) as work, stoppable():
        (work / "preferences.pvl").write_text(PREFERENCES.format(threads=threads))
        values = {"threads": threads} | {name: _placed(name, value, work) for name, value in inputs.items()}
        for number, step in enumerate(steps, 1):
            last = outputs if number == len(steps) else {"": "step.cub"}
            run = functools.partial(_run, step, number, last, values, work)
            made = _over_the_web(run, attempts, pause) if _asks_web(step) else run()
            values["input"] = made.get("")
        if not steps:
            made = {"": values["input"]}
        for part, output in outputs.items():
            _hand_over(work / made[part], Path(output))


@contextmanager
def working_folder(output):
    """A folder beside an output for the time of its making; what killed jobs have left of it is cleared away."""
    output = Path(output).absolute()
    output.parent.mkdir(parents=True, exist_ok=True)
    for left in output.parent.glob(f".{glob.escape(output.name)}.isis[0-9]*"):
        shutil.rmtree(left, ignore_errors=True)
    work = output.with_name(f".{output.name}.isis{os.getpid()}")
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _placed(called, value, work):
    """An input as the programs see it: the name of a link to it, the name of a list of links, or the text itself."""
    if isinstance(value, Path):
        return _link(value, work)
    if isinstance(value, list):
        names = [_link(path, work, f"{number}_{safe_name(path.parent.name)}_") for number, path in enumerate(value, 1)]
        listing = "cubes.lis" if called == "list" else f"{called}.lis"
        (work / listing).write_text("".join(f"{name}\n" for name in names))
        return listing
    return value


def _link(path, work, prefix=""):
    """Link a file, and with a detached label what it describes, under names that every program can take.

    The name itself is kept where it can be: importers write it into the label (SourceProductId).
    """
    path = path.absolute()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    name = prefix + safe_name(path.name)
    if (work / name).is_symlink() and (work / name).readlink() == path:
        return name
    name = _free_name(name, work)
    (work / name).symlink_to(path)
    if path.suffix.lower() == ".lbl":
        for other in _described(path):
            (work / _free_name(safe_name(other.name), work)).symlink_to(other)
    if name != prefix + path.name:
        logger.warning("%s is called %s here", path, name)
    return name


def _described(label):
    """Files beside a detached label that share its stem or that its pointers name (^IMAGE, ^STRUCTURE), in any case."""
    text = pvl.read_head(label, 0).decode("latin-1")
    named = {name.lower() for name in re.findall(r"\^\w+\s*=\s*\(?\s*[\"']?([\w.+-]+)", text)}
    beside = (path for path in label.parent.iterdir() if path != label)
    return [path for path in beside if path.name.lower() in named or path.stem.lower() == label.stem.lower()]


def _free_name(name, work):
    """A name that no file has, so that no program writes through a link."""
    while os.path.lexists(work / name):
        name = f"_{name}"
    return name


def safe_name(name):
    """A file name of letters, digits, `.`, `_` and `-` only."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _asks_web(step):
    return step["program"] == "spiceinit" and _written(step["parameters"].get("web", False)).lower() in ("yes", "true")


def _over_the_web(run, attempts, pause):
    """Run again, after a pause that doubles, while a web service is at fault and attempts are left."""

    def once():
        try:
            return run()
        except ChildProcessError as error:
            raise PassingError(str(error)) if TRANSIENT.search(str(error)) else error from None

    def backoff(failures):
        return min(pause * 2 ** (failures - 1), LONGEST_PAUSE) * random.uniform(0.75, 1.25)

    return persistently(once, "the SPICE web service", attempts, backoff=backoff)


def _run(step, number, outputs, values, work):
    """Run one step; returns part -> name of what it has made. Partial outputs are left to the working folder."""
    program = step["program"]
    name = _free_name(f"{number}_{program}{Path(next(iter(outputs.values()))).suffix}", work)
    made = {part: f"{Path(name).stem}.{part}.cub" if part else step.get("makes", name) for part in outputs}
    if "{cube}" in str(step.get("parameters")):
        cube = work / values["input"]
        if cube.is_symlink() or _asks_web(step):  # which may change the cube, fail, and be tried again
            shutil.copyfile(cube, work / name)
        else:
            cube.rename(work / name)
    execute([program, *arguments(step, values | {"output": name, "cube": name}, work)], work)
    for path in made.values():
        require_whole(work / path, program)
    return made


def arguments(step, values, work):
    """The arguments of a program: PARAMETER=VALUE of ISIS; of another, its own and --OPTION VALUE at the end."""
    own = {name: _filled(step, name, value, values, work) for name, value in step.get("parameters", {}).items()}
    if "arguments" not in step:
        given = [f"{name}={value}" for name, value in own.items() if value is not None]
        return [*given, "-preference=preferences.pvl"]
    options = [text for name, value in own.items() for text in (f"--{name}", value)]
    return [*(_filled(step, "arguments", value, values, work) for value in step["arguments"]), *options]


def _filled(step, name, value, values, work):
    """A value as text, with what the stage puts in; a file of the user's is linked."""
    text = _written(value)
    words = re.findall(r"\{(\w+)\}", text)
    if missing := [word for word in words if word not in values]:
        raise ValueError(
            f"{step['program']} {name}={text}: this stage has no {{{missing[0]}}}; it has {', '.join(values)}"
        )
    if any(values[word] is None for word in words):
        return None
    if not words and Path(text).suffix and Path(text).is_file():
        return _link(Path(text), work)
    return text.format_map(values) if words else text


def _written(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def execute(command, work):
    """Run a program in a folder; its output and session log go to the log.

    Raises ChildProcessError when it fails, FileNotFoundError when there is no such program.
    """
    program = command[0]
    environ = environment(os.environ) | {"HOME": str(work)}  # nobody's own preferences, and nothing left at home
    path = shutil.which(program, path=environ["PATH"])
    if path is None:
        raise FileNotFoundError(f"{program}: no such program in $ISISROOT/bin or on PATH")
    began = time.monotonic()
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    as_text = {"text": True, "encoding": "utf-8", "errors": "replace"}
    child = subprocess.Popen([path, *command[1:]], cwd=work, env=environ, process_group=0, **streams, **as_text)
    try:
        said, complained = child.communicate()
    except BaseException:
        _stop(child)
        raise
    logger.info("%s: %.2f s", shlex.join(command), time.monotonic() - began)
    session = work / "session.log"
    told = [said, complained, session.read_text("utf-8", "replace") if session.is_file() else ""]
    session.unlink(missing_ok=True)
    for text in filter(None, map(str.strip, told)):
        logger.info("%s", text)
    if child.returncode:
        raise ChildProcessError(f"{program} failed ({_ending(child.returncode)}): {causes(complained)}")


def environment(environ):
    """The environment that programs run in: ISISROOT and ISISDATA absolute, $ISISROOT/bin first on PATH.

    Without ISISROOT it is the active conda environment, if that has ISIS.
    """
    conda = environ.get("CONDA_PREFIX", "")
    root = environ.get("ISISROOT") or (conda if conda and Path(conda, "IsisPreferences").is_file() else "")
    folders = {"ISISROOT": root, "ISISDATA": environ.get("ISISDATA")}
    absolute = {name: str(Path(folder).absolute()) for name, folder in folders.items() if folder}
    before = [f"{absolute['ISISROOT']}/bin"] if root else []
    return {**environ, **absolute, "PATH": os.pathsep.join([*before, environ.get("PATH", os.defpath)])}


def _stop(child):
    """End a program and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _ending(code):
    return f"exit status {code}" if code > 0 else f"killed by {signal.Signals(-code).name}"


def causes(stderr):
    """All that ISIS names as causes, in its order: the last is the deepest. Otherwise the last line, if any."""
    texts = [" ".join(text.split()) for text in CAUSE.findall(stderr)]
    return " ".join(texts) or (stderr.strip().splitlines() or ["it said nothing"])[-1]


def require_whole(path, program):
    """Raise ChildProcessError unless a program has made a file; a cube must be as long as its label says."""
    if not path.is_file() or not path.stat().st_size:
        raise ChildProcessError(f"{program} ended well, but made no {path.name}")
    if path.suffix != ".cub":
        return
    try:
        expected = cube_bytes(pvl.load(path))
    except (ValueError, KeyError) as error:
        raise ChildProcessError(f"{program} made a cube without a readable label ({error})") from error
    if path.stat().st_size < expected:
        raise ChildProcessError(f"{program} made a cube of {path.stat().st_size} bytes; its label needs {expected}")


def cube_bytes(label):
    """Bytes from the start of a cube to the end of its pixels; tiles are whole (ISIS, Logical Cube Format Guide)."""
    core = label["IsisCube"]["Core"]
    samples, lines, bands = (int(core["Dimensions"][name]) for name in ("Samples", "Lines", "Bands"))
    if core["Format"].lower() == "tile":
        samples, lines = (
            math.ceil(size / (tile := int(core[name]))) * tile
            for size, name in ((samples, "TileSamples"), (lines, "TileLines"))
        )
    return int(core["StartByte"]) - 1 + samples * lines * bands * PIXEL_BYTES[core["Pixels"]["Type"]]


def _hand_over(made, output):
    """Give an output its name; what is no file of this job is copied."""
    if made.is_symlink():
        link, made = made, made.with_name(_free_name("copy", made.parent))
        shutil.copyfile(link, made)
    output.parent.mkdir(parents=True, exist_ok=True)
    files.place(made, output)


def cube_label(path):
    """The object IsisCube of a cube's label."""
    return pvl.load(path)["IsisCube"]


def join_channels(stages, channels, output, *, parameters=None, threads=1, attempts=5, pause=20.0):
    """A mosaic of CCDs from their calibrated channels, as hiedr2mosaic.py of the Ames Stereo Pipeline makes it.

    stages -- of the recipe: stitch, spice, align, register, place, balance
    channels -- CCD -> paths of its one or two channels, CCDs in the order of their place in the focal plane; all are
        brought to the frame of the middle one (RED5 of ten)

    Each CCD is registered to its inner neighbour (hijitreg), whose own shift is added, and laid beneath what is there.
    Raises ChildProcessError as `run_stage` does.
    """
    how = {"threads": threads, "attempts": attempts, "pause": pause}
    with working_folder(Path(output).with_name(f"{Path(output).name}.ccds")) as work:

        def make(stage, name, **inputs):
            label = cube_label(inputs["input"]) if "input" in inputs else None
            run_stage(recipe_steps(stages.get(stage, []), label, parameters), work / name, inputs, **how)
            return work / name

        ready, aligned = {}, {}
        for ccd, (first, *second) in channels.items():
            joined = make("stitch", f"{ccd}.stitched.cub", first=first, second=second[0] if second else None)
            ready[ccd] = make("spice", f"{ccd}.cub", input=joined)
        ccds = list(channels)
        middle = len(ccds) // 2
        match = ready[ccds[middle]]
        for ccd in ccds:
            aligned[ccd] = make("align", f"{ccd}.aligned.cub", input=ready[ccd], match=match)
        label = cube_label(aligned[ccds[middle]])
        steps = []
        for outward in (ccds[middle::-1], ccds[middle:]):
            sample = line = 0.0
            for inner, outer in itertools.pairwise(outward):
                report = make("register", f"{outer}.txt", input=aligned[outer], match=aligned[inner])
                shift = ccd_offset(report)
                sample, line = sample + shift[0], line + shift[1]
                place = {"ccd": f"{{{outer}}}", "sample": round(sample) + 1, "line": round(line) + 1}
                steps += [bound(step, place) for step in recipe_steps(stages["place"], label, parameters)]
        steps += recipe_steps(stages["balance"], label, parameters)
        run_stage(steps, output, aligned | {"input": aligned[ccds[middle]]}, **how)


@contextmanager
def control(stages, cubes, network, given, held, values, *, parameters=None, threads=1):
    """Copies of the cubes of some images, name -> path, that jigsaw has adjusted, and its network, for a time.

    stages -- of the recipes: features, combine, adjust; cubes -- name -> path
    network -- path beside which it works; given -- path of a network that takes the place of features, or ""
    held -- names of images that stay as they are
    values -- of the steps: points, camsolve, sigma, ...

    Raises ChildProcessError as `run_stage` does.
    """
    with working_folder(f"{network}.images") as work:

        def make(stage, name, **inputs):
            steps = recipe_steps(stages.get(stage, []), None, parameters)
            run_stage(steps, work / name, inputs | values, threads=threads)
            return work / name

        copies = {name: work / f"{safe_name(name)}.cub" for name in cubes}
        for name, cube in cubes.items():
            shutil.copyfile(cube, copies[name])
        nets, names = [], [] if given else list(cubes)
        for number, name in enumerate(names[:-1]):
            others = [copies[other] for other in names[number + 1 :]]
            image = {"image": safe_name(name), "match": copies[name], "list": others}
            nets.append(make("features", f"{safe_name(name)}.net", **image))
        net = Path(given) if given else nets[0] if len(nets) == 1 else make("combine", "combined.net", nets=nets)
        kept = [copies[name] for name in held] or None
        yield copies, make("adjust", "jigsaw.net", list=list(copies.values()), held=kept, net=net)


def bound(step, values):
    """A step with some of its values put in, for a program that runs several times in a stage."""
    parameters = dict(step["parameters"])
    for name, value in values.items():
        parameters = {
            key: text.replace(f"{{{name}}}", str(value)) if isinstance(text, str) else text
            for key, text in parameters.items()
        }
    return step | {"parameters": parameters}


def ccd_offset(report):
    """Mean shift in samples and lines from hijitreg's flat file; 0 where it found no matching points."""
    text = Path(report).read_text()
    matches = [re.search(rf"Average {axis} Offset:\s*(\S+)", text) for axis in ("Sample", "Line")]
    if None in matches:
        raise ValueError(
            f"{report}: no average offsets; hijitreg writes `Average Sample Offset:` and `Average Line Offset:`"
        )
    if any(match[1] == "NULL" for match in matches):
        logger.warning("%s: no points match; the CCD is placed where the camera model has it", report)
        return 0.0, 0.0
    return float(matches[0][1]), float(matches[1][1])


def problems(needs, environ, parameters=None):
    """What is missing for the recipes of a sheet, each in one line with what would be right.

    needs -- recipe -> title, areas of ISISDATA, web_spice; `programs` that its rows run; `geometry`: where they have it
        from, `local` (kernels of ISISDATA), `web` (the SPICE web service), or anything else that needs no kernels
    parameters -- program -> the user's parameters; compared with those that the installed program has
    """
    environ = environment(environ)
    missing = [
        f"recipe {name}: the SPICE web service does not serve {recipe['title']}; use local geometry, with the kernels "
        f"of {download(recipe['areas'][-1])}"
        for name, recipe in needs.items()
        if "web" in recipe["geometry"] and not recipe["web_spice"]
    ]
    root, data = (_folder(environ, name) for name in ("ISISROOT", "ISISDATA"))
    for name, folder, remedy in (
        (
            "ISISROOT",
            root,
            "activate the environment of ISIS (conda activate isis), or set it to where ISIS is installed",
        ),
        ("ISISDATA", data, "set it to the folder of ISIS's data and kernels, and mount that in a container"),
    ):
        if folder is None:
            missing.append(f"{name} is {environ.get(name) or 'not set'}, which is no folder; {remedy}")
        elif not str(folder).isascii() or "+" in str(folder):
            missing.append(f"{name} is {folder}: ISIS cannot read paths with + or with letters beyond ASCII; move it")
    if root:
        missing += _program_problems(needs, environ["PATH"], root, parameters or {})
    if data:
        missing += _data_problems(needs, data)
        missing += _clock_problems(needs, data)
    return missing


def check(needs, environ, parameters=None):
    """Raise OSError with all that `problems` finds."""
    if missing := problems(needs, environ, parameters):
        raise OSError("; ".join(missing))


def _folder(environ, name):
    folder = Path(environ.get(name) or "/dev/null")
    return folder if folder.is_dir() else None


def _program_problems(needs, path, root, parameters):
    needed = set().union(*(recipe["programs"] for recipe in needs.values()))
    if missing := sorted(program for program in needed if not shutil.which(program, path=path)):
        yield f"programs that are not in {root}/bin: {', '.join(missing)}; ISIS 8.3 has them (envs/isis.yaml)"
    for program, given in parameters.items():
        document = root / "bin/xml" / f"{program}.xml"
        if not document.is_file():
            continue
        accepted = {entry.get("name").lower() for entry in ElementTree.parse(document).iter("parameter")}
        if unknown := sorted(set(map(str.lower, given)) - accepted):
            yield f"parameters: {program} has no {', '.join(unknown)}; it has {', '.join(sorted(accepted))}"


def _clock_problems(needs, data):
    """What calibrations need of kernels, whatever the geometry: where the Sun is, and the spacecraft's clock."""
    programs = set().union(*(recipe["programs"] for recipe in needs.values()))
    if programs & SUN and (data / "base").is_dir() and not any((data / "base/kernels/spk").glob("de???.bsp")):
        yield f"{data}/base has no ephemerides of planets (kernels/spk/de???.bsp); run: {download('base')}"
    for recipe in needs.values():
        area = recipe["areas"][-1]
        there = (data / area).is_dir() and "local" not in recipe["geometry"]
        if there and CLOCK & set(recipe["programs"]) and not any((data / area / "kernels/sclk").glob("*")):
            yield f"{data}/{area} has no clock of the spacecraft (kernels/sclk); run: {download(area, clock=True)}"


def _data_problems(needs, data):
    kernels = {}  # area -> whether its kernels are needed
    clocks = {recipe["areas"][-1] for recipe in needs.values() if CLOCK & set(recipe["programs"])}
    for recipe in needs.values():
        for area in recipe["areas"]:
            kernels[area] = kernels.get(area, area == "base") or "local" in recipe["geometry"]
    for area, needed in kernels.items():
        if not (data / area).is_dir():
            clock = area in clocks
            yield f"{data}/{area} is missing; run: {download(area, needed)}" + (
                f"; {download(area, clock=True)}" if clock and not needed else ""
            )
        elif area == "base" and not any((data / "base/kernels/lsk").glob("naif*.tls")):
            yield f"{data}/base has no leap seconds (kernels/lsk/naif????.tls); run: {download(area)}"
        elif needed and not (data / area / "kernels").is_dir():
            yield f"{data}/{area} has no kernels; run: {download(area)}; or let the SPICE web service have them"


def download(area, kernels=True, clock=False):
    """The command that installs an area; its kernels are most of it. clock -- those of the clock alone."""
    part = "" if kernels else ' --exclude="kernels/**"'
    if clock:
        part = ' --include="kernels/sclk/**"'
    return f"downloadIsisData {area} $ISISDATA{part}"


def version(environ):
    """Version of the installed ISIS, for the manifest: the first line of $ISISROOT/isis_version.txt."""
    path = Path(environ.get("ISISROOT", "")) / "isis_version.txt"
    return path.read_text().split("\n", 1)[0].split("#")[0].strip() if path.is_file() else "unknown"
