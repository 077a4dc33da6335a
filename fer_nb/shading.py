"""Paint and shadow that follow the face: darker lips, sockets, nose flanks and cheeks' edge, at random.

Real faces differ in these tones far more than a renderer's do, and none of them says what a person feels. So
the spatial branch sees every still with tones of its own and has to read shape. One map a still, from its
landmarks; multiply the crop by it.
"""

from __future__ import annotations

import cv2
import numpy as np

from .crops import OVAL, SIZE, in_crop, upright

LIPS = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91)
MOUTH = (78, 80, 82, 13, 312, 310, 308, 318, 317, 14, 87, 88)  # the opening, which stays as it is
# Places that lie in shadow: landmarks on both sides, width in pixels of the crop, how dark at most.
SHADOWS: tuple[tuple[tuple[int, ...], float, float], ...] = (
    ((133, 362), 2.2, 0.45),  # inner corners of the eyes
    ((33, 263), 2.2, 0.35),  # outer corners
    ((159, 386), 1.8, 0.45),  # lids and lashes
    ((145, 374), 1.5, 0.30),
    ((193, 417), 2.0, 0.35),  # root of the nose
    ((198, 420), 2.2, 0.35),  # flanks
    ((129, 358), 2.0, 0.40),  # wings
    ((97, 326), 1.5, 0.60),  # nostrils
    ((2,), 2.5, 0.35),  # under the nose
    ((61, 291), 1.5, 0.35),  # corners of the mouth
    ((18,), 3.0, 0.35),  # under the lower lip
)
FOLDS: tuple[tuple[int, ...], ...] = ((129, 203, 206, 216), (358, 423, 426, 436))  # nose to mouth, at rest
_LINE = np.arange(SIZE, dtype=np.float32)


def _fill(points: np.ndarray) -> np.ndarray:
    """Return the inside of an outline as (S, S), 0 or 1."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    return cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, cv2.LINE_8, shift=4)


def _spot(at: np.ndarray, width: float) -> np.ndarray:
    """Return a soft round spot, (S, S), 1 in its middle: the product of a row and a column."""
    across, down = (np.exp(-((_LINE - center) ** 2) / (2 * width**2)) for center in at)
    return np.outer(down, across)


def tones(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a map of tones for one still, to multiply its crop with.

    Parameters
    ----------
    points : (478, 3) array, landmarks in pixels of the image that the crop was cut from
    rng : numpy Generator

    Returns
    -------
    (64, 64) float32 array, above 0 and mostly at most 1; 1 outside of the face oval.

    Examples
    --------
    >>> face = np.random.default_rng(0).uniform(20, 70, (478, 3))
    >>> tones(face, np.random.default_rng(1)).shape
    (64, 64)
    """
    p = in_crop(points, upright(points))
    oval = _fill(p[list(OVAL)])
    out = np.ones((SIZE, SIZE), np.float32)
    amount = rng.uniform(0, 1)  # some faces have strong tones everywhere
    for places, width, most in SHADOWS:
        dark = most * amount * rng.uniform(0, 1.3)
        for place in places:
            out *= 1 - min(dark, 0.9) * _spot(p[place], width * rng.uniform(0.8, 1.3))
    lips = cv2.GaussianBlur((_fill(p[list(LIPS)]) & ~_fill(p[list(MOUTH)])).astype(np.float32), (0, 0), 0.7)
    out *= 1 - rng.uniform(-0.05, 0.6) * lips
    edge = cv2.distanceTransform(oval, cv2.DIST_L2, 3)  # pixels to the outline
    out *= 1 - rng.uniform(0, 0.6) * np.exp(-edge / rng.uniform(2, 7))
    if rng.random() < 0.5:
        out *= 1 - rng.uniform(0, 0.4) * _folds(p, rng.uniform(0.7, 1.4))
    return np.where(oval > 0, out, 1).astype(np.float32)


def _folds(p: np.ndarray, width: float) -> np.ndarray:
    """Return the two lines from nose to mouth, (S, S), 0 to 1: many faces have them at rest."""
    lines = np.zeros((SIZE, SIZE), np.float32)
    curves = [np.round(p[list(fold)] * 16).astype(np.int32) for fold in FOLDS]
    cv2.polylines(lines, curves, False, 1.0, 1, cv2.LINE_8, shift=4)
    return np.clip(1.5 * cv2.GaussianBlur(lines, (0, 0), width), 0, 1)
