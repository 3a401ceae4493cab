"""Labels read and written, against what the pvl package reads of the same text."""

import gzip
import os
from pathlib import Path

import pvl
import pytest

from darkroom.planetary.formats.pvl import Block, Quantity, dumps, load, loads, read_head

CASES = Path(os.environ.get("CASES", Path(__file__).parents[4] / "shared/cases")) / "planetary"
LABEL = """\
PDS_VERSION_ID = PDS3
/* a comment = not a keyword */
RECORD_BYTES = 1024
^IMAGE = ("DATA.IMG", 3 <BYTES>)
MESS:MET_EXP = 0072174528
DATA_QUALITY_ID = 0000001000000000
START_TIME = 2015-04-24T04:42:19.666464
OBSERVATION_TYPE = {Monochrome, "Ridealong NAC"}
TEMPERATURE = -11.62 <DEGC>
LOOKUP = ((0, 808), (809, 826),
          (-9998, -9998))
NOTE = "two
        lines"
EMPTY = ""
OBJECT = IMAGE
  LINES = 2
  GROUP = SETTINGS
    BITS = 16#FF#
  END_GROUP = SETTINGS
END_OBJECT = IMAGE
COLUMN = first
COLUMN = second
END
"""


def test_scalars_stay_as_they_stand():
    label = loads(LABEL)
    assert label["MESS:MET_EXP"] == "0072174528"
    assert label["DATA_QUALITY_ID"] == "0000001000000000"
    assert label["START_TIME"] == "2015-04-24T04:42:19.666464"
    assert label["NOTE"] == "two lines"
    assert label["EMPTY"] == ""
    assert label["IMAGE"]["SETTINGS"]["BITS"] == "16#FF#"


def test_sequences_units_and_blocks():
    label = loads(LABEL)
    assert label["OBSERVATION_TYPE"] == ("Monochrome", "Ridealong NAC")
    assert label["LOOKUP"] == (("0", "808"), ("809", "826"), ("-9998", "-9998"))
    assert label["^IMAGE"] == ("DATA.IMG", Quantity("3", "BYTES"))
    assert (float(label["TEMPERATURE"]), label["TEMPERATURE"].unit) == (-11.62, "DEGC")
    assert (label["IMAGE"].kind, label["IMAGE"]["SETTINGS"].kind) == ("Object", "Group")
    assert label.all("column") == ["first", "second"]


def test_names_are_found_in_any_case():
    label = loads(LABEL)
    assert label["image"]["Lines"] == label["IMAGE"]["LINES"] == "2"
    assert "record_bytes" in label
    assert label.get("no_such", "none") == "none"
    with pytest.raises(KeyError, match="NO_SUCH"):
        label["NO_SUCH"]


def test_same_values_as_the_pvl_package():
    ours, theirs = loads(LABEL), pvl.loads(LABEL)
    assert float(ours["TEMPERATURE"]) == theirs["TEMPERATURE"].value
    assert [tuple(map(int, pair)) for pair in ours["LOOKUP"]] == [tuple(pair) for pair in theirs["LOOKUP"]]
    assert [name for name, _ in ours.items()] == [name for name, _ in theirs.items()]


def test_the_pvl_package_reads_what_is_written():
    written = {
        "IsisCube": Block(
            {
                "Instrument": {
                    "TargetName": "Mercury",
                    "Name": "MERCURY DUAL IMAGING SYSTEM",
                    "Exposure": Quantity("1", "MS"),
                    "Flags": tuple(["On", "Off"] * 20),
                }
            },
            "Object",
            "IsisCube",
        )
    }
    text = dumps(Block(written))
    group = pvl.loads(text + "End\n")["IsisCube"]["Instrument"]
    assert group["TargetName"] == "Mercury"
    assert group["Name"] == "MERCURY DUAL IMAGING SYSTEM"
    assert (group["Exposure"].value, group["Exposure"].units) == (1, "MS")
    assert group["Flags"] == ["On", "Off"] * 20
    assert max(map(len, text.splitlines())) <= 80


