"""The same function for many granules, in several processes: neither netCDF nor HDF5 may be used by two threads."""

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor

BATCH = 8  # granules that a process takes at a time
WATCH = 0.2  # seconds between two looks at whether the parent is there


def in_processes(function, tasks, processes=1):
    """Results of `function(*task)` in the order of the tasks.

    A process that dies, as for want of memory, ends all with an error; what `function` raises is raised here. Processes
    end with the one that started them, also where that is killed.
    """
    processes = min(processes, len(tasks))
    if processes < 2:
        return [function(*task) for task in tasks]
    batch = max(1, min(BATCH, len(tasks) // (4 * processes)))
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, fork, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        return list(pool.map(function, *zip(*tasks, strict=True), chunksize=batch))


def _end_with(parent):
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent):
    while os.getppid() == parent:
        time.sleep(WATCH)
    os._exit(1)
