"""Small products of Sentinel-3 in their own layout, with the pixels that a test wants."""

import netCDF4
import numpy as np

from darkroom.samples import copernicus as samples

FILES = {"OL": ("geo_coordinates.nc", "longitude", "latitude"), "SL": ("geodetic_in.nc", "longitude_in", "latitude_in")}


def product(folder, kind, fields, longitudes, latitudes, begin="20200622T095000"):
    """Write a product. fields -- file: (variable, values as stored, attributes) or a list of such, beside its places.

    Of two axes those are the image's where there are as many columns, else orphans or ties.
    """
    name = f"S3A_{kind}_{begin}_{begin[:9]}095300_{begin[:9]}171020_0179_100_179_2160_LN2_O_NT_004.SEN3"
    file, *axes = FILES[kind[:2]]
    places = [
        (
            axis,
            np.round(values * 1e6).astype("i4"),
            {"scale_factor": 1e-6, "_FillValue": -(2**31), "standard_name": axis.removesuffix("_in")},
        )
        for axis, values in zip(axes, (longitudes, latitudes), strict=True)
    ]
    (folder / name).mkdir(parents=True)
    variables = {key: entries if isinstance(entries, list) else [entries] for key, entries in fields.items()}
    variables[file] = places + variables.get(file, [])
    for path, entries in variables.items():
        with netCDF4.Dataset(folder / name / path, "w") as dataset:
            for variable, values, told in entries:
                told = dict(told)
                axes = ("rows", "columns" if values.shape == longitudes.shape else f"columns_{values.shape[1]}")
                for axis, size in zip(axes, values.shape, strict=True):
                    if axis not in dataset.dimensions:
                        dataset.createDimension(axis, size)
                made = dataset.createVariable(variable, values.dtype, axes, fill_value=told.pop("_FillValue", None))
                made.set_auto_maskandscale(False)
                made.setncatts(told)
                made[:] = values
    return name


def swath(rows=8, columns=10, west=7.0, north=45.0, step=0.01):
    """Longitudes and latitudes of the middles of leaning pixels, row by row to the south."""
    row, column = np.indices((rows, columns)).astype(float)
    return west + (column + 0.2 * row + 0.5) * step, north - (row + 0.1 * column + 0.5) * step


def olci(stored, flags, names=samples.WATER_FLAGS, shift=0, scale=0.01, offset=-1.0):
    masks = np.array([1 << (at + shift) for at in range(len(names))], "u8")
    packed = {"scale_factor": scale, "add_offset": offset, "_FillValue": 255, "units": "lg(re mg.m-3)"}
    return {
        "chl_nn.nc": ("CHL_NN", stored, packed),
        "wqsf.nc": ("WQSF", flags, {"flag_masks": masks, "flag_meanings": " ".join(names)}),
    }


def lst(kelvin, cloud):
    return {
        "LST_in.nc": (
            "LST",
            np.round(kelvin * 100 - 20000).astype("i2"),
            {"scale_factor": 0.01, "add_offset": 200.0, "_FillValue": -32768, "units": "K"},
        ),
        "flags_in.nc": (
            "confidence_in",
            (np.asarray(cloud) << 14).astype("u2"),
            {"flag_masks": np.array([1, 1 << 14], "u2"), "flag_meanings": "coastline summary_cloud"},
        ),
        "LST_io.nc": ("LST", np.zeros(kelvin.shape, "i2"), {"units": "K"}),
    }


def ties(longitudes, zenith, azimuth, x, y, shown="solar"):
    """Files of angles on every fourth column of an image, whose pixels lie at metres x and y."""
    files = {"cartesian_in.nc": [("x_in", x, {}), ("y_in", y, {})]}
    files["cartesian_tx.nc"] = [
        ("x_tx", x[:1, ::4].repeat(len(x), 0), {}),
        ("y_tx", y[:, :1].repeat(x[:, ::4].shape[1], 1), {}),
    ]
    files["geometry_tn.nc"] = [(f"{shown}_zenith_tn", zenith[:, ::4], {}), (f"{shown}_azimuth_tn", azimuth[:, ::4], {})]
    return files
