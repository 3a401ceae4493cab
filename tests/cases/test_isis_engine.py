"""Campaigns of engine isis, with a strict stand-in for the programs (tests/isis_standin.py); no real ISIS is here."""

import collections
import json
import re
import subprocess

import numpy as np
import pytest
import rasterio
import yaml

import isis_standin
from campaign import Campaign
from darkroom.planetary.formats import pvl
from darkroom.planetary.formats.cubes import Cube

RECIPES = isis_standin.recipes()
HIRISE = [f"ESP_011261_1960_{channel}.IMG" for channel in ("RED4_0", "RED4_1", "RED5_0", "RED5_1", "RED6_0")]
CTX = ["P02_001916_2221_XI_42N027W.IMG", "B10_013341_1010_XN_79S172W.IMG"]
MAPPED = {"geometry": "local"}
MINE = {
    "recipes": {
        "survey_camera": {
            "title": "A camera of mine",
            "names": r"SURVEY\d+\.IMG",
            "label": {"INSTRUMENT_ID": "SURVEY"},
            "areas": ["base", "messenger"],
            "stages": {
                "import": [{"program": "mdis2isis", "parameters": {"from": "{source}", "to": "{output}"}}],
                "calibrate": [
                    {"program": "mdiscal", "parameters": {"from": "{input}", "to": "{output}", "iof": False}}
                ],
            },
        }
    }
}
# dataset, recipe, files of the archive, options; where no recipe is named, the name of the file tells it
IMAGES = [
    (
        "mdis",
        "mdis",
        ["EN1072174528M.IMG"],
        {"geometry": "web", "map": {"projection": "sinusoidal", "resolution": 500}},
    ),
    ("nac", "lroc_nac", ["M114145549LE.IMG"], MAPPED | {"map": {"interpolation": "nearest"}}),
    ("wac", "lroc_wac", ["M119923055CE.IMG"], MAPPED),
    ("wac_mono", "lroc_wac_mono", ["M1097931072ME.IMG"], {}),
    ("left", "ctx", CTX[:1], MAPPED | {"photometry": {"model": "minnaert", "parameters": {"k": 0.7}}}),
    ("right", "ctx", CTX[1:], MAPPED | {"parameters": {"ctxcal": {"iof": False}}, "backplanes": True}),
    ("summed", "ctx", CTX[:1], {}),
    ("hirise", "hirise", HIRISE, MAPPED),
    ("themis_vis", "themis_vis", ["V10052001EDR.QUB"], MAPPED),
    ("themis_ir", "themis_ir", ["I00831002RDR.QUB"], {}),
    ("hrsc", "hrsc", ["h0279_0000_re2.img"], {}),
    ("cassini", "cassini_iss", ["N1472853667_1.LBL"], {"parameters": {"trim": {"left": 2}}}),
    ("viking", "viking", ["f348b26.imq"], {}),
    ("galileo", "galileo_ssi", ["3700r.lbl"], {}),
    ("kaguya_tc", "kaguya_tc", ["TC1S2B0_01_06691S820E0465.img"], {}),
    ("kaguya_mi", "kaguya_mi", ["MVA_2B2_01_02329S002E0302.img"], {}),
    ("moc", "moc", ["m0002345.imq"], MAPPED),
    ("mine", "", ["SURVEY0001.IMG"], {}),
]
JOINED = [
    ("mosaic", "", {"images": ["left", "right"], "priority": "average"}, "mosaic"),
    ("stereo", "", {"images": ["left", "right"]}, "stereo"),
    ("steady", "", {"images": ["left", "right"], "control": {"adjust": "angles", "hold": ["right"]}}, "mosaic"),
]
# What the instruments' recipes come to, by the programs' documents: a line without names of files -> how often.
COMMANDS = {
    "automos priority=average": 1,
    "automos priority=ontop": 4,
    "cam2map pixres=map defaultrange=map interp=cubicconvolution": 15,
    "cam2map pixres=map defaultrange=map interp=nearestneighbor": 1,
    "ciss2isis": 1,
    "cisscal units=I/F": 1,
    "ctxcal iof=no monthlyflat=no": 1,
    "ctxcal iof=yes monthlyflat=no": 2,
    "ctxevenodd": 2,
    "cubenorm": 1,
    "findfeatures algorithm=sift/sift fastgeom=yes maxpoints=1800 networkid=steady 'pointid=left_?????'": 1,
    "findrx": 1,
    "gllssi2isis framemode=auto": 1,
    "gllssical units=iof scale=1.0": 1,
    "handmos priority=beneath outsample=3 outline=-1 matchbandbin=no": 2,
    "hi2isis lsbgap=yes unlut=yes": 5,
    "hical units=iof": 5,
    "hijitreg": 2,
    "histitch balance=true": 3,
    "hrsc2isis": 1,
    "jigsaw update=yes outlier_rejection=yes camsolve=angles camera_angles_sigma=0.25 radius=no bundleout_txt=no imagescsv=no output_csv=no residuals_csv=no outadjustmenth5=no": 1,
    "kaguyami2isis": 1,
    "kaguyatc2isis": 1,
    "lronac2isis": 1,
    "lronaccal masked=yes dark=yes darkfiletype=pair nonlinearity=yes flatfield=yes radiometric=yes radiometrictype=iof": 1,
    "lronacecho delta=0.326 smoothingrows=20": 1,
    "lrowac2isis unlut=yes coloroffset=no": 6,
    "lrowaccal dark=yes flatfield=yes radiometric=yes radiometrictype=iof specialpixels=yes temperature=yes": 6,
    "mdis2isis": 1,
    "mdis2isis unlut=yes": 1,
    "mdiscal darkcurrent=model flatfield=yes radiometric=yes iof=yes ecfactor=yes keepdark=no": 1,
    "mdiscal iof=no": 1,
    "moc2isis": 1,
    "moccal iof=yes nullwago=no": 1,
    "mocevenodd": 1,
    "mocnoise50": 1,
    "mosrange projection=Equirectangular lattype=planetocentric londir=positiveeast londom=180": 9,
    "mosrange projection=Equirectangular lattype=planetocentric londir=positiveeast londom=360": 9,
    "mosrange projection=Sinusoidal lattype=planetocentric londir=positiveeast londom=180": 1,
    "mosrange projection=Sinusoidal lattype=planetocentric londir=positiveeast londom=360": 1,
    "mroctx2isis fillgap=yes": 3,
    "noproj source=frommatch": 3,
    "parallel_stereo corrected.cub calibrated.cub stereo/run --session-type isis --processes 2 --threads-singleprocess 1": 1,
    "phocube specialpixels=no phase=yes emission=yes incidence=yes latitude=yes longitude=yes": 1,
    "photomet maxemission=90 maxincidence=90 anglesource=ellipsoid phtname=minnaert normname=albedo incref=30 albedo=1.0 thresh=30 k=0.7": 1,
    "point2dem stereo/run-PC.tif -o stereo/run --threads 2": 1,
    "remrx action=bilinear sdim=9 ldim=9": 1,
    "spicefit": 3,
    "spiceinit": 13,
    "spiceinit web=yes": 1,
    "thm2isis": 3,
    "thmvisflat": 2,
    "thmvistrim": 2,
    "trim left=2": 1,
    "vik2isis": 1,
    "vikcal": 1,
    "vikfixtrx": 1,
    "viknopepper": 1,
    "viknosalt": 1,
}
CLOCKS = {name: {"SPACECRAFT_CLOCK_START_COUNT": count} for name, count in (("left", "1/1:2"), ("right", "1/2:3"))}
KEYWORDS = CLOCKS | {"summed": {"SAMPLING_FACTOR": 2}, "galileo": {"DATA_SET_ID": "GO-A/C-SSI-2-REDR-V1.0"}, "mine": {"INSTRUMENT_ID": "SURVEY"}, "hrsc": {"REFLECTANCE_SCALING_FACTOR": 0.25}, "themis_ir": {"SPECTRAL_QUBE": pvl.Block({"CORE_NAME": "CALIBRATED_SPECTRAL_RADIANCE"}, "Object", "SPECTRAL_QUBE")}}  # fmt: skip


