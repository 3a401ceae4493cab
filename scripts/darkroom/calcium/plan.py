"""What a row of the pipeline calcium ends in, what its steps are asked, and what is wrong with it."""

import os
from pathlib import Path

from darkroom.calcium.idps import adapter
from darkroom.calcium.moments import moment_of, require_day
from darkroom.campaign.inputs import local_bytes

LONGITUDINAL = "longitudinal"
JOB = 10**10  # bytes of a source for which there is one more job by itself: 20,000 frames of 512 x 512
JOBS = 100  # at most
OF_CAMPAIGN = ("installer", "adapter", "python", "container")

# What the steps of either engine end in, from which products, check and picture are made (see `analysis`)
STAGES = ("movie.h5", "motion.h5", "projections.h5", "cells.h5", "events.h5", "cells.csv")
TABLES = ("cells.csv", "traces.csv", "events.csv", "motion.csv", "gpio.csv")
PRODUCTS = ("movie.h5", "session.nwb", *TABLES, "cells.isxd", "events.isxd", "preview.png")
MOVIES = {"isxd": "movie.isxd", "tiff": "movie.tif", "mp4": "movie.mp4"}  # on request
MASKS = {"native": (".isxd", ".tif", ".tiff"), "idps": (".isxd",)}  # files of `rois` that an engine takes
METHODS = {  # options of each way to find cells
    "cnmfe": (
        "cell_diameter",
        "min_corr",
        "min_pnr",
        "bg_spatial_subsampling",
        "ring_size_factor",
        "merge_threshold",
        "patch_size",
        "patch_overlap",
        "output_unit_type",
    ),
    "pca_ica": (
        "num_pcs",
        "num_ics",
        "unmix_type",
        "ica_temporal_weight",
        "max_iterations",
        "convergence_threshold",
        "block_size",
        "auto_estimate_num_ics",
        "average_cell_diameter",
        "spatial_filter",
        "dff",
    ),
    "rois": ("output_unit_type",),
}


MOTION = (
    "max_translation",
    "low_bandpass_cutoff",
    "high_bandpass_cutoff",
    "cell_diameter",
    "roi",
    "reference_segment_index",
    "reference_frame_index",
    "global_registration_weight",
)


def is_longitudinal(row):
    """Whether a row matches the cells of other rows."""
    return row.recipe == LONGITUDINAL


def is_session(row, engine):
    """Whether a row is a recording that this engine analyses."""
    return not is_longitudinal(row) and row.options.get("engine") == engine


def cell_options(row):
    """What the method of a row that finds cells is asked."""
    return {name: row.options[name] for name in METHODS[row.options["method"]] if row.options.get(name) is not None}


def motion_options(row):
    """What the search for motion is asked."""
    return {name: row.options.get(name) for name in MOTION}


def motion_parts(row):
    """The jobs that motion is split over; none where one does it all, or a frame is compared with the one before."""
    return _parts(row, "motion") if row.options["global_registration_weight"] == 1 else []


def cell_parts(row):
    """The jobs that the search for cells is split over."""
    return _parts(row, "cells") if row.options["method"] == "cnmfe" else []


