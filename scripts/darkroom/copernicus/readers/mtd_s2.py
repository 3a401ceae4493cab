"""Metadata of Sentinel-2 L1C and L2A, MTD_MSIL1C.xml and MTD_MSIL2A.xml. Format: S2-PDGS-TAS-DI-PSD."""

import re
from datetime import datetime

import numpy as np

from darkroom import damage
from darkroom.copernicus import trees

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
OFFSETS_SINCE = "04.00"  # the baseline
LARGEST = 0.01  # scale: reflectances are stored as whole numbers, of which there are some thousands to 1


def read(path, level):
    """What the metadata of a product tell: begin, level, baseline, unit, scale, and of each band the offset, and the
    nanometres of its middle where they tell them.

    Raises ValueError for a file that cannot be read, lacks something, or leaves a doubt about the offset.
    """
    tree = trees.parsed(path)

    def told(tag):
        entry = tree.find(f".//{tag}")
        if entry is None or not (entry.text or "").strip():
            raise ValueError(f"{path}: has no {tag}; is it the metadata of a product of Sentinel-2 {level}?")
        return entry.text.strip()

    kind = {"L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET"), "L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET")}
    quantification, offset = kind[level]
    told(quantification)
    baseline = told("PROCESSING_BASELINE")
    if not re.fullmatch(r"\d\d\.\d\d", baseline):
        raise ValueError(f"{path}: PROCESSING_BASELINE {baseline!r} is unknown; right is one such as 05.10")
    with damage.named(path, f"metadata of Sentinel-2 {level}"):
        datetime.fromisoformat(begin := told("PRODUCT_START_TIME"))
        spectral = {int(one.get("bandId")): one for one in tree.iter("Spectral_Information")}
        bands = {number: _band(one.get("physicalBand")) for number, one in spectral.items()}
        middles = {bands[number]: one.find("Wavelength/CENTRAL") for number, one in spectral.items()}
    bands = bands or dict(enumerate(BANDS))
    offsets = {}
    for one in tree.iter(offset):
        number = one.get("band_id", "")
        if not number.isdecimal() or int(number) not in bands:
            raise ValueError(f"{path}: tells {offset} of band {number!r}; its bands are {min(bands)} to {max(bands)}")
        offsets[bands[int(number)]] = _number(one, path)
    if not offsets and baseline >= OFFSETS_SINCE:
        raise ValueError(
            f"{path}: baseline {baseline} has an {offset} for each band, and here is none: a copy whose pixels were "
            "changed? Use the product of the archive"
        )
    return {
        "begin": begin,
        "level": level,
        "baseline": baseline,
        "unit": told("SPACECRAFT_NAME"),
        "scale": scale(1 / (_number(tree.find(f".//{quantification}"), path) or np.nan), path),
        "offsets": offsets,
        "wavelengths": {band: _number(one, path) for band, one in middles.items() if one is not None},
    }


def _number(entry, path):
    """The number that an element holds. Raises ValueError for none."""
    try:
        return float(entry.text)
    except (TypeError, ValueError):
        raise ValueError(f"{path}: {entry.tag} is {entry.text!r}, which is no number") from None


def scale(value, path):
    """A scale of reflectance. Raises ValueError for one that cannot be."""
    if not 0 < value <= LARGEST:
        raise ValueError(f"{path}: has a scale of {value:g}; right is that of whole numbers to 1, such as 0.0001")
    return value


def _band(physical):
    """`B1` as `B01`, `B8A` as it is."""
    return physical if physical == "B8A" else f"B{int(physical[1:]):02d}"
