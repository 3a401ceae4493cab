"""`.gpio` and `.imu` files, line by line, and damaged ones. Real ones are in tests/real."""

import struct

import numpy as np
import pytest

from darkroom.calcium.readers import gpio, imu


def stream(*packets, begin=48):
    """A `.gpio` file of packets (type, sequence, microsecond, words)."""
    body = b""
    for kind, sequence, time, *words in packets:
        payload = struct.pack(f"<{3 + len(words)}I", time >> 32, time & 0xFFFFFFFF, 0, *words)
        body += struct.pack("<IIII", 0xAA55, kind, sequence, len(payload) // 4) + payload
    header = struct.pack("<QQiIQ", 1_700_000_000, 1, 0, begin, len(packets))
    return header + struct.pack("<QQ", 200, begin + len(body)) + body


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


@pytest.mark.parametrize("content", [b"short", bytes(60), struct.pack("<QQiIQ", 1, 1, 0, 4000, 0) + bytes(30)])
def test_what_is_no_gpio_file_is_named(tmp_path, content):
    path = tmp_path / "a.gpio"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.gpio: is no \.gpio file"):
        gpio.read_gpio(path)


@pytest.mark.parametrize(
    "content", [b"short", bytes(112), struct.pack("<QQiHH9QQQ", 1, 1, 0, 1, 0, *[0] * 9, 112, 2) + b"{}"]
)
def test_what_is_no_imu_file_is_named(tmp_path, content):
    path = tmp_path / "a.imu"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.imu: is no \.imu file"):
        imu.read_imu(path)
