"""Conversion and checks of a large folder as several jobs (option `jobs`), for a cluster: shares of its granules."""


rule airborne_convert_part:
    """Bring a share of the granules to CF netCDF."""
    input:
        inventory="<source>/inventory.json",
        collections=lambda wildcards: files_of(row(wildcards).options["collections"], ".yaml"),
    output:
        made=temp("<dataset>/parts/granules-{part}of{parts}.json"),
    log:
        "<log>/airborne_convert_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/airborne_convert_part_{part}of{parts}.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern("airborne"),
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (400 + 150 * threads) * attempt,
        runtime=whole_source,
    params:
        part="{part}",
        parts="{parts}",
        conventions=option("conventions"),
        feature=option("feature"),
        production_time=option("production_time"),
    script:
        "../../scripts/airborne_convert_part.py"


rule airborne_check_part:
    """Check a share of the granules."""
    input:
        granules="<dataset>/granules.json",
        metadata="<dataset>/metadata.json",
        collections=lambda wildcards: files_of(row(wildcards).options["collections"], ".yaml"),
    output:
        reports=temp("<dataset>/parts/reports-{part}of{parts}.json"),
    log:
        "<log>/airborne_check_part_{part}of{parts}.log",
    benchmark:
        "<benchmark>/airborne_check_part_{part}of{parts}.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern("airborne"),
        part=r"\d+",
        parts=r"\d+",
    conda:
        "../../envs/airborne.yaml"
    threads: 4
    resources:
        mem_mb=lambda wildcards, attempt, threads: (400 + 150 * threads) * attempt,
        runtime=whole_source,
    params:
        part="{part}",
        parts="{parts}",
        schemas=option("schemas"),
    script:
        "../../scripts/airborne_check_part.py"
