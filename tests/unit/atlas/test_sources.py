"""What teams bring: channels, times, series, orientation tags, calibration, and other formats; every value by others."""

import bz2
import gzip
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import h5py
import imagecodecs
import nibabel
import nrrd
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tensorstore
import tifffile
import zarr
from cloudvolume import CloudVolume
from ome_zarr_models.v05.image import Image

from atlas_check_zarr import atlas_check_zarr
from atlas_convert_zarr import atlas_convert_zarr
from campaign import ROOT
from unit.atlas.test_npy_and_zarr import ome_zarr

CASES = Path(os.environ.get("CASES", ROOT / "../shared/cases")) / "atlas"
AFFINE = np.array([[0, -0.2, 0, 3], [0.3, 0, 0, -2], [0, 0, 0.4, 1], [0, 0, 0, 1.0]])


@pytest.fixture
def pictures(tmp_path):
    """`pictures({name: plane})`: a folder of PNG, TIFF or JPEG sections."""

    def written(planes, **options):
        for name, plane in planes.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".tif"):
                tifffile.imwrite(path, plane, **options)
            else:
                PIL.Image.fromarray(plane).save(path, **options)
        return tmp_path

    return written


def zarr_of(volume, folder):
    """The OME-Zarr of a planned volume, checked: the metadata of its group."""
    index = folder / "volume.ome.zarr/zarr.json"
    plan, info = volume.plan_file, volume.folder / "info"
    atlas_convert_zarr(plan.with_name("inventory.json"), plan, info, index, "v")
    atlas_check_zarr(plan, info, index, folder / "precomputed_check.json", folder / "zarr_check.json", "v")
    return json.loads(index.read_text())["attributes"]


def places(volume):
    """Where the centres of the voxels of a volume are in nm, as `info` and `transform.json` say: an affine."""
    scale = volume.scales[0]
    affine = np.diag([*scale["resolution"], 1.0])
    affine[:3, 3] = (np.array(scale["voxel_offset"]) + 0.5) * scale["resolution"]
    path = volume.folder / "transform.json"
    return np.array(json.loads(path.read_text())) @ affine if path.exists() else affine


# Grey values


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero(kind, compression, noise, pictures, make, block):
    planes = noise(3, 20, 31, dtype=kind)
    options = {"photometric": "miniswhite", "compression": compression}
    root = pictures({f"s{number}.tif": plane for number, plane in enumerate(planes)}, **options)
    volume = make(root, resolution=1000)
    assert np.array_equal(volume.voxels(), block(np.iinfo(kind).max - planes))
    assert volume.check()["passed"]
    assert np.array_equal(make(root, resolution=1000, type="segmentation", encoding="raw").voxels(), block(planes))


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_white_is_zero_with_a_sign(kind, noise, pictures, make, block):
    """There is no value that stands for black: values are kept, and the tag is noted."""
    planes = noise(3, 20, 31, dtype=kind)
    root = pictures({f"s{number}.tif": plane for number, plane in enumerate(planes)}, photometric="miniswhite")
    volume = make(root, resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes))
    assert "0 is white by the tag of the files; their values of" in volume.notes
    assert volume.check()["passed"]


def test_an_orientation_tag_of_pages(noise, make, block, tmp_path):
    planes = noise(3, 20, 31)
    tifffile.imwrite(tmp_path / "v.tif", planes, photometric="minisblack", extratags=[(274, "H", 1, 3, True)])
    volume = make(tmp_path / "v.tif", resolution=1000)
    with tifffile.TiffFile(tmp_path / "v.tif") as tiff:
        turned = [274 in page.tags for page in tiff.pages]
    assert turned[0]
    expected = np.stack([plane[::-1, ::-1] if turn else plane for plane, turn in zip(planes, turned, strict=True)])
    assert np.array_equal(volume.voxels(), block(expected))
    assert volume.check()["passed"]


def test_white_is_zero_in_pages(noise, make, block, tmp_path):
    planes = noise(3, 20, 31, dtype="uint16")
    tifffile.imwrite(tmp_path / "v.tif", planes, photometric="miniswhite")
    volume = make(tmp_path / "v.tif", resolution=1000)
    assert np.array_equal(volume.voxels(), block(65535 - planes))
    assert "0 is white by the tag of the files" in volume.notes


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_orientation_tags(turn, suffix, noise, make, block, tmp_path):
    """As Pillow shows them; one section of three has a tag, and the others the size that it has when shown."""
    shown = []
    for number in range(3):
        tag = turn if number == 1 else 1
        picture = PIL.Image.fromarray(noise(20, 31, seed=number) if tag < 5 else noise(31, 20, seed=number))
        exif = PIL.Image.Exif()
        exif[274] = tag
        options = {"tiffinfo": {274: tag}} if suffix == ".tif" else {"exif": exif}
        picture.save(tmp_path / f"s{number}{suffix}", **options)
        if suffix == ".jpg":  # whose values are others
            picture = PIL.Image.open(tmp_path / f"s{number}{suffix}")
        picture.getexif()[274] = tag
        shown.append(np.asarray(PIL.ImageOps.exif_transpose(picture)))
    volume = make(tmp_path, resolution=1000, chunk_size=8)
    assert np.array_equal(volume.voxels(), block(np.stack(shown)))
    assert volume.check()["passed"]
    assert (f"of 1 of 3 sections is applied: s1{suffix} ({turn})" in volume.notes) == (turn > 1)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_as_libjpeg_turbo_decodes_it(subsampling, noise, pictures, make, block, tmp_path):
    planes = noise(2, 40, 50, 3)
    root = pictures({f"s{number}.jpg": plane for number, plane in enumerate(planes)}, subsampling=subsampling)
    expected = np.stack([imagecodecs.jpeg8_decode((root / f"s{number}.jpg").read_bytes()) for number in range(2)])
    volume = make(root, resolution=1000)
    assert np.array_equal(volume.voxels(), block(expected))
    assert volume.check()["passed"]


def test_jpeg_in_tiff_as_tifffile_decodes_it(noise, pictures, make, block):
    options = {"compression": "jpeg", "photometric": "ycbcr", "tile": (32, 32), "subsampling": (2, 2)}
    root = pictures({f"s{number}.tif": noise(70, 50, 3, seed=number) for number in range(2)}, **options)
    volume = make(root, resolution=1000, chunk_size=16)
    assert np.array_equal(volume.voxels(), block(np.stack([tifffile.imread(root / f"s{n}.tif") for n in range(2)])))
    assert volume.check()["passed"]


@pytest.mark.parametrize("suffix", [".jp2", ".j2k"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3)])
def test_jpeg_2000(suffix, shape, noise, make, block, tmp_path):
    planes = np.stack(
        [noise(*shape, seed=number, dtype="uint16" if len(shape) == 2 else "uint8") for number in range(3)]
    )
    for number, plane in enumerate(planes):
        content = imagecodecs.jpeg2k_encode(plane, level=0, codecformat=suffix[1:], reversible=True)
        (tmp_path / f"s{number}{suffix}").write_bytes(content)
    volume = make(tmp_path, resolution=1000, chunk_size=16)
    assert np.array_equal(volume.voxels(), block(planes))
    assert volume.check()["passed"]


