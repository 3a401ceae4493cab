"""Quick plans of large campaigns: what Snakemake works out again for every job of a rule is worked out once.

Half of the time of a plan of 60,000 jobs goes there (tests/bench/scale.py); plans stay the same. Only the release that was
looked into is touched.
"""

import atexit
import functools
import gc

import snakemake
import snakemake.common
import snakemake.dag
import snakemake.rules
import snakemake.sourcecache


def once_a_rule(check):
    """A check of the script of a job, for one job of each rule: scripts have no wildcards in their paths."""
    checked = set()

    def of_job(self, job):
        if job.rule not in checked:
            check(self, job)
            checked.add(job.rule)

    return of_job


# The graph of jobs grows and stays: to look through it for garbage as it grows takes a sixth of the time, to take it
# apart when Snakemake ends another one.
gc.set_threshold(100_000, 20, 100)
atexit.register(gc.freeze)

if snakemake.__version__.startswith("9.27."):
    snakemake.sourcecache.parse_uri = functools.cache(snakemake.sourcecache.parse_uri)
    snakemake.common.get_function_params = functools.cache(snakemake.common.get_function_params)
    snakemake.rules.get_function_params = snakemake.common.get_function_params
    snakemake.dag.ScriptProcessor.process_job = once_a_rule(snakemake.dag.ScriptProcessor.process_job)
