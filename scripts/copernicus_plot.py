"""Draw the map of a recipe with scale, legend and coastlines, and how its layers went; describe it as a STAC item."""

import csv
from datetime import datetime
from pathlib import Path

import matplotlib.figure
import numpy as np
import rasterio
import shapely
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm, Normalize
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform

from darkroom import coastline, entrypoint, files
from darkroom.copernicus import areas, items, merging, variants

MOST = 1000  # pixels of a side that are drawn
SHARES = (0.02, 0.98)  # of the values of an image beside the map that it is stretched between
COLORS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
HALO = withStroke(linewidth=5, foreground="white")  # around what is to be seen on any ground
HEIGHT = 7.2  # inches of a figure with a map and a series
MARGIN = 0.2  # degrees around a map within which coastlines are looked for


def copernicus_plot(
    stack: Path,
    map: Path,
    statistics: Path,
    preview: Path,
    item: Path,
    *,
    classes: Path | None = None,
    targets: Path | None = None,
    plume: Path | None = None,
    hotspots: Path | None = None,
    context: list | None = None,
    recipe: str,
    recipes: str = "",
    perimeter: str = "",
    given: list | None = None,
):
    """Write preview.png and item.json.

    stack, map, statistics, classes, targets, plume, hotspots -- of `copernicus_project`, `copernicus_merge`,
        `copernicus_detect`, `copernicus_detect_targets`, `copernicus_detect_plume` and `copernicus_detect_hotspots`
    context -- images that are drawn of the same ground, with the outlines of the plume
    recipe, recipes, perimeter -- as there
    given -- unused: the file of the perimeter, which is watched
    """
    variant = variants.known(recipes)[recipe]
    with statistics.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["valid"] != "0"]
    times = sorted({row["begin"] for row in rows})
    figure = matplotlib.figure.Figure(figsize=(12, HEIGHT), dpi=100, layout="constrained", facecolor="white")
    beneath = len(context or []) + bool(variant.composite)
    heights = [3, *([2] if beneath else []), *([1] if len(times) > 1 else [])]
    figure.set_figheight(HEIGHT * sum(heights) / 4)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    axes = figure.add_subplot(grid[0])
    draw_map(variant, classes or map, bool(classes), axes)
    if not rows:
        axes.text(0.5, 0.5, "all is masked or without data", ha="center", transform=axes.transAxes, path_effects=[HALO])
    if targets:
        draw_targets(files.read_json(targets)["features"], map, axes)
    if hotspots:
        draw_hotspots(hotspots, axes)
    outlines = shapes_of(plume, perimeter)
    draw_outlines(outlines, axes)
    panels = [figure.add_subplot(panel) for panel in (grid[1].subgridspec(1, beneath) if beneath else ())]
    for path, panel in zip(context or [], panels, strict=False):
        draw_context(variants.known(recipes), Path(path), map, panel)
        draw_outlines(outlines, panel)
    if variant.composite:
        draw_composite(variant, map, panels[-1])
    if len(times) > 1:
        draw_times(rows, figure.add_subplot(grid[-1]))
    with files.replacing(preview) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
    assets = [path for path in (map, classes, targets, plume, hotspots, stack, statistics, preview) if path]
    files.write_json(item, items.item(map.parent.name, variant, stack, map, assets))


def draw_map(variant, path, classed, axes):
    """The result, decimated: classes with their legend, three layers as a picture, or values with a scale."""
    with rasterio.open(path) as image:
        values, extent = _decimated(image)
        bounds, crs, units, names = image.bounds, image.crs, image.units, image.descriptions
    band = merging.result(variant, len(names)) - 1
    if classed:
        _draw_classes(variant, values[0], extent, axes)
    elif variant.rgb:
        ends = [_ends(layer, variant.stretch) for layer in values[:3]]
        axes.imshow(_stretched(values[:3], ends), extent=extent, interpolation="nearest")
    else:
        low, high = variant.range or _ends(values[band], variant.stretch)
        scale = LogNorm if variant.log and low > 0 else Normalize
        shown = np.ma.masked_invalid(values[band])
        drawn = axes.imshow(shown, extent=extent, cmap=variant.palette, norm=scale(low, high), interpolation="nearest")
        unit = "" if units[band] in (None, "1") else f" ({units[band]})"
        axes.figure.colorbar(drawn, cax=axes.inset_axes([1.03, 0.1, 0.03, 0.8]), label=f"{names[band]}{unit}")
    axes.set_facecolor("0.85")
    _draw_coastlines(bounds, crs, axes)
    axes.set(xlim=extent[:2], ylim=extent[2:], title=variant.title)
    kind = (
        ("longitude (degrees east)", "latitude (degrees north)")
        if crs.is_geographic
        else ("easting (m)", "northing (m)")
    )
    axes.set(xlabel=kind[0], ylabel=kind[1])
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.tick_params(labelsize="small")
    _draw_scale(bounds, crs, axes)


