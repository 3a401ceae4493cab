"""Quick plans of large campaigns: what Snakemake works out again for every job is worked out once for its rule.

That is more than half of the time of a plan of 60,000 jobs (tests/bench/scale.py). Plans stay the same. Only the release
that was looked into is touched.
"""

import atexit
import functools
import gc

import snakemake
import snakemake.common
import snakemake.dag
import snakemake.rules
import snakemake.sourcecache


def for_first(check):
    """The check that the script of a job can be read, made for the first job of each rule."""
    checked = set()

    def of_job(self, job):
        name = job.rule.name
        if name not in checked:
            check(self, job)
            checked.add(name)

    return of_job


# The graph of jobs grows and stays: to look through it for garbage as it grows takes a sixth of the time, to take it
# apart when Snakemake ends another one.
gc.set_threshold(100_000, 20, 100)
atexit.register(gc.freeze)

if snakemake.__version__.startswith("9.27."):
    snakemake.sourcecache.parse_uri = functools.cache(snakemake.sourcecache.parse_uri)
    snakemake.common.get_function_params = functools.cache(snakemake.common.get_function_params)
    snakemake.rules.get_function_params = snakemake.common.get_function_params
    snakemake.dag.ScriptProcessor.process_job = for_first(snakemake.dag.ScriptProcessor.process_job)
