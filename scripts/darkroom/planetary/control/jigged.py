"""What jigsaw of ISIS leaves: its network, and cubes whose tables of pointing and position it has written anew."""

import math
from dataclasses import dataclass

import numpy as np

from darkroom.planetary.control import products
from darkroom.planetary.control.network import Network, places_of, require_fit
from darkroom.planetary.formats import cnet
from darkroom.planetary.formats.serials import serial_of
from darkroom.planetary.geometry.camera import spherical
from darkroom.record import Record

TABLES = ("InstrumentPointing", "InstrumentPosition")


@dataclass(frozen=True)
class Jigged:
    """Adjusted cubes by name, and the points of their network."""

    cubes: dict
    points: list

    @property
    def measures(self):
        """Pairs of point and measure that were used, with the names of their images; others are ignored or rejected."""
        names = {serial_of(cube): name for name, cube in self.cubes.items()}
        return [
            (point, measure, names[measure.serial])
            for point in self.points
            for measure in point.measures
            if measure.serial in names and not (point.ignore or point.rejected or measure.ignore or measure.rejected)
        ]

    @property
    def missed(self):
        """Name -> root mean square of the lengths of residuals, NaN where an image has none, and their number."""
        squares = {name: [] for name in self.cubes}
        for _, measure, name in self.measures:
            squares[name].append((measure.sample_residual or 0) ** 2 + (measure.line_residual or 0) ** 2)
        return {name: (math.sqrt(np.mean(each)) if each else math.nan, len(each)) for name, each in squares.items()}

    def require_fit(self, least, bound):
        """Raise ValueError when the network does not hang together, or images miss by more than so many pixels."""
        number = {serial_of(cube): number for number, cube in enumerate(self.cubes.values())}
        network = Network.of(list(self.cubes), places_of(self.points, number))
        network.require_whole(least, network.pairs)
        require_fit({name: rms for name, (rms, _) in self.missed.items()}, bound)

    def residuals(self):
        """Rows of the table of residuals, see `products.write_residuals`; those before the adjustment are not known."""
        for point, measure, name in self.measures:
            place = np.array([point.adjusted_x, point.adjusted_y, point.adjusted_z], float)
            pixels = measure.sample, measure.line, measure.sample_residual or 0.0, measure.line_residual or 0.0
            yield (
                point.id,
                name,
                *pixels,
                math.nan,
                math.nan,
                *map(float, spherical(place)),
                float(np.linalg.norm(place)),
            )

    def sentence(self, name):
        """What was done to the pointing of an image."""
        rms, count = self.missed[name]
        return f"control: {name} adjusted by jigsaw; {count} places, {rms:.2f} pixels off after"

    def record(self):
        """The Record of the adjustment."""
        images = [{"image": name, "measures": count, "rms_after": rms} for name, (rms, count) in self.missed.items()]
        figures = {"passed": True, "points": len(self.points), "measures": len(self.measures), "images": images}
        notes = [self.sentence(name) for name in self.cubes]
        return Record(engine="isis", notes=notes, checks={"planetary_control": figures})

    def pointing(self):
        """What the pointing is written from, as `products.pointing_of`."""
        return {
            name: {
                "tables": [products.described(cube.table(each)) for each in TABLES if each in cube.tables],
                "told": self.sentence(name),
            }
            for name, cube in self.cubes.items()
        }


def of(cubes, path):
    """The Jigged of cubes that jigsaw has edited, name -> Cube, and the path of the network that it has written."""
    _, points = cnet.read(path)
    return Jigged(cubes, points)
