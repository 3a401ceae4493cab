"""A folder of products, such as a mounted archive: found by name, described by their manifests, read in place."""

import contextlib
import os
import re
import zipfile
from pathlib import Path

import shapely
from lxml import etree

from darkroom.copernicus import names
from darkroom.copernicus.products import File, Product
from darkroom.copernicus.query import overlaps

MANIFESTS = ("manifest.safe", "xfdumanifest.xml")
PACKED = (".zip", ".nc", ".tar.gz", ".tar", ".EOF", ".cog", ".tif", ".tiff")
DAY = re.compile(r"/(\d{4})(?:/(\d\d))?(?:/(\d\d))?$")
DEEPEST = 12  # folders within folders: links may lead in circles
MOST = 64 << 20  # bytes of a manifest


class Folder:
    """A folder as a catalogue. `settings.search` is its path; nothing is asked of a server."""

    def __init__(self, settings, client=None):
        self.settings, self.root = settings, Path(settings.search)
        self.exact = False

    def search(self, query):
        """Products of the folder that are of the kind, the names and the time of a query, and their number.

        Raises FileNotFoundError where there is no such folder, ValueError for more products than the query's limit.
        """
        if not self.root.exists():
            raise FileNotFoundError(f"{self.root}: catalogue {self.settings.name} is a folder, and it is not there")
        products = []
        for path in self._products(query):
            if self._asked(path.name, query):
                products.append(self.product(path))
            if len(products) > query.limit:
                raise ValueError(
                    f"{self.root}: has more products for this query than its limit, {query.limit}; narrow it"
                )
        products = [product for product in products if overlaps(product, query)]
        return sorted(products, key=lambda one: (one.begin, one.name, one.path)), len(products)

    def state(self, product):
        """A product as it lies there now. Raises OSError when it is gone."""
        if not Path(product.path).exists():
            raise FileNotFoundError(f"{product.path}: the product is there no more; search again")
        return self.product(Path(product.path))

    def whole(self, product):
        """The product where it lies."""
        return File(product.name, product.path, product.bytes, archive=product.path.endswith(".zip"))

    def files(self, product):
        """The files of a product, where they lie."""
        path = Path(product.path)
        if path.is_file():
            return [self.whole(product)]
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        return [File(file.relative_to(path.parent).as_posix(), str(file), file.stat().st_size) for file in inside]

    def order_request(self, product):
        """None: what lies here need not be ordered."""
        return None

    def product(self, path):
        """A `Product` of a folder or file, as its name and its manifest tell."""
        parsed, told = names.parsed(path.name), described(path)
        begin = told.pop("begin", "") or (parsed.begin if parsed else "")
        end = told.pop("end", "") or (parsed.end if parsed else "") or begin
        footprint = told.pop("footprint", "")
        return Product(
            id="",
            name=path.name,
            begin=begin,
            end=end,
            footprint=footprint,
            bytes=size(path),
            path=str(path),
            version=(parsed.version if parsed else "") or told.get("processorVersion", ""),
            catalogue=self.settings.name,
            collection=names.MISSIONS[parsed.mission][0] if parsed and parsed.mission in names.MISSIONS else "",
            type=parsed.type if parsed else "",
            attributes=told,
        )

    def _products(self, query):
        """Paths of products below the root; folders of days and years that were not asked for are left."""
        waiting = [(self.root, 0)]
        while waiting:
            path, depth = waiting.pop()
            if is_product(path):
                yield path
            elif path.is_dir() and depth < DEEPEST and _may_hold(path, query):
                with contextlib.suppress(PermissionError):
                    inside = sorted((Path(entry) for entry in os.scandir(path)), reverse=True)
                    waiting += [(entry, depth + 1) for entry in inside if not entry.name.startswith(".")]

    def _asked(self, name, query):
        """Whether a product of this name may be what was asked for."""
        parsed = names.parsed(name)
        if query.names and names.stem(name) not in query.names:
            return False
        if query.mission and (parsed is None or not names.is_kind(parsed, query.mission, query.type)):
            return False
        return parsed is None or overlaps(parsed, query)


def is_product(path):
    """Whether a path is a product: a folder with a manifest or the ending of one, or a file whose name is one's."""
    if path.is_file():
        # A cut-out that a service has made has a name of no rule.
        return path.name.endswith((".nc", *names.GRIB)) or (
            path.name.endswith(PACKED) and names.parsed(path.name) is not None
        )
    if path.name.endswith((".SAFE", ".SEN3", ".zarr")):
        return path.is_dir()
    if names.parsed(path.name) is None or not path.is_dir():
        return False
    told = [*MANIFESTS, f"{path.name}.json"]
    return any((path / name).exists() for name in told) or any(path.glob("MTD_*.xml"))


def size(path):
    """Bytes of a file, or of all files in a folder."""
    return (
        path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
    )


