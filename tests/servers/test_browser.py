"""Our volumes as the Neuroglancer client draws them in a browser, pixel by pixel, and the campaign page as it opens."""

import http.server
import json
import re
import subprocess
import sys
import threading
import urllib.request
from functools import partial
from urllib.parse import unquote, urljoin

import imagecodecs
import nibabel
import numpy as np
import pytest
import tifffile

pytest.importorskip("neuroglancer", reason="the neuroglancer package is not installed (it is in the test group)")

from atlas_check_precomputed import atlas_check_precomputed
from atlas_chunk import atlas_chunk
from atlas_import import atlas_import
from atlas_plot import atlas_plot
from campaign import ROOT
from darkroom.atlas import definition
from fetch_input import fetch_input
from publish_manifest import publish_manifest
from publish_page import publish_page
from servers import browser as chromium

SIZE = (50, 40, 30)  # voxels along x (right), y (front) and z (up); chunks of 32 end inside
PARTS = (20, 15, 12)  # where the lower half of each axis ends
RESOLUTION = (10_000, 20_000, 15_000)  # nm
PIXEL = 2500  # nm; a voxel is 4 pixels or more
WINDOW = (240, 340)  # pixels; the volume and a margin
BIG = 2**40 + 3  # a label that needs 64 bits
LABELS = [5, 0, 17, 250, BIG, 1001, 17, 9]  # of the octants; one is nothing, two are the same region


def octants():
    """Number of the octant of every voxel (x, y, z), 0 to 7: + 1 in the upper half of x, + 2 of y, + 4 of z."""
    x, y, z = np.indices(SIZE)
    return (x >= PARTS[0]) + 2 * (y >= PARTS[1]) + 4 * (z >= PARTS[2])


def grey():
    """Grey values (x, y, z): each octant has its own, and they grow a little along x within it."""
    return (20 + 28 * octants() + np.arange(SIZE[0])[:, None, None] // 5).astype(np.uint8)


def fine():
    """16-bit values (x, y, z), each different from its neighbours."""
    return (grey().astype(np.uint16) << 8) + (np.indices(SIZE).sum(0) % 7 * 1000).astype(np.uint16)


def colour():
    """RGB values (x, y, z, channel): red grows with x, green with y, blue with z, with a step between octants."""
    steps = [100 * (np.arange(size) >= part) + np.arange(size) for size, part in zip(SIZE, PARTS, strict=True)]
    return np.stack(np.broadcast_arrays(*np.ix_(*steps)), axis=-1).astype(np.uint8) + np.uint8(40)


def labels():
    return np.array(LABELS, np.uint64)[octants()]


# Each writes a source of raw data whose axes do not run as those of the volume do.


def coronal_png(folder):
    """RIA: columns to the right, rows downwards, sections to the front."""
    for number, plane in enumerate(grey().transpose(1, 2, 0)[:, ::-1], 8):
        (folder / f"s{number}.png").write_bytes(imagecodecs.png_encode(np.ascontiguousarray(plane)))


def sagittal_tiff(folder):
    """PIR: columns backwards, rows downwards, sections to the right."""
    for number, plane in enumerate(colour().transpose(0, 2, 1, 3)[:, ::-1, ::-1], 101):
        tifffile.imwrite(folder / f"he_{number}.tif", np.ascontiguousarray(plane), photometric="rgb")


def axial_tiff(folder):
    """LAI: columns to the left, rows to the front, sections downwards; one file of many pages."""
    planes = np.ascontiguousarray(fine().transpose(2, 1, 0)[::-1, :, ::-1])
    tifffile.imwrite(folder / "stack.tif", planes, photometric="minisblack")


def labels_nifti(folder):
    """RSP: the third axis runs backwards. The affine puts the centre of the first voxel at 0, not its corner."""
    affine = np.array([[0.01, 0, 0, 0], [0, 0, -0.02, 0.78], [0, 0.015, 0, 0], [0, 0, 0, 1]])
    image = nibabel.Nifti1Image(np.ascontiguousarray(labels()[:, ::-1].transpose(0, 2, 1)), affine, dtype="uint64")
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "labels.nii.gz")


