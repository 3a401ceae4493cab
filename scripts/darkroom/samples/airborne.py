"""Raw input for the demo campaign of field-campaign data managers: dropsondes and a lidar of a made-up storm flight.

No aircraft flew this. One smooth atmosphere (a hurricane's outer bands, pressure by the hydrostatic equation) and one
flight track are sampled by each instrument, so that the granules agree with each other; the files have the layout of
the real ones to the byte. Every file is the same bytes on every run.
"""

import h5py
import numpy as np

from darkroom.files import replacing, write_bytes

SEED = 20120907
GRAVITY, GAS = 9.80665, 287.05  # m s-2, J kg-1 K-1
SURFACE = 1012.4  # hPa
LAPSE, WARM, TROPOPAUSE = 6.5e-3, 300.5, 15_500.0  # K m-1, K, m
EAST, NORTH = 85_000.0, 111_195.0  # m of a degree of longitude and latitude, near 40 N
MISSING = -999.0

EOL_COLUMNS = (
    ("Time", "sec", 8, 2),
    ("--", "hh", 2, 0),
    ("UTC", "mm", 2, 0),
    ("--", "ss", 5, 2),
    ("Press", "mb", 7, 2),
    ("Temp", "C", 7, 2),
    ("Dewpt", "C", 7, 2),
    ("RH", "%", 7, 2),
    ("Uwind", "m/s", 7, 2),
    ("Vwind", "m/s", 7, 2),
    ("Wspd", "m/s", 7, 2),
    ("Dir", "deg", 7, 2),
    ("dZ", "m/s", 7, 2),
    ("GeoPoAlt", "m", 8, 2),
    ("Lon", "deg", 11, 6),
    ("Lat", "deg", 11, 6),
    ("GPSAlt", "m", 8, 2),
)
ICARTT_COLUMNS = (
    ("TimeFLStart", "seconds, None, Starting time of the sampling period from the launch", "time", 2),
    ("Pressure", "mb, Met_StaticPressure_InSitu_None, Static air pressure", "pressure", 2),
    ("Temperature", "deg C, Met_StaticAirTemperature_InSitu_None, Static air Temperature", "temperature", 2),
    ("RH", "%, Met_RelativeHumidityWater_InSitu_None, Relative humidity over water", "humidity", 2),
    ("Speed", "m/s, Met_WindSpeed_InSitu_None, Wind Speed", "speed", 2),
    ("Direction", "deg, Met_WindDirection_InSitu_None, Wind Direction", "direction", 2),
    ("Latitude", "deg, Platform_Latitude_InSitu_None, Sonde latitude", "latitude", 2),
    ("Longitude", "deg, Platform_longitude_InSitu_None, Sonde longitude", "longitude", 2),
    ("Altitude", "m, Platform_AltitudePressure_InSitu_None, Sonde pressure altitude", "geopotential", 2),
    ("GPS Altitude", "m, Platform_AltitudeMSL_InSitu_None, Sonde altitude over mean sea level", "altitude", 2),
    ("Dewpoint", "deg C, Met_DewPoint_InSitu_None, Dew Point Temperature", "dew_point", 2),
    ("Uwnd", "m/s, Met_UWindSpeed_InSitu_None, East-West wind speed", "east", 2),
    ("Vwnd", "m/s, Met_VWindSpeed_InSitu_None, North-South wind speed", "north", 2),
    ("Ascent", "m/s, Met_WWindSpeed_InSitu_None, Vertical wind speed", "lift", 2),
)


# The atmosphere and the sondes that fall through it


def air(height):
    """(pressure in hPa, temperature in K) at a height in m: a constant lapse rate below an isothermal stratosphere."""
    low = np.minimum(height, TROPOPAUSE)
    temperature = WARM - LAPSE * low
    power = GRAVITY / (GAS * LAPSE)
    pressure = SURFACE * (temperature / WARM) ** power
    return pressure * np.exp(-GRAVITY * (height - low) / (GAS * temperature)), temperature


def dew_point(celsius, humidity):
    """Dew point in deg C of air at a temperature in deg C and a relative humidity in percent.

    Magnus formula with the constants of Alduchov and Eskridge (1996), J. Appl. Meteorol. 35, 601.
    """
    gamma = np.log(np.maximum(humidity, 0.1) / 100) + 17.625 * celsius / (243.04 + celsius)
    return 243.04 * gamma / (17.625 - gamma)


