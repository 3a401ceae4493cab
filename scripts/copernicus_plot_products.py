"""Draw where and when the products of a search were taken: footprints over coastlines, and a time line."""

from datetime import datetime
from pathlib import Path

import matplotlib.dates
import matplotlib.figure
import numpy as np
import shapely
from matplotlib.collections import LineCollection, PolyCollection

from darkroom import entrypoint, files
from darkroom.copernicus import areas, maps
from darkroom.copernicus.products import read_products

MOST = 2000  # footprints that are drawn
WORLDWIDE = 30_000  # square degrees: a footprint that would hide the map
ROWS = 12  # types that have a row of the time line


def copernicus_plot_products(products: Path, search: Path, preview: Path):
    """Write the preview of a search.

    products, search -- products.geojson and search.json of `copernicus_search`
    preview -- PNG: a map of the footprints and of the area that was asked for, and their times
    """
    listed, asked = read_products(products), files.read_json(search)["understood"]
    figure = matplotlib.figure.Figure(figsize=(12, 7.2), dpi=100, layout="constrained", facecolor="white")
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1.2))
    draw_map(listed, asked["area"], figure.add_subplot(grid[0]))
    draw_times(listed, asked, figure.add_subplot(grid[1]))
    with files.replacing(preview) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def draw_map(products, area, axes):
    """Footprints, coastlines and the area of a query, with as much around them as they are wide."""
    given = [product.footprint for product in products[:MOST] if product.footprint]
    shapes = [shape for shape in map(areas.repaired, given) if shape is not None]
    area_asked = shapely.from_wkt(area) if area else None
    view = maps.View([*shapes, *([area_asked] if area_asked is not None else [])])
    axes.add_collection(LineCollection(view.coastlines(), colors="0.35", linewidths=0.7))
    rings = [ring for shape in shapes if shape.area < WORLDWIDE for ring in view.rings(shape)]
    see_through = max(0.05, 0.35 / max(1, len(rings) / 20) ** 0.5)
    colours = {"facecolors": ("tab:blue", see_through), "edgecolors": ("tab:blue", 0.6)}
    axes.add_collection(PolyCollection(rings, linewidths=0.7, **colours))
    if area_asked is not None:
        axes.add_collection(
            PolyCollection(view.rings(area_asked), facecolors="none", edgecolors="tab:red", linewidths=1.4)
        )
    axes.set(xlim=view.xlim, ylim=view.ylim, xlabel="longitude (degrees east)", ylabel="latitude (degrees north)")
    axes.set_aspect(1 / view.stretch, adjustable="box")
    axes.xaxis.set_major_formatter(lambda value, _: f"{(value + 180) % 360 - 180:g}" if value != 180 else "180")
    shown = f", {MOST} of them drawn" if len(given) > MOST else ""
    without, wide = len(products) - len(given), sum(shape.area >= WORLDWIDE for shape in shapes)
    shown += f", {without} without a footprint" if without and not shown else ""
    shown += f", {wide} around the world" if wide else ""
    title = f"{len(products)} product{'s' * (len(products) != 1)}{shown}" if products else "no products"
    axes.set_title(title, fontsize="medium")


def draw_times(products, asked, axes):
    """When the products were taken: a row for each type; archived ones are hollow."""
    kinds = sorted({product.type or "other" for product in products})[:ROWS]
    for row, kind in enumerate(kinds):
        for online, fill in ((True, "tab:blue"), (False, "none")):
            times = [
                datetime.fromisoformat(product.begin)
                for product in products
                if (product.type or "other") == kind and product.online is online and product.begin
            ]
            if times:
                heights = row + np.linspace(-0.15, 0.15, len(times)) * (len(times) > 1)
                axes.plot(
                    times, heights, "o", markersize=5, markerfacecolor=fill, markeredgecolor="tab:blue", alpha=0.8
                )
    for key in ("start", "end"):
        if asked[key]:
            axes.axvline(datetime.fromisoformat(asked[key]), color="tab:red", linewidth=1)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(-0.6, max(0.6, len(kinds) - 0.4))
    if not (products or asked["start"] or asked["end"]):
        axes.set_xticks([])
        return
    locator = matplotlib.dates.AutoDateLocator(maxticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator))
    axes.margins(x=0.03)


if __name__ == "__main__":
    entrypoint.run(copernicus_plot_products, globals().get("snakemake"))
