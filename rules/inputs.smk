"""What rules take and what datasets end in, asked of the sheet."""

import json

PLACES = workflow.pathvars  # ours, also where this workflow is a module: functions run when `workflow` is its user's


def names_of(pipeline):
    """What its datasets are called: nothing where the sheet has none, which spares its rules a candidate job for each row."""
    return DATASET if any(row["pipeline"] == pipeline for row in DATASETS.values()) else "(?!)"


def only(pipeline, path):
    """A file of a dataset of one pipeline: rules of others make files of the same name."""
    return lambda wildcards: path if DATASETS[wildcards.dataset]["pipeline"] == pipeline else f"no {pipeline}: {path}"


def option(key):
    """An option of the dataset of a job."""
    return lambda wildcards: DATASETS[wildcards.dataset]["options"][key]


def sheet_row(dataset):
    """The row of a dataset with all its options, wherever in the sheet it stands."""
    return {key: value for key, value in DATASETS[dataset].items() if key not in ("where", "line", "wrong")}


def is_local(source):
    """Whether a source is a path on this machine."""
    return bool(source) and not source.startswith((*urls.REMOTE, "sample:"))


def local_source(wildcards):
    """A source on this machine: the file, or the folder with the file in it that was changed last."""
    source = DATASETS[wildcards.dataset]["source"]
    if not is_local(source):
        return []
    files = (os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    return [source, *sorted(filter(os.path.exists, files), key=os.path.getmtime)[-1:]]


def downloads(wildcards):
    """The folder of what was fetched for a dataset; empty for a source on this machine, which is never touched."""
    source = DATASETS[wildcards.dataset]["source"]
    return "" if is_local(source) else PLACES.apply(f"<resources>/{wildcards.dataset}")


def whole_source(wildcards, attempt):
    """Minutes for a step that reads all of a source: an hour, and one for each 10 GB, times the attempt, at most a day.

    The steps that read it have its inventory as input, whose own size says nothing (as profiles/slurm takes it).
    """
    inventory, size = PLACES.apply(f"<resources>/{wildcards.dataset}/inventory.json"), 0
    if os.path.exists(inventory):
        with open(inventory) as file:
            size = sum(known["bytes"] for known in json.load(file)["files"])
    elif os.path.isfile(source := DATASETS[wildcards.dataset]["source"]):
        size = os.path.getsize(source)
    return min(1440, attempt * (60 + 60 * (size // 10**10)))


def collections_of(wildcards):
    """The files of the collections that a row gives, so that a change of any is seen."""
    given = DATASETS[wildcards.dataset]["options"]["collections"]
    return [file for path in given for file in (sorted(glob.glob(f"{path}/*.yaml")) if os.path.isdir(path) else [path])]


def stack(wildcards):
    """The inventory that a volume is made of: of the source, or of what another pipeline has made to be looked at."""
    own = DATASETS[wildcards.dataset]["pipeline"] == "atlas"
    return "<source>/inventory.json" if own else "<dataset>/tiles.json"


def volume_options(wildcards):
    """The options of a volume. An image of another pipeline is one section whose rows run south, of 1 m per pixel."""
    row = DATASETS[wildcards.dataset]
    flat = "{orientation: RPS, resolution: 1e9 nm, encoding: jpeg, chunk_size: [512, 512, 1]}"
    return row["options"] if row["pipeline"] == "atlas" else checked_options("atlas", flat)[0]


def names(wildcards, kind):
    """The products or the records of a dataset, as its pipeline names them."""
    found = ENDS[DATASETS[wildcards.dataset]["pipeline"]][kind]
    return found(wildcards.dataset) if callable(found) else found


def ends(wildcards, kind):
    """The files that rules have to make of them."""
    return [f"<dataset>/{name}" for name in names(wildcards, kind) if not name.endswith("/")]


def folders(wildcards):
    """Products that are folders with as many files as the source has."""
    return [name for name in names(wildcards, "products") if name.endswith("/")]
