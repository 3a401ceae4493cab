"""What is published with every dataset: its manifest, checksums that `sha256sum` accepts, and the campaign's page."""

import base64
import hashlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import unquote

import imagecodecs
import numpy as np
import pytest

import publish_manifest
import publish_page
from darkroom.version import VERSION

HOSTILE = '<script>alert("1")</script> & \'"><img src=x onerror=alert(2)> {{ 7 * 7 }} größe'
ODD_NAMES = [
    "a b c",
    " blank first",
    "größe µ 脑.bin",
    "new\nline",
    "back\\slash",
    "re\rturn",
    "*star",
    "-dash",
    "#1?%20",
]
CHECKS = {
    "precomputed_check": {
        "passed": True,
        "scales": [
            {
                "key": "20000_20000_40000",
                "chunks": 1200,
                "values": 29_224_800,
                "psnr_db": 43.594,
                "psnr_floor_db": 35.2,
            },
            {"key": "40000_40000_40000", "chunks": 34, "values": 1_000_000, "psnr_db": None, "psnr_floor_db": 35.2},
        ],
    }
}


def make(folder, name="brain", options=None, notes=(), checks=CHECKS, source="/data/brain", preview=True):
    """A dataset as a pipeline leaves it, published: the folder that holds its manifest."""
    inputs, made = folder / "inputs" / name, folder / "campaign" / name
    for place in (inputs, made / "precomputed/20000_20000_40000"):
        place.mkdir(parents=True, exist_ok=True)
    (inputs / "s1.png").write_bytes(b"section")
    state = (inputs / "s1.png").stat()
    files = [{"name": "s1.png", "bytes": 7, "mtime_ns": state.st_mtime_ns}]
    (inputs / "inventory.json").write_text(json.dumps({"root": str(inputs), "files": files}))
    for chunk in ("0-64_0-64_0-64", "64-128_0-64_0-64"):
        (made / "precomputed/20000_20000_40000" / chunk).write_bytes(chunk.encode())
    (made / "precomputed/info").write_text("{}")
    products = [made / "precomputed/info"]
    if preview:
        (made / "preview.png").write_bytes(imagecodecs.png_encode(np.zeros((20, 30, 3), np.uint8)))
        products.append(made / "preview.png")
    view = {"layers": [{"name": "volume", "type": "image", "source": {"url": "precomputed"}}], "layout": "4panel"}
    (made / "neuroglancer.json").write_text(json.dumps(view))
    record = {"notes": list(notes), "checks": checks, "software": {"numpy": "2.4.6"}, "skipped": ["flat field"]}
    (made / "volume.json").write_text(json.dumps(record))
    row = {"dataset": name, "pipeline": "atlas", "source": source, "options": options or {"type": "image"}}
    publish(folder, made, inputs, products, row)
    return made


def publish(folder, made, inputs, products, row=None):
    publish_manifest.publish_manifest(
        inputs / "inventory.json",
        [str(path) for path in products],
        [str(made / "volume.json")],
        made / "manifest.json",
        made / "checksums.sha256",
        "campaign",
        row or {"dataset": made.name, "pipeline": "atlas", "source": "", "options": {}},
    )


def page_of(*datasets, benchmarks=""):
    page = datasets[0].parent / "index.html"
    publish_page.publish_page([str(made / "manifest.json") for made in datasets], page, "campaign", str(benchmarks))
    return page.read_text()