def test_jpeg_2000_with_a_palette(noise, make, block, tmp_path):
    """Colours of an image, numbers of labels; boxes by ISO 15444-1, I.5.3."""
    palette, planes = noise(16, 3), noise(3, 20, 30) % 16

    def box(kind, content):
        return struct.pack(">I", len(content) + 8) + kind + content

    head = box(b"ihdr", struct.pack(">IIHBBBB", 20, 30, 1, 7, 7, 0, 0)) + box(
        b"colr", struct.pack(">BBBI", 1, 0, 0, 16)
    )
    head += box(b"pclr", struct.pack(">HB", 16, 3) + bytes([7] * 3) + palette.tobytes())
    head += box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, band) for band in range(3)))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", head)
    for number, plane in enumerate(planes):
        codestream = imagecodecs.jpeg2k_encode(plane, level=0, codecformat="j2k")
        (tmp_path / f"s{number}.jp2").write_bytes(start + box(b"jp2c", codestream))
    for expected, options in (palette[planes], {}), (planes, {"type": "segmentation"}):
        volume = make(tmp_path, resolution=1000, **options)
        assert np.array_equal(volume.voxels(), block(expected))
        assert volume.check()["passed"]


# Channels

NAMES = {
    "folders": ["ch1/s1.png", "ch1/s2.png", "ch2/s1.png", "ch2/s2.png"],
    "folders of dyes": ["DAPI/s1.png", "DAPI/s2.png", "GFP/s1.png", "GFP/s2.png"],
    "at the end": ["s1_C1.png", "s2_C1.png", "s1_C2.png", "s2_C2.png"],
    "in the middle": ["a_ch00_z1.png", "a_ch00_z2.png", "a_ch01_z1.png", "a_ch01_z2.png"],
    "folders and names": ["ch1/s1_ch1.png", "ch1/s2_ch1.png", "ch2/s1_ch2.png", "ch2/s2_ch2.png"],
    "folders and words": ["DAPI/s1_DAPI.png", "DAPI/s2_DAPI.png", "GFP/s1_GFP.png", "GFP/s2_GFP.png"],
    "words": ["s1_DAPI.png", "s2_DAPI.png", "s1_GFP.png", "s2_GFP.png"],
    "words with numbers": ["s1_Cy5.png", "s2_Cy5.png", "s1_DAPI.png", "s2_DAPI.png"],
    "in front": ["C1-s1.png", "C1-s2.png", "C2-s1.png", "C2-s2.png"],
}


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
def test_channels_are_told_by_names(names, noise, pictures, make, block):
    planes = noise(4, 12, 17)
    volume = make(pictures(dict(zip(names, planes, strict=True))), resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes.reshape(2, 2, 12, 17).transpose(1, 2, 3, 0)))
    assert volume.check()["passed"]
    assert len(set(volume.plan["channels"])) == 2


def test_channels_by_a_pattern(noise, pictures, make, refuses, block):
    planes = noise(4, 12, 17)
    names = ["GFP_1.png", "GFP_2.png", "red_1.png", "red_2.png"]
    root = pictures(dict(zip(names, planes, strict=True)))
    volume = make(root, resolution=1000, channels="^([A-Za-z]+)_")
    assert volume.plan["channels"] == ["GFP", "red"]
    assert np.array_equal(volume.voxels(), block(planes.reshape(2, 2, 12, 17).transpose(1, 2, 3, 0)))
    refuses(root, "the pattern of `channels`, '^(GFP)_', matches nothing in red_1.png", channels="^(GFP)_")
    (root / "red_2.png").unlink()
    refuses(root, "channel red has no slice that goes with GFP_2.png", channels="^([A-Za-z]+)_")


def test_previews_are_no_channels(noise, pictures, make, refuses, block):
    names, planes = ["s1.jpg", "s2.jpg", "s1.tif", "s2.tif"], noise(4, 12, 17)
    root = pictures(dict(zip(names, planes, strict=True)))
    refuses(root, "files that differ in their ending alone: s1.jpg, s1.tif, s2.jpg, s2.tif. Choose with `filter`")
    assert np.array_equal(make(root, names[2:], resolution=1000).voxels(), block(planes[2:]))


def test_no_channels_where_none_are_wanted_or_told(noise, pictures, make, block):
    planes = noise(4, 12, 17)
    root = pictures({f"c{number}.png": plane for number, plane in enumerate(planes, 1)})
    assert np.array_equal(make(root, resolution=1000).voxels(), block(planes))
    for name in ("c1", "c2", "c3", "c4"):
        (root / f"{name}.png").rename(root / f"a_{name}.png")
    assert make(root, resolution=1000, channels="none").voxels().shape == (17, 12, 4, 1)
    assert make(root, resolution=1000).voxels().shape == (17, 12, 1, 4)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_names_of_channels_reach_viewer_and_zarr(kind, noise, make, tmp_path):
    channels = {
        "axes": "ZCYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        "PhysicalSizeX": 1,
        "PhysicalSizeY": 1,
        "PhysicalSizeZ": 2,
    }
    tifffile.imwrite(tmp_path / "v.ome.tif", noise(3, 2, 12, 17, dtype=kind), ome=True, metadata=channels)
    from atlas_plot import atlas_plot

    volume = make(tmp_path / "v.ome.tif")
    atlas_plot(volume.plan_file, volume.folder / "info", tmp_path / "p.png", tmp_path / "view.json")
    layers = json.loads((tmp_path / "view.json").read_text())["layers"]
    assert [layer["name"] for layer in layers] == ["DAPI", "GFP"]
    assert [layer["shaderControls"]["normalized"]["channel"] for layer in layers] == [[0], [1]]
    assert [channel["label"] for channel in zarr_of(volume, tmp_path)["ome"]["omero"]["channels"]] == ["DAPI", "GFP"]
    Image.from_zarr(zarr.open_group(tmp_path / "volume.ome.zarr", mode="r"))  # is judged by that


def test_channels_of_stacks(noise, make, block, tmp_path):
    """Split channels of ImageJ: a file of all slices for each."""
    planes = noise(2, 5, 12, 17)
    for number, channel in enumerate(planes, 1):
        tifffile.imwrite(tmp_path / f"C{number}-brain.tif", channel, imagej=True, metadata={"axes": "ZYX"})
    volume = make(tmp_path, resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes.transpose(1, 2, 3, 0)))
    assert volume.check()["passed"]


# Time, series, blocks


def test_time_of_tiff_and_zarr(noise, make, refuses, block, tmp_path):
    planes = noise(3, 4, 12, 17)
    tifffile.imwrite(tmp_path / "v.tif", planes, imagej=True, metadata={"axes": "TZYX"})
    tifffile.imwrite(
        tmp_path / "o.ome.tif", planes[:, :, None], ome=True, metadata={"axes": "TZCYX"}, compression="zlib"
    )
    ome_zarr(tmp_path / "v.ome.zarr", planes, "tzyx", "0.4")
    for source in ("v.tif", "o.ome.tif", "v.ome.zarr"):
        refuses(tmp_path / source, "the axis t (3) is time, neither space nor channel; choose one with `time`")
        refuses(tmp_path / source, "there is no time 3, it has 0 to 2", time=3)
        volume = make(tmp_path / source, resolution=1000, time=1)
        assert np.array_equal(volume.voxels(), block(planes[1]))
        assert volume.check()["passed"]
        assert "time 1 of 0 to 2 is read" in volume.notes


@pytest.mark.parametrize("name", ["t{}_z{}.png", "t{}/z{}.png", "a_T00{}_Z00{}.tif", "time {}/s{}_ch1.png"])
def test_times_that_names_tell(name, noise, pictures, make, refuses, block):
    planes = noise(6, 12, 17)
    names = [name.format(time, place) for time in range(2) for place in range(3)]
    root = pictures(dict(zip(names, planes, strict=True)))
    refuses(root, "the axis t (2) is time, neither space nor channel; choose one with `time`, from 0 to 1")
    volume = make(root, resolution=1000, time=1)
    assert np.array_equal(volume.voxels(), block(planes[3:]))
    assert "time 1 of 0 to 1 is read, which the names of the files tell" in volume.notes


