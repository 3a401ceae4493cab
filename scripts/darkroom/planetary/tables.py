"""Tables of recipes of the ISIS engine: config/recipes.yaml, and those of the user's own."""

from pathlib import Path

from darkroom import schema, yaml_files
from darkroom.files import CONFIG

OURS = CONFIG / "recipes.yaml"


def read(paths: list[str | Path]) -> list[dict]:
    """Contents of tables, checked by their schema.

    Raises ValueError with all that is wrong with the first wrong one, a line each.
    """
    tables = []
    for path in paths:
        try:
            table = yaml_files.read(path)
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: the table of recipes cannot be read: {' '.join(str(error).split())}") from error
        schema.refuse(schema.problems(table, schema.validator("recipes"), path))
        tables.append(table)
    return tables
