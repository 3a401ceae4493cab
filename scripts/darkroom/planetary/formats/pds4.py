"""PDS4 labels and images of cubes: GDAL writes the array and the map, we what it cannot know.

Format: PDS4 Information Model 1.16.
"""

from pathlib import Path

import rasterio
import rasterio.shutil
from lxml import etree

from darkroom import files
from darkroom.planetary.formats import cog, cubes

PDS = "http://pds.nasa.gov/pds4/pds/v1"
LID = "urn:nasa:pds:darkroom:data:"  # an archive gives its own
CONTEXT = "urn:nasa:pds:context"
# Elements of Special_Constants in the order of the schema
CONSTANTS = {
    "missing_constant": "NULL",
    "high_instrument_saturation": "HIS",
    "high_representation_saturation": "HRS",
    "low_instrument_saturation": "LIS",
    "low_representation_saturation": "LRS",
}
LEVELS = {"ingested": "Raw", "calibrated": "Calibrated", "joined": "Calibrated"}


def write(cube_path, label_path, image_path):
    """Write a cube as PDS4: a label and, beside it, the image that it names.

    The image holds the pixels of the cube, special ones too; the label names those, and in its comment what was done
    to the image and what was not.
    """
    cube = cubes.Cube(cube_path)
    label_path, image_path = Path(label_path), Path(image_path)
    with files.replacing(label_path) as label, files.replacing(image_path) as image:
        staged = label.with_suffix(".img")  # where GDAL puts the image of this label
        try:
            with rasterio.Env(GDAL_PAM_ENABLED=False):  # no .aux.xml
                rasterio.shutil.copy(cube.path, label, driver="PDS4", VAR_TARGET="", VAR_TARGET_TYPE="")
            staged.rename(image)
        finally:
            staged.unlink(missing_ok=True)
        tree = etree.parse(label, etree.XMLParser(remove_blank_text=True))
        identity, observation, area = tree.getroot()
        tags, stage = cog.tags(cube), label_path.stem
        _identify(identity, f"{tags.get('PRODUCT_ID', cube.path.absolute().parent.name)} {stage}")
        _observe(observation, tags, stage)
        _describe(area, cubes.STORED[cube.dtype], image_path.name, image)
        tree.write(label, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _identify(identity, title):
    identity[0].text = LID + _slug(title)
    _child(identity, "title").text = title


def _observe(observation, tags, stage):
    """Fill in what was done, times, and who looked at what."""
    done = [f"{name.lower()}: {tags[name]}" for name in ("DONE", "SKIPPED", "UNITS") if name in tags]
    observation.insert(0, _element("comment", ". ".join(done)))
    summary = _element("Primary_Result_Summary")
    level = LEVELS.get(stage.split(".")[0], "Derived")
    summary.extend([_element("purpose", "Science"), _element("processing_level", level)])
    observation.insert(2, summary)
    for name, key in (("start_date_time", "START_TIME"), ("stop_date_time", "STOP_TIME")):
        if key in tags:
            time = _child(observation, name)
            time.attrib.clear()  # of a time that does not apply
            time.text = tags[key].removesuffix("Z") + "Z"

    spacecraft, instrument = tags.get("SPACECRAFT", "Unknown"), tags.get("INSTRUMENT", "Unknown")
    mission = _child(observation, "Investigation_Area")
    _child(mission, "name").text = spacecraft
    _child(mission, "lid_reference").text = f"{CONTEXT}:investigation:mission.{_slug(spacecraft)}"
    system = _child(observation, "Observing_System")
    system[:] = [_component(spacecraft, "Host"), _component(instrument, "Instrument")]
    target = tags.get("TARGET", "Unknown").title()
    kind = cog.body_class(target) or "unknown"
    body = _child(observation, "Target_Identification")
    _child(body, "name").text, _child(body, "type").text = target, kind.replace("_", " ").title()
    _child(body, "lid_reference").text = f"{CONTEXT}:target:{kind}.{_slug(target)}"


def _describe(area, stored, name, image):
    """Fill in the image's file, and which of its pixels are special."""
    constants = _child(area, "Special_Constants")
    constants[:] = [_element(key, _number(stored[cubes.SPECIAL[kind] - 1])) for key, kind in CONSTANTS.items()]
    file = _child(area, "File")
    _child(file, "file_name").text = name
    size = _element("file_size", str(image.stat().st_size))
    size.set("unit", "byte")
    file.extend([size, _element("md5_checksum", files.digest(image, "md5"))])


def _child(element, path):
    return element.find(f".//pds:{path}", {"pds": PDS})


def _element(name, text=None):
    element = etree.Element(f"{{{PDS}}}{name}")
    element.text = text
    return element


def _component(name, kind):
    component = _element("Observing_System_Component")
    component.extend([_element("name", name), _element("type", kind)])
    return component


def _number(value):
    return repr(float(value)) if value.dtype.kind == "f" else str(int(value))


def _slug(text):
    """A text as part of a logical identifier: small letters, digits, dots, hyphens and underscores."""
    return "".join(letter if letter.isalnum() or letter in ".-_" else "_" for letter in text.lower())
