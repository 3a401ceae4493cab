"""NIfTI volumes: every header that changes values or places, judged by nibabel."""

import gzip
import itertools

import nibabel
import numpy as np
import pytest

SHAPE = 6, 7, 5  # x, y, z of the file
OBLIQUE = np.array([[0.02, -0.004, 0.001, -3], [0.005, 0.019, -0.006, 2], [0.0003, 0.006, 0.021, -7], [0, 0, 0, 1]])


def save(path, array, affine=None, version=1, endian="<", unit="mm", slope=None, inter=0, codes=(2, 0)):
    """A NIfTI file; `codes` are those of sform and qform."""
    header = (nibabel.Nifti1Header if version == 1 else nibabel.Nifti2Header)(endianness=endian)
    header.set_data_dtype(array.dtype)
    header.set_xyzt_units(unit)
    image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(
        array, np.diag([2, 3, 4, 1]) if affine is None else affine, header, dtype=array.dtype
    )
    image.set_sform(image.affine if codes[0] else None, codes[0])
    image.set_qform(image.affine if codes[1] else None, codes[1])
    nibabel.save(image, path)
    if slope is not None:  # nibabel scales at writing; the stored values are wanted as they are
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        offset = 352 if version == 1 else 544
        content = content[:offset] + array.astype(array.dtype.newbyteorder(endian)).tobytes(order="F")
        header = nibabel.load(path).header.copy()
        header["scl_slope"], header["scl_inter"] = slope, inter
        header["vox_offset"] = offset
        head = header.binaryblock + bytes(4)
        content = head + content[len(head) :]
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def upright(path):
    """Values as nibabel reads them, turned to RAS+ by nibabel."""
    return np.asanyarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)


def as_channels(array):
    return array.reshape(*array.shape[:3], -1)


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_layouts_of_files(version, endian, suffix, noise, make, tmp_path):
    path = save(tmp_path / f"v{suffix}", noise(*SHAPE, dtype="int16"), version=version, endian=endian)
    assert nibabel.load(path).header.endianness == endian
    volume = make(path, chunk_size=3)
    assert np.array_equal(volume.voxels(), as_channels(upright(path)))
    assert volume.scales[0]["resolution"] == [2e6, 3e6, 4e6]
    assert volume.check()["passed"]


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32"])
def test_types_of_images(kind, noise, make, tmp_path):
    path = save(tmp_path / "v.nii", noise(*SHAPE, dtype=kind))
    volume = make(path)
    assert volume.info["data_type"] == kind
    assert np.array_equal(volume.voxels(), as_channels(upright(path)))


def test_types_that_the_format_has_not(noise, make, tmp_path):
    image = save(tmp_path / "image.nii", noise(*SHAPE, dtype="float64"))
    volume = make(image)
    assert "float64 values are stored as float32" in volume.notes
    assert np.array_equal(volume.voxels(), as_channels(upright(image)).astype("f4"))
    wide = save(tmp_path / "wide.nii", noise(*SHAPE, dtype="int64") >> 33)
    assert np.array_equal(make(wide).voxels(), as_channels(upright(wide)).astype("i4"))
    labels = save(tmp_path / "labels.nii", np.abs(noise(*SHAPE, dtype="int64")) | 1)
    volume = make(labels, type="segmentation")
    assert volume.info["data_type"] == "uint64"
    assert np.array_equal(volume.voxels(), as_channels(upright(labels)).astype("u8"))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(("slope", "inter"), [(0.5, -3), (2, 0), (1, 7), (-0.1, 0.25)])
def test_scaling(slope, inter, suffix, noise, make, tmp_path):
    path = save(tmp_path / f"v{suffix}", noise(*SHAPE, dtype="int16"), slope=slope, inter=inter)
    expected = as_channels(upright(path))
    assert expected.dtype.kind == "f"
    volume = make(path)
    assert volume.info["data_type"] == "float32"
    assert np.array_equal(volume.voxels(), expected.astype("f4"))
    assert volume.check()["passed"]
    ignored = make(path, ignore_scaling=True)
    assert np.array_equal(ignored.voxels(), as_channels(noise(*SHAPE, dtype="int16")))


@pytest.mark.parametrize(("slope", "inter"), [(1, 0), (0, 0), (np.nan, np.nan)])
def test_scaling_that_is_none(slope, inter, noise, make, tmp_path):
    path = save(tmp_path / "v.nii", noise(*SHAPE), slope=slope, inter=inter)
    assert make(path).info["data_type"] == "uint8"
    assert np.array_equal(make(path).voxels(), as_channels(upright(path)))


def test_scaled_labels(noise, make, tmp_path):
    path = save(tmp_path / "v.nii", noise(*SHAPE), slope=3, inter=1)
    volume = make(path, type="segmentation")
    assert np.array_equal(volume.voxels(), as_channels(upright(path)).astype("u4"))


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_colours(channels, suffix, noise, make, tmp_path):
    """RGB24 and RGBA32."""
    values = noise(*SHAPE, channels)
    record = np.dtype([(letter, "u1") for letter in "RGBA"[:channels]])
    path = save(tmp_path / f"v{suffix}", np.ascontiguousarray(values).view(record)[..., 0])
    volume = make(path, chunk_size=4)
    assert np.array_equal(volume.voxels(), values[..., :3])
    assert ("alpha" in volume.notes) == (channels == 4)


