"""A control network: places on the ground, and where images show them."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Network:
    """Measures of places.

    names -- of the images
    image, point -- (n,) of each measure, the numbers of its image and of its place; those of one place are neighbours
    place -- (n, 2) of each measure sample and line
    """

    names: tuple
    image: np.ndarray
    point: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, names, tracks):
        """The network of lists of measures (image, sample, line), one for each place."""
        rows = [(image, number, sample, line) for number, track in enumerate(tracks) for image, sample, line in track]
        image, point, *place = np.array(rows, float).reshape(-1, 4).T
        return cls(tuple(names), image.astype(int), point.astype(int), np.stack(place, axis=1))

    @property
    def points(self):
        """Number of places."""
        return len(np.unique(self.point))

    def only(self, good):
        """What is left with some of the measures: places of two or more, numbered again."""
        several = good & (np.bincount(self.point[good], minlength=self.point.max(initial=-1) + 1)[self.point] > 1)
        _, number = np.unique(self.point[several], return_inverse=True)
        return Network(self.names, self.image[several], number, self.place[several])

    @property
    def common(self):
        """Places that each two images (n, n) have in common."""
        shape = self.points, len(self.names)
        _, row = np.unique(self.point, return_inverse=True)
        shown = coo_array((np.ones(len(row), int), (row, self.image)), shape=shape).tocsr()
        return (shown.T @ shown).toarray()

    @property
    def pairs(self):
        """Pairs of numbers of images that have places in common."""
        return {(int(one), int(other)) for one, other in np.argwhere(self.common) if one < other}

    def require_whole(self, least, overlapping):
        """Raise ValueError unless all images hang together by pairs with so many common places.

        overlapping -- pairs of numbers of images whose cameras see the same ground
        """
        names, common = self.names, self.common
        alone = [name for number, name in enumerate(names) if not any(number in pair for pair in overlapping)]
        if alone:
            raise ValueError(
                f"control: no overlap with another image of {', '.join(names)}: {', '.join(alone)}; leave out, or "
                "check the geometry"
            )
        pieces, piece = connected_components(common >= least, directed=False)
        if pieces == 1:
            return
        islands = "; ".join(
            ", ".join(name for name, own in zip(names, piece, strict=True) if own == number) for number in range(pieces)
        )
        weak = [f"{names[a]} and {names[b]}: {common[a, b]}" for a, b in sorted(overlapping) if piece[a] != piece[b]]
        told = f" (places in common: {'; '.join(weak)})" if weak else ""
        raise ValueError(
            f"control: the network is in {pieces} parts: {islands}{told}; a pair hangs together by {least} common "
            "places (control.least). Allow a larger control.search or more control.features, or leave an image out"
        )


def require_fit(missed, bound):
    """Raise ValueError naming the images that still miss their places by more than so many pixels.

    missed -- name -> root mean square of the lengths of its residuals
    """
    if wrong := [f"{name} by {rms:.2f} pixels" for name, rms in missed.items() if not rms <= bound]:
        raise ValueError(
            f"control: after the adjustment, images still miss their common places: {', '.join(wrong)} (root mean "
            f"square; control.bound is {bound:g}); try adjust: velocities, a radius, or leave an image out"
        )


def places_of(points, number):
    """Places that points of a `cnet` stand for: lists of measures (image, sample, line).

    number -- serial number -> image

    What is ignored or rejected is left out, and what fewer than two images show.
    """
    measures = (
        [
            (number[each.serial], each.sample, each.line)
            for each in point.measures
            if each.serial in number and each.sample is not None and not (each.ignore or each.rejected)
        ]
        for point in points
        if not (point.ignore or point.rejected)
    )
    return [place for place in measures if len(place) > 1]
