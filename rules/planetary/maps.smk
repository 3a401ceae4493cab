"""Calibrated cubes with geometry -> maps and mosaics.

calibrated.cub -> corrected.cub (photometry, where asked) -> projection.map, the one grid of all -> projected.<image>.cub
-> map.cub; a mosaic row takes the calibrated cubes of other rows, to mosaic.cub.
"""


rule planetary_correct:
    """Bring an image to the brightness it would have in one light, by a photometric function."""
    input:
        cube=lambda wildcards: f"<dataset>/{'joined' if joined(wildcards.dataset) else level(wildcards.dataset)}{wildcards.part}.cub",
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
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        image=lambda wildcards: asked(wildcards.dataset, wildcards.part, "photometry", "parameters"),
    script:
        "../../scripts/planetary_correct.py"


rule planetary_project_backplanes:
    """Tell phase, emission, incidence, latitude and longitude of every pixel."""
    input:
        cube=lambda wildcards: to_project(wildcards.dataset, wildcards.part),
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
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        image=lambda wildcards: asked(wildcards.dataset, wildcards.part, "parameters"),
    script:
        "../../scripts/planetary_project_backplanes.py"


rule planetary_detect_range:
    """Find the one map grid that all images of a map or mosaic fit on."""
    input:
        cubes=lambda wildcards: [to_project(*image) for image in images_of(wildcards.dataset).values()],
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
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        image=lambda wildcards: of_map(wildcards, "map"),
    script:
        "../../scripts/planetary_detect_range.py"


rule planetary_project:
    """Project an image to the grid of its map or mosaic."""
    input:
        cube=lambda wildcards: to_project(*images_of(wildcards.dataset)[wildcards.image]),
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
        mem_mb=lambda wildcards, attempt, input: attempt * max(2000, 6 * input.size_mb),
    params:
        image=lambda wildcards: of_image(wildcards.dataset, images_of(wildcards.dataset)[wildcards.image], "map"),
    script:
        "../../scripts/planetary_project.py"


rule planetary_merge:
    """Lay projected images over each other."""
    input:
        cubes=lambda wildcards: [
            f"<dataset>/projected.{image}.cub"
            for image, (_, part) in images_of(wildcards.dataset).items()
            if part.rpartition(".")[0] == wildcards.camera
        ],
    output:
        merged="<dataset>/{product}{camera}.cub",
    log:
        "<log>/planetary_merge.{product}{camera}.log",
    benchmark:
        "<benchmark>/planetary_merge.{product}{camera}.tsv"
    wildcard_constraints:
        product="map|mosaic",
        camera=r"(\.[A-Za-z0-9]+)?",
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
    params:
        image=lambda wildcards: of_map(wildcards, "priority"),
    script:
        "../../scripts/planetary_merge.py"
