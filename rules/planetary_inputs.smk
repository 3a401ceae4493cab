"""Which cubes the planetary rules take, and what they have to know of an image."""

from darkroom.campaign.inputs import literal


def to_calibrate(dataset, part):
    """The cube that is calibrated: with its geometry, where there is one."""
    stage = "located" if located(dataset) and not joined(dataset) else "ingested"
    return f"<results>/<campaign>/{dataset}/{stage}{part}.cub"


def asked_geometry():
    """Where the rows of each recipe have their geometry from."""
    found = {recipe_name(CAMPAIGN[dataset]): set() for dataset, _ in IMAGES}
    for dataset, _ in IMAGES:
        found[recipe_name(CAMPAIGN[dataset])].add(CAMPAIGN[dataset].options["geometry"])
    return {recipe: sorted(ways) for recipe, ways in sorted(found.items())}


def images_of(dataset):
    """The images that a map or mosaic is made of: name -> (dataset, part)."""
    row = CAMPAIGN[dataset]
    members = [dataset] if is_image(row) else row.options["images"]
    return {member + part: (member, part) for member in members for part in pieces(member)}


def to_project(dataset, part):
    """The cube that is projected: calibrated, and brought to one light where that is asked for."""
    stage = "joined" if joined(dataset) else level(dataset)
    stage = stage if CAMPAIGN[dataset].options["photometry"]["model"] == "none" else "corrected"
    return f"<results>/<campaign>/{dataset}/{stage}{part}.cub"


def of_image(dataset, image, *keys):
    """What a step has to know of an image of a map or mosaic: its recipe, and these options of the map's own row."""
    options = CAMPAIGN[dataset].options
    return asked(*image) | {key: options[key] for key in ("parameters", *keys)}


def of_map(wildcards, *keys):
    """The same of a map or mosaic as a whole, by the recipe of its first image."""
    first = next(iter(images_of(wildcards.dataset).values()))
    return of_image(wildcards.dataset, first, *keys)


def members(dataset):
    """The calibrated cubes of the images that a dataset is made of, when it is made of others."""
    joins = images_of(dataset).values() if not is_image(CAMPAIGN[dataset]) else []
    paths = (
        f"<results>/<campaign>/{image}/{'joined' if joined(image) else level(image)}{part}.cub" for image, part in joins
    )
    return [PLACES.apply(path) for path in paths]


def all_cubes(batch, suffix):
    """The cubes that the datasets of a batch end in, or their GeoTIFFs; no others have any."""

    def of_job(wildcards):
        datasets = batch.each(lambda dataset, _: dataset)(wildcards)
        pairs = [(dataset, cube) for dataset in datasets for cube in cubes(dataset)]
        return [f"<results>/<campaign>/{dataset}/{cube}.{suffix}" for dataset, cube in pairs]

    return of_job


def isd_of(wildcards):
    """The camera description of an image on this machine, so that a change of it is seen."""
    row = CAMPAIGN[wildcards.dataset]
    place, source = row.options["isd"] or os.path.dirname(row.source), row.source
    stem = os.path.splitext(os.path.basename(source))[0]
    names = [place, *(f"{place}/{stem}{suffix}" for suffix in (".isd.json", ".json", ".isd"))]
    return [literal(name) for name in names if os.path.isfile(name)][:1] if row.is_local else []
