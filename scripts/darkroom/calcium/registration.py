"""Rigid motion of a movie to parts of a pixel: what moves each frame onto a common reference, and frames so moved."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import fft

TEMPLATE_FRAMES = 200  # are averaged to make the reference,
TEMPLATE_BYTES = 200 << 20  # fewer of a large field: so much as float32
BLOCK_BYTES = 8 << 20  # of frames that are transformed at once, as float32
ROUNDS = 3  # of aligning these to their own mean
SOFT = 0.15  # share of a cutoff over which the band-pass fades
TAPER = 0.1  # share of each side over which a picture fades to nothing before its transform
TAPS = 3  # neighbours to each side that a moved pixel is made of


@dataclass(frozen=True, eq=False)
class Motion:
    """What is known of the motion in a movie.

    shifts -- (frames, 2) float64 pixels (y, x) to be added to positions in a frame to lie on the reference
    quality -- (frames,) correlation with the reference inside the band, 1 at best
    clamped -- (frames,) whether no shift within the limit was found; the neighbours' is taken, interpolated
    reference -- float32 (rows, columns), the mean of aligned frames
    """

    shifts: np.ndarray
    quality: np.ndarray
    clamped: np.ndarray
    reference: np.ndarray
    notes: tuple = ()


def band(cell_diameter):
    """Low and high cutoff in cycles per pixel that keep vessels and cells of this diameter, not haze and not noise."""
    return 0.21 / cell_diameter, min(0.45, 1.05 / cell_diameter)


class _Band:
    """Pictures as their waves inside the band-pass, over a rectangle of the field."""

    def __init__(self, shape, roi, low, high):
        if min(shape) < 2:
            raise ValueError(f"motion cannot be seen in a field of {shape[0]} x {shape[1]} pixels (rows x columns)")
        top, left, bottom, right = roi or (0, 0, shape[0] - 1, shape[1] - 1)
        if not (0 <= top < bottom < shape[0] and 0 <= left < right < shape[1]):
            raise ValueError(f"roi: {roi} is no (top, left, bottom, right) inside a field of {shape[0]} x {shape[1]}")
        self.window = slice(top, bottom + 1), slice(left, right + 1)
        inner = bottom + 1 - top, right + 1 - left
        self.shape = tuple(fft.next_fast_len(size, real=True) for size in inner)
        fades = [np.minimum(1, (np.arange(n) + 0.5) / (TAPER * n)) for n in inner]
        rows, columns = (0.5 - 0.5 * np.cos(np.pi * np.minimum(fade, fade[::-1])) for fade in fades)
        self.taper = np.outer(rows, columns).astype(np.float32)
        self.y, self.x = fft.fftfreq(self.shape[0]), fft.rfftfreq(self.shape[1])
        radius = np.hypot(self.y[:, None], self.x)
        gain = _step(radius, low) * (1 - _step(radius, high))
        gain[0, 0] = 0
        self.inside = np.nonzero(gain > 0.01)
        if not len(self.inside[0]):
            raise ValueError(
                f"low_bandpass_cutoff {low:g} and high_bandpass_cutoff {high:g} (auto: by cell_diameter) leave no wave "
                f"of {inner[0]} x {inner[1]} pixels (rows x columns); give a wider band, or a larger field or roi"
            )
        self.gain = gain[self.inside].astype(np.float32)
        # a real picture has each wave twice but those of column 0 (and of the last, where columns are even)
        single = (self.inside[1] == 0) | (self.inside[1] * 2 == self.shape[1])
        self.weight = np.where(single, 1, 2).astype(np.float32)
        self.waves = (2 * np.pi * np.stack([self.y[self.inside[0]], self.x[self.inside[1]]])).astype(np.float32)

    def __call__(self, frames, threads=1):
        """Complex64 (count, waves) of frames (count, rows, columns), each of length 1; of a flat frame all zero."""
        part = frames[(slice(None), *self.window)].astype(np.float32)
        if not np.isfinite(part).all():
            valued = np.isfinite(part)
            part[~valued] = np.nan
            middle = np.array([one[ok].mean() if ok.any() else 0 for one, ok in zip(part, valued, strict=True)])
            part = np.where(valued, part, middle[:, None, None]).astype(np.float32)
        part -= part.mean((1, 2), keepdims=True)
        part *= self.taper
        coefficients = fft.rfft2(part, self.shape, workers=threads)[(slice(None), *self.inside)] * self.gain
        length = np.sqrt((np.abs(coefficients) ** 2 * self.weight).sum(1, keepdims=True))
        return coefficients / np.where(length > 1e-3, length, np.inf).astype(np.float32)

    def moved(self, coefficients, shifts):
        """Waves of pictures whose content is moved by shifts (count, 2)."""
        return coefficients * np.exp(-1j * (np.asarray(shifts, np.float32) @ self.waves))

    def correlation(self, one, other, threads=1):
        """Correlation of pictures for every whole shift of the second onto the first, zero shift at [0, 0]."""
        product = np.zeros((len(other), self.shape[0], self.shape[1] // 2 + 1), np.complex64)
        product[(slice(None), *self.inside)] = one * other.conj()
        return fft.irfft2(product, self.shape, workers=threads) * np.float32(self.shape[0] * self.shape[1])

    def refined(self, one, other, shifts, rounds=4):
        """Shifts at the very top of the correlation, by Newton's method from whole ones, and the correlation there.

        The correlation is a sum of waves, so its slope and curvature are known exactly.
        """
        product = one * other.conj() * self.weight
        start = shifts.astype(np.float64)
        for _ in range(rounds):
            turned = product * np.exp(1j * (shifts.astype(np.float32) @ self.waves))
            slope = -(turned.imag @ self.waves.T).astype(np.float64)
            pairs = np.stack([self.waves[0] ** 2, self.waves[0] * self.waves[1], self.waves[1] ** 2])
            yy, yx, xx = -(turned.real @ pairs.T).T.astype(np.float64)
            determinant = yy * xx - yx**2
            peaked = (determinant > 0) & (yy < 0)
            safe = np.where(peaked, determinant, 1)
            step = (
                np.stack([xx * slope[:, 0] - yx * slope[:, 1], yy * slope[:, 1] - yx * slope[:, 0]], 1) / safe[:, None]
            )
            shifts = np.clip(np.where(peaked[:, None], shifts - step, shifts), start - 1, start + 1)
        turned = product * np.exp(1j * (shifts.astype(np.float32) @ self.waves))
        return shifts, turned.real.sum(1).astype(np.float64)


def _step(radius, cutoff):
    """0 below a cutoff, 1 above it, a soft step of 2 * SOFT of it between."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((radius / cutoff - 1 + SOFT) / (2 * SOFT), 0, 1))


