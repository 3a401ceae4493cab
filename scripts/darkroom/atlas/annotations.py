"""Points, such as cells that were counted, as a Neuroglancer annotation layer with its spatial index.

Source: the format's specification in the Neuroglancer repository (src/datasource/precomputed/annotations.md).
"""

import csv
import io
import math
import re
import shutil

import numpy as np
import tensorstore

from darkroom import files
from darkroom.atlas import tables
from darkroom.atlas.lengths import NM

LIMIT = 5000  # points of a cell of the index
LEVELS = 24  # of the index at most
NAMES = 65536  # of a column of texts
EXACT = 1 << 24  # up to which float32 has all whole numbers
PER_SHARD_INDEX = 1024
LENGTHS = {axis: re.compile(rf"{axis}(?:[_ ][(\[]?([a-zµμ]+)[)\]]?)?", re.IGNORECASE) for axis in "xyz"}
SIZES = {"uint32": 4, "int32": 4, "float32": 4, "uint16": 2, "int16": 2, "uint8": 1, "int8": 1}
WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


def read(path):
    """A table of points: positions (n, 3) in nm, ids (uint64), other columns as `(name, property, values)`, and notes.

    The columns `x`, `y`, `z` are nm, or of a unit that their names end in (`x_um`); `id` is a number of each point, by
    default its row. Raises ValueError naming the file, and the line or column that is wrong.
    """
    text = tables.text(path)
    mark = tables.delimiter(text.partition("\n")[0])
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=mark, strict=True))
    except csv.Error as error:
        raise ValueError(f"{path} is no table that can be read: {error}") from error
    lines = [(number, row) for number, row in enumerate(rows, 1) if any(row)]
    if len(lines) < 2:
        raise ValueError(
            f"{path}: there is no point in it; right is a line of columns such as x_um, y_um, z_um, then points"
        )
    names = [name.strip() for name in lines[0][1]]
    if ragged := next((number for number, row in lines if len(row) != len(names)), None):
        raise ValueError(f"{path}: line {ragged} has not as many fields as the first one, which has {len(names)}")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{path}: two columns are named {twice!r}")
    columns = dict(zip(names, zip(*(row for _, row in lines[1:]), strict=True), strict=True))
    used, positions = set(), []
    for axis in "xyz":
        name, unit = _axis(path, axis, names)
        used.add(name)
        positions.append(_numbers(path, name, columns[name], lines, NM[unit]))
    ids = np.arange(1, len(lines), dtype="u8")
    if "id" in columns:
        used.add("id")
        ids = _ids(path, columns["id"], lines)
    properties = [_property(path, name, values) for name, values in columns.items() if name not in used]
    keys = [about["id"] for about, _ in properties]
    for number, (about, _) in enumerate(properties):
        if again := keys[:number].count(about["id"]):
            about["id"] += f"_{again + 1}"
    return np.stack(positions, axis=1), ids, properties


def _axis(path, axis, names):
    """The column of an axis and its unit. One that names its unit goes before one that does not: that may be voxels."""
    units = {name: (match[1] or "").lower() for name in names if (match := LENGTHS[axis].fullmatch(name))}
    for name in sorted(units, key=lambda name: not units[name]):
        if (units[name] or "nm") in NM:
            return name, units[name] or "nm"
    raise ValueError(f"{path}: its columns are {', '.join(names)}; there must be {axis} (nm), or {axis}_um, {axis}_mm")


def _numbers(path, name, texts, lines, unit):
    """Lengths in nm. Refuses what is none, or is too long for the float32 that it is stored as."""
    try:
        values = np.array(texts, "f8") * unit
    except ValueError:
        values = np.array([_float(text) for text in texts]) * unit
    with np.errstate(over="ignore"):
        fits = np.isfinite(values.astype("f4"))
    if not fits.all():
        at = int(np.flatnonzero(~fits)[0])
        raise ValueError(f"{path}: line {lines[at + 1][0]}: {name} is {texts[at]!r}, no place")
    return values


