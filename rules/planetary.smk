"""Images of spacecraft cameras -> calibrated ISIS cubes, maps, mosaics, and what opens elsewhere.

ingested.cub -> located.cub -> calibrated.cub (planetary_cubes.smk) -> map.cub, mosaic.cub (planetary_maps.smk)
-> *.tif, preview.png, item.json (planetary_deliver.smk). A part of an image that its camera or archive cuts up (a
framelet set, a detector) stands before the suffix: calibrated.even.cub. Here: which recipe a row has, what it ends in.
"""


wildcard_constraints:
    part=r"(\.[A-Za-z0-9_]+)*",
    image=r"[A-Za-z0-9][A-Za-z0-9._-]*",


ENGINE = config["planetary"]["engine"]
ENGINE_ENV = {"native": "../../envs/planetary.yaml", "isis": "../../envs/isis.yaml"}[ENGINE]
CONTAINER = config["planetary"]["container"] if ENGINE == "isis" else ""
MODULES = config["planetary"]["modules"] if ENGINE == "isis" else []
# ISIS is checked before any of its programs runs.
ISIS = ["<results>/<campaign>/isis.json"] if ENGINE == "isis" else []


include: "planetary_recipes.smk"


# Options that name files.
FILES = [("", "isd"), ("ingest", "lut"), ("map", "template")]
FILES += [
    ("calibration", key) for key in ("flat", "dark_file", "nonlinearity_file", "offset_file", "responsivity_file")
]
FILES += [("calibration", "empirical_correction")]


def planetary_problems(row):
    """What is wrong with a row, beyond its options."""
    where, recipe, options = row["where"], recipe_name(row), row["options"]
    if recipe in JOINED:
        if len(options["images"]) < 2:
            yield f"{where} options images: name two datasets or more, such as {{images: [left, right]}}"
        if recipe == "stereo" and len(options["images"]) > 2:
            yield f"{where} options images: a stereo pair is of two datasets, not of {len(options['images'])}"
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
    if ENGINE == "native" and (recipe == "stereo" or "native" not in RECIPES.get(recipe, {"native": ""})):
        yield f"{where} recipe: {recipe} needs engine: isis in the config"
    if ENGINE == "native" and options["geometry"] in ("local", "web"):
        yield f"{where} options geometry: {options['geometry']} needs engine: isis in the config; engine native takes isd"
    if (
        is_image(row)
        and options["geometry"] == "none"
        and (options["backplanes"] or options["photometry"]["model"] != "none")
    ):
        yield f"{where} options: backplanes and photometry need geometry; it is none"
    for section, key in FILES:
        path = options[section].get(key) if section else options[key]
        if path and not os.path.exists(path):
            yield f"{where} options {f'{section}.{key}'.strip('.')}: {path!r} is not there"
    for program in options["parameters"].keys() - PROGRAMS:
        yield f"{where} options parameters: no recipe runs {program!r}{nearest(program, PROGRAMS)}"
    for key in ("engine", "container", "modules", "batch", "recipes", "pds4"):
        if options[key] != config["planetary"][key]:
            yield f"{where} options: {key!r} is of the whole campaign; set it in the config"


def cubes(dataset):
    """The cubes that a dataset ends in, without their suffix."""
    if DATASETS[dataset]["pipeline"] != "planetary":
        return ["no planetary image"]
    if not is_image(DATASETS[dataset]):
        return [f"{JOINED[recipe_name(DATASETS[dataset])]}{camera}" for camera in cameras(dataset)]
    images = [f"{level(dataset)}{part}" for part in parts(dataset)]
    maps = [f"map{camera}" for camera in cameras(dataset) if located(dataset)]
    return [*images, *["joined"] * joined(dataset), *maps]


def planetary_products(dataset):
    """The files that a dataset ends in."""
    options = DATASETS[dataset]["options"]
    suffixes = ["cub", "tif", *["xml", "img"] * options["pds4"]]
    ingested = [f"ingested{part}.cub" for part in parts(dataset) if is_image(DATASETS[dataset])]
    tiles = ["precomputed/info", "neuroglancer.json"] * options["tiles"]
    backplanes = [f"backplanes{part}.cub" for part in pieces(dataset) if options["backplanes"] and located(dataset)]
    delivered = expand("{cube}.{suffix}", cube=cubes(dataset), suffix=suffixes)
    return list(dict.fromkeys([*ingested, *backplanes, *delivered, *tiles, "preview.png", "item.json"]))


def planetary_records(dataset):
    """The records that a dataset ends in."""
    return ["planetary.json", *["volume.json", "precomputed_check.json"] * DATASETS[dataset]["options"]["tiles"]]


def asked(dataset, part, *keys):
    """What a step has to know of an image: its part, its recipe and these options, so that others change nothing."""
    row = DATASETS[dataset]
    recipe = recipe_name(row)
    known = {
        "part": part.strip("."),
        "engine": ENGINE,
        "recipe": recipe,
        "steps": RECIPES[recipe],
        "level": level(dataset),
    }
    return known | {key: row["options"][key] for key in keys}


ENDS["planetary"] = {
    "products": planetary_products,
    "records": planetary_records,
    "problems": planetary_problems,
    "sourceless": True,
}
# Rows that can be made; of the others, `campaign_targets` tells what is wrong.
PLANETARY = {
    dataset: row for dataset, row in DATASETS.items() if row["pipeline"] == "planetary" and not row_problems(dataset)
}


include: "planetary_inputs.smk"
include: "planetary/cubes.smk"
include: "planetary/maps.smk"
include: "planetary/terrain.smk"
include: "planetary/deliver.smk"
