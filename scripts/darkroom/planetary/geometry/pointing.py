"""Cameras turned a little from where they are thought to look.

A turn is a rotation vector of the camera's own frame, in radians; its linear part is the turn half an image later.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation as Turn

from darkroom.planetary.formats.cubes import Table
from darkroom.planetary.geometry.isd import ANGULAR_VELOCITY, QUATERNION


def middle(isd):
    """Time in the middle of an image, and seconds from there to its ends; 0 of a frame."""
    first, last = (float(isd.time(line)) for line in (0.5, isd.lines + 0.5))
    return (first + last) / 2, abs(last - first) / 2


def turns(angles, rates, time, isd):
    """Rotation vectors (..., 3) at times (...), of constant angles (3,) and their change over half the image (3,)."""
    centre, half = middle(isd)
    part = (np.asarray(time, float) - centre) / half if half else np.zeros(np.shape(time))
    return angles + part[..., None] * rates


def turned(isd, angles, rates=(0.0, 0.0, 0.0)):
    """The camera of an image, turned."""
    angles, rates, pointing = np.asarray(angles, float), np.asarray(rates, float), isd.pointing
    if not (angles.any() or rates.any()):
        return isd
    centre, half = middle(isd)
    if rates.any() and len(pointing.times) == 1:  # which holds still until now
        repeated = {
            "times": centre + np.array([-half, half]),
            "quaternions": np.repeat(pointing.quaternions, 2, axis=0),
        }
        if pointing.angular_velocities is not None:
            repeated["angular_velocities"] = np.repeat(pointing.angular_velocities, 2, axis=0)
        pointing = replace(pointing, **repeated)
    before = pointing.matrix(pointing.times) if len(pointing.times) > 1 else pointing.matrix(0.0)[None]
    turn = Turn.from_rotvec(turns(angles, rates, pointing.times, isd)).as_matrix()
    after = turn @ before
    quaternions = Turn.from_matrix(pointing.constant.T @ after).as_quat(scalar_first=True)
    # q and -q are one rotation: each record keeps the sign that it had.
    quaternions *= np.where(np.sum(quaternions * pointing.quaternions, axis=1, keepdims=True) < 0, -1, 1)
    velocities = pointing.angular_velocities
    if velocities is not None and half:
        # The frame turns against what it sees.
        velocities = velocities - np.einsum("nji,j->ni", after, rates / half)
    return replace(isd, pointing=replace(pointing, quaternions=quaternions, angular_velocities=velocities))


def table_of(table, pointing):
    """The table InstrumentPointing of a cube with another pointing; its keywords and further fields stay."""
    records = np.zeros(len(pointing.times), table.records.dtype)
    if len(records) == len(table.records):
        records[...] = table.records
    columns = {"ET": pointing.times} | dict(zip(QUATERNION, pointing.quaternions.T, strict=True))
    if pointing.angular_velocities is not None:
        columns |= dict(zip(ANGULAR_VELOCITY, pointing.angular_velocities.T, strict=True))
    for name, column in columns.items():
        records[name] = column
    span = {"CkTableStartTime": float(pointing.times[0]), "CkTableEndTime": float(pointing.times[-1])}
    span["CkTableOriginalSize"] = len(records)
    changed = span if len(records) != len(table.records) else {}
    return Table(table.name, records, table.keywords | changed)
