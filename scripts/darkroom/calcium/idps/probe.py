"""Load IDPS's library, import isx and say which versions and algorithms are there, as JSON.

Run by itself in a child process, by the Python that is to use isx (3.8 or newer): probe.py REPORT API LIBRARY.
The library may kill its loader, and writes what it likes on the terminal, so the report is a file.
"""

import ctypes
import importlib
import json
import os
import platform
import sys
import traceback
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "pip",
    "setuptools",
    "wheel",
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "matplotlib",
    "tifffile",
    "imagecodecs",
)


def main(report, api, library):
    said = {"python": platform.python_version(), "executable": sys.executable, "path": sys.path}
    said["packages"] = {package: version(package) for package in PACKAGES}
    try:
        ctypes.CDLL(library)
        said["isx"] = imported(api)
    except BaseException:  # whatever it is, it is the finding
        said["traceback"] = traceback.format_exc()
    Path(report).write_text(json.dumps(said), encoding="utf-8")


def version(package):
    """Version of an installed package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def imported(api):
    """What the package isx of a folder says of itself."""
    isx = importlib.import_module("isx")
    place = os.path.realpath(isx.__file__)
    if not place.startswith(os.path.realpath(api) + os.sep):
        raise ImportError(f"isx comes from {place}, not from {api}")
    internal = getattr(isx, "_internal", None)
    return {
        "version": str(getattr(isx, "__version__", "unknown")),
        # isx of wheels says 0 and reads and writes only; older ones say nothing
        "reads_and_writes_only": not getattr(internal, "is_with_algos", 1),
        "functions": sorted(name for name in dir(isx) if callable(getattr(isx, name)) and not name.startswith("_")),
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
