"""Sentinel-2: spectral indices and reflectances, each date on one grid, without what clouds cover."""

from itertools import groupby
from pathlib import Path

import numpy as np

from darkroom.copernicus import areas, formulas, grid
from darkroom.copernicus.merging import COMPARED
from darkroom.copernicus.readers import eopf_s2, safe_s2
from darkroom.copernicus.recipes.registry import Method, Times, layers_of
from darkroom.copernicus.stack import Layer


def patterns(variant, options):
    """Bands and scene classification; the metadata come along with every choice."""
    metres, names = _metres(variant, options), layers_of(variant, options)
    bands = {band for name in names for band in _bands(variant, name, metres).values()}
    more = ["*_SCL_20m.jp2", "*SCL*.tif", *eopf_s2.parts("SCL", 20, "l2a_classification")]
    for band in sorted(bands) if options["detectors"] else ():
        more += [f"*MSK_DETFOO*_{band}*", *eopf_s2.parts(band, safe_s2.NATIVE[band], "detector_footprint")]
    return [pattern for band in sorted(bands) for pattern in _images(band, metres)] + more


def _images(band, metres):
    """Patterns of the image of a band that is read: of L1C, and of L2A, which has it at several resolutions."""
    native = safe_s2.NATIVE[band]
    sizes = (10,) if band == "B08" else (10, 20, 60)  # it is nowhere made coarser
    size = max([size for size in sizes if native <= size <= metres], default=native)
    return [f"*_{band}.jp2", f"*_{band}_{size}m.jp2", f"*{band}*.tif", *eopf_s2.parts(band, size)]


def problems(variant, options):
    """What is wrong with the indices and the map of a row."""
    yield from grid.problems(options["map"])
    for name in layers_of(variant, options):
        try:
            _bands(variant, name, None)
        except ValueError as error:
            yield f"layers: {error}"


def describe(inventory, variant, options):
    """The times of the products in an inventory: those that were taken in one pass are one.

    Raises ValueError for products that are none of Sentinel-2 or not of the level that the recipe takes, that lack a
    band, or lie outside the area.
    """
    scenes = safe_s2.scenes(inventory)
    if not scenes:
        raise ValueError(
            f"{inventory.root}: there is no product of Sentinel-2 L1C or L2A (.SAFE with MTD_MSI*.xml, .zarr, "
            "or a folder of its name with its STAC item and images)"
        )
    for scene in scenes:
        if variant.levels and scene["level"] not in variant.levels:
            raise ValueError(
                f"{scene['product']}: is {scene['level']}, and {variant.name} takes {' or '.join(variant.levels)}"
            )
    if len(levels := sorted({scene["level"] for scene in scenes})) > 1:
        raise ValueError(f"{inventory.root}: there are products of {' and '.join(levels)}; ask for one level")
    crs = grid.named(options["map"]["crs"]) if options["map"].get("crs") else ""
    metres, names = _metres(variant, options), layers_of(variant, options)
    needed = {name: _bands(variant, name, metres) for name in names}
    bands = sorted({band for given in needed.values() for band in given.values()})
    sources = [_place(scene, bands, metres) for scene in scenes]
    for scene in scenes:
        _require_offsets(scene, set(bands))
        _require_footprints(scene, set(bands), options)
    area, notes = areas.read(options["map"]["area"], "map area") if options["map"].get("area") else (None, [])
    target = grid.covering(sources, _resolution(variant, options), crs, area)
    if {source.crs for source in sources} != {target.crs}:
        notes.append(f"scenes were brought to {target.crs}, between pixels bilinear")
    passes = [list(group) for _, group in groupby(scenes, key=lambda scene: scene["begin"])]
    if variant.merge in COMPARED and len(passes) < 2:
        raise ValueError(f"{variant.name} compares two dates, and there is one: {passes[0][0]['product']}")
    notes += [*_notes(scenes, needed, metres, variant, options)]
    made = [_described(name, needed[name], scenes[0]) for name in names]
    products = [", ".join(scene["product"] for scene in group) for group in passes]
    return Times(target, [group[0]["begin"] for group in passes], products, made, passes, notes)


def _place(scene, bands, metres):
    """The grid of the first band of a scene. Raises ValueError for a band that is not there, or of other ground."""
    (first, place), *others = (
        (path, safe_s2.opened(path)[0]) for path in (safe_s2.image_of(scene, band, metres) for band in bands)
    )
    for path, other in others:
        side = max(place.affine.a, other.affine.a)
        if other.crs != place.crs or not np.allclose(other.bounds, place.bounds, rtol=0, atol=side):
            raise ValueError(f"{path}: is of other ground than {Path(first).name}: is it another product's?")
    return place


def _require_offsets(scene, bands):
    """Raise ValueError for a band of a scene that has no offset, where others have one."""
    lacking = sorted(bands - scene["offsets"].keys())
    if lacking and any(scene["offsets"].values()):
        raise ValueError(
            f"{scene['product']}: its metadata tell no offset of {', '.join(lacking)}, and of others they do"
        )


def _require_footprints(scene, bands, options):
    """Keep the footprints of a scene where they are asked for. Raises ValueError for a band that has none."""
    if not options["detectors"]:
        scene["footprints"] = {}
    elif lacking := sorted(bands - scene["footprints"].keys()):
        raise ValueError(f"{scene['product']}: has no footprints of detectors (MSK_DETFOO) of {', '.join(lacking)}")


