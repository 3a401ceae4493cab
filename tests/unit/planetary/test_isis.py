"""The ISIS engine against a strict stand-in for the programs (tests/isis_standin.py); no real ISIS is here."""

import copy
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

import isis_standin
from campaign import ROOT
from darkroom.planetary.engines import isis as isis_engine
from darkroom.planetary.engines import programs
from darkroom.planetary.formats import cnet, pvl
from darkroom.planetary.formats.cubes import Cube, Image
from darkroom.planetary.formats.cubes import write as write_cube
from darkroom.planetary.instruments import ingest
from darkroom.planetary.recipes import programs as recipe_programs
from darkroom.planetary.recipes import steps as recipe_steps
from darkroom.samples import planetary as planetary_sample
from planetary_correct_pointing import planetary_correct_pointing
from planetary_detect_control import planetary_detect_control
from planetary_import_geometry import attach

RECIPES = isis_standin.recipes()
PHOTOMETRY = {"photomet": {"frompvl": "model.pvl"}}
MDIS = RECIPES["mdis"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    return isis_standin.install(tmp_path_factory.mktemp("install"))


@pytest.fixture
def isis(installed, tmp_path, monkeypatch):
    """Programs to run, and an empty folder as working directory and home."""
    for name, value in installed.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ISIS_FAULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path(installed["ISISROOT"], "spiceinit.tries").unlink(missing_ok=True)
    return tmp_path


def edr(recipe, folder, name=None, **keywords):
    """A product with a label that is the recipe's and no pixels; a detached label comes with an image."""
    examples = [*recipe.examples, "M119923055CE.IMG"]
    path = folder / (name or examples[0])
    values = {key: value[0] if isinstance(value, list) else value for key, value in recipe.label.items()}
    values = {
        "INSTRUMENT_HOST_NAME": "CRAFT",
        "INSTRUMENT_ID": "X",
        "DATA_SET_ID": "X-EDR",
        "SAMPLING_FACTOR": 1,
    } | values
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pvl.dumps({"CROSSTRACK_SUMMING": 1} | values | keywords | {"^IMAGE": path.stem + ".IMG"}) + "END\n")
    if path.suffix.lower() == ".lbl":
        path.with_suffix(".IMG").write_bytes(b"image")
    return path


def run(recipe, stage, outputs, parameters=None, **inputs):
    label = programs.cube_label(inputs["input"]) if "input" in inputs else None
    programs.run_stage(recipe_steps(recipe.stages[stage], label, parameters), outputs, inputs, pause=0.01)
    return outputs


def ingested(recipe, folder, **keywords):
    """The cubes of one import with SPICE: part -> path."""
    cubes = {part: folder / f"raw.{part}.cub" for part in recipe.parts or [""]}
    run(recipe, "import", cubes, source=edr(recipe, folder / "edr", **keywords))
    return {part: run(recipe, "spice", folder / f"spice.{part}.cub", input=cube) for part, cube in cubes.items()}


def commands(caplog):
    """Command lines that were run, without the preferences."""
    return [line.rsplit(" -preference", 1)[0] for line in caplog.messages if " -preference=" in line]


def left(folder):
    return sorted(path.name for path in folder.iterdir())


# Every recipe, every stage: a wrong parameter in the table fails here.
@pytest.mark.parametrize("name", [name for name in RECIPES if name != "hirise"])
def test_a_recipe_goes_from_the_product_to_a_map(isis, name):
    recipe, work = RECIPES[name], isis / "results"
    (isis / "model.pvl").write_text("Object = PhotometricModel\nEnd_Object\nEnd\n")
    cubes = ingested(recipe, work)
    for part, cube in cubes.items():
        calibrated = run(recipe, "calibrate", work / f"calibrated.{part}.cub", input=cube)
        cubes[part] = run(recipe, "correct", work / f"corrected.{part}.cub", PHOTOMETRY, input=calibrated)
    for camera in dict.fromkeys(part.rpartition(".")[0] for part in cubes):  # framelets of one camera make one map
        mine = [cube for part, cube in cubes.items() if part.rpartition(".")[0] == camera]
        template = run(recipe, "map", work / f"grid.{camera}.pvl", list=mine, projection="Sinusoidal")
        maps = [run(recipe, "project", cube.with_suffix(".map.cub"), input=cube, map=template) for cube in mine]
        whole = run(recipe, "merge", work / f"map.{camera}.cub", list=maps)
        assert programs.cube_label(whole)["Mapping"]["ProjectionName"] == "Sinusoidal"
        with rasterio.open(whole) as cube:
            assert (cube.driver, cube.read(1)[0, 1]) == ("ISIS3", 1.0)
    assert left(isis / "home") == []
    assert [path for path in isis.rglob("*") if path.name == "print.prt" or ".isis" in path.name] == []


