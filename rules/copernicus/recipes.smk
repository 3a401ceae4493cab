"""Products -> what a recipe makes of them: one grid, one map, its classes, a table, a picture.

inventory.json -> scenes.json -> stack.nc -> map.tif, statistics.csv, classes.tif -> copernicus.json; preview.png, item.json
"""


rule copernicus_import:
    """Look at the products, and say which times and layers go on which grid."""
    input:
        inventory="<source>/inventory.json",
        products="<dataset>/products.geojson",
        check="<dataset>/products_check.json",
        given=lambda wildcards: watchable(plan.read_by_recipe(row(wildcards))),
    output:
        scenes="<dataset>/scenes.json",
    log:
        "<log>/copernicus_import.log",
    benchmark:
        "<benchmark>/copernicus_import.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 800 * attempt,
    params:
        recipe=recipe_of,
        options=recipe_options,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_import.py"


rule copernicus_project:
    """Bring every layer of every time to the grid, scaled and masked."""
    input:
        scenes="<dataset>/scenes.json",
    output:
        stack="<dataset>/stack.nc",
    log:
        "<log>/copernicus_project.log",
    benchmark:
        "<benchmark>/copernicus_project.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 2
    resources:
        mem_mb=plan.memory,
        runtime=whole_source,
    params:
        recipe=recipe_of,
        options=recipe_options,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_project.py"


rule copernicus_merge:
    """Make one map of all times, its classes, and a table."""
    input:
        stack="<dataset>/stack.nc",
    output:
        map="<dataset>/map.tif",
        statistics="<dataset>/statistics.csv",
    log:
        "<log>/copernicus_merge.log",
    benchmark:
        "<benchmark>/copernicus_merge.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 850 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_merge.py"


rule copernicus_detect:
    """Say of each pixel of the map which class it is of, and how much ground each class covers."""
    input:
        map="<dataset>/map.tif",
    output:
        classes="<dataset>/classes.tif",
        areas="<dataset>/classes.csv",
    log:
        "<log>/copernicus_detect.log",
    benchmark:
        "<benchmark>/copernicus_detect.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 750 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_detect.py"


rule copernicus_detect_targets:
    """Find bright targets at sea on each date."""
    input:
        stack="<dataset>/stack.nc",
        given=lambda wildcards: watchable([row(wildcards).options["land"]] if row(wildcards).options["land"] else []),
    output:
        targets="<dataset>/targets.geojson",
        told="<dataset>/targets.json",
    log:
        "<log>/copernicus_detect_targets.log",
    benchmark:
        "<benchmark>/copernicus_detect_targets.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 900 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
        land=option("land"),
    script:
        "../../scripts/copernicus_detect_targets.py"


rule copernicus_detect_plume:
    """Outline the plumes of each time, and weigh them."""
    input:
        stack="<dataset>/stack.nc",
    output:
        plume="<dataset>/plume.geojson",
        table="<dataset>/plume.csv",
        told="<dataset>/plume.json",
    log:
        "<log>/copernicus_detect_plume.log",
    benchmark:
        "<benchmark>/copernicus_detect_plume.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 900 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
        asked=option("plume"),
    script:
        "../../scripts/copernicus_detect_plume.py"


rule copernicus_detect_hotspots:
    """List what is hotter than before, inside and outside a perimeter."""
    input:
        map="<dataset>/map.tif",
        given=perimeter_of,
    output:
        hotspots="<dataset>/hotspots.csv",
        told="<dataset>/hotspots.json",
    log:
        "<log>/copernicus_detect_hotspots.log",
    benchmark:
        "<benchmark>/copernicus_detect_hotspots.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
        perimeter=option("perimeter"),
    script:
        "../../scripts/copernicus_detect_hotspots.py"


rule copernicus_check:
    """Compare the map with the times that it is made of."""
    input:
        stack="<dataset>/stack.nc",
        map="<dataset>/map.tif",
        statistics="<dataset>/statistics.csv",
        classes=if_made("classes.tif"),
    output:
        check="<dataset>/copernicus.json",
    log:
        "<log>/copernicus_check.log",
    benchmark:
        "<benchmark>/copernicus_check.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_check.py"


rule copernicus_plot:
    """Draw the map, and describe it as a STAC item."""
    input:
        stack="<dataset>/stack.nc",
        map="<dataset>/map.tif",
        statistics="<dataset>/statistics.csv",
        classes=if_made("classes.tif"),
        targets=if_made("targets.geojson"),
        plume=if_made("plume.geojson"),
        hotspots=if_made("hotspots.csv"),
        context=lambda wildcards: watchable(row(wildcards).options["context"]),
        given=perimeter_of,
    output:
        preview=report(
            "<dataset>/preview.png",
            caption="../report/copernicus_map.rst",
            category="copernicus",
            labels={"dataset": "{dataset}"},
        ),
        item="<dataset>/item.json",
    log:
        "<log>/copernicus_plot.log",
    benchmark:
        "<benchmark>/copernicus_plot.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 900 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
        perimeter=option("perimeter"),
    script:
        "../../scripts/copernicus_plot.py"


rule copernicus_plot_frames:
    """Draw each time as a frame of an animation."""
    input:
        stack="<dataset>/stack.nc",
    output:
        animation="<dataset>/animation.gif",
    log:
        "<log>/copernicus_plot_frames.log",
    benchmark:
        "<benchmark>/copernicus_plot_frames.tsv"
    wildcard_constraints:
        dataset=MAPPED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 900 * attempt,
    params:
        recipe=recipe_of,
        recipes=option("recipes"),
    script:
        "../../scripts/copernicus_plot_frames.py"
