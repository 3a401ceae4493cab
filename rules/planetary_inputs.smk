"""Which cubes the planetary rules take, and what they have to know of an image."""


def to_calibrate(dataset, part):
    """The cube that is calibrated: with its geometry, where there is one."""
    stage = "located" if located(dataset) and not joined(dataset) else "ingested"
    return f"<results>/<campaign>/{dataset}/{stage}{part}.cub"


def asked_geometry():
    """Where the rows of each recipe have their geometry from."""
    found = {recipe_name(DATASETS[dataset]): set() for dataset, _ in IMAGES}
    for dataset, _ in IMAGES:
        found[recipe_name(DATASETS[dataset])].add(DATASETS[dataset]["options"]["geometry"])
    return {recipe: sorted(ways) for recipe, ways in sorted(found.items())}


def images_of(dataset):
    """The images that a map or mosaic is made of: name -> (dataset, part)."""
    row = DATASETS[dataset]
    members = [dataset] if is_image(row) else row["options"]["images"]
    return {member + part: (member, part) for member in members for part in pieces(member)}


def to_project(dataset, part):
    """The cube that is projected: calibrated, and brought to one light where that is asked for."""
    stage = "joined" if joined(dataset) else level(dataset)
    stage = stage if DATASETS[dataset]["options"]["photometry"]["model"] == "none" else "corrected"
    return f"<results>/<campaign>/{dataset}/{stage}{part}.cub"


def of_map(wildcards, *keys):
    """What a step has to know of a map or mosaic: the recipe of its first image, and these options of its own row."""
    first = next(iter(images_of(wildcards.dataset).values()))
    return asked(*first, "parameters") | {key: DATASETS[wildcards.dataset]["options"][key] for key in keys}


def members(dataset):
    """The calibrated cubes of the images that a dataset is made of, when it is made of others."""
    joins = images_of(dataset).values() if not is_image(DATASETS[dataset]) else []
    paths = (
        f"<results>/<campaign>/{image}/{'joined' if joined(image) else level(image)}{part}.cub" for image, part in joins
    )
    return [workflow.pathvars.apply(path) for path in paths]


def all_cubes(batch, suffix):
    """The cubes that the datasets of a batch end in, or their GeoTIFFs; no others have any."""

    def of_job(wildcards):
        datasets = each(batch, lambda dataset, _: dataset)(wildcards)
        pairs = [(dataset, cube) for dataset in datasets for cube in cubes(dataset)]
        return [f"<results>/<campaign>/{dataset}/{cube}.{suffix}" for dataset, cube in pairs]

    return of_job