def edr(path, recipe, **keywords):
    """A product with a label that is the recipe's and no pixels; a detached label comes with an image."""
    needed = {
        key: value[0] if isinstance(value, list) else value for key, value in (recipe.label if recipe else {}).items()
    }
    label = {
        "INSTRUMENT_HOST_NAME": "CRAFT",
        "INSTRUMENT_ID": "X",
        "DATA_SET_ID": "X-EDR",
        "TARGET_NAME": "MARS",
        "START_TIME": "2010-01-01T00:00:00",
        "SAMPLING_FACTOR": 1,
        "CROSSTRACK_SUMMING": 1,
        "^IMAGE": f"{path.stem}.IMG",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pvl.dumps(label | needed | keywords) + "END\n")
    if path.suffix.lower() == ".lbl":
        path.with_suffix(".IMG").write_bytes(b"image")


def prepare(folder, images=IMAGES, joined=(), **options):
    """Products, config and sheet of a campaign of engine isis."""
    made = Campaign(folder)
    rows = []
    for dataset, recipe, files, given in images:
        for file in files:
            edr(folder / "edr +1" / dataset / file, RECIPES.get(recipe), **KEYWORDS.get(dataset, {}))
        source = f"edr +1/{dataset}" if len(files) > 1 else f"edr +1/{dataset}/{files[0]}"
        rows.append((dataset, source, given, recipe))
    (folder / "mine.yaml").write_text(yaml.safe_dump(MINE))
    options = {"engine": "isis", "recipes": ["mine.yaml"], **options}
    return made.write([*rows, *joined], pipeline="planetary", planetary=options)


