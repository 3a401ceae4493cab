"""Calcium imaging: movies of a miniature microscope -> registered movie, cells, traces, events, NWB.

resources/<dataset>/inventory.json -> session.json -> corrected.h5 -> motion.h5, motion.csv -> movie.h5 ->
projections.h5, cells.h5 -> events.h5 -> cells.csv -> session.nwb, traces.csv, events.csv, gpio.csv, *.isxd ->
calcium_check.json, preview.png. Engine idps makes the stages in between by other means (calcium/idps.smk); rows of recipe
longitudinal match the cells of others (calcium/sessions.smk).
"""

from darkroom.calcium import plan as calcium_plan
from darkroom.campaign.campaign import one_of

CAMPAIGN.add(
    "calcium",
    Pipeline(
        products=calcium_plan.products,
        records=calcium_plan.records,
        problems=lambda row: calcium_plan.problems(row, CAMPAIGN.rows, config["calcium"]),
        needs_source=False,
    ),
)
# Rows that can be made, by what makes them; of the others, `CAMPAIGN.check` tells what is wrong.
CALCIUM = CAMPAIGN.good("calcium")
NATIVE = one_of([row.dataset for row in CALCIUM if calcium_plan.is_session(row, "native")])
SESSIONS = one_of([row.dataset for row in CALCIUM if not calcium_plan.is_longitudinal(row)])


rule calcium_import:
    """Take stock of a recording: its files, timing, gaps, what the instrument says."""
    input:
        inventory="<source>/inventory.json",
    output:
        session="<dataset>/session.json",
    log:
        "<log>/calcium_import.log",
    benchmark:
        "<benchmark>/calcium_import.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(650),
        runtime=whole_source,
    params:
        dataset="{dataset}",
        start=option("start"),
        rate=lambda wildcards: row(wildcards).options.get("rate"),
        pixel_size=lambda wildcards: row(wildcards).options.get("pixel_size"),
        array=option("array"),
    script:
        "../scripts/calcium_import.py"


rule calcium_correct:
    """Cut, mend and shrink a recording before its motion is looked at."""
    input:
        session="<dataset>/session.json",
    output:
        corrected=temp("<dataset>/corrected.h5"),
    log:
        "<log>/calcium_correct.log",
    benchmark:
        "<benchmark>/calcium_correct.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(950),
        runtime=whole_source,
    params:
        temporal_downsample_factor=option("temporal_downsample_factor"),
        spatial_downsample_factor=option("spatial_downsample_factor"),
        crop_rect=lambda wildcards: row(wildcards).options.get("crop_rect"),
        crop_rect_format=option("crop_rect_format"),
        fix_defective_pixels=option("fix_defective_pixels"),
        trim_early_frames=option("trim_early_frames"),
        efocus=lambda wildcards: row(wildcards).options.get("efocus"),
        color=option("color"),
    script:
        "../scripts/calcium_correct.py"


rule calcium_detect_motion:
    """Find how the field has moved in every frame."""
    input:
        corrected="<dataset>/corrected.h5",
        reference=lambda wildcards: files_of(calcium_plan.reference(row(wildcards)), ".isxd"),
        parts=lambda wildcards: calcium_plan.motion_parts(row(wildcards)),
    output:
        motion="<dataset>/motion.h5",
        shifts="<dataset>/motion.csv",
        translations="<dataset>/translations.csv",
        crop_rect="<dataset>/crop_rect.csv",
    log:
        "<log>/calcium_detect_motion.log",
    benchmark:
        "<benchmark>/calcium_detect_motion.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(900),
        runtime=whole_source,
    params:
        options=lambda wildcards: calcium_plan.motion_options(row(wildcards)),
    script:
        "../scripts/calcium_detect_motion.py"


rule calcium_correct_motion:
    """Move every frame onto the reference."""
    input:
        corrected="<dataset>/corrected.h5",
        motion="<dataset>/motion.h5",
    output:
        movie="<dataset>/movie.h5",
    log:
        "<log>/calcium_correct_motion.log",
    benchmark:
        "<benchmark>/calcium_correct_motion.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(950),
        runtime=whole_source,
    params:
        preserve_input_dimensions=option("preserve_input_dimensions"),
    script:
        "../scripts/calcium_correct_motion.py"


rule calcium_project:
    """Draw the registered movie together into single pictures."""
    input:
        movie="<dataset>/movie.h5",
    output:
        projections="<dataset>/projections.h5",
    log:
        "<log>/calcium_project.log",
    benchmark:
        "<benchmark>/calcium_project.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(950),
        runtime=whole_source,
    params:
        cell_diameter=option("cell_diameter"),
    script:
        "../scripts/calcium_project.py"


