"""Control of some images: from their cubes to cameras that see the same places on the same ground."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from darkroom.planetary.control.bundle import Adjustment, Solution
from darkroom.planetary.control.features import View, tracks
from darkroom.planetary.control.network import Network, places_of, require_fit
from darkroom.planetary.formats import cnet
from darkroom.planetary.formats.cubes import Cube
from darkroom.planetary.geometry.camera import Camera
from darkroom.planetary.geometry.camera import of as camera_of
from darkroom.planetary.geometry.pointing import turned

logger = logging.getLogger(__name__)

CLOSE = 10  # pixels by which the cameras of a first adjustment may be off


@dataclass(frozen=True)
class Control:
    """Images with their Solution.

    views -- with the cameras as they were; notes -- what a user has to know of the network
    """

    views: list
    solution: Solution
    notes: tuple = ()

    @property
    def cameras(self):
        """The adjusted cameras."""
        solution = self.solution
        return [
            Camera(turned(view.camera.isd, *turn))
            for view, *turn in zip(self.views, solution.angles, solution.rates, strict=True)
        ]


def adjusted(paths, options, threads=1):
    """The Control of images.

    paths -- name -> cube; options -- the option `control`

    Places are looked for twice: with the cameras as they are, and with those of a first adjustment, by which what is
    compared is neither turned nor far. Where the options name a network, its places are taken instead.

    Raises ValueError when an image overlaps no other, when the network does not hang together, or when images still
    miss by more than `control.bound`, naming them.
    """
    views = [view(name, path) for name, path in paths.items()]
    require_one_body(views)
    require_distinct(views)
    held = tuple(number for number, each in enumerate(views) if each.name in options["held"])
    how = Adjustment(
        np.radians(options["sigma"]),
        linear=options["adjust"] == "velocities",
        radius=options["radius"] / 1000,
        held=held,
    )
    if options["network"]:
        network, notes = given(options["network"], views)
        control = replace(fitted(views, how, network, options["least"]), notes=notes)
    else:
        network, _ = measured(views, options, options["search"], threads)
        control = fitted(views, how, network, options["least"])
        network, overlapping = measured(moved(control), options, CLOSE, threads)
        control = fitted(views, how, network, options["least"])
        control = replace(control, notes=weak(control.solution.network, overlapping, options["least"]))
    require_fit({each.name: control.solution.of_image(at)[1] for at, each in enumerate(views)}, options["bound"])
    return control


def fitted(views, how, network, least):
    """The Control of views by a Network. Raises ValueError when what fits of it does not hang together."""
    network.require_whole(least, network.pairs)
    control = Control(views, how.of(network, [each.camera for each in views]))
    control.solution.network.require_whole(least, network.pairs)
    return control


def given(path, views):
    """The Network of a file of ISIS's form, of its points those that two views or more show; and what is said of it.

    Raises ValueError naming the file when there are none.
    """
    _, points = cnet.read(path)
    number = {each.serial: number for number, each in enumerate(views)}
    if not (places := places_of(points, number)):
        raise ValueError(
            f"{path}: none of its {len(points)} points is in two of the images, whose serial numbers are "
            f"{', '.join(number)}"
        )
    known = sum(point.type not in (0, cnet.FREE) for point in points)
    notes = [f"control: points from {Path(path).name}, {len(points) - len(places)} of {len(points)} left out"]
    notes += [f"control: {known} points of known place in {Path(path).name}, taken as unknown"] if known else []
    return Network.of([each.name for each in views], places), tuple(notes)


def measured(views, options, search, threads):
    """The whole Network of what views show, and pairs of numbers of views that overlap."""
    places, overlapping = tracks(views, options["features"], search, options["tiles"], threads)
    network = Network.of([view.name for view in views], places)
    logger.info("%d places, %d measures, within %d pixels", network.points, len(network.image), search)
    network.require_whole(options["least"], overlapping)
    return network, overlapping


def weak(network, overlapping, least):
    """What is said of pairs that overlap and hang together by others alone."""
    common, names = network.common, network.names
    return tuple(
        f"control: {names[one]} and {names[other]} overlap, and have {common[one, other]} places in common"
        for one, other in sorted(overlapping)
        if common[one, other] < least
    )


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


def require_distinct(views):
    """Raise ValueError naming two images that are one, as their serial numbers tell: no network can hold both."""
    first = {}
    for each in views:
        if (other := first.setdefault(each.serial, each.name)) != each.name:
            raise ValueError(f"control: {other} and {each.name} are one image, {each.serial}; leave one of them out")


def require_one_body(views):
    """Raise ValueError naming an image of another body than the first one."""
    for each in views[1:]:
        if not np.allclose(each.camera.isd.radii, views[0].camera.isd.radii, rtol=1e-3):
            first, other = (f"{one.cube.path} of {one.camera.isd.radii[0]:g} km" for one in (views[0], each))
            raise ValueError(f"control: {other} is of another body than {first}")
