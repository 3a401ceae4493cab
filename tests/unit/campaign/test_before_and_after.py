"""What is done before a run and after it, by itself: dead locks, files that have lost their end, reasons of failures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom import files
from darkroom.campaign import failures, locks, mending
from darkroom.campaign.starting import only_looks

# Locks


@pytest.fixture
def state(tmp_path):
    """A `.snakemake` folder that is locked."""
    (tmp_path / "locks").mkdir()
    for name in ("0.input.lock", "0.output.lock"):
        (tmp_path / "locks" / name).write_text("results/case/a/manifest.json\n")
    return tmp_path


def left(state):
    return sorted(path.name for path in (state / "locks").iterdir())


def owner(state, **changes):
    """Write down who holds the lock: this process, but for what is changed."""
    locks.hold(state, sorted((state / "locks").iterdir()))
    files.write_json(state / locks.OWNER, files.read_json(state / locks.OWNER) | changes)


def ended():
    """The id of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(autouse=True)
def unmarked():
    yield
    os.environ.pop(locks.MARK, None)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are told by /proc (Linux)")


@needs_proc
def test_the_lock_of_a_process_that_is_gone_is_removed(state):
    owner(state, pid=ended())
    assert "the lock of a run that is dead" in locks.clear_dead(state)
    assert left(state) == []
    assert locks.clear_dead(state) == ""


@needs_proc
@pytest.mark.parametrize("changes", [{"started": "1"}, {"boot": "another"}])
def test_a_number_that_another_process_has_now_is_no_sign_of_life(state, changes):
    owner(state, **changes)
    assert "is dead" in locks.clear_dead(state) and left(state) == []


def test_a_lock_that_may_be_of_a_live_run_stays(state):
    both = left(state)
    assert locks.clear_dead(state) == "" and left(state) == both  # nobody wrote down whose it is
    owner(state)
    assert locks.clear_dead(state) == "" and left(state) == both  # it is ours, and we live
    owner(state, machine="login2 0123", pid=ended())
    assert "of a run on login2" in locks.clear_dead(state) and left(state) == both
    owner(state, pid=ended())
    (state / locks.OWNER).write_text('{"machine": ')
    assert locks.clear_dead(state) == "" and left(state) == both


@needs_proc
def test_a_lock_that_was_made_since_stays(state):
    owner(state, pid=ended())
    (state / "locks/0.output.lock").unlink()
    (state / "locks/0.output.lock").write_text("of another run\n")
    assert "is dead" in locks.clear_dead(state)
    assert left(state) == ["0.output.lock"]


@needs_proc
def test_jobs_that_a_dead_run_has_left_are_ended(state):
    owner(state, pid=ended())
    job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # it inherits the mark
    os.environ[locks.MARK] = "another run"
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert "is dead" in locks.clear_dead(state)
        assert job.wait(60) != 0 and other.poll() is None
    finally:
        for process in (job, other):
            process.kill()
            process.wait()


# Files


def whole(path, content=b"content\n"):
    files.write_bytes(path, content)
    try:
        os.getxattr(path, files.SIZE)
    except (OSError, AttributeError):
        pytest.skip("this file system keeps no attributes of files")
    return path


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("results/a/precomputed/1_1/0-1_0-1_0-1", {"results/a/precomputed/info"}),
        ("results/a/volume.ome.zarr/0/c/0/0", {"results/a/volume.ome.zarr/zarr.json"}),
        ("results/a/netcdf/x.nc", {"results/a/granules.json", "results/a/volume.json"}),
        ("results/a/preview.png", set()),
        ("results/a/granules.json", set()),
        ("sources/a/files/raw.img", {"sources/a/inventory.json"}),
        ("sources/a/inventory.json", set()),
    ],
)
def test_what_is_cut_goes_with_what_speaks_of_it(tmp_path, name, gone):
    everything = [
        "index.html",
        "a/manifest.json",
        "a/granules.json",
        "a/volume.json",
        "a/preview.png",
        "a/netcdf/x.nc",
        "a/netcdf/y.nc",
        "a/precomputed/info",
        "a/precomputed/1_1/0-1_0-1_0-1",
        "a/precomputed/1_1/1-2_0-1_0-1",
        "a/volume.ome.zarr/zarr.json",
        "a/volume.ome.zarr/0/c/0/0",
        "b/manifest.json",
        "b/preview.png",
    ]
    paths = [tmp_path / "results" / one for one in everything]
    paths += [tmp_path / "sources/a" / one for one in ("inventory.json", "files/raw.img", "files/other.img")]
    for path in paths:
        whole(path, b'{"a": 1}\n')
    cut(tmp_path / name)
    sources = {one: tmp_path / "sources" / one for one in "ab"}
    (line,) = mending.mend(tmp_path / "results", sources, dry=True)
    assert line.startswith(f"{tmp_path / name}: has lost its end") and all(path.exists() for path in paths)
    mending.mend(tmp_path / "results", sources)
    missing = {path.relative_to(tmp_path).as_posix() for path in paths if not path.exists()}
    assert missing == {name, "results/a/manifest.json", "results/index.html", *gone}


def test_a_dataset_that_was_whole_long_ago_is_not_looked_through(tmp_path):
    whole(tmp_path / "results/a/manifest.json", b"{}\n")
    cut(whole(tmp_path / "results/a/preview.png"))
    os.utime(tmp_path / "results/a/manifest.json", (0, 0))
    assert mending.mend(tmp_path / "results", {"a": tmp_path / "none"}) == []


