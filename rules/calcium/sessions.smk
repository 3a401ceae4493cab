"""Rows of recipe longitudinal: cells.h5, cells.csv and projections.h5 of other rows -> matches.csv, sessions.json."""

LONGITUDINAL = one_of([row.dataset for row in CALCIUM if calcium_plan.is_longitudinal(row)])


rule calcium_merge_sessions:
    """Register the cell maps of sessions, match their cells, and give each a name of its own."""
    input:
        cells=lambda wildcards: calcium_plan.of_sessions(row(wildcards), "cells.h5"),
        lists=lambda wildcards: calcium_plan.of_sessions(row(wildcards), "cells.csv"),
        projections=lambda wildcards: calcium_plan.of_sessions(row(wildcards), "projections.h5"),
    output:
        matches="<dataset>/matches.csv",
        sessions="<dataset>/sessions.json",
        preview=report(
            "<dataset>/preview.png",
            caption="../report/calcium_sessions.rst",
            category="calcium",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "<log>/calcium_merge_sessions.log",
    benchmark:
        "<benchmark>/calcium_merge_sessions.tsv"
    wildcard_constraints:
        dataset=LONGITUDINAL,
    conda:
        "../../envs/calcium.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        names=option("sessions"),
        min_correlation=option("min_correlation"),
    script:
        "../../scripts/calcium_merge_sessions.py"