def draw_composite(variant, path, axes):
    """Bands of the map as red, green and blue between common ends: what all show alike is grey."""
    with rasterio.open(path) as image:
        values, extent = _decimated(image)
        names = [image.descriptions[band - 1] for band in variant.composite]
    shown = values[[band - 1 for band in variant.composite]]
    axes.imshow(_stretched(shown, [_ends(shown, variant.stretch)] * 3), extent=extent, interpolation="nearest")
    axes.set_title("{} red, {} green, {} blue".format(*names), fontsize="small")
    axes.ticklabel_format(useOffset=False, style="plain")
    axes.tick_params(labelsize="small")


def _decimated(image):
    """Values (band, row, column) of an image of at most so many pixels a side, and its left, right, bottom and top."""
    step = max(1, max(image.shape) // MOST)
    shape = (image.count, image.height // step or 1, image.width // step or 1)
    left, bottom, right, top = image.bounds
    return image.read(out_shape=shape, resampling=Resampling.nearest), (left, right, bottom, top)


def draw_targets(features, path, axes):
    """A ring around each target."""
    with rasterio.open(path) as image:
        crs = image.crs
    if features:
        longitudes, latitudes = zip(*(one["geometry"]["coordinates"] for one in features), strict=True)
        xs, ys = transform("EPSG:4326", crs, longitudes, latitudes)
        axes.plot(xs, ys, "o", markersize=9, markerfacecolor="none", markeredgecolor="tab:red")


def draw_hotspots(path, axes):
    """A dot on each hot spot, filled where it lies inside the perimeter or there is none."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for fill, told in (("black", ("yes", "")), ("none", ("no",))):
        own = [(float(row["longitude"]), float(row["latitude"])) for row in rows if row["inside"] in told]
        axes.plot(*np.reshape(own, (-1, 2)).T, "o", markersize=4, color="black", markerfacecolor=fill)


def shapes_of(plume, perimeter):
    """Geometries in longitude and latitude that are drawn as lines: the plumes, and the perimeter of a fire."""
    features = files.read_json(plume)["features"] if plume else []
    drawn = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    return [*drawn, *([areas.read(perimeter, "perimeter")[0]] if perimeter else [])]


def draw_outlines(geometries, axes):
    """The borders of polygons, white within black, to be seen on any ground."""
    for polygon in (part for one in geometries for part in shapely.get_parts(one) if part.geom_type == "Polygon"):
        for ring in (polygon.exterior, *polygon.interiors):
            for color, width in (("black", 2.4), ("white", 1.0)):
                axes.plot(*np.array(ring.coords).T[:2], color=color, linewidth=width)


def draw_context(known, path, map_path, axes):
    """An image of the ground that a map shows, in longitude and latitude.

    known -- recipes: a map of one of them is drawn as it says; another image in its own colours, or its first band
    """
    with rasterio.open(map_path) as shown:
        bounds = shown.bounds
    height = max(1, round(MOST * (bounds.top - bounds.bottom) / (bounds.right - bounds.left)))
    affine = from_bounds(*bounds, MOST, min(height, 2 * MOST))
    options = {"crs": "EPSG:4326", "transform": affine, "width": MOST, "height": min(height, 2 * MOST)}
    with rasterio.open(path) as image:
        variant, tags = known.get(image.tags().get("RECIPE")), image.tags()
        colored = image.count >= 3 and (variant.rgb if variant else image.colorinterp[:3] == COLORS)
        bands = [1, 2, 3] if colored else [merging.result(variant, image.count) if variant else 1]
        bare = image.nodata is None and ColorInterp.alpha not in image.colorinterp
        with WarpedVRT(image, resampling=Resampling.nearest, add_alpha=bare, **options) as brought:
            values = brought.read(bands, masked=True).astype(float).filled(np.nan)
    extent = (bounds.left, bounds.right, bounds.bottom, bounds.top)
    if colored:
        axes.imshow(_stretched(values, [_ends(layer, SHARES) for layer in values]), extent=extent)
    else:
        low, high = _ends(values[0], SHARES)
        palette = variant.palette if variant else "gray"
        axes.imshow(np.ma.masked_invalid(values[0]), extent=extent, cmap=palette, vmin=low, vmax=high)
    axes.set(xlim=extent[:2], ylim=extent[2:], facecolor="0.85")
    axes.set_title(tags.get("TITLE", path.name), fontsize="small")
    axes.tick_params(labelsize="small")


def _draw_classes(variant, values, extent, axes):
    colors = [one["color"] for one in variant.classes]
    palette, norm = ListedColormap(colors), BoundaryNorm(np.arange(len(colors) + 1) - 0.5, len(colors))
    shown = np.ma.masked_equal(values, 255)
    axes.imshow(shown, extent=extent, cmap=palette, norm=norm, interpolation="nearest")
    patches = [Patch(color=one["color"], label=one["label"]) for one in variant.classes]
    axes.legend(handles=patches, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", frameon=False)


def _stretched(values, ends):
    """Three layers from 0 to 1, each between its two ends; white where there is none."""
    made = np.ones((*values.shape[1:], 3))
    for at, (layer, (low, high)) in enumerate(zip(values, ends, strict=True)):
        made[..., at] = np.where(np.isnan(layer), 1, np.clip((layer - low) / (high - low), 0, 1))
    return made


def _ends(values, shares):
    good = values[np.isfinite(values)]
    low, high = np.quantile(good, shares) if good.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _draw_coastlines(bounds, crs, axes):
    west, south, east, north = rasterio.warp.transform_bounds(crs, "EPSG:4326", *bounds)
    east += 360 * (east < west)  # over the date line
    turns = (0,) if west >= -180 and east <= 180 else (-360, 0, 360)
    for line in (line + np.array([turn, 0]) for turn in turns for line in coastline.coastlines()):
        near = (np.abs(line[:, 0] - (west + east) / 2) < (east - west) / 2 + MARGIN) & (
            np.abs(line[:, 1] - (south + north) / 2) < (north - south) / 2 + MARGIN
        )
        if near.any():
            first, last = np.flatnonzero(near)[[0, -1]]
            part = line[max(0, first - 1) : last + 2]
            axes.plot(*transform("EPSG:4326", crs, part[:, 0], part[:, 1]), color="0.2", linewidth=0.8)


def _draw_scale(bounds, crs, axes):
    """A bar of a round length, about a fifth of the map."""
    metre = 1.0
    if crs.is_geographic:
        metre = 1 / (111_195 * max(0.05, np.cos(np.radians((bounds.bottom + bounds.top) / 2))))
    most = 0.2 * (bounds.right - bounds.left) / metre
    power = 10 ** np.floor(np.log10(most))
    length = max(step * power for step in (1, 2, 5) if step * power <= most)
    left, low = bounds.left + 0.04 * (bounds.right - bounds.left), bounds.bottom + 0.05 * (bounds.top - bounds.bottom)
    axes.plot([left, left + length * metre], [low, low], color="black", linewidth=3, path_effects=[HALO])
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    axes.annotate(
        text,
        (left + length * metre / 2, low),
        (0, 4),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        path_effects=[HALO],
    )


def draw_times(rows, axes):
    """The mean of each layer in the unit of the first over the times, and between which values 96 percent of it are."""
    unit = rows[0]["unit"]
    for name in dict.fromkeys(row["layer"] for row in rows if row["unit"] == unit):
        own = [row for row in rows if row["layer"] == name]
        when = [datetime.fromisoformat(row["begin"]) for row in own]
        (line,) = axes.plot(when, [float(row["mean"]) for row in own], "o-", markersize=4, label=name)
        ends = [[float(row[key]) for row in own] for key in ("q02", "q98")]
        axes.fill_between(when, *ends, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.legend(fontsize="small", frameon=False)
    axes.tick_params(labelsize="small")
    axes.set_ylabel("mean" if unit == "1" else f"mean ({unit})")


if __name__ == "__main__":
    entrypoint.run(copernicus_plot, globals().get("snakemake"))
