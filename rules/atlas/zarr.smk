"""A brain atlas in both formats, where a row asks for OME-Zarr, too.

volume.json (the plan) -> precomputed/ and volume.ome.zarr/ -> precomputed_check.json and zarr_check.json
"""


rule atlas_convert_zarr:
    """Write a volume as Neuroglancer chunks and as OME-Zarr, from one read of its source."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "zarr"),
    output:
        info="<dataset>/precomputed/info",
        index="<dataset>/volume.ome.zarr/zarr.json",
    log:
        "<log>/atlas_convert_zarr.log",
    benchmark:
        "<benchmark>/atlas_convert_zarr.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern_of(atlas_plan.in_both_formats),
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=whole_source,
    params:
        dataset="{dataset}",
    script:
        "../../scripts/atlas_convert_zarr.py"


rule atlas_check_zarr:
    """Read every chunk of both formats back and compare it with the source, which is read once."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
        index="<dataset>/volume.ome.zarr/zarr.json",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "zarr_check"),
    output:
        precomputed_check="<dataset>/precomputed_check.json",
        zarr_check="<dataset>/zarr_check.json",
    log:
        "<log>/atlas_check_zarr.log",
    benchmark:
        "<benchmark>/atlas_check_zarr.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern_of(atlas_plan.in_both_formats),
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=whole_source,
    params:
        dataset="{dataset}",
    script:
        "../../scripts/atlas_check_zarr.py"
