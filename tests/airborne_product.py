"""Small netCDF products, written without the pipeline's writer, and a collection for them."""

import json

import netCDF4
import numpy as np

COLLECTION = {
    "short_name": "demosondes",
    "version": "2",
    "title": "Demo sondes",
    "summary": "Made-up sondes",
    "doi": "10.5067/DEMO/DATA1",
    "project": "DEMO",
    "platform": {"short_name": "NASA ER-2", "long_name": "NASA ER-2"},
    "instrument": {"short_name": "AVAPS", "long_name": "AVAPS"},
    "institution": "Nobody",
    "keywords": ["EARTH SCIENCE > ATMOSPHERE"],
    "additional_attributes": {"Direction": "Descending"},
    "url_path": "{short_name}/{date}",
    "formats": [
        {
            "names": r"(?P<granule>D(?P<date>\d{8})_\d{6})\.eol",
            "sample_file_name": "D20120907_124116.eol",
            "reader": "eol",
            "feature": "trajectory",
            "variables": {"Time": {"name": "time", "long_name": "time"}},
        }
    ],
    "files": [
        {"regex": r".+\.nc", "bucket": "protected", "type": "data", "sample_file_name": "a.nc"},
        {"regex": r".+\.(json|xml)", "bucket": "private", "type": "metadata", "sample_file_name": "a.json"},
    ],
}


def write(path, latitude, longitude, seconds=None, attributes=None, **variables):
    """A trajectory of one row per second from 2012-09-07T12:41:16Z; `variables` are values by name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    swath = np.ndim(latitude) == 2
    seconds = np.arange(len(latitude)) if seconds is None else seconds
    with netCDF4.Dataset(path, "w") as file:
        file.date_created = "2026-01-02T03:04:05Z"
        file.createDimension("time", len(seconds))
        if swath:
            file.createDimension("spot", np.shape(latitude)[1])
        time = file.createVariable("time", "f8", ("time",))
        time.units = "seconds since 2012-09-07 12:41:16"
        time[:] = seconds
        for name, values in {"latitude": latitude, "longitude": longitude, **variables}.items():
            dims = ("time", "spot") if np.ndim(values) == 2 else ("time",)
            item = file.createVariable(
                name, np.asarray(values).dtype, dims, fill_value=np.asarray(values).dtype.type(-999)
            )
            item.setncatts({"standard_name": name} | (attributes or {}).get(name, {}))
            item.set_auto_maskandscale(False)
            item[:] = values
    return path


def listed(folder, source, **variables):
    """granules.json of one product of a source file, and its collection; returns both paths."""
    granule = source.stem
    write(folder / f"netcdf/{granule}.nc", **variables)
    entry = {
        "id": granule,
        "collection": "demosondes",
        "files": [source.name],
        "netcdf": f"netcdf/{granule}.nc",
        "flags": [],
        "error": "",
    }
    content = {"root": str(source.parent), "granules": [entry], "unknown": []}
    (folder / "granules.json").write_text(json.dumps(content))
    (folder / "demosondes.yaml").write_text(json.dumps(COLLECTION))
    return folder / "granules.json", folder / "demosondes.yaml"