STACK = {"resolution": list(RESOLUTION), "chunk_size": 32}
SEGMENTATION = {"type": "segmentation", "chunk_size": 32}
# What is drawn: how the source is written, what it holds, options, and how far a pixel may be off.
VOLUMES = {
    "grey-jpeg": (coronal_png, grey, STACK | {"orientation": "RIA", "encoding": "jpeg"}, 6),
    "rgb-jpeg": (sagittal_tiff, colour, STACK | {"orientation": "PIR", "encoding": "jpeg"}, 6),
    "rgb-png": (sagittal_tiff, colour, STACK | {"orientation": "PIR", "encoding": "png"}, 0),
    "raw": (axial_tiff, fine, STACK | {"orientation": "LAI", "encoding": "raw"}, 1),
    "raw-gzip": (axial_tiff, fine, STACK | {"orientation": "LAI", "encoding": "raw", "compresslevel": 6}, 1),
    "raw-shards": (axial_tiff, fine, STACK | {"orientation": "LAI", "encoding": "raw", "sharding": True}, 1),
    "labels": (labels_nifti, labels, SEGMENTATION | {"encoding": "compressed_segmentation"}, 0),
    "labels-gzip": (labels_nifti, labels, SEGMENTATION | {"compresslevel": 6}, 0),
}


