"""Metadata of real granules: the values that GHRC publishes for them, and CMR's own schemas as the judge."""

import copy
import functools
import hashlib
import json

import jsonschema
import netCDF4
import numpy as np
import pytest
from lxml import etree

import airborne_product
from airborne_convert_metadata import airborne_convert_metadata
from commands import process as process_command
from commands.compare import compare
from darkroom.airborne import quality

# What GHRC's own tests and inventory say: begin, end, north, south, east, west, size in MB, MD5, decimals of degrees.
GOLDEN = {
    "IMPACTS_AVAPS_P3B_202202081429_R0": (
        ("2022-02-08T14:29:42", "2022-02-08T14:34:22"),
        (42.8, 42.78, -65.88, -65.9, 2),
        (0.11, "65b2061a"),
    ),
    "IMPACTS_AVAPS_PQC_20220208_142943": (
        ("2022-02-08T14:29:42", "2022-02-08T14:34:22"),
        (42.799, 42.781, -65.879, -65.896, 3),
        (0.10, "9ca3bfb5"),
    ),
}


@functools.cache
def processed(source, folder):
    assert process_command.process(source, folder, {"SCHEMAS": str(source / "cmr-schemas")}) == 0
    return folder


@pytest.fixture
def made(samples, tmp_path_factory):
    """The real granules, processed once."""
    return processed(samples / "airborne", tmp_path_factory.getbasetemp() / "airborne_metadata")


def umm_g(made, name):
    return json.loads((made / f"metadata/{name}.umm_g.json").read_text())


@pytest.mark.parametrize("name", GOLDEN)
def test_published_values(made, samples, name):
    times, (north, south, east, west, decimals), (size, md5) = GOLDEN[name]
    record = umm_g(made, name)
    moments = record["TemporalExtent"]["RangeDateTime"].values()
    assert tuple(moment[:19] for moment in moments) == times
    (box,) = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["BoundingRectangles"]
    sides = [box[f"{side}BoundingCoordinate"] for side in ("North", "South", "East", "West")]
    assert [round(side, decimals) for side in sides] == [north, south, east, west]
    (source,) = samples.glob(f"airborne/{name}.*")
    assert round(source.stat().st_size / 1e6, 2) == size
    assert hashlib.md5(source.read_bytes()).hexdigest().startswith(md5)
    listed = json.loads((made / "metadata.json").read_text())["granules"]
    digests = {file["name"]: file["md5"] for granule in listed if granule["id"] == name for file in granule["files"]}
    assert source.suffix == ".nc" or digests[source.name].startswith(md5)


def test_every_record_is_valid_by_the_schemas_of_cmr(made, samples):
    schema = json.loads((samples / "airborne/cmr-schemas/umm-g-json-schema-v1.6.6.json").read_text())
    xml_schema = etree.XMLSchema(etree.parse(samples / "airborne/cmr-schemas/Granule.xsd"))
    validator = jsonschema.Draft7Validator(schema)
    products = sorted(path.name.removesuffix(".nc") for path in (made / "netcdf").glob("*.nc"))
    assert len(products) >= 5
    for name in products:
        assert not list(validator.iter_errors(umm_g(made, name)))
        for ending in ("echo10.xml", "meta.xml"):
            xml_schema.assertValid(etree.parse(made / f"metadata/{name}.{ending}"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda record: record.pop("GranuleUR"),
        lambda record: record["DataGranule"].update(DayNightFlag="DAY"),
        lambda record: record["MetadataSpecification"].update(Version="1.6.5"),
        lambda record: record["DataGranule"]["ArchiveAndDistributionInformation"][0]["Checksum"].update(Algorithm="x"),
    ],
)
def test_the_schema_is_a_judge_that_can_say_no(made, samples, spoil):
    schema = json.loads((samples / "airborne/cmr-schemas/umm-g-json-schema-v1.6.6.json").read_text())
    record = copy.deepcopy(umm_g(made, next(iter(GOLDEN))))
    spoil(record)
    assert list(jsonschema.Draft7Validator(schema).iter_errors(record))


def test_quality_of_real_granules(made):
    """The sonde's pressures are those of the notes of its makers; its netCDF is its source, value by value."""
    report = json.loads((made / "quality/IMPACTS_AVAPS_P3B_202202081429_R0.json").read_text())
    assert report["round_trip"]["differences"] == []
    assert report["round_trip"]["values"] == 1127 * 15
    pressure = report["variables"]["pressure"]
    assert (pressure["count"] - pressure["missing"], pressure["least"], pressure["greatest"]) == (553, 644.16, 1001.56)
    assert report["metadata"] == {"schemas": True, "problems": {"umm_g.json": [], "echo10.xml": [], "meta.xml": []}}
    reversed_ = json.loads((made / "quality/IMPACTS_AVAPS_PQC_20220208_142943.json").read_text())
    assert "time_reversed" in [flag["flag"] for flag in reversed_["flags"]]


def test_two_forms_of_one_drop_are_alike_but_not_the_same(made, capsys, tmp_path):
    """The same drop as ICARTT and as the netCDF of ASPEN: the printed values differ by their rounding only."""
    folders = {}
    for name in GOLDEN:
        folders[name] = tmp_path / f"{name}.nc"
        with netCDF4.Dataset(made / f"netcdf/{name}.nc") as file, netCDF4.Dataset(folders[name], "w") as copy_:
            copy_.createDimension("time", len(file.dimensions["time"]))
            for key in ("pressure", "temperature", "relative_humidity"):
                values = np.ma.filled(file[key][:].astype("f8"), np.nan)
                copy_.createVariable(key, "f8", ("time",))[:] = values
    compare(*folders.values(), tolerance=0.00501)
    with pytest.raises(ValueError, match="is not what was expected"):
        compare(*folders.values(), tolerance=0.0001)
    assert "pressure[" in capsys.readouterr().out


ALONG = np.linspace(0, 12, 400)
SHAPES = {
    "a flight across longitude 180, there and back": (
        "Lines",
        np.concatenate([-10 - ALONG / 4, -10 - ALONG[::-1] / 4]),
        np.concatenate([174 + ALONG, 174 + ALONG[::-1]]),
    ),
    "a swath in the south across longitude 180": (
        "GPolygons",
        -60 + np.sin(ALONG)[:, None] + np.linspace(-0.2, 0.2, 9),
        174 + ALONG[:, None] + np.linspace(-0.1, 0.1, 9),
    ),
    "a flight over the pole": ("Lines", 90 - np.abs(ALONG - 6), np.where(ALONG < 6, 20.0, -160.0)),
    "standing on the ground": ("Points", np.full(400, 26.079), np.full(400, -80.154)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_of_every_kind_are_valid(samples, tmp_path, shape):
    kind, latitude, longitude = SHAPES[shape]
    source = tmp_path / "D20120907_124116.eol"
    source.write_text("sounding")
    granules, collection = airborne_product.listed(tmp_path / "out", source, latitude=latitude, longitude=longitude)
    archive = {"endpoint": "https://data.example.org", "buckets": {"protected": "prod"}}
    airborne_convert_metadata(granules, tmp_path / "out/metadata.json", collections=[collection], **archive)
    assert list(umm_g(tmp_path / "out", source.stem)["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]) == [kind]
    for ending in ("umm_g.json", "echo10.xml", "meta.xml"):
        path = tmp_path / f"out/metadata/{source.stem}.{ending}"
        assert not list(quality.invalid(path, ending, samples / "airborne/cmr-schemas"))
