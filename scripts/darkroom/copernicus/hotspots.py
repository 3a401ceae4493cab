"""Hot spots of a map of heat: its cells that are hotter than before by so much, inside or outside a perimeter."""

import numpy as np
import shapely

COLUMNS = ("longitude", "latitude", "before", "after", "hotter", "hectares", "inside")
MOST = 10_000  # rows of a table
DIGITS = 6  # of degrees


def found(image, place, above, perimeter=None):
    """Rows of a table, see COLUMNS, the hottest first; their number may be more than MOST.

    image -- an open map with the bands before, after and the difference, in one unit
    place -- its grid, in longitude and latitude; above -- the difference from which a cell is a hot spot
    perimeter -- a geometry in longitude and latitude, or None: `inside` is then empty
    """
    columns, rows = place.centres()
    hectares, spots = place.pixel_areas() / 1e4, []
    for window in place.windows():
        before, after, hotter = image.read(window=window)
        for row, column in np.argwhere(hotter >= above):
            east, north = columns[window.col_off + column], rows[window.row_off + row]
            values = [round(float(band[row, column]), 2) for band in (before, after, hotter)]
            within = perimeter is not None and bool(shapely.contains_xy(perimeter, east, north))
            told = "" if perimeter is None else "yes" if within else "no"
            size = round(float(hectares[window.row_off + row]), 2)
            spots.append((round(float(east), DIGITS), round(float(north), DIGITS), *values, size, told))
    spots.sort(key=lambda row: (-row[4], row[1], row[0]))
    return [dict(zip(COLUMNS, row, strict=True)) for row in spots]