def test_written_labels_read_back_the_same():
    label = loads(LABEL)
    assert loads(dumps(label)).items() == label.items()


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfPLACE = \xc3\x85s\nEND\n", b"PLACE = \xc5s\nEND\n", b"# a comment\nPLACE = \xc3\x85s\n"]
)
def test_letters_of_any_encoding_can_be_written_again(tmp_path, content):
    file = tmp_path / "a.map"
    file.write_bytes(content)
    assert dumps(load(file)).encode() == "PLACE = Ås\n".encode()


def test_utf_16_is_named(tmp_path):
    file = tmp_path / "a.map"
    file.write_text("A = 1\nEND\n", "utf-16")
    with pytest.raises(ValueError, match=r"a\.map: the label is written in UTF-16; right is ASCII or UTF-8"):
        load(file)


def test_a_label_ends_where_it_says(tmp_path):
    """What comes behind is data, even where it looks like a label."""
    file = tmp_path / "a.img"
    file.write_bytes(b"\0" * 10 + LABEL.replace("\n", "\r\n").encode() + b"AFTER = 1\n\xff\xfe")
    label = load(file, 10)
    assert label["RECORD_BYTES"] == "1024"
    assert "AFTER" not in label


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\x89PNG\r\n", "no PDS3 or ISIS label"),
        ("A = 1\nB = \n", "line"),
        ("A = 1\nEND_OBJECT = B\n", "END_OBJECT closes nothing"),
    ],
)
def test_what_is_no_label(tmp_path, text, told):
    file = tmp_path / "a.lbl"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=told) as failure:
        load(file)
    assert str(file) in str(failure.value)


def records(*lines):
    """A label of records with their lengths in front, padded to even numbers of bytes, and pixels behind it."""
    label = b"".join(len(line).to_bytes(2, "little") + line + b"\0" * (len(line) % 2) for line in lines)
    return label + b"\4\0\1\2\3\4"


def test_a_label_of_records_with_lengths(tmp_path):
    """As Viking's, Voyager's and MOC's compressed images have them."""
    lines = [b"CCSD3ZF0000100000001NJPL3IF0PDS200000001 = SFDU_LABEL", b"/*  FILE FORMAT  */", b"RECORD_BYTES = 1204"]
    path = tmp_path / "f348b26.imq"
    path.write_bytes(records(*lines, b'NOTE = "two', b'lines"', b"SPACECRAFT_NAME = VIKING_ORBITER_1", b"END"))
    label = load(path)
    assert label["RECORD_BYTES"] == "1204"
    assert label["SPACECRAFT_NAME"] == "VIKING_ORBITER_1"
    path.write_bytes(b"\x35\0ELSE" + bytes(60))
    with pytest.raises(ValueError, match="no PDS3 or ISIS label at byte 1"):
        load(path)


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
def test_case_a_compressed_viking_image(tmp_path):
    path = tmp_path / "f348b26.imq"
    path.write_bytes(gzip.decompress((CASES / "viking_imq/f348b26.imq.gz").read_bytes()))
    assert str(load(path)["SPACECRAFT_NAME"]).startswith("VIKING_ORBITER_1")


@pytest.mark.parametrize("behind", [b"", b"\r\n", b" \n\0\0", b"\xf8\x0b(", b"\x01A", b"A7(\xf8", b"_\0"])
def test_end_ends_a_label_whatever_comes_behind(tmp_path, behind):
    path = tmp_path / "a.img"
    path.write_bytes(b'A = 1\r\nNOTE = "to the\r\nEND of it"\r\nEND' + behind)
    assert [key for key, _ in load(path).items()] == ["A", "NOTE"]
    assert read_head(path).rstrip().endswith(b'of it"')


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
def test_case_pixels_right_behind_end(tmp_path):
    path = tmp_path / "a.img"
    path.write_bytes(gzip.decompress((CASES / "end_byte/EN1072174528M.IMG.gz").read_bytes()))
    assert load(path)["INSTRUMENT_ID"] == "MDIS-NAC"
    assert "DATA_SET_ID" in load(CASES / "end_byte/MI_MAP_02_N65E328N64E329SC_cropped.img")
