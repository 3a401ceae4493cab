"""Control of some images: from their cubes to cameras that see the same places on the same ground."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from darkroom.planetary.control.bundle import Adjustment, Solution
from darkroom.planetary.control.features import View, tracks
from darkroom.planetary.control.network import Network
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.pointing import turned

logger = logging.getLogger(__name__)

CLOSE = 10  # pixels by which the cameras of a first adjustment may be off


@dataclass(frozen=True)
class Control:
    """Images with their Solution.

    views -- with the cameras as they were; points -- what is said of the network, in sentences
    """

    views: list
    solution: Solution

    @property
    def cameras(self):
        """The adjusted cameras."""
        found = self.solution
        return [
            Camera(turned(view.camera.isd, *turn))
            for view, *turn in zip(self.views, found.angles, found.rates, strict=True)
        ]


def adjusted(paths, options, threads=1):
    """The Control of images.

    paths -- name -> cube; options -- the option `control`

    Places are looked for twice: with the cameras as they are, and with those of a first adjustment, by which what is
    compared is neither turned nor far.

    Raises ValueError when an image overlaps no other, when the network does not hang together, or when images still miss
    by more than `control.bound`, naming them.
    """
    views = [view(name, path) for name, path in paths.items()]
    require_one_body(views)
    held = tuple(number for number, each in enumerate(views) if each.name in options["held"])
    how = Adjustment(
        np.radians(options["sigma"]),
        linear=options["adjust"] == "velocities",
        radius=options["radius"] / 1000,
        held=held,
    )
    control = Control(views, None)
    for search in (options["search"], CLOSE):
        seen = views if control.solution is None else moved(control)
        network = measured(seen, options, search, threads)
        control = Control(views, how.of(network, [each.camera for each in views]))
        control.solution.network.require_whole(options["least"], pairs_of(network))
    require_fit(control, options["bound"])
    return control


def measured(views, options, search, threads):
    """The whole Network of what views show."""
    places, overlapping = tracks(views, options["features"], search, options["tiles"], threads)
    network = Network.of([view.name for view in views], places)
    logger.info("%d places, %d measures, within %d pixels", network.points, len(network.image), search)
    network.require_whole(options["least"], overlapping)
    return network


def pairs_of(network):
    """Pairs of numbers of images that have places in common."""
    return {(int(a), int(b)) for a, b in np.argwhere(network.common) if a < b}


def moved(control):
    """The views of a control with its cameras."""
    return [replace(view, camera=camera) for view, camera in zip(control.views, control.cameras, strict=True)]


def view(name, path):
    """An image for control. Raises ValueError naming it when it is a map, or of a camera of framelets."""
    cube = Cube(path)
    if "Mapping" in cube.groups:
        raise ValueError(f"{path}: is a map; control turns the cameras of images")
    camera = camera_of(path)
    if camera.isd.framelets:
        raise ValueError(f"{path}: is of framelets; control is of frames and line scans")
    return View(name, cube, camera)


def require_one_body(views):
    """Raise ValueError naming an image of another body than the first one."""
    for each in views[1:]:
        if not np.allclose(each.camera.isd.radii, views[0].camera.isd.radii, rtol=1e-3):
            first, other = (f"{one.cube.path} of {one.camera.isd.radii[0]:g} km" for one in (views[0], each))
            raise ValueError(f"control: {other} is of another body than {first}")


def require_fit(control, bound):
    """Raise ValueError naming the images that still miss by more than so many pixels."""
    missed = {each.name: control.solution.of_image(number)[1] for number, each in enumerate(control.views)}
    if wrong := [f"{name} by {rms:.2f} pixels" for name, rms in missed.items() if not rms <= bound]:
        raise ValueError(
            f"control: after the adjustment, images still miss their common places: {', '.join(wrong)} (root mean "
            f"square; control.bound is {bound:g}); try adjust: velocities, a radius, or leave an image out"
        )
