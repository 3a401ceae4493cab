"""Files that are longer than their headers say, headers that lie about sizes, and codes that no reader knows."""

import gzip
import os
import re
import shutil
import struct
import time
from pathlib import Path

import h5py
import imagecodecs
import netCDF4
import nibabel
import numpy as np
import pytest
import tifffile

from campaign import ROOT
from darkroom import netcdf_file, whole_files
from darkroom.airborne.readers import columns
from darkroom.atlas import stack, witness
from darkroom.planetary.formats import pds3

FAULTS = Path(os.environ.get("CASES", ROOT / "../shared/cases")) / "faults"
cases = pytest.mark.skipif(not FAULTS.is_dir(), reason="no CASES")


def refused(text, function, *arguments):
    with pytest.raises(ValueError, match=text) as failure:
        function(*arguments)
    return str(failure.value)


def described(path):
    return stack.describe(path.parent, [path.name])


def nifti(path, **header):
    image = nibabel.Nifti1Image(np.arange(60, dtype="i2").reshape(3, 4, 5), np.eye(4))
    content = bytearray(image.to_bytes())
    for at, form, value in header.values():
        struct.pack_into(form, content, at, value)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def pds(path, surplus=b"", records=4):
    lines = [
        "PDS_VERSION_ID = PDS3", "RECORD_TYPE = FIXED_LENGTH", "RECORD_BYTES = 512", f"FILE_RECORDS = {records}",
        "^IMAGE = 3", "OBJECT = IMAGE", "LINES = 16", "LINE_SAMPLES = 64", "SAMPLE_BITS = 8",
        "SAMPLE_TYPE = UNSIGNED_INTEGER", "END_OBJECT = IMAGE", "END", "",
    ]  # fmt: skip
    path.write_bytes("\r\n".join(lines).encode().ljust(1024) + bytes(200) + surplus + bytes(824))
    return path


def classic(path, form="NETCDF3_CLASSIC"):
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.createDimension("time", None)
        file.createDimension("bin", 3)
        file.title = "made"
        file.createVariable("time", "f8", ("time",))[:] = np.arange(5.0)
        file.createVariable("count", "i2", ("time", "bin"))[:] = np.ones((5, 3))
    return path


def opened(path):
    with netcdf_file.opened(path) as file:
        return {name: variable[:].tolist() for name, variable in file.variables.items()}


def test_pds3_of_more_records_than_its_label_says(tmp_path):
    assert pds3.Product(pds(tmp_path / "a.IMG")).image().lines == 16
    said = refused("2560 bytes; by FILE_RECORDS", pds3.Product(pds(tmp_path / "b.IMG", bytes(512))).image)
    assert "b.IMG" in said
    refused("2051 bytes; by FILE_RECORDS", pds3.Product(pds(tmp_path / "c.IMG", b"\r\r\r")).image)
    # A label that speaks of fewer bytes than its own image has says nothing of the file.
    assert pds3.Product(pds(tmp_path / "d.IMG", bytes(512), records=1)).image().lines == 16


@cases
def test_the_pds3_that_was_shifted():
    refused("270848 bytes; .*270336", pds3.Product(next((FAULTS / "pds3_surplus").glob("*.IMG"))).image)


@pytest.mark.parametrize("name", ["v.nii", "v.npy"])
def test_a_volume_with_a_block_twice(name, tmp_path):
    path = tmp_path / name
    if name == "v.npy":
        np.save(path, np.zeros((3, 4, 5), "i2"))
    else:
        nifti(path)
    whole = path.read_bytes()
    assert described(path)["shape"][3] == 1
    path.write_bytes(whole[:-40] + whole[-60:])
    refused(rf"{re.escape(str(path))}: {len(whole) + 20} bytes; by its header", described, path)


def test_a_gzipped_volume_with_a_block_twice(tmp_path):
    path = nifti(tmp_path / "v.nii.gz")
    whole = gzip.decompress(path.read_bytes())
    source = described(path)
    witness.opened(source)
    path.write_bytes(gzip.compress(whole[:-40] + whole[-60:]))
    refused("by its header it has", witness.opened, source)


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA"])
def test_netcdf_of_another_length_than_its_header_says(form, tmp_path):
    path = classic(tmp_path / "a.nc", form)
    whole = path.read_bytes()
    assert opened(path)["time"] == [0, 1, 2, 3, 4]
    path.write_bytes(whole + whole[-16:])
    assert "a.nc" in refused("by its header it has", opened, path)
    path.write_bytes(whole[:-16])
    refused("cut", opened, path)


def test_counts_of_a_netcdf_are_looked_at_before_the_library_believes_them(tmp_path):
    path = classic(tmp_path / "a.nc")
    whole = bytearray(path.read_bytes())
    begin = time.process_time()
    for at in range(4, whole.index(b"count") + 80):
        changed = whole.copy()
        changed[at] ^= 0x40
        path.write_bytes(changed)
        try:
            opened(path)
        except ValueError as error:
            assert str(path) in str(error)
    assert time.process_time() - begin < 60


def test_hdf5_that_speaks_of_more_than_it_could_hold(tmp_path):
    """Chunks that were never written take no room in the file, and all of the memory."""
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", 10**9)
        file.createVariable("far", "f8", ("time",), zlib=True)[:1] = [1.0]
    assert "a.nc" in refused("far has 8000000000 bytes by its header", opened, tmp_path / "a.nc")


def hdf5(path):
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("time", 3)
        file.createVariable("time", "f8", ("time",))[:] = [1, 2, 3]
        file.createVariable("words", str, ("time",))[:] = np.array(["one", "two", "three"], object)
    return path.read_bytes()


