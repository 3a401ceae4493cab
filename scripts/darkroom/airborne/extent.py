"""Where and when a granule is: its box, and its track or swath as the shapes that NASA's catalogue (CMR) takes.

CMR joins the points of lines and polygons by great circles. It refuses a line that has a point twice, and wants
polygons closed and counter-clockwise (UMM-G 1.6.6 schema; its checks: spatial-lib of nasa/Common-Metadata-Repository).
Shapes that cross longitude 180 are cut there, so that they are right for readers that know no sphere, too.
"""

import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np

EARTH = 6371008.8  # m, mean radius (IUGG)
TOLERANCE = 1000.0  # m that a simplified track may be off
MOST_POINTS, MOST_LEGS = 100, 24
DECIMALS = 5  # of degrees: 1 m
POLAR = 80.0  # degrees of latitude above which a long step of longitude is taken for one past the pole
SOUNDING = 20  # times the height that a sounding passes through, it is less broad than that


@dataclass
class Extent:
    """Where and when a granule is.

    begin, end -- first and last moment with a position, datetime64[ns], as NASA's archives publish them
    box -- west, south, east, north in degrees; west > east where longitude 180 is inside
    geometry -- {kind: shapes}: `Points` of (longitude, latitude), `Lines` and `GPolygons` of lists of points,
        `BoundingRectangles` of (west, south, east, north)
    deviation -- distance in m by which simplified lines are off the track at most
    """

    begin: np.datetime64
    end: np.datetime64
    box: tuple
    geometry: dict
    deviation: float = 0.0


def extent(times, latitude, longitude, height=0.0, places=None):
    """The extent of a granule's positions.

    times -- datetime64[ns] of the rows, or of each spot, NaT where missing
    latitude, longitude -- degrees (row,) of a track, or (row, spot) of a swath of two spots or more; NaN where missing
    height -- m between its lowest and its highest position: a sounding is described by its box, a flight by its track
    places -- latitudes and longitudes of soundings on their own, whose samples the positions are

    Raises ValueError when no time or no position is known.
    """
    every, swath = good(latitude, longitude), latitude.ndim == 2
    placed = every.any(1) if swath else every
    times = times if places else times[every] if times.ndim > 1 else times[placed]
    if not placed.any() or np.isnat(times).all():
        lacking = "time of a position" if placed.any() else "position"
        raise ValueError(f"no {lacking} is known; no catalogue can find it")
    path = [in_turns(values) if swath else values for values in (longitude, latitude, every)]
    around = box(path[0][path[2]], path[1][path[2]])
    shapes, deviation = {}, 0.0
    if swath:
        whole = every.all(1)
        outlines, deviation = polygons(longitude[whole], latitude[whole]) if whole.any() else ([], 0.0)
        shapes = {"GPolygons": outlines}
    elif places:
        at = good(*places)
        vectors = on_sphere(places[1][at], places[0][at])
        shapes = {"Points": list(dict.fromkeys(place(vector) for vector in vectors))}
    elif height * SOUNDING < diagonal(*around):
        tracks, deviation = lines(longitude[placed], latitude[placed])
        shapes = {"Lines": tracks}
    west, south, east, north = around
    if max(breadth(west, east), north - south) < 10.0**-DECIMALS:
        shapes = {"Points": [(round(east, DECIMALS), round(north, DECIMALS))]}
    if not any(shapes.values()):
        shapes = {"BoundingRectangles": rectangles(*around)}
    return Extent(np.nanmin(times), np.nanmax(times), around, shapes, deviation)


def extent_of_grid(times, latitude, longitude):
    """The extent of a grid: the box of its points.

    times -- datetime64[ns], NaT where missing
    latitude, longitude -- degrees of its sides, which go up or down throughout; what is around the Earth has all of it

    Raises ValueError when no time is known.
    """
    if np.isnat(times).all():
        raise ValueError("no time of the grid is known; no catalogue can find it")
    ends = np.sort(longitude[[0, -1]])
    if ends[1] - ends[0] + (ends[1] - ends[0]) / (longitude.size - 1) > 360 - 1e-3:
        west, east = -180.0, 180.0
    else:
        west, east = (float(end if abs(end) <= 180 else wrapped(end)) for end in ends)
    around = (west, float(latitude.min()), east, float(latitude.max()))
    return Extent(np.nanmin(times), np.nanmax(times), around, {"BoundingRectangles": rectangles(*around)})


def time_text(moment):
    """A moment as text in UTC, to the millisecond where that is not 0: `2012-09-07T12:41:16Z`."""
    milliseconds = math.floor(np.datetime64(moment, "ns").astype("i8") / 1e6 + 0.5)
    return str(np.datetime64(milliseconds, "ms")).removesuffix(".000") + "Z"


def good(latitude, longitude):
    """Which positions are on the Earth; one of exactly 0 N 0 E is what a receiver without a fix tells."""
    with np.errstate(invalid="ignore"):
        on_earth = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360)
    return on_earth & ((latitude != 0) | (longitude != 0))


