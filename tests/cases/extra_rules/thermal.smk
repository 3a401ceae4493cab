"""A pipeline from outside: a thermal frame -> its histogram. Nothing in the repository knows of it."""

ENDS["thermal"] = {"products": ["histogram.tsv"], "records": []}


rule thermal_plot:
    """Count the values of a frame."""
    input:
        inventory="<source>/inventory.json",
        frame=lambda wildcards: DATASETS[wildcards.dataset]["source"],
    output:
        histogram="<dataset>/histogram.tsv",
    log:
        "<log>/thermal_plot.log",
    params:
        bins=lambda wildcards: DATASETS[wildcards.dataset]["options"].get("bins", 10),
    shell:
        "(printf 'bins\\t%s\\n' {params.bins:q}; sort -n {input.frame:q} | uniq -c) > {output.histogram:q} 2> {log:q}"
