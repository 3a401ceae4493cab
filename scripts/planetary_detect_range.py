"""Find the one map grid that all images of a map or mosaic fit on."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import Cube, size
from darkroom.planetary.geometry import grid as grids
from darkroom.planetary.geometry.projection import Mapping


def planetary_detect_range(cubes: list, grid: Path, image: dict):
    """Find the one map grid that all images of a map or mosaic fit on.

    cubes -- calibrated cubes with geometry
    grid -- map template (.map) to write
    image -- the option `map`, and what the engine is asked; what the map's template, or else its other options, say
        comes before what is found

    Raises ValueError when the grid would be far larger than what the images show.
    """
    options = image["map"]
    given = grids.given(options)
    grids.require_body(given, Cube(cubes[0]).groups.get("Instrument", {}).get("TargetName", ""))
    template = engine(image["engine"]).template([Path(cube) for cube in cubes], grid, given, image)
    group = grids.group(template, given)
    pixels = sum(lines * samples for _, lines, samples in map(size, cubes))
    mapping = Mapping.from_template(group)
    grids.require_worth(mapping, pixels, options["largest"])
    group = mapping.own | group  # ISIS asks for them all
    files.write_bytes(grid, f"{pvl.dumps({'Mapping': pvl.Block(group, 'Group')})}End\n".encode())


if __name__ == "__main__":
    entrypoint.run(planetary_detect_range, globals().get("snakemake"))
