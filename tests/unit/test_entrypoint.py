"""One function, run from a rule and from a command line."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaign import ROOT, SCRIPTS
from darkroom import entrypoint


def step(
    source: str, folder: Path, *, depth: int = 3, options: dict | None = None, deep: bool = False, threads: int = 1
):
    """Do a step.

    source -- what it is made of
    """
    if source == "bad":
        raise ValueError("a.png: cut\nshort")
    if source == "bug":
        raise KeyError("left")
    return source, folder, depth, options, deep, threads


def rule(tmp_path, source="x", **params):
    """What Snakemake hands to a script, as far as the entry point looks at it."""
    return SimpleNamespace(
        input={"source": source},
        output={"folder": str(tmp_path)},
        params=params,
        threads=2,
        resources=SimpleNamespace(mem_mb=10_000),
        rule="step",
        log=[str(tmp_path / "step.log")],
    )


def test_command_line_is_read_from_the_signature(tmp_path):
    given = [str(tmp_path), "--depth", "7", "--options", '{"type": "image"}', "--deep"]
    assert entrypoint.run(step, argv=["x", *given]) == ("x", tmp_path, 7, {"type": "image"}, True, 1)


@pytest.mark.parametrize(
    "wrong", [["x"], ["x", "y", "--depth", "deep"], ["x", "y", "--options", "[1]"], ["x", "y", "--nix"]]
)
def test_a_wrong_command_line_is_refused(wrong):
    with pytest.raises(SystemExit) as stop:
        entrypoint.run(step, argv=wrong)
    assert stop.value.code == 2


def test_an_optional_path_of_a_rule_is_a_path(tmp_path):
    def optional(source: str, folder: Path | None = None):
        return folder

    assert entrypoint.run(optional, rule(tmp_path)) == tmp_path


def test_a_rule_gives_names_types_and_threads(tmp_path):
    assert entrypoint.run(step, rule(tmp_path, depth=5)) == ("x", tmp_path, 5, None, False, 2)


def test_a_name_the_function_does_not_have_fails_loudly(tmp_path, capsys):
    with pytest.raises(SystemExit):
        entrypoint.run(step, rule(tmp_path, dept=5))
    assert "unexpected keyword argument 'dept'" in capsys.readouterr().err


def test_a_failure_is_written_in_one_piece_as_jobs_share_a_terminal(tmp_path, monkeypatch):
    pieces = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=pieces.append, flush=lambda: None))
    with pytest.raises(SystemExit):
        entrypoint.run(step, rule(tmp_path, source="bad"))
    assert pieces == ["\nstep: a.png: cut short\n"]


def test_one_line_on_the_terminal_the_traceback_in_the_log(tmp_path):
    # a process of its own: logging is set up once per process
    code = (
        "import sys, test_entrypoint as t, pathlib; from darkroom import entrypoint;"
        "entrypoint.run(t.step, t.rule(pathlib.Path(sys.argv[1]), source=sys.argv[2]))"
    )
    for source, told in (("bad", "step: a.png: cut short"), ("bug", "step: KeyError: 'left'")):
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path, source],
            env={"PYTHONPATH": f"{SCRIPTS}:{ROOT / 'tests'}:{Path(__file__).parent}"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stderr == f"\n{told}\n"
        assert "Traceback" in (tmp_path / "step.log").read_text()


EXPLAINED = """
import contextlib, io, json, runpy, sys
door, said = runpy.run_path(sys.argv[1], run_name="door"), {}
for name in sys.argv[2:]:
    with contextlib.redirect_stdout(io.StringIO()) as told:
        try:
            status = door["main"](name, "--help")
        except SystemExit as end:
            status = end.code
    said[name] = status, told.getvalue()
print(json.dumps(said))
"""
STEPS = sorted(path.stem for path in [*SCRIPTS.glob("*.py"), *SCRIPTS.glob("commands/*.py")])


@pytest.fixture(scope="module")
def explained():
    """Status and words of each script that is asked for help: one process for all, as a start is mostly imports."""
    said = subprocess.run([sys.executable, "-c", EXPLAINED, ROOT / "darkroom", *STEPS], capture_output=True, text=True)
    return json.loads(said.stdout)


@pytest.mark.parametrize("name", STEPS)
def test_every_script_explains_itself(explained, name):
    status, said = explained[name]
    assert status == 0
    assert said.startswith(f"usage: darkroom {name}")
    assert "--" in said


@pytest.mark.parametrize("how", ["python", "numpy", "thread"])
def test_a_job_that_outgrows_its_memory_ends_itself_with_a_line(tmp_path, how):
    ways = {
        "python": "held = [b'x' * 1_000_000 for _ in range(2000)]",
        "numpy": "import numpy; held = numpy.ones(250_000_000)",
        "thread": "import threading; t = threading.Thread(target=lambda: [b'x' * 10**6 for _ in range(2000)]); t.start(); t.join()",
    }  # fmt: skip
    code = f"""
import sys, time
from types import SimpleNamespace
from darkroom import entrypoint

def step():
    {ways[how]}
    time.sleep(60)

given = dict(input={{}}, output={{}}, params={{}}, threads=1, log=[sys.argv[1]])
entrypoint.run(step, SimpleNamespace(**given, rule="step", resources=SimpleNamespace(mem_mb=400)))
"""
    environment = {"PYTHONPATH": str(SCRIPTS), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "step.log"], env=environment, capture_output=True, text=True
    )
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is watched where there is /proc (Linux)")
    assert done.returncode == 1
    assert re.fullmatch(
        r"\nstep: it has [\d,]+ MB of memory where 400 MB were declared; ask for more: --set-resources step:mem_mb=.*\n",
        done.stderr,
    )
    assert "where 400 MB were declared" in (tmp_path / "step.log").read_text()
