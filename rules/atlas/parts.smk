"""A volume as several jobs (option `jobs`), for a cluster: shares of its regions, which atlas_chunk and its like end."""


rule atlas_chunk_part:
    """Write a share of the regions of a volume as Neuroglancer chunks."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
    output:
        done=temp("<dataset>/parts/precomputed-{part}of{parts}.json"),
    log:
        "<log>/atlas_chunk_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/atlas_chunk_part_{part}of{parts}.tsv"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=share_of_source,
    params:
        index=lambda wildcards, output: atlas_plan.beside(output.done, "precomputed/info"),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/atlas_chunk_part.py"


rule atlas_convert_zarr_part:
    """Write a share of the regions of a volume as Neuroglancer chunks and as OME-Zarr."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
    output:
        done=temp("<dataset>/parts/zarr-{part}of{parts}.json"),
    log:
        "<log>/atlas_convert_zarr_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/atlas_convert_zarr_part_{part}of{parts}.tsv"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=share_of_source,
    params:
        info=lambda wildcards, output: atlas_plan.beside(output.done, "precomputed/info"),
        index=lambda wildcards, output: atlas_plan.beside(output.done, "volume.ome.zarr/zarr.json"),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/atlas_convert_zarr_part.py"


rule atlas_check_precomputed_part:
    """Compare a share of the regions of a volume with its source."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
    output:
        done=temp("<dataset>/parts/precomputed_check-{part}of{parts}.json"),
    log:
        "<log>/atlas_check_precomputed_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/atlas_check_precomputed_part_{part}of{parts}.tsv"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=share_of_source,
    params:
        check=lambda wildcards, output: atlas_plan.beside(output.done, "precomputed_check.json"),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/atlas_check_precomputed_part.py"


rule atlas_check_zarr_part:
    """Compare a share of the regions of a volume in both formats with its source."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
        index="<dataset>/volume.ome.zarr/zarr.json",
    output:
        done=temp("<dataset>/parts/zarr_check-{part}of{parts}.json"),
    log:
        "<log>/atlas_check_zarr_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/atlas_check_zarr_part_{part}of{parts}.tsv"
    wildcard_constraints:
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=share_of_source,
    params:
        check=lambda wildcards, output: atlas_plan.beside(output.done, "precomputed_check.json"),
        part="{part}",
        parts="{parts}",
    script:
        "../../scripts/atlas_check_zarr_part.py"
