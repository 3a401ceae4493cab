"""Write each section of a stack as a volume of its own, at its place in an atlas."""

import shutil
from pathlib import Path

from darkroom import entrypoint, files
from darkroom.atlas import precomputed, quicknii, view
from darkroom.atlas.judge import Judge
from darkroom.atlas.lengths import nanometres
from darkroom.atlas.pyramid import Pyramid
from darkroom.atlas.volume import plan as plan_volume
from darkroom.record import Record
from darkroom.record import write as write_record


def atlas_convert_sections(
    inventory: Path, volume: Path, placement: Path, info: Path, check: Path, options: dict, *, threads: int = 1
):
    """Write the sections that are placed, each as a precomputed volume with its transform, and check each.

    inventory -- the files of the source
    volume -- the plan of the stack that `atlas_import` made
    placement -- JSON of QuickNII, VisuAlign, DeepSlice, WebAlign or WebWarp
    info -- the list of sections: name, number, folder and transform (4x4, nm to nm of the atlas) of each. Beside it are
        their folders and `neuroglancer.json`, a view with a layer for each, sources relative to it
    check -- the figures of each section, as JSON
    options -- the options of the row

    Raises ValueError for a placement that does not go with the sections.
    """
    planned, folder = files.read_json(volume), info.parent
    if planned["source"]["reader"] != "sections":
        raise ValueError(f"{planned['source']['path']} is a volume; only section images can be placed one by one")
    placed, voxel = quicknii.read(placement)
    voxel = nanometres(options["atlas_resolution"]) if "atlas_resolution" in options else voxel
    if not voxel:
        raise ValueError(f"{placement} does not tell the voxel size of its atlas; give `atlas_resolution: 25 um`")
    numbers = [quicknii.page_of(placement, section, planned["source"]["pages"]) for section in placed]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{placement} places a section twice")
    names = [f"{number:05}" for number in numbers]
    for left in folder.iterdir() if folder.is_dir() else ():
        if left.is_dir() and left.name not in names:  # of a placement before
            shutil.rmtree(left)
    entries, layers, checks = [], [], {}
    for section, number, name in zip(placed, numbers, names, strict=True):
        plan = section_plan(planned, options, number, section, voxel)
        there = folder / name / "info"
        own = folder / f"{name}.json"
        files.write_json(own, plan)
        volumes = {there: precomputed.opened(there.parent, plan)}
        Pyramid(volumes, (inventory, own), plan, threads).finish()
        precomputed.write_index(there, plan)
        (checks[section.name],) = Judge(folder / f"{name}_check.json", own, volumes, plan, threads).figures()
        own.unlink()
        entries.append({"name": section.name, "number": section.number, "folder": name, "transform": plan["transform"]})
        layers += layers_of(section, name, plan)
    state = view.state(plan, [(0.0, 255.0)] * plan["info"]["num_channels"]) | {"layers": layers}
    files.write_json(folder / "neuroglancer.json", state)
    files.write_json(info, {"@type": "darkroom_sections", "sections": entries})
    total = sum(bool(page) for page in planned["source"]["pages"])
    notes = [f"{total - len(placed)} of {total} sections are not placed"] if total > len(placed) else []
    notes += quicknii.notes(placed, *reversed(planned["source"]["shape"][1:3]))
    write_record(check, Record(notes=notes, checks={"sections_check": {"passed": True, "sections": checks}}))


def section_plan(planned, options, number, section, voxel):
    """The plan of one section: a volume of one slice, its rows along y, with the transform of its placement."""
    source = planned["source"] | {"pages": [planned["source"]["pages"][number]], "notes": []}
    _, rows, columns, channels = source["shape"]
    source |= {"shape": [1, rows, columns, channels], "channels": planned["channels"]}
    sizes = quicknii.pixel_sizes(section, columns, rows, voxel)
    side = options["chunk_size"] if isinstance(options["chunk_size"], int) else options["chunk_size"][0]
    own = {
        "resolution": [*sizes, voxel],
        "orientation": "RAS",
        "chunk_size": [4 * side, 4 * side, 1],
        "sharding": False,
    }
    kept = {
        key: value for key, value in options.items() if key not in ("transform", "voxel_offset", "size", "max_scales")
    }
    plan = plan_volume(source, kept | own | {"meshes": False})
    return plan | {"transform": quicknii.transform(section, sizes, voxel, voxel).tolist()}


def layers_of(section, folder, plan):
    """The layers of a section in the view, its source in the folder beside it."""
    span = [(0.0, 255.0 if plan["info"]["data_type"] == "uint8" else 65535.0)] * plan["info"]["num_channels"]
    layers = view.state(plan, span)["layers"]
    for layer in layers:
        layer["source"]["url"] = folder
        layer["name"] = section.name if len(layers) == 1 else f"{section.name} {layer['name']}"
    return layers


if __name__ == "__main__":
    entrypoint.run(atlas_convert_sections, globals().get("snakemake"))
