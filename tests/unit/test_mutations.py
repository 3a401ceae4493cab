"""Small files of every format with a byte changed, an end cut off, or a block twice: the same values, or one line.

A change that no format can tell (a digit of a table, a sample without a checksum) makes other values; where a checksum
covers the whole file, never. MUTATIONS is how many are tried in all, MUTATION_SEED which.
"""

import gzip
import itertools
import os
import shutil
import warnings

import imagecodecs
import netCDF4
import nibabel
import numpy as np
import pytest
import tifffile

import airborne_files
from darkroom.airborne import collection, granules
from darkroom.airborne.reading import read as read_granule
from darkroom.atlas import stack, witness
from darkroom.planetary.formats import cubes, pds3
from darkroom.samples import airborne

MUTATIONS = int(os.environ.get("MUTATIONS", 120))
SEED = int(os.environ.get("MUTATION_SEED", 1))
PLANE = np.random.default_rng(0).integers(0, 60, (24, 20, 3)).cumsum(axis=0).astype("u1")
LABEL = [
    "PDS_VERSION_ID = PDS3", "RECORD_TYPE = FIXED_LENGTH", "RECORD_BYTES = 512", "FILE_RECORDS = 4", "^IMAGE = 3",
    "OBJECT = IMAGE", "LINES = 16", "LINE_SAMPLES = 64", "SAMPLE_BITS = 8", "SAMPLE_TYPE = UNSIGNED_INTEGER",
    "END_OBJECT = IMAGE", "END", "",
]  # fmt: skip


def volume(path):
    """The voxels of a source as the import reads them, which the check compares with those that the judge reads."""
    source = stack.describe(path.parent, [path.name])
    slices, rows, columns, channels = source["shape"]
    assert slices * rows * columns * channels * np.dtype(source["dtype"]).itemsize < 1 << 28
    with stack.open_stack(source) as reader:
        voxels = reader.read(0, slices, 0, rows)
    with witness.opened(source) as reader:
        if not np.array_equal(voxels, reader.read(0, slices, 0, rows), equal_nan=voxels.dtype.kind == "f"):
            raise ValueError(f"{path}: voxels differ")
    return [voxels]


def granule(path):
    config = granules.claimed(path.name, collection.load(), path.parent)
    content = read_granule(config, path)
    return [variable.array() for variable in content.variables.values()]


def product(path):
    image = pds3.Product(path)
    image.verify()
    return [image.rows(0, image.image().lines)]


def cube(path):
    image = cubes.Cube(path)
    return [image.read(band=band + 1)[0] for band in range(image.bands)]


def tiff(path, compression=None, planes=PLANE):
    tifffile.imwrite(path, planes, compression=compression, photometric="rgb", rowsperstrip=5)


def nifti(path):
    content = nibabel.Nifti1Image(PLANE.transpose(2, 0, 1).astype("i2"), np.eye(4)).to_bytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def isis(path):
    blocks = [(PLANE.transpose(2, 0, 1).astype("f8") + 3, None)]
    cubes.write(path, cubes.Image(3, 24, 20, "i2", {}, blocks))


def pds(path):
    path.write_bytes("\r\n".join(LABEL).encode().ljust(1024) + bytes(range(256)) * 4)


def trajectory(path, form):
    """An ASPEN file in another netCDF format than it is made in."""
    made = airborne_files.aspen(path.parent)
    target = made.with_name("classic")
    with netCDF4.Dataset(made) as source, netCDF4.Dataset(target, "w", format=form) as copy:
        copy.setncatts({name: source.getncattr(name) for name in source.ncattrs()})
        for name, dimension in source.dimensions.items():
            copy.createDimension(name, len(dimension))
        for name, variable in source.variables.items():
            told = {key: variable.getncattr(key) for key in variable.ncattrs()}
            fill = told.pop("_FillValue", None)
            copied = copy.createVariable(name, variable.dtype, variable.dimensions, fill_value=fill)
            copied.setncatts(told)
            variable.set_auto_maskandscale(False)
            copied.set_auto_maskandscale(False)
            copied[...] = variable[...]
    target.replace(made)
    return made


