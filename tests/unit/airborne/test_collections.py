"""Collections: data that anyone can add, and errors that say what is wrong with them."""

import copy

import pytest
import yaml

from darkroom.airborne.collection import FOLDER as COLLECTIONS
from darkroom.airborne.collection import load as load_collections
from darkroom.airborne.collection import match as match_collection
from darkroom.airborne.collection import rivals
from darkroom.schema import validator

ROOT = COLLECTIONS
SHIPPED = load_collections()


@pytest.fixture
def hs3avaps():
    return copy.deepcopy(yaml.safe_load((ROOT / "hs3avaps.yaml").read_text()))


def write(folder, collection, name="mine.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(collection))
    return path


@pytest.mark.parametrize(
    ("name", "short_name", "granule"),
    [  # names of real files
        ("HS3_CPL_ATB_12203a_20120906.hdf5", "hs3cpl", "HS3_CPL_ATB_12203a_20120906"),
        ("HS3_CPL_OP_12203a_20120906.hdf5", "hs3cpl", "HS3_CPL_OP_12203a_20120906"),
        ("IMPACTS_CPL_L2_V1-02_01kmLay_20200115.hdf5", "cplimpacts", "IMPACTS_CPL_L2_V1-02_01kmLay_20200115"),
        ("IMPACTS_AVAPS_P3B_202002202248_R0.ict", "avapsimpacts", "IMPACTS_AVAPS_P3B_202002202248_R0"),
        ("IMPACTS_AVAPS_PQC_20220208_142943.nc", "avapsimpacts", "IMPACTS_AVAPS_PQC_20220208_142943"),
        ("HAMSR_L2_20130915T061329_20130916T050512_v01.nc", "hs3hamsr", "HAMSR_L2_20130915T061329_20130916T050512_v01"),
        (
            "CPEX_HAMSR_L2_realtime_20170602T1500_20170602T1600.nc",
            "hamsrcpex",
            "CPEX_HAMSR_L2_realtime_20170602T1500_20170602T1600",
        ),
        ("sub/folder/D20120907_124116_1.QC.eol", "hs3avaps", "D20120907_124116_1.QC"),
    ],
)
def test_real_names_are_known(name, short_name, granule):
    match = match_collection(name, SHIPPED)
    assert (match.collection["short_name"], match.granule) == (short_name, granule)


def test_groups_and_role():
    match = match_collection("HS3_CPL_ATB_12203a_20120906.hdf5", SHIPPED)
    assert match.groups == {"granule": match.granule, "flight": "12203a", "date": "20120906"}
    assert match.role == "data"
    (companion, _) = rivals("A20240818_143151.2.txt", SHIPPED)
    assert (companion.role, companion.granule) == ("companion", "D20240818_143151.2")


@pytest.mark.parametrize("name", ["readme.txt", "HS3_CPL_ATB_12203a_20120906.hdf5.xml", "xD20240818_143151.2", ""])
def test_unknown_names(name):
    assert match_collection(name, SHIPPED) is None


def test_a_new_collection_is_one_file(tmp_path, hs3avaps):
    hs3avaps["short_name"] = "mine"
    hs3avaps["formats"][0] |= {"names": r"(?P<granule>mine_\d+)\.eol", "sample_file_name": "mine_7.eol"}
    collections = load_collections([ROOT, write(tmp_path, hs3avaps)])
    assert match_collection("mine_12.eol", collections).collection["short_name"] == "mine"


def test_a_format_may_share_a_table():
    shared = SHIPPED["cplimpacts"]["formats"][0]["variables"]
    assert shared is SHIPPED["hs3cpl"]["formats"][0]["variables"]


def test_a_name_that_two_collections_match(tmp_path, hs3avaps):
    hs3avaps["short_name"] = "again"
    collections = load_collections([ROOT, write(tmp_path, hs3avaps)])
    with pytest.raises(ValueError, match=r"D20120907_124116_1.QC.eol: .* matches two collections, .*hs3avaps.*again"):
        match_collection("D20120907_124116_1.QC.eol", collections)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.pop("title"), "'title' is missing; right is: Title of the collection"),
        (lambda c: c.update(colour="red"), "'colour' is unknown; known are"),
        (lambda c: c["formats"][0].update(reader="excel"), "formats.0.reader: 'excel' is unknown; known are"),
        (
            lambda c: c["formats"][0].update(sample_file_name="x.eol"),
            "sample_file_name 'x.eol' does not match its own names",
        ),
        (lambda c: c["files"][0].update(sample_file_name="x.tar"), "'x.tar' does not match its own regex"),
        (lambda c: c["formats"][0].update(granule="{cruise}"), "has no group 'cruise'"),
        (lambda c: c["formats"][0].update(variables="nowhere.3"), "there is no format 'nowhere.3'"),
        (
            lambda c: c["formats"][0]["variables"]["Press"].pop("long_name"),
            "'long_name' is missing; right is: What it is",
        ),
        (
            lambda c: c["formats"][0].update(names="("),
            r"formats\.0\.names: '\(' is no regular expression; right is: Regular expression",
        ),
        (lambda c: c["formats"][0].update(granule="{0}"), "names, granule: "),
        (lambda c: c["formats"][0].update(granule="{granule"), "names, granule: "),
        (lambda c: c["formats"].append(c["formats"][0]), "names, granule: .* matches two collections"),
        (
            lambda c: c["formats"][0].update(variables=f"{c['short_name']}.0"),
            r"variables: (\w+\.0) -> \1 leads round in a circle",
        ),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path, hs3avaps, change, text):
    change(hs3avaps)
    path = write(tmp_path, hs3avaps)
    with pytest.raises(ValueError, match=text) as failure:
        load_collections([path])
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_two_of_one_name(tmp_path, hs3avaps):
    with pytest.raises(ValueError, match=r"already described by .*hs3avaps\.yaml"):
        load_collections([ROOT, write(tmp_path, hs3avaps)])


def test_no_yaml_and_no_folder(tmp_path):
    (tmp_path / "bad.yaml").write_text("a: [1")
    with pytest.raises(ValueError, match="not YAML"):
        load_collections([tmp_path])
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        load_collections([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "is empty, not a map; right is: a map with short_name and more"),
        (b"[1, 2]", r"is a list, \[1, 2\], not a map; right is: a map with short_name and more"),
        (b"title: \xe9", "not YAML in UTF-8"),
        (b"version: 2012-13-45", "not YAML in UTF-8: .*month"),
    ],
)
def test_files_that_are_no_collection(tmp_path, content, text):
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.yaml: {text}"):
        load_collections([tmp_path])


def test_a_collection_may_be_utf_16(tmp_path, hs3avaps):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(hs3avaps), "utf-16")
    assert load_collections([tmp_path]).keys() == {hs3avaps["short_name"]}


def test_every_key_of_the_schema_is_described():
    schema = validator("collection").schema

    def objects(node):
        if isinstance(node, dict):
            if "properties" in node and isinstance(node["properties"], dict):
                yield node
            for value in node.values():
                yield from objects(value)
        elif isinstance(node, list):
            for value in node:
                yield from objects(value)

    for node in objects(schema):
        assert node["additionalProperties"] is False
        for key, value in node["properties"].items():
            assert value.get("description"), key
