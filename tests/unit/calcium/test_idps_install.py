"""Installing IDPS from a stand-in for its installer: whole or not at all, once, and checked; no real IDPS is here."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import idps_standin
from calcium_install import calcium_install
from campaign import ROOT
from darkroom import files
from darkroom.calcium.idps import child, library
from darkroom.calcium.idps.install import LIBRARY, MARKER, install

compiled = pytest.mark.skipif(not shutil.which("gcc"), reason="gcc makes the libraries of this test; it is not here")
KILLER = """\
#include <signal.h>
__attribute__((constructor)) static void die(void) { raise(SIGBUS); }
int isx_get_is_with_algos(void) { return 1; }
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    made = idps_standin.shared_library(tmp_path_factory.mktemp("library"))
    if made is None:
        pytest.skip("neither gcc nor a module of Python's own is here to make a library of")
    return made


class Idps:
    """An installer in a folder with blanks, a cache, and what the rule says of them."""

    def __init__(self, folder, content, after=""):
        folder.mkdir(exist_ok=True)
        self.installer = folder / "Inscopix Data Processing 9.9.9.sh"
        self.cache, self.versions = folder / "a cache", folder / "results/versions.json"
        self.diagnostics = folder / "results/diagnostics.txt"
        self.log = idps_standin.installer(self.installer, content, after)

    def install(self, **more):
        calcium_install(self.installer, self.versions, cache=self.cache, **more)
        return files.read_json(self.versions)

    def refused(self, **more):
        """What is said when it cannot be installed; nothing is left in the cache then, and the diagnosis stays."""
        with pytest.raises((ValueError, OSError)) as failure:
            self.install(**more)
        assert not self.versions.exists()
        assert self.diagnostics.exists()
        assert [path.name for path in self.cache.glob("*")] in ([], [".lock"])
        return str(failure.value)

    @property
    def folder(self):
        return self.cache / files.digest(self.installer)

    @property
    def library(self):
        [path] = self.folder.rglob(LIBRARY)
        return path

    @property
    def times(self):
        """How often the installer has run."""
        return len(self.log.read_text().splitlines()) if self.log.exists() else 0


@pytest.fixture
def idps(built, tmp_path):
    return Idps(tmp_path / "with blanks", idps_standin.tree(built))


@pytest.mark.parametrize("nested", [False, True], ids=["beside isx", "in isx/lib"])
def test_it_is_installed_at_any_depth(built, tmp_path, nested):
    idps = Idps(tmp_path / "with blanks", idps_standin.tree(built, nested=nested))
    said = idps.install(algorithms=list(idps_standin.FUNCTIONS))
    assert said["installer"]["sha256"] == files.digest(idps.installer)
    assert said["library"]["sha256"] == files.digest(built)
    assert said["library"]["path"] == str(idps.library.relative_to(idps.folder))
    assert Path(said["installation"]) == idps.folder
    assert said["versions"]["isx"] == "9.9.9"
    assert said["versions"]["glibc"] == library.running_glibc()
    assert {"python", "pip", "numpy", "scipy", "tifffile", "imagecodecs"} <= set(said["versions"])
    marker = files.read_json(idps.folder / MARKER)
    assert marker["versions"] == said["versions"]
    assert {path.name for path in idps.cache.iterdir()} == {".lock", idps.folder.name}
    assert not idps.diagnostics.exists()


def test_a_second_run_does_nothing(idps):
    idps.install()
    before = {path: path.stat().st_mtime_ns for path in idps.folder.rglob("*")}
    said = idps.versions.read_bytes()
    idps.install()
    assert idps.times == 1
    assert idps.versions.read_bytes() == said
    assert {path: path.stat().st_mtime_ns for path in idps.folder.rglob("*")} == before


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "library deleted": lambda idps: idps.library.unlink(),
    "library cut": lambda idps: os.truncate(idps.library, 5000),
    "library empty": lambda idps: os.truncate(idps.library, 0),
    "library changed": lambda idps: flip(idps.library),
    "another file deleted": lambda idps: next(idps.folder.rglob("_internal.py")).unlink(),
    "another file cut": lambda idps: os.truncate(next(idps.folder.rglob("setup.py")), 3),
    "marker deleted": lambda idps: (idps.folder / MARKER).unlink(),
    "marker cut": lambda idps: os.truncate(idps.folder / MARKER, 100),
    "marker of another": lambda idps: files.write_json(
        idps.folder / MARKER, files.read_json(idps.folder / MARKER) | {"installer": {"sha256": "0" * 64}}
    ),
    "marker of nothing": lambda idps: (idps.folder / MARKER).write_text("[]"),
    "folder deleted": lambda idps: shutil.rmtree(idps.folder),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_missing_cut_or_changed_is_installed_anew(idps, built, damage):
    said = idps.install()
    DAMAGES[damage](idps)
    assert idps.install() == said
    assert idps.times == 2
    assert idps.library.read_bytes() == built.read_bytes()