def test_hirise_channels_become_a_mosaic(isis, caplog):
    recipe, channels = RECIPES["hirise"], {}
    caplog.set_level(logging.INFO)
    for ccd, numbers in {"RED3": "01", "RED4": "0", "RED5": "01", "RED6": "01"}.items():
        for number in numbers:
            source = edr(recipe, isis, f"ESP_011261_1960_{ccd}_{number}.IMG")
            raw = run(recipe, "import", isis / f"{ccd}_{number}.cub", source=source)
            channels.setdefault(ccd, []).append(run(recipe, "calibrate", isis / f"{ccd}_{number}.cal.cub", input=raw))
    programs.join_channels(recipe.stages, channels, isis / "mosaic.cub", pause=0)
    label = programs.cube_label(isis / "mosaic.cub")
    # hijitreg of the stand-in finds 2.4 samples and -1.6 lines; shifts add up from the middle CCD outwards
    assert label["Placed"].items() == [("At0", "3,-1"), ("At1", "6,-2"), ("At2", "3,-1")]
    assert label["Edited"]["spicefit"] == "Yes"
    histitch = [line for line in commands(caplog) if line.startswith("histitch")]
    assert [("from2=" in line) for line in histitch] == [True, False, True, True]
    assert [name for name in left(isis) if name.startswith(".")] == []


def control(folder, images=("a", "b", "c"), **options):
    """Control of three cubes of CTX by the programs; path of the folder with what was made."""
    recipe, paths = RECIPES["ctx"], []
    for number, name in enumerate(images, 1):
        (folder / name).mkdir(exist_ok=True)
        clock = {"SPACECRAFT_CLOCK_START_COUNT": f"1/{number}:0"}
        paths.append(ingested(recipe, folder / name, **clock)[""].rename(folder / name / "located.cub"))
    names = ("network", "residuals", "pointing", "record")
    made = {name: folder / f"{name}.{end}" for name, end in zip(names, ("net", "csv", "json", "json"), strict=True)}
    ours = {"adjust": "angles", "sigma": 0.5, "radius": 0, "features": 20, "tiles": 3, "least": 5, "bound": 1}
    stages = {stage: recipe.stages[stage] for stage in ("features", "combine", "adjust")}
    asked = {"engine": "isis", "names": list(images), "network": "net", "stages": stages, "parameters": {}}
    asked["control"] = ours | {"network": "", "held": []} | options
    planetary_detect_control([str(path) for path in paths], **made, image=asked)
    return made


def test_jigsaw_adjusts_copies(isis, caplog):
    """Features of each image but the last in those behind it, together; what was adjusted comes by the tables alone."""
    caplog.set_level("INFO")
    made = control(isis, held=["b"], radius=100, adjust="velocities")
    lines = [line for line in caplog.messages if line.startswith(("findfeatures", "cnetcombinept", "jigsaw"))]
    assert [line.split()[0] for line in lines] == ["findfeatures", "findfeatures", "cnetcombinept", "jigsaw"]
    assert "pointid=a_????? " in lines[0].replace("'", "") and "maxpoints=60" in lines[0]
    assert "heldlist=held.lis" in lines[3] and "radius=yes point_radius_sigma=100" in lines[3]
    assert "camsolve=velocities camera_angles_sigma=0.5" in lines[3]
    pointing = json.loads(made["pointing"].read_text())
    turned = {name: block["tables"][0]["fields"]["J2000Q3"] for name, block in pointing.items()}
    assert turned == {"a": [pytest.approx(0.2474, abs=1e-4)], "b": [0.0], "c": [pytest.approx(0.2474, abs=1e-4)]}
    for name in "abc":
        assert Cube(isis / name / "located.cub").table("InstrumentPointing").records["J2000Q3"] == [0.0]
    _, points = cnet.read(made["network"])
    assert len(points) == 24 and points[0].measures[0].serial == "CRAFT/CTX/1/1:0"
    planetary_correct_pointing(isis / "a/located.cub", made["pointing"], isis / "controlled.cub", {"name": "a"})
    assert Cube(isis / "controlled.cub").table("InstrumentPointing").records["J2000Q3"] == turned["a"]
    assert not list(isis.glob(".*images*"))


