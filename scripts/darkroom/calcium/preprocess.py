"""What is done to a recording before its motion is looked at: cut, mended, made smaller in time and space."""

import numpy as np
from scipy import ndimage

from darkroom.calcium.timing import Timing

LOOKED_AT = 40  # frames over the movie that tell of its pixels
EARLY = 60  # frames at the start of which the first may be dim
DIM = 0.9  # share of the usual brightness below which an early frame goes
HOT = 12.0  # robust standard deviations from its neighbours beyond which a pixel is defective
TEXTURE = 0.005  # share of the brightness by which sound pixels may differ from their neighbours
MOST_DEFECTIVE = 0.02  # share of pixels; more is no defect but a picture
SATURATED, NOTED = 0.5, 0.001  # shares of pixels at the highest value
NEIGHBOURS = np.array([(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)])


def require_signal(movie, name):
    """Refuse what no analysis can see anything in; returns notes.

    Raises ValueError naming the recording: one frame, frames of one value, more than half of the pixels saturated.
    """
    if len(movie) < 2:
        raise ValueError(f"{name}: has one frame, which is an image; a movie of two and more is due")
    _, frames = movie.sampled(LOOKED_AT)
    values = frames[np.isfinite(frames)] if frames.dtype.kind == "f" else frames.ravel()
    if not values.size:
        raise ValueError(f"{name}: no pixel of the frames that were looked at has a value (NaN)")
    low, high = values.min(), values.max()
    if low == high:
        raise ValueError(f"{name}: every pixel is {low} in all frames that were looked at; nothing was recorded")
    full = float(np.count_nonzero(values == high)) / values.size
    if full > SATURATED:
        raise ValueError(f"{name}: is saturated: {full:.0%} of the pixels are at their highest value {high}")
    return [f"{full:.2%} of the pixels are at their highest value {high}: saturated"] if full > NOTED else []


def window(shape, rectangle, form="tlbr"):
    """(top, left, bottom, right), ends not included, of a crop rectangle in IDPS's two ways of saying it.

    rectangle -- tlbr: y0, x0, y1, x1, ends included; tlwh: x, y, width, height
    shape -- rows, columns

    Raises ValueError when it does not lie in the field.
    """
    rows, columns = shape
    if rectangle is None:
        return 0, 0, rows, columns
    if form == "tlbr":
        top, left, bottom, right = rectangle[0], rectangle[1], rectangle[2] + 1, rectangle[3] + 1
    else:
        left, top = rectangle[:2]
        bottom, right = top + rectangle[3], left + rectangle[2]
    if not (0 <= top < bottom <= rows and 0 <= left < right <= columns):
        raise ValueError(
            f"crop_rect {list(rectangle)} ({form}) is rows {top} to {bottom - 1}, columns {left} to {right - 1}, which "
            f"do not lie in a field of {rows} x {columns} (rows x columns)"
        )
    return top, left, bottom, right


def cropped(movie, rectangle, form="tlbr"):
    """A movie of a part of the field."""
    top, left, bottom, right = window(movie.shape[1:], rectangle, form)
    if (bottom - top, right - left) == movie.shape[1:]:
        return movie
    height, width = movie.pixel_size or (1.0, 1.0)
    return movie.changed(
        shape=(len(movie), bottom - top, right - left),
        reader=lambda first, count: movie.read(first, count)[:, top:bottom, left:right],
        top_left=(movie.top_left[0] + top * height, movie.top_left[1] + left * width),
        notes=(*movie.notes, f"cropped to rows {top} to {bottom - 1}, columns {left} to {right - 1}"),
    )


