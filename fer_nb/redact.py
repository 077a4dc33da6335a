"""Simple ways to hide a face, from blur to a picture of seven bars: what an anonymizer has to beat.

Every method maps a `FaceSequence` and a random generator to the frames it releases, (T, 64, 64) uint8, as
the anonymizer of chapter 09 does. So each can be attacked and scored by the same lines. A method learns
nothing of the person but the clip itself; what it draws from others comes from `Donors`. Methods that read
a class take it from the shipped spatial branch, or from a `reading` that remembers what that said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch

from . import features, spatial
from .crops import SIZE, in_crop, upright
from .errors import BadInput
from .labels import LABELS, index
from .preprocess import FaceSequence

Release = Callable[[FaceSequence, np.random.Generator], np.ndarray]
Reading = Callable[[FaceSequence], np.ndarray]  # of a clip, the log-probabilities (T, 7)
TILE = 8  # pixels, side of the tiles that the positive control shuffles
FLOOR = -8.0  # log-probability of an empty bar
# Lines of a landmarks-only face: jaw, brows, eyes, nose, lips outside and inside (points of the face mesh).
STROKES: tuple[tuple[tuple[int, ...], bool], ...] = (
    ((10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
      149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109), True),
    ((70, 63, 105, 66, 107), False), ((300, 293, 334, 296, 336), False),
    ((33, 160, 158, 133, 153, 144), True), ((362, 385, 387, 263, 373, 380), True),
    ((168, 6, 195, 4), False), ((98, 97, 2, 326, 327), False),
    ((61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91), True),
    ((78, 81, 13, 311, 308, 402, 14, 178), True),
)  # fmt: skip


@dataclass(frozen=True)
class Donors:
    """What other people lend: faces to average with, one stock face for each class, the mean resting shape.

    Attributes
    ----------
    faces : (M, 64, 64) uint8, apex crops of people who gave theirs
    labels : (M,) int, their classes
    stock : (7, 64, 64) uint8, one person's face for each class
    shape : (478, 2) float, the mean resting face in pixels of the crop
    """

    faces: np.ndarray
    labels: np.ndarray
    stock: np.ndarray
    shape: np.ndarray


def donors(sequences: Sequence[FaceSequence]) -> Donors:
    """Collect what donors lend from their clips; the first person with all seven classes is the stock face.

    Raises
    ------
    BadInput
        If no person shows all seven classes.
    """
    of: dict[str, dict[str, FaceSequence]] = {}
    for face in sequences:
        of.setdefault(str(face.subject), {})[str(face.label)] = face
    whole = next((clips for clips in of.values() if set(LABELS) <= set(clips)), None)
    if whole is None:
        raise BadInput("donors: no person shows all seven classes: give at least one whole session of Mime")
    return Donors(
        faces=np.stack([face.crops[face.apex] for face in sequences]),
        labels=np.array([index(str(face.label)) for face in sequences]),
        stock=np.stack([whole[name].crops[whole[name].apex] for name in LABELS]),
        shape=np.mean([resting(face) for face in sequences], axis=0),
    )


def shapes(face: FaceSequence) -> np.ndarray:
    """Return the landmarks of each frame in pixels of its crop, (T, 478, 2); NaN where no face."""
    out = np.full((len(face), 478, 2), np.nan)
    for t in np.flatnonzero(face.found):
        out[t] = in_crop(face.points[t], upright(face.points[t]))
    return out


def resting(face: FaceSequence) -> np.ndarray:
    """Return the median of a clip's quietest early frames in pixels of the crop, (478, 2)."""
    return np.median(shapes(face)[features.quiet_frames(face.points, face.found, face.fps)], axis=0)


# ---------------------------------------------------------------- methods on pixels


def original(face: FaceSequence, rng: np.random.Generator) -> np.ndarray:
    """Release the crops as they are: what an attacker must be able to recognize."""
    return face.crops


def blur(sigma: float) -> Release:
    """Blur each frame by a Gaussian of `sigma` pixels.

    Raises
    ------
    BadInput
        If sigma is not above 0.
    """
    if sigma <= 0:
        raise BadInput(f"blur: sigma is {sigma}: give pixels above 0")
    return lambda face, rng: np.stack([cv2.GaussianBlur(crop, (0, 0), sigma) for crop in face.crops])


def pixelate(cells: int) -> Release:
    """Keep only the mean of each of `cells` by `cells` squares.

    Raises
    ------
    BadInput
        If cells does not lie in 1 to 64.

    Examples
    --------
    >>> squares(np.arange(4096).reshape(64, 64) // 16, 2)[0, [0, 31, 32]].tolist()
    [62, 62, 64]
    """
    if not 1 <= cells <= SIZE:
        raise BadInput(f"pixelate: {cells} cells: give 1 to {SIZE}")
    return lambda face, rng: np.stack([squares(crop, cells) for crop in face.crops])


