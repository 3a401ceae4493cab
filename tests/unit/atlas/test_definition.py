"""Definitions of the Human Brain Project's image tasks and of neuroglancer-scripts as options; the command itself."""

import json
import subprocess
import sys
from pathlib import Path

import imagecodecs
import nibabel
import numpy as np
import pytest

from commands.ingest_ngs import ingest_ngs
from darkroom.atlas.definition import complete as complete_options
from darkroom.atlas.definition import options as definition_options
from darkroom.atlas.definition import read as read_definition

DOOR = Path(__file__).parents[3] / "darkroom"


def full_resolution(**scale):
    scale = {"chunk_sizes": [], "encoding": "raw", "key": "full", "voxel_offset": [0, 0, 0], **scale}
    return {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [scale]}


BIGBRAIN = full_resolution(resolution=[21166.67, 20000, 21166.67], size=[6572, 5711, 100])


def test_the_info_of_the_full_resolution():
    expected = {
        "type": "image",
        "data_type": "uint8",
        "num_channels": 1,
        "encoding": "raw",
        "resolution": [21166.67, 20000, 21166.67],
        "size": [6572, 5711, 100],
        "voxel_offset": [0, 0, 0],
    }
    assert definition_options(BIGBRAIN) == expected
    assert complete_options(expected)["chunk_size"] == 64


def test_what_else_an_info_holds():
    info = full_resolution(size=[1, 1, 1], resolution=[1, 1, 1], chunk_sizes=[[32, 32, 16], [64, 64, 64]])
    info["scales"][0] |= {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
    info |= {"@type": "neuroglancer_multiscale_volume", "mesh": "mesh"}
    completed = complete_options(definition_options(info))
    assert completed["chunk_size"] == [32, 32, 16]
    assert completed["encoding"] == "compressed_segmentation"


def test_options_by_their_own_names():
    assert definition_options({"data_type": "uint8"}) == {"data_type": "uint8"}
    assert definition_options({"orientation": "RIA", "encoding": "jpeg"}) == {"orientation": "RIA", "encoding": "jpeg"}
    assert complete_options({})["type"] == "image"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"enconding": "jpeg"}, "definition: 'enconding' is unknown; did you mean 'encoding'?"),
        ({"scales": [{"resolutoin": [1, 1, 1]}]}, "definition: 'resolutoin' is unknown; did you mean 'resolution'?"),
        ({"xyzzy": 1}, "definition: 'xyzzy' is unknown; known are "),
        ({"encoding": "gif"}, "definition encoding: 'gif' is unknown; known are auto, compressed_segmentation, jpeg"),
        ({"jpeg_quality": 101}, "jpeg_quality: 101 is greater than the maximum of 100"),
        ({"voxel_offset": [0, 0]}, "voxel_offset: [0, 0] is too short"),
        ({"orientation": "upwards"}, "orientation: 'upwards' does not match"),
        ({"scales": "all"}, "definition: `scales` must be a list"),
    ],
)
def test_definitions_that_are_refused(given, text):
    with pytest.raises(ValueError) as failure:
        complete_options(definition_options(given))
    assert text in str(failure.value)


def test_definition_files(tmp_path):
    path = tmp_path / "definition.json"
    path.write_text(json.dumps(BIGBRAIN))
    assert read_definition(definition_file=path) == definition_options(BIGBRAIN)
    assert read_definition() == {}
    path.write_text("[1]")
    with pytest.raises(ValueError, match=r"definition\.json: a definition must be a JSON object"):
        read_definition(definition_file=path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"definition\.json: not JSON"):
        read_definition(definition_file=path)
    with pytest.raises(ValueError, match="not both"):
        read_definition({"type": "image"}, path)


@pytest.fixture
def sections(tmp_path, noise):
    planes = noise(5, 20, 30)
    (tmp_path / "sections").mkdir()
    for number, plane in enumerate(planes):
        (tmp_path / f"sections/s{number + 7}.png").write_bytes(imagecodecs.png_encode(plane))
    return tmp_path / "sections", planes


def test_a_folder_of_sections(sections, tmp_path, block):
    folder, planes = sections
    definition = full_resolution(resolution=[21166.67, 20000, 21166.67], size=[30, 20, 5])
    command = [sys.executable, DOOR, "ingest_ngs", folder, "--destination", tmp_path / "out"]
    subprocess.run([*command, "--definition", json.dumps(definition)], check=True, capture_output=True)
    assert np.array_equal(read(tmp_path / "out"), block(planes))
    again = subprocess.run([*command, "--definition", "{}"], check=False, capture_output=True, text=True)
    assert again.returncode == 1
    assert "out holds other files, such as 2" in again.stderr
    assert np.array_equal(read(tmp_path / "out"), block(planes))


def test_a_volume_file(tmp_path, noise):
    array = noise(6, 7, 8, dtype="int16") % 50
    nibabel.save(nibabel.Nifti1Image(array, np.diag([2, 2, 2, 1])), tmp_path / "v.nii.gz")
    (tmp_path / "d.json").write_text('{"data_type": "uint8"}')
    ingest_ngs(str(tmp_path / "v.nii.gz"), destination=tmp_path / "out", definition_file=tmp_path / "d.json")
    assert json.loads((tmp_path / "out/info").read_text())["data_type"] == "uint8"
    assert np.array_equal(read(tmp_path / "out")[..., 0], array)


def test_sections_of_another_size(sections, tmp_path):
    definition = full_resolution(resolution=[1, 1, 1], size=[31, 20, 5])
    with pytest.raises(ValueError, match=r"size is \[30, 20, 5\], the options expect \[31, 20, 5\]"):
        ingest_ngs(str(sections[0]), destination=tmp_path / "out", definition=definition)
    assert not (tmp_path / "out").exists()


def read(folder):
    import tensorstore

    spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/"}
    return tensorstore.open(spec).result().read().result()
