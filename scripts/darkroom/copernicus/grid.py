"""The grid of a map: where its pixels are, and images brought to it, window by window."""

import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import CRSError
from rasterio.transform import array_bounds
from rasterio.warp import reproject, transform_bounds, transform_geom
from rasterio.windows import Window, from_bounds
from rasterio.windows import transform as window_transform
from shapely.geometry import box, mapping, shape

from darkroom.copernicus import areas, imagery

BLOCK = 1024  # pixels of a side that are worked on at a time: a tile of Sentinel-2's JPEG 2000
LARGEST = 1 << 31  # pixels of a map
HALF = 2e7  # metres: half of the way around the world
DEGREE = 111_195.0  # metres of latitude, on the sphere of the Earth's mean radius
NEAR, EDGE = 0.5, 0.05  # degrees: around images, within which an area is looked at; of a piece of its border
AHEAD = 4  # blocks that are computed before any is written


@dataclass(frozen=True)
class Grid:
    """Pixels of a map: the system of coordinates, the affine from columns and rows to it, and its size."""

    crs: str
    transform: tuple[float, ...]
    width: int
    height: int

    @property
    def affine(self):
        return Affine(*self.transform)

    @property
    def bounds(self):
        """West, south, east, north, in the units of the system."""
        return array_bounds(self.height, self.width, self.affine)

    @property
    def degrees(self):
        return CRS.from_string(self.crs).is_geographic

    def windows(self, side=BLOCK):
        """Blocks of the map, row by row."""
        for row in range(0, self.height, side):
            for column in range(0, self.width, side):
                yield Window(column, row, min(side, self.width - column), min(side, self.height - row))

    def centres(self):
        """Coordinates of the columns (width) and of the rows (height)."""
        west, _, _, north = self.bounds
        return (
            west + (np.arange(self.width) + 0.5) * self.affine.a,
            north + (np.arange(self.height) + 0.5) * self.affine.e,
        )

    def pixel_areas(self):
        """Square metres of a pixel in each row (height): on the sphere of the Earth's mean radius where in degrees."""
        side = abs(self.affine.a * self.affine.e)
        if not self.degrees:
            return np.full(self.height, side)
        _, _, _, north = self.bounds
        edges = np.radians(north + np.arange(self.height + 1) * self.affine.e)
        return 6_371_008.8**2 * math.radians(self.affine.a) * -np.diff(np.sin(edges))


def computed(block, windows):
    """Each window with what `block` makes of it, in their order, on two processors; few are in memory together."""
    ahead = deque()
    with ThreadPoolExecutor(2) as pool:
        for window in windows:
            ahead.append((window, pool.submit(block, window)))
            if len(ahead) == AHEAD:
                yield _first(ahead)
        while ahead:
            yield _first(ahead)


def _first(ahead):
    window, made = ahead.popleft()
    return window, made.result()


def named(text):
    """A system of coordinates that somebody has named. Raises ValueError for what is none, or has no EPSG code."""
    try:
        crs = CRS.from_user_input(text)
    except CRSError:
        raise ValueError(f"map crs: {text!r} is no system of coordinates; right is a code such as EPSG:32633") from None
    if crs.to_epsg() is None:
        raise ValueError(f"map crs: {text!r} has no EPSG code; right is one with a code, such as EPSG:32633")
    return f"EPSG:{crs.to_epsg()}"


def metres(side, crs):
    """Metres of a side of a pixel; of degrees as those of latitude are. crs -- "" for that of an image."""
    return side * DEGREE if crs and CRS.from_user_input(crs).is_geographic else side


def problems(shown):
    """What is wrong with the option `map` of a row, a sentence each."""
    for key, read in (("area", areas.read), ("crs", named)):
        if shown.get(key):
            try:
                read(shown[key])
            except ValueError as error:
                yield str(error) if key == "crs" else f"map {error}"
            else:
                if key == "crs" and CRS.from_user_input(shown[key]).is_geographic and not shown.get("resolution"):
                    yield f"map.resolution: is missing; {shown[key]} is in degrees, and so are the sides of its pixels"


def covering(grids, resolution, crs="", area=None):
    """The grid over all of `grids`, or over that part of them which an area covers.

    grids -- of the images, the first of which gives system and alignment where `crs` is ""
    resolution -- sides of a pixel, in the units of the system
    area -- a geometry in longitude and latitude, or None

    Raises ValueError where the area lies outside the images, naming both, and for a map of too many pixels.
    """
    crs = crs or grids[0].crs
    boxes = np.array([_bounds_in(grid, crs) for grid in grids])
    if not CRS.from_string(crs).is_geographic and np.ptp(boxes[:, ::2], 1).max() > HALF:
        raise ValueError(f"an image lies at both ends of {crs}, over the date line; give map another crs")
    west, south, east, north = *boxes[:, :2].min(0), *boxes[:, 2:].max(0)
    if area is not None:
        there = transform_bounds(crs, "EPSG:4326", west, south, east, north, densify_pts=21)
        sides = _sides(area, crs, there)
        if not sides or sides[0] >= east or sides[2] <= west or sides[1] >= north or sides[3] <= south:
            there = ", ".join(f"{side:.3f}" for side in there)
            asked = ", ".join(f"{side:.3f}" for side in area.bounds)
            raise ValueError(f"the area [{asked}] does not meet the images, which cover [{there}]")
        west, south, east, north = (
            max(west, sides[0]), max(south, sides[1]), min(east, sides[2]), min(north, sides[3]),
        )  # fmt: skip
    origin = grids[0].affine if crs == grids[0].crs else Affine.identity()
    # Pixels lie as those of the first image do, whatever part of it is shown: nothing is resampled without need.
    left = origin.c + math.floor((west - origin.c) / resolution + 1e-6) * resolution
    top = origin.f + math.ceil((north - origin.f) / resolution - 1e-6) * resolution
    width, height = math.ceil((east - left) / resolution - 1e-6), math.ceil((top - south) / resolution - 1e-6)
    if width * height > LARGEST:
        raise ValueError(f"a map of {width} x {height} pixels is too large; give map an area or a coarser resolution")
    return Grid(crs, (resolution, 0.0, left, 0.0, -resolution, top), width, height)