def test_a_letter_t_that_is_no_time(noise, pictures, make, block):
    planes = noise(4, 12, 17)
    root = pictures({f"t{number}.png": plane for number, plane in enumerate(planes)})
    assert np.array_equal(make(root, resolution=1000).voxels(), block(planes))


def test_time_is_never_depth(noise, refuses, tmp_path):
    tifffile.imwrite(tmp_path / "v.ome.tif", noise(7, 12, 17), ome=True, metadata={"axes": "TYX"})
    refuses(tmp_path / "v.ome.tif", "the axis t (7) is time")


def test_a_pyramid_with_other_series(noise, make, refuses, block, tmp_path):
    """As slide scanners write them: the image with its coarser levels, then a label and an overview."""
    planes, label = noise(3, 2, 40, 60, dtype="uint16"), noise(9, 8, 3)
    with tifffile.TiffWriter(tmp_path / "v.ome.tif", ome=True) as tiff:
        tiff.write(planes, subifds=1, tile=(16, 16), compression="zlib", metadata={"axes": "ZCYX", "Name": "brain"})
        tiff.write(planes[..., ::2, ::2], subfiletype=1, tile=(16, 16), compression="zlib")
        tiff.write(label, photometric="rgb", metadata={"axes": "YXS", "Name": "label"})
    volume = make(tmp_path / "v.ome.tif", resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes.transpose(0, 2, 3, 1)))
    assert volume.check()["passed"]
    assert "series 0 of v.ome.tif is read; others are 1 (label)" in volume.notes
    assert np.array_equal(make(tmp_path / "v.ome.tif", resolution=1000, series=1).voxels(), block(label[None]))
    refuses(tmp_path / "v.ome.tif", "there is no series 2, it has 0 to 1", series=2)


def test_blocks_of_pages(noise, make, refuses, block, tmp_path):
    planes = noise(12, 12, 17, dtype="uint16")
    for number, (low, high) in enumerate([(0, 4), (4, 8), (8, 11), (11, 12)], 9):  # 9, 10, 11, 12
        tifffile.imwrite(
            tmp_path / f"block{number}.tif", planes[low:high], compression="zlib", photometric="minisblack"
        )
    volume = make(tmp_path, resolution=1000, chunk_size=5)
    assert np.array_equal(volume.voxels(), block(planes))
    assert volume.check()["passed"]
    (tmp_path / "block10.tif").unlink()
    refuses(tmp_path, "section numbers are missing: 10")
    refuses(tmp_path, "files have several slices each", missing="blank")


@pytest.mark.parametrize("linked", ["folder", "files"])
def test_links_to_pages(linked, noise, make, block, tmp_path):
    """Data lies elsewhere more often than not: in an archive at another depth, behind a link."""
    array = noise(6, 12, 17)
    archive, place = tmp_path / "archive/of/old", tmp_path / "data"
    archive.mkdir(parents=True)
    for number in range(2):
        tifffile.imwrite(archive / f"{number}.tif", array[3 * number : 3 * number + 3], photometric="minisblack")
    if linked == "folder":
        place.symlink_to(archive)
    else:
        place.mkdir()
        for path in archive.iterdir():
            (place / path.name).symlink_to(path)
    volume = make(place, resolution=1000)
    assert np.array_equal(volume.voxels(), block(array))
    assert volume.check()["passed"]


def test_a_slide_of_jpeg_tiles(noise, make, block, tmp_path):
    """As Aperio writes it: the description tells pixels of 0.5 um, and the distance of sections is not known."""
    with tifffile.TiffWriter(tmp_path / "v.svs") as tiff:
        about = "Aperio Image Library v1\r\n70x50 (32x32) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5"
        options = {"tile": (32, 32), "compression": "jpeg", "photometric": "rgb", "metadata": None}
        tiff.write(noise(50, 70, 3), description=about, **options)
        tiff.write(noise(25, 35, 3), description=about, **options | {"tile": None})
    with pytest.raises(
        ValueError, match=r"of the voxel size the source tells a part \(columns 500 nm, rows 500 nm, slices not told"
    ):
        make(tmp_path / "v.svs")
    volume = make(tmp_path / "v.svs", resolution=[500, 500, 4000])
    with tifffile.TiffFile(tmp_path / "v.svs") as tiff:
        expected = tiff.series[0].asarray()
    assert np.array_equal(volume.voxels(), block(expected[None]))
    assert volume.check()["passed"]


def test_calibration_of_imagej(noise, make, tmp_path):
    for unit, nanometres in (("um", 1000), ("micron", 1000), ("\\u00B5m", 1000), ("mm", 1e6), ("inch", 25.4e6)):
        metadata = {"spacing": 3.0, "unit": unit, "axes": "ZYX"}
        options = {"imagej": True, "resolution": (2, 4), "metadata": metadata}
        tifffile.imwrite(tmp_path / "v.tif", noise(5, 12, 17), **options)
        assert make(tmp_path / "v.tif").scales[0]["resolution"] == pytest.approx(
            [nanometres / 2, nanometres / 4, nanometres * 3]
        )


