"""Draw each granule of a dataset on its own, for an archive to show."""

from pathlib import Path

import matplotlib.figure

from darkroom import entrypoint, files
from darkroom.airborne import pictures, product
from darkroom.airborne.parallel import in_processes

BROWSE = "browse"


def airborne_plot_granules(granules: Path, listed: Path, *, threads: int = 1):
    """Write browse/<granule>.png of each granule, and the list of them, last.

    granules -- the list that `airborne_convert` made
    listed -- JSON: the picture of each granule, by its id
    """
    folder = granules.parent
    made = [granule for granule in files.read_json(granules)["granules"] if granule["netcdf"]]
    (folder / BROWSE).mkdir(exist_ok=True)
    in_processes(draw, [(granule, folder) for granule in made], threads)
    names = {granule["id"]: f"{BROWSE}/{granule['id']}.png" for granule in made}
    product.keep_only(folder / BROWSE, [Path(name).name for name in names.values()])
    files.settle(folder / BROWSE)
    files.write_json(listed, names)


def draw(granule, folder):
    """Write the picture of a granule."""
    figure = matplotlib.figure.Figure(figsize=(8, 5), dpi=100, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    pictures.draw_panel(folder / granule["netcdf"], axes)
    axes.set_title(granule["id"], fontsize="medium")
    pictures.save(figure, folder / f"{BROWSE}/{granule['id']}.png", durable=False)


if __name__ == "__main__":
    entrypoint.run(airborne_plot_granules, globals().get("snakemake"))
