"""What was done to a cube and what was left out, as its label tells it."""

from darkroom.planetary.formats import pvl


def noted(groups, done=(), skipped=()):
    """The groups of a cube with what was done to it, or left out, added to its group Darkroom."""
    written = {"Done": (*notes(groups, "Done"), *done), "Skipped": (*notes(groups, "Skipped"), *skipped)}
    others = {name: group for name, group in groups.items() if name != "Darkroom"}
    return others | {"Darkroom": pvl.Block(written, "Group")}


def notes(groups, key):
    """The sentences of a cube's group Darkroom under `Done` or `Skipped`."""
    value = groups.get("Darkroom", {}).get(key, ())
    return value if isinstance(value, tuple) else (value,)
