"""Before a run: the lock of a dead one and files that have lost their end. After one that failed: why, in a line each."""

import sys
from pathlib import Path

from darkroom.campaign import failures, locks, mending, starting

STATE = Path(".snakemake")
LOOKS = starting.only_looks(sys.argv[1:])

if workflow.is_main_process:
    found = [] if LOOKS else [locks.clear_dead(STATE)]
    for name in CAMPAIGN.rows:
        places = (PLACES.apply(f"<results>/<campaign>/{name}"), PLACES.apply(f"<resources>/{name}"))
        found += mending.mend(*map(Path, places), dry=LOOKS)
    found += mending.mend_campaign(Path(PLACES.apply("<results>/<campaign>")), dry=LOOKS)
    for line in filter(None, found):
        print(line, file=sys.stderr)


onstart:
    locks.hold(STATE, [Path(path) for path in getattr(workflow.persistence, "_lockfile", {}).values()])


onerror:
    failures.tell_last([Path(path) for path in log])
