"""Boxes of voxels, and how they are cut into chunks."""


def chunks(box, sides):
    """The chunks of `sides` x, y, z that fill a box whose lower corner lies on the chunk grid, x fastest."""
    spans = [intervals(low, high, side) for (low, high), side in zip(box, sides, strict=True)]
    return ((x, y, z) for z in spans[2] for y in spans[1] for x in spans[0])


def intervals(low, high, side):
    """What [low, high) is cut into from its start."""
    return [(start, min(start + side, high)) for start in range(low, high, side)]


def common(box, other):
    """The box in which two boxes overlap."""
    return tuple((max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, other, strict=True))


def window(part, box):
    """Index of `part` in an array (channel, z, y, x) that covers `box`."""
    x, y, z = (slice(low - start, high - start) for (low, high), (start, _) in zip(part, box, strict=True))
    return slice(None), z, y, x