def early(movie):
    """How many frames at the start are dimmer than what follows: a sensor or an LED that was not ready yet."""
    means = np.array([np.nanmean(frame, dtype=float) for frame in movie.read(0, min(EARLY, len(movie)))])
    usual = np.median(means[len(means) // 2 :])
    spread = 1.4826 * np.median(np.abs(means - np.median(means)))
    dim = (means < DIM * usual) & (means < usual - 6 * spread)
    return int(np.argmin(dim)) if dim[0] and not dim.all() else 0


def without_first(movie, count):
    """A movie without its first frames; they become cropped samples, and the times stay."""
    if not count:
        return movie
    parts = tuple((name, max(0, first - count), size - max(0, count - first)) for name, first, size in movie.parts)
    return movie.changed(
        shape=(len(movie) - count, *movie.shape[1:]),
        timing=movie.timing.frames(count, len(movie) - count),
        reader=lambda first, number: movie.read(first + count, number),
        parts=parts,
        notes=(*movie.notes, f"{count} early frames are left out, as they are dim"),
    )


def defective(movie):
    """Pixels (y, x) that stand out of their neighbours in the median of frames over the movie, or have no value.

    Raises ValueError when the movie has a border without values, and says which crop leaves it out.
    """
    _, frames = movie.sampled(LOOKED_AT)
    usual = np.median(frames, axis=0).astype(float)
    lost = ~np.isfinite(usual)
    _require_no_border(lost)
    around = ndimage.generic_filter(usual, np.nanmedian, size=3) if lost.any() else ndimage.median_filter(usual, 3)
    apart = np.where(lost, 0, usual - around)
    spread = max(1.4826 * np.median(np.abs(apart)), TEXTURE * float(np.nanmedian(np.abs(around))))
    bad = np.argwhere((np.abs(apart) > HOT * spread) | lost)
    return bad if len(bad) <= MOST_DEFECTIVE * usual.size else np.argwhere(lost)


def _require_no_border(lost):
    rows, columns = np.flatnonzero(~lost.all(axis=1)), np.flatnonzero(~lost.all(axis=0))
    if not len(rows):
        raise ValueError("no pixel of the movie has a value (NaN)")
    rectangle = [int(rows[0]), int(columns[0]), int(rows[-1]), int(columns[-1])]
    if rectangle != [0, 0, lost.shape[0] - 1, lost.shape[1] - 1]:
        raise ValueError(
            f"the movie has a border without values (NaN), as of a registration; give crop_rect: {rectangle}"
        )


def mended(movie, pixels):
    """A movie whose given pixels are the median of their sound neighbours in each frame."""
    if not len(pixels):
        return movie
    rows, columns = movie.shape[1:]
    bad = np.zeros((rows, columns), bool)
    bad[tuple(pixels.T)] = True
    around = pixels[:, None] + NEIGHBOURS
    inside = ((around >= 0) & (around < (rows, columns))).all(axis=2)
    around = around.clip(0, (rows - 1, columns - 1))
    sound = inside & ~bad[around[..., 0], around[..., 1]]

    def read(first, count):
        frames = movie.read(first, count)
        values = frames[:, around[..., 0], around[..., 1]].astype(np.float32)
        values[:, ~sound] = np.nan
        mendable = sound.any(axis=1)
        mended = np.nanmedian(values[:, mendable], axis=2)
        frames[:, pixels[mendable, 0], pixels[mendable, 1]] = mended.astype(frames.dtype)
        return frames

    note = f"{len(pixels)} defective pixels are the median of their neighbours"
    return movie.changed(reader=read, notes=(*movie.notes, note))


def smaller(movie, space=1, time=1):
    """A movie of means of `space` x `space` pixels and of the frames in each `time` samples, as float32.

    Rows, columns and samples that do not fill a whole one at the end are left out. A gap takes no part in a mean;
    where all samples of one are gaps, the movie has a gap.
    """
    if space == 1 and time == 1:
        return movie
    frames, rows, columns = movie.shape
    height, width = rows // space, columns // space
    if not (height and width):
        raise ValueError(f"spatial_downsample_factor {space} leaves nothing of {rows} x {columns} pixels")
    timing, notes = movie.timing, list(movie.notes)
    bins = timing.valid // time
    begins = np.flatnonzero(np.diff(bins, prepend=-1))
    ends = np.append(begins[1:], frames)
    inside = bins[begins] < timing.samples // time
    begins, ends = begins[inside], ends[inside]
    if len(begins) < 2:
        raise ValueError(
            f"temporal_downsample_factor {time} leaves {len(begins)} of {frames} frames, at least 2 are due"
        )
    if space > 1:
        left_out = (
            f", {rows % space} rows and {columns % space} columns at the end left out"
            if (rows % space or columns % space)
            else ""
        )
        notes.append(f"means of {space} x {space} pixels{left_out}")
    if time > 1:
        partial = int(np.count_nonzero(ends - begins < time))
        notes.append(f"means of {time} samples, {partial} of {len(begins)} of them with gaps")

    def read(first, count):
        if not count:
            return np.empty((0, height, width), np.float32)
        begin, end = begins[first], ends[first + count - 1]
        block = movie.read(int(begin), int(end - begin))[:, : height * space, : width * space]
        if time > 1:
            sizes = (ends - begins)[first : first + count, None, None]
            block = np.add.reduceat(block, begins[first : first + count] - begin, axis=0, dtype=np.float32) / sizes
        return _binned(block, space)

    return movie.changed(
        shape=(len(begins), height, width),
        dtype=np.dtype(np.float32),
        timing=timing if time == 1 else _slower(timing, time, begins, ends),
        reader=read,
        pixel_size=movie.pixel_size and tuple(size * space for size in movie.pixel_size),
        parts=tuple(
            (name, int(np.searchsorted(begins, first)), int(np.diff(np.searchsorted(begins, [first, first + size]))[0]))
            for name, first, size in movie.parts
        ),
        notes=tuple(notes),
    )


def _binned(block, space):
    """Means of squares of pixels, summed slice by slice, which is faster than over two axes."""
    if space == 1:
        return np.asarray(block, np.float32)
    total = np.zeros((len(block), block.shape[1] // space, block.shape[2] // space), np.float32)
    for y in range(space):
        for x in range(space):
            total += block[:, y::space, x::space]
    total /= space * space
    return total


def _slower(timing, time, begins, ends):
    """The timing of means: each is at the mean of its frames' times."""
    sums = np.concatenate([[0], np.cumsum(timing.times)])
    kept = timing.valid[begins] // time
    missing = np.setdiff1d(np.arange(timing.samples // time), kept)
    cropped = set(timing.cropped)
    gone = [all(at * time + step in cropped for step in range(time)) for at in missing]
    return Timing(
        timing.period * time,
        timing.samples // time,
        timing.start,
        timing.utc_offset,
        dropped=tuple(int(at) for at, absent in zip(missing, gone, strict=True) if not absent),
        cropped=tuple(int(at) for at, absent in zip(missing, gone, strict=True) if absent),
        times=(sums[ends] - sums[begins]) / (ends - begins),
        stamped=timing.stamped,
    )


def finite(first, block):
    """The block, when it has a number in every pixel. Raises ValueError naming the first frame that has not."""
    if block.dtype.kind == "f" and not np.isfinite(block).all():
        frame, y, x = np.argwhere(~np.isfinite(block))[0]
        raise ValueError(
            f"frame {first + frame} has no number (NaN or inf) at row {y}, column {x}; crop_rect can leave a border out"
        )
    return block