# Place


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("orientation", ["RAS", "RPI", "PIR"])
def test_translation_and_scale_are_kept(version, orientation, noise, make, tmp_path):
    """In `info` with its transform and in the OME-Zarr, where each voxel is at the place that the source says."""
    array = noise(6, 5, 4)
    ome_zarr(tmp_path / "v.ome.zarr", array, "zyx", version)
    path = tmp_path / "v.ome.zarr" / ("zarr.json" if version == "0.5" else ".zattrs")
    metadata = json.loads(path.read_text())
    image = (metadata["attributes"]["ome"] if version == "0.5" else metadata)["multiscales"][0]
    image["datasets"][0]["coordinateTransformations"].append(
        {"type": "translation", "translation": [100, 200, 300.125]}
    )
    image["coordinateTransformations"] = [
        {"type": "scale", "scale": [2, 1, 1]},
        {"type": "translation", "translation": [1, 0, 0]},
    ]
    path.write_text(json.dumps(metadata))
    volume = make(tmp_path / "v.ome.zarr", orientation=orientation)
    turn = nibabel.orientations.axcodes2ornt(orientation)
    axes = np.zeros((4, 4))
    axes[turn[:, 0].astype(int), range(3)] = turn[:, 1]
    axes[3, 3] = 1
    # From column, row, slice to nm: 2.0, 0.5, 0.25 um along z, y, x, and what was added.
    source = axes @ np.array([[250, 0, 0, 300125], [0, 500, 0, 200000], [0, 0, 4000, 201000], [0, 0, 0, 1.0]])
    voxels, affine = volume.voxels()[..., 0], places(volume)
    for z, y, x in np.ndindex(array.shape):
        place = source @ [x, y, z, 1]
        index = np.round(np.linalg.inv(affine) @ place, 6)[:3].astype(int)
        assert voxels[tuple(index)] == array[z, y, x]
    about = zarr_of(volume, tmp_path)
    scale, moved = about["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert np.allclose(affine[:3, 3], moved["translation"][::-1], rtol=0, atol=1e-5)
    assert np.allclose(np.diag(affine)[:3], scale["scale"][::-1])
    assert "transform" not in about["darkroom"]


def test_an_ome_zarr_of_ours_comes_out_as_it_was(noise, make, tmp_path):
    """Made of a volume with an offset, read again: the same place, with nothing left to a transform."""
    np.save(tmp_path / "v.npy", noise(6, 5, 4))
    first = make(tmp_path / "v.npy", resolution=[300, 400, 1000], voxel_offset=[7, -3, 11])
    before = zarr_of(first, tmp_path)["ome"]
    second = make(tmp_path / "volume.ome.zarr")
    assert second.scales == first.scales
    assert second.plan["transform"] is None
    (tmp_path / "again").mkdir()
    assert zarr_of(second, tmp_path / "again")["ome"] == before


def test_bioformats2raw(noise, make, refuses, block, tmp_path):
    root, arrays = tmp_path / "v.zarr", [noise(3, 12, 17, seed=number) for number in range(2)]
    for number, array in enumerate(arrays):
        ome_zarr(root / str(number), array, "zyx", "0.4")
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    (root / ".zattrs").write_text('{"bioformats2raw.layout": 3}')
    volume = make(root)
    assert np.array_equal(volume.voxels(), block(arrays[0]))
    assert "series 0 of v.zarr is read; others are 1" in volume.notes
    assert np.array_equal(make(root, series=1).voxels(), block(arrays[1]))
    refuses(root, "there is no series 2", series=2)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_ome_zarr_of_before(version, nested, noise, make, block, tmp_path):
    """Axes without units or none at all, no scale; chunks in folders, said or not."""
    array = noise(1, 2, 9, 12, 17)
    store = tensorstore.open(
        {
            "driver": "zarr",
            "kvstore": f"file://{tmp_path}/v.zarr/0/",
            "metadata": {"chunks": [1, 1, 4, 8, 8], "dimension_separator": "/" if nested else "."},
        },
        create=True,
        dtype=array.dtype,
        shape=array.shape,
    ).result()
    store[...] = array
    described = json.loads((tmp_path / "v.zarr/0/.zarray").read_text())
    described.pop("dimension_separator", None)
    (tmp_path / "v.zarr/0/.zarray").write_text(json.dumps(described))
    image = {"version": version, "datasets": [{"path": "0"}]} | ({"axes": list("tczyx")} if version == "0.3" else {})
    (tmp_path / "v.zarr/.zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "v.zarr/.zattrs").write_text(json.dumps({"multiscales": [image]}))
    volume = make(tmp_path / "v.zarr", resolution=1000)
    assert np.array_equal(volume.voxels(), block(array[0].transpose(1, 2, 3, 0)))
    assert volume.check()["passed"]


def test_labels_within_an_ome_zarr(noise, make, refuses, tmp_path):
    affine = {"coordinateTransformations": [{"type": "scale", "scale": [2, 0.5, 0.25]}]}
    for name in ("v.zarr", "v.zarr/labels/cells"):
        group = zarr.open_group(tmp_path / name, mode="a", zarr_format=3)
        group.create_array("0", data=noise(5, 6, 7))
        axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
        image = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": [{"path": "0", **affine}]}]}
        group.attrs["ome"] = image | ({"image-label": {"version": "0.5"}} if "cells" in name else {})
    zarr.open_group(tmp_path / "v.zarr/labels", mode="a", zarr_format=3).attrs["ome"] = {"labels": ["cells"]}
    assert "left out of the source: its labels (cells)" in make(tmp_path / "v.zarr").notes
    labels = make(tmp_path / "v.zarr/labels/cells", type="segmentation")
    assert labels.voxels().shape == (7, 6, 5, 1)
    assert "left out of the source: the colours and properties of its labels" in labels.notes
    refuses(tmp_path / "v.zarr/labels", "labels is a group of labels (cells); give the folder of one")


def test_a_plate_and_scales_in_another_order(noise, make, refuses, block, tmp_path):
    array = noise(5, 6, 7)
    ome_zarr(tmp_path / "v.zarr/A/1/0", array, "zyx", "0.5")
    for name, about in ("v.zarr", {"plate": {"wells": [{"path": "A/1"}]}}), ("v.zarr/A/1", {"well": {"images": []}}):
        zarr.open_group(tmp_path / name, mode="a", zarr_format=3).attrs["ome"] = about
        (kind,) = about
        refuses(tmp_path / name, f"{name} is a {kind} of many images; give the folder of one (row/column/field)")
    path = tmp_path / "v.zarr/A/1/0/zarr.json"
    group = json.loads(path.read_text())
    datasets = group["attributes"]["ome"]["multiscales"][0]["datasets"]
    datasets[1]["coordinateTransformations"] = [{"type": "scale", "scale": [4, 1, 0.5]}]
    datasets.reverse()
    path.write_text(json.dumps(group))
    assert np.array_equal(make(tmp_path / "v.zarr/A/1/0").voxels(), block(array))


def test_two_zarrs_in_a_folder(noise, refuses, tmp_path):
    for name in "ab":
        ome_zarr(tmp_path / f"{name}.zarr", noise(3, 12, 17), "zyx", "0.4")
    refuses(tmp_path, "there are 2 Zarr folders, a.zarr, b.zarr; choose one with `filter`")


TRANSFORMS = {
    "a permutation": [[0, -1, 0, "2 mm"], [0, 0, 1, -5000], [1, 0, 0, 0]],
    "whole voxels": [[1, 0, 0, 3000], [0, 1, 0, "-4 um"], [0, 0, 1, 0]],
    "oblique": [[0.8, -0.6, 0, 1], [0.6, 0.8, 0, 2], [0, 0, 2, "3 um"], [0, 0, 0, 1]],
}


@pytest.mark.parametrize("matrix", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("kind", ["npy", "nii", "ome.zarr"])
def test_a_volume_through_an_affine(matrix, kind, noise, make, tmp_path):
    """Every voxel keeps its value, at the place that the matrix takes it to."""
    array = noise(4, 5, 6)
    options = {"resolution": [1000, 2000, 4000], "voxel_offset": [1, 0, 0]} if kind == "npy" else {}
    if kind == "npy":
        np.save(tmp_path / "v.npy", array)
    elif kind == "nii":
        nibabel.save(nibabel.Nifti1Image(array.T, AFFINE), tmp_path / "v.nii")
    else:
        ome_zarr(tmp_path / "v.ome.zarr", array, "zyx", "0.5")
    before, after = make(tmp_path / f"v.{kind}", **options), make(tmp_path / f"v.{kind}", transform=matrix, **options)
    rows = [[*row[:3], {"2 mm": 2e6, "-4 um": -4000, "3 um": 3000}.get(row[3], row[3])] for row in matrix[:3]]
    to_index = np.linalg.inv(places(after)) @ np.array([*rows, [0, 0, 0, 1]], float) @ places(before)
    voxels, moved = before.voxels(), after.voxels()
    for index in np.ndindex(voxels.shape[:3]):
        place = (to_index @ [*index, 1])[:3]
        assert np.allclose(place, np.round(place), atol=1e-4)
        assert moved[tuple(np.round(place).astype(int))] == voxels[index]
    assert after.check()["passed"]
    if matrix == TRANSFORMS["whole voxels"] and kind == "npy":
        assert after.plan["transform"] is None and after.scales[0]["voxel_offset"] == [4, -2, 0]


@pytest.mark.parametrize(
    ("matrix", "text"),
    [
        ([[1, 0, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0]], "transform is singular, it flattens the volume"),
        ([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]], "transform: the last row is [0, 0, 1, 1]"),
        ([[1, 0, 0, "2 parsec"], [0, 1, 0, 0], [0, 0, 1, 0]], "'2 parsec' is no length"),
    ],
)
def test_transforms_that_are_refused(matrix, text, noise, refuses, tmp_path):
    np.save(tmp_path / "v.npy", noise(4, 5, 6))
    refuses(tmp_path / "v.npy", text, transform=matrix)


# Numbers


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        ([1e300, 0.5], {}, "value 1e+300 is outside the range of float32"),
        ([2.0**24 + 1, 0], {}, "value 16777217 is no float32 number, the nearest is 16777216"),
        (np.array([2**24 + 1, 0]), {"data_type": "float32"}, "value 16777217 is no float32 number"),
        (np.array([2**62 + 1, 0], "u8"), {"data_type": "float32"}, "is no float32 number"),
    ],
)
def test_values_that_float32_cannot_hold(values, options, text, refuses, tmp_path):
    np.save(tmp_path / "v.npy", np.asarray(values).reshape(1, 1, -1))
    refuses(tmp_path / "v.npy", text, **options)


