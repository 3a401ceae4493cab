"""`.gpio` and `.imu` files, line by line, and damaged ones. Real ones are in tests/real."""

import json
import struct

import numpy as np
import pytest

from darkroom.calcium.readers import gpio, imu


def stream(*packets, begin=48, session=b"{}"):
    """A `.gpio` file of packets (type, sequence, microsecond, words) and the JSON of its session."""
    body = b""
    for kind, sequence, time, *words in packets:
        payload = struct.pack(f"<{3 + len(words)}I", time >> 32, time & 0xFFFFFFFF, 0, *words)
        body += struct.pack("<IIII", 0xAA55, kind, sequence, len(payload) // 4) + payload
    header = struct.pack("<QQiIQ", 1_700_000_000, 1, 0, begin, len(packets))
    return header + struct.pack("<QQ", 200, begin + len(body)) + body + session


def test_gpio_line_by_line(tmp_path):
    path = tmp_path / "a.gpio"
    path.write_bytes(
        stream((0x4007, 0, 1000, 0b10), (0x4007, 1, 1500, 0b11), (0x4003, 3, 1600, 100), (0x4008, 4, 2000, 15))
    )
    read = gpio.read_gpio(path)
    offsets, values = read.channels["Digital GPI 0"]
    assert offsets.tolist() == [0, 500, 501, 1000]  # a change, the packet that was lost, the end
    assert values.tolist()[:2] == [0, 1] and np.isnan(values[2:]).all()
    assert read.channels["GPIO-1"][1].tolist() == [96, 96] and read.channels["EX-LED"][1].tolist() == [1.5]
    assert read.notes == ("1 gaps of lost packets of a.gpio",)


@pytest.mark.parametrize(
    "session, step, noted",
    [
        (b'{"adMode": "fast", "fast": {"clock": 2000}}', "1/2000", ""),
        (b'{"adMode": "fast", "fast": 3}', "1/1000", ""),
        (b'{"adMode": "fast", "fast": {"clock": 0}}', "1/1000", "session fast.clock: 0 is less than"),
        (b'{"microscope": 3}', "1/1000", "session microscope: is 3, not a map"),
        (b"[1]", "1/1000", "session: is a list, [1], not a map"),
        (b'{"adMode": ', "1/1000", "session: is empty, not a map"),
    ],
)
def test_a_gpio_file_whose_session_is_damaged_keeps_its_signals(tmp_path, session, step, noted):
    path = tmp_path / "a.gpio"
    path.write_bytes(stream((0x4008, 0, 1000, 15), session=session))
    read = gpio.read_gpio(path)
    assert read.channels["EX-LED"][1].tolist() == [1.5] and str(read.steps["EX-LED"]) == step
    assert len(read.notes) == bool(noted) and noted in " ".join(read.notes)


@pytest.mark.parametrize("content", [b"short", bytes(60), struct.pack("<QQiIQ", 1, 1, 0, 4000, 0) + bytes(30)])
def test_what_is_no_gpio_file_is_named(tmp_path, content):
    path = tmp_path / "a.gpio"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.gpio: is no \.gpio file"):
        gpio.read_gpio(path)


def motion(session):
    """An `.imu` file without records, and the JSON of its session."""
    return struct.pack("<QQiHH9QQQ", 1, 1, 0, 1, 0, *[0] * 9, 112, len(session)) + session


@pytest.mark.parametrize("content", [b"short", bytes(112), motion(b"{"), motion(b"x" * 8)])
def test_what_is_no_imu_file_is_named(tmp_path, content):
    path = tmp_path / "a.imu"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.imu: is no \.imu file"):
        imu.read_imu(path)


CLOCK = {"periodMs": {"num": 20, "den": 1}, "numTimes": 0, "dropped": None}


@pytest.mark.parametrize(
    "changed, said",
    [
        ({}, "session timingInfo: 'accelerometer' is missing"),
        ({"accelerometer": 3}, "session timingInfo.accelerometer: is 3, not a map"),
        ({"accelerometer": CLOCK | {"numTimes": -1}}, "session timingInfo.accelerometer.numTimes: -1 is less than"),
        ({"accelerometer": CLOCK | {"periodMs": {"num": 1, "den": 0}}}, "timingInfo.accelerometer.periodMs.den: 0 is"),
        ({"accelerometer": CLOCK | {"dropped": ["x"]}}, "timingInfo.accelerometer.dropped.0: is 'x', not an integer"),
        ({"accelerometer": CLOCK | {"numTimes": 2}}, "Acc x has 0 records, its session tells of 2"),
    ],
)
def test_what_an_imu_session_tells_wrongly_is_named(tmp_path, changed, said):
    path = tmp_path / "a.imu"
    path.write_bytes(motion(json.dumps({"timingInfo": {"magnetometer": CLOCK} | changed}).encode()))
    with pytest.raises(ValueError) as caught:
        imu.read_imu(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)
