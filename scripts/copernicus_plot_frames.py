"""Draw each time of a stack as a frame of an animation, in the order of time."""

from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from darkroom import entrypoint, files
from darkroom.copernicus import variants
from darkroom.copernicus.stack import Stack

MOST = 600  # pixels of a side that are drawn
SECOND = 1000  # milliseconds of a frame


def copernicus_plot_frames(stack: Path, animation: Path, *, recipe: str, recipes: str = ""):
    """Write animation.gif: a frame a second, all of one scale, from the 2nd to the 98th percent of all values.

    stack -- stack.nc of `copernicus_project`; recipe, recipes -- as there
    """
    variant, shown = variants.known(recipes)[recipe], Stack(stack)
    step = max(1, max(shown.grid.width, shown.grid.height) // MOST)
    layer = shown.layers[0]
    west, south, east, north = shown.grid.bounds
    with shown.reading() as get:
        frames = [get(layer.name, at)[::step, ::step] for at in range(len(shown.begins))]
    known = np.concatenate([frame[np.isfinite(frame)] for frame in frames])
    low, high = np.quantile(known, (0.02, 0.98)) if known.size else (0, 1)
    pictures = []
    for begin, frame in zip(shown.begins, frames, strict=True):
        figure = matplotlib.figure.Figure(figsize=(7, 5), dpi=80, layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        values = np.ma.masked_invalid(frame)
        drawn = axes.imshow(values, extent=(west, east, south, north), cmap=variant.palette, vmin=low, vmax=high)
        axes.set(title=begin[:10], facecolor="0.85")
        figure.colorbar(drawn, ax=axes, label=f"{layer.name} ({layer.unit})", shrink=0.7)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
        pictures.append(picture.convert("P", palette=Image.Palette.ADAPTIVE))
    with files.replacing(animation) as partial:
        pictures[0].save(partial, "GIF", save_all=True, append_images=pictures[1:], duration=SECOND, loop=0)


if __name__ == "__main__":
    entrypoint.run(copernicus_plot_frames, globals().get("snakemake"))