def test_a_network_of_the_user_goes_to_jigsaw_at_once(isis, caplog):
    made = control(isis)
    made["network"].rename(isis / "mine.net")
    caplog.set_level("INFO")
    caplog.clear()
    control(isis, network=str(isis / "mine.net"))
    lines = [
        line.split()[0] for line in caplog.messages if line.startswith(("findfeatures", "cnetcombinept", "jigsaw"))
    ]
    assert lines == ["jigsaw"]


@pytest.mark.parametrize(
    ("fault", "options", "kind", "message"),
    [
        (
            "jigsaw=diverges",
            {},
            ChildProcessError,
            r"jigsaw failed \(exit status 2\): .*did not converge within MAXITS",
        ),
        ("jigsaw=misses", {}, ValueError, r"images still miss their common places: a by 9.00 pixels, b by 9.00 pixels"),
        ("", {"least": 50}, ValueError, r"the network is in 3 parts: a; b; c \(places in common: a and b: 12; "),
        ("findfeatures=fail", {}, ChildProcessError, r"findfeatures failed"),
    ],
)
def test_an_adjustment_that_is_not_good_is_no_product(isis, monkeypatch, fault, options, kind, message):
    monkeypatch.setenv("ISIS_FAULTS", fault)
    with pytest.raises(kind, match=message):
        control(isis, **options)
    assert not list(isis.glob("*.net")) and not list(isis.glob("*.csv")) and not list(isis.glob("pointing*"))


def test_terrain_of_a_stereo_pair(isis):
    cubes = ingested(RECIPES["ctx"], isis)
    run(
        RECIPES["ctx"], "terrain", isis / "dem.tif", {"point2dem": {"dem-spacing": 20}}, left=cubes[""], right=cubes[""]
    )
    assert (isis / "dem.tif").is_file()


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("import", "mdis2isis from=EN1072174528M.IMG to=1_mdis2isis.cub unlut=yes"),
        (
            "calibrate",
            "mdiscal from=cube.cub to=1_mdiscal.cub darkcurrent=model flatfield=no radiometric=yes iof=yes ecfactor=yes keepdark=no",
        ),
        ("map", "mosrange fromlist=cubes.lis to=common.map projection=equirectangular"),
        ("project", "cam2map from=cube.cub to=1_cam2map.cub map=my.map pixres=map defaultrange=map interp=bilinear"),
        ("merge", "automos fromlist=cubes.lis mosaic=1_automos.cub priority=average"),
    ],
)
def test_command_lines_are_those_of_the_notes(isis, stage, expected, caplog):
    cube = ingested(MDIS, isis / "data")[""].rename(isis / "cube.cub")
    run(MDIS, "map", isis / "my.map", list=[cube], projection="equirectangular")
    projected = run(MDIS, "project", isis / "map.cub", input=cube, map=isis / "my.map")
    cubes = [projected, projected] if stage == "merge" else [cube]
    inputs = {
        "source": edr(MDIS, isis),
        "input": cube,
        "map": isis / "my.map",
        "list": cubes,
        "projection": "equirectangular",
    }
    caplog.set_level(logging.INFO)
    suffix = "map" if stage == "map" else "cub"
    run(
        MDIS,
        stage,
        isis / f"made.{suffix}",
        {"mdiscal": {"flatfield": False}, "automos": {"priority": "average"}},
        **inputs,
    )
    assert commands(caplog) == [expected]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bogus": 1}, r"mdiscal failed (exit status 2): Invalid command line. Unknown parameter [bogus]."),
        ({"darkcurrent": "deep"}, "Value of [DARKCURRENT] must be one of [NONE, STANDARD, LINEAR, MODEL]."),
        ({"iof": "perhaps"}, "Illegal value for [IOF], [perhaps]."),
    ],
)
def test_the_words_of_a_program_that_refuses_are_the_error(isis, parameters, message):
    cube = ingested(MDIS, isis)[""]
    with pytest.raises(ChildProcessError) as error:
        run(MDIS, "calibrate", isis / "out/cal.cub", {"mdiscal": parameters}, input=cube)
    assert message in str(error.value)
    assert left(isis / "out") == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "fail",
            r"mdiscal failed \(exit status 4\): mdiscal was told to fail \[it did\]\. Cannot read file .* Byte count \[512\]\.$",
        ),
        ("abort", r"mdiscal failed \(killed by SIGABRT\)"),
        ("silent", r"mdiscal ended well, but made no 1_mdiscal\.cub"),
        ("short", r"mdiscal made a cube of 66544 bytes; its label needs 66560"),
    ],
)
def test_what_a_failed_program_leaves_is_removed(isis, monkeypatch, fault, message):
    cube = ingested(MDIS, isis)[""]
    monkeypatch.setenv("ISIS_FAULTS", f"mdiscal={fault}")
    with pytest.raises(ChildProcessError, match=message):
        run(MDIS, "calibrate", isis / "out/cal.cub", input=cube)
    assert left(isis / "out") == []
    monkeypatch.delenv("ISIS_FAULTS")
    run(MDIS, "calibrate", isis / "out/cal.cub", input=cube)
    assert left(isis / "out") == ["cal.cub"]