def test_what_float32_rounds_is_told(noise, make, tmp_path):
    np.save(tmp_path / "v.npy", noise(9, 9, 9, dtype="float64"))
    volume = make(tmp_path / "v.npy", resolution=1000)
    assert "float64 values are stored as float32, rounded to its 24 bits" in volume.notes
    (figures,) = volume.check()["scales"]
    assert not figures["exact"]
    assert 0 < figures["largest_difference"] < 1e-6
    np.save(tmp_path / "v.npy", noise(9, 9, 9, dtype="float32").astype("f8"))
    assert make(tmp_path / "v.npy", resolution=1000).check()["scales"][0]["exact"]


@pytest.mark.parametrize("background", [-1, [-1, 7], "nan", ["nan", 7]])
def test_background_of_labels(background, make, refuses, tmp_path):
    stored = np.array([[[0, 3, 7, 9, -1 if "nan" not in str(background) else np.nan]]])
    np.save(tmp_path / "v.npy", stored)
    refuses(tmp_path / "v.npy", "`background: ", type="segmentation")
    volume = make(tmp_path / "v.npy", resolution=1000, type="segmentation", background=background)
    expected = [0, 3, 0 if isinstance(background, list) else 7, 9, 0]
    assert volume.voxels().ravel().tolist() == expected
    assert volume.check()["passed"]


