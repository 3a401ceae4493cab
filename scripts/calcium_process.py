"""Analyse a recording with the algorithms of IDPS."""

from pathlib import Path

import numpy as np

from darkroom import entrypoint, files
from darkroom.calcium import session as sessions
from darkroom.calcium.idps import diagnostics
from darkroom.calcium.idps.adapter import algorithms
from darkroom.calcium.idps.install import ready
from darkroom.calcium.idps.run import clear, run
from darkroom.calcium.readers import isxd


def calcium_process(
    session: Path,
    versions: Path,
    installer: Path,
    outputs: Path,
    done: Path,
    *,
    options: dict,
    adapter: list = (),
    reference: list = (),
    rois: list = (),
    python: str = "",
    threads: int = 1,
):
    """Analyse a recording with the algorithms of IDPS: movement, cells, events.

    session -- what `calcium_import` has found; the recording must be .isxd
    versions -- what `calcium_install` has found
    installer -- from which IDPS is installed anew when something of it has gone since
    outputs -- JSON to write: names of what was made, in its folder. When this fails, diagnostics.txt beside it says
        what was found where
    done -- the marker: removed at the start, touched last
    options -- of the dataset, with IDPS's names
    adapter -- a script in place of ours (darkroom/calcium/idps/adapter.py says what it is given), if there is one
    reference, rois -- files of `reference_file_name` and of `rois`, if they are given
    python -- the Python that runs it, empty for this one

    Raises ValueError when an input or an output is not right, ChildProcessError when the adapter fails.
    """
    done.unlink(missing_ok=True)
    with diagnostics.kept(outputs.with_name("diagnostics.txt")):
        clear(outputs.parent)
        recordings = sessions.paths(files.read_json(session))
        given = {"reference_file_name": reference, "rois": rois}
        options |= {name: str(Path(paths[0]).resolve()) for name, paths in given.items() if paths}
        if options.get("efocus") is not None:
            options |= {"planes": planes(recordings[0])}
        needed = () if adapter else algorithms(options)
        installation = ready(files.read_json(versions)["installation"], installer, needed, python)
        run(installation, recordings, outputs.parent, options, *adapter, python=python, threads=threads)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.touch()


def planes(recording):
    """The e-focus values of a recording in the order of its planes; IDPS wants all of them."""
    values, first = np.unique(isxd.headers(recording)["efocus"], return_index=True)
    return values[np.argsort(first)].tolist()


if __name__ == "__main__":
    entrypoint.run(calcium_process, globals().get("snakemake"))
