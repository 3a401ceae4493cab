"""Which engine does the work."""


def engine(name):
    """The module that does the work: our own code, or the programs of USGS ISIS; both have the same functions."""
    if name == "isis":
        from darkroom.planetary.engines import isis as module
    else:
        from darkroom.planetary.engines import native as module
    return module
