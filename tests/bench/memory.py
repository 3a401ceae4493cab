"""Peak memory of the planetary steps of engine native on inputs of three sizes, beside what their rules ask for.

Each step runs in a process of its own, as in a job. What is asked must be more than its peak with the two Snakemakes that
run beside it on a cluster, and at most twice that.
"""

import argparse
import json
import multiprocessing
import re
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))
sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from planetary import repeated

import planetary_planet as planet
from darkroom.planetary.instruments import registry
from darkroom.planetary.memory import RUNNING, asked, largest
from darkroom.samples import planetary as sample

LINES = (256, 2000, 12000)  # of a LROC NAC
FINER = (1, 2, 3)  # times than 10 m: the pixels of the frames of a control, of 400, 800 and 1,200 squared
METRES = (20, 2.5, 0.8)  # of a pixel of a map of an MDIS frame: 0.4, 19 and 187 MB
NATIVE = {"engine": "native"}
IDENTITY = {"projection": "equirectangular", "template": ""}


def peak(rule, *arguments, **named):
    """Peak memory (MB) of the script of a rule in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_peak, rule, arguments, named).result()


def _peak(rule, arguments, named):
    getattr(import_module(rule), rule)(*arguments, **named)
    # Not ru_maxrss, which a process inherits from the one that started it.
    return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


class Table:
    """Lines of the findings, and whether each is as it should be."""

    def __init__(self):
        self.right = True
        print(f"{'rule':<32} {'input':<14} {'peak':>6} {'with Snakemake':>15} {'asked':>6} MB")

    def add(self, step, rule, what, inputs, /, *arguments, **named):
        """Measure a step; inputs -- the cubes that it takes."""
        used = peak(rule, *arguments, **named)
        most, reserved = used + RUNNING, asked(step, "native", largest(map(str, inputs)))
        right = most <= reserved <= 2 * most
        self.right &= right
        print(f"{rule:<32} {what:<14} {used:>6.0f} {most:>15.0f} {reserved:>6} {'' if right else '!'}", flush=True)


def inventory(product):
    """The inventory of a product."""
    path, state = product.with_suffix(".inventory.json"), product.stat()
    file = {"name": product.name, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    path.write_text(json.dumps({"root": str(product.parent), "files": [file]}))
    return str(path)


def image(name, product, what, table):
    """All steps of an image without geometry; returns its ingested cube."""
    recipe, folder = registry.of_recipes()[name].recipe(name), product.parent
    told = {"recipe": name, "title": recipe.title, "label": recipe.label, "names": recipe.names, "part": ""}
    raw, made, tif = (product.with_suffix(suffix) for suffix in (".raw.cub", ".cub", ".tif"))
    told |= NATIVE | {"ingest": {}, "calibrate": True}
    table.add("import", "planetary_import", what, [], [inventory(product)], [str(raw)], [told])
    told = NATIVE | {"recipe": name, "calibration": {}}
    table.add("calibrate", "planetary_calibrate", what, [raw], [str(raw)], [str(made)], [told])
    delivered(made, tif, what, table)
    tiles = folder / "tiles.tif", folder / "tiles.json"
    table.add("tiles", "planetary_convert_tiles", what, [made], made, *tiles, [0.5, 99.5])
    return raw


def delivered(cube, tif, what, table):
    """The delivery of a cube."""
    table.add("convert", "planetary_convert", what, [cube], cubes=[str(cube)], images=[str(tif)])
    names = {"previews": "preview.png", "stac": "item.json", "records": "planetary.json"}
    outputs = {key: [str(cube.parent / name)] for key, name in names.items()}
    table.add("plot", "planetary_plot", what, [cube], cubes=[str(cube)], images=[str(tif)], **outputs)


def maps(product, raw, table):
    """The steps of an image with geometry, and maps of it in three sizes."""
    folder, what, named = product.parent, "frame", {"recipe": "mdis", "names": "EN.*", "part": ""}
    located, cube = folder / "located.cub", folder / "calibrated.cub"
    source = Path(inventory(product))
    told = [{"geometry": "isd", "isd": "", "shape": "", **named}]
    table.add("geometry", "planetary_import_geometry", what, [raw], [str(raw)], [str(source)], [str(located)], told)
    peak("planetary_calibrate", [str(located)], [str(cube)], [NATIVE | {"recipe": "mdis", "calibration": {}}])
    light = NATIVE | {"photometry": {"model": "lambert", "parameters": {}, "incidence": 30}}
    table.add("correct", "planetary_correct", what, [cube], cube, folder / "corrected.cub", light)
    table.add("backplanes", "planetary_project_backplanes", what, [cube], cube, folder / "backplanes.cub", NATIVE)
    for metres in METRES:
        what, grid, made = f"{metres} m", folder / f"{metres}.map", folder / f"{metres}m.cub"
        told = NATIVE | {"map": IDENTITY | {"resolution": metres}}
        table.add("range", "planetary_detect_range", what, [cube], [str(cube)], grid, told)
        told = NATIVE | {"interpolation": "cubic"}
        table.add("project", "planetary_project", what, [cube], cube, grid, made, told)
        told = NATIVE | {"priority": "average"}
        table.add("merge", "planetary_merge", what, [made], [str(made)] * 2, folder / "merged.cub", told)
        delivered(made, made.with_suffix(".tif"), what, table)


def control(folder, table):
    """A control of four frames of a made planet, and the pointing that it gives to one."""
    asked = {"adjust": "angles", "sigma": 0.25, "radius": 0, "search": 120, "features": 200, "tiles": 9}
    asked |= {"least": 10, "bound": 1, "held": [], "network": ""}
    for times in FINER:
        side, made = planet.SIDE * times, folder / f"control{times}"
        made.mkdir()
        frames = [planet.frame_isd(*at, sample.HEIGHT / times, side) for at in planet.FRAMES]
        images, what = [seen.path for seen in planet.see(made, frames)], f"4 x {side} squared"
        told = NATIVE | {"names": [path.stem for path in images], "network": "control", "control": asked}
        outputs = {"network": "control.net", "residuals": "control.csv", "record": "control.json"}
        outputs = {name: made / file for name, file in outputs.items()} | {"pointing": made / "pointing.json"}
        arguments = {"cubes": list(map(str, images)), "image": told, "threads": 2} | outputs
        table.add("control", "planetary_detect_control", what, images, **arguments)
        arguments = images[0], outputs["pointing"], made / "controlled.cub", {"name": images[0].stem}
        table.add("geometry", "planetary_correct_pointing", what, images[:1], *arguments)


def main():
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--folder", type=Path, help="where to work; by default a temporary folder; 3 GB are needed")
    work, table = Path(tempfile.mkdtemp(dir=line.parse_args().folder)), Table()
    try:
        sample.mdis(work)
        frame = min(work.glob("EN*.IMG"))
        maps(frame, image("mdis", frame, "512 x 512", table), table)
        control(work, table)
        sample.lroc_nac(work)
        nac = next(work.glob("M*LE.IMG"))
        for lines in LINES:
            (work / str(lines)).mkdir()
            product, samples = Path(shutil.copy(nac, work / str(lines))), sample.LROC_SHAPE[1]
            repeated(product, sample.LROC_SHAPE, samples, (lines, samples), FILE_RECORDS=lines + 1)
            image("lroc_nac", product, f"{samples} x {lines}", table)
    finally:
        shutil.rmtree(work)
    sys.exit(not table.right)


if __name__ == "__main__":
    main()
