"""Before a run: the lock of a dead one and files that have lost their end. After one that failed: why, in a line each."""

import sys
from pathlib import Path

from darkroom.campaign import failures, limits, locks, mending, starting
from darkroom.campaign.inputs import unwatched

STATE = Path(".snakemake")
LOOKS = starting.only_looks(sys.argv[1:])

if workflow.is_main_process:
    sources = {name: Path(PLACES.apply(f"<resources>/{name}")) for name in CAMPAIGN.rows}
    lines = mending.mend(Path(PLACES.apply("<results>/<campaign>")), sources, dry=LOOKS)
    if not LOOKS:
        lines += filter(None, [locks.clear_dead(STATE)])
    for line in [*lines, *unwatched(list(CAMPAIGN.rows.values()))]:
        print(line, file=sys.stderr)


onstart:
    or_refuse(limits.require, workflow.dag.needrun_jobs(), workflow.global_resources)
    locks.hold(STATE, [Path(path) for path in getattr(workflow.persistence, "_lockfile", {}).values()])


onerror:
    failures.tell_last([Path(path) for path in log])
