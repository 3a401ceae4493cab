"""Analyse a recording with the algorithms of IDPS: adapter.py REQUEST. Run by itself in a child process (Python 3.8+).

Replace it by your own (`calcium.adapter`). REQUEST is a JSON file:
    recordings   the recording's .isxd files in the order of time, never to be changed
    outputs      the files to write: for each recording `movies` (registered), `translations`, `cells`, `events`; for
                 all of them `projections` by name, `crop_rect` and `metrics`
    options      those of the dataset (`calcium` in the config), with IDPS's names
    threads      how many may be used
    work         a folder for what is between, cleared afterwards
`isx` can be imported. A line on the terminal that begins with `note: ` goes into the record. In the end `movies`,
`cells` and `events` have to be there, and what of the others there is to say. Exit status 0 says that all is well.
"""

import json
import sys
from pathlib import Path

OPTIONS = (  # what is read here of a dataset's options
    *("efocus", "planes", "color"),
    *("temporal_downsample_factor", "spatial_downsample_factor", "fix_defective_pixels", "trim_early_frames"),
    *("crop_rect", "crop_rect_format"),
    *("max_translation", "low_bandpass_cutoff", "high_bandpass_cutoff", "roi", "global_registration_weight"),
    *("reference_segment_index", "reference_frame_index", "reference_file_name", "preserve_input_dimensions"),
    *("method", "cell_diameter", "min_corr", "min_pnr", "bg_spatial_subsampling", "ring_size_factor"),
    *("merge_threshold", "patch_size", "patch_overlap", "output_unit_type"),
    *("spatial_filter", "dff", "num_pcs", "num_ics", "unmix_type", "ica_temporal_weight", "max_iterations"),
    *("convergence_threshold", "block_size", "auto_estimate_num_ics", "average_cell_diameter"),
    *("rois", "rois_threshold"),
    *("threshold", "tau", "event_time_ref", "ignore_negative_transients", "filters"),
)
PIXELS = ("max_translation", "cell_diameter", "average_cell_diameter")  # whole ones, for IDPS
BAND = ("low_bandpass_cutoff", "high_bandpass_cutoff")
CHANNELS = {"green": "output_green_movie_files", "red": "output_red_movie_files"}
STATISTICS = {"mean": "mean", "max": "max", "min": "min", "std": "standard_deviation"}
PCS_PER_IC = 1.2  # what IDPS proposes where the number of principal components is left open


def main(path):
    import isx  # of the installation: whoever plans a campaign has none

    request = json.loads(Path(path).read_text(encoding="utf-8"))
    for note in notes(request["options"]):
        print("note:", note)
    for name, arguments in steps(request):
        print(f"isx.{name}", json.dumps(arguments))
        getattr(isx, name)(**arguments)


def algorithms(options):
    """Names of the functions of isx that these options need."""
    outputs = {"projections": dict.fromkeys(STATISTICS, ""), "crop_rect": "", "metrics": ""}
    outputs.update({key: [""] for key in ("movies", "translations", "cells", "events")})
    request = {"recordings": [""], "outputs": outputs, "options": options, "threads": 1, "work": ""}
    return sorted({name for name, _ in steps(request)})


def notes(options):
    """What is not done in the way that the options ask for."""
    rounded = (name for name in PIXELS if options.get(name) is not None and options[name] != round(options[name]))
    yield from (
        f"{name} {options[name]} is {round(options[name])} for IDPS, which takes whole pixels" for name in rounded
    )
    yield from (f"{name} is IDPS's own" for name in BAND if options.get(name, "auto") == "auto")


