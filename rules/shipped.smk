"""What scripts and rules need beside themselves, named for a workflow that comes from a Git host: only named files come
along. With them there, rules import the package `darkroom` as scripts do."""

import os
import sys

from snakemake.exceptions import WorkflowError

try:
    with open(workflow.source_path("../scripts/shipped.txt")) as file:
        for name in file.read().split():
            workflow.source_path(f"../{name}")
except OSError as error:
    place = f"Snakemake's cache of sources, {workflow.sourcecache.cache_path}"
    raise WorkflowError(f"{place}, cannot be used: {error}; make room there, or set XDG_CACHE_HOME to another folder")

if (scripts := os.path.dirname(workflow.source_path("../scripts/shipped.txt"))) not in sys.path:
    sys.path.append(scripts)
