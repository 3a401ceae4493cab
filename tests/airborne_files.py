"""What tests of airborne granules share: small granules of formats that the demo has no sample of, and the judge."""

import logging
import warnings

import h5py
import netCDF4
import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from compliance_checker.runner import CheckSuite, ComplianceChecker

# A real packet, of the A-file of a dropsonde (HALO, 18 August 2024), and two made of it.
IWG1 = (
    "IWG1,2024-08-18 23:59:{second},2.175435,{longitude},13860.8,,42938,1307,257,241,232,0.819,-0,-40,-43,-3.6,2.226,"
    "2.772,-1,,-57.6,,-31.2,171.85,79.91,,22.1,94,,,,,\r\n"
)


def iwg1(folder):
    """Navigation of three seconds, one position of which is missing; the last packet is of the next day."""
    path = folder / "HS3_NAV_IWG1_20240818.txt"
    last = IWG1.format(second="00.3", longitude="").replace("18 23:59", "19 00:00")
    path.write_text(
        IWG1.format(second="58.3", longitude="-31.2878") + IWG1.format(second="59.3", longitude="-31.3") + last
    )
    return path


# A real D-file (format NOAA 1.7) has this header; the records are real ones, among them that of the aircraft, whose clock
# is 0.05 s ahead.
AVAPS = """\
AVAPS-T02 STA 231221532 240818 142824.41
AVAPS-T02 COM            UTC     UTC       Air    Air     Rel   Wind   Wind   Vert      GPS        GPS     Geopoten GPS  Sonde  Sonde GPS Wind    GPS
AVAPS-T02 COM   Sonde    Date    Time     Press   Temp   Humid  Dir    Spd    Veloc  Longitude   Latitude  Altitude Wnd   RH1    RH2  Snd Error Altitude
AVAPS-T02 COM    ID     yymmdd hhmmss.ss   (mb)  (degC)   (%)   (deg)  (m/s)  (m/s)    (deg)       (deg)      (m)   Sat   (%)    (%)  Sat (m/s)    (m)
AVAPS-T02 COM --------- ------ --------- ------- ------ ------ ------ ------ ------ ----------- ---------- -------- --- ------ ------ --- ----- --------
AVAPS-D02 P10 231221532 240818 143151.00 9999.00  99.00 999.00 112.72 260.36  -0.15  999.000000  99.000000 99999.00  11 999.00 999.00  11  0.14 99999.00
AVAPS-D02 A00 231221532 240818 143151.30  171.85 -57.60 999.00  94.00  22.10  -0.00  -31.287827   2.175435 13802.84   0 999.00 999.00   0  0.00 13860.80
AVAPS-D02 S00 231221532 240818 143151.25  162.47 -39.92   8.59 134.95 249.55   6.34  -31.291114   2.178818 99999.00  12   8.59 999.00  12  2.13 13882.20
AVAPS-D02 S11 231221532 240818 143151.50 9999.00  99.00 999.00 135.12 252.76   5.92  999.000000  99.000000 99999.00  11 999.00 999.00  11 99.00 99999.00
AVAPS-D02 S00 231221532 240819 000000.25  162.60 -47.61  11.72 135.04 254.57   5.49  -31.291906   2.179637 99999.00  11  11.72 999.00  11  2.35 13883.40
AVAPS-T02 COM Project Name/Mission ID:           PERCUSION, 20240818
AVAPS-T02 COM Aircraft Type/ID:                  HALO, D ADLR
AVAPS-T02 COM Sounding Name:                     cs02
AVAPS-T02 END 231221532 240818 144807.03
"""


def avaps(folder):
    """A raw dropsonde of five records, with its A-file."""
    path = folder / "D20240818_143151.2"
    path.write_bytes(AVAPS.replace("\n", "\r\n").encode())
    header = "\n*** Sounding Attributes File ***\n\n*** Sounding Header\nAircraft Type/ID:    HALO, D ADLR\n\n*** Hardware\nx = 1\n"
    (folder / "A20240818_143151.2.txt").write_bytes(header.encode())
    return path


def aspen(folder, rows=8):
    """A dropsonde as ASPEN writes it: the last sample first, a launch time, the aircraft's values as obs(1)."""
    path = folder / "IMPACTS_AVAPS_PQC_20220208_142943.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("time", rows)
        file.createDimension("obs", 1)
        file.set_auto_maskandscale(False)
        file.SondeId = "190550187"
        file.Project = "IMPACTS"

        def put(name, kind, dims, values, fill=None, **attributes):
            variable = file.createVariable(name, kind, dims, fill_value=fill)
            variable.set_auto_maskandscale(False)
            variable.setncatts(attributes)
            variable[...] = values

        launch = "seconds since 2022-02-08 14:29:42 UTC"
        put("launch_time", "i4", (), 0, units=launch)
        put("time", "f8", ("time",), 0.25 * np.arange(rows)[::-1], units=launch, axis="T")
        put("pres", "f4", ("time",), 1000 - 2.5 * np.arange(rows), -999, units="hPa")
        put("lat", "f4", ("time",), [42.78, -999, *[42.79] * (rows - 2)], -999, units="degree", axis="X")
        put("lon", "f4", ("time",), [-65.89] * rows, -999, units="degree", axis="Y")
        put("reference_pres", "f4", ("obs",), 640.5, -999, units="hPa")
    return path


