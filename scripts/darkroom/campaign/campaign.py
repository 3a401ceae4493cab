"""A campaign: its checked config, the rows of its sheet, and the pipelines that make their datasets."""

import functools
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from darkroom import schema, urls
from darkroom.campaign import sheet
from darkroom.campaign.pipelines import Pipeline
from darkroom.campaign.sheet import DATASET, SOURCES, Row

# Options that every pipeline has, as its sources are fetched by one rule.
FETCHING = {
    "filter": {"$ref": "#/$defs/filter", "default": ""},
    "checksum": {"$ref": "#/$defs/checksum", "default": ""},
    "unpack": {"$ref": "#/$defs/unpack", "default": True},
}


class CampaignError(ValueError):
    """A campaign that cannot start, with all that is wrong with it, a line each."""

    def __init__(self, problems):
        super().__init__(f"this campaign cannot start:\n{problems}")


class Campaign:
    """What rules ask of a campaign; they get the row of a dataset as `campaign[dataset]`.

    config -- the config, which is given its defaults in place
    file -- what the config is called
    places -- a path with pathvars in it (`<results>/<campaign>/…`) -> the path on this machine
    rows -- dataset -> row, in the order of the sheet
    pipelines -- name -> pipeline; rule files add theirs

    Raises CampaignError for a wrong config, or a sheet that is none; `check` tells what is wrong with rows.
    """

    def __init__(self, config: dict, file: str, places: Callable[[str], str] = str):
        self.config, self.file, self.places = config, file, places
        config.update(schema.worded(config, schema.load("config")))
        schema.refuse(schema.problems(config, schema.validator("config"), file), CampaignError)
        config.update(schema.completed(config, schema.load("config")))
        try:
            self.rows, self.wrong = sheet.read(config["datasets"])
        except ValueError as error:
            raise CampaignError(error) from error
        self.pipelines: dict[str, Pipeline] = {}
        self._options = functools.cache(self._options_of)
        self._problems = functools.cache(self._problems_of)

    def __getitem__(self, dataset: str) -> Row:
        return self.rows[dataset]

    def add(self, name: str, pipeline: Pipeline) -> None:
        """Say what the datasets of a pipeline end in; from here on their rows have all their options."""
        self.pipelines[name] = pipeline
        if pipeline.options is not None:
            rules, section = self._rules(name), self.config.get(name, {})
            whole = {"properties": {name: rules}, "$defs": rules["$defs"]}
            self.wrong += schema.problems({name: section}, schema.checker(whole), self.file)
            self.config[name] = schema.completed(section, rules)
        for row in self.of(name):
            row.options, row.wrong = self._options(name, row.text)

    def options(self, pipeline: str, text: str) -> dict:
        """The options of a pipeline with those that a row could have written on top."""
        return self._options(pipeline, text)[0]

    def of(self, pipeline: str) -> list[Row]:
        """The rows of a pipeline."""
        return [row for row in self.rows.values() if row.pipeline == pipeline]

    def good(self, pipeline: str) -> list[Row]:
        """Those with which nothing is wrong."""
        return [row for row in self.of(pipeline) if not self._problems(row.dataset)]

    def pattern(self, pipeline: str) -> str:
        """A regular expression of what the datasets of a pipeline are called, so that others are not taken for them."""
        return self.pattern_of(lambda row: row.pipeline == pipeline)

    def pattern_of(self, chosen: Callable[[Row], bool]) -> str:
        """A regular expression of what the datasets whose rows are chosen are called."""
        names = [row.dataset for row in self.rows.values() if chosen(row)]
        return DATASET if len(names) == len(self.rows) else one_of(names)

    def products(self, dataset: str) -> list[str]:
        """What a dataset is made for, as files below its folder; see `Pipeline`."""
        row = self.rows[dataset]
        return self.pipelines[row.pipeline].products_of(row)

    def records(self, dataset: str) -> list[str]:
        """What its steps have written down."""
        row = self.rows[dataset]
        return self.pipelines[row.pipeline].records_of(row)

    def inventory(self, dataset: str) -> Path:
        """Where the inventory of its source is, or will be."""
        return Path(self.places(f"<resources>/{dataset}/inventory.json"))

    def source_bytes(self, dataset: str) -> int:
        """Size of its source; 0 as long as that is not known."""
        inventory, source = self.inventory(dataset), Path(self.rows[dataset].source)
        try:
            return sum(file["bytes"] for file in json.loads(inventory.read_bytes())["files"])
        except FileNotFoundError:
            return source.stat().st_size if source.is_file() else 0
        except (ValueError, KeyError, TypeError):  # cut off by a power failure: it is made again
            return 0

    def check(self) -> None:
        """Raise CampaignError with all that is wrong with config, sheet and rows, once every pipeline is known."""
        keys = {*schema.load("config")["properties"], *self.pipelines}
        unknown = (key for key in self.config if key not in keys)
        of_config = (f"{self.file}: {key!r} is unknown{schema.nearest(key, keys)}" for key in unknown)
        of_rows = (wrong for dataset in self.rows for wrong in self._problems(dataset))
        schema.refuse([*of_config, *self.wrong, *of_rows], CampaignError)

    def _options_of(self, pipeline, text):
        rules, section = self._rules(pipeline), self.config.get(pipeline, {})
        checker = schema.checker(rules)
        given = schema.worded(schema.overlaid(section, sheet.flow_map(text)), rules)
        options = schema.completed(given, rules)
        of_config = {*schema.problems(section, checker, "options")}  # told of the config, not of each row
        return options, [wrong for wrong in schema.problems(options, checker, "options") if wrong not in of_config]

    def _rules(self, pipeline):
        """The options of a pipeline as a schema: its own, or those of config.schema.yaml under its name."""
        own = self.pipelines[pipeline].options if pipeline in self.pipelines else None
        config_rules = schema.load("config")
        if own is None:
            return config_rules["properties"][pipeline] | {"$defs": config_rules["$defs"]}
        properties = FETCHING | own
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            "$defs": config_rules["$defs"],
        }

    def _problems_of(self, dataset):
        return [f"{self.rows[dataset].where} {wrong}" for wrong in self._wrong(self.rows[dataset])]

    def _wrong(self, row) -> Iterator[str]:
        for name, text in (("source", row.source), ("options checksum", row.options.get("checksum", ""))):
            if wrong := urls.problem(text):
                yield f"{name}: {wrong}"
        if row.is_local and not Path(row.source).exists():
            yield f"source: {row.source!r} is not there; give {SOURCES}"
        if row.pipeline not in self.pipelines:
            yield f"pipeline: {row.pipeline!r} is unknown{schema.nearest(row.pipeline, self.pipelines)}"
            return
        pipeline = self.pipelines[row.pipeline]
        if not row.source and pipeline.needs_source:
            yield f"source: is empty; give {SOURCES}"
        yield from row.wrong or pipeline.problems(row)


def one_of(names: list[str]) -> str:
    """A regular expression of these names and no others.

    What several begin with stands there once, so that the time of a match grows with the length of a name and not with
    the number of names.
    """
    if not names:
        return "(?!)"
    names = sorted(set(names))
    start = os.path.commonprefix(names)  # noqa: RUF071 - of names, not of paths
    rests = [name[len(start) :] for name in names if len(name) > len(start)]
    if not rests:
        return re.escape(start)
    branches = [one_of([rest for rest in rests if rest[0] == first]) for first in sorted({rest[0] for rest in rests})]
    whole = "?" if start in names else ""
    return f"{re.escape(start)}(?:{'|'.join(branches)}){whole}"
