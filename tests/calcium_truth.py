"""What is known of a made-up recording, brought to the field of its registered movie; and how well it was found."""

import numpy as np
from scipy import ndimage

from darkroom.calcium import movie as movies
from darkroom.calcium import scores


def registered(recording, factor=1):
    """The recording without its known motion, means of `factor` x `factor` pixels, as a movie cut to what is whole."""
    reach = int(np.ceil(np.abs(recording.shifts).max())) + 1
    frames = []
    for frame, shift in zip(recording.read(0, recording.shape[0]), recording.shifts[recording.valid], strict=True):
        moved = ndimage.shift(frame.astype(np.float32), -shift, order=1, mode="nearest")
        frames.append(binned(moved[reach:-reach, reach:-reach], factor))
    return movies.of_array(np.array(frames), 1 / recording.rate), reach


def binned(image, factor):
    """Means of squares of pixels; a rest is cut off."""
    rows, columns = (size // factor for size in image.shape)
    return image[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean((1, 3))


def footprints(recording, shape, origin=(0, 0), factor=1):
    """The true footprints (cells, pixels) on a movie of `shape` (rows, columns) whose pixel (0, 0) lies at `origin`.

    origin -- (y, x) in pixels of the recording, fractions too
    """
    images = []
    for cell in range(recording.footprints.shape[0]):
        image = recording.footprints[[cell]].toarray().reshape(recording.rows, recording.columns)
        image = ndimage.shift(image, -np.asarray(origin, float), order=1)
        image = binned(image, factor)[: shape[0], : shape[1]]
        images.append(np.pad(image, [(0, size - n) for size, n in zip(shape, image.shape, strict=True)]).ravel())
    return np.array(images)


def judged(recording, truth, cells, events=None):
    """Recall, precision and the median correlation of traces; with events also their F1, over all matched cells."""
    pairs = scores.matched_cells(truth, cells.footprints)
    traces = recording.traces[:, recording.valid]
    alike = [np.corrcoef(traces[one], cells.traces[other])[0, 1] for one, other in pairs]
    said = {
        "recall": len(pairs) / len(truth),
        "precision": len(pairs) / len(cells) if len(cells) else 1.0,
        "trace": float(np.median(alike)) if pairs else 0.0,
        "cells": len(cells),
    }
    if events is not None:
        hits = sum(scores.matched_events(recording.spikes[one], events[other][0]) for one, other in pairs)
        due, detected = (
            sum(map(len, one))
            for one in ([recording.spikes[one] for one, _ in pairs], [events[b][0] for _, b in pairs])
        )
        said["events"] = scores.f1(hits, due, detected)
    return said
