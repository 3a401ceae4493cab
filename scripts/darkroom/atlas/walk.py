"""The way through a volume that `regions` has cut: region by region, then what these leave, a block at a time.

What is done of a region is remembered in a folder, so that jobs can share a volume, and none has to begin anew.
"""

import itertools
import logging
import math
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darkroom import files
from darkroom.atlas import regions
from darkroom.atlas.handed import Handed

logger = logging.getLogger(__name__)


class Walk:
    """Work on all scales of a planned volume; what that work is say `opened`, `work` and `end` of a subclass.

    state -- a folder of what is known of regions
    threads -- how many work; with several, a block is read while the one before is worked on
    """

    def __init__(self, planned, state, threads):
        self.planned, self.state, self.threads = planned, state, threads
        self.regions = regions.regions(planned)
        self.count = len(planned["info"]["scales"])
        state.mkdir(parents=True, exist_ok=True)

    def opened(self):
        """What scale 0 is read from, `read(box)`, as a context manager."""
        raise NotImplementedError

    def work(self, name, stage, block, voxels, pool):
        """Work on a block of a stage of `name`, a region or the rest; returns what it hands on, if anything."""
        raise NotImplementedError

    def end(self, name, pool):
        """End the work on `name`, when all of its blocks were worked on; returns what to remember of it, as JSON."""
        raise NotImplementedError

    def do_regions(self, numbers):
        """Work on the regions of these numbers that are not done yet.

        Raises ValueError naming the file when the source is damaged or a value does not fit.
        """
        missing = [number for number in numbers if not self.mark(number).is_file()]
        if not missing:
            return
        with self.opened() as source:
            for number in missing:
                stages = regions.made_of(self.planned, self.regions[number])
                files.write_json(self.mark(number), self._through(f"region-{number}", stages, source.read))
                logger.info("region %d of %d: voxels %s", number + 1, len(self.regions), self.regions[number])

    def do_share(self, part, parts):
        """Do the regions that are share `part` of `parts`; gives their numbers."""
        numbers = regions.share(self.regions, part, parts)
        self.do_regions(numbers)
        return list(numbers)

    def do_rest(self):
        """Work on what is still missing of regions, and on the scales that none of them makes."""
        stages = regions.left(self.planned)
        last = [regions.made_of(self.planned, region)[-1][1] for region in self.regions] if stages else []
        for number, last_blocks in enumerate(last):
            handed = self._handed_to_rest(last_blocks)
            if not all(handed.path(block.own[-1]).is_file() for block in last_blocks):
                self.mark(number).unlink(missing_ok=True)
        self.do_regions(range(len(self.regions)))
        handed = self._handed_to_rest(itertools.chain.from_iterable(last))
        return self._through("rest", stages, handed.read) if stages else {}

    def forget(self):
        """Leave nothing of what was remembered, by this work or by one of other inputs."""
        shutil.rmtree(self.state.parent, ignore_errors=True)

    def mark(self, number):
        """The file that remembers what was done of a region."""
        return self.state / f"region-{number}.json"

    def _through(self, name, stages, read):
        """Go through stages that follow each other; what one hands on, the next one reads."""
        own = None
        with ThreadPoolExecutor(self.threads) as pool:
            for stage, stage_blocks in stages:
                handed = self._handed(name, stage, stage_blocks)
                for block, voxels in ahead(stage_blocks, read, self.threads > 1 and self._is_small(stage_blocks[0])):
                    voxels = self.work(name, stage, block, voxels, pool)
                    if handed:
                        handed.write(block.own[-1], voxels)
                if own:
                    own.remove()
                own, read = handed, handed and handed.read
            told = self.end(name, pool)
        files.settle(self.state)
        return told

    def _is_small(self, block):
        """Whether one block more may be in memory."""
        info = self.planned["info"]
        values = math.prod(high - low for low, high in block.needed[0]) * info["num_channels"]
        return values * np.dtype(info["data_type"]).itemsize <= regions.AHEAD

    def _handed(self, name, stage, stage_blocks):
        """Where a stage hands on to: the next one of its region, or what is left to the end."""
        if stage.last == self.count:
            return None
        if name != "rest" and stage.last == regions.Cut.of(self.planned).scales:
            return self._handed_to_rest(stage_blocks)
        return Handed(self.state / f"{name}-{stage.last}", [block.own[-1] for block in stage_blocks])

    def _handed_to_rest(self, last_blocks):
        """Where regions hand on to what is left to the end."""
        return Handed(self.state / "handed", [block.own[-1] for block in last_blocks])


def ahead(stage_blocks, read, together):
    """(block, its voxels) of each block; `together`: the next are read while those before are worked on."""
    if not together:
        yield from ((block, read(block.needed[0])) for block in stage_blocks)
        return
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read, stage_blocks[0].needed[0])
        for number, block in enumerate(stage_blocks, 1):
            voxels = reading.result()
            if number < len(stage_blocks):
                reading = reader.submit(read, stage_blocks[number].needed[0])
            yield block, voxels
