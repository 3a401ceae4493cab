"""Runs that are killed at any moment, and what the next run makes of what is there."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/atlas_chunk.py"
OPTIONS = {"chunk_size": 6, "resolution": 1000, "orientation": "RIA"}


@pytest.fixture
def source(noise, tmp_path):
    np.save(tmp_path / "v.npy", noise(40, 50, 60))
    return tmp_path / "v.npy"


def marks(volume):
    """What is known of regions that are done."""
    return list(volume.folder.glob(".unfinished/*/region-*.json"))


@pytest.mark.parametrize("options", [{}, {"encoding": "jpeg"}, {"compresslevel": 1}, {"sharding": True}], ids=str)
def test_killed_at_random_moments(options, source, make, plan, kill, request):
    whole = make(source, **OPTIONS, **options).files()
    request.getfixturevalue("many_regions")
    volume = plan(source, **OPTIONS, **options)
    inventory = volume.plan_file.with_name("inventory.json")
    command = [sys.executable, SCRIPT, inventory, volume.plan_file, volume.folder / "info", "--threads", "2"]
    killed = []
    for seed in range(10):
        killed.append(kill(command, lambda: marks(volume), seed))
        assert "info" not in volume.files() or volume.files() == whole  # it may be killed when all is done
    assert -signal.SIGKILL in killed
    volume.chunk()
    assert volume.files() == whole


def test_finished_regions_are_not_written_again(source, make, plan, many_regions):
    whole = make(source, **OPTIONS)
    volume = plan(source, **OPTIONS)
    fail_in(volume, 3)
    assert len(marks(volume)) == 3
    lost = marks(volume)[1]
    lost.unlink()
    old = {path: path.stat().st_mtime_ns for path in volume.folder.glob("*/*") if path.is_file()}
    partial = volume.folder / volume.scales[0]["key"] / ".0-6_0-6_0-6.99.part"
    partial.write_bytes(b"half")
    volume.chunk()
    assert volume.files() == whole.files()
    kept = [path for path, when in old.items() if path.stat().st_mtime_ns == when]
    assert len(old) / 2 < len(kept) < len(old)


def test_what_regions_have_handed_on_may_be_lost(source, make, plan, many_regions):
    """As where a run is killed while it takes away what is of no use any more."""
    volume = plan(source, **OPTIONS)
    fail_in(volume, "rest")
    handed = sorted(volume.folder.glob(".unfinished/*/handed/*"))
    assert len(handed) > 3
    handed[1].unlink()
    assert volume.chunk().files() == make(source, **OPTIONS).files()


def fail_in(volume, number):
    """Let a run fail in the region of this number, or in the rest."""
    from darkroom.atlas.walk import Walk

    through = Walk._through

    def failing(self, name, stages, read):
        if name in (number, f"region-{number}"):
            raise OSError("no space left on device")
        return through(self, name, stages, read)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="no space left"):
        patch.setattr(Walk, "_through", failing)
        volume.chunk()
    assert (volume.folder / ".unfinished").exists()
    assert not (volume.folder / "info").exists()


def test_chunks_of_another_plan_are_removed(source, make, plan, many_regions):
    volume = plan(source, **OPTIONS)
    fail_in(volume, 3)
    other = plan(source, **OPTIONS | {"orientation": "LIA", "chunk_size": 5})
    volume.plan_file.write_bytes(other.plan_file.read_bytes())
    volume.chunk()
    assert volume.files() == make(source, **OPTIONS | {"orientation": "LIA", "chunk_size": 5}).files()


def test_chunks_of_a_changed_source_are_removed(source, make, plan, noise, many_regions):
    """The same names, shapes and options; only the bytes and the time of change are new."""
    volume = plan(source, **OPTIONS)
    fail_in(volume, 3)
    np.save(source, noise(40, 50, 60, seed=9))
    os.utime(source, ns=(1, 1))
    again = plan(source, **OPTIONS)
    for name in ("volume.json", "inventory.json"):
        volume.plan_file.with_name(name).write_bytes(again.plan_file.with_name(name).read_bytes())
    volume.chunk()
    assert volume.files() == make(source, **OPTIONS).files()


def test_a_finished_volume_is_made_anew(source, make):
    volume = make(source, **OPTIONS)
    first = volume.files()
    (volume.folder / "stray").write_text("x")
    assert volume.chunk().files() == first


def test_damage_leaves_no_info(tmp_path, noise, plan):
    import imagecodecs

    for number, plane in enumerate(noise(12, 40, 40)):
        (tmp_path / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    content = bytearray((tmp_path / "s9.png").read_bytes())
    content[900:910] = bytes(10)
    (tmp_path / "s9.png").write_bytes(content)
    volume = plan(tmp_path, chunk_size=4, resolution=1000)
    with pytest.raises(ValueError, match=r"s9\.png"):
        volume.chunk()
    assert "info" not in volume.files()
    (tmp_path / "s9.png").write_bytes(imagecodecs.png_encode(noise(12, 40, 40)[9]))
    volume.chunk()
    assert volume.check()["passed"]
