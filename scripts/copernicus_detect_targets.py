"""Find bright targets at sea in the images of each date."""

import logging
from pathlib import Path

from darkroom import entrypoint, files, record
from darkroom.copernicus import areas, variants
from darkroom.copernicus import targets as targeting
from darkroom.copernicus.stack import Stack

logger = logging.getLogger(__name__)


def copernicus_detect_targets(
    stack: Path, targets: Path, told: Path, *, recipe: str, recipes: str = "", land: str = "", given: list | None = None
):
    """Write targets.geojson, a point for each target of each date (RFC 7946), and targets.json, the record.

    stack -- stack.nc of `copernicus_project`; recipe, recipes -- as there
    land -- a file with the area in which nothing is looked for, WKT or GeoJSON; "" for none
    given -- unused: the same file, which is watched
    """
    variant, shown = variants.known(recipes)[recipe], Stack(stack)
    ground, notes = (
        areas.read(land, "land") if land else (None, ["no land was given: bright ground may be among the targets"])
    )
    features, counts = [], {}
    with shown.reading() as get:
        for at, begin in enumerate(shown.begins):
            for layer in shown.layers:
                some, long = targeting.targets(shown, get, layer, at, variant.targets, ground)
                features += some
                counts[f"{layer.name} {begin}"] = {"targets": len(some), "too_long": long}
                if long:
                    notes.append(
                        f"{begin}: {long} bright areas are longer than {variant.targets['longest']:g} m and left out"
                    )
    logger.info("%d targets at %d times", len(features), len(shown.begins))
    files.write_json(targets, {"type": "FeatureCollection", "features": features})
    checks = {"copernicus_detect_targets": {"passed": True, "targets": len(features), "times": counts}}
    record.write(told, record.Record(notes=notes, checks=checks))


if __name__ == "__main__":
    entrypoint.run(copernicus_detect_targets, globals().get("snakemake"))
