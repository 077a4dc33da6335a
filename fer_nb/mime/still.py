"""One still picture of a person with chosen action units: what the book's sliders move."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np

from ..errors import BadInput
from . import render
from .people import make_person
from .scenes import make_scene
from .units import INDEX, UNITS


@lru_cache(maxsize=8)
def _dressed(person: int) -> render.Model:
    return render.dress(make_person(person), make_scene((0, person, 0)))


def face(
    person: int,
    units: Mapping[str, float],
    *,
    size: int = render.IMAGE_SIZE,
    pose: tuple[float, float, float] = (0, 0, 0),
) -> np.ndarray:
    """Return a picture (size, size, 3) uint8 RGB of a person showing these action units.

    Parameters
    ----------
    person : identity number; the fit block begins at 0
    units : unit name to intensity in [0, 1], both sides alike
    size : pixels a side
    pose : pitch, yaw, roll in degrees

    Raises
    ------
    BadInput
        For a unit that Mime does not have, or a size below 1.

    Examples
    --------
    >>> face(3, {"AU12": 0.8}).shape
    (160, 160, 3)
    """
    if size < 1:
        raise BadInput(f"size is {size}: give 1 pixel or more")
    amounts = np.zeros(len(UNITS))
    for name, amount in units.items():
        if name not in INDEX:
            raise BadInput(f"unknown action unit {name!r}: use one of {', '.join(UNITS)}")
        amounts[INDEX[name]] = amount
    model = _dressed(person)
    linear, points = render.frame(model, amounts, amounts, np.asarray(pose, float), np.zeros(2))
    camera = render.metered({**model.scene.camera, "noise": 0.5}, linear, points)
    image = render.expose(linear, camera, np.random.default_rng(0))
    if size == render.IMAGE_SIZE:
        return image
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
