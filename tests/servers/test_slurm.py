"""The `slurm` profile on a real SLURM: a campaign gives the bytes of a local run, and every fault ends well."""

import os
import re
import shutil
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest

from campaign import ROOT, Campaign
from commands.advise import advise
from servers import slurm as slurm_server

PROFILE = ROOT / "profiles/slurm"
OPTIONS = ["--profile", PROFILE, "--workflow-profile", "none", "--slurm-init-seconds-before-status-checks", "5"]
LATE = 8  # seconds until what a node did is seen here, as on a shared file system
ROWS = [("labels", "sample:labels", {"type": "segmentation", "chunk_size": 32})]
# One SLURM job for the chain of a dataset, two more for what comes before and after it.
CHAIN = ("atlas_import", "atlas_chunk", "atlas_check_precomputed", "atlas_plot", "publish_manifest")
GROUPS = ["--groups", *(f"{rule}=atlas" for rule in CHAIN)]
PARTITIONS = "partitions: {debug: {max_runtime: 300}, normal: {max_runtime: 1440}}"
RESULTS = ("cancelled", "late", "stranded", "hungry", "left", "disk/full")
BEGUN_AGAIN = RESULTS[:4]  # by the same run
# What is to fail does so at its first attempt. `trace` tells which SLURM jobs have begun.
SNAKEFILE = f"""
RESULTS = {RESULTS}
BEGIN = "echo {{wildcards.name}} $SLURM_JOB_ID >> trace; "
FIRST = "if [ {{resources.attempt}} = 1 ]; then sleep 600; fi; "
WRITE = "echo $SLURM_JOB_ID > {{output}}.part; mv {{output}}.part {{output}}"

rule all:
    input: expand("results/{{name}}.txt", name=RESULTS)

rule ended:
    output: "results/{{name}}.txt"
    wildcard_constraints: name="cancelled|late|stranded"
    resources:
        mem_mb=400,
        attempt=lambda wildcards, attempt: attempt,
        constraint=lambda wildcards, attempt: "gpu" if (wildcards.name, attempt) == ("stranded", 1) else "mc"
    shell: BEGIN + FIRST + WRITE

rule hungry:
    output: "results/{{name}}.txt"
    wildcard_constraints: name="hungry"
    resources: mem_mb=lambda wildcards, attempt: 700 * attempt, constraint="mc"
    shell: BEGIN + "python3 -c 'import time; held = b\\"x\\" * (800 << 20); time.sleep(4)'; " + WRITE

rule left:
    output: "results/{{name}}.txt"
    wildcard_constraints: name="left"
    resources: mem_mb=400, constraint="mc"
    shell: BEGIN + "while [ ! -e left.go ]; do sleep 0.2; done; " + WRITE

rule full:
    output: "results/{{name}}.txt"
    wildcard_constraints: name="disk/full"
    retries: 0
    resources: mem_mb=400, constraint="mc"
    shell: BEGIN + "head -c 2000000 /dev/zero > {{output}}.part; " + WRITE
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    """A file system of 1 MB, which is there before the nodes are."""
    if reason := slurm_server.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("scratch")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", folder], check=True)
    (folder / "other").touch()  # Snakemake removes empty folders of results
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="module")
def slurm(scratch, tmp_path_factory):
    """SLURM with two nodes; see `servers.slurm.Slurm`."""
    server = slurm_server.Slurm(tmp_path_factory.mktemp("slurm"))
    yield server
    server.stop()


def start(slurm, folder, *arguments, **environment):
    """Start Snakemake with the profile, as the user of a login node does."""
    return subprocess.Popen(
        [sys.executable, "-m", "snakemake", *OPTIONS, *arguments],
        cwd=folder,
        env=os.environ | slurm.environment | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    """What Snakemake said, when it has ended."""
    return process.communicate(timeout=900)[0]


@pytest.fixture(scope="module")
def shared(slurm, tmp_path_factory):
    """A folder as NFS has them: what is known of a file is kept for LATE seconds, also that it is not there.

    The nodes, whose mounts are their own, see it as it is. Without bindfs it is a plain folder, which all see so.
    """
    folder = tmp_path_factory.mktemp("shared")
    if shutil.which("bindfs"):
        kept = ",".join(f"{what}_timeout={LATE}" for what in ("attr", "entry", "negative"))
        subprocess.run(["bindfs", "-o", f"nonempty,{kept}", folder, folder], check=True)
    yield folder
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_what_a_node_did_is_seen_late(slurm, shared):
    if not shared.is_mount():
        pytest.skip("needs bindfs (Debian: apt install bindfs)")
    for attempt in range(5):  # a slow machine may start the job after what was looked up is looked up again
        made = shared / f"made{attempt}"
        assert not made.exists()
        touch = ["srun", "--mem=100", "touch", made]
        subprocess.run(touch, cwd=shared.parent, env=os.environ | slurm.environment, check=True)
        if not made.exists():
            break
    else:
        pytest.fail("every file was seen at once")
    slurm_server.wait_for(made.exists, "the file", 600)


@pytest.fixture(scope="module")
def on_slurm(slurm, shared):
    """A small campaign on SLURM, under way while the cluster suffers."""
    (shared / "campaign").mkdir()
    campaign = Campaign(shared / "campaign").write(ROWS)
    (campaign.folder / "partitions.yaml").write_text(PARTITIONS)
    chosen = {"SNAKEMAKE_SLURM_PARTITIONS": "partitions.yaml", "SBATCH_CONSTRAINT": "mc"}
    campaign.process = start(slurm, campaign.folder, "--snakefile", ROOT / "Snakefile", *GROUPS, **chosen)
    yield campaign
    campaign.process.kill()
    campaign.process.wait()


class Faults:
    """A run that every fault happens to, until it is killed itself; a second run ends the work."""

    def __init__(self, slurm, folder, disk):
        self.slurm, self.folder, self.disk = slurm, folder, disk
        (folder / "results").mkdir()
        (folder / "results/disk").symlink_to(disk)
        (folder / "Snakefile").write_text(SNAKEFILE)

    def jobs(self, name):
        """The SLURM jobs that have begun to make a result, one for each attempt."""
        trace = self.folder / "trace"
        rows = [line.split() for line in trace.read_text().splitlines()] if trace.exists() else []
        return [job for result, job in rows if result == name]

    def wait_for_jobs(self, name, count=1):
        slurm_server.wait_for(lambda: len(self.jobs(name)) >= count, f"job {count} of {name}", 120)
        return self.jobs(name)[count - 1]

    def maker(self, name):
        """The SLURM job that wrote a result."""
        return (self.folder / f"results/{name}.txt").read_text().strip()

    def suffer(self):
        """The first run."""
        run = start(self.slurm, self.folder)
        try:
            jobs = {name: self.wait_for_jobs(name) for name in RESULTS}
            self.slurm.restart("slurmctld")
            slurm_server.wait_for(lambda: self.slurm.succeeds("scancel", jobs["cancelled"]), "slurmctld")
            self.slurm.client("scontrol", "update", f"JobId={jobs['late']}", "EndTime=now+1")
            self.slurm.kill("n2")
            for name in BEGUN_AGAIN:
                result = self.folder / f"results/{name}.txt"
                slurm_server.wait_for(result.exists, f"second attempt of {name}", 120)
        finally:
            run.kill()
            self.said = finish(run)

    def recover(self):
        """What a user does then, and the second run."""
        self.slurm.start("n2")
        self.slurm.wait_for_node("n2")
        subprocess.run(["mount", "-o", "remount,size=10M", self.disk], check=True)
        finish(start(self.slurm, self.folder, "--unlock"))
        run = start(self.slurm, self.folder)
        try:
            self.wait_for_jobs("left", 2)
            (self.folder / "left.go").touch()
            self.said_again = finish(run)
        finally:
            run.kill()
        assert run.returncode == 0, self.said_again


@pytest.fixture(scope="module")
def faults(slurm, on_slurm, scratch, tmp_path_factory):
    """The run that suffered, when all is well again."""
    made = Faults(slurm, tmp_path_factory.mktemp("faults"), scratch)
    made.suffer()
    made.recover()
    return made


@pytest.mark.parametrize(
    ("name", "state"),
    [("cancelled", "CANCELLED"), ("late", "TIMEOUT"), ("stranded", "NODE_FAIL"), ("hungry", "FAILED")],
)
def test_a_job_that_the_cluster_ends_is_made_by_the_next_attempt(slurm, faults, name, state):
    first, second = faults.jobs(name)
    assert (slurm.state_of(first), slurm.state_of(second)) == (state, "COMPLETED")
    assert faults.maker(name) == second


def test_a_job_of_a_run_that_was_killed_writes_nothing(slurm, faults):
    orphan, second = faults.jobs("left")
    assert slurm.state_of(orphan) == "CANCELLED"
    assert faults.maker("left") == second


def test_a_full_disk_fails_its_job_and_a_rerun_makes_that_alone(slurm, faults):
    first, second = faults.jobs("disk/full")
    assert (slurm.state_of(first), slurm.state_of(second)) == ("FAILED", "COMPLETED")
    assert faults.maker("disk/full") == second
    assert "No space left on device" in faults.said
    assert set(re.findall(r"wildcards: name=(\S+)", faults.said_again)) == {"left", "disk/full"}


def test_the_log_of_a_failed_job_is_kept_and_says_why(faults):
    log = next(faults.folder.glob(f"logs/slurm/rule_hungry/hungry/{faults.jobs('hungry')[0]}.log"))
    assert "exceeded memory limit" in log.read_text()


def test_a_campaign_has_the_bytes_of_a_local_run(slurm, on_slurm, faults, tmp_path):
    said = finish(on_slurm.process)
    assert on_slurm.process.returncode == 0, said
    local = Campaign(tmp_path).write(ROWS)
    local.run()
    assert on_slurm.tree() == local.tree()
    assert set(slurm.jobs(on_slurm.folder, "%a %P %f").values()) == {"proj debug mc"}
    assert (
        len(set(slurm.jobs(on_slurm.folder, "%k").values())) == 2
    )  # the chain and the page; what is fetched is fetched here


def test_a_volume_over_two_nodes_has_the_bytes_of_one_job(slurm, shared, tmp_path):
    """Its jobs are too large for one node to take two, and one of them is killed while it runs."""
    (tmp_path / "sections").mkdir()
    noise = np.random.default_rng(7)
    for number in range(96):
        plane = noise.integers(0, 255, (300, 400)).astype("u1")
        (tmp_path / f"sections/s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    options = {"resolution": 1000, "encoding": "jpeg", "chunk_size": 32, "pieces": 3}
    until = ["--until", "atlas_check_precomputed"]
    local = Campaign(tmp_path).write([("volume", tmp_path / "sections", options)])
    local.run(*until)
    (shared / "volume").mkdir()
    campaign = Campaign(shared / "volume").write([("volume", tmp_path / "sections", options | {"jobs": 3})])
    rules = ("atlas_chunk_part", "atlas_check_precomputed_part")
    large = ["--set-resources", *(f"{rule}:mem_mb=10000" for rule in rules)]
    run = start(slurm, campaign.folder, "--snakefile", ROOT / "Snakefile", *until, *large)

    def parts(state=""):
        told = slurm.jobs(campaign.folder, "%k %N %T").items()
        return {job: about for job, about in told if "_part" in about and about.endswith(state)}

    try:
        slurm_server.wait_for(lambda: parts("RUNNING") or run.poll() is not None, "a job of a share")
        killed = next(iter(parts("RUNNING")))
        slurm.client("scancel", killed)
        said = finish(run)
    finally:
        run.kill()
    assert run.returncode == 0, said
    assert slurm.state_of(killed) == "CANCELLED"
    assert {node for about in parts("COMPLETED").values() for node in about.split() if node in slurm_server.NODES} == {
        "n1",
        "n2",
    }
    for name in ("precomputed", "precomputed_check.json"):
        made, expected = (
            {path: content for path, content in one.tree().items() if path.startswith(f"volume/{name}")}
            for one in (campaign, local)
        )
        assert made == expected


@pytest.mark.skipif(
    "WHOLE_DEMO" not in os.environ, reason="minutes, as each job starts Snakemake twice: WHOLE_DEMO=1 (CI)"
)
def test_the_whole_demo_has_the_bytes_of_a_local_run(slurm, demo, tmp_path):
    campaign = Campaign(tmp_path)
    campaign.results = tmp_path / demo.results.relative_to(demo.folder)
    (tmp_path / "config").symlink_to(ROOT / "config")
    run = start(slurm, tmp_path, "--snakefile", ROOT / "Snakefile")
    try:
        said = run.communicate(timeout=1800)[0]
    finally:
        run.kill()
    assert run.returncode == 0, said
    assert campaign.tree() == demo.tree()
    assert len(slurm.jobs(tmp_path, "%k")) > 50  # every rule but fetch_input


def test_the_guard_ends_what_is_left_and_nothing_else(slurm, tmp_path, tmp_path_factory):
    """Three jobs that wait: two runs in one folder, and a run in another."""
    other = tmp_path_factory.mktemp("other")

    def submit(run, folder):
        job = ["--parsable", "--hold", f"--job-name=darkroom_{run}", f"--chdir={folder}", "--mem=100"]
        command = f"{PROFILE}/guard.sh && touch {run}"
        return subprocess.check_output(
            ["sbatch", *job, f"--wrap={command}"], cwd=folder, env=os.environ | slurm.environment, text=True
        ).strip()

    left, pending, later, elsewhere = (
        submit(run, folder) for run, folder in [("a", tmp_path), ("a", tmp_path), ("b", tmp_path), ("c", other)]
    )
    for job, states in [(left, {"FAILED"}), (later, {"COMPLETED"})]:
        slurm.client("scontrol", "release", job)
        slurm_server.wait_for(lambda job=job, states=states: slurm.state_of(job) in states, f"end of {job}")
    assert {job: slurm.state_of(job) for job in (pending, elsewhere)} == {pending: "CANCELLED", elsewhere: "PENDING"}
    assert not (tmp_path / "a").exists() and (tmp_path / "b").exists()
    slurm.client("scancel", elsewhere)


def test_advice_after_the_faults(faults, capsys):
    advise(faults.folder)
    said = capsys.readouterr().out
    assert "hungry: 1 job killed for want of memory; ask for more: --set-resources hungry:mem_mb=..." in said
    assert "ended: 1 job ended by the time limit" in said


@pytest.mark.parametrize("upper", [[], ["profiles/daint"], ["profiles/daint/alps.yaml"]])
def test_a_profile_works_from_any_folder(campaign, upper, monkeypatch):
    """Planned only: CSCS is not here. The names are functions of Python."""
    monkeypatch.setenv("SBATCH_PARTITION", "all")
    monkeypatch.setenv("SBATCH_ACCOUNT", "max")
    profiles = ["profiles/slurm", *upper]
    options = [option for profile in profiles for option in ("--profile", ROOT / profile)]
    said = campaign.write(ROWS).run("--dry-run", "--workflow-profile", "none", *options)
    assert "rule fetch_input" in said and "runtime=60" in said
    assert "slurm_partition=all" in said and "slurm_account=max" in said
    assert ("constraint=mc" in said) == (upper == ["profiles/daint"])
