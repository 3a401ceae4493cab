"""Real instrument files: the optional samples folder (`SAMPLES`), and what installed packages ship of their own."""

import os
from pathlib import Path

import pytest

SAMPLES = Path(os.environ.get("SAMPLES", Path(__file__).parents[2] / "../shared/samples"))


@pytest.fixture(scope="session")
def samples():
    """The folder of real samples; without it the test is skipped."""
    if not SAMPLES.is_dir():
        pytest.skip(f"no real samples in {SAMPLES} (set SAMPLES)")
    return SAMPLES
