"""What the atlas tests share: volumes made by the pipeline's own functions, read by programs that are not ours."""

import contextlib
import json
import logging
import random
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import tensorstore

from atlas_check_precomputed import atlas_check_precomputed
from atlas_chunk import atlas_chunk
from atlas_import import atlas_import
from darkroom import entrypoint
from darkroom.atlas import definition, regions

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import cloudvolume

logging.getLogger("cloudvolume").setLevel(logging.ERROR)


class Volume:
    """A volume that was made: its plan, its folder, its voxels as others read them (x, y, z, channel)."""

    def __init__(self, folder):
        self.folder = folder / "precomputed"
        self.plan_file = folder / "volume.json"
        self.plan = json.loads(self.plan_file.read_text())
        self.notes = "; ".join(self.plan["notes"])

    @property
    def info(self):
        return json.loads((self.folder / "info").read_text())

    @property
    def scales(self):
        return self.plan["info"]["scales"]

    def chunk(self, **options):
        atlas_chunk(self.plan_file.with_name("inventory.json"), self.plan_file, self.folder / "info", **options)
        return self

    def check(self, **options):
        """The figures of the read-back check."""
        result = self.plan_file.with_name("precomputed_check.json")
        atlas_check_precomputed(self.plan_file, self.folder / "info", result, **options)
        return json.loads(result.read_text())["checks"]["precomputed_check"]

    def voxels(self, scale=0):
        """A scale as tensorstore reads it."""
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{self.folder}/", "scale_index": scale}
        return tensorstore.open(spec).result().read().result()

    def cloud_voxels(self, scale=0):
        """A scale as cloud-volume reads it."""
        return np.asarray(cloudvolume.CloudVolume(f"file://{self.folder}", mip=scale, progress=False)[:])

    def files(self):
        """Every file below the folder with its bytes."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


def inventory(source, names=None):
    """What `fetch_input` writes of a local source."""
    source = Path(source)
    if source.is_file():
        source, names = source.parent, [source.name]
    if names is None:
        names = sorted(str(path.relative_to(source)) for path in source.rglob("*") if not path.is_dir())
    files = [{"name": name, "bytes": 0, "mtime_ns": (source / name).lstat().st_mtime_ns} for name in names]
    return {"root": str(source), "files": files}


@pytest.fixture
def kill():
    """`kill(command, files, seed)`: its exit status when it is killed some time after it made more of the `files()`."""

    def killed(command, files, seed):
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        moment = random.Random(seed)
        enough = len(files()) + moment.randrange(1, 3)
        with contextlib.suppress(FileNotFoundError):  # a folder went while it was looked into: the end is near
            while running.poll() is None and len(files()) < enough:
                time.sleep(0.001)
        time.sleep(moment.random() / 50)
        running.kill()
        return running.wait()

    return killed


@pytest.fixture
def many_regions(monkeypatch):
    """Volumes that are planned from here on are cut into a few regions, and these into many blocks."""
    for limit, size in {"REGION": 30_000, "LAYERS": 30_000, "BLOCK": 1}.items():
        monkeypatch.setattr(regions, limit, size)


@pytest.fixture
def plan(tmp_path_factory):
    """`plan(source, names=None, **options)`: a volume that is planned from headers; nothing is written yet."""

    def planned(source, names=None, **options):
        folder = tmp_path_factory.mktemp("made")
        (folder / "inventory.json").write_text(json.dumps(inventory(source, names)))
        atlas_import(folder / "inventory.json", folder / "volume.json", definition.complete(options))
        return Volume(folder)

    return planned


@pytest.fixture
def make(plan):
    """`make(source, names=None, threads=2, **options)`: a volume that is written."""

    def made(source, names=None, threads=2, **options):
        return plan(source, names, **options).chunk(threads=threads)

    return made


@pytest.fixture
def refuses(make):
    """`refuses(source, *texts, **options)`: making the volume fails, and the line on the terminal has all texts."""

    def refused(source, *texts, names=None, **options):
        with pytest.raises((ValueError, OSError)) as failure:
            make(source, names, **{"resolution": 1000, **options})
        message = entrypoint.message(failure.value)
        assert all(text in message for text in texts), message
        return message

    return refused


@pytest.fixture
def noise():
    """`noise(*shape, dtype="uint8", seed=0)`: values over the whole range of an integer type, no two alike sections."""

    def values(*shape, dtype="uint8", seed=0):
        random = np.random.default_rng(seed)
        kind = np.dtype(dtype)
        if kind.kind == "f":
            return random.normal(size=shape).astype(kind)
        limits = np.iinfo(kind)
        return random.integers(limits.min, limits.max, shape, kind, endpoint=True)

    return values


@pytest.fixture
def block():
    """`block(planes)`: sections (slice, row, column[, channel]) as x, y, z, channel of the orientation RAS."""

    def turned(planes):
        planes = planes if planes.ndim == 4 else planes[..., None]
        return planes.transpose(2, 1, 0, 3)

    return turned