def test_a_stage_that_is_told_to_end_ends_its_program_and_leaves_nothing(isis):
    ingested(MDIS, isis)
    code = "import json, sys; from pathlib import Path; from darkroom.planetary.engines import programs; steps = json.loads(sys.argv[1]); programs.run_stage(steps, Path('out/cal.cub'), {'input': Path('spice..cub')})"
    environ = os.environ | {"ISIS_FAULTS": "mdiscal=hang", "PYTHONPATH": str(ROOT / "scripts")}
    job = subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(recipe_steps(MDIS.stages["calibrate"]))],
        env=environ,
        stderr=subprocess.PIPE,
    )
    began = time.monotonic()
    while not (made := list(isis.glob("out/.*/1_mdiscal.cub"))):
        assert time.monotonic() - began < 600
        time.sleep(0.02)
    program = int(subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True, check=True).stdout)
    job.send_signal(signal.SIGTERM)
    assert b"KeyboardInterrupt: stopped by SIGTERM" in job.communicate(timeout=600)[1]
    assert not made[0].exists()
    assert left(isis / "out") == []
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)


def test_what_a_killed_job_has_left_is_cleared_away_by_the_next(isis):
    cube = ingested(MDIS, isis)[""]
    (isis / "out/.cal.cub.isis999999").mkdir(parents=True)
    run(MDIS, "calibrate", isis / "out/cal.cub", input=cube)
    assert left(isis / "out") == ["cal.cub"]


def test_programs_that_edit_in_place_get_a_copy(isis):
    raw = run(MDIS, "import", isis / "raw.cub", source=edr(MDIS, isis))
    before = raw.read_bytes()
    with_spice = [run(MDIS, "spice", isis / name, input=raw).read_bytes() for name in ("a.cub", "b.cub")]
    assert raw.read_bytes() == before
    assert with_spice[0] == with_spice[1] != before


def test_a_step_sees_what_the_one_before_made(isis):
    viking = RECIPES["viking"]
    calibrated = run(viking, "calibrate", isis / "cal.cub", input=ingested(viking, isis)[""])
    assert programs.cube_label(calibrated)["Edited"]["findrx"] == "Yes"


