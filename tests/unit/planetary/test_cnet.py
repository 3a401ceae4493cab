"""Control networks of ISIS: judged by Protocol Buffers' own decoder and encoder, with the messages as ISIS describes them."""

import re
import struct

import numpy as np
import pvl as judge_pvl
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from darkroom.planetary.formats import cnet, serials
from darkroom.planetary.formats.cubes import Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube

# ControlNetFileHeaderV0005.proto and ControlPointFileEntryV0002.proto of ISIS; enumerations are int32 on the wire.
MESSAGES = {
    "Header": """required string networkId 1, required string targetName 2, optional string created 3,
        optional string lastModified 4, optional string description 5, optional string userName 6""",
    "Measure": """required string serialnumber 1, required int32 type 2, optional double sample 3, optional double line 4,
        optional double sampleResidual 5, optional double lineResidual 6, optional string choosername 7,
        optional string datetime 8, optional bool editLock 9, optional bool ignore 10, optional bool jigsawRejected 11,
        optional double diameter 12, optional double apriorisample 13, optional double aprioriline 14,
        optional double samplesigma 15, optional double linesigma 16""",
    "Point": """required string id 1, required int32 type 2, optional string chooserName 3, optional string datetime 4,
        optional bool editLock 5, optional bool ignore 6, optional bool jigsawRejected 7, optional int32 referenceIndex 8,
        optional int32 aprioriSurfPointSource 9, optional string aprioriSurfPointSourceFile 10,
        optional int32 aprioriRadiusSource 11, optional string aprioriRadiusSourceFile 12,
        optional bool latitudeConstrained 13, optional bool longitudeConstrained 14, optional bool radiusConstrained 15,
        optional double aprioriX 16, optional double aprioriY 17, optional double aprioriZ 18,
        repeated double aprioriCovar 19, optional double adjustedX 20, optional double adjustedY 21,
        optional double adjustedZ 22, repeated double adjustedCovar 23, repeated Measure measures 25""",
}


@pytest.fixture(scope="module")
def judge():
    """The classes of the messages, by Protocol Buffers."""
    file = descriptor_pb2.FileDescriptorProto(name="isis.proto", package="judge", syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, text in MESSAGES.items():
        message = file.message_type.add(name=name)
        for label, kind, key, number in re.findall(r"(\w+) (\w+) (\w+) (\d+)", text):
            made = message.field.add(name=key, number=int(number), label=getattr(kinds, f"LABEL_{label.upper()}"))
            if kind in MESSAGES:
                made.type, made.type_name = kinds.TYPE_MESSAGE, f".judge.{kind}"
            else:
                made.type = getattr(kinds, f"TYPE_{kind.upper()}")
            if label == "repeated" and kind == "double":
                made.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"judge.{name}")) for name in MESSAGES}


