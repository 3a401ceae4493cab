"""A small archive of made-up Sentinel products for the demo campaign: a forest before and after a fire.

No satellite saw this. One scene (forest, fields, a lake, a scar that burns between two dates) is sampled by each
instrument, in the layout of the real products: Sentinel-2 L2A with its offset of 1000 (SAFE), Sentinel-3 OLCI water
quality (SEN3), Sentinel-5P NO2 (netCDF), in folders as /eodata has them. Some acquisitions are there twice, as after a
reprocessing. Every file is the same bytes on every run.
"""

import hashlib

import netCDF4
import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform
from scipy.ndimage import gaussian_filter

from darkroom.files import replacing, write_bytes

SEED = 20230622
EPSG, WEST, NORTH = 32632, 399_960, 5_000_040  # upper left corner of tile 32TMR
SIZE, PIXEL = 192, 10  # pixels of 10 m on a side: a corner of a tile
LAKE, FOREST, FIELD, SCAR, CLOUD = range(5)
# Surface reflectance by band: of water, conifers, stubble, fresh char and cloud.
SPECTRA = {
    "B02": (0.040, 0.020, 0.060, 0.035, 0.62),
    "B03": (0.035, 0.035, 0.085, 0.040, 0.61),
    "B04": (0.020, 0.022, 0.110, 0.050, 0.60),
    "B08": (0.010, 0.290, 0.260, 0.090, 0.63),
    "B05": (0.015, 0.075, 0.150, 0.060, 0.61),
    "B8A": (0.009, 0.310, 0.280, 0.095, 0.63),
    "B11": (0.006, 0.130, 0.290, 0.170, 0.40),
    "B12": (0.004, 0.060, 0.200, 0.220, 0.28),
}
RESOLUTION = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B05": 20, "B8A": 20, "B11": 20, "B12": 20, "SCL": 20}
CLASSES = (6, 4, 5, 7, 9)  # of the scene classification: water, vegetation, bare, unclassified, cloud
PHYSICAL = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")  # bands by their numbers
OFFSET, SCALE = 1000, 10_000
WATER_FLAGS = (  # of OLCI: the first of its quality and science flags
    *("INVALID", "WATER", "LAND", "CLOUD", "TURBID_ATM", "CLOUD_AMBIGUOUS", "CLOUD_MARGIN", "SNOW_ICE"),
    *("INLAND_WATER", "COASTLINE", "TIDAL", "COSMETIC", "SUSPECT", "HISOLZEN", "SATURATED", "MEGLINT", "HIGHGLINT"),
)

PASSES = (  # of Sentinel-2: unit, begin, baseline, time of processing, share of clouds, whether the scar is there
    ("S2A", "20230612T101601", "0509", "20230612T160102", 0.03, False),
    ("S2B", "20230617T101559", "0509", "20230617T155930", 0.90, False),
    ("S2A", "20230622T101601", "0509", "20230622T160204", 0.06, True),
    ("S2A", "20230622T101601", "0510", "20240914T031551", 0.06, True),
)


def sentinel(folder):
    """Write the archive: four products of Sentinel-2, two of Sentinel-3 and two of Sentinel-5P."""
    for number, (unit, begin, baseline, made, clouds, burnt) in enumerate(PASSES):
        day, level = f"{begin[:4]}/{begin[4:6]}/{begin[6:8]}", "L2A_N0500" if made[:4] > begin[:4] else "L2A"
        name = f"{unit}_MSIL2A_{begin}_N{baseline}_R065_T32TMR_{made}.SAFE"
        safe(folder / f"Sentinel-2/MSI/{level}/{day}/{name}", clouds, burnt, min(number, 2))
    for timeliness, made in (("NR", "20230622T114500"), ("NT", "20230623T171020")):
        name = f"S3A_OL_2_WFR____20230622T095000_20230622T095300_{made}_0179_100_179_2160_MAR_O_{timeliness}_003.SEN3"
        sen3(folder / f"Sentinel-3/OLCI/OL_2_WFR___/2023/06/22/{name}")
    for kind, collection, made in (("OFFL", "03_020500", "20230624T040012"), ("RPRO", "03_020800", "20250211T101500")):
        name = f"S5P_{kind}_L2__NO2____20230622T110302_20230622T124432_29480_{collection}_{made}.nc"
        no2(folder / f"Sentinel-5P/TROPOMI/L2__NO2___/2023/06/22/{name}")


