"""Made-up Sentinel-1 GRD products for the demo campaign: ships on a gulf, on two dates.

No satellite saw this. Layout and metadata are those of the real products (SAFE; annotation, calibration, noise), and
the image is small: sea with speckle, a coast, and ships at known places. Every file is the same bytes on every run.
"""

import numpy as np
import rasterio

from darkroom.files import replacing, write_bytes
from darkroom.samples import copernicus

SEED = 20200824
LINES, PIXELS, SPACING = 360, 480, 10
WEST, NORTH = 13.66, 45.66  # of the first line's last pixel: the pass goes down, and looks to the west
HEADING = np.radians(11.8)  # of the lines against the parallels
SEA, LAND, SHIP = 0.004, 0.12, 1.6  # sigma0, VH, linear
LOOKS = 4.4
GAIN = (420.0, 560.0)  # of the calibration, over the range
NOISE = (900.0, 500.0)  # of range vectors
AZIMUTH = (1.15, 0.9)  # factors of the azimuth vectors, over the lines
DATES = ("20200824T051057", "20200829T051909")
SHIPS = {  # by date: line and pixel of the middle, lines and pixels
    DATES[0]: ((60, 90, 4, 12), (120, 300, 3, 9), (200, 150, 10, 3), (285, 330, 4, 20)),
    DATES[1]: ((90, 200, 4, 12), (230, 260, 8, 3)),
}


def radar(folder):
    """Write two products of the same ground."""
    for number, begin in enumerate(DATES):
        end = f"{begin[:-2]}{int(begin[-2:]) + 2:02d}"
        day = f"{begin[:4]}/{begin[4:6]}/{begin[6:8]}"
        orbit = f"{34044 + 73 * number:06d}_{0x3F3B3 + number:06X}_{0xA1B2 + number:04X}"
        name = f"S1A_IW_GRDH_1SDV_{begin}_{end}_{orbit}.SAFE"
        safe(folder / f"Sentinel-1/SAR/IW_GRDH_1S/{day}/{name}", begin, number)


