"""Memory that planetary jobs ask for, by the size of their input; tests/bench/memory.py measures what they use."""

from collections.abc import Iterable
from typing import NamedTuple

from darkroom.memory import LEAST, RUNNING
from darkroom.planetary.formats import cubes

SPARE = 1.3  # of what a step is known to use


class Use(NamedTuple):
    """What a step of our own code uses.

    base -- MB of Python with its libraries
    block -- pixels that are in memory at once, at most, and the bytes for each
    whole -- bytes for each pixel of the largest cube, `cached` MB of them at most
    """

    base: float
    block: tuple[int, float] = (0, 0)
    whole: float = 0
    cached: float = float("inf")


SHAPE = 500  # MB of a part of a DEM and of what is read of it (geometry.shape.LARGEST)
GDAL = 134  # MB that GDAL keeps (formats.cog.CACHE)
NATIVE = {
    "import": Use(65),
    "geometry": Use(60),
    "calibrate": Use(60, block=(1 << 20, 24)),  # a whole frame of MDIS, which has no more pixels
    "control": Use(200, block=(1 << 24, 24)),
    "correct": Use(60, block=(1 << 18, 430)),
    "backplanes": Use(60, block=(1 << 18, 430)),
    "range": Use(60),
    "project": Use(60, block=(1 << 19, 200), whole=5.2),  # all of an image whose lines are columns of the map
    "merge": Use(60, block=(1 << 20, 85)),
    "convert": Use(115, block=(cubes.BLOCK, 12), whole=4, cached=GDAL),
    "plot": Use(125, block=(cubes.BLOCK, 28), whole=4, cached=GDAL),
    "tiles": Use(95, block=(cubes.BLOCK, 35)),
}
ISIS = Use(300, whole=16)  # its programs take 100 MB; some hold an image of four bytes a pixel several times
DELIVERY = ("convert", "plot", "tiles")  # which our own code does for both engines


def asked(step: str, engine: str, pixels: int) -> int:
    """MB that a job asks for.

    step -- a key of NATIVE, or any other step of engine isis
    pixels -- of the largest of its cubes, all bands
    """
    use = NATIVE[step] if engine == "native" or step in DELIVERY else ISIS
    most, each = use.block
    megabytes = use.base + min(pixels, most) * each / 1e6 + min(pixels * use.whole / 1e6, use.cached)
    return max(LEAST, round(RUNNING + SPARE * megabytes))


def feathered(paths: Iterable[str], feather: int) -> int:
    """MB that the fading edges of images take: the distances of one, and of all by how much their pixels count."""
    widths = [samples for path in paths if str(path).endswith(".cub") for _, _, samples in [cubes.size(path)]]
    return round(feather * (240 * max(widths, default=0) + 8 * sum(widths)) / 1e6)


def largest(paths: Iterable[str]) -> int:
    """Pixels of the largest of the cubes among some files; FileNotFoundError where one is not there yet."""
    sizes = (cubes.size(path) for path in paths if str(path).endswith(".cub"))
    return max((bands * lines * samples for bands, lines, samples in sizes), default=0)
