"""Whether a shared library can be loaded here, found out without loading it: one that is cut kills its loader (SIGBUS).

Format: System V ABI, ELF-64; versions of symbols: Linux Standard Base 5.0, symbol versioning.
"""

import itertools
import os
import re
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.construct import ConstructError
from elftools.elf.descriptions import describe_e_machine
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")
NOT_FOUND = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
OTHERWISE = "run the container of envs/calcium.Dockerfile, or choose engine: native"
# What pyelftools stumbles over in a file that is cut, or that is something else.
UNREADABLE = (ELFError, ConstructError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, OSError)
SEGMENT_ENTRY, SECTION_ENTRY, VERSION_ENTRY = 56, 64, 16  # bytes of a line in the tables of ELF-64


@dataclass(frozen=True)
class Library:
    """What a shared library says of itself.

    path -- absolute, without links
    needed -- names of the libraries that it is linked with
    folders -- where it wants them looked for first
    glibc -- the newest version of glibc that it asks for, as numbers; () when it asks for none
    """

    path: Path
    needed: tuple
    folders: tuple
    glibc: tuple


def read(path):
    """Read what a shared library says of itself, after everything it is made of has proved to lie inside the file.

    Raises ValueError naming the file when it is cut, is no shared library or is one for another machine.
    """
    path = Path(path).resolve()
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            elf = ELFFile(file)
            _refuse_other_machines(path, elf)
            _refuse_cut(path, elf, size)
            return Library(path, *_linked(elf, path.parent), max(_asked_of_glibc(elf), default=()))
        except UnusableError as error:
            raise ValueError(str(error)) from None
        except UNREADABLE as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{path}: is no whole ELF library ({size} bytes: {said})") from error


class UnusableError(Exception):
    """A library that could be read as far as it takes to know that it is of no use."""


def _refuse_other_machines(path, elf):
    header = elf.header
    if (elf.elfclass, elf.little_endian, header["e_machine"]) != (64, True, "EM_X86_64"):
        machine = describe_e_machine(header["e_machine"])
        raise UnusableError(f"{path}: is for another machine ({elf.elfclass} bit, {machine}); 64 bit x86-64 is needed")
    if header["e_type"] != "ET_DYN":
        raise UnusableError(f"{path}: is no shared library ({header['e_type']})")


def _refuse_cut(path, elf, size):
    """Every table, segment and section has to end inside the file."""
    header = elf.header
    _refuse_end(path, "the table of segments", header["e_phoff"] + elf.num_segments() * SEGMENT_ENTRY, size)
    _refuse_end(path, "the table of sections", header["e_shoff"] + elf.num_sections() * SECTION_ENTRY, size)
    if header["e_phentsize"] != SEGMENT_ENTRY or header["e_shentsize"] not in (0, SECTION_ENTRY):
        raise UnusableError(f"{path}: its tables have lines of another length than those of ELF-64")
    if not any(segment["p_type"] == "PT_LOAD" for segment in elf.iter_segments()):
        raise UnusableError(f"{path}: has nothing to load")
    for number, segment in enumerate(elf.iter_segments()):
        _refuse_end(path, f"segment {number}", segment["p_offset"] + segment["p_filesz"], size)
    for section in elf.iter_sections():
        if section["sh_type"] not in ("SHT_NOBITS", "SHT_NULL"):
            _refuse_end(path, f"section {section.name}", section["sh_offset"] + section["sh_size"], size)


def _refuse_end(path, what, end, size):
    if end > size:
        raise UnusableError(f"{path}: is cut: {what} ends at byte {end}, the file has {size}")


def _linked(elf, here):
    """Names of the libraries needed, and the folders of RPATH or RUNPATH."""
    needed, folders = [], []
    for tag in (tag for part in elf.iter_segments("PT_DYNAMIC") for tag in part.iter_tags()):
        if tag.entry.d_tag == "DT_NEEDED":
            needed.append(tag.needed)
        elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            text = tag.rpath if tag.entry.d_tag == "DT_RPATH" else tag.runpath
            text = text.replace("${ORIGIN}", str(here)).replace("$ORIGIN", str(here))
            folders += [Path(folder) for folder in text.split(":") if folder]
    return tuple(needed), tuple(folders)


def _asked_of_glibc(elf):
    """Versions of glibc that symbols are asked for with, as numbers."""
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            names = (one.name for _, versions in section.iter_versions() for one in versions)
            names = itertools.islice(names, section["sh_size"] // VERSION_ENTRY)  # a damaged count has no end
            yield from (numbers(version[1]) for name in names if (version := GLIBC.fullmatch(name)))


def numbers(version):
    """`2.36` as numbers, to be compared."""
    return tuple(int(number) for number in version.split("."))


def running_glibc():
    """The version of glibc that runs, such as `2.36`; None where the C library is another one."""
    with suppress(ValueError, OSError):
        name, _, version = os.confstr("CS_GNU_LIBC_VERSION").partition(" ")
        return version if name == "glibc" else None
    return None


def shipped(path, folders=()):
    """The library and all that it brings along: what it needs, looked for in its own folders, and so on.

    What lies elsewhere is the system's, and the loader's business. Raises ValueError as `read` does.
    """
    libraries, waiting = {}, [(Path(path).resolve(), tuple(folders))]
    while waiting:
        path, inherited = waiting.pop()
        if path in libraries:
            continue
        libraries[path] = read(path)
        places = (*libraries[path].folders, *inherited)
        for name in libraries[path].needed:
            beside = (place / name for place in places)
            if one := next((candidate for candidate in beside if candidate.is_file()), None):
                waiting.append((one.resolve(), places))
    return list(libraries.values())


def check(path, environment, beside=()):
    """Raise ValueError when a library cannot be loaded here: it or what it brings along is cut or for another machine,
    asks for a newer glibc, or needs libraries that are nowhere.

    environment -- the variables of the process that is to load it
    beside -- folders that its LD_LIBRARY_PATH begins with
    """
    running = running_glibc()
    for library in shipped(path, beside):
        if library.glibc and numbers(running or "0") < library.glibc:
            asked = ".".join(map(str, library.glibc))
            raise ValueError(f"{library.path}: asks for glibc {asked}, here is {running or 'no glibc'}; {OTHERWISE}")
    if absent := missing(path, environment):
        raise ValueError(f"{path}: needs {', '.join(absent)}, not found here; install what has it, or {OTHERWISE}")


def missing(path, environment):
    """Names of the libraries that the loader does not find, after `shipped` has passed; the loader runs in a child."""
    return sorted(set(NOT_FOUND.findall(trace(path, environment))))


def trace(path, environment):
    """What the loader finds for a library, in its own words (ldd)."""
    done = subprocess.run(["ldd", str(path)], env=environment, capture_output=True, text=True, errors="replace")
    return done.stdout + done.stderr