@pytest.mark.parametrize(
    ("line", "looks"),
    [
        ("-n", True), ("-nq", True), ("--dry-run", True), ("--lint", True), ("--summary", True), ("-l", True),
        ("--unlock", True), ("--report out.zip", True), ("--report=out.zip", True), ("--cleanup-metadata x", True),
        ("--cores 2", False), ("-c1", False), ("-call", False), ("-j 4 --until atlas_plot", False), ("", False),
        ("--profile slurm --rerun-incomplete -k", False), ("results/case/index.html", False),
    ],
)  # fmt: skip
def test_what_only_looks_changes_nothing(line, looks):
    assert only_looks(line.split()) == looks


# Failures

LOG = """\
[Fri Nov 27 18:00:00 2026]
rule atlas_chunk:
    input: resources/a/inventory.json
    output: results/case/a/precomputed/info
    log: logs/case/a/atlas_chunk.log
    jobid: 3
    wildcards: dataset=a
    resources: tmpdir=<TBD>, runtime=60, mem_mb=4000, mem=4 GB, mem_mib=3815
Error in rule atlas_chunk:
    message: SLURM-job '17' failed, SLURM status is: 'FAILED'. For further error details see the cluster/cloud log
    jobid: 3
    output: results/case/a/precomputed/info
    log: {folder}/logs/case/a/atlas_chunk.log, {folder}/logs/slurm/rule_atlas_chunk/a/17.log (check log file(s) for error details)
    external_jobid: 17
Error in rule publish_upload:
    jobid: 4
    output: results/case/b/published.json
    log: {folder}/logs/case/b/publish_upload.log (check log file(s) for error details)
Error in rule fetch_input:
    jobid: 5
    output: resources/c/inventory.json
    log: {folder}/logs/case/c/fetch_input.log (check log file(s) for error details)
Finished jobid: 5 (Rule: fetch_input)
Error in rule planetary_plot:
    jobid: 6
    output: results/case/d/preview.png
"""


@pytest.mark.parametrize(
    ("killed", "says"),
    [
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=17.0.", "SLURM ended it for want of memory; type the same with --set-resources atlas_chunk:mem_mb=8000"),
        ("slurmstepd: error: *** JOB 17 ON n1 CANCELLED AT 2026-11-27T18:00:00 DUE TO TIME LIMIT ***", "SLURM ended it by its time limit; type the same with --set-resources atlas_chunk:runtime=120"),
        ("slurmstepd: error: *** JOB 17 ON n1 CANCELLED AT 2026-11-27T18:00:00 DUE TO NODE FAILURE ***", "SLURM ended it (node); type the same again"),
        ("all is well", "not an image"),
    ],
)  # fmt: skip
def test_a_line_for_each_job_that_failed(tmp_path, killed, says):
    texts = {
        "case/a/atlas_chunk.log": "INFO begin\nTraceback (most recent call last):\n  File x\nValueError: a.png: not an image\n",
        "slurm/rule_atlas_chunk/a/17.log": killed,
        "case/b/publish_upload.log": "OSError: swift://b: no room left in the account\n",
        "case/c/fetch_input.log": "OSError: 503\n",
    }  # fmt: skip
    for name, text in texts.items():
        files.write_bytes(tmp_path / "logs" / name, text.encode())
    first, second, third = failures.lines(LOG.replace("{folder}", str(tmp_path)))
    assert first.startswith("atlas_chunk, a: ") and says in first
    assert second.startswith("publish_upload, b: swift://b: no room left in the account (")
    assert third == "planetary_plot: failed without a word"


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("2026-11-28 04:31:22,888 INFO a map of 90 x 60\n", failures.CUT),
        ("2026-11-28 04:31:22,888 WARNING a.py:3: Warning: no place\n  dataset = open(\n", failures.CUT),
        (
            "2026-11-28 04:31:22,888 INFO begin\n2026-11-28 04:31:23,000 ERROR convert failed\nTraceback:\n  File x\n"
            "ValueError: a.png: not an image\n",
            "a.png: not an image",
        ),
        ("ld: cannot find -lisx\n", "ld: cannot find -lisx"),  # of a program that is no script of ours
    ],
)
def test_a_log_that_tells_no_error_is_of_a_job_that_was_ended(tmp_path, log, says):
    files.write_bytes(tmp_path / "a/atlas_plot.log", log.encode())
    path = tmp_path / "a/atlas_plot.log"
    (line,) = failures.lines(
        f"Error in rule atlas_plot:\n    jobid: 7\n    log: {path} (check log file(s) for error details)\n"
    )
    assert line == f"atlas_plot, a: {says} ({path})"


def test_jobs_of_a_group_that_failed(tmp_path):
    files.write_bytes(tmp_path / "atlas_plot.log", b"ValueError: no colours\n")
    log = f"""\
    message: SLURM-job '18' failed
    log: {tmp_path}/18.log (check log file(s) for error details)
    jobs:
        rule atlas_plot:
            jobid: 7
            output: results/case/a/preview.png
            log: {tmp_path}/atlas_plot.log (check log file(s) for error details)
        rule atlas_chunk:
            jobid: 8
            output: results/case/a/precomputed/info
"""
    first, second = failures.lines(log)
    assert first == f"atlas_plot, {tmp_path.name}: no colours ({tmp_path}/atlas_plot.log)"
    assert second == "atlas_chunk: failed without a word"
