"""Cloud-Optimized GeoTIFFs of cubes: the same values, one nodata value, overviews, the map and what was done.

Format: OGC 21-026, Cloud Optimized GeoTIFF Standard.
"""

from functools import lru_cache

import numpy as np
import rasterio
import rasterio.errors
import rasterio.shutil
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling

from darkroom import files
from darkroom.planetary.bodies import BODIES
from darkroom.planetary.formats import cubes, pvl
from darkroom.planetary.geometry import projection

TILE = 512  # pixels of a side; overviews go down to one tile
CACHE = 128 << 20  # bytes that GDAL keeps of the images it reads and writes
# Deflate, because every reader of TIFF has it; level 6 with the predictor of the pixels is near the best it can do.
FINAL = {"compress": "deflate", "level": 6, "blocksize": TILE, "overviews": "force_use_existing", "bigtiff": "if_safer"}
STAGED = {"tiled": True, "blockxsize": TILE, "blockysize": TILE, "bigtiff": "if_safer"}
NAMES = ("Name", "FilterName", "OriginalBand", "Center")  # of BandBin, what tells bands apart
# Endings of a body's codes: geographic, equirectangular and sinusoidal around 0 and 180, north and south polar; each
# on the ellipsoid with planetographic latitudes and on the sphere.
SUFFIXES = [base + kind for base in (0, 10, 15, 20, 25, 30, 35) for kind in (1, 0)]
DWARFS = ("ceres", "pluto")


def write(cube_path, tif_path, tags):
    """Write a cube as Cloud-Optimized GeoTIFF, in bounded memory.

    The five special pixels become one nodata value, the cube's NULL, which is all that GIS programs know; how many
    there were of each kind is told in tags, beside the given ones. Overviews are means of valid pixels. Integers keep
    their base and multiplier as offset and scale. The same cube gives the same bytes.
    """
    cube = cubes.Cube(cube_path)
    predictor = "floating_point" if cube.dtype == "f4" else "standard"
    with rasterio.Env(GDAL_CACHEMAX=CACHE), files.replacing(tif_path) as partial:
        staged = partial.with_suffix(".staged.part")
        try:
            _stage(staged, cube, tags)
            rasterio.shutil.copy(staged, partial, driver="COG", predictor=predictor, **FINAL)
        finally:
            staged.unlink(missing_ok=True)


def _stage(path, cube, tags):
    """Write a plain GeoTIFF with overviews, of which GDAL can then make a cloud-optimized one."""
    profile = {
        "driver": "GTiff",
        "width": cube.samples,
        "height": cube.lines,
        "count": cube.bands,
        "dtype": np.dtype(cube.dtype).name,
        "nodata": float(cubes.STORED[cube.dtype][cubes.NULL - 1]),
    }
    place = georeference(cube)
    if place and (code := place["crs"].to_authority()):
        tags = tags | {"CRS": ":".join(code)}  # of polar maps, GeoTIFF itself loses it
    elif place and not in_geotiff(place["crs"]):
        tags = tags | {"CRS": place.pop("crs").to_wkt(version="WKT2_2019")}
    with rasterio.open(path, "w", **profile, **place, **STAGED) as image:
        counts = _fill(image, cube)
        image.descriptions = band_names(cube)
        image.units = band_units(cube)
        if cube.is_colour:
            image.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
        if (cube.base, cube.multiplier) != (0, 1):
            image.offsets, image.scales = [cube.base] * cube.bands, [cube.multiplier] * cube.bands
        image.update_tags(**tags, **{f"{kind}_PIXELS": count for kind, count in counts.items()})
    longest = max(cube.lines, cube.samples)
    factors = [2**power for power in range(1, longest.bit_length()) if TILE << power < 2 * longest]
    if factors:
        with rasterio.open(path, "r+") as image:
            image.build_overviews(factors, Resampling.average)


def _fill(image, cube):
    """Write the pixels of a cube; returns how many are valid and how many are special of each kind."""
    null = cubes.STORED[cube.dtype][cubes.NULL - 1]
    counts = np.zeros(1 + len(cubes.SPECIAL), np.int64)
    for band in range(1, cube.bands + 1):
        for first in range(0, cube.lines, TILE):
            raw = cube.raw(first, TILE, band)
            codes = cubes.decode(raw, cube.dtype)
            if codes is None:
                counts[0] += raw.size
            else:
                own = np.array([np.count_nonzero(codes == code) for code in range(counts.size)])
                counts += own
                if own[0] + own[cubes.NULL] < raw.size:  # what is NULL already stays
                    raw = np.where(codes != 0, null, raw)
            window = rasterio.windows.Window(0, first, cube.samples, len(raw))
            image.write(raw.astype(raw.dtype.newbyteorder("="), copy=False), band, window=window)
    return dict(zip(("VALID", *cubes.SPECIAL), counts.tolist(), strict=True))