def sha256sum(folder):
    if not shutil.which("sha256sum"):
        pytest.skip("sha256sum is not installed (GNU coreutils)")
    return subprocess.run(
        ["sha256sum", "--strict", "-c", "checksums.sha256"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        check=False,
    )


# The manifest


def test_sha256sum_accepts_the_checksums(tmp_path):
    made = make(tmp_path)
    accepted = sha256sum(made)
    assert accepted.returncode == 0, accepted.stderr
    listed = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert {line.removesuffix(": OK") for line in accepted.stdout.splitlines()} == listed - {
        "manifest.json",
        "checksums.sha256",
        "neuroglancer.json",  # it was not named as a product here
    }
    (made / "preview.png").write_bytes(b"changed")
    assert sha256sum(made).returncode == 1


def test_sha256sum_accepts_odd_names(tmp_path):
    made = make(tmp_path)
    folder = made / "precomputed/20000_20000_40000"
    for name in ODD_NAMES:
        (folder / name).write_bytes(name.encode())
    (made / "top level.bin").write_bytes(b"top")
    Path(os.fsdecode(bytes(folder) + b"/latin \xfc")).write_bytes(b"not UTF-8")
    publish(tmp_path, made, tmp_path / "inputs/brain", [made / "precomputed/info", made / "top level.bin"])
    accepted = sha256sum(made)
    assert accepted.returncode == 0, accepted.stderr
    products = json.loads((made / "manifest.json").read_text())["products"]
    assert products[0]["files"] == 3 + len(ODD_NAMES) + 1
    assert len((made / "checksums.sha256").read_bytes().splitlines()) == 3 + len(ODD_NAMES) + 1 + 2


def test_digest_of_a_folder_is_that_of_its_lines(tmp_path):
    made = make(tmp_path)
    product = json.loads((made / "manifest.json").read_text())["products"][0]
    lines = (made / "checksums.sha256").read_bytes().splitlines(keepends=True)
    of_folder = [line for line in lines if line[66:].startswith(b"precomputed/")]
    assert product["path"] == "precomputed/"
    assert product["sha256"] == hashlib.sha256(b"".join(of_folder)).hexdigest()
    assert product["files"] == len(of_folder) == 3
    assert product["bytes"] == sum((made / line[66:-1].decode()).stat().st_size for line in of_folder)
    assert of_folder == sorted(of_folder, key=lambda line: line[66:].split(b"/"))


def test_same_bytes_from_the_same_files(tmp_path):
    made = make(tmp_path)
    first = [(made / name).read_bytes() for name in ("manifest.json", "checksums.sha256")]
    shutil.rmtree(tmp_path / "campaign")
    again = make(tmp_path)
    assert [(again / name).read_bytes() for name in ("manifest.json", "checksums.sha256")] == first
    (made / "precomputed/20000_20000_40000/0-64_0-64_0-64").write_bytes(b"another")
    publish(tmp_path, made, tmp_path / "inputs/brain", [made / "precomputed/info", made / "preview.png"])
    products = json.loads((made / "manifest.json").read_text())["products"]
    assert products[0]["sha256"] != json.loads(first[0])["products"][0]["sha256"]
    assert products[1] == json.loads(first[0])["products"][1]


@pytest.mark.parametrize("change", ["content", "size", "gone"])
def test_an_input_that_changed_meanwhile_is_refused(tmp_path, change):
    made = make(tmp_path)
    (made / "manifest.json").unlink()
    section = tmp_path / "inputs/brain/s1.png"
    state = section.stat()
    if change == "gone":
        section.unlink()
    else:
        section.write_bytes(b"another" if change == "content" else b"longer than before")
        later = state.st_mtime_ns + 1000 if change == "content" else state.st_mtime_ns
        os.utime(section, ns=(later, later))
    with pytest.raises((ValueError, FileNotFoundError), match=r"s1\.png( has changed while it was processed)?"):
        publish(tmp_path, made, tmp_path / "inputs/brain", [made / "precomputed/info"])
    assert not (made / "manifest.json").exists()


def test_an_input_that_was_fetched_keeps_the_digest_of_its_arrival(tmp_path):
    made = make(tmp_path)
    file = {"name": "s1.png", "bytes": 7, "sha256": "0" * 64, "url": "https://example.org/s1.png"}
    inventory = tmp_path / "inputs/brain/inventory.json"
    inventory.write_text(json.dumps({"root": "gone", "files": [file]}))
    publish(tmp_path, made, inventory.parent, [made / "precomputed/info"])
    assert json.loads((made / "manifest.json").read_text())["inputs"]["files"] == [file]


def test_a_product_that_is_not_there_is_refused(tmp_path):
    made = make(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"map\.tif"):
        publish(tmp_path, made, tmp_path / "inputs/brain", [made / "map.tif"])


def test_manifest_names_this_version():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


# The page


class Document(html.parser.HTMLParser):
    """Tags, references and texts of a page. Raises ValueError where tags are not nested, ids not unique."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.references, self.ids, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        if self.open or len(set(self.ids)) != len(self.ids):
            raise ValueError(f"left open: {self.open}; ids: {self.ids}")

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            raise ValueError(f"{tag} has an attribute twice: {names}")
        self.tags.append((tag, dict(attrs)))
        self.references += [value for name, value in attrs if name in ("href", "src", "srcset", "action", "data")]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_page_is_well_formed_and_self_contained(tmp_path):
    made = make(tmp_path)
    page = page_of(made)
    document = Document(page)
    assert page.startswith("<!doctype html>")
    assert [tag for tag, _ in document.tags][:2] == ["html", "head"]
    assert re.findall(r"[a-z]+://[^\s\"'&]*", page) == ["precomputed://", "https://neuroglancer-demo.appspot.com/#!"]
    assert "url(" not in page
    assert "@import" not in page
    for reference in document.references:
        if reference.startswith("#"):
            assert unquote(reference[1:]) in document.ids
        elif not reference.startswith("data:"):
            assert (made.parent / unquote(reference)).exists(), reference
    (image,) = document.all("img")
    kind, _, content = image["src"].partition(";base64,")
    decoded = {"data:image/png": imagecodecs.png_decode, "data:image/jpeg": imagecodecs.jpeg8_decode}[kind]
    assert decoded(base64.b64decode(content)).shape[:2] == (20, 30)


def test_page_speaks_to_people(tmp_path):
    exact = {"scales": [{"key": "0.5", "chunks": 1, "values": 2, "largest_difference": 0.0, "exact": True}]}
    checks = {"precomputed_check": {"passed": True, **exact}, "other_check": {"passed": True, "errors": 0, "tool": "x"}}
    benchmarks = tmp_path / "benchmarks"
    for number, (rule, seconds, memory) in enumerate(
        [("atlas_import", "0.4", "NA"), ("atlas_chunk", "3725.2", "1234.5")]
    ):
        path = benchmarks / "brain" / f"{rule}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t-\t{memory}\n")
        os.utime(path, (number, number))
    for number in (0, 1):
        (benchmarks / f"planetary_convert_{number}.tsv").write_text(f"s\th:m:s\tmax_rss\n{number + 3}\t-\t200\n")
    page = page_of(
        make(tmp_path, "brain", notes=["section 13 is missing"]),
        make(tmp_path, "other", checks=checks, preview=False, source=""),
        benchmarks=benchmarks,
    )
    text = Document(page).text
    assert text.startswith("campaign · Darkroom campaign 2 datasets listed: 14 B of raw input")
    for said in (
        "✓ PSNR 43.5 dB or better",
        "precomputed check: 1,234 chunks, 30,224,800 values, PSNR 43.5 dB or better",
        "20 × 20 × 40 µm 1,200 29,224,800 43.59 35.2",  # noqa: RUF001
        "40 × 40 × 40 µm 34 1,000,000 exact 35.2",  # noqa: RUF001
        "✓ precomputed check: 1 chunks, 2 values, exact",
        "✓ other check: passed errors tool 0 x",
        "section 13 is missing",
        "skipped: flat field",
        "Time: 1 h 2 min",
        "atlas_chunk 1 h 2 min 1.2 GB",
        "atlas_import 0.4 s",
        "from a catalogue query",
        "Steps that took many datasets at once: 7.0 s",
        "planetary_convert_1 4.0 s",
    ):
        assert said in text
    assert "bad" not in {tag.get("class") for tag in Document(page).all("span")}
    assert [tag["style"] for tag in Document(page).all("i")] == [
        "width: 100.0%",
        "width: 0.0%",
        "width: 75.0%",
        "width: 100.0%",
        "width: 0.0%",
        "width: 100.0%",
    ]


def test_tables_are_on_the_page_as_far_as_they_are_short(tmp_path):
    made = make(tmp_path)
    (made / "classes.csv").write_text(f"class,label\n0,{HOSTILE}\n")
    spots = "".join(f"{number},{number + 0.5}\n" for number in range(publish_page.ROWS + 1200))
    (made / "hotspots.csv").write_text(f"longitude,hotter_k\n{spots}")
    document = Document(page_of(made))
    assert "Hot spots longitude hotter k 0 0.5 1 1.5" in document.text
    assert (
        f"{publish_page.ROWS - 1}.5 and 1,200 more in hotspots.csv Areas of the classes class label 0 " in document.text
    )
    assert HOSTILE in document.text and len(document.all("script")) == 1
    assert "brain/hotspots.csv" in document.references


def test_hostile_texts_stay_texts(tmp_path):
    checks = {HOSTILE: {"passed": True, HOSTILE: HOSTILE}}
    made = make(tmp_path, options={HOSTILE: HOSTILE, "list": [HOSTILE]}, notes=[HOSTILE], checks=checks, source=HOSTILE)
    page = page_of(made)
    document = Document(page)
    assert len(document.all("script")) == 1
    assert len(document.all("img")) == 1
    assert "alert" not in "".join(document.references)
    assert not [name for _, attributes in document.tags for name in attributes if name.startswith("on")]
    assert document.text.count(HOSTILE) >= 5
    assert json.dumps([HOSTILE], ensure_ascii=False) in document.text


def test_hostile_state_stays_a_state(tmp_path):
    made = make(tmp_path)
    state = {"layers": [{"name": HOSTILE, "source": {"url": "precomputed"}, "shader": HOSTILE + "</script>"}]}
    (made / "neuroglancer.json").write_text(json.dumps(state))
    (hint,) = [tag for tag in Document(page_of(made)).all("span") if tag.get("class") == "view"]
    assert json.loads(hint["data-state"]) == {"layers": [state["layers"][0] | {"name": "brain"}]}
    state["layers"] *= 2
    (made / "neuroglancer.json").write_text(json.dumps(state))
    (hint,) = [tag for tag in Document(page_of(made)).all("span") if tag.get("class") == "view"]
    assert [layer["name"] for layer in json.loads(hint["data-state"])["layers"]] == [f"brain {HOSTILE}"] * 2


def test_page_without_previews_states_checks_or_times(tmp_path):
    made = make(tmp_path, preview=False, checks={})
    (made / "neuroglancer.json").unlink()
    document = Document(page_of(made))
    assert not document.all("img")
    assert "Neuroglancer" not in document.text
    assert "1 dataset listed" in document.text
    assert "none" in document.text


def test_a_check_that_failed_is_not_shown_as_passed(tmp_path):
    made = make(tmp_path, checks={"map_check": {"passed": False, "scales": CHECKS["precomputed_check"]["scales"]}})
    text = Document(page_of(made)).text
    assert "✗ map check: 1,234 chunks, 30,224,800 values, not passed" in text
    assert "✓" not in text


def test_a_large_campaign_links_its_previews(tmp_path):
    first = make(tmp_path, "brain-000")
    datasets = [first]
    for number in range(1, publish_page.EMBEDDED + 1):
        datasets.append(first.parent / f"brain-{number:03}")
        shutil.copytree(first, datasets[-1])
    page = page_of(*datasets)
    images = Document(page).all("img")
    assert "201 datasets listed" in page
    assert [image["src"] for image in images] == [f"{made.name}/preview.png" for made in datasets]
    assert {image["loading"] for image in images} == {"lazy"}
    assert "data:image" in page_of(*datasets[:-1])


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 2), (40, 50, 3), (40, 50, 4), (400, 1900, 3), (30, 2000), (1, 1)])
@pytest.mark.parametrize("kind", ["uint8", "uint16"])
@pytest.mark.parametrize("noise", [0, 3])
def test_any_png_is_a_preview(tmp_path, shape, kind, noise):
    step = np.iinfo(kind).max // 255
    picture = step * np.random.default_rng(1).integers(85 - noise, 86 + noise, shape).astype(kind)
    original = imagecodecs.png_encode(picture)
    (tmp_path / "preview.png").write_bytes(original)
    kind, _, content = publish_page.embedded(tmp_path / "preview.png").partition(";base64,")
    shown = imagecodecs.imread(base64.b64decode(content))
    assert len(base64.b64decode(content)) <= len(original)
    assert kind == "data:image/png" or shown.shape[1] < 2 * publish_page.WIDTH
    assert kind == "data:image/jpeg" or max(shape) < 1900 or not noise
    assert abs(shown[..., :3].mean() / np.iinfo(shown.dtype).max * 255 - 85) < 2 or shape[-1] in (2, 4)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (125, "2 min 5 s"), (3600, "1 h 0 min")],
)
def test_durations(seconds, text):
    assert publish_page.duration(seconds) == text


@pytest.mark.parametrize(
    ("key", "text"), [("1600000_1600000_2000000", "1.6 1.6 2 mm"), ("21166.67_20000_20000", "21.1667 20 20 µm")]
)
def test_voxels(key, text):
    assert re.sub(r"\W+(?=\d)", " ", publish_page.voxel(key).replace(".", "p")).replace("p", ".") == text
    assert publish_page.voxel("level 0") == "level 0"
    assert publish_page.voxel("64_64_64").endswith(" nm")
