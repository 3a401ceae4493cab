"""How a volume is looked at in Neuroglancer."""

import numpy as np

RGB = f"void main() {{ emitRGB(vec3({', '.join(f'toNormalized(getDataValue({n}))' for n in range(3))})); }}"
GREY = "#uicontrol invlerp normalized\nvoid main() { emitGrayscale(normalized()); }"
CHANNEL = (
    "#uicontrol invlerp normalized(channel={number})\n"
    '#uicontrol vec3 color color(default="#{colour}")\n'
    "void main() {{ emitRGB(color * normalized()); }}"
)
COLOURS = "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF", "FFFFFF"
POINTS = {"name": "points", "type": "annotation", "source": {"url": "annotations"}}
VISIBLE = 7  # layers of channels that are drawn at first


def state(planned, limits, points=False):
    """Neuroglancer state that shows the middle of the volume, upright; every channel that is no colour has a layer.

    limits -- values to draw as black and white, (low, high) of each channel
    points -- whether there is a layer of points beside the volume

    The matrix of a layer's source takes nm to
    nm; only its last column is in units of `outputDimensions`.
    """
    info = planned["info"]
    finest = info["scales"][0]
    steps = np.array(finest["resolution"])
    middle = (np.array(finest["voxel_offset"]) + np.array(finest["size"]) / 2) * steps
    source, dimensions = {"url": "precomputed"}, {axis: [1e-9, "m"] for axis in "xyz"}
    if planned["transform"]:
        matrix = np.array(planned["transform"])
        middle = (matrix @ [*middle, 1])[:3]
        source["transform"] = {"outputDimensions": dimensions, "matrix": matrix[:3].tolist()}
    longest = max(size * step for size, step in zip(finest["size"], steps, strict=True))
    return {
        "dimensions": dimensions,
        "position": middle.tolist(),
        "crossSectionScale": longest / 350,
        "projectionScale": longest * 1.5,
        "crossSectionOrientation": [1, 0, 0, 0],
        "projectionOrientation": [-0.7071067811865476, 0, 0, 0.7071067811865476],
        "layers": [{**layer, "source": source} for layer in layers(planned, limits)] + ([POINTS] if points else []),
        "layout": "4panel",
    }


def layers(planned, limits):
    """The layers of a volume, without their source: one, or one for each channel."""
    info = planned["info"]
    layer = {"name": "volume", "type": info["type"]}
    if info["type"] != "image":
        colours = {
            str(region["id"]): f"#{region['colour']}" for region in planned.get("regions", []) if "colour" in region
        }
        return [layer | ({"segmentColors": colours} if colours else {})]
    if is_rgb(planned):
        return [layer | {"shader": RGB}]
    count = info["num_channels"]
    if count == 1 and not planned.get("channels"):
        return [layer | {"shader": GREY, "shaderControls": {"normalized": {"range": list(limits[0])}}}]
    names = channel_names(planned)
    return [
        {
            "name": name,
            "type": "image",
            "blend": "additive",
            "opacity": 1,
            "shader": CHANNEL.format(number=number, colour=colour),
            "shaderControls": {"normalized": {"range": list(pair), "channel": [number]}},
            "visible": number < VISIBLE,
        }
        for number, (name, colour, pair) in enumerate(zip(names, hues(count), limits, strict=True))
    ]


def is_rgb(planned):
    """Whether the channels of a volume are red, green and blue."""
    info = planned["info"]
    return info["num_channels"] == 3 and info["data_type"] == "uint8" and not planned.get("channels")


def channel_names(planned):
    """A name of its own for each channel."""
    names = planned.get("channels") or [f"channel {number}" for number in range(planned["info"]["num_channels"])]
    return [name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names)]


def hues(count):
    """Colours of channels, as hexadecimal RGB."""
    return ["FFFFFF"] if count == 1 else [COLOURS[number % len(COLOURS)] for number in range(count)]
