"""Archives: good ones as they are, bad ones not at all."""

import io
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import namedtuple

import pytest

from campaign import SCRIPTS
from darkroom.files import digest as file_digest
from darkroom.transfer import archive as archive_module
from darkroom.transfer.archive import stem, unpack

FILES = {"s2.tif": b"two", "deep/er/é 1%.tif": random.Random(1).randbytes(300_000), "empty": b""}
ENDINGS = [".zip", ".ozx", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"]


def write(path, files, links=(), kinds=()):
    """An archive by its ending; `links` are (name, target), `kinds` are (name, tar type)."""
    if path.suffix in (".zip", ".ozx"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in dict(files).items():
                packed.writestr(name, content)
            for name, target in links:
                info = zipfile.ZipInfo(name)
                info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
                packed.writestr(info, target)
        return path
    kind = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz"}.get(path.suffix, "")
    with tarfile.open(path, f"w:{kind}") as packed:
        for name, content in dict(files).items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o7777
            packed.addfile(info, io.BytesIO(content))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            packed.addfile(info)
        for name, type_ in kinds:
            info = tarfile.TarInfo(name)
            info.type = type_
            packed.addfile(info)
    return path


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ending", ENDINGS)
def test_everything_is_unpacked(tmp_path, ending):
    archive = write(tmp_path / f"data{ending}", FILES)
    before = archive.read_bytes()
    unpacked = unpack(archive, tmp_path / "out/data")
    assert tree(tmp_path / "out/data") == FILES
    assert [file.name for file in unpacked] == sorted(FILES)
    assert all(file.bytes == len(FILES[file.name]) for file in unpacked)
    assert all(file.sha256 == file_digest(tmp_path / "out/data" / file.name) for file in unpacked)
    assert archive.read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".data.unpacked.json", "data"]
    assert not any(path.stat().st_mode & 0o7133 for path in (tmp_path / "out").rglob("*.tif"))


def test_archives_of_other_programs(tmp_path):
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/deep/a.tif").write_bytes(b"a" * 5000)
    (tmp_path / "in/b.tif").write_bytes(b"b")
    commands = {"dots.tar.gz": ["tar", "-czf", "../dots.tar.gz", "."]}
    if shutil.which("zip"):
        commands["info.zip"] = ["zip", "-qr", "../info.zip", "."]
    for name, command in commands.items():
        subprocess.run(command, cwd=tmp_path / "in", check=True)
        unpacked = unpack(tmp_path / name, tmp_path / "out" / stem(name))
        assert [file.name for file in unpacked] == ["b.tif", "deep/a.tif"]


def test_a_zarr_folder(tmp_path):
    zarr = {".zgroup": b"{}", "0/.zarray": b"{}", "0/0.0.0": b"chunk"}
    unpack(write(tmp_path / "brain.ome.zarr.zip", zarr), tmp_path / stem("brain.ome.zarr.zip"))
    assert tree(tmp_path / "brain.ome.zarr") == zarr


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_what_a_zip_has_twice(tmp_path):
    """As every reader of zips has it, the last one counts."""
    with zipfile.ZipFile(tmp_path / "v.ozx", "w") as packed:
        for content in ("first", "last"):
            packed.writestr("zarr.json", content)
    (file,) = unpack(tmp_path / "v.ozx", tmp_path / "v")
    assert (file.name, tree(tmp_path / "v")) == ("zarr.json", {"zarr.json": b"last"})


def test_names_of_archives():
    names = ["a.zip", "A.ZIP", "b/c.tar.gz", "x.y.tgz", "d.tar", "e.tar.bz2", "f.tar.xz"]
    assert [stem(name) for name in names] == ["a", "A", "b/c", "x.y", "d", "e", "f"]
    for name in ("brain.nii.gz", "a.gz", "zip", ".zip", "b/.tar.gz", "a.zip/", "a.tar.gz.md5", ""):
        assert stem(name) == ""


def test_the_filter_is_of_members(tmp_path):
    archive = write(tmp_path / "data.zip", {"a/s1.tif": b"1", "a/s2.tif": b"2", "notes.txt": b"n"})
    assert [file.name for file in unpack(archive, tmp_path / "data", r"a/s\d\.tif$")] == ["a/s1.tif", "a/s2.tif"]
    assert set(tree(tmp_path / "data")) == {"a/s1.tif", "a/s2.tif"}
    # Another filter is another result; none of the old one stays.
    assert [file.name for file in unpack(archive, tmp_path / "data", "notes")] == ["notes.txt"]
    assert set(tree(tmp_path / "data")) == {"notes.txt"}
    with pytest.raises(ValueError, match=r"data\.zip: none of its 3 files, such as 'a/s1\.tif', .* matches 'z'"):
        unpack(archive, tmp_path / "data", "z")
    with pytest.raises(ValueError, match=r"filter 's\(' is not a regular expression"):
        unpack(archive, tmp_path / "data", "s(")


@pytest.mark.parametrize("ending", [".zip", ".tar.gz"])
@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"ok": b"", "/etc/passwd": b"x"}, r"member '/etc/passwd' would be outside"),
        ({"ok": b"", "../up": b"x"}, r"member '\.\./up' would be outside"),
        ({"ok": b"", "a/../../up": b"x"}, r"member 'a/\.\./\.\./up' would be outside"),
        ({"a": b"", "a/b": b"x"}, r"member 'a/b' has the name of another one"),
        ({"a/b": b"", "a": b"x"}, r"member 'a' has the name of another one"),
        ({"a": b"", "./a": b"x"}, r"member '\./a' has the name of another one"),
    ],
)
def test_names_that_are_refused(tmp_path, ending, files, says):
    archive = write(tmp_path / f"evil{ending}", files)
    with pytest.raises(ValueError, match=rf"evil{ending}: {says}"):
        unpack(archive, tmp_path / "out/evil")
    assert list((tmp_path / "out").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [archive.name, "out"]


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize("target", ["inside", "/etc", "../../up"])
def test_links_are_refused(tmp_path, ending, target):
    archive = write(tmp_path / f"evil{ending}", {"inside": b"x"}, links=[("a", target)])
    with pytest.raises(ValueError, match="member 'a' is a link; only files and folders"):
        unpack(archive, tmp_path / "out/evil")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_link_as_a_way_out(tmp_path):
    """The classic: a link to elsewhere, then a file through it."""
    (tmp_path / "elsewhere").mkdir()
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as packed:
        link = tarfile.TarInfo("door")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "elsewhere")
        packed.addfile(link)
        packed.addfile(tarfile.TarInfo("door/file"))
    with pytest.raises(ValueError, match="member 'door' is a link"):
        unpack(archive, tmp_path / "evil")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_hard_links_are_refused(tmp_path, kind):
    archive = write(tmp_path / "evil.tar", {}, kinds=[("dev", kind)])
    with pytest.raises(ValueError, match=r"member 'dev' is (a link|no plain file)"):
        unpack(archive, tmp_path / "evil")


