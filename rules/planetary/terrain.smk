"""Two images of one place -> heights: calibrated cubes -> heights.tif -> terrain.cub. With ISIS and the Ames Stereo Pipeline."""


rule planetary_detect_terrain:
    """Measure heights from two images of one place, with the Ames Stereo Pipeline."""
    input:
        left=lambda wildcards: [*made(wildcards).to_project.values()][0].path,
        right=lambda wildcards: [*made(wildcards).to_project.values()][1].path,
    output:
        heights=temp("<dataset>/heights.tif"),
    log:
        "<log>/planetary_detect_terrain.log",
    benchmark:
        "<benchmark>/planetary_detect_terrain.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 16000 * attempt,
    params:
        image=lambda wildcards: planetary_steps.terrain_of(made(wildcards)),
    script:
        "../../scripts/planetary_detect_terrain.py"


rule planetary_convert_terrain:
    """Turn heights into a cube, which is delivered as the others are."""
    input:
        heights="<dataset>/heights.tif",
    output:
        terrain="<dataset>/terrain.cub",
    log:
        "<log>/planetary_convert_terrain.log",
    benchmark:
        "<benchmark>/planetary_convert_terrain.tsv"
    conda:
        "../../envs/planetary.yaml"
    threads: 1
    resources:
        mem_mb=memory("convert"),
    script:
        "../../scripts/planetary_convert_terrain.py"