def fall(height, longitude, latitude, number, step=0.5):
    """What a sonde measures that is let go at a height in m: columns by name, one value each `step` seconds.

    It falls at 12 m/s near the ground and faster where the air is thin, and drifts with the wind.
    """
    noise = np.random.default_rng([SEED, number])
    heights = [height]
    while heights[-1] > 0:
        pressure, temperature = air(heights[-1])
        heights.append(heights[-1] - step * 12.0 * np.sqrt(SURFACE / WARM * temperature / pressure))
    heights = np.array(heights[:-1])
    rows = len(heights)
    pressure, temperature = air(heights)
    celsius = temperature - 273.15 + 0.08 * noise.standard_normal(rows)
    humidity = np.clip(88 * np.exp(-heights / 9000) + 14 * np.sin(heights / 900 + number), 1.5, 99.5)
    speed = 6 + 34 * np.exp(-(((heights - 1200) / 5200) ** 2)) + 0.3 * noise.standard_normal(rows)
    direction = (70 + 40 * number + heights / 180) % 360
    east, north = -speed * np.sin(np.radians(direction)), -speed * np.cos(np.radians(direction))
    return {
        "time": step * np.arange(rows),
        "pressure": pressure + 0.05 * noise.standard_normal(rows),
        "temperature": celsius,
        "dew_point": dew_point(celsius, humidity),
        "humidity": humidity,
        "east": east,
        "north": north,
        "speed": speed,
        "direction": direction,
        "fall": np.gradient(heights, step),
        "lift": 0.4 * noise.standard_normal(rows),
        "geopotential": heights * (1 - heights / 6.371e6),
        "altitude": heights,
        "longitude": longitude + np.cumsum(east) * step / EAST,
        "latitude": latitude + np.cumsum(north) * step / NORTH,
    }