def test_labels_with_a_slope(make, refuses, tmp_path):
    image = nibabel.Nifti1Image(np.arange(8, dtype="i2").reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(0.5, 0)
    nibabel.save(image, tmp_path / "v.nii")
    refuses(
        tmp_path / "v.nii", "slope 0.5 and intercept 0 of the header", "`ignore_scaling: true`", type="segmentation"
    )
    volume = make(tmp_path / "v.nii", type="segmentation", ignore_scaling=True)
    assert np.array_equal(
        np.sort(volume.voxels().ravel()),
        np.sort(np.asarray(nibabel.load(tmp_path / "v.nii").dataobj.get_unscaled()).ravel()),
    )


# Names

ORDERS = {
    "below 0 and above": (["z+0", "z+1", "z-1", "z-2"], ["z-2", "z-1", "z+0", "z+1"], None),
    "below 0": (["z0", "z1", "z-1", "z-2"], ["z-2", "z-1", "z0", "z1"], None),
    "below 0, 10": (["b-10", "b-9", "b0", "b9"], None, "section numbers are missing"),
    "decimals": (
        ["b0.00", "b0.25", "b-0.25", "b-1.50", "b-1.25"],
        ["b-1.50", "b-1.25", "b-0.25", "b0.00", "b0.25"],
        None,
    ),
    "dashes": (["s-1", "s-10", "s-2"], None, "section numbers are missing: 3, 4, 5, 6, 7 and 2 more"),
    "two that vary": (["s1_t17", "s2_t35", "s4_t61"], None, "section numbers are missing: 3"),
    "two levels": (["a1_s1", "a1_s2", "a1_s4", "a2_s1"], None, "section numbers are missing: 3 beside a1_s1"),
    "levels": (["a1_s1", "a1_s2", "a2_s1", "a2_s2"], ["a1_s1", "a1_s2", "a2_s1", "a2_s2"], None),
    "a group": (["a1_s1", "a1_s2", "a3_s1", "a4_s1"], None, "counts groups from 1 to 4, some of which are missing"),
}


@pytest.mark.parametrize(("names", "order", "text"), ORDERS.values(), ids=ORDERS)
def test_order_and_gaps(names, order, text, pictures, make, refuses):
    root = pictures({f"{name}.png": np.full((5, 6), number, "u1") for number, name in enumerate(names)})
    if text:
        refuses(root, text)
    else:
        numbers = make(root, resolution=1000).voxels()[0, 0, :, 0].tolist()
        assert [names[number] for number in numbers] == order


# Formats


def canonical(image):
    """Values and affine in nm of nibabel's nearest RAS+ image."""
    turned = nibabel.as_closest_canonical(image)
    return np.asarray(turned.dataobj), np.diag([1e6, 1e6, 1e6, 1]) @ turned.affine


def saved(kind, values, folder):
    """A volume of a format that nibabel writes."""
    image = nibabel.Nifti1Image(values, AFFINE)
    path = folder / f"v{kind}"
    if kind.startswith(".mg"):
        nibabel.save(nibabel.MGHImage(values, AFFINE), path)
    elif kind == ".nii.bz2":
        path.write_bytes(bz2.compress(image.to_bytes()))
    elif kind == " pair.hdr":
        nibabel.save(nibabel.Nifti1Pair(values, AFFINE), folder / "v pair.img")
    elif kind == " spm.hdr":
        nibabel.save(nibabel.Spm99AnalyzeImage(values, np.diag([-2.0, 3, 4, 1])), folder / "v spm.img")
    else:
        nibabel.save(image, path)
    return path


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("kind", [".mgz", ".mgh", ".nii.bz2", " pair.hdr", " spm.hdr", ".nii"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_what_nibabel_reads(kind, dtype, noise, make, tmp_path):
    if (kind, dtype) == (" spm.hdr", "uint8"):
        dtype = "int32"
    path = saved(kind, noise(9, 8, 7, dtype=dtype), tmp_path)
    for source in (path, tmp_path):
        volume = make(source, chunk_size=4)
        values, affine = canonical(nibabel.load(path))
        assert np.array_equal(volume.voxels()[..., 0], values)
        assert np.allclose(places(volume), affine, rtol=0, atol=0.5)
        assert volume.check()["passed"]


def minc(path, values, valid, low, high):
    """A MINC 2 file of (z, y, x) with a range of real values for each slice."""
    with h5py.File(path, "w") as file:
        own = file.create_group("minc-2.0")
        image = own.create_group("image/0")
        stored = image.create_dataset("image", data=values)
        stored.attrs["dimorder"] = np.bytes_("zspace,yspace,xspace")
        stored.attrs["valid_range"] = np.array(valid, "f8")
        for name, bound in (("image-min", low), ("image-max", high)):
            image.create_dataset(name, data=np.asarray(bound, "f8")).attrs["dimorder"] = np.bytes_("zspace")
        for number, (name, size) in enumerate(zip(("zspace", "yspace", "xspace"), values.shape, strict=True)):
            one = own.create_dataset(f"dimensions/{name}", data=0)
            one.attrs.update({"start": -3.0 * number, "step": 1.0 + number, "length": size})
            one.attrs["direction_cosines"] = np.eye(3)[2 - number]


def test_minc(noise, make, tmp_path):
    values = noise(5, 6, 7, dtype="uint16")
    minc(tmp_path / "v.mnc", values, (0, 65535), np.linspace(-1, 1, 5), np.linspace(2, 9, 5))
    volume = make(tmp_path / "v.mnc", chunk_size=4)
    expected, affine = canonical(nibabel.load(tmp_path / "v.mnc"))
    assert np.allclose(volume.voxels()[..., 0], expected, rtol=1e-6)
    assert np.allclose(places(volume), affine, rtol=0, atol=0.5)
    assert volume.check()["passed"]
    labels = noise(5, 6, 7)
    minc(tmp_path / "v.mnc", labels, (0, 255), np.zeros(5), np.full(5, 255))
    volume = make(tmp_path / "v.mnc", type="segmentation")
    assert np.array_equal(volume.voxels()[..., 0], labels.T)
    assert volume.check()["passed"]


@pytest.mark.parametrize("encoding", ["raw", "gzip", "bzip2", "ascii"])
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", ">i2", "float32"])
def test_nrrd(encoding, detached, dtype, noise, make, tmp_path):
    values = noise(7, 8, 9, dtype=np.dtype(dtype).newbyteorder("=")).astype(dtype)
    directions = np.array([[0, 0.3, 0], [-0.2, 0, 0], [0, 0, 0.4]])
    header = {"encoding": encoding, "space": "left-posterior-superior", "space directions": directions}
    header |= {"space origin": [-3, 2, 1], "space units": ["mm"] * 3}
    path = tmp_path / ("v.nhdr" if detached else "v.nrrd")
    nrrd.write(str(path), values, header, detached_header=detached)
    volume = make(tmp_path if detached else path, chunk_size=4)
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions.T, [-3, 2, 1]
    image = nibabel.Nifti1Image(values.astype(values.dtype.newbyteorder("=")), np.diag([-1, -1, 1, 1]) @ affine)
    expected, affine = canonical(image)
    assert np.array_equal(volume.voxels()[..., 0], expected)
    assert np.allclose(places(volume), affine, rtol=0, atol=0.5)
    assert volume.check()["passed"]


def test_nrrd_with_channels_and_spacings(noise, make, refuses, tmp_path):
    header = {"kinds": ["vector", "domain", "domain", "domain"], "spacings": [np.nan, 0.5, 0.25, 2]}
    nrrd.write(str(tmp_path / "v.nrrd"), noise(3, 7, 8, 9), header)
    volume = make(tmp_path / "v.nrrd")
    assert volume.voxels().shape == (7, 8, 9, 3)
    assert volume.scales[0]["resolution"] == [500000, 250000, 2000000]
    assert np.array_equal(volume.voxels(), noise(3, 7, 8, 9).transpose(1, 2, 3, 0))
    content = (tmp_path / "v.nrrd").read_bytes()
    (tmp_path / "v.nrrd").write_bytes(content[: len(content) // 2])
    refuses(tmp_path / "v.nrrd", "v.nrrd")
    nrrd.write(str(tmp_path / "v.nrrd"), noise(7, 8, 9), {"space": "RAS", "space directions": np.zeros((3, 3))})
    refuses(tmp_path / "v.nrrd", "its space directions are singular, they flatten the volume")


@pytest.mark.parametrize(
    ("unit", "lengths"),
    [('"µm" "µm" "µm"', [1e3] * 3), ('"microns" "um" "micrometers"', [1e3] * 3), ('"um" "um" "mm"', [1e3, 1e3, 1e6])],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    "line", ["spacings: 2 3 4\nunits: {}", "space: RAS\nspace directions: (2,0,0) (0,3,0) (0,0,4)\nspace units: {}"]
)
def test_units_of_nrrd(line, encoding, unit, lengths, noise, make, tmp_path):
    values = noise(7, 8, 9)
    head = f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 7 8 9\nencoding: raw\n{line.format(unit)}\n\n"
    (tmp_path / "v.nrrd").write_bytes(head.encode(encoding) + values.tobytes(order="F"))
    volume = make(tmp_path / "v.nrrd")
    assert volume.scales[0]["resolution"] == [2 * lengths[0], 3 * lengths[1], 4 * lengths[2]]
    assert np.array_equal(volume.voxels()[..., 0], values)


def test_headers_of_nrrd(noise, make, refuses, tmp_path):
    values = noise(7, 8, 9)
    path, head = tmp_path / "v.nrrd", "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 7 8 9\n"
    path.write_bytes(f"{head}encoding: gzip\nbyte skip: 5\n\n".encode() + gzip.compress(b"12345" + values.tobytes("F")))
    volume = make(path, resolution=1000)
    assert np.array_equal(volume.voxels()[..., 0], values)
    assert volume.check()["passed"]
    (tmp_path / "w.gz").write_bytes(gzip.compress(b"header" + values.tobytes("F")))
    for skip in (6, -1):
        (tmp_path / "w.nhdr").write_text(f"{head}encoding: gzip\nbyte skip: {skip}\ndata file: w.gz\n")
        volume = make(tmp_path, ["w.gz", "w.nhdr"], resolution=1000)
        assert np.array_equal(volume.voxels()[..., 0], values)
        assert volume.check()["passed"]
    (tmp_path / "w.nhdr").write_text(f"{head}encoding: gzip\nbyte skip: -5\ndata file: w.gz\n")
    refuses(tmp_path, "w.nhdr: its byte skip is -5; right is a number from 0, or -1", names=["w.gz", "w.nhdr"])
    path.write_bytes(f"{head}encoding: hex\n\n".encode() + values.tobytes("F").hex("\n", 40).encode())
    volume = make(path, resolution=1000)
    assert np.array_equal(volume.voxels()[..., 0], values)
    assert volume.check()["passed"]
    path.write_text(f"{head}encoding: zstd\n\n")
    refuses(path, "v.nrrd", "its encoding is zstd; right are raw, gzip, bzip2, hex and ascii")
    refuses(path.with_name("w.nhdr"), "w.nhdr: its byte skip is -5; right is a number from 0, or -1")
    path.write_bytes(f"{head}encoding: raw\nspacings: 1 1 1\nunits: mm mm s\n\n".encode() + values.tobytes("F"))
    refuses(path, "v.nrrd", "its units mm, mm, s are not three lengths, such as mm or um")
    path.write_bytes(f"{head}encoding: raw\nspacings: 1 1 1\naxis mins: 4 5 6\n\n".encode() + values.tobytes("F"))
    assert "the axis mins of the NRRD are not used" in make(path).notes


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("raw", "data file: LIST\ns0.bin\ns1.bin\ns2.bin\n"),
        ("raw", "data file: s%d.bin 0 2 1\n"),
        ("gzip", "byte skip: 2\ndatafile: s%01d.bin 0 2 1 2\n"),
        ("raw", "line skip: 1\nbyte skip: 3\ndata file: LIST 3\ns0.bin\ns1.bin\ns2.bin\n"),
        ("raw", "byte skip: -1\ndata file: s%d.bin 0 2 1\n"),
        ("ascii", "data file: s%d.bin 0 2 1\n"),
        ("hex", "data file: s%d.bin 0 2 1\n"),
    ],
)
def test_nrrd_in_several_files(encoding, line, noise, make, refuses, tmp_path):
    """ITK reads the same of each of these headers; of a step below 0, too."""
    values = noise(7, 8, 9, dtype="uint16")
    for number, part in enumerate(np.split(values, 3, axis=2)):
        content = part.astype(">u2").tobytes("F")
        before = b"\n" + b"abc" if "skip: 3" in line or "skip: -1" in line else b"ab" if "skip: 2" in line else b""
        text = " ".join(map(str, part.ravel("F"))).encode()
        stored = {"raw": before + content, "gzip": gzip.compress(before + content), "ascii": text}
        (tmp_path / f"s{number}.bin").write_bytes(stored.get(encoding, content.hex().encode()))
    head = f"NRRD0004\ntype: ushort\ndimension: 3\nsizes: 7 8 9\nendian: big\nencoding: {encoding}\n"
    (tmp_path / "v.nhdr").write_text(head + line)
    (tmp_path / "readme.txt").touch()
    volume = make(tmp_path, resolution=1000)
    assert np.array_equal(volume.voxels()[..., 0], values)
    assert "left alone: readme.txt" in volume.notes
    assert volume.check()["passed"]
    if "0 2 1\n" in line:
        (tmp_path / "v.nhdr").write_text(head + line.replace("0 2 1", "2 0 -1"))
        turned = np.concatenate(np.split(values, 3, axis=2)[::-1], axis=2)
        assert np.array_equal(make(tmp_path, resolution=1000).voxels()[..., 0], turned)
    (tmp_path / "v.nhdr").write_text(head + line.replace("0 2 1", "0 3 1").replace("s2.bin", "s3.bin"))
    refuses(tmp_path, "v.nhdr: its data file s3.bin is not there")


def test_spaces_of_nrrd(noise, make, tmp_path):
    """ITK (SimpleITK 2.5.7) has the same origin and directions for a space without anatomy as for LPS."""
    head = (
        "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 7 8 9\nencoding: raw\nspace directions: (1,0,0) (0,2,0) (0,0,3)\n"
    )
    lines = "space: LPS", "space: scanner-xyz", "space: right-anterior-superior", "space dimension: 3"
    made = []
    for line in lines:
        fields = head.replace("space directions", f"{line}\nspace directions")
        (tmp_path / "v.nrrd").write_bytes(f"{fields}space origin: (5,6,7)\n\n".encode() + noise(7, 8, 9).tobytes("F"))
        made.append(make(tmp_path / "v.nrrd"))
    of_lps, of_scanner, of_ras, of_none = map(places, made)
    assert np.array_equal(of_scanner, of_lps)
    assert np.array_equal(of_none, of_lps)
    assert not np.array_equal(of_ras, of_lps)
    assert "space scanner-xyz of the NRRD is taken as left, posterior, superior, as ITK does" in made[1].notes


# Precomputed


def test_a_volume_of_cloud_volume(noise, make, refuses, tmp_path):
    """Gzipped chunks, labels, an offset, and chunks that are left out where all is 0."""
    labels = (noise(40, 30, 20) % 5).astype("u8")
    labels[:16] = 0
    info = CloudVolume.create_new_info(
        1,
        "segmentation",
        "uint64",
        "compressed_segmentation",
        [400, 300, 1000],
        [10, 20, -5],
        [40, 30, 20],
        chunk_size=[16, 16, 16],
    )
    written = CloudVolume(f"file://{tmp_path}/v", info=info, progress=False, delete_black_uploads=True)
    written.commit_info()
    written[10:50, 20:50, -5:15] = labels[..., None]
    refuses(tmp_path / "v", "describes a volume of type segmentation; say `type: segmentation`")
    volume = make(tmp_path / "v", type="segmentation", chunk_size=8)
    assert np.array_equal(volume.voxels()[..., 0], labels)
    assert volume.scales[0]["voxel_offset"] == [10, 20, -5]
    assert volume.scales[0]["resolution"] == [400, 300, 1000]
    assert volume.plan["transform"] is None
    assert "4 of 12 chunks of the source are missing, the first one at voxel x 0, y 0, z 0: " in volume.notes
    assert volume.check()["passed"]


@pytest.mark.parametrize(
    "options", [{"sharding": True}, {"encoding": "png"}, {"compresslevel": 3}, {"encoding": "raw"}]
)
def test_a_volume_of_ours(options, noise, make, tmp_path):
    """Re-encoded, resharded; voxels and transform are those of the first one."""
    nibabel.save(
        nibabel.Nifti1Image(noise(20, 21, 22), AFFINE + np.array([[0.01] * 3 + [0]] * 3 + [[0] * 4])),
        tmp_path / "v.nii",
    )
    first = make(tmp_path / "v.nii", chunk_size=8, **options)
    second = make(first.folder, chunk_size=[16, 8, 4])
    assert np.array_equal(second.voxels(), first.cloud_voxels() if "compresslevel" in options else first.voxels())
    assert np.allclose(second.plan["transform"], first.plan["transform"])
    assert second.check()["passed"]


def test_a_volume_of_neuroglancer_scripts(noise, make, tmp_path):
    """In folders below folders, gzipped."""
    nibabel.save(nibabel.Nifti1Image(noise(20, 21, 22), np.diag([1, 1, 1, 1.0])), tmp_path / "v.nii")
    program = "import sys; from neuroglancer_scripts.scripts.volume_to_precomputed_pyramid import main; main()"
    subprocess.run([sys.executable, "-c", program, tmp_path / "v.nii", tmp_path / "out"], check=True)
    volume = make(tmp_path / "out")
    assert np.array_equal(volume.voxels()[..., 0], np.asarray(nibabel.load(tmp_path / "v.nii").dataobj))
    assert volume.check()["passed"]


@pytest.mark.parametrize("sharded", [False, True])
def test_chunks_that_a_precomputed_volume_does_not_have(sharded, noise, make, refuses, tmp_path):
    """A chunk that was never written, and a file of chunks that is lost: both are counted, cloud-volume reads 0."""
    values = noise(40, 30, 20) | 1
    info = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{tmp_path}/v/", "create": True}
    scale = {"key": "s", "size": [40, 30, 20], "resolution": [9, 9, 9], "chunk_size": [8, 8, 8], "encoding": "raw"}
    spec = {"@type": "neuroglancer_uint64_sharded_v1", "hash": "murmurhash3_x86_128", "preshift_bits": 1}
    spec |= {"minishard_bits": 1, "shard_bits": 3, "minishard_index_encoding": "gzip", "data_encoding": "gzip"}
    scale |= {"sharding": spec, "voxel_offset": [5, -6, 0]} if sharded else {}
    kind = {"type": "image", "data_type": "uint8", "num_channels": 1}
    store = tensorstore.open(info | {"multiscale_metadata": kind, "scale_metadata": scale}).result()
    store[:, :, :16] = values[:, :, :16, None]
    assert "20 of 60 chunks of the source are missing, the first one at voxel x 0, y 0, z 16" in make(tmp_path).notes
    lost = sorted((tmp_path / "v/s").iterdir())[1]
    lost.unlink()
    volume = make(tmp_path)
    expected = np.asarray(CloudVolume(f"file://{tmp_path}/v", fill_missing=True, progress=False)[:])
    assert np.array_equal(volume.voxels(), expected)
    chunks = expected[..., 0].reshape(5, 8, 30, 20).transpose(0, 2, 3, 1)
    empty = sum(not chunks[x, y : y + 8, z : z + 8].any() for x in range(5) for y in (0, 8, 16, 24) for z in (0, 8, 16))
    assert empty > 20
    assert f"{empty} of 60 chunks of the source are missing" in volume.notes
    assert volume.check()["passed"]
    for path in (tmp_path / "v/s").iterdir():
        if sharded:
            path.write_bytes(path.read_bytes()[:-1])
            refuses(tmp_path, f"{path.name} is cut short, its indexes are not all there")
        path.unlink()
    refuses(tmp_path, "v: no chunk of its first scale, s, is there")


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_xl_of_cloud_volume(channels, noise, make, refuses, tmp_path):
    """In files of their own, and in shards. Channels it puts in another order when it reads what it has written."""
    info = CloudVolume.create_new_info(
        channels, "image", "uint8", "jxl", [1, 1, 1], [0, 0, 0], [20, 30, 10], chunk_size=[16, 16, 16]
    )
    written = CloudVolume(f"file://{tmp_path}/v", info=info, progress=False)
    written.commit_info()
    written[:] = values = noise(20, 30, 10, channels)
    volume = make(tmp_path / "v")
    expected = volume.voxels()
    assert np.abs(expected.astype(int) - values).mean() < 10
    assert channels > 1 or np.array_equal(expected, written[:])
    assert volume.check()["passed"]
    sharding = {"@type": "neuroglancer_uint64_sharded_v1", "hash": "identity", "preshift_bits": 1, "minishard_bits": 0}
    sharding |= {"shard_bits": 1, "minishard_index_encoding": "gzip", "data_encoding": "raw"}
    shards = {"driver": "neuroglancer_uint64_sharded", "metadata": sharding, "base": f"file://{tmp_path}/w/1_1_1/"}
    store = tensorstore.KvStore.open(shards).result()
    for number, place in enumerate(("0-16_0-16", "16-20_0-16", "0-16_16-30")):
        store[number.to_bytes(8, "big")] = (tmp_path / f"v/1_1_1/{place}_0-10").read_bytes()
    info["scales"][0]["sharding"] = sharding
    (tmp_path / "w/info").write_text(json.dumps(info))
    volume = make(tmp_path / "w")
    expected[16:, 16:] = 0
    assert np.array_equal(volume.voxels(), expected)
    assert "1 of 4 chunks of the source are missing, the first one at voxel x 16, y 16, z 0" in volume.notes
    assert volume.check()["passed"]
    info["scales"][0]["encoding"] = "compresso"
    (tmp_path / "w/info").write_text(json.dumps(info))
    refuses(tmp_path / "w", "of encoding 'compresso' cannot be read", "`igneous image xfer --encoding raw`")


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"zarr_format": 3}, {"shards": (4, 16, 24)}])
def test_chunks_that_a_zarr_does_not_have(options, noise, make, tmp_path):
    """They have the fill value, as zarr-python reads them; at the end of an axis a shard is not full."""
    values = noise(9, 20, 30) | 1
    array = zarr.create_array(tmp_path / "v", shape=(9, 20, 30), chunks=(2, 8, 8), dtype="u1", fill_value=7, **options)
    array[:, :8], array[:4, 8:] = values[:, :8], values[:4, 8:]
    volume = make(tmp_path, resolution=1000, chunk_size=8)
    assert "24 of 60 chunks of the source are missing, the first one at voxel z 4, y 8, x 0: " in volume.notes
    assert "their voxels are 7" in volume.notes
    assert np.array_equal(volume.voxels()[..., 0], array[:].T)
    assert volume.check()["passed"]