def described(path):
    """What a product's own metadata tell: begin, end, footprint and attributes, as far as they are there and whole."""
    if path.name.endswith(".nc"):
        return _of_netcdf(path)
    metadata = {}
    for content in _metadata(path):
        with contextlib.suppress(etree.XMLSyntaxError):
            metadata = (
                _of_xml(etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))) | metadata
            )
    return metadata


def _metadata(path):
    """The manifest of a product, and the metadata of Sentinel-2 with its clouds."""
    pattern = re.compile(r"([^/]+/)?(manifest\.safe|xfdumanifest\.xml|MTD_MSIL[12][AC]p?\.xml)")
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if pattern.fullmatch(file.name) and file.stat().st_size <= MOST:
                yield file.read_bytes()
    elif zipfile.is_zipfile(path):
        with contextlib.suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if pattern.fullmatch(entry.filename) and entry.file_size <= MOST:
                    yield archive.read(entry)


def _of_xml(root):
    """Begin, end, footprint, cloud cover, processor and orbit of a manifest, or of MTD_MSI*.xml."""
    metadata = {}
    for element in root.iter(etree.Element):
        name, value = etree.QName(element).localname, (element.text or "").strip()
        if name in ("startTime", "PRODUCT_START_TIME") and value:
            metadata.setdefault("begin", _utc(value))
        elif name in ("stopTime", "PRODUCT_STOP_TIME") and value:
            metadata.setdefault("end", _utc(value))
        elif name in ("coordinates", "posList", "EXT_POS_LIST") and value:
            metadata.setdefault("footprint", _ring(value))
        elif name == "Cloud_Coverage_Assessment" and value:
            metadata.setdefault("cloudCover", float(value))
        elif name == "cloudyPixels" and element.get("percentage"):
            metadata.setdefault("cloudCover", float(element.get("percentage")))
        elif name == "software" and "IPF" in (element.get("name") or ""):
            metadata.setdefault("processorVersion", element.get("version"))
        elif name == "processing" and element.get("stop"):
            metadata.setdefault("processingDate", _utc(element.get("stop")))
        elif name == "pass" and value:
            metadata.setdefault("orbitDirection", value.upper())
        elif name == "orbitNumber" and element.get("groundTrackDirection"):
            metadata.setdefault("orbitDirection", element.get("groundTrackDirection").upper())
        elif name == "relativeOrbitNumber" and value.isdecimal():
            metadata.setdefault("relativeOrbitNumber", int(value))
    return metadata


def _ring(text):
    """Latitudes and longitudes, as manifests have them, as WKT."""
    numbers = re.findall(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)
    points = [f"{lon} {lat}" for lat, lon in zip(numbers[::2], numbers[1::2], strict=False)]
    if len(points) < 3:
        return ""
    return f"POLYGON (({', '.join(points + points[:1] * (points[0] != points[-1]))}))"


def _of_netcdf(path):
    """Begin, end and footprint of a netCDF file by the conventions for data discovery, or by its axes."""
    from darkroom import netcdf_file

    try:
        with netcdf_file.opened(path) as dataset:
            dataset.set_auto_maskandscale(True)
            told = {name: dataset.getncattr(name) for name in dataset.ncattrs()}
            metadata = {
                "begin": _utc(told.get("time_coverage_start", "")),
                "end": _utc(told.get("time_coverage_end", "")),
            }
            metadata["footprint"] = _box(
                *(told.get(f"geospatial_{name}") for name in ("lon_min", "lat_min", "lon_max", "lat_max"))
            )
            axes = [dataset.variables.get(name) for name in ("lon", "lat")]
            if not metadata["footprint"] and all(axis is not None and axis.ndim == 1 for axis in axes):
                (west, east), (south, north) = ((float(axis[:].min()), float(axis[:].max())) for axis in axes)
                metadata["footprint"] = _box(west, south, east, north)
    except (OSError, ValueError):  # whoever reads its values tells what is wrong with it
        return {}
    return {key: value for key, value in metadata.items() if value}


def _box(west, south, east, north):
    """A rectangle as WKT; of a swath that goes round the world, which says west beyond east, all longitudes."""
    try:
        west, south, east, north = (float(value) for value in (west, south, east, north))
    except (TypeError, ValueError):
        return ""
    if west > east:
        west, east = (-180, 180) if west - east > 350 else (west, east + 360)
    return shapely.to_wkt(shapely.geometry.box(west, south, east, north))


def _utc(text):
    """A time as ISO 8601 that says it is UTC."""
    text = str(text).strip().removeprefix("UTC=")
    return text if not text or text.endswith("Z") else f"{text}Z"


def _may_hold(path, query):
    """Whether a folder may hold what was asked for: archives sort by year, month and day, below a mission's folder."""
    if match := DAY.search(path.as_posix()):
        day = "-".join(part for part in match.groups() if part)
        first = names.days_before(query.start, 1)[: len(day)] if query.start else ""  # orbits go on over midnight
        return first <= day and not (query.end and day > query.end[: len(day)])
    missions = {mission.lower() for mission in names.MISSIONS}
    return not query.mission or path.name.lower() not in missions or path.name.lower() == query.mission.lower()
