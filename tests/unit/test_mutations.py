"""Small files of every format with a byte changed, an end cut off, or a block twice: the same values, or one line.

A change that no format can tell (a digit of a table, a sample without a checksum) makes other values; where a checksum
covers the whole file, never. MUTATIONS is how many are tried in all, MUTATION_SEED which.
"""

import bz2
import functools
import gzip
import itertools
import json
import os
import shutil
import struct
import warnings

import h5py
import imagecodecs
import netCDF4
import nibabel
import nrrd
import numpy as np
import pytest
import rasterio
import tifffile
import trimesh
import zarr

import airborne_files
import calcium_recordings
import copernicus_orbit
import copernicus_safe
import copernicus_sen3
import planetary_planet
from copernicus_recipe import project
from darkroom.airborne import collection, granules
from darkroom.airborne.reading import read as read_granule
from darkroom.atlas import annotations, label_tables, mesh_files, quicknii, stack, witness
from darkroom.calcium.readers import gpio, series
from darkroom.planetary.formats import cnet, cubes, pds3
from darkroom.planetary.geometry import isd
from darkroom.planetary.geometry.shape import Terrain
from darkroom.samples import airborne, copernicus_radar

MUTATIONS = int(os.environ.get("MUTATIONS", 350))
SEED = int(os.environ.get("MUTATION_SEED", 1))
PLANE = np.random.default_rng(0).integers(0, 60, (24, 20, 3)).cumsum(axis=0).astype("u1")
LABEL = [
    "PDS_VERSION_ID = PDS3", "RECORD_TYPE = FIXED_LENGTH", "RECORD_BYTES = 512", "FILE_RECORDS = 4", "^IMAGE = 3",
    "OBJECT = IMAGE", "LINES = 16", "LINE_SAMPLES = 64", "SAMPLE_BITS = 8", "SAMPLE_TYPE = UNSIGNED_INTEGER",
    "END_OBJECT = IMAGE", "END", "",
]  # fmt: skip


collections = functools.cache(collection.load)


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
    config = granules.claimed(path.name, collections(), path.parent)
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


def table(read):
    """Reader of a file that is no array: what it tells, as text."""
    return lambda path: [np.array(str(read(path)))]


def movie(path):
    """The frames of a recording; where the format does not tell when they were taken, it is told."""
    told = {} if path.suffix == ".isxd" else {"start": "2020-01-01T00:00:00Z", "rate": 20}
    recording = series.read_series([path], **told)
    return [recording.read(0, recording.shape[0])]


def array(path):
    """The voxels of the Zarr array that a file of metadata is of, or of its group."""
    root = next(parent for parent in path.parents if parent.suffix == ".zarr")
    files = sorted(str(file.relative_to(root.parent)) for file in root.rglob("*") if file.is_file())
    source = stack.describe(root.parent, files)
    with stack.open_stack(source) as reader:
        return [reader.read(0, source["shape"][0], 0, source["shape"][1])]


def mesh(path):
    vertices, faces = mesh_files.load(path)
    return [vertices, faces]


def heights(path):
    return [Terrain(path, np.full(3, 3396.19)).radius(np.linspace(7.1, 9.9, 20), np.linspace(0.1, 3.9, 20))]


def recipe(method, name, **options):
    """Reader of a product: the layers of the map that a recipe makes of it."""

    def read(path):
        folder = next(parent for parent in path.parents if parent.name == "raw")
        times, shown = project(
            method, folder, folder.with_name("stack.nc"), name, **{"layers": [], "map": {}} | options
        )
        with shown.reading() as get:
            return [get(layer.name, at) for layer in times.layers for at in range(len(times.begins))]

    return read


backscatter = recipe("s1", "s1_backscatter", backscatter={})
chlorophyll = recipe("s3", "s3_olci", layers=["CHL_NN"], every=None)
index = recipe("s2", "s2_index", layers=["NDVI"], mask=None, detectors=None)
column = recipe("s5p", "s5p_columns", layers=["NO2"], qa=None, every=None)


def packets(path):
    """Lines and lights of an acquisition box that changed."""
    body = b""
    for number, (kind, time, word) in enumerate([(0x4007, 1000, 2), (0x4007, 1500, 3), (0x4003, 1600, 9)]):
        body += struct.pack("<8I", 0xAA55, kind, number, 4, 0, time, 0, word)
    path.write_bytes(struct.pack("<QQiIQQQ", 1_700_000_000, 1, 0, 48, 3, 200, 48 + len(body)) + body + b"{}")


