"""The house as its code has it: who imports whom, what is shipped; run, it writes what is made of that.

scripts/shipped.txt lists the files that rules and scripts need beside themselves, docs/architecture.md has a picture.
"""

import ast
import collections
import functools
import re
import sys

from campaign import ROOT, SCRIPTS

LIST = ROOT / "scripts/shipped.txt"
OURS = [ROOT / "config/config.yaml", ROOT / "config/datasets.tsv"]  # of the demo
PICTURE = ROOT / "docs/architecture.md"
# Modules that load the one of an instrument or a format when they know which.
LOADED_BY_NAME = {
    "airborne/granule": "airborne/readers/*.py",
    "planetary/instruments/registry": "planetary/instruments/**/*.py",
    "copernicus/catalogues/registry": "copernicus/catalogues/*.py",
    "copernicus/recipes/registry": "copernicus/recipes/*.py",
}
PIPELINES = ("planetary", "atlas", "airborne", "copernicus", "calcium")


@functools.cache
def imports(script):
    """What a script or module imports: files of ours, also those it loads by name, and top-level packages."""
    here = script.relative_to(SCRIPTS).with_suffix("").as_posix().removeprefix("darkroom/")
    ours, packages = set((SCRIPTS / "darkroom").glob(LOADED_BY_NAME.get(here, "none"))), set()
    for node in ast.walk(ast.parse(script.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            path = SCRIPTS / name.replace(".", "/")
            if (module := path.with_suffix(".py")).is_file():
                ours.add(module)
            elif not (SCRIPTS / name.partition(".")[0]).exists() and not path.parent.with_suffix(".py").is_file():
                packages.add(name.partition(".")[0])
    return ours, packages - sys.stdlib_module_names


def place(path):
    """Where a file stands: (floor, room). Floors: 0 what every room stands on, 1 a room, 2 a rule script, 3 a command."""
    parts = path.relative_to(SCRIPTS).parts
    if parts[0] == "commands":
        return 3, ""
    if parts[0] != "darkroom":
        return 2, ""
    return (0, "") if len(parts) == 2 else (1, parts[1])


def box(path):
    """The box of the picture that a file is in."""
    floor, room = place(path)
    return room or ("floor", "", "scripts", "commands")[floor]


def drawn():
    """The rooms and the directions of their imports, as a Mermaid graph; those of the floor are left out, as all have them."""
    arrows = collections.Counter()
    for path in SCRIPTS.glob("**/*.py"):
        arrows.update((box(path), box(module)) for module in imports(path)[0])
    for path in ROOT.glob("rules/**/*.smk"):
        names = re.findall(r"^from (darkroom[\w.]*) import", path.read_text(), re.MULTILINE)
        arrows.update(("rules", [*name.split("."), "floor"][1]) for name in names)
    boxes = sorted({name for arrow in arrows for name in arrow} - {"floor"})
    labels = {"rules": "rules/*.smk", "scripts": "scripts/&lt;rule&gt;.py", "commands": "scripts/commands/"}
    lines = ["graph TD"]
    lines += [f'  {name}["{labels.get(name, f"darkroom/{name}/")}"]' for name in boxes]
    lines += [f"  {one} --> {other}" for one, other in sorted(arrows) if other not in (one, "floor")]
    return "\n".join(["```mermaid", *lines, "```"])


def shipped():
    """Everything in the package, the tables and schemas of config/, and templates beside the scripts."""
    inside = (path for path in ROOT.glob("scripts/darkroom/**/*") if path.is_file())
    package = [path for path in inside if path.parent.name != "__pycache__"]  # caches of Python, and of numba
    tables = [path for path in ROOT.glob("config/**/*") if path.suffix in (".yaml", ".tsv") and path not in OURS]
    return sorted(path.relative_to(ROOT).as_posix() for path in [*package, *tables, *ROOT.glob("scripts/*.html")])


if __name__ == "__main__":
    LIST.write_text("".join(f"{path}\n" for path in shipped()))
    PICTURE.write_text(re.sub(r"```mermaid.*?```", lambda _: drawn(), PICTURE.read_text(), flags=re.DOTALL))
