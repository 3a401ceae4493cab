"""Images of a mosaic that are to show the same places in one: calibrated cubes -> control.net -> controlled.<image>.cub."""


rule planetary_detect_control:
    """Find the places that images have in common, and the turns of their cameras by which they agree on them."""
    input:
        cubes=lambda wildcards: [cube.path for cube in made(wildcards).to_control.values()],
        given=lambda wildcards: watchable(made(wildcards).network),
    output:
        network="<dataset>/control.net",
        residuals="<dataset>/control.csv",
        pointing=temp("<dataset>/pointing.json"),
        record="<dataset>/control.json",
    log:
        "<log>/planetary_detect_control.log",
    benchmark:
        "<benchmark>/planetary_detect_control.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 2
    resources:
        mem_mb=memory_on_ground("control"),
    params:
        image=lambda wildcards: planetary_steps.control_of(made(wildcards)),
    script:
        "../../scripts/planetary_detect_control.py"


rule planetary_correct_pointing:
    """Give an image the pointing that a control has found."""
    input:
        cube=lambda wildcards: made(wildcards).to_control[wildcards.image].path,
        pointing="<dataset>/pointing.json",
    output:
        controlled="<dataset>/controlled.{image}.cub",
    log:
        "<log>/planetary_correct_pointing.{image}.log",
    benchmark:
        "<benchmark>/planetary_correct_pointing.{image}.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=memory("geometry"),
    params:
        image=lambda wildcards: {"name": wildcards.image},
    script:
        "../../scripts/planetary_correct_pointing.py"
