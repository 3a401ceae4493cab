"""The table of faults names tests that are there."""

import re

from campaign import ROOT


def test_every_test_of_the_table_is_there():
    table = (ROOT / "docs/faults.md").read_text()
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| fault ")]
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", table)
    assert len(rows) > 30 and all("`tests/" in row for row in rows)
    for path, name in named:
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), f"{path}::{name}"
