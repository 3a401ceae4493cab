"""`.gpio` and `.imu` files against what the vendor's reader has read of them (kept in a JSON)."""

import json
import math
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from darkroom.calcium.readers import gpio, imu

SAMPLES = Path(os.environ.get("SAMPLES", Path(__file__).parents[3] / "../shared/samples")) / "calcium/generated"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="SAMPLES names no folder with real recordings")


def truth(name):
    return json.loads((SAMPLES / "generated_truth.json").read_text())[name]


@needs_samples
@pytest.mark.parametrize("name", ["nvista3.gpio", "dual_closed_loop.gpio"])
def test_gpio_is_read_as_the_vendor_reads_it(name):
    """But for channels that the file never tells, and for a microsecond that isx is low in some values."""
    read, expected = gpio.read_gpio(SAMPLES / name), truth(name)["channels"]
    expected = {channel: pairs for channel, pairs in expected.items() if any(value is not None for _, value in pairs)}
    assert read.channels.keys() == expected.keys()
    low = 0
    for channel, pairs in expected.items():
        offsets, values = read.channels[channel]
        times = np.array([time for time, _ in pairs])
        assert len(offsets) == len(pairs) and set(offsets - times) <= {0, 1}
        low += np.count_nonzero(offsets - times)
        known = [math.nan if value is None else value for _, value in pairs]
        assert np.allclose(values, known, rtol=1e-5, equal_nan=True)
    assert low <= 2
    assert read.start * 1000 == 1625019093320 and read.utc_offset == -25200
    assert read.units == {channel: "mW" for channel in expected if "LED" in channel}
    assert read.notes == tuple(
        f"1 {what} of {name}"
        for what in ("words that are no packet", "gaps of lost packets", "packets of unknown type or wrong size")
    )


@needs_samples
def test_imu_is_read_as_the_vendor_reads_it():
    read, expected = imu.read_imu(SAMPLES / "motion.imu"), truth("motion.imu")
    for channel, (offsets, values) in read.channels.items():
        told = expected[channel]
        assert (len(values), np.isnan(values).sum(), offsets[-1]) == (told["n"], told["nan"], told["last_us"])
        assert values[:3].tolist() == pytest.approx(told["first"]) and np.nansum(values) == pytest.approx(told["sum"])
    assert np.flatnonzero(np.isnan(read.channels["Acc x"][1])).tolist() == expected["dropped"]
    assert any("2 samples of Acc were dropped" in note for note in read.notes)


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


@needs_samples
@pytest.mark.parametrize("size", [50, 1000, 4200])
def test_a_cut_imu_file_is_named(tmp_path, size):
    path = tmp_path / "a.imu"
    path.write_bytes((SAMPLES / "motion.imu").read_bytes()[:size])
    with pytest.raises(ValueError, match=r"a\.imu: is no \.imu file"):
        imu.read_imu(path)
