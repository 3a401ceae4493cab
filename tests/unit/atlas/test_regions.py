"""How the work on a volume is cut: whatever the cut, the bytes are the same, and no two regions write one file."""

import itertools
import math

import numpy as np
import pytest

from atlas_check_precomputed_part import atlas_check_precomputed_part
from atlas_chunk_part import atlas_chunk_part
from darkroom.atlas import blocks, precomputed, regions

KINDS = {
    "raw": {},
    "jpeg": {"encoding": "jpeg"},
    "gzip": {"compresslevel": 1},
    "labels": {"type": "segmentation"},
    "sharded": {"sharding": True},
    "float": {"data_type": "float32"},
    "window": {"input_min": 10, "input_max": 200.5, "data_type": "uint16"},
}
OFFSETS = [[0, 0, 0], [1, -1, 3], [-5, 4, -7]]


@pytest.fixture
def source(noise, tmp_path):
    planes = noise(27, 61, 83)
    np.save(tmp_path / "v.npy", np.where(noise(27, 61, 83, seed=1) < 180, planes % 4, planes))
    return tmp_path / "v.npy"


def options(kind, offset=(0, 0, 0), **more):
    places = {"resolution": [1, 1, 2], "chunk_size": [8, 5, 4], "orientation": "LIP", "voxel_offset": list(offset)}
    return places | KINDS[kind] | more


@pytest.mark.parametrize("offset", OFFSETS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_do_not_depend_on_the_cut(kind, offset, source, make, request):
    whole = make(source, **options(kind, offset))
    assert len(regions.regions(whole.plan)) == 1
    request.getfixturevalue("many_regions")
    cut = make(source, **options(kind, offset))
    assert len(regions.regions(cut.plan)) > 1
    assert cut.files() == whole.files()
    assert cut.check(threads=2) == whole.check()


@pytest.mark.parametrize("parts", [1, 3, 50])
def test_jobs_share_regions(parts, source, make, plan, many_regions, tmp_path):
    """Each makes its share, in any order; more jobs than regions do no harm."""
    whole, volume = make(source, **options("sharded")), plan(source, **options("sharded"))
    inventory, index = volume.plan_file.with_name("inventory.json"), volume.folder / "info"
    for part in reversed(range(parts)):
        atlas_chunk_part(inventory, volume.plan_file, tmp_path / "done", index, str(part), str(parts))
    assert not index.exists()
    written = {path: path.stat().st_mtime_ns for path in volume.folder.rglob("*.shard")}
    volume.chunk()
    assert all(path.stat().st_mtime_ns == when for path, when in written.items())
    assert volume.files() == whole.files()
    check = volume.plan_file.with_name("precomputed_check.json")
    for part in range(parts):
        atlas_check_precomputed_part(volume.plan_file, index, tmp_path / "done", check, str(part), str(parts))
    assert volume.check() == whole.check()
    assert not list(check.parent.glob(".precomputed_check"))


def test_the_check_of_a_region_finds_what_is_wrong_in_it(source, make, many_regions, tmp_path):
    volume = make(source, **options("raw"))
    path = max((volume.folder / volume.scales[0]["key"]).iterdir())
    path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))
    check = volume.plan_file.with_name("precomputed_check.json")
    failures = 0
    for part in range(4):
        try:
            atlas_check_precomputed_part(
                volume.plan_file, volume.folder / "info", tmp_path / "done", check, str(part), "4"
            )
        except ValueError as error:
            failures += str(path) in str(error)
    assert failures == 1


@pytest.mark.parametrize("offset", OFFSETS, ids=str)
@pytest.mark.parametrize("sharding", [False, True])
def test_every_file_is_written_by_one_region(sharding, offset, source, plan, many_regions):
    volume = plan(source, **options("raw", offset, sharding=sharding))
    scales = precomputed.opened(volume.folder, volume.plan)
    writers = [{} for _ in scales]
    work = [regions.made_of(volume.plan, region) for region in regions.regions(volume.plan)]
    for number, stages in enumerate([*work, regions.left(volume.plan)]):
        for stage, stage_blocks in stages:
            for block, level in itertools.product(stage_blocks, range(stage.last - stage.first)):
                scale = scales[stage.first + level]
                for chunk in blocks.chunks(block.own[level], scale.sides):
                    writers[stage.first + level].setdefault(scale.file(chunk), set()).add(number)
    for scale, files in zip(scales, writers, strict=True):
        assert len(files) == scale.count
        assert all(len(numbers) == 1 for numbers in files.values())


@pytest.mark.parametrize(
    ("size", "source", "sharded"),
    [
        ([20_000, 20_000, 7_400], {"tile": [1, 1, 20_000], "in_order": True}, False),
        ([20_000, 20_000, 7_400], {"tile": [1, 1, 20_000], "in_order": True}, True),
        ([100_000, 80_000, 64], {"tile": [1, 512, 512]}, False),
        ([20_000, 20_000, 7_400], {"tile": [64, 128, 128]}, True),
    ],
)
def test_large_volumes(size, source, sharded):
    """Blocks fit in memory, regions are many, and little is left to the last job."""
    from darkroom.atlas import shards

    scales = precomputed.scales(size, [20_000] * 3, [0, 0, 0], [64] * 3, {"encoding": "raw"})
    for scale in scales * sharded:
        scale["sharding"] = shards.spec(scale["size"], scale["chunk_sizes"][0], True)
    info = {"scales": scales, "data_type": "uint8", "num_channels": 1}
    source = source | {"shape": [*reversed(size), 1], "dtype": "uint8"}
    cut = regions.Cut.of({"cut": regions.cut(info, source, ((0, 1), (1, 1), (2, 1)))})
    assert max(math.prod(stage.sides) for stage in cut.stages) <= 100e6
    assert math.prod(-(-extent // side) for extent, side in zip(size, cut.region, strict=True)) >= 14
    left = math.prod(scales[cut.scales]["size"]) if cut.scales < len(scales) else 0
    assert left <= math.prod(size) / 7.9
    if source.get("in_order"):
        assert cut.region[:2] == size[:2]