def test_a_chunk_that_is_damaged(noise, make, refuses, tmp_path):
    np.save(tmp_path / "v.npy", noise(20, 21, 22))
    first = make(tmp_path / "v.npy", resolution=1000, chunk_size=8, compresslevel=3)
    expected = first.cloud_voxels()
    for chunk in list((first.folder / "1000_1000_1000").iterdir()):
        chunk.rename(chunk.with_suffix(""))  # as buckets hand them out that serve them with a header for gzip
    volume = make(first.folder)
    assert np.array_equal(volume.voxels(), expected)
    assert volume.check()["passed"]
    (first.folder / "1000_1000_1000/8-16_0-8_0-8").write_bytes(gzip.compress(b"short"))
    refuses(first.folder, str(first.folder), "chunk 8-16_0-8_0-8 is damaged")
    damaged = first.info
    damaged["scales"][0]["chunk_sizes"] = [[8, 0, 8]]
    (first.folder / "info").write_text(json.dumps(damaged))
    refuses(first.folder, "info does not describe a precomputed volume", "chunk_sizes and num_channels are whole")


# The files that failed


def right_values(name):
    """What a case must give, as others read it: (x, y, z, channel)."""
    path = CASES / name
    if name == "miniswhite16.tif":
        return (65535 - tifffile.imread(path))[..., None].transpose(2, 1, 0, 3)
    if name == "channel-folders":
        planes = [[np.array(PIL.Image.open(path / f"ch{c}/s0{s}.png")) for c in (1, 2)] for s in (1, 2, 3)]
        return np.array(planes).transpose(3, 2, 0, 1)
    if name == "exif-mixed":
        shown = [PIL.ImageOps.exif_transpose(PIL.Image.open(path / f"s{number}.jpg")) for number in range(4)]
        return np.stack([np.asarray(picture) for picture in shown])[..., None].transpose(2, 1, 0, 3)
    if name == "negative-numbers":
        planes = [np.array(PIL.Image.open(path / f"z{number}.png")) for number in (-2, -1, 0, 1)]
        return np.stack(planes)[..., None].transpose(2, 1, 0, 3)
    if name == "time.ome.tif":
        return tifffile.imread(path)[3:4, ..., None].transpose(2, 1, 0, 3)
    if name == "imagej-calibrated.tif":
        return tifffile.imread(path)[..., None].transpose(2, 1, 0, 3)
    if name == "labels-minus-one.npy":
        labels = np.load(path)
        return np.where(labels < 0, 0, labels)[..., None].transpose(2, 1, 0, 3)
    if name == "test.mgz":
        return canonical(nibabel.load(path))[0]
    if name == "ball.nrrd":
        return nrrd.read(str(path))[0][::-1, ::-1, :, None]
    return np.load(path)[..., None].transpose(2, 1, 0, 3) if name == "sparse-nan.npy" else None


