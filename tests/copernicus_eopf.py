"""Arrays and attributes of EOPF Zarr, 2 or 3, as products have them."""

import numpy as np
import tensorstore
from lxml import etree

from darkroom import files


def array(path, values, driver="zarr", attributes=None):
    """Write an array, and its attributes where there are any."""
    values = np.asarray(values)
    spec = {"driver": driver, "kvstore": f"file://{path}/"}
    fill = np.nan if values.dtype.kind == "f" else 0
    frame = {"dtype": values.dtype, "shape": values.shape, "fill_value": fill}
    tensorstore.open(spec, create=True, delete_existing=True, **frame).result().write(values).result()
    if attributes:
        told(path, attributes, driver)


def told(path, attributes, driver="zarr"):
    """Give an array or group attributes."""
    if driver == "zarr":
        files.write_json(path / ".zattrs", attributes)
        return
    stored = path / "zarr.json"
    held = files.read_json(stored) if stored.exists() else {"zarr_format": 3, "node_type": "group"}
    files.write_json(stored, held | {"attributes": attributes})


def radar(safe, folder, counts, polarisation, driver="zarr"):
    """Write a polarisation of a GRD product of SAFE as EOPF Zarr, its XML read anew, vectors filled up to the longest.

    counts -- counts(path of the measurement): the digital numbers of it
    """
    product = folder / safe.name.replace(".SAFE", ".zarr")
    for image in safe.glob(f"annotation/*-{polarisation}-*.xml"):
        annotation = etree.parse(image)
        calibration = etree.parse(image.parent / "calibration" / f"calibration-{image.name}")
        noise = etree.parse(image.parent / "calibration" / f"noise-{image.name}")
        group = (
            product
            / f"S01SIWGRD_{image.stem.split('-')[4][:15].upper()}_0025_A324_BA27_06F516_{image.name[11:13].upper()}"
        )
        array(group / "measurements/grd", counts(safe / f"measurement/{image.stem}.tiff"), driver)
        points = [
            [float(point.findtext(name)) for name in ("line", "pixel", "latitude", "longitude")]
            for point in annotation.iter("geolocationGridPoint")
        ]
        lines, pixels = (np.unique([point[at] for point in points]) for at in (0, 1))
        array(group / "conditions/gcp/line", lines.astype("uint32"), driver)
        array(group / "conditions/gcp/pixel", pixels.astype("uint32"), driver)
        for at, name in ((2, "latitude"), (3, "longitude")):
            values = [point[at] for point in sorted(points)]
            array(group / f"conditions/gcp/{name}", np.reshape(values, (len(lines), len(pixels))), driver)
        vectors = list(calibration.iter("calibrationVector"))
        array(group / "quality/calibration/line", [int(one.findtext("line")) for one in vectors], driver)
        array(group / "quality/calibration/pixel", np.array(vectors[0].findtext("pixel").split(), "uint32"), driver)
        for ours, theirs in (("sigma_nought", "sigmaNought"), ("beta_nought", "betaNought"), ("gamma", "gamma")):
            array(group / f"quality/calibration/{ours}", _table(vectors, theirs), driver)
        vectors = list(noise.iter("noiseRangeVector"))
        array(group / "quality/noise_range/line", np.array([one.findtext("line") for one in vectors], "int32"), driver)
        array(group / "quality/noise_range/pixel", _table(vectors, "pixel", "int32"), driver)
        array(group / "quality/noise_range/noise_range_lut", _table(vectors, "noiseRangeLut"), driver)
        vectors = list(noise.iter("noiseAzimuthVector"))
        for ours, theirs in (
            ("first_azimuth_time", "firstAzimuthLine"), ("last_azimuth_time", "lastAzimuthLine"),
            ("first_range_sample", "firstRangeSample"), ("last_range_sample", "lastRangeSample"),
        ):  # fmt: skip
            array(
                group / f"quality/noise_azimuth/{ours}",
                np.array([one.findtext(theirs) for one in vectors], "int32"),
                driver,
            )
        array(group / "quality/noise_azimuth/line", _table(vectors, "line", "int32"), driver)
        array(group / "quality/noise_azimuth/noise_azimuth_lut", _table(vectors, "noiseAzimuthLut"), driver)
        spacing = float(annotation.findtext(".//rangePixelSpacing"))
        told(group, {"stac_discovery": {"properties": {"sar:pixel_spacing_range": spacing}}}, driver)
    return product


def _table(vectors, name, dtype="float32"):
    """The numbers of vectors, a row each, filled up to the longest."""
    rows = [np.array(one.findtext(name).split(), float) for one in vectors]
    table = np.full((len(rows), max(map(len, rows))), np.nan if dtype == "float32" else 0)
    for at, row in enumerate(rows):
        table[at, : len(row)] = row
    return table.astype(dtype)
