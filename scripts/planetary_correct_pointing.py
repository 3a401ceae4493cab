"""Give an image the pointing that a control has found."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary import notes
from darkroom.planetary.control import products
from darkroom.planetary.formats import cubes


def planetary_correct_pointing(cube: Path, pointing: Path, controlled: Path, image: dict):
    """Write a copy of a cube that looks where a control has found.

    cube -- with geometry
    pointing -- what `planetary_detect_control` has written
    controlled -- the copy, whose tables of pointing (and position, where that was adjusted) are others
    image -- the name of the image in the control
    """
    adjusted, source = files.read_json(pointing)[image["name"]], cubes.Cube(cube)
    changed = {block["name"]: products.table(block) for block in adjusted["tables"]}
    tables = [changed.get(name) or source.table(name) for name in source.tables]
    groups = notes.noted(source.groups, done=[adjusted["told"]])
    cubes.write(controlled, source.image(blocks=source.stored(), groups=groups, tables=tables))


if __name__ == "__main__":
    entrypoint.run(planetary_correct_pointing, globals().get("snakemake"))
