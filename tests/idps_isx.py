"""What the stand-in for IDPS computes (tests/idps_standin.py installs it as `isx`): small things, but real files.

Its functions have the parameters of IDPS's own and its bad habits: they refuse to overwrite, talk on the terminal, and
leave a file of a fixed name in the folder for temporary files. Pixels become block means, nothing is moved, blocks of
the field are cells, samples above a threshold are events. A file IDPS_FAULT above the working folder makes a function
misbehave: `run_cnmfe=raise`, `segv` or `skip` (it then writes nothing).
"""

import functools
import os
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np

from darkroom.calcium.movie import of_array
from darkroom.calcium.readers import isxd
from darkroom.calcium.signals import Signals

SIDE = 8  # pixels of a cell


def algorithm(function):
    """A function of isx: it checks its files, and misbehaves when it is told to."""

    @functools.wraps(function)
    def called(*args, **given):
        inputs = [path for name, paths in given.items() if name.startswith("input_") for path in _listed(paths)]
        outputs = [path for name, paths in given.items() if name.startswith("output_") for path in _listed(paths)]
        outputs = [path for path in outputs if not Path(path).is_dir()]
        print("[isx]", function.__name__, *inputs)
        failed = f"Error calling C library function isx_{function.__name__}.\n"
        for path in inputs:
            if not Path(path).is_file():
                raise Exception(f"{failed}File does not exist: {path}")
        for path in outputs:
            if Path(path).exists():
                raise Exception(f"{failed}File already exists: {path}")
        Path(os.environ["TMPDIR"], "recording_gpio.isxd").touch()
        fault = _fault(function.__name__)
        if fault == "raise":
            raise Exception(f"{failed}it was told to fail")
        if fault == "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        return None if fault == "skip" else function(*args, **given)

    return called


def _listed(paths):
    return [paths] if isinstance(paths, str) else paths


def _fault(name):
    """What the function is told to do wrong."""
    notes = (folder / "IDPS_FAULT" for folder in Path.cwd().parents)
    told = next((note.read_text().strip() for note in notes if note.is_file()), "=")
    return told.partition("=")[2] if told.startswith(f"{name}=") else ""


