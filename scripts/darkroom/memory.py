"""The memory that jobs ask for; one that outgrows what it has declared ends itself, before it takes that of others.

A scheduler that gives jobs a limit of their own does that by itself. What counts is memory that belongs to the process
alone (RssAnon of /proc, Linux): files that are mapped can be dropped at any time.
"""

import os
import re
import resource
import threading
import time
from pathlib import Path

RUNNING = 300  # MB of the two Snakemakes that run beside every job of a cluster
LEAST = 500  # MB, whatever the input
MARGIN = 1.3  # times what a job is known to use
SPARE = 1.25  # times what was declared: peaks are short, and measured ones differ between machines
INTERVAL = 0.05  # seconds
LIMITED = ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_MEM_PER_GPU")  # SLURM keeps a limit


def asked(megabytes):
    """MB that a job asks for which is known to use so many."""
    return max(LEAST, round(RUNNING + MARGIN * megabytes))


def watch(declared_mb, end):
    """Call `end(line)`, on a thread of its own, once this process has more than it declared; MB are millions of bytes.

    Does nothing where a scheduler sets the limit, where none is declared, or where there is no /proc.
    """
    if not isinstance(declared_mb, int) or own_bytes() == 0 or any(name in os.environ for name in LIMITED):
        return

    def look():
        while (used := own_bytes()) <= declared_mb * 1_000_000 * SPARE:
            time.sleep(INTERVAL)
        end(f"it has {used / 1e6:,.0f} MB of memory where {declared_mb:,} MB were declared")

    threading.Thread(target=look, daemon=True, name="memory").start()


def peak():
    """The most memory (MB) that this process has had, and the largest of those that it has started and that ended.

    Files that are mapped count. 0 for the process itself where there is no /proc (Linux).
    """
    try:  # not ru_maxrss, which a process inherits from the one that started it
        own = int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1000
    except (OSError, TypeError):
        own = 0
    return round(own), round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000)


def own_bytes():
    """Bytes of memory that are this process's alone; 0 where that is not known."""
    try:
        return int(re.search(r"RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    except (OSError, TypeError):
        return 0
