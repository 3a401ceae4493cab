"""Find the one map grid that all images of a map or mosaic fit on."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.engines.choose import engine
from darkroom.planetary.formats import pvl
from darkroom.planetary.geometry import projection


def planetary_detect_range(cubes: list, grid: Path, image: dict):
    """Find the one map grid that all images of a map or mosaic fit on.

    cubes -- calibrated cubes with geometry
    grid -- map template (.map) to write
    image -- the option `map`, and what the engine is asked; what the map's template, or else its other options, say
        comes before what is found
    """
    options = image["map"]
    found = engine(image["engine"]).template([Path(cube) for cube in cubes], grid, image)
    found |= projection.read_template(options["template"]) if options["template"] else asked(options, found)
    group = pvl.Block(found, "Group")
    files.write_bytes(grid, f"{pvl.dumps({'Mapping': group})}End\n".encode())


def asked(options, found):
    """Keywords of a template that the options give; where a range is given, its middle is the centre."""
    keywords = {}
    for name, axis in (("latitude", "Latitude"), ("longitude", "Longitude")):
        if name in options:
            low, high = options[name]
            keywords |= {f"Minimum{axis}": low, f"Maximum{axis}": high, f"Center{axis}": (low + high) / 2}
        if f"center_{name}" in options:
            keywords[f"Center{axis}"] = options[f"center_{name}"]
    if "resolution" in options:
        keywords["PixelResolution"] = pvl.Quantity(options["resolution"], "meters/pixel")
        found.pop("Scale", None)
    return {key: value for key, value in keywords.items() if key in found or key != "CenterLatitude"}


if __name__ == "__main__":
    entrypoint.run(planetary_detect_range, globals().get("snakemake"))