rule calcium_detect_cells:
    """Find the cells of the registered movie, and their traces."""
    input:
        movie="<dataset>/movie.h5",
        motion=lambda wildcards: calcium_plan.motion_of_cells(row(wildcards)),
        rois=lambda wildcards: files_of(calcium_plan.given_cells(row(wildcards)), ".isxd"),
        parts=lambda wildcards: calcium_plan.cell_parts(row(wildcards)),
    output:
        cells="<dataset>/cells.h5",
    log:
        "<log>/calcium_detect_cells.log",
    benchmark:
        "<benchmark>/calcium_detect_cells.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(1050, 0.03),
        runtime=whole_source,
    params:
        method=option("method"),
        options=lambda wildcards: calcium_plan.cell_options(row(wildcards)),
    script:
        "../scripts/calcium_detect_cells.py"


rule calcium_detect_events:
    """Find the events in the traces of cells."""
    input:
        movie="<dataset>/movie.h5",
        cells="<dataset>/cells.h5",
    output:
        events="<dataset>/events.h5",
    log:
        "<log>/calcium_detect_events.log",
    benchmark:
        "<benchmark>/calcium_detect_events.tsv"
    wildcard_constraints:
        dataset=NATIVE,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(750, 5, of="cells.h5"),
    params:
        threshold=option("threshold"),
        tau=option("tau"),
        event_time_ref=option("event_time_ref"),
        ignore_negative_transients=option("ignore_negative_transients"),
        spike_snr_threshold=option("spike_snr_threshold"),
        noise_range=option("noise_range"),
    script:
        "../scripts/calcium_detect_events.py"


rule calcium_correct_cells:
    """Measure cells, and accept or reject them."""
    input:
        movie="<dataset>/movie.h5",
        cells="<dataset>/cells.h5",
        events="<dataset>/events.h5",
    output:
        table="<dataset>/cells.csv",
    log:
        "<log>/calcium_correct_cells.log",
    benchmark:
        "<benchmark>/calcium_correct_cells.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(600, 5, of="cells.h5"),
    params:
        filters=option("filters"),
    script:
        "../scripts/calcium_correct_cells.py"


rule calcium_convert:
    """Bring what was found to the formats that others read."""
    input:
        session="<dataset>/session.json",
        stages=calcium_plan.stages(),
    output:
        nwb="<dataset>/session.nwb",
        traces="<dataset>/traces.csv",
        event_table="<dataset>/events.csv",
        signals="<dataset>/gpio.csv",
        cell_set="<dataset>/cells.isxd",
        event_set="<dataset>/events.isxd",
    log:
        "<log>/calcium_convert.log",
    benchmark:
        "<benchmark>/calcium_convert.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(750, 5, of="cells.h5"),
        runtime=whole_source,
    params:
        method=option("method"),
        said=option("nwb"),
    script:
        "../scripts/calcium_convert.py"


rule calcium_convert_movie:
    """Bring the registered movie to the format that a row asks for."""
    input:
        movie="<dataset>/movie.h5",
    output:
        made="<dataset>/movie.{format}",
    log:
        "<log>/calcium_convert_movie_{format}.log",
    benchmark:
        "<benchmark>/calcium_convert_movie_{format}.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
        format="isxd|tif|mp4",
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(800),
        runtime=whole_source,
    script:
        "../scripts/calcium_convert_movie.py"


rule calcium_check:
    """Read the products back with other readers, and look whether registered frames lie still."""
    input:
        session="<dataset>/session.json",
        stages=calcium_plan.stages(),
        nwb="<dataset>/session.nwb",
        cell_set="<dataset>/cells.isxd",
        event_set="<dataset>/events.isxd",
    output:
        check="<dataset>/calcium_check.json",
    log:
        "<log>/calcium_check.log",
    benchmark:
        "<benchmark>/calcium_check.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(800, 5, of="cells.h5"),
    params:
        engine=option("engine"),
        cell_diameter=option("cell_diameter"),
        said=option("nwb"),
    script:
        "../scripts/calcium_check.py"


rule calcium_plot:
    """Draw cells, traces, events and motion of a session."""
    input:
        stages=calcium_plan.stages(),
    output:
        preview=report(
            "<dataset>/preview.png",
            caption="report/calcium.rst",
            category="calcium",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "<log>/calcium_plot.log",
    benchmark:
        "<benchmark>/calcium_plot.tsv"
    wildcard_constraints:
        dataset=SESSIONS,
    conda:
        "../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=calcium_plan.memory(800, 5, of="cells.h5"),
    params:
        dataset="{dataset}",
    script:
        "../scripts/calcium_plot.py"


include: "calcium/parts.smk"
include: "calcium/sessions.smk"


if config["calcium"]["installer"]:

    include: "calcium/idps.smk"
