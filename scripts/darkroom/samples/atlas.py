"""Raw input for the demo campaign of brain-atlas teams: histological sections and a label volume of a made-up brain.

No brain was cut for this. One phantom, written as smooth functions of a place in millimetres (x to the right, y to the
front, z up), imitates a primate brain of human size: two folded hemispheres with a cortex of six layers, white matter,
ventricles, deep nuclei, cerebellum behind and brain stem below. The samples are views of that one phantom, so that they
agree with each other, and it has marks that show a flipped axis at once: a lesion in the right hemisphere only, a wider
left ventricle, a cerebellum at the back. The pictures imitate cell-body stained (Nissl) sections read by a scanner at
low magnification, haematoxylin and eosin stained sections, and the label volume of an atlas.

Every file is the same bytes on every run.
"""

import gzip
from functools import lru_cache
from io import BytesIO
from types import SimpleNamespace

import imagecodecs
import nibabel
import numpy as np
import tifffile
from scipy import ndimage

from darkroom.files import write_bytes

SEED = 20190412
STEP = 1.5  # mm between the nodes of the phantom's fields
LOWER = np.array([-78.0, -96.0, -72.0])  # mm, first node of each axis
NODES = (105, 125, 93)

LESION = (25.0, -24.0, 27.0)  # mm; in the right hemisphere only
LEFT_LABELS = {
    "frontal cortex": 3,
    "parietal cortex": 7,
    "temporal cortex": 12,
    "occipital cortex": 15,
    "white matter": 21,
    "lateral ventricle": 30,
    "thalamus": 41,
    "striatum": 47,
    "cerebellum": 71,
}
RIGHT = 100  # added to a label of the left side to name the same region on the right
LESION_LABEL, STEM_LABEL = 190, 250


# The phantom


