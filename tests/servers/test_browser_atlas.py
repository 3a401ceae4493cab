"""What an atlas has beside its voxels, as the Neuroglancer client draws it: every channel a layer, points at their place."""

import csv
import json
import time

import numpy as np
import pytest

pytest.importorskip("neuroglancer", reason="the neuroglancer package is not installed (it is in the test group)")

import neuroglancer

from atlas_chunk import atlas_chunk
from atlas_convert_meshes import atlas_convert_meshes
from atlas_convert_points import atlas_convert_points
from atlas_import import atlas_import
from atlas_plot import atlas_plot
from darkroom.atlas import definition
from fetch_input import fetch_input
from servers.test_browser import MIDDLE, PIXEL, RESOLUTION, SECTIONS, SIZE, browser, draw, grey, seen  # noqa: F401


@pytest.fixture
def shown(tmp_path, nginx):
    """`shown(planes, points=None, table=None, **options)`: the state of the view of a dataset, its sources on a server."""

    def made(planes, points=None, table=None, **options):
        (tmp_path / "raw").mkdir()
        np.save(tmp_path / "raw/v.npy", planes)
        inventory, volume, info = tmp_path / "inventory.json", tmp_path / "volume.json", tmp_path / "precomputed/info"
        layer = tmp_path / "annotations/info" if points else None
        fetch_input(str(tmp_path / "raw"), inventory=inventory)
        atlas_import(
            inventory, volume, definition.complete({"resolution": list(RESOLUTION), "chunk_size": 32} | options), table
        )
        atlas_chunk(inventory, volume, info)
        if points:
            with (tmp_path / "cells.csv").open("w") as file:
                csv.writer(file).writerows([["x", "y", "z", "kind"], *points])
            atlas_convert_points(volume, tmp_path / "cells.csv", layer, tmp_path / "check.json")
        if options.get("meshes"):
            atlas_convert_meshes(volume, info, info.with_name("mesh") / "info", tmp_path / "check.json")
        atlas_plot(volume, info, tmp_path / "p.png", tmp_path / "view.json", layer)
        state = json.loads((tmp_path / "view.json").read_text())
        url = nginx(tmp_path).url
        for one in state["layers"]:
            one["source"]["url"] = f"precomputed://{url}/{one['source']['url']}/"
        return state

    return made


def test_every_channel_has_a_layer(browser, shown):  # noqa: F811
    first, second = grey(), 255 - grey()
    state = shown(np.stack([first, second], axis=-1).transpose(2, 1, 0, 3))
    assert [layer["name"] for layer in state["layers"]] == ["channel 0", "channel 1"]
    for z, position in SECTIONS.items():
        picture = draw(browser, state, position)
        wanted, certain = seen(np.stack([second, first, second], axis=-1), MIDDLE, z)  # green, and magenta
        assert np.abs(picture.astype(int) - wanted)[certain].max() <= 1


def test_points_are_at_their_places(browser, shown):  # noqa: F811
    position, *_ = SECTIONS.values()
    places = [[MIDDLE[0] + 40 * PIXEL, MIDDLE[1] - 30 * PIXEL], [MIDDLE[0] - 60 * PIXEL, MIDDLE[1] + 50 * PIXEL]]
    points = [[*place, position[2], kind] for place, kind in zip(places, ("neuron", "glia"), strict=True)]
    state = shown(np.zeros(SIZE[::-1], "u1"), points)
    red = "void main() { setColor(vec4(prop_kind() == 1u ? 1.0 : 0.5, 0.0, 0.0, 1.0)); setPointMarkerSize(12.0); setPointMarkerBorderWidth(0.0); }"
    state["layers"][1]["shader"] = red
    picture = draw(browser, state, position)
    height, width = picture.shape[:2]
    for (x, y, _, kind), least in zip(points, (200, 100), strict=True):
        column, row = width / 2 + (x - MIDDLE[0]) / PIXEL, height / 2 - (y - MIDDLE[1]) / PIXEL
        around = picture[round(row) - 10 : round(row) + 10, round(column) - 10 : round(column) + 10]
        rows, columns = np.nonzero(around[..., 0] >= least)
        assert len(rows) > 60, kind
        assert abs(rows.mean() - 9.5) < 1.5 and abs(columns.mean() - 9.5) < 1.5, kind
        assert (around[..., 0].max() > 200) == (kind == "neuron")


def test_a_mesh_is_drawn_where_its_label_is(browser, shown):  # noqa: F811
    """From above, without perspective: a slab of 20 x 10 voxels around the middle, seen as a rectangle of that shape."""
    labels = np.zeros(SIZE[::-1], "u1")
    x, y, z = (size // 2 for size in SIZE)
    labels[z - 5 : z + 5, y - 5 : y + 5, x - 10 : x + 10] = 7
    state = shown(labels, type="segmentation", meshes=True)
    state |= {"projectionOrientation": [1, 0, 0, 0], "showSlices": False}
    three = {"type": "3d", "orthographicProjection": True}
    picture = draw(browser, state, MIDDLE, layout=three, segments=["7"], segmentColors={"7": "#ff0000"})
    rows, columns = np.nonzero((picture[..., 0] > 60) & (picture[..., 1] < 40))
    height, width = picture.shape[:2]
    across, down = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert len(rows) > 0.95 * across * down > 400
    assert across / down == pytest.approx(20 * RESOLUTION[0] / (10 * RESOLUTION[1]), rel=0.1)
    assert abs(columns.mean() - width / 2) < 3 and abs(rows.mean() - height / 2) < 3


def test_regions_have_their_names_and_colours(browser, shown, tmp_path):  # noqa: F811
    """In the list of segments of the client's own panel, whatever is drawn."""
    labels = np.zeros(SIZE[::-1], "u1")
    labels[:, :10], labels[:, 10:] = 7, 9
    (tmp_path / "t.csv").write_text("id,name,acronym,colour\n7,Dentate gyrus,DG,#ff8000\n9,Subiculum,SUB,#0080ff\n")
    state = shown(labels, table=tmp_path / "t.csv", type="segmentation")
    (layer,) = state["layers"]
    layer |= {"tab": "segments", "segments": ["7", "9"]}
    viewer = neuroglancer.Viewer()
    viewer.set_state(state | {"selectedLayer": {"layer": layer["name"], "visible": True}})
    rows = "[...document.querySelectorAll('.neuroglancer-segment-list-entry')].map(row => row.textContent)"
    colour = "getComputedStyle(document.querySelector('[data-id=\"7\"] .neuroglancer-segment-list-entry-id')).backgroundColor"
    with browser.page(viewer.get_viewer_url()) as page:
        deadline = time.monotonic() + 120
        while not {"DG", "SUB"} <= set(entries := " ".join(page.evaluate(rows)).split()):
            assert time.monotonic() < deadline, entries or page.complaints
            time.sleep(0.2)
        assert page.evaluate(colour) == "rgb(255, 128, 0)"
