"""Metadata of a granule in ECHO10, the older XML that NASA's Common Metadata Repository takes.

Format: Granule.xsd and MetadataCommon.xsd of ECHO 10; the order of elements is theirs. Rings are open and clockwise,
the opposite of UMM-G's.
"""

from xml.etree import ElementTree

RECTANGLE = tuple(f"{side}BoundingCoordinate" for side in ("West", "North", "East", "South"))


def echo10(granule):
    """The record as bytes; `granule` is what `airborne_convert_metadata.describe` gives."""
    return document("Granule", tree(granule))


def tree(granule):
    """The record as nested dicts, of which a template of a path may ask."""
    collection, produced = granule["collection"], granule["produced"]
    first = granule["files"][0] if granule["files"] else {"bytes": 0, "sha256": "", "format": ""}
    return {
        "GranuleUR": granule["id"],
        "InsertTime": produced,
        "LastUpdate": produced,
        "Collection": {"ShortName": collection["short_name"], "VersionId": collection["version"]},
        "DataGranule": {
            "DataGranuleSizeInBytes": first["bytes"],
            "SizeMBDataGranule": first["bytes"] / 1e6,
            "Checksum": checksum(first),
            "ProducerGranuleId": granule["source_files"][0],
            "DayNightFlag": granule["day_night"].upper(),
            "ProductionDateTime": produced,
            "AdditionalFile": [additional_file(entry) for entry in granule["files"][1:]],
        },
        "PGEVersionClass": {"PGEName": "Darkroom", "PGEVersion": granule["software"]},
        "Temporal": {"RangeDateTime": {"BeginningDateTime": granule["begin"], "EndingDateTime": granule["end"]}},
        "Spatial": {
            "VerticalSpatialDomains": vertical(granule["altitude"]),
            "HorizontalSpatialDomain": {"Geometry": geometry(granule["geometry"])},
        },
        "Platforms": {
            "Platform": {
                "ShortName": granule["platform"],
                "Instruments": {"Instrument": {"ShortName": granule["instrument"]}},
            }
        },
        "Campaigns": {"Campaign": {"ShortName": granule["project"]}},
        "AdditionalAttributes": {
            "AdditionalAttribute": [
                {"Name": name, "Values": {"Value": value}} for name, value in granule["additional_attributes"].items()
            ]
        },
        "InputGranules": {"InputGranule": granule["source_files"]},
        "OnlineAccessURLs": {"OnlineAccessURL": [online(url) for url in granule["urls"] if url["type"] == "GET DATA"]},
        "OnlineResources": {"OnlineResource": [page(url) for url in granule["urls"] if url["type"] != "GET DATA"]},
        "Orderable": "false",
        "DataFormat": first["format"],
    }


def checksum(entry):
    return {"Value": entry["sha256"], "Algorithm": "SHA-256"}


def additional_file(entry):
    """A file of the granule beside the first one."""
    return {
        "Name": entry["name"],
        "SizeInBytes": entry["bytes"],
        "Format": entry["format"],
        "MimeType": entry["mime_type"],
        "Checksum": checksum(entry),
    }


def vertical(altitude):
    """Lowest and highest altitude in metres; ECHO10 has one value for each domain."""
    ends = zip(("Minimum Altitude", "Maximum Altitude"), altitude or (), strict=False)
    return {"VerticalSpatialDomain": [{"Type": kind, "Value": value} for kind, value in ends]}


def online(url):
    """An address of data."""
    return {"URL": url["url"], "URLDescription": url["description"], "MimeType": url["mime_type"]}


def page(url):
    """An address of anything else."""
    return {"URL": url["url"], "Description": url["description"], "Type": url["type"]}


def geometry(shapes):
    """A geometry of `extent`."""
    return {kind.removesuffix("s"): [SHAPES[kind](shape) for shape in several] for kind, several in shapes.items()}


def point(place):
    return {"PointLongitude": place[0], "PointLatitude": place[1]}


def rectangle(corners):
    west, south, east, north = corners
    return dict(zip(RECTANGLE, (west, north, east, south), strict=True))


SHAPES = {
    "Points": point,
    "Lines": lambda places: {"Point": [point(place) for place in places]},
    "GPolygons": lambda places: {"Boundary": {"Point": [point(place) for place in places[:0:-1]]}},
    "BoundingRectangles": rectangle,
}


def document(name, tree):
    """An XML document of nested dicts; a list repeats its element, and what is empty is left out."""
    element = ElementTree.Element(name)
    fill(element, tree)
    ElementTree.indent(element)
    return ElementTree.tostring(element, encoding="UTF-8", xml_declaration=True) + b"\n"


def fill(element, content):
    """Put a dict's elements, or a value's text, into an element."""
    if not isinstance(content, dict):
        element.text = printable(content)
        return
    for name, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            child = ElementTree.Element(name)
            fill(child, one)
            if len(child) or child.text:
                element.append(child)


def printable(value):
    """The text of a value, without the control characters that XML has no way to write."""
    return "".join(character for character in str(value) if character >= " " or character in "\t\n")
