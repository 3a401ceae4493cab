"""Inventory, record and manifest: written and read as the same thing, by their schemas, and named when damaged."""

import copy
import json

import pytest

from darkroom import files, inventory, manifest, record, schema
from darkroom.inventory import File, Inventory
from darkroom.manifest import Entry, Inputs, Manifest
from darkroom.record import Record

SHA256 = "0" * 64
FETCHED = File("a.tif", 7, "https://example.org/a.tif", sha256=SHA256)
FOUND = Inventory("raw", [FETCHED, File("b/c.tif", 0, mtime_ns=5), File("d", 1, sha256=SHA256, archive="x.zip")])
SAID = Record(engine="native", notes=["a gap"], checks={"check": {"passed": True}}, software={"numpy": "2"})
MADE = Manifest(
    "0.1.0",
    "case",
    {"batch": None},
    "raw",
    "a",
    "atlas",
    None,
    "native",
    Inputs("raw", 7, [FETCHED]),
    [Entry("precomputed/", 3, 70, SHA256), Entry("preview.png", None, 7, SHA256)],
    [],
    ["a gap"],
    [],
    {"check": {"passed": True}},
    {},
)
KINDS = {"inventory": (inventory, FOUND), "record": (record, SAID), "manifest": (manifest, MADE)}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_and_as_the_schema_says(tmp_path, kind):
    module, value = KINDS[kind]
    module.write(tmp_path / "file.json", value)
    assert module.read(tmp_path / "file.json") == value
    content = json.loads((tmp_path / "file.json").read_text())
    assert not list(schema.problems(content, schema.validator(kind), "it"))
    assert None not in content.values()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", [b"", b'{"root": "raw", "fi', b"[]", b"\0" * 300, b'"text"', b"{\xff}"])
def test_a_damaged_one_is_named_with_what_mends_it(tmp_path, kind, damage):
    path = tmp_path / "file.json"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"file\.json: .*; remove it and run again"):
        KINDS[kind][0].read(path)


def test_a_record_may_hold_more(tmp_path):
    record.write(tmp_path / "plan.json", SAID, {"info": {"scales": []}, "notes": ["old"]})
    assert record.read(tmp_path / "plan.json") == SAID
    assert files.read_json(tmp_path / "plan.json")["info"] == {"scales": []}


@pytest.mark.parametrize(
    ("kind", "place", "value", "says"),
    [
        ("inventory", ("files", 0, "bytes"), -1, "it files.0.bytes: -1 is less than"),
        ("inventory", ("files", 0, "sha256"), "abc", "it files.0.sha256: 'abc' does not match"),
        ("record", ("checks", "check"), {}, "it checks.check: 'passed' is missing"),
        ("record", ("notes",), "text", "it notes: is 'text', not a list"),
        ("manifest", ("products", 0, "path"), "", "it products.0.path: is empty"),
        ("manifest", ("checks", "check", "passed"), "yes", "it checks.check.passed: is 'yes', not true or false"),
        ("manifest", ("inputs", "files", 0, "mtime_ns"), 5, "it inputs.files.0: 'mtime_ns' is unknown"),
    ],
)
def test_the_schemas_refuse_what_is_wrong(kind, place, value, says):
    content = copy.deepcopy(files.described(KINDS[kind][1]))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert any(said.startswith(says) for said in schema.problems(content, schema.validator(kind), "it"))