@pytest.fixture(scope="module")
def isis(tmp_path_factory):
    """Programs to run, and an empty folder as home."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        installed = isis_standin.install(tmp_path_factory.mktemp("install"))
        for name, value in {**installed, "HOME": str(home), "ISIS_FAULTS": ""}.items():
            patch.setenv(name, value)
        yield home


@pytest.fixture(scope="module")
def archive(isis, tmp_path_factory):
    """A campaign of every recipe in a folder whose name has a blank, a plus and letters beyond ASCII."""
    folder = tmp_path_factory.mktemp("archive") / "Données +1"
    folder.mkdir()
    made = prepare(folder, joined=JOINED, batch=50)
    made.run()
    return made


def commands(campaign):
    """Command lines of a campaign without the names of files that jobs give: line -> how often."""
    text = "".join(log.read_text() for log in (campaign.folder / "logs").rglob("*.log"))
    lines = re.findall(
        r" INFO (.+ -preference=preferences\.pvl|(?:parallel_stereo|point2dem) .+): \d+\.\d\d s$", text, re.MULTILINE
    )
    files = r" (?:from[12]?|to|match|map|mosaic|flatfile|fromlist|heldlist|cnet|onet|-preference)=\S+(?:\.\w+)"
    return collections.Counter(re.sub(files, "", line) for line in lines)


def test_command_lines_are_those_of_the_recipes(archive):
    assert commands(archive) == COMMANDS


def test_nothing_is_left_behind(archive, isis):
    left = [path.name for path in archive.folder.rglob("*") if "print.prt" in path.name or ".isis" in path.name]
    assert left == []
    assert not (isis / ".Isis").exists()
    assert {path.name for path in (archive.folder / "edr +1/cassini").iterdir()} == {
        "N1472853667_1.LBL",
        "N1472853667_1.IMG",
    }


def test_every_dataset_is_whole(archive):
    for dataset in [name for name, *_ in (*IMAGES, *JOINED)]:
        folder = archive.results / dataset
        subprocess.run(["sha256sum", "--check", "--quiet", "checksums.sha256"], cwd=folder, check=True)
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["engine"] == "isis"
        assert manifest["checks"]["planetary_check"]["passed"]
    assert json.loads((archive.results / "isis.json").read_text()) == {"isis": "8.3.0"}


@pytest.mark.parametrize(
    ("dataset", "last"),
    [
        ("mdis", ["map"]),
        ("wac", ["map.uv", "map.vis"]),
        ("wac_mono", ["calibrated.vis.even", "calibrated.vis.odd"]),
        ("hirise", ["joined", "map"]),
        ("themis_vis", ["map"]),
        ("mosaic", ["mosaic"]),
        ("stereo", ["terrain"]),
        ("steady", ["mosaic"]),
    ],
)
def test_what_a_recipe_ends_in(archive, dataset, last):
    folder = archive.results / dataset
    made = {path.stem for path in folder.glob("*.tif")}
    assert {name for name in made if name.split(".")[0] in {cube.split(".")[0] for cube in last}} == set(last)
    for name in last:
        with rasterio.open(folder / f"{name}.cub") as cube, rasterio.open(folder / f"{name}.tif") as image:
            assert (cube.driver, image.driver) == ("ISIS3", "GTiff")
            np.testing.assert_array_equal(image.read(masked=True).filled(-1), cube.read(masked=True).filled(-1))


def test_the_pointing_of_jigsaw_is_in_the_cubes_of_a_mosaic(archive):
    """As it was in the one that is held; the images' own cubes stay as they were."""
    folder = archive.results / "steady"
    turned, held, own = (
        Cube(path).table("InstrumentPointing").records["J2000Q3"][0]
        for path in (
            folder / "controlled.left.cub",
            folder / "controlled.right.cub",
            archive.results / "left/calibrated.cub",
        )
    )
    assert (turned, held, own) == pytest.approx((np.sin(0.25), 0, 0))
    told = json.loads((folder / "manifest.json").read_text())
    assert told["checks"]["planetary_control"]["points"] == 12
    assert "control: left adjusted by jigsaw; 12 places, 0.35 pixels off after" in told["notes"]
    _, *rows = (folder / "control.csv").read_text().splitlines()
    assert rows[0] == "left_00001,left,2.0000,3.0000,0.2500,-0.2500,,,0.00000000,0.00000000,1000000.000"
    assert len(rows) == 24