# The scene


def surface(clouds=0.0, burnt=False, number=0):
    """What each pixel of 10 m shows: a number of SPECTRA, SIZE x SIZE. Clouds cover a share of it."""
    rough = _smooth(0, 12)
    cover = np.where(rough > np.quantile(rough, 0.7), FIELD, FOREST)
    row, column = np.indices((SIZE, SIZE))
    cover[np.hypot(row - 150, (column - 40) / 1.6) < 22] = LAKE
    if burnt:
        scar = np.hypot(row - 70, column - 120) < 34 + 8 * _smooth(1, 6)
        cover[scar & (cover != LAKE)] = SCAR
    veil = _smooth(2 + number, 15)
    cover[veil >= np.quantile(veil, 1 - clouds)] = CLOUD
    return cover


def _smooth(number, width):
    """A field of hills and dales of a width in pixels, of mean 0 and deviation 1."""
    rough = gaussian_filter(np.random.default_rng([SEED, number]).normal(size=(SIZE, SIZE)), width, mode="wrap")
    return (rough - rough.mean()) / rough.std()


def band(name, shown, number):
    """Digital numbers of a band at its own resolution: reflectance, with grain, scaled and offset as since 2022."""
    if name == "SCL":
        return np.array(CLASSES, "uint8")[shown[::2, ::2]]
    noise = np.random.default_rng([SEED, number, int(name[1:].replace("8A", "88"))]).normal(1, 0.03, shown.shape)
    reflectance = np.array(SPECTRA[name])[shown] * noise
    step = RESOLUTION[name] // PIXEL
    reflectance = reflectance.reshape(SIZE // step, step, SIZE // step, step).mean((1, 3))
    return np.round(reflectance * SCALE + OFFSET).astype("uint16")


def corners():
    """The border of the scene: latitude, longitude, latitude, ... as manifests have it."""
    east, south = WEST + SIZE * PIXEL, NORTH - SIZE * PIXEL
    xs, ys = [WEST, WEST, east, east, WEST], [NORTH, south, south, NORTH, NORTH]
    longitudes, latitudes = transform(f"EPSG:{EPSG}", "EPSG:4326", xs, ys)
    return " ".join(f"{lat:.9f} {lon:.9f}" for lat, lon in zip(latitudes, longitudes, strict=True))


# The products


def safe(folder, clouds, burnt, number):
    """A product of Sentinel-2 L2A: bands as JPEG 2000 without loss, metadata, manifest with SHA3-256."""
    unit, _, begin, baseline, orbit, tile, made = folder.name.removesuffix(".SAFE").split("_")
    shown = surface(clouds, burnt, number)
    granule = f"GRANULE/L2A_{tile}_A041800_{begin}"
    names = {}
    for name, resolution in RESOLUTION.items():
        names[name] = f"{granule}/IMG_DATA/R{resolution}m/{tile}_{begin}_{name}_{resolution}m"
        _jp2(folder / f"{names[name]}.jp2", band(name, shown, number), resolution)
    values = {
        "begin": stamp(begin),
        "name": folder.name,
        "unit": f"Sentinel-{unit[1:]}",
        "baseline": f"{baseline[1:3]}.{baseline[3:]}",
        "made": stamp(made),
        "orbit": int(orbit[1:]),
        "images": "".join(f"<IMAGE_FILE>{name}</IMAGE_FILE>" for name in names.values()),
        "offsets": "".join(f'<BOA_ADD_OFFSET band_id="{at}">-{OFFSET}</BOA_ADD_OFFSET>' for at in range(13)),
        "spectral": "".join(
            f'<Spectral_Information bandId="{at}" physicalBand="{band}"/>' for at, band in enumerate(PHYSICAL)
        ),
        "border": corners(),
        "clouds": f"{100 * np.mean(shown == CLOUD):.6f}",
    }
    write_bytes(folder / "MTD_MSIL2A.xml", PRODUCT_XML.format(**values).encode())
    sizes = "".join(
        f'<Size resolution="{step}"><NROWS>{SIZE * PIXEL // step}</NROWS><NCOLS>{SIZE * PIXEL // step}</NCOLS></Size>'
        f'<Geoposition resolution="{step}"><ULX>{WEST}</ULX><ULY>{NORTH}</ULY><XDIM>{step}</XDIM><YDIM>-{step}</YDIM>'
        "</Geoposition>"
        for step in (10, 20)
    )
    write_bytes(folder / granule / "MTD_TL.xml", TILE_XML.format(sizes=sizes, epsg=EPSG, **values).encode())
    manifest(folder, "manifest.safe", SAFE_XML, "SHA3-256", **values)


def _jp2(path, values, resolution):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {
        "driver": "JP2OpenJPEG",
        "count": 1,
        "dtype": values.dtype,
        "crs": f"EPSG:{EPSG}",
        "QUALITY": 100,
        "codec": "JP2",
    }
    profile |= {
        "height": len(values),
        "width": len(values),
        "transform": from_origin(WEST, NORTH, resolution, resolution),
    }
    with replacing(path) as partial, rasterio.open(partial, "w", REVERSIBLE="YES", **profile) as image:
        image.write(values, 1)


def sen3(folder):
    """A product of Sentinel-3 OLCI: suspended matter in log10(g m-3), and where its pixels are."""
    rows, columns = 40, 60
    latitude = 45.6 - np.arange(rows)[:, None] * 0.0027 - np.arange(columns) * 0.0005
    longitude = 7.2 + np.arange(columns) * 0.0038 + np.arange(rows)[:, None] * 0.0008
    matter = 0.4 + 0.5 * _smooth(7, 9)[:rows, :columns]
    with _dataset(folder / "geo_coordinates.nc", rows=rows, columns=columns) as dataset:
        for name, values in (("latitude", latitude), ("longitude", longitude)):
            variable = dataset.createVariable(name, "i4", ("rows", "columns"), fill_value=-(2**31))
            variable.setncatts({"scale_factor": 1e-6, "units": f"degrees_{'north' if name == 'latitude' else 'east'}"})
            variable[:] = values
    with _dataset(
        folder / "tsm_nn.nc", rows=rows, columns=columns, start_time="2023-06-22T09:50:00.000000Z"
    ) as dataset:
        variable = dataset.createVariable("TSM_NN", "u1", ("rows", "columns"), fill_value=255)
        variable.setncatts({"scale_factor": 0.013, "add_offset": -1.6, "units": "lg(re g.m-3)"})
        variable[:] = matter
    with _dataset(folder / "wqsf.nc", rows=rows, columns=columns) as dataset:
        flags = dataset.createVariable("WQSF", "u8", ("rows", "columns"))
        masks = np.array([1 << at for at in range(len(WATER_FLAGS))], "u8")
        flags.setncatts({"flag_masks": masks, "flag_meanings": " ".join(WATER_FLAGS)})
        flags[:] = np.where(_smooth(10, 5)[:rows, :columns] > 1, masks[WATER_FLAGS.index("CLOUD")], masks[1])
    edge = [(0, 0), (0, -1), (-1, -1), (-1, 0), (0, 0)]
    border = " ".join(f"{latitude[at]:.6f} {longitude[at]:.6f}" for at in edge)
    manifest(folder, "xfdumanifest.xml", SEN3_XML, "MD5", name=folder.name, border=border)


def no2(path):
    """A product of Sentinel-5P: tropospheric NO2 in mol m-2 over the scene, with its quality."""
    lines, pixels = 30, 40
    latitude = (44.0 + np.arange(lines)[:, None] * 0.05 + np.arange(pixels) * 0.004).astype("float32")
    longitude = (6.0 + np.arange(pixels) * 0.07 - np.arange(lines)[:, None] * 0.01).astype("float32")
    column = (4e-5 + 2e-5 * np.abs(_smooth(8, 6)[:lines, :pixels])).astype("float32")
    quality = np.where(_smooth(9, 4)[:lines, :pixels] > 0.8, 40, 100).astype("uint8")
    attributes = {
        "time_coverage_start": "2023-06-22T11:25:10Z",
        "time_coverage_end": "2023-06-22T11:25:40Z",
        "geospatial_lat_min": latitude.min(),
        "geospatial_lat_max": latitude.max(),
        "geospatial_lon_min": longitude.min(),
        "geospatial_lon_max": longitude.max(),
        "orbit": np.int32(29480),
        "id": path.stem,
    }
    with _dataset(path, **attributes) as dataset:
        group = dataset.createGroup("PRODUCT")
        for name, length in (("time", 1), ("scanline", lines), ("ground_pixel", pixels)):
            group.createDimension(name, length)
        axes = ("time", "scanline", "ground_pixel")
        for name, values in (("latitude", latitude), ("longitude", longitude)):
            group.createVariable(name, "f4", axes, zlib=True)[0] = values
        places = group.createGroup("SUPPORT_DATA/GEOLOCATIONS")
        group.createDimension("corner", 4)
        for name, values in (("latitude", latitude), ("longitude", longitude)):
            bounds = places.createVariable(f"{name}_bounds", "f4", (*axes, "corner"), zlib=True)
            bounds[0] = _corners(values)
        variable = group.createVariable(
            "nitrogendioxide_tropospheric_column", "f4", axes, zlib=True, fill_value=9.969209968386869e36
        )
        variable.setncatts(
            {"units": "mol m-2", "multiplication_factor_to_convert_to_molecules_percm2": np.float32(6.022141e19)}
        )
        variable[0] = column
        variable = group.createVariable("qa_value", "u1", axes, zlib=True, fill_value=255)
        variable.setncatts({"scale_factor": np.float32(0.01), "units": "1"})
        variable.set_auto_scale(False)
        variable[0] = quality


def _corners(centres):
    """Of each pixel (line, pixel) the four corners, half way to its neighbours, in their order around it."""
    edge = np.pad(centres.astype(float), 1, mode="reflect", reflect_type="odd")
    grid = (edge[:-1, :-1] + edge[1:, :-1] + edge[:-1, 1:] + edge[1:, 1:]) / 4
    return np.stack([grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]], -1)


