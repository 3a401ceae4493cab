"""What the house promises of itself: names, the manual, versions, environments."""

import collections
import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from campaign import ROOT, SCRIPTS
from darkroom.planetary.instruments import registry
from darkroom.planetary.plan import with_cameras
from darkroom.version import VERSION
from house import PIPELINES, drawn, imports, place

RULE_FILES = sorted((ROOT / "rules").glob("**/*.smk"))
VERBS = [
    "fetch",
    "import",
    "calibrate",
    "project",
    "correct",
    "chunk",
    "convert",
    "detect",
    "merge",
    "check",
    "plot",
    "publish",
    "search",
    "order",
    "install",
    "process",
]
RULE = re.compile(r"^ *rule ?(\w*):\n(.*?)(?=^ *rule ?\w*:|\Z)", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r'name:\s+f"(\w+){batch.suffix}"')  # one of the rules that take an image or a batch of them
RULES = [
    (path.relative_to(ROOT / "rules").parts[0].removesuffix(".smk"), name or NAMED.search(body)[1], body)
    for path in RULE_FILES
    for name, body in RULE.findall(path.read_text())
]
# Engines of the planetary pipeline: environment -> the modules that are not run in it.
ENGINES = {"planetary": {"engines/isis.py"}, "isis": {"geometry/shape.py", "control/features.py"}}
# Import names that differ from the names of their packages.
PACKAGES = {
    "blake3": "python-blake3",
    "swiftclient": "python-swiftclient",
    "nrrd": "pynrrd",
    "PIL": "pillow",
    "DracoPy": "dracopy",
    "skimage": "scikit-image",
    "yaml": "pyyaml",
    "matplotlib": "matplotlib-base",
    "openstack": "openstacksdk",
    "netCDF4": "netcdf4",
    "elftools": "pyelftools",
}
WHEELS = {"python-blake3": "blake3"}  # conda packages that have another name than the wheel
LOCKS = ("requirements.lock", "requirements-test.lock")
WITH_OTHERS = {"urllib3": "requests", "isx": "the installer of IDPS"}  # installed by another package that is named


@pytest.mark.parametrize(("pipeline", "name", "body"), RULES, ids=[name for _, name, _ in RULES])
def test_a_rule_is_named_and_furnished_like_every_other(pipeline, name, body):
    prefix, verb, *_ = name.split("_")
    assert ((pipeline if pipeline not in ("fetch", "publish") else verb) and verb in VERBS) or prefix in VERBS
    assert pipeline == prefix
    assert (ROOT / f"scripts/{name}.py").is_file()
    assert body.lstrip().startswith('"""')
    for directive in (f"../scripts/{name}.py", "conda:", "threads:", "mem_mb="):
        assert directive in body, directive
    for suffix in ("log", "tsv"):
        assert re.search(rf'/{name}[\w.{{}}]*\.{suffix}"', body), suffix


def test_no_rule_runs_python_of_its_own():
    for path in [*RULE_FILES, ROOT / "Snakefile"]:
        assert not re.search(r"^    run:", path.read_text(), re.MULTILINE)


def options(sections):
    """Every option with its section, the name that the manual has it under, and its rule: those of a pipeline have a
    chapter, and there no name of a section before their own."""
    for section in ("fetch", "publish", "atlas", "planetary", "airborne", "copernicus", "calcium"):
        for option, rule in sections[section]["properties"].items():
            name = f"{section}.{option}" if section in ("fetch", "publish") else option
            inner = rule.get("properties", {}) if option != "nwb" else {}  # one row tells of all that it can say
            named = ((f"{name}.{key}", value) for key, value in inner.items()) if inner else [(name, rule)]
            yield from ((section, shown, told) for shown, told in named)


def test_the_manual_has_every_option_with_its_default():
    manual = (ROOT / "config/README.md").read_text()
    sections = yaml.safe_load((ROOT / "config/schemas/config.schema.yaml").read_text())["properties"]
    sections["planetary"] = {"properties": with_cameras(sections["planetary"]["properties"], registry.options())}
    for section, shown, rule in options(sections):
        assert rule.get("description") or "$ref" in rule, shown
        chapter = manual.partition(f"### `{section}`")[2].partition("\n### ")[0] or manual
        row = next(
            (line for line in chapter.splitlines() if line.startswith("|") and f"`{shown}`" in line.split("|")[1]), None
        )
        assert row, f"{shown} is not in the manual"
        default = rule.get("default")
        if default not in (None, "", [], {}) and "| as for `atlas` |" not in row:
            assert f"`{str(default).lower() if isinstance(default, bool) else default}`" in row, shown
    columns = yaml.safe_load((ROOT / "config/schemas/datasets.schema.yaml").read_text())["properties"]
    assert all(f"| `{column}` |" in manual for column in columns)


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == citation["version"] == VERSION
    assert project["license"] == citation["license"] == "MIT"


