"""What a row of the sheet asks of the airborne pipeline."""


def parts(row, kind):
    """The files that jobs of their own leave of their shares of a folder; none where one job takes all of it.

    kind -- `granules` (conversion) or `reports` (checks)
    """
    jobs = row.options["jobs"]
    return [f"<dataset>/parts/{kind}-{part}of{jobs}.json" for part in range(jobs)] if jobs > 1 else []
