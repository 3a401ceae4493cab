"""The check reads the source by other decoders than the import: damage that GDAL passes is found, nothing else is."""

import gzip
import os
import shutil
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from campaign import ROOT
from darkroom.atlas import judge, sections, volume, witness

CASES = Path(os.environ.get("CASES", ROOT / "../shared/cases"))
OPTIONS = {"chunk_size": 32, "resolution": 1000}


def smooth(rows, columns, channels=1, dtype="u1"):
    y, x = np.mgrid[:rows, :columns]
    planes = np.stack([y * (5 + channel) + x * 3 for channel in range(channels)], axis=-1)
    planes += np.random.default_rng(1).integers(0, 4, planes.shape)
    return (planes * (1 if dtype == "u1" else 97)).astype(dtype)


def written(folder, kind):
    """A section of a kind, as a file."""
    grey, colour, deep = smooth(50, 37), smooth(50, 37, 3), smooth(50, 37, 1, "u2")
    path = folder / ("s.png" if kind.startswith("png") else "s.tif")
    tiff = {
        "deflate": (colour, {"compression": "zlib", "rowsperstrip": 16}),
        "predictor": (deep[..., 0], {"compression": "zlib", "predictor": True, "rowsperstrip": 7}),
        "lzw": (grey[..., 0], {"compression": "lzw", "rowsperstrip": 50}),
        "tiles": (colour, {"compression": "zlib", "tile": (16, 16)}),
        "planes": (
            colour.transpose(2, 0, 1),
            {"compression": "zstd", "planarconfig": "separate", "photometric": "rgb"},
        ),
        "big end": (deep[..., 0], {"byteorder": ">", "compression": "packbits"}),
        "plain": (grey[..., 0], {}),
        "white is 0": (grey[..., 0], {"photometric": "miniswhite", "compression": "zlib"}),
        "bits": (grey[..., 0] > 90, {"compression": "zlib"}),
    }
    if kind in tiff:
        tifffile.imwrite(path, tiff[kind][0], **tiff[kind][1])
        return path
    picture = {
        "png": lambda: Image.fromarray(colour),
        "png grey": lambda: Image.fromarray(grey[..., 0]),
        "png 16": lambda: Image.fromarray(deep[..., 0]),
        "png palette": lambda: Image.fromarray(colour).quantize(11),
        "png bits": lambda: Image.fromarray(grey[..., 0] > 90),
        "png alpha": lambda: Image.fromarray(np.dstack([colour, grey])),
    }[kind]()
    picture.save(path)
    return path


KINDS = [
    "deflate", "predictor", "lzw", "tiles", "planes", "big end", "plain", "white is 0", "bits",
    "png", "png grey", "png 16", "png palette", "png bits", "png alpha",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["image", "segmentation"])
def test_both_decoders_agree(kind, what, tmp_path):
    source = sections.describe_pages([[str(written(tmp_path, kind))]], what)
    with sections.Sections(source) as ours, witness.Sections(source) as theirs:
        for top, bottom in ((0, 20), (20, 41), (41, 50), (3, 30)):
            assert np.array_equal(ours.read(0, 1, top, bottom), theirs.read(0, 1, top, bottom))
        assert not isinstance(next(iter(theirs._open.values())), sections.Dataset), "GDAL was asked"


@pytest.mark.parametrize("kind", ["deflate", "predictor", "tiles", "png", "png palette", "png 16"])
def test_a_changed_byte_of_what_has_a_checksum_is_never_passed(kind, tmp_path):
    path = written(tmp_path, kind)
    source = sections.describe_pages([[str(path)]], "image")
    whole = path.read_bytes()
    if kind.startswith("png"):
        places = range(whole.index(b"IDAT"), len(whole) - 12)
    else:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            places = [
                at
                for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)
                for at in range(start, start + count)
            ]
    with witness.Sections(source) as reader:
        right = reader.read(0, 1, 0, 50)
    random = np.random.default_rng(3)
    for at in random.choice(places, 60):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << random.integers(8)
        path.write_bytes(damaged)
        try:
            with witness.Sections(source) as reader:
                rows = reader.read(0, 1, 0, 50)
        except ValueError as error:
            assert str(error).startswith(str(path))
        else:
            assert kind != "png" and np.array_equal(rows, right), at


def test_a_damaged_strip_is_found_by_the_check(make, tmp_path):
    """The Adler-32 alone is wrong: every decoder gives the same pixels, yet something is not as it was written."""
    for number in range(3):
        tifffile.imwrite(tmp_path / f"s_{number}.tif", smooth(50, 37), compression="zlib")
    with tifffile.TiffFile(tmp_path / "s_1.tif") as tiff:
        end = tiff.pages.first.dataoffsets[0] + tiff.pages.first.databytecounts[0]
    content = bytearray((tmp_path / "s_1.tif").read_bytes())
    content[end - 1] ^= 1
    (tmp_path / "s_1.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"s_1\.tif: the (section|image) is damaged"):
        make(tmp_path, **OPTIONS).check()


@pytest.mark.skipif(not (CASES / "faults/tiff_deflate").is_dir(), reason="no CASES")
def test_the_damaged_section_that_was_published(make, tmp_path):
    case = CASES / "faults/tiff_deflate"
    for number in (0, 2):
        shutil.copy(case / "good.tif.orig", tmp_path / f"s_{number}.tif")
    shutil.copy(case / "s_1.tif", tmp_path)
    with pytest.raises(ValueError, match=r"s_1\.tif: the .* is damaged"):
        make(tmp_path, **OPTIONS).check()


@pytest.mark.parametrize("stored", ["u1", "u2", "i4", "f4"])
@pytest.mark.parametrize("data_type", ["uint8", "uint16", "int32", "float32"])
def test_two_ways_to_convert_agree(stored, data_type):
    plane = smooth(60, 50, 1, stored)
    low, high = np.quantile(plane, [0.05, 0.95]).tolist()
    values = {"data_type": data_type, "window": [low, high], "labels": False}
    ours = volume.converter(values)(plane)
    theirs, slack = judge.converted(plane, values)
    assert (np.abs(ours.astype("f8") - theirs) <= slack).all()
    assert np.mean(ours == theirs) > 0.9
    changed = {"data_type": data_type, "window": [low, high * 0.9], "labels": False}
    assert (np.abs(volume.converter(changed)(plane).astype("f8") - theirs) > slack).any()


def test_sums_of_an_interlaced_png(tmp_path):
    path = written(tmp_path, "png")
    whole = path.read_bytes()
    at = whole.index(b"IHDR")
    head = bytearray(whole[at : at + 17])
    head[-1] = 1
    path.write_bytes(whole[:at] + head + struct.pack(">I", zlib.crc32(head)) + whole[at + 21 :])
    assert not witness.witness(str(path), None, None)
    path.write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    with pytest.raises((ValueError, zlib.error)):
        witness.Png(path).verify()


def test_the_crc_of_a_gzipped_nifti(make, tmp_path):
    image = nibabel.Nifti1Image(smooth(40, 30, 20), np.diag([1, 1, 1, 1]))
    content = gzip.compress(image.to_bytes(), mtime=0)
    path = tmp_path / "v.nii.gz"
    path.write_bytes(content)
    make(path, chunk_size=32).check()
    path.write_bytes(content[:-8] + bytes([content[-8] ^ 1]) + content[-7:])
    with pytest.raises(ValueError, match=r"v\.nii\.gz.*(damaged|read)"):
        make(path, chunk_size=32).check()
