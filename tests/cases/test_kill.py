"""Killed at random moments, a campaign leaves nothing half-made that looks whole, and ends in the same bytes."""

import json
import subprocess
import time

import imagecodecs
import numpy as np

ROWS = [
    ("jpeg", "sections", {"resolution": ["1um", "1um", "4um"], "encoding": "jpeg", "chunk_size": 32}),
    ("labels", "sections", {"resolution": 1000, "type": "segmentation", "compresslevel": 6, "chunk_size": 32}),
]


def prepare(campaign):
    (campaign.folder / "sections").mkdir()
    noise = np.random.default_rng(7)
    for number in range(96):
        plane = noise.integers(0, 255, (300, 400)).astype("u1")
        (campaign.folder / f"sections/s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    return campaign.write(ROWS)


def require_whole_or_absent(campaign):
    """Everything that is there under its final name is complete."""
    for path in campaign.folder.glob("re*/**/*.json"):
        if ".snakemake" not in path.parts and not path.name.startswith("."):
            json.loads(path.read_text())
    for manifest in campaign.results.glob("*/manifest.json"):
        check = subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=manifest.parent)
        assert check.returncode == 0
    for info in campaign.results.glob("*/precomputed/info"):
        folder = info.parent
        assert not [path for path in folder.glob("*/.*") if path.parent.name != ".unfinished"]


def test_killed_again_and_again(campaign, tmp_path_factory):
    reference = prepare(type(campaign)(tmp_path_factory.mktemp("reference")))
    started = time.monotonic()
    reference.run()
    duration = time.monotonic() - started

    prepare(campaign)
    for left in campaign.killed(seed=11, times=6, duration=duration):
        require_whole_or_absent(left)
    campaign.run("--nolock")
    require_whole_or_absent(campaign)
    assert campaign.tree() == reference.tree()
    assert "Nothing to be done" in campaign.run("--dry-run")
