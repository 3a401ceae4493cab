"""Manifests and checksums of real products and items; digests are those of OpenSSL."""

import json
import subprocess
from collections import Counter

import pytest

from darkroom.copernicus import manifests


@pytest.fixture
def copernicus(samples):
    return samples / "copernicus"


def openssl(path, algorithm):
    line = ["openssl", "dgst", f"-{algorithm}", "-r", str(path)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.mark.parametrize(
    ("path", "algorithm", "count", "first"),
    [
        ("catalogue/manifests/mock/sentinel_1/manifest.safe", "md5", 13, 1888864),
        ("catalogue/manifests/mock/sentinel_2/manifest.safe", "sha3-256", 59, 45353),
        ("catalogue/manifests/mock/sentinel_3/xfdumanifest.xml", "md5", 32, 5693987),
    ],
)
def test_manifests_of_three_missions(copernicus, path, algorithm, count, first):
    listed = manifests.read(copernicus / path)
    text = (copernicus / path).read_text()
    assert (len(listed), listed[0].bytes) == (count, first) == (text.count("<byteStream"), first)
    assert Counter(one.digest.partition(":")[0] for one in listed) == {algorithm: count}
    assert not any(one.name.startswith((".", "/")) for one in listed)


def test_every_manifest_of_the_samples_parses(copernicus):
    paths = [*copernicus.rglob("manifest.safe"), *copernicus.rglob("xfdumanifest.xml")]
    assert len(paths) >= 10
    for path in paths:
        listed = manifests.read(path)
        assert all(one.digest and one.bytes is not None for one in listed), path
        # What of a product is there is often cut short; what is whole must agree.
        there = [(path.parent / one.name, one) for one in listed if (path.parent / one.name).is_file()]
        for file, one in there:
            if file.stat().st_size == one.bytes:
                got = manifests.hashes(file, manifests.algorithms([one.digest]))
                algorithm = one.digest.partition(":")[0]
                assert got[algorithm] == openssl(file, algorithm)


def test_a_manifest_without_names(copernicus):
    broken = copernicus / "catalogue/manifests/mock/sentinel_2/broken_manifest.safe"
    with pytest.raises(ValueError, match=r"broken_manifest\.safe line 3: a file without a fileLocation href"):
        manifests.read(broken)


def test_every_checksum_of_real_items_is_understood(copernicus):
    kinds = Counter()
    for path in (copernicus / "stac").glob("*.json"):
        for asset in json.loads(path.read_text())["assets"].values():
            if "file:checksum" in asset:
                kinds[manifests.multihash(asset["file:checksum"]).partition(":")[0]] += 1
    assert "" not in kinds
    assert {"md5", "sha3-256", "sha3-256/sha256"} <= kinds.keys()
