"""Outline the plumes of a gas at each time, and weigh them."""

import logging
from pathlib import Path

from darkroom import entrypoint, files, record
from darkroom.copernicus import merging, plumes, variants
from darkroom.copernicus.stack import Stack

logger = logging.getLogger(__name__)


def copernicus_detect_plume(
    stack: Path, plume: Path, table: Path, told: Path, *, recipe: str, recipes: str = "", asked: dict | None = None
):
    """Write plume.geojson, outlines of plumes (RFC 7946), plume.csv, a row of each time, and plume.json, the record.

    stack -- stack.nc of `copernicus_project`, in Dobson units; recipe, recipes -- as there
    asked -- threshold and background (DU) in place of the recipe's and of the median
    """
    variant, shown = variants.known(recipes)[recipe], Stack(stack)
    asked = {"background": None} | variant.plume | (asked or {})
    features, rows, notes = [], [], []
    with shown.reading() as get:
        for at, begin in enumerate(shown.begins):
            some, row = plumes.plumes(shown, get, at, asked)
            features += some
            rows.append(row)
            if asked["background"] is None:
                whence = "the median of the cells below the threshold"
                notes.append(f"{begin}: a background of {row['background_du']:g} DU, {whence}, is no part of the plume")
    notes.append(f"a plume has {asked['smallest']} or more cells above {asked['threshold']:g} DU that touch each other")
    notes.append("what pixels of too low a quality hold, and what they did not see, is not in the mass")
    logger.info("%d plumes at %d times", len(features), len(rows))
    files.write_json(plume, {"type": "FeatureCollection", "features": features})
    merging.write_table(table, rows, plumes.COLUMNS)
    masses = {row["begin"]: row["mass_t"] for row in rows}
    checks = {"copernicus_detect_plume": {"passed": True, "plumes": len(features), "mass_t": masses}}
    record.write(told, record.Record(notes=notes, checks=checks))


if __name__ == "__main__":
    entrypoint.run(copernicus_detect_plume, globals().get("snakemake"))
