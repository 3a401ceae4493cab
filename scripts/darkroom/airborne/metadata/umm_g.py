"""Metadata of a granule in UMM-G 1.6.6, the JSON that NASA's Common Metadata Repository takes.

Format: UMM-G JSON schema, https://cdn.earthdata.nasa.gov/umm/granule/v1.6.6
"""

VERSION = "1.6.6"
POINT = ("Longitude", "Latitude")
RECTANGLE = tuple(f"{side}BoundingCoordinate" for side in ("West", "South", "East", "North"))


def umm_g(granule):
    """The record as a dict; `granule` is what `airborne_convert_metadata.describe` gives."""
    collection, produced = granule["collection"], granule["produced"]
    record = {
        "GranuleUR": granule["id"],
        "ProviderDates": [{"Date": produced, "Type": kind} for kind in ("Create", "Update")],
        "CollectionReference": {"ShortName": collection["short_name"], "Version": str(collection["version"])},
        "DataGranule": {
            "ArchiveAndDistributionInformation": [file(entry) for entry in granule["files"]],
            "DayNightFlag": granule["day_night"],
            "ProductionDateTime": produced,
            "Identifiers": [{"Identifier": granule["source_files"][0], "IdentifierType": "ProducerGranuleId"}],
        },
        "PGEVersionClass": {"PGEName": "Darkroom", "PGEVersion": granule["software"]},
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": granule["begin"], "EndingDateTime": granule["end"]}},
        "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": geometry(granule["geometry"])}},
        "Platforms": [{"ShortName": granule["platform"], "Instruments": [{"ShortName": granule["instrument"]}]}],
        "Projects": [{"ShortName": granule["project"]}],
        "AdditionalAttributes": [
            {"Name": name, "Values": [value]} for name, value in granule["additional_attributes"].items()
        ],
        "InputGranules": granule["source_files"],
        "RelatedUrls": [related_url(entry) for entry in granule["urls"]],
        "MetadataSpecification": {
            "URL": f"https://cdn.earthdata.nasa.gov/umm/granule/v{VERSION}",
            "Name": "UMM-G",
            "Version": VERSION,
        },
    }
    if granule["altitude"]:
        low, high = granule["altitude"]
        domain = {"Type": "Altitude", "MinimumValue": low, "MaximumValue": high, "Unit": "Meters"}
        record["SpatialExtent"]["VerticalSpatialDomains"] = [domain]
    return {key: value for key, value in record.items() if value != []}


def file(entry):
    """One file of the granule."""
    return {
        "Name": entry["name"],
        "SizeInBytes": entry["bytes"],
        "Size": entry["bytes"] / 1e6,
        "SizeUnit": "MB",
        "Format": entry["format"],
        "MimeType": entry["mime_type"],
        "Checksum": {"Value": entry["sha256"], "Algorithm": "SHA-256"},
    }


def geometry(shapes):
    """A geometry of `extent`."""
    return {kind: [SHAPES[kind](shape) for shape in several] for kind, several in shapes.items()}


def point(place):
    return dict(zip(POINT, place, strict=True))


SHAPES = {
    "Points": point,
    "Lines": lambda places: {"Points": [point(place) for place in places]},
    "GPolygons": lambda places: {"Boundary": {"Points": [point(place) for place in places]}},
    "BoundingRectangles": lambda corners: dict(zip(RECTANGLE, corners, strict=True)),
}


def related_url(entry):
    """An address of the granule."""
    kind = "GET DATA VIA DIRECT ACCESS" if entry["url"].startswith("s3://") else entry["type"]
    return {"URL": entry["url"], "Type": kind, "Description": entry["description"], "MimeType": entry["mime_type"]}
