"""Write the scales of a planned volume, region by region; `regions` says how it is cut.

Scales are of any format that has the methods of `precomputed.Scale`, or of several, which are made from one read of the
source. Several jobs may make regions of one volume at the same time; the last one makes what is missing, and the
coarsest scales.
"""

import contextlib
import itertools
import logging
import shutil
from pathlib import Path

import numpy as np

from darkroom import files
from darkroom.atlas import blocks, downsample, orientation, precomputed, regions, shards, volume
from darkroom.atlas.stack import name as stack_name
from darkroom.atlas.stack import open_stack
from darkroom.atlas.walk import Walk

MARKER = ".unfinished"  # in the folder of a volume until all of it is there: what is known of its regions

logger = logging.getLogger(__name__)


class Pyramid(Walk):
    """A planned volume on its way into a folder for each format.

    volumes -- for each format the file that says that all is there, which it is not from here on: every scale, finest
        first. What is known of regions is in the folder of the first
    inputs -- files that all of it follows from. What jobs have done by other ones counts for nothing
    """

    def __init__(self, volumes, inputs, planned, threads):
        self.volumes, self.spools = volumes, {}
        for index in volumes:
            index.unlink(missing_ok=True)
        first, *others = (index.parent for index in volumes)
        names = [*(files.digest(path)[:16] for path in inputs), *(folder.name for folder in others)]
        super().__init__(planned, first / MARKER / "-".join(names), threads)

    @contextlib.contextmanager
    def opened(self):
        """The source, converted and turned."""
        with open_stack(self.planned["source"], self.threads) as stack:
            yield Source(self.planned, stack)

    def work(self, name, stage, block, voxels, pool):
        """Write the chunks of a block in all scales of a stage, each made of the one before."""
        labels, written = self.planned["values"]["labels"], []
        for step, (own, box) in enumerate(zip(block.own, block.needed, strict=True)):
            number = stage.first + step
            if step:
                fine, coarse = self.planned["info"]["scales"][number - 1 : number + 1]
                voxels = coarser(voxels, block.needed[step - 1], fine, coarse, box, labels)
            for scales in self.volumes.values() if number < stage.last else ():
                put, scale = self._put(name, scales[number]), scales[number]
                for chunk in blocks.chunks(own, scale.sides):
                    written.append(pool.submit(_write, scale, put, chunk, voxels[blocks.window(chunk, box)]))
        for writing in written:
            writing.result()
        return voxels

    def _put(self, name, scale):
        """What takes the chunks of a scale: files of their own, or what becomes shards."""
        if not scale.sharded:
            return scale.put
        if scale not in self.spools:
            self.spools[scale] = shards.Spool(scale, self.state / f"{name}-shards-{len(self.spools)}")
        return self.spools[scale].put

    def end(self, name, pool):
        """Write the shards."""
        list(pool.map(shards.Spool.pack, self.spools.values()))
        self.spools = {}
        return {}

    def finish(self):
        """Make all that is still missing, and leave nothing in the folders but the scales and what is to be forgotten
        once the indexes are there."""
        self.do_rest()
        for index, scales in self.volumes.items():
            for scale in scales:
                for name in itertools.filterfalse(scale.holds, scale.names()):
                    logger.info("removed: %s is no file of this volume", scale.folder / name)
                    Path(scale.folder, name).unlink()
            for path in set(index.parent.iterdir()) - {scale.folder for scale in scales} - {self.state.parent}:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _write(scale, put, chunk, voxels):
    put(chunk, scale.encode(voxels))


def coarser(voxels, box, fine, coarse, target, labels):
    """Voxels (channel, z, y, x) of box `target` of a scale, from those that fill `box` of the finer one."""
    needed = regions.finer(fine, coarse, target)
    part = blocks.common(needed, box)
    before = [(low - start, 0) for (start, _), (low, _) in zip(needed, part, strict=True)]
    block = voxels[blocks.window(part, box)]
    if any(low for low, _ in before):
        block = np.pad(block, [(0, 0), *reversed(before)], mode="edge")
    factors = precomputed.factors(fine, coarse)
    return downsample.halve(block, [3 - axis for axis, factor in enumerate(factors) if factor == 2], labels)


class Source:
    """The source of a volume as what its first stage starts from."""

    def __init__(self, planned, stack):
        self.planned, self.stack = planned, stack
        self.axes = orientation.parse(planned["orientation"])
        self.convert = volume.converter(planned["values"])

    def read(self, box):
        """Voxels (channel, z, y, x) of a box of scale 0."""
        size = self.planned["info"]["scales"][0]["size"]
        (left, right), (top, bottom), (first, last) = (
            orientation.source_interval(*box[axis], size[axis], sign) for axis, sign in self.axes
        )
        planes = self.stack.read(first, last, top, bottom, left, right)
        return orientation.to_ras(self._converted(planes, first), self.axes)

    def _converted(self, planes, first):
        """One plane after the other, because a conversion takes many times the memory of what it converts."""
        kind = np.dtype(self.planned["values"]["data_type"])
        if volume.is_cast(self.planned["values"], planes.dtype):
            return planes.astype(kind, copy=not planes.flags.writeable)
        stored = planes if planes.dtype == kind and planes.flags.writeable else np.empty(planes.shape, kind)
        for number, plane in enumerate(planes):
            try:
                stored[number] = self.convert(plane)
            except ValueError as error:
                where = f"{stack_name(self.planned['source'])}, slice {first + number}"
                raise ValueError(f"{where}: {error}") from error
        return stored
