"""Engine idps: the user's own Inscopix Data Processing in place of our algorithms.

installer -> versions.json (once for all datasets); session.json -> idps/outputs.json, with movie.isxd, cells.isxd,
events.isxd, projections/, translations.csv -> what the other rules take for the stages of engine native.
"""

from darkroom.calcium.idps.adapter import OPTIONS, algorithms

IDPS = {dataset: row["options"] for dataset, row in DATASETS.items() if row["pipeline"] == "calcium"}


rule calcium_install:
    """Install IDPS from the user's own installer, where it is not installed yet, and check that it can be used."""
    input:
        installer=config["calcium"]["installer"],
    output:
        versions="<results>/<campaign>/versions.json",
    log:
        "<logs>/<campaign>/calcium_install.log",
    benchmark:
        "<benchmarks>/<campaign>/calcium_install.tsv"
    conda:
        "../../envs/calcium.yaml"
    container:
        config["calcium"]["container"]
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
    params:
        cache="<resources>/idps",
        algorithms=lambda wildcards: sorted({name for options in IDPS.values() for name in algorithms(options)}),
        python=config["calcium"]["python"] or None,
    script:
        "../../scripts/calcium_install.py"


rule calcium_process:
    """Analyse a recording with the algorithms of IDPS: movement, cells, events."""
    input:
        session="<dataset>/session.json",
        versions=rules.calcium_install.output.versions,
        installer=config["calcium"]["installer"],
    output:
        outputs="<dataset>/idps/outputs.json",
        done="<dataset>/idps/done.marker",
    log:
        "<log>/calcium_process.log",
    benchmark:
        "<benchmark>/calcium_process.tsv"
    conda:
        "../../envs/calcium.yaml"
    container:
        config["calcium"]["container"]
    threads: 4
    resources:
        mem_mb=lambda wildcards, input, attempt: attempt * max(4000, 3 * input.size_mb),
    params:
        options=lambda wildcards: {
            key: IDPS[wildcards.dataset][key] for key in OPTIONS if key in IDPS[wildcards.dataset]
        },
        adapter=config["calcium"]["adapter"] or None,
        python=config["calcium"]["python"] or None,
    script:
        "../../scripts/calcium_process.py"