def fill(times, variant, options, put):
    """Put every layer of every pass in place, block by block, as many at a time as there are processors."""
    mask, metres = _mask(variant, options), _metres(variant, options)
    names = [layer.name for layer in times.layers]
    needed = {name: _bands(variant, name, metres) for name in names}
    for at, scenes in enumerate(times.scenes):
        readers = [_readers(scene, needed, times.grid, mask) for scene in scenes]

        def block(window, readers=readers):
            return _block(readers, needed, window)

        for window, values in grid.computed(block, times.grid.windows()):
            for name in names:
                put(name, at, window, values[name])


def _readers(scene, needed, target, mask):
    """The indices of a scene by their names, and what reads windows of each of its bands, and where it is clear."""
    bands = sorted({band for given in needed.values() for band in given.values()})
    reading = {band: safe_s2.reflectances(scene, band, target) for band in bands}
    indices = {name: _index(name, given, scene) for name, given in needed.items() if name not in given}
    return indices, reading, _clear(scene, target, mask)


def _block(readers, needed, window):
    """Each layer in a window; where scenes overlap, the first one that has a value."""
    made = {name: np.full((int(window.height), int(window.width)), np.nan, np.float32) for name in needed}
    for indices, bands, clear in readers:
        with np.errstate(invalid="ignore"):
            read = {band: reflectances(window) for band, reflectances in bands.items()}
            if all(np.isnan(values).all() for values in read.values()):
                continue
            shown = clear(window)
        for name, given in needed.items():
            letters = {letter: read[band] for letter, band in given.items()}
            values = indices[name](**letters) if name in indices else read[name]
            made[name] = np.where(np.isnan(made[name]) & shown, values, made[name])
    return made


def _index(name, bands, scene):
    """An index for a scene: wavelengths are those of the bands that it takes, by the product, else by its satellite."""

    def wavelength(letter):
        band = bands.get(letter) or formulas.band_of(letter)
        told = scene.get("wavelengths", {}).get(band)
        return told or formulas.nominal(band, scene["unit"]) or formulas.nominal(band)

    return formulas.index(name, wavelength)


def _clear(scene, target, mask):
    """What tells where in a window a scene is not of a masked class: everywhere, without a scene classification."""
    if not mask or "SCL" not in scene["images"]:
        return lambda window: True
    read = safe_s2.classes(scene, target)

    def clear(window):
        classes = read(window)
        return ~np.isin(classes, mask) & ~np.isnan(classes)

    return clear


def _mask(variant, options):
    return variant.mask if options["mask"] is None else options["mask"]


def _metres(variant, options):
    """Metres of a pixel of the map, which may be in degrees."""
    return grid.metres(_resolution(variant, options), options["map"].get("crs"))


def _resolution(variant, options):
    """Sides of a pixel of the map in its units: as asked, else metres of the finest band."""
    asked = options["map"].get("resolution") or variant.resolution
    bands = (band for name in layers_of(variant, options) for band in _bands(variant, name, None).values())
    return asked or min(safe_s2.NATIVE[band] for band in bands)


def _bands(variant, name, metres):
    """The band of each letter of a layer. Near infrared is B8A where everything is at 20 m, B08 at 10 m."""
    if name in safe_s2.NATIVE and name != "SCL":
        return {name: name}
    bands = {letter: formulas.band_of(letter) for letter in formulas.index(name).letters}
    others = [safe_s2.NATIVE[band] for letter, band in bands.items() if letter != "N"]
    if "N" in bands and (metres or min(others, default=10)) >= 20:
        bands["N"] = "B8A"
    return bands | {letter: band for letter, band in variant.bands.items() if letter in bands}


def _described(name, bands, scene):
    if name in bands:
        kind = {"L1C": "toa_bidirectional_reflectance", "L2A": "surface_bidirectional_reflectance"}[scene["level"]]
        return Layer(name, f"reflectance of band {name}", "1", {"standard_name": kind})
    index = _index(name, bands, scene)
    letters = [f"{letter} is {band}" for letter, band in sorted(bands.items())]
    constants = [f"{word} is {number:g}" for word, number in sorted(index.constants.items())]
    return Layer(name, index.title, "1", {"comment": f"{index.formula}; {', '.join(letters + constants)}"})


def _notes(scenes, needed, metres, variant, options):
    baselines = sorted({scene["baseline"] for scene in scenes})
    shifts = sorted({shift for scene in scenes for shift in scene["offsets"].values() or [0.0]})
    yield f"reflectance is (DN + offset) x scale, by the metadata: offsets {shifts}, baselines {', '.join(baselines)}"
    if harmonised := [scene["product"] for scene in scenes if scene.get("harmonised")]:
        yield f"{', '.join(harmonised)}: a harmonised copy, whose pixels have had their offset"
    others = sorted({band for given in needed.values() for band in given.values() if safe_s2.NATIVE[band] != metres})
    if others:
        how = "bilinear where coarser, means where finer"
        yield f"{', '.join(others)} were brought to {metres:g} m ({how})"
    lengths = {scene["unit"] for scene in scenes if not scene.get("wavelengths")} - formulas.UNITS.keys()
    if lengths and any("lambda" in formulas.index(name).formula for name, given in needed.items() if name not in given):
        yield f"wavelengths of {', '.join(sorted(lengths))} are not told, and are those of {formulas.NOMINAL}"
    mask = _mask(variant, options)
    without = [scene["product"] for scene in scenes if "SCL" not in scene["images"]]
    if mask and without:
        yield f"{', '.join(without)}: there is no scene classification, so clouds are not masked"
    if mask and len(without) < len(scenes):
        yield f"classes {mask} of the scene classification are masked, by the nearest pixel"
    if options["detectors"]:
        yield "pixels that no detector saw, by the footprints of each band, are masked before all else"
    yield "no data (DN 0) and saturated pixels (65535) are masked before all else; negative reflectance stays"


METHOD = Method(patterns, describe, fill, problems, frozenset({"map", "layers", "mask", "detectors"}))
