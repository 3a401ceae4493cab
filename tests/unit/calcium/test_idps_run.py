"""Driving IDPS, with a stand-in for it: what is made is whole, what fails is told and leaves nothing half made."""

import ast
import importlib.util
import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import idps_isx
import idps_standin
from calcium_install import calcium_install
from calcium_process import calcium_process, planes
from darkroom import files
from darkroom.calcium.idps import adapter
from darkroom.calcium.idps.run import output_names
from darkroom.calcium.movie import of_array
from darkroom.calcium.readers import isxd

CNMFE = {
    "method": "cnmfe",
    "temporal_downsample_factor": 1,
    "spatial_downsample_factor": 2,
    "crop_rect": None,
    "crop_rect_format": "tlbr",
    "fix_defective_pixels": True,
    "trim_early_frames": True,
    "max_translation": 20,
    "low_bandpass_cutoff": "auto",
    "high_bandpass_cutoff": "auto",
    "roi": None,
    "global_registration_weight": 1,
    "preserve_input_dimensions": False,
    "cell_diameter": 7,
    "min_corr": 0.8,
    "min_pnr": 10,
    "bg_spatial_subsampling": 2,
    "ring_size_factor": 1.4,
    "merge_threshold": 0.7,
    "patch_size": 80,
    "patch_overlap": 20,
    "output_unit_type": "df_over_noise",
    "threshold": 2,
    "tau": 0.2,
    "event_time_ref": "beginning",
    "ignore_negative_transients": True,
    "filters": [["SNR", ">", 3], ["# Comps", "=", 1]],
}
PCA_ICA = CNMFE | {"method": "pca_ica", "num_ics": 120, "unmix_type": "spatial", "spatial_filter": True, "dff": True}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A stand-in that works: its installer, and what `calcium_install` says of it."""
    folder = tmp_path_factory.mktemp("an installation")
    library = idps_standin.shared_library(folder / "library")
    if library is None:
        pytest.skip("neither gcc nor a module of Python's own is here to make a library of")
    installer = folder / "Inscopix Data Processing 9.9.9.sh"
    idps_standin.installer(installer, idps_standin.tree(library))
    calcium_install(installer, folder / "versions.json", cache=folder / "cache", algorithms=adapter.algorithms(CNMFE))
    return folder


class Row:
    """A dataset: its recordings, and what the rule makes of them."""

    def __init__(self, folder, installed, recordings=1):
        self.folder, self.installed = folder, installed
        self.recordings = [folder / f"raw data/recording-{number}.isxd" for number in range(recordings)]
        for number, path in enumerate(self.recordings):
            path.parent.mkdir(exist_ok=True)
            frames = np.random.default_rng(number).integers(90, 110, (30, 20, 28), np.uint16)
            frames[10:14, 4:12, 6:14] += 200
            isxd.write_movie(path, of_array(frames))
        self.session = folder / "session.json"
        self.outputs, self.done = folder / "idps/outputs.json", folder / "idps/done.marker"
        self.diagnostics = folder / "idps/diagnostics.txt"

    def run(self, **more):
        files.write_json(self.session, {"root": "/", "movies": [str(path) for path in self.recordings]})
        versions = self.installed / "versions.json"
        [installer] = self.installed.glob("*.sh")
        given = {"options": CNMFE, "threads": 2} | more
        calcium_process(self.session, versions, installer, self.outputs, self.done, **given)
        assert self.done.exists()
        assert not self.diagnostics.exists()
        return files.read_json(self.outputs)

    def refused(self, **more):
        """What is said when it fails; no output and no marker is there then, and the diagnosis stays."""
        with pytest.raises((ValueError, OSError)) as failure:
            self.run(**more)
        assert [path.name for path in self.outputs.parent.iterdir()] == ["diagnostics.txt"]
        assert "Traceback" in self.diagnostics.read_text()
        return str(failure.value)

    def fault(self, what):
        (self.folder / "IDPS_FAULT").write_text(what)


@pytest.fixture
def row(installed, tmp_path):
    return Row(tmp_path, installed)


def test_a_recording_is_analysed(row):
    made = row.run()
    bands = [f"{end}_bandpass_cutoff is IDPS's own" for end in ("low", "high")]
    assert made == output_names(1) | {"notes": bands}
    folder = row.outputs.parent
    movie = isxd.read_movie(folder / "movie.isxd")
    assert movie.shape == (30, 10, 14)
    raw = isxd.read_movie(row.recordings[0]).read().astype("f4")
    np.testing.assert_allclose(movie.read(), raw.reshape(30, 10, 2, 14, 2).mean((2, 4)), rtol=1e-6)
    cells, events = isxd.read_cell_set(folder / "cells.isxd"), isxd.read_signals(folder / "events.isxd")
    assert cells.images.shape == (1, 10, 14)
    assert len(events.channels["C00"][0]) == 4
    assert isxd.read_image(folder / "projections/max.isxd").max() > 300
    assert (folder / "translations.csv").read_text().splitlines()[0] == "translationX,translationY,time"
    assert (folder / "crop_rect.csv").read_text() == "0,0,14,10"
    assert not list(folder.glob(".*"))


def test_the_same_again_is_the_same_bytes(row):
    row.run()
    first = {path: path.read_bytes() for path in row.outputs.parent.rglob("*.*")}
    row.run()
    assert {path: path.read_bytes() for path in row.outputs.parent.rglob("*.*")} == first


def test_a_recording_in_several_files_has_outputs_for_each(installed, tmp_path):
    row = Row(tmp_path, installed, recordings=2)
    made = row.run()
    assert made["cells"] == ["cells-000.isxd", "cells-001.isxd"]
    assert isxd.read_movie(row.outputs.with_name("movie-001.isxd")).shape == (30, 10, 14)
    row.recordings.pop()
    assert row.run()["cells"] == ["cells.isxd"]
    assert not list(row.outputs.parent.glob("*-00*"))


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("run_cnmfe=raise", "adapter.py ended with status 1; its last words: it was told to fail"),
        ("run_cnmfe=segv", "adapter.py was killed by SIGSEGV"),
        ("event_detection=skip", "adapter.py ended with status 1; its last words: File does not exist: "),
    ],
)
def test_a_failure_is_told_and_leaves_nothing(row, fault, told):
    row.fault(fault)
    assert told in row.refused()
    diagnosis = row.diagnostics.read_text()
    assert all(part in diagnosis for part in (told, '"sha256"', "[library 1]", "[import of isx 1]", "ended well"))


def test_a_failure_takes_away_what_an_earlier_run_has_made(row):
    row.run()
    row.fault("project_movie=raise")
    row.refused()
    row.fault("cell_metrics=skip")  # a table that nobody has to write
    assert "metrics" not in row.run()


def test_what_an_adapter_leaves_half_made_is_refused(row, tmp_path):
    mine = tmp_path / "mine.py"
    start = "import json, os, shutil, sys\nrequest = json.load(open(sys.argv[1]))\nmade = request['outputs']\n"
    recording = "shutil.copy(request['recordings'][0], made['movies'][0])\n"

    def told(*lines):
        mine.write_text("".join([start, *lines]))
        return row.refused(adapter=[mine])

    assert told("") == "mine.py ended well, and has not written movie.isxd"
    assert told(recording, "os.truncate(made['movies'][0], 5000)").startswith(str(row.outputs.parent))
    assert told(recording) == "mine.py ended well, and has not written cells.isxd"
    assert "is a movie, a cell set is due" in told(recording, "shutil.copy(made['movies'][0], made['cells'][0])")
    assert "mine.py has changed its input" in told("open(request['recordings'][0], 'ab').write(b'more')")


def test_an_adapter_of_ones_own(row, tmp_path):
    """Without an outline of ours: what it has to make is named to it."""
    mine = tmp_path / "my adapter.py"
    mine.write_text(
        "import json, sys\n"
        "request = json.load(open(sys.argv[1]))\n"
        "import isx\n"
        "print('note: mine')\n"
        "made = request['outputs']\n"
        "isx.preprocess(input_movie_files=request['recordings'], output_movie_files=made['movies'])\n"
        "isx.pca_ica(input_movie_files=made['movies'], output_cell_set_files=made['cells'], num_pcs=9, num_ics=9)\n"
        "isx.event_detection(input_cell_set_files=made['cells'], output_event_set_files=made['events'])\n"
    )
    made = row.run(adapter=[mine])
    assert made == {"movies": ["movie.isxd"], "cells": ["cells.isxd"], "events": ["events.isxd"], "notes": ["mine"]}
    mine.unlink()
    assert row.refused(adapter=[mine]) == f"calcium.adapter: {mine} is not there"


def test_an_installation_that_has_gone_since_is_made_anew(row, installed):
    [library] = (installed / "cache").rglob("libisxpublicapi.so")
    whole = library.read_bytes()
    library.write_bytes(whole[:5000])
    row.run()
    assert library.read_bytes() == whole


def test_a_recording_of_another_format_is_refused(row):
    row.recordings = [row.folder / "movie.tif"]
    assert row.refused() == f"{row.folder}/movie.tif: IDPS takes .isxd; choose engine: native in the config"


def test_the_planes_of_a_recording_are_told_by_its_frames(row, installed, tmp_path):
    frames = np.zeros((6, 20, 28), np.uint16)
    isxd.write_movie(row.recordings[0], of_array(frames), stamps=np.arange(6) * 50_000)
    raw = bytearray(row.recordings[0].read_bytes())
    for frame in range(6):  # where the header of a frame has its e-focus value, each byte << 4
        place = frame * (2 * 2 * isxd.EDGE + 2 * 20 * 28) + 2 * isxd.EFOCUS
        raw[place : place + 2] = ((200, 100, 150)[frame % 3] << 4).to_bytes(2, "little")
    row.recordings[0].write_bytes(raw)
    assert planes(row.recordings[0]) == [200, 100, 150]


def calls(options, count=1):
    """The calls of isx for some options: name -> arguments."""
    names = output_names(count)
    request = {"recordings": ["a.isxd", "b.isxd"][:count], "outputs": names, "options": options, "threads": 2}
    return dict(adapter.steps(request | {"work": "work"}))


def test_options_go_to_the_functions_of_idps():
    made = calls(
        CNMFE
        | {"crop_rect": [1, 2, 8, 9], "roi": [1, 2, 8, 9], "low_bandpass_cutoff": 0.01, "high_bandpass_cutoff": None}
    )
    assert made["preprocess"]["crop_rect"] == [1, 2, 8, 9]
    motion = made["motion_correct"]
    assert motion["roi"] == [[2, 1], [9, 1], [9, 8], [2, 8]]
    assert (motion["low_bandpass_cutoff"], motion["high_bandpass_cutoff"]) == (0.01, None)
    assert made["run_cnmfe"]["num_threads"] == 2
    assert made["auto_accept_reject"]["filters"][0] == ("SNR", ">", 3)
    assert calls(CNMFE | {"cell_diameter": 7.6})["run_cnmfe"]["cell_diameter"] == 8
    assert (
        next(adapter.notes(CNMFE | {"cell_diameter": 7.6}))
        == "cell_diameter 7.6 is 8 for IDPS, which takes whole pixels"
    )
    motion = calls(CNMFE)["motion_correct"]  # an automatic band is left to IDPS
    assert not {"roi", "low_bandpass_cutoff", "high_bandpass_cutoff"} & motion.keys()


def test_other_methods_and_planes():
    made = calls(PCA_ICA | {"efocus": 200, "planes": [100, 200], "color": "red"}, count=2)
    assert list(made)[:3] == ["de_interleave", "de_interleave_dualcolor", "preprocess"]
    planes = ["work/0-plane-100.isxd", "work/0-plane-200.isxd", "work/1-plane-100.isxd", "work/1-plane-200.isxd"]
    assert made["de_interleave"]["output_movie_files"] == planes
    assert made["de_interleave_dualcolor"]["input_movie_files"] == [planes[1], planes[3]]
    assert made["preprocess"]["input_movie_files"] == ["work/0-red.isxd", "work/1-red.isxd"]
    assert made["pca_ica"]["num_pcs"] == 144
    assert made["pca_ica"]["input_movie_files"] == made["dff"]["output_movie_files"]
    assert (
        calls(CNMFE | {"method": "rois", "rois": "mine.isxd"})["apply_cell_set"]["input_cell_set_file"] == "mine.isxd"
    )
    with pytest.raises(ValueError, match=r"rois 'mine\.tif': IDPS has cnmfe, pca_ica, and rois with a cell set"):
        calls(CNMFE | {"method": "rois", "rois": "mine.tif"})


def signatures(source):
    """Parameters of the functions of a module that is not imported: name -> (all, those without a default)."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names = [argument.arg for argument in node.args.args]
            yield node.name, (set(names), set(names[: len(names) - len(node.args.defaults)]))