def in_turns(spots):
    """Values (scan, spot) as one path: every other scan is taken backwards, so that neighbours stay neighbours."""
    spots = spots.copy()
    spots[1::2] = spots[1::2, ::-1]
    return spots.ravel()


def breadth(west, east):
    """Degrees of longitude from west to east."""
    return east - west if east >= west else east - west + 360


def diagonal(west, south, east, north):
    """Length in m of the diagonal of a box."""
    middle = np.cos(np.radians((south + north) / 2))
    return np.radians(np.hypot(breadth(west, east) * middle, north - south)) * EARTH


def wrapped(longitude):
    """Longitude in degrees from -180 to below 180."""
    return (np.asarray(longitude, "f8") + 180) % 360 - 180


def box(longitude, latitude):
    """West, south, east, north in degrees of a path that does not jump; west > east where longitude 180 is inside.

    A path that goes around or past a pole has the whole cap as its box. Sides are positions of the path, as given.
    """
    south, north = float(np.min(latitude)), float(np.max(latitude))
    around = np.where(np.abs(longitude) <= 180, longitude, wrapped(longitude))
    turned = np.unwrap(around, period=360)
    steps = np.abs(np.diff(turned))
    first, last = int(turned.argmin()), int(turned.argmax())
    past_pole = steps.size and steps.max() > 90 and max(abs(south), abs(north)) > POLAR
    if turned[last] - turned[first] > 360 - 1e-6 or past_pole:
        near = max(abs(south), abs(north)) > POLAR
        return -180.0, -90.0 if near and -south > north else south, 180.0, 90.0 if near and north > -south else north
    west, east = float(around[first]), float(around[last])
    return -180.0 if west == 180 and east < 180 else west, south, 180.0 if east == -180 < west else east, north


def rectangles(west, south, east, north):
    """A box as one rectangle, or as two that meet at longitude 180."""
    corners = [round(float(value), DECIMALS) for value in (west, south, east, north)]
    west, south, east, north = corners
    return [(west, south, 180.0, north), (-180.0, south, east, north)] if west > east else [tuple(corners)]


def lines(longitude, latitude, tolerance=TOLERANCE, most=MOST_POINTS):
    """A track as lines of few points, and the distance in m by which they are off it at most.

    Returns a list of lists of (longitude, latitude), and that distance. It is above the tolerance only where `most`
    points do not suffice. A track without extent has no line.
    """
    vectors = on_sphere(longitude, latitude)
    kept, deviation = simplified(vectors, tolerance, most)
    parts, part = [], []
    for start, end in itertools.pairwise([vectors[kept[0]], *vectors[kept]]):
        point = place(end)
        if part and abs(part[-1][0] - point[0]) > 180:
            latitude = place(crossing(start, end))[1]
            side = 180.0 if part[-1][0] > 0 else -180.0
            parts.append([*part, (side, latitude)])
            part = [(-side, latitude)]
        if point in part[:-1]:
            parts.append(part)
            part = part[-1:]
        if point not in part:
            part.append(point)
    unique = (list(dict.fromkeys(part)) for part in [*parts, part])
    return [part for part in unique if len(part) > 1], deviation


def simplified(vectors, tolerance, most):
    """Positions of the points to keep of a path on the unit sphere, and how far in m the rest is off at most.

    The farthest point is added until all are within the tolerance: the splits of Douglas and Peucker (1973), the worst
    first, so that the best `most` are found when they do not suffice.
    """

    def farthest(first, last):
        distance = EARTH * from_arc(vectors[first + 1 : last], vectors[first], vectors[last])
        index = int(np.argmax(distance))
        return -float(distance[index]), first, first + 1 + index, last

    kept = {0, len(vectors) - 1}
    open_arcs = [farthest(0, len(vectors) - 1)] if len(vectors) > 2 else []
    while open_arcs and -open_arcs[0][0] > tolerance and len(kept) < most:
        _, first, middle, last = heapq.heappop(open_arcs)
        kept.add(middle)
        for ends in ((first, middle), (middle, last)):
            if ends[1] - ends[0] > 1:
                heapq.heappush(open_arcs, farthest(*ends))
    return sorted(kept), max(0.0, -open_arcs[0][0]) if open_arcs else 0.0


def from_arc(points, start, end):
    """Angle in radians of unit vectors (n, 3) from the great-circle arc between two."""
    pole = np.cross(start, end)
    length = np.linalg.norm(pole)
    if length < 1e-12:
        return np.minimum(angle(points, start), angle(points, end))
    pole /= length
    ahead, back, beside = (points @ np.stack([np.cross(pole, start), np.cross(end, pole), pole], 1)).T
    away = np.arcsin(np.minimum(np.abs(beside), 1))
    past = np.flatnonzero((ahead < 0) | (back < 0))
    away[past] = np.minimum(angle(points[past], start), angle(points[past], end))
    return away


