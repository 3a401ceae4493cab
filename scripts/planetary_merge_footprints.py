"""Put the footprints of all planetary datasets of a campaign together."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.planetary.formats import footprints


def planetary_merge_footprints(stac: list, geojson: Path, geopackage: Path):
    """Put the footprints of all planetary datasets of a campaign together.

    stac -- STAC items of the datasets; one without a map has no footprint, and is left out
    geojson, geopackage -- the same footprints twice, with dataset, body, instrument, times and metres per pixel
    """
    features = footprints.features([files.read_json(item) for item in stac])
    footprints.write_geojson(geojson, features)
    footprints.write_geopackage(geopackage, features)


if __name__ == "__main__":
    entrypoint.run(planetary_merge_footprints, globals().get("snakemake"))
