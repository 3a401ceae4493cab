"""STAC item of a granule: where and when it is, and its product, for the catalogue of a campaign.

Format: STAC 1.1.0, Item; GeoJSON (RFC 7946), by which a box over longitude 180 has its west beyond its east.
"""

VERSION = "1.1.0"
NETCDF = "application/x-netcdf"


def stac(granule):
    """The item as a dict; `granule` is what `airborne_convert_metadata.describe` gives."""
    collection = granule["collection"]
    name = granule["netcdf"].rpartition("/")[2]
    return {
        "type": "Feature",
        "stac_version": VERSION,
        "id": granule["id"],
        "bbox": granule["box"],
        "geometry": geometry(granule["geometry"]),
        "properties": {
            "datetime": None,
            "start_datetime": granule["begin"],
            "end_datetime": granule["end"],
            "created": granule["produced"],
            "title": f"{collection['title']}, {granule['id']}",
            "platform": granule["platform"],
            "instruments": [granule["instrument"]],
            "mission": granule["project"],
        },
        "links": [],
        "assets": {name: {"href": f"../{granule['netcdf']}", "type": NETCDF, "roles": ["data"]}},
    }


def geometry(shapes):
    """A geometry of `extent` as GeoJSON: of one shape, or of several of a kind."""
    ((kind, several),) = ((kind, several) for kind, several in shapes.items() if several)
    single, coordinates = KINDS[kind], [COORDINATES[kind](shape) for shape in several]
    if len(coordinates) == 1:
        return {"type": single, "coordinates": coordinates[0]}
    return {"type": f"Multi{single}", "coordinates": coordinates}


def ring(rectangle):
    """A rectangle as a closed ring, counter-clockwise."""
    west, south, east, north = rectangle
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


KINDS = {"Points": "Point", "Lines": "LineString", "GPolygons": "Polygon", "BoundingRectangles": "Polygon"}
COORDINATES = {
    "Points": list,
    "Lines": lambda places: [list(place) for place in places],
    "GPolygons": lambda places: [[list(place) for place in places]],
    "BoundingRectangles": lambda rectangle: [ring(rectangle)],
}
