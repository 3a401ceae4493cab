"""Manifests and checksums of real products, and of damaged ones; digests are those of OpenSSL."""

import hashlib
import json
import os
import subprocess
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from darkroom.copernicus import manifests

SAMPLES = Path(os.environ.get("SAMPLES", Path(__file__).parents[4] / "shared/samples")) / "copernicus"
needs_samples = pytest.mark.skipif(not SAMPLES.exists(), reason=f"no samples at {SAMPLES}")


def openssl(path, algorithm):
    line = ["openssl", "dgst", f"-{algorithm}", "-r", str(path)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()[0]


@needs_samples
@pytest.mark.parametrize(
    ("path", "algorithm", "count", "first"),
    [
        ("catalogue/manifests/mock/sentinel_1/manifest.safe", "md5", 13, 1888864),
        ("catalogue/manifests/mock/sentinel_2/manifest.safe", "sha3-256", 59, 45353),
        ("catalogue/manifests/mock/sentinel_3/xfdumanifest.xml", "md5", 32, 5693987),
    ],
)
def test_manifests_of_three_missions(path, algorithm, count, first):
    listed = manifests.read(SAMPLES / path)
    text = (SAMPLES / path).read_text()
    assert (len(listed), listed[0].bytes) == (count, first) == (text.count("<byteStream"), first)
    assert Counter(one.digest.partition(":")[0] for one in listed) == {algorithm: count}
    assert not any(one.name.startswith((".", "/")) for one in listed)


@needs_samples
def test_every_manifest_of_the_samples_parses():
    paths = [*SAMPLES.rglob("manifest.safe"), *SAMPLES.rglob("xfdumanifest.xml")]
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


@needs_samples
def test_a_manifest_without_names():
    broken = SAMPLES / "catalogue/manifests/mock/sentinel_2/broken_manifest.safe"
    with pytest.raises(ValueError, match=r"broken_manifest\.safe line 3: a file without a fileLocation href"):
        manifests.read(broken)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a manifest in XML"),
        ("<html><body>Not Found", "not a manifest in XML"),
        ("<html><body>Not Found</body></html>", "lists no files"),
        ('<a><byteStream size="1"><fileLocation href="../x"/></byteStream></a>', "'../x' is not a name inside"),
        ('<a><byteStream size="1"><fileLocation href="/etc/x"/></byteStream></a>', "'/etc/x' is not a name inside"),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><byteStream><fileLocation href="./&x;"/></byteStream></a>',
            "not a manifest in XML|a file without|lists no files|not a name",
        ),
    ],
)
def test_what_is_wrong_with_a_manifest(tmp_path, text, says):
    path = tmp_path / "manifest.safe"
    path.write_text(text)
    with pytest.raises(ValueError, match=says) as failure:
        manifests.read(path)
    assert "root:" not in str(failure.value)


def test_odd_checksums_are_left_out(tmp_path):
    path = tmp_path / "manifest.safe"
    lines = ['checksumName="MD5">zz', 'checksumName="CRC32">00000000', f'checksumName="SHA-256">{"a" * 64}']
    streams = [
        f'<byteStream><fileLocation href="f{number}"/><checksum {line}</checksum></byteStream>'
        for number, line in enumerate(lines)
    ]
    path.write_text(f"<a>{''.join(streams)}</a>")
    assert [one.digest for one in manifests.read(path)] == ["", "", f"sha256:{'a' * 64}"]


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("d50110" + "0a" * 16, "md5:" + "0a" * 16),
        ("1620" + "0b" * 32, "sha3-256:" + "0b" * 32),
        ("1220" + "0c" * 32, "sha256:" + "0c" * 32),
        ("1610" + "0a" * 16, "md5:" + "0a" * 16),
        ("d50120" + "0b" * 32, "sha3-256/sha256:" + "0b" * 32),
        ("d50110" + "0a" * 15, ""),
        ("ff10" + "0a" * 16, ""),
        ("", ""),
    ],
)
def test_multihashes(text, digest):
    assert manifests.multihash(text) == digest


@needs_samples
def test_every_checksum_of_real_items_is_understood():
    kinds = Counter()
    for path in (SAMPLES / "stac").glob("*.json"):
        for asset in json.loads(path.read_text())["assets"].values():
            if "file:checksum" in asset:
                kinds[manifests.multihash(asset["file:checksum"]).partition(":")[0]] += 1
    assert "" not in kinds
    assert {"md5", "sha3-256", "sha3-256/sha256"} <= kinds.keys()


def test_digests_are_those_of_others(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 9000)
    got = manifests.hashes(path, {"md5", "sha3-256", "sha256"})
    assert got == {name: openssl(path, name) for name in ("md5", "sha3-256", "sha256")}
    assert manifests.wrong(f"sha3-256/sha256:{got['sha256']}", got) == ""
    assert manifests.wrong(f"md5:{got['md5']}", got) == ""
    assert manifests.wrong("md5:00", got) == f"MD5 00 expected, {got['md5']} got"
    # BLAKE3 of nothing and of "abc", as its authors' b3sum gives it
    path.write_bytes(b"abc")
    known = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    assert manifests.hashes(path, {"blake3"}) == {"blake3": known}


def test_damaged_zips(tmp_path):
    path = tmp_path / "X.zip"
    content = hashlib.sha256(b"").digest() * 1000
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("X.SAFE/a", content)
    whole = path.read_bytes()
    assert manifests.damaged(path) == ""
    subprocess.run(["unzip", "-tq", path], check=True, stdout=subprocess.DEVNULL)
    place = whole.index(content[:32]) + 5000
    for wrong, says in (
        (whole[:-30], "not a whole zip"),
        (whole[: len(whole) // 2], "not a whole zip"),
        (whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :], "the CRC of 'X.SAFE/a' is another one"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a page in HTML or XML"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "a page in HTML or XML"),
        (b"", "not a whole zip"),
    ):
        path.write_bytes(wrong)
        assert says in manifests.damaged(path)
        assert subprocess.run(["unzip", "-tqq", path], capture_output=True).returncode