def sigma0(begin):
    """The ground of a date, LINES x PIXELS: sea, land to the west of a coast, ships."""
    line, pixel = np.indices((LINES, PIXELS))
    made = np.where(pixel > PIXELS - 70 + 12 * np.sin(line / 30), LAND, SEA)
    for middle, across, lines, pixels in SHIPS[begin]:
        made[(abs(line - middle) <= lines // 2) & (abs(pixel - across) <= pixels // 2)] = SHIP
    return made


def ground(line, pixel):
    """Longitude and latitude of a line and pixel."""
    east = -pixel * SPACING * np.cos(HEADING) - line * SPACING * np.sin(HEADING)
    north = pixel * SPACING * np.sin(HEADING) - line * SPACING * np.cos(HEADING)
    return WEST + (east + PIXELS * SPACING) / 77_800, NORTH + (north - PIXELS * SPACING * np.sin(HEADING)) / 111_150


def safe(folder, begin, number):
    """A product with VH and VV: images, annotation, calibration and noise, manifest with MD5."""
    parts = folder.name.removesuffix(".SAFE").split("_")
    for at, polarisation in enumerate(("vv", "vh"), 1):
        times = f"{parts[4].lower()}-{parts[5].lower()}-{parts[6]}-{parts[7].lower()}-{at:03d}"
        image = f"s1a-iw-grd-{polarisation}-{times}"
        chance = np.random.default_rng([SEED, number, at])
        _tiff(folder / f"measurement/{image}.tiff", counts(sigma0(begin) * (1 if at == 2 else 4), chance))
        header = HEADER.format(polarisation=polarisation.upper(), start=copernicus.stamp(begin))
        values = {"header": header, "grid": _grid()}
        annotation = folder / "annotation"
        values |= {"lines": LINES, "pixels": PIXELS, "spacing": SPACING}
        write_bytes(annotation / f"{image}.xml", ANNOTATION.format(**values).encode())
        write_bytes(annotation / f"calibration/calibration-{image}.xml", _calibration(header).encode())
        write_bytes(annotation / f"calibration/noise-{image}.xml", _noise(header).encode())
    corners = [ground(line, pixel) for line, pixel in ((0, 0), (0, PIXELS), (LINES, PIXELS), (LINES, 0), (0, 0))]
    border = " ".join(f"{latitude:.6f},{longitude:.6f}" for longitude, latitude in corners)
    begins = {"begin": copernicus.stamp(begin), "orbit": (int(parts[6]) - 73) % 175 + 1, "border": border}
    copernicus.manifest(folder, "manifest.safe", copernicus.SAFE_XML, "MD5", **begins)


def counts(power, chance):
    """Digital numbers of sigma0: with speckle, gain and thermal noise, and a border of no data."""
    line, pixel = np.arange(LINES)[:, None], np.arange(PIXELS)
    noise = _between(NOISE, pixel, PIXELS) * _between(AZIMUTH, line, LINES)
    speckled = (power * _between(GAIN, pixel, PIXELS) ** 2 + noise) * chance.gamma(LOOKS, 1 / LOOKS, power.shape)
    made = np.maximum(1, np.round(np.sqrt(speckled))).astype("uint16")
    made[:, :6] = made[:4] = 0
    return made


def _between(ends, at, size):
    """What tables from one end to the other have in between."""
    return ends[0] + (ends[1] - ends[0]) * at / (size - 1)


def _tiff(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": LINES, "width": PIXELS}
    places = [(line, pixel, *ground(line, pixel)) for line in _knots(LINES, 5) for pixel in _knots(PIXELS, 6)]
    gcps = [rasterio.control.GroundControlPoint(*place) for place in places]
    with replacing(path) as partial, rasterio.open(partial, "w", gcps=gcps, crs="EPSG:4326", **profile) as image:
        image.write(values, 1)


def _knots(size, count):
    return [round(at * (size - 1) / (count - 1)) for at in range(count)]


def _grid():
    points = [(line, pixel, *ground(line, pixel)) for line in _knots(LINES, 5) for pixel in _knots(PIXELS, 6)]
    return "".join(
        f"<geolocationGridPoint><line>{line}</line><pixel>{pixel}</pixel><latitude>{latitude:.12e}</latitude>"
        f"<longitude>{longitude:.12e}</longitude><height>0.0</height></geolocationGridPoint>"
        for line, pixel, longitude, latitude in points
    )


def _calibration(header):
    pixels = _knots(PIXELS, 13)
    gains = " ".join(f"{_between(GAIN, pixel, PIXELS):.9e}" for pixel in pixels)
    listed = f'<pixel count="{len(pixels)}">{" ".join(map(str, pixels))}</pixel>'
    tables = "".join(f"<{name}>{gains}</{name}>" for name in ("sigmaNought", "betaNought", "gamma"))
    vectors = "".join(
        f"<calibrationVector><line>{line}</line>{listed}{tables}</calibrationVector>" for line in _knots(LINES, 4)
    )
    return f"<calibration>{header}<calibrationVectorList>{vectors}</calibrationVectorList></calibration>"


def _noise(header):
    pixels, lines = _knots(PIXELS, 13), _knots(LINES, 19)
    listed = f"<pixel>{' '.join(map(str, pixels))}</pixel>"
    lut = " ".join(f"{_between(NOISE, pixel, PIXELS):.9e}" for pixel in pixels)
    vectors = "".join(
        f"<noiseRangeVector><line>{line}</line>{listed}<noiseRangeLut>{lut}</noiseRangeLut></noiseRangeVector>"
        for line in (-20, *_knots(LINES - 40, 3))  # as in real products: before the first line, and not to the last
    )
    factors = " ".join(f"{_between(AZIMUTH, line, LINES):.9e}" for line in lines)
    azimuth = (
        f"<noiseAzimuthVector><swath>IW1</swath><firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>0</firstRangeSample>"
        f"<lastAzimuthLine>{LINES - 1}</lastAzimuthLine><lastRangeSample>{PIXELS - 1}</lastRangeSample>"
        f"<line>{' '.join(map(str, lines))}</line><noiseAzimuthLut>{factors}</noiseAzimuthLut></noiseAzimuthVector>"
    )
    return (
        f"<noise>{header}<noiseRangeVectorList>{vectors}</noiseRangeVectorList>"
        f"<noiseAzimuthVectorList>{azimuth}</noiseAzimuthVectorList></noise>"
    )


HEADER = (
    "<adsHeader><missionId>S1A</missionId><productType>GRD</productType><polarisation>{polarisation}</polarisation>"
    "<startTime>{start}</startTime></adsHeader>"
)
ANNOTATION = """\
<?xml version="1.0" encoding="UTF-8"?>
<product>
  {header}
  <imageAnnotation><imageInformation>
    <rangePixelSpacing>{spacing}</rangePixelSpacing><azimuthPixelSpacing>{spacing}</azimuthPixelSpacing>
    <numberOfSamples>{pixels}</numberOfSamples><numberOfLines>{lines}</numberOfLines>
  </imageInformation></imageAnnotation>
  <geolocationGrid><geolocationGridPointList>{grid}</geolocationGridPointList></geolocationGrid>
</product>
"""

SAMPLES = {"radar": radar}
