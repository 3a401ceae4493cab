"""Motion and cells of a long movie as several jobs (`calcium_plan.jobs`), for a cluster: shares of its frames, patches."""


rule calcium_detect_motion_part:
    """Find how the field has moved in a share of the frames."""
    input:
        corrected="<dataset>/corrected.h5",
        reference=lambda wildcards: files_of(calcium_plan.reference(row(wildcards)), ".isxd"),
    output:
        motion=temp("<dataset>/parts/motion-{part}of{parts}.h5"),
    log:
        "<log>/calcium_detect_motion_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/calcium_detect_motion_part_{part}of{parts}.tsv"
    wildcard_constraints:
        dataset=NATIVE,
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(900),
        runtime=share_of_source,
    params:
        options=lambda wildcards: calcium_plan.motion_options(row(wildcards)),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/calcium_detect_motion_part.py"


rule calcium_detect_cells_part:
    """Find the shapes of cells in a share of the patches."""
    input:
        movie="<dataset>/movie.h5",
    output:
        shapes=temp("<dataset>/parts/cells-{part}of{parts}.h5"),
    log:
        "<log>/calcium_detect_cells_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/calcium_detect_cells_part_{part}of{parts}.tsv"
    wildcard_constraints:
        dataset=NATIVE,
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(1050),
        runtime=whole_source,
    params:
        options=lambda wildcards: calcium_plan.cell_options(row(wildcards)),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/calcium_detect_cells_part.py"