@pytest.mark.parametrize("shape", [(*SHAPE, 4), (*SHAPE, 1, 4), (*SHAPE, 1), (6, 7)])
def test_more_and_fewer_axes(shape, noise, make, tmp_path):
    array = noise(*shape)
    path = save(tmp_path / "v.nii", array)
    assert np.array_equal(
        make(path, chunk_size=4).voxels(), array.reshape(6, 7, -1 if len(shape) == 2 else 5, 4 if 4 in shape else 1)
    )


def test_two_more_axes(noise, make, refuses, tmp_path):
    """The fourth is time, the fifth the parts of a vector."""
    array = noise(*SHAPE, 2, 3)
    save(tmp_path / "v.nii", array)
    refuses(tmp_path / "v.nii", "v.nii: the axis t (2) is time, neither space nor channel; choose one with `time`")
    assert np.array_equal(make(tmp_path / "v.nii", time=1).voxels(), array[..., 1, :])
    save(tmp_path / "v.nii", noise(*SHAPE, 2, 3, 2))
    refuses(tmp_path / "v.nii", "v.nii: shape (6, 7, 5, 2, 3, 2) has more than one axis beside x, y, z")


def test_labels_that_are_taken_for_an_image(noise, make, tmp_path):
    path = save(tmp_path / "v.nii", noise(*SHAPE))
    image = nibabel.load(path)
    image.header.set_intent("label")
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), tmp_path / "w.nii")
    assert "says that the values are labels" in make(tmp_path / "w.nii").notes
    assert "values are labels" not in make(tmp_path / "w.nii", type="segmentation").notes + make(path).notes


def test_surfaces_are_no_volume(refuses, tmp_path):
    axes = nibabel.cifti2.ScalarAxis(["a"]), nibabel.cifti2.BrainModelAxis.from_surface([0, 1], 4, "CortexLeft")
    nibabel.save(nibabel.Cifti2Image(np.zeros((1, 2), "f4"), axes), tmp_path / "v.dscalar.nii")
    refuses(tmp_path / "v.dscalar.nii", "v.dscalar.nii", "it is CIFTI, whose values lie on surfaces")


@pytest.mark.parametrize(("unit", "metres"), [("meter", 1), ("mm", 1e-3), ("micron", 1e-6), ("unknown", 1e-3)])
def test_units(unit, metres, noise, make, tmp_path):
    path = save(tmp_path / "v.nii", noise(*SHAPE), np.diag([0.02, 0.03, 0.04, 1]), unit=unit)
    volume = make(path)
    assert volume.scales[0]["resolution"] == pytest.approx([1e9 * metres * size for size in (0.02, 0.03, 0.04)])
    assert ("names no length unit" in volume.notes) == (unit == "unknown")
    assert np.allclose(np.diag(volume.plan["transform"]), 1)


def test_small_voxels_in_metres(noise, make, tmp_path):
    """20 um in metres: a determinant of 8e-15, and yet not singular."""
    path = save(tmp_path / "v.nii", noise(*SHAPE), np.diag([2e-5, 2e-5, 2e-5, 1]), unit="meter")
    assert make(path).scales[0]["resolution"] == [20000] * 3


# Place


def assert_in_place(volume, path):
    """Each voxel of the volume is where the affine puts the voxel of the file with the same value."""
    image = nibabel.load(path)
    unit = {"mm": 1e6, "micron": 1e3, "meter": 1e9, "unknown": 1e6}[image.header.get_xyzt_units()[0]]
    array = np.asanyarray(image.dataobj)  # 0, 1, 2, ..., each once
    expected = unit * nibabel.affines.apply_affine(image.affine, np.argwhere(array + 1))[np.argsort(array.ravel())]
    voxels = volume.voxels()[..., 0]
    corners = np.argwhere(voxels + 1)[np.argsort(voxels.ravel())] + volume.scales[0]["voxel_offset"]
    centres = (corners + 0.5) * volume.scales[0]["resolution"]
    places = nibabel.affines.apply_affine(np.array(volume.plan["transform"]), centres)
    assert np.allclose(places, expected, rtol=1e-6, atol=unit * 1e-5)


@pytest.mark.parametrize("offset", [[0, 0, 0], [10, -4, 3]])
@pytest.mark.parametrize(
    "affine", [OBLIQUE, OBLIQUE[[1, 2, 0, 3]], OBLIQUE @ np.diag([-1, 1, -1, 1]), np.diag([-2, 3, 4, 1])]
)
def test_voxels_lie_where_the_affine_says(affine, offset, make, tmp_path):
    array = np.arange(np.prod(SHAPE), dtype="i2").reshape(SHAPE)
    path = save(tmp_path / "v.nii.gz", array, affine)
    assert_in_place(make(path, voxel_offset=offset), path)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_all_signs_and_permutations(axes, make, tmp_path):
    array = np.arange(np.prod(SHAPE), dtype="i2").reshape(SHAPE)
    for signs in itertools.product((1, -1), repeat=3):
        affine = np.zeros((4, 4))
        affine[axes, range(3)] = np.multiply(signs, (0.2, 0.3, 0.4))
        affine[:, 3] = -5, 6, 7.5, 1
        path = save(tmp_path / "v.nii", array, affine)
        volume = make(path, chunk_size=4)
        assert np.array_equal(volume.voxels(), as_channels(upright(path)))
        linear = np.array(volume.plan["transform"])[:3, :3]
        assert np.allclose(linear, np.eye(3), atol=1e-6)
        assert_in_place(volume, path)


