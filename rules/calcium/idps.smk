"""Engine idps: the user's own Inscopix Data Processing in place of our algorithms.

installer -> versions.json (once for the campaign); session.json -> idps/outputs.json, which names movie.isxd,
cells.isxd, events.isxd and others in its folder -> what the other rules take for the stages of engine native.
"""

from darkroom.calcium.idps.adapter import OPTIONS, algorithms


def idps_options(dataset):
    """The options of a dataset that the adapter reads."""
    options = DATASETS[dataset]["options"]
    return {key: options[key] for key in OPTIONS if key in options}


def idps_algorithms():
    """Functions of isx that our adapter calls for the rows of the sheet; of another one nobody knows."""
    rows = [dataset for dataset, row in DATASETS.items() if row["pipeline"] == "calcium"]
    ours = not config["calcium"]["adapter"]
    return sorted({name for dataset in rows for name in algorithms(idps_options(dataset)) if ours})


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
        cache=lambda wildcards: PLACES.apply("<resources>/idps"),
        algorithms=lambda wildcards: idps_algorithms(),
        python=config["calcium"]["python"],
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
        options=lambda wildcards: idps_options(wildcards.dataset),
        adapter=config["calcium"]["adapter"],
        python=config["calcium"]["python"],
    script:
        "../../scripts/calcium_process.py"