@pytest.mark.parametrize("name", ["a b.IMG", "q+1.IMG", "mesure_été.IMG", "$HOME,(1)=2.IMG"])
def test_names_that_programs_cannot_take_are_worked_around(isis, name):
    folder = isis / "Données +1"
    cube = run(MDIS, "import", folder / "raw+1 é.cub", source=edr(MDIS, folder, name))
    assert programs.cube_label(cube)["Archive"]["SourceProductId"] == programs.safe_name(Path(name).stem)
    assert left(folder) == sorted([name, "raw+1 é.cub"])


def test_the_image_of_a_detached_label_comes_along(isis):
    source = edr(RECIPES["cassini_iss"], isis / "edr", **{"^STRUCTURE": "TLMTAB.FMT"})
    (isis / "edr/tlmtab.fmt").write_text("END\n")
    assert sorted(path.name for path in programs._described(source)) == ["N1472853667_1.IMG", "tlmtab.fmt"]
    cube = run(RECIPES["cassini_iss"], "import", isis / "raw.cub", source=source)
    assert programs.cube_label(cube)["Archive"]["SourceProductId"] == "N1472853667_1"
    source.with_suffix(".IMG").unlink()
    with pytest.raises(ChildProcessError, match=r"Unable to open \[N1472853667_1\.IMG\]"):
        run(RECIPES["cassini_iss"], "import", isis / "raw.cub", source=source)


def test_no_program_writes_through_a_link_to_a_source(isis):
    source = edr(MDIS, isis, "1_mdis2isis.cub")
    text = source.read_text()
    run(MDIS, "import", isis / "out.cub", source=source)
    preferences = edr(MDIS, isis, "preferences.pvl")
    run(MDIS, "import", isis / "out.cub", source=preferences)
    assert source.read_text() == text
    assert "SessionLog" not in preferences.read_text()


def test_files_in_the_users_parameters_are_found(isis, caplog):
    cube = ingested(RECIPES["ctx"], isis)[""]
    flat = isis / "my flats/flat.cub"
    flat.parent.mkdir()
    flat.write_bytes(cube.read_bytes())
    caplog.set_level(logging.INFO)
    run(RECIPES["ctx"], "calibrate", isis / "cal.cub", {"ctxcal": {"flatfile": "my flats/flat.cub"}}, input=cube)
    assert "flatfile=flat.cub" in commands(caplog)[0]
    with pytest.raises(ChildProcessError, match=r"Unable to open \[gone/flat\.cub\]"):
        run(RECIPES["ctx"], "calibrate", isis / "cal.cub", {"ctxcal": {"flatfile": "gone/flat.cub"}}, input=cube)


def test_what_programs_say_goes_to_the_log(isis, caplog):
    caplog.set_level(logging.INFO)
    run(MDIS, "import", isis / "raw.cub", source=edr(MDIS, isis))
    text = caplog.text
    assert "will be depreciated" in text  # stderr of a program that ends well
    assert "UserParameters" in text  # its session log


def test_a_value_that_the_stage_lacks_is_named(isis):
    cube = ingested(MDIS, isis)[""]
    with pytest.raises(ValueError, match=r"cam2map map=\{map\}: this stage has no \{map\}; it has .*input"):
        run(MDIS, "project", isis / "map.cub", input=cube)


WEB = {"spiceinit": {"web": True}}


def test_a_busy_spice_server_is_asked_again(isis, monkeypatch, caplog):
    raw = run(MDIS, "import", isis / "raw.cub", source=edr(MDIS, isis))
    monkeypatch.setenv("ISIS_FAULTS", "spiceinit=web2")
    run(MDIS, "spice", isis / "spice.cub", WEB, input=raw)
    assert caplog.text.count("The server refused the connection") == 2
    monkeypatch.setenv("ISIS_FAULTS", "spiceinit=web9")
    with pytest.raises(OSError, match=r"the SPICE web service: .*talking to the server\. The server refused"):
        programs.run_stage(
            recipe_steps(MDIS.stages["spice"], None, WEB), isis / "no.cub", {"input": raw}, attempts=2, pause=0
        )


def test_a_refusal_is_not_asked_again(isis, caplog):
    hrsc = RECIPES["hrsc"]
    raw = run(hrsc, "import", isis / "raw.cub", source=edr(hrsc, isis))
    with pytest.raises(ChildProcessError, match="does not support MEX HRSC"):
        run(hrsc, "spice", isis / "spice.cub", WEB, input=raw)
    assert "attempt" not in caplog.text