def _noise(rng, places, wavelength, waves):
    """Smooth noise of unit variance: a sum of plane waves in random directions. `places` is x, y, z in millimetres."""
    direction = rng.standard_normal((waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    number = 2 * np.pi / wavelength * rng.uniform(0.75, 1.3, (waves, 1)) * direction
    phase = rng.uniform(0, 2 * np.pi, waves)
    total = np.zeros(np.broadcast_shapes(*(np.shape(place) for place in places)), np.float32)
    for vector, start in zip(number.astype(np.float32), phase.astype(np.float32), strict=True):
        total += np.cos(vector[0] * places[0] + vector[1] * places[1] + vector[2] * places[2] + start)
    return total * np.float32(np.sqrt(2 / waves))


def _ellipsoid(places, centre, radii):
    """Depth in millimetres below an ellipsoid's surface (negative outside): first order, best near the surface."""
    offsets = [(place - middle) / radius for place, middle, radius in zip(places, centre, radii, strict=True)]
    slope = np.sqrt(sum((offset / radius) ** 2 for offset, radius in zip(offsets, radii, strict=True)))
    return (1 - sum(offset**2 for offset in offsets)) / (2 * slope + 1e-3)


def _nuclei(places):
    """Depth inside thalamus, striatum and pallidum, each of both sides."""
    x, y, z = places
    side = np.abs(x)
    lateral = side - 14 - 0.12 * np.maximum(0, 14 - y)
    return {
        "thalamus": _ellipsoid((side, y, z), (11, -14, 3), (8, 15, 9)),
        "striatum": np.maximum(
            _ellipsoid((lateral, y, z - 0.006 * y**2), (0, 12, 9), (5.5, 20, 8)),
            _ellipsoid((side - 0.1 * z, y, z), (26, 3, 1), (5.5, 18, 11)),
        ),
        "pallidum": _ellipsoid((side - 0.1 * z, y, z), (18.5, 0, -1), (3.6, 11, 7)),
    }


def _ventricles(places):
    """Depth inside the lateral ventricles (the left one wider), and inside the third and fourth."""
    x, y, z = places
    wide = np.where(x < 0, 1.35, 1.0)
    bow = 6 + 0.0035 * (y - 10) ** 2
    lateral = _ellipsoid((np.abs(x) - bow, y, z - 11 + 0.006 * (y + 6) ** 2), (0, -4, 0), (3.6 * wide, 42, 5.4 * wide))
    third = _ellipsoid((x, y, z), (0, -8, -3), (1.9, 15, 9))
    fourth = _ellipsoid((x, y, z), (0, -40, -32), (6, 3.5, 8))
    return lateral, np.maximum(third, fourth)


@lru_cache(maxsize=1)
def phantom():
    """The smooth fields that the brain is cut from, each at the nodes of a grid (axes x, y, z; millimetres).

    hull        depth below the smooth envelope of the cerebrum
    fold        signed distance from the nearest sulcus' mid-surface
    floor       depth below the bottoms of the sulci
    midline     signed distance from the fissure between the hemispheres
    bridge      depth inside the part where the hemispheres are joined
    sylvian     signed distance from the lateral fissure, and `insula`: how far inside its end
    deep        depth inside the deep nuclei; `pale` inside the pallidum
    hollow      depth inside the ventricles
    cerebellum  depth below the envelope of the cerebellum; `folia` the phase of its leaves in radians and
                `leaf` their half thickness per unit of sine
    stem        depth inside the brain stem
    lesion      depth inside the lesion
    """
    rng = np.random.default_rng([SEED, 0])
    axes = [(start + STEP * np.arange(count)).astype(np.float32) for start, count in zip(LOWER, NODES, strict=True)]
    x, y, z = np.ix_(*axes)
    side = np.abs(x)

    # broader behind than in front; right frontal and left occipital lobes stand out a little
    broad = 65 * (1 - 0.0016 * y + 0.012 * np.tanh(x / 20) * np.tanh(y / 40))
    inside = [x / broad, (y - 2) / 81, (z - 5) / 57]
    radius = np.sqrt(sum(part**2 for part in inside)) + np.float32(1e-3)
    slope = np.sqrt((inside[0] / broad) ** 2 + (inside[1] / 81) ** 2 + (inside[2] / 57) ** 2) + np.float32(1e-4)
    envelope = (1 - radius**2) / (2 * slope)
    lobe = np.exp(-(((side - 36) / 17) ** 2)) * np.exp(-(((y + 4) / 36) ** 4))
    base = z + 15 + 22 * lobe + 0.06 * (y + 10)
    hull = _smooth_minimum(envelope, base, 6) + 0.6 * _noise(rng, (x, y, z), 40, 8)

    # sulci stand upright on the envelope: their noise changes along it, hardly with the depth below it
    along = [66 * part / radius * (0.65 + 0.35 * radius) for part in inside]
    wave = _noise(rng, along, 23, 40) + 0.3 * _noise(rng, along, 12, 20) + 0.25 * _noise(rng, (x, y, z), 19, 16)
    steep = np.sqrt(sum(part**2 for part in np.gradient(wave, STEP)) + 0.004)
    fold = np.clip(wave / steep, -9, 9)
    midline = x - 0.8 * _noise(rng, (0 * x, y, z), 45, 6)
    bridge = _ellipsoid((0 * x, y, z), (0, -4, -4), (1, 36, 21)) + 0 * x
    trunk = np.maximum(0, 20 - side) * np.clip(bridge / 4 + 0.5, 0, 1)
    floor = hull - 17 - 5 * _noise(rng, along, 45, 12) + 3 * trunk
    sylvian = z + 10 - 0.28 * (y + 10) + 1.5 * _noise(rng, (x, y, z), 40, 8)
    insula = np.maximum(37 - side, np.abs(y - 4) - 34)

    nuclei = _nuclei((x, y, z))
    lateral, others = _ventricles((x, y, z))
    hind = (side, y + 0.004 * side**2, z)
    notch = 0.16 * np.maximum(0, 9 - side) * (y < -50)
    cerebellum = _ellipsoid(hind, (0, -55, -38), (50, 27, 22)) - notch
    folia = 36 * np.arctan2(z + 38, -(y + 24)) + 0.25 * np.hypot(z + 38, y + 24) + 1.6 * _noise(rng, (x, y, z), 30, 16)
    leaf = np.maximum(1.9, 2 / np.sqrt(sum(part**2 for part in np.gradient(folia, STEP)) + 0.05))
    tilt = y + 22 - 0.18 * (z + 10)
    pons = 4.5 * np.exp(-(((z + 28) / 10) ** 2))
    stem = 13 - 0.1 * (-10 - z) + pons - np.hypot(x, tilt - pons * 0.8)
    stem = np.minimum(stem, np.minimum(z + 63, 6 - z))
    lesion = _ellipsoid((x, y, z), LESION, (9, 8, 7)) + 0.9 * _noise(rng, (x, y, z), 14, 12)
    fields = {
        "hull": hull,
        "fold": fold,
        "floor": floor,
        "midline": midline,
        "bridge": bridge,
        "sylvian": sylvian,
        "insula": insula,
        "deep": np.maximum(nuclei["thalamus"], nuclei["striatum"]),
        "pale": nuclei["pallidum"],
        "hollow": np.maximum(lateral, others),
        "cerebellum": cerebellum,
        "folia": folia,
        "leaf": leaf,
        "stem": stem,
        "lesion": lesion,
    }
    return {
        name: np.ascontiguousarray(np.broadcast_to(np.clip(field, -80, 400), NODES), np.float32)
        for name, field in fields.items()
    }


def _between(axis, places):
    """The node before each place of an axis and the share of the node after it."""
    steps = np.clip((np.asarray(places) - LOWER[axis]) / STEP, 0, NODES[axis] - 1.001)
    before = steps.astype(int)
    return before, (steps - before).astype(np.float32)


def section(axis, place, rows, columns):
    """The fields on a section across an axis (0 x, 1 y, 2 z), in `rows` of the last of the other axes and `columns`.

    Coordinates in millimetres; arrays of (rows, columns), interpolated linearly.
    """
    at, share = (part[0] for part in _between(axis, [place]))
    first, last = (other for other in range(3) if other != axis)
    (row, row_share), (column, column_share) = _between(last, rows), _between(first, columns)
    row_share = row_share[:, None]
    planes = {}
    for name, field in phantom().items():
        pair = np.moveaxis(field, axis, 0)[at : at + 2]
        plane = (pair[0] + (pair[1] - pair[0]) * share).T
        plane = plane[row] + (plane[row + 1] - plane[row]) * row_share
        planes[name] = plane[:, column] + (plane[:, column + 1] - plane[:, column]) * column_share
    return SimpleNamespace(**planes)


def _volume(places):
    """The fields at any places (3, ...) in millimetres."""
    nodes = (places - LOWER.reshape(-1, *[1] * (places.ndim - 1))) / STEP
    return SimpleNamespace(
        **{name: ndimage.map_coordinates(field, nodes, order=1, mode="nearest") for name, field in phantom().items()}
    )


def _smooth_minimum(one, other, width):
    share = np.clip(0.5 + (other - one) / (2 * width), 0, 1)
    return other + (one - other) * share - width * share * (1 - share)


def surfaces(at):
    """Depth below the pial surface of cerebrum and cerebellum, in millimetres; negative outside the tissue."""
    sulcus = np.hypot(at.fold, np.maximum(0, at.floor)) - 0.4
    crown = _smooth_minimum(at.hull, sulcus, 3.5)
    fissure = np.hypot(at.midline, np.maximum(0, at.bridge)) - 0.6
    lateral = np.hypot(at.sylvian, np.maximum(0, at.insula)) - 0.8
    cerebrum = np.minimum(np.minimum(crown, fissure), lateral)
    leaves = np.hypot(np.abs(np.sin(at.folia / 2)) * at.leaf, np.maximum(0, at.cerebellum - 6))
    lobes = np.hypot(np.abs(np.sin(at.folia / 8)) * at.leaf * 4, np.maximum(0, at.cerebellum - 14)) - 0.25
    cerebellum = np.minimum(_smooth_minimum(at.cerebellum, np.minimum(leaves, lobes) - 0.12, 0.8), -at.hull - 1.0)
    return cerebrum, cerebellum


def _share(depth, width=0.5):
    """Share of a pixel that a region covers: a soft edge about `width` millimetres wide."""
    return np.clip(depth / width + 0.5, 0, 1)


# depth below the pial surface in mm, density of cell bodies: layers I to VI of the cortex, then white matter
CORTEX = [(-1, 0.10), (0.5, 0.12), (0.65, 0.85), (0.95, 0.80), (1.1, 0.50), (1.7, 0.60), (1.8, 1.00), (2.2, 1.00)]
CORTEX += [(2.35, 0.45), (2.9, 0.52), (3.0, 0.78), (3.5, 0.62), (4.0, 0.17), (30, 0.13)]
FOLIUM = [(-1, 0.12), (0.75, 0.14), (0.9, 1.35), (1.5, 1.30), (1.75, 0.22), (30, 0.16)]


def tissue(at):
    """What a stain sees on a section: cover (share of a pixel), density of cell bodies, share of fibre."""
    cerebrum, cerebellum = surfaces(at)
    cells = np.interp(cerebrum, *zip(*CORTEX, strict=True)).astype(np.float32)
    fibre = _share(cerebrum - 3.8)
    joined = _share(np.minimum(at.bridge, 12 - np.abs(at.midline)), 2)
    cells += (0.15 - cells) * joined
    fibre = np.maximum(fibre, joined)
    for depth, density, fibres in ((at.deep, 0.62, 0.1), (at.pale, 0.30, 0.6)):
        share = _share(depth, 0.8)
        cells += (density - cells) * share
        fibre += (fibres - fibre) * share
    cover = _share(cerebrum, 0.35)

    stem = _share(at.stem, 0.5) * (1 - cover)
    cells += (0.26 - cells) * stem
    fibre += (0.7 - fibre) * stem
    cover = np.maximum(cover, _share(at.stem, 0.5))
    leaf = _share(cerebellum, 0.35) * (1 - cover)
    cells += (np.interp(cerebellum, *zip(*FOLIUM, strict=True)).astype(np.float32) - cells) * leaf
    fibre += (_share(cerebellum - 1.6) - fibre) * leaf
    cover = np.maximum(cover, _share(cerebellum, 0.35))

    rim, core = _share(at.lesion, 0.8), _share(at.lesion - 3.2, 1.2)
    cells += (0.04 - cells) * rim * cover
    cells += (1.25 - cells) * core * cover
    fibre *= 1 - rim
    return cover * (1 - _share(at.hollow, 0.4)), cells, fibre


def _stretch(coarse, shape):
    """A coarse random picture stretched linearly over a section."""
    for axis, size in enumerate(shape):
        steps = np.linspace(0, coarse.shape[axis] - 1.001, size)
        before = steps.astype(int)
        share = (steps - before).astype(np.float32)
        share = share[:, None] if axis == 0 else share
        coarse = coarse.take(before, axis) * (1 - share) + coarse.take(before + 1, axis) * share
    return coarse


def _cell_bodies(rng, cells):
    """Cell bodies as a scanner of this pixel size sees them: dark dots of uneven size, dense where `cells` is high."""
    chance = rng.random(cells.shape, np.float32)
    expected = 0.2 * np.clip(cells, 0, 1.5)
    dots = np.where(chance < expected, 1.2 - 0.8 * chance / (expected + 1e-6), 0).astype(np.float32)
    across = dots.copy()
    across[:, 1:] += 0.45 * dots[:, :-1]
    across[:, :-1] += 0.45 * dots[:, 1:]
    bodies = across.copy()
    bodies[1:] += 0.45 * across[:-1]
    bodies[:-1] += 0.45 * across[1:]
    return bodies


def _stained(rng, at):
    """One stained section: cover, amount of stain in cell bodies and between them, fibre; with this section's flaws."""
    cover, cells, fibre = tissue(at)
    shape = cover.shape
    patchy = 1 + 0.05 * _stretch(rng.standard_normal((5, 6), np.float32), shape)
    grain = _stretch(rng.standard_normal((shape[0] // 3, shape[1] // 3), np.float32), shape)
    cells = cells * (patchy + 0.12 * grain)
    return cover, cells, _cell_bodies(rng, cells), fibre, grain


# The samples

GREY_FIRST, GREY_COUNT = 8, 72
GREY_PIXEL, GREY_SPACING, GREY_BACK = 0.30, 1.20, -76.0  # mm; the first section is the hindmost
RGB_FIRST, RGB_COUNT, RGB_MISSING = 101, 25, 113
RGB_PIXEL, RGB_SPACING, RGB_LEFT = 0.35, 1.75, -9.0  # mm; the first section is the leftmost


def grey_sections(folder):
    """72 coronal sections `pm31_s8.png` to `pm31_s79.png`, 640 columns x 480 rows, 8-bit grey, cell bodies dark.

    Columns grow to the right, rows downwards, section numbers to the front: orientation `RIA`. Pixels of 0.30 mm,
    sections 1.20 mm apart: a block from the cerebellum to the middle of the frontal lobe.
    """
    rows = 4 + GREY_PIXEL * (239.5 - np.arange(480))
    columns = GREY_PIXEL * (np.arange(640) - 319.5)
    for index in range(GREY_COUNT):
        rng = np.random.default_rng([SEED, 1, index])
        at = section(1, GREY_BACK + GREY_SPACING * index, rows, columns)
        cover, cells, bodies, fibre, grain = _stained(rng, at)
        strength = rng.normal(1, 0.05)
        ink = strength * (22 + 84 * cells + 30 * bodies - 6 * fibre + 3 * grain)
        glass = 240 + rng.normal(0, 1.5) + 2 * _stretch(rng.standard_normal((4, 5), np.float32), cover.shape)
        picture = glass - cover * ink + 2.2 * rng.standard_normal(cover.shape, np.float32)
        grey = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        write_bytes(folder / f"pm31_s{GREY_FIRST + index}.png", imagecodecs.png_encode(grey, level=3))


HAEMATOXYLIN = np.array([0.62, 0.74, 0.24], np.float32)  # optical density of each dye in red, green and blue
EOSIN = np.array([0.10, 0.86, 0.34], np.float32)
CREAM = np.array([246, 240, 226], np.float32)


def colour_sections(folder):
    """24 sagittal sections of 480 columns x 400 rows in RGB, `B07_HE_101.tif` to `B07_HE_125.tif`; 113 was lost.

    Columns grow backwards, rows downwards, section numbers to the right: orientation `PIR`. Pixels of 0.35 mm, sections
    1.75 mm apart, from the left of the midline through the lesion. The files are what three scanners would write:
    strips with LZW, tiles with JPEG, and one BigTIFF.
    """
    rows = 1 + RGB_PIXEL * (199.5 - np.arange(400))
    columns = RGB_PIXEL * (239.5 - np.arange(480))
    for index in range(RGB_COUNT):
        number = RGB_FIRST + index
        if number == RGB_MISSING:
            continue
        rng = np.random.default_rng([SEED, 2, index])
        at = section(0, RGB_LEFT + RGB_SPACING * index, rows, columns)
        cover, cells, bodies, fibre, grain = _stained(rng, at)
        violet = cover * rng.normal(1, 0.06) * (0.05 + 0.34 * cells + 0.26 * bodies)
        pink = cover * rng.normal(1, 0.06) * (0.20 + 0.10 * fibre + 0.02 * grain)
        density = violet[..., None] * HAEMATOXYLIN + pink[..., None] * EOSIN
        glass = CREAM + rng.normal(0, 1, 3).astype(np.float32)
        picture = glass * np.exp(-density) + 1.8 * rng.standard_normal(density.shape, np.float32)
        rgb = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if index % 3 == 1:
            how = {"tile": (128, 128), "compression": "jpeg", "compressionargs": {"level": 92}}
        else:
            how = {"rowsperstrip": 32, "compression": "lzw", "predictor": True}
        file = BytesIO()
        tifffile.imwrite(
            file,
            rgb,
            bigtiff=index == 2,
            photometric="rgb",
            metadata=None,
            software=False,
            resolution=(10 / RGB_PIXEL, 10 / RGB_PIXEL),
            resolutionunit="CENTIMETER",
            **how,
        )
        write_bytes(folder / f"B07_HE_{number}.tif", file.getvalue())


LABEL_SHAPE, LABEL_VOXEL = (96, 120, 80), 1.6  # voxels; mm


def label_affine():
    """From the index of a voxel's centre to millimetres: axes to the left, backwards and down, turned by 5 degrees."""
    axis = np.array([2.0, -1.0, 2.0]) / 3
    cross = np.cross(np.eye(3), -axis)
    angle = np.deg2rad(5)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-LABEL_VOXEL] * 3)
    affine[:3, 3] = np.array([0.0, -3.0, -1.0]) - affine[:3, :3] @ ((np.array(LABEL_SHAPE) - 1) / 2)
    return affine


def label_volume(folder):
    """`labels.nii.gz`: regions of the whole brain as uint16, 96 x 120 x 80 voxels of 1.6 mm, slightly oblique.

    Axes grow to the left, backwards and down (`LPI`), turned by 5 degrees; both header transforms say so. A region
    of the right side has the left one's number + 100; the lesion is 190, the brain stem 250, outside is 0.
    """
    affine = label_affine()
    index = np.indices(LABEL_SHAPE, np.float64).reshape(3, -1)
    places = (affine[:3, :3] @ index + affine[:3, 3:]).reshape(3, *LABEL_SHAPE)
    at = _volume(places)
    x, y, z = places
    cerebrum, _ = surfaces(at)
    nuclei = _nuclei(places)
    lateral, _ = _ventricles(places)
    left = LEFT_LABELS

    temporal = (at.sylvian < 0) & (np.abs(x) > 14) & (y > -42) & (y < 40)
    lobes = np.select(
        [temporal, y < -50 + 0.25 * z, y > 8 - 0.25 * z],
        [left["temporal cortex"], left["occipital cortex"], left["frontal cortex"]],
        left["parietal cortex"],
    )
    medial = (at.bridge > 0) & (np.abs(at.midline) < 12)
    labels = np.select(
        [
            cerebrum <= 0,
            lateral > 0,
            at.hollow > 0,
            nuclei["thalamus"] > 0,
            nuclei["striatum"] > 0,
            (cerebrum < 3.8) & ~medial,
        ],
        [0, left["lateral ventricle"], 0, left["thalamus"], left["striatum"], lobes],
        left["white matter"],
    )
    labels = np.where(
        (labels == 0) & (at.cerebellum > 0) & (at.hull < -1) & (at.hollow <= 0), left["cerebellum"], labels
    )
    labels = np.where((labels > 0) & (x > 0), labels + RIGHT, labels)
    labels = np.where((cerebrum <= 0) & (at.stem > 0) & (at.hollow <= 0), STEM_LABEL, labels)
    labels = np.where((labels > 0) & (at.lesion > 0), LESION_LABEL, labels)

    image = nibabel.Nifti1Image(labels.astype(np.uint16), affine)
    image.set_sform(affine, 2)
    image.set_qform(affine, 1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"regions of a made-up brain"
    write_bytes(folder / "labels.nii.gz", gzip.compress(image.to_bytes(), 6, mtime=0))


SAMPLES = {"sections-grey": grey_sections, "sections-rgb": colour_sections, "labels": label_volume}
