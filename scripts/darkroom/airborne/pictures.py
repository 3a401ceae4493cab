"""Pictures of products: soundings, lidar curtains, swaths, heights of flights, and a map of where they were made."""

import logging
import math

import matplotlib.collections
import matplotlib.dates
import matplotlib.figure
import numpy as np

from darkroom import entrypoint, files
from darkroom.airborne import product, units
from darkroom.airborne.extent import good as good_positions
from darkroom.airborne.extent import wrapped
from darkroom.airborne.granule import in_metres
from darkroom.coastline import coastlines

logger = logging.getLogger(__name__)

TRACK_POINTS = 2000
COLUMNS, ROWS = 900, 300  # of the picture of a curtain
BARBS = 15
OUTLINE = [0, 1, 3, 4, 0]  # of a grid, among the spots of its positions
# Quantities of a sounding, and the units that they are drawn in.
DRAWN = {
    "air_pressure": "hPa", "air_temperature": "degC", "dew_point_temperature": "degC", "wind_from_direction": "degree",
    **dict.fromkeys(("eastward_wind", "northward_wind", "wind_speed"), "m s-1"),
}  # fmt: skip
SOUNDING = 1  # record_kind of a sonde that falls
LEVELS = (1000, 925, 850, 700, 500, 400, 300, 250, 200, 150, 100, 70, 50, 30, 20, 10)  # hPa, the standard ones of WMO


def save(figure, path, durable=True):
    """Write a figure as PNG, the same bytes for the same picture."""
    with files.replacing(path, durable) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def draw_panel(path, axes):
    """Draw a product; one that cannot be drawn says so in its place."""
    try:
        with product.opened(path) as granule:
            panel(granule)(granule, axes)
    except Exception as error:  # a picture stops nothing
        logger.warning("%s: not drawn: %s", path.name, entrypoint.message(error))
        axes.text(0.5, 0.5, f"not drawn: {entrypoint.message(error)}", ha="center", va="center", wrap=True)


def panel(granule):
    """The function that draws a product: a sounding, a curtain, a grid, a swath, or the height of a flight."""
    if curtain_variable(granule):
        return draw_curtain
    if granule.is_grid:
        return draw_grid
    if len(granule.variables["latitude"].dims) > 1:
        return draw_swath
    measured = all(granule.by_standard_name(name) for name in ("air_pressure", "air_temperature"))
    return draw_sounding if measured and "Lines" not in granule.extent.geometry else draw_height


def draw_sounding(granule, axes):
    """Temperature and dew point against pressure, with wind barbs in m/s at the side."""

    def profiles(name):
        variable = granule.by_standard_name(name)
        if variable is None:
            return None
        values = in_units(variable, DRAWN[name])
        return None if values is None else np.split(np.where(falling, values, np.nan), ends)

    kind = granule.variables.get("record_kind")
    falling = kind.array() == SOUNDING if kind else True  # not what a raw file has of before the launch
    ends = np.cumsum(granule.variables["row_size"].array())[:-1] if granule.is_flight_of_sondes else []
    pressure = profiles("air_pressure")
    for name, colour, label in (
        ("air_temperature", "tab:red", "temperature"),
        ("dew_point_temperature", "tab:blue", "dew point"),
    ):
        for number, values in enumerate(profiles(name) or []):
            measured = np.isfinite(values) & np.isfinite(pressure[number])
            label_once = label if number == 0 else None
            axes.plot(values[measured], pressure[number][measured], color=colour, linewidth=1, label=label_once)
    axes.set_yscale("log")
    top, bottom = axes.get_ylim()
    axes.set_yticks([level for level in LEVELS if top <= level <= bottom], minor=False)
    axes.set_yticks([], minor=True)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(bottom, top)
    axes.set(xlabel=DRAWN["air_temperature"], ylabel=f"pressure ({DRAWN['air_pressure']})")
    axes.legend(loc="lower left", fontsize="small")
    east, north = profiles("eastward_wind"), profiles("northward_wind")
    speed, direction = profiles("wind_speed"), profiles("wind_from_direction")
    if not (east and north) and speed and direction:
        east, north = ([-speed[0] * turn(np.radians(direction[0]))] for turn in (np.sin, np.cos))
    if east and north:
        blown = np.flatnonzero(np.isfinite(east[0]) & np.isfinite(north[0]) & np.isfinite(pressure[0]))
        some = blown[evenly(np.log(pressure[0][blown]), BARBS)]
        right = axes.get_xlim()[1] + 0.08 * np.ptp(axes.get_xlim())
        parts = {"half": 2.5, "full": 5, "flag": 25}
        places = np.full(some.size, right), pressure[0][some]
        axes.barbs(*places, east[0][some], north[0][some], length=5, linewidth=0.5, barb_increments=parts)
        axes.set_xlim(axes.get_xlim()[0], right + 0.06 * np.ptp(axes.get_xlim()))


