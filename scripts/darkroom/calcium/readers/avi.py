"""Movies in AVI and other video files, decoded by PyAV. The frame rate of such a file is not that of the recording."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from darkroom import damage
from darkroom.calcium.movie import Movie
from darkroom.calcium.timing import Timing

KEPT_BLOCKS = 4  # two threads are three blocks apart at most (`Movie.mapped`)
LOSSLESS = {"rawvideo", "ffv1", "huffyuv", "ffvhuff", "utvideo", "png", "zlib", "lagarith", "magicyuv"}


def read_movie(path):
    """A movie of the first video stream: uint8, or uint16 where it has more than 8 bits; colour becomes grey.

    It has neither start nor rate (the period is 0, which `series` asks the user for). Raises ValueError naming the
    file when it is no video, or has no frame.
    """
    path = Path(path)
    with damage.named(path, "video"), av.open(str(path)) as container:
        stream = container.streams.video[0]
        name, codec = stream.codec_context.pix_fmt or "", stream.codec_context.name
        count = sum(1 for packet in container.demux(stream) if packet.size)
        rows, columns = stream.codec_context.height, stream.codec_context.width
    if not count:
        raise ValueError(f"{path}: has no frame")
    deep = any(mark in name for mark in ("10", "12", "14", "16"))
    layout, dtype = ("gray16le", np.dtype("u2")) if deep else ("gray", np.dtype("u1"))
    notes = []
    if codec not in LOSSLESS:
        notes.append(f"{path.name} is compressed with loss ({codec})")
    if not name.startswith("gray") and name != "pal8":
        notes.append(f"{path.name} has colour ({name}): its luma is used")
    return Movie((count, rows, columns), dtype, Timing(Fraction(0), count), _Decoder(path, layout), notes=tuple(notes))


class _Decoder:
    """Frames in order; a step back begins anew, as not every codec can be entered anywhere.

    Threads that read ahead of each other come out of order by a few blocks: so many frames are kept.
    """

    def __init__(self, path, layout):
        self.path, self.layout = path, layout
        self.lock, self.container, self.kept = threading.Lock(), None, {}

    def __call__(self, first, count):
        with self.lock:
            asked = range(first, first + count)
            if self.container is None or any(frame < self.at and frame not in self.kept for frame in asked):
                self._rewind()
            while self.at < first + count:
                number = self.at
                self.kept[number] = self._next()
                if len(self.kept) > KEPT_BLOCKS * count:
                    del self.kept[next(iter(self.kept))]
            frames = [self.kept[frame].to_ndarray(format=self.layout) for frame in asked]
        return np.stack(frames)

    def _rewind(self):
        if self.container is not None:
            self.container.close()
        self.container = av.open(str(self.path))
        self.container.streams.video[0].thread_type = "AUTO"
        self.frames, self.at, self.kept = self.container.decode(video=0), 0, {}

    def _next(self):
        try:
            frame = next(self.frames)
        except (StopIteration, av.error.FFmpegError) as error:
            raise ValueError(f"{self.path}: its frame {self.at} cannot be decoded; the file was cut off") from error
        self.at += 1
        return frame
