"""Control networks of ISIS, version 5 in binary form, which jigsaw, qnet and the other programs of ISIS read and write.

Format: ControlNetVersioner of ISIS with its ControlNetFileHeaderV0005.proto and ControlPointFileEntryV0002.proto. A PVL
label of 65536 bytes, a header message, then for each point its size (uint32, little endian) and its message, all in the
wire format of Protocol Buffers (protobuf.dev/programming-guides/encoding).
"""

import functools
import struct
from dataclasses import dataclass, field, fields
from pathlib import Path

from darkroom import damage, files
from darkroom.planetary.formats import pvl

LABEL_BYTES = 65536
VERSION = 5
FREE, CONSTRAINED, FIXED = 2, 3, 4  # types of points; 0 and 1 are old words for the first and the last
CANDIDATE, MANUAL, REGISTERED_PIXEL, REGISTERED_SUBPIXEL = range(4)  # types of measures
AVERAGE_OF_MEASURES, ELLIPSOID, DEM = 2, 4, 5  # sources of a priori places and radii
VARINT, DOUBLE, BYTES, SINGLE = 0, 1, 2, 5  # wire types


# The fields of these messages stand in the order of their numbers, from 1, but for those that tell their own.


@dataclass
class Measure:
    """Where an image shows a point, in pixels, 1.0 is the centre of the first; residuals: measured less predicted."""

    serial: str = ""
    type: int = REGISTERED_SUBPIXEL
    sample: float | None = None
    line: float | None = None
    sample_residual: float | None = None
    line_residual: float | None = None
    chooser: str | None = None
    time: str | None = None
    edit_lock: int | None = None
    ignore: int | None = None
    rejected: int | None = None
    diameter: float | None = None
    apriori_sample: float | None = None
    apriori_line: float | None = None
    sample_sigma: float | None = None
    line_sigma: float | None = None


@dataclass
class Point:
    """A place on the ground; coordinates are body-fixed, in metres, covariances the six of an upper triangle."""

    id: str = ""
    type: int = FREE
    chooser: str | None = None
    time: str | None = None
    edit_lock: int | None = None
    ignore: int | None = None
    rejected: int | None = None
    reference: int | None = None
    apriori_source: int | None = None
    apriori_source_file: str | None = None
    radius_source: int | None = None
    radius_source_file: str | None = None
    latitude_constrained: int | None = None
    longitude_constrained: int | None = None
    radius_constrained: int | None = None
    apriori_x: float | None = None
    apriori_y: float | None = None
    apriori_z: float | None = None
    apriori_covariance: list[float] = field(default_factory=list)
    adjusted_x: float | None = None
    adjusted_y: float | None = None
    adjusted_z: float | None = None
    adjusted_covariance: list[float] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list, metadata={"number": 25})


@dataclass
class Header:
    """What is said of a network as a whole."""

    network: str = ""
    target: str = ""
    created: str = ""
    modified: str = ""
    description: str = ""
    user: str = ""


def write(path, header, points):
    """Write a network, whole or not at all."""
    head = encoded(header)
    messages = [encoded(point) for point in points]
    size = sum(map(len, messages)) + 4 * len(messages)
    core = {
        "HeaderStartByte": LABEL_BYTES,
        "HeaderBytes": len(head),
        "PointsStartByte": LABEL_BYTES + len(head),
        "PointsBytes": size,
    }
    told = {
        "NetworkId": header.network,
        "TargetName": header.target,
        "UserName": header.user,
        "Created": header.created,
        "LastModified": header.modified,
        "Description": header.description,
        "NumberOfPoints": len(points),
        "NumberOfMeasures": sum(len(point.measures) for point in points),
        "Version": VERSION,
    }
    content = {"Core": pvl.Block(core, "Object"), "ControlNetworkInfo": pvl.Block(told, "Group")}
    label = f"{pvl.dumps({'ProtoBuffer': pvl.Block(content, 'Object')})}End\n".encode()
    with files.replacing(path) as partial, partial.open("wb") as file:
        file.write(label.ljust(LABEL_BYTES, b"\0"))
        file.write(head)
        for message in messages:
            file.write(struct.pack("<I", len(message)))
            file.write(message)