def angle(points, other):
    """Angle in radians between unit vectors, exact for small ones."""
    return 2 * np.arcsin(np.minimum(np.linalg.norm(points - other, axis=-1) / 2, 1))


def polygons(longitude, latitude):
    """A swath as few polygons, and the distance in m by which footprints lie outside of them at most.

    Returns a list of lists of (longitude, latitude), closed and counter-clockwise, and that distance.

    longitude, latitude -- arrays (scan, spot) in degrees without missing values; spots are in order across the track

    Each nearly straight leg of the track becomes the convex hull of its footprints, without corners that hardly count:
    such a ring never crosses itself. A swath without breadth, or one around a pole, has no polygon.
    """
    spots = on_sphere(longitude, latitude)
    left, right = spots[:, 0], spots[:, -1]
    middle = left + right
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    width = EARTH * float(np.median(angle(left, right)))
    turns, _ = simplified(middle, max(TOLERANCE, width / 2), MOST_LEGS + 1)
    legs = itertools.pairwise(turns if len(turns) > 1 else turns * 2)
    hulls = [hull(np.concatenate([left[first : last + 1], right[first : last + 1]])) for first, last in legs]
    if any(len(corners) < 3 or around_pole(corners) for corners in hulls):
        return [], 0.0
    outlines, deviations = [], []
    for corners in hulls:
        kept, deviation = simplified(np.vstack([corners, corners[:1]]), min(TOLERANCE, width / 20), MOST_POINTS)
        outlines += rings(corners[kept[:-1]])
        deviations.append(deviation)
    return outlines, max(deviations)


def hull(vectors):
    """Convex hull on the sphere, counter-clockwise seen from outside, of points of less than a hemisphere.

    In the gnomonic projection great circles are straight, so that the plane's hull is the sphere's (monotone chain of
    Andrew, 1979).
    """
    centre = vectors.mean(0) / np.linalg.norm(vectors.mean(0))
    east = np.cross(np.eye(3)[np.argmin(np.abs(centre))], centre)
    east /= np.linalg.norm(east)
    plane = np.stack([vectors @ east, vectors @ np.cross(centre, east)], 1) / (vectors @ centre)[:, None]
    plane = np.unique(plane.round(7), axis=0)  # to 0.6 m; sorted by x, then y
    halves = []
    for points in (plane.tolist(), plane[::-1].tolist()):
        chain = []
        for x, y in points:
            while len(chain) > 1 and turn(chain[-2], chain[-1], (x, y)) <= 0:
                chain.pop()
            chain.append((x, y))
        halves += chain[:-1]
    corners = np.array(halves).reshape(-1, 2)
    solid = centre + corners[:, :1] * east + corners[:, 1:] * np.cross(centre, east)
    return solid / np.linalg.norm(solid, axis=1, keepdims=True)


def turn(origin, first, second):
    """Twice the area of a triangle of the plane, positive where it turns left."""
    return (first[0] - origin[0]) * (second[1] - origin[1]) - (first[1] - origin[1]) * (second[0] - origin[0])


def rings(corners):
    """A convex polygon of the sphere (unit vectors) as closed rings of (longitude, latitude): two where 180 cuts it."""
    longitudes = [place(corner)[0] for corner in corners]
    steps = np.abs(np.diff([*longitudes, longitudes[0]]))
    if steps.max() <= 180:
        return closed([[place(corner) for corner in corners]])
    parts = []
    for side in (1, -1):
        part = []
        for start, end in itertools.pairwise([*corners, corners[0]]):
            if start[1] * side >= 0:
                part.append((side * abs(place(start)[0]), place(start)[1]))
            if start[1] * end[1] < 0:
                cut = place(crossing(start, end))
                part.append((side * abs(cut[0]), cut[1]))
        parts.append(part)
    return closed(parts)


def around_pole(corners):
    """Whether a convex polygon (unit vectors, counter-clockwise) has a pole inside."""
    sides = np.cross(corners, np.roll(corners, -1, axis=0))[:, 2]
    return bool((sides > 0).all() or (sides < 0).all())


def closed(parts):
    """Rings of three or more different points, the first one again at the end."""
    unique = (list(dict.fromkeys(part)) for part in parts)
    return [[*part, part[0]] for part in unique if len(part) > 2]


def crossing(start, end):
    """Where the great-circle arc between two unit vectors crosses the plane of longitudes 0 and 180."""
    point = start * abs(end[1]) + end * abs(start[1])
    point[1] = 0.0
    return point / np.linalg.norm(point)


def on_sphere(longitude, latitude):
    """Unit vectors (..., 3) of degrees."""
    longitude, latitude = np.radians(longitude), np.radians(latitude)
    return np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], -1)


def place(vector):
    """(longitude, latitude) in rounded degrees of a unit vector."""
    x, y, z = vector
    longitude, latitude = np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
    return round(float(longitude), DECIMALS), round(float(latitude), DECIMALS)