def requirements(name):
    """The requirements of a lock file, and the hashes of each."""
    text = (ROOT / name).read_text().replace("\\\n", "")
    return [(Requirement(line.partition(" --hash")[0]), line.count("--hash=sha256:")) for line in text.splitlines()]


def test_every_direct_dependency_is_locked_with_hashes():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runs, judges = project["project"]["dependencies"], project["dependency-groups"]["test"]
    for name, direct in zip(LOCKS, (runs, [*runs, *judges]), strict=True):
        locked = requirements(name)
        assert {re.match(r"[\w-]+", package)[0].lower() for package in direct} <= {one.name for one, _ in locked}
        assert all(hashes for _, hashes in locked)
    run, tested = ({f"{one.name}{one.specifier}" for one, _ in requirements(name)} for name in LOCKS)
    assert run <= tested  # what runs is what the tests ran with


def imported(script, seen):
    """Top-level packages that a script of ours imports, itself or by another one that is not in `seen`."""
    ours, packages = imports(script)
    new = ours - seen
    seen |= new
    return packages.union(*(imported(module, seen) for module in new))


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("**/*.py")), ids=lambda path: path.relative_to(SCRIPTS).as_posix())
def test_imports_run_down_and_no_pipeline_needs_another(path):
    floor, room = place(path)
    for module in imports(path)[0] - {path}:
        below, other = place(module)
        assert below <= floor, f"{module} is above"
        assert below != 2 or floor == 3, f"{module} is another rule's script: what both need belongs into the library"
        if floor == 1 and other in PIPELINES:  # samples are raw input in the formats of a pipeline
            assert room in (other, "samples"), f"{module} is of another room: what both need goes down a floor"


def test_every_environment_has_what_its_rules_import_and_nothing_else():
    needed = {}
    for _, name, body in RULES:
        fixed = re.search(r'"(?:\.\./)+envs/(\w+)\.yaml"', body)
        for env in [fixed[1]] if fixed else ENGINES:
            others = {SCRIPTS / "darkroom/planetary" / module for module in ENGINES.get(env, ())}
            needed.setdefault(env, set()).update(imported(ROOT / f"scripts/{name}.py", others))
    assert {path.stem for path in (ROOT / "envs").glob("*.yaml")} - {"compose"} == set(needed)
    for env, modules in needed.items():
        content = yaml.safe_load((ROOT / f"envs/{env}.yaml").read_text())
        listed = {package.split()[0] for package in content["dependencies"]} - {"python"}
        expected = {PACKAGES.get(module, module.replace("_", "-")) for module in modules if module not in WITH_OTHERS}
        # read by others at run time: GDAL by rasterio, indexed_gzip by nibabel; spyndex for its tables
        assert listed - {"gdal", "indexed_gzip", "isis", "spyndex"} == expected, env
        versions = dict(re.fullmatch(r"([\w-]+) =(\d[\d.]*)", package).groups() for package in content["dependencies"])
        locked = locked_for(versions["python"])
        own = ["usgs-astrogeology"] if env == "isis" else []
        assert content["channels"] == [*own, "conda-forge", "nodefaults"]
        for name, version in versions.items():
            wheel = WHEELS.get(name, name.removesuffix("-base").replace("_", "-"))
            assert name in ("python", "gdal", "isis") or f"{locked[wheel]}.".startswith(f"{version}."), (env, name)


def locked_for(python):
    """Versions of the lock file for a version of Python: it has several of what depends on that."""
    here = {"python_version": python, "python_full_version": f"{python}.9"}
    locked = (one for one, _ in requirements("requirements.lock"))
    return {one.name: str(one.specifier)[2:] for one in locked if one.marker is None or one.marker.evaluate(here)}


def test_test_files_have_names_of_their_own():
    """pytest imports them by these."""
    names = collections.Counter(path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py")
    assert {name for name, number in names.items() if number > 1} == set()


def test_the_picture_of_the_rooms_is_that_of_the_code():
    """`make format` draws it."""
    assert drawn() in (ROOT / "docs/architecture.md").read_text()
