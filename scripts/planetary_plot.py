"""Draw a preview of planetary datasets, describe them as STAC items, and compare their GeoTIFFs with their cubes."""

import logging
from pathlib import Path

import numpy as np
import rasterio
import rasterio.windows

from darkroom import entrypoint, files
from darkroom.planetary.formats import cog
from darkroom.planetary.formats.cubes import Cube, at_once
from darkroom.planetary.formats.stac import item as stac_item
from darkroom.planetary.stretch import PERCENT
from darkroom.planetary.stretch import preview as stretched_preview
from darkroom.record import Record
from darkroom.record import write as write_record

logger = logging.getLogger(__name__)

STAGES = (
    "ingested",
    "calibrated",
    "joined",
    "map",
    "terrain",
    "mosaic",
    "colour",
)  # the last one that there is, is drawn
ROWS = 512


def planetary_plot(
    *,
    cubes: list,
    images: list,
    previews: list,
    stac: list,
    records: list,
    engine: str = "native",
    stretch: list | None = None,
    members: list | None = None,
    isis: list = (),
):
    """Write preview, STAC item and record of datasets; the files of one lie in one folder.

    cubes, images -- cubes of all datasets, and the GeoTIFF of each
    previews, stac, records -- for each dataset a PNG; a STAC item; JSON with engine, skipped steps, and checks
    engine -- what made the cubes: native or isis
    stretch -- for each dataset the two percentages that are black and white
    isis -- JSON with the version of ISIS, where its programs made the cubes
    members -- for each dataset the cubes of the images that it is made of, where its own tell no times

    Raises ValueError naming the GeoTIFF that does not have the values of its cube.
    """
    stretch = stretch or [PERCENT] * len(previews)
    members = members or [[]] * len(previews)
    programs = files.read_json(isis[0]) if isis else {}
    image_of = dict(zip(map(Path, cubes), map(Path, images), strict=True))
    for preview, item, record, percent, others in zip(previews, stac, records, stretch, members, strict=True):
        folder = Path(preview).parent
        own = sorted((Cube(path) for path in image_of if path.parent == folder), key=order)
        last = [cube for cube in own if stage(cube) == stage(own[-1])]
        best = next((cube for cube in last if cube.shows), last[0])
        stretched_preview(best, preview, percent, (1, 2, 3) if best.is_colour else (1,))
        checks = [check(cube, image_of[cube.path]) for cube in own]
        beside = [cube.path.with_suffix(suffix) for cube in own for suffix in (".cub", ".tif", ".xml", ".img")]
        assets = [*(path for path in beside if path.exists()), Path(preview)]
        files.write_json(item, stac_item(folder.name, own, assets, [Cube(path) for path in others]))
        content = Record(
            engine=engine,
            notes=[f"preview.png shows {best.path.name}"],
            skipped=list(dict.fromkeys(step for cube in own for step in cog.done(cube)[1])),
            checks={"planetary_check": {"passed": True, "images": checks}},
            software=files.versions("numpy", "rasterio", "pystac") | programs,
        )
        write_record(record, content)


def stage(cube):
    """Which stage a cube is of, from its name."""
    return cube.path.name.split(".")[0]


def order(cube):
    """Stages in their order, parts by their names."""
    return STAGES.index(stage(cube)) if stage(cube) in STAGES else -1, cube.path.name


def check(cube, image):
    """Counts and statistics of a cube's valid pixels as GDAL reads them, per band; its GeoTIFF has the same.

    Raises ValueError when a value or the place of a special pixel differs.
    """
    with rasterio.Env(GDAL_CACHEMAX=cog.CACHE), rasterio.open(cube.path) as source, rasterio.open(image) as made:
        bands = [_band(source, made, band) for band in range(1, cube.bands + 1)]
    logger.info("%s: %s", cube.path, bands)
    return {"cube": cube.path.name, "geotiff_equal": True, "bands": bands}


def _band(source, made, band):
    count, total, low, high = 0, 0.0, np.inf, -np.inf
    rows = at_once(source.width, ROWS)
    for first in range(0, source.height, rows):
        window = rasterio.windows.Window(0, first, source.width, min(rows, source.height - first))
        values = source.read(band, window=window, masked=True)
        if not _same(values, made.read(band, window=window, masked=True)):
            raise ValueError(f"{made.name}: band {band}, lines from {first + 1} on: not the values of {source.name}")
        valid = values.compressed().astype("f8")
        if valid.size:
            count, total = count + valid.size, total + valid.sum()
            low, high = min(low, valid.min()), max(high, valid.max())
    pixels = {"valid": count, "special": source.width * source.height - count}
    offset, scale = source.offsets[band - 1], source.scales[band - 1]
    statistics = zip(("min", "max", "mean"), (low, high, total / max(count, 1)), strict=True)
    return pixels | {name: float(value * scale + offset) if count else None for name, value in statistics}


def _same(one, other):
    return np.array_equal(np.ma.getmaskarray(one), np.ma.getmaskarray(other)) and np.array_equal(
        one.compressed(), other.compressed()
    )


if __name__ == "__main__":
    entrypoint.run(planetary_plot, globals().get("snakemake"))
