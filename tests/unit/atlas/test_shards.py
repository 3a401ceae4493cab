"""Shards: few large files that tensorstore and cloud-volume read."""

import functools
import itertools

import numpy as np
import pytest

from darkroom.atlas.shards import morton, part
from darkroom.atlas.shards import place as shard_place
from darkroom.atlas.shards import write as write_shard


def test_codes_are_a_bijection_on_the_grid():
    for extents in ([1, 1, 1], [5, 1, 3], [4, 4, 4], [9, 2, 7], [1, 33, 1]):
        places = list(itertools.product(*map(range, extents)))
        codes = [morton(place, extents) for place in places]
        assert len(set(codes)) == len(codes)
        assert max(codes) < 1 << sum((extent - 1).bit_length() for extent in extents)
        assert [tuple(shard_place(code, extents)) for code in codes] == places


def test_the_code_of_the_specification():
    # x, y, z bits in turn, least first, each axis for as many bits as its extent needs
    assert morton([0b11, 0b1, 0b10], [4, 2, 4]) == 0b11011


@pytest.mark.parametrize(
    "options", [{"encoding": "raw"}, {"encoding": "jpeg"}, {"encoding": "png"}, {"type": "segmentation"}], ids=str
)
def test_a_sharded_volume_is_the_plain_one(options, noise, tmp_path, make):
    np.save(tmp_path / "v.npy", noise(70, 90, 110) // 9)
    plain = make(tmp_path / "v.npy", resolution=1000, chunk_size=[8, 16, 8], voxel_offset=[3, -2, 0], **options)
    packed = make(
        tmp_path / "v.npy", resolution=1000, chunk_size=[8, 16, 8], voxel_offset=[3, -2, 0], sharding=True, **options
    )
    for number, scale in enumerate(packed.info["scales"]):
        assert np.array_equal(packed.voxels(number), plain.voxels(number))
        if options.get("encoding") in ("raw", None):
            assert np.array_equal(packed.cloud_voxels(number), plain.voxels(number))
        names = sorted(path.name for path in (packed.folder / scale["key"]).iterdir())
        assert all(name.endswith(".shard") for name in names)
        assert scale["sharding"]["data_encoding"] == (
            "raw" if "encoding" in options and options["encoding"] != "raw" else "gzip"
        )
    assert len(list(packed.folder.rglob("*.shard"))) < len(list(plain.folder.rglob("*_*"))) / 50
    assert packed.check()["passed"]
    again = make(
        tmp_path / "v.npy", resolution=1000, chunk_size=[8, 16, 8], voxel_offset=[3, -2, 0], sharding=True, **options
    )
    assert again.files() == packed.files()


def test_the_check_sees_a_wrong_shard(noise, tmp_path, make):
    np.save(tmp_path / "v.npy", noise(40, 40, 40))
    volume = make(tmp_path / "v.npy", resolution=1000, chunk_size=4, sharding=True)
    shards = sorted((volume.folder / volume.info["scales"][0]["key"]).iterdir())
    content = shards[0].read_bytes()
    shards[0].write_bytes(shards[1].read_bytes())
    with pytest.raises(ValueError):
        volume.check()
    shards[0].write_bytes(content)
    assert volume.check()["passed"]
    shards[0].unlink()
    with pytest.raises(ValueError, match=r"missing chunks \['0\.shard'\]"):
        volume.check()


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_the_check_names_a_shard_that_is_cut(kept, noise, tmp_path, make):
    np.save(tmp_path / "v.npy", noise(40, 40, 40))
    volume = make(tmp_path / "v.npy", resolution=1000, chunk_size=4, sharding=True)
    shard = min((volume.folder / volume.info["scales"][0]["key"]).iterdir())
    shard.write_bytes(shard.read_bytes()[: int(kept * shard.stat().st_size)])
    with pytest.raises(ValueError) as failure:
        volume.check()
    assert shard.name in str(failure.value)


def test_bytes_of_a_shard_do_not_tell_in_which_order_its_chunks_came(tmp_path):
    sharding = {"preshift_bits": 1, "minishard_bits": 1}
    contents = {code: bytes([code]) * (code + 1) for code in range(8)}
    written = set()
    for order in ([*range(8)], [5, 2, 7, 0, 1, 6, 3, 4]):
        spooled, places = b"", []
        for code in order:
            places.append((code, len(spooled), len(contents[code])))
            spooled += contents[code]
        (tmp_path / "spool").write_bytes(spooled)
        with (tmp_path / "spool").open("rb") as file:
            write_shard(tmp_path / "0.shard", sharding, sorted(places), functools.partial(part, file))
        written.add((tmp_path / "0.shard").read_bytes())
    assert len(written) == 1