@pytest.mark.parametrize("whose", ["the stand-in", "the vendor"])
def test_every_call_is_one_that_isx_knows(whose):
    """The vendor's wheels bring the signatures of the algorithms along, without the algorithms."""
    if whose == "the vendor":
        package = importlib.util.find_spec("isx")
        if package is None:
            pytest.skip("isx (CC BY-NC, no part of the lock file) is not installed")
        parameters_of = dict(signatures(Path(package.origin).with_name("algo.py").read_text()))
    else:
        parameters_of = dict(signatures(inspect.getsource(idps_isx)))
    rois = CNMFE | {"method": "rois", "rois": "mine.isxd", "crop_rect": [1, 2, 8, 9], "roi": [1, 2, 8, 9]}
    planes = CNMFE | {"efocus": 0, "planes": [0], "color": "green"} if whose == "the vendor" else {}
    for options in filter(None, (CNMFE, PCA_ICA, rois, planes)):
        for name, arguments in calls(options).items():
            parameters, needed = parameters_of[name]
            assert needed <= arguments.keys() <= parameters, name


def test_the_adapter_runs_without_the_house():
    """By a Python that has isx and nothing of ours."""
    tree = ast.parse(inspect.getsource(adapter))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"json", "sys", "pathlib", "isx"}
    ast.parse(inspect.getsource(adapter), feature_version=(3, 8))


def test_a_request_is_plain_json(row, tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text(f"import shutil, sys\nshutil.copy(sys.argv[1], {str(tmp_path / 'request.json')!r})\n")
    row.refused(adapter=[mine])
    request = json.loads((tmp_path / "request.json").read_text())
    assert set(request) == {"recordings", "outputs", "options", "threads", "work"}
    assert request["recordings"] == [str(path) for path in row.recordings]