POINTS = [
    cnet.Point(
        "p1",
        chooser="käthe",
        reference=1,
        ignore=1,
        apriori_source=cnet.AVERAGE_OF_MEASURES,
        radius_source=cnet.DEM,
        apriori_x=1.5e6,
        apriori_y=-2.25,
        apriori_z=0.0,
        adjusted_covariance=[1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        measures=[
            cnet.Measure("MRO/CTX/0854123456:123", sample=1.25, line=900000.5, sample_residual=-0.125),
            cnet.Measure("LRO/1/2:3/NACL", cnet.CANDIDATE, rejected=1, apriori_line=-3.0),
        ],
    ),
    cnet.Point("p" * 300, cnet.FIXED, measures=[cnet.Measure("x", sample=0.0, line=0.0)] * 200),
]
HEADER = cnet.Header("net", "Mars", "2001-01-01T00:00:00", "2002-01-01T00:00:00", "some words", "darkroom")


def test_protocol_buffers_reads_what_is_written(tmp_path, judge):
    path = tmp_path / "control.net"
    cnet.write(path, HEADER, POINTS)
    content, label = path.read_bytes(), judge_pvl.load(str(path))["ProtoBuffer"]
    core, told = label["Core"], label["ControlNetworkInfo"]
    assert (told["NumberOfPoints"], told["NumberOfMeasures"], told["Version"]) == (2, 202, 5)
    assert core["HeaderStartByte"] == 65536
    stop = core["HeaderStartByte"] + core["HeaderBytes"]
    assert (core["PointsStartByte"], core["PointsBytes"]) == (stop, len(content) - stop)
    header = judge["Header"].FromString(content[65536:stop])
    assert (header.networkId, header.targetName, header.userName) == ("net", "Mars", "darkroom")
    made = []
    while stop < len(content):
        (size,) = struct.unpack_from("<I", content, stop)
        made.append(judge["Point"].FromString(content[stop + 4 : stop + 4 + size]))
        stop += 4 + size
    first, second = made
    assert (first.id, first.type, first.chooserName, first.ignore, first.referenceIndex) == ("p1", 2, "käthe", True, 1)
    assert (first.aprioriX, first.aprioriY, first.aprioriZ) == (1.5e6, -2.25, 0.0)
    assert not first.HasField("adjustedX") and list(first.adjustedCovar) == [1, 2, 3, 4, 5, 6]
    one, other = first.measures
    assert (one.serialnumber, one.type, one.sample, one.line) == ("MRO/CTX/0854123456:123", 3, 1.25, 900000.5)
    assert (one.sampleResidual, one.HasField("lineResidual")) == (-0.125, False)
    assert (other.type, other.jigsawRejected, other.aprioriline) == (0, True, -3.0)
    assert (second.type, len(second.measures)) == (4, 200)
    assert second.measures[0].HasField("sample")
    for point, ours in zip(made, POINTS, strict=True):  # the same bytes, which the order of the fields tells
        assert point.SerializeToString(deterministic=True) == cnet.encoded(ours)


def test_what_protocol_buffers_writes_is_read(tmp_path, judge):
    """Also a field that we do not know, and doubles that are not packed."""
    cnet.write(tmp_path / "control.net", HEADER, POINTS)
    assert cnet.read(tmp_path / "control.net") == (HEADER, POINTS)
    made = judge["Point"](id="q", type=3, aprioriCovar=[1.5, 2.5])
    made.measures.add(serialnumber="s", type=1, sample=7.0)
    unknown = b"\xc2\x01\x02\x08\x01"  # field 24, the log of ISIS
    unpacked = b"\x99\x01" + struct.pack("<d", 3.5)
    read = cnet.decoded(cnet.Point, made.SerializeToString() + unknown + unpacked)
    assert (read.id, read.type, read.apriori_covariance) == ("q", 3, [1.5, 2.5, 3.5])
    assert [(measure.serial, measure.sample, measure.line) for measure in read.measures] == [("s", 7.0, None)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-5], r"control.net: cut off: \d+ bytes, its label speaks of \d+"),
        (
            lambda content: content.replace(b"Version          = 5", b"Version          = 2"),
            r"control.net: Version = 2; right is 5",
        ),
        (
            lambda content: content.replace(b"Version ", b"Vorsion "),
            r"control.net: no binary control network of ISIS: no Version",
        ),
        (
            lambda content: b"Object = ControlNetwork\n  Version = 5\nEnd_Object\nEnd\n",
            r"control.net: no binary control network of ISIS: no ProtoBuffer",
        ),
    ],
    ids=["cut off", "old", "without", "pvl"],
)
def test_what_is_no_network_is_named(tmp_path, change, message):
    path = tmp_path / "control.net"
    cnet.write(path, HEADER, POINTS)
    content = path.read_bytes()
    changed = change(content)
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(ValueError, match=message):
        cnet.read(path)


@pytest.mark.parametrize(
    ("instrument", "others", "serial"),
    [
        (
            {"SpacecraftName": "Messenger", "InstrumentId": "MDIS-NAC", "SpacecraftClockCount": "1/0131771118:976000"},
            {},
            "MeSSEnGeR/MDIS-NAC/1/0131771118:976000",
        ),
        (
            {"SpacecraftName": "Mars_Reconnaissance_Orbiter", "InstrumentId": "CTX", "SpacecraftClockCount": "0854:1"},
            {},
            "MRO/CTX/0854:1",
        ),
        (
            {
                "SpacecraftName": "LUNAR RECONNAISSANCE ORBITER",
                "InstrumentId": "NACR",
                "SpacecraftClockStartCount": "1/269182000:51104",
            },
            {},
            "LRO/1/269182000:51104/NACR",
        ),
        (
            {"SpacecraftName": "MARS EXPRESS", "InstrumentId": "HRSC", "SpacecraftClockStartCount": "1/2"},
            {"Archive": {"DetectorId": "MEX_HRSC_NADIR"}},
            "MEX/1/2/HRSC/MEX_HRSC_NADIR",
        ),
        ({"SpacecraftName": "X", "InstrumentId": "SURVEY"}, {}, None),
        ({"SpacecraftName": "Messenger", "InstrumentId": "MDIS-NAC"}, {}, None),
    ],
)
def test_serial_numbers_are_those_of_isis(tmp_path, instrument, others, serial):
    """Those of the tests of ISIS (observationPair.net and others); none of what is not known."""
    pixel = np.ones((1, 1, 1), "u1")
    write_cube(tmp_path / "one.cub", Image(1, 1, 1, "u1", {"Instrument": instrument} | others, [(pixel, None)]))
    cube = Cube(tmp_path / "one.cub")
    assert serials.serial_of(cube) == serial
