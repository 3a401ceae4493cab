"""Say of each pixel of a map which class it is of, and how much ground each class covers."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint
from darkroom.copernicus import grid, merging, rasters, variants
from darkroom.copernicus.stack import Layer


def copernicus_detect(map: Path, classes: Path, areas: Path, *, recipe: str, recipes: str = ""):
    """Write classes.tif, a Cloud-Optimized GeoTIFF (uint8, 255 where there is none), and classes.csv.

    map -- map.tif of `copernicus_merge`, whose result is the last band of a difference, and the first of all others
    recipe, recipes -- as there
    """
    variant, shown = variants.known(recipes)[recipe], grid.of_image(map)
    labels = [one["label"] for one in variant.classes]
    colors = {at: tuple(bytes.fromhex(one["color"][1:])) for at, one in enumerate(variant.classes)}
    layer = Layer("class", "class")
    pixels, squares, weights = np.zeros(len(labels), int), np.zeros(len(labels)), shown.pixel_areas()
    with rasters.opened(map) as image:
        tags = image.tags() | {f"CLASS_{at}": label for at, label in enumerate(labels)}
        with rasters.writing(classes, shown, [layer], "uint8", merging.NO_CLASS, tags, colors) as put:
            for window in shown.windows():
                shown_classes = merging.classified(
                    variant, image.read(merging.result(variant, image.count), window=window)
                )
                put(window, shown_classes[None])
                rows, _ = window.toslices()
                counts = np.stack([(shown_classes == at).sum(1) for at in range(len(labels))])
                pixels, squares = pixels + counts.sum(1), squares + (counts * weights[rows]).sum(1)
    told = zip(range(len(labels)), labels, pixels.tolist(), (squares / 1e4).tolist(), strict=True)
    columns = ("class", "label", "pixels", "hectares")
    table = [
        dict(zip(columns, (at, label, count, float(f"{size:.7g}")), strict=True)) for at, label, count, size in told
    ]
    merging.write_table(areas, table, columns)


if __name__ == "__main__":
    entrypoint.run(copernicus_detect, globals().get("snakemake"))
