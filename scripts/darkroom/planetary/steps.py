"""What the steps are asked: what they read and nothing else, so that an option makes again only what depends on it."""

from darkroom.planetary import recipes
from darkroom.planetary.geometry import basemap
from darkroom.planetary.plan import CONTROL, JOIN, Composite, Image
from darkroom.planetary.recipes import Recipe


def asked(engine: str, recipe: Recipe, options: dict, *stages: str) -> dict:
    """What a step is asked of its engine: with ISIS the steps of its stages, and what a row says of their programs."""
    if engine != "isis":
        return {"engine": engine}
    steps = {stage: recipe.stages.get(stage, []) for stage in stages}
    programs = recipes.programs(recipe, stages)
    parameters = {program: given for program, given in options["parameters"].items() if program in programs}
    listed = {"steps": steps[stages[0]]} if len(stages) == 1 else {"stages": steps}
    return {"engine": engine, "parameters": parameters} | listed


def import_of(image: Image, part: str) -> dict:
    """To ingest a part of an image."""
    product = {"title": image.recipe.title, "label": image.recipe.label} | _file_of(image, part)
    if image.engine == "isis" and image.name != recipes.CUBE:
        return product | {"parts": list(image.recipe.parts)} | _asked(image, "import")
    return product | _native(image, "ingest") | {"calibrate": image.level == "calibrated"}


def geometry_of(image: Image, part: str) -> dict:
    """To attach the geometry of a part of an image."""
    options = image.row.options
    way = options["geometry"]
    if way == "isd":
        return {"geometry": way, "isd": options["isd"], "shape": options["shape"]} | _file_of(image, part)
    if way == "attached":
        return {"geometry": way, "shape": options["shape"]}
    if way == "spice":
        return {"geometry": way, "kernels": options["kernels"], "shape": options["shape"]}
    return {"geometry": way} | _asked(image, "spice")


def kernels_of(image: Image, part: str) -> dict:
    """To see that SPICE kernels have what a part of an image needs."""
    asked = _file_of(image, part) | _native(image, "ingest")
    return asked | {"dataset": image.row.dataset, "kernels": image.row.options["kernels"]}


def calibration_of(image: Image) -> dict:
    """To calibrate an image. What ISIS has no program for, as its archive calibrates it, is scaled by our own code."""
    if image.engine != "isis":
        return _native(image, "calibration")
    ours = image.name == recipes.CUBE or (image.camera and image.camera.calibrate)
    scaled = ours and not image.recipe.stages.get("calibrate")
    return _asked(image, "calibrate") | (_native(image, "calibration") | {"engine": "isis"} if scaled else {})


def join_of(image: Image) -> dict:
    """To make one image of its channels."""
    return {"geometry": image.row.options["geometry"]} | _asked(image, *JOIN)


def light_of(image: Image) -> dict:
    """To bring an image to one light."""
    return {"photometry": image.row.options["photometry"]} | _asked(image, "correct")


def backplanes_of(image: Image) -> dict:
    """To tell where the pixels of an image are."""
    return _asked(image, "backplanes")


def control_of(made: Composite) -> dict:
    """To adjust the cameras of the images of a composite to each other."""
    options = made.row.options["control"]
    held = [name for name, (image, _) in made.sources.items() if image.row.dataset in options["hold"]]
    control = {key: value for key, value in options.items() if key != "hold"} | {"held": held}
    return {"names": list(made.sources), "network": made.row.dataset, "control": control} | _asked_of(made, *CONTROL)


def range_of(made: Image | Composite) -> dict:
    """To find the grid of a map."""
    options = {key: value for key, value in made.row.options["map"].items() if key not in ("interpolation", "crs")}
    if code := made.row.options["map"].get("crs"):
        options["basemap"] = basemap.keywords(code)
    return {"map": options} | _asked_of(made, "map")


def projection_of(made: Image | Composite, name: str) -> dict:
    """To project one of the sources of a map."""
    image, _ = made.sources[name]
    own = {"interpolation": made.row.options["map"]["interpolation"], "may_miss": len(made.sources) > 1}
    return own | asked(image.engine, image.recipe, made.row.options, "project")


def merge_of(made: Image | Composite) -> dict:
    """To lay the projected sources of a map over each other; what ISIS's automos does not do, our own code does."""
    options, engine = made.row.options, {"engine": "native"}
    how, priority = options["equalize"], {"priority": options["priority"]}
    if isinstance(made, Composite) and made.stage == "colour":
        return engine | priority | {"colours": True}
    if isinstance(made, Image) or (how["adjust"] == "none" and not options["feather"]):
        return priority | _asked_of(made, "merge")
    asked = engine | priority | {"feather": options["feather"]}
    if how["adjust"] != "none":
        held = [name for name, (image, _) in made.sources.items() if image.row.dataset in how["hold"]]
        keys = ("adjust", "weighted", "least")
        asked["equalize"] = {key: how[key] for key in keys} | {"held": [f"projected.{name}.cub" for name in held]}
    return asked


def terrain_of(made: Composite) -> dict:
    """To measure heights."""
    return _asked_of(made, "terrain")


def _asked(image, *stages):
    return asked(image.engine, image.recipe, image.row.options, *stages)


def _asked_of(made, *stages):
    """What a map as a whole is asked: by the recipe of its first image, with what the row of the map says."""
    image, _ = next(iter(made.sources.values()))
    return asked(image.engine, image.recipe, made.row.options, *stages)


def _file_of(image, part):
    return {"recipe": image.name, "names": image.recipe.names, "part": part}


def _native(image, section):
    """What our own code is asked of an image: those of the options that its camera has, and whose file that is."""
    given, camera = image.row.options[section], image.camera
    options = {key: given[key] for key in camera.options.get(section, {}) if key in given} if camera else {}
    camera = {"camera": camera.file} if camera and camera.file else {}
    return {"engine": "native", "recipe": image.name, section: options} | camera
