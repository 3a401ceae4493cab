"""Quick and small plans of large campaigns: what Snakemake works out or holds again for every job, it does once.

That is more than half of the time of a plan of 60,000 jobs, and a fifth of its memory (tests/bench/scale.py). Plans
stay the same. Only the release that was looked into is touched, and only for campaigns of many datasets; all others run
plain Snakemake. The one module of the library that knows of Snakemake, once it is asked to.
"""

import atexit
import functools
import gc
import itertools
import os
import types

RELEASE = "9.27."
LARGE = 500  # datasets from which on a plan takes long enough to be worth it
MARK = "_darkroom_plans_quickly"
MARKED = ("temp_output", "protected_output", "touch_output", "pipe_or_service_output", "_queue_input")


def for_first(check):
    """The check that the script of a job can be read, made for the first of those that are sure to have the same."""
    checked = set()

    def of_job(self, job):
        name = job.rule.name
        if name not in checked:
            check(self, job)
            if job.is_script and "{" not in str(job.rule.script):
                checked.add(name)

    return of_job


def for_functions(inspect):
    """The names of a function's parameters, worked out once; other callables may have no hash, and are asked anew."""
    remembered = functools.cache(inspect)

    def parameters(called):
        return remembered(called) if isinstance(called, types.FunctionType) else inspect(called)

    return parameters


def share(guard):
    """Make what stands for methods such as `index` in every list of files once for each name."""
    guard.__new__ = functools.cache(lambda kind, name: object.__new__(kind))
    guard.__reduce__ = lambda self: (guard, (self.name,))  # copies are made in the same way


def with_one_empty_set(init):
    """The start of a job. Its sets of marked files, complete from there on and mostly empty, are one where they are."""
    empty = frozenset()

    def of_job(self, *arguments, **named):
        init(self, *arguments, **named)
        for marked in MARKED:
            if not getattr(self, marked):
                setattr(self, marked, empty)

    return of_job


async def output_mintime(job):
    """When the oldest output of a job was made, or None. Snakemake's own starts a task for each file, and those of all
    jobs wait at the same time, which is the most that a plan has in memory."""
    files = [*job.output, *([job.benchmark] if job.benchmark else [])]
    return min([(await file.mtime()).local_or_storage() for file in files if await file.exists()], default=None)


def if_nested(check):
    """The check that no output lies in a folder that another job makes, made where a look at names alone finds one."""

    def of_all(self):
        outputs = sorted((os.path.abspath(file) + os.sep, id(job)) for job in self.jobs for file in job.output)
        if any(below.startswith(path) and one != other for (path, one), (below, other) in itertools.pairwise(outputs)):
            check(self)

    return of_all


def quicken():
    """Let Snakemake plan quickly, where it is the release that was looked into."""
    # Imported here: Snakemake's modules can be loaded only in its own order, and it is running by now.
    import snakemake
    import snakemake.common
    import snakemake.dag
    import snakemake.io
    import snakemake.iocontainers
    import snakemake.jobs
    import snakemake.rules
    import snakemake.sourcecache

    # The graph of jobs grows and stays. Looking through it for garbage as it grows takes a sixth of the time; taking it
    # apart when Snakemake ends takes another sixth.
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)
    if not snakemake.__version__.startswith(RELEASE) or hasattr(snakemake, MARK):
        return
    setattr(snakemake, MARK, True)  # a workflow may have this one as a module twice
    snakemake.sourcecache.parse_uri = functools.cache(snakemake.sourcecache.parse_uri)
    snakemake.common.get_function_params = for_functions(snakemake.common.get_function_params)
    snakemake.rules.get_function_params = snakemake.common.get_function_params
    snakemake.dag.ScriptProcessor.process_job = for_first(snakemake.dag.ScriptProcessor.process_job)
    snakemake.dag.DAG.check_directory_outputs = if_nested(snakemake.dag.DAG.check_directory_outputs)
    snakemake.io._IOFile.is_storage = property(lambda file: "storage_object" in file.flags)
    share(snakemake.iocontainers.AttributeGuard)
    snakemake.jobs.Job.__init__ = with_one_empty_set(snakemake.jobs.Job.__init__)
    snakemake.jobs.Job.output_mintime = property(output_mintime)