def test_what_isis_has_no_calibration_for_is_scaled(archive):
    """To the units that engine native has, by the label of the archive's product."""
    for dataset, factor in (("hrsc", 0.25), ("kaguya_tc", 1), ("themis_ir", 1)):
        folder = archive.results / dataset
        with rasterio.open(folder / "ingested.cub") as raw, rasterio.open(folder / "calibrated.cub") as made:
            np.testing.assert_array_equal(made.read(1), raw.read(1) * factor)
        told = json.loads((folder / "manifest.json").read_text())["skipped"]
        assert told == ([] if factor != 1 else ["I/F: there is no public factor, the units are radiance"])


def test_the_map_is_what_the_row_asks_for(archive):
    mapping = pvl.load(archive.results / "mdis/map.cub")["IsisCube"]["Mapping"]
    assert (mapping["ProjectionName"], float(mapping["PixelResolution"])) == ("Sinusoidal", 500)
    assert mapping["MinimumLatitude"] == "-1.0"  # as mosrange has found it


def test_heights_keep_their_gaps(archive):
    """The number for nothing of the Ames Stereo Pipeline is another one than ISIS's NULL."""
    with rasterio.open(archive.results / "stereo/terrain.cub") as cube:
        heights = cube.read(1, masked=True)
    assert heights.mask[0].all() and not heights.mask[1:].any()
    assert (heights.data[0].view("u4") == 0xFF7FFFFB).all()
    assert heights[1:].compressed().tolist() == list(range(16, 256))


def test_second_run_does_nothing(archive):
    assert "Nothing to be done" in archive.run("--dry-run")


