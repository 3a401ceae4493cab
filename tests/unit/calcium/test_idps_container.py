"""The container of engine idps, as its files describe it: it was never built here."""

import json
import re
import subprocess
import sys

import pytest
import yaml

import idps_standin
from campaign import ROOT
from darkroom import schema
from darkroom.calcium.idps import probe
from darkroom.calcium.idps.install import install

ENVS = ROOT / "envs"
DEFINITIONS = {kind: (ENVS / f"calcium.{kind}").read_text() for kind in ("Dockerfile", "def")}


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_it_has_what_the_tests_ran_with_and_what_isx_imports(kind):
    first, second = re.findall(r"pip install --no-cache-dir ([^\n\\]*)", DEFINITIONS[kind])
    assert first.strip() == "--requirement /darkroom/requirements.lock"
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", package) for package in second.split())
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()}
    needed = set(probe.PACKAGES) - {"pip", "setuptools", "wheel"} | {"openpyxl"}
    assert needed <= locked | {package.split("==")[0] for package in second.split()}
    python = re.search(r"python =([\d.]+)", (ENVS / "calcium.yaml").read_text())[1]
    assert f"python:{python}-slim" in DEFINITIONS[kind]


@pytest.mark.parametrize("kind", DEFINITIONS)
def test_it_has_the_house_and_no_installer(kind):
    files = DEFINITIONS[kind].partition("%post")[0]
    copied = re.findall(r"^(?:COPY|   ) ([\w/.]+) (/[\w/.]+)$", files, re.MULTILINE)
    assert all((ROOT / path).exists() for path, _ in copied)
    house = ("requirements.lock", "Snakefile", "darkroom", "config/schemas", "envs", "rules", "scripts")
    assert {*house, "envs/calcium"} <= {path for path, _ in copied}
    assert not any("installer" in path for path, _ in copied)


def test_it_runs_once_and_as_nobody_of_weight():
    text = DEFINITIONS["Dockerfile"]
    user, start = text.index("\nUSER darkroom\n"), text.index("\nENTRYPOINT ")
    assert user < start
    assert re.search(r'^ENTRYPOINT \["python", "/darkroom/darkroom", "once"\]$', text, re.MULTILINE)
    health = re.search(r"HEALTHCHECK [^\n]*\\\n +CMD (\[.*\])", text)[1]
    assert json.loads(health)[2:] == ["idps", "/cache/idps"]


def test_compose_mounts_installer_and_input_read_only():
    compose = yaml.safe_load((ENVS / "compose.yaml").read_text())
    service = compose["services"]["calcium"]
    mounts = dict(re.fullmatch(r"(.+):(/[\w/.]+(?::ro)?)", mount).groups()[::-1] for mount in service["volumes"])
    assert set(mounts) == {"/cache", "/opt/installer.sh:ro", "/config:ro", "/data:ro", "/output"}
    assert mounts["/cache"] in compose["volumes"]
    assert service["restart"] == "no"
    assert service["environment"]["EXPECTED_OUTPUT_FILE"] == "${EXPECTED_OUTPUT_FILE:-/output/done.marker}"
    assert (ENVS / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_its_campaign_is_right():
    config = yaml.safe_load((ENVS / "calcium/config.yaml").read_text())
    [absent] = schema.problems(config, schema.validator("config"), "config.yaml")
    assert "'/opt/installer.sh' is not there" in absent  # as long as nobody has mounted it
    assert (config["datasets"], config["calcium"]["installer"]) == ("/config/datasets.tsv", "/opt/installer.sh")
    assert config["pathvars"]["resources"] == "/cache"
    columns, row = (line.split("\t") for line in (ENVS / "calcium/datasets.tsv").read_text().splitlines())
    assert dict(zip(columns, row, strict=True)) == {
        "dataset": "recording",
        "pipeline": "calcium",
        "source": "/data",
        "options": "",
    }


def idps(cache):
    """How the command that tells of the container's health ends, and what it says."""
    done = subprocess.run([sys.executable, ROOT / "darkroom", "idps", cache], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr.splitlines()[-1:]


def test_its_health_is_that_of_the_installation(tmp_path):
    assert idps(tmp_path / "cache") == (
        1,
        "",
        [f"idps: {tmp_path}/cache: no IDPS is installed; a campaign with engine idps does it"],
    )
    library = idps_standin.shared_library(tmp_path / "library")
    if library is None:
        pytest.skip("neither gcc nor a module of Python's own is here to make a library of")
    idps_standin.installer(tmp_path / "installer.sh", idps_standin.tree(library))
    installation, _ = install(tmp_path / "installer.sh", tmp_path / "cache")
    status, said, _ = idps(tmp_path / "cache")
    assert status == 0
    assert said.splitlines()[0] == str(installation.folder) and "  isx 9.9.9" in said
    installation.library.write_bytes(b"")
    assert idps(tmp_path / "cache")[2] == [
        f"idps: {installation.folder}: has changed since it was installed; the next campaign installs it anew"
    ]
