"""The cameras and recipes that there are, your own too, as the tables of the manual."""

from pathlib import Path

from darkroom import entrypoint
from darkroom.planetary import recipes, tables
from darkroom.planetary.instruments import registry

HEADER = [
    "| recipe | instrument | native: ingested | native: calibrated | native: `isd` | native: `spice` |",
    "|---|---|---|---|---|---|",
]


def cameras(*, files: list = (), manual: Path | None = None):
    """Print the recipes, what our own code makes of each, and the options that cameras have.

    files -- files of cameras of your own
    manual -- instead, put both into this manual in the place of what it has

    Raises ValueError naming a file that has no camera.
    """
    blocks = {"recipe": list(recipe_rows(tuple(files))), **option_rows(tuple(files))}
    if manual:
        manual.write_text(rewritten(manual.read_text(), blocks))
    else:
        print(*HEADER, *blocks["recipe"], "", *blocks["ingest"], *blocks["calibration"], sep="\n")


def recipe_rows(files=()):
    """A row of the table of recipes for each."""
    of_cameras = {name: camera.recipe(name) for name, camera in registry.of_recipes(files).items()}
    ours = recipes.OF_CUBES | of_cameras
    for name, recipe in sorted(recipes.completed(ours, tables.read([tables.OURS])).items()):
        ingested = "yes" if recipe.native else "engine isis"
        cells = recipe.title, ingested, recipe.calibration or "engine isis", recipe.isd or "engine isis", recipe.spice
        yield f"| `{name}` | {' | '.join(cells)} |"


def option_rows(files=()):
    """Rows of the table of options by section, one for each that cameras have."""
    return {
        section: [option_row(f"{section}.{key}", rule) for key, rule in rules.items()]
        for section, rules in registry.options(files).items()
    }


def option_row(name, rule):
    """The row of an option."""
    default = rule.get("default", "")
    if isinstance(default, bool):
        default = str(default).lower()
    shown = f" `{default}`" if default != "" else ""
    values = f"{', '.join(f'`{value}`' for value in rule['enum'])}: " if "enum" in rule else ""
    return f"| `{name}` |{shown} | {values}{rule['description']} |"


def rewritten(text, blocks):
    """A manual with other rows in the table of recipes, and for the options of each section."""
    made, left, in_recipes = [], dict(blocks), False
    for line in text.splitlines():
        in_recipes = line.startswith("|") and (in_recipes or line == HEADER[0])
        kind = "recipe" if in_recipes and line not in HEADER else line[3:].partition(".")[0]
        if line.startswith("|") and kind in blocks:
            made += left.pop(kind, [])
        else:
            made.append(line)
    return "\n".join(made) + "\n"


if __name__ == "__main__":
    entrypoint.run(cameras, globals().get("snakemake"))