def zarr_group(path):
    """An OME-Zarr 0.5; its metadata are what is changed."""
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    placed = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]
    group = zarr.open_group(path.with_name("v.zarr"), mode="w", zarr_format=3)
    group.create_array("0", shape=(3, 24, 20), chunks=(2, 16, 16), dtype="u1")[:] = PLANE.transpose(2, 0, 1)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": placed}]}
    return path.with_name("v.zarr") / "zarr.json"


def network(path):
    measures = [cnet.Measure("MRO/CTX/1", sample=1.25, line=9.5), cnet.Measure("MRO/CTX/2", apriori_line=-3.0)]
    points = [cnet.Point("one", apriori_x=1.5e6, adjusted_covariance=[1.0] * 6, measures=measures)]
    cnet.write(path, cnet.Header("net", "Mars", "2001-01-01T00:00:00", "2001-01-01T00:00:00", "", "me"), points)


def dem(path):
    place = rasterio.transform.from_origin(0, 10, 0.1, 0.1)
    crs = "+proj=longlat +R=3396190 +no_defs +type=crs"
    profile = {"driver": "GTiff", "width": 40, "height": 30, "count": 1, "dtype": "int16", "compress": "deflate"}
    with rasterio.open(path, "w", crs=crs, transform=place, **profile) as made:
        made.write(np.random.default_rng(0).integers(0, 900, (30, 40)).astype("i2"), 1)


def radar(part):
    """Maker of a product of Sentinel-1 alone, of which a file is changed."""

    def written(path):
        copernicus_radar.radar(path.with_name("raw"))
        first, *others = sorted(path.with_name("raw").rglob("*.SAFE"))
        for product in others:
            shutil.rmtree(product)
        return next(file for file in sorted(first.rglob(f"*{part}*-vv-*")) if file.is_file())

    return written


def sentinel2(part):
    def written(path):
        random = np.random.default_rng(0)
        bands = {f"B0{band}_10m": random.integers(1000, 6000, (48, 48)) for band in (4, 8)}
        copernicus_safe.safe(path.with_name("raw"), bands | {"SCL_20m": np.full((24, 24), 4)})
        return next(path.with_name("raw").rglob(part))

    return written


def sentinel3(file):
    def written(path):
        longitudes, latitudes = copernicus_sen3.swath()
        stored = np.random.default_rng(3).integers(10, 200, longitudes.shape).astype("u1")
        files = copernicus_sen3.olci(stored, np.full(longitudes.shape, 2, "u8"))
        copernicus_sen3.product(path.with_name("raw"), "OL_2_WFR___", files, longitudes, latitudes)
        return next(path.with_name("raw").rglob(file))

    return written


def orbit(path):
    values = np.random.default_rng(0).random((6, 8)).astype("f4") * 1e-4
    return copernicus_orbit.orbit(path.with_name("raw"), values, *copernicus_orbit.swath(6, 8, 7, 44, 0.05))


def recording(path):
    calcium_recordings.write(path, calcium_recordings.made(frames=6, rows=24, columns=20, cells=1))


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["movie"] = PLANE.transpose(2, 0, 1).astype("u2")


def volume_of(kind):
    """Maker of a volume as bytes of a class of nibabel."""
    return lambda: kind(PLANE.transpose(2, 0, 1).astype("i2"), np.eye(4)).to_bytes()


def packed(pack, content):
    return lambda path: path.write_bytes(pack(content()))


def nrrds(encoding):
    header = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": [1, 2, 3]}
    return lambda path: nrrd.write(str(path), PLANE, header | {"encoding": encoding})


PYRAMID = trimesh.Trimesh(
    [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], [[0, 1, 2], [0, 1, 3], [0, 2, 3]], process=False
)
GIFTI = nibabel.gifti.GiftiImage(
    darrays=[
        nibabel.gifti.GiftiDataArray(PYRAMID.vertices.astype("f4"), intent="NIFTI_INTENT_POINTSET"),
        nibabel.gifti.GiftiDataArray(PYRAMID.faces.astype("i4"), intent="NIFTI_INTENT_TRIANGLE"),
    ]
)
SLICES = {"target-resolution": [456, 528, 320], "target": "ABA_Mouse_CCFv3_2017_25um.cutlas"}
SLICES["slices"] = [
    {"filename": "s1.png", "nr": 1, "width": 9, "height": 8, "anchoring": [0, 10, 32, 45, 0, 0, 0, 0, -3]}
]


