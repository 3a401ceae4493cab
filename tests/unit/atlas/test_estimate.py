"""What is told of a volume before work starts, and what is there in the end."""

from types import SimpleNamespace

import numpy as np
import pytest

from darkroom import memory
from darkroom.atlas import estimate, precomputed, regions, shards
from darkroom.atlas import plan as atlas_plan

OPTIONS = {"resolution": 1000, "chunk_size": 8}


@pytest.mark.parametrize("options", [{}, {"sharding": True}, {"compresslevel": 1}], ids=str)
def test_files_and_room(options, noise, make, tmp_path):
    np.save(tmp_path / "v.npy", noise(33, 70, 90))
    volume = make(tmp_path / "v.npy", **OPTIONS, **options)
    told = volume.plan["estimate"]
    files = [list((volume.folder / scale["key"]).iterdir()) for scale in volume.scales]
    assert told["files"] == sum(map(len, files))
    assert told["files_in_a_folder"] == max(map(len, files))
    assert told["chunks"] == sum(figures["chunks"] for figures in volume.check()["scales"])
    stored = sum(path.stat().st_size for of_scale in files for path in of_scale)
    assert stored / 1.3 < told["bytes"] < stored * 1.3


def test_shards_are_chosen_where_a_folder_would_be_crowded(noise, plan, tmp_path, monkeypatch):
    np.save(tmp_path / "v.npy", noise(33, 70, 90))
    assert "sharding" not in plan(tmp_path / "v.npy", **OPTIONS, sharding="auto").scales[0]
    monkeypatch.setattr(estimate, "FOLDER", 500)
    volume = plan(tmp_path / "v.npy", **OPTIONS, sharding="auto")
    assert all("sharding" in scale for scale in volume.scales)
    assert volume.plan["estimate"]["files_in_a_folder"] <= 500
    assert volume.chunk().check()["passed"]


def large(size, source, dtype="uint8", sharded=False):
    """The estimate of a volume of JPEG chunks that nobody has."""
    scales = precomputed.scales(size, [20_000] * 3, [0, 0, 0], [64] * 3, {"encoding": "jpeg"})
    for scale in scales * sharded:
        scale["sharding"] = shards.spec(scale["size"], scale["chunk_sizes"][0], False)
    info = {"scales": scales, "data_type": dtype, "num_channels": 1}
    source = source | {"shape": [*reversed(size), 1], "dtype": dtype}
    return estimate.estimate(info, regions.cut(info, source, ((0, 1), (1, 1), (2, 1))), np.dtype(dtype).itemsize, False)


def test_bigbrain():
    """7,400 sections of 20,000 x 20,000: too many files for a folder, unless they are shards."""
    sections = {"tile": [1, 1, 20_000], "in_order": True}
    plain, sharded = (large([20_000, 20_000, 7_400], sections, sharded=sharded) for sharded in (False, True))
    assert plain["chunks"] == sharded["chunks"] > 12_000_000
    assert plain["files_in_a_folder"] > 11_000_000
    assert sharded["files"] < 30_000
    assert plain["memory_mb"] < 1000
    assert 5 < plain["core_hours"] < 40


@pytest.mark.parametrize("source", [{"tile": [1, 256, 256]}, {"tile": [1, 1, 16_384], "in_order": True}], ids=str)
def test_memory_does_not_grow_with_the_area(source):
    """Sections of up to 16,384 x 16,384."""
    told = []
    for side in (2048, 4096, 8192, 16_384):
        tile = [min(extent, side) for extent in source["tile"]]
        told.append(large([side, side, 16], source | {"tile": tile})["memory_mb"])
    assert max(told) <= 1.2 * min(told)


def test_jobs_ask_for_what_their_plan_tells(noise, plan, tmp_path):
    """More than was measured of the largest of all jobs with such a block, and not twice as much."""
    np.save(tmp_path / "v.npy", noise(4, 20, 20))
    volume = plan(tmp_path / "v.npy", type="segmentation", meshes=True, **OPTIONS)
    job = SimpleNamespace(volume=volume.plan_file, size_mb=0.1)
    assert atlas_plan.memory(None, job, 1) == round(300 + 1.3 * volume.plan["estimate"]["memory_mb"])
    assert atlas_plan.memory(None, job, 2) == 2 * atlas_plan.memory(None, job, 1)
    assert 300 + 154 < atlas_plan.mesh_memory(None, job, 1) < 2 * (300 + 154)
    assert atlas_plan.point_memory(None, job, 1) == 500
    with pytest.raises(FileNotFoundError):
        atlas_plan.memory(None, SimpleNamespace(volume=tmp_path / "later.json"), 1)


@pytest.mark.parametrize(
    ("block", "peaks"), [(2, (121, 166)), (33.5, (289, 435)), (134, (499, 559)), (409, (693, 790))]
)
def test_memory_is_what_was_measured(block, peaks):
    """The least and the largest peak of conversions and checks (MB) with such a block."""
    asked = memory.asked(estimate.memory(block))
    assert all(300 + peak <= asked <= 2 * (300 + peak) for peak in peaks)
