"""The samples of a pipeline, for a file of tests that is called `test_sample_<pipeline>`."""

from importlib import import_module

import pytest


@pytest.fixture(scope="module")
def folders(request, tmp_path_factory):
    """name of a sample -> the folder that it was written into"""
    return written(maker(request.module), tmp_path_factory)


@pytest.fixture
def again(request, tmp_path_factory):
    """The same, written anew: nothing that was computed before is kept."""
    sample = maker(request.module)
    for kept in vars(sample).values():
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
    return written(sample, tmp_path_factory)


def maker(tests):
    """The module that makes the samples that some tests are about."""
    return import_module(f"darkroom.samples.{tests.__name__.removeprefix('test_sample_')}")


def written(sample, tmp_path_factory):
    made = {}
    for name, write in sample.SAMPLES.items():
        made[name] = tmp_path_factory.mktemp(name)
        write(made[name])
    return made


@pytest.fixture
def contents():
    """`contents(folders)`: every file of the samples, by sample and name."""
    return lambda made: {
        (name, path.name): path.read_bytes() for name, folder in made.items() for path in folder.iterdir()
    }
