"""Manifests and checksums of products, and of damaged ones; digests are those of OpenSSL."""

import hashlib
import subprocess
import zipfile

import pytest

from darkroom.copernicus import manifests


def openssl(path, algorithm):
    line = ["openssl", "dgst", f"-{algorithm}", "-r", str(path)]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no XML file that can be read: Document is empty"),
        ("<html><body>Not Found", "is no XML file that can be read: Premature end"),
        ("<html><body>Not Found</body></html>", "lists no files"),
        ('<a><byteStream size="1"><fileLocation href="../x"/></byteStream></a>', "'../x' is not a name inside"),
        ('<a><byteStream size="1"><fileLocation href="/etc/x"/></byteStream></a>', "'/etc/x' is not a name inside"),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><byteStream><fileLocation href="./&x;"/></byteStream></a>',
            "is no XML file|a file without|lists no files|not a name",
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
    expected = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    assert manifests.hashes(path, {"blake3"}) == {"blake3": expected}


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
