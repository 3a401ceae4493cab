"""Take stock of a recording: which files it has, when its frames were taken, what the instrument says."""

import logging
from pathlib import Path

from darkroom import entrypoint, files, record
from darkroom.calcium import session as sessions
from darkroom.inventory import read as read_inventory

logger = logging.getLogger(__name__)


def calcium_import(
    inventory: Path,
    session: Path,
    dataset: str,
    *,
    start: str = "",
    rate: float | None = None,
    pixel_size: float | None = None,
    array: str = "",
):
    """Read and check the headers and some frames of a recording, and write what is known of it.

    inventory -- what `fetch_input` has found: movies of one recording, and signals (.gpio, .imu) beside it
    session -- JSON: files, timing with its gaps, size, acquisition data (see `session.describe`)
    start -- moment of the first frame, with its time zone; rate -- frames per second; pixel_size -- micrometres;
        array -- path in an HDF5 or NWB file: what the files do not tell, or what overrules them

    Raises ValueError naming the file that is damaged or does not fit, and what has to be given.
    """
    given = {"start": start, "rate": rate, "pixel_size": pixel_size, "array": array}
    described = sessions.describe(read_inventory(inventory), dataset, given)
    size = [described[key] for key in ("frames", "rows", "columns")]
    logger.info("%s frames of %s x %s pixels, %.6g Hz", *size, described["timing"]["rate_hz"])
    for note in described["notes"]:
        logger.info("note: %s", note)
    software = files.versions("numpy", "scipy", "h5py", "tifffile", "av", "imagecodecs")
    record.write(session, record.Record(notes=described["notes"], software=software), described)


if __name__ == "__main__":
    entrypoint.run(calcium_import, globals().get("snakemake"))
