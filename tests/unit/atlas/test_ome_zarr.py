"""OME-Zarr beside the precomputed volume, as software that is not ours reads it, and the check that judges it."""

import json
import shutil
import signal
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import scipy.ndimage
import tensorstore

from atlas_check_zarr import atlas_check_zarr
from atlas_convert_zarr import atlas_convert_zarr

SCRIPT = Path(__file__).parents[3] / "scripts/atlas_convert_zarr.py"
OPTIONS = {
    "chunk_size": [16, 16, 8],
    "resolution": [1000, 2000, 1500],
    "orientation": "RIP",
    "voxel_offset": [3, -5, 0],
}
SHAPE = 33, 40, 50  # slices, rows, columns
KINDS = {
    "grey": ((), "uint8", {}),
    "rgb": ((3,), "uint8", {}),
    "many channels": ((5,), "uint16", {}),
    "signed": ((), "int16", {}),
    "float": ((), "float32", {}),
    "labels": ((), "uint32", {"type": "segmentation"}),
    "big labels": ((), "uint64", {"type": "segmentation"}),
    "sharded": ((), "uint16", {"sharding": True}),
    "sharded rgb": ((3,), "uint8", {"sharding": True}),
    "one scale": ((), "uint8", {"max_scales": 1}),
    "larger chunks": ((), "uint8", {"chunk_size": 64}),
}


class Zarr:
    """The OME-Zarr of a planned volume."""

    def __init__(self, volume, **options):
        self.volume, self.folder = volume, volume.plan_file.with_name("volume.ome.zarr")
        self.write(**options)

    def write(self, **options):
        inventory, info = self.volume.plan_file.with_name("inventory.json"), self.volume.folder / "info"
        atlas_convert_zarr(inventory, self.volume.plan_file, info, self.folder / "zarr.json", "brain", **options)

    def check(self, **options):
        """The record of the check of OME-Zarr, after which there is that of the precomputed volume, too."""
        plan = self.volume.plan_file
        checks = plan.with_name("precomputed_check.json"), plan.with_name("zarr_check.json")
        atlas_check_zarr(plan, self.volume.folder / "info", self.folder / "zarr.json", *checks, "brain", **options)
        first, second = (json.loads(check.read_text()) for check in checks)
        assert len(first["checks"]["precomputed_check"]["scales"]) == len(second["checks"]["zarr_check"]["scales"])
        return second

    def fails(self, *texts):
        with pytest.raises((ValueError, OSError)) as failure:
            self.check()
        assert all(str(text) in str(failure.value) for text in texts), failure.value

    @property
    def attributes(self):
        return json.loads((self.folder / "zarr.json").read_text())["attributes"]

    @property
    def image(self):
        (image,) = self.attributes["ome"]["multiscales"]
        return image

    def voxels(self, scale=0):
        """A scale (x, y, z, channel) as tensorstore reads it."""
        return as_xyzc(tensorstore.open({"driver": "zarr3", "kvstore": f"file://{self.folder}/{scale}/"}).result())

    def chunks(self, scale=0):
        """Files of a scale, those with most in them first."""
        paths = [path for path in (self.folder / str(scale) / "c").rglob("*") if path.is_file()]
        return sorted(paths, key=lambda path: path.stat().st_size, reverse=True)

    def files(self):
        return files(self.folder)


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def as_xyzc(array):
    voxels = np.asarray(array).T
    return voxels if voxels.ndim == 4 else voxels[..., None]


@pytest.fixture
def source(noise, tmp_path):
    """`source(channels=(), dtype="uint8")`: a file of noise, with zeros that fill whole chunks."""

    def source(channels=(), dtype="uint8"):
        planes = noise(*SHAPE, *channels, dtype=dtype)
        planes[:, :20] = 0
        np.save(tmp_path / "v.npy", planes)
        return tmp_path / "v.npy"

    return source


@pytest.fixture
def zarr(source, plan):
    return Zarr(plan(source(), **OPTIONS))