def test_another_installer_has_a_place_of_its_own(idps, built):
    idps.install()
    old = idps.folder
    idps.installer.unlink()
    idps_standin.installer(idps.installer, idps_standin.tree(built, version="10.0.0"))
    assert idps.install()["versions"]["isx"] == "10.0.0"
    assert idps.folder != old
    assert (old / MARKER).exists()


def test_the_installer_is_never_changed(idps):
    before = idps.installer.read_bytes(), idps.installer.stat().st_mtime_ns, idps.installer.stat().st_mode
    idps.install()
    assert (idps.installer.read_bytes(), idps.installer.stat().st_mtime_ns, idps.installer.stat().st_mode) == before


def test_children_see_no_secret_and_leave_nothing_at_home(built, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    monkeypatch.setenv("PYTHONSTARTUP", "elsewhere.py")
    idps = Idps(tmp_path / "idps", idps_standin.tree(built), after="env > variables.txt")
    idps.install()
    assert list(home.iterdir()) == []
    failing = Idps(tmp_path / "failing", idps_standin.tree(built), after="env; exit 1")
    failing.refused()
    for seen in ((idps.folder / "variables.txt").read_text(), failing.diagnostics.read_text()):
        assert "PATH=" in seen
        assert "hunter2" not in seen and "elsewhere.py" not in seen


BAD = {
    "no library": (lambda tree: {name: data for name, data in tree.items() if not name.endswith(".so")}, "has made no libisxpublicapi.so, one is needed; there: Inscopix Data Processing.linux"),
    "two libraries": (lambda tree: tree | {f"matlab/{LIBRARY}": tree[f"{idps_standin.ROOT}/{LIBRARY}"]}, f"has made 2 libraries {LIBRARY}, one is needed; there: Inscopix Data Processing.linux/Contents/API/Python/{LIBRARY}, matlab/{LIBRARY}"),
    "no package": (lambda tree: {name: data for name, data in tree.items() if "/isx/" not in name}, "no Python package isx in its folder or above"),
    "a cut library": (lambda tree: tree | {f"{idps_standin.ROOT}/{LIBRARY}": tree[f"{idps_standin.ROOT}/{LIBRARY}"][:9000]}, f"{LIBRARY}: is cut: the table of sections ends at byte"),
    "another machine": (lambda tree: tree | {f"{idps_standin.ROOT}/{LIBRARY}": tree[f"{idps_standin.ROOT}/{LIBRARY}"][:18] + b"\xb7\0" + tree[f"{idps_standin.ROOT}/{LIBRARY}"][20:]}, "is for another machine (64 bit, AArch64)"),
    "a newer glibc": (lambda tree: tree | {f"{idps_standin.ROOT}/{LIBRARY}": tree[f"{idps_standin.ROOT}/{LIBRARY}"].replace(b"GLIBC_2.2.5\0", b"GLIBC_2.999\0")}, "asks for glibc 2.999, here is "),
    "an isx that fails": (lambda tree: tree | {f"{idps_standin.ROOT}/isx/__init__.py": b"import nothing_of_this_name"}, "isx cannot be imported: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_an_installation_of_no_use_is_refused(built, tmp_path, bad):
    change, told = BAD[bad]
    idps = Idps(tmp_path / "idps", change(idps_standin.tree(built)))
    assert told in idps.refused()
    said = idps.diagnostics.read_text()
    assert all(
        part in said for part in ("Traceback", "[marker]", "installed.json is not there", "[files]", "[search path]")
    )


def test_an_isx_without_algorithms_is_refused(built, tmp_path):
    """As the one of the wheels, which imports without an error and analyses nothing."""
    without = idps_standin.shared_library(tmp_path, algorithms=False)
    idps = Idps(tmp_path / "idps", idps_standin.tree(without, algorithms=False))
    told = idps.refused(algorithms=["run_cnmfe"])
    assert "isx 9.9.9 reads and writes files only, as that of wheels does; it lacks run_cnmfe" in told


def test_an_algorithm_that_is_missing_is_named(idps):
    assert "isx 9.9.9 is another one; it lacks deconvolve_cellset;" in idps.refused(
        algorithms=["preprocess", "deconvolve_cellset"]
    )


@compiled
def test_a_library_that_kills_its_loader_kills_only_a_child(built, tmp_path):
    (tmp_path / "killer.c").write_text(KILLER)
    killer = tmp_path / "killer.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", killer, tmp_path / "killer.c"], check=True)
    idps = Idps(tmp_path / "idps", idps_standin.tree(killer))
    assert "the process that loads it was killed by SIGBUS" in idps.refused()
    assert "was killed by SIGBUS" in idps.diagnostics.read_text()


@compiled
def test_libraries_in_another_folder_of_the_installation_are_found(tmp_path):
    """Some versions leave it to LD_LIBRARY_PATH."""
    other = tmp_path / "libQt.so.5"
    subprocess.run(["gcc", "-shared", "-fPIC", "-xc", "/dev/null", "-Wl,-soname,libQt.so.5", "-o", other], check=True)
    main = idps_standin.shared_library(tmp_path, needs=[other])
    tree = idps_standin.tree(main)
    idps = Idps(
        tmp_path / "with", tree | {"Inscopix Data Processing.linux/Contents/Lib/libQt.so.5": other.read_bytes()}
    )
    idps.install()
    installation, _ = install(idps.installer, idps.cache)
    assert [path.name for path in installation.beside] == ["Lib"]
    assert idps.times == 1
    assert "needs libQt.so.5, not found here" in Idps(tmp_path / "without", tree).refused()
    cut = other.read_bytes()[:-500]
    cut = Idps(tmp_path / "cut", tree | {"Inscopix Data Processing.linux/Contents/Lib/libQt.so.5": cut})
    assert "libQt.so.5: is cut" in cut.refused()


def test_an_installer_that_fails_is_told_in_its_words(built, tmp_path):
    idps = Idps(tmp_path / "idps", idps_standin.tree(built), after='echo "no room in /opt"; exit 3')
    assert (
        "the installer ended with status 3; its last words: This is a self-extracting archive. / no room in /opt"
        in idps.refused()
    )


def test_an_installer_that_is_cut_leaves_nothing(built, tmp_path):
    idps = Idps(tmp_path / "idps", idps_standin.tree(built))
    idps.installer.chmod(0o644)
    os.truncate(idps.installer, idps.installer.stat().st_size - 1000)
    assert "the installer ended with status 1" in idps.refused()


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "is not there"), (b"MZ\x90", "is no shell archive, it begins with b'MZ'"), (b"", "it begins with b''")],
    ids=["missing", "for Windows", "empty"],
)
def test_what_is_no_installer_is_refused(tmp_path, content, told):
    idps = Idps(tmp_path / "idps", {})
    idps.installer.unlink()
    if content is not None:
        idps.installer.write_bytes(content)
    said = idps.refused()
    assert (
        said.startswith("calcium.installer: ")
        and told in said
        and said.endswith("give the installer of IDPS for Linux (.sh)")
    )


