"""The made-up dropsondes and lidar: the same bytes every time, in the layout of the real ones."""

import h5py
import numpy as np
import pytest

# Root datasets of HS3_CPL_ATB_12203a_20120906.hdf5
# fmt: off
CPL = [
    "ATB_355", "ATB_532", "ATB_1064", "Bin_Alt", "Bin_Width", "Cali_355", "Cali_532", "Cali_1064", "Date",
    "Dec_JDay", "Depol_Ratio", "Start_JDay", "End_JDay", "Frame_Top", "Gnd_Hgt", "Hori_Res", "Hour", "Minute",
    "Second", "Latitude", "Longitude", "Layer_Bot_Alt", "Layer_Top_Alt", "Layer_Type", "MaxLayers", "Mole_Back",
    "NumBins", "NumChans", "NumLayers", "NumRecs", "NumWave", "Plane_Alt", "Plane_Heading", "Plane_Pitch",
    "Plane_Roll", "Pressure", "Project", "RH", "Saturate", "Solar_Azimuth_Angle", "Solar_Elevation_Angle",
    "Temperature",
]
# fmt: on


def test_same_bytes_on_every_run(folders, again, contents):
    assert contents(again) == contents(folders)


def test_small_enough_for_a_demo(folders, contents):
    assert sum(map(len, contents(folders).values())) < 12e6


def test_eol_layout(folders):
    for path in folders["dropsondes"].iterdir():
        lines = path.read_text().splitlines()
        dashes = lines[13]
        assert [len(part) for part in dashes.split()] == [8, 2, 2, 5, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 11, 11, 8]
        assert lines[10] == "/"
        assert lines[0].index("AVAPS") == 43
        assert {len(line) for line in lines[13:]} == {len(dashes)}
        assert lines[14].startswith("   -1.00")


def test_sondes_agree_with_hydrostatics(folders):
    """The pressure of a sonde, integrated over its temperature, gives the height it fell from."""
    path = sorted(folders["dropsondes"].iterdir())[0]
    rows = [line.split() for line in path.read_text().splitlines()[15:]]
    pressure, temperature, height = (np.array([float(row[at]) for row in rows]) for at in (4, 5, 13))
    mean = (temperature[1:] + temperature[:-1]) / 2 + 273.15
    thickness = 287.05 / 9.80665 * (mean * np.log(pressure[1:] / pressure[:-1])).sum()
    assert thickness == pytest.approx(height[0] - height[-1], rel=0.01)


def test_icartt_layout(folders):
    (path,) = folders["icartt"].iterdir()
    content = path.read_bytes()
    with pytest.raises(UnicodeDecodeError):
        content.decode()
    lines = content.decode("latin-1").split("\n")
    assert lines[-2:] == ["", ""]
    count = int(lines[0].split(",")[0])
    assert lines[count - 1].startswith("Time_Start,TimeFLStart,Pressure")
    assert lines[count].startswith("52182.00,0.00,-9999,")
    assert len(lines[count].split(",")) == int(lines[9]) + 1 == 15


def test_cpl_layout(folders):
    (path,) = folders["lidar"].iterdir()
    with h5py.File(path) as file:
        assert set(file) == set(CPL)
        assert file["ATB_532"].shape == (600, 900)
        assert file["Hour"][0] == 23
        assert file["Hour"][-1] == 0
        assert (np.diff(file["Dec_JDay"][()]) > 0).all()
