"""Sections at their places in an atlas, where a row has what QuickNII or DeepSlice made of them -> sections/."""


rule atlas_convert_sections:
    """Write each section of a stack as a volume of its own, at its place in an atlas."""
    input:
        inventory=lambda wildcards: atlas_plan.inventory(row(wildcards)),
        volume="<dataset>/volume.json",
        placement=lambda wildcards: row(wildcards).options["placement"],
    output:
        info="<dataset>/sections/info",
        check="<dataset>/sections_check.json",
    log:
        "<log>/atlas_convert_sections.log",
    benchmark:
        "<benchmark>/atlas_convert_sections.tsv"
    conda:
        "../../envs/atlas.yaml"
    threads: 2
    resources:
        mem_mb=atlas_plan.memory,
        runtime=whole_source,
    params:
        options=lambda wildcards: atlas_plan.section_options(row(wildcards)),
    script:
        "../../scripts/atlas_convert_sections.py"
