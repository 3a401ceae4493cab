"""What the datasets of the atlas pipeline end in, and what its steps have to know of a row."""

from darkroom.campaign.sheet import Row

# An image of another pipeline that is to be looked at: one section whose rows run south, of 1 m per pixel.
PICTURE = "{orientation: RPS, resolution: 1e9 nm, encoding: jpeg, chunk_size: [512, 512, 1]}"


def products(row: Row) -> list[str]:
    """The files that a dataset ends in."""
    zarr = ["volume.ome.zarr/zarr.json"] if row.options["ome_zarr"] else []
    regions = ["regions.csv"] if labels(row) else []
    return ["precomputed/info", *zarr, *regions, "preview.png", "neuroglancer.json"]


def records(row: Row) -> list[str]:
    """What its steps have written down."""
    zarr = ["zarr_check.json"] if row.options["ome_zarr"] else []
    return ["volume.json", "precomputed_check.json", *zarr, *(["labels_check.json"] if labels(row) else [])]


def labels(row: Row) -> list[str]:
    """The table of labels of a segmentation, where it has one."""
    table = row.options.get("labels") if row.pipeline == "atlas" else None
    return [table] if table else []


def inventory(row: Row) -> str:
    """The inventory that a volume is made of: of the source, or of what another pipeline has made to be looked at."""
    return "<source>/inventory.json" if row.pipeline == "atlas" else "<dataset>/tiles.json"


def volume_options(row: Row, options_of) -> dict:
    """The options that the plan of a volume goes by: all but whether there is an OME-Zarr too, so that asking for one
    later makes nothing else again, and the table of labels, which is a file.

    options_of -- a function of pipeline and text: the options that a row with such a text has
    """
    options = row.options if row.pipeline == "atlas" else options_of("atlas", PICTURE)
    return {key: value for key, value in options.items() if key not in ("ome_zarr", "labels")}
