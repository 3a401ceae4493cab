"""Products of an archive -> calibrated ISIS cubes.

resources/<dataset>/inventory.json -> ingested.cub -> located.cub (where geometry is asked for) -> calibrated.cub
"""

IMAGES = [(cube.dataset, cube.suffix) for cube in PLANETARY.ingested]
LOCATED = [(cube.dataset, cube.suffix) for cube in PLANETARY.located]


rule planetary_check_isis:
    """Find the programs of ISIS and the data that the sheet needs, before any program runs."""
    output:
        isis="<results>/<campaign>/isis.json",
    log:
        "<logs>/<campaign>/planetary_check_isis.log",
    benchmark:
        "<benchmarks>/<campaign>/planetary_check_isis.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        needs=lambda wildcards: PLANETARY.needs,
        parameters=config["planetary"]["parameters"],
    script:
        "../../scripts/planetary_check_isis.py"


rule planetary_check_kernels:
    """Look up what SPICE kernels cover, and what they lack for the images of the sheet, before any of these is made."""
    input:
        inventories=[f"<resources>/{cube.dataset}/inventory.json" for cube in PLANETARY.of_kernels],
    output:
        kernels_found="<results>/<campaign>/kernels.json",
    log:
        "<logs>/<campaign>/planetary_check_kernels.log",
    benchmark:
        "<benchmarks>/<campaign>/planetary_check_kernels.tsv"
    conda:
        ENGINE_ENV
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        places=lambda wildcards: PLANETARY.kernels,
        asked=lambda wildcards: [
            planetary_steps.kernels_of(PLANETARY[cube.dataset], cube.part) for cube in PLANETARY.of_kernels
        ],
    script:
        "../../scripts/planetary_check_kernels.py"


for batch in batches(CAMPAIGN.rows, LOCATED, ("{dataset}", "{part}"), "{part}", config["planetary"]["batch"]):

    rule:
        """Attach where the camera stood and looked: from a camera description, SPICE kernels, or as spiceinit finds it."""
        name:
            f"planetary_import_geometry{batch.suffix}"
        input:
            cubes=batch.files("ingested{}.cub"),
            inventories=batch.each(lambda dataset, part: f"<resources>/{dataset}/inventory.json"),
            cameras=camera_descriptions(batch),
            kernels_found=ancient(kernels_found(batch)),
            isis=ISIS,
        output:
            located=temp(batch.files("located{}.cub")),
        log:
            f"{batch.log}/planetary_import_geometry{batch.tail}.log",
        benchmark:
            f"{batch.benchmark}/planetary_import_geometry{batch.tail}.tsv"
        localrule: PLANETARY.asks_web  # compute nodes often have no way out
        conda:
            ENGINE_ENV
        container:
            CONTAINER
        envmodules:
            *MODULES,
        threads: 1
        resources:
            mem_mb=memory("geometry"),
            web=asks_web(batch),
        params:
            images=batch.each(lambda dataset, part: planetary_steps.geometry_of(PLANETARY[dataset], part.strip("."))),
        script:
            "../../scripts/planetary_import_geometry.py"


for batch in batches(CAMPAIGN.rows, IMAGES, ("{dataset}", "{part}"), "{part}", config["planetary"]["batch"]):

    rule:
        """Read an image of an archive into an ISIS cube."""
        name:
            f"planetary_import{batch.suffix}"
        input:
            inventories=batch.each(lambda dataset, part: f"<resources>/{dataset}/inventory.json"),
            cameras=own_cameras(batch),
            kernels_found=ancient(kernels_found(batch)),
            isis=ISIS,
        output:
            cubes=batch.files("ingested{}.cub"),
        log:
            f"{batch.log}/planetary_import{batch.tail}.log",
        benchmark:
            f"{batch.benchmark}/planetary_import{batch.tail}.tsv"
        conda:
            ENGINE_ENV
        container:
            CONTAINER
        envmodules:
            *MODULES,
        threads: 1
        resources:
            mem_mb=memory("import"),
        params:
            images=batch.each(lambda dataset, part: planetary_steps.import_of(PLANETARY[dataset], part.strip("."))),
        script:
            "../../scripts/planetary_import.py"

    rule:
        """Turn raw numbers into radiance or I/F, and take out the noise that the camera is known for."""
        name:
            f"planetary_calibrate{batch.suffix}"
        input:
            cubes=batch.each(lambda dataset, part: PLANETARY[dataset].to_calibrate(part.strip(".")).path),
            cameras=own_cameras(batch),
        output:
            calibrated=batch.files("calibrated{}.cub"),
        log:
            f"{batch.log}/planetary_calibrate{batch.tail}.log",
        benchmark:
            f"{batch.benchmark}/planetary_calibrate{batch.tail}.tsv"
        conda:
            ENGINE_ENV
        container:
            CONTAINER
        envmodules:
            *MODULES,
        threads: 1
        resources:
            mem_mb=memory("calibrate"),
        params:
            images=batch.each(lambda dataset, part: planetary_steps.calibration_of(PLANETARY[dataset])),
        script:
            "../../scripts/planetary_calibrate.py"


rule planetary_merge_channels:
    """Make one image of the channels of a camera of many CCDs."""
    input:
        cubes=lambda wildcards: [cube.path for cube in made(wildcards).to_join],
    output:
        joined="<dataset>/joined.cub",
    log:
        "<log>/planetary_merge_channels.log",
    benchmark:
        "<benchmark>/planetary_merge_channels.tsv"
    conda:
        ENGINE_ENV
    container:
        CONTAINER
    envmodules:
        *MODULES,
    threads: 2
    resources:
        mem_mb=memory("join"),
        web=lambda wildcards: int(made(wildcards).asks_web),
    params:
        image=lambda wildcards: planetary_steps.join_of(made(wildcards)),
    script:
        "../../scripts/planetary_merge_channels.py"
