"""Pins of environments. There is no conda where the tests run: a stand-in takes only the two commands that are documented."""

import re
from pathlib import Path

import pytest
import yaml

from commands import pin as pin_command

ENVS = Path(__file__).parents[3] / "envs"
CONDA = """#!/bin/sh
[ "$CONDA_SUBDIR" = linux-64 ] || exit 2
case "$1 $2" in
"env create") [ "$3 $4 $5 $7" = "--quiet --yes --prefix --file" ] || exit 2
    grep -q impossible "$8" && echo "Solving" && echo "nothing provides impossible" >&2 && exit 1
    mkdir "$6" && cp "$8" "$6/made" ;;
"list --explicit") [ "$3 $4" = "--md5 --prefix" ] && [ -f "$5/made" ] || exit 2
    printf '@EXPLICIT\\nhttps://conda.example.org/linux-64/%s.conda#0123456789abcdef0123456789abcdef\\n' "$(tail -1 "$5/made")" ;;
*) exit 2 ;;
esac
"""


@pytest.fixture
def conda(tmp_path):
    program = tmp_path / "conda"
    program.write_text(CONDA)
    program.chmod(0o755)
    return str(program)


def test_every_environment_gets_the_pin_that_snakemake_looks_for(tmp_path, conda):
    for name in ("one", "two", "compose"):
        (tmp_path / f"{name}.yaml").write_text(f"{name}\n")
    pin_command.pin(folder=tmp_path, conda=conda)
    assert sorted(path.name for path in tmp_path.glob("*.txt")) == ["one.linux-64.pin.txt", "two.linux-64.pin.txt"]
    assert (
        (tmp_path / "two.linux-64.pin.txt")
        .read_text()
        .splitlines()[1]
        .endswith("/two.conda#0123456789abcdef0123456789abcdef")
    )


def test_what_cannot_be_solved_keeps_its_pin(tmp_path, conda):
    (tmp_path / "one.yaml").write_text("impossible\n")
    (tmp_path / "one.linux-64.pin.txt").write_text("as it was\n")
    with pytest.raises(ValueError, match=r"one\.yaml: not solved: nothing provides impossible"):
        pin_command.pin(["one"], folder=tmp_path, conda=conda)
    assert (tmp_path / "one.linux-64.pin.txt").read_text() == "as it was\n"


def test_no_conda_and_no_environment(tmp_path, conda, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"three\.yaml: no such environment"):
        pin_command.pin(["three"], folder=tmp_path, conda=conda)
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match="no conda and no mamba on PATH"):
        pin_command.pin(folder=tmp_path)


@pytest.mark.parametrize("path", sorted(ENVS.glob("*.pin.txt")), ids=lambda path: path.name)
def test_a_pin_has_every_package_of_its_environment(path):
    listed = yaml.safe_load((ENVS / f"{path.name.partition('.')[0]}.yaml").read_text())["dependencies"]
    text = path.read_text()
    for package in listed:
        name, version = package.split(" =")
        assert re.search(rf"/{re.escape(name)}-{re.escape(version)}[\d.]*-", text), package


@pytest.mark.parametrize("kind", ["Dockerfile", "def"])
def test_containers_are_made_from_the_environments(kind):
    text = (ENVS / f"conda.{kind}").read_text()
    families = re.search(r"^# Families: (.*)$", text, re.MULTILINE)[1].split(", ")
    own = {path.stem for path in ENVS.glob(f"*.{kind}")} - {"conda"}
    assert sorted({*families} | own) == sorted(path.stem for path in ENVS.glob("*.yaml") if path.stem != "compose")
    assert not own & {*families}
