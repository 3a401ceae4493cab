"""Where rules find the package `darkroom`, which they import as scripts do. Of a workflow from a Git host only named files
come along: there, all that scripts and rules need beside themselves is named."""

import errno
import os
import shutil
import sys

from snakemake.exceptions import WorkflowError

LITTLE = 1_000_000  # bytes; Snakemake copies rules and scripts, also those of this machine

scripts = os.path.join(os.path.dirname(workflow.current_basedir.get_path_or_uri(secret_free=False)), "scripts")
cache = workflow.sourcecache.cache_path
try:
    if not os.path.isdir(scripts):
        with open(workflow.source_path("../scripts/shipped.txt")) as file:
            for name in file.read().split():
                workflow.source_path(f"../{name}")
        scripts = os.path.dirname(workflow.source_path("../scripts/shipped.txt"))
    if shutil.disk_usage(cache).free < LITTLE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
except OSError as error:
    place = f"Snakemake's cache of sources, {cache}"
    raise WorkflowError(f"{place}, cannot be used: {error}; make room there, or set XDG_CACHE_HOME to another folder")
if scripts not in sys.path:
    sys.path.append(scripts)
