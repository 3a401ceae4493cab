"""The one door: what it lists, how it runs it, and the commands that have no test file of their own."""

import itertools
import json
import re
import shutil
import subprocess
import sys

import pytest

from campaign import ROOT, SCRIPTS, environment
from commands import run
from commands.profiles import profiles
from commands.upload_results import upload_results

COMMANDS = sorted({path.stem for path in SCRIPTS.glob("commands/*.py")} | {"fetch_input"})


def door(*arguments, python=sys.executable, cwd=None):
    done = subprocess.run([python, ROOT / "darkroom", *arguments], capture_output=True, text=True, cwd=cwd)
    return done.returncode, done.stdout, done.stderr


def test_it_lists_every_command_with_what_it_does():
    status, said, _ = door()
    assert status == 0
    lines = [line.split(maxsplit=1) for line in said.splitlines() if line.startswith("  ")]
    assert [name for name, _ in lines] == COMMANDS
    assert {"fetch_input", "ingest_ngs", "upload_results", "ingest", "view", "run"} <= set(COMMANDS)
    assert all(about.endswith(".") for _, about in lines)


def test_it_works_by_its_own_name_from_anywhere(tmp_path):
    link = tmp_path / "darkroom"
    link.symlink_to(ROOT / "darkroom")
    done = subprocess.run([link], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.startswith("usage: darkroom COMMAND")


def test_what_is_no_command():
    assert door("veiw") == (1, "", "darkroom: 'veiw' is no command; `darkroom` lists them\n")


def test_a_python_without_the_packages(tmp_path):
    shutil.copy(ROOT / "darkroom", tmp_path)
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    done = subprocess.run(
        [tmp_path / "bare/bin/python", tmp_path / "darkroom", "ingest_ngs"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert re.fullmatch(r"darkroom: .*/bare/bin/python has no \w+; `make demo` makes an environment .*\n", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "brief"),
    [
        (["--configfile", "config.yaml"], True),
        (["-n"], False),
        (["--dry-run", "--cores", "2"], False),
        (["--logger", "rich"], False),
    ],
)
def test_a_run_is_brief_and_a_plan_is_not(arguments, brief):
    line = run.command(arguments)
    assert line[-len(arguments) :] == arguments
    assert (line[line.index("--snakefile") + 2 : -len(arguments)] == ["--logger", "rich"]) == brief


def test_another_snakefile():
    assert run.command(["-s", "mine"])[3:5] == ["--logger", "rich"]


@pytest.mark.parametrize("named", (["--configfile", "more.yaml"], ["-c", "2", "--configfile=more.yaml"]))
def test_a_config_that_multiplies_is_refused_before_snakemake_reads_it(tmp_path, named):
    aliases = [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in itertools.pairwise("abcdefghij")
    ]
    (tmp_path / "more.yaml").write_text("\n".join(["a: &a [1, 2]", *aliases]))
    status, _, said = door("run", *named, cwd=tmp_path)
    assert status == 1 and re.fullmatch(r"darkroom run: more\.yaml line 1: with its aliases it comes to .*\n", said)


def test_profiles_are_found_by_their_names(tmp_path):
    folder = tmp_path / "config/snakemake"
    (folder / "daint").mkdir(parents=True)
    with pytest.raises(ValueError, match="daint: is there already"):
        profiles(folder=folder)
    assert (folder / "slurm").resolve() == ROOT / "profiles/slurm"
    assert not (folder / "default").exists()
    (folder / "daint").rmdir()
    for _ in range(2):
        profiles(folder=folder)
    assert (folder / "daint/config.yaml").read_bytes() == (ROOT / "profiles/daint/config.yaml").read_bytes()
    (tmp_path / "case").mkdir()
    (tmp_path / "case/Snakefile").write_text("rule all:\n    shell: 'true'\n")
    line = [sys.executable, "-m", "snakemake", "--profile", "slurm", "--executor", "dryrun"]
    told = environment() | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    done = subprocess.run(line, cwd=tmp_path / "case", env=told, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0 and "Using profile slurm" in done.stderr, done.stderr


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "pm31"
    (folder / "5_5_5").mkdir(parents=True)
    (folder / "info").write_text('{"scales": []}')
    (folder / "5_5_5/0-1_0-1_0-1").write_bytes(b"\x07")
    return folder


def test_results_of_no_campaign_are_listed_and_copied(results, tmp_path, capsys):
    copy = tmp_path / "copy/results/pm31"
    for _ in range(2):
        upload_results(results, f"file://{tmp_path}/copy")
        assert capsys.readouterr().out == f"{copy.as_uri()}/\n"
    assert (copy / "5_5_5/0-1_0-1_0-1").read_bytes() == b"\x07"
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["notes"] == [
        "listed when it was uploaded, not made by a campaign: what it was made of is not known"
    ]
    assert {product["path"] for product in manifest["products"]} == {"5_5_5/", "info"}
    subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=copy, check=True)


def test_results_that_are_none(results, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, said in ((tmp_path / "empty", "no folder with results"), (tmp_path / "gone", "no folder with results")):
        with pytest.raises(ValueError, match=said):
            upload_results(folder, f"file://{tmp_path}/copy")
    (results / ".unfinished").touch()
    with pytest.raises(ValueError, match="is not finished"):
        upload_results(results, f"file://{tmp_path}/copy")
    assert not (tmp_path / "copy").exists()


def test_an_environment_that_is_a_link_is_never_cleared(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("all of it")
    (tmp_path / ".venv").symlink_to("mine")
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", ".venv/runs"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert ".venv is a link" in done.stdout + done.stderr
    assert (tmp_path / "mine/thesis.txt").read_text() == "all of it"
