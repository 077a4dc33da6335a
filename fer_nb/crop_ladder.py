"""Crops that are prepared less and less well: the steps that lead to `crops.crop_face`, one by one.

A whole frame, a box around the face, an upright face, and the upright face with its surroundings painted
over. Chapter 02 trains the same network on each of them, to see what every step is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np

from .crops import OVAL, SIZE, crop_face, in_crop, upright
from .errors import BadInput

Cut = Callable[[np.ndarray, np.ndarray], np.ndarray]  # image, landmarks (478, 3) -> crop (64, 64) uint8
MARGIN = 0.08  # of the box, added on each side: detectors of faces leave some room, too
_SUPERSAMPLE = 4  # as in `crops`: drawn larger, then averaged down


def gray(image: np.ndarray) -> np.ndarray:
    """Return an RGB image (H, W, 3) uint8 as gray (H, W) uint8; a gray one as it is."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def whole_frame(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Shrink the whole frame to the size of a crop; the landmarks are not used.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) uint8 array
    points : ignored, so that all cuts are called alike

    Returns
    -------
    (64, 64) uint8 array

    Examples
    --------
    >>> whole_frame(np.full((90, 120, 3), 7, np.uint8), np.zeros((478, 3))).mean()
    7.0
    """
    return cv2.resize(gray(image), (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def box(points: np.ndarray, *, margin: float = MARGIN) -> np.ndarray:
    """Return the matrix (2, 3) that takes the square around a face to a crop, without turning it.

    The square holds every landmark, so it grows when the jaw drops and shifts when the brows rise: the
    eyes do not stay in place.

    Parameters
    ----------
    points : (478, 3) array, landmarks in pixels of the image
    margin : share of the side that is added on each side

    Examples
    --------
    >>> face = np.zeros((478, 3))
    >>> face[:2, :2] = [[10, 20], [30, 40]]
    >>> face[2:, :2] = [20, 30]
    >>> in_crop(face, box(face, margin=0.0))[:2].tolist()
    [[0.0, 0.0], [64.0, 64.0]]
    """
    xy = np.asarray(points, dtype=np.float64)[:, :2]
    low, high = xy.min(0), xy.max(0)
    side = max(float((high - low).max()), 1e-6) * (1 + 2 * margin)
    scale = SIZE / side
    return np.c_[scale * np.eye(2), SIZE / 2 - scale * (low + high) / 2]


def cut(image: np.ndarray, points: np.ndarray, matrix: np.ndarray, *, paint: bool) -> np.ndarray:
    """Draw the crop that a matrix describes, with or without painting over all but the oval.

    Parameters
    ----------
    image : (H, W, 3) or (H, W) uint8 array
    points : (478, 3) array, landmarks in pixels of the image
    matrix : (2, 3) array, from pixels of the image to pixels of the crop
    paint : bool; outside the face oval the crop then holds the mean gray of the inside

    Returns
    -------
    (64, 64) uint8 array. With `crops.upright` and `paint` it is what `crops.crop_face` returns.

    Examples
    --------
    >>> cut(np.zeros((9, 9), np.uint8), np.zeros((478, 3)), np.eye(2, 3), paint=False).shape
    (64, 64)
    """
    side, large = SIZE * _SUPERSAMPLE, np.asarray(matrix) * _SUPERSAMPLE
    drawn = cv2.warpAffine(gray(image), large, (side, side), borderMode=cv2.BORDER_REPLICATE)
    if paint:
        outline = np.round(in_crop(points, large)[list(OVAL)]).astype(np.int32)
        inside = cv2.fillPoly(np.zeros((side, side), np.uint8), [outline], 1).astype(bool)
        if inside.any():
            drawn = np.where(inside, drawn, np.uint8(round(float(drawn[inside].mean()))))
    return cv2.resize(drawn, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


def box_crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut out the square around the face, (64, 64) uint8: no rotation, no fixed place of the eyes."""
    return cut(image, points, box(points), paint=False)


def box_oval(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut out the square around the face and paint over all but its oval, (64, 64) uint8."""
    return cut(image, points, box(points), paint=True)


def aligned_crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut out the upright face, eyes at a fixed place, hair and backdrop left in, (64, 64) uint8."""
    return cut(image, points, upright(points), paint=False)


# By name, from the least prepared to what the spatial branch sees; "box_oval" stands beside the ladder.
CUTS: Mapping[str, Cut] = MappingProxyType(
    {
        "frame": whole_frame,
        "box": box_crop,
        "aligned": aligned_crop,
        "oval": crop_face,
        "box_oval": box_oval,
    }
)


def cut_stills(
    frames: Sequence[np.ndarray] | np.ndarray,
    points: np.ndarray,
    rows: Sequence[int] | np.ndarray,
    names: Sequence[str] = tuple(CUTS),
) -> dict[str, np.ndarray]:
    """Cut some frames of a clip in every way.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8 arrays, or one array (T, H, W, 3); only those asked for are decoded
    points : (T, 478, 3) array, landmarks in pixels; must be finite in the rows asked for
    rows : sequence of K frame numbers
    names : which of `CUTS`

    Returns
    -------
    dict, from name to (K, 64, 64) uint8 array

    Raises
    ------
    BadInput
        If a row has no face or a name is unknown.

    Examples
    --------
    >>> face = np.random.default_rng(0).uniform(20, 70, (1, 478, 3))
    >>> sorted(cut_stills(np.zeros((1, 90, 90, 3), np.uint8), face, [0], ["box", "oval"]))
    ['box', 'oval']
    """
    if unknown := [name for name in names if name not in CUTS]:
        raise BadInput(f"crop {unknown[0]!r}: choose from {', '.join(CUTS)}")
    pictures = []
    for row in rows:
        if not np.isfinite(points[row]).all():
            raise BadInput(f"frame {row}: holds no face: leave it out before cutting")
        pictures.append((frames[row], points[row]))
    blank = np.zeros((0, SIZE, SIZE), np.uint8)
    return {
        name: np.stack([CUTS[name](image, mesh) for image, mesh in pictures]) if pictures else blank
        for name in names
    }
