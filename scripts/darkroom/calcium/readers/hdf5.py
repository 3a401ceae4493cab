"""Movies in HDF5 files: our own stages and products, and any other dataset (frames, rows, columns)."""

from fractions import Fraction
from pathlib import Path

import h5py

from darkroom import hdf5_file
from darkroom.calcium import store
from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import Timing


def read_movie(path, dataset=None):
    """A movie of an HDF5 file: of `dataset`, or of its only array of three axes: frames, rows, columns.

    What `store` has written brings its times and pixel size; other files have neither start nor rate (the period is 0,
    which `series` asks the user for). Raises ValueError naming the file and what arrays it has.
    """
    path = Path(path)
    with hdf5_file.opened(path) as file:
        if store.is_own(file) and dataset is None:
            return store.open_movie(path)
        arrays = {}
        file.visititems(lambda name, item: arrays.update({name: item.shape}) if _is_movie(item) else None)
        there = ", ".join(f"{name} {shape}" for name, shape in arrays.items()) or "none"
        if dataset is None and len(arrays) != 1:
            raise ValueError(
                f"{path}: give `array`, the path of the movie in it; of three axes (frames, rows, columns) are {there}"
            )
        dataset = (dataset or next(iter(arrays))).strip("/")
        if dataset not in arrays:
            raise ValueError(f"{path}: has no array {dataset} of three axes (frames, rows, columns); there are {there}")
        shape, dtype = arrays[dataset], file[dataset].dtype

    def read(first, count):
        return stored(path, dataset, first, count)

    notes = (f"the axes of {dataset} in {path.name} are taken as frames, rows, columns",)
    return Movie(shape, dtype, Timing(Fraction(0), shape[0]), read, notes=notes)


def stored(path, dataset, first, count):
    """Some frames of an array of a file. Raises ValueError naming them when the file is damaged there."""
    with hdf5_file.opened(path) as file:
        try:
            return file[dataset][first : first + count]
        except OSError as error:
            raise ValueError(
                f"{path}: frames {first} to {first + count - 1} of {dataset} cannot be read ({error}): the file is "
                "damaged, or packed by a filter that is not installed; copy it again, or store it with gzip"
            ) from error


def _is_movie(item):
    return isinstance(item, h5py.Dataset) and item.ndim == 3 and item.dtype.kind in "uif" and item.shape[0] > 0
