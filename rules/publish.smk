"""What every dataset ends in: manifest.json, its published copy where one is asked for, and the page of the campaign."""


rule publish_manifest:
    """List the products of a dataset with their digests, inputs, options, software and checks; written last."""
    input:
        inventory="<source>/inventory.json",
        products=lambda wildcards: [
            f"<dataset>/{name}" for name in CAMPAIGN.products(wildcards.dataset) if name[-1] != "/"
        ],
        records=lambda wildcards: [f"<dataset>/{name}" for name in CAMPAIGN.records(wildcards.dataset)],
    output:
        manifest="<dataset>/manifest.json",
        checksums="<dataset>/checksums.sha256",
    log:
        "<log>/publish_manifest.log",
    benchmark:
        "<benchmark>/publish_manifest.tsv"
    conda:
        "../envs/publish.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
        runtime=whole_source,
    params:
        folders=lambda wildcards: [name for name in CAMPAIGN.products(wildcards.dataset) if name[-1] == "/"],
        campaign=config["campaign"],
        row=lambda wildcards: row(wildcards).told(),
    script:
        "../scripts/publish_manifest.py"


rule publish_upload:
    """Copy a finished dataset to the object store or folder of `publish.target`, and read the copy back."""
    input:
        manifest="<dataset>/manifest.json",
        checksums="<dataset>/checksums.sha256",
    output:
        published="<dataset>/published.json",
    log:
        "<log>/publish_upload.log",
    benchmark:
        "<benchmark>/publish_upload.tsv"
    localrule: True  # compute nodes of a cluster often have no way out
    conda:
        "../envs/publish.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        campaign=config["campaign"],
        dataset="{dataset}",
        target=config["publish"]["target"],
        public=config["publish"]["public"],
        mirror=config["publish"]["mirror"],
        settings=config["publish"]["settings"],
        cloud=config["publish"]["cloud"],
        connections=config["publish"]["connections"],
        temp_url_days=config["publish"]["temp_url_days"],
        cleanup=lambda wildcards: (
            ""
            if row(wildcards).is_local or not config["publish"]["cleanup"]
            else PLACES.apply(f"<resources>/{wildcards.dataset}")
        ),
    script:
        "../scripts/publish_upload.py"


rule publish_page:
    """Show the campaign on one self-contained page: previews, sizes, checks, times, links."""
    input:
        manifests=expand("<results>/<campaign>/{dataset}/manifest.json", dataset=CAMPAIGN.rows),
        published=expand(
            "<results>/<campaign>/{dataset}/published.json",
            dataset=CAMPAIGN.rows if config["publish"]["target"] else [],
        ),
        footprints=FOOTPRINTS,
    output:
        page=report("<results>/<campaign>/index.html", caption="report/campaign.rst", category="campaign"),
        catalog="<results>/<campaign>/catalog.json",
    log:
        "<logs>/<campaign>/publish_page.log",
    benchmark:
        "<benchmarks>/<campaign>/publish_page.tsv"
    conda:
        "../envs/publish.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (500 + len(CAMPAIGN.rows) // 20) * attempt,
    params:
        campaign=config["campaign"],
        benchmarks=lambda wildcards: PLACES.apply("<benchmarks>/<campaign>"),
    script:
        "../scripts/publish_page.py"


rule publish_check:
    """Fail where a check of a dataset has not passed, as of one that has lost granules; its products are there."""
    input:
        page="<results>/<campaign>/index.html",
        manifests=expand("<results>/<campaign>/{dataset}/manifest.json", dataset=CAMPAIGN.rows),
    output:
        checks="<results>/<campaign>/checks.json",
    log:
        "<logs>/<campaign>/publish_check.log",
    benchmark:
        "<benchmarks>/<campaign>/publish_check.tsv"
    localrule: True  # it reads a few lines of each dataset
    conda:
        "../envs/publish.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        allowed=lambda wildcards: [name for name, row in CAMPAIGN.rows.items() if row.options.get("allow_losses")],
    script:
        "../scripts/publish_check.py"
