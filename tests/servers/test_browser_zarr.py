"""Our OME-Zarr as the Neuroglancer client draws it in a browser: the same pixels in the same place as the precomputed volume."""

import numpy as np
import pytest

pytest.importorskip("neuroglancer", reason="the neuroglancer package is not installed (it is in the test group)")

from atlas_convert_zarr import atlas_convert_zarr
from atlas_import import atlas_import
from darkroom.atlas import definition
from fetch_input import fetch_input
from servers.test_browser import LABELS, MIDDLE, SECTIONS, VOLUMES, browser, draw, seen  # noqa: F401

GREY = "void main() { emitGrayscale(toNormalized(getDataValue())); }"
RGB = "void main() { emitRGB(vec3(toNormalized(getDataValue(0)), toNormalized(getDataValue(1)), toNormalized(getDataValue(2)))); }"
NM = {axis: [1e-9, "m"] for axis in "xyz"}
# Channels become a channel dimension (^), so that a shader sees all of them.
CHANNELS = {"transform": {"outputDimensions": {"c^": [1, ""]} | {axis: [1e-9, "m"] for axis in "zyx"}}}


def state(url, kind, shader):
    source = {"url": f"zarr3://{url}/volume.ome.zarr/"} | (CHANNELS if shader == RGB else {})
    layer = {"name": "zarr", "type": kind, "source": source} | ({"shader": shader} if shader else {})
    return {"dimensions": NM, "layers": [layer], "crossSectionOrientation": [1, 0, 0, 0]}  # y upwards


DRAWN = [("grey-jpeg", GREY), ("rgb-png", RGB), ("labels", "")]


@pytest.mark.parametrize(("name", "shader"), DRAWN, ids=[name for name, _ in DRAWN])
def test_every_pixel_is_what_the_source_says(browser, nginx, tmp_path, name, shader):  # noqa: F811
    write, values, options, _ = VOLUMES[name]
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw")
    inventory, volume = tmp_path / "inventory.json", tmp_path / "volume.json"
    fetch_input(str(tmp_path / "raw"), inventory=inventory)
    atlas_import(inventory, volume, definition.complete(options | {"sharding": name == "labels"}))
    atlas_convert_zarr(inventory, volume, tmp_path / "precomputed/info", tmp_path / "volume.ome.zarr/zarr.json", name)
    shown = state(nginx(tmp_path).url, options.get("type", "image"), shader)
    chosen = {label: (40 * number, 250 - 30 * number, 90) for number, label in enumerate(sorted({*LABELS} - {0}))}
    colours = {str(label): "#{:02x}{:02x}{:02x}".format(*rgb) for label, rgb in chosen.items()}
    changes = {} if shader else {"segmentColors": colours, "selectedAlpha": 1}
    for z, position in SECTIONS.items():
        picture = draw(browser, shown, position, **changes)
        expected, certain = seen(values(), MIDDLE, z)
        if shader:
            expected = expected if expected.ndim == 3 else expected[..., None]
            assert np.abs(picture.astype(int) - expected)[certain].max() == 0
        else:
            for label, rgb in chosen.items():
                assert np.all(picture[certain & (expected == label)] == rgb)
