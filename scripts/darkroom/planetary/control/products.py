"""What a control leaves: its network for the programs of ISIS, a table of residuals, the pointing of its cameras."""

import csv
import io
import math

import numpy as np

from darkroom import files
from darkroom.planetary.control.bundle import Solution
from darkroom.planetary.formats import cnet
from darkroom.planetary.formats.cubes import Table
from darkroom.planetary.formats.serials import serial_of
from darkroom.planetary.geometry.camera import spherical
from darkroom.planetary.geometry.pointing import table_of
from darkroom.record import Record

COLUMNS = (
    "point",
    "image",
    "sample",
    "line",
    "residual_sample",
    "residual_line",
    "before_sample",
    "before_line",
    "latitude",
    "longitude",
    "radius",
)
TABLE = "InstrumentPointing"


def write_network(path, name, control):
    """Write the network of a control in the form of ISIS's programs.

    Its times are that of its last image, so that the same images make the same bytes.
    """
    views, solution, network = control.views, control.solution, control.solution.network
    serial = [view.serial for view in views]
    times = [str(view.cube.groups.get("Instrument", {}).get("StartTime", "")) for view in views]
    source = cnet.DEM if views[0].camera.terrain else cnet.ELLIPSOID
    metres = solution.points * 1000
    points = [
        cnet.Point(
            _point(number),
            chooser="darkroom",
            reference=0,
            apriori_source=cnet.AVERAGE_OF_MEASURES,
            radius_source=source,
            **dict(zip(("apriori_x", "apriori_y", "apriori_z"), metres[number].tolist(), strict=True)),
            **dict(zip(("adjusted_x", "adjusted_y", "adjusted_z"), metres[number].tolist(), strict=True)),
        )
        for number in range(len(metres))
    ]
    rows = (network.point, network.image, network.place.tolist(), solution.residuals.tolist())
    for point, image, place, residual in zip(*rows, strict=True):
        points[point].measures.append(
            cnet.Measure(
                serial[image],
                sample=place[0],
                line=place[1],
                sample_residual=residual[0],
                line_residual=residual[1],
                chooser="darkroom",
            )
        )
    target = str(views[0].cube.groups.get("Instrument", {}).get("TargetName", ""))
    header = cnet.Header(name, target, max(times), max(times), f"control of {len(views)} images", "darkroom")
    cnet.write(path, header, points)


def residuals_of(control):
    """Rows of the table of residuals, see `write_residuals`."""
    solution, network = control.solution, control.solution.network
    ground = _ground(solution.points * 1000)
    for row, point in enumerate(network.point):
        pixels = (*network.place[row], *solution.residuals[row], *solution.before[row])
        yield _point(point), network.names[network.image[row]], *pixels, *ground[point]


def write_residuals(path, rows):
    """Write a table of measures.

    rows -- point, image; sample, line and residuals (measured less predicted) after and before the adjustment in
        pixels, NaN where it is not known; planetocentric latitude and east longitude in degrees, radius in metres
    """
    text = io.StringIO()
    made = csv.writer(text, lineterminator="\n")
    made.writerow(COLUMNS)
    for point, image, *pixels, latitude, longitude, radius in rows:
        told = ("" if math.isnan(each) else f"{each:.4f}" for each in pixels)
        made.writerow([point, image, *told, f"{latitude:.8f}", f"{longitude:.8f}", f"{radius:.3f}"])
    files.write_bytes(path, text.getvalue().encode())


def _ground(metres):
    """Latitudes, longitudes and radii (n, 3) of points (n, 3) in metres."""
    return np.stack([*spherical(metres), np.linalg.norm(metres, axis=1)], axis=1)


def _point(number):
    return f"darkroom_{number + 1:06d}"


def record_of(control, options):
    """The Record of a control."""
    solution, network = control.solution, control.solution.network
    images, notes = [], list(control.notes)
    for number, view in enumerate(control.views):
        before, after, measures = solution.of_image(number)
        told = {"image": view.name, "measures": measures, "rms_before": before, "rms_after": after}
        told["angles"] = np.degrees(solution.angles[number]).tolist()
        if options["adjust"] == "velocities":
            told["angles_change"] = np.degrees(solution.rates[number]).tolist()
        images.append(told)
        notes.append(sentence(view.name, solution, number))
        if not serial_of(view.cube):
            notes.append(f"control.net: {view.name} has its own name there; what ISIS calls it is not known")
    largest = np.degrees(np.abs(solution.angles).max(initial=0.0))
    if largest > 3 * options["sigma"]:
        notes.append(f"control: an angle changed by {largest:.3g} degrees; its a priori error is {options['sigma']:g}")
    if not options["held"]:
        notes.append("control: no image is held; all together look nearly where they did on the mean")
    several = int((np.bincount(network.point) > 2).sum())
    figures = {
        "passed": True,
        "points": network.points,
        "points_of_three_or_more": several,
        "measures": len(network.image),
        "rejected": solution.rejected,
        "rms_before": _rms(solution.before),
        "rms_after": _rms(solution.residuals),
        "images": images,
    }
    software = files.versions("numpy", "scipy", "scikit-image")
    return Record(engine="native", notes=notes, checks={"planetary_control": figures}, software=software)


def _rms(residuals):
    return math.sqrt(float(np.mean(np.sum(residuals**2, axis=1))))


def sentence(name, solution: Solution, number):
    """What was done to the pointing of an image."""
    before, after, measures = solution.of_image(number)
    angles = ", ".join(f"{angle:.6f}" for angle in np.degrees(solution.angles[number]))
    change = solution.rates[number]
    linear = f", and ({', '.join(f'{angle:.6f}' for angle in np.degrees(change))}) later" if change.any() else ""
    return (
        f"control: {name} turned by ({angles}) degrees{linear} in the frame of its camera; {measures} places, "
        f"{before:.2f} pixels off before and {after:.2f} after"
    )


def pointing_of(control):
    """What the pointing of a control is written from: for each image its tables, and what was done to it."""
    return {
        view.name: {
            "tables": [described(table_of(view.cube.table(TABLE), camera.isd.pointing))],
            "told": sentence(view.name, control.solution, number),
        }
        for number, (view, camera) in enumerate(zip(control.views, control.cameras, strict=True))
    }


def described(table):
    """A table of a cube as JSON has it."""
    fields = {name: table.records[name].tolist() for name in table.records.dtype.names}
    return {"name": table.name, "keywords": table.keywords, "fields": fields}


def table(block):
    """The table that `described` has described."""
    names = [(name, "<f8") for name in block["fields"]]
    records = np.zeros(len(next(iter(block["fields"].values()))), names)
    for name, column in block["fields"].items():
        records[name] = column
    lists = {key: tuple(value) if isinstance(value, list) else value for key, value in block["keywords"].items()}
    return Table(block["name"], records, lists)
