"""The same function for many granules, in several processes: neither netCDF nor HDF5 may be used by two threads."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

BATCH = 8  # granules that a process takes at a time


def in_processes(function, tasks, processes=1):
    """Results of `function(*task)` in the order of the tasks.

    A process that dies, as for want of memory, ends all with an error; what `function` raises is raised here.
    """
    processes = min(processes, len(tasks))
    if processes < 2:
        return [function(*task) for task in tasks]
    batch = max(1, min(BATCH, len(tasks) // (4 * processes)))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        return list(pool.map(function, *zip(*tasks, strict=True), chunksize=batch))
