"""Advice from what the SLURM executor leaves: texts are those of executor 2.8, and of SLURM with and without cgroups."""

import pytest

from commands.advise import advise
from darkroom.cluster import slurm

LOGS = "logs/slurm"
# Columns of an efficiency report that are read, and one that is not.
HEADER = ",JobID,NCPUS,Elapsed_sec,TotalCPU_sec,MaxRSS_MB,RequestedMem_MB,MainJobID"


@pytest.fixture
def runs(tmp_path):
    """Write what runs have left: lines (job, rule or group, NCPUS, elapsed, CPU s, MB used, MB asked), and logs of jobs."""

    def write(lines, deaths=()):
        log, report = [], [HEADER]
        for number, (job, name, *numbers) in enumerate(lines):
            place = tmp_path / LOGS / name / f"a b/{job}.log"
            log.append(f"Job {number} has been submitted with SLURM jobid {job} (log: {place}).")
            if numbers:
                report.append(",".join(map(str, [number, f"{job}.0", *numbers, job])))
            if job in deaths:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(f"[Sat Nov 21 03:16:11 2026]\n{deaths[job]}\nError in rule x:\n")
        (tmp_path / ".snakemake/log").mkdir(parents=True)
        (tmp_path / ".snakemake/log/1.snakemake.log").write_text("\n".join(log))
        (tmp_path / LOGS).mkdir(parents=True, exist_ok=True)
        (tmp_path / LOGS / "efficiency_report_darkroom_1.csv").write_text("\n".join(report))
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("slurmstepd: error: Detected 1 oom-kill event(s) in step 12.0 cgroup. Some of your processes", "memory"),
        ("slurmstepd: error: Detected 1 oom_kill event in StepId=12.0. Some of the step tasks have been", "memory"),
        ("slurmstepd-n1: error: StepId=3.0 exceeded memory limit (563875840 > 524288000), being killed", "memory"),
        ("slurmstepd: error: *** JOB 14 ON n1 CANCELLED AT 2026-11-21T03:08:53 DUE TO TIME LIMIT ***", "time"),
        ("slurmstepd: error: *** JOB 5 ON n2 CANCELLED AT 2026-11-21T03:08:53 DUE TO NODE FAILURE, SEE", "node"),
        ("slurmstepd: error: *** JOB 5 ON n2 CANCELLED AT 2026-11-21T03:08:53 DUE TO PREEMPTION ***", "preemption"),
        ("slurmstepd: error: *** STEP 2.0 ON n1 CANCELLED AT 2026-11-21T03:16:20 ***", "cancelled"),
        ("OSError: [Errno 28] No space left on device", ""),
    ],
)
def test_the_log_of_a_job_tells_why_it_was_ended(text, why):
    assert slurm.ending(text) == why


def test_what_was_asked_and_not_used(runs, capsys):
    folder = runs(
        [
            (1, "rule_planetary_calibrate", 1, 100, 90, 1100, 8000),
            (2, "rule_planetary_calibrate", 1, 100, 90, 300, 8000),
            (3, "rule_atlas_chunk", 8, 100, 150, 1500, 2000),
            (4, "group_atlas", 2, 50, 90, 400, 4000),
            (5, "rule_planetary_plot", 1, 100, 90, 290, 1000),
        ]
    )
    advise(folder)
    assert capsys.readouterr().out.splitlines() == [
        "atlas_chunk: asked 8 cores, kept 1.5 busy; --set-threads atlas_chunk=2",
        "group atlas: asked 4.0 GB, used 0.4 GB at most; mem_mb of its rules",
        "planetary_calibrate: asked 8.0 GB, used 1.1 GB at most; --set-resources planetary_calibrate:mem_mb=1500",
        "planetary_plot: asked 1.0 GB, used 0.3 GB at most; --set-resources planetary_plot:mem_mb=500",
    ]


def test_what_jobs_died_of(runs, capsys):
    deaths = {
        1: "slurmstepd: error: Detected 1 oom_kill event in StepId=1.0.",
        2: "slurmstepd: error: Exceeded job memory limit",
        3: "slurmstepd: error: *** JOB 3 ON n1 CANCELLED AT 2026-11-21T03:08:53 DUE TO TIME LIMIT ***",
        4: "slurmstepd: error: *** JOB 4 ON n1 CANCELLED AT 2026-11-21T03:08:53 ***",
        5: "ValueError: b.img: not an image",
    }
    names = {1: "rule_a", 2: "rule_a", 3: "rule_a", 4: "group_b", 5: "rule_c"}
    advise(runs(list(names.items()), deaths))
    assert capsys.readouterr().out.splitlines() == [
        "a: 2 jobs killed for want of memory; ask for more: --set-resources a:mem_mb=...",
        "a: 1 job ended by the time limit; ask for more: --set-resources a:runtime=...",
        "group b: 1 job cancelled",
    ]


def test_many_short_jobs_are_better_together(runs, capsys):
    advise(runs([(job, "rule_small", 1, 9, 3, 250, 500) for job in range(1, 51)]))
    said = capsys.readouterr().out
    assert said == "small: 50 jobs of 9 s; put several in one SLURM job (--groups, --group-components)\n"


def test_nothing_to_change(runs, capsys):
    advise(runs([(1, "rule_a", 2, 100, 180, 900, 1000)]))
    assert capsys.readouterr().out == "nothing to change\n"


def test_a_folder_without_runs(tmp_path):
    with pytest.raises(ValueError, match=r"its logs in \.snakemake/log tell of no SLURM job"):
        advise(tmp_path)
