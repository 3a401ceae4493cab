"""Entries of a catalogue as CDSE has them, for tests: seeded, as many as are wanted."""

import random
import uuid
from datetime import datetime, timedelta

BEGIN = datetime(2020, 1, 1)


def sentinel2(count, seed=1, step=timedelta(minutes=30), **given):
    """Products of Sentinel-2 L1C over a grid of places, one each half hour, with clouds from 0 to 100 percent."""
    chance = random.Random(seed)
    for at in range(count):
        begin = BEGIN + step * at
        west, south = round(chance.uniform(-170, 160), 3), round(chance.uniform(-70, 70), 3)
        tile = f"{at % 60 + 1:02d}TDH"
        yield entry(
            f"S2A_MSIL1C_{begin:%Y%m%dT%H%M%S}_N0209_R{at % 143 + 1:03d}_T{tile}_{begin + timedelta(hours=2):%Y%m%dT%H%M%S}.SAFE",
            begin,
            square(west, south),
            chance,
            cloudCover=round(chance.uniform(0, 100), 2),
            relativeOrbitNumber=at % 143 + 1,
            orbitDirection=("ASCENDING", "DESCENDING")[at % 2],
            tileId=tile,
            productType="S2MSI1C",
            processorVersion="02.09",
            **given,
        )


def square(west, south, size=1.0):
    """A footprint of a degree, as WKT."""
    east, north = west + size, south + size
    return f"POLYGON (({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"


def entry(name, begin, footprint, chance=None, end=None, online=True, **attributes):
    """An entry of an answer of CDSE's OData."""
    chance = chance or random.Random(name)
    kinds = {str: "String", int: "Integer", float: "Double"}
    told = [
        {
            "@odata.type": f"#OData.CSC.{kinds[type(value)]}Attribute",
            "Name": key,
            "Value": value,
            "ValueType": kinds[type(value)],
        }
        for key, value in attributes.items()
    ]
    return {
        "@odata.mediaContentType": "application/octet-stream",
        "Id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "Name": name,
        "ContentType": "application/octet-stream",
        "ContentLength": chance.randrange(10**8, 10**9),
        "OriginDate": stamp(begin + timedelta(hours=3)),
        "PublicationDate": stamp(begin + timedelta(hours=4)),
        "ModificationDate": stamp(begin + timedelta(hours=4)),
        "Online": online,
        "EvictionDate": "9999-12-31T23:59:59.999999Z",
        "S3Path": f"/eodata/Sentinel-2/MSI/L1C/{begin:%Y/%m/%d}/{name}",
        "Checksum": [{"Value": f"{chance.getrandbits(128):032x}", "Algorithm": "MD5", "ChecksumDate": stamp(begin)}],
        "ContentDate": {"Start": stamp(begin), "End": stamp(end or begin)},
        "Footprint": f"geography'SRID=4326;{footprint}'" if footprint else None,
        "Attributes": told,
    }


def stamp(moment):
    """A time as CDSE writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
