"""Any source -> resources/<dataset>/: an inventory of its files, and the files themselves where they came from afar."""


def is_local(source):
    """Whether a source is a path on this machine."""
    return bool(source) and not source.startswith(("http://", "https://", "swift://", "sample:"))


def local_source(wildcards):
    """A source on this machine: the file, or the folder with the file in it that was changed last."""
    source = DATASETS[wildcards.dataset]["source"]
    if not is_local(source):
        return []
    files = (os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names)
    return [source, *sorted(files, key=os.path.getmtime)[-1:]]


def downloads(wildcards):
    """The folder of what was fetched for a dataset; empty for a source on this machine, which is never touched."""
    source = DATASETS[wildcards.dataset]["source"]
    return "" if is_local(source) else workflow.pathvars.apply(f"<resources>/{wildcards.dataset}")


rule fetch_input:
    """Bring the source of a dataset here, or take stock of it where it lies."""
    input:
        local=local_source,
    output:
        inventory="<source>/inventory.json",
    log:
        "<log>/fetch_input.log",
    benchmark:
        "<benchmark>/fetch_input.tsv"
    conda:
        "../envs/fetch.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt,
    params:
        source=lambda wildcards: DATASETS[wildcards.dataset]["source"],
        filter=lambda wildcards: DATASETS[wildcards.dataset]["options"].get("filter", ""),
        checksum=lambda wildcards: DATASETS[wildcards.dataset]["options"].get("checksum", ""),
        unpack=lambda wildcards: DATASETS[wildcards.dataset]["options"].get("unpack", True),
        destination=lambda wildcards, output: os.path.join(os.path.dirname(output.inventory), "files"),
        connections=config["fetch"]["connections"],
        attempts=config["fetch"]["attempts"],
        unpack_ratio=config["fetch"]["unpack_ratio"],
        settings=config["publish"]["settings"],
        cloud=config["publish"]["cloud"],
    script:
        "../scripts/fetch_input.py"