def squares(crop: np.ndarray, cells: int) -> np.ndarray:
    """Return a crop (64, 64) as the means of its squares, (64, 64) uint8."""
    small = cv2.resize(crop.astype(np.float32), (cells, cells), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def k_same(k: int, lent: Donors, reading: Reading | None = None) -> Release:
    """Average each frame with the `k - 1` donors that are nearest to it among those of its read class.

    After k-same-select (Newton, Sweeney and Malin 2005; Gross et al. 2005). There, all of a group receive
    the same picture, so that a recognizer is right at most once in k. Here the others are donors and not
    released themselves: that bound does not hold, and the share 1/k of the person stays in.

    Raises
    ------
    BadInput
        If k is below 2, or a class has fewer than k - 1 donors.
    """
    least = np.bincount(lent.labels, minlength=len(LABELS)).min()
    if not 2 <= k <= least + 1:
        raise BadInput(f"k-same: k is {k}: give 2 to {least + 1}, or more donors of each class")
    small = _thumbnails(lent.faces)  # (M, 256)

    def release(face: FaceSequence, rng: np.random.Generator) -> np.ndarray:
        out = np.empty_like(face.crops)
        for t, said in enumerate((reading or read)(face).argmax(1)):
            rows = np.flatnonzero(lent.labels == said)
            far = np.square(small[rows] - _thumbnails(face.crops[t : t + 1])).sum(1)  # (rows,)
            near = lent.faces[rows[np.argsort(far)[: k - 1]]]  # (k - 1, 64, 64)
            out[t] = (near.sum(0, dtype=float) + face.crops[t]) / k
        return out

    return release


def _thumbnails(crops: np.ndarray) -> np.ndarray:
    """Return crops (N, 64, 64) at 16 by 16 pixels without their mean light, (N, 256)."""
    small = np.stack(
        [cv2.resize(c.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA) for c in crops]
    )
    flat = small.reshape(len(small), -1)
    return flat - flat.mean(1, keepdims=True)


# ---------------------------------------------------------------- methods that draw anew


def landmarks_only(strength: float, lent: Donors) -> Release:
    """Draw the landmarks as lines; `strength` moves the resting shape toward everybody's mean.

    At 0 the person's own face shape is released, at 1 only its movement, on the mean shape.

    Raises
    ------
    BadInput
        If strength does not lie in 0 to 1.
    """
    if not 0 <= strength <= 1:
        raise BadInput(f"landmarks only: strength is {strength}: give 0 to 1")

    def release(face: FaceSequence, rng: np.random.Generator) -> np.ndarray:
        move = strength * (lent.shape - resting(face))  # (478, 2)
        return np.stack([draw(points + move) for points in shapes(face)])

    return release


def draw(points: np.ndarray) -> np.ndarray:
    """Draw a face (478, 2) as white lines on black, (64, 64) uint8; all black where it holds NaN."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    if not np.isfinite(points).all():
        return canvas
    for line, closed in STROKES:
        places = np.round(points[list(line)] * 16).astype(np.int32)  # sixteenths of a pixel
        cv2.polylines(canvas, [places], closed, 255, 1, cv2.LINE_AA, shift=4)
    return canvas


def label_only(lent: Donors, reading: Reading | None = None) -> Release:
    """Read the class of each frame and release the stock face of that class: a control, not a method.

    It passes every test that counts labels, and shows one face for all people and strengths.
    """
    return lambda face, rng: lent.stock[(reading or read)(face).argmax(1)]


def logits_only(reading: Reading | None = None) -> Release:
    """Release the seven log-probabilities of each frame and no face: a picture of seven bars."""
    return lambda face, rng: np.stack([bars(row) for row in (reading or read)(face)])


def bars(logs: np.ndarray) -> np.ndarray:
    """Draw log-probabilities (7,) as bars from `FLOOR` (empty) to 0 (full), (64, 64) uint8.

    Examples
    --------
    >>> int((bars(np.full(7, FLOOR / 2)) > 0).sum())
    1792
    """
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    for k, log in enumerate(np.clip(np.asarray(logs, float), FLOOR, 0)):
        canvas[SIZE - round(SIZE * (1 - log / FLOOR)) :, 9 * k : 9 * k + 8] = 255
    return canvas


def shuffled(seed: int = 0) -> Release:
    """Invert the grey and shuffle tiles, the same way for everyone: the positive control.

    It looks anonymous and hides nothing. An attacker who trains on released pictures must see through it.
    """
    side = SIZE // TILE
    order = np.random.default_rng(seed).permutation(side * side)

    def release(face: FaceSequence, rng: np.random.Generator) -> np.ndarray:
        tiles = (255 - face.crops).reshape(-1, side, TILE, side, TILE).swapaxes(2, 3)  # (T, 8, 8, 8, 8)
        mixed = tiles.reshape(-1, side * side, TILE, TILE)[:, order]
        return mixed.reshape(-1, side, side, TILE, TILE).swapaxes(2, 3).reshape(face.crops.shape)

    return release


# ---------------------------------------------------------------- what the shipped network reads


@cache
def _reader() -> spatial.SpatialNet:
    return spatial.load().eval()


def read(face: FaceSequence) -> np.ndarray:
    """Return the log-probabilities (T, 7) that the shipped spatial branch gives to each frame."""
    with torch.no_grad():
        parts = [_reader()(part) for part in spatial.to_input(face.crops).split(128)]
    return torch.cat(parts).log_softmax(-1).numpy()
