"""Bad data: one clear line each, on the terminal and in the log; a good dataset beside them is made all the same."""

import json
import re
import subprocess
import sys

import imagecodecs
import nibabel
import numpy as np
import pytest

from campaign import ROOT, Campaign

VOXEL = {"resolution": 1000}


def sections(folder, numbers=range(1, 5), shape=(24, 32), dtype="u1"):
    folder.mkdir(parents=True)
    for number in numbers:
        plane = np.random.default_rng(number).integers(0, 255, shape).astype(dtype)
        (folder / f"s{number}.png").write_bytes(imagecodecs.png_encode(plane))
    return folder


def cut(path, part):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])


def damage(path):
    """Flip a byte in the middle of a file whose ends stay as they are."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """What a campaign of bad datasets and a good one says and leaves."""
    made = Campaign(tmp_path_factory.mktemp("bad"))
    here = made.folder
    sections(here / "good {x}")
    cut(sections(here / "truncated") / "s3.png", 0.6)
    damage(sections(here / "damaged") / "s2.png")
    sections(here / "other_size")
    sections(here / "more", [5], shape=(24, 30))
    (here / "more/s5.png").rename(here / "other_size/s5.png")
    sections(here / "other_type")
    sections(here / "deep", [5], dtype="u2")
    (here / "deep/s5.png").rename(here / "other_type/s5.png")
    sections(here / "gap", [1, 2, 4, 5])
    (sections(here / "stray") / "notes.txt").write_text("looks fine")
    (sections(here / "liar") / "s5.png").write_text("<html>404</html>")
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), "i2"), np.eye(4)), here / "nan.nii")
    with (here / "nan.nii").open("r+b") as file:
        file.seek(280)  # srow_x of the header
        file.write(np.float32(np.nan).tobytes())
    labels = np.full((4, 5, 6), 70_000, "i4")
    nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), here / "labels.nii.gz")
    made.write(
        [
            ("good", "good {x}", VOXEL),
            ("truncated", "truncated", VOXEL),
            ("damaged", "damaged", VOXEL),
            ("other_size", "other_size", VOXEL),
            ("other_type", "other_type", VOXEL),
            ("no_match", "good {x}", VOXEL | {"filter": r"x\d+\.png"}),
            ("gap", "gap", VOXEL),
            ("stray", "stray", VOXEL),
            ("liar", "liar", VOXEL),
            ("nan", "nan.nii", {}),
            ("above", "labels.nii.gz", {"type": "segmentation", "data_type": "uint16", "encoding": "raw"}),
            ("no_resolution", "good {x}", {}),
            ("no_sample", "sample:nothing", {}),
        ]
    )
    made.said = made.run(fails=True)
    return made


def test_the_good_dataset_is_made(refused):
    assert json.loads((refused.results / "good/manifest.json").read_text())["checks"]["precomputed_check"]["passed"]
    assert [path.parent.name for path in refused.results.glob("*/manifest.json")] == ["good"]
    assert not list(refused.results.glob("*/*/info"))[1:]


def test_a_page_of_what_is_there_so_far(refused):
    assert not (refused.results / "index.html").exists()
    page = refused.results / "so-far.html"
    manifests = refused.results.glob("*/manifest.json")
    subprocess.run([sys.executable, ROOT / "scripts/publish_page.py", *manifests, page, "case"], check=True)
    page_of = re.findall(r'<a href="#(.*?)">', page.read_text())
    assert page_of == ["good"]


@pytest.mark.parametrize(
    ("dataset", "rule", "told"),
    [
        ("truncated", "atlas_import", "truncated/s3.png: the image is cut short"),
        ("damaged", "atlas_chunk", "damaged/s2.png: the image is damaged"),
        ("other_size", "atlas_import", "other_size/s5.png is 30 x 24 pixels of uint8 (gray), the other sections are 32 x 24"),
        ("other_type", "atlas_import", "other_type/s5.png is 32 x 24 pixels of uint16"),
        ("no_match", "fetch_input", r"good {x}: none of its 4 files, such as 's1.png'"),
        ("gap", "atlas_import", "gap: section numbers are missing: 3. Say what to do with `missing: blank`"),
        ("stray", "atlas_import", r"stray: not a section image: notes.txt. Choose the sections with `filter`, such as filter: '.*\.png$'"),
        ("liar", "atlas_import", "liar/s5.png is not an image that can be read"),
        ("nan", "atlas_import", "nan.nii: the affine has entries that are no numbers (NaN)"),
        ("above", "atlas_chunk", "labels.nii.gz, slice 0: label 70000 is outside the range of uint16, 0 to 65535"),
        ("no_resolution", "atlas_import", "good {x}: resolution is missing, and the source does not tell it"),
        ("no_sample", "fetch_input", "sample:nothing is unknown; there are calcium, calcium-demo, calcium-easy, calcium-hard, ctx, dropsondes, icartt, labels, lidar"),
    ],
)  # fmt: skip
def test_the_message(refused, dataset, rule, told):
    assert f"{rule}: {told}" in refused.said
    assert told in (refused.folder / f"logs/case/{dataset}/{rule}.log").read_text()
