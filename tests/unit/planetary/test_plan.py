"""Which cubes are made of the rows of a sheet, and what each step is asked. No Snakemake starts here."""

import re

import pytest
import yaml

from campaign import ROOT
from darkroom.campaign import Campaign, CampaignError
from darkroom.planetary import plan as planetary_plan
from darkroom.planetary import steps as planetary_steps
from darkroom.planetary.plan import Cube, Image

[SURVEY] = re.findall(r"```python\n(.*?)```", (ROOT / "config/README.md").read_text(), re.DOTALL)
ROWS = {
    "left": ("ctx", "sample:ctx", {"geometry": "isd"}),
    "right": ("ctx", "sample:ctx", {"geometry": "isd", "photometry": {"model": "lambert"}, "backplanes": True}),
    "mosaic": ("mosaic", "", {"images": ["left", "right"]}),
    "wide": ("lroc_wac", "sample:ctx", {}),
}
LOCAL = {"geometry": "local"}
OF_ISIS = {
    "left": ("ctx", "sample:ctx", LOCAL),
    "right": ("ctx", "sample:ctx", LOCAL | {"photometry": {"model": "lambert"}, "backplanes": True}),
    "mosaic": ("mosaic", "", {"images": ["left", "right"]}),
    "stereo": ("stereo", "", {"images": ["left", "right"]}),
    "wide": ("lroc_wac", "sample:ctx", LOCAL),
    "channels": ("hirise", "sample:ctx", LOCAL | {"parts": ["RED4_0", "RED5_0", "RED5_1"]}),
    "tables": ("viking", "sample:ctx", {"geometry": "web"}),
}


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """`plan(rows, **config)`: the plan of rows, name -> (recipe, source, options), of a campaign that can start."""
    monkeypatch.chdir(tmp_path)

    def made(rows, engine="native", **config):
        cells = [
            (name, "planetary", *row[:2], yaml.safe_dump(row[2], default_flow_style=True, width=999).strip())
            for name, row in rows.items()
        ]
        lines = ["\t".join(row) for row in [("dataset", "pipeline", "recipe", "source", "options"), *cells]]
        (tmp_path / "datasets.tsv").write_text("\n".join(lines) + "\n")
        config = {"planetary": {"engine": engine} | config}
        campaign = Campaign({"campaign": "case", "datasets": "datasets.tsv"} | config, "config.yaml")
        planned = planetary_plan.of(campaign)
        campaign.check()
        return planned

    return made


def with_options(rows, name, **options):
    recipe, source, given = rows[name]
    return rows | {name: (recipe, source, given | options)}


def names(cubes):
    return [cube.name for cube in cubes]


# Which cubes


def test_a_controlled_mosaic_is_made_of_turned_cubes(plan, tmp_path):
    (tmp_path / "mine.net").touch()
    made = plan(with_options(ROWS, "mosaic", control={"adjust": "angles", "hold": ["right"], "network": "mine.net"}))
    mosaic = made["mosaic"]
    assert names(mosaic.to_control.values()) == ["calibrated", "corrected"]
    assert names(mosaic.to_project.values()) == ["controlled.left", "controlled.right"]
    assert {cube.dataset for cube in mosaic.to_project.values()} == {"mosaic"}
    assert names(made["left"].to_project.values()) == ["calibrated"]
    own = ["controlled.left.cub", "controlled.right.cub", "control.net", "control.csv"]
    assert made.products(mosaic.row)[:4] == own
    assert made.records(mosaic.row) == ["planetary.json", "control.json"]
    assert mosaic.network == ["mine.net"]
    asked = planetary_steps.control_of(mosaic)
    assert (asked["names"], asked["network"], asked["engine"]) == (["left", "right"], "mosaic", "native")
    options = {"radius": 0, "search": 100, "features": 200, "tiles": 9, "least": 10, "bound": 1, "network": "mine.net"}
    assert asked["control"] == {"adjust": "angles", "sigma": 0.25, "held": ["right"]} | options
    plain = plan(ROWS)["mosaic"]
    assert (plain.controlled, plain.besides, names(plain.to_project.values())) == (
        False,
        [],
        ["calibrated", "corrected"],
    )


