"""Advice on what rules should ask of SLURM, from what their jobs used and what they died of."""

from collections import Counter, defaultdict
from pathlib import Path

from darkroom import entrypoint
from darkroom.cluster import slurm

LEAST = 500  # MB: two Snakemakes run beside every job, with about 150 MB each
SPARE = 1.3  # memory to ask for, by what was used
MANY, SHORT = 20, 60  # jobs of a rule, and their seconds: more or less than these are worth a group
REASONS = {
    "memory": "killed for want of memory",
    "time": "ended by the time limit",
    "node": "lost with the node",
    "preemption": "preempted",
    "cancelled": "cancelled",
}


def advise(folder: Path, *, logs: Path = Path("logs/slurm")):
    """Print what to change, one line for each finding, of all runs with the slurm profile in a working directory.

    folder -- the working directory of the runs
    logs -- `slurm-logdir` and `slurm-efficiency-report-path` of the profile, in that folder

    Raises ValueError where no job was ever submitted.
    """
    rules = slurm.jobs(folder, logs)
    if not rules:
        raise ValueError(f"{folder}: its logs in .snakemake/log tell of no SLURM job")
    usage = slurm.usage(sorted((folder / logs).glob("efficiency_report_*.csv")))
    lines = advice(rules, usage, slurm.endings(folder / logs))
    print(*(lines or ["nothing to change"]), sep="\n")


def advice(rules, usage, endings):
    """Findings on rules, by name: `rules` is job -> rule, `usage` job -> Usage, `endings` job -> why SLURM ended it."""
    used, died = defaultdict(list), defaultdict(Counter)
    for job, rule in rules.items():
        if job in endings:
            died[rule][endings[job]] += 1
        elif job in usage:
            used[rule].append(usage[job])
    return [
        f"{rule}: {text}"
        for rule in sorted({*used, *died})
        for text in (*on_deaths(rule, died[rule]), *on_use(rule, used[rule]))
    ]


def on_deaths(rule, died):
    """What a rule's jobs died of."""
    for why, count in sorted(died.items()):
        remedy = {
            "memory": f"; ask for more: {setting(rule, 'mem_mb')}",
            "time": f"; ask for more: {setting(rule, 'runtime')}",
        }
        yield f"{count} {'job' if count == 1 else 'jobs'} {REASONS[why]}{remedy.get(why, '')}"


def on_use(rule, jobs):
    """What a rule's jobs asked for and did not use."""
    if not jobs:
        return
    asked, used = max(job.asked for job in jobs), max(job.used for job in jobs)
    enough = max(LEAST, -(-used * SPARE // 100) * 100)
    if used and enough <= asked / 2:
        yield f"asked {gb(asked)}, used {gb(used)} at most; {setting(rule, 'mem_mb', f'{enough:.0f}')}"
    cores = max(job.cores for job in jobs)
    busy = sum(job.cpu for job in jobs) / max(1, sum(job.elapsed for job in jobs))
    if cores > 1 and busy < cores / 2 and max(job.elapsed for job in jobs) > SHORT:
        yield f"asked {cores:.0f} cores, kept {busy:.1f} busy; --set-threads {rule}={max(1, round(busy))}"
    if len(jobs) > MANY and (mean := sum(job.elapsed for job in jobs) / len(jobs)) < SHORT:
        yield f"{len(jobs)} jobs of {mean:.0f} s; put several in one SLURM job (--groups, --group-components)"


def setting(rule, resource, value="..."):
    """How a resource of a rule is set; that of a group comes from its rules."""
    return f"--set-resources {rule}:{resource}={value}" if " " not in rule else f"{resource} of its rules"


def gb(mb):
    return f"{mb / 1000:.1f} GB"


if __name__ == "__main__":
    entrypoint.run(advise, globals().get("snakemake"))
