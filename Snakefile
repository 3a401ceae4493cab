"""Darkroom: raw instrument images in; calibrated, chunked, checked and published datasets out."""

from snakemake.utils import min_version

min_version("9.27")


include: "rules/shipped.smk"
include: "rules/config.smk"


configfile: "config/config.yaml"


include: "rules/common.smk"


pathvars:
    campaign=config["campaign"],
    source="<resources>/{dataset}",
    dataset="<results>/<campaign>/{dataset}",
    log="<logs>/<campaign>/{dataset}",
    benchmark="<benchmarks>/<campaign>/{dataset}",


include: "rules/fetch.smk"
include: "rules/planetary.smk"
include: "rules/atlas.smk"
include: "rules/airborne.smk"
include: "rules/copernicus.smk"
include: "rules/calcium.smk"


for path in config["extra_rules"]:

    include: os.path.abspath(path)


include: "rules/publish.smk"


# Here, as <dataset> hides this wildcard from Snakemake until the rules are there.
wildcard_constraints:
    dataset=DATASET,


or_refuse(CAMPAIGN.check)  # now that every pipeline is known


include: "rules/start.smk"


rule all:
    """Every dataset of the sheet, and the page of the campaign."""
    default_target: True
    input:
        page="<results>/<campaign>/index.html",
        checks="<results>/<campaign>/checks.json",