def test_hdf5_of_another_length_than_its_superblock_says(tmp_path):
    path = tmp_path / "a.nc"
    whole = hdf5(path)
    assert opened(path)["time"] == [1, 2, 3]
    for size in (len(whole) - 1, len(whole) + 1):
        path.write_bytes((whole + whole)[:size])
        assert "a.nc" in refused(f"by its header it has {len(whole)}", opened, path)
    with h5py.File(path, "w", userblock_size=512, libver="latest") as file:
        file["time"] = [1, 2, 3]
    path.write_bytes(bytes(512) + path.read_bytes())  # as h5jam does
    assert opened(path)["time"] == [1, 2, 3]


def test_hdf5_over_whose_heap_its_library_goes_round_for_ever(tmp_path):
    path = tmp_path / "a.nc"
    content = bytearray(hdf5(path))
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)
    path.write_bytes(content)
    assert "a.nc" in refused("heap of texts and references", opened, path)


def test_heaps_are_looked_for_at_the_end_of_a_file_too(tmp_path, monkeypatch):
    content = bytearray(hdf5(tmp_path / "a.nc"))
    heap = content.index(b"GCOL")
    content[heap + 16 : heap + 32] = bytes(16)
    monkeypatch.setattr(whole_files, "SEARCHED", 5000)
    path = tmp_path / "b.h5"
    path.write_bytes(bytes(8192) + content)  # behind a block of the user's, where no head reaches
    refused("heap of texts and references", whole_files.require, path)


def test_jpeg_2000_over_whose_boxes_its_library_goes_round_for_ever(tmp_path):
    path = tmp_path / "s.jp2"
    content = bytearray(imagecodecs.jpeg2k_encode(np.zeros((24, 20, 3), "u1"), level=0))
    path.write_bytes(content)
    assert described(path)["shape"] == [1, 24, 20, 3]
    content[content.index(b"colr") - 1] = 0
    path.write_bytes(content)
    assert "s.jp2" in refused("has 0 bytes", described, path)


@cases
def test_the_netcdf_that_took_five_gigabytes():
    begin = time.process_time()
    refused("header of the file is damaged", opened, next((FAULTS / "netcdf3_memory").iterdir()))
    assert time.process_time() - begin < 20


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_slope_that_is_endless(suffix, tmp_path):
    path = nifti(tmp_path / f"v{suffix}", slope=(112, "<f", np.inf))
    assert path.name in refused("scl_slope is inf", described, path)
    source = stack.describe(path.parent, [path.name], ignore_scaling=True)
    assert source["scaling"] is None
    assert described(nifti(tmp_path / f"w{suffix}", slope=(112, "<f", np.nan)))["scaling"] is None


def test_a_length_unit_that_no_reader_knows(tmp_path):
    notes = described(nifti(tmp_path / "v.nii", unit=(123, "<B", 15)))["notes"]
    assert any("v.nii: no reader knows the length unit 7" in note for note in notes)


def test_more_voxels_than_gzip_packs(tmp_path):
    path = nifti(tmp_path / "v.nii.gz", x=(42, "<h", 30000), y=(44, "<h", 30000), z=(46, "<h", 30000))
    assert path.name in refused("no gzip file of its size", described, path)


def test_more_pixels_than_a_file_packs(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.ones((20, 30), "u1"), compression="zlib", rowsperstrip=20)
    content = bytearray((tmp_path / "s.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "s.tif") as tiff:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = tiff.pages.first.tags[name]
            struct.pack_into("<HII", content, tag.offset + 2, 4, 1, 30_000)
    (tmp_path / "s.tif").write_bytes(content)
    refused(r"s\.tif: no file of its size holds 900000000 bytes", described, tmp_path / "s.tif")


@pytest.mark.parametrize("kind", [2, 5, 11, 12])
def test_strips_of_an_odd_type(kind, tmp_path):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.ones((20, 30), "u1"), rowsperstrip=4)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        at = tiff.pages.first.tags["StripOffsets"].offset
    struct.pack_into("<H", content, at + 2, kind)
    path.write_bytes(content)
    assert "s.tif" in refused("read", described, path)


def test_planes_that_ome_does_not_count(tmp_path):
    path = tmp_path / "v.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 9), "u1"), metadata={"axes": "ZYX"})
    for count in (b'SizeZ="-', b'SizeZ="x', b'SizeQ="3'):
        content = path.read_bytes()
        path.write_bytes(content.replace(b'SizeZ="3', count))
        try:
            source = described(path)
        except ValueError as error:
            assert "v.ome.tif" in str(error)
        else:
            assert source["shape"][1:] == [8, 9, 1]
        path.write_bytes(content)


@cases
@pytest.mark.parametrize("name", ["ome_count", "tiff_strip_type", "nifti_slope_inf"])
def test_one_line_that_names_the_file(name):
    path = next((FAULTS / name).iterdir())
    assert "\n" not in refused(re.escape(str(path)), described, path)


@cases
def test_the_unit_that_was_a_key_error(tmp_path):
    shutil.copy(next((FAULTS / "nifti_xyzt").iterdir()), tmp_path / "labels.nii.gz")
    assert any("labels.nii.gz" in note for note in described(tmp_path / "labels.nii.gz")["notes"])


def test_an_endless_number_is_missing_and_flagged():
    variables, flags = {}, []
    columns.put(variables, flags, {}, "course", np.array([1.0, np.inf, -np.inf]), fills=[-9999.0])
    (variable,) = variables.values()
    assert variable.array().tolist() == [1, -9999, -9999]
    assert [flag["flag"] for flag in flags if flag["flag"] == "infinite"]