def make(folder, source, options):
    """All steps of the atlas pipeline for one dataset; `folder` becomes what a campaign has of it."""
    options = definition.complete(options)
    inventory, volume, info = folder.parent / f"{folder.name}.json", folder / "volume.json", folder / "precomputed/info"
    products = [info, folder / "preview.png", folder / "neuroglancer.json"]
    check = folder / "precomputed_check.json"
    fetch_input(str(source), inventory=inventory)
    atlas_import(inventory, volume, options)
    atlas_chunk(inventory, volume, info)
    atlas_check_precomputed(volume, info, check)
    atlas_plot(volume, info, *products[1:])
    row = {"dataset": folder.name, "pipeline": "atlas", "source": source.name, "options": options}
    manifest, checksums = folder / "manifest.json", folder / "checksums.sha256"
    publish_manifest(inventory, products, [volume, check], manifest, checksums, "octants", row)
    return manifest


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder of results with one campaign, `octants`, and its page."""
    root, manifests = tmp_path_factory.mktemp("results"), []
    for name, (write, _, options, _) in VOLUMES.items():
        source = tmp_path_factory.mktemp(name)
        write(source)
        manifests.append(make(root / "octants" / name, source, options))
    publish_page(manifests, root / "octants/index.html", "octants")
    return root


@pytest.fixture(scope="module")
def browser():
    if not chromium.CHROMIUM:
        pytest.skip("chromium is not installed (Debian: apt install chromium)")
    with chromium.Browser() as browser:
        yield browser


class Plain(http.server.SimpleHTTPRequestHandler):
    """Any static server that lets other pages read its files."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def plain(results):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Plain, directory=str(results))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def viewed(results):
    """The address of the campaign page, as view.py prints it."""
    command = [sys.executable, ROOT / "darkroom", "view", results, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def serve(request, results):
    """Function from the name of a server to its address: a plain one, view.py, or nginx with gzip_static."""

    def serve(server):
        if server == "nginx":
            return request.getfixturevalue("nginx")(results, gzip_static="on").url
        address = request.getfixturevalue({"plain": "plain", "view.py": "viewed"}[server])
        return address.removesuffix("/octants/index.html")

    return serve


def state(results, name, url):
    """The state that was written for a dataset, pointed at a server."""
    shown = json.loads((results / "octants" / name / "neuroglancer.json").read_text())
    (layer,) = shown["layers"]
    layer["source"]["url"] = f"precomputed://{url}/octants/{name}/{layer['source']['url']}"
    return shown


def draw(browser, state, position, pixel=PIXEL, layout="xy", size=WINDOW, **changes):
    """Picture of a state at another place (nm) and magnification (nm per pixel); more changes for its layer."""
    layers = [layer | changes for layer in state["layers"]]
    moved = state | {"position": list(position), "crossSectionScale": pixel, "layout": layout, "layers": layers}
    return browser.screenshot_state(moved, size=size, timeout=300, plain=True)


def seen(voxels, middle, z, size=WINDOW):
    """What a picture of the axial section `z` must show: a value for each pixel, and where it is certain.

    voxels: array (x, y, z, ...). In a picture x grows to the right, y upwards. Certain are pixels inside the volume
    that are not at the edge of a voxel.
    """
    width, height = size
    places, certain = [], []
    steps = (np.arange(width) + 0.5 - width / 2, height / 2 - np.arange(height) - 0.5)
    for axis in (0, 1):
        place = (middle[axis] + steps[axis] * PIXEL) / RESOLUTION[axis]
        inside = (place > 0) & (place < SIZE[axis]) & (np.abs(place - np.rint(place)) > 0.1)
        places.append(np.clip(np.floor(place), 0, SIZE[axis] - 1).astype(int))
        certain.append(inside)
    certain = certain[1][:, None] & certain[0][None]
    assert certain.sum() > 0.5 * np.prod(SIZE[:2]) * RESOLUTION[0] * RESOLUTION[1] / PIXEL**2
    return voxels[places[0][None], places[1][:, None], z], certain


MIDDLE = [size * step / 2 for size, step in zip(SIZE, RESOLUTION, strict=True)]
HALF = [step / 2 for step in RESOLUTION]  # from the corner of the first voxel to its centre, where NIfTI's 0 is
SECTIONS = {z: [*MIDDLE[:2], (z + 0.5) * RESOLUTION[2]] for z in (3, 25)}  # one through each half: all octants


def served(*names):
    """Pairs of a server and a dataset; a plain server neither unpacks gzipped chunks nor sends parts."""
    servers = ("plain", "view.py", "nginx")
    pairs = [
        (server, name) for name in names for server in servers if server != "plain" or name[-4:] not in ("gzip", "ards")
    ]
    return pytest.mark.parametrize(("server", "name"), pairs, ids=["-".join(pair) for pair in pairs])


def greys(shown, values):
    """Values of 16 bits as the greys that the range of a state makes of them."""
    low, high = shown["layers"][0]["shaderControls"]["normalized"]["range"]
    return np.clip((values.astype(float) - low) / (high - low), 0, 1) * 255


@served("grey-jpeg", "rgb-jpeg", "rgb-png", "raw", "raw-gzip", "raw-shards")
def test_every_pixel_of_an_image_is_what_the_source_says(browser, results, serve, server, name):
    shown = state(results, name, serve(server))
    _, values, _, tolerance = VOLUMES[name]
    voxels = values()
    if name.startswith("raw"):
        voxels = greys(shown, voxels)
    for z, position in SECTIONS.items():
        picture = draw(browser, shown, position)
        expected, certain = seen(voxels, MIDDLE, z)
        expected = expected if expected.ndim == 3 else expected[..., None]
        assert np.abs(picture - expected.astype(float))[certain].max() <= tolerance


@served("labels", "labels-gzip")
def test_every_pixel_of_labels_has_the_colour_of_its_label(browser, results, serve, server, name):
    shown = state(results, name, serve(server))
    chosen = {label: (40 * number, 250 - 30 * number, 90) for number, label in enumerate(sorted({*LABELS} - {0}))}
    colours = {str(label): "#{:02x}{:02x}{:02x}".format(*rgb) for label, rgb in chosen.items()}
    usual = {}
    for z, place in SECTIONS.items():
        position = np.subtract(place, HALF)
        expected, certain = seen(labels(), MIDDLE, z)
        picture = draw(browser, shown, position, segmentColors=colours, selectedAlpha=1)
        for label, rgb in chosen.items():
            assert np.all(picture[certain & (expected == label)] == rgb)
        picture = draw(browser, shown, position)
        for label in np.unique(expected[certain]):
            drawn = {tuple(map(int, rgb)) for rgb in picture[certain & (expected == label)]}
            assert len(drawn) == 1
            assert usual.setdefault(int(label), drawn) == drawn
    assert len({min(drawn) for drawn in usual.values()}) == len({*LABELS})
    assert USUAL.setdefault("colours", usual) == usual


USUAL = {}  # colours that the client gives to labels, as first seen


@pytest.mark.parametrize("name", ["grey-jpeg", "rgb-png", "raw-gzip", "raw-shards", "labels-gzip"])
def test_a_coarser_scale_is_drawn_where_the_finest_is(browser, results, nginx, name):
    server = nginx(results, gzip_static="on")
    shown = state(results, name, server.url)
    scales = json.loads((results / "octants" / name / "precomputed/info").read_text())["scales"]
    middles = [(part / 2, (part + size) / 2) for part, size in zip(PARTS, SIZE, strict=True)]
    voxels = VOLUMES[name][1]()
    changes, start = {}, (0, 0, 0)
    if voxels.dtype == "u8":
        start = HALF
        colours = {label: (20 * number, 250 - 30 * number, 90) for number, label in enumerate(sorted({*LABELS}))}
        changes = {"segmentColors": {str(n): "#{:02x}{:02x}{:02x}".format(*c) for n, c in colours.items()}}
        changes |= {"selectedAlpha": 1}
    pixel = 2 * max(scales[1]["resolution"])
    for z in middles[2]:
        picture = draw(
            browser, shown, np.subtract([*MIDDLE[:2], z * RESOLUTION[2]], start), pixel, size=(64, 64), **changes
        )
        for x in middles[0]:
            for y in middles[1]:
                column = 32 + (x * RESOLUTION[0] - MIDDLE[0]) / pixel
                row = 32 - (y * RESOLUTION[1] - MIDDLE[1]) / pixel
                value = voxels[int(x), int(y), int(z)]
                if changes:
                    expected, tolerance = colours[int(value)] if value else (128, 128, 128), 0
                elif value.dtype == "u2":
                    expected, tolerance = greys(shown, value), 30
                else:
                    expected, tolerance = value, 6
                off = np.abs(picture[int(row), int(column)].astype(int) - expected).max()
                assert off <= tolerance
    asked = {request["path"].split("/")[-2] for request in server.requests()}
    assert asked & {scale["key"] for scale in scales[1:]}


AFFINES = {
    "oblique and flipped": ("LPI", [-12.3, 45.6, -7.8]),
    "permuted and flipped": ("SLA", [100.0, -200.0, 33.3]),
}


def oblique(code, origin):
    """An affine (mm) of voxels of 0.5 x 0.8 x 1.1 mm: axes as the code says, then turned by 20 degrees."""
    angle, axis = np.deg2rad(20), np.array([2.0, -1.0, 2.0]) / 3
    cross = np.cross(np.eye(3), -axis)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    ornt = nibabel.orientations.axcodes2ornt(code)
    straight = np.zeros((3, 3))
    for column, (row, sign) in enumerate(ornt):
        straight[int(row), column] = sign * (0.5, 0.8, 1.1)[column]
    return nibabel.affines.from_matvec(turn @ straight, origin)


@pytest.mark.parametrize("kind", ["image", "segmentation"])
@pytest.mark.parametrize("offset", [[0, 0, 0], [7, -5, 11]])
@pytest.mark.parametrize("placed", AFFINES)
def test_a_nifti_voxel_is_drawn_where_its_affine_says(browser, tmp_path, serve_folder, placed, offset, kind):
    voxel, data = (5, 13, 4), np.zeros((21, 17, 9), np.uint8)
    data[voxel] = 255
    affine = oblique(*AFFINES[placed])
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, tmp_path / "one.nii")
    make(tmp_path / "octants/one", tmp_path / "one.nii", {"type": kind, "voxel_offset": offset, "chunk_size": 8})
    shown = state(tmp_path, "one", serve_folder(tmp_path))
    position = nibabel.affines.apply_affine(affine, voxel) * 1e6
    for layout in ("xy", "xz", "yz"):
        picture = draw(browser, shown, position, pixel=20_000, layout=layout, size=(120, 120)).astype(int)
        bright = picture.min(-1) > 200 if kind == "image" else np.ptp(picture, -1) > 30  # white, or of some colour
        assert 800 < bright.sum() < 4000  # one voxel of 25 x 40 x 55 pixels, cut aslant
        assert np.abs(np.argwhere(bright).mean(0) - 59.5).max() < 1


