"""What jobs ask for, beside what a run may use in all: told before it starts.

Snakemake brings a job that asks for more down to what there is, and starts it: it would be killed for want of memory.
"""

from collections.abc import Iterable, Mapping

from darkroom.campaign.campaign import CampaignError

WORDS = {"mem_mb": "memory", "disk_mb": "disk"}


def require(jobs: Iterable, limits: Mapping) -> None:
    """Raise CampaignError where a job asks for more memory or disk than there is.

    jobs -- Snakemake's jobs that have to run
    limits -- Snakemake's resources of the whole run by their names, as `--resources mem_mb=2000` sets them
    """
    given = {name: limits[name].value for name in WORDS if name in limits and limits[name].value is not None}
    if lines := too_large(jobs, given):
        advice = f"Give the run more ({', '.join(f'--resources {name}=...' for name in given)}), or ask for less"
        raise CampaignError("\n".join([*lines, f"{advice}: a smaller area, coarser pixels, fewer products in a row."]))


def too_large(jobs: Iterable, limits: Mapping[str, int]) -> list[str]:
    """A line for each rule with a job that asks for more than there is; without limits no job is looked at."""
    largest = {}
    for job in jobs if limits else ():
        for name, limit in limits.items():
            if (asked := _asked(job, name)) > limit:
                kind = job.rule.name, name
                largest[kind] = max(largest.get(kind, (0, "")), (asked, getattr(job.wildcards, "dataset", "all")))
    return [
        f"{dataset}: {rule} asks for {asked} MB of {WORDS[name]}, and the run has {limits[name]} MB"
        for (rule, name), (asked, dataset) in sorted(largest.items())
    ]


def _asked(job, name):
    """Megabytes that a job asks for at its first attempt; 0 where it says nothing, or not before its input is there."""
    if name not in job.rule.resources:
        return 0
    told = {"input": job.input, "attempt": 1, "threads": job.threads, "rulename": job.rule.name}
    value = job.rule.resources[name].evaluate(job.wildcards, **told).value
    return value if isinstance(value, int) else 0
