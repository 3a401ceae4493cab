"""Any source -> resources/<dataset>/: an inventory of its files, and the files themselves where they came from afar."""


rule fetch_input:
    """Bring the source of a dataset here, or take stock of it where it lies."""
    input:
        local=lambda wildcards: local_source(row(wildcards)),
    output:
        inventory="<source>/inventory.json",
    log:
        "<log>/fetch_input.log",
    benchmark:
        "<benchmark>/fetch_input.tsv"
    localrule: True  # compute nodes of a cluster often have no way out
    conda:
        "../envs/fetch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
    params:
        source=lambda wildcards: row(wildcards).source,
        filter=option("filter"),
        checksum=option("checksum"),
        unpack=option("unpack"),
        destination=lambda wildcards, output: os.path.join(os.path.dirname(output.inventory), "files"),
        connections=config["fetch"]["connections"],
        attempts=config["fetch"]["attempts"],
        unpack_ratio=config["fetch"]["unpack_ratio"],
        settings=config["publish"]["settings"],
        cloud=config["publish"]["cloud"],
    script:
        "../scripts/fetch_input.py"
