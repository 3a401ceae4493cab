"""Granules of a field campaign (dropsondes, lidar, radiometers) -> CF netCDF, archive metadata, quality, pictures.

resources/<dataset>/inventory.json -> netcdf/, granules.json -> metadata/, metadata.json; quality/, airborne_check.json;
preview.png. One job takes all granules of a dataset, as many at a time as it has threads, or `jobs` take a share each
(airborne/parts.smk); a bad one is named and does not stop the others.
"""

from darkroom.airborne import plan as airborne_plan

CAMPAIGN.add(
    "airborne",
    Pipeline(
        products=airborne_plan.products,
        records=["granules.json", "metadata.json", "airborne_check.json"],
    ),
)


rule airborne_convert:
    """Recognise the granules of a source and bring each to CF netCDF."""
    input:
        inventory="<source>/inventory.json",
        collections=lambda wildcards: files_of(row(wildcards).options["collections"], ".yaml"),
        parts=lambda wildcards: airborne_plan.parts(row(wildcards), "granules"),
    output:
        granules="<dataset>/granules.json",
    log:
        "<log>/airborne_convert.log",
    benchmark:
        "<benchmark>/airborne_convert.tsv"
    conda:
        "../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (400 + 150 * threads) * attempt,
        runtime=whole_source,
    params:
        conventions=option("conventions"),
        feature=option("feature"),
        production_time=option("production_time"),
    script:
        "../scripts/airborne_convert.py"


rule airborne_convert_metadata:
    """Describe each granule for its archive: UMM-G, ECHO10, and the short form of py-cumulus."""
    input:
        granules="<dataset>/granules.json",
        collections=lambda wildcards: files_of(row(wildcards).options["collections"], ".yaml"),
        pictures=lambda wildcards: airborne_plan.pictures(row(wildcards)),
    output:
        metadata="<dataset>/metadata.json",
    log:
        "<log>/airborne_convert_metadata.log",
    benchmark:
        "<benchmark>/airborne_convert_metadata.tsv"
    conda:
        "../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (300 + 100 * threads) * attempt,
    params:
        endpoint=option("endpoint"),
        buckets=option("buckets"),
        cumulus_names=option("cumulus_names"),
    script:
        "../scripts/airborne_convert_metadata.py"


rule airborne_check:
    """Compare every value with its source, look for what is odd, and validate the metadata."""
    input:
        granules="<dataset>/granules.json",
        metadata="<dataset>/metadata.json",
        collections=lambda wildcards: files_of(row(wildcards).options["collections"], ".yaml"),
        parts=lambda wildcards: airborne_plan.parts(row(wildcards), "reports"),
    output:
        check="<dataset>/airborne_check.json",
    log:
        "<log>/airborne_check.log",
    benchmark:
        "<benchmark>/airborne_check.tsv"
    conda:
        "../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (400 + 150 * threads) * attempt,
        runtime=whole_source,
    params:
        schemas=option("schemas"),
    script:
        "../scripts/airborne_check.py"


rule airborne_plot_granules:
    """Draw each granule on its own, for an archive to show (option `browse`)."""
    input:
        granules="<dataset>/granules.json",
    output:
        listed="<dataset>/pictures.json",
    log:
        "<log>/airborne_plot_granules.log",
    benchmark:
        "<benchmark>/airborne_plot_granules.tsv"
    conda:
        "../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (400 + 150 * threads) * attempt,
    script:
        "../scripts/airborne_plot_granules.py"


rule airborne_plot:
    """Draw soundings, curtains or swaths, and the map of where they were made."""
    input:
        granules="<dataset>/granules.json",
    output:
        preview=report(
            "<dataset>/preview.png",
            caption="report/airborne.rst",
            category="airborne",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "<log>/airborne_plot.log",
    benchmark:
        "<benchmark>/airborne_plot.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern("airborne"),
    conda:
        "../envs/airborne.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    script:
        "../scripts/airborne_plot.py"


include: "airborne/parts.smk"
