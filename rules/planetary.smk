"""Images of spacecraft cameras -> calibrated ISIS cubes, maps, mosaics, and what opens elsewhere.

ingested.cub -> located.cub -> calibrated.cub (planetary_cubes.smk) -> map.cub, mosaic.cub (planetary_maps.smk)
-> *.tif, preview.png, item.json (planetary_deliver.smk). A part of an image that its camera or archive cuts up (a
framelet set, a detector) stands before the suffix: calibrated.even.cub. Here: which recipe a row has, what it ends in.
"""


wildcard_constraints:
    part=r"(\.[A-Za-z0-9_]+)*",
    image=r"[A-Za-z0-9][A-Za-z0-9._-]*",


ENGINE = config["planetary"]["engine"]
ENGINE_ENV = {"native": "../envs/planetary.yaml", "isis": "../envs/isis.yaml"}[ENGINE]
CONTAINER = config["planetary"]["container"] if ENGINE == "isis" else ""
# ISIS is checked before any of its programs runs.
ISIS = ["<results>/<campaign>/isis.json"] if ENGINE == "isis" else []
# Recipes of rows that are made of the images of other rows, and the cube that they end in.
JOINED = {"mosaic": "mosaic", "stereo": "terrain"}


def read_recipes(paths):
    """Recipes by name, each with every stage; a later table replaces recipes and common stages of an earlier one."""
    stages, recipes = {}, {}
    for path in paths:
        with open(path) as file:
            table = yaml.safe_load(file)
        refuse(problems(table, schema("recipes"), path))
        stages |= table.get("stages", {})
        recipes |= table["recipes"]
    return {name: recipe | {"stages": stages | recipe["stages"]} for name, recipe in recipes.items()}


def recipe_name(row):
    """The recipe of a row: the one it names, or the one that knows the name of its file; "" when none does."""
    name = os.path.basename(row["source"].rstrip("/"))
    fitting = [recipe for recipe, table in RECIPES.items() if re.fullmatch(table["names"], name, re.IGNORECASE)]
    return row.get("recipe") or (fitting[0] if len(fitting) == 1 else "")


def is_image(row):
    """Whether a row is an image of a camera, not made of others."""
    return row.get("pipeline") == "planetary" and recipe_name(row) not in JOINED


def parts(dataset):
    """The parts that an image comes in, each with its dot; one without a name where it is whole."""
    row = DATASETS[dataset]
    recipe = RECIPES.get(recipe_name(row), {})
    names = row["options"]["parts"] or recipe.get("parts") or []
    if not names and os.path.isdir(row["source"]):  # a file for each channel of a camera of many CCDs
        found = (re.fullmatch(recipe["names"], name, re.IGNORECASE) for name in os.listdir(row["source"]))
        names = sorted(f"{file['ccd']}_{file['channel']}" for file in found if file and "ccd" in file.re.groupindex)
    return [f".{name}" for name in names] or [""]


def joined(dataset):
    """Whether the channels of an image are made one before it is projected."""
    stages = RECIPES.get(recipe_name(DATASETS[dataset]), {}).get("stages", {})
    return ENGINE == "isis" and "stitch" in stages and located(dataset)


def cameras(dataset):
    """Parts that are maps of their own: the framelet sets vis.even and vis.odd make one, uv.even and uv.odd another."""
    first = dataset if is_image(DATASETS[dataset]) else DATASETS[dataset]["options"]["images"][0]
    return [""] if joined(first) else list(dict.fromkeys(part.rpartition(".")[0] for part in parts(first)))


def located(dataset):
    """Whether it is asked for where the camera stood, so that a map can be made."""
    return DATASETS[dataset]["options"]["geometry"] != "none"


def planetary_problems(row):
    """What is wrong with a row, beyond its options."""
    where, recipe, options = row["where"], recipe_name(row), row["options"]
    if recipe in JOINED:
        if len(options["images"]) < 2:
            yield f"{where} options images: name two datasets or more, such as {{images: [left, right]}}"
        for name in options["images"]:
            if not is_image(DATASETS.get(name, {})):
                yield f"{where} options images: {name!r} is no planetary image of this sheet{nearest(name, DATASETS)}"
            elif not located(name):
                yield f"{where} options images: {name!r} has no geometry; give it one in its options"
    elif recipe not in RECIPES:
        wrong = f"{recipe!r} is unknown" if recipe else f"the name of {row['source']!r} does not tell its instrument"
        yield f"{where} recipe: {wrong}{nearest(recipe, [*RECIPES, *JOINED])}"
    elif not row["source"]:
        yield f"{where} source: an image has one; only rows of {' and '.join(JOINED)} have none"
    if ENGINE == "native" and (recipe == "stereo" or options["geometry"] in ("local", "web")):
        yield f"{where}: {recipe if recipe == 'stereo' else options['geometry']} needs engine: isis in the config"
    for program in options["parameters"].keys() - PROGRAMS:
        yield f"{where} options parameters: no recipe runs {program!r}{nearest(program, PROGRAMS)}"
    for key in ("engine", "container", "batch", "recipes", "pds4"):
        if options[key] != config["planetary"][key]:
            yield f"{where} options: {key!r} is of the whole campaign; set it in the config"


def cubes(dataset):
    """The cubes that a dataset ends in, without their suffix."""
    if DATASETS[dataset]["pipeline"] != "planetary":
        return ["no planetary image"]
    if not is_image(DATASETS[dataset]):
        return [f"{JOINED[recipe_name(DATASETS[dataset])]}{camera}" for camera in cameras(dataset)]
    calibrated = [f"calibrated{part}" for part in parts(dataset)]
    maps = [f"map{camera}" for camera in cameras(dataset) if located(dataset)]
    return [*calibrated, *["joined"] * joined(dataset), *maps]


def planetary_products(dataset):
    """The files that a dataset ends in."""
    options = DATASETS[dataset]["options"]
    suffixes = ["cub", "tif", *["xml", "img"] * options["pds4"]]
    ingested = [f"ingested{part}.cub" for part in parts(dataset) if is_image(DATASETS[dataset])]
    tiles = ["precomputed/info", "neuroglancer.json"] * options["tiles"]
    delivered = expand("{cube}.{suffix}", cube=cubes(dataset), suffix=suffixes)
    return [*ingested, *delivered, *tiles, "preview.png", "item.json"]


def planetary_records(dataset):
    """The records that a dataset ends in."""
    return ["planetary.json", *["volume.json", "precomputed_check.json"] * DATASETS[dataset]["options"]["tiles"]]


def asked(dataset, part, *keys):
    """What a step has to know of an image: its part, its recipe and these options, so that others change nothing."""
    row = DATASETS[dataset]
    recipe = recipe_name(row)
    known = {"part": part.strip("."), "engine": ENGINE, "recipe": recipe, "steps": RECIPES[recipe]}
    return known | {key: row["options"][key] for key in keys}


ENDS["planetary"] = {
    "products": planetary_products,
    "records": planetary_records,
    "problems": planetary_problems,
    "sourceless": True,
}
RECIPES = read_recipes([workflow.source_path("../config/recipes.yaml"), *config["planetary"]["recipes"]])
PROGRAMS = {step["program"] for recipe in RECIPES.values() for steps in recipe["stages"].values() for step in steps}


include: "planetary_cubes.smk"
include: "planetary_maps.smk"
include: "planetary_terrain.smk"
include: "planetary_deliver.smk"
