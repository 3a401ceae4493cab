"""Campaigns that tests run; those that cost time are made once."""

import pytest

from campaign import ROOT, Campaign


@pytest.fixture
def campaign(tmp_path):
    """A campaign that one test has for itself."""
    return Campaign(tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo campaign of config/, made once."""
    made = Campaign(tmp_path_factory.mktemp("demo"))
    (made.folder / "config").symlink_to(ROOT / "config")
    made.results = made.folder / "results/demo"
    made.said = made.run()
    return made