@pytest.mark.parametrize("ending", [".zip", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_bombs(tmp_path, ending, monkeypatch):
    monkeypatch.setattr(archive_module, "SMALL", 1_000_000)
    archive = write(tmp_path / f"bomb{ending}", {"zeros": bytes(5_000_000)})
    assert archive.stat().st_size < 30_000
    with pytest.raises(ValueError, match=r"with 'zeros' it unpacks to more than .* \(unpack_ratio\)"):
        unpack(archive, tmp_path / "out/bomb")
    assert list((tmp_path / "out").iterdir()) == []
    assert unpack(archive, tmp_path / "out/bomb", ratio=200_000)[0].bytes == 5_000_000


def test_a_bomb_that_lies_about_its_size(tmp_path, monkeypatch):
    """Members that no filter wants, and what follows the last member, count as well."""
    monkeypatch.setattr(archive_module, "SMALL", 1_000_000)
    archive = write(tmp_path / "bomb.tar.gz", {"small": b"x", "zeros": bytes(5_000_000)})
    with pytest.raises(ValueError, match="unpacks to more than"):
        unpack(archive, tmp_path / "bomb", "small")
    lying = tmp_path / "lying.zip"
    write(lying, {"zeros": bytes(5_000_000)})
    content = lying.read_bytes().replace((5_000_000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    lying.write_bytes(content)
    with pytest.raises(ValueError, match=r"lying\.zip: damaged"):
        unpack(lying, tmp_path / "lying")


def test_too_many_members(tmp_path):
    for ending in (".zip", ".tar"):
        archive = write(tmp_path / f"many{ending}", {f"f{index}": b"" for index in range(11)})
        with pytest.raises(ValueError, match="more than 10 members"):
            unpack(archive, tmp_path / "many", members=10)


def test_no_room(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6, 10**6 - 1000, 1000))
    for ending in (".zip", ".tar.gz"):
        with pytest.raises(OSError, match=r"not enough room to unpack .*1\.0 kB free"):
            unpack(write(tmp_path / f"data{ending}", FILES), tmp_path / "out/data")
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_archives(tmp_path, ending):
    """Cut anywhere or with any byte turned: an error, or what it was."""
    noise = {f"s{index}": random.Random(index).randbytes(400) for index in range(4)}
    whole = write(tmp_path / f"whole{ending}", noise).read_bytes()
    archive, silent = tmp_path / f"data{ending}", 0
    places = random.Random(2).sample(range(len(whole)), min(120, len(whole)))
    spoilt = [whole[:place] for place in places]
    spoilt += [whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :] for place in places]
    spoilt += [b"", b"<html>not found</html>"]
    for content in spoilt:
        archive.write_bytes(content)
        try:
            unpacked = unpack(archive, tmp_path / "out/data")
        except ValueError as error:
            assert str(archive) in str(error)
            assert not (tmp_path / "out/data").exists()
        else:
            silent += tree(tmp_path / "out/data") != noise
            shutil.rmtree(tmp_path / "out")
            assert unpacked
    # A plain tar has no checksum of contents.
    assert silent == 0 or ending == ".tar"


def test_encrypted_zip(tmp_path):
    archive = write(tmp_path / "secret.zip", {"a": b"x"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # general flags of the local head, and of the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"secret\.zip: member 'a' is encrypted; unpack it yourself"):
        unpack(archive, tmp_path / "secret")


def test_unknown_compression(tmp_path):
    archive = write(tmp_path / "odd.zip", {"a": b"x"})
    content = bytearray(archive.read_bytes())
    content[8] = content[content.index(b"PK\x01\x02") + 10] = 9  # Deflate64
    archive.write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.zip: packed in a way that is not known"):
        unpack(archive, tmp_path / "odd")


def test_backslashes_of_windows(tmp_path):
    archive = write(tmp_path / "win.zip", {"a\\": b"", "a\\b.tif": b"x"})
    assert [file.name for file in unpack(archive, tmp_path / "win")] == ["a/b.tif"]
    with pytest.raises(ValueError, match="outside"):
        unpack(write(tmp_path / "evil.zip", {"..\\up": b"x"}), tmp_path / "evil")


def test_a_name_of_another_alphabet(tmp_path):
    archive = write(tmp_path / "old.tar", {"caf\udce9.tif": b"x"})  # Latin-1
    with pytest.raises(ValueError, match=r"old\.tar: member 'caf\\udce9\.tif' has a name that is not UTF-8"):
        unpack(archive, tmp_path / "old")
    assert not (tmp_path / "old").exists()


def test_a_second_run_unpacks_nothing(tmp_path):
    archive, folder = write(tmp_path / "data.zip", FILES), tmp_path / "data"
    first = unpack(archive, folder)
    os.utime(folder / "s2.tif", (1, 1))
    assert unpack(archive, folder) == first
    assert (folder / "s2.tif").stat().st_mtime == 1
    (folder / "s2.tif").write_bytes(b"TWO")  # spoilt, or changed by somebody
    assert unpack(archive, folder) == first and tree(folder) == FILES
    (folder / "empty").unlink()
    assert unpack(archive, folder) == first and tree(folder) == FILES


def test_another_archive_of_the_same_name(tmp_path):
    folder = tmp_path / "data"
    unpack(write(tmp_path / "data.zip", FILES), folder)
    unpack(write(tmp_path / "data.zip", {"other": b"o"}), folder)
    assert tree(folder) == {"other": b"o"}


def test_what_a_killed_run_left(tmp_path):
    archive, folder = write(tmp_path / "data.zip", FILES), tmp_path / "data"
    (tmp_path / ".data.unpacking").mkdir()
    (tmp_path / ".data.unpacking/s9.tif").write_bytes(b"half")
    unpacked = unpack(archive, folder)
    assert tree(folder) == FILES
    folder.rename(tmp_path / ".data.unpacking")  # killed after the note and before the rename
    assert unpack(archive, folder) == unpacked and tree(folder) == FILES
    assert not (tmp_path / ".data.unpacking").exists()


def test_a_killed_run(tmp_path):
    archive, partial = (
        write(tmp_path / "data.zip", {f"s{n:04}": b"x" * n for n in range(4000)}),
        tmp_path / ".data.unpacking",
    )
    code = "import sys; from darkroom.transfer import archive; archive.unpack(*sys.argv[1:])"
    environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    process = subprocess.Popen([sys.executable, "-c", code, archive, tmp_path / "data"], env=environment)
    while not (partial / "s0100").exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert partial.is_dir() and not (tmp_path / "data").exists()
    assert len(unpack(archive, tmp_path / "data")) == len(tree(tmp_path / "data")) == 4000
    assert not partial.exists()


def test_a_folder_of_the_user_is_left_alone(tmp_path):
    archive = write(tmp_path / "data.zip", FILES)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match=r"data: holds 'thesis\.tex', which is not of data\.zip; move it away"):
        unpack(archive, tmp_path / "data")
    assert tree(tmp_path / "data") == {"thesis.tex": b"mine"}
    (tmp_path / "data/thesis.tex").unlink()
    unpack(archive, tmp_path / "data")
    (tmp_path / "data/thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match="move it away"):
        unpack(archive, tmp_path / "data", "s2")
