"""What can be said of a cell in numbers, and which of them make it a cell."""

import operator

import numpy as np
from scipy import ndimage

# IDPS's words for what a cell is judged by, and the column that has it
STATISTICS = {"SNR": "snr", "Event Rate": "event_rate", "Cell Size": "size", "# Comps": "components"}
OPERATORS = {"<": operator.lt, "=": operator.eq, ">": operator.gt}
HALF = 0.5  # share of its peak down to which a footprint is the cell's body


def cell_metrics(cells, events, timing, pixel_size=None):
    """Columns by name, one value per cell.

    centroid_y, centroid_x -- pixels, weighted by the footprint; size -- diameter in pixels of a disc as large as the
    part of the footprint above half of its peak; area -- pixels of that part; snr -- median height of its events over
    the noise of its trace, both in counts' own unit (0 without events); event_rate -- Hz over the time that was
    recorded; components -- pieces of the footprint; touches_border -- whether its body reaches the edge of the field.
    With `pixel_size` (y, x) in micrometres also centroid_y_um, centroid_x_um, size_um.

    events -- per cell (times, heights), in the unit of `cells.traces`
    """
    recorded = max(len(timing.times) * float(timing.period), 1e-12)
    noise = cells.noise if cells.unit == "df" else np.ones(len(cells))
    columns = {
        name: []
        for name in ("centroid_y", "centroid_x", "size", "area", "snr", "event_rate", "components", "touches_border")
    }
    for cell, image in enumerate(cells.images()):
        scale = _scale(cells, cell)
        body = image > HALF * image.max() if image.any() else np.zeros(image.shape, bool)
        y, x = ndimage.center_of_mass(np.maximum(image, 0)) if body.any() else (np.nan, np.nan)
        area = int(np.count_nonzero(body))
        heights = np.asarray(events[cell][1])
        row = (
            y, x, 2 * np.sqrt(area / np.pi), area,
            float(np.median(heights) / (noise[cell] * scale)) if len(heights) and noise[cell] > 0 else 0.0,
            len(heights) / recorded, int(cells.components[cell]),
            bool(body[[0, -1]].any() or body[:, [0, -1]].any()),
        )  # fmt: skip
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    columns = {name: np.array(values) for name, values in columns.items()}
    if pixel_size is not None:
        columns["centroid_y_um"], columns["centroid_x_um"] = (
            columns[name] * pixel for name, pixel in zip(("centroid_y", "centroid_x"), pixel_size, strict=True)
        )
        columns["size_um"] = columns["size"] * np.sqrt(pixel_size[0] * pixel_size[1])
    return columns


def _scale(cells, cell):
    """What a count at the peak of a footprint is in the unit of its trace, where that is counts."""
    if cells.unit != "df":
        return 1.0
    weights = np.maximum(cells.footprints[[cell]].data, 0)
    return float(weights.sum() / max(1, np.count_nonzero(weights)))


def judged(metrics, filters):
    """Per cell "accepted" where it passes every filter and "rejected" where it fails one; "undecided" without filters.

    filters -- (statistic, operator, value) each, such as ("SNR", ">", 3) or ("# Comps", "=", 1)

    Raises ValueError naming a filter that is none.
    """
    count = len(metrics["size"])
    if not filters:
        return ["undecided"] * count
    passed = np.ones(count, bool)
    for one in filters:
        try:
            statistic, sign, value = one
            column, compare = metrics[STATISTICS[statistic]], OPERATORS[sign]
            passed &= compare(column, float(value))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"filters: {one!r} is not [statistic, operator, number] with one of {', '.join(STATISTICS)} and one of "
                f"{' '.join(OPERATORS)}"
            ) from error
    return ["accepted" if one else "rejected" for one in passed]
