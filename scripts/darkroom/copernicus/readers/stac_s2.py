"""Sentinel-2 as images of bands with a STAC item: a folder of the product's name, with `<name>.json` in it.

Such copies come in two kinds: with the pixels of the archive, whose offset the item tells (raster:offset) or the
product's own metadata beside it, and harmonised, whose pixels have had it; an item of the second kind says so
(earthsearch:boa_offset_applied). Some items of both kinds say the wrong thing, or both: the pixels then decide, and
what they leave in doubt is refused.
"""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from darkroom.copernicus import grid, imagery, names
from darkroom.copernicus.readers import mtd_s2

ITEM = re.compile(r"(?P<folder>(.*/)?(?P<product>S2[A-Z]_MSIL[12][AC]_\w+))/(?P=product)\.json")
BAND = re.compile(r"(.*_)?(?P<band>B\d\d|B8A|SCL)(_\d\dm)?")
APPLIED = "earthsearch:boa_offset_applied"
DARKEST = -0.05  # reflectance: what is left of the dark after correction is nearer to 0
FEW = 0.05  # of the pixels
LOOKED_AT = 512  # pixels of a side


def scenes(inventory):
    """What there is of such copies in an inventory, laid out as `safe_s2.scenes`.

    Raises ValueError for an item that is none, lacks a scale, or leaves a doubt about the offset.
    """
    return [
        _scene(Path(inventory.root, name), match["product"], _beside(name, inventory.names))
        for name in inventory.names
        if (match := ITEM.fullmatch(name))
    ]


def _beside(name, listed):
    """Names of the files in the folder of one of them."""
    folder = name.rpartition("/")[0]
    return {other.rpartition("/")[2] for other in listed if other.rpartition("/")[0] == folder}


def _scene(path, product, present):
    try:
        item = json.loads(path.read_text())
        properties, assets = item["properties"], item["assets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: is no STAC item that can be read: {error}") from error
    told = names.parsed(product)
    if told is None:
        raise ValueError(f"{path}: {product} is not the name of a product of Sentinel-2")
    packing = _metadata(path, product[7:10], present)
    images, scales, offsets = {}, set(), {}
    for key, asset in assets.items():
        name = Path(urlsplit(asset.get("href", "")).path).name
        band = _band_of(key, asset, name)
        if not band or name not in present:
            continue
        image = str(path.with_name(name))
        images.setdefault(band, {})[f"{grid.of_image(image).affine.a:g}"] = image
        if band != "SCL":
            scale, offset = (_packed(asset, kind) for kind in ("scale", "offset"))
            if not scale and not packing:
                raise ValueError(
                    f"{path}: asset {key!r} has no raster:scale, and there is no MTD_MSI{product[7:10]}.xml beside it; "
                    "what its numbers are is not told"
                )
            scales.add(mtd_s2.scale(scale, f"{path}: asset {key!r}") if scale else packing["scale"])
            offsets[band] = round((offset or 0) / scale, 6) if scale else packing["offsets"].get(band, 0.0)
    if len(scales) != 1:
        raise ValueError(f"{path}: its bands have the scales {sorted(scales)}; right is one")
    (scale,) = scales
    baseline = properties.get("s2:processing_baseline") or f"{told.version[:2]}.{told.version[2:]}"
    harmonised = properties.get(APPLIED) is True
    _require_certain(path, baseline, harmonised, images, scale, offsets)
    if packing and not harmonised:
        _require_same(path, packing, scale, offsets)
    return {
        "product": product,
        "begin": told.begin,
        "tile": told.tile,
        "level": product[7:10],
        "baseline": baseline,
        "unit": f"Sentinel-{product[1:3]}",
        "scale": scale,
        "offsets": dict.fromkeys(offsets, 0.0) if harmonised else offsets,
        "harmonised": harmonised,
        "images": images,
        "footprints": {},
    }


def _metadata(path, level, present):
    """What the product's own metadata tell, where they are beside its item; {} where they are not."""
    name = f"MTD_MSI{level}.xml"
    return mtd_s2.read(path.with_name(name), level) if name in present else {}


def _band_of(key, asset, name):
    """The band of an asset, by its key, its bands or the name of its file; "" for another asset."""
    listed = [entry.get("name", "") for entry in (*asset.get("bands", ()), *asset.get("eo:bands", ()))]
    known = (BAND.fullmatch(text) for text in (key, *listed, Path(name).stem))
    return next((match["band"] for match in known if match), "")


def _packed(asset, kind):
    """Scale or offset of an asset, where STAC 1.1 and older items have it."""
    places = (asset, *asset.get("bands", ())[:1])
    told = [place[f"raster:{kind}"] for place in places if f"raster:{kind}" in place]
    told += [entry[kind] for entry in asset.get("raster:bands", ())[:1] if kind in entry]
    return float(told[0]) if told else None


def _require_certain(path, baseline, harmonised, images, scale, offsets):
    """Raise ValueError where offsets, baseline, what is said of the pixels, and the pixels do not go together."""
    listed = sorted(set(offsets.values()))
    if not any(listed):
        if not harmonised and baseline >= mtd_s2.OFFSETS_SINCE:
            raise ValueError(
                f"{path}: baseline {baseline} has an offset for each band, and here is none, nor that it is in the "
                f"pixels already ({APPLIED}); use the product of the archive"
            )
        return
    if baseline < mtd_s2.OFFSETS_SINCE:
        raise ValueError(f"{path}: tells the offsets {listed}, and baseline {baseline} has none")
    shifted = [band for band, offset in offsets.items() if _is_shifted(images[band], scale, offset)]
    if harmonised and not shifted:
        raise ValueError(
            f"{path}: says that the offset is in the pixels already ({APPLIED}), and that it is {listed} "
            "(raster:offset), and no band is dark enough to tell; use the product of the archive"
        )
    if shifted and not harmonised:
        raise ValueError(
            f"{path}: tells the offsets {listed}, with which {', '.join(sorted(shifted))} would be darker than any "
            "surface: the offset is in the pixels already; use the product of the archive"
        )


def _require_same(path, packing, scale, offsets):
    """Raise ValueError where an item tells other scales or offsets than the product's own metadata beside it."""
    told = {band: packing["offsets"].get(band, 0.0) for band in offsets}
    if not np.isclose(scale, packing["scale"], rtol=1e-6) or told != offsets:
        theirs = f"{packing['scale']:g} and {sorted(set(told.values()))}"
        raise ValueError(
            f"{path}: tells the scale {scale:g} and the offsets {sorted(set(offsets.values()))}, and the metadata "
            f"beside it {theirs}; use the product of the archive"
        )


def _is_shifted(images, scale, offset):
    """Whether an offset is in the pixels of a band already: more than a few would be too dark with it."""
    counts = imagery.overview(next(iter(images.values())), LOOKED_AT)
    counts = counts[counts > 0]
    return len(counts) > 0 and np.mean((counts + offset) * scale < DARKEST) > FEW