def _dataset(path, rows=0, columns=0, **attributes):
    """A new netCDF file with its attributes and, where they are given, its dimensions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = netCDF4.Dataset(path, "w")
    dataset.setncatts(attributes)
    for name, length in (("rows", rows), ("columns", columns)):
        if length:
            dataset.createDimension(name, length)
    return dataset


def manifest(folder, file, frame, algorithm, **values):
    """Write the manifest of a product, with the sizes and digests of its files, last."""
    parts = []
    for at, path in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        digest = hashlib.new(algorithm.lower().replace("sha3-", "sha3_"), path.read_bytes()).hexdigest()
        parts.append(
            f'<dataObject ID="file{at}"><byteStream mimeType="application/octet-stream" size="{path.stat().st_size}">'
            f'<fileLocation locatorType="URL" href="./{path.relative_to(folder).as_posix()}"/>'
            f'<checksum checksumName="{algorithm}">{digest}</checksum></byteStream></dataObject>'
        )
    write_bytes(folder / file, frame.format(objects="\n".join(parts), **values).encode())


def stamp(text):
    """`20230622T101601` as `2023-06-22T10:16:01.024Z`."""
    return f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:15]}.024Z"


PRODUCT_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{begin}</PRODUCT_START_TIME>
      <PRODUCT_STOP_TIME>{begin}</PRODUCT_STOP_TIME>
      <PRODUCT_URI>{name}</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
      <PRODUCT_TYPE>S2MSI2A</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
      <GENERATION_TIME>{made}</GENERATION_TIME>
      <Datatake datatakeIdentifier="made-up">
        <SPACECRAFT_NAME>{unit}</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{begin}</DATATAKE_SENSING_START>
        <SENSING_ORBIT_NUMBER>{orbit}</SENSING_ORBIT_NUMBER>
        <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
      </Datatake>
      <Product_Organisation>
<Granule_List>
<Granule imageFormat="JPEG2000">{images}</Granule></Granule_List></Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      <Special_Values>
<SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT>
<SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>
      <Special_Values>
<SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>
<SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX></Special_Values>
      <QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
      <BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST>
      <Spectral_Information_List>{spectral}</Spectral_Information_List>
    </Product_Image_Characteristics>
  </n1:General_Info>
  <n1:Geometric_Info>
    <Product_Footprint>
<Product_Footprint>
<Global_Footprint>
<EXT_POS_LIST>{border}</EXT_POS_LIST></Global_Footprint></Product_Footprint></Product_Footprint>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info>
<Cloud_Coverage_Assessment>{clouds}</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>
"""
TILE_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd">
  <n1:General_Info><SENSING_TIME metadataLevel="Standard">{begin}</SENSING_TIME></n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding metadataLevel="Brief">
      <HORIZONTAL_CS_NAME>WGS84 / UTM zone 32N</HORIZONTAL_CS_NAME>
      <HORIZONTAL_CS_CODE>EPSG:{epsg}</HORIZONTAL_CS_CODE>
      {sizes}
    </Tile_Geocoding>
  </n1:Geometric_Info>
