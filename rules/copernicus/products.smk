"""A question to a catalogue -> products on disk, checked, with a table, a map and a time line."""


# Both make inventories; this one is asked for the datasets of a query alone.
ruleorder: copernicus_fetch > fetch_input


rule copernicus_search:
    """Ask the catalogue, or look through the source, and choose among what is found."""
    input:
        inventory=lambda wildcards: "<source>/inventory.json" if row(wildcards).source else [],
        given=lambda wildcards: watchable(plan.watched(row(wildcards))),
    output:
        products="<dataset>/products.geojson",
        search="<dataset>/search.json",
        table="<dataset>/products.csv",
        names="<dataset>/product_list.txt",
        paths="<dataset>/product_list_remote.txt",
    log:
        "<log>/copernicus_search.log",
    benchmark:
        "<benchmark>/copernicus_search.tsv"
    localrule: True  # compute nodes of a cluster often have no way out
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    params:
        query=lambda wildcards: plan.question(row(wildcards)),
        catalogues=option("catalogues"),
    script:
        "../../scripts/copernicus_search.py"


rule copernicus_order:
    """Order what is archived, and wait until it is there."""
    input:
        products="<dataset>/products.geojson",
    output:
        order="<dataset>/order.json",
    log:
        "<log>/copernicus_order.log",
    benchmark:
        "<benchmark>/copernicus_order.tsv"
    localrule: True  # compute nodes of a cluster often have no way out
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    params:
        catalogues=option("catalogues"),
        store=PLACES.apply("<resources>/_products"),
        wait=option("wait"),
    script:
        "../../scripts/copernicus_order.py"


rule copernicus_fetch:
    """Bring the products here, or take stock of them where they lie; what two datasets want is fetched once."""
    input:
        products="<dataset>/products.geojson",
        order="<dataset>/order.json",
    output:
        inventory="<source>/inventory.json",
    log:
        "<log>/copernicus_fetch.log",
    benchmark:
        "<benchmark>/copernicus_fetch.tsv"
    wildcard_constraints:
        dataset=one_of([row.dataset for row in CAMPAIGN.of("copernicus") if not row.source]),
    localrule: True  # compute nodes of a cluster often have no way out
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
        disk_mb=lambda wildcards, input: plan.megabytes(input.products),
        copernicus=1,
    params:
        catalogues=option("catalogues"),
        store=PLACES.apply("<resources>/_products"),
        patterns=lambda wildcards: plan.patterns(row(wildcards)),
        connections=config["fetch"]["connections"],
    script:
        "../../scripts/copernicus_fetch.py"


rule copernicus_check_products:
    """Compare the products that are here with what their catalogue, their manifests and their archives promise."""
    input:
        inventory="<source>/inventory.json",
        products="<dataset>/products.geojson",
        order=lambda wildcards: [] if row(wildcards).source else "<dataset>/order.json",
    output:
        check="<dataset>/products_check.json",
    log:
        "<log>/copernicus_check_products.log",
    benchmark:
        "<benchmark>/copernicus_check_products.tsv"
    conda:
        "../../envs/copernicus.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
        runtime=whole_source,
    script:
        "../../scripts/copernicus_check_products.py"


rule copernicus_plot_products:
    """Draw the footprints over coastlines, and when the products were taken."""
    input:
        products="<dataset>/products.geojson",
        search="<dataset>/search.json",
    output:
        preview=report(
            "<dataset>/preview.png",
            caption="../report/copernicus.rst",
            category="copernicus",
            labels={"dataset": "{dataset}"},
        ),
    log:
        "<log>/copernicus_plot_products.log",
    benchmark:
        "<benchmark>/copernicus_plot_products.tsv"
    wildcard_constraints:
        dataset=SEARCHED,
    conda:
        "../../envs/copernicus.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 700 * attempt,
    script:
        "../../scripts/copernicus_plot_products.py"