def test_a_cube_of_isis_is_one_image_of_its_camera_or_of_any(plan):
    rows = {
        "any": ("", "https://h/M119923055CE.vis.even.lev1.cub", {"geometry": "attached"}),
        "wide": ("lroc_wac", "https://h/M119923055CE.vis.odd.cub.gz", {}),
    }
    for engine in ("native", "isis"):
        made = plan(rows, engine)
        assert (made["any"].name, names(made["any"].delivered)) == ("cube", ["calibrated", "map"])
        assert made["wide"].parts == ("",)
        assert planetary_steps.import_of(made["any"], "")["engine"] == "native"
        assert "steps" not in planetary_steps.geometry_of(made["any"], "")
        assert planetary_steps.calibration_of(made["any"])["calibration"] == {}


def test_a_dem_is_watched_and_asked_for_memory(plan, tmp_path):
    (tmp_path / "dem.tif").touch()
    made = plan(with_options(ROWS, "left", shape="dem.tif"))
    assert planetary_steps.geometry_of(made["left"], "")["shape"] == "dem.tif"
    assert made["left"].description == ["dem.tif"]
    assert (made["left"].has_shape, made["right"].has_shape, made["mosaic"].has_shape) == (True, False, True)


def test_what_a_merge_is_asked(plan):
    """What ISIS's automos does not do is done by our own code with either engine; a framelet map is no mosaic of images."""
    rows = {"sky": ("colour", "", {"images": ["left", "right", "third"]}), "third": ROWS["left"]}
    rows = with_options(ROWS | rows, "mosaic", feather=5, equalize={"adjust": "gains", "hold": ["right"]})
    for engine in ("native", "isis"):
        made = plan(rows, engine)
        asked = planetary_steps.merge_of(made["mosaic"])
        assert asked == {
            "engine": "native",
            "priority": "ontop",
            "feather": 5,
            "equalize": {"adjust": "gains", "weighted": False, "least": 1000, "held": ["projected.right.cub"]},
        }
        assert planetary_steps.merge_of(made["sky"])["colours"] is True
        assert names(made["sky"].delivered) == ["colour"] and "sky" in made.mapped
        assert planetary_steps.merge_of(made["wide"])["engine"] == engine


def test_a_whole_image_has_one_cube_of_each_stage(plan):
    image = plan(ROWS)["left"]
    assert image.to_calibrate("") == Cube("left", "located")
    assert image.to_calibrate("").path == "<results>/<campaign>/left/located.cub"
    assert image.to_project == {"left": Cube("left", "calibrated")}
    assert names(image.to_merge("")) == ["projected.left"]
    assert names(image.delivered) == ["calibrated", "map"]


def test_parts_stand_in_the_names_of_cubes_and_a_set_is_one_map(plan):
    image = plan(OF_ISIS, "isis")["wide"]
    assert image.parts == ("vis.even", "vis.odd", "uv.even", "uv.odd")
    assert image.sets == ("vis", "uv")
    assert image.to_calibrate("vis.odd").name == "located.vis.odd"
    assert names(image.to_merge("uv")) == ["projected.wide.uv.even", "projected.wide.uv.odd"]
    assert names(image.beside("uv")) == ["projected.wide.vis.even", "projected.wide.vis.odd"]
    assert planetary_steps.projection_of(image, "wide.uv.odd")["may_miss"] is True
    assert names(image.delivered) == [*(f"calibrated.{part}" for part in image.parts), "map.vis", "map.uv"]


def test_channels_are_made_one_by_isis_where_there_is_geometry(plan):
    joined = plan(OF_ISIS, "isis")["channels"]
    assert names(joined.to_join) == ["calibrated.RED4_0", "calibrated.RED5_0", "calibrated.RED5_1"]
    assert joined.to_calibrate("RED4_0").name == "ingested.RED4_0"
    assert joined.to_project == {"channels": Cube("channels", "joined")}
    assert names(joined.delivered)[3:] == ["joined", "map"]
    apart = plan({"channels": ("hirise", "sample:ctx", {"parts": ["RED4_0", "RED5_0"]})})["channels"]
    assert names(apart.delivered) == ["ingested.RED4_0", "ingested.RED5_0"]


