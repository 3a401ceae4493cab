"""A native library is known to be of use or of none before anything loads it."""

import os
import random
import shutil
import signal
import subprocess
import sys

import pytest
from elftools.elf.elffile import ELFFile

import idps_standin
from darkroom.calcium.idps import child, library

compiled = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc makes the libraries of this test; it is not here")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    made = idps_standin.shared_library(tmp_path_factory.mktemp("library"))
    if made is None:
        pytest.skip("neither gcc nor a module of Python's own is here to make a library of")
    return made


def interesting(path):
    """Lengths at which a file can be cut: around the ends of all its tables, segments and sections, and evenly."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        ends = [elf.header["e_phoff"], elf.header["e_shoff"], 4, 16, 64]
        ends += [one["p_offset"] + part * one["p_filesz"] for one in elf.iter_segments() for part in (0, 1)]
        ends += [one["sh_offset"] + part * one["sh_size"] for one in elf.iter_sections() for part in (0, 1)]
    size = path.stat().st_size
    ends += range(0, size, size // 50)
    return sorted({end + step for end in ends for step in (-1, 0, 1) if 0 <= end + step < size})


def damaged(whole, folder, content):
    path = folder / "damaged.so"
    path.write_bytes(content)
    return path


def test_what_a_library_says_of_itself(whole):
    said = library.read(whole)
    assert said.path == whole
    assert "libc.so.6" in said.needed
    assert said.glibc <= library.numbers(library.running_glibc())
    library.check(whole, child.environment())


def test_a_library_that_is_cut_anywhere_is_refused_and_kills_nobody(whole, tmp_path):
    content = whole.read_bytes()
    for length in interesting(whole):
        with pytest.raises(ValueError, match=r"damaged\.so: is (cut|no whole ELF library)"):
            library.check(damaged(whole, tmp_path, content[:length]), child.environment())


@compiled
def test_to_load_a_cut_library_is_fatal(whole, tmp_path):
    """Why a library is not just loaded to see whether it can be."""
    with whole.open("rb") as file:
        begin = max(one["p_offset"] for one in ELFFile(file).iter_segments("PT_LOAD"))
    path = damaged(whole, tmp_path, whole.read_bytes()[: begin - begin % 4096])
    loading = subprocess.run([sys.executable, "-c", f"import ctypes; ctypes.CDLL({str(path)!r})"], capture_output=True)
    assert loading.returncode == -signal.SIGBUS


def test_a_damaged_library_is_refused_or_read_but_never_more(whole, tmp_path):
    content, dice = whole.read_bytes(), random.Random(16)
    refused = 0
    for _ in range(300):
        bad = bytearray(content)
        for _ in range(dice.randint(1, 8)):
            bad[dice.randrange(4, 1200)] = dice.randrange(256)
        try:
            library.read(damaged(whole, tmp_path, bad))
        except ValueError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (18, b"\xb7\x00", "is for another machine (64 bit, AArch64)"),
        (4, b"\x01", "is for another machine (32 bit"),
        (16, b"\x02\x00", "is no shared library (ET_EXEC)"),
        (0, b"MZ\x90\x00", "is no whole ELF library"),
        (5, b"\x02", "is "),
    ],
    ids=["aarch64", "32 bit", "a program", "a DLL", "big-endian"],
)
def test_a_library_of_another_kind_is_refused(whole, tmp_path, place, value, told):
    content = bytearray(whole.read_bytes())
    content[place : place + len(value)] = value
    with pytest.raises(ValueError) as failure:
        library.read(damaged(whole, tmp_path, content))
    assert told in str(failure.value)


def test_a_newer_glibc_is_named(whole, tmp_path):
    content = whole.read_bytes()
    assert b"GLIBC_2.2.5\0" in content
    path = damaged(whole, tmp_path, content.replace(b"GLIBC_2.2.5\0", b"GLIBC_2.999\0"))
    with pytest.raises(
        ValueError, match=rf"asks for glibc 2\.999, here is {library.running_glibc()}; run the container"
    ):
        library.check(path, child.environment())


@compiled
class TestNeighbours:
    """A library that needs another one, which lies in a folder of its own beside it."""

    @pytest.fixture
    def pair(self, tmp_path):
        neighbour = tmp_path / "beside/libneighbour.so"
        neighbour.parent.mkdir()
        named = ["-Wl,-soname,libneighbour.so", "-o", neighbour]
        subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "/dev/null", *named], check=True)
        return idps_standin.shared_library(tmp_path, needs=[neighbour], rpath="$ORIGIN/beside"), neighbour

    def test_it_is_found_and_checked(self, pair):
        main, neighbour = pair
        assert {one.path for one in library.shipped(main)} == {main, neighbour}
        library.check(main, child.environment())

    def test_it_is_named_when_it_is_missing(self, pair):
        main, neighbour = pair
        neighbour.unlink()
        with pytest.raises(ValueError, match=r"needs .*libneighbour\.so, not found here"):
            library.check(main, child.environment())

    def test_it_is_named_when_it_is_cut(self, pair):
        main, neighbour = pair
        os.truncate(neighbour, neighbour.stat().st_size - 1000)
        with pytest.raises(ValueError, match=r"libneighbour\.so: is cut"):
            library.check(main, child.environment())
