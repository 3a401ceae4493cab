"""A movie on disk, between the steps and as a product: HDF5, `movie` (frames, rows, columns) in chunks of frames."""

import errno
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
def new_file(path, libver="v110"):
    """Give a new HDF5 file, which is there when all went well. Raises OSError naming it when it cannot be written.

    libver -- versions of HDF5 that read it, as h5py has them
    """
    with files.replacing(path) as partial:
        try:
            with h5py.File(partial, "w", libver=libver) as file:
                yield file
        except RuntimeError as error:  # so HDF5 tells of a full disk when it closes a file
            raise OSError(errno.EIO, f"cannot be written: {error}", str(path)) from error


@contextmanager
def writing(path, like, compressed=False, threads=2, **said):
    """Give a function that appends blocks (count, rows, columns) to a new file, which is there when all went well.

    like -- a `Movie` whose shape, dtype, timing, pixel size, parts and acquisition data the file gets
    compressed -- shuffled and deflated, which every HDF5 library reads back
    said -- more that the file says of itself, as JSON-able values; `notes` of `like` are kept too

    Raises ValueError when fewer or more frames were written than `like` has, OSError when the disk is full.
    """
    about = {
        "timing": like.timing.as_json(),
        "pixel_size_um": like.pixel_size,
        "top_left_um": like.top_left,
        "parts": like.parts,
        "acquisition": like.acquisition,
        "notes": like.notes,
    }
    with new_file(path) as file, ThreadPoolExecutor(threads) as pool:
        chunks = _Chunks(file, like, compressed, pool)
        yield chunks.append
        if chunks.frames != len(like):
            raise ValueError(f"{path}: {chunks.frames} frames were made, {len(like)} are due")
        chunks.end()
        file.create_dataset("times", data=like.timing.times).attrs["unit"] = "s"
        file.attrs["format"] = FORMAT
        for name, value in (about | said).items():
            file.attrs[name] = json.dumps(value, ensure_ascii=False)


class _Chunks:
    """Writes frames in whole chunks, past the HDF5 library, which would shrink them one after the other."""

    def __init__(self, file, like, compressed, pool):
        rows, columns = like.shape[1:]
        dtype = np.dtype(like.dtype)
        self.held = max(1, min(len(like), CHUNK_BYTES // (rows * columns * dtype.itemsize)))
        filters = {"compression": "gzip", "compression_opts": LEVEL, "shuffle": True} if compressed else {}
        self.data = file.create_dataset("movie", like.shape, dtype, chunks=(self.held, rows, columns), **filters)
        self.data.attrs["axes"] = ["frame", "row", "column"]
        self.encode = _shrunk if compressed else np.ndarray.tobytes
        self.pool, self.written, self.rest = pool, 0, np.empty((0, rows, columns), dtype)

    @property
    def frames(self):
        """How many have come."""
        return self.written + len(self.rest)

    def append(self, block):
        """Take in a block (count, rows, columns); what does not fill a chunk waits."""
        block = np.asarray(block, self.rest.dtype)
        block = np.concatenate([self.rest, block]) if len(self.rest) else block
        whole = len(block) // self.held * self.held
        self._write([block[first : first + self.held] for first in range(0, whole, self.held)])
        self.rest = block[whole:].copy()

    def end(self):
        """Write what waits; the last chunk is filled up with zeros that nobody reads."""
        if len(self.rest):
            padding = np.zeros((self.held - len(self.rest), *self.rest.shape[1:]), self.rest.dtype)
            self._write([np.concatenate([self.rest, padding])])

    def _write(self, chunks):
        for raw in self.pool.map(self.encode, chunks):
            self.data.id.write_direct_chunk((self.written, 0, 0), raw)
            self.written += self.held


def _shrunk(chunk):
    """A chunk with the bytes of its values shuffled, then deflated."""
    raw = np.ascontiguousarray(chunk).view("u1").reshape(-1, chunk.dtype.itemsize)
    return imagecodecs.deflate_encode(raw.T.tobytes(), LEVEL)


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