@pytest.mark.usefixtures("many_regions")
@pytest.mark.parametrize("kind", KINDS)
def test_others_find_it_valid_and_read_every_voxel(kind, source, make):
    channels, dtype, options = KINDS[kind]
    volume = make(source(channels, dtype), **OPTIONS | options)
    zarr, voxels = Zarr(volume, threads=2), [volume.voxels(number) for number in range(len(volume.scales))]
    for number, expected in enumerate(voxels):
        assert np.array_equal(zarr.voxels(number), expected)
    assert zarr.check(threads=2)["checks"]["zarr_check"]["passed"]

    models = pytest.importorskip("ome_zarr_models.v05", reason="ome-zarr-models is not installed (it judges OME-Zarr)")
    import zarr as other

    group, labels = other.open_group(zarr.folder, mode="r"), "type" in options
    metadata = (models.ImageLabel if labels else models.Image).from_zarr(group).attributes.ome
    (image,) = metadata.multiscales
    assert [axis.name for axis in image.axes] == [*["c"] * len(channels), "z", "y", "x"]
    assert {axis.unit for axis in image.axes if axis.type == "space"} == {"nanometer"}
    assert (image.name, image.type) == ("brain", "mode" if labels else "mean")
    assert ("image-label" in zarr.attributes["ome"]) == labels
    assert len(image.datasets) == len(voxels)
    for number, expected in enumerate(voxels):
        array = group[str(number)]
        assert np.array_equal(as_xyzc(array[...]), expected)
        assert array.dtype == expected.dtype
        assert list(array.shape[-3:]) == volume.scales[number]["size"][::-1]


@pytest.mark.parametrize("offset", [[0, 0, 0], [3, -5, 1], [-7, 8, 1001]])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_places_are_those_of_the_precomputed_volume(offset, channels, source, make):
    """tensorstore says where a precomputed voxel begins; half a voxel further is the centre that NGFF places."""
    volume = make(source(channels), **OPTIONS | {"voxel_offset": offset})
    zarr = Zarr(volume)
    assert len(volume.scales) > 3
    for number, level in enumerate(zarr.image["datasets"]):
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{volume.folder}/", "scale_index": number}
        store = tensorstore.open(spec).result()
        units = [unit.multiplier for unit in store.dimension_units[:3]]
        first = [(low + 0.5) * unit for low, unit in zip(store.domain.origin, units, strict=False)]
        scale, translation = level["coordinateTransformations"]
        assert level["path"] == str(number)
        assert scale == {"type": "scale", "scale": [*[1] * len(channels), *reversed(units)]}
        assert translation["type"] == "translation"
        assert translation["translation"] == pytest.approx([*[0] * len(channels), *reversed(first)], abs=1e-6)


def test_coarse_voxels_lie_over_the_fine_ones_they_are_made_of(plan, tmp_path):
    """A bright block: its middle in nm is the same in every scale."""
    planes = np.zeros((64, 64, 64), np.float32)
    planes[16:48, 24:40, 32:64] = 1000
    np.save(tmp_path / "v.npy", planes)
    zarr = Zarr(plan(tmp_path / "v.npy", resolution=[10, 20, 10], chunk_size=8, voxel_offset=[8, -16, 24]))
    for number, level in enumerate(zarr.image["datasets"][:4]):
        scale, translation = (list(step.values())[1] for step in level["coordinateTransformations"])
        centre = scipy.ndimage.center_of_mass(zarr.voxels(number)[..., 0].T)
        place = np.array(centre) * scale + translation
        assert place == pytest.approx([(24 + 32) * 10, (-16 + 32) * 20, (8 + 48) * 10])


def test_jpeg_beside_it_takes_nothing_from_it(source, make, block):
    path = source()
    volume = make(path, chunk_size=16, resolution=1000, encoding="jpeg")
    alone = volume.files()
    zarr = Zarr(volume)
    assert volume.files() == alone
    assert np.array_equal(zarr.voxels(), block(np.load(path)))
    assert not np.array_equal(volume.voxels(), zarr.voxels())
    raw = make(path, chunk_size=16, resolution=1000)
    assert np.array_equal(zarr.voxels(2), raw.voxels(2))
    scales = zarr.check()["checks"]["zarr_check"]["scales"]
    assert all(scale["exact"] and "psnr_db" not in scale for scale in scales)
    assert [scale["key"] for scale in scales] == [scale["key"] for scale in volume.scales]
    assert [scale["values"] for scale in scales] == [int(np.prod(scale["size"])) for scale in volume.scales]


