"""Raw input for calcium-imaging labs: recordings of a made-up brain under a miniature microscope, and their truth.

No animal was imaged for this. Cells that fire in bursts sit in neuropil that shares half of its time course with them;
vessels and texture move with the tissue, the lens' vignette does not; the dye bleaches; the sensor has photon and read
noise, 12 bits, hot pixels, and loses some frames. Everything that an analysis should find is kept beside the frames.

A frame depends on the seed and its own number only: it is the same bytes however many are asked for at once.
"""

import functools
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy import fft, ndimage, sparse

from darkroom.calcium.movie import Movie
from darkroom.calcium.readers import isxd
from darkroom.calcium.timing import Timing
from darkroom.files import write_bytes

SEED = 20170614
MARGIN = 16  # pixels of tissue around the field, which motion may bring in
GAIN, READ_NOISE, FULL = 6.0, 4.0, 4095  # electrons per count, counts, counts of 12 bits
OFFSET = 64  # counts of a pixel that sees no light
RISE, DECAY = 0.07, 0.5  # seconds

# What the kinds differ in: rows, columns, frames, cells, their diameter in pixels, counts of a lone spike at the
# brightest pixel, sd of the neuropil in counts, sd of jitter and largest jump in pixels, hot pixels
KINDS = {
    "calcium": {},
    "calcium-easy": {
        "rows": 256, "columns": 240, "frames": 600, "cells": 20, "amplitude": 110.0, "neuropil": 8.0, "spacing": 2.0,
        "spread": 0.2, "jitter": 0.08, "jump": 2.0,
    },
    "calcium-hard": {"cells": 120, "amplitude": 34.0, "neuropil": 40.0, "spacing": 0.6, "jitter": 0.3, "jump": 8.0},
    "calcium-demo": {
        "rows": 128, "columns": 120, "frames": 400, "cells": 9, "diameter": 8.0, "amplitude": 90.0, "neuropil": 10.0,
        "spacing": 1.4, "spread": 0.25, "jump": 2.0, "hot": 5,
    },
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Recording:
    """A recording that is made as it is read.

    footprints -- sparse (cells, rows * columns) float32, peak 1, in the field as it is without motion
    traces -- (cells, samples) float32 counts at the peak of the footprint, without the vignette
    spikes -- per cell, seconds after the first sample
    shifts -- (samples, 2) float64 pixels (y, x) by which the tissue has moved
    dropped -- samples without a frame, ascending
    parts -- what the frames are made of: fields (n, rows, columns with margins) and their time courses (n, samples)
    """

    name: str
    seed: int
    rows: int
    columns: int
    samples: int
    rate: float
    diameter: float
    footprints: sparse.csr_array = field(repr=False)
    traces: np.ndarray = field(repr=False)
    spikes: list = field(repr=False)
    shifts: np.ndarray = field(repr=False)
    dropped: np.ndarray = field(repr=False)
    vignette: np.ndarray = field(repr=False)
    hot: np.ndarray = field(repr=False)
    parts: tuple = field(repr=False)

    @cached_property
    def valid(self):
        """Samples that hold a frame, ascending."""
        return np.setdiff1d(np.arange(self.samples), self.dropped)

    @property
    def shape(self):
        """Frames that are there, rows, columns."""
        return len(self.valid), self.rows, self.columns

    def read(self, first, count):
        """Frames `first` to `first + count` of those that are there: uint16 (count, rows, columns)."""
        frames = np.empty((count, self.rows, self.columns), np.uint16)
        for place, sample in enumerate(self.valid[first : first + count]):
            frames[place] = self._sensed(sample)
        return frames

    def blocks(self, frames=64):
        """Every frame once, as arrays uint16 (at most `frames`, rows, columns)."""
        for first in range(0, len(self.valid), frames):
            yield self.read(first, min(frames, len(self.valid) - first))

    def tissue(self, sample):
        """What the field would show without motion, lens and sensor: float32 counts, with margins."""
        fields, courses = self.parts
        return np.tensordot(courses[:, sample], fields, 1) + self._cells(sample)

    def _cells(self, sample):
        padded, spots = np.zeros((self.rows + 2 * MARGIN, self.columns + 2 * MARGIN), np.float32), self.footprints
        inner = (spots.T @ self.traces[:, sample]).reshape(self.rows, self.columns)
        padded[MARGIN:-MARGIN, MARGIN:-MARGIN] = inner
        return padded

    def _sensed(self, sample):
        light = _moved(self.tissue(sample), self.shifts[sample])[MARGIN:-MARGIN, MARGIN:-MARGIN] * self.vignette
        rng = np.random.default_rng([self.seed, 9, int(sample)])
        noise = np.sqrt(np.maximum(light, 0) / GAIN + READ_NOISE**2)
        counts = light + OFFSET + noise * rng.standard_normal(light.shape, np.float32)
        counts.flat[self.hot] = FULL - 40
        return np.clip(np.rint(counts), 0, FULL).astype(np.uint16)


def synthesise(
    name="calcium",
    seed=None,
    *,
    rows=512,
    columns=512,
    frames=1000,
    rate=20.0,
    cells=60,
    diameter=14.0,
    amplitude=49.0,
    spread=0.4,
    spacing=0.8,
    neuropil=25.0,
    jitter=0.15,
    jump=4.0,
    lost=0.01,
    hot=20,
):
    """A recording of a kind (`KINDS`), with other parameters than the kind's where some are given.

    frames -- samples of the grid of time, the lost ones included
    amplitude, spread -- counts of a lone spike at a cell's brightest pixel: median, and sd of its logarithm
    spacing -- least distance between cells in diameters
    neuropil -- counts, sd of each of its six fields in time
    jitter, jump -- pixels: sd from frame to frame, and the farthest that the tissue goes
    lost -- share of the samples without a frame
    hot -- pixels that are always nearly full

    Raises ValueError for a kind that is unknown and for more cells than the field has room for.
    """
    if name not in KINDS:
        raise ValueError(f"sample:{name} is unknown; there are {', '.join(sorted(KINDS))}")
    given = {key: value for key, value in locals().items() if key not in ("name", "seed")}
    defaults = synthesise.__kwdefaults__
    scene = defaults | KINDS[name] | {key: value for key, value in given.items() if value != defaults[key]}
    seed = SEED if seed is None else seed
    return _recording(name, seed, **scene)


def _recording(
    name, seed, *, rows, columns, frames, rate, cells, diameter, amplitude, spread, spacing, neuropil, jitter, jump,
    lost, hot,
):  # fmt: skip
    rng = np.random.default_rng([seed, 0])
    shape = rows + 2 * MARGIN, columns + 2 * MARGIN
    centres = _centres(rng, cells, rows, columns, diameter, spacing)
    footprints = _footprints(rng, centres, rows, columns, diameter)
    spikes, unit = _firing(rng, cells, frames, rate)
    traces = (unit * rng.lognormal(np.log(amplitude), spread, (cells, 1))).astype(np.float32)

    still = _background(np.random.default_rng([seed, 1]), shape, diameter)
    hazes = _hazes(np.random.default_rng([seed, 2]), shape)
    courses = _haze_courses(np.random.default_rng([seed, 3]), unit, len(hazes), frames, rate, neuropil)
    bleach = 1 - 0.15 * (1 - np.exp(-3 * np.arange(frames) / frames))
    return Recording(
        name=name,
        seed=seed,
        rows=rows,
        columns=columns,
        samples=frames,
        rate=rate,
        diameter=diameter,
        footprints=footprints,
        traces=(traces * bleach).astype(np.float32),
        spikes=spikes,
        shifts=_motion(np.random.default_rng([seed, 4]), frames, rate, jitter, jump),
        dropped=np.sort(rng.choice(np.arange(1, frames - 1), int(lost * frames), replace=False)),
        vignette=_vignette(rows, columns),
        hot=rng.choice(rows * columns, hot, replace=False),
        parts=(
            np.concatenate([still[None], hazes]),
            np.concatenate([bleach[None], courses * bleach]).astype(np.float32),
        ),
    )


def _centres(rng, cells, rows, columns, diameter, spacing):
    """Places (cells, 2), each at least `spacing` diameters from the others and .7 diameters inside the field."""
    edge, centres = 0.7 * diameter, np.zeros((0, 2))
    for place in rng.uniform([edge, edge], [rows - edge, columns - edge], (5000, 2)):
        if len(centres) == cells:
            return centres
        if (np.hypot(*(centres - place).T) >= spacing * diameter).all():
            centres = np.concatenate([centres, place[None]])
    raise ValueError(f"{cells} cells of {diameter} px have no room in {rows} x {columns} pixels")


def _footprints(rng, centres, rows, columns, diameter):
    """Soft ellipses, exp(-q^1.3) of the squared distance q in units of the axes; nothing below a hundredth."""
    images = []
    for centre in centres:
        y, x = np.arange(rows)[:, None] - centre[0], np.arange(columns)[None] - centre[1]
        angle, axes = rng.uniform(0, np.pi), diameter / 4 * rng.uniform(0.85, 1.2, 2)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        image = np.exp(-((((along / axes[0]) ** 2 + (across / axes[1]) ** 2) / 2) ** 1.3))
        image[image < 0.01] = 0
        images.append(sparse.csr_array((image / image.max()).astype(np.float32).reshape(1, -1)))
    return sparse.vstack(images, "csr") if images else sparse.csr_array((0, rows * columns), dtype=np.float32)


def _kernel(seconds):
    """Calcium after a spike: rise and decay, peak 1."""
    peak = RISE * np.log1p(DECAY / RISE)
    shape = np.where(
        seconds >= 0, -np.expm1(-np.maximum(seconds, 0) / RISE) * np.exp(-np.maximum(seconds, 0) / DECAY), 0
    )
    return shape / (-np.expm1(-peak / RISE) * np.exp(-peak / DECAY))


def _firing(rng, cells, frames, rate):
    """Spikes in seconds, and the calcium that follows them with the height of a lone spike as one: (cells, frames).

    Each cell has a mean rate of .08 to .35 Hz and is four times as active in a quarter of the time; spikes are .2 s
    apart at least, and every cell fires three times at least.
    """
    times, spikes = np.arange(frames) / rate, []
    calcium = np.zeros((cells, frames))
    for cell in range(cells):
        mean = rng.uniform(0.08, 0.35)
        phase, cycle = rng.uniform(0, 1), rng.uniform(8, 16)
        trains = np.sort(rng.uniform(0.02, 0.98, max(6, rng.poisson(4 * mean * times[-1]))) * times[-1])
        active = (trains / cycle + phase) % 1 < 0.25
        keep = trains[rng.random(len(trains)) < np.where(active, 0.57, 0.14)]
        keep = keep if len(keep) >= 3 else trains[np.linspace(0, len(trains) - 1, 3).astype(int)]
        train = keep[np.diff(keep, prepend=-1) >= 0.2]
        spikes.append(train)
        for spike in train:
            calcium[cell] += rng.normal(1, 0.1) * _kernel(times - spike)
    return spikes, calcium


def _background(rng, shape, diameter):
    """Counts of what is always there: tissue with texture, dimmed by vessels. It joins at the edges."""
    broad = ndimage.gaussian_filter(rng.standard_normal(shape), 60, mode="wrap")
    fine = ndimage.gaussian_filter(rng.standard_normal(shape), 2.5, mode="wrap")
    tissue = 1 + 0.12 * (broad - broad.mean()) / broad.std() + 0.05 * (fine - fine.mean()) / fine.std()
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None]
    for _ in range(max(3, shape[1] // 90)):
        bends = sum(
            rng.uniform(4, 14) / n * np.sin(2 * np.pi * (n * y / shape[0] + rng.uniform(0, 1))) for n in (1, 2, 3)
        )
        distance = (x - rng.uniform(0, shape[1]) - bends + shape[1] / 2) % shape[1] - shape[1] / 2
        tissue *= 1 - rng.uniform(0.2, 0.45) * np.exp(-((distance / rng.uniform(0.25, 0.7) / diameter) ** 2))
    return (900 * tissue).astype(np.float32)


def _hazes(rng, shape, count=6, width=35):
    """Where each part of the neuropil lies: broad positive fields of mean 1, joined at the edges."""
    hazes = []
    for _ in range(count):
        haze = ndimage.gaussian_filter(rng.standard_normal(shape), width, mode="wrap")
        haze = (haze - haze.min()) ** 2
        hazes.append(haze / haze.mean())
    return np.array(hazes, np.float32)


def _haze_courses(rng, calcium, count, frames, rate, sd):
    """Time courses (count, frames) of the neuropil: half of the variance is the cells' mean, half its own."""
    mean = calcium.mean(0) if len(calcium) else np.zeros(frames)
    shared = mean / (mean.std() or 1)
    own = ndimage.gaussian_filter1d(rng.standard_normal((count, frames)), 0.4 * rate, axis=1, mode="wrap")
    own /= own.std(1, keepdims=True)
    courses = np.sqrt(0.5) * (shared + own)
    return sd / np.sqrt(count) * (courses - courses.min(1, keepdims=True))


def _motion(rng, frames, rate, jitter, jump):
    """Where the tissue is in each sample: slow drift, jitter and some jumps back and forth, `jump` pixels at most."""
    steps = np.zeros((frames, 2))
    for _ in range(max(1, round(frames / rate / 10))):
        begin = rng.integers(0, frames)
        steps[begin : begin + rng.integers(3, int(rate) + 4)] += rng.uniform(-0.75, 0.75, 2) * jump
    drift = ndimage.gaussian_filter1d(rng.standard_normal((frames, 2)), 8 * rate, axis=0, mode="nearest")
    drift *= jump / 4 / np.abs(drift).max()
    moved = np.clip(steps + drift + jitter * rng.standard_normal((frames, 2)), -jump, jump)
    return moved - moved[0]


def _vignette(rows, columns):
    """Share of the light that the lens lets through: 1 in the middle, a third in the corners."""
    y, x = np.linspace(-1, 1, rows)[:, None], np.linspace(-1, 1, columns)[None]
    return (1 / (1 + 0.5 * (y**2 + x**2)) ** 1.5).astype(np.float32)


def _moved(image, shift):
    """A picture that joins at its edges, moved by parts of a pixel: its waves are turned, nothing is interpolated."""
    waves = fft.rfft2(image)
    rows, columns = (
        frequencies(size) for frequencies, size in ((fft.fftfreq, image.shape[0]), (fft.rfftfreq, image.shape[1]))
    )
    turn_rows, turn_columns = np.exp(-2j * np.pi * shift[0] * rows), np.exp(-2j * np.pi * shift[1] * columns)
    waves *= turn_rows.astype(np.complex64)[:, None]
    waves *= turn_columns.astype(np.complex64)
    return fft.irfft2(waves, image.shape)


# Files of an acquisition box

START, ZONE = Fraction(1715947380), 7200  # 2024-05-17T14:03:00+02:00
PIXEL = 1.1  # micrometres
CLOCK = 16_012_767_852_650  # microseconds that the box has run when the recording begins


def write(name, folder):
    """Write a recording of a kind as an acquisition box does: frames with headers and time stamps, and its lines."""
    made = synthesise(name)
    step = round(1e6 / made.rate)
    movie = Movie(
        made.shape,
        np.dtype(np.uint16),
        Timing(Fraction(step, 1_000_000), made.samples, START, ZONE, dropped=tuple(made.dropped.tolist())),
        made.read,
        (PIXEL, PIXEL),
    )
    about = {
        "microscope": {"exLed": {"power": 0.4}, "gain": 2, "type": "Made-up"},
        "producer": {"name": "acquisition", "version": "1.5.1"},
    }
    isxd.write_movie(folder / "recording.isxd", movie, about, CLOCK + step * movie.timing.valid)
    write_bytes(folder / "recording.gpio", _lines(made.samples, step))


def _lines(samples, step):
    """A `.gpio` file: the excitation LED goes on, the sync output is high during the first half of every second."""
    changes = [(0x4008, 0, 4)]
    half = 500_000
    changes += [(0x400D, time, time // half % 2 ^ 1) for time in range(0, samples * step, half)]
    stream = b""
    for number, (kind, time, value) in enumerate(changes):
        stamp = CLOCK + time
        payload = struct.pack("<4I", stamp >> 32, stamp & 0xFFFFFFFF, 0, value)
        stream += struct.pack("<4I", 0xAA55, kind, number, 4) + payload
    header = struct.pack("<QQiIQ", START.numerator, START.denominator, ZONE, 48, len(changes))
    return header + struct.pack("<QQ", 200, 48 + len(stream)) + stream + b'{"adMode": "ad", "ad": {"clock": 1000}}'


SAMPLES = {name: functools.partial(write, name) for name in KINDS}
