"""The methods of the recipes, a file each; their modules are loaded by those alone who use them."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from darkroom import schema
from darkroom.copernicus import grid
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.stack import Layer

METHODS = {"s1": "sentinel1", "s2": "sentinel2", "s3": "sentinel3", "s5p": "sentinel5p", "gridded": "gridded"}


@dataclass(frozen=True)
class Times:
    """What is to be put on a map: where, when, of which products, which layers, and what is to be known of it.

    begins, products -- of each time, in order; scenes -- lists of what the method knows of them, for JSON
    held -- bytes of the largest product that are in memory at once, 0 where it is read block by block
    """

    grid: Grid
    begins: list[str]
    products: list[str]
    layers: list[Layer]
    scenes: list
    notes: list[str]
    held: int = 0


@dataclass(frozen=True)
class Method:
    """How a kind of product becomes a stack of layers.

    patterns -- (variant, options): the files of a product that it reads, for fnmatch
    describe -- (inventory, variant, options): its `Times`; everything that can be refused is refused here
    fill -- (times, variant, options, put): puts every layer of every time in place, see `stack.writing`
    problems -- (variant, options): what is wrong with the options of a row
    options -- those that it reads
    """

    patterns: Callable
    describe: Callable
    fill: Callable
    problems: Callable
    options: frozenset[str]


def method(name):
    """The method of this name."""
    return importlib.import_module(f"{__package__}.{METHODS[name]}").METHOD


def layers_of(variant, options):
    """The layers that a row asks for, or else those of its recipe."""
    asked = options["layers"]
    return ([asked] if isinstance(asked, str) else list(asked)) or variant.layers


def problems_of_one(variant, options, among, layers, whole, drawn):
    """What is wrong with the map of a row, and with its layer where there can be one alone.

    among -- the layers that there are, by name
    layers, whole, drawn -- what messages call layers, that which has one of them, and what is drawn of them
    """
    yield from grid.problems(options["map"])
    names = layers_of(variant, options)
    if len(names) != 1:
        yield f"layers: {names} are {len(names)} {layers}, and a {whole} has one; make a row of each"
    for name in names:
        if name not in among:
            yield f"layers: {name!r} is unknown{schema.nearest(name, among)}"
    if options["map"].get("crs"):
        yield f"map.crs: {drawn} are drawn in longitude and latitude; leave it out"
