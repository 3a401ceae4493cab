"""The comparison of what was made with what was expected: every kind of difference is found and said."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from commands.compare import compare

DOOR = Path(__file__).parents[3] / "darkroom"


def write(path, values=(1.0, 2.0, np.nan), kind="f4", name="t", title="one", units="K"):
    with netCDF4.Dataset(path, "w") as file:
        file.title = title
        file.createDimension("x", len(values))
        item = file.createVariable(name, kind, ("x",))
        item.units = units
        item[:] = values
        group = file.createGroup("inner")
        group.createVariable("scalar", "i4")[...] = 7
    return path


def said(capsys, expected, made, **options):
    """Lines that the comparison prints; none when there is no difference."""
    try:
        compare(expected, made, **options)
    except ValueError as error:
        assert "is not what was expected" in str(error)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({}, []),
        ({"values": (1.0, 2.5, np.nan)}, ["t[1]: expected 2.0, made 2.5"]),
        ({"values": (1.0, np.nan, np.nan)}, ["t[1]: expected 2.0, made nan"]),
        ({"values": (1.0, 2.0)}, ["dimensions.x: expected 3, made 2", "t: expected shape (3,), made (2,)"]),
        ({"kind": "f8"}, ["t: expected dtype float32, made float64"]),
        ({"title": "two"}, ['title: expected "one", made "two"']),
        ({"units": "degC"}, ['t.units: expected "K", made "degC"']),
        ({"name": "u"}, ["t: missing", "u: not expected"]),
    ],
)
def test_netcdf(tmp_path, capsys, change, lines):
    expected, made = write(tmp_path / "a.nc"), write(tmp_path / "b.nc", **change)
    assert said(capsys, expected, made) == lines


def test_values_in_groups_and_many_differences(tmp_path, capsys):
    expected, made = write(tmp_path / "a.nc", np.zeros(50)), write(tmp_path / "b.nc", np.ones(50))
    with netCDF4.Dataset(made, "a") as file:
        file["inner/scalar"][...] = 8
    lines = said(capsys, expected, made)
    assert lines[5:] == ["t: 45 more values differ, of 50", "inner/scalar: expected 7, made 8"]


def test_tolerance_is_for_numbers_of_every_kind_of_file(tmp_path, capsys):
    for name, number in (("a", 100.0), ("b", 100.004)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "x.nc", [number, np.nan], kind="f8")
        (tmp_path / name / "x.json").write_text(json.dumps({"n": number}))
        (tmp_path / name / "x.xml").write_text(f"<a><b>{number}</b></a>")
    folders = tmp_path / "a", tmp_path / "b"
    assert len(said(capsys, *folders)) == 3
    assert said(capsys, *folders, tolerance=0.005) == []
    assert said(capsys, *folders, relative=1e-4) == []
    assert len(said(capsys, *folders, relative=1e-5)) == 3


@pytest.mark.parametrize(
    ("name", "expected", "made", "lines"),
    [
        ("a.json", '{"a": 1, "b": [1, 2]}', '{"b": [1, 2],\n"a": 1.0}', []),
        ("a.json", '{"a": {"b": [1, 2]}}', '{"a": {"b": [1, 3]}}', ["a.b[1]: expected 2, made 3"]),
        ("a.json", '{"a": [1]}', '{"a": [1, 2]}', ["a: expected 1 entries, made 2"]),
        ("a.json", '{"a": true}', '{"a": 1}', ["a: expected true, made 1"]),
        ("a.json", '{"a": null}', "{}", ["a: missing"]),
        ("a.xml", "<a>\n <b x='1'>2</b></a>", "<a><b x='1'> 2 </b></a>", []),
        ("a.xml", "<a><b>x</b><c/></a>", "<a><b>y</b><d/></a>", ["a/b[1]: expected 'x', made 'y'", "a/c[2]: expected <c>, made <d>"]),
        ("a.xml", "<a><b/></a>", "<a/>", ["a: expected 1 elements, made 0"]),
        ("a.txt", "same", "same", []),
        ("a.txt", "some", "same", ["byte 1 differs (4 bytes expected, 4 made)"]),
        ("a.txt", "long", "longer", ["byte 4 differs (4 bytes expected, 6 made)"]),
    ],
)  # fmt: skip
def test_other_files(tmp_path, capsys, name, expected, made, lines):
    (tmp_path / name).write_text(expected)
    other = tmp_path / "made" / name
    other.parent.mkdir()
    other.write_text(made)
    assert said(capsys, tmp_path / name, other) == lines


def test_a_broken_file_is_a_difference(tmp_path, capsys):
    expected = write(tmp_path / "a.nc")
    made = tmp_path / "b.nc"
    made.write_bytes(expected.read_bytes()[:500])
    assert "cannot be compared" in said(capsys, expected, made)[0]


def test_folders_name_what_is_missing_and_what_is_too_much(tmp_path, capsys):
    for folder, names in (("a", ["same", "gone", "deep/gone"]), ("b", ["same", "more"])):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(name)
    assert said(capsys, tmp_path / "a", tmp_path / "b") == ["deep/gone: missing", "gone: missing", "more: not expected"]


def test_attributes_that_may_differ_are_ignored(tmp_path, capsys):
    expected, made = write(tmp_path / "a.nc"), write(tmp_path / "b.nc", title="two")
    assert said(capsys, expected, made, ignore=["title"]) == []


def test_the_exit_status_tells(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "x.nc")
    command = [sys.executable, DOOR, "compare", tmp_path / "a", tmp_path / "b"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    write(tmp_path / "b/x.nc", (1.0, 2.0, 3.0))
    failed = subprocess.run(command, capture_output=True, text=True)
    assert failed.returncode == 1
    assert failed.stdout == "x.nc: t[2]: expected nan, made 3.0\n"
    shutil.rmtree(tmp_path / "b")
    assert subprocess.run(command, capture_output=True, text=True).stderr.endswith(f"{tmp_path / 'b'} is not there\n")
