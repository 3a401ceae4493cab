"""Regions of a segmentation, where a row has a table of labels: volume.json, precomputed/ -> regions.csv."""


rule atlas_check_labels:
    """Compare the labels of a segmentation with its table, and measure the regions."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
    output:
        regions="<dataset>/regions.csv",
        check="<dataset>/labels_check.json",
    log:
        "<log>/atlas_check_labels.log",
    benchmark:
        "<benchmark>/atlas_check_labels.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
        runtime=whole_source,
    script:
        "../../scripts/atlas_check_labels.py"
