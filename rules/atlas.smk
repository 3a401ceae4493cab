"""Brain atlas: section images or a volume -> Neuroglancer precomputed volume, OME-Zarr.

resources/<dataset>/inventory.json -> volume.json (the plan) -> precomputed/ -> precomputed_check.json, preview.png
Where a row asks for it, also volume.ome.zarr/ -> zarr_check.json (atlas/zarr.smk, from the same read), regions.csv (atlas/labels.smk),
annotations/ (atlas/points.smk), precomputed/mesh/ (atlas/meshes.smk),
sections/ (atlas/sections.smk).
"""

from darkroom.atlas import plan as atlas_plan

CAMPAIGN.add("atlas", Pipeline(products=atlas_plan.products, records=atlas_plan.records, problems=atlas_plan.problems))


include: "atlas/parts.smk"
include: "atlas/zarr.smk"
include: "atlas/labels.smk"
include: "atlas/points.smk"
include: "atlas/meshes.smk"
include: "atlas/sections.smk"


rule atlas_import:
    """Read the headers of a source; plan its place in RAS+ space, its values and its scales."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        labels=lambda wildcards: atlas_plan.labels(row(wildcards)),
    output:
        volume="<dataset>/volume.json",
    log:
        "<log>/atlas_import.log",
    benchmark:
        "<benchmark>/atlas_import.tsv"
    conda:
        "../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
    params:
        options=lambda wildcards: atlas_plan.volume_options(row(wildcards), CAMPAIGN.options),
    script:
        "../scripts/atlas_import.py"


rule atlas_chunk:
    """Cut a volume into Neuroglancer chunks, coarser scales included."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "precomputed"),
    output:
        info="<dataset>/precomputed/info",
    log:
        "<log>/atlas_chunk.log",
    benchmark:
        "<benchmark>/atlas_chunk.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern_of(atlas_plan.in_one_format),
    conda:
        "../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=whole_source,
    script:
        "../scripts/atlas_chunk.py"


rule atlas_check_precomputed:
    """Read every chunk of every scale back and compare it with the source."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "precomputed_check"),
    output:
        check="<dataset>/precomputed_check.json",
    log:
        "<log>/atlas_check_precomputed.log",
    benchmark:
        "<benchmark>/atlas_check_precomputed.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern_of(atlas_plan.in_one_format),
    conda:
        "../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=whole_source,
    script:
        "../scripts/atlas_check_precomputed.py"


rule atlas_plot:
    """Draw the three middle sections of a volume, and lay out its view in Neuroglancer."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
        points=lambda wildcards: atlas_plan.annotations(row(wildcards)),
    output:
        preview=report(
            "<dataset>/preview.png",
            caption="report/atlas.rst",
            category="atlas",
            labels={"dataset": "{dataset}"},
        ),
        view="<dataset>/neuroglancer.json",
    log:
        "<log>/atlas_plot.log",
    benchmark:
        "<benchmark>/atlas_plot.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern("atlas"),
    conda:
        "../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
    script:
        "../scripts/atlas_plot.py"
