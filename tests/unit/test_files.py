"""Files that are whole or absent."""

import hashlib
import os
import re
import shutil
import subprocess
import sys

import pytest

from campaign import SCRIPTS
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
    (tmp_path / ".map.tif.25944.staged.part").mkdir()
    (tmp_path / ".map.tif.25944.staged.part/map.tif").write_text("x")
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


def test_what_has_lost_its_end_is_seen(tmp_path):
    for name in ("chunk", "plan.json", "empty.csv"):
        files.write_bytes(tmp_path / name, b"" if name == "empty.csv" else b'{"a": 1}\n', durable=name != "chunk")
    assert not any(files.is_cut(path) for path in tmp_path.iterdir())
    try:
        os.getxattr(tmp_path / "chunk", files.SIZE)
    except OSError:
        pytest.skip("this file system keeps no attributes of files")
    for size in (8, 1, 0):
        os.truncate(tmp_path / "chunk", size)
        assert files.is_cut(tmp_path / "chunk")
    files.write_bytes(tmp_path / "chunk", b"shorter")
    assert not files.is_cut(tmp_path / "chunk")


def test_without_attributes_json_alone_tells_that_it_is_cut(tmp_path):
    for name, content, cut in [("a.json", b"", True), ("b.json", b'{"a": ', True), ("c.json", b"{}", False)]:
        (tmp_path / name).write_bytes(content)
        assert files.is_cut(tmp_path / name) == cut
    (tmp_path / "empty").write_bytes(b"")
    assert not files.is_cut(tmp_path / "empty")


def test_what_has_its_name_is_on_the_disk(tmp_path):
    """strace sees what the kernel was asked for, in this order."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed (Debian: apt install strace)")
    code = "import sys; from darkroom import files; files.write_bytes(sys.argv[1], b'x'); files.settle('.')"
    command = ["strace", "-f", "-e", "trace=fsync,rename,renameat,renameat2,syncfs", sys.executable, "-c", code, "file"]
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    if "PTRACE" in told.stderr:
        pytest.skip("this machine lets nobody be traced")
    calls = re.findall(r"(fsync|rename|syncfs)\w*\(", told.stderr)
    assert calls == ["fsync", "rename", "fsync", "syncfs"], told.stderr
