"""Hot spots of a map of heat: its cells that are hotter than before by so much, inside or outside a perimeter."""

import numpy as np
import shapely

from darkroom.copernicus.swath import turned

COLUMNS = ("longitude", "latitude", "before", "after", "hotter", "hectares", "inside")
MOST = 10_000  # rows of a table
DECIMALS = (6, 6, 2, 2, 2, 2)  # of the columns


def listed(image, place, above, perimeter=None):
    """The MOST hottest cells as rows of a table, see COLUMNS; how many there are in all, and how many of these inside.

    image -- an open map with the bands before, after and the difference, in one unit
    place -- its grid, in longitude and latitude; above -- the difference from which a cell is a hot spot
    perimeter -- a geometry in longitude and latitude, or None: `inside` is then empty
    """
    columns, rows = place.centres()
    hectares, parts = place.pixel_areas() / 1e4, []
    for window in place.windows():
        bands = image.read(window=window)
        row, column = np.nonzero(bands[2] >= above)
        east, north = turned(columns[window.col_off + column]), rows[window.row_off + row]
        within = np.zeros(len(row)) if perimeter is None else shapely.contains_xy(perimeter, east, north)
        parts.append(np.stack([east, north, *bands[:, row, column], hectares[window.row_off + row], within]))
    spots = np.concatenate(parts, 1)
    hottest = np.lexsort((spots[0], spots[1], -spots[4]))[:MOST]
    table = [np.round(one[hottest], digits).tolist() for one, digits in zip(spots, DECIMALS, strict=False)]
    table.append([("no", "yes")[int(one)] if perimeter else "" for one in spots[6, hottest]])
    told = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*table, strict=True)]
    return told, spots.shape[1], int(spots[6].sum())
