"""Campaigns that tests run; those that cost time are made once."""

import pytest

from campaign import ROOT, Campaign

TESTS = ROOT / "tests"
SLOW_FIRST = ("servers", "cases", "real", "unit")


def pytest_collection_modifyitems(items):
    """Tests run in processes of their own, file by file (`--dist loadfile`); the slow ones come first."""
    items.sort(key=lambda item: SLOW_FIRST.index(item.path.relative_to(TESTS).parts[0]))


@pytest.fixture
def campaign(tmp_path):
    """A campaign that one test has for itself."""
    return Campaign(tmp_path)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo campaign of config/, made once, as a user makes it."""
    made = Campaign(tmp_path_factory.mktemp("demo"))
    (made.folder / "config").symlink_to(ROOT / "config")
    made.results = made.folder / "results/demo"
    made.said = made.run_alone()
    return made