@pytest.fixture
def serve_folder():
    """Function from a folder to the address of a plain server of it."""
    running = []

    def serve(folder):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Plain, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


IMAGES = """
Promise.all([...document.images].map(image => { image.loading = "eager"; return image.decode(); }))
    .then(() => [...document.images].map(image => image.naturalWidth * image.naturalHeight))
"""
LINKS = "[...document.links].map(link => link.href)"
NEUROGLANCER = "https://neuroglancer-demo.appspot.com/#!"


def test_campaign_page_opens_every_volume_in_neuroglancer(browser, results, viewed):
    with browser.page(viewed) as page:
        assert len(sizes := page.evaluate(IMAGES)) == len(VOLUMES)
        assert min(sizes) > 100_000
        links = page.evaluate(LINKS)
        assert page.complaints == []
        assert page.requests == [viewed]
    states = [json.loads(unquote(link.removeprefix(NEUROGLANCER))) for link in links if link.startswith(NEUROGLANCER)]
    assert [shown["layers"][0]["name"] for shown in states] == list(VOLUMES)
    for shown, name in zip(states, VOLUMES, strict=True):
        url = shown["layers"][0]["source"]["url"].removeprefix("precomputed://")
        with urllib.request.urlopen(f"{url}/info", timeout=60) as answer:
            assert json.load(answer) == json.loads((results / "octants" / name / "precomputed/info").read_text())
        picture = browser.screenshot_state(shown, size=(400, 300), timeout=300, plain=True)
        assert picture[:150, :200].std() > 10
    for link in {link.partition("#")[0] for link in links if not link.startswith(NEUROGLANCER)}:
        with urllib.request.urlopen(urljoin(viewed, link), timeout=60) as answer:
            assert answer.status == 200


