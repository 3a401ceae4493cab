"""What a row of the sheet asks of the airborne pipeline."""


def products(row):
    """The files and folders that a row ends in."""
    return ["netcdf/", "metadata/", "quality/", "preview.png", *(["browse/"] if row.options["browse"] else [])]


def pictures(row):
    """The list of the pictures of granules, where these are asked for."""
    return ["<dataset>/pictures.json"] if row.options["browse"] else []


def parts(row, kind):
    """The files that jobs of their own leave of their shares of a folder; none where one job takes all of it.

    kind -- `granules` (conversion) or `reports` (checks)
    """
    jobs = row.options["jobs"]
    return [f"<dataset>/parts/{kind}-{part}of{jobs}.json" for part in range(jobs)] if jobs > 1 else []