def wait_for(path):
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_interrupted_installation_is_made_anew(built, tmp_path, how):
    ready, go_on = tmp_path / "ready", tmp_path / "go on"
    after = f"touch '{ready}'; i=0; while [ ! -e '{go_on}' ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done"
    idps = Idps(tmp_path / "idps", idps_standin.tree(built), after)
    command = [
        sys.executable,
        ROOT / "scripts/calcium_install.py",
        idps.installer,
        idps.versions,
        "--cache",
        idps.cache,
    ]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(ready)
    assert list(idps.cache.glob(".*.part"))
    running.send_signal(how)
    running.wait(60)
    assert not idps.folder.exists()
    assert not idps.versions.exists()
    if how == signal.SIGTERM:
        assert not list(idps.cache.glob(".*.part"))
    go_on.touch()
    idps.install()
    assert idps.times == 2
    assert {path.name for path in idps.cache.iterdir()} == {".lock", idps.folder.name}


def test_jobs_that_start_together_install_once(idps):
    command = [sys.executable, ROOT / "scripts/calcium_install.py", idps.installer]
    jobs = [
        subprocess.Popen([*command, idps.versions.with_name(name), "--cache", idps.cache], stderr=subprocess.DEVNULL)
        for name in ("one.json", "two.json")
        if idps.versions.parent.mkdir(exist_ok=True) is None
    ]
    assert [job.wait(60) for job in jobs] == [0, 0]
    assert idps.times == 1
    assert idps.versions.with_name("one.json").read_bytes() == idps.versions.with_name("two.json").read_bytes()


def test_the_library_of_the_wheels_is_whole_and_refused_for_what_it_lacks(tmp_path):
    """The one real library of the vendor that can be had: it reads and writes, and has no algorithm."""
    package = importlib.util.find_spec("isx")
    if package is None:
        pytest.skip("isx (CC BY-NC, no part of the lock file) is not installed")
    package = Path(package.origin).parent
    if shutil.disk_usage(tmp_path).free < 1 << 30:
        pytest.skip("no room for a copy of isx")
    library.check(package / "lib" / LIBRARY, child.environment())
    idps = Idps(tmp_path / "idps", {}, after=f"mkdir api; cp -r '{package}' '{package.parent}'/isx.libs api/")
    assert re.search(
        r"isx .+ reads and writes files only, as that of wheels does; it lacks run_cnmfe",
        idps.refused(algorithms=["run_cnmfe"]),
    )
