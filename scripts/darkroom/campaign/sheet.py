"""The sheet: a line for each dataset, in columns that tabs separate, or blanks where there are no tabs."""

import csv
import functools
import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from darkroom import schema, urls, yaml_files

DATASET = r"[A-Za-z0-9][A-Za-z0-9._-]*"
# What the campaign itself has in the folders of results and logs, beside those of its datasets.
OF_CAMPAIGN = {"index.html", "catalog.json", "checks.json", "isis.json", "footprints.geojson", "footprints.gpkg"}
STEPS = ("publish_page", "publish_check", "planetary_merge_footprints")
OF_CAMPAIGN |= {f"{step}.{suffix}" for step in STEPS for suffix in ("log", "tsv")}
SOURCES = "a file, a folder, a URL, swift://CONTAINER/PREFIX or sample:NAME"


@dataclass(slots=True)
class Row:
    """A line of the sheet.

    options -- those of its pipeline with the row's own on top; empty until its pipeline is known
    text -- its options as the sheet has them
    where, line -- its place: the file with the line, and the line alone
    wrong -- what is wrong with its options
    """

    dataset: str
    pipeline: str
    source: str
    recipe: str
    text: str
    where: str
    line: int
    options: dict = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def is_local(self) -> bool:
        """Whether its source is a path on this machine."""
        return bool(self.source) and not self.source.startswith((*urls.REMOTE, "sample:"))

    def told(self) -> dict:
        """What the manifest tells of it."""
        recipe = {"recipe": self.recipe} if self.recipe else {}
        named = {"dataset": self.dataset, "pipeline": self.pipeline}
        return {"options": self.options, "source": self.source, **named, **recipe}


def read(path: str | Path) -> tuple[dict[str, Row], list[str]]:
    """Rows by dataset, and what is wrong with the lines; blank ones and those that begin with # are left out.

    Raises ValueError when there is no such file, no text, or not the columns that must be there.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: the sheet cannot be read: {' '.join(str(error).split())}") from error
    header, cells_of = columns(lines[0] if lines else "")
    if missing := [column for column in schema.load("datasets")["required"] if column not in header]:
        raise ValueError(f"{path} line 1: no column {', '.join(missing)} in {header}; columns are separated by tabs")
    rows, wrong = {}, []
    for line, text in enumerate(lines[1:], 2):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        where = f"{path} line {line}"
        try:
            cells = {column: cell for column, cell in zip(header, cells_of(text), strict=True) if cell}
        except ValueError as error:
            wrong.append(f"{where}: {error}")
            continue
        problems = list(_problems(cells, where, rows))
        wrong += problems
        if not problems:
            rows[cells["dataset"]] = _row(cells, where, line)
    return rows, wrong


def _row(cells, where, line):
    texts = {"source": "", "recipe": "", "options": "{}"} | cells
    return Row(text=texts.pop("options"), where=where, line=line, **texts)


def columns(header: str):
    """Names of the columns of a header, and the function that cuts a line into its cells, stripped.

    Without tabs the cells begin where the names of the header do, as people align them. The function raises ValueError
    for a line with more cells than there are names, and for one that is not aligned with them.
    """
    if "\t" in header:
        names = [name.strip() for name in header.split("\t")]
        return names, functools.partial(_cells, names=names)
    starts = [name.start() for name in re.finditer(r"(?<!\S)\S", header)]
    return header.split(), functools.partial(_aligned, starts=starts)


def _cells(text, names):
    try:
        (cells,) = csv.reader([text], delimiter="\t", strict=True)
    except csv.Error as error:
        raise ValueError(
            f"a cell that begins with a quote must end with one, as spreadsheets write it ({error})"
        ) from None
    cells = [cell.strip() for cell in cells]
    if any(cells[len(names) :]):
        raise ValueError(f"{len(cells)} cells, where the header has {len(names)} columns")
    return (cells + [""] * len(names))[: len(names)]


def _aligned(text, starts):
    if "\t" in text:
        raise ValueError("has tabs, where the header has none")
    if any(text[start - 1 : start].strip() for start in starts[1:]):
        raise ValueError("is not aligned with the names of the columns; separate columns by tabs")
    return [text[start:end].strip() for start, end in pairwise([*starts, len(text) + 1])]


def _problems(cells, where, rows):
    """What is wrong with the cells of a line, by themselves and beside the rows above it."""
    wrong = list(schema.problems({"source": ""} | cells, schema.validator("datasets"), where))
    yield from wrong
    if wrong:
        return
    name = cells["dataset"]
    if name in rows:
        yield f"{where} dataset: {name!r} is in {rows[name].where} already"
    if name in OF_CAMPAIGN:
        yield f"{where} dataset: {name!r} is the name of a file of the campaign itself; take another one"
    try:
        flow_map(cells.get("options", "{}"))
    except ValueError as error:
        yield f"{where} options: {error}"


@functools.cache  # of the rows of a long sheet, many say the same
def flow_map(text: str) -> dict:
    """A YAML map as a dict. Raises ValueError when it is none, has a key twice, or comes to too much."""
    try:
        value, wrong = yaml_files.load(text, ""), ""
    except ValueError as error:
        value, wrong = None, f" ({str(error).rpartition('not YAML: ')[2]})"
    if not isinstance(value, dict):
        raise ValueError(f"{text!r} is no YAML flow map, such as {{type: image, orientation: RIA}}{wrong}")
    return value