@pytest.mark.skipif(not CASES.is_dir(), reason="no CASES")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        *[
            (name, {"resolution": 1000})
            for name in ("miniswhite16.tif", "channel-folders", "exif-mixed", "negative-numbers")
        ],
        ("time.ome.tif", {"resolution": 1000, "time": 3}),
        ("sparse-nan.npy", {"resolution": 1000, "chunk_size": 8}),
        ("imagej-calibrated.tif", {}),
        ("labels-minus-one.npy", {"resolution": 1000, "type": "segmentation", "background": -1}),
        ("test.mgz", {}),
        ("ball.nrrd", {}),
        ("translated.ome.zarr", {}),
        ("bioformats2raw.zarr", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_case_is_right(name, options, make):
    volume = make(CASES / name, **options)
    expected = right_values(name)
    assert expected is None or np.array_equal(volume.voxels(), expected, equal_nan=expected.dtype.kind == "f")
    assert volume.check()["passed"]
    if name == "imagej-calibrated.tif":
        assert volume.scales[0]["resolution"] == [500, 500, 3000]
    elif name == "translated.ome.zarr":
        assert places(volume)[:3, 3].tolist() == [300_000, 200_000, 100_000]
    elif name == "sparse-nan.npy":
        assert np.isnan(volume.voxels(1)).mean() <= np.isnan(volume.voxels(0)).mean()


@pytest.mark.skipif(not CASES.is_dir(), reason="no CASES")
def test_a_case_is_refused(refuses):
    refuses(
        CASES / "time.ome.tif", "the axis t (7) is time, neither space nor channel; choose one with `time`, from 0 to 6"
    )
    refuses(CASES / "float64-1e300.npy", "value 1e+300 is outside the range of float32")
    refuses(CASES / "labels-minus-one.npy", "`background: -1` makes it 0", type="segmentation")