def needs(*names, geometry=("local",)):
    """What rows of recipes need that go through all stages but heights."""
    by_recipe = {}
    for name in names:
        recipe = RECIPES[name]
        stages = [stage for stage in recipe.stages if stage != "terrain"]
        by_recipe[name] = {"title": recipe.title, "areas": recipe.areas, "web_spice": recipe.web_spice}
        by_recipe[name] |= {"geometry": geometry, "programs": recipe_programs(recipe, stages)}
    return by_recipe


def test_nothing_is_missing_where_all_is_installed(installed):
    assert programs.problems(needs(*RECIPES), os.environ | installed) == []
    programs.check(needs(*RECIPES), os.environ | installed)


@pytest.mark.parametrize("name", ["ISISROOT", "ISISDATA"])
def test_an_environment_without_isis_is_told_what_to_set(installed, name):
    [problem] = programs.problems(needs("mdis"), os.environ | installed | {name: ""})
    assert problem.startswith(f"{name} is not set")


def test_an_active_conda_environment_with_isis_is_isisroot(installed):
    environ = {"CONDA_PREFIX": installed["ISISROOT"], "ISISDATA": installed["ISISDATA"]}
    assert programs.problems(needs("mdis"), environ) == []


@pytest.mark.parametrize(
    ("geometry", "command"),
    [
        ({"local"}, "downloadIsisData mro $ISISDATA"),
        ({"local", "web"}, "downloadIsisData mro $ISISDATA"),
        (
            {"web"},
            'downloadIsisData mro $ISISDATA --exclude="kernels/**"; '
            'downloadIsisData mro $ISISDATA --include="kernels/sclk/**"',
        ),
    ],
)
def test_a_missing_area_comes_with_the_command_that_installs_it(tmp_path, geometry, command):
    environ = os.environ | isis_standin.install(tmp_path, areas=("base",))
    with pytest.raises(OSError, match="mro is missing") as error:
        programs.check(needs("ctx", geometry=geometry) | needs("hirise", geometry=[]), environ)
    assert str(error.value) == f"{tmp_path}/isisdata/mro is missing; run: {command}"


def test_calibration_without_kernels_suffices_with_the_web_service_alone(tmp_path):
    environ = os.environ | isis_standin.install(tmp_path)
    shutil.rmtree(tmp_path / "isisdata/mro/kernels")
    assert programs.problems(needs("ctx", geometry=["web"]), environ) == []
    [problem] = programs.problems(needs("ctx"), environ)
    assert "mro has no kernels; run: downloadIsisData mro $ISISDATA;" in problem


def test_the_base_area_needs_its_leap_seconds(tmp_path):
    environ = os.environ | isis_standin.install(tmp_path)
    (tmp_path / "isisdata/base/kernels/lsk/naif0012.tls").unlink()
    [problem] = programs.problems(needs("mdis", geometry=["web"]), environ)
    assert problem.endswith("base has no leap seconds (kernels/lsk/naif????.tls); run: downloadIsisData base $ISISDATA")


def test_the_web_service_is_refused_before_work_where_it_does_not_serve(installed):
    [problem] = programs.problems(needs("hrsc", "ctx", geometry=["web"]), os.environ | installed)
    assert problem.startswith("recipe hrsc: the SPICE web service does not serve Mars Express HRSC")
    assert problem.endswith("downloadIsisData mex $ISISDATA")
    assert programs.problems(needs("hrsc") | needs("ctx", geometry=["web"]), os.environ | installed) == []


def test_programs_and_parameters_that_are_not_installed_are_named(tmp_path):
    environ = os.environ | isis_standin.install(tmp_path) | {"PATH": "/usr/bin"}
    (tmp_path / "isis/bin/mdiscal").unlink()
    missing = programs.problems(needs("mdis"), environ, {"mdis2isis": {"unlute": True}})
    assert missing[0].startswith(f"programs that are not in {tmp_path}/isis/bin: mdiscal;")
    assert missing[1] == "parameters: mdis2isis has no unlute; it has from, target, to, unlut"


