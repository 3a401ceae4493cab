"""The CRS that all maps of a campaign share: a code of IAU_2015, as GIS programs know it, in the words of ISIS.

Codes: IAU_2015 of PROJ and the OGC (Hare and others 2018); a body's number of NAIF and two digits for the projection.
"""

import re

from darkroom.planetary.bodies import BODIES

# What the last two digits are, of spheres; of the ellipsoids that follow them ISIS has the polar ones.
KINDS = {
    10: {"ProjectionName": "Equirectangular", "CenterLatitude": 0.0, "CenterLongitude": 0.0, "LongitudeDomain": "180"},
    15: {
        "ProjectionName": "Equirectangular",
        "CenterLatitude": 0.0,
        "CenterLongitude": 180.0,
        "LongitudeDomain": "360",
    },
    20: {"ProjectionName": "Sinusoidal", "CenterLongitude": 0.0, "LongitudeDomain": "180"},
    25: {"ProjectionName": "Sinusoidal", "CenterLongitude": 180.0, "LongitudeDomain": "360"},
    30: {"ProjectionName": "PolarStereographic", "CenterLatitude": 90.0, "CenterLongitude": 0.0},
    35: {"ProjectionName": "PolarStereographic", "CenterLatitude": -90.0, "CenterLongitude": 0.0},
}
ELLIPSOIDS = {31: KINDS[30], 36: KINDS[35]}


def keywords(code):
    """Keywords of a group Mapping of the CRS `IAU_2015:<code>`: projection, centre, domain, radii, body.

    Raises ValueError for a code that is none, or whose projection ISIS does not have.
    """
    match = re.fullmatch(r"(?:IAU_2015:)?(\d+)(\d\d)", code, re.IGNORECASE)
    if not match:
        raise ValueError(f"map.crs {code!r}: right is a code of IAU_2015, such as IAU_2015:49910")
    number, kind = int(match[1]), int(match[2])
    body = {number: name for name, number in BODIES.items()}.get(number)
    projections = KINDS | ELLIPSOIDS
    if not body or kind not in projections:
        raise ValueError(
            f"map.crs {code}: right is the number of a body, such as 499 of Mars or 301 of the Moon, and one of "
            f"{', '.join(map(str, sorted(projections)))}"
        )
    import rasterio.errors  # here, as plans are made without it where nobody names a CRS
    from rasterio.crs import CRS

    try:
        parameters = CRS.from_user_input(f"IAU_2015:{number}{kind}").to_dict()
    except rasterio.errors.CRSError as error:
        raise ValueError(f"map.crs {code}: IAU_2015 has no such CRS") from error
    equatorial = float(parameters.get("R") or parameters["a"])
    polar = equatorial
    if kind in ELLIPSOIDS:
        polar = float(parameters["b"]) if "b" in parameters else equatorial * (1 - 1 / float(parameters["rf"]))
    return {
        "TargetName": body.title(),
        "EquatorialRadius": equatorial,
        "PolarRadius": polar,
        "LatitudeType": "Planetographic" if kind in ELLIPSOIDS else "Planetocentric",
        "LongitudeDirection": "PositiveEast",
        **projections[kind],
    }