def georeference(cube):
    """`crs` and `transform` of a cube's map, the CRS as that of IAU_2015 where there is one; empty without a map."""
    if "Mapping" not in cube.groups:
        return {}
    mapping = projection.Mapping.of_cube(cube)
    crs = CRS.from_wkt(mapping.crs_wkt())
    return {"crs": iau(crs, mapping.target) or crs, "transform": rasterio.Affine(*mapping.transform())}


def in_geotiff(crs):
    """Whether GeoTIFF has a place for a CRS; GDAL puts those that only PROJ knows in a sidecar."""
    return "ob_tran" not in crs.to_dict().get("proj", "")


def iau(crs, body):
    """The CRS of IAU_2015 with the same projection and radii; None when there is none for this body."""
    return _of_body(body.lower()).get(_parameters(crs))


@lru_cache
def _of_body(body):
    """CRSs of IAU_2015 of a body, by their parameters."""
    by_parameters = {}
    if body in BODIES:
        for suffix in SUFFIXES:
            try:
                crs = CRS.from_user_input(f"IAU_2015:{100 * BODIES[body] + suffix}")
            except rasterio.errors.CRSError:
                continue  # a body without this one
            by_parameters[_parameters(crs)] = crs
    return by_parameters


def _parameters(crs):
    """What makes a projection, without its names and without what is said in one of several ways."""
    parameters = crs.to_dict()
    if "rf" in parameters:
        parameters["b"] = round(parameters["a"] * (1 - 1 / parameters.pop("rf")), 3)
    neutral = {"k": 1, "x_0": 0, "y_0": 0, "lat_0": 0, "lat_ts": parameters.get("lat_0", 0)}
    return frozenset(item for item in parameters.items() if neutral.get(item[0]) != item[1])


def tags(cube):
    """What a user of the image must know of its cube: where it comes from, what was done to it and what was not."""
    instrument, archive = cube.groups.get("Instrument", {}), cube.groups.get("Archive", {})
    made, skipped = done(cube)
    values = {
        "PRODUCT_ID": archive.get("ProductId"),
        "SPACECRAFT": instrument.get("SpacecraftName"),
        "INSTRUMENT": instrument.get("InstrumentId"),
        "TARGET": instrument.get("TargetName", cube.groups.get("Mapping", {}).get("TargetName")),
        "START_TIME": instrument.get("StartTime"),
        "STOP_TIME": instrument.get("StopTime"),
        "UNITS": units(cube),
        "DONE": "; ".join(made),
        "SKIPPED": "; ".join(skipped),
    }
    return {name: value for name, value in values.items() if value}


def done(cube):
    """Sentences on what was done to a cube, and on what was skipped."""
    group = cube.groups.get("Darkroom", {})
    return _texts(group.get("Done")), _texts(group.get("Skipped"))


def _texts(value):
    """The texts of a keyword with one or several values, without units; none when it is missing."""
    if value is None:
        return []
    several = isinstance(value, tuple) and not isinstance(value, pvl.Quantity)
    values = value if several else (value,)
    return [one.value if isinstance(one, pvl.Quantity) else one for one in values]


def body_class(name):
    """Class of a body as IVOA names it: planet, satellite, asteroid or dwarf_planet; None when it is not known."""
    number = BODIES.get(name.lower())
    if number is None or name.lower() in DWARFS:
        return "dwarf_planet" if number else None
    if number > 2000000:
        return "asteroid"
    return "planet" if number % 100 == 99 else "satellite"


def band_names(cube):
    """A name for each band, from the BandBin group; empty where there is none."""
    group = cube.groups.get("BandBin", {})
    for key in NAMES:
        values = _texts(group.get(key))
        if len(values) == cube.bands:
            return values
    return [""] * cube.bands


def band_units(cube):
    """Unit of each band; none of one that ISIS's automos made to count images."""
    return ["" if name.endswith("_Count") else units(cube) for name in band_names(cube)]


def units(cube):
    """Unit of the values, from the group that a calibration leaves; DN without one."""
    group = cube.groups.get("RadiometricCalibration", cube.groups.get("Radiometry", {}))
    if "Units" in group:
        return "I/F" if group["Units"] == "I over F" else group["Units"]
    if "iof" in group:
        return "I/F" if float(group["iof"]) != 1 else "DN/ms"
    return {"IOF": "I/F", "AbsoluteRadiance": "W/(m**2 sr um)"}.get(group.get("RadiometricType"), "DN")