def test_shards_hold_what_those_of_the_precomputed_volume_hold(noise, make, tmp_path):
    np.save(tmp_path / "v.npy", noise(70, 90, 110))
    volume = make(tmp_path / "v.npy", resolution=1000, chunk_size=[8, 16, 8], sharding=True)
    zarr = Zarr(volume)
    for number, scale in enumerate(volume.scales):
        assert len(zarr.chunks(number)) == len(list((volume.folder / scale["key"]).iterdir()))
    assert len(zarr.chunks()) == 4
    names = {name for name in zarr.files() if "/c/" not in name}
    assert names == {"zarr.json", *(f"{number}/zarr.json" for number in range(len(volume.scales)))}
    assert zarr.check()["checks"]["zarr_check"]["scales"][0]["chunks"] == 14 * 6 * 9


def test_a_volume_of_one_section_has_flat_chunks(noise, plan, tmp_path):
    np.save(tmp_path / "v.npy", noise(1, 300, 200))
    zarr = Zarr(plan(tmp_path / "v.npy", resolution=1000))
    metadata = json.loads((zarr.folder / "0/zarr.json").read_text())
    assert metadata["chunk_grid"]["configuration"]["chunk_shape"] == [1, 64, 64]
    assert zarr.check()["checks"]["zarr_check"]["passed"]


@pytest.mark.parametrize(
    ("channels", "dtype", "options", "colours", "top"),
    [
        ((3,), "uint8", {}, ["FF0000", "00FF00", "0000FF"], 255),
        ((), "uint8", {}, ["FFFFFF"], 255),
        ((), "uint16", {"input_min": 0, "input_max": 4000}, ["FFFFFF"], 65535),
        ((), "uint16", {"input_min": 0, "input_max": 4000, "data_type": "float32"}, ["FFFFFF"], 1),
        ((), "uint16", {}, [], None),
        ((2,), "uint8", {}, [], None),
        ((), "uint8", {"type": "segmentation"}, [], None),
    ],
)
def test_colours_where_the_range_of_values_is_known(channels, dtype, options, colours, top, source, plan):
    zarr = Zarr(plan(source(channels, dtype), **OPTIONS | options))
    drawn = zarr.attributes["ome"].get("omero", {"channels": []})["channels"]
    assert [channel["color"] for channel in drawn] == colours
    assert all(channel["window"] == {"min": 0, "max": top, "start": 0, "end": top} for channel in drawn)


def test_the_affine_of_a_nifti_is_kept_and_its_loss_said(noise, plan, tmp_path):
    affine = nibabel.affines.from_matvec(np.array([[0.9, -0.2, 0], [0.2, 0.9, 0], [0, 0, 1]]) * 0.02, [1, -2, 3])
    image = nibabel.Nifti1Image(noise(9, 10, 11), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "v.nii")
    zarr = Zarr(plan(tmp_path / "v.nii", chunk_size=8, voxel_offset=[5, 0, -3]))
    scale, translation = (list(step.values())[1] for step in zarr.image["datasets"][0]["coordinateTransformations"])
    index = np.array([7, 2, 4])  # z, y, x
    place = (index * scale + translation)[::-1]
    mapped = (np.array(zarr.attributes["darkroom"]["transform"]) @ [*place, 1])[:3]
    assert mapped == pytest.approx(nibabel.affines.apply_affine(affine, index[::-1]) * 1e6, abs=1)
    assert any("affine" in note for note in zarr.check()["notes"])


def test_notes_of_the_plan_are_in_the_attributes(tmp_path, plan):
    image = nibabel.Nifti1Image(np.zeros((3, 4, 5), "f8"), np.diag([0.02, 0.02, 0.02, 1]))
    nibabel.save(image, tmp_path / "v.nii")
    zarr = Zarr(plan(tmp_path / "v.nii", data_type="uint8", resolution=1000))
    assert zarr.attributes["darkroom"] == {"notes": zarr.volume.plan["notes"]}
    assert any("stored as uint8" in note for note in zarr.volume.plan["notes"])


