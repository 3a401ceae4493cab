"""Small products of Sentinel-5P in their own layout, with the pixels that a test wants."""

import netCDF4
import numpy as np

FILL = np.float32(9.969209968386869e36)
FACTORS = {"multiplication_factor_to_convert_to_molecules_percm2": np.float32(6.022141e19)}
VARIABLES = {
    "L2__NO2___": ("nitrogendioxide_tropospheric_column", "mol m-2", FACTORS),
    "L2__CO____": ("carbonmonoxide_total_column", "mol m-2", FACTORS),
    "L2__SO2___": (
        "sulfurdioxide_total_vertical_column",
        "mol m-2",
        FACTORS | {"multiplication_factor_to_convert_to_DU": np.float32(2241.15)},
    ),
    "L2__CH4___": ("methane_mixing_ratio_bias_corrected", "1e-9", {}),
}


def orbit(
    folder, values, longitudes, latitudes, quality=None, kind="L2__NO2___", begin="20230622T110302", number=29480
):
    """Write a product; gives its path.

    values (line, pixel), masked where there is none; longitudes, latitudes -- of corners (line, pixel, 4)
    quality -- whole percents
    """
    path = folder / f"S5P_OFFL_{kind}_{begin}_{begin[:9]}235959_{number}_03_020500_20230624T040012.nc"
    path.parent.mkdir(parents=True, exist_ok=True)
    name, unit, factors = VARIABLES[kind]
    lines, pixels = values.shape
    with netCDF4.Dataset(path, "w") as dataset:
        group = dataset.createGroup("PRODUCT")
        for axis, size in (("time", 1), ("scanline", lines), ("ground_pixel", pixels), ("corner", 4)):
            group.createDimension(axis, size)
        axes = ("time", "scanline", "ground_pixel")
        variable = group.createVariable(name, "f4", axes, fill_value=FILL)
        variable.setncatts({"units": unit} | factors)
        variable[0] = values
        percent = group.createVariable("qa_value", "u1", axes, fill_value=255)
        percent.setncatts({"scale_factor": np.float32(0.01), "add_offset": np.float32(0), "units": "1"})
        percent.set_auto_scale(False)
        percent[0] = np.full(values.shape, 100, "u1") if quality is None else quality
        places = group.createGroup("SUPPORT_DATA/GEOLOCATIONS")
        for axis, corners in (("latitude", latitudes), ("longitude", longitudes)):
            places.createVariable(f"{axis}_bounds", "f4", (*axes, "corner"))[0] = (
                (corners + 180) % 360 - 180 if axis == "longitude" else corners
            )
            group.createVariable(axis, "f4", axes)[0] = corners.mean(-1)
    return path


def swath(lines, pixels, west, south, step, lean=0.2):
    """Corners of leaning pixels (line, pixel, 4): longitudes, latitudes."""
    line, pixel = np.indices((lines + 1, pixels + 1)).astype(float)
    longitude, latitude = west + (pixel + lean * line) * step, south + (line - 0.3 * lean * pixel) * step
    return tuple(
        np.stack([one[:-1, :-1], one[:-1, 1:], one[1:, 1:], one[1:, :-1]], -1) for one in (longitude, latitude)
    )
