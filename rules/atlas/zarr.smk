"""OME-Zarr of a brain atlas, where a row asks for it: volume.json (the plan) -> volume.ome.zarr/ -> zarr_check.json."""


rule atlas_convert_zarr:
    """Write a volume as OME-Zarr, from its source as atlas_chunk does."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "zarr"),
    output:
        index="<dataset>/volume.ome.zarr/zarr.json",
    log:
        "<log>/atlas_convert_zarr.log",
    benchmark:
        "<benchmark>/atlas_convert_zarr.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=whole_source,
    params:
        dataset="{dataset}",
    script:
        "../../scripts/atlas_convert_zarr.py"


rule atlas_check_zarr:
    """Read every chunk of an OME-Zarr back and compare it with the source."""
    input:
        volume="<dataset>/volume.json",
        index="<dataset>/volume.ome.zarr/zarr.json",
        parts=lambda wildcards: atlas_plan.parts(row(wildcards), "zarr_check"),
    output:
        check="<dataset>/zarr_check.json",
    log:
        "<log>/atlas_check_zarr.log",
    benchmark:
        "<benchmark>/atlas_check_zarr.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=whole_source,
    params:
        dataset="{dataset}",
    script:
        "../../scripts/atlas_check_zarr.py"