@pytest.mark.parametrize("codes", [(2, 0), (0, 1), (2, 1), (0, 0)])
def test_forms(codes, make, tmp_path):
    """sform first, then qform, then what nibabel assumes of neither."""
    array = np.arange(np.prod(SHAPE), dtype="i2").reshape(SHAPE)
    path = save(tmp_path / "v.nii", array, np.diag([-2, 3, 4, 1]) + np.outer([9, 8, 7, 0], [0, 0, 0, 1]), codes=codes)
    volume = make(path)
    assert_in_place(volume, path)
    assert ("neither sform nor qform" in volume.notes) == (codes == (0, 0))
    assert np.array_equal(volume.voxels(), as_channels(upright(path)))


def test_forms_that_differ(noise, make, tmp_path):
    path, upright_form = tmp_path / "v.nii", np.diag([0.02, 0.02, 0.02, 1])
    image = nibabel.Nifti1Image(noise(*SHAPE), OBLIQUE)
    image.set_qform(upright_form, 1)
    for sform in (OBLIQUE, upright_form):
        image.set_sform(sform, 1)
        nibabel.save(image, path)
        volume = make(path)
        assert_in_place(volume, path)
        assert ("its qform says other places" in volume.notes) == (sform is OBLIQUE)


def test_transform_is_written_beside_the_info(noise, make, tmp_path):
    volume = make(save(tmp_path / "v.nii", noise(*SHAPE), OBLIQUE))
    assert "transform.json" in volume.files()


def test_options_go_before_the_affine(noise, make, tmp_path):
    array = noise(*SHAPE)
    path = save(tmp_path / "v.nii", array, np.diag([-2, 3, 4, 1]))
    volume = make(path, orientation="RAS")
    assert np.array_equal(volume.voxels()[..., 0], array)
    assert volume.plan["transform"] is None
    assert "the affine of the file is not used" in volume.notes
    volume = make(path, resolution=[1, 2, 3])
    assert np.array_equal(volume.voxels()[..., 0], array[::-1])
    assert volume.scales[0]["resolution"] == [1, 2, 3]
    assert volume.plan["transform"] is None


# Files that are no good


def patched(path, affine):
    """A header with a broken affine, as nibabel does not write it."""
    image = nibabel.load(path)
    header = image.header.copy()
    for row, name in zip(affine, ("srow_x", "srow_y", "srow_z"), strict=False):
        header[name] = row
    content = path.read_bytes()
    path.write_bytes(header.binaryblock + content[len(header.binaryblock) :])
    return path


def test_affine_that_is_no_number(noise, refuses, tmp_path):
    broken = np.diag([2, np.nan, 2, 1])
    path = patched(save(tmp_path / "v.nii", noise(*SHAPE)), broken)
    refuses(path, "v.nii: the affine has entries that are no numbers (NaN); repair its sform or qform")
    refuses(path, "NaN", orientation="RAS", resolution=1000)


@pytest.mark.parametrize("broken", [np.diag([2, 0, 2, 1]), [[1, 2, 0, 0], [2, 4, 0, 0], [0, 0, 1, 0]]])
def test_singular_affine(broken, noise, refuses, tmp_path):
    path = patched(save(tmp_path / "v.nii", noise(*SHAPE)), broken)
    refuses(path, "v.nii: the affine is singular, it flattens the volume; repair its sform or qform")


@pytest.mark.parametrize("left", [0, 100, 347, 352, 3000, -1])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_cut_short(left, suffix, noise, refuses, tmp_path):
    path = save(tmp_path / f"v{suffix}", noise(30, 30, 30))
    path.write_bytes(path.read_bytes()[:left])
    message = refuses(path, f"v{suffix}")
    assert any(text in message for text in ("cut short", "is no NIfTI file that can be read"))


@pytest.mark.parametrize("where", [0.02, 0.3, 0.7, 0.99])
def test_damaged_gzip(where, noise, refuses, tmp_path):
    path = save(tmp_path / "v.nii.gz", noise(40, 40, 40) % 30)
    content = bytearray(path.read_bytes())
    start = int(len(content) * where)
    content[start : start + 60] = bytes(60)
    path.write_bytes(content)
    message = refuses(path, "v.nii.gz")
    assert any(text in message for text in ("damaged or cut short", "is no NIfTI file that can be read"))


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_no_nifti(name, refuses, tmp_path):
    (tmp_path / name).write_bytes(b"<html>404 Not Found</html>" * 50)
    refuses(tmp_path / name, f"{name} is no NIfTI file that can be read")
