"""Voxels that a stage of the work hands on to the next one: without loss, each block in a file of its own."""

import bisect

import numpy as np

from darkroom import files
from darkroom.atlas import blocks


class Handed:
    """The voxels of a scale in a folder.

    boxes -- those of the blocks, which cut each axis at the same places everywhere
    """

    def __init__(self, folder, boxes):
        self.folder = folder
        self.boxes = {tuple(low for low, _ in box): box for box in boxes}
        self.lows = [sorted(set(column)) for column in zip(*self.boxes, strict=True)]

    def path(self, box):
        """The file of a block."""
        return self.folder / ("_".join(str(low) for low, _ in box) + ".npy")

    def write(self, box, voxels):
        """Keep the voxels (channel, z, y, x) of a block."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(self.path(box), durable=False) as partial, partial.open("wb") as file:
            np.save(file, voxels)

    def read(self, box):
        """Voxels (channel, z, y, x) of any box, put together from blocks. Raises OSError where one is missing."""
        block = None
        for part in self._overlapping(box):
            voxels = np.load(self.path(part), mmap_mode="r")
            if block is None:
                block = np.empty((len(voxels), *(high - low for low, high in reversed(box))), voxels.dtype)
            shared = blocks.common(part, box)
            block[blocks.window(shared, box)] = voxels[blocks.window(shared, part)]
        return block

    def _overlapping(self, box):
        spans = [
            lows[bisect.bisect_right(lows, low) - 1 : bisect.bisect_left(lows, high)]
            for (low, high), lows in zip(box, self.lows, strict=True)
        ]
        return (self.boxes[x, y, z] for z in spans[2] for y in spans[1] for x in spans[0])

    def remove(self):
        """Remove the files of all blocks."""
        for box in self.boxes.values():
            self.path(box).unlink(missing_ok=True)
