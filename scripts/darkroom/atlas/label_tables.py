"""Tables of labels: what the numbers of a segmentation are called, in the formats that atlases come with.

Sources: BIDS (`dseg.tsv`), ITK-SNAP's label descriptions, FreeSurfer's colour lookup tables, FSL's atlas XML, the
structure graph of the Allen Institute's API, the lists of AAL and MRIcron, FSLeyes' lookup tables, 3D Slicer's colour
tables, Neuroglancer's segment properties.
"""

import csv
import io
import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

import lxml.etree

from darkroom import damage
from darkroom.atlas import tables

# What columns of a table are called, the first that is there.
COLUMNS = {
    "id": ("index", "id", "label", "value", "label-value", "labelvalue", "labelindex", "idx", "structure_id"),
    "name": ("name", "safe_name", "region", "region_name", "structure", "label_name", "label"),
    "acronym": ("acronym", "abbreviation", "abbr", "short_name"),
    "colour": ("color", "colour", "color_hex_triplet", "hex", "rgb", "rgb_triplet"),
    "parent": ("parent", "parent_id", "parent_structure_id"),
}
CHANNELS = ("r", "red", "color_r"), ("g", "green", "color_g"), ("b", "blue", "color_b")
# Lines of a table without a line of columns: ITK-SNAP's, FreeSurfer's with or without opacity, FSLeyes', a number and a
# name, AAL's.
LINES = (
    re.compile(r'\s*(?P<id>\d+)(?P<colour>(\s+\d+){3})\s+[\d.]+\s+\d\s+\d\s+"(?P<name>.*)"\s*'),
    re.compile(
        r"\s*(?P<id>\d+)\s+(?P<name>\S+(?=(\s+\d+){3,4}\s*$)|\S.*\S(?=(\s+\d+){4}\s*$))(?P<colour>(\s+\d+){3,4})\s*"
    ),
    re.compile(r"\s*(?P<id>\d+)(?P<colour>(\s+[01]\.\d+){3})\s+(?P<name>\S.*)"),
    re.compile(r'\s*(?P<id>\d+)\s*[,;\t]\s*(?P<name>"[^"]+"|[^",;\t]+)\s*'),
    re.compile(r"\s*(?P<id>\d+)\s+(?P<name>\S+)\s*"),
    # AAL's names have lines for blanks. Its numbers stand last or, beside those of another volume, first.
    re.compile(r"\s*(?P<id>\d+)\s+(?P<name>\w+_\w+)\s+\d+\s*"),
    re.compile(r"\s*(?P<acronym>\w*[^\W\d]\w*)\s+(?P<name>\w+_\w+)\s+(?P<id>\d+)\s*"),
)
HEX = re.compile("(?:#|0x)?([0-9a-f]{6})(?:[0-9a-f]{2})?", re.IGNORECASE)
CODES = "color_hex_triplet", "hex"
TRIPLE = re.compile(r"(?:rgba?)?\s*[(\[]?\s*([\d.]+(?:[,\s]+[\d.]+){2,3})\s*[)\]]?", re.IGNORECASE)
NOTHING = "", "n/a"  # BIDS: what is not told
LIMIT = 1 << 64


def read(path):
    """The regions of a table, in its order: dicts of `id`, `name`, and where they are told `acronym`, `colour`
    (hexadecimal RGB), `parent` (an id).

    Raises ValueError naming the file and the line for a table that cannot be read, or has a label twice.
    """
    content = Path(path).read_bytes()
    with damage.named(path, "table of labels"):
        if content.lstrip().startswith(b"<"):
            regions = _from_xml(content)
        elif (text := tables.text(path, content).lstrip()).startswith("<"):
            regions = _from_xml(re.sub(r"^<\?xml.*?\?>", "", text).encode())  # its encoding is not the one it names
        elif text[:1] in ("{", "["):
            regions = list(_from_json(json.loads(text, parse_float=Decimal)))
        else:
            regions = _from_lines(text)
        top = 1 if _are_shares([region["colour"] for region in regions if "colour" in region]) else 255
        regions = [_checked(region, top) for region in regions]
    if not regions:
        raise ValueError(f"{path}: there is no label in it; right are columns such as index, name, color")
    seen = set()
    for region in regions:
        if region["id"] in seen:
            raise ValueError(f"{path}: label {region['id']} is there twice")
        seen.add(region["id"])
    parents = {region["id"]: region.get("parent") for region in regions}
    for region in regions:
        _require_root(path, region["id"], parents)
    return regions