def _aligned(band_, target, waves, max_translation, threads):
    """Shifts (count, 2), correlation and whether the best lay within the limit, of waves onto one target's waves."""
    height, width = band_.shape
    correlation = band_.correlation(target, waves, threads)
    flat = correlation.reshape(len(waves), -1)
    limit = [min(int(max_translation), (size - 1) // 2) for size in band_.shape]
    near = np.ix_(
        np.r_[0 : limit[0] + 1, height - limit[0] : height], np.r_[0 : limit[1] + 1, width - limit[1] : width]
    )
    inner = correlation[(slice(None), *near)]
    best = inner.reshape(len(waves), -1).argmax(1)
    y, x = np.unravel_index(best, inner.shape[1:])
    y, x = near[0].ravel()[y], near[1].ravel()[x]
    whole = np.stack([np.where(y > height // 2, y - height, y), np.where(x > width // 2, x - width, x)], 1)
    shifts, quality = band_.refined(target, waves, whole)
    reachable = inner.reshape(len(waves), -1).max(1) >= flat.max(1) - 1e-6
    reached = reachable & (quality > 1e-3) & (np.abs(shifts) <= max_translation).all(1)
    return shifts, quality, reached


def template(movie, *, max_translation=20, low=None, high=None, cell_diameter=7, roi=None, reference=None, threads=2):
    """The reference that `detect_motion` aligns to: the mean of some frames over the movie, aligned to each other.

    reference -- (rows, columns): where given, they are aligned to this first and its place is kept; else the reference
        lies where half of the shifts are on either side
    """
    filters = _band(movie, low, high, cell_diameter, roi)
    _, frames = movie.sampled(min(TEMPLATE_FRAMES, movie.block(TEMPLATE_BYTES)))
    waves = filters(frames, threads)
    target = filters(np.asarray(reference)[None], threads)[0] if reference is not None else waves[len(waves) // 2]
    for _ in range(ROUNDS):
        shifts, quality, reached = _aligned(filters, target, waves, max_translation, threads)
        good = reached & (quality >= np.quantile(quality[reached], 0.2)) if reached.any() else reached
        if not good.any():
            break
        if reference is None:
            shifts -= np.median(shifts[good], 0)
        target = filters.moved(waves[good], shifts[good]).mean(0)
        target /= np.sqrt((np.abs(target) ** 2 * filters.weight).sum())
    shifts = np.where(reached[:, None], shifts, 0)
    with np.errstate(invalid="ignore"):
        total, count = np.zeros(movie.shape[1:]), np.zeros(movie.shape[1:])
        for first in range(0, len(frames), 16):
            moved = corrected(frames[first : first + 16], shifts[first : first + 16], threads=threads)
            valued = np.isfinite(moved)
            total += np.where(valued, moved, 0).sum(0, dtype=np.float64)
            count += valued.sum(0)
    return (total / np.maximum(count, 1)).astype(np.float32), target


def _band(movie, low, high, cell_diameter, roi):
    automatic = band(cell_diameter)
    low, high = automatic[0] if low is None else low, automatic[1] if high is None else high
    if not 0 <= low < high:
        raise ValueError(f"low_bandpass_cutoff {low} must be below high_bandpass_cutoff {high}")
    return _Band(movie.shape[1:], roi, low, high)


def detect_motion(movie, *, max_translation=20, threads=2, **options):
    """The `Motion` of a movie: where the correlation of band-passed pictures with a reference is highest.

    max_translation -- pixels along each axis; the other options are those of `measured`

    Raises ValueError for a band or roi that leaves nothing of the field.
    """
    whole = measured(movie, 0, len(movie), max_translation=max_translation, threads=threads, **options)
    return joined([whole], max_translation)


def measured(
    movie,
    begin,
    count,
    *,
    max_translation=20,
    low=None,
    high=None,
    cell_diameter=7,
    roi=None,
    reference=None,
    global_registration_weight=1.0,
    threads=2,
):
    """The `Motion` of frames `begin` to `begin + count`, those that no shift was found for as they are.

    low, high -- cutoffs of the band-pass in cycles per pixel; `band(cell_diameter)` where None
    roi -- (top, left, bottom, right), ends included: the part of the field that is compared
    reference -- (rows, columns), whose place is kept; without one see `template`, which looks at the whole movie
    global_registration_weight -- 1: frames are compared with the reference alone; below, the frame before has the rest
    """
    filters = _band(movie, low, high, cell_diameter, roi)
    options = {"max_translation": max_translation, "low": low, "high": high, "cell_diameter": cell_diameter, "roi": roi}
    mean, target = template(movie, **options, reference=reference, threads=threads)
    shifts, quality, reached = np.zeros((count, 2)), np.zeros(count), np.zeros(count, bool)
    before, step = None, movie.block(BLOCK_BYTES)
    for first in range(0, count, step):
        waves = filters(movie.read(begin + first, min(step, count - first)), threads)
        here = slice(first, first + len(waves))
        if global_registration_weight >= 1:
            shifts[here], quality[here], reached[here] = _aligned(filters, target, waves, max_translation, threads)
            continue
        for index, one in enumerate(waves, first):
            towards = target
            if before is not None:
                towards = global_registration_weight * target + (1 - global_registration_weight) * before
            one = one[None]
            shifts[index], quality[index], reached[index] = (
                part[0] for part in _aligned(filters, towards, one, max_translation, threads)
            )
            before = filters.moved(one, shifts[index : index + 1])[0] if reached[index] else before
    return Motion(shifts, quality, ~reached, mean)


def joined(parts, max_translation):
    """The `Motion` of a movie from its parts in the order of time; frames without a shift get the neighbours'."""
    shifts, quality, clamped = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("shifts", "quality", "clamped")
    )
    notes = ()
    if clamped.all():
        shifts[:] = 0
    elif clamped.any():
        reached = np.flatnonzero(~clamped)
        for axis in range(2):
            shifts[clamped, axis] = np.interp(np.flatnonzero(clamped), reached, shifts[reached, axis])
    if lost := int(clamped.sum()):
        text = f"{lost} of {len(shifts)} frames have no shift within {max_translation} pixels; the neighbours' is taken"
        notes = (text,)
    return Motion(shifts, quality, clamped, parts[0].reference, notes)


def corrected(block, shifts, threads=1):
    """Frames moved by their shifts: float32 (count, rows, columns), NaN where a frame has nothing to show.

    A pixel is the sum of its neighbours weighted by a windowed sinc (Lanczos, 3 to each side), along rows and columns.
    """
    moved = np.empty(block.shape, np.float32)

    def move(index):
        moved[index] = _along(_along(np.asarray(block[index], np.float32), shifts[index][0]).T, shifts[index][1]).T

    if threads > 1 and len(block) > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(move, range(len(block))))
    else:
        for index in range(len(block)):
            move(index)
    return moved


def _along(image, shift):
    """A picture whose content is moved along its first axis."""
    size = len(image)
    whole = int(np.floor(-shift))
    rest = -shift - whole
    if rest < 1e-6 or rest > 1 - 1e-6:
        whole, rest = round(-shift), 0.0
    first, last = max(0, -whole), min(size, size - whole - (rest > 0))  # what lies inside the frame
    moved = np.full(image.shape, np.nan, np.float32)
    if last <= first:
        return moved
    if not rest:
        moved[first:last] = image[first + whole : last + whole]
        return moved
    offsets = np.arange(1 - TAPS, 1 + TAPS)
    weights = np.sinc(rest - offsets) * np.sinc((rest - offsets) / TAPS)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = np.concatenate([image[:1]] * (TAPS - 1) + [image] + [image[-1:]] * TAPS)
    start = first + whole + TAPS - 1
    total = np.zeros((last - first, *image.shape[1:]), np.float32)
    for offset, weight in zip(offsets, weights, strict=True):
        total += weight * padded[start + offset : start + offset + last - first]
    moved[first:last] = total
    return moved


def common_rectangle(shifts, shape):
    """The part of the field that every moved frame covers: (top, left, bottom, right), ends included.

    Raises ValueError when no pixel is left.
    """
    low, high = np.minimum(0, np.min(shifts, 0)), np.maximum(0, np.max(shifts, 0))
    top, left = np.ceil(high - 1e-6).astype(int)
    bottom, right = np.array(shape) - 1 + np.floor(low + 1e-6).astype(int)
    if top > bottom or left > right:
        raise ValueError(f"shifts from {low} to {high} pixels leave nothing that all frames of {shape} pixels share")
    return int(top), int(left), int(bottom), int(right)