@algorithm
def preprocess(
    input_movie_files,
    output_movie_files,
    temporal_downsample_factor=1,
    spatial_downsample_factor=1,
    crop_rect=None,
    crop_rect_format="tlbr",
    fix_defective_pixels=True,
    trim_early_frames=True,
):
    factor = spatial_downsample_factor
    for source, path in zip(input_movie_files, output_movie_files, strict=True):
        movie = isxd.read_movie(source)
        frames = movie.read().astype("f4")
        if crop_rect:
            top, left, bottom, right = crop_rect
            frames = frames[:, top : bottom + 1, left : right + 1]
        rows, columns = (size // factor for size in frames.shape[1:])
        frames = frames[:, : rows * factor, : columns * factor]
        frames = frames.reshape(len(frames), rows, factor, columns, factor).mean((2, 4), dtype="f4")
        isxd.write_movie(path, of_array(frames, timing=movie.timing, pixel_size=movie.pixel_size))


@algorithm
def motion_correct(
    input_movie_files,
    output_movie_files,
    max_translation=20,
    low_bandpass_cutoff=0.004,
    high_bandpass_cutoff=0.016,
    roi=None,
    reference_segment_index=0,
    reference_frame_index=0,
    reference_file_name="",
    global_registration_weight=1.0,
    output_translation_files=None,
    output_crop_rect_file=None,
    preserve_input_dimensions=False,
):
    assert roi is None or all(len(corner) == 2 for corner in roi)
    for source, path, shifts in zip(input_movie_files, output_movie_files, output_translation_files, strict=True):
        movie = isxd.read_movie(source)
        isxd.write_movie(path, movie)
        lines = [f"0,0,{time:.6f}" for time in movie.timing.times]
        Path(shifts).write_text("\n".join(["translationX,translationY,time", *lines]) + "\n")
    Path(output_crop_rect_file).write_text(f"0,0,{movie.shape[2]},{movie.shape[1]}")


@algorithm
def project_movie(input_movie_files, output_image_file, stat_type="mean"):
    statistic = {"mean": np.mean, "min": np.min, "max": np.max, "standard_deviation": np.std}[stat_type]
    frames = np.concatenate([isxd.read_movie(path).read() for path in input_movie_files])
    isxd.write_movie(output_image_file, of_array(statistic(frames, 0)[None].astype("f4")))


@algorithm
def run_cnmfe(
    input_movie_files,
    output_cell_set_files,
    output_dir=".",
    cell_diameter=7,
    min_corr=0.8,
    min_pnr=10,
    bg_spatial_subsampling=2,
    ring_size_factor=1.4,
    gaussian_kernel_size=0,
    closing_kernel_size=0,
    merge_threshold=0.7,
    processing_mode="parallel_patches",
    num_threads=4,
    patch_size=80,
    patch_overlap=20,
    output_unit_type="df_over_noise",
):
    assert Path(output_dir).is_dir()
    _write_cells(input_movie_files, output_cell_set_files)


@algorithm
def pca_ica(
    input_movie_files,
    output_cell_set_files,
    num_pcs,
    num_ics=120,
    unmix_type="spatial",
    ica_temporal_weight=0,
    max_iterations=100,
    convergence_threshold=1e-5,
    block_size=1000,
    auto_estimate_num_ics=False,
    average_cell_diameter=13,
):
    assert num_pcs >= num_ics
    _write_cells(input_movie_files, output_cell_set_files)
    return True


@algorithm
def apply_cell_set(input_movie_files, input_cell_set_file, output_cell_set_files, threshold):
    assert 0 <= threshold <= 1
    _write_cells(input_movie_files, output_cell_set_files)


@algorithm
def spatial_filter(
    input_movie_files,
    output_movie_files,
    low_cutoff=0.005,
    high_cutoff=0.5,
    retain_mean=False,
    subtract_global_minimum=True,
):
    _copy(input_movie_files, output_movie_files)


@algorithm
def dff(input_movie_files, output_movie_files, f0_type="mean"):
    _copy(input_movie_files, output_movie_files)


@algorithm
def event_detection(
    input_cell_set_files,
    output_event_set_files,
    threshold=5,
    tau=0.2,
    event_time_ref="beginning",
    ignore_negative_transients=True,
    accepted_cells_only=False,
):
    for source, path in zip(input_cell_set_files, output_event_set_files, strict=True):
        cells = isxd.read_cell_set(source)
        period = cells.timing.period
        channels = {}
        for name, trace in zip(cells.names, cells.traces, strict=True):
            at = np.flatnonzero(trace > threshold)
            channels[name] = (np.round(at * float(period) * 1e6).astype(np.int64), trace[at])
        duration = period * cells.timing.samples
        steps = dict.fromkeys(channels, period)
        begin, zone = cells.timing.start or Fraction(0), cells.timing.utc_offset
        isxd.write_event_set(path, Signals(channels, begin, zone, duration, steps, "events"))


@algorithm
def auto_accept_reject(input_cell_set_files, input_event_set_files, filters=None):
    assert all(operator in "<=>" for _, operator, _ in filters)


@algorithm
def cell_metrics(input_cell_set_files, input_event_set_files, output_metrics_file, recompute_metrics=True):
    Path(output_metrics_file).write_text("cellName,SNR\n")


def _copy(sources, paths):
    for source, path in zip(sources, paths, strict=True):
        isxd.write_movie(path, isxd.read_movie(source))


def _write_cells(sources, paths):
    """Blocks of the field as cells; those of a series are the same ones."""
    for source, path in zip(sources, paths, strict=True):
        movie = isxd.read_movie(source)
        frames = movie.read().astype("f4")
        rows, columns = movie.shape[1:]
        corners = [
            (top, left) for top in range(0, rows - SIDE + 1, SIDE) for left in range(0, columns - SIDE + 1, SIDE)
        ]
        images = np.zeros((len(corners), rows, columns), "f4")
        traces = np.full((len(corners), movie.timing.samples), np.nan, "f4")
        for number, (top, left) in enumerate(corners):
            images[number, top : top + SIDE, left : left + SIDE] = 1
            trace = frames[:, top : top + SIDE, left : left + SIDE].mean((1, 2))
            traces[number, movie.timing.valid] = (trace - np.median(trace)) / (trace.std() or 1)
        names = tuple(f"C{number:02}" for number in range(len(corners)))
        isxd.write_cell_set(path, isxd.CellSet(images, traces, movie.timing, names, ("undecided",) * len(names)))
