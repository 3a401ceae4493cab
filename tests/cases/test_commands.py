"""The commands of the Human Brain Project's image tasks, as command lines of our scripts."""

import json
import os
import signal
import subprocess
import sys
import time

import imagecodecs
import numpy as np
import pytest
import tensorstore

from campaign import ROOT

DEFINITION = {
    "type": "image",
    "data_type": "uint8",
    "num_channels": 1,
    "scales": [
        {
            "chunk_sizes": [[16, 16, 16]],
            "encoding": "raw",
            "key": "full",
            "resolution": [21166.67, 20000, 21166.67],
            "size": [32, 24, 5],
            "voxel_offset": [0, 0, 0],
        }
    ],
}


def command(script, *arguments, fails=False, cwd=None):
    line = [sys.executable, ROOT / "darkroom", script, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=cwd, timeout=900)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def sections(tmp_path):
    """Five sections, in a folder with a stray file that a filter leaves out; and the volume they are."""
    volume = np.random.default_rng(3).integers(0, 255, (5, 24, 32)).astype("u1")
    (tmp_path / "raw").mkdir()
    for number, plane in enumerate(volume):
        (tmp_path / f"raw/pm31{number}o.png").write_bytes(imagecodecs.png_encode(plane))
    (tmp_path / "raw/readme.txt").write_text("stray")
    return tmp_path / "raw", volume.transpose(2, 1, 0)


def read(folder):
    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/"}
    return tensorstore.open(spec).result().read().result()[..., 0]


def test_ingest_ngs_with_a_definition(sections, tmp_path):
    raw, volume = sections
    (raw / "readme.txt").unlink()
    (tmp_path / "definition.json").write_text(json.dumps(DEFINITION))
    command("ingest_ngs", raw, "--definition-file", tmp_path / "definition.json", "--destination", tmp_path / "a")
    command("ingest_ngs", raw, "--definition", json.dumps(DEFINITION), "--destination", tmp_path / "b")
    for folder in (tmp_path / "a", tmp_path / "b"):
        assert np.array_equal(read(folder), volume)
        scale = json.loads((folder / "info").read_text())["scales"][0]
        assert (scale["resolution"], scale["chunk_sizes"]) == ([21166.67, 20000, 21166.67], [[16, 16, 16]])


def test_ingest_ngs_never_touches_what_is_there(sections, tmp_path):
    raw, _ = sections
    told = command("ingest_ngs", raw, "--definition", '{"resolution": 1}', "--destination", raw, fails=True)
    assert "holds other files, such as pm310o.png; give a new or empty folder" in told
    assert len(list(raw.iterdir())) == 6


def test_ingest_ngs_refuses_another_size(sections, tmp_path):
    raw, _ = sections
    options = json.dumps({"filter": "pm", "resolution": 1, "size": [32, 24, 6]})
    told = command("ingest_ngs", raw, "--definition", options, "--destination", tmp_path / "a", fails=True)
    assert "size is [32, 24, 5], the options expect [32, 24, 6]" in told
    assert not (tmp_path / "a").exists()


def test_ingest_does_all_of_it(sections, tmp_path):
    raw, volume = sections
    arguments = ["--source", raw, "--filter", r"pm31\d+o\.png", "--parameters", json.dumps(DEFINITION)]
    command("ingest", *arguments, "--results-dir", "out put", "--cleanup", "--noupload", cwd=tmp_path)
    made = tmp_path / "out put/results/ingest/raw"
    assert np.array_equal(read(made / "precomputed"), volume)
    assert json.loads((made / "manifest.json").read_text())["checks"]["precomputed_check"]["passed"]
    assert (made.parent / "index.html").is_file()
    assert len(list(raw.iterdir())) == 6  # --cleanup is for downloads
    again = command("ingest", *arguments, "--results-dir", "out put", cwd=tmp_path)
    assert "Nothing to be done" in again


def test_ingest_goes_on_after_a_kill_and_works_alone(sections, tmp_path):
    raw, volume = sections
    arguments = [
        "--source",
        raw,
        "--filter",
        "pm",
        "--parameters",
        json.dumps(DEFINITION),
        "--results-dir",
        tmp_path / "out",
    ]
    line = [sys.executable, ROOT / "darkroom", "ingest", *map(str, arguments)]
    first = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while not list(tmp_path.glob("out/.snakemake/metadata/*")):
        assert first.poll() is None
        time.sleep(0.05)
    assert "another ingest is at work there" in command("ingest", *arguments, fails=True)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    command("ingest", *arguments)
    assert np.array_equal(read(tmp_path / "out/results/ingest/raw/precomputed"), volume)


def test_ingest_fails_as_its_campaign_does(sections, tmp_path):
    raw, _ = sections
    told = command("ingest", "--source", raw, "--results-dir", tmp_path / "out", fails=True)
    assert "raw: not a section image: readme.txt" in told
    assert "raw was not made; the reason is above" in told
    told = command(
        "ingest", "--source", raw, "--parameters", '{"tipe": "image"}', "--results-dir", tmp_path / "out", fails=True
    )
    assert "'tipe' is unknown; did you mean 'type'?" in told