def test_the_channels_of_a_folder_are_its_parts(plan, tmp_path):
    (tmp_path / "edr").mkdir()
    for name in ("ESP_011261_1960_RED5_1.IMG", "ESP_011261_1960_RED4_0.IMG", "notes.txt"):
        (tmp_path / "edr" / name).touch()
    assert plan({"channels": ("hirise", "edr", {})})["channels"].parts == ("RED4_0", "RED5_1")


def test_a_composite_is_made_of_what_its_images_project(plan):
    mosaic = plan(ROWS)["mosaic"]
    assert mosaic.to_project == {"left": Cube("left", "calibrated"), "right": Cube("right", "corrected")}
    assert names(mosaic.to_merge("")) == ["projected.left", "projected.right"]
    assert mosaic.beside("") == []
    assert planetary_steps.projection_of(mosaic, "left")["may_miss"] is True
    assert mosaic.delivered == [Cube("mosaic", "mosaic")]
    assert mosaic.members == [Cube("left", "calibrated"), Cube("right", "calibrated")]
    assert names(plan(OF_ISIS, "isis")["stereo"].delivered) == ["terrain"]


@pytest.mark.parametrize(
    ("name", "options", "products"),
    [
        ("left", {}, ["ingested.cub", "calibrated.cub", "calibrated.tif", "map.cub", "map.tif", "preview.png", "item.json"]),
        ("left", {"geometry": "none", "calibrate": False}, ["ingested.cub", "ingested.tif", "preview.png", "item.json"]),
        ("right", {"geometry": "isd"}, ["ingested.cub", "backplanes.cub", "calibrated.cub", "calibrated.tif", "map.cub", "map.tif", "preview.png", "item.json"]),
        ("mosaic", {"tiles": True}, ["mosaic.cub", "mosaic.tif", "precomputed/info", "neuroglancer.json", "preview.png", "item.json"]),
    ],
)  # fmt: skip
def test_what_a_dataset_ends_in(plan, name, options, products):
    rows = ROWS if name == "mosaic" else {name: ROWS[name]}
    made = plan(with_options(rows, name, **options))
    assert made.products(made.rows[name]) == products


def test_the_camera_description_beside_a_local_image(plan, tmp_path):
    for name in ("P02_001916_2221_XI_42N027W.IMG", "P02_001916_2221_XI_42N027W.isd.json", "mine.json"):
        (tmp_path / name).touch()
    rows = {"beside": ("", "P02_001916_2221_XI_42N027W.IMG", {"geometry": "isd"})}
    assert plan(rows)["beside"].description == ["P02_001916_2221_XI_42N027W.isd.json"]
    assert plan(with_options(rows, "beside", isd="mine.json"))["beside"].description == ["mine.json"]
    assert plan(ROWS)["left"].description == []


def test_no_row_of_another_pipeline_is_taken_for_an_image(plan, tmp_path):
    made = plan(ROWS)
    (tmp_path / "datasets.tsv").write_text(
        (tmp_path / "datasets.tsv").read_text() + "brain\tatlas\t\tsample:labels\t\n"
    )
    campaign = Campaign({"campaign": "case", "datasets": "datasets.tsv"}, "config.yaml")
    other = planetary_plan.of(campaign)
    assert other.datasets == made.datasets == list(ROWS)
    with pytest.raises(KeyError):
        other["brain"]


# What the steps are asked


def asked(made):
    """What every step of every dataset is asked: (step, dataset, source) -> its params."""
    params = {}
    for dataset in made.datasets:
        one = made[dataset]
        steps = {"range": planetary_steps.range_of, "merge": planetary_steps.merge_of}
        if isinstance(one, Image):
            steps |= {"calibrate": planetary_steps.calibration_of, "correct": planetary_steps.light_of}
            steps |= {"backplanes": planetary_steps.backplanes_of}
            steps |= {"join": planetary_steps.join_of} if one.joined else {}
        elif one.stage == "terrain":
            steps |= {"terrain": planetary_steps.terrain_of}
        params |= {(step, dataset): function(one) for step, function in steps.items()}
        for part in one.parts if isinstance(one, Image) else ():
            params["import", dataset, part] = planetary_steps.import_of(one, part)
            params["geometry", dataset, part] = planetary_steps.geometry_of(one, part)
        for name in one.to_project:
            params["project", dataset, name] = planetary_steps.projection_of(one, name)
    return params