def in_units(variable, target):
    """All values of a variable in other units, or None where it cannot be told in these."""
    try:
        conversion = units.conversion(variable.attrs.get("units", ""), target)
    except ValueError:
        return None
    return None if conversion is None else variable.values() * conversion[0] + conversion[1]


def evenly(values, number):
    """Positions of about `number` values that are evenly spread over their range."""
    if not values.size:
        return np.zeros(0, int)
    bins = np.round((values - values.min()) / (np.ptp(values) or 1) * (number - 1))
    return np.sort(np.unique(bins, return_index=True)[1])


def curtain_variable(granule):
    """The backscatter of a lidar curtain, 532 nm where there are several, or None."""
    if granule.rows != "profile":
        return None
    curtains = {name: item for name, item in granule.variables.items() if item.dims == ("profile", granule.bins)}
    measured = {name: item for name, item in curtains.items() if name != "altitude"}
    return next((item for name, item in measured.items() if "532" in name), next(iter(measured.values()), None))


def draw_curtain(granule, axes):
    """The logarithm of a curtain's means over blocks of profiles and bins, against time and altitude."""
    variable = curtain_variable(granule)
    means = block_means(variable)
    times, altitude = granule.times, granule.variables["altitude"]
    kilometres = 1000 / (in_metres(altitude.attrs.get("units", "m")) or 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shades = np.log10(np.where(means > 0, means, np.nan))
    finite = shades[np.isfinite(shades)]
    low, high = np.percentile(finite, (2, 99)) if finite.size else (0, 1)
    span = [matplotlib.dates.date2num(time) for time in (np.nanmin(times), np.nanmax(times))]
    if "profile" in altitude.dims:
        heights = block_means(altitude) / kilometres
        moments = np.broadcast_to(np.linspace(*span, len(heights))[:, None], heights.shape)
        picture = axes.scatter(
            moments, heights, 4, shades, marker="s", vmin=low, vmax=high, cmap="viridis", linewidths=0
        )
    else:
        height = altitude.values() / kilometres
        extent = (*span, float(height[0]), float(height[-1]))
        picture = axes.imshow(
            shades.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="viridis"
        )
        axes.set_ylim(*sorted(extent[2:]))
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set(ylabel="altitude (km)")
    axes.figure.colorbar(picture, ax=axes, label=f"log10 {label(granule, variable)}", pad=0.01)


def label(granule, variable):
    """Name and units of a variable."""
    name = next(name for name, item in granule.variables.items() if item is variable)
    return f"{name} ({variable.attrs.get('units', '1')})"


def block_means(variable):
    """Means of a curtain (profile, bin) over equal blocks, as (column, row) with NaN where all is missing."""
    profiles, bins = variable.shape
    columns, rows = min(COLUMNS, profiles), min(ROWS, bins)
    column = np.arange(profiles) * columns // profiles
    lowest = np.unique(np.arange(rows) * bins // rows)
    sums, counts = np.zeros((columns, len(lowest))), np.zeros((columns, len(lowest)))
    for first, last, stored in variable.blocks():
        values = variable.physical(stored)
        finite = np.isfinite(values)
        at = column[first:last]
        starts = np.flatnonzero(np.diff(at, prepend=-1))
        for total, part in ((sums, np.where(finite, values, 0)), (counts, finite.astype("f8"))):
            total[at[starts]] += np.add.reduceat(np.add.reduceat(part, starts, axis=0), lowest, axis=1)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def swath_variable(granule):
    """The first measured variable of a swath (scan, spot, ...), or its latitude."""
    places = [granule.variables[name] for name in ("latitude", "longitude")]
    several = (item for item in granule.variables.values() if item.dims[:2] == places[0].dims)
    measured = (item for item in several if item not in places and " since " not in item.attrs.get("units", ""))
    return next(measured, places[0])


def draw_swath(granule, axes):
    """The first measured variable of a swath, scan by scan."""
    variable = swath_variable(granule)
    step = -(-variable.shape[0] // COLUMNS)
    values = variable.values()[::step]
    values = values.reshape(*values.shape[:2], -1)
    values = values[..., values.shape[2] // 2]
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0, 1)
    extent = (0, variable.shape[0], 0, variable.shape[1])
    picture = axes.imshow(values.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, cmap="viridis")
    axes.set(xlabel="scan", ylabel="spot")
    axes.figure.colorbar(picture, ax=axes, label=label(granule, variable), pad=0.01)


def draw_grid(granule, axes):
    """The first field of a grid: of its first time, and the middle of other dimensions."""
    sides = ("latitude", "longitude")
    fields = [item for item in granule.variables.values() if item.dims[-2:] == sides]
    if not fields:
        raise ValueError("no variable has the dimensions of the grid")
    stored = fields[0].read(0, 1)[0] if len(fields[0].dims) > 2 else fields[0].array()
    while stored.ndim > 2:
        stored = stored[stored.shape[0] // 2]
    latitude, longitude = (granule.variables[name].values() for name in sides)
    rows, columns = (slice(None, None, -(-length // COLUMNS)) for length in stored.shape)
    values = fields[0].physical(stored[rows, columns])
    picture = axes.pcolormesh(longitude[columns], latitude[rows], values, cmap="viridis", shading="nearest")
    axes.set(xlabel="longitude (degrees east)", ylabel="latitude (degrees north)")
    axes.figure.colorbar(picture, ax=axes, label=label(granule, fields[0]), pad=0.01)


def draw_height(granule, axes):
    """The altitude of a flight against time."""
    name = "altitude" if "altitude" in granule.variables else "latitude"
    variable = granule.variables[name]
    values = variable.values()
    some = slice(None, None, -(-len(values) // TRACK_POINTS))
    axes.plot(granule.times[some].astype("M8[us]"), values[some], linewidth=1)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.set(ylabel=f"{name} ({variable.attrs['units']})")


def draw_map(paths, number, axes):
    """Tracks and coastlines on a plain grid of degrees; tracks across longitude 180 stay in one piece."""
    tracks = [track for track in map(read_track, paths) if track[0].size]
    around = tracks[0][0].mean() if tracks else 0
    for longitude, latitude in tracks:
        longitude = longitude + 360 * round((around - longitude.mean()) / 360)
        axes.plot(longitude, latitude, linewidth=1, marker="o", markersize=3, markevery=[0])
    axes.margins(0.1)
    if tracks:
        middle = np.concatenate([latitude for _, latitude in tracks]).mean()
        west, east, south, north = (*axes.get_xlim(), *axes.get_ylim())
        narrow = 1 / max(0.1, math.cos(math.radians(middle)))
        box = axes.get_position()
        wide = box.width * axes.figure.get_figwidth() / (box.height * axes.figure.get_figheight())
        breadth = max(east - west, (north - south) * narrow * wide, 2.0)
        height = min(180.0, max(north - south, breadth / (narrow * wide)))
        south = min(max((south + north - height) / 2, -90.0), 90.0 - height)
        axes.set_xlim((west + east - breadth) / 2, (west + east + breadth) / 2)
        axes.set_ylim(south, south + height)
        draw_coast(axes)
    axes.xaxis.set_major_formatter(lambda degrees, _: _degrees(float(wrapped(degrees)), "W", "E"))
    axes.yaxis.set_major_formatter(lambda degrees, _: _degrees(degrees, "S", "N"))
    axes.locator_params(nbins=6)
    axes.grid(linewidth=0.4)
    axes.set_title(f"{number} granule{'s' * (number > 1)}", fontsize="medium")


def draw_coast(axes):
    """Coastlines within the limits of a map."""
    west, east, south, north = (*axes.get_xlim(), *axes.get_ylim())
    turns = range(math.floor((west - 180) / 360), math.ceil((east + 180) / 360) + 1)
    lines = [coast + np.array([360 * turn, 0]) for turn in turns for coast in coastlines()]
    seen = [line for line in lines if (line.max(0) >= (west, south)).all() and (line.min(0) <= (east, north)).all()]
    coast = matplotlib.collections.LineCollection(seen, colors="0.55", linewidths=0.7, zorder=1)
    axes.add_collection(coast, autolim=False)


def read_track(path):
    """Longitude and latitude of a product's good positions, thinned, without jumps at longitude 180."""
    with product.opened(path) as granule:
        _, latitude, longitude = granule.positions()
        if granule.is_grid:
            return longitude[0, OUTLINE], latitude[0, OUTLINE]
    if latitude.ndim == 2:
        latitude, longitude = (degrees[:, degrees.shape[1] // 2] for degrees in (latitude, longitude))
    good = good_positions(latitude, longitude)
    step = max(1, int(good.sum()) // TRACK_POINTS)
    return np.unwrap(longitude[good][::step], period=360), latitude[good][::step]


def _degrees(value, negative, positive):
    """Degrees for people: 65.9°W."""
    return f"{round(abs(value), 4):g}°{negative if value < 0 else positive if value else ''}"