def sample(kind):
    """Maker of the first granule of a sample whose name ends so."""

    def written(path):
        for write in airborne.SAMPLES.values():
            write(path.parent)
        return min(path.parent.glob(f"*{kind}"))

    return written


# Name of the file, its reader, its maker, and whether checksums cover all of it.
FORMATS = {
    "png": ("s.png", volume, lambda path: path.write_bytes(imagecodecs.png_encode(PLANE)), True),
    "tiff": ("s.tif", volume, tiff, False),
    "deflate": ("s.tif", volume, lambda path: tiff(path, "zlib"), False),
    "lzw": ("s.tif", volume, lambda path: tiff(path, "lzw"), False),
    "pages": ("s.tif", volume, lambda path: tiff(path, "zlib", np.stack([PLANE] * 3)), False),
    "ome": (
        "s.ome.tif",
        volume,
        lambda path: tifffile.imwrite(path, PLANE, photometric="minisblack", metadata={"axes": "ZYX"}),
        False,
    ),
    "jpeg": ("s.jpg", volume, lambda path: path.write_bytes(imagecodecs.jpeg8_encode(PLANE)), False),
    "nifti": ("v.nii", volume, nifti, False),
    "nifti.gz": ("v.nii.gz", volume, nifti, True),
    "npy": ("v.npy", volume, lambda path: np.save(path, PLANE), False),
    "pds3": ("a.IMG", product, pds, False),
    "cube": ("a.cub", cube, isis, False),
    "icartt": ("x", granule, sample(".ict"), False),
    "eol": ("x", granule, sample(".eol"), False),
    "avaps": ("x", granule, lambda path: airborne_files.avaps(path.parent), False),
    "iwg1": ("x", granule, lambda path: airborne_files.iwg1(path.parent), False),
    "netcdf3": ("x", granule, lambda path: trajectory(path, "NETCDF3_CLASSIC"), False),
    "netcdf4": ("x", granule, lambda path: airborne_files.aspen(path.parent), False),
    "cpl": ("x", granule, lambda path: airborne_files.cpl_level_2(path.parent), False),
    "shis": ("x", granule, lambda path: airborne_files.shis(path.parent, 3, 4), False),
}


def changed(content, random):
    """What becomes of a file's content: (what was done, content); half of all changes are near its start."""
    at = int(random.integers(min(len(content), 600) if random.random() < 0.5 else len(content)))
    match random.integers(4):
        case 0:
            return f"cut at {at}", content[:at]
        case 1:
            size = int(random.integers(1, 600))
            return f"{size} bytes twice at {at}", content[: at + size] + content[at:]
        case _:
            value = int(random.choice([content[at] ^ (1 << int(random.integers(8))), 0, 255]))
            return f"byte {at} is {value}", content[:at] + bytes([value]) + content[at + 1 :]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FORMATS)
def test_same_values_or_one_line(kind, tmp_path):
    name, read, write, is_covered = FORMATS[kind]
    number = list(FORMATS).index(kind)
    made = write(tmp_path / name)
    path = made if hasattr(made, "read_bytes") else tmp_path / name
    # The file alone, so that nothing beside it counts.
    alone = tmp_path / "alone"
    alone.mkdir()
    path = shutil.move(path, alone / path.name)
    content, right = path.read_bytes(), read(path)
    random = np.random.default_rng([SEED, number])
    for _ in range(number, MUTATIONS, len(FORMATS)):
        what, mutated = changed(content, random)
        path.write_bytes(mutated)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                arrays = read(path)
        except (ValueError, OSError) as error:
            assert path.name in str(error), (what, repr(error))
            assert "\n" not in str(error), (what, repr(error))
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error
        else:
            same = len(arrays) == len(right) and all(itertools.starmap(np.array_equal, zip(arrays, right, strict=True)))
            assert same or not is_covered, what