def eol_sonde(folder, launch, longitude, latitude, number):
    """Write one dropsonde in EOL sounding format 1.1; its first row is the aircraft's own measurement."""
    sonde = fall(18_850.0, longitude, latitude, number)
    winds = np.arange(len(sonde["time"])) < 9  # no position before the receiver has its satellites
    for name in ("east", "north", "speed", "direction", "longitude", "latitude", "altitude"):
        sonde[name] = np.where(winds, MISSING, sonde[name])
    at = np.datetime64(launch, "ms")
    names = ["time", "pressure", "temperature", "dew_point", "humidity", "east", "north", "speed", "direction", "fall"]
    names += ["geopotential", "longitude", "latitude", "altitude"]
    table = {name: np.concatenate([[MISSING], sonde[name]]) for name in names}
    table["time"][0] = -1.0
    pressure, temperature = air(np.float64(18_850.0))
    first = {"pressure": pressure, "temperature": temperature - 273.15, "geopotential": 18_794.2, "altitude": 18_850.0}
    for name, value in (first | {"longitude": longitude, "latitude": latitude}).items():
        table[name][0] = value
    clock = at + np.round(table["time"] * 1000).astype("timedelta64[ms]")
    since = (clock - clock.astype("datetime64[D]")).astype(np.int64) / 1000
    columns = [table["time"], since // 3600, since // 60 % 60, since % 60, *(table[name] for name in names[1:])]
    widths = [f"{{:>{width}.{digits}f}}" for _, _, width, digits in EOL_COLUMNS]
    rows = [
        " ".join(form.format(value) for form, value in zip(widths, row, strict=True))
        for row in zip(*columns, strict=True)
    ]

    moment = str(at)
    date, time = moment[:10], moment[11:19]
    place = f"{_minutes(longitude, 'EW')} {longitude:.6f}, {_minutes(latitude, 'NS')} {latitude:.6f}, 18850.00"
    header = (
        ("Data Type/Direction:", "AVAPS SOUNDING DATA, Channel 3/Descending"),
        ("File Format/Version:", "EOL Sounding Format/1.1"),
        ("Project Name/Platform:", "HS3, DEMO/Global Hawk, AV-6"),
        ("Launch Site:", ""),
        ("Launch Location (lon,lat,alt):", place),
        ("UTC Launch Time (y,m,d,h,m,s):", f"{date.replace('-', ', ')}, {time}"),
        ("Sonde Id/Sonde Type:", f"1221{number:05d}/Vaisala RD94 (mini)"),
        ("Reference Launch Data Source/Time:", f"IWGADTS Format (IWG1)/{time}"),
        ("System Operator/Comments:", "nobody/made-up data, Good Drop"),
        ("Post Processing Comments:", "none"),
    )
    lines = [f"{label:<43}{value}" for label, value in header]
    lines += ["/", *(" ".join(f"{column[part]:>{column[2]}}" for column in EOL_COLUMNS) for part in (0, 1))]
    lines += [" ".join("-" * column[2] for column in EOL_COLUMNS), *rows]
    name = f"D{date.replace('-', '')}_{time.replace(':', '')}_1.QC.eol"
    write_bytes(folder / name, ("\n".join(line.rstrip() for line in lines) + "\n").encode())


def _minutes(degrees, letters):
    """An angle as the header has it: `61 33.33'W`."""
    whole, part = divmod(abs(degrees), 1)
    return f"{whole:02.0f} {part * 60:05.2f}'{letters[degrees < 0]}"


def dropsondes(folder):
    """Three dropsondes of one flight, the last one let go after midnight."""
    launches = ("2012-09-06T22:41:16", "2012-09-06T23:32:05", "2012-09-07T00:18:47")
    for number, launch in enumerate(launches):
        eol_sonde(folder, launch, -61.555444 + 1.9 * number, 31.572562 - 1.1 * number, number + 1)


def icartt_sonde(folder):
    """Write one dropsonde of a P-3 in the ICARTT format (FFI 1001, Latin-1, winds at 4 Hz, the rest at 2 Hz)."""
    sonde = fall(3_650.0, -65.89, 42.78, 7, step=0.25)
    rows = len(sonde["time"])
    even = np.arange(rows) % 2 == 0
    for name in (
        "pressure",
        "temperature",
        "humidity",
        "geopotential",
        "altitude",
        "dew_point",
        "lift",
        "longitude",
        "latitude",
    ):
        sonde[name] = np.where(even, sonde[name], -9999.0)
    for name in ("pressure", "temperature", "humidity", "dew_point", "speed", "direction", "east", "north", "lift"):
        sonde[name][:18] = -9999.0
    start = 14 * 3600 + 29 * 60 + 42
    special = ["Launch Time: 2022-02-08 14:29:42", "QCSoftware: none, made-up data", "Sonde Serial Number: 122100007"]
    normal = [
        "PI_CONTACT_INFO: nobody, this is made-up data",
        "PLATFORM: P3B, N426NA",
        "DATA_INFO: 4 Hz winds, 2 Hz thermodynamics and positions",
        "UNCERTAINTY: Pressure \u00b10.5 hPa, Temperature \u00b10.2 C, Humidity \u00b13%",
        "REVISION: R0",
        "R0: demo",
    ]
    count = len(ICARTT_COLUMNS)
    header = ["nobody", "Darkroom demo", "AVAPS NRD41", "IMPACTS", "1,1", "2022, 02, 08, 2022, 02, 09", "0.25"]
    header += [
        "Time_Start, seconds, Time_Start, Starting time of the sampling period in UTC seconds from midnight",
        str(count),
    ]
    header += [", ".join(["1"] * count), ", ".join(["-9999"] * count)]
    header += [f"{name}, {what}" for name, what, _, _ in ICARTT_COLUMNS]
    header += [str(len(special)), *special, str(len(normal) + 1), *normal]
    header += [",".join(["Time_Start", *(column[0] for column in ICARTT_COLUMNS)])]
    lines = [f"{len(header) + 1}, 1001", *header]
    columns = [[f"{value:.2f}" for value in start + sonde["time"]]]
    for _, _, name, digits in ICARTT_COLUMNS:
        columns.append(["-9999" if value == -9999 else f"{value:.{digits}f}" for value in sonde[name]])
    lines += [",".join(row) for row in zip(*columns, strict=True)]
    write_bytes(folder / "IMPACTS_AVAPS_P3B_202202081429_R0.ict", ("\n".join(lines) + "\n\n").encode("latin-1"))


# The lidar


def lidar(folder, profiles=600, bins=900, start="2012-09-06T23:56:07"):
    """Write one level 1 granule of the Cloud Physics Lidar, of one profile per second, over midnight.

    It has the datasets of the HS3 files. Backscatter is Rayleigh's above two cloud decks, with noise.
    """
    noise = np.random.default_rng([SEED, 99])
    moment = np.datetime64(start, "s") + np.arange(profiles)
    year = np.datetime64(start[:4], "s")
    day = (moment - year).astype(np.int64) / 86_400 + 1
    clock = (moment - moment.astype("datetime64[D]")).astype(np.int64)
    seconds = np.arange(profiles)
    altitude = (20.0 - 0.03 * np.arange(bins)).astype(np.float32)
    deck = np.stack([13.2 + 0.8 * np.sin(seconds / 90), 2.1 + 0.2 * np.cos(seconds / 40)], 1)
    pressure, temperature = air(np.maximum(altitude, 0) * 1000.0)
    molecules = (pressure / temperature * 1.0e-3).astype(np.float32)
    latitude, longitude = 31.5 - 0.0012 * seconds, -61.5 + 0.0014 * seconds

    fields = {
        "Bin_Alt": altitude,
        "Bin_Width": np.float32(0.03),
        "Mole_Back": molecules,
        "Pressure": pressure.astype(np.float32),
        "Temperature": temperature.astype(np.float32),
        "RH": np.clip(80 * np.exp(-np.maximum(altitude, 0) / 9), 0, 100).astype(np.float32),
        "Date": np.bytes_("06Sep12"),
        "Project": np.bytes_("HS3 demo, made-up data"),
        "Dec_JDay": day,
        "Start_JDay": day[0],
        "End_JDay": day[-1],
        "Hour": (clock // 3600).astype(np.int32),
        "Minute": (clock // 60 % 60).astype(np.int32),
        "Second": (clock % 60).astype(np.int32),
        "Latitude": latitude.astype(np.float32),
        "Longitude": longitude.astype(np.float32),
        "Plane_Alt": (18.85 + 0.002 * np.sin(seconds / 7)).astype(np.float32),
        "Plane_Heading": (130 + np.sin(seconds / 30)).astype(np.float32),
        "Plane_Pitch": (2.5 + 0.1 * np.sin(seconds / 5)).astype(np.float32),
        "Plane_Roll": (0.3 * np.sin(seconds / 11)).astype(np.float32),
        "Solar_Azimuth_Angle": np.full(profiles, 290.0, np.float32),
        "Solar_Elevation_Angle": (-18.0 - 0.003 * seconds).astype(np.float32),
        "Gnd_Hgt": np.zeros(profiles, np.float32),
        "Frame_Top": np.full(profiles, 20.0, np.float32),
        "Hori_Res": np.full(profiles, 0.2, np.float32),
        "Saturate": np.zeros((profiles, 3), np.int32),
        "NumLayers": np.full(profiles, 2, np.int32),
        "Layer_Top_Alt": np.pad((deck + 0.4).astype(np.float32), ((0, 0), (0, 8)), constant_values=-999.0),
        "Layer_Bot_Alt": np.pad((deck - 0.4).astype(np.float32), ((0, 0), (0, 8)), constant_values=-999.0),
        "Layer_Type": np.pad(np.tile(np.array([3, 3], np.int32), (profiles, 1)), ((0, 0), (0, 8))),
        "MaxLayers": np.int32(10),
        "NumBins": np.int32(bins),
        "NumChans": np.int32(4),
        "NumRecs": np.int32(profiles),
        "NumWave": np.int32(3),
        "Cali_355": np.full(profiles, 1.1e14, np.float32),
        "Cali_532": np.full(profiles, 2.3e14, np.float32),
        "Cali_1064": np.full(profiles, 4.2e13, np.float32),
    }
    with replacing(folder / "HS3_CPL_ATB_12203a_20120906.hdf5") as partial, h5py.File(partial, "w") as file:
        for name in ("ATB_355", "ATB_532", "ATB_1064", "Depol_Ratio"):
            file.create_dataset(name, (profiles, bins), np.float32, track_times=False)
        for first in range(0, profiles, 2048):
            some = slice(first, min(first + 2048, profiles))
            cloud = np.exp(-(((altitude - deck[some, :, None]) / 0.3) ** 2)).sum(1).astype(np.float32)
            for name, wavelength in (("ATB_355", 355), ("ATB_532", 532), ("ATB_1064", 1064)):
                clear = molecules * np.float32((532 / wavelength) ** 4)
                error = 5e-4 * noise.standard_normal(cloud.shape, np.float32)
                file[name][some] = clear + 0.02 * cloud + error
            file["Depol_Ratio"][some] = np.where(cloud > 0.1, np.where(altitude > 8, 0.4, 0.05), -999.0)
        for name, values in fields.items():
            file.create_dataset(name, data=values, track_times=False)


SAMPLES = {"dropsondes": dropsondes, "icartt": icartt_sonde, "lidar": lidar}
