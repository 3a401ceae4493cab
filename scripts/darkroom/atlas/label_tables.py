"""Tables of labels: what the numbers of a segmentation are called, in the formats that atlases come with.

Sources: BIDS (`dseg.tsv`), ITK-SNAP's label descriptions, FreeSurfer's colour lookup tables, FSL's atlas XML, the
structure graph of the Allen Institute's API.
"""

import csv
import io
import json
import re
from pathlib import Path

import lxml.etree

# What columns of a table are called, the first that is there.
COLUMNS = {
    "id": ("index", "id", "label", "value", "label-value", "idx", "structure_id"),
    "name": ("name", "safe_name", "region", "region_name", "structure", "label_name", "label"),
    "acronym": ("acronym", "abbreviation", "abbr", "short_name"),
    "colour": ("color", "colour", "color_hex_triplet", "hex", "rgb"),
    "parent": ("parent", "parent_id", "parent_structure_id"),
}
CHANNELS = ("r", "red"), ("g", "green"), ("b", "blue")
SNAP = re.compile(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+[\d.]+\s+\d\s+\d\s+"(.*)"\s*')
FREESURFER = re.compile(r"\s*(\d+)\s+(\S+)\s+(\d+)\s+(\d+)\s+(\d+)(?:\s+\d+)?\s*")
LIMIT = 1 << 64


def read(path):
    """The regions of a table, in its order: dicts of `id`, `name`, and where they are told `acronym`, `colour`
    (hexadecimal RGB), `parent` (an id).

    Raises ValueError naming the file and the line for a table that cannot be read, or has a label twice.
    """
    text = _text(path)
    try:
        if text.lstrip()[:1] in ("{", "["):
            regions = list(_from_json(json.loads(text)))
        elif text.lstrip().startswith("<"):
            regions = _from_xml(text)
        else:
            regions = _from_lines(text)
        regions = [_checked(region) for region in regions]
    except (ValueError, KeyError, TypeError, lxml.etree.XMLSyntaxError, csv.Error) as error:
        raise ValueError(f"{path} is no table of labels that can be read: {error}") from error
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


def _text(path):
    content = Path(path).read_bytes()
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{path}: line {line} is not UTF-8 text; save the table as UTF-8") from error


def _checked(region):
    """A region with what is empty left out. Raises ValueError for what is no label or colour."""
    label, colour = region["id"], str(region.get("colour") or "").strip().lstrip("#")
    try:
        number = int(float(label)) if "." in str(label) else int(label)
    except ValueError as error:
        raise ValueError(f"{label!r} is no label; labels are whole numbers") from error
    if not 0 <= number < LIMIT:
        raise ValueError(f"label {number} is outside 0 to {LIMIT - 1}")
    if colour and not re.fullmatch("[0-9a-fA-F]{6}", colour):
        raise ValueError(f"{colour!r} is no colour of label {number}; right are six hexadecimal digits, such as FF8000")
    checked = {"id": number, "name": str(region.get("name") or number).strip()}
    if acronym := str(region.get("acronym") or "").strip():
        checked["acronym"] = acronym
    if colour:
        checked["colour"] = colour.upper()
    if (parent := region.get("parent")) not in (None, "", "n/a", "None"):
        checked["parent"] = int(float(parent))
    return checked


def _from_json(content):
    """Regions of JSON: a list of objects, an object of names by label, or the Allen Institute's nested structures."""
    if isinstance(content, dict) and isinstance(content.get("msg"), list):
        content = content["msg"]
    if isinstance(content, dict) and "id" not in content:
        content = [
            {"id": label, **(about if isinstance(about, dict) else {"name": about})} for label, about in content.items()
        ]
    for entry in content if isinstance(content, list) else [content]:
        yield _row(entry)
        yield from _from_json([{"parent": entry.get("id"), **child} for child in entry.get("children", [])])


def _from_xml(text):
    """Regions of an atlas of FSL. Labels of a probabilistic one number volumes: those of the image are one more."""
    root = lxml.etree.fromstring(text.encode(), lxml.etree.XMLParser(resolve_entities=False))
    if root.tag != "atlas":
        raise ValueError(f"its root is <{root.tag}>, not the <atlas> of FSL")
    shift = 1 if (root.findtext("header/type") or "").lower().startswith("prob") else 0
    return [{"id": int(label.get("index")) + shift, "name": label.text} for label in root.iterfind("data/label")]


def _from_lines(text):
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and SNAP.fullmatch(lines[0]):
        return [_matched(line, SNAP, name=5, colour=(2, 3, 4)) for line in lines]
    if lines and FREESURFER.fullmatch(lines[0]):
        return [_matched(line, FREESURFER, name=2, colour=(3, 4, 5)) for line in lines]
    dialect = "excel-tab" if lines and "\t" in lines[0] else "excel"
    rows = csv.DictReader(io.StringIO("\n".join(lines)), dialect=dialect)
    return [_row(row) for row in rows]


def _matched(line, pattern, name, colour):
    if not (match := pattern.fullmatch(line)):
        raise ValueError(f"the line {line.strip()!r} is not like the others")
    numbers = [int(match[place]) for place in colour]
    return {"id": match[1], "name": match[name], "colour": bytes(numbers).hex()}


def _row(row):
    """A row of a table, or an object, under our names."""
    cells = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
    number = _column("id", cells)
    if number is None:
        raise ValueError(f"its columns are {', '.join(cells)}; one must be the label, such as `index` or `id`")
    region = {"id": cells.pop(number)}  # `label` is a number in one table and a name in another
    for field in ("name", "acronym", "colour", "parent"):
        if (column := _column(field, cells)) is not None:
            region[field] = cells[column]
    channels = [next((cells[name] for name in names if name in cells), None) for names in CHANNELS]
    if "colour" not in region and all(value not in (None, "") for value in channels):
        region["colour"] = bytes(int(value) for value in channels).hex()
    elif isinstance(region.get("colour"), list):
        region["colour"] = bytes(region["colour"][:3]).hex()
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
