"""What the planetary rules share: many images in one job, the files of an image."""

import contextlib
import gzip
import logging
import tempfile
import zlib
from pathlib import Path

from darkroom import entrypoint
from darkroom.inventory import read as read_inventory
from darkroom.planetary import recipes

logger = logging.getLogger(__name__)

ISD_SUFFIXES = (".isd.json", ".json", ".isd", ".isd.json.gz", ".json.gz")
BLOCK = 1 << 20
SIDECARS = {".json", ".txt", ".md", ".xml", ".md5", ".sha256", ".csv"}


def for_each(function, *lists):
    """Call a function with the items of lists, one after the other; a bad image does not keep the others from it.

    lists -- inputs, outputs in the folders of their datasets, and what else the function takes

    Raises ValueError with the reason of every image that failed; where there are several images, it names theirs and
    says what is to be done: Snakemake removes what a failed job has made, of the good images too.
    """
    several, failed = len(lists[0]) > 1, []
    for items in zip(*lists, strict=True):
        try:
            function(*items)
        except Exception as error:  # whatever a damaged file leads to, the message is to name its image
            logger.exception("failed")
            dataset, reason = Path(items[1]).parent.name, entrypoint.message(error)
            failed.append(f"{dataset}: {reason}" if several else reason)
    if failed:
        if not several:
            raise ValueError(failed[0])
        raise ValueError(
            f"{len(failed)} of {len(lists[0])} images: {'; '.join(failed)}; mend their files, or put a # before "
            "their rows: no image of this batch is kept"
        )


def image_file(inventory, image):
    """The file of a source that holds an image: the one that its recipe's names tell, or the only one there is.

    image -- recipe, names (of its files) and part

    Raises ValueError when it is not clear which one that is.
    """
    source = read_inventory(inventory)
    names = source.names
    fitting = recipes.imported(names, image["names"])
    fitting = fitting or [name for name in names if Path(name).suffix.lower() not in SIDECARS]
    if len(fitting) > 1 and image["part"]:
        fitting = [name for name in fitting if f"_{image['part']}".lower() in name.lower()]
    if len(fitting) != 1:
        raise ValueError(
            f"{source.root}: {len(fitting)} images of recipe {image['recipe']} ({', '.join(fitting[:3]) or 'none'}); "
            "a row is one image: choose it by the option filter"
        )
    return Path(source.root, fitting[0])


@contextlib.contextmanager
def plain(source, folder):
    """The file of an image itself; of one that is compressed (`.gz`), what is in it, for as long as it is needed.

    folder -- in which that is unpacked, with its label where that is a file of its own

    Raises ValueError for a file that is damaged or cut off.
    """
    if not _is_packed(source):
        yield source
        return
    with tempfile.TemporaryDirectory(dir=folder) as place:
        unpacked = Path(place, recipes.unpacked(source.name))
        _unpack(source, unpacked)
        for path in sorted(path for path in source.parent.iterdir() if _is_label(path, source)):
            label = Path(place, recipes.unpacked(path.name))
            if label.exists():
                continue
            if _is_packed(path):
                _unpack(path, label)
            else:
                label.symlink_to(path.resolve())
        yield unpacked


def _is_packed(path):
    return path.suffix.lower() == ".gz"


def _is_label(path, source):
    """Whether a file beside a product is its detached label, by its name in any case."""
    label, own = (Path(recipes.unpacked(file.name)) for file in (path, source))
    return label.suffix.lower() == ".lbl" and label.stem.lower() == own.stem.lower()


def _unpack(source, unpacked):
    try:
        with gzip.open(source) as packed, unpacked.open("wb") as file:
            while block := packed.read(BLOCK):
                file.write(block)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{source}: damaged or cut off; get the file again ({error})") from error


def isd_file(option, inventory, image):
    """The camera description of an image.

    option -- the file, or a folder; without it, the folder of the image

    Raises FileNotFoundError naming what was looked for.
    """
    source = image_file(inventory, image)
    names = isd_names(option, source, image["part"])
    isd = next((name for name in names if name.is_file()), None)
    if isd is None:
        plain_name, shorter, *_ = names[-len(ISD_SUFFIXES) :]
        raise FileNotFoundError(
            f"{source.name}: no camera description {plain_name.name} or {shorter.name} in {names[0].parent}"
        )
    return isd


def isd_names(option, source, part=""):
    """Where the camera description of an image, or of its part, may be: the file that is given, or one of its name."""
    place = Path(option) if option else source.parent
    stem = Path(recipes.unpacked(source.name)).stem
    if place.is_file():
        return [place]
    parts = [f".{name}" for name in (part, part.rpartition(".")[0]) if name]
    return [place / f"{stem}{middle}{suffix}" for middle in (*parts, "") for suffix in ISD_SUFFIXES]
