"""Say whether a campaign is whole: of every dataset, what its checks have found."""

from pathlib import Path

from darkroom import entrypoint, files


def publish_check(page: Path, manifests: list, checks: Path, allowed: list = ()):
    """Write the checks of all datasets.

    page -- unused: the page of the campaign, which is to be there first
    manifests -- those of the campaign
    checks -- JSON: dataset -> name of a check -> whether it passed
    allowed -- datasets that may have losses

    Raises ValueError, and writes nothing, where a check of another dataset has not passed, so that the campaign fails
    as long as that is so.
    """
    outcomes, wrong = {}, []
    for path in map(Path, manifests):
        manifest, dataset = files.read_json(path), path.parent.name
        outcomes[dataset] = {name: check["passed"] for name, check in manifest["checks"].items()}
        failed = [name for name, passed in outcomes[dataset].items() if not passed]
        if failed and dataset not in allowed:
            said = next(iter(manifest["notes"]), "no word of why")
            wrong.append(f"{dataset}: {said} ({', '.join(failed)} not passed; see {path})")
    if wrong:
        raise ValueError("; ".join(wrong))
    files.write_json(checks, outcomes)


if __name__ == "__main__":
    entrypoint.run(publish_check, globals().get("snakemake"))
