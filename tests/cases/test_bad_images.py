"""Bad images and rows, engine native: one clear line each, on the terminal and in the log; a good image is made."""

import json
import re
import shutil

import pytest
import yaml

from campaign import Campaign
from darkroom.samples import planetary as sample

FIRST, SECOND, _ = (f"{name}.IMG" for name in sample.MDIS_NAMES)
NAC, CTX = f"{sample.LROC_NAME}.IMG", f"{sample.CTX_NAME}.IMG"
LOCATED = {"geometry": "isd"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder with the raw files of the samples."""
    folder = tmp_path_factory.mktemp("archive")
    for write in sample.SAMPLES.values():
        write(folder)
    return folder


def without_image(content):
    """A product whose label speaks of no image."""
    return re.sub(
        rb"OBJECT += IMAGE.*?END_OBJECT += IMAGE", lambda match: b" " * len(match[0]), content, flags=re.DOTALL
    )


def damaged(content):
    """A product whose last byte is another one."""
    return content[:-1] + bytes([content[-1] ^ 1])


# Dataset -> the file that it is made of, and what happened to that.
SPOILED = {
    "truncated": (FIRST, lambda content: content[:200_000]),
    "bare": (FIRST, lambda content: content[:8192]),
    "headless": (FIRST, lambda content: content[8192:]),
    "imageless": (FIRST, without_image),
    "unknown": (FIRST, lambda content: content.replace(b"= MDIS-NAC", b"= MDIS-XXX")),
    "level": (FIRST, lambda content: content.replace(b"MDIS-2-EDR-RAWDATA", b"MDIS-5-DDR-DERDATA")),
    "checksum": (NAC, damaged),
    "lost": (FIRST, bytes),
    "other": (FIRST, bytes),
}
TOLD = [
    ("truncated", "planetary_import", f"truncated/{FIRST}: cut off: 200000 bytes; by LINES and LINE_SAMPLES of its label (512 x 512, 1 bands) it has 270336"),
    ("bare", "planetary_import", f"bare/{FIRST}: cut off: 8192 bytes"),
    ("headless", "planetary_import", f"headless/{FIRST}: no PDS3 product: it does not begin with PDS_VERSION_ID, and there is no EN1072190001M.LBL beside it"),
    ("imageless", "planetary_import", f"imageless/{FIRST}: a label without image; one of the objects IMAGE, QUBE, SPECTRAL_QUBE is needed"),
    ("unknown", "planetary_import", f"unknown/{FIRST}: INSTRUMENT_ID is MDIS-XXX; recipe mdis (MESSENGER MDIS, narrow and wide angle) is for MDIS-NAC or MDIS-WAC"),
    ("level", "planetary_import", f"level/{FIRST}: DATA_SET_ID is MESS-E/V/H-MDIS-5-DDR-DERDATA-V1.0; recipe mdis (MESSENGER MDIS, narrow and wide angle) is for MESS-*-MDIS-2-EDR-*"),
    ("checksum", "planetary_import", f"checksum/{NAC}: MD5_CHECKSUM of the label is "),
    ("lost", "planetary_import_geometry", f"{FIRST}: no camera description EN1072190001M.isd.json or EN1072190001M.json in lost"),
    ("other", "planetary_import_geometry", "other/EN1072190001M.isd.json: its time is +2.0 s from the StartTime of the image, 2015-04-24T"),
    ("empty", "fetch_input", "empty: there are no files in it; give a source that has some"),
    ("two", "planetary_import", f"two: 2 images of recipe mdis ({FIRST}, {SECOND}); a row is one image: choose it by the option filter"),
    ("another", "planetary_import", f"{CTX}: INSTRUMENT_ID is CTX; recipe mdis (MESSENGER MDIS, narrow and wide angle) is for MDIS-NAC or MDIS-WAC"),
]  # fmt: skip


@pytest.fixture(scope="module")
def refused(archive, tmp_path_factory):
    """What a campaign of bad images and a good one says and leaves."""
    made = Campaign(tmp_path_factory.mktemp("bad"))
    here = made.folder
    rows = [("good", archive / FIRST, LOCATED)]
    for dataset, (name, spoil) in SPOILED.items():
        (here / dataset).mkdir()
        (here / dataset / name).write_bytes(spoil((archive / name).read_bytes()))
        rows.append((dataset, f"{dataset}/{name}", LOCATED if dataset in ("lost", "other") else {}))
    shutil.copyfile(archive / f"{sample.MDIS_NAMES[2]}.isd.json", here / f"other/{sample.MDIS_NAMES[0]}.isd.json")
    for folder, names in {"empty": [], "two": [FIRST, SECOND]}.items():
        (here / folder).mkdir()
        for name in names:
            shutil.copyfile(archive / name, here / folder / name)
        rows.append((folder, folder, {}, "mdis"))
    made.write([*rows, ("another", archive / CTX, {}, "mdis")], pipeline="planetary")
    made.said = made.run(fails=True)
    return made


@pytest.mark.parametrize(("dataset", "rule", "told"), TOLD, ids=[dataset for dataset, *_ in TOLD])
def test_the_message(refused, dataset, rule, told):
    [line] = {line for line in refused.said.splitlines() if line.startswith(f"{rule}: ") and told in line}
    assert line.removeprefix(f"{rule}: ") in (refused.folder / f"logs/case/{dataset}/{rule}.log").read_text()


def test_the_good_image_is_made_and_nothing_is_half_made(refused):
    assert json.loads((refused.results / "good/manifest.json").read_text())["checks"]["planetary_check"]["passed"]
    made = {str(path.relative_to(refused.results)) for path in refused.results.rglob("*.cub")}
    good = {f"good/{stage}.cub" for stage in ("ingested", "calibrated", "map")}
    assert made == {*good, "lost/ingested.cub", "other/ingested.cub"}
    assert [path.parent.name for path in refused.results.glob("*/manifest.json")] == ["good"]


def test_a_batch_names_its_bad_image(archive, campaign):
    """And the campaign goes on from there, once that is mended."""
    bad = campaign.folder / SECOND
    bad.write_bytes((archive / SECOND).read_bytes()[:200_000])
    rows = [("first", archive / FIRST, {}), ("second", SECOND, {}), ("third", archive / FIRST, {})]
    campaign.write(rows, pipeline="planetary", planetary={"batch": 2})  # lines 2 and 3, line 4
    said = campaign.run(fails=True)
    assert f"planetary_import: 1 of 2 images: second: {SECOND}: cut off: 200000 bytes" in said
    assert {path.parent.name for path in campaign.results.glob("*/*.cub")} == {"third"}
    campaign.write([rows[0], "# second", rows[2]], pipeline="planetary", planetary={"batch": 2})
    assert set(re.findall(r"rule planetary_import(\w*):", campaign.run("--dry-run"))) == {"_1"}
    campaign.write(rows, pipeline="planetary", planetary={"batch": 2})
    shutil.copyfile(archive / SECOND, bad)
    campaign.run()
    assert len(list(campaign.results.glob("*/manifest.json"))) == 3


def test_bad_rows_are_named_at_once(campaign):
    (campaign.folder / "folder").mkdir()
    (campaign.folder / FIRST).write_bytes(b"")
    own = {"title": "Survey", "names": "s.img", "label": {"INSTRUMENT_ID": "SURVEY"}, "areas": ["base"], "stages": {}}
    (campaign.folder / "own.yaml").write_text(yaml.safe_dump({"recipes": {"survey": own}}))
    campaign.write(
        [
            ("flat", FIRST, {}),
            ("located", FIRST, LOCATED),
            ("misspelled", FIRST, {}, "mdiss"),
            ("nameless", "folder", {}),
            ("sourceless", "", {}, "mdis"),
            ("needs_isis", FIRST, {}, "survey"),
            ("web", FIRST, {"geometry": "web"}),
            ("engine", FIRST, {"engine": "isis"}),
            ("batch", FIRST, {"batch": 9}),
            ("program", FIRST, {"parameters": {"mdical": {}}}),
            ("form", FIRST, {"map": {"projection": "sinusodial"}, "parts": 5}),
            ("alone", "", {"images": ["located"]}, "mosaic"),
            ("mosaic", "", {"images": ["located", "flat", "lokated"]}, "mosaic"),
            ("text", "", {"images": "located"}, "mosaic"),
            ("stereo", "", {"images": ["located", "web", "located"]}, "stereo"),
            ("basemap", FIRST, LOCATED | {"map": {"crs": "IAU_2015:12310"}}),
        ],
        pipeline="planetary",
        planetary={"recipes": ["own.yaml"]},
    )
    said = campaign.run("--dry-run", fails=True)
    for text in (
        "line 4 recipe: 'mdiss' is unknown; did you mean 'mdis'?",
        "line 5 recipe: the name of 'folder' does not tell its instrument; known are cassini_iss, colour, ctx, ",
        "line 6 source: an image has one; only rows of mosaic, stereo, colour have none",
        "line 7 recipe: survey needs engine: isis in the config",
        "line 8 options geometry: web needs engine: isis in the config; engine native takes isd",
        "line 9 options: 'engine' is of the whole campaign; set it in the config",
        "line 10 options: 'batch' is of the whole campaign; set it in the config",
        "line 11 options parameters: no recipe runs 'mdical'; did you mean 'mdiscal'?",
        "line 12 options map.projection: 'sinusodial' is unknown; did you mean 'sinusoidal'?",
        "line 12 options parts: is 5, not a list",
        "line 13 options images: name two datasets or more, such as {images: [left, right]}",
        "line 14 options images: 'flat' has no geometry; give it one in its options",
        "line 14 options images: 'lokated' is no planetary image of this sheet; did you mean 'located'?",
        "line 15 options images: is 'located', not a list",
        "line 16 options images: a stereo pair is of two datasets, not of 3",
        "line 16 recipe: stereo needs engine: isis in the config",
        "line 17 options map.crs IAU_2015:12310: right is the number of a body",
    ):
        assert f"datasets.tsv {text}" in said
    assert said.count("datasets.tsv line") == 17
    assert "Traceback" not in said
