"""The parameters of the Human Brain Project's image tasks as options of the atlas pipeline."""

import difflib

import jsonschema
import yaml

from darkroom import files
from darkroom.files import CONFIG

SCHEMA = CONFIG / "schemas/config.schema.yaml"
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
    """Options with the defaults of the config's schema. Raises ValueError for one that the schema refuses."""
    schema = yaml.safe_load(SCHEMA.read_text())
    section = schema["properties"]["atlas"]
    known = section["properties"]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            what = f"did you mean {near[0]}?" if near else f"the options are {', '.join(known)}"
            raise ValueError(f"definition: {name!r} is no option; {what}")
    try:
        jsonschema.validate(given, section | {"$defs": schema["$defs"]})
    except jsonschema.ValidationError as error:
        raise ValueError(f"{'.'.join(map(str, error.absolute_path)) or 'definition'}: {error.message}") from error
    defaults = {name: option["default"] for name, option in known.items() if "default" in option}
    return defaults | given