def test_a_failure_ends_in_the_words_of_isis(isis, tmp_path, monkeypatch):
    """And the images that nothing is wrong with are made."""
    images = [
        ("failing", "mdis", ["EN1072174528M.IMG"], {}),
        ("other", "mdis", ["EN1072174530M.IMG"], {}),
        ("half", "ctx", CTX[:1], {}),
        ("alone", "cassini_iss", ["N1472853667_1.LBL"], {}),
        ("good", "themis_ir", ["I00831002EDR.QUB"], {"calibrate": False}),
    ]
    campaign = prepare(tmp_path, images)
    edr(tmp_path / "edr +1/other/EN1072174530M.IMG", RECIPES["ctx"])
    (tmp_path / "edr +1/alone/N1472853667_1.IMG").unlink()
    monkeypatch.setenv("ISIS_FAULTS", "mdiscal=fail,ctxcal=short")
    said = campaign.run(fails=True)
    for dataset, rule, told in (
        ("failing", "planetary_calibrate", "mdiscal failed (exit status 4): mdiscal was told to fail [it did]. Cannot read file [./input]. Position [99840]. Byte count [512]."),
        ("other", "planetary_import", "edr +1/other/EN1072174530M.IMG: INSTRUMENT_ID is CTX; recipe mdis (MESSENGER MDIS, narrow and wide angle) is for MDIS-NAC or MDIS-WAC"),
        ("half", "planetary_calibrate", "ctxcal made a cube of 66544 bytes; its label needs 66560"),
        ("alone", "planetary_import", "ciss2isis failed (exit status 4): Unable to open [N1472853667_1.IMG]."),
    ):  # fmt: skip
        assert f"{rule}: {told}" in said
        assert told in (tmp_path / f"logs/case/{dataset}/{rule}.log").read_text().splitlines()[-1]
    assert [path.parent.name for path in campaign.results.glob("*/manifest.json")] == ["good"]
    made = {str(path.relative_to(campaign.results)) for path in campaign.results.rglob("*.cub")}
    assert made == {"failing/ingested.cub", "half/ingested.cub", "good/ingested.cub"}


@pytest.mark.parametrize(
    ("areas", "missing", "told"),
    [
        (
            ("base", "messenger"),
            "",
            [
                "isisdata/mro is missing; run: downloadIsisData mro $ISISDATA",
                "recipe hrsc: the SPICE web service does not serve Mars Express HRSC and SRC, level 2; use local geometry",
                'isisdata/mex is missing; run: downloadIsisData mex $ISISDATA --exclude="kernels/**"',
            ],
        ),
        (isis_standin.AREAS, "ISISROOT", ["ISISROOT is not set, which is no folder; activate the environment of ISIS"]),
    ],
    ids=["data", "programs"],
)
def test_what_is_not_installed_is_told_before_anything_runs(isis, tmp_path, monkeypatch, areas, missing, told):
    installed = isis_standin.install(tmp_path, areas) | {missing or "ISIS_FAULTS": ""}
    for name, value in installed.items():
        monkeypatch.setenv(name, value)
    images = [("ctx", "ctx", CTX[:1], MAPPED), ("hrsc", "hrsc", ["h0279_0000_re2.img"], {"geometry": "web"})]
    campaign = prepare(tmp_path, images)
    said = campaign.run(fails=True)
    [line] = {line for line in said.splitlines() if line.startswith("planetary_check_isis: ")}
    assert all(text in line for text in told)
    assert "rule planetary_import:" not in said
    assert not list(campaign.results.rglob("*.cub"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, ["planetary.recipes.0: 'wrong.yaml' is not there"]),
        (
            "recipes: {a: {title: A, names: '(', label: {B: c}, areas: [base], stages: {imports: [], spice: [{progam: x, parameters: {}}]}}}",
            [
                "wrong.yaml recipes.a.names: '(' is no regular expression",
                "wrong.yaml recipes.a.stages: 'imports' is unknown; did you mean 'import'?",
                "wrong.yaml recipes.a.stages.spice.0: 'progam' is unknown; did you mean 'program'?",
            ],
        ),
    ],
    ids=["not there", "wrong keys"],
)  # fmt: skip
def test_a_wrong_table_of_recipes_is_refused(tmp_path, content, told):
    campaign = prepare(tmp_path, IMAGES[:1], recipes=["wrong.yaml"])
    if content:
        (tmp_path / "wrong.yaml").write_text(content)
    said = campaign.run("--dry-run", fails=True)
    assert all(text in said for text in ("this campaign cannot start", *told))
