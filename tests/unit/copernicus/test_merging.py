"""Several times become one map: numpy has the same of all values at once, and memory does not grow with the times."""

import numpy as np
import pytest

from darkroom.copernicus import merging, variants
from darkroom.copernicus.grid import Grid
from darkroom.copernicus.stack import Layer

VALUES = np.random.default_rng(11).normal(280, 10, (7, 6, 5)).astype(np.float32)
VALUES[VALUES < 274] = np.nan
VALUES[:, 0, 0] = np.nan


class Shown:
    """A stack in memory, of as many times as there are values."""

    def __init__(self, values):
        self.grid = Grid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 4096, 4096)
        self.begins, self.layers, self.read = [""] * len(values), [Layer("SST", "x", "K")], []
        self.values = values

    def get(self, name, at, window):
        self.read.append(at)
        return self.values[at]


def merged(how, values=VALUES):
    shown = Shown(values)
    return merging.merged(variants.Variant("own", "gridded", "x", ["SST"], how), shown, shown.get, None), shown.read


@pytest.mark.parametrize(("how", "judge"), [("mean", np.nanmean), ("median", np.nanmedian), ("max", np.nanmax)])
@pytest.mark.filterwarnings("ignore:(Mean of empty|All-NaN)")
def test_what_numpy_makes_of_all_at_once(how, judge):
    (made,), read = merged(how)
    assert made.dtype == np.float32 and made == pytest.approx(
        judge(VALUES.astype(float), axis=0), rel=1e-6, nan_ok=True
    )
    assert read == list(range(7))


def test_the_last_value_of_each_pixel():
    (made,), _ = merged("last")
    for row, column in np.ndindex(made.shape):
        seen = VALUES[:, row, column][~np.isnan(VALUES[:, row, column])]
        assert np.isnan(made[row, column]) if not len(seen) else made[row, column] == seen[-1]


@pytest.mark.parametrize(("how", "dates"), [("difference", [0, 6]), ("change", [0, 6]), ("anomaly", list(range(7)))])
def test_dates_that_are_compared_are_read_and_no_others(how, dates):
    (before, after, result), read = merged(how)
    assert sorted(set(read)) == dates and np.array_equal(after, VALUES[6], equal_nan=True)
    assert np.array_equal(result, before - after if how == "difference" else after - before, equal_nan=True)


def test_blocks_are_smaller_only_where_all_times_are_needed_together():
    sides = {
        (how, times): next(
            iter(merging.windows(variants.Variant("own", "s2", "x", ["B04"], how), Shown([0] * times)))
        ).width
        for how in ("mean", "median")
        for times in (1, 365)
    }
    assert sides == {("mean", 1): 1024, ("mean", 365): 1024, ("median", 1): 1024, ("median", 365): 128}
