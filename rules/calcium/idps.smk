"""Engine idps: the user's own Inscopix Data Processing in place of our algorithms.

calcium.installer -> versions.json, once for the campaign; session.json -> idps/outputs.json, which names the movies, cell
sets, event sets and tables beside it -> the stages of engine native, from motion.h5 to events.h5.
"""

IDPS = [row for row in CALCIUM if calcium_plan.is_session(row, "idps")]


rule calcium_install:
    """Install IDPS from the user's own installer, where it is not installed yet, and check that it can be used."""
    input:
        installer=config["calcium"]["installer"],
    output:
        versions="<results>/<campaign>/versions.json",
    log:
        "<logs>/<campaign>/calcium_install.log",
    benchmark:
        "<benchmarks>/<campaign>/calcium_install.tsv"
    conda:
        "../../envs/calcium.yaml"
    container:
        config["calcium"]["container"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        cache=lambda wildcards: PLACES.apply("<resources>/idps"),
        algorithms=lambda wildcards: [] if config["calcium"]["adapter"] else calcium_plan.idps_algorithms(IDPS),
        python=config["calcium"]["python"],
    script:
        "../../scripts/calcium_install.py"


rule calcium_process:
    """Analyse a recording with the algorithms of IDPS: motion, cells, events."""
    input:
        session="<dataset>/session.json",
        versions="<results>/<campaign>/versions.json",
        installer=config["calcium"]["installer"],
        adapter=[path for path in [config["calcium"]["adapter"]] if path],
        reference=lambda wildcards: files_of(calcium_plan.reference(row(wildcards)), ".isxd"),
        rois=lambda wildcards: files_of(calcium_plan.given_cells(row(wildcards)), ".isxd"),
    output:
        outputs="<dataset>/idps/outputs.json",
        done="<dataset>/idps/done.marker",
    log:
        "<log>/calcium_process.log",
    benchmark:
        "<benchmark>/calcium_process.tsv"
    wildcard_constraints:
        dataset=one_of([row.dataset for row in IDPS]),
    conda:
        "../../envs/calcium.yaml"
    container:
        config["calcium"]["container"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt: attempt * (4000 + 3 * CAMPAIGN.source_bytes(wildcards.dataset) // 10**6),
        runtime=whole_source,
    params:
        options=lambda wildcards: calcium_plan.idps_options(row(wildcards)),
        python=config["calcium"]["python"],
    script:
        "../../scripts/calcium_process.py"


rule calcium_convert_idps:
    """Take what IDPS has made for the stages that other steps read."""
    input:
        session="<dataset>/session.json",
        versions="<results>/<campaign>/versions.json",
        outputs="<dataset>/idps/outputs.json",
    output:
        movie="<dataset>/movie.h5",
        motion="<dataset>/motion.h5",
        shifts="<dataset>/motion.csv",
        translations="<dataset>/translations.csv",
        crop_rect="<dataset>/crop_rect.csv",
        projections="<dataset>/projections.h5",
        cells="<dataset>/cells.h5",
        events="<dataset>/events.h5",
    log:
        "<log>/calcium_convert_idps.log",
    benchmark:
        "<benchmark>/calcium_convert_idps.tsv"
    wildcard_constraints:
        dataset=one_of([row.dataset for row in IDPS]),
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=calcium_plan.memory(1050, 0.03),
        runtime=whole_source,
    params:
        temporal_downsample_factor=option("temporal_downsample_factor"),
        spatial_downsample_factor=option("spatial_downsample_factor"),
        cell_diameter=option("cell_diameter"),
        spike_snr_threshold=option("spike_snr_threshold"),
        noise_range=option("noise_range"),
    script:
        "../../scripts/calcium_convert_idps.py"