def test_it_is_a_source_itself(zarr, plan):
    again = plan(zarr.folder, chunk_size=16)
    assert again.scales[0]["resolution"] == OPTIONS["resolution"]
    assert np.array_equal(again.chunk().voxels(), zarr.voxels())


@pytest.mark.parametrize(("kind", "needed"), [("image", "1.0 PB"), ("segmentation", "1.6 PB")])
def test_no_room(kind, needed, source, plan):
    """Room of its own, of which atlas_import knows nothing; Snakemake has made the folder."""
    volume = plan(source(), **OPTIONS, type=kind, max_scales=1)
    volume.scales[0]["size"] = [100_000, 100_000, 100_000]
    volume.plan_file.write_text(json.dumps(volume.plan))
    folder = volume.plan_file.with_name("volume.ome.zarr")
    folder.mkdir()
    with pytest.raises(OSError, match=f"not enough room for the OME-Zarr of all scales: about {needed} needed"):
        Zarr(volume)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("options", [{}, {"sharding": True}], ids=str)
def test_killed_at_random_moments(options, noise, plan, kill, tmp_path, request):
    np.save(tmp_path / "v.npy", noise(40, 50, 60))
    made = OPTIONS | {"chunk_size": 6} | options
    whole = Zarr(plan(tmp_path / "v.npy", **made)).files()
    request.getfixturevalue("many_regions")
    volume = plan(tmp_path / "v.npy", **made)
    index = volume.plan_file.with_name("volume.ome.zarr") / "zarr.json"
    inventory = volume.plan_file.with_name("inventory.json")
    info = volume.folder / "info"
    command = [sys.executable, SCRIPT, inventory, volume.plan_file, info, index, "brain", "--threads", "2"]
    killed = set()
    for seed in range(4):
        killed.add(kill(command, lambda: list(info.parent.glob(".unfinished/*/region-*")), seed))
        there = files(index.parent)
        assert "zarr.json" not in there or there == whole  # it may be killed when all is done
    assert -signal.SIGKILL in killed
    partial = index.with_name("0") / "c/0/0/.0.99.part"
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.write_bytes(b"half")
    assert Zarr(volume).files() == whole


@pytest.mark.parametrize("options", [{}, {"sharding": True}, {"type": "segmentation"}], ids=str)
@pytest.mark.parametrize("scale", [0, 1, 2])
def test_the_check_finds_a_flipped_byte(scale, options, source, plan):
    zarr = Zarr(plan(source(), **OPTIONS | options))
    path = zarr.chunks(scale)[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    zarr.fails()


@pytest.mark.parametrize("which", [0, -1])
def test_the_check_finds_a_missing_chunk(which, zarr):
    """The last one is all zero, which is also what a reader makes of a chunk that is missing."""
    path = zarr.chunks()[which]
    path.unlink()
    zarr.fails(f"{zarr.folder}/0: missing chunks ['{path.relative_to(zarr.folder / '0')}']")


def test_the_check_finds_chunks_that_are_swapped(zarr):
    first, second = zarr.chunks(1)[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    zarr.fails(f"{zarr.folder}/1/c/", "differ from what they must be")


def test_the_check_finds_what_is_no_chunk(zarr):
    (zarr.folder / "1/c/0/.0.77.part").write_bytes(b"half")
    zarr.fails("files that are no chunks ['c/0/.0.77.part']")


def test_the_check_finds_a_missing_scale(zarr):
    shutil.rmtree(zarr.folder / "2")
    zarr.fails(f"{zarr.folder}/2/zarr.json")


@pytest.mark.parametrize(("name", "old", "new"), [("zarr.json", "1500", "1501"), ("1/zarr.json", '"z"', '"t"')])
def test_the_check_finds_metadata_that_was_not_planned(name, old, new, zarr):
    path = zarr.folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    zarr.fails(path, "is not what was planned")