def changed(before, after):
    """Steps and datasets that are asked something else."""
    before, after = asked(before), asked(after)
    assert before.keys() == after.keys()
    return {key[:2] for key in before if before[key] != after[key]}


CTX = ("left", "right")


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("left", {"calibration": {"units": "dn"}}, {"calibrate"}),
        ("left", {"calibration": {"even_odd": False}}, {"calibrate"}),
        ("left", {"ingest": {"fill_gaps": False}}, {"import"}),
        ("left", {"calibrate": False}, {"import"}),  # which notes it, and no calibration is made
        ("left", {"map": {"resolution": 6}}, {"range"}),
        ("left", {"map": {"interpolation": "nearest"}}, {"project"}),
        ("mosaic", {"map": {"interpolation": "nearest"}}, {"project"}),
        ("mosaic", {"priority": "average"}, {"merge"}),
        ("right", {"photometry": {"model": "minnaert"}}, {"correct"}),
        ("left", {"stretch": [1, 99], "tiles": True}, set()),
        ("left", {"parameters": {"ctxcal": {"iof": False}}}, set()),  # of engine isis
    ],
)
def test_an_option_is_asked_of_the_steps_that_read_it(plan, name, options, steps):
    assert changed(plan(ROWS), plan(with_options(ROWS, name, **options))) == {(step, name) for step in steps}


def test_options_of_other_cameras_change_nothing(plan):
    given = {"calibration": {"echo": False, "dark": "none"}, "ingest": {"unlut": False}}
    assert changed(plan(ROWS), plan(ROWS, **given)) == {("import", "wide")}  # which has unlut


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [
        ("left", {"parameters": {"ctxcal": {"iof": False}}}, {"calibrate"}),
        ("left", {"parameters": {"spiceinit": {"attach": False}}}, {"geometry"}),
        ("mosaic", {"parameters": {"automos": {"track": True}}}, {"merge"}),
        ("mosaic", {"parameters": {"cam2map": {"warpalgorithm": "forwardpatch"}}}, {"project"}),
        ("stereo", {"parameters": {"point2dem": {"tr": 20}}}, {"terrain"}),
        ("channels", {"parameters": {"hijitreg": {"row": 1}}}, {"join"}),
        ("left", {"calibration": {"units": "dn"}, "ingest": {"fill_gaps": False}}, set()),  # of engine native
    ],
)
def test_a_parameter_is_asked_of_the_steps_that_run_its_program(plan, name, options, steps):
    made = plan(with_options(OF_ISIS, name, **options), "isis")
    assert changed(plan(OF_ISIS, "isis"), made) == {(step, name) for step in steps}


AUTOMOS = {"program": "automos", "parameters": {"fromlist": "{list}", "mosaic": "{output}", "priority": "beneath"}}


@pytest.mark.parametrize(("engine", "rows", "steps"), [("native", ROWS, set()), ("isis", OF_ISIS, {"merge"})])
def test_a_changed_step_of_mosaics_plans_mosaics_alone(plan, tmp_path, engine, rows, steps):
    table = {"stages": {"merge": [AUTOMOS]}, "recipes": {}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(table))
    changes = changed(plan(rows, engine), plan(rows, engine, recipes=["mine.yaml"]))
    assert {step for step, _ in changes} == steps


def test_the_file_of_a_camera_of_ones_own_is_told(plan, tmp_path):
    (tmp_path / "survey.py").write_text(SURVEY)
    image = plan({"mine": ("survey", "sample:ctx", {})}, instruments=["survey.py"])["mine"]
    assert image.files == ["survey.py"]
    told = planetary_steps.calibration_of(image)
    assert told == {"engine": "native", "recipe": "survey", "camera": "survey.py", "calibration": {"gain": 0.5}}
    assert plan(ROWS)["left"].files == []


