"""Draw the three middle sections of a volume, and lay out its view in Neuroglancer."""

from pathlib import Path

import matplotlib
import matplotlib.colors
import matplotlib.figure
import numpy as np

from darkroom import entrypoint, files
from darkroom.atlas import precomputed, readback
from darkroom.atlas.view import hues, is_rgb, state

# Of each section: the axis it cuts, its horizontal and its vertical axis, and what those point to.
SECTIONS = {
    "coronal": (1, 0, 2, "right", "up"),
    "sagittal": (0, 1, 2, "front", "up"),
    "axial": (2, 0, 1, "right", "front"),
}
PIXELS = 600  # of the longest side that is drawn


def atlas_plot(volume: Path, info: Path, preview: Path, view: Path, points: Path | None = None):
    """Write the preview of a volume and its Neuroglancer layer.

    volume -- the plan that `atlas_import` made
    info -- the `info` of the precomputed volume
    preview -- PNG of the three middle sections, in true proportions
    view -- JSON for a Neuroglancer state: its layers (sources relative to this file) and its position
    points -- the `info` of a layer of points
    """
    planned = files.read_json(volume)
    scale = drawn_scale(planned, info.parent)
    sections = {name: section(scale, *axes[:3]) for name, axes in SECTIONS.items()}
    colours = is_rgb(planned)
    channels = [slice(None)] if colours else [[number] for number in range(planned["info"]["num_channels"])]
    limits = [value_range([section[..., channel] for section in sections.values()]) for channel in channels]
    paint = label_painter(planned["regions"]) if planned["values"]["labels"] else painter(limits, colours)
    draw(scale, sections, paint, preview)
    files.write_json(view, state(planned, limits, points is not None))


def drawn_scale(planned, folder):
    """The finest scale that is not larger than the picture."""
    scales = planned["info"]["scales"]
    number = next((n for n, scale in enumerate(scales) if max(scale["size"]) <= PIXELS), len(scales) - 1)
    return precomputed.Scale(folder, planned["info"], number, planned["compresslevel"])


def draw(scale, sections, paint, preview):
    """Draw sections side by side, in true proportions."""
    lengths = [size * step / 1e6 for size, step in zip(scale.size, scale.info["resolution"], strict=True)]
    figure = matplotlib.figure.Figure(figsize=(12, 4.4), dpi=100, layout="constrained", facecolor="white")
    widths = [lengths[across] for _, across, *_ in SECTIONS.values()]
    panels = figure.subplots(1, 3, width_ratios=widths)
    for axes, (name, (_, across, up, right, top)) in zip(panels, SECTIONS.items(), strict=True):
        extent = (0, lengths[across], 0, lengths[up])
        axes.imshow(paint(sections[name]), origin="lower", extent=extent, interpolation="nearest")
        axes.set(title=name, xlabel=f"{right} (mm)", ylabel=f"{top} (mm)")
    with files.replacing(preview) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def section(scale, cut, across, up):
    """The middle section of a scale across axis `cut`, as (up, across, channel)."""
    middle = scale.size[cut] // 2
    box = [(middle, middle + 1) if axis == cut else span for axis, span in enumerate(scale.box)]
    step = -(-max(scale.size) // (2 * PIXELS))  # of a volume with few scales, even the coarsest may be huge
    return readback.read(scale, box).squeeze(cut).swapaxes(0, 1)[::step, ::step]


def value_range(sections):
    """Values to draw as black and white: 0 and 255 of 8 bits, else what 1 % of the sections lie outside of."""
    values = np.concatenate([section.ravel() for section in sections])
    values = values[np.isfinite(values)]
    if values.dtype == np.uint8 or not values.size:
        return 0.0, 255.0
    low, high = (float(limit) for limit in np.percentile(values, (0.5, 99.5)))
    return (low, high) if low < high else (low, low + 1)


def painter(limits, colours):
    """Function that turns a section into RGB: its `colours`, or each channel from black to its hue."""
    hue = np.eye(3) if colours else np.array([list(bytes.fromhex(code)) for code in hues(len(limits))]) / 255
    low, high = np.array(limits).T

    def paint(section):
        shares = np.clip((section.astype("f8") - low) / (high - low), 0, 1)
        return np.minimum(np.nan_to_num(shares) @ hue, 1)

    return paint


def label_painter(regions):
    """Function that turns a section of labels into RGB: the colours of their table, and a hashed one for others."""
    coloured = {region["id"]: list(bytes.fromhex(region["colour"])) for region in regions if "colour" in region}

    def paint(section):
        labels, places = np.unique(section[..., 0], return_inverse=True)
        palette = hashed_colours(labels[:, None, None])[:, 0]
        for number, label in enumerate(labels.tolist()):
            if label in coloured:
                palette[number] = np.array(coloured[label]) / 255
        return palette[places.reshape(section.shape[:2])]

    return paint


def hashed_colours(section):
    """A steady, bright colour for every label; 0 is black."""
    hue = (section[..., 0].astype("f8") * 0.618033988749895) % 1
    value = np.where(section[..., 0] == 0, 0.0, 0.95)
    return matplotlib.colors.hsv_to_rgb(np.stack([hue, np.full_like(hue, 0.65), value], axis=-1))


if __name__ == "__main__":
    entrypoint.run(atlas_plot, globals().get("snakemake"))