def read(path):
    """Header and points of a network.

    Raises ValueError naming the file when it is none, of another version or in PVL, or when it is cut off.
    """
    path = Path(path)
    label, content = pvl.load(path), path.read_bytes()
    try:
        core, told = label["ProtoBuffer"]["Core"], label["ProtoBuffer"]["ControlNetworkInfo"]
        version = int(told["Version"])
        begin, size, length = (int(core[key]) for key in ("HeaderStartByte", "HeaderBytes", "PointsBytes"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path}: no binary control network of ISIS: {error.args[0]}") from error
    if version != VERSION:
        raise ValueError(f"{path}: Version = {version}; right is {VERSION}, which the programs of ISIS write")
    stop = begin + size + length
    if len(content) < stop:
        raise ValueError(f"{path}: cut off: {len(content)} bytes, its label speaks of {stop}")
    with damage.named(path, "control network of ISIS"):
        header, at, points = decoded(Header, content[begin : begin + size]), begin + size, []
        while at < stop:
            (length,) = struct.unpack_from("<I", content, at)
            if at + 4 + length > stop:
                raise ValueError(f"{path}: point {len(points) + 1} is of {length} bytes, which there are not")
            points.append(decoded(Point, content[at + 4 : at + 4 + length]))
            at += 4 + length
    return header, points


# The wire format

KINDS = {
    str: "text",
    str | None: "text",
    int: "whole",
    int | None: "whole",
    float | None: "double",
    list[float]: "doubles",
    list[Measure]: "messages",
}


@functools.cache
def _form(kind):
    """Of each field of a kind of message its number, name and kind."""
    placed = enumerate(fields(kind), 1)
    return [(each.metadata.get("number", position), each.name, KINDS[each.type]) for position, each in placed]


def encoded(message):
    """The bytes of a message; fields that are None are left out."""
    parts = []
    for number, name, kind in _form(type(message)):
        value = getattr(message, name)
        if kind == "messages":
            parts += [_framed(number, encoded(one)) for one in value]
        elif kind == "doubles" and value:
            parts.append(_framed(number, struct.pack(f"<{len(value)}d", *value)))
        elif kind == "text" and value is not None:
            parts.append(_framed(number, value.encode()))
        elif kind == "double" and value is not None:
            parts.append(_varint(number << 3 | DOUBLE) + struct.pack("<d", value))
        elif kind == "whole" and value is not None:
            parts.append(_varint(number << 3 | VARINT) + _varint(int(value)))
    return b"".join(parts)


def decoded(kind, content):
    """The message of a kind that bytes hold; fields that it has not are passed over.

    Raises ValueError when the bytes end within a field.
    """
    form, message = {number: how for number, *how in _form(kind)}, kind()
    for number, value in _fields(content):
        name, held = form.get(number, ("", ""))
        if held == "messages":
            getattr(message, name).append(decoded(Measure, value))
        elif held == "doubles":  # packed, or each by itself
            packed = value if isinstance(value, bytes) else struct.pack("<d", value)
            getattr(message, name).extend(struct.unpack(f"<{len(packed) // 8}d", packed))
        elif held:
            setattr(message, name, value.decode() if held == "text" else value)
    return message


def _fields(content):
    """Yield the number and the value of each field: whole numbers, doubles, or bytes."""
    at = 0
    while at < len(content):
        key, at = _varint_at(content, at)
        wire = key & 7
        if wire == VARINT:
            value, at = _varint_at(content, at)
        elif wire in (DOUBLE, SINGLE):
            form = "<d" if wire == DOUBLE else "<f"
            (value,), at = struct.unpack(form, content[at : at + struct.calcsize(form)]), at + struct.calcsize(form)
        elif wire == BYTES:
            size, at = _varint_at(content, at)
            if at + size > len(content):
                raise ValueError(f"field {key >> 3} is of {size} bytes, which there are not")
            value, at = content[at : at + size], at + size
        else:
            raise ValueError(f"field {key >> 3} is of wire type {wire}, which no control network has")
        yield key >> 3, value


def _framed(number, content):
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(value):
    """A whole number from 0 on, seven bits a byte, the lowest first."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _varint_at(content, at):
    value, shift = 0, 0
    while at < len(content):
        value |= (content[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if content[at - 1] < 128:
            return value, at
    raise ValueError("a number ends within its bytes")
