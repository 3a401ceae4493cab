"""A campaign of the MDIS frames of the samples: its maps and mosaics have the figures of cam2map's and automos's."""

import json

import pvl
import pytest
import rasterio

from campaign import Campaign

NAMES = ("EN1072174528M", "EN1072174530M", "EN1072174532M")
SOLAR_DISTANCE = 0.31349273820889  # AU, of the label of ISIS's calibrated frame
# maptemplate's keywords in geo_truth.json
TEMPLATE = """
Group = Mapping
  ProjectionName     = Equirectangular
  CenterLongitude    = 248.07
  TargetName         = mercury
  EquatorialRadius   = 2439400 <meters>
  PolarRadius        = 2439400 <meters>
  LatitudeType       = Planetocentric
  LongitudeDirection = PositiveEast
  LongitudeDomain    = 360
  MinimumLatitude    = 46.26
  MaximumLatitude    = 46.3
  MinimumLongitude   = 248.035
  MaximumLongitude   = 248.09
  PixelResolution    = 2.0 <meters/pixel>
  CenterLatitude     = 46.275
End_Group
End
"""


@pytest.fixture(scope="module")
def frames(samples):
    return samples / "planetary/isis_truth/frames"


@pytest.fixture(scope="module")
def campaign(frames, tmp_path_factory):
    """The three frames, each with its map, and mosaics of them."""
    made = Campaign(tmp_path_factory.mktemp("frames"))
    (made.folder / "2 m.map").write_text(TEMPLATE)
    grid = {"template": "2 m.map"}
    given = {"geometry": "isd", "calibration": {"solar_distance": SOLAR_DISTANCE}}
    rows = [(name, frames / f"{name}.IMG", given | {"map": grid}) for name in NAMES]
    for priority, interpolation in (("ontop", "bilinear"), ("average", "bilinear"), ("beneath", "nearest")):
        options = {"images": list(NAMES), "priority": priority, "map": grid | {"interpolation": interpolation}}
        rows.append((f"{interpolation}-{priority}", "", options, "mosaic"))
    made.write(rows, pipeline="planetary")
    made.run()
    return made


@pytest.mark.parametrize(
    ("product", "key", "tolerance"),
    [
        (f"{NAMES[0]}/calibrated", f"{NAMES[0]} mdiscal", 1e-12),
        (f"{NAMES[0]}/map", f"{NAMES[0]} cam2map equirectangular cubicconvolution pixres=map defaultrange=map", 1e-8),
        ("bilinear-ontop/mosaic", "automos equirectangular bi ontop", 1e-7),
        ("bilinear-average/mosaic", "automos equirectangular bi average", 1e-7),
        ("nearest-beneath/mosaic", "automos equirectangular ne beneath", 2e-6),
    ],
)
def test_the_figures_of_isis(campaign, frames, product, key, tolerance):
    """Number and mean of the valid pixels."""
    statistics = json.loads((frames / "geo_truth.json").read_text())[key]
    for suffix in (".cub", ".tif"):
        with rasterio.open(f"{campaign.results / product}{suffix}") as image:
            values = image.read(1, masked=True)
        assert values.count() == int(statistics["ValidPixels"])
        assert values.mean(dtype="f8") == pytest.approx(float(statistics["Average"]), rel=tolerance)


def test_counts_of_the_average(campaign, frames):
    """The second band counts the images: ISIS's sum of it, and its names of the bands."""
    statistics = json.loads((frames / "geo_truth.json").read_text())["automos equirectangular bi average"]["bands"][1]
    path = campaign.results / "bilinear-average/mosaic.cub"
    with rasterio.open(path) as image:
        counts = image.read(2, masked=True)
    assert counts.sum(dtype="f8") == float(statistics["Sum"])
    truth = pvl.load(frames / "labels/mosaic.equirectangular.bi.average.pvl")["IsisCube"]
    assert pvl.load(path)["IsisCube"]["BandBin"] == truth["BandBin"]


def test_the_map_of_the_mosaic(campaign, frames):
    """Every keyword as automos has it, but for where the map ends: ours holds no more than the images."""
    truth = pvl.load(frames / "labels/mosaic.equirectangular.bi.average.pvl")["IsisCube"]["Mapping"]
    ours = pvl.load(campaign.results / "bilinear-average/mosaic.cub")["IsisCube"]["Mapping"]
    assert set(truth.keys()) - set(ours.keys()) == {"CenterLatitudeRadius"}  # which no program needs
    for key, made in ours.items():
        own, expected = (getattr(value, "value", value) for value in (made, truth[key]))
        if key.startswith("UpperLeftCorner"):
            assert (own - expected) % 2 == 0  # whole pixels
        elif not key.startswith(("Minimum", "Maximum")):
            assert own == (expected if isinstance(expected, str) else pytest.approx(expected)), key
