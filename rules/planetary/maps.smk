"""Calibrated cubes with geometry -> maps and mosaics.

calibrated.cub -> corrected.cub (photometry, where asked) -> projection.map, the one grid of all -> projected.<image>.cub
-> map.cub; a mosaic row takes the calibrated cubes of other rows, to mosaic.cub,
or three of different filters to colour.cub.
"""


rule planetary_correct:
    """Bring an image to the brightness it would have in one light, by a photometric function."""
    input:
        cube=lambda wildcards: made(wildcards).to_correct(part_of(wildcards)).path,
    output:
        corrected=temp("<dataset>/corrected{part}.cub"),
    log:
        "<log>/planetary_correct{part}.log",
    benchmark:
        "<benchmark>/planetary_correct{part}.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=memory_on_ground("correct"),
    params:
        image=lambda wildcards: planetary_steps.light_of(made(wildcards)),
    script:
        "../../scripts/planetary_correct.py"


rule planetary_project_backplanes:
    """Tell phase, emission, incidence, latitude and longitude of every pixel."""
    input:
        cube=lambda wildcards: made(wildcards).lit(part_of(wildcards)).path,
    output:
        backplanes="<dataset>/backplanes{part}.cub",
    log:
        "<log>/planetary_project_backplanes{part}.log",
    benchmark:
        "<benchmark>/planetary_project_backplanes{part}.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=memory_on_ground("backplanes"),
    params:
        image=lambda wildcards: planetary_steps.backplanes_of(made(wildcards)),
    script:
        "../../scripts/planetary_project_backplanes.py"


rule planetary_detect_range:
    """Find the one map grid that all images of a map or mosaic fit on."""
    input:
        cubes=lambda wildcards: [cube.path for cube in made(wildcards).to_project.values()],
    output:
        grid="<dataset>/projection.map",
    log:
        "<log>/planetary_detect_range.log",
    benchmark:
        "<benchmark>/planetary_detect_range.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=memory_on_ground("range"),
    params:
        image=lambda wildcards: planetary_steps.range_of(made(wildcards)),
    script:
        "../../scripts/planetary_detect_range.py"


rule planetary_project:
    """Project an image to the grid of its map or mosaic."""
    input:
        cube=lambda wildcards: made(wildcards).to_project[wildcards.image].path,
        grid="<dataset>/projection.map",
    output:
        projected=temp("<dataset>/projected.{image}.cub"),
    log:
        "<log>/planetary_project.{image}.log",
    benchmark:
        "<benchmark>/planetary_project.{image}.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=memory_on_ground("project"),
    params:
        image=lambda wildcards: planetary_steps.projection_of(made(wildcards), wildcards.image),
    script:
        "../../scripts/planetary_project.py"


rule planetary_merge:
    """Lay projected images over each other."""
    input:
        cubes=lambda wildcards: [cube.path for cube in made(wildcards).to_merge(part_of(wildcards))],
        others=lambda wildcards: [cube.path for cube in made(wildcards).beside(part_of(wildcards))],
    output:
        merged="<dataset>/{product}{part}.cub",
    log:
        "<log>/planetary_merge.{product}{part}.log",
    benchmark:
        "<benchmark>/planetary_merge.{product}{part}.tsv"
    wildcard_constraints:
        product="map|mosaic|colour",
        part=r"(\.[A-Za-z0-9]+)?",
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=lambda wildcards, input, attempt: memory("merge")(wildcards, input, attempt)
        + attempt * planetary_memory.feathered(input, planetary_steps.merge_of(made(wildcards)).get("feather", 0)),
    params:
        image=lambda wildcards: planetary_steps.merge_of(made(wildcards)),
    script:
        "../../scripts/planetary_merge.py"
