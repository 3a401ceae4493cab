"""A pipeline from outside: a thermal frame -> its histogram. Nothing in the repository knows of it."""

CAMPAIGN.add(
    "thermal",
    Pipeline(
        products=["histogram.tsv"],
        options={
            "bins": {"type": "integer", "minimum": 1, "default": 10, "description": "Bins of the histogram."},
        },
    ),
)


rule thermal_plot:
    """Count the values of a frame."""
    input:
        inventory="<source>/inventory.json",
        frame=lambda wildcards: row(wildcards).source,
    output:
        histogram="<dataset>/histogram.tsv",
    log:
        "<log>/thermal_plot.log",
    params:
        bins=option("bins"),
    shell:
        "(printf 'bins\\t%s\\n' {params.bins:q}; sort -n {input.frame:q} | uniq -c) > {output.histogram:q} 2> {log:q}"
