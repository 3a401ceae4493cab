"""Analyse a recording with the algorithms of IDPS."""

from pathlib import Path

from darkroom import entrypoint, files
from darkroom.calcium.idps import diagnostics
from darkroom.calcium.idps.adapter import algorithms
from darkroom.calcium.idps.install import ready
from darkroom.calcium.idps.run import clear, run


def calcium_process(
    session: Path,
    versions: Path,
    installer: Path,
    outputs: Path,
    done: Path,
    *,
    options: dict,
    adapter: Path | None = None,
    python: Path | None = None,
    threads: int = 1,
):
    """Analyse a recording with the algorithms of IDPS: movement, cells, events.

    session -- what `calcium_import` has found: its files, .isxd in the order of time
    versions -- what `calcium_install` has found
    installer -- from which IDPS is installed anew when something of it has gone since
    outputs -- JSON to write: names of what was made, in its folder. When this fails, diagnostics.txt beside it says
        what was found where
    done -- the marker: removed at the start, touched last
    options -- of the dataset, with IDPS's names
    adapter -- a script in place of ours (darkroom/calcium/idps/adapter.py says what it is given)
    python -- the Python that runs it, or none for this one

    Raises ValueError when an input or an output is not right, ChildProcessError when the adapter fails.
    """
    done.unlink(missing_ok=True)
    with diagnostics.kept(outputs.with_name("diagnostics.txt")):
        clear(outputs.parent)
        recordings = [Path(one["path"]) for one in files.read_json(session)["files"]]
        needed = () if adapter else algorithms(options)
        found = ready(files.read_json(versions)["installation"], installer, needed, python)
        run(found, recordings, outputs.parent, options, adapter, python, threads)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.touch()


if __name__ == "__main__":
    entrypoint.run(calcium_process, globals().get("snakemake"))