def shis(folder, samples=28, channels=60):
    """S-HIS radiances over midnight: date (yymmdd) and seconds of that day for each field of view; netCDF-3."""
    path = folder / "SHIS_rdr20110910T235955end20110911T000010sdr20160427T062645_rad.nc"
    seconds = 86_395 + 0.5 * np.arange(samples)
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("time", None)
        file.createDimension("wnum", channels)

        def put(name, kind, dims, values, **attributes):
            variable = file.createVariable(name, kind, dims)
            variable.setncatts(attributes)
            variable[:] = values

        put("date", "i4", ("time",), 110910 + (seconds >= 86_400))
        put("refTimeSec", "f8", ("time",), seconds % 86_400, units="seconds")
        put("Latitude", "f4", ("time",), 34.6 + 0.001 * np.arange(samples), units="degrees_north")
        put("Longitude", "f4", ("time",), -118.95 + 0.001 * np.arange(samples))
        put("Altitude", "f4", ("time",), np.full(samples, 18_000.0), units="m")
        put("FOVangle", "f4", ("time",), np.linspace(-40, 40, samples))
        put("wavenumber", "f8", ("wnum",), 580 + 0.4822 * np.arange(channels), units="cm-1")
        put("radiance", "f4", ("time", "wnum"), np.full((samples, channels), 80.5))
        put("instrumentTemp", "f4", ("time",), np.full(samples, 290.0), units="Kelvin", long_name="temperature of it")
    return path


def cpl_level_2(folder, profiles=20, bins=50):
    """CPL level 2 profiles (IMPACTS): groups, three times and places per profile, values as (bin, profile)."""
    path = folder / "IMPACTS_CPL_L2_V1-02_01kmPro_20200115.hdf5"
    middle = 15.5 + np.arange(profiles) * 5 / 86_400
    with h5py.File(path, "w") as file:
        file["geolocation/CPL_Latitude"] = (40 + np.arange(profiles)[:, None] * 0.01 + [-0.005, 0, 0.005]).astype("f4")
        file["geolocation/CPL_Longitude"] = (-75 + np.arange(profiles)[:, None] * 0.01 + [-0.005, 0, 0.005]).astype(
            "f4"
        )
        file["metadata_parameters/File_Year"] = np.array([2020], "i4")
        file["metadata_parameters/Bin_Altitude_Array"] = (20 - 0.03 * np.arange(bins)).astype("f4")
        file["profile/Profile_Decimal_Julian_Day"] = middle[:, None] + np.array([-2, 0, 2]) / 86_400
        values = np.arange(bins * profiles, dtype="f4").reshape(bins, profiles)
        file["profile/Particulate_Backscatter_Coefficient_532"] = values
    return path


def hamsr(folder, scans=6, pixels=7):
    """HAMSR level 2: packed integers, and the epoch of the time in its comment."""
    path = folder / "HAMSR_L2_20130915T061329_20130916T050512_v01.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        for name, length in (("along_track", scans), ("cross_track", pixels), ("channel", 3)):
            file.createDimension(name, length)
        file.set_auto_maskandscale(False)

        def put(name, kind, dims, values, **attributes):
            variable = file.createVariable(name, kind, dims)
            variable.setncatts(attributes)
            variable.set_auto_maskandscale(False)
            variable[:] = values

        grid = ("along_track", "cross_track")
        comment = "seconds since 2000-01-01 00:00:00.0"
        put(
            "time",
            "f8",
            grid[:1],
            432_454_409.25 + np.arange(scans),
            units="seconds",
            comment=comment,
            scale_factor=1.0,
        )
        latitude = 26_079 + np.add.outer(np.arange(scans), np.arange(pixels))
        put("lat", "i4", grid, latitude, units="degrees_north", scale_factor=0.001)
        put("lon", "i4", grid, -80_123 - latitude % 7, units="degrees_east", scale_factor=0.001)
        put("TB", "i4", (*grid, "channel"), np.full((scans, pixels, 3), 271_379), units="K", scale_factor=0.001)
    return path


def compliance(path, test, folder):
    """(whether all tests passed, text) of IOOS's compliance checker with strict criteria, such as `cf:1.8`."""
    out = folder / "report.txt"
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            CheckSuite.load_all_available_checkers()
            ComplianceChecker.run_checker(str(path), [test], verbose=0, criteria="strict", output_filename=str(out))
    finally:
        logging.disable(logging.NOTSET)
    text = out.read_text()
    return "All tests passed!" in text, text
