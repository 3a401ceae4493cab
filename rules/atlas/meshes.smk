"""Surfaces of the labels of a segmentation, where a row asks for them -> precomputed/mesh/."""


rule atlas_convert_meshes:
    """Write the surfaces of the labels of a segmentation as Neuroglancer meshes."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
        surfaces=lambda wildcards: atlas_plan.surfaces(row(wildcards)),
    output:
        mesh="<dataset>/precomputed/mesh/info",
        check="<dataset>/meshes_check.json",
    log:
        "<log>/atlas_convert_meshes.log",
    benchmark:
        "<benchmark>/atlas_convert_meshes.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=atlas_plan.mesh_memory,
        runtime=whole_source,
    params:
        make=lambda wildcards: row(wildcards).options["meshes"],
        transform=lambda wildcards: row(wildcards).options.get("surface_transform", []),
    script:
        "../../scripts/atlas_convert_meshes.py"
