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


def planetary_problems(row):
    """What is wrong with a row, beyond its options."""
    recipe, options = recipe_name(row), row.options
    if recipe in JOINED:
        if len(options["images"]) < 2:
            yield f"options images: name two datasets or more, such as {{images: [left, right]}}"
        if recipe == "stereo" and len(options["images"]) > 2:
            yield f"options images: a stereo pair is of two datasets, not of {len(options['images'])}"
        for name in options["images"]:
            if not (name in CAMPAIGN.rows and is_image(CAMPAIGN[name])):
                yield f"options images: {name!r} is no planetary image of this sheet{schema.nearest(name, CAMPAIGN.rows)}"
            elif not located(name):
                yield f"options images: {name!r} has no geometry; give it one in its options"
    elif recipe not in RECIPES:
        wrong = f"{recipe!r} is unknown" if recipe else f"the name of {row.source!r} does not tell its instrument"
        yield f"recipe: {wrong}{schema.nearest(recipe, [*RECIPES, *JOINED])}"
    elif not row.source:
        yield f"source: an image has one; only rows of {' and '.join(JOINED)} have none"
    if ENGINE == "native" and (recipe == "stereo" or "native" not in RECIPES.get(recipe, {"native": ""})):
        yield f"recipe: {recipe} needs engine: isis in the config"
    if ENGINE == "native" and options["geometry"] in ("local", "web"):
        yield f"options geometry: {options['geometry']} needs engine: isis in the config; engine native takes isd"
    if (
        is_image(row)
        and options["geometry"] == "none"
        and (options["backplanes"] or options["photometry"]["model"] != "none")
    ):
        yield f"options: backplanes and photometry need geometry; it is none"
    for program in options["parameters"].keys() - PROGRAMS:
        yield f"options parameters: no recipe runs {program!r}{schema.nearest(program, PROGRAMS)}"
    for key in ("engine", "container", "modules", "batch", "recipes", "pds4"):
        if options[key] != config["planetary"][key]:
            yield f"options: {key!r} is of the whole campaign; set it in the config"


def cubes(dataset):
    """The cubes that a dataset ends in, without their suffix."""
    if not is_image(CAMPAIGN[dataset]):
        return [f"{JOINED[recipe_name(CAMPAIGN[dataset])]}{camera}" for camera in cameras(dataset)]
    images = [f"{level(dataset)}{part}" for part in parts(dataset)]
    maps = [f"map{camera}" for camera in cameras(dataset) if located(dataset)]
    return [*images, *["joined"] * joined(dataset), *maps]


def planetary_products(dataset):
    """The files that a dataset ends in."""
    options = CAMPAIGN[dataset].options
    suffixes = ["cub", "tif", *["xml", "img"] * options["pds4"]]
    ingested = [f"ingested{part}.cub" for part in parts(dataset) if is_image(CAMPAIGN[dataset])]
    tiles = ["precomputed/info", "neuroglancer.json"] * options["tiles"]
    backplanes = [f"backplanes{part}.cub" for part in pieces(dataset) if options["backplanes"] and located(dataset)]
    delivered = expand("{cube}.{suffix}", cube=cubes(dataset), suffix=suffixes)
    return list(dict.fromkeys([*ingested, *backplanes, *delivered, *tiles, "preview.png", "item.json"]))


def planetary_records(dataset):
    """The records that a dataset ends in."""
    return ["planetary.json", *["volume.json", "precomputed_check.json"] * CAMPAIGN[dataset].options["tiles"]]


def asked(dataset, part, *keys):
    """What a step has to know of an image: its part, its recipe and these options, so that others change nothing."""
    row = CAMPAIGN[dataset]
    recipe = recipe_name(row)
    known = {
        "part": part.strip("."),
        "engine": ENGINE,
        "recipe": recipe,
        "steps": RECIPES[recipe],
        "level": level(dataset),
    }
    return known | {key: row.options[key] for key in keys}


CAMPAIGN.add(
    "planetary",
    Pipeline(
        products=lambda row: planetary_products(row.dataset),
        records=lambda row: planetary_records(row.dataset),
        problems=planetary_problems,
        needs_source=False,
    ),
)
# Rows that can be made; of the others, `CAMPAIGN.check` tells what is wrong.
PLANETARY = {row.dataset: row for row in CAMPAIGN.good("planetary")}


include: "planetary_inputs.smk"
include: "planetary/cubes.smk"
include: "planetary/maps.smk"
include: "planetary/terrain.smk"
include: "planetary/deliver.smk"
