"""Cubes -> what opens elsewhere: Cloud-Optimized GeoTIFF (and PDS4), preview, STAC item, chunks for a browser."""

DATASETS = [(dataset, "") for dataset in PLANETARY.datasets]
PDS4 = config["planetary"]["pds4"]
CUBES = [(cube.dataset, cube.name) for cube in PLANETARY.delivered]
MAPPED = PLANETARY.mapped
# Of a campaign that has maps.
FOOTPRINTS = ["<results>/<campaign>/footprints.geojson", "<results>/<campaign>/footprints.gpkg"] if MAPPED else []


for batch in batches(CAMPAIGN.rows, CUBES, ("{dataset}", "{cube}"), ".{cube}", config["planetary"]["batch"]):

    rule:
        """Turn a cube into a Cloud-Optimized GeoTIFF, and a PDS4 product where that is asked for."""
        name:
            f"planetary_convert{batch.suffix}"
        input:
            cubes=batch.files("{}.cub"),
        output:
            images=batch.files("{}.tif"),
            labels=batch.files("{}.xml") if PDS4 else [],
            pds4=batch.files("{}.img") if PDS4 else [],
        log:
            f"{batch.log}/planetary_convert{batch.tail}.log",
        benchmark:
            f"{batch.benchmark}/planetary_convert{batch.tail}.tsv"
        wildcard_constraints:
            dataset=CAMPAIGN.pattern("planetary"),
            cube=r"(ingested|calibrated|joined|map|mosaic|terrain|colour)(\.[A-Za-z0-9]+)*",
        conda:
            "../../envs/planetary.yaml"
        threads: 1
        resources:
            mem_mb=memory("convert"),
        script:
            "../../scripts/planetary_convert.py"


for batch in batches(CAMPAIGN.rows, DATASETS, ("{dataset}", ""), "", config["planetary"]["batch"]):

    rule:
        """Draw a preview, describe a dataset as a STAC item, and compare its GeoTIFFs with its cubes."""
        name:
            f"planetary_plot{batch.suffix}"
        input:
            cubes=all_delivered(batch, "cub"),
            images=all_delivered(batch, "tif"),
            isis=ISIS,
        output:
            previews=report(
                batch.files("preview.png"),
                caption="../report/planetary.rst",
                category="planetary",
            ),
            stac=batch.files("item.json"),
            records=batch.files("planetary.json"),
        log:
            f"{batch.log}/planetary_plot{batch.tail}.log",
        benchmark:
            f"{batch.benchmark}/planetary_plot{batch.tail}.tsv"
        wildcard_constraints:
            dataset=CAMPAIGN.pattern("planetary"),
        conda:
            "../../envs/planetary.yaml"
        threads: 1
        resources:
            mem_mb=memory("plot"),
        params:
            engine=ENGINE,
            stretch=batch.each(lambda dataset, _: CAMPAIGN[dataset].options["stretch"]),
            members=batch.each(lambda dataset, _: [PLACES.apply(cube.path) for cube in PLANETARY[dataset].members]),
        script:
            "../../scripts/planetary_plot.py"


rule planetary_merge_footprints:
    """Put the footprints of all images and maps together, for a GIS."""
    input:
        stac=expand("<results>/<campaign>/{dataset}/item.json", dataset=MAPPED),
    output:
        geojson="<results>/<campaign>/footprints.geojson",
        geopackage="<results>/<campaign>/footprints.gpkg",
    log:
        "<logs>/<campaign>/planetary_merge_footprints.log",
    benchmark:
        "<benchmarks>/<campaign>/planetary_merge_footprints.tsv"
    conda:
        "../../envs/planetary.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    script:
        "../../scripts/planetary_merge_footprints.py"


rule planetary_convert_tiles:
    """Stretch the last cube of a dataset to grey values; the atlas rules cut them into chunks."""
    input:
        cube=lambda wildcards: made(wildcards).delivered[-1].path,
    output:
        picture="<dataset>/tiles.tif",
        inventory="<dataset>/tiles.json",
    log:
        "<log>/planetary_convert_tiles.log",
    benchmark:
        "<benchmark>/planetary_convert_tiles.tsv"
    conda:
        "../../envs/planetary.yaml"
    threads: 1
    resources:
        mem_mb=memory("tiles"),
    params:
        stretch=option("stretch"),
    script:
        "../../scripts/planetary_convert_tiles.py"


rule planetary_plot_tiles:
    """Lay out the view of an image in Neuroglancer."""
    input:
        volume="<dataset>/volume.json",
        info="<dataset>/precomputed/info",
    output:
        view="<dataset>/neuroglancer.json",
    log:
        "<log>/planetary_plot_tiles.log",
    benchmark:
        "<benchmark>/planetary_plot_tiles.tsv"
    wildcard_constraints:
        dataset=CAMPAIGN.pattern("planetary"),
    conda:
        "../../envs/atlas.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    script:
        "../../scripts/planetary_plot_tiles.py"