def _sides(area, crs, there):
    """West, south, east, north in a system of that of an area which is near; None where nothing of it is.

    there -- the same of the images in degrees; over the date line these go on beyond 180, or their west is beyond
        their east
    """
    west, south, east, north = there
    near = box(west - NEAR, south - NEAR, east + NEAR + 360 * (east < west), north + NEAR)
    shown = areas.around(area).intersection(near)
    if shown.is_empty:
        return None
    # Its borders are as straight in degrees as they were given, and are not so in the system.
    return shape(transform_geom("EPSG:4326", crs, mapping(shapely.segmentize(shown, EDGE)))).bounds


def around(west, east, south, north, step):
    """The grid of cells of `step` degrees over places, whose longitudes may go on beyond 180 degrees; where they go
    around more than half of the world, that of all longitudes."""
    west, east = (-180.0, 180.0) if east - west > 180 else (west, east)
    left, right = math.floor(west / step) * step, math.ceil(east / step) * step
    bottom, top = math.floor(south / step) * step, math.ceil(north / step) * step
    width, height = round((right - left) / step), round((top - bottom) / step)
    return Grid("EPSG:4326", (step, 0.0, left, 0.0, -step, top), max(1, width), max(1, height))


def together(west, east, south, north):
    """The sides (west, east, south, north) of what holds all of some boxes (n), whose longitudes may be turned by 360
    degrees: as narrow as can be, from a west between -180 and 180 on."""
    west, east, south, north = map(np.asarray, (west, east, south, north))
    turn = -360 * np.floor((west + 180) / 360)
    beyond = turn + 360 * (west + turn < 0)
    west, east = min(
        (((west + by).min(), (east + by).max()) for by in (turn, beyond)), key=lambda ends: ends[1] - ends[0]
    )
    return float(west), float(east), float(south.min()), float(north.max())


def of_image(path):
    """The grid of an image. Raises ValueError for one that cannot be read, and for a system without an EPSG code."""
    with imagery.opened(path) as image:
        code, place, shape = image.crs and image.crs.to_epsg(), tuple(image.transform)[:6], image.shape
    if code is None:
        raise ValueError(f"{path}: has no system of coordinates with an EPSG code")
    return Grid(f"EPSG:{code}", place, shape[1], shape[0])


def brought(read, source, grid, window, method):
    """A window of a map from an image, as float32 (height, width), NaN where the image has nothing.

    read -- read(Window) gives pixels of the image as float32 with NaN for what is no measurement
    source -- the grid of the image; method -- of rasterio.enums.Resampling: what is NaN takes no part in it
    """
    place = window_transform(window, grid.affine)
    shown = (int(window.height), int(window.width))
    made = np.full(shown, np.nan, np.float32)
    bounds = array_bounds(*shown, place)
    if grid.crs != source.crs:
        bounds = transform_bounds(grid.crs, source.crs, *bounds, densify_pts=21)
    part = from_bounds(*bounds, transform=source.affine)
    aligned = grid.crs == source.crs and np.allclose(
        [source.affine.a, source.affine.e, part.col_off % 1, part.row_off % 1],
        [grid.affine.a, grid.affine.e, round(part.col_off % 1), round(part.row_off % 1)],
        atol=1e-4,
    )
    reach = 0 if aligned else 2 * max(1, math.ceil(abs(grid.affine.a / source.affine.a)))
    first = [math.floor(part.col_off + 1e-3) - reach, math.floor(part.row_off + 1e-3) - reach]
    last = [math.ceil(part.col_off + part.width - 1e-3) + reach, math.ceil(part.row_off + part.height - 1e-3) + reach]
    left, top = max(0, first[0]), max(0, first[1])
    right, bottom = min(source.width, last[0]), min(source.height, last[1])
    if left >= right or top >= bottom:
        return made
    pixels = read(Window(left, top, right - left, bottom - top))
    if aligned:
        made[top - first[1] : bottom - first[1], left - first[0] : right - first[0]] = pixels
        return made
    there = source.affine @ Affine.translation(left, top)
    reproject(
        pixels, made, src_transform=there, src_crs=source.crs, src_nodata=np.nan, dst_transform=place,
        dst_crs=grid.crs, dst_nodata=np.nan, resampling=method,
    )  # fmt: skip
    return made


def method_for(source, resolution):
    """How an image is brought to a resolution in its own units: means of what is finer, between pixels of the same."""
    return Resampling.average if resolution > 1.4 * source.affine.a else Resampling.bilinear


def _bounds_in(grid, crs):
    if grid.crs == crs:
        return grid.bounds
    west, south, east, north = transform_bounds(grid.crs, crs, *grid.bounds, densify_pts=21)
    return west, south, east + 360 * (east < west), north  # over the date line it goes on beyond 180 degrees