def test_campaign_page_opened_as_a_file_says_how_to_see_more(browser, results):
    page_file = (results / "octants/index.html").as_uri()
    with browser.page(page_file) as page:
        assert min(page.evaluate(IMAGES)) > 100_000
        assert page.requests == [page_file]
        assert page.complaints == []
        assert not [link for link in page.evaluate(LINKS) if not link.startswith(page_file.removesuffix("index.html"))]
        text = page.evaluate("document.body.innerText")
        assert len(re.findall(r"Serve this folder to open it in Neuroglancer", text)) == len(VOLUMES)
        assert "Open in Neuroglancer" not in text


def test_a_page_that_asks_outside_or_fails_is_noticed(browser, tmp_path):
    page_file = tmp_path / "bad.html"
    page_file.write_text('<img src="http://outside.invalid/x.png"><script>console.error("said"); missing()</script>')
    with browser.page(page_file.as_uri()) as page:
        assert page.requests == [page_file.as_uri(), "http://outside.invalid/x.png"]
        complaints = json.dumps(page.complaints)
    for said in ("said", "missing is not defined", "ERR_NAME_NOT_RESOLVED"):
        assert said in complaints


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_campaign_page_fits_its_window_in_light_and_dark(browser, results, width, dark):
    with browser.page((results / "octants/index.html").as_uri()) as page:
        picture = page.screenshot(width, dark)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = picture[:8].mean()
    assert picture.shape[1] == width
    assert (ground < 60) if dark else (ground > 220)