def _float(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def _ids(path, texts, lines):
    ids = [int(text) if text.isdigit() and int(text) < 2**64 else None for text in texts]
    for (number, _), parsed, text in zip(lines[1:], ids, texts, strict=True):
        if parsed is None:
            raise ValueError(f"{path}: line {number}: id {text!r} is no whole number from 0")
    if len(set(ids)) < len(ids):
        raise ValueError(f"{path}: two points have one id; leave out the column `id`, and rows are counted")
    return np.array(ids, "u8")


def _property(path, name, texts):
    """Column of a table as a property of annotations: numbers as the smallest type that holds them, texts as names."""
    key = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
    key = key if re.match("[a-z]", key) else f"p_{key}"
    about = {"id": key, "description": name}
    values = np.array([_float(text) if text else math.nan for text in texts])
    if all(text == "" or not math.isnan(_float(text)) for text in texts):
        told = values[np.isfinite(values)]
        whole = (told == np.rint(told)).all()
        counts = whole and len(told) == len(values)
        fits = [kind for kind in WHOLE if counts and np.array_equal(values.astype(kind), values)]
        kind = fits[0] if fits else "float32"
        # Labels of 64 bits fit into no type of a property; as names they keep all their digits.
        long = bool(whole and not fits and np.abs(told).max(initial=0) > EXACT)
        if not long or len(set(texts)) > NAMES:
            about |= {"description": f"{name}, rounded to float32"} if long else {}
            return about | {"type": kind}, values.astype(kind)
    labels = sorted(set(texts))
    if len(labels) > NAMES:
        raise ValueError(f"{path}: column {name!r} has {len(labels)} different texts; a property may have {NAMES}")
    kind = "uint8" if len(labels) <= 256 else "uint16"
    places = {label: number for number, label in enumerate(labels)}
    about |= {"type": kind, "enum_values": list(range(len(labels))), "enum_labels": labels}
    return about, np.array([places[text] for text in texts], kind)


def write(folder, positions, ids, properties, low, high):
    """Write a layer of points: its index by id, its spatial index, then `info`.

    positions -- (n, 3), nm; low, high -- (3,), nm, the corners of the box that holds all of them. Positions are stored
    as float32, which is exact to 1 nm up to 16 mm from the origin, and to 16 nm up to 27 cm.
    """
    shutil.rmtree(folder, ignore_errors=True)  # cells of another table
    order = sorted(range(len(properties)), key=lambda number: -SIZES[properties[number][0]["type"]])
    properties = [properties[number] for number in order]
    fields = [("place", "<f4", 3)]
    fields += [(str(n), np.dtype(about["type"]).newbyteorder("<").str) for n, (about, _) in enumerate(properties)]
    size = np.dtype(fields).itemsize
    record = np.zeros(len(ids), np.dtype([*fields, ("padding", f"V{-size % 4}")] if size % 4 else fields))
    record["place"] = positions
    for number, (_, values) in enumerate(properties):
        record[str(number)] = values
    sharding = _write_by_id(folder, record, ids)
    info = {
        "@type": "neuroglancer_annotations_v1",
        "dimensions": {axis: [1e-9, "m"] for axis in "xyz"},
        "lower_bound": [float(place) for place in low],
        "upper_bound": [float(place) for place in high],
        "annotation_type": "POINT",
        "properties": [about for about, _ in properties],
        "relationships": [],
        "by_id": {"key": "by_id", "sharding": sharding},
        "spatial": list(_write_spatial(folder, record, ids, positions, np.array(low, "f8"), np.array(high, "f8"))),
    }
    files.settle(folder)
    files.write_json(folder / "info", info)


def _write_by_id(folder, record, ids):
    """The index by id, in one file or few; returns how it is sharded."""
    bits = max(0, math.ceil(math.log2(len(ids) / PER_SHARD_INDEX)))
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "murmurhash3_x86_128",
        "preshift_bits": 0,
        "minishard_bits": min(bits, 9),
        "shard_bits": max(0, bits - 9),
        "minishard_index_encoding": "gzip",
        "data_encoding": "raw",
    }
    (folder / "by_id").mkdir(parents=True, exist_ok=True)
    spec = {"driver": "neuroglancer_uint64_sharded", "base": files.kvstore(folder / "by_id"), "metadata": sharding}
    store = tensorstore.KvStore.open(spec).result()
    with tensorstore.Transaction() as transaction:
        content = store.with_transaction(transaction)
        for number, one in zip(ids.tolist(), record, strict=True):
            content[number.to_bytes(8, "big")] = one.tobytes()
    return sharding


def _write_spatial(folder, record, ids, positions, low, high):
    """The levels of the spatial index: of each, the points of a random share that no cell has too many of.

    Every point is in one level; a viewer that zooms in adds the points of finer cells to those that it draws.
    """
    random = np.random.default_rng(0)
    rest = np.arange(len(ids))
    extent, grid = high - low, np.ones(3, int)
    for level in range(LEVELS):
        cells = np.minimum((positions[rest] - low) / (extent / grid), grid - 1).astype(int).clip(0)
        codes, inverse, counts = np.unique(np.ravel_multi_index(cells.T, grid), return_inverse=True, return_counts=True)
        share = 1.0 if level == LEVELS - 1 else min(1.0, LIMIT / counts.max())
        kept = random.random(len(rest)) < share if share < 1 else np.ones(len(rest), bool)
        key = f"spatial{level}"
        most = 1
        for number, code in enumerate(codes):
            own = rest[kept & (inverse == number)]
            if len(own):
                most = max(most, len(own))
                name = "_".join(str(int(place)) for place in np.unravel_index(code, grid))
                files.write_bytes(folder / key / name, _several(record[own], ids[own]), durable=False)
        yield {"key": key, "grid_shape": grid.tolist(), "chunk_size": (extent / grid).tolist(), "limit": most}
        rest = rest[~kept]
        if not len(rest):
            return
        sides = extent / grid
        grid = np.where(sides > sides.max() / 2**0.5, grid * 2, grid)


def _several(record, ids):
    return len(ids).to_bytes(8, "little") + record.tobytes() + ids.astype("<u8").tobytes()
