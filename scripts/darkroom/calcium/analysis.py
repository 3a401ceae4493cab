"""What the steps have made of a session, for those that bring it to other formats, check it and draw it."""

from functools import cached_property
from pathlib import Path

from darkroom.calcium import results, store, tables

NO_CELL = "no cell was found"


class Analysis:
    """The files `plan.STAGES` of a session, each of which is read when it is asked for. Raises KeyError without one."""

    def __init__(self, paths):
        self.paths = {Path(path).name: Path(path) for path in paths}

    @cached_property
    def movie(self):
        """The registered `Movie`."""
        return store.open_movie(self.paths["movie.h5"])

    @cached_property
    def motion(self):
        """By name: shifts (frames, 2) in pixels (y, x), clamped (frames,) and others of `Motion`."""
        return results.load_arrays(self.paths["motion.h5"])[0]

    @cached_property
    def pictures(self):
        """Projections by name, float32 (rows, columns)."""
        return results.load_arrays(self.paths["projections.h5"])[0]

    @cached_property
    def cells(self):
        """The `Cells`."""
        return results.load_cells(self.paths["cells.h5"])

    @cached_property
    def events(self):
        """(times in s, amplitudes) of each cell."""
        return results.load_events(self.paths["events.h5"])

    @cached_property
    def fitted(self):
        """`denoised` and `spikes` (cells, frames), in the unit of the traces."""
        return results.load_arrays(self.paths["events.h5"])[0]

    @cached_property
    def table(self):
        """A row of cells.csv for each cell, as a dict."""
        return tables.read_cells(self.paths["cells.csv"])

    def column(self, name):
        """A value for each cell."""
        return [row[name] for row in self.table]

    @property
    def notes(self):
        """What was done to the movie, and what is to be known of its cells."""
        return [*self.movie.notes, *self.cells.notes, *([] if len(self.cells) else [NO_CELL])]