def steps(request):
    """The calls of isx that make the outputs: pairs of a function's name and its arguments, in order."""
    options, outputs, threads = request["options"], request["outputs"], request["threads"]
    movies = request["recordings"]

    def between(stage):
        return [str(Path(request["work"], f"{number}-{stage}.isxd")) for number in range(len(request["recordings"]))]

    if options.get("efocus") is not None:
        planes = options.get("planes") or [options["efocus"]]
        by_plane = [between(f"plane-{plane}") for plane in planes]
        every = [plane[number] for number in range(len(movies)) for plane in by_plane]
        arguments = {"output_movie_files": every, "in_efocus_values": planes}
        yield "de_interleave", {"input_movie_files": movies, **arguments}
        movies = by_plane[planes.index(options["efocus"])]
    if options.get("color"):
        colours = {argument: between(colour) for colour, argument in CHANNELS.items()}
        yield "de_interleave_dualcolor", {"input_movie_files": movies, **colours}
        movies = colours[CHANNELS[options["color"]]]

    names = ("temporal_downsample_factor", "spatial_downsample_factor", "fix_defective_pixels", "trim_early_frames")
    crop = _given(options, "crop_rect", "crop_rect_format") if options.get("crop_rect") else {}
    yield "preprocess", {**_files(movies, between("preprocessed")), **_given(options, *names), **crop}
    yield "motion_correct", {**_files(between("preprocessed"), outputs["movies"]), **_motion(options, outputs)}
    movies = outputs["movies"]
    for name, image in outputs["projections"].items():
        arguments = {"output_image_file": image, "stat_type": STATISTICS[name]}
        yield "project_movie", {"input_movie_files": movies, **arguments}
    yield from _detect_cells(movies, outputs["cells"], options, threads, request["work"], between)
    yield from _detect_events(outputs, options)


def _motion(options, outputs):
    """Arguments of `motion_correct`. A band that is automatic is left to IDPS."""
    names = ["max_translation", "global_registration_weight", "preserve_input_dimensions"]
    names += ["reference_segment_index", "reference_frame_index", "reference_file_name"]
    band = {name: options[name] for name in BAND if options.get(name, "auto") != "auto"}  # None: without this end
    files = {"output_translation_files": outputs["translations"], "output_crop_rect_file": outputs["crop_rect"]}
    roi = options.get("roi")
    return {**_given(options, *names), **band, **({"roi": _corners(*roi)} if roi else {}), **files}


def _corners(top, left, bottom, right):
    """The corners (x, y) of a rectangle, its last row and column included."""
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _detect_cells(movies, cells, options, threads, work, between):
    method = options["method"]
    if method == "cnmfe":
        names = ("cell_diameter", "min_corr", "min_pnr", "bg_spatial_subsampling", "ring_size_factor")
        names += ("merge_threshold", "patch_size", "patch_overlap", "output_unit_type")
        arguments = {**_given(options, *names), "num_threads": threads, "output_dir": work}
        yield "run_cnmfe", {**_files(movies, cells, "cell_set"), **arguments}
    elif method == "pca_ica":
        if options.get("spatial_filter", True):
            yield "spatial_filter", _files(movies, between("filtered"))
            movies = between("filtered")
        if options.get("dff", True):
            yield "dff", _files(movies, between("dff"))
            movies = between("dff")
        names = ("num_ics", "unmix_type", "ica_temporal_weight", "max_iterations", "convergence_threshold")
        names += ("block_size", "auto_estimate_num_ics", "average_cell_diameter")
        components = options.get("num_pcs") or round(PCS_PER_IC * options["num_ics"])
        yield "pca_ica", {**_files(movies, cells, "cell_set"), "num_pcs": components, **_given(options, *names)}
    elif method == "rois" and str(options.get("rois") or "").endswith(".isxd"):
        arguments = {"input_cell_set_file": options["rois"], "threshold": options.get("rois_threshold", 0.0)}
        yield "apply_cell_set", {**_files(movies, cells, "cell_set"), **arguments}
    else:
        asked = f"method {method}, rois {options.get('rois')!r}"
        raise ValueError(f"{asked}: IDPS has cnmfe, pca_ica, and rois with a cell set (.isxd)")


def _detect_events(outputs, options):
    both = {"input_cell_set_files": outputs["cells"], "input_event_set_files": outputs["events"]}
    names = ("threshold", "tau", "event_time_ref", "ignore_negative_transients")
    files = {"input_cell_set_files": outputs["cells"], "output_event_set_files": outputs["events"]}
    yield "event_detection", {**files, **_given(options, *names)}
    if options.get("filters"):
        yield "auto_accept_reject", {**both, "filters": [tuple(one) for one in options["filters"]]}
    yield "cell_metrics", {**both, "output_metrics_file": outputs["metrics"]}


def _files(inputs, outputs, kind="movie"):
    return {"input_movie_files": inputs, f"output_{kind}_files": outputs}


def _given(options, *names):
    """Those of some options that are given; for others isx has defaults."""
    given = {name: options[name] for name in names if options.get(name) is not None}
    return {name: round(value) if name in PIXELS else value for name, value in given.items()}


if __name__ == "__main__":
    main(sys.argv[1])
