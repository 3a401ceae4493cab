"""A movie on disk, between the steps and as a product: HDF5, `movie` (frames, rows, columns) in chunks of frames."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import h5py
import imagecodecs
import numpy as np

from darkroom import files
from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import Timing

FORMAT = "darkroom calcium movie 1"
CHUNK_BYTES = 1 << 20
LEVEL = 1  # of deflate: noise does not shrink further, whatever the effort


def is_own(file):
    """Whether an open HDF5 file is one of these."""
    return file.attrs.get("format", "") == FORMAT


@contextmanager
def writing(path, like, compressed=False, threads=2, **said):
    """Give a function that appends blocks (count, rows, columns) to a new file, which is there when all went well.

    like -- a `Movie` whose shape, dtype, timing, pixel size, parts and acquisition data the file gets
    compressed -- shuffled and deflated, which every HDF5 library reads back
    said -- more that the file says of itself, as JSON-able values; `notes` of `like` are kept too

    Raises ValueError when fewer or more frames were written than `like` has.
    """
    frames, rows, columns = like.shape
    dtype = np.dtype(like.dtype)
    held = max(1, min(frames, CHUNK_BYTES // (rows * columns * dtype.itemsize)))
    filters = {"compression": "gzip", "compression_opts": LEVEL, "shuffle": True} if compressed else {}
    with (
        files.replacing(path) as partial,
        h5py.File(partial, "w", libver="v110") as file,
        ThreadPoolExecutor(threads) as pool,
    ):
        data = file.create_dataset("movie", like.shape, dtype, chunks=(held, rows, columns), **filters)
        rest, at = np.empty((0, rows, columns), dtype), 0

        def store(chunk):
            """One whole chunk as it lies in the file; the last one is filled up with zeros that nobody reads."""
            if len(chunk) < held:
                chunk = np.concatenate([chunk, np.zeros((held - len(chunk), rows, columns), dtype)])
            raw = np.ascontiguousarray(chunk).view("u1")
            return (
                imagecodecs.deflate_encode(raw.reshape(-1, dtype.itemsize).T.tobytes(), LEVEL)
                if compressed
                else raw.tobytes()
            )

        def flush(chunks):
            nonlocal at
            for raw in pool.map(store, chunks) if compressed else map(store, chunks):
                data.id.write_direct_chunk((at, 0, 0), raw)
                at += held

        def append(block):
            nonlocal rest
            block = np.concatenate([rest, np.asarray(block, dtype)]) if len(rest) else np.asarray(block, dtype)
            whole = len(block) // held * held
            flush([block[first : first + held] for first in range(0, whole, held)])
            rest = block[whole:].copy()

        yield append
        total = at + len(rest)
        if total != frames:
            raise ValueError(f"{path}: {total} frames were made, {frames} are due")
        if len(rest):
            flush([rest])
        file.create_dataset("times", data=like.timing.times).attrs["unit"] = "s"
        data.attrs["axes"] = ["frame", "row", "column"]
        file.attrs["format"] = FORMAT
        about = {
            "timing": like.timing.as_json(),
            "pixel_size_um": like.pixel_size,
            "top_left_um": like.top_left,
            "parts": like.parts,
            "acquisition": like.acquisition,
            "notes": like.notes,
        }
        for name, value in (about | said).items():
            file.attrs[name] = json.dumps(value, ensure_ascii=False)


def said(path):
    """What a file says of itself, as a dict."""
    with h5py.File(path) as file:
        return {name: json.loads(value) for name, value in file.attrs.items() if name != "format"}


def open_movie(path):
    """The movie of a file. Raises ValueError when it is none of these."""
    path = Path(path)
    with h5py.File(path) as file:
        if not is_own(file):
            raise ValueError(f"{path}: is no movie of a calcium step")
        data, times = file["movie"], file["times"][:]
        shape, dtype, held = data.shape, data.dtype, data.chunks[0]
        compressed = data.compression is not None
        places = [data.id.get_chunk_info_by_coord((at, 0, 0)) for at in range(0, shape[0], held)]
        places = [(place.byte_offset, place.size) for place in places]
    about = said(path)

    def chunk(number):
        offset, size = places[number]
        with path.open("rb") as raw:
            raw.seek(offset)
            stored = raw.read(size)
        if compressed:
            plain = imagecodecs.deflate_decode(stored, out=held * shape[1] * shape[2] * dtype.itemsize)
            stored = np.frombuffer(plain, "u1").reshape(dtype.itemsize, -1).T.tobytes()
        return np.frombuffer(stored, dtype).reshape(held, *shape[1:])

    def read(first, count):
        """Chunks are read past the HDF5 library, whose lock would keep one thread waiting for the other."""
        frames = np.empty((count, *shape[1:]), dtype)
        for number in range(first // held, -(-(first + count) // held) if count else 0):
            begin = number * held
            inside = slice(max(first, begin), min(first + count, begin + held))
            frames[inside.start - first : inside.stop - first] = chunk(number)[
                inside.start - begin : inside.stop - begin
            ]
        return frames

    return Movie(
        shape,
        dtype,
        Timing.from_json(about["timing"], times),
        read,
        tuple(about["pixel_size_um"]) if about["pixel_size_um"] else None,
        about["acquisition"],
        tuple(map(tuple, about["parts"])),
        tuple(about["notes"]),
        tuple(about["top_left_um"]),
    )