def test_a_data_area_whose_path_isis_cannot_read_is_refused(tmp_path):
    environ = os.environ | isis_standin.install(tmp_path / "d+1")
    problems = programs.problems(needs("mdis"), environ)
    assert len(problems) == 2
    assert all("ISIS cannot read paths with +" in problem for problem in problems)


def test_the_version_is_that_of_the_installation(installed):
    assert programs.version(installed) == "8.3.0"
    assert programs.version({}) == "unknown"


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        (
            "**USER ERROR** Unable to find the necessary SPICE kernels for converting to IOF.\n**I/O ERROR** Data directory for mission [lro] is not installed at your site.\n\n",
            "Unable to find the necessary SPICE kernels for converting to IOF. Data directory for mission [lro] is not installed at your site.",
        ),
        (f"{isis_standin.NOISE}\n**ERROR** One\nand on.\n{isis_standin.NOISE}\n", "One and on."),
        ("Killed\n", "Killed"),
        ("", "it said nothing"),
    ],
)
def test_causes_are_told_in_the_order_of_isis(stderr, expected):
    assert programs.causes(stderr) == expected


@pytest.mark.parametrize(
    ("offsets", "expected"), [(("-1.5 StdDev: 1", "2.25 StdDev: 1"), (-1.5, 2.25)), (("NULL", "NULL"), (0, 0))]
)
def test_offsets_of_a_ccd(tmp_path, offsets, expected):
    report = tmp_path / "flat.txt"
    report.write_text("#   Average Sample Offset: {}\n#   Average Line Offset:   {}\n".format(*offsets))
    assert programs.ccd_offset(report) == expected


def test_the_stand_in_refuses_what_isis_refuses(isis):
    recipe = copy.deepcopy(MDIS)
    cube = ingested(recipe, isis)[""]
    [step] = recipe.stages["calibrate"]
    for wrong, message in (
        ({"to": "{input}"}, "is in use already"),
        ({"to": "nodir/x.cub"}, r"Failed to create \[nodir/x\.cub\]\. Verify the output path"),
        ({"from": "é.cub"}, "Unable to open"),
    ):
        step["parameters"] |= {"from": "{input}", "to": "{output}"} | wrong
        fresh = isis / "fresh.cub"
        fresh.write_bytes(cube.read_bytes())
        with pytest.raises(ChildProcessError, match=message):
            run(recipe, "calibrate", isis / "cal.cub", input=fresh)


# What a real ISIS 8.3 refused, or did in silence; the stand-in does as it did.

NO_GEOMETRY = {"parameters": {}, "steps": RECIPES["mdis"].stages["map"]}


@pytest.mark.parametrize(("fault", "domain", "west"), [("", "360", "0.0"), ("mosrange=meridian", "180", "-1.0")])
def test_the_range_is_that_of_the_narrower_domain(isis, monkeypatch, fault, domain, west):
    cube = ingested(MDIS, isis)[""]
    monkeypatch.setenv("ISIS_FAULTS", fault)
    mapping = isis_engine.template([cube], isis / "grid.map", {"ProjectionName": "Sinusoidal"}, NO_GEOMETRY)
    assert (mapping["LongitudeDomain"], mapping["MinimumLongitude"], mapping["ProjectionName"]) == (
        domain,
        west,
        "Sinusoidal",
    )


def test_the_conventions_of_a_template_are_those_of_its_range(isis, caplog):
    caplog.set_level(logging.INFO)
    given = {"ProjectionName": "Equirectangular", "LatitudeType": "Planetographic"}
    given |= {"LongitudeDirection": "PositiveWest", "LongitudeDomain": 180}
    mapping = isis_engine.template([ingested(MDIS, isis)[""]], isis / "grid.map", given, NO_GEOMETRY)
    assert {key: mapping[key] for key in given} == given | {"LongitudeDomain": "180"}
    assert commands(caplog)[-1].endswith("lattype=planetographic londir=positivewest londom=180")