</n1:Level-2A_Tile_ID>
"""
SAFE_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU
 xmlns:xfdu="urn:ccsds:schema:xfdu:1"
 xmlns:gml="http://www.opengis.net/gml"
 xmlns:safe="http://www.esa.int/safe/sentinel/1.1">
<metadataSection>
<metadataObject ID="acquisitionPeriod">
<metadataWrap>
<xmlData>
<safe:acquisitionPeriod>
<safe:startTime>{begin}</safe:startTime></safe:acquisitionPeriod></xmlData>
</metadataWrap></metadataObject>
<metadataObject ID="measurementOrbitReference">
<metadataWrap>
<xmlData>
<safe:orbitReference>
<safe:orbitNumber type="start" groundTrackDirection="descending">41800</safe:orbitNumber>
<safe:relativeOrbitNumber type="start">{orbit}</safe:relativeOrbitNumber></safe:orbitReference></xmlData>
</metadataWrap></metadataObject>
<metadataObject ID="measurementFrameSet">
<metadataWrap>
<xmlData>
<safe:frameSet>
<safe:footPrint>
<gml:coordinates>{border}</gml:coordinates></safe:footPrint></safe:frameSet></xmlData>
</metadataWrap></metadataObject>
</metadataSection>
<dataObjectSection>
{objects}
</dataObjectSection>
</xfdu:XFDU>
"""
SEN3_XML = """\
<?xml version="1.0" encoding="UTF-8"?>
<xfdu:XFDU
 xmlns:xfdu="urn:ccsds:schema:xfdu:1"
 xmlns:sentinel-safe="http://www.esa.int/safe/sentinel/1.1"
 xmlns:gml="http://www.opengis.net/gml"
 xmlns:sentinel3="http://www.esa.int/safe/sentinel/sentinel-3/1.0">
<metadataSection>
<metadataObject ID="acquisitionPeriod">
<metadataWrap>
<xmlData>
<sentinel-safe:acquisitionPeriod>
<sentinel-safe:startTime>2023-06-22T09:50:00.000000Z</sentinel-safe:startTime>
<sentinel-safe:stopTime>2023-06-22T09:53:00.000000Z</sentinel-safe:stopTime></sentinel-safe:acquisitionPeriod></xmlData>
</metadataWrap></metadataObject>
<metadataObject ID="measurementFrameSet">
<metadataWrap>
<xmlData>
<sentinel-safe:frameSet>
<sentinel-safe:footPrint>
<gml:posList>{border}</gml:posList></sentinel-safe:footPrint></sentinel-safe:frameSet></xmlData>
</metadataWrap></metadataObject>
<metadataObject ID="generalProductInformation">
<metadataWrap>
<xmlData>
<sentinel3:generalProductInformation>
<sentinel3:productName>{name}</sentinel3:productName>
<sentinel3:cloudyPixels percentage="12.000000"/></sentinel3:generalProductInformation></xmlData>
</metadataWrap></metadataObject>
</metadataSection>
<dataObjectSection>
{objects}
</dataObjectSection>
</xfdu:XFDU>
"""

SAMPLES = {"sentinel": sentinel}
