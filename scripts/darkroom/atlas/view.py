"""How a volume is looked at in Neuroglancer."""

import numpy as np

RGB = f"void main() {{ emitRGB(vec3({', '.join(f'toNormalized(getDataValue({n}))' for n in range(3))})); }}"
GREY = "#uicontrol invlerp normalized\nvoid main() { emitGrayscale(normalized()); }"


def state(planned, limits):
    """Neuroglancer state that shows the middle of the volume, upright, with `limits` as black and white.

    The matrix of a layer's source takes nm to nm; only its last column is in units of `outputDimensions`.
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
    layer = {"name": "volume", "type": info["type"], "source": source}
    if info["type"] == "image":
        colours = info["num_channels"] == 3 and info["data_type"] == "uint8"
        layer["shader"] = RGB if colours else GREY
        if not colours:
            layer["shaderControls"] = {"normalized": {"range": list(limits)}}
    longest = max(size * step for size, step in zip(finest["size"], steps, strict=True))
    return {
        "dimensions": dimensions,
        "position": middle.tolist(),
        "crossSectionScale": longest / 350,
        "projectionScale": longest * 1.5,
        "crossSectionOrientation": [1, 0, 0, 0],
        "projectionOrientation": [-0.7071067811865476, 0, 0, 0.7071067811865476],
        "layers": [layer],
        "layout": "4panel",
    }
