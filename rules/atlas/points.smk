"""Points of an atlas, such as cells, where a row has a table of them -> annotations/."""


rule atlas_convert_points:
    """Write a table of points as a Neuroglancer annotation layer."""
    input:
        volume="<dataset>/volume.json",
        points=lambda wildcards: row(wildcards).options["points"],
    output:
        info="<dataset>/annotations/info",
        check="<dataset>/points_check.json",
    log:
        "<log>/atlas_convert_points.log",
    benchmark:
        "<benchmark>/atlas_convert_points.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=atlas_plan.point_memory,
    script:
        "../../scripts/atlas_convert_points.py"
