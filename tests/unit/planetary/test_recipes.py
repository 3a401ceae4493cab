"""Recipes of the ISIS engine: which one, which steps, with what."""

import pytest
import yaml

import isis_standin
from campaign import ROOT
from darkroom.planetary import recipes
from darkroom.planetary.formats import pvl

RECIPES = isis_standin.recipes()
PROGRAMS = yaml.safe_load((ROOT / "tests/isis_programs.yaml").read_text())
STEPS = [
    (name, stage, step) for name, recipe in RECIPES.items() for stage, steps in recipe.stages.items() for step in steps
]


def label(text):
    return pvl.loads(f"{text}\nEND\n")


def cube_label(**instrument):
    return pvl.Block({"Instrument": pvl.Block({key: str(value) for key, value in instrument.items()}, "Group")})


def programs(name, stage, *given):
    return [step["program"] for step in recipes.steps(RECIPES[name].stages[stage], *given)]


def require_label(name, product, path):
    recipes.require_label(product, RECIPES[name].label, name, path)


@pytest.mark.parametrize(
    ("file", "name"), [(file, name) for name, recipe in RECIPES.items() for file in recipe.examples]
)
def test_a_file_name_tells_the_recipe(file, name):
    assert recipes.imported([f"edr/{file}", "edr/readme.txt"], RECIPES[name].names) == [f"edr/{file}"]
    assert [other for other, recipe in RECIPES.items() if recipes.imported([file], recipe.names)] == [name]


@pytest.mark.parametrize(
    ("name", "stage", "step"), STEPS, ids=lambda value: value if isinstance(value, str) else value["program"]
)
def test_programs_have_the_parameters_that_recipes_give(name, stage, step):
    if "arguments" not in step:
        assert {parameter.upper() for parameter in step["parameters"]} <= set(PROGRAMS[step["program"]])


def test_a_detached_label_stands_for_its_image():
    names = ["c/TC1S2B0_01_06691S820E0465.img", "c/TC1S2B0_01_06691S820E0465.lbl", "c/TC1W2B0_01_02921N265E3535.img"]
    assert recipes.imported(names, RECIPES["kaguya_tc"].names) == names[1:]


# Branches by label: what the programs' own documents say (ctxevenodd and mocevenodd refuse other summings).
@pytest.mark.parametrize(
    ("name", "instrument", "expected"),
    [
        ("ctx", {"SpatialSumming": 1}, ["ctxcal", "ctxevenodd"]),
        ("ctx", {"SpatialSumming": 2}, ["ctxcal"]),
        ("moc", {"InstrumentId": "MOC-NA", "CrosstrackSumming": 1}, ["moccal", "mocnoise50", "mocevenodd"]),
        ("moc", {"InstrumentId": "MOC-NA", "CrosstrackSumming": 2}, ["moccal"]),
        ("moc", {"InstrumentId": "MOC-WA", "CrosstrackSumming": 1}, ["moccal"]),
        ("lroc_nac", {}, ["lronaccal", "lronacecho"]),
        ("lroc_wac", {}, ["lrowaccal"]),
        ("hrsc", {}, []),
    ],
)
def test_steps_depend_on_the_label(name, instrument, expected):
    assert programs(name, "calibrate", cube_label(**instrument)) == expected


@pytest.mark.parametrize(
    ("dataset", "expected"), [("VISEDR", ["thmvisflat", "thmvistrim"]), ("VISRDR", ["thmvistrim"])]
)
def test_a_flat_product_is_not_flattened_again(dataset, expected):
    archive = label(f"Group = Archive\n DataSetId = ODY-M-THM-2-{dataset}-V1.0\nEnd_Group")
    assert programs("themis_vis", "calibrate", archive) == expected


def test_a_label_that_cannot_decide_is_an_error():
    with pytest.raises(ValueError, match=r"no Instrument\.SpatialSumming, on which ctxevenodd depends"):
        recipes.steps(RECIPES["ctx"].stages["calibrate"], cube_label())


def test_parameters_of_the_user_replace_those_of_the_recipe():
    [step] = recipes.steps(RECIPES["mdis"].stages["calibrate"], None, {"mdiscal": {"DarkCurrent": "linear"}})
    assert step["parameters"]["darkcurrent"] == "linear"
    assert recipes.steps(RECIPES["mdis"].stages["calibrate"])[0]["parameters"]["darkcurrent"] == "model"


def test_an_optional_step_runs_where_it_has_parameters():
    assert programs("mdis", "correct") == []
    [step] = recipes.steps(RECIPES["mdis"].stages["correct"], None, {"photomet": {"frompvl": "hapke.pvl"}})
    assert step["parameters"]["frompvl"] == "hapke.pvl"


def test_a_product_of_another_instrument_is_refused():
    wide = label("INSTRUMENT_ID = LROC\nINSTRUMENT_MODE_ID = VIS")
    with pytest.raises(ValueError, match=r"^M1CE\.IMG: INSTRUMENT_MODE_ID is VIS; recipe lroc_wac is for COLOR$"):
        require_label("lroc_wac", wide, "M1CE.IMG")
    with pytest.raises(ValueError, match=r"FRAME_ID is missing; .* is for LEFT or RIGHT"):
        require_label("lroc_nac", wide, "M1LE.IMG")
    require_label("lroc_wac_vis", wide, "M1CE.IMG")


def test_keywords_of_the_label_may_stand_in_its_objects():
    nested = label("OBJECT = IMAGE\n INSTRUMENT_ID = CTX <N/A>\nEND_OBJECT")
    require_label("ctx", nested, "x.IMG")
