"""The licences of what runs by default, as the installed packages and the libraries in their wheels tell them."""

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from campaign import ROOT

COPYLEFT = re.compile(r"(?<!L)GPL|(?<!Lesser )General Public License|Affero", re.IGNORECASE)
LIBRARIES = re.compile(r"lib(x264|x265|xvid|gsl|fftw3|readline|cfitsio_gpl|postproc|rubberband|vidstab)\b")
# What is under such a licence in part, and why it is here (docs/environments.md says so to users).
PARTS = {
    "docutils": "its Emacs mode alone, which no wheel has",
    "av": "libx264 and libx265 in its wheel: video files are read and written by it and nothing else is",
}


def run_by_default():
    """The installed packages of the lock file of what runs."""
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", "").splitlines()
    for requirement in (Requirement(line.partition(" --hash")[0]) for line in lines):
        if requirement.marker is None or requirement.marker.evaluate():
            yield metadata.distribution(requirement.name)


def licences(package):
    """Every word that a package says of its licence: an expression of SPDX, the field of old, its classifiers."""
    about = package.metadata
    said = [about.get("License-Expression"), (about.get("License") or "").partition("\n")[0]]
    said += [line for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    files = [file for file in package.files or [] if re.match(r"(?i)licen[cs]e|copying|copyright", Path(file).name)]
    return [words for words in said if words] or [
        (package.locate_file(file)).read_text(errors="replace")[:400] for file in files
    ]


def test_nothing_that_runs_by_default_is_under_a_gpl():
    under = {
        package.name: [words for words in licences(package) if COPYLEFT.search(words)] for package in run_by_default()
    }
    bundled = {
        package.name: [Path(file).name for file in package.files or [] if LIBRARIES.match(Path(file).name)]
        for package in run_by_default()
    }
    assert {name for name in under if under[name] or bundled[name]} == set(PARTS)


def test_every_package_says_its_licence():
    assert {package.name for package in run_by_default() if not licences(package)} == set()
