"""TIFF files of many pages: plain ones, ImageJ hyperstacks, OME-TIFF."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from darkroom.atlas import tiffs

SHAPE = 9, 12, 17  # slices, rows, columns
PLAIN = {"contiguous": True}, {"contiguous": False}, {"compression": "deflate"}, {"compression": "lzw"}


def pages(path, planes, contiguous=False, **options):
    """One directory per page: tifffile alone would join pages of one shape."""
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as tiff:
        for plane in planes:
            tiff.write(plane, contiguous=contiguous, **options)


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("options", [*PLAIN, {"bigtiff": True}, {"tile": (16, 16)}, {"rowsperstrip": 5}], ids=str)
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_grey_pages(kind, options, noise, make, block, tmp_path):
    planes = noise(*SHAPE, dtype=kind)
    pages(tmp_path / "v.tif", planes, **options)
    volume = make(tmp_path / "v.tif", chunk_size=4, resolution=1000, orientation="RIP")
    assert np.array_equal(volume.voxels(), block(planes)[:, :, :].transpose(0, 2, 1, 3)[:, ::-1, ::-1])
    assert volume.check()["passed"]


@pytest.mark.parametrize("options", [*PLAIN, {"planarconfig": "separate"}], ids=str)
def test_rgb_pages(options, noise, make, block, tmp_path):
    planes = noise(*SHAPE, 3)
    stored = planes.transpose(0, 3, 1, 2) if "planarconfig" in options else planes
    pages(tmp_path / "v.tif", stored, photometric="rgb", **options)
    assert np.array_equal(make(tmp_path / "v.tif", resolution=1000).voxels(), block(planes))


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_pages_with_alpha(compression, noise, make, block, tmp_path):
    planes = noise(*SHAPE, 4)
    pages(tmp_path / "v.tif", planes, photometric="rgb", extrasamples=["unassalpha"], compression=compression)
    volume = make(tmp_path / "v.tif", resolution=1000)
    assert np.array_equal(volume.voxels(), block(planes[..., :3]))
    assert "alpha channel is dropped" in volume.notes


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_pages_with_a_palette(compression, noise, make, block, tmp_path):
    planes, colours = noise(*SHAPE), noise(3, 256, seed=3)
    colormap = colours.astype("u2") * 257
    pages(tmp_path / "v.tif", planes, photometric="palette", colormap=colormap, compression=compression)
    assert np.array_equal(make(tmp_path / "v.tif", resolution=1000).voxels(), block(colours.T[planes]))
    labels = make(tmp_path / "v.tif", resolution=1000, type="segmentation")
    assert np.array_equal(labels.voxels(), block(planes))


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bilevel_pages(photometric, compression, noise, make, block, tmp_path):
    planes = noise(*SHAPE) > 99
    pages(tmp_path / "v.tif", planes, photometric=photometric, compression=compression)
    shown = planes if photometric == "minisblack" else ~planes
    assert np.array_equal(make(tmp_path / "v.tif", resolution=1000).voxels(), block(shown) * np.uint8(255))
    labels = make(tmp_path / "v.tif", resolution=1000, type="segmentation")
    assert np.array_equal(labels.voxels(), block(planes))


def test_a_folder_with_one_volume(noise, make, block, tmp_path):
    planes = noise(*SHAPE)
    pages(tmp_path / "v.tif", planes)
    (tmp_path / ".DS_Store").write_text("x")
    assert np.array_equal(make(tmp_path, resolution=1000).voxels(), block(planes))


@pytest.mark.parametrize("axes", ["ZYX", "ZCYX", "CYX", "TZCYXS", "ZYXS"])
def test_imagej(axes, noise, make, block, tmp_path):
    shape = [{"Z": 9, "T": 1 if "Z" in axes else 9, "C": 2, "Y": 12, "X": 17, "S": 3}[axis] for axis in axes]
    stored = noise(*shape, dtype="uint8")
    tifffile.imwrite(tmp_path / "v.tif", stored, imagej=True, metadata={"axes": axes}, photometric=None)
    assert np.array_equal(make(tmp_path / "v.tif", resolution=1000).voxels(), block(in_order(stored, axes)))


def in_order(stored, axes):
    """Any axes as slice, row, column, channel; several samples of several channels follow each other."""
    if axes.startswith("TZ"):
        stored, axes = stored[0], axes[1:]
    axes = axes.replace("T", "Z")
    for axis in "ZCS":
        if axis not in axes:
            stored, axes = stored[None], axis + axes
    stored = stored.transpose([axes.index(axis) for axis in "ZYXCS"])
    return stored.reshape(*stored.shape[:3], -1)


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("axes", ["ZYX", "ZCYX", "CZYX", "TZCYX", "CYX", "ZYXS"])
def test_ome(axes, compression, noise, make, block, tmp_path):
    shape = [{"Z": 9, "T": 1, "C": 3, "Y": 12, "X": 17, "S": 3}[axis] for axis in axes]
    stored = noise(*shape, dtype="uint8" if "S" in axes else "uint16")
    sizes = {"PhysicalSizeX": 0.65, "PhysicalSizeY": 650, "PhysicalSizeYUnit": "nm"}
    sizes |= {"PhysicalSizeZ": 0.002, "PhysicalSizeZUnit": "mm"}
    photometric = "rgb" if "S" in axes else "minisblack"
    options = {"ome": True, "metadata": {"axes": axes, **sizes}, "photometric": photometric, "compression": compression}
    tifffile.imwrite(tmp_path / "v.ome.tif", stored, **options)
    volume = make(tmp_path / "v.ome.tif")
    assert np.array_equal(volume.voxels(), block(in_order(stored, axes)))
    assert volume.scales[0]["resolution"] == pytest.approx([650, 650, 2000])
    turned = make(tmp_path / "v.ome.tif", orientation="PIR")  # sizes go with columns, rows and slices
    assert turned.scales[0]["resolution"] == pytest.approx([2000, 650, 650])
    assert make(tmp_path / "v.ome.tif", resolution="1 um").scales[0]["resolution"] == [1000] * 3


def test_ome_without_sizes(noise, make, tmp_path):
    planes = noise(*SHAPE)
    metadata = {"axes": "ZYX", "Plane": {"PositionZ": [0.5 * number for number in range(len(planes))]}}
    tifffile.imwrite(tmp_path / "v.ome.tif", planes, ome=True, metadata=metadata)
    with pytest.raises(ValueError, match="resolution is missing"):
        make(tmp_path / "v.ome.tif")
    assert "positions of planes in the OME metadata are not used" in make(tmp_path / "v.ome.tif", resolution=9).notes


def test_time_and_depth(noise, refuses, tmp_path):
    options = {"imagej": True, "metadata": {"axes": "TZYX"}}
    tifffile.imwrite(tmp_path / "v.tif", noise(2, 9, 12, 17), **options)
    refuses(
        tmp_path / "v.tif",
        "v.tif: the axis t (2) is time, neither space nor channel; choose one with `time`, from 0 to 1",
    )


def test_pages_that_differ(noise, refuses, tmp_path):
    with tifffile.TiffWriter(tmp_path / "v.tif") as tiff:
        for plane in [*noise(4, 12, 17), noise(13, 17), *noise(4, 12, 17)]:
            tiff.write(plane, contiguous=False)
    refuses(tmp_path / "v.tif", "v.tif: its pages are of 2 sizes or types; a stack needs pages that agree")


def test_parts_of_an_ome_set_that_are_missing(noise, refuses, tmp_path):
    """OME metadata may point into other files; a page that is not in this one must not be read from it."""
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(*SHAPE), ome=True, contiguous=False, compression="deflate")
    xml = tifffile.tiffcomment(tmp_path / "a.ome.tif")
    start, end = xml.index("<TiffData"), xml.index("</Pixels>")
    uuid = 'UUID FileName="{}">urn:uuid:{}</UUID></TiffData>'
    parts = ['<TiffData FirstZ="0" IFD="0" PlaneCount="5"/>']
    parts += ['<TiffData FirstZ="5" IFD="0" PlaneCount="4"><' + uuid.format("b.ome.tif", "0" * 8)]
    tifffile.tiffcomment(tmp_path / "a.ome.tif", (xml[:start] + "".join(parts) + xml[end:]).encode())
    tifffile.imwrite(tmp_path / "b.ome.tif", noise(*SHAPE, seed=2), contiguous=False, compression="deflate")
    refuses(
        tmp_path / "a.ome.tif", "a.ome.tif: 5 of 9 pages are there (counted from 0 along C, 5, 6, 7, 8 are missing)"
    )


def test_an_ome_set(noise, make, refuses, block, tmp_path):
    """Whose metadata, in the first file, speak of planes in both: it is read as a folder of all of them."""
    first, second = noise(9, 12, 17), noise(9, 12, 17, seed=2)
    options = {"compression": "deflate", "contiguous": False}
    tifffile.imwrite(tmp_path / "a.ome.tif", first, ome=True, metadata={"axes": "ZYX"}, **options)
    tifffile.imwrite(tmp_path / "b.ome.tif", second, **options)
    xml = tifffile.tiffcomment(tmp_path / "a.ome.tif")
    own = xml[xml.index('UUID="urn:uuid:') + len('UUID="urn:uuid:') :][:36]
    files = [("a.ome.tif", own)] * 5 + [("b.ome.tif", "0" * 8)] * 4
    parts = [
        f'<TiffData FirstZ="{z}" IFD="{z % 5}" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{uuid}</UUID></TiffData>'
        for z, (name, uuid) in enumerate(files)
    ]
    xml = xml[: xml.index("<TiffData")] + "".join(parts) + xml[xml.index("</Pixels>") :]
    tifffile.tiffcomment(tmp_path / "a.ome.tif", xml.encode())
    volume = make(tmp_path, resolution=1000)
    assert np.array_equal(volume.voxels(), block(np.concatenate([first[:5], second[:4]])))
    assert volume.check()["passed"]
    refuses(tmp_path / "a.ome.tif", "a.ome.tif: its metadata speak of pages in other files, such as", "b.ome.tif")


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("left", [0.001, 0.3, 0.6, 0.9])
def test_cut_short(compression, left, noise, refuses, tmp_path):
    pages(tmp_path / "v.tif", noise(9, 60, 70), compression=compression, contiguous=compression is None)
    content = (tmp_path / "v.tif").read_bytes()
    (tmp_path / "v.tif").write_bytes(content[: int(len(content) * left)])
    refuses(tmp_path / "v.tif", "v.tif")


def test_damaged_page(noise, refuses, tmp_path):
    pages(tmp_path / "v.tif", noise(9, 60, 70), compression="deflate")
    with tifffile.TiffFile(tmp_path / "v.tif") as tiff:
        start, length = tiff.pages[5].dataoffsets[0], tiff.pages[5].databytecounts[0]
    content = bytearray((tmp_path / "v.tif").read_bytes())
    content[start : start + length] = bytes(length)
    (tmp_path / "v.tif").write_bytes(content)
    refuses(tmp_path / "v.tif", "v.tif: the image is damaged or cut short")


@pytest.mark.parametrize("content", [b"", b"<html>", b"II*\0", b"II*\0\xff\xff\0\0"])
def test_no_tiff(content, refuses, tmp_path):
    (tmp_path / "v.tif").write_bytes(content)
    refuses(tmp_path / "v.tif", "v.tif is no")


def test_what_is_planned_names_files_as_they_were_named(noise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages(tmp_path / "v.tif", noise(*SHAPE))
    layout = tiffs.look(Path("v.tif"))
    assert layout.files == {"v.tif"}
    assert all(page.startswith("GTIFF_DIR:off:") and page.endswith(":v.tif") for (page,) in layout.slices)
