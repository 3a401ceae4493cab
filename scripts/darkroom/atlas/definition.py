"""The parameters of the Human Brain Project's image tasks as options of the atlas pipeline."""

from darkroom import files, schema

# What a definition also carries, because it is the `info` of a volume, and what is decided here anyway.
DECIDED = ("@type", "key", "sharding", "compressed_segmentation_block_size", "mesh", "skeletons")


def read(definition=None, definition_file=None):
    """Options from a definition given as JSON, or in a file; none of the two is an empty one."""
    if definition and definition_file:
        raise ValueError("give --definition or --definition-file, not both")
    if definition_file:
        definition = files.read_json(definition_file)
        if not isinstance(definition, dict):
            raise ValueError(f'{definition_file}: a definition must be a JSON object, such as {{"type": "image"}}')
    return options(definition or {})


def options(definition):
    """Options of the atlas pipeline from a definition: the `info` of neuroglancer-scripts, or options by their names.

    Of `scales` the first is used: resolution, size, voxel_offset, encoding, and the first of chunk_sizes.
    """
    flat = {name: value for name, value in definition.items() if name != "scales"}
    scales = definition.get("scales") or [{}]
    if not isinstance(scales, list) or not isinstance(scales[0], dict):
        raise ValueError("definition: `scales` must be a list of objects, of which the first is used")
    flat |= scales[0]
    if sizes := flat.pop("chunk_sizes", None):
        flat["chunk_size"] = sizes[0]
    return {name: value for name, value in flat.items() if name not in DECIDED}


def complete(given):
    """Options with the defaults of the config's schema. Raises ValueError for what the schema refuses."""
    schema.refuse(schema.problems(given, schema.validator("config", "atlas"), "definition"))
    return schema.completed(given, schema.load("config")["properties"]["atlas"])