def text(content):
    return lambda path: path.write_text(content)


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
    "jp2": ("s.jp2", volume, packed(functools.partial(imagecodecs.jpeg2k_encode, level=0), lambda: PLANE), False),
    "jpegtiff": ("s.tif", volume, lambda path: tiff(path, "jpeg"), False),
    "nrrd": ("v.nrrd", volume, nrrds("raw"), False),
    "nrrd.gz": ("v.nrrd", volume, nrrds("gzip"), False),
    "nrrd.txt": ("v.nrrd", volume, nrrds("ascii"), False),
    "mgz": ("v.mgz", volume, packed(functools.partial(gzip.compress, mtime=0), volume_of(nibabel.MGHImage)), True),
    "nifti2": ("v.nii", volume, packed(bytes, volume_of(nibabel.Nifti2Image)), False),
    "nifti.bz2": ("v.nii.bz2", volume, packed(bz2.compress, volume_of(nibabel.Nifti1Image)), True),
    "zarr": ("x", array, zarr_group, False),
    "stl": ("m.stl", mesh, PYRAMID.export, False),
    "ply": ("m.ply", mesh, PYRAMID.export, False),
    "obj": ("m.obj", mesh, PYRAMID.export, False),
    "gifti": ("m.gii", mesh, lambda path: path.write_bytes(GIFTI.to_bytes()), False),
    "labels": ("l.tsv", table(label_tables.read), text("id\tname\tred\tgreen\tblue\n1\tCortex\t255\t0\t0\n"), False),
    "points": ("c.csv", table(annotations.read), text("x,y,z,type,score\n1,2,3,a,0.5\n4,5,6,b,0.25\n"), False),
    "quicknii": ("q.json", table(quicknii.read), text(json.dumps(SLICES)), False),
    "isxd": ("a.isxd", movie, recording, False),
    "gpio": ("a.gpio", table(gpio.read_gpio), packets, False),
    "hdf5": ("a.h5", movie, hdf5, False),
    "tiff movie": (
        "a.tif",
        movie,
        lambda path: tifffile.imwrite(path, PLANE[..., :1].repeat(5, 2).transpose(2, 0, 1), photometric="minisblack"),
        False,
    ),
    "network": ("a.net", table(cnet.read), network, False),
    "dem": ("d.tif", heights, dem, False),
    "isd": ("a.json", table(isd.of), text(json.dumps(planetary_planet.scan_isd(10, 20, 3))), False),
    "annotation": ("x", backscatter, radar("annotation/s1"), False),
    "calibration": ("x", backscatter, radar("calibration"), False),
    "noise": ("x", backscatter, radar("noise"), False),
    "measurement": ("x", backscatter, radar("measurement/"), False),
    "band": ("x", index, sentinel2("*_B04_10m.jp2"), False),
    "metadata": ("x", index, sentinel2("MTD_*.xml"), False),
    "olci": ("x", chlorophyll, sentinel3("chl_nn.nc"), False),
    "flags": ("x", chlorophyll, sentinel3("wqsf.nc"), False),
    "places": ("x", chlorophyll, sentinel3("geo_coordinates.nc"), False),
    "orbit": ("x", column, orbit, False),
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


def is_same(one, other):
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", FORMATS)
def test_same_values_or_one_line(kind, tmp_path):
    name, read, write, is_covered = FORMATS[kind]
    number = list(FORMATS).index(kind)
    made = write(tmp_path / name)
    path = made if hasattr(made, "read_bytes") else tmp_path / name
    if path.parent == tmp_path:  # the file alone, so that nothing beside it counts
        alone = tmp_path / "alone"
        alone.mkdir()
        path = shutil.move(path, alone / path.name)
    content, right = path.read_bytes(), read(path)
    random = np.random.default_rng([SEED, number])
    for _ in range(number, MUTATIONS, len(FORMATS)):
        what, mutated = changed(content, random)
        path.unlink()  # HDF5 may hold a file that it could not close
        path.write_bytes(mutated)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                arrays = read(path)
        except (ValueError, OSError) as error:
            assert any(name in str(error) for name in (path.name, "v.zarr", ".SEN3")), (what, repr(error))
            assert "\n" not in str(error), (what, repr(error))
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error
        else:
            same = len(arrays) == len(right) and all(itertools.starmap(is_same, zip(arrays, right, strict=True)))
            assert same or not is_covered, what