def jobs(row):
    """How many jobs share the search for motion and cells. It depends on the row and its source here alone, so that it
    is the same in every plan: of what comes from afar, nobody knows the size before."""
    asked = row.options["jobs"]
    return min(JOBS, 1 + local_bytes(row.source) // JOB) if asked == "auto" else asked


def motion_of_cells(row):
    """The file with the motion of the field, where the search for cells looks at it; else none, as an empty list."""
    return "<dataset>/motion.h5" if row.options["method"] == "cnmfe" else []


def _parts(row, kind):
    count = jobs(row)
    return [f"<dataset>/parts/{kind}-{part}of{count}.h5" for part in range(count)] if count > 1 else []


def reference(row):
    """The file that the frames of a row are laid on, if one is given."""
    return [path for path in [row.options["reference_file_name"]] if path]


def given_cells(row):
    """The file with the cells of a row, where its method takes them as given."""
    return [row.options["rois"]] if row.options["method"] == "rois" else []


def stages():
    """The files of `STAGES` as inputs of a rule."""
    return [f"<dataset>/{name}" for name in STAGES]


def products(row):
    """The files that a row ends in."""
    if is_longitudinal(row):
        return ["matches.csv", "sessions.json", "preview.png"]
    return [*PRODUCTS, *(MOVIES[kind] for kind in row.options["movies"])]


def records(row):
    """The records that a row ends in."""
    return ["sessions.json"] if is_longitudinal(row) else ["session.json", "calcium_check.json"]


def problems(row, rows, config):
    """What is wrong with a row beside its options; `rows` are those of the sheet by dataset."""
    options = row.options
    if row.recipe not in ("", LONGITUDINAL):
        yield f"recipe: {row.recipe!r} is unknown; a row of calcium has none, or {LONGITUDINAL}"
    if is_longitudinal(row):
        if row.source:
            yield f"source: a row of recipe {LONGITUDINAL} has none; its option sessions names other rows"
        if len(options["sessions"]) < 2:
            yield "options sessions: name two datasets or more, such as {sessions: [monday, tuesday]}"
        for name in options["sessions"]:
            if name not in rows or rows[name].pipeline != row.pipeline or is_longitudinal(rows[name]):
                yield f"options sessions: {name!r} is no calcium recording of this sheet"
        if len(set(options["sessions"])) < len(options["sessions"]):
            yield "options sessions: a dataset is named twice"
        return
    if not row.source:
        yield f"source: a recording has one; only rows of recipe {LONGITUDINAL} have none"
    if options["method"] == "rois" and not options["rois"]:
        yield "options rois: method rois needs a cell set (.isxd) or masks (TIFF)"
    elif options["method"] == "rois" and not options["rois"].lower().endswith(MASKS[options["engine"]]):
        ends = " or ".join(MASKS[options["engine"]])
        yield f"options rois: {options['rois']!r} is a file of another kind; engine {options['engine']} takes {ends}"
    if options["engine"] == "idps" and not config["installer"]:
        yield "options engine: idps needs calcium.installer in the config, the installer of IDPS for Linux"
    if options["patch_overlap"] >= options["patch_size"]:
        yield f"options patch_overlap: {options['patch_overlap']} must be below patch_size {options['patch_size']}"
    if options["noise_range"][0] >= options["noise_range"][1]:
        yield f"options noise_range: {options['noise_range']} must ascend"
    yield from _moments(options)
    for key in OF_CAMPAIGN:
        if options[key] != config[key]:
            yield f"options: {key!r} is of the whole campaign; set it in the config"


def _moments(options):
    """What is wrong with the moments that a row tells."""
    born = options["nwb"].get("subject", {}).get("date_of_birth", "")
    for name, text, read in (("start", options["start"], moment_of), ("nwb.subject.date_of_birth", born, require_day)):
        try:
            if text:
                read(text)
        except ValueError as error:
            yield f"options {name}: {error}"


def memory(base, factor=0, of="movie.h5"):
    """Memory (MB) that a job asks for, as a function of it: `base`, and `factor` times its inputs called `of`.

    Movies are read by blocks, whatever their length; the traces of all cells (cells.h5) are in memory at once.
    tests/bench/memory_of_rules.py measures what is used. Sizes that are not known yet raise FileNotFoundError.
    """

    def asked(wildcards, input, attempt):
        paths = (path for path in input if Path(path).name == of)
        size = sum(os.path.getsize(path) for path in paths)  # noqa: PTH202 - what is not there is called as Snakemake does
        return attempt * int(base + factor * size / 1e6)

    return asked


def of_sessions(row, name):
    """A file of every session that a longitudinal row names."""
    return [f"<results>/<campaign>/{session}/{name}" for session in row.options["sessions"]]


def idps_options(row):
    """The options of a row that IDPS gets."""
    return {name: row.options[name] for name in adapter.OPTIONS if name in row.options}


def idps_algorithms(rows):
    """Functions of isx that rows need, where our adapter calls them."""
    return sorted({name for row in rows for name in adapter.algorithms(idps_options(row))})