def test_photometry_has_a_threshold(isis):
    light = {"model": "minnaert", "incidence": 30, "parameters": {"k": 0.7}}
    image = {"parameters": {}, "steps": MDIS.stages["correct"], "photometry": light}
    isis_engine.correct(ingested(MDIS, isis)[""], isis / "corrected.cub", image)
    assert (isis / "corrected.cub").is_file()
    with pytest.raises(ChildProcessError, match="ALBEDO Normalization model requires a value for the THRESH parameter"):
        light = {"phtname": "lambert", "normname": "albedo", "incref": 30, "albedo": 1}
        run(MDIS, "correct", isis / "no.cub", {"photomet": light}, input=isis / "corrected.cub")


def test_geometry_of_ours_is_a_camera_of_isis(isis):
    """Its unknown solar longitude is no saturated angle."""
    planetary_sample.mdis(isis)
    frame = min(isis.glob("EN*.IMG"))
    write_cube(isis / "raw.cub", ingest.image(frame))
    attach(isis / "raw.cub", frame.with_suffix(".isd.json"), isis / "located.cub")
    assert run(MDIS, "map", isis / "grid.map", list=[isis / "located.cub"], projection="Sinusoidal").is_file()
    content = (isis / "located.cub").read_bytes()
    saturated = b"SolarLongitude=-1.7976931348623157e+308"
    pattern = rb"SolarLongitude *= *-1\.79769313486231e\+308"
    wrong, count = re.subn(pattern, lambda match: saturated.ljust(len(match[0])), content)
    assert (count, len(wrong)) == (1, len(content))
    (isis / "wrong.cub").write_bytes(wrong)
    with pytest.raises(ChildProcessError, match="Angle cannot be a non-Null special pixel"):
        run(MDIS, "map", isis / "no.map", list=[isis / "wrong.cub"], projection="Sinusoidal")


@pytest.mark.parametrize("name", ["moc", "themis_vis"])
def test_calibrations_that_need_geometry_say_so(isis, name):
    recipe = RECIPES[name]
    source = edr(recipe, isis / "edr", **{"DATA_SET_ID": "X-RDR"})
    parts = {part: isis / f"raw.{part}.cub" for part in recipe.parts or [""]}
    run(recipe, "import", parts, source=source)
    with pytest.raises(ChildProcessError, match="Unable to initialize camera model"):
        run(recipe, "calibrate", isis / "no.cub", input=next(iter(parts.values())))


def test_clock_and_ephemerides_are_missed_before_work(tmp_path):
    environ = os.environ | isis_standin.install(tmp_path)
    data = tmp_path / "isisdata"
    shutil.rmtree(data / "messenger/kernels")
    (data / "base/kernels/spk/de430.bsp").unlink()
    [sun, clock] = programs.problems(needs("mdis", geometry=["web"]), environ)
    assert (
        sun
        == f"{data}/base has no ephemerides of planets (kernels/spk/de???.bsp); run: downloadIsisData base $ISISDATA"
    )
    command = 'downloadIsisData messenger $ISISDATA --include="kernels/sclk/**"'
    assert clock == f"{data}/messenger has no clock of the spacecraft (kernels/sclk); run: {command}"
    shutil.rmtree(data / "messenger")
    [missing, _] = programs.problems(needs("mdis", geometry=["web"]), environ)
    light = 'downloadIsisData messenger $ISISDATA --exclude="kernels/**"'
    assert missing == f"{data}/messenger is missing; run: {light}; {command}"


def test_products_of_a_calibrated_level_are_scaled_as_natively(isis):
    """ISIS has no program for them: their numbers would be DN under the name of calibrated ones."""
    groups = {"Instrument": {"InstrumentId": "HRSC"}}
    image = Image(1, 1, 2, "u1", groups, [(np.array([[[10, 20]]], "u1"), None)])
    image.original = b"REFLECTANCE_SCALING_FACTOR = 0.01\nEND\n"
    write_cube(isis / "raw.cub", image)
    told = {"recipe": "hrsc", "calibration": {"units": "iof"}, "steps": [], "parameters": {}}
    isis_engine.calibrate(isis / "raw.cub", isis / "made.cub", told)
    assert Cube(isis / "made.cub").read()[0].ravel() == pytest.approx([0.1, 0.2])