def test_isis_is_asked_for_what_the_sheet_runs(plan):
    rows = {
        "image": ("mdis", "sample:mdis", {"geometry": "web"}),
        "raw": ("ctx", "sample:ctx", {"calibrate": False}),
        "archive": ("cassini_iss", "sample:ctx", {"parameters": {"trim": {"left": 2}}}),
    }
    needs = plan(rows, "isis").needs
    assert needs["ctx"]["programs"] == ["mroctx2isis"]
    assert needs["cassini_iss"]["programs"] == ["ciss2isis", "cisscal", "trim"]
    assert needs["mdis"]["programs"] == ["cam2map", "mdis2isis", "mdiscal", "mosrange", "spiceinit"]
    assert needs["mdis"]["geometry"] == ["web"]
    of_all = plan(OF_ISIS, "isis").needs
    assert {"photomet", "phocube", "automos", "parallel_stereo", "point2dem"} <= {*of_all["ctx"]["programs"]}
    assert "hijitreg" in of_all["hirise"]["programs"]


# What is wrong


@pytest.mark.parametrize(
    ("rows", "config", "told"),
    [
        (with_options(ROWS, "mosaic", images=["left"]), {}, "line 4 options images: name two datasets or more, such as {images: [left, right]}"),
        (with_options(ROWS, "mosaic", images=["left", "wide"]), {}, "line 4 options images: 'wide' has no geometry; give it one in its options"),
        (with_options(ROWS, "mosaic", images=["left", "rihgt"]), {}, "line 4 options images: 'rihgt' is no planetary image of this sheet; did you mean 'right'?"),
        (with_options(ROWS, "mosaic", images=["left", "mosaic"]), {}, "line 4 options images: 'mosaic' is no planetary image of this sheet"),
        (ROWS | {"sky": ("colour", "", {"images": ["left", "right"]})}, {}, "line 6 options images: a colour image is of three datasets, red, green and blue, not of 2"),
        (with_options(ROWS, "mosaic", control={"hold": ["lefd"]}), {}, "line 4 options control.hold: 'lefd' is none of its images; did you mean 'left'?"),
        (with_options(ROWS, "left", control={"adjust": "angles"}), {}, "line 2 options control: is of rows that are made of images, of recipe mosaic, stereo, colour"),
        (with_options(ROWS, "mosaic", equalize={"hold": ["lefd"]}), {}, "line 4 options equalize.hold: 'lefd' is none of its images; did you mean 'left'?"),
        (with_options(ROWS, "left", feather=3), {}, "line 2 options feather: is of rows of recipe mosaic"),
        (with_options(ROWS, "mosaic", shape="short.yaml"), {}, "line 4 options shape: is of images; give it to those that this row is made of"),
        ({"a": ("ctxx", "sample:ctx", {})}, {}, "line 2 recipe: 'ctxx' is unknown; did you mean 'ctx'?"),
        ({"a": ("", "sample:ctx", {})}, {}, "line 2 recipe: the name of 'sample:ctx' does not tell its instrument; known are"),
        ({"a": ("mine", "sample:ctx", {})}, {"recipes": ["own.yaml"]}, "line 2 recipe: mine needs engine: isis in the config"),
        ({"a": ("ctx", "", {})}, {}, "line 2 source: an image has one; only rows of mosaic, stereo, colour have none"),
        ({"a": ("ctx", "sample:ctx", LOCAL)}, {}, "line 2 options geometry: local needs engine: isis in the config"),
        ({"a": ("ctx", "sample:ctx", {"backplanes": True})}, {}, "line 2 options: backplanes and photometry need geometry; it is none"),
        ({"a": ("ctx", "sample:ctx", {"batch": 5})}, {}, "line 2 options: 'batch' is of the whole campaign; set it in the config"),
        ({"a": ("ctx", "sample:ctx", {"parameters": {"ctxcall": {}}})}, {}, "line 2 options parameters: no recipe runs 'ctxcall'; did you mean 'ctxcal'?"),
        ({"a": ("ctx", "sample:ctx", {"calibration": {"flat": "gone.cub"}})}, {}, "line 2 options calibration.flat: 'gone.cub' is not there"),
        ({"a": ("ctx", "sample:ctx", {"map": {"template": "gone.map"}})}, {}, "line 2 options map.template: 'gone.map' is not there"),
        ({"a": ("survey", "sample:ctx", {"calibration": {"gian": 1}})}, {"instruments": ["survey.py"]}, "line 2 options calibration: 'gian' is unknown; did you mean 'gain'?"),
        ({"a": ("survey", "sample:ctx", {"calibration": {"gain": "x"}})}, {"instruments": ["survey.py"]}, "line 2 options calibration.gain: is 'x', not a number; right is: radiance of a DN (Survey)"),
        ({"a": ("ctx", "sample:ctx", {"calibration": {"echo": False}})}, {}, "line 2 options calibration: ctx does not read 'echo'; it has units, solar_distance, flat, even_odd"),
        ({"a": ("kaguya_tc", "sample:ctx", {"ingest": {"unlut": False}})}, {}, "line 2 options ingest: kaguya_tc does not read 'unlut'; it has none"),
        ({"a": ("ctx", "sample:ctx", {"map": {"projection": "obliquecylindrical"}})}, {}, "line 2 options map.pole: obliquecylindrical needs it: [latitude, longitude, rotation]"),
        ({"a": ("ctx", "sample:ctx", {"map": {"pole": [20, 30, 0]}})}, {}, "line 2 options map.pole: only projection obliquecylindrical has one"),
        ({"a": ("ctx", "sample:ctx", {"geometry": "attached"})}, {}, "line 2 options geometry: attached is of cubes of ISIS, which have it; this source is none"),
        ({"a": ("ctx", "sample:ctx", {"shape": "short.yaml"})}, {}, "line 2 options shape: is of engine native, geometry isd, spice or attached"),
        ({"a": ("junocam", "sample:ctx", {"geometry": "spice"})}, {}, "line 2 options geometry: no geometry from kernels for recipe junocam; give isd"),
        ({"a": ("", "m0001.xml", {})}, {}, "line 2 source: PDS4, not read; right is a product of PDS3"),
        (ROWS, {"calibration": {"ecko": True}}, "config.yaml planetary.calibration: 'ecko' is unknown; did you mean 'echo'?"),
        (ROWS, {"instruments": ["gone.py"]}, "config.yaml planetary.instruments.0: 'gone.py' is not there"),
        (ROWS, {"instruments": ["other.py"]}, "other.py: no CAMERA = Camera(...) of darkroom.planetary.instruments.registry"),
        (ROWS, {"instruments": ["broken.py"]}, "broken.py: the camera cannot be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        (ROWS, {"instruments": ["clash.py"]}, "Clash: its option calibration.echo is not that of LROC NAC; give it another name"),
        ({"a": ("survey", "sample:ctx", {})}, {"instruments": ["survey.py"], "engine": "isis"}, "line 2 recipe: survey is of engine native alone; no table of recipes says what ISIS does with it"),
        (ROWS, {"recipes": ["short.yaml"]}, "recipes.mine: 'title' is missing, and no camera has a recipe of this name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_once(plan, tmp_path, rows, config, told):
    (tmp_path / "survey.py").write_text(SURVEY)
    (tmp_path / "other.py").write_text("X = 1\n")
    (tmp_path / "broken.py").write_text("import nowhere\n")
    (tmp_path / "clash.py").write_text(
        SURVEY.replace('"gain": {"type"', '"echo": {"type"').replace('"Survey"', '"Clash"')
    )
    own = "{title: Mine, names: m.img, label: {INSTRUMENT_ID: MINE}, areas: [base], stages: {}}"
    (tmp_path / "own.yaml").write_text(f"recipes: {{mine: {own}}}\n")
    (tmp_path / "short.yaml").write_text("recipes: {mine: {areas: [base], stages: {}}}\n")
    with pytest.raises(CampaignError) as failure:
        plan(rows, **config)
    first, *lines = str(failure.value).splitlines()
    assert first == "this campaign cannot start:"
    assert sum(told in line for line in lines) == 1, lines