def _require_root(path, label, parents):
    seen = {label}
    while (label := parents.get(label)) is not None:
        if label in seen:
            raise ValueError(f"{path}: label {label} is its own ancestor")
        seen.add(label)


def _checked(region, top):
    """A region with what is empty left out; colours are numbers up to `top`. Raises ValueError for what is no label or
    colour."""
    number = _label(region["id"])
    checked = {"id": number, "name": _told(region.get("name")) or str(number)}
    if acronym := _told(region.get("acronym")):
        checked["acronym"] = acronym
    if (colour := _told(region.get("colour"))) is not None:
        checked["colour"] = _hexadecimal(colour, number, top)
    parent = _told(region.get("parent"))
    if parent is not None and parent.lower() not in ("none", "nan", "null"):
        checked["parent"] = _label(parent)
    return checked


def _label(text):
    """A label as a number, of all its digits: 64 bits do not fit into a float."""
    try:
        number = Decimal(str(text).strip())
        whole = number == number.to_integral_value()
    except InvalidOperation:
        whole = False
    if not whole:
        raise ValueError(f"{text!r} is no label; labels are whole numbers")
    if not 0 <= number < LIMIT:
        raise ValueError(f"label {text} is outside 0 to {LIMIT - 1}")
    return int(number)


def _told(value):
    """What a cell says, or None; the numbers of a colour stay as they are."""
    if isinstance(value, (list, tuple)):
        return value or None
    text = "" if value is None else str(value).strip()
    return None if text.lower() in NOTHING else text


def _are_shares(colours):
    """Whether the colours of a table are told by numbers from 0 to 1, written with a point, rather than to 255."""
    numbers = [str(number) for colour in colours for number in _numbers(colour) or ()]
    return any("." in number for number in numbers) and all(float(number) <= 1 for number in numbers)


def _numbers(colour):
    """Red, green and blue of a colour that is told by numbers, or None."""
    if isinstance(colour, str):
        match = TRIPLE.fullmatch(colour.strip())
        colour = re.split(r"[,\s]+", match[1]) if match else ()
    return colour[:3] if isinstance(colour, (list, tuple)) and len(colour) in (3, 4) else None


def _hexadecimal(colour, label, top):
    """Hexadecimal RGB of a colour: numbers up to `top`, or six digits, with or without two of opacity."""
    if numbers := _numbers(colour):
        channels = [round(float(number) * 255 / top) for number in numbers]
        if not all(0 <= channel <= 255 for channel in channels):
            raise ValueError(f"the colour {', '.join(map(str, numbers))} of label {label} is outside 0 to {top}")
        return bytes(channels).hex().upper()
    if not isinstance(colour, str) or not (match := HEX.fullmatch(colour)):
        raise ValueError(f"{colour!r} is no colour of label {label}; right are six hexadecimal digits, such as FF8000")
    return match[1].upper()


def _from_json(content):
    """Regions of JSON: a list of objects, which may have `children`, or an object (see `_listed`)."""
    for entry in _listed(content) if isinstance(content, dict) else content or []:
        if not isinstance(entry, dict):
            raise ValueError(f"{entry!r} in it is no object with the label and the name of a region")
        yield _row(entry)
        yield from _from_json([{"parent": entry.get("id"), **child} for child in entry.get("children", [])])


def _listed(content):
    """The regions of an object: Neuroglancer's segment properties, a region itself, an answer of the Allen Institute or
    what else has a list of them, or names by label."""
    if content.get("@type") == "neuroglancer_segment_properties":
        return _from_properties(content["inline"])
    if isinstance(content.get("msg"), list):
        return content["msg"]
    if "id" in content:
        return [content]
    lists = [value for value in content.values() if isinstance(value, list)]
    if len(lists) == 1:
        return lists[0]
    return [
        {"id": label, **(about if isinstance(about, dict) else {"name": about})} for label, about in content.items()
    ]


def _from_properties(inline):
    """Regions of Neuroglancer's segment properties, whose labels are names or, beside descriptions, acronyms."""
    told = {one["type"]: one["values"] for one in inline["properties"] if one["type"] in ("label", "description")}
    columns = ("acronym", "name") if len(told) == 2 else ("name",)
    values = zip(*(told[kind] for kind in ("label", "description") if kind in told), strict=True)
    return [
        {"id": label, **dict(zip(columns, row, strict=True))} for label, row in zip(inline["ids"], values, strict=True)
    ]


