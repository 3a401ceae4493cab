"""Files that are whole or absent."""

import hashlib

import pytest

from darkroom import files


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a/b.json"
    files.write_json(path, {"old": True})
    with pytest.raises(RuntimeError), files.replacing(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert files.read_json(path) == {"old": True}
    assert [file.name for file in path.parent.iterdir()] == ["b.json"]


def test_what_killed_writers_left_is_cleared(tmp_path):
    for name in (".preview.png.25944.part", "preview.png", ".hidden", "x.part"):
        (tmp_path / name).write_text("x")
    files.clear_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "preview.png", "x.part"]


def test_json_is_the_same_bytes_for_the_same_value(tmp_path):
    for name in ("a", "b"):
        files.write_json(tmp_path / name, {"z": 1, "a": "µ"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == '{\n  "z": 1,\n  "a": "µ"\n}\n'.encode()


def test_what_is_no_json_is_named(tmp_path):
    (tmp_path / "info").write_text('{"half": ')
    with pytest.raises(ValueError, match=r"info: not JSON"):
        files.read_json(tmp_path / "info")


def test_digest(tmp_path):
    (tmp_path / "x").write_bytes(b"x" * 3_000_000)
    assert files.digest(tmp_path / "x") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_room(tmp_path):
    files.require_room(tmp_path / "not/yet/there", 1, "a byte")
    with pytest.raises(OSError, match=r"not enough room for the moon: about 1.0 PB needed, .* free"):
        files.require_room(tmp_path / "not/yet/there", 10**15, "the moon")


@pytest.mark.parametrize(("size", "told"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB")])
def test_human(size, told):
    assert files.human(size) == told
