"""Opening HDF5 sources."""

import contextlib

import h5py

from darkroom import damage, whole_files


@contextlib.contextmanager
def opened(path):
    """An HDF5 file. Raises ValueError for one that is none, is cut, or is damaged where it is read."""
    whole_files.require(path)
    with damage.named(path, "HDF5 file"), h5py.File(path) as file:
        yield file