def _from_xml(content):
    """Regions of an atlas of FSL. Labels of a probabilistic one number volumes: those of the image are one more."""
    root = lxml.etree.fromstring(content, lxml.etree.XMLParser(resolve_entities=False))
    if root.tag != "atlas":
        raise ValueError(f"its root is <{root.tag}>, not the <atlas> of FSL")
    shift = 1 if (root.findtext("header/type") or "").lower().startswith("prob") else 0
    return [{"id": int(label.get("index")) + shift, "name": label.text} for label in root.iterfind("data/label")]


def _from_lines(text):
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for pattern in LINES:
        if lines and pattern.fullmatch(lines[0]):
            return [_matched(line, pattern) for line in lines]
    mark = tables.delimiter("".join(lines[:1]))
    return [_row(row) for row in csv.DictReader(io.StringIO("\n".join(lines)), delimiter=mark, strict=True)]


def _matched(line, pattern):
    if not (match := pattern.fullmatch(line)):
        raise ValueError(f"the line {line.strip()!r} is not like the others")
    region = match.groupdict()
    return region | {"name": region["name"].strip('"'), "colour": (region.get("colour") or "").split()}


def _row(row):
    """A row of a table, or an object, under our names."""
    if None in row:
        fields = [field.strip() for value in row.values() for field in (value if isinstance(value, list) else [value])]
        raise ValueError(
            f"the row {', '.join(fields)} has more fields than there are columns; a name with commas needs quotes"
        )
    cells = {str(key).strip().lower(): value for key, value in row.items()}
    number = _column("id", cells)
    if number is None:
        raise ValueError(f"its columns are {', '.join(cells)}; one must be the label, such as `index` or `id`")
    region = {"id": cells.pop(number)}  # `label` is a number in one table and a name in another
    for field in ("name", "acronym", "colour", "parent"):
        if (column := _column(field, cells)) is not None:
            region[field] = cells[column]
            if column in CODES and str(cells[column]).isdigit():
                region[field] = str(cells[column]).zfill(6)  # spreadsheets lose the zeros of 019399
    channels = [next((cells[name] for name in names if name in cells), None) for names in CHANNELS]
    if "colour" not in region and all(_told(value) for value in channels):
        region["colour"] = channels
    if "parent" not in region and (above := re.findall(r"\d+", str(cells.get("structure_id_path")))[:-1]):
        region["parent"] = above[-1]
    return region


def _column(field, cells):
    return next((name for name in COLUMNS[field] if name in cells), None)


def ancestors(regions):
    """The ids above each region, nearest first, by its id; those that have no row of their own among them."""
    parent_of = {region["id"]: region.get("parent") for region in regions}
    above = {}
    for region in regions:
        line, label = [], region.get("parent")
        while label is not None:
            line.append(label)
            label = parent_of.get(label)
        above[region["id"]] = line
    return above


def segment_properties(regions):
    """Neuroglancer's segment properties: names, acronyms and names as descriptions, and a tag for each ancestor.

    Source: the format's specification in the Neuroglancer repository (datasource/precomputed/segment_properties.md).
    """
    above, region_of = ancestors(regions), {region["id"]: region for region in regions}
    tags = sorted({_tag(region_of[label]) for line in above.values() for label in line if label in region_of})
    labels = [region.get("acronym", region["name"]) for region in regions]
    properties = [{"id": "label", "type": "label", "values": labels}]
    if any("acronym" in region for region in regions):
        properties.append({"id": "name", "type": "description", "values": [region["name"] for region in regions]})
    if tags:
        lines = [
            sorted({tags.index(_tag(region_of[label])) for label in above[r["id"]] if label in region_of})
            for r in regions
        ]
        properties.append({"id": "tags", "type": "tags", "tags": tags, "values": lines})
    inline = {"ids": [str(region["id"]) for region in regions], "properties": properties}
    return {"@type": "neuroglancer_segment_properties", "inline": inline}


def _tag(region):
    return re.sub(r"[\s#]+", "_", region.get("acronym", region["name"]))


def image_label(regions):
    """OME-Zarr's `image-label`: colours of those that have one, and names. Source: OME-NGFF 0.5, labels."""
    metadata = {"version": "0.5"}
    if colours := [(region["id"], region["colour"]) for region in regions if "colour" in region]:
        metadata["colors"] = [{"label-value": label, "rgba": [*bytes.fromhex(code), 255]} for label, code in colours]
    if regions:
        names = [{key: value for key, value in region.items() if key != "colour"} for region in regions]
        metadata["properties"] = [{"label-value": region.pop("id"), **region} for region in names]
    return metadata
